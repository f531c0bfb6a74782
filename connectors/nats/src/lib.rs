//! Subjects of NATS, core and JetStream.

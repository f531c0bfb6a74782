//! The sink: what an upstream sees, and what the host is told.

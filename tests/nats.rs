//! JetStream → policies → JetStream, with a real server, under what happens to hosts, servers and networks.

mod bad_input;
mod campaign;
mod dlq;
mod examples;
mod lanes;
mod line;
mod network;
mod poison;
mod pressure;
mod stop;

//! Kafka → policies → Kafka, with a real broker, under what happens to hosts, brokers and networks.

mod bad_input;
mod campaign;
mod dlq;
mod exactly_once;
mod examples;
mod lanes;
mod line;
mod network;
mod poison;
mod pressure;
mod rebalance;
mod state;
mod stop;

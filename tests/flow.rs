//! The data path inside one process: what goes where, in which order, and what happens when something does not work.

mod breaker;
mod chain;
mod chaos;
mod conditions;
mod delivery;
mod failure;
mod malformed;
mod order;
mod pressure;
mod retry;
mod routing;
mod rules;
mod sdk;
mod sources;
mod stamp;
mod undeliverable;

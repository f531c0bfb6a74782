//! The demo: a growing file of orders and some over HTTP, three policies, three sinks, one swap mid-flow, and an account of
//! every event.
//!
//! The host is the real one, in this process; documents, modules, orders and outputs are real files in one folder. What is
//! special here is only that the [`orders`] are known beforehand, so that [`audit`] can say of each where it must be.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod folder;
pub(crate) mod orders;
pub(crate) mod producer;
pub(crate) mod sample;
pub(crate) mod web;
pub(crate) mod workshop;

//! The source: what a client sees, and what the host gets.

mod answers;
mod closing;
mod configuration;
mod delivering;
mod hostile;
mod limits;
mod raw;
mod rig;
mod senders;

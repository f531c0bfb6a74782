//! The command line, as a person or a script uses it: what it says, and how it ends.

mod admin;
mod bench;
mod conditions;
mod demo;
mod deploy;
mod dev;
mod dlq;
mod fmt;
mod help;
mod label;
mod metrics;
mod modules;
mod new;
mod run;
mod schema;
mod test;
mod validate;

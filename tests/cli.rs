//! The command line, as a person or a script uses it: what it says, and how it ends.

mod admin;
mod demo;
mod deploy;
mod dlq;
mod help;
mod modules;
mod run;
mod validate;

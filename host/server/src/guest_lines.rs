//! Lines that modules log while cases are run, kept so that they can be compared.
//!
//! The engine writes a guest's lines to the log like its own. A layer beside the one for the terminal takes those of policies in the
//! namespace `test`, which no document can be in: nothing that runs for real is kept.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// Before the name of every policy whose lines are kept.
pub(crate) const NAMESPACE: &str = "[test]/";

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuestLine {
    policy: String,
    /// As the contract calls it.
    pub(crate) level: &'static str,
    pub(crate) message: String,
}

/// Of all cases that run at the moment. The engine bounds what one policy may log.
static LINES: Mutex<Vec<GuestLine>> = Mutex::new(Vec::new());

/// Takes what the module of a policy has logged so far.
pub(crate) fn take(policy: &str) -> Vec<GuestLine> {
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let (taken, left) = std::mem::take(&mut *lines).into_iter().partition(|line| line.policy == policy);
    *lines = left;
    taken
}

/// The layer that keeps them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line =
            GuestLine { policy: String::new(), level: word(*event.metadata().level()), message: String::new() };
        event.record(&mut line);
        if line.policy.starts_with(NAMESPACE) {
            LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }
}

impl Visit for GuestLine {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "policy" => value.clone_into(&mut self.policy),
            "message" => value.clone_into(&mut self.message),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

//! Lets each event through once: what came from the same source with the same id within the window is dropped.

use std::time::Duration;

use serde::Deserialize;
use tidegate_guest::{Event, Verdict, filter, state};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// For how long an event is remembered.
    window_seconds: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config { window_seconds: 3600 }
    }
}

#[filter(needs(attributes), config_schema = "../schema.json")]
fn dedupe_window(event: &Event, config: &Config) -> Verdict {
    // Source and id together name an event. No source has a line break in it.
    let name = [event.source(), "\n", event.id()].concat();
    if state::has(&name) {
        return Verdict::drop("seen before");
    }
    match state::set(&name, "", Duration::from_secs(config.window_seconds)) {
        // Better twice than never: what finds no room goes on.
        Ok(()) | Err(state::Refused::Full) => Verdict::Keep,
        Err(state::Refused::TooLarge) => Verdict::reject("source and id are too long to remember"),
    }
}

#[cfg(test)]
mod tests;

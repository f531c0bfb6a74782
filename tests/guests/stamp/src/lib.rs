//! Says in the extension `xversion` which configuration an event met: generations are told apart by it.

use serde::Deserialize;
use tidegate_guest::{Draft, Event, transform};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    version: String,
}

#[transform(needs(attributes))]
fn stamp(event: &Event, config: &Config) -> Draft {
    event.patch().extension("xversion", &config.version)
}

//! Keeps events by the prefix of their type. Reads attributes only: what such a call costs is measured with it.

use serde::Deserialize;
use tidegate_guest::{Event, Verdict, filter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    prefix: String,
}

#[filter(needs(attributes))]
fn type_filter(event: &Event, config: &Config) -> Verdict {
    if event.ty().starts_with(&config.prefix) { Verdict::Keep } else { Verdict::drop("other type") }
}

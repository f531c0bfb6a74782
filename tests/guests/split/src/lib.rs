//! Makes `n` events of each, told apart by the extension `xpart`; their ids are the host's (`ID.1`, `ID.2`, …).

use serde::Deserialize;
use tidegate_guest::{Event, Output, transform};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    n: i32,
}

#[transform(needs(attributes))]
fn split(event: &Event, config: &Config) -> Output {
    (0..config.n).map(|part| event.patch().extension("xpart", part)).collect()
}

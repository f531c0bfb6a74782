//! Writes `lines` log lines for each event and counts them. Needs the capabilities `log` and `metrics`.

use serde::Deserialize;
use tidegate_guest::{Event, counter, filter, log};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    lines: u32,
}

#[filter(needs(attributes))]
fn flood(event: &Event, config: &Config) -> bool {
    for line in 0..config.lines {
        log!(warn, "line {line} about {}", event.id());
    }
    counter!("lines").add(config.lines.into());
    true
}

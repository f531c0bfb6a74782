//! Keeps every event, after so many turns of a loop that leads nowhere: a policy that uses up its deadline.

use std::hint::black_box;

use serde::Deserialize;
use tidegate_guest::{Event, Verdict, filter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    turns: u32,
}

#[filter(needs(attributes))]
fn busy(_: &Event, config: &Config) -> Verdict {
    for turn in 0..config.turns {
        black_box(turn);
    }
    Verdict::Keep
}

//! Does to its host what the extension `poison` of an event says; keeps events without it.
//!
//! `{"configure": "trap"}` and `{"configure": "loop"}` do it while being configured.

use std::hint::black_box;

use serde::Deserialize;
use tidegate_guest::{Event, Verdict, filter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, try_from = "Raw")]
struct Config {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    configure: Option<String>,
}

impl TryFrom<Raw> for Config {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Config, String> {
        match raw.configure.as_deref() {
            None => Ok(Config {}),
            Some("trap") => panic!("poisoned while being configured"),
            Some("loop") => spin(),
            Some(other) => Err(format!("cannot `{other}` while being configured")),
        }
    }
}

#[filter(needs(attributes, extensions))]
fn poison(event: &Event, _: &Config) -> Verdict {
    match event.extension_str("poison") {
        None => Verdict::Keep,
        Some("trap") => panic!("poisoned"),
        Some("loop") => spin(),
        Some("bomb") => bomb(),
        Some("recurse") => Verdict::drop(format!("{}", recurse(black_box(1)))),
        Some("drop") => Verdict::drop("poison: drop"),
        Some("reject") => Verdict::reject("poison: reject"),
        Some("retry") => Verdict::retry("poison: retry"),
        Some(other) => Verdict::reject(format!("no poison named `{other}`")),
    }
}

fn spin() -> ! {
    loop {
        black_box(0);
    }
}

/// Takes memory, and never gives it back.
fn bomb() -> ! {
    loop {
        black_box(vec![1_u8; 1 << 16].leak());
    }
}

fn recurse(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    let frame = black_box([depth; 64]);
    frame[63].wrapping_add(recurse(frame[0] + 1))
}

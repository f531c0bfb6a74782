//! Gives every order the region of its data as an attribute, so that it can be routed without reading the data.

use std::borrow::Cow;

use serde::Deserialize;
use tidegate_guest::{Draft, Event, transform};

/// What the policy says under `config`; schema.json says the same.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The region of orders that name none.
    fallback: String,
}

impl Default for Config {
    fn default() -> Config {
        Config { fallback: "none".to_owned() }
    }
}

/// What of an order is looked at; the rest of it is skipped.
#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    region: Cow<'a, str>,
}

/// Rewrites one event. A patch costs only what it changes: the data is not copied.
#[transform(needs(data), config_schema = "../schema.json")]
fn rewrite(event: &Event, config: &Config) -> Draft {
    match event.json::<Order>() {
        Ok(order) => event.patch().extension("region", &*order.region),
        Err(_) => event.patch().extension("region", &*config.fallback),
    }
}

#[cfg(test)]
mod tests;

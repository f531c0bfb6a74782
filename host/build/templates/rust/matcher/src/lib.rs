//! Names every order by its region, as in `orders/eu`: routes map names to sinks and topics.

use std::borrow::Cow;

use serde::Deserialize;
use tidegate_guest::{Event, Names, matcher};

/// What the policy says under `config`; schema.json says the same.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// What names begin with.
    root: String,
}

impl Default for Config {
    fn default() -> Config {
        Config { root: "orders".to_owned() }
    }
}

/// What of an order is looked at; the rest of it is skipped.
#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    region: Cow<'a, str>,
}

/// Names one event. One without a region gets no name, and goes where the route sends what no sink asks for.
#[matcher(needs(data), config_schema = "../schema.json")]
fn assign(event: &Event, config: &Config, names: &mut Names) {
    if let Ok(order) = event.json::<Order>() {
        names.join(&[&config.root, &order.region]);
    }
}

#[cfg(test)]
mod tests;

//! Lets orders through that are real: not a test, and worth something.

use serde::Deserialize;
use tidegate_guest::{Event, Verdict, filter};

/// What the policy says under `config`; schema.json says the same.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// An order of less is dropped.
    minimum: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { minimum: 1.0 }
    }
}

/// What of an order is looked at; the rest of it is skipped.
#[derive(Deserialize)]
struct Order {
    amount: f64,
}

#[filter(needs(attributes, data), config_schema = "../schema.json")]
fn decide(event: &Event, config: &Config) -> Verdict {
    if event.ty() == "com.acme.order.test" {
        return Verdict::drop("test order");
    }
    let Ok(order) = event.json::<Order>() else {
        return Verdict::reject("the data is no order");
    };
    if order.amount < config.minimum { Verdict::drop("below the minimum") } else { Verdict::Keep }
}

#[cfg(test)]
mod tests;

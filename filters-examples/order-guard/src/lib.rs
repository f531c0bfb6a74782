//! Lets orders through that are real: not a test, and with an amount that can be.
//!
//! Version 0.2.0 (feature `v2`) also has an upper limit.

use serde::Deserialize;
use tidegate_guest::{DataError, Event, Verdict, filter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The type of orders that are tests.
    test_type: String,
    /// An amount above this is none that we sell for.
    #[cfg(feature = "v2")]
    limit: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            test_type: "com.acme.order.test".to_owned(),
            #[cfg(feature = "v2")]
            limit: 10_000.0,
        }
    }
}

/// What of an order is looked at; the rest of it is skipped.
#[derive(Deserialize)]
struct Order {
    amount: f64,
}

#[cfg_attr(not(feature = "v2"), filter(needs(attributes, data), config_schema = "../schema.json"))]
#[cfg_attr(feature = "v2", filter(needs(attributes, data), config_schema = "../schema-v2.json", version = "0.2.0"))]
fn order_guard(event: &Event, config: &Config) -> Result<Verdict, DataError> {
    if event.ty() == config.test_type {
        return Ok(Verdict::drop("test order"));
    }
    let order: Order = event.json()?;
    if order.amount <= 0.0 {
        return Ok(Verdict::drop("amount is not positive"));
    }
    #[cfg(feature = "v2")]
    if order.amount > config.limit {
        return Ok(Verdict::drop("amount over the limit"));
    }
    Ok(Verdict::Keep)
}

#[cfg(test)]
mod tests;

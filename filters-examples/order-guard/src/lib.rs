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
fn order_guard(event: &Event, config: &Config) -> Verdict {
    if event.ty() == config.test_type {
        return Verdict::drop("test order");
    }
    let order: Order = match event.json() {
        Ok(order) => order,
        Err(DataError::Missing) => return Verdict::reject("the event has no data"),
        // Not what is wrong with it: reasons are counted, and are few.
        Err(DataError::Json(_)) => return Verdict::reject("the data is no order"),
    };
    if order.amount <= 0.0 {
        return Verdict::drop("amount is not positive");
    }
    #[cfg(feature = "v2")]
    if order.amount > config.limit {
        return Verdict::drop("amount over the limit");
    }
    Verdict::Keep
}

#[cfg(test)]
mod tests;

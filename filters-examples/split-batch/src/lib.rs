//! Splits an event that carries a list into one event for each item: `mayEmit` of the policy says how many there may be.
//!
//! The items go on byte for byte as they were; the events they become inherit everything else, and get the ids `ID.1`, `ID.2`, …
//! from the host. An empty list drops the event. Data that is no list, or one that is too long, is rejected.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_guest::{Draft, Event, Form, Output, transform};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The type of the events that come out.
    item_type: String,
    /// Items of one list at most; the policy's `mayEmit` must be as large.
    max_items: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config { item_type: "com.acme.order.placed".to_owned(), max_items: 100 }
    }
}

#[transform(needs(data), config_schema = "../schema.json")]
fn split_batch(event: &Event, config: &Config) -> Output {
    // Raw: an item is found where it stands, and not parsed.
    let Ok(items) = event.json::<Vec<&RawValue>>() else {
        return Output::reject("the data is no list");
    };
    if items.is_empty() {
        return Output::drop("an empty list");
    }
    if items.len() > config.max_items {
        return Output::reject("more items than allowed");
    }
    items.iter().map(|item| one(event, item, config)).collect()
}

fn one(event: &Event, item: &RawValue, config: &Config) -> Draft {
    event.patch().set_type(&config.item_type).data(Form::Json, item.get().as_bytes())
}

#[cfg(test)]
mod tests;

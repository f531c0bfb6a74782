//! Puts `***` in place of fields of JSON data, and leaves every other byte of it as it was.
//!
//! A field is a path of names joined by dots; it goes through arrays. Where a field stands more than once, all of them are
//! redacted. Data that is not JSON is rejected: what cannot be read cannot be redacted.

use std::ops::Range;

use serde::Deserialize;
use tidegate_guest::{Draft, Event, Form, transform};

mod find;

use find::Fields;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Paths, as in `customer.email`.
    fields: Fields,
    #[serde(default = "stars")]
    replacement: String,
}

fn stars() -> String {
    "***".to_owned()
}

#[transform(needs(data), config_schema = "../schema.json")]
fn redact_fields(event: &Event, config: &Config) -> Result<Draft, &'static str> {
    let Some(data) = event.data() else { return Ok(event.patch()) };
    let found = config.fields.find(data.bytes).map_err(|_| "the data is not JSON")?;
    if found.is_empty() {
        return Ok(event.patch());
    }
    let replacement = serde_json::to_vec(&config.replacement).map_err(|_| "the replacement is no text")?;
    Ok(event.patch().data_pieces(Form::Json, pieces(data.bytes, &found, &replacement)))
}

/// The data with the replacement in each of the places found, which ascend.
fn pieces<'a>(data: &'a [u8], found: &'a [Range<usize>], replacement: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let starts = std::iter::once(0).chain(found.iter().map(|place| place.end));
    let ends = found.iter().map(|place| place.start).chain(std::iter::once(data.len()));
    starts.zip(ends).enumerate().flat_map(move |(n, (start, end))| {
        let before: &[u8] = if n == 0 { &[] } else { replacement };
        [before, &data[start..end]]
    })
}

#[cfg(test)]
mod tests;

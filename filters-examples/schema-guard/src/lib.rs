//! Rejects events whose data does not fit a JSON Schema, which the policy gives as configuration.
//!
//! The schema language is a part of JSON Schema 2020-12 (see [`schema`]); a schema that uses more is refused when the policy is
//! deployed, not ignored. (All of it, with the crate `jsonschema`, is a component of 2.5 MB; this one has a fraction of that.)

use serde::Deserialize;
use tidegate_guest::{Event, Verdict, filter};

mod schema;

use schema::Schema;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What data must look like.
    schema: Schema,
}

#[filter(needs(data), config_schema = "../schema.json")]
fn schema_guard(event: &Event, config: &Config) -> Verdict {
    let Ok(data) = event.json::<serde_json::Value>() else {
        return Verdict::reject("the data is not JSON");
    };
    match config.schema.misfit(&data) {
        None => Verdict::Keep,
        Some(misfit) => Verdict::reject(misfit),
    }
}

#[cfg(test)]
mod tests;

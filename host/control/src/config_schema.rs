//! A policy's config against the JSON Schema of its module.

use serde_json::Value;

/// One way in which a config does not fit.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit {
    /// JSON pointer inside the config.
    pub pointer: String,
    /// One sentence without a full stop.
    pub problem: String,
}

/// Misfits reported of one config.
const MISFITS_MAX: usize = 20;

/// All ways in which `config` does not fit, or that the schema itself is none.
pub fn check(schema: &str, config: &Value) -> Result<Vec<Misfit>, String> {
    let schema: Value =
        serde_json::from_str(schema).map_err(|error| format!("its config schema is not JSON: {error}"))?;
    let validator =
        jsonschema::validator_for(&schema).map_err(|error| format!("its config schema is none: {error}"))?;
    let misfits = validator
        .iter_errors(config)
        .take(MISFITS_MAX)
        .map(|error| Misfit { pointer: error.instance_path().to_string(), problem: error.to_string() });
    Ok(misfits.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    const SCHEMA: &str =
        r#"{"type": "object", "properties": {"max": {"type": "integer"}}, "additionalProperties": false}"#;

    #[test]
    fn every_misfit_is_named_with_its_place() {
        let misfits = check(SCHEMA, &json!({"max": "ten", "mox": 1})).unwrap();
        let pointers: Vec<&str> = misfits.iter().map(|misfit| misfit.pointer.as_str()).collect();
        assert_eq!(misfits.len(), 2, "{misfits:?}");
        assert!(pointers.contains(&"/max"), "{misfits:?}");
    }

    #[test]
    fn a_config_that_fits_has_none() {
        assert_eq!(check(SCHEMA, &json!({"max": 3})), Ok(vec![]));
    }

    #[test]
    fn a_schema_that_is_none_is_the_modules_fault() {
        assert!(check("{", &json!({})).is_err());
        assert!(check(r#"{"type": 7}"#, &json!({})).is_err());
    }
}

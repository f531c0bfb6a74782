//! Values that stand in several places of the schema.

use serde_json::{Value, json};

/// An RFC 1123 label.
pub(super) const NAME: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";

/// A mapping with no other keys than these.
pub(super) fn closed(description: &str, properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

pub(super) fn words(description: &str, words: &[&str]) -> Value {
    json!({"description": description, "enum": words})
}

pub(super) fn integer(description: &str, minimum: i64, maximum: i64) -> Value {
    json!({"description": description, "type": "integer", "minimum": minimum, "maximum": maximum})
}

/// `20ms`; limits are in the description, for a schema cannot compare them.
pub(super) fn duration(description: &str) -> Value {
    json!({"description": description, "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "examples": ["20ms", "1s", "1m"]})
}

/// `64Mi`, or plain bytes.
pub(super) fn size(description: &str) -> Value {
    json!({
        "description": description,
        "type": ["string", "integer"],
        "pattern": "^[0-9]+(Ki|Mi|Gi)$",
        "minimum": 0,
        "examples": ["64Mi", "1Ki"],
    })
}

pub(super) fn name(description: &str) -> Value {
    json!({"description": description, "type": "string", "pattern": NAME, "maxLength": 63})
}

/// Beside a name: only the document's own namespace.
pub(super) fn reference() -> Value {
    json!({"description": "Only the document's own.", "type": "string"})
}

/// Topic patterns.
pub(super) fn topics(description: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "minItems": 1,
        "maxItems": 256,
        "items": {"type": "string", "maxLength": 256, "pattern": "^!?(>|([^/*>!][^/*>]*|\\*)(/([^/*>]+|\\*))*(/>)?)$"},
    })
}

//! In which order keys stand: that of the properties of the schema.

use serde_json::{Map, Value};

/// A place in the schema, or none where it says nothing.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    root: &'s Value,
    at: Option<&'s Value>,
}

impl<'s> Place<'s> {
    /// Of a document of this kind.
    pub(super) fn document(schema: &'s Value, kind: Option<&str>) -> Place<'s> {
        let of_kind = kind.and_then(|kind| schema.get("$defs")?.get(kind));
        Place { root: schema, at: of_kind }.resolved()
    }

    fn resolved(self) -> Place<'s> {
        let mut at = self.at;
        // References lead nowhere in circles without a key between them.
        while let Some(name) = at.and_then(|at| at.get("$ref")?.as_str()?.strip_prefix("#/$defs/")) {
            at = self.root.get("$defs").and_then(|defs| defs.get(name));
        }
        Place { at, ..self }
    }

    /// Behind a key.
    pub(super) fn key(self, key: &str) -> Place<'s> {
        Place { at: self.at.and_then(|at| at.get("properties")?.get(key)), ..self }.resolved()
    }

    /// In a list.
    pub(super) fn item(self) -> Place<'s> {
        Place { at: self.at.and_then(|at| at.get("items")), ..self }.resolved()
    }

    /// Where a key stands among its like; those that are not known stand behind, as they are written.
    pub(super) fn rank(self, key: &str) -> usize {
        let keys = self.at.and_then(|at| at.get("properties")?.as_object());
        keys.and_then(|keys| keys.keys().position(|known| known == key)).unwrap_or(usize::MAX)
    }
}

/// A document of JSON with its keys in order.
pub(super) fn ordered(value: &Value, schema: &Value) -> Value {
    let kind = value.get("kind").and_then(Value::as_str);
    in_order(value, Place::document(schema, kind))
}

fn in_order(value: &Value, place: Place<'_>) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| place.rank(key));
            let entries = entries.into_iter().map(|(key, value)| (key.clone(), in_order(value, place.key(key))));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| in_order(item, place.item())).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

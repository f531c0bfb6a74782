//! A part of JSON Schema 2020-12: `type`, `enum`, `const`, `required`, `properties`, `additionalProperties`, `items`, and the limits of
//! numbers, texts and lists. Titles and descriptions are read over. Any other keyword is refused, by name, when a schema is read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// `true` allows anything, `false` nothing.
pub enum Schema {
    Always(bool),
    Object(Box<Object>),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Object {
    #[serde(rename = "$schema")]
    _dialect: Option<String>,
    #[serde(rename = "title")]
    _title: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    r#type: Option<Types>,
    r#enum: Option<Vec<Value>>,
    r#const: Option<Value>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    properties: BTreeMap<String, Schema>,
    additional_properties: Option<Schema>,
    items: Option<Schema>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    exclusive_minimum: Option<f64>,
    exclusive_maximum: Option<f64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_items: Option<usize>,
    max_items: Option<usize>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Types {
    One(Type),
    Several(Vec<Type>),
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Null,
    Boolean,
    Object,
    Array,
    Number,
    Integer,
    String,
}

/// By hand, so that an error names the keyword: serde tries the kinds of an untagged enum without a word.
impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schema, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Schema;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a schema: an object, `true` or `false`")
            }

            fn visit_bool<E>(self, always: bool) -> Result<Schema, E> {
                Ok(Schema::Always(always))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Schema, A::Error> {
                Object::deserialize(MapAccessDeserializer::new(map)).map(|object| Schema::Object(Box::new(object)))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Schema {
    /// What is wrong with the value first, and where: `/items/0/amount: too small`. Names of members are the schema's own wherever
    /// they can be: reasons do not hold the event's values.
    pub fn misfit(&self, value: &Value) -> Option<String> {
        let (place, problem) = self.first(value)?;
        Some(format!("{}: {problem}", if place.is_empty() { "the data" } else { &place }))
    }

    fn first(&self, value: &Value) -> Option<(String, &'static str)> {
        match self {
            Schema::Always(true) => None,
            Schema::Always(false) => Some((String::new(), "not allowed")),
            Schema::Object(object) => object.first(value),
        }
    }
}

impl Object {
    fn first(&self, value: &Value) -> Option<(String, &'static str)> {
        self.own(value).map(|problem| (String::new(), problem)).or_else(|| match value {
            Value::Object(members) => members.iter().find_map(|(name, value)| {
                let (schema, shown) = match self.properties.get(name) {
                    Some(schema) => (schema, name.as_str()),
                    None => (self.additional_properties.as_ref()?, "*"),
                };
                schema.first(value).map(|(place, problem)| (format!("/{shown}{place}"), problem))
            }),
            Value::Array(items) => {
                let schema = self.items.as_ref()?;
                items.iter().find_map(|item| schema.first(item)).map(|(place, problem)| (format!("/*{place}"), problem))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }

    /// Of the value itself, not of what is in it.
    fn own(&self, value: &Value) -> Option<&'static str> {
        let typed = match &self.r#type {
            None => true,
            Some(Types::One(ty)) => ty.fits(value),
            Some(Types::Several(types)) => types.iter().any(|ty| ty.fits(value)),
        };
        if !typed {
            return Some("of the wrong type");
        }
        let listed = self.r#enum.as_ref().is_none_or(|values| values.iter().any(|known| equal(known, value)));
        if !listed || self.r#const.as_ref().is_some_and(|known| !equal(known, value)) {
            return Some("not one of the values it can have");
        }
        match value {
            Value::Object(members) => {
                self.required.iter().any(|name| !members.contains_key(name)).then_some("a required member is missing")
            }
            Value::Array(items) => length(items.len(), self.min_items, self.max_items),
            Value::String(text) => length(text.chars().count(), self.min_length, self.max_length),
            Value::Number(number) => self.range(number.as_f64()?),
            Value::Null | Value::Bool(_) => None,
        }
    }

    fn range(&self, number: f64) -> Option<&'static str> {
        let below = self.minimum.is_some_and(|least| number < least);
        let above = self.maximum.is_some_and(|most| number > most);
        if below || self.exclusive_minimum.is_some_and(|bound| number <= bound) {
            return Some("too small");
        }
        (above || self.exclusive_maximum.is_some_and(|bound| number >= bound)).then_some("too large")
    }
}

fn length(length: usize, least: Option<usize>, most: Option<usize>) -> Option<&'static str> {
    if least.is_some_and(|least| length < least) {
        return Some("too short");
    }
    most.is_some_and(|most| length > most).then_some("too long")
}

/// As JSON Schema has it: `1` and `1.0` are one number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Type::Null => value.is_null(),
            Type::Boolean => value.is_boolean(),
            Type::Object => value.is_object(),
            Type::Array => value.is_array(),
            Type::Number => value.is_number(),
            Type::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Type::String => value.is_string(),
        }
    }
}

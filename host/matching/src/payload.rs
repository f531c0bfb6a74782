//! The payload as JSON, as far as somebody asks for it: what no pattern names is passed over without being kept.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tidegate_policy::spec::Clause;

/// A value; its texts point into the payload where they stand there literally.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'p> {
    Null,
    Boolean(bool),
    Number(f64),
    String(Cow<'p, str>),
    Array(Vec<Json<'p>>),
    Object(Vec<(Cow<'p, str>, Json<'p>)>),
}

impl Json<'_> {
    /// A field; of a name that stands twice, the last.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Json::Object(fields) => fields.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value),
            Json::Null | Json::Boolean(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        }
    }
}

/// The fields that are asked for, by their names within one another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    inside: HashMap<Box<str>, Wanted, RandomState>,
}

impl Wanted {
    /// Adds the fields of these clauses.
    pub(crate) fn add(&mut self, clauses: &[Clause]) {
        for clause in clauses {
            match clause {
                Clause::Field(name, _) => drop(self.field(name)),
                Clause::Inside(name, clauses) => self.field(name).add(clauses),
                Clause::Or(any) => any.iter().for_each(|clauses| self.add(clauses)),
            }
        }
    }

    fn field(&mut self, name: &str) -> &mut Wanted {
        self.inside.entry(name.into()).or_default()
    }
}

/// Reads what is wanted; without a list, everything. `None`: it is no JSON, or nests deeper than 127 levels.
pub(crate) fn read<'p>(payload: &'p [u8], wanted: Option<&Wanted>) -> Option<Json<'p>> {
    let mut reader = serde_json::Deserializer::from_slice(payload);
    let value = Value(wanted).deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| value)
}

#[derive(Clone, Copy)]
struct Value<'w>(Option<&'w Wanted>);

impl<'p> DeserializeSeed<'p> for Value<'_> {
    type Value = Json<'p>;

    fn deserialize<D: Deserializer<'p>>(self, reader: D) -> Result<Json<'p>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'p> Visitor<'p> for Value<'_> {
    type Value = Json<'p>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'p>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'p>, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'p>, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'p>, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'p>, E> {
        Ok(Json::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'p str) -> Result<Json<'p>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'p>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'p>>(self, mut elements: A) -> Result<Json<'p>, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            array.push(element);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'p>>(self, mut fields: A) -> Result<Json<'p>, A::Error> {
        let mut object = Vec::new();
        while let Some(name) = fields.next_key_seed(Name)? {
            match self.0 {
                None => object.push((name, fields.next_value_seed(self)?)),
                Some(wanted) => match wanted.inside.get(&*name) {
                    Some(inside) => object.push((name, fields.next_value_seed(Value(Some(inside)))?)),
                    None => drop(fields.next_value::<IgnoredAny>()?),
                },
            }
        }
        Ok(Json::Object(object))
    }
}

struct Name;

impl<'p> DeserializeSeed<'p> for Name {
    type Value = Cow<'p, str>;

    fn deserialize<D: Deserializer<'p>>(self, reader: D) -> Result<Cow<'p, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'p> Visitor<'p> for Name {
    type Value = Cow<'p, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'p str) -> Result<Cow<'p, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'p, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

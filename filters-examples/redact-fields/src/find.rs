//! Where in a JSON text fields stand: one pass, no tree built.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// Paths as a tree.
#[derive(Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Fields {
    /// Name, and what is wanted under it; nothing further: the field itself.
    children: Vec<(String, Fields)>,
}

impl TryFrom<Vec<String>> for Fields {
    type Error = String;

    fn try_from(paths: Vec<String>) -> Result<Fields, String> {
        let mut root = Fields::default();
        for path in &paths {
            if path.split('.').any(str::is_empty) {
                return Err(format!("`{path}` is no path: names joined by dots"));
            }
            root.add(path);
        }
        Ok(root)
    }
}

impl Fields {
    fn add(&mut self, path: &str) {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let position = self.children.iter().position(|(known, _)| known == name);
        match (position, rest) {
            // Inside a field that is redacted as a whole there is nothing left to redact.
            (Some(known), Some(rest)) if !self.children[known].1.children.is_empty() => {
                self.children[known].1.add(rest)
            }
            (Some(known), None) => self.children[known].1.children.clear(),
            (Some(_), Some(_)) => {}
            (None, rest) => {
                let mut child = Fields::default();
                rest.into_iter().for_each(|rest| child.add(rest));
                self.children.push((name.to_owned(), child));
            }
        }
    }

    /// The values of all fields in a JSON text, ascending.
    pub fn find(&self, json: &[u8]) -> Result<Vec<Range<usize>>, serde_json::Error> {
        let mut search = Search { json, found: Vec::new() };
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        Node { fields: self, search: &mut search }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(search.found)
    }
}

struct Search<'a> {
    json: &'a [u8],
    found: Vec<Range<usize>>,
}

impl Search<'_> {
    /// A raw value is a part of the text: its place follows from where it lies.
    fn note(&mut self, value: &RawValue) {
        let start = value.get().as_ptr().addr() - self.json.as_ptr().addr();
        self.found.push(start..start + value.get().len());
    }
}

/// Visits a value under which fields are wanted.
struct Node<'s, 'f, 'a> {
    fields: &'f Fields,
    search: &'s mut Search<'a>,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(child) = map.next_key_seed(Name(self.fields))? {
            match child {
                Some(fields) if fields.children.is_empty() => self.search.note(map.next_value::<&RawValue>()?),
                Some(fields) => map.next_value_seed(Node { fields, search: self.search })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Node { fields: self.fields, search: self.search })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Looks a name up, unescaped and without copying it.
struct Name<'f>(&'f Fields);

impl<'de, 'f> DeserializeSeed<'de> for Name<'f> {
    type Value = Option<&'f Fields>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'f> Visitor<'_> for Name<'f> {
    type Value = Option<&'f Fields>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.children.iter().find(|(known, _)| known == name).map(|(_, fields)| fields))
    }
}

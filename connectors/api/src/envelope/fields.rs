//! Finds the wanted fields of a JSON message in one pass, checking its grammar on the way and building nothing else.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The paths a rule asks for, as a tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    root: Node,
    slots: usize,
}

#[derive(Clone, Debug, Default)]
struct Node {
    children: Vec<(String, Node)>,
    slot: Option<usize>,
}

/// What stood at the wanted paths of one message, by slot.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<Option<Scalar>>);

#[derive(Clone, Debug)]
enum Scalar {
    Text(String),
    Null,
    Container,
}

impl Found {
    /// The value as text; the error names the field.
    pub(super) fn scalar(&self, slot: usize, path: &str) -> Result<&str, String> {
        match self.0.get(slot).and_then(Option::as_ref) {
            Some(Scalar::Text(text)) => Ok(text),
            Some(Scalar::Null) => Err(format!("field `{path}` is null")),
            Some(Scalar::Container) => Err(format!("field `{path}` is no string, number or boolean")),
            None => Err(format!("field `{path}` is missing")),
        }
    }
}

impl Wanted {
    pub(super) fn is_empty(&self) -> bool {
        self.slots == 0
    }

    /// The slot of a dotted path (a number is an array index, or a member of that name).
    pub(super) fn want(&mut self, path: &str) -> usize {
        let mut node = &mut self.root;
        for name in path.split('.') {
            let at = node.children.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                node.children.push((name.to_owned(), Node::default()));
                node.children.len() - 1
            });
            node = &mut node.children[at].1;
        }
        *node.slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    /// Reads the whole message. An error is what is wrong with it as JSON.
    pub(super) fn find(&self, message: &[u8]) -> Result<Found, String> {
        let mut found = Found(vec![None; self.slots]);
        let mut json = serde_json::Deserializer::from_slice(message);
        let seed = Seed { node: &self.root, found: &mut found };
        seed.deserialize(&mut json).and_then(|()| json.end()).map_err(|error| format!("no JSON: {error}"))?;
        Ok(found)
    }
}

struct Seed<'a> {
    node: &'a Node,
    found: &'a mut Found,
}

impl Seed<'_> {
    fn set(self, scalar: Scalar) {
        if let Some(slot) = self.node.slot {
            self.found.0[slot] = Some(scalar);
        }
    }

    fn text(self, text: impl fmt::Display) {
        if self.node.slot.is_some() {
            let text = text.to_string();
            self.set(Scalar::Text(text));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // What nobody asked for is only checked.
        if self.node.children.is_empty() && self.node.slot.is_none() {
            return deserializer.deserialize_any(IgnoredAny).map(drop);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<(), E> {
        self.text(v);
        Ok(())
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<(), E> {
        self.text(v);
        Ok(())
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<(), E> {
        self.text(v);
        Ok(())
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<(), E> {
        self.text(v);
        Ok(())
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<(), E> {
        self.text(v);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.set(Scalar::Null);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match self.node.children.iter().find(|(name, _)| *name == key.0) {
                Some((_, node)) => map.next_value_seed(Seed { node, found: self.found })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        self.set(Scalar::Container);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        const UNWANTED: &Node = &Node { children: Vec::new(), slot: None };
        for index in 0usize.. {
            let name = index.to_string();
            let node = self.node.children.iter().find(|(known, _)| *known == name).map_or(UNWANTED, |(_, node)| node);
            if seq.next_element_seed(Seed { node, found: self.found })?.is_none() {
                break;
            }
        }
        self.set(Scalar::Container);
        Ok(())
    }
}

/// A member's name, borrowed where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(v)))
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(v.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

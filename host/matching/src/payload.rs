//! The payload as JSON, as far as somebody asks for it: what no pattern names is passed over without being kept.
//!
//! Values lie flat in an [`Arena`], one payload behind the other, and texts are copied into it: so it outlives no event, belongs to
//! none, and is used again for the next batch without asking for memory.

use std::{collections::HashMap, fmt};

use foldhash::fast::RandomState;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tidegate_policy::spec::Clause;

/// Values of payloads. An object or array stands before what is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arena {
    nodes: Vec<Node>,
    texts: String,
}

#[derive(Clone, Debug)]
struct Node {
    /// In the object around it; empty where there is none.
    name: Text,
    what: What,
    /// The next node that is not inside this one.
    end: u32,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Null,
    Boolean(bool),
    Number(f64),
    String(Text),
    Array,
    Object,
}

/// Part of the arena's texts.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    from: u32,
    to: u32,
}

/// Room for values, and eight bytes of text for each, that is kept for the next batch: for 256 events with 128 fields each.
const KEPT_MAX: usize = 1 << 15;

/// Positions are 32 bits; a payload has at most a value a byte.
const POSITIONS_MAX: usize = u32::MAX as usize;

impl Arena {
    /// Room for other payloads.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.texts.clear();
        self.nodes.shrink_to(KEPT_MAX);
        self.texts.shrink_to(8 * KEPT_MAX);
    }

    /// Reads what is wanted of a payload; without a list, everything. `None`: it is no JSON, or nests deeper than 127 levels.
    pub(crate) fn read(&mut self, payload: &[u8], wanted: Option<&Wanted>) -> Option<u32> {
        let (nodes, texts) = (self.nodes.len(), self.texts.len());
        if nodes.max(texts).saturating_add(payload.len()) > POSITIONS_MAX {
            return None;
        }
        let mut reader = serde_json::Deserializer::from_slice(payload);
        let value = Reader { arena: &mut *self, wanted, name: Text::default() };
        let read = value.deserialize(&mut reader).and_then(|()| reader.end());
        if read.is_err() {
            self.nodes.truncate(nodes);
            self.texts.truncate(texts);
        }
        read.ok().map(|()| narrow(nodes))
    }

    pub(crate) fn value(&self, at: u32) -> Value<'_> {
        Value { arena: self, at }
    }

    fn text(&mut self, text: &str) -> Text {
        let from = narrow(self.texts.len());
        self.texts.push_str(text);
        Text { from, to: narrow(self.texts.len()) }
    }

    fn put(&mut self, name: Text, what: What) -> usize {
        let at = self.nodes.len();
        self.nodes.push(Node { name, what, end: narrow(at + 1) });
        at
    }

    fn close(&mut self, at: usize) {
        self.nodes[at].end = narrow(self.nodes.len());
    }
}

fn narrow(at: usize) -> u32 {
    // `read` has made sure of it.
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A value in an arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    arena: &'a Arena,
    at: u32,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Json<'a> {
    Null,
    Boolean(bool),
    Number(f64),
    String(&'a str),
    Array(Items<'a>),
    /// Its values know their names.
    Object(Items<'a>),
}

/// What is in an object or array, in the order of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items<'a> {
    arena: &'a Arena,
    next: u32,
    end: u32,
}

impl<'a> Value<'a> {
    fn node(self) -> &'a Node {
        &self.arena.nodes[self.at as usize]
    }

    pub(crate) fn json(self) -> Json<'a> {
        let node = self.node();
        let items = Items { arena: self.arena, next: self.at + 1, end: node.end };
        match node.what {
            What::Null => Json::Null,
            What::Boolean(boolean) => Json::Boolean(boolean),
            What::Number(number) => Json::Number(number),
            What::String(text) => Json::String(self.text(text)),
            What::Array => Json::Array(items),
            What::Object => Json::Object(items),
        }
    }

    /// Its name in the object around it.
    pub(crate) fn name(self) -> &'a str {
        self.text(self.node().name)
    }

    /// A field; of a name that stands twice, the last.
    pub(crate) fn field(self, name: &str) -> Option<Value<'a>> {
        match self.json() {
            Json::Object(fields) => fields.filter(|field| field.name() == name).last(),
            Json::Null | Json::Boolean(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        }
    }

    fn text(self, Text { from, to }: Text) -> &'a str {
        &self.arena.texts[from as usize..to as usize]
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.next >= self.end {
            return None;
        }
        let value = self.arena.value(self.next);
        self.next = value.node().end;
        Some(value)
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

/// Reads one value into the arena.
struct Reader<'a, 'w> {
    arena: &'a mut Arena,
    wanted: Option<&'w Wanted>,
    name: Text,
}

impl Reader<'_, '_> {
    fn leaf(self, what: What) {
        self.arena.put(self.name, what);
    }
}

impl<'p> DeserializeSeed<'p> for Reader<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'p> Visitor<'p> for Reader<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.leaf(What::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.leaf(What::Boolean(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.leaf(What::Number(value as f64));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.leaf(What::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.leaf(What::Number(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        let text = self.arena.text(value);
        self.leaf(What::String(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'p>>(self, mut elements: A) -> Result<(), A::Error> {
        let Reader { arena, wanted, name } = self;
        let at = arena.put(name, What::Array);
        while elements.next_element_seed(Reader { arena: &mut *arena, wanted, name: Text::default() })?.is_some() {}
        arena.close(at);
        Ok(())
    }

    fn visit_map<A: MapAccess<'p>>(self, mut fields: A) -> Result<(), A::Error> {
        let Reader { arena, wanted, name } = self;
        let at = arena.put(name, What::Object);
        while let Some(named) = fields.next_key_seed(Name { arena: &mut *arena, wanted })? {
            match named {
                Some((name, wanted)) => fields.next_value_seed(Reader { arena: &mut *arena, wanted, name })?,
                None => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        arena.close(at);
        Ok(())
    }
}

/// Reads a name. `None`: nobody asks for the field.
struct Name<'a, 'w> {
    arena: &'a mut Arena,
    wanted: Option<&'w Wanted>,
}

impl<'p, 'w> DeserializeSeed<'p> for Name<'_, 'w> {
    type Value = Option<(Text, Option<&'w Wanted>)>;

    fn deserialize<D: Deserializer<'p>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'w> Visitor<'_> for Name<'_, 'w> {
    type Value = Option<(Text, Option<&'w Wanted>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let inside = match self.wanted {
            None => None,
            Some(wanted) => match wanted.inside.get(name) {
                None => return Ok(None),
                found => found,
            },
        };
        Ok(Some((self.arena.text(name), inside)))
    }
}

//! The values of an event, each looked up once.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use tidegate_event::Event;

use super::{
    candidates::Scratch,
    intervals::Intervals,
    need::{Field, Key, What},
    radix::Radix,
};
use crate::{
    attribute::Attribute,
    pattern::test::number,
    payload::{Json, Value},
    topic,
};

type Map<V> = HashMap<Box<str>, V, RandomState>;

/// What is looked up for which field.
#[derive(Debug, Default)]
pub(super) struct Fields {
    core: Box<[(Attribute, Lookup)]>,
    extensions: Map<(Attribute, Lookup)>,
    /// Beginnings of topics, with `/` between levels.
    topics: Radix,
    data: Option<Paths>,
}

/// With more extensions in the index than this, the event's own are walked instead: there are at most 128 of them.
const EXTENSIONS_ASKED_MAX: usize = 4;

impl Fields {
    /// Whether anything is looked up that is not in the payload.
    pub(super) fn has_attributes(&self) -> bool {
        !(self.core.is_empty() && self.extensions.is_empty() && self.topics.is_empty())
    }

    pub(super) fn find_attributes(&self, event: &Event, scratch: &mut Scratch) {
        if !self.topics.is_empty()
            && let Some(topic) = topic::of(event)
        {
            let name = topic.name.as_bytes();
            let byte = |at: usize| name.get(at).map(|byte| if *byte == topic.separator { b'/' } else { *byte });
            self.topics.find(byte, |rules| scratch.find(rules));
        }
        let mut ask = |attribute: &Attribute, lookup: &Lookup| {
            attribute.passes(event, |value| {
                lookup.attribute(value, scratch);
                true
            });
        };
        for (attribute, lookup) in &self.core {
            ask(attribute, lookup);
        }
        if self.extensions.len() <= EXTENSIONS_ASKED_MAX {
            self.extensions.values().for_each(|(attribute, lookup)| ask(attribute, lookup));
        } else {
            for (attribute, lookup) in event.extensions().filter_map(|(name, _)| self.extensions.get(name)) {
                ask(attribute, lookup);
            }
        }
    }

    pub(super) fn find_data(&self, data: Value<'_>, scratch: &mut Scratch) {
        if let Some(paths) = &self.data {
            paths.find(data, scratch);
        }
    }
}

/// Names of objects in one another. No deeper than patterns are; arrays are walked through.
#[derive(Debug, Default)]
struct Paths {
    here: Lookup,
    inside: Map<Paths>,
}

impl Paths {
    fn find(&self, value: Value<'_>, scratch: &mut Scratch) {
        match value.json() {
            Json::Array(elements) => elements.for_each(|element| self.find(element, scratch)),
            Json::Object(fields) => {
                let named = fields.filter_map(|field| Some((self.inside.get(field.name())?, field)));
                named.for_each(|(paths, value)| paths.find(value, scratch));
            }
            Json::String(text) => self.here.text(text, scratch),
            Json::Number(number) => self.here.number(number, scratch),
            Json::Boolean(true) => self.here.text("true", scratch),
            Json::Boolean(false) => self.here.text("false", scratch),
            Json::Null => self.here.text("null", scratch),
        }
    }
}

/// What the values of one field are looked up in.
#[derive(Debug, Default)]
struct Lookup {
    exact: Map<Box<[u32]>>,
    prefixes: Radix,
    suffixes: Radix,
    ranges: Intervals,
}

impl Lookup {
    fn attribute(&self, value: &str, scratch: &mut Scratch) {
        self.text(value, scratch);
        if !self.ranges.is_empty()
            && let Some(number) = number(value)
        {
            self.number(number, scratch);
        }
    }

    fn text(&self, value: &str, scratch: &mut Scratch) {
        if !self.exact.is_empty()
            && let Some(rules) = self.exact.get(value)
        {
            scratch.find(rules);
        }
        let bytes = value.as_bytes();
        if !self.prefixes.is_empty() {
            self.prefixes.find(|at| bytes.get(at).copied(), |rules| scratch.find(rules));
        }
        if !self.suffixes.is_empty() {
            let back = |at: usize| bytes.len().checked_sub(at + 1).map(|at| bytes[at]);
            self.suffixes.find(back, |rules| scratch.find(rules));
        }
    }

    fn number(&self, number: f64, scratch: &mut Scratch) {
        self.ranges.find(number, |rules| scratch.find(rules));
    }
}

/// Collects what is to be looked up.
#[derive(Debug, Default)]
pub(super) struct Builder {
    fields: HashMap<Field, Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    exact: HashMap<Box<str>, Vec<u32>>,
    prefixes: Vec<(Box<[u8]>, u32)>,
    suffixes: Vec<(Box<[u8]>, u32)>,
    ranges: Vec<(tidegate_policy::spec::Range, u32)>,
}

impl Builder {
    pub(super) fn add(&mut self, key: &Key, rule: u32) {
        let collected = self.fields.entry(key.field.clone()).or_default();
        match &key.what {
            What::Exact(text) => collected.exact.entry(text.clone()).or_default().push(rule),
            What::Prefix(text) => collected.prefixes.push((text.as_bytes().into(), rule)),
            What::Suffix(text) => collected.suffixes.push((text.bytes().rev().collect(), rule)),
            What::Within(range) => collected.ranges.push((*range, rule)),
        }
    }

    pub(super) fn build(self) -> Fields {
        let mut core = Vec::new();
        let mut fields = Fields::default();
        for (field, collected) in self.fields {
            let lookup = collected.build();
            match field {
                Field::Attribute(Attribute::Extension(name)) => {
                    fields.extensions.insert(name.clone(), (Attribute::Extension(name), lookup));
                }
                Field::Attribute(attribute) => core.push((attribute, lookup)),
                // Only beginnings are looked up for it.
                Field::Topic => fields.topics = lookup.prefixes,
                Field::Data(path) => {
                    let paths = fields.data.get_or_insert_default();
                    path.into_iter().fold(paths, |paths, name| paths.inside.entry(name).or_default()).here = lookup;
                }
            }
        }
        Fields { core: core.into(), ..fields }
    }
}

impl Collected {
    fn build(self) -> Lookup {
        Lookup {
            exact: self.exact.into_iter().map(|(text, mut rules)| (text, distinct(&mut rules))).collect(),
            prefixes: Radix::new(self.prefixes),
            suffixes: Radix::new(self.suffixes),
            ranges: Intervals::new(&self.ranges),
        }
    }
}

/// Rules come in ascending order, but for the gate, which many ask for.
fn distinct(rules: &mut Vec<u32>) -> Box<[u32]> {
    rules.sort_unstable();
    rules.dedup();
    rules.as_slice().into()
}

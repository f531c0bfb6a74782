//! Documents that nothing in their set makes use of: no mistake, and mostly not meant.

use std::fmt;

use crate::{
    Place,
    spec::{Applies, Documents, Id, Meta},
};

/// A document without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// `Source`, `Sink` or `FilterPolicy`.
    pub kind: &'static str,
    /// Its name.
    pub id: Id,
    /// Where it stands; `None` where it came from no text.
    pub place: Option<Place>,
    /// What is missing.
    pub why: &'static str,
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unused { kind, id, place, why } = self;
        if let Some(Place { file, line, column, .. }) = place {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        write!(f, "{kind} {id}: {why}")
    }
}

impl Documents {
    /// What has no effect: sources that no route reads, sinks that no route writes to, policies that are for no route. Sorted by
    /// kind, then as they are in the set.
    pub fn unused(&self) -> Vec<Unused> {
        let routes = &self.routes;
        let sources = self.sources.iter().map(|source| &source.meta);
        let unread = sources.filter(|source| !routes.iter().any(|route| route.from.contains(&source.id)));
        let sinks = self.sinks.iter().map(|sink| &sink.meta);
        let unwritten = sinks.filter(|sink| {
            !routes.iter().any(|route| {
                route.dead_letter.as_ref() == Some(&sink.id) || route.to.iter().any(|target| target.sink == sink.id)
            })
        });
        let policies = self.policies.iter().filter(|policy| !routes.iter().any(|route| policy.applies_to(route)));
        let unread = unread.map(|meta| unused("Source", meta, "no route reads it, so it is not opened"));
        let unwritten = unwritten.map(|meta| unused("Sink", meta, "no route writes to it"));
        let idle = policies.map(|policy| {
            let why = match &policy.applies {
                Applies::Routes(_) => "it is for no route",
                Applies::Selector(labels) if labels.is_empty() => "its namespace has no route",
                Applies::Selector(_) => "no route has the labels that it selects",
            };
            unused("FilterPolicy", &policy.meta, why)
        });
        unread.chain(unwritten).chain(idle).collect()
    }
}

fn unused(kind: &'static str, meta: &Meta, why: &'static str) -> Unused {
    Unused { kind, id: meta.id.clone(), place: meta.places.of("/metadata/name"), why }
}

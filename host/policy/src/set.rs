//! What documents say of one another, when all of them are read: names, references, defaults that depend on others.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use crate::{
    Diagnostic, Options, Place, Report, codes, exactly_once, listeners,
    mistakes::{Mistakes, did_you_mean},
    spec::{Documents, FailureRule, FilterPolicy, Id, Malformed, Route, Sink, Source, TopicPart, Unmatched},
    text::{At, Text},
};

/// The kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Source,
    Sink,
    Route,
    FilterPolicy,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Source => "source",
            Kind::Sink => "sink",
            Kind::Route => "route",
            Kind::FilterPolicy => "policy",
        }
    }
}

/// A document whose defaults are still open.
#[derive(Debug)]
pub(crate) struct Draft<D, G> {
    pub(crate) document: D,
    /// What the text says where the default depends on other documents.
    pub(crate) given: G,
    /// Nothing was wrong with it; otherwise conclusions from what is missing would only repeat that.
    pub(crate) sound: bool,
}

/// The failure rules as written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) on_trap: Option<FailureRule>,
    pub(crate) on_timeout: Option<FailureRule>,
    pub(crate) on_reject: Option<FailureRule>,
}

/// All documents of a run, and all mistakes.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) sources: Vec<Draft<Source, Option<Malformed>>>,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) routes: Vec<Draft<Route, ()>>,
    pub(crate) policies: Vec<Draft<FilterPolicy, Rules>>,
    /// Every document whose name could be read, sound or not.
    names: BTreeMap<(Kind, Id), Place>,
    /// Some document's name could not be read: a reference that leads nowhere may mean that one.
    unreadable: bool,
    references: Vec<Reference>,
    diagnostics: Vec<Diagnostic>,
}

/// A name that must be that of a document.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) text: Arc<Text>,
    pub(crate) at: At,
    pub(crate) kind: Kind,
    pub(crate) id: Id,
}

impl Set {
    /// What a file is to be refused for, and which documents it names.
    pub(crate) fn file(&mut self, mistakes: Mistakes<'_>) {
        let (diagnostics, references) = mistakes.into_parts();
        self.diagnostics.extend(diagnostics);
        self.references.extend(references);
    }

    /// There is a document (or a file of them) whose name could not be read.
    pub(crate) fn unreadable(&mut self) {
        self.unreadable = true;
    }

    /// Takes note of a document's name.
    pub(crate) fn name(&mut self, kind: Kind, id: &Id, at: At, mistakes: &mut Mistakes<'_>) {
        match self.names.entry((kind, id.clone())) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert(mistakes.text().place(at));
            }
            btree_map::Entry::Occupied(first) => {
                let message = format!("there are two of the {} `{id}`", kind.word());
                mistakes.hint(codes::SAME_DOCUMENT, at, message, format!("the other one is in {}", first.get()));
            }
        }
    }

    /// References and defaults; then the documents, or everything that is wrong.
    pub(crate) fn finish(mut self, options: &Options<'_>) -> Result<Documents, Report> {
        // Each is compared with all names for its hint: nobody reads more than so many.
        const SHOWN_MAX: usize = 100;
        let nowhere = self.references.iter().filter_map(|reference| self.leads_nowhere(reference));
        let mut found: Vec<Diagnostic> = nowhere.take(SHOWN_MAX).collect();
        found.extend(self.dead_letters());
        found.extend(self.topics(options));
        found.extend(exactly_once::check(&self, options));
        found.extend(listeners::check(&self, options));
        self.diagnostics.append(&mut found);
        if !self.diagnostics.is_empty() || self.unreadable {
            return Err(Report::new(self.diagnostics));
        }
        let sorted = |mut documents: Documents| {
            documents.sources.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
            documents.sinks.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
            documents.routes.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
            documents.policies.sort_by(|a, b| a.order().cmp(&b.order()));
            documents
        };
        self.set_defaults();
        Ok(sorted(Documents {
            sources: self.sources.into_iter().map(|draft| draft.document).collect(),
            sinks: self.sinks,
            routes: self.routes.into_iter().map(|draft| draft.document).collect(),
            policies: self.policies.into_iter().map(|draft| draft.document).collect(),
        }))
    }

    /// The policies, or everything that is wrong in any file by itself.
    pub(crate) fn policies_alone(self) -> Result<Vec<FilterPolicy>, Report> {
        if !self.diagnostics.is_empty() || self.unreadable {
            return Err(Report::new(self.diagnostics));
        }
        Ok(self.policies.into_iter().map(|draft| draft.document).collect())
    }

    fn leads_nowhere(&self, reference: &Reference) -> Option<Diagnostic> {
        let Reference { text, at, kind, id } = reference;
        if self.unreadable || self.names.contains_key(&(*kind, id.clone())) {
            return None;
        }
        // A hint is worth no more than a look at so many names.
        const COMPARED_MAX: usize = 1_000;
        let of_kind = || self.names.keys().filter(|(k, _)| k == kind).map(|(_, id)| id);
        let here: Vec<&str> = of_kind()
            .filter(|other| other.namespace == id.namespace)
            .map(|other| &*other.name)
            .take(COMPARED_MAX)
            .collect();
        let word = kind.word();
        let hint = match (did_you_mean(&id.name, &here), of_kind().find(|other| other.name == id.name)) {
            (Some(name), _) => format!("did you mean `{name}`?"),
            (None, Some(other)) => {
                format!("there is one in namespace `{}`, but references stay inside a namespace", other.namespace)
            }
            (None, None) if here.is_empty() => format!("the namespace has no {word} at all"),
            (None, None) => {
                const LISTED_MAX: usize = 8;
                let more = if here.len() > LISTED_MAX { ", …" } else { "" };
                format!(
                    "the namespace has {}{more}",
                    here.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ")
                )
            }
        };
        let message = format!("no {word} named `{}` in namespace `{}`", id.name, id.namespace);
        Some(text.diagnostic(codes::NO_SUCH_DOCUMENT, *at, message, Some(hint)))
    }

    /// Whatever is to be dead-lettered needs a sink for it.
    fn dead_letters(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for Draft { document: route, .. } in self.routes.iter().filter(|draft| draft.sound) {
            if route.unmatched == Unmatched::DeadLetter && route.dead_letter.is_none() {
                let message =
                    format!("`unmatched: DeadLetter`, but the route `{}` has no dead-letter sink", route.meta.id.name);
                let hint = Some("add `deadLetter: {sink: …}`".to_owned());
                found.push(route.meta.places.diagnostic(codes::NO_DEAD_LETTER_SINK, "/spec/unmatched", message, hint));
            }
        }
        for Draft { document: source, given, .. } in &self.sources {
            if *given == Some(Malformed::DeadLetter)
                && let Some(route) = self.routes_from(source).find(|draft| lacks(draft))
            {
                let message = format!(
                    "`malformed: DeadLetter`, but the route `{}` has no dead-letter sink",
                    route.document.meta.id
                );
                let hint = Some("add `deadLetter: {sink: …}` to the route, or choose Skip or Pause".to_owned());
                found.push(source.meta.places.diagnostic(codes::NO_DEAD_LETTER_SINK, "/spec/malformed", message, hint));
            }
        }
        for Draft { document: policy, given, .. } in self.policies.iter().filter(|draft| draft.sound) {
            let Some(route) = self.routes_of(policy).find(|draft| lacks(draft)) else { continue };
            let then = policy.failure.breaker.map(|breaker| breaker.then);
            for (key, rule) in [
                ("onTrap", given.on_trap),
                ("onTimeout", given.on_timeout),
                ("onReject", given.on_reject),
                ("breaker/then", then),
            ] {
                if rule == Some(FailureRule::DeadLetter) {
                    let word = key.rsplit('/').next().unwrap_or(key);
                    let message = format!(
                        "`{word}: DeadLetter`, but the route `{}` has no dead-letter sink",
                        route.document.meta.id
                    );
                    let retry = if word == "then" { "" } else { "Retry, " };
                    let hint = Some(format!(
                        "add `deadLetter: {{sink: …}}` to the route, or choose {retry}Drop, Bypass, Pause or Reject"
                    ));
                    let pointer = format!("/spec/failure/{key}");
                    found.push(policy.meta.places.diagnostic(codes::NO_DEAD_LETTER_SINK, &pointer, message, hint));
                }
            }
        }
        found
    }

    /// A topic is for sinks that have topics, and what it is made of may not be there.
    fn topics(&self, options: &Options<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for Draft { document: route, .. } in self.routes.iter().filter(|draft| draft.sound) {
            for (at, target) in route.to.iter().enumerate() {
                let Some(topic) = &target.topic else { continue };
                let pointer = format!("/spec/to/{at}/topic");
                let sink = self.sinks.iter().find(|sink| sink.meta.id == target.sink);
                if let Some(sink) = sink.filter(|sink| !options.connectors.has_topics(&sink.connector.name)) {
                    let message = format!("`topic`, but the sink `{}` has no topics", sink.meta.id.name);
                    let hint = Some(format!("it is a `{}` sink, which has one place only", sink.connector.name));
                    found.push(route.meta.places.diagnostic(codes::TOPIC_TEMPLATE, &pointer, message, hint));
                }
                let certain = topic.parts.iter().all(|part| matches!(part, TopicPart::Literal(_)));
                if !certain && route.dead_letter.is_none() {
                    let message = format!(
                        "`topic` may not fit an event, and the route `{}` has no dead-letter sink",
                        route.meta.id.name
                    );
                    let hint = Some("add `deadLetter: {sink: …}`".to_owned());
                    found.push(route.meta.places.diagnostic(codes::NO_DEAD_LETTER_SINK, &pointer, message, hint));
                }
            }
        }
        found
    }

    fn set_defaults(&mut self) {
        let all_have = |mut routes: Box<dyn Iterator<Item = &Draft<Route, ()>> + '_>| {
            routes.next().is_some_and(|first| first.document.dead_letter.is_some())
                && routes.all(|route| route.document.dead_letter.is_some())
        };
        let malformed: Vec<Malformed> = self
            .sources
            .iter()
            .map(|draft| {
                let default = if all_have(Box::new(self.routes_from(&draft.document))) {
                    Malformed::DeadLetter
                } else {
                    Malformed::Skip
                };
                draft.given.unwrap_or(default)
            })
            .collect();
        let failure: Vec<FailureRule> = self
            .policies
            .iter()
            .map(|draft| {
                if all_have(Box::new(self.routes_of(&draft.document))) {
                    FailureRule::DeadLetter
                } else {
                    FailureRule::Reject
                }
            })
            .collect();
        for (draft, malformed) in self.sources.iter_mut().zip(malformed) {
            draft.document.malformed = malformed;
        }
        for (draft, default) in self.policies.iter_mut().zip(failure) {
            let failure = &mut draft.document.failure;
            failure.on_trap = draft.given.on_trap.unwrap_or(default);
            failure.on_timeout = draft.given.on_timeout.unwrap_or(default);
            failure.on_reject = draft.given.on_reject.unwrap_or(default);
        }
    }

    pub(crate) fn routes_from<'a>(&'a self, source: &'a Source) -> impl Iterator<Item = &'a Draft<Route, ()>> {
        self.routes.iter().filter(|draft| draft.document.from.contains(&source.meta.id))
    }

    fn routes_of<'a>(&'a self, policy: &'a FilterPolicy) -> impl Iterator<Item = &'a Draft<Route, ()>> {
        self.routes.iter().filter(|draft| policy.applies_to(&draft.document))
    }
}

fn lacks(route: &Draft<Route, ()>) -> bool {
    route.sound && route.document.dead_letter.is_none()
}

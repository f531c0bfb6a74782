//! Documents of a dead letter: read, checked, and which of their sinks are dead letters.

use std::{path::PathBuf, sync::Arc};

use tidegate_connector::{
    Registry,
    connector::{Place, ReadBack, ReadBackError},
};
use tidegate_control::{Connectors, DocumentSet, documents};
use tidegate_policy::{
    Documents, Options,
    spec::{Connector, Id, Sink},
};

use super::DocumentArgs;
use crate::{
    host, human,
    problem::{because, problem},
};

/// Reads the set; candidates take the place of what they name.
pub(super) fn read(args: &DocumentArgs, with: &[PathBuf]) -> anyhow::Result<DocumentSet> {
    let set = host::read(&args.paths)?;
    if with.is_empty() {
        return Ok(set);
    }
    Ok(DocumentSet { files: tidegate_policy::overlay(set.files, host::read(with)?.files) })
}

/// Checks documents without looking at their modules: those may be what is broken.
pub(super) fn check(args: &DocumentArgs, registry: &Registry) -> anyhow::Result<Documents> {
    let connectors = Connectors(registry);
    let options = Options { development: args.dev, connectors: &connectors };
    Ok(tidegate_policy::check(&read(args, &[])?.files, &options)?)
}

/// A dead-letter sink, to be read.
pub(super) struct Held {
    pub(super) sink: Arc<str>,
    pub(super) back: Box<dyn ReadBack>,
}

/// Opens the dead letters to look into: the one named, else all that routes name.
pub(super) fn open(
    documents: &Documents,
    wanted: Option<&str>,
    registry: &Registry,
    args: &DocumentArgs,
) -> anyhow::Result<Vec<Held>> {
    let named = |sink: &&Sink| match wanted {
        Some(wanted) => is_named(&sink.meta.id, wanted),
        None => documents.routes.iter().any(|route| route.dead_letter.as_ref() == Some(&sink.meta.id)),
    };
    let sinks: Vec<&Sink> = documents.sinks.iter().filter(named).collect();
    if sinks.is_empty() {
        return Err(match wanted {
            Some(wanted) => problem(
                format!("the documents have no sink `{}`", human::plain(wanted)),
                "`tidegate validate` lists the sinks",
            ),
            None => problem("no route of the documents has a dead letter", "give a route `deadLetter: {sink: NAME}`"),
        });
    }
    let only = sinks.len() == 1;
    let mut held = Vec::new();
    for sink in sinks {
        match read_back(sink, registry, args) {
            Ok(back) => held.push(Held { sink: sink.meta.id.to_string().into(), back }),
            Err(error @ ReadBackError::Cannot { .. }) if !only => {
                tracing::warn!(sink = %sink.meta.id, "cannot be read back, and is left out: {error}");
            }
            Err(ReadBackError::Config(errors)) => {
                let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                return Err(problem(format!("the dead letter {} cannot be opened: {text}", sink.meta.id), ""));
            }
            Err(error) => {
                let hint = "read it where it was sent to, or use a sink that keeps what it gets (file, kafka, nats)";
                return Err(because(error, format!("the dead letter {} cannot be read back", sink.meta.id), hint));
            }
        }
    }
    if held.is_empty() {
        return Err(problem("no dead letter of the documents can be read back", "see the warnings above"));
    }
    Ok(held)
}

fn read_back(sink: &Sink, registry: &Registry, args: &DocumentArgs) -> Result<Box<dyn ReadBack>, ReadBackError> {
    let Connector { name, config } = &sink.connector;
    let connector =
        registry.get(name).ok_or_else(|| ReadBackError::Cannot { why: format!("there is no connector `{name}`") })?;
    let (base_dir, state_dir) = (documents::folder_of(&sink.meta), args.state_dir());
    let place = Place { base_dir: &base_dir, state_dir: &state_dir };
    connector.read_back(&sink.meta.id.to_string(), config, &place)
}

/// By `namespace/name`, or by the name alone.
fn is_named(id: &Id, wanted: &str) -> bool {
    *id.name == *wanted || id.to_string() == wanted
}

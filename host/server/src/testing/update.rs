//! `--update`: what came out is written where it was expected. Verdicts and reasons are never written: they are what a person meant.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tidegate_policy::cases::{Expected, Given, Out, OutOf, Rewrite, Spot, rewrite};

use super::{Done, Subject, compare, folder, run::Tried};
use crate::{
    event_text,
    problem::{OrProblem as _, problem},
};

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Updated {
    /// Files, in the order they were written.
    pub(crate) files: Vec<PathBuf>,
    /// Cases whose expectation has matchers: what came out would say less.
    pub(crate) left: Vec<String>,
}

/// Writes the golden files of cases that failed, and the `out` and `names` that stand in them.
pub(crate) fn update(done: &[Done<'_>], subject: Subject<'_>) -> anyhow::Result<Updated> {
    let mut updated = Updated::default();
    let mut inline: BTreeMap<&str, Vec<Rewrite>> = BTreeMap::new();
    for Done { case, tried, problems } in done {
        let Tried::Ran(ran) = tried else { continue };
        if problems.is_empty() {
            continue;
        }
        let number = case.case.number;
        match &case.case.out {
            Some(Out::File(path)) => {
                let path = case.folder.join(path);
                if golden(&path, &compare::found_out(ran, subject))? {
                    updated.files.push(path);
                }
            }
            Some(Out::Events(wanted)) if exact(wanted) => {
                let events = compare::found_out(ran, subject).iter().map(|event| brief(event, None)).collect();
                inline.entry(&case.file).or_default().push(Rewrite { case: number, spot: Spot::Out, value: events });
            }
            Some(Out::Events(_)) => updated.left.push(case.case.name.clone()),
            None => {}
        }
        for (at, (expect, fate)) in case.case.expect.iter().zip(&ran.fates).enumerate() {
            let mut write = |spot, value| {
                inline.entry(&case.file).or_default().push(Rewrite { case: number, spot, value });
            };
            let origin = match &case.case.given {
                Given::Events(events) => events.get(at).map(|given| &given.event),
                Given::File(_) | Given::Refused(_) => None,
            };
            let events =
                || -> Value { fate.out.iter().map(|event| brief(&event_text::value(event), origin)).collect() };
            match &expect.out {
                Some(OutOf::Events(wanted)) if !exact(wanted) => updated.left.push(case.case.name.clone()),
                Some(OutOf::Same | OutOf::Events(_)) => {
                    let same = fate.out.len() == 1
                        && ran.events.get(at).map(event_text::value) == fate.out.first().map(event_text::value);
                    let is_same = matches!(expect.out, Some(OutOf::Same));
                    if !(same && is_same) {
                        write(Spot::OutOf(at), events());
                    }
                }
                None => {}
            }
            if expect.names.is_some() {
                write(Spot::Names(at), fate.names.clone().into());
            }
        }
    }
    for (path, rewrites) in inline {
        let path = Path::new(path);
        let before = folder::text(path)?;
        let after = rewrite(&before, &rewrites).ok_or_else(|| {
            problem(format!("{} cannot be updated in place", path.display()), "change it by hand, or format it first")
        })?;
        if after != before.text {
            write(path, &after)?;
            updated.files.push(path.to_owned());
        }
    }
    Ok(updated)
}

fn exact(wanted: &[Expected]) -> bool {
    wanted.iter().all(Expected::is_exact)
}

/// Without what a case need not say.
fn brief(event: &Value, origin: Option<&Value>) -> Value {
    let Value::Object(event) = event else { return event.clone() };
    let mut event = event.clone();
    let filled_in = |key: &str, value: &Value| event_is(key, value, origin);
    event.retain(|key, value| !filled_in(key, value));
    Value::Object(event)
}

fn event_is(key: &str, value: &Value, origin: Option<&Value>) -> bool {
    match key {
        "specversion" => true,
        "datacontenttype" => value == "application/json",
        "id" | "source" => origin.and_then(|origin| origin.get(key)) == Some(value),
        _ => false,
    }
}

/// One value a line. What is the same already is left as it is written.
fn golden(path: &Path, found: &[Value]) -> anyhow::Result<bool> {
    let text: String = found.iter().map(|value| format!("{value}\n")).collect();
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(false);
    }
    write(path, &text)?;
    Ok(true)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).or_problem(format!("{} cannot be written", path.display()), "")
}

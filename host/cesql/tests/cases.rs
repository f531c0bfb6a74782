//! Cases as data, in the form of the official suite: our own in `tests/cases`, and the official ones where `CESQL_TCK_DIR` names
//! their folder.
//!
//! A case has `name`, `expression` and what comes of it: `result` (checked where given), `error` (`parse`, `math`, `cast`,
//! `missingAttribute`, `missingFunction`, `functionEvaluation`, `generic`; none: there must be no error), `event` (or any), and
//! `eventOverrides`. Ours may say `errors: […]` (exactly these, in this order) and `binary: {name: text}` for extensions of the
//! type Binary. Every case is also asked as a filter, which must say what follows from value and errors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

#[path = "cases/yaml.rs"]
mod yaml;

use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use tidegate_cesql::{Expression, FailureKind, Value};
use tidegate_event::{Event, Value as Typed};

/// Runs every `*.yaml` of a folder; answers with how many cases there were.
fn run(folder: &Path) -> usize {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|problem| panic!("{}: {problem}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no *.yaml", folder.display());
    let mut count = 0;
    let mut problems = Vec::new();
    for path in files {
        let suite = yaml::read(&fs::read_to_string(&path).unwrap());
        for case in suite["tests"].as_array().unwrap_or_else(|| panic!("{}: no `tests`", path.display())) {
            count += 1;
            if let Err(problem) = check(case) {
                let file = path.file_name().unwrap().to_string_lossy();
                problems.push(format!("{file}: {}: {}\n    {problem}", case["name"], case["expression"]));
            }
        }
    }
    assert!(problems.is_empty(), "{} of {count} cases:\n{}", problems.len(), problems.join("\n"));
    count
}

fn check(case: &Json) -> Result<(), String> {
    let text = case["expression"].as_str().ok_or("no `expression`")?;
    let wanted = case["error"].as_str();
    let expression = match Expression::parse(text) {
        Err(_) if wanted == Some("parse") => return Ok(()),
        Err(problem) => return Err(format!("refused: {problem}")),
        Ok(_) if wanted == Some("parse") => return Err("parsed".to_owned()),
        Ok(expression) => expression,
    };
    let event = event(case);
    let evaluation = expression.evaluate(&event);
    let kinds: Vec<_> = evaluation.errors.iter().map(|error| word(error.kind)).collect();
    if let Some(exactly) = case["errors"].as_array() {
        return if *exactly == kinds { Ok(()) } else { Err(format!("errors {kinds:?}")) };
    }
    match wanted {
        None if !kinds.is_empty() => return Err(format!("errors {kinds:?}")),
        Some(wanted) if !kinds.contains(&wanted) => return Err(format!("errors {kinds:?}")),
        _ => {}
    }
    let value = match &evaluation.value {
        Value::String(text) => Json::from(&**text),
        Value::Integer(integer) => Json::from(*integer),
        Value::Boolean(boolean) => Json::from(*boolean),
    };
    if !case["result"].is_null() && value != case["result"] {
        return Err(format!("came to {value}, not {}", case["result"]));
    }
    if let Some(type_of) = expression.result()
        && type_of != evaluation.value.type_of()
    {
        return Err(format!("was said to be {type_of}"));
    }
    // As a filter: only `true` without an error passes.
    let passes = match expression.passes(&event) {
        Ok(true) => "pass",
        Ok(false) => "drop",
        Err(_) => "error",
    };
    let follows = match (kinds.is_empty(), &value) {
        (true, Json::Bool(true)) => "pass",
        (true, Json::Bool(false)) => "drop",
        (_, _) => "error",
    };
    if passes == follows { Ok(()) } else { Err(format!("as a filter: {passes}, not {follows}")) }
}

fn word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Math => "math",
        FailureKind::Cast => "cast",
        FailureKind::MissingAttribute => "missingAttribute",
        FailureKind::MissingFunction => "missingFunction",
        FailureKind::FunctionEvaluation => "functionEvaluation",
        FailureKind::Generic => "generic",
    }
}

fn event(case: &Json) -> Event {
    let mut event = Event::builder().id("1").source("/source").ty("type");
    for from in [&case["event"], &case["eventOverrides"]] {
        for (name, value) in from.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            event = match (name.as_str(), value) {
                ("specversion", _) | (_, Json::Null) => event,
                ("id", _) => event.id(&text),
                ("source", _) => event.source(&text),
                ("type", _) => event.ty(&text),
                ("subject", _) => event.subject(&text),
                ("time", _) => event.time(&text),
                ("datacontenttype", _) => event.datacontenttype(&text),
                ("dataschema", _) => event.dataschema(&text),
                (name, Json::Bool(boolean)) => event.extension(name, Typed::Boolean(*boolean)),
                (name, Json::Number(number)) => {
                    event.extension(name, Typed::Integer(number.as_i64().unwrap().try_into().unwrap()))
                }
                (name, _) => event.extension(name, Typed::String(text.as_str().into())),
            };
        }
    }
    for (name, value) in case["binary"].as_object().into_iter().flatten() {
        event = event.extension(name, Typed::Binary(value.as_str().unwrap().as_bytes().into()));
    }
    event.build().unwrap_or_else(|problem| panic!("{}: {problem}", case["name"]))
}

#[test]
fn our_own_cases_hold() {
    let count = run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"));
    assert!(count > 400, "only {count} cases");
}

/// The official suite is not part of this repository: it runs where it is.
#[test]
fn the_official_suite_holds() {
    match std::env::var_os("CESQL_TCK_DIR") {
        Some(folder) => println!("{} official cases hold", run(Path::new(&folder))),
        None => println!("CESQL_TCK_DIR names no folder: only our own cases ran"),
    }
}

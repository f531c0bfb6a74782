//! What all events of the table have in common: each came through as it should, or as it is known to.

use base64_simd::STANDARD;
use serde_json::Value;

use super::seen::Seen;
use super::table::{Difference, Differences, Effect, Row};

/// Requests were made one after another, each answered when its events were in the file: lines are in their order.
pub fn arrived_as_sent(differences: &Differences, rows: &[Row], sent: &[&Value], arrived: &str) -> Vec<String> {
    let mut arrived = arrived.lines();
    let mut problems = Vec::new();
    let mut missing: Vec<(&str, &str)> =
        differences.modes().into_iter().flat_map(|mode| rows.iter().map(move |row| (mode, row.id()))).collect();
    for line in sent {
        let mode = line["mode"].as_str().unwrap();
        let ids: Vec<&str> = line["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let outcome = outcome(line);
        // The events of a batch may change places, where their keys differ.
        let texts = arrived.by_ref().take(if outcome.is_ok() { ids.len() } else { 0 });
        let mut seen: Vec<(Seen, &str)> = texts.map(|text| (Seen::structured(text), text)).collect();
        for id in ids {
            let row = rows.iter().find(|row| row.id() == id).expect("an event of the table");
            missing.retain(|wanted| *wanted != (mode, id));
            let known = differences.to(row, mode);
            let expected = Seen::expected(row, mode, &known);
            let at = seen.iter().position(|(seen, _)| seen.id() == expected.id());
            let found = match (&outcome, at) {
                (Ok(()), Some(at)) => {
                    let (seen, text) = seen.remove(at);
                    let mut found = check(&seen, row, mode, &known);
                    found.extend(unlike_sent(&seen, text, line));
                    found
                }
                (Ok(()), None) => vec!["answered 204, but not there".to_owned()],
                (Err(failure), _) => failed(failure, &known),
            };
            problems.extend(found.into_iter().map(|problem| format!("{mode} {id}: {problem}")));
        }
    }
    problems.extend(missing.iter().map(|(mode, id)| format!("{mode} {id}: not sent")));
    problems.extend(arrived.map(|text| format!("there, but not answered 204: {text}")));
    problems
}

/// Why a request came to nothing.
enum Failure {
    GaveUp(String),
    Refused(String),
}

fn outcome(line: &Value) -> Result<(), Failure> {
    match (line["error"].as_str(), line["status"].as_u64()) {
        (Some(error), _) => Err(Failure::GaveUp(error.to_owned())),
        (None, Some(204)) => Ok(()),
        (None, _) => Err(Failure::Refused(format!("{} {}", line["status"], line["answer"]))),
    }
}

fn failed(failure: &Failure, known: &[&Difference]) -> Vec<String> {
    let is_known = known.iter().any(|difference| match (&difference.effect, failure) {
        (Effect::GivesUp(words), Failure::GaveUp(text)) | (Effect::Refused(words), Failure::Refused(text)) => {
            text.contains(words)
        }
        (Effect::GivesUp(_) | Effect::Refused(_) | Effect::NoMode(_) | Effect::Becomes(_), _) => false,
    });
    match failure {
        _ if is_known => Vec::new(),
        Failure::GaveUp(text) => vec![format!("the SDK gives up: {text}")],
        Failure::Refused(text) => vec![format!("the host answers {text}")],
    }
}

/// Data arrives byte for byte as the SDK sent it, whether that is what it should have sent or not.
fn unlike_sent(seen: &Seen, arrived: &str, line: &Value) -> Option<String> {
    let body = STANDARD.decode_to_vec(line["body"].as_str().unwrap_or_default()).unwrap();
    let same = match line["mode"].as_str() {
        Some("binary") => seen.data.content().is_some_and(|content| content == body),
        // What comes structured and is not changed stays as it is.
        Some("structured") => arrived.as_bytes() == body.trim_ascii_end(),
        _ => String::from_utf8(body).unwrap().contains(arrived),
    };
    (!same).then(|| "its bytes are not those that were sent".to_owned())
}

/// What an SDK has read, in any order, against all that the sink sent.
pub fn read_as_sent(differences: &Differences, rows: &[Row], mut lines: Vec<Value>) -> Vec<String> {
    let mut problems = Vec::new();
    for (mode, row) in differences.modes().into_iter().flat_map(|mode| rows.iter().map(move |row| (mode, row))) {
        let known = differences.to(row, mode);
        let id = Seen::expected(row, mode, &known).id().to_owned();
        let Some(at) = lines.iter().position(|line| line["mode"] == mode && line["id"] == id) else {
            problems.push(format!("{mode} {id}: did not arrive"));
            continue;
        };
        let line = lines.remove(at);
        let found = match line["error"].as_str() {
            Some(error) => failed(&Failure::GaveUp(error.to_owned()), &known),
            None => check(&Seen::received(&line), row, mode, &known),
        };
        problems.extend(found.into_iter().map(|problem| format!("{mode} {id}: {problem}")));
    }
    problems.extend(lines.iter().map(|line| format!("more than was sent: {line}")));
    problems
}

/// Compares what was seen with what should be, with all differences and, to know that each is needed, without each of them.
fn check(seen: &Seen, row: &Row, mode: &str, differences: &[&Difference]) -> Vec<String> {
    let mut problems = seen.against(&Seen::expected(row, mode, differences));
    for (at, unneeded) in differences.iter().enumerate() {
        let rest: Vec<&Difference> = [&differences[..at], &differences[at + 1..]].concat();
        if seen.against(&Seen::expected(row, mode, &rest)).is_empty() {
            problems.push(format!("does not differ, but: {unneeded}"));
        }
    }
    problems
}

//! The CloudEvents SDKs for Python, JavaScript and Go: what they send arrives attribute for attribute, and they read what the
//! sink sends.
//!
//! Both in every mode that they have, with every event of one table (`interop/events.json`). Where an SDK is known to differ, by
//! its own doing, stands in `interop/differences.json`.

mod check;
mod sdk;
mod seen;
mod table;

use std::fs;
use std::path::Path;

use serde_json::Value;

use self::sdk::{Receiver, Sdk};
use self::table::{Differences, Row, Way};
use super::client::free_address;
use crate::rig::docs::Docs;
use crate::rig::guests::Guest;
use crate::rig::host::{Host, Start};

fn start(dir: &Path, docs: &Docs) -> Host {
    fs::create_dir(dir.join("docs")).unwrap();
    fs::write(dir.join("docs/pass.wasm"), Guest::filter().component()).unwrap();
    fs::write(dir.join("docs/all.yaml"), docs.text()).unwrap();
    let mut host = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
    host.logged("host is ready", 1);
    host
}

fn report(sdk: Sdk, problems: &[String]) {
    assert!(problems.is_empty(), "{} of {sdk:?}:\n{}", problems.len(), problems.join("\n"));
}

/// An SDK sends to a route without policies, and to one with a filter that lets all pass.
fn sends(sdk: Sdk) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let rows = table::rows();
    fs::write(dir.join("table.json"), table::for_senders(&rows)).unwrap();
    let routes = ["plain", "filtered"];
    let addresses = routes.map(|_| free_address());
    let mut docs = Docs::new().policy("pass", "pass.wasm", "targetRefs: [{kind: Route, name: filtered}]");
    for (route, address) in routes.iter().zip(addresses) {
        docs = docs
            .doc("Source", route, &format!("{{http: {{listen: '{address}'}}}}"))
            .doc("Sink", route, &format!("{{file: {{path: ../{route}.jsonl}}}}"))
            .doc("Route", route, &format!("{{from: [{{name: {route}}}], to: [{{sink: {route}}}]}}"));
    }
    let mut host = start(dir, &docs);
    host.until("listeners", || {
        addresses.iter().all(|address| std::net::TcpStream::connect(address).is_ok()).then_some(())
    });
    let urls = addresses.map(|address| format!("http://{address}/"));
    let lines = sdk.send(&dir.join("table.json"), &urls);
    assert!(host.stop().success());

    let mut problems = Vec::new();
    for (route, url) in routes.iter().zip(&urls) {
        let arrived = fs::read_to_string(dir.join(route).with_extension("jsonl")).unwrap();
        let lines: Vec<&Value> = lines.iter().filter(|line| line["url"] == **url).collect();
        let found = check::arrived_as_sent(&Differences::of(sdk, Way::In), &rows, &lines, &arrived);
        problems.extend(found.into_iter().map(|problem| format!("{route}: {problem}")));
    }
    report(sdk, &problems);
}

/// An SDK receives from a sink for each mode.
fn receives(sdk: Sdk) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let rows = table::rows();
    let differences = Differences::of(sdk, Way::Out);
    let receiver = Receiver::start(sdk);
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let mut docs = Docs::new();
    for mode in differences.modes() {
        // An event that is not read takes its whole batch with it: it goes alone.
        let (alone, rest): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| mode == "batched" && differences.give_up(row, mode));
        for (name, rows, batch) in [(mode, rest, ""), ("alone", alone, ", batch: {events: 1}")] {
            if rows.is_empty() {
                continue;
            }
            let lines: String = rows.iter().map(|row| Value::from(row.event.clone()).to_string() + "\n").collect();
            fs::write(dir.join(name).with_extension("jsonl"), lines).unwrap();
            docs = docs
                .doc("Source", name, &format!("{{file: {{path: ../{name}.jsonl}}}}"))
                .doc("Sink", name, &format!("{{http: {{url: '{url}', mode: {mode}{batch}}}}}"))
                .doc("Route", name, &format!("{{from: [{{name: {name}}}], to: [{{sink: {name}}}]}}"));
        }
    }
    let mut host = start(dir, &docs);
    let expected = rows.len() * differences.modes().len();
    host.until("all events at the receiver", || (receiver.count() >= expected).then_some(()));
    assert!(host.stop().success());

    let problems = check::read_as_sent(&differences, &rows, receiver.lines());
    report(sdk, &problems);
}

#[test]
fn what_python_sends_arrives() {
    sends(Sdk::Python);
}

#[test]
fn what_javascript_sends_arrives() {
    sends(Sdk::JavaScript);
}

#[test]
fn what_go_sends_arrives() {
    sends(Sdk::Go);
}

#[test]
fn python_reads_what_the_sink_sends() {
    receives(Sdk::Python);
}

#[test]
fn javascript_reads_what_the_sink_sends() {
    receives(Sdk::JavaScript);
}

#[test]
fn go_reads_what_the_sink_sends() {
    receives(Sdk::Go);
}

//! Live events of the program itself: what is shown and what is hidden, who is noted, and cases that pass.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::{Running, deploy, drops, event_line, guard, guilty_line, line, problem};
use crate::support::tidegate;

/// A tap that is open: its first line has come.
struct Open {
    lines: BufReader<TcpStream>,
    head: Value,
}

impl Open {
    fn on(host: &Running, query: &str) -> Open {
        let mut stream = TcpStream::connect(&host.address).expect("connect");
        stream.set_read_timeout(Some(Duration::from_secs(240))).expect("a timeout");
        let head = format!(
            "GET /v1/tap?{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
            host.token
        );
        stream.write_all(head.as_bytes()).expect("write");
        let mut open = Open { lines: BufReader::new(stream), head: Value::Null };
        open.head = open.next();
        assert!(open.head["tap"].is_object(), "{}\n{}", open.head, host.host.log());
        open
    }

    /// The next line that is JSON: heads and the lengths of chunks are none.
    fn next(&mut self) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).expect("a line") > 0, "it ended without a word");
            if let Ok(value @ Value::Object(_)) = serde_json::from_str(&line) {
                return value;
            }
        }
    }
}

fn running() -> Running {
    let host = Running::api();
    let digest = host.upload(&guard());
    host.apply(&[line(host.dir.path()), drops(&digest)]);
    host
}

#[test]
fn events_are_shown_as_they_come_with_what_becomes_of_them_and_without_what_they_carry() {
    let host = running();
    let mut received = Open::on(&host, "route=default/main&limit=3");
    let mut asked = Open::on(&host, "policy=default/guard&limit=3");
    let mut sent = Open::on(&host, "route=default/main&at=sent&limit=2");
    let mut some = Open::on(&host, "limit=1&where=%7Bexact%3A%20%7Bsubject%3A%20guilty%7D%7D");
    assert_eq!((&received.head["tap"]["redacted"], &asked.head["tap"]["document"]), (&true.into(), &Value::Null));
    host.feed(&(event_line("1") + &guilty_line("2") + &event_line("3")));
    let three = |tap: &mut Open| [tap.next(), tap.next(), tap.next()];
    let lines = three(&mut received);
    let fates: Vec<&str> = lines.iter().filter_map(|line| line["fate"].as_str()).collect();
    assert_eq!(fates, ["sent", "dropped", "sent"], "{lines:?}");
    assert_eq!(lines[0]["sinks"], serde_json::json!(["default/out"]));
    assert_eq!((&lines[1]["by"], &lines[1]["reason"]), (&"default/guard".into(), &"has a subject".into()));
    assert_eq!(lines[1]["generation"], host.generation());
    for line in &lines {
        let event = &line["event"];
        assert!(event["data"].is_null() && event["partitionkey"].is_null(), "{event}");
        assert_eq!(event["redacted"]["extensions"], serde_json::json!(["partitionkey"]), "{event}");
        assert!(event["redacted"]["dataBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{event}");
    }
    let lines = three(&mut asked);
    let verdicts: Vec<&str> = lines.iter().filter_map(|line| line["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["keep", "drop", "keep"], "{lines:?}");
    let ids = [sent.next(), sent.next()].map(|line| line["event"]["id"].as_str().map(str::to_owned));
    assert_eq!(ids, [Some("1".to_owned()), Some("3".to_owned())]);
    assert_eq!(some.next()["event"]["id"], "2");
    for tap in [&mut received, &mut asked, &mut sent, &mut some] {
        let end = tap.next();
        assert_eq!((&end["end"], &end["missed"]), (&"limit".into(), &0.into()), "{end}");
    }
    let history = host.get("/v1/history");
    assert!(!history.to_string().contains(r#""action":"tap""#), "nobody saw what events carry: {history}");
    assert!(host.host.stop().success());
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let host = running();
    for (query, status, says) in [
        ("route=default/none", 404, "default/none"),
        ("policy=default/none", 404, "default/none"),
        ("at=policy", 400, "policy"),
        ("at=sent&policy=default/guard", 400, "policy"),
        ("limit=0", 400, "limit"),
        ("seconds=100000", 400, "seconds"),
        ("redact=maybe", 400, "redact"),
        ("payload=1", 400, "payload"),
        ("where=%7Bexcat%3A%20%7B%7D%7D", 422, "did you mean `exact`?"),
        ("where=%7B", 422, "where"),
    ] {
        let answer = host.call("GET", &format!("/v1/tap?{query}"), &[], "");
        let found = problem(&answer, status).to_string();
        assert!(found.contains(says), "{query}: {found}");
    }
    let open: Vec<Open> = (0..16).map(|_| Open::on(&host, "seconds=200")).collect();
    problem(&host.call("GET", "/v1/tap", &[], ""), 503);
    drop(open);
    assert!(host.host.stop().success());
}

#[test]
fn whoever_sees_what_events_carry_stands_in_the_history_and_may_keep_it_as_cases() {
    let host = running();
    let dir = host.dir.path();
    let state = dir.join("state").display().to_string();
    let args = ["tap", "main", "--policy", "guard", "-n", "2", "--for", "4m", "--save", "filter/tests", "--admin"];
    let args: Vec<&str> = args.into_iter().chain([host.address.as_str(), "--state-dir", &state]).collect();
    let refused = crate::support::run(dir, &args).ended(2);
    assert!(refused.stderr.contains("--no-redact"), "{}", refused.stderr);

    let mut command = tidegate(dir, &[&args[..], &["--no-redact"]].concat());
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let child = child.expect("it starts");
    // The tap is noted before it shows anything.
    let mut host = host;
    let (address, token) = (host.address.clone(), host.token.clone());
    let noted = host.host.until("the tap is noted", || {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let answer = crate::rig::request::request(&address, "GET", "/v1/history", &headers, "").ok()?;
        let history: Value = serde_json::from_str(&answer.body).ok()?;
        let changes = history["changes"].as_array().cloned().unwrap_or_default();
        changes.into_iter().find(|change| change["action"] == "tap")
    });
    assert_eq!((&noted["who"], &noted["outcome"]), (&"local".into(), &"shown".into()), "{noted}");
    let reason = noted["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("policy default/guard") && reason.contains("not redacted"), "{reason}");
    // It may be a moment from being noted to being open: events go on until it has seen enough.
    let (mut child, begin) = (child, std::time::Instant::now());
    for number in 0.. {
        if child.try_wait().expect("wait").is_some() {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(300), "{}", host.host.log());
        host.feed(&(event_line(&format!("good-{number}")) + &guilty_line(&format!("bad-{number}"))));
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("its output");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("has a subject") && stdout.contains("\"pad\""), "{stdout}");
    assert!(stderr.contains("2 cases added to"), "{stderr}");
    let shown = host.run(&["history"]).fine();
    assert!(shown.contains("tap") && shown.contains("not redacted"), "{shown}");
    assert!(host.host.log().contains("live events are shown"), "{}", host.host.log());

    // The cases hold of the module that was tapped, and not of one that drops nothing.
    let dir = host.dir.path();
    let cases = fs::read_to_string(dir.join("filter/tests/guard.yaml")).expect("cases");
    assert!(cases.contains("verdict: drop") && cases.contains("verdict: keep"), "{cases}");
    fs::write(dir.join("guard.wasm"), guard().component()).expect("write");
    fs::write(dir.join("other.wasm"), crate::rig::guests::Guest::filter().component()).expect("write");
    crate::support::run(dir, &["test", "filter", "--module", "guard.wasm"]).fine();
    crate::support::run(dir, &["test", "filter", "--module", "other.wasm"]).ended(1);
    assert!(host.host.stop().success());
}

/// A rollback of what was live when somebody looked takes back the change, not the look.
#[test]
fn a_look_is_no_change() {
    let host = Running::folder();
    let first = host.generation();
    drop(Open::on(&host, "redact=false&seconds=100"));
    deploy(host.dir.path(), 2, 0);
    let mut host = host;
    let token = host.token.clone();
    let address = host.address.clone();
    host.host.until("the second is live", || {
        let bearer = format!("Bearer {token}");
        let answer =
            crate::rig::request::request(&address, "GET", "/v1/status", &[("authorization", bearer.as_str())], "")
                .ok()?;
        let status: Value = serde_json::from_str(&answer.body).ok()?;
        (status["generation"].as_str().is_some_and(|now| now != first)).then_some(())
    });
    host.run(&["rollback"]).fine();
    assert_eq!(host.generation(), first);
    let history = host.get("/v1/history");
    let outcome = |action: &str| {
        let changes = history["changes"].as_array().cloned().unwrap_or_default();
        changes
            .iter()
            .filter(|change| change["action"] == action)
            .map(|change| change["outcome"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(outcome("tap"), ["shown"]);
    assert_eq!(outcome("apply"), ["rolled_back"]);
    assert!(host.host.stop().success());
}

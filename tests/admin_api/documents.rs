//! Documents over the API: put, deleted, guarded by tags, tried without effect; all of a set or nothing of it.

use std::fs;

use serde_json::{Value, json};

use super::{Running, document, drops, event_line, guard, json_of, line, problem, stamps};
use crate::rig::guests::stamp;

fn names(host: &Running) -> Vec<String> {
    let list = host.get("/v1/documents");
    list["documents"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|found| found["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn documents_are_put_got_changed_and_deleted() {
    let mut host = Running::api();
    let digest = host.upload(&stamp(1));
    let changed = host.apply(&[line(host.dir.path()), stamps("stamp.wasm", &digest, 7)]);
    assert_eq!(changed["live"], true);
    assert_eq!(changed["documents"]["added"].as_array().map(Vec::len), Some(4), "{changed}");
    assert_eq!(names(&host), ["stamp", "main", "out", "in"], "by kind");
    host.feed(&event_line("1"));
    assert_eq!(host.delivered(1)[0]["x1"], "1.7");

    let path = "/v1/documents/FilterPolicy/default/stamp";
    let got = host.call("GET", path, &[], "");
    let tag = got.header("etag").expect("a tag").to_owned();
    assert!(got.body.contains("x1=7"), "{}", got.body);
    let text = stamps("stamp.wasm", &digest, 8);
    problem(&host.call("PUT", path, &[("if-match", "\"0\"")], &text), 412);
    problem(&host.call("PUT", path, &[("if-none-match", "*")], &text), 412);
    json_of(&host.call("PUT", path, &[("if-match", &tag)], &text), 200);
    host.feed(&event_line("2"));
    assert_eq!(host.delivered(2)[1]["x1"], "1.8");
    problem(&host.call("PUT", path, &[("if-match", &tag)], &text), 412);
    problem(&host.call("PUT", "/v1/documents/Sink/default/stamp", &[], &text), 400);
    problem(&host.call("PUT", path, &[], format!("{text}{text}")), 400);

    json_of(&host.call("DELETE", path, &[], ""), 200);
    problem(&host.call("GET", path, &[], ""), 404);
    problem(&host.call("DELETE", path, &[], ""), 404);
    host.feed(&event_line("3"));
    assert_eq!(host.delivered(3)[2]["x1"], Value::Null);

    let generation = host.generation();
    let host = host.restart("", &["--documents-from-api"]);
    assert_eq!(host.generation(), generation, "the same after a restart");
    assert_eq!(names(&host), ["main", "out", "in"]);
    assert!(host.host.stop().success());
}

#[test]
fn a_set_that_contradicts_itself_leaves_everything_as_it_was() {
    let mut host = Running::api();
    let digest = host.upload(&stamp(1));
    host.apply(&[line(host.dir.path()), stamps("stamp.wasm", &digest, 1)]);
    let (before, documents) = (host.generation(), host.get("/v1/documents?texts=true"));
    let none = "sha256:".to_owned() + &"0".repeat(64);
    let route = |to: &str| document("Route", "main", &format!("{{from: [{{name: in}}], to: [{{sink: {to}}}]}}"));
    let sets: Vec<(Value, u16, &str)> = vec![
        (json!({"put": [route("nowhere")]}), 422, "P125"),
        (json!({"delete": [{"kind": "Sink", "namespace": "default", "name": "out"}]}), 422, "P125"),
        (json!({"put": [document("Sink", "more", "{file: {path: x}}"), route("nowhere")]}), 422, "P125"),
        (json!({"put": [stamps("stamp.wasm", &none, 2)]}), 422, "C208"),
        (json!({"put": [stamps("../../../etc/passwd", &digest, 2)]}), 422, "P"),
        (json!({"put": [stamps("/etc/passwd", &digest, 2)]}), 422, "P"),
        (
            json!({"put": [document("FilterPolicy", "p", "{phase: Validate, wasm: {module: 'file:a.wasm'}}")]}),
            422,
            "P161",
        ),
        (json!({"put": [route("out"), route("out")]}), 400, "two of the Route"),
        (
            json!({"put": [route("out")], "delete": [{"kind": "Route", "namespace": "default", "name": "main"}]}),
            400,
            "deletes it",
        ),
        (json!({"put": ["kind: Sink"]}), 400, "metadata"),
        (json!({"delete": [{"kind": "Sink", "namespace": "default", "name": "none"}]}), 404, "none"),
        (json!({"puts": []}), 400, "puts"),
    ];
    for (set, status, words) in sets {
        for query in ["", "?dryRun=true"] {
            let answer = host.call("POST", &format!("/v1/documents{query}"), &[], set.to_string());
            let found = problem(&answer, status);
            assert!(found.to_string().contains(words), "{words}: {found}");
            assert_eq!(
                (host.generation(), host.get("/v1/documents?texts=true")),
                (before.clone(), documents.clone()),
                "{set}"
            );
        }
    }
    host.feed(&event_line("1"));
    assert_eq!(host.delivered(1)[0]["x1"], "1.1", "what ran before goes on");
    assert!(host.host.stop().success());
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let host = Running::api();
    let digest = host.upload(&guard());
    host.apply(&[line(host.dir.path())]);
    let before = host.generation();
    let event = |id: &str, subject: bool| {
        let mut event = json!({"specversion": "1.0", "id": id, "source": "/s", "type": "t"});
        if subject {
            event["subject"] = "x".into();
        }
        event
    };
    let body = json!({"put": [drops(&digest)], "sample": [event("1", false), event("2", true), event("3", true)]});
    let planned = host.post("/v1/documents?dryRun=true", &body, 200);
    assert_eq!(
        (&planned["live"], &planned["documents"]["added"]),
        (&json!(false), &json!(["FilterPolicy default/guard"]))
    );
    let sample = &planned["sample"];
    assert_eq!(
        (&sample["dropped"], &sample["unchanged"], &sample["events"]),
        (&json!(2), &json!(1), &json!(3)),
        "{sample}"
    );
    assert_eq!(sample["examples"][0]["after"]["by"], "default/guard", "{sample}");
    assert_ne!(planned["generation"], json!(before));
    assert_eq!(host.generation(), before);
    assert_eq!(
        host.get("/v1/history")["changes"].as_array().map(Vec::len),
        Some(2),
        "start and the line: a dry run is no change"
    );
    assert_eq!(host.out().len(), 0, "nothing was sent");
    // What is then applied is what was planned.
    assert_eq!(host.apply(&[drops(&digest)])["generation"], planned["generation"]);
    assert!(host.host.stop().success());
}

/// Of many who write over the same tag one wins, whoever it is.
#[test]
fn of_two_who_write_at_once_one_is_refused() {
    let host = Running::api();
    host.apply(&[line(host.dir.path())]);
    for round in 0..5 {
        let tag = host.get("/v1/documents")["etag"].as_str().expect("a tag").to_owned();
        let write = |writer: usize| {
            let sink = document("Sink", "extra", &format!("{{file: {{path: x-{round}-{writer}.jsonl}}}}"));
            let set = json!({"put": [sink]}).to_string();
            host.call("POST", "/v1/documents", &[("if-match", &format!("\"{tag}\""))], set).status
        };
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let write = &write;
            let writers: Vec<_> = (0..4).map(|writer| scope.spawn(move || write(writer))).collect();
            writers.into_iter().map(|writer| writer.join().expect("a writer")).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412]);
    }
    assert!(host.host.stop().success());
}

#[test]
fn what_a_folder_owns_the_api_does_not_write() {
    let host = Running::folder();
    let before = host.generation();
    let text = document("Sink", "more", "{file: {path: x.jsonl}}");
    let answers = [
        host.call("POST", "/v1/documents", &[], json!({"put": [text]}).to_string()),
        host.call("PUT", "/v1/documents/Sink/default/more", &[], &text),
        host.call("DELETE", "/v1/documents/FilterPolicy/default/stamp", &[], ""),
    ];
    for answer in answers {
        let found = problem(&answer, 409);
        assert!(found["owner"].as_str().unwrap_or_default().contains("directory"), "{found}");
    }
    assert_eq!(host.generation(), before);
    // To see what it would do is no writing.
    let planned = host.post("/v1/documents?dryRun=true", &json!({"put": [text]}), 200);
    assert_eq!(planned["documents"]["added"], json!(["Sink default/more"]));
    assert_eq!(host.get("/v1/documents")["owner"], "directory");
    assert!(host.host.stop().success());
}

#[test]
fn conditions_say_how_far_the_newest_documents_got() {
    let host = Running::folder();
    let conditions = |host: &Running| -> Vec<(String, String)> {
        let status = host.get("/v1/status");
        let list = status["conditions"].as_array().expect("a list").clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.iter().map(|found| (text(&found["type"]), text(&found["status"]))).collect()
    };
    let with = |values: [&str; 6]| -> Vec<(String, String)> {
        let names = ["Accepted", "Resolved", "Compiled", "Verified", "Programmed", "Degraded"];
        names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect()
    };
    assert_eq!(conditions(&host), with(["True", "True", "True", "True", "True", "False"]));
    let mut host = host;
    let path = host.dir.path().join("docs/all.yaml");
    let text = fs::read_to_string(&path).expect("the documents");
    fs::write(&path, text.replace("stamp-1.wasm", "none.wasm")).expect("write");
    host.host.logged("were refused", 1);
    assert_eq!(conditions(&host), with(["True", "False", "Unknown", "Unknown", "False", "False"]));
    let history = host.get("/v1/history?limit=1");
    let last = &history["changes"][0];
    assert_eq!((&last["outcome"], &last["who"]), (&json!("refused"), &json!("directory")), "{history}");
    assert!(last["reasons"][0].as_str().unwrap_or_default().contains("C201"), "{history}");
    assert!(host.host.stop().success());
}

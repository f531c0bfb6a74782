//! What whoever posts an event is told: one outcome of the data path, one answer.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::client::{Answer, Client, free_address};
use crate::rig::docs::Docs;
use crate::rig::guests::{Guest, drops_guilty};
use crate::rig::host::{self, Host, Start};

/// Guests by name: what they do to an event with a subject.
fn put_guests(dir: &Path) {
    let put = |name: &str, guest: Guest| fs::write(dir.join("docs").join(name), guest.component()).unwrap();
    fs::create_dir(dir.join("docs")).unwrap();
    put("drop.wasm", drops_guilty());
    put("reject.wasm", Guest::filter().guilty("(local.set $code (i32.const 2))"));
    put("retry.wasm", Guest::filter().guilty("(local.set $code (i32.const 3))"));
    put("trap.wasm", Guest::filter().guilty("unreachable"));
}

/// A host that listens, with a policy for events of the type `test.NAME` for each guest, and a sink that is a file.
fn start(dir: &Path, dead_letter: &str, unmatched: &str) -> (Host, Client) {
    put_guests(dir);
    let address = free_address();
    let route = format!(
        "{{from: [{{name: in}}], to: [{{sink: out, when: {{prefix: {{type: test.}}}}}}], unmatched: {unmatched}{dead_letter}}}"
    );
    let mut docs = Docs::new()
        .doc("Source", "in", &format!("{{http: {{listen: '{address}'}}}}"))
        .doc("Sink", "out", "{file: {path: ../out.jsonl}}")
        .doc("Sink", "dlq", "{file: {path: ../dlq.jsonl}}")
        .doc("Route", "main", &route);
    for name in ["drop", "reject", "retry", "trap"] {
        docs = docs.policy(
            name,
            &format!("{name}.wasm"),
            &format!("match: [{{filters: [{{exact: {{type: test.{name}}}}}]}}]"),
        );
    }
    fs::write(dir.join("docs/all.yaml"), docs.text()).unwrap();
    let mut host = Start { args: &["--dev"], ..Start::new(dir) }.spawn();
    host.logged("host is ready", 1);
    (host, Client::new(address))
}

fn event(id: &str, ty: &str) -> String {
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/test\",\"type\":\"{ty}\",\"subject\":\"s\",\"data\":1}}"
    )
}

/// The listener opens right after the host is ready.
async fn post(client: &mut Client, event: &str) -> Answer {
    loop {
        match client.post_event(event).await {
            Ok(answer) => return answer,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

#[tokio::test]
async fn each_outcome_has_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    let (host, mut client) = start(dir.path(), "", "Reject");
    for (ty, status, words) in [
        ("test.pass", 204, ""),
        ("test.drop", 204, ""),
        ("test.reject", 422, "default/reject"),
        ("test.trap", 422, "trap"),
        ("test.retry", 503, "default/retry"),
        ("other", 422, "no target of the route wants it"),
    ] {
        let mut answer = post(&mut client, &event(ty, ty)).await;
        // Right behind an event that was given back the lane may still stand.
        while status != 503 && answer.text().contains("held behind") {
            answer = post(&mut client, &event(ty, ty)).await;
        }
        assert_eq!(answer.status.as_u16(), status, "{ty}: {}", answer.text());
        assert!(answer.text().contains(words), "{ty}: {}", answer.text());
        let problem = (status != 204).then_some("application/problem+json");
        assert_eq!(answer.content_type.as_deref(), problem, "{ty}");
        assert_eq!(answer.retry_after.is_some(), status == 503, "{ty}");
    }
    // The lane goes on behind an event that its sender was given back.
    assert_eq!(post(&mut client, &event("last", "test.pass")).await.status, 204);
    assert_eq!(host::lines(&dir.path().join("out.jsonl")), 2);
    assert!(host.stop().success());
}

#[tokio::test]
async fn what_rests_in_the_dead_letter_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let (host, mut client) = start(dir.path(), ", deadLetter: {sink: dlq}", "DeadLetter");
    for (ty, status) in
        [("test.reject", 202), ("test.trap", 202), ("other", 202), ("test.drop", 204), ("test.pass", 204)]
    {
        let answer = post(&mut client, &event(ty, ty)).await;
        assert_eq!(answer.status.as_u16(), status, "{ty}: {}", answer.text());
    }
    assert_eq!(host::lines(&dir.path().join("dlq.jsonl")), 3);
    assert!(host.stop().success());
}

#[tokio::test]
async fn a_batch_is_as_good_as_its_worst_event() {
    let dir = tempfile::tempdir().unwrap();
    let (host, mut client) = start(dir.path(), "", "Reject");
    post(&mut client, &event("first", "test.pass")).await;
    let batch = [event("a", "test.pass"), event("b", "test.reject"), event("c", "test.drop")];
    let answer = client.post_batch(&batch).await.unwrap();
    assert_eq!(answer.status.as_u16(), 422, "{}", answer.text());
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let results: Vec<(&str, u64)> = body["results"]
        .as_array()
        .unwrap_or_else(|| panic!("{body}"))
        .iter()
        .map(|result| (result["id"].as_str().unwrap(), result["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(results, [("a", 204), ("b", 422), ("c", 204)], "{body}");
    let good = [event("d", "test.pass"), event("e", "test.drop")];
    assert_eq!(client.post_batch(&good).await.unwrap().status, 204);
    assert_eq!(client.post_batch(&[]).await.unwrap().status, 204);
    assert!(host.stop().success());
}

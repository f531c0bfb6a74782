//! What each outcome, and each mistake of a client, is answered with.

use serde_json::{Value, json};

use super::raw::{Client, ask, batch, event, request};
use super::rig::{host, ids};

#[tokio::test]
async fn each_outcome_has_its_answer() {
    let host = host(json!({})).await;
    let mut client = Client::connect(host.address).await;
    for (ty, status, detail) in [
        ("deliver", 204, None),
        ("drop", 204, None),
        ("dead", 202, None),
        ("reject", 422, Some("rejected by default/judge: because")),
        ("hold", 503, Some("held by default/judge: because")),
        ("deliver", 204, None),
    ] {
        let answer = client.ask(event(ty, ty, &[])).await;
        assert_eq!(answer.status, status, "{ty}: {answer:?}");
        match detail {
            Some(detail) => assert_eq!(answer.detail(), detail),
            None => assert!(answer.body.is_empty(), "{ty}: {answer:?}"),
        }
        assert_eq!(answer.header("retry-after"), (ty == "hold").then_some("2"), "{ty}");
    }
    assert_eq!(ids(&host.seen).len(), 6);
}

#[tokio::test]
async fn a_batch_over_all_lanes_is_as_good_as_its_worst_event() {
    let host = host(json!({})).await;
    let mut client = Client::connect(host.address).await;
    for (types, status) in [
        (["deliver", "drop", "deliver"], 204),
        (["deliver", "dead", "drop"], 202),
        (["dead", "reject", "deliver"], 422),
        (["hold", "reject", "dead"], 503),
    ] {
        let names: Vec<String> = (0..30).map(|n| format!("{n}")).collect();
        // One key for each type: what is held would hold others of its key, or of its lane.
        let events: Vec<(&str, &str, &str)> =
            names.iter().enumerate().map(|(n, name)| (name.as_str(), types[n % 3], name.as_str())).collect();
        let answer = client.ask(batch(&events)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 204 {
            assert!(answer.body.is_empty());
            continue;
        }
        let body: Value = if status == 202 { serde_json::from_slice(&answer.body).unwrap() } else { answer.problem() };
        let results = body["results"].as_array().unwrap();
        assert_eq!(results.len(), events.len());
        for (n, result) in results.iter().enumerate() {
            assert_eq!((&result["index"], &result["id"]), (&json!(n), &json!(names[n])));
            let own = match types[n % 3] {
                "deliver" | "drop" => 204,
                "dead" => 202,
                "reject" => 422,
                _ => 503,
            };
            // Held events hold what is behind them in their lane.
            let possible = [json!(own), json!(if types.contains(&"hold") { 503 } else { own })];
            assert!(possible.contains(&result["status"]), "{result}");
        }
    }
    let answer = client.ask(batch(&[])).await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn mistakes_are_named() {
    let options = json!({"path": "/events", "maxBatch": 2, "maxBody": 300, "allowOrigins": ["a.example"]});
    let host = host(options).await;
    let ce = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-type", "t"), ("ce-source", "/s")];
    let with = |more: &[(&'static str, &'static str)]| [&ce[..], more].concat();
    let large = [b'x'; 301];
    let three = Value::from(vec![json!({"specversion":"1.0","id":"1","type":"t","source":"/s"}); 3]);
    let batched = [("content-type", "application/cloudevents-batch+json")];
    let cases: Vec<(Vec<u8>, u16, &str)> = vec![
        (request("POST /", &ce, ""), 404, "path"),
        (request("POST /events/", &ce, ""), 404, "path"),
        (request("POST /x/../events", &ce, ""), 404, "path"),
        (request("POST /%65vents", &ce, ""), 404, "path"),
        (request("POST //events", &ce, ""), 404, "path"),
        (request("GET /events", &[], ""), 405, "POST"),
        (request("PUT /events", &ce, ""), 405, "POST"),
        (request("CONNECT /events", &ce, ""), 405, "POST"),
        (request("POST /events", &[("content-type", "text/plain")], "x"), 415, "ce-"),
        (request("POST /events", &[("content-type", "application/cloudevents+avro")], "x"), 415, "avro"),
        (request("POST /events", &ce[1..], "x"), 400, "specversion"),
        (request("POST /events", &[("content-type", "application/cloudevents+json")], "{"), 400, "byte"),
        (request("POST /events", &batched, "[{}]"), 400, "event 0"),
        (request("POST /events", &batched, three.to_string()), 413, "maxBatch"),
        (request("POST /events", &ce, large), 413, "maxBody"),
        (request("POST /events", &with(&[("content-encoding", "br")]), "x"), 415, "`br`"),
        (request("POST /events", &with(&[("content-encoding", "gzip, gzip")]), "x"), 415, "gzip, gzip"),
        (request("POST /events", &with(&[("content-encoding", "gzip")]), "x"), 400, "gzip"),
        (request("OPTIONS /events", &[("webhook-request-origin", "a.example.evil")], ""), 403, "origin"),
        (request("OPTIONS /events", &[("webhook-request-origin", "a.exampl")], ""), 403, "origin"),
    ];
    for (bytes, status, words) in cases {
        let answer = ask(host.address, &bytes).await;
        let request = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(answer.status, status, "{request}\n{answer:?}");
        assert!(answer.detail().contains(words), "{request}\n{}", answer.detail());
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
        }
    }
    assert!(ids(&host.seen).is_empty(), "none of them is an event");
}

/// HEAD has no body to name anything in.
#[tokio::test]
async fn head_is_not_allowed_either() {
    let host = host(json!({})).await;
    let mut client = Client::connect(host.address).await;
    client.send(request("HEAD /", &[], "")).await;
    client.finish_sending().await;
    let mut bytes = Vec::new();
    client.rest(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 405 ") && text.ends_with("\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn the_handshake_grants_origins_that_are_listed_whole() {
    let listed = host(json!({"allowOrigins": ["a.example"], "rate": {"requests": 120, "per": "1m"}})).await;
    let origin = ("webhook-request-origin", "A.example");
    let answer = ask(listed.address, request("OPTIONS /", &[origin], "")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("webhook-allowed-origin"), Some("A.example"));
    assert_eq!(answer.header("webhook-allowed-rate"), Some("120"));
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));

    let any = host(json!({"allowOrigins": ["*"]})).await;
    let answer = ask(any.address, request("OPTIONS /", &[origin, ("webhook-request-rate", "5")], "")).await;
    assert_eq!(answer.header("webhook-allowed-origin"), Some("A.example"));
    assert_eq!(answer.header("webhook-allowed-rate"), Some("*"));
    let plain = ask(any.address, request("OPTIONS /", &[], "")).await;
    assert_eq!((plain.status, plain.header("webhook-allowed-origin")), (200, None));

    let none = host(json!({})).await;
    assert_eq!(ask(none.address, request("OPTIONS /", &[origin], "")).await.status, 403);
}

#[tokio::test]
async fn requests_beyond_the_rate_are_told_when() {
    let host = host(json!({"rate": {"requests": 1, "per": "60m", "burst": 2}})).await;
    let mut client = Client::connect(host.address).await;
    let statuses = [client.ask(event("1", "t", &[])).await.status, client.ask(event("2", "t", &[])).await.status];
    assert_eq!(statuses, [204, 204]);
    let answer = client.ask(event("3", "t", &[])).await;
    assert_eq!(answer.status, 429);
    assert!(answer.detail().contains("rate"));
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&after), "{after}");
    assert_eq!(ids(&host.seen), ["1", "2"]);
}

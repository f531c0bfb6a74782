//! What is wrong with a message or a place is said with the server, the subject and the sequence, and the lane goes on or holds.

use async_nats::HeaderMap;

use super::line::Line;
use crate::rig::docs::Docs;

#[test]
fn messages_that_are_no_events_rest_with_their_place() {
    let mut line = Line::new();
    line.source = "acceptHeaders: [id]";
    line.put(&line.docs());
    let outside = line.outside();
    let event = r#"{"specversion":"1.0","id":"good","source":"/t","type":"t"}"#;
    for (subject, header, payload) in [
        ("IN.a.b", None, "no event"),
        ("IN.empty", None, ""),
        ("IN.half", Some(("ce-specversion", "1.0")), ""),
        ("IN.batch", Some(("content-type", "application/cloudevents-batch+json")), "[]"),
        // Named like an attribute, it is only a header.
        ("IN.good", Some(("id", "bad")), event),
    ] {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value);
        }
        line.block_on(async {
            outside.publish_with_headers(subject, headers, payload.into()).await.unwrap().await.unwrap();
        });
    }
    let mut host = line.start();
    host.until("five messages are where they belong", || {
        (line.count("OUT") == 1 && line.count("DLQ") == 4).then_some(())
    });
    line.finish(&mut host);
    assert!(host.stop().success());
    assert_eq!(line.ids("OUT"), ["good"]);
    let url = line.server.url();
    let dead: Vec<String> = line.payloads("DLQ").iter().map(ToString::to_string).collect();
    for (dead, place) in dead.iter().zip(["IN/IN.a.b@1", "IN/IN.empty@2", "IN/IN.half@3", "IN/IN.batch@4"]) {
        assert!(dead.contains(&format!("\"tidegateorigin\":\"{url} {place}\"")), "{place}: {dead}");
    }
}

#[test]
fn what_a_server_does_not_take_rests_and_the_others_go_on() {
    let mut line = Line::new();
    let small = tidegate_brokers::nats::NatsServer::with("max_payload: 2048").unwrap();
    let (url, out) = (line.server.url(), small.url());
    let docs = Docs::new()
        .doc("Source", "in", &format!("{{nats: {{servers: ['{url}'], stream: IN, consumer: c}}}}"))
        .doc("Sink", "out", &format!("{{nats: {{servers: ['{out}'], subject: small, jetstream: false}}}}"))
        .doc("Sink", "dlq", &format!("{{nats: {{servers: ['{url}'], subject: DLQ.x}}}}"))
        .route("main", "in", "out");
    line.put(&docs);
    let event = |id: &str, length: usize| {
        let data = "x".repeat(length);
        format!("{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/t\",\"type\":\"t\",\"data\":\"{data}\"}}")
    };
    line.publish("IN.x", vec![event("a", 1), event("large", 4000), event("b", 1)]);
    let mut host = line.start();
    line.finish(&mut host);
    assert!(host.stop().success());
    let dead = line.payloads("DLQ");
    assert_eq!(dead.len(), 1);
    let text = dead[0].to_string();
    assert!(text.contains(&format!("{out} small")) && text.contains("2048"), "{text}");
    assert_eq!(dead[0]["tidegateorigin"], format!("{url} IN/IN.x@2"), "{text}");
}

#[test]
fn places_that_are_not_there_are_named_and_hold_the_lane() {
    let guarded = tidegate_brokers::nats::NatsServer::with("authorization { token: right }").unwrap();
    for (source, out, said) in [
        ("stream: NONE", "subject: OUT.x", "stream not found"),
        ("stream: IN", "subject: nowhere.x", "no stream takes this subject"),
        ("stream: IN", "subject: OUT.x, auth: {token: {secret: {file: token}}}", "authorization violation"),
    ] {
        let mut line = Line::new();
        let url = line.server.url();
        let to = if out.contains("auth") { guarded.url() } else { url.clone() };
        std::fs::write(line.dir.path().join("docs/token"), "wrong").unwrap();
        let docs = Docs::new()
            .doc("Source", "in", &format!("{{nats: {{servers: ['{url}'], {source}, consumer: c}}}}"))
            .doc("Sink", "out", &format!("{{nats: {{servers: ['{to}'], {out}}}, retry: {{maxDelay: 200ms}}}}"))
            .doc("Sink", "dlq", &format!("{{nats: {{servers: ['{url}'], subject: DLQ.x}}}}"))
            .route("main", "in", "out");
        line.put(&docs);
        line.produce(10);
        let mut host = line.spawn();
        host.logged(said, 1);
        let place = if said.contains("stream not") { format!("{url} NONE/c") } else { to };
        let log = host.log();
        // Of a sink that is in trouble the first message that waits for it is told, too.
        let first = if said.contains("stream not") { "" } else { "stream IN, sequence 1" };
        let named = |line: &str| [said, &place, first].iter().all(|words| line.contains(words));
        assert!(log.lines().any(named), "{place}\n{log}");
        assert!(host.alive());
        assert_eq!((line.count("OUT"), line.count("DLQ")), (0, 0), "it is held, not lost");
    }
}

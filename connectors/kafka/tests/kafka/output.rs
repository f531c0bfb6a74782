//! What is written: messages, keys, topics, and what a broker does not take.

use serde_json::{Value, json};
use tidegate_brokers::kafka::clients::Record;
use tidegate_brokers::kafka::{PASSWORD, USER};
use tidegate_connector::{Connector as _, DESTINATION, Place, Sent, Sink, SinkOptions, TRACEPARENT, WriteError};
use tidegate_connector_kafka::Kafka;
use tidegate_event::{Event, Form};

use crate::rig::{self, broker, soon, unique};

fn order(id: &str) -> Event {
    let event = Event::builder().id(id).source("/shop").ty("order").subject("ada").time("2026-01-02T03:04:05Z");
    let event = event.datacontenttype("application/json").data(Form::Json, "{\"n\":1}");
    event.extension("partitionkey", tidegate_event::Value::String("k1".into())).build().unwrap()
}

fn bare(id: &str) -> Event {
    Event::builder().id(id).source("/shop").ty("order").build().unwrap()
}

/// Sends them as one group to a sink of `config`; what became of them.
async fn send(topic: &str, more: &Value, events: Vec<Event>) -> Sent {
    let sink = Sink::start("out", rig::writer(topic, more), SinkOptions::default());
    let sent = soon("a receipt", sink.send(events).await.wait()).await;
    sink.close().await;
    sent
}

/// The one message that an event becomes.
async fn message(more: &Value, event: Event) -> Record {
    let topic = rig::topic("message", 1);
    assert!(send(&topic, more, vec![event]).await.all_durable());
    let records = broker().read(&topic);
    assert_eq!(records.len(), 1);
    records.into_iter().next().unwrap()
}

#[tokio::test]
async fn binary_messages_are_what_the_binding_says() {
    let event = order("1").with_context(&[("header.x-tenant", "eu"), ("header.cookie", "no"), ("topic", "in")]);
    let record = message(&json!({"passHeaders": ["X-Tenant", "absent"]}), event).await;
    let expected = Record::new("{\"n\":1}")
        .key("k1")
        .partition(0)
        .header("ce_specversion", "1.0")
        .header("ce_id", "1")
        .header("ce_source", "/shop")
        .header("ce_type", "order")
        .header("ce_subject", "ada")
        .header("ce_time", "2026-01-02T03:04:05Z")
        .header("ce_partitionkey", "k1")
        .header("content-type", "application/json")
        .header("x-tenant", "eu");
    assert_eq!(record, expected);
}

#[tokio::test]
async fn the_trace_of_an_event_goes_as_its_extension_and_no_hop_is_made_of_it() {
    let event = bare("1").with_extensions(&[("traceparent", "own"), ("tracestate", "a=1")]).unwrap();
    let record = message(&json!({}), event.with_context(&[(TRACEPARENT, "span")])).await;
    let named =
        |name: &str| record.headers.iter().filter(|(known, _)| known.contains(name)).cloned().collect::<Vec<_>>();
    let value = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(named("traceparent"), [("ce_traceparent".to_owned(), value("own"))]);
    assert_eq!(named("tracestate"), [("ce_tracestate".to_owned(), value("a=1"))]);
}

#[tokio::test]
async fn an_event_without_data_is_a_tombstone_and_empty_data_is_none() {
    assert_eq!(message(&json!({}), bare("1")).await.value, None);
    let empty = Event::builder().id("1").source("/s").ty("t").data(Form::Binary, "").build().unwrap();
    assert_eq!(message(&json!({}), empty).await.value, Some(Vec::new()));
}

#[tokio::test]
async fn structured_messages_are_whole_and_so_is_an_event_that_carries_another() {
    let record = message(&json!({"mode": "structured"}), order("1")).await;
    assert_eq!(record.headers, [("content-type".to_owned(), Some(b"application/cloudevents+json".to_vec()))]);
    assert_eq!(rig::event(&record), order("1"));
    let carrier = Event::builder().id("1").source("/s").ty("t").datacontenttype("application/cloudevents+json");
    let carrier = carrier.data(Form::Json, "{\"specversion\":\"1.0\"}").build().unwrap();
    assert_eq!(rig::event(&message(&json!({}), carrier.clone()).await), carrier);
}

#[tokio::test]
async fn keys_come_from_where_they_should() {
    for (more, context, expected) in [
        (json!({}), &[][..], Some("k1")),
        (json!({}), &[("key", "of the message")], Some("of the message")),
        (json!({"key": "subject"}), &[("key", "of the message")], Some("ada")),
        (json!({"key": "absent"}), &[], None),
    ] {
        let record = message(&more, order("1").with_context(context)).await;
        assert_eq!(record.key.as_deref(), expected.map(str::as_bytes), "{more} {context:?}");
    }
}

#[tokio::test]
async fn a_routes_topic_goes_before_the_sinks_own() {
    let (own, other, missing) = (rig::topic("own", 1), rig::topic("other", 1), unique("missing"));
    let to = |id: &str, topic: &str| bare(id).with_context(&[(DESTINATION, topic)]);
    let events = vec![bare("1"), to("2", &other), to("3", &missing), to("4", "no topic"), to("5", &other), bare("6")];
    let sent = send(&own, &json!({}), events).await;
    let refused: Vec<(usize, String)> = sent.refused.iter().map(|(at, why)| (*at, why.to_string())).collect();
    let broker_name = broker().plain();
    assert_eq!(refused.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [2, 3], "{refused:?}");
    assert!(refused[0].1.starts_with(&format!("{broker_name}: topic {missing}: ")), "{refused:?}");
    assert!(refused[1].1.contains("`no topic` is no name of a topic"), "{refused:?}");
    let ids = |topic: &str| {
        let records = broker().read(topic);
        records.iter().map(|record| rig::event(record).id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((ids(&own), ids(&other)), (vec!["1".into(), "6".into()], vec!["2".into(), "5".into()]));
}

#[tokio::test]
async fn without_any_topic_an_event_is_refused() {
    let place = Place { base_dir: "".as_ref(), state_dir: "".as_ref() };
    let mut writer = Kafka.open_sink("ns/out", &json!({"brokers": [broker().plain()]}), &place).unwrap();
    let error = writer.write(&[bare("1")]).await.unwrap_err();
    assert!(
        matches!(&error, WriteError::Permanent { index: 0, .. }) && error.to_string().contains("no topic"),
        "{error}"
    );
}

/// Librdkafka makes one batch of all; the broker refuses it as a whole.
#[tokio::test]
async fn what_a_topic_finds_too_large_is_refused_alone() {
    let topic = unique("small");
    broker().topic_with(&topic, 1, &[("max.message.bytes", "3000")]);
    let event = |number: usize| {
        let data = if number == 7 { 5000 } else { 500 };
        let event = Event::builder().id(&number.to_string()).source("/s").ty("t");
        event.data(Form::Text, "x".repeat(data)).build().unwrap()
    };
    let sent = send(&topic, &json!({"linger": "20ms"}), (0..20).map(event).collect()).await;
    assert_eq!(sent.refused.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [7], "{:?}", sent.refused);
    let written: Vec<Event> = broker().read(&topic).iter().map(rig::event).collect();
    let expected: Vec<String> = (0..20).filter(|number| *number != 7).map(|number| number.to_string()).collect();
    assert_eq!(rig::ids(&written), expected);
}

/// A certificate that signed itself.
fn stranger(folder: &std::path::Path) -> Value {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["ada".to_owned()]).unwrap().self_signed(&key).unwrap();
    let paths = ["stranger.pem", "stranger.key"].map(|name| folder.join(name));
    std::fs::write(&paths[0], certificate.pem()).unwrap();
    std::fs::write(&paths[1], key.serialize_pem()).unwrap();
    json!({"certificate": paths[0], "key": paths[1]})
}

#[tokio::test]
async fn brokers_are_met_with_passwords_and_tls_and_wrong_ones_are_told() {
    let kafka = broker();
    let sasl = |mechanism: &str, file: &std::path::Path| json!({"mechanism": mechanism, "username": USER, "password": {"secret": {"file": file}}});
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    std::fs::write(&right, PASSWORD).unwrap();
    std::fs::write(&wrong, "wrong").unwrap();
    let [certificate, key] = kafka.client_certificate();
    let (ours, stranger) = (json!({"certificate": certificate, "key": key}), stranger(folder.path()));
    let ok: Result<(), &str> = Ok(());
    for (more, expected) in [
        (json!({"brokers": [kafka.sasl()], "sasl": sasl("scram-sha-256", &right)}), ok),
        (json!({"brokers": [kafka.sasl()], "sasl": sasl("scram-sha-512", &right)}), ok),
        (json!({"brokers": [kafka.sasl()], "sasl": sasl("plain", &right)}), ok),
        (json!({"brokers": [kafka.tls()], "tls": {"ca": kafka.ca()}}), ok),
        (json!({"brokers": [kafka.mutual_tls()], "tls": {"ca": kafka.ca(), "clientCertificate": ours}}), ok),
        (json!({"brokers": [kafka.sasl_tls()], "tls": {"ca": kafka.ca()}, "sasl": sasl("plain", &right)}), ok),
        (json!({"brokers": [kafka.sasl_tls()], "tls": {"ca": kafka.ca()}, "sasl": sasl("scram-sha-512", &right)}), ok),
        (
            json!({"brokers": [kafka.sasl_tls()], "tls": {"ca": kafka.ca()}, "sasl": sasl("plain", &wrong)}),
            Err("uthentication"),
        ),
        (json!({"brokers": [kafka.mutual_tls()], "tls": {"ca": kafka.ca()}}), Err("certificate")),
        (
            json!({"brokers": [kafka.mutual_tls()], "tls": {"ca": kafka.ca(), "clientCertificate": stranger}}),
            Err("certificate"),
        ),
        (json!({"brokers": [kafka.sasl()], "sasl": sasl("scram-sha-512", &wrong)}), Err("uthentication")),
        (json!({"brokers": [kafka.sasl()], "sasl": sasl("plain", &folder.path().join("none"))}), Err("No such file")),
        (json!({"brokers": [kafka.tls()], "tls": {}}), Err("certificate")),
        (json!({"brokers": ["127.0.0.1:1"]}), Err("127.0.0.1:1")),
    ] {
        let topic = rig::topic("met", 1);
        let mut writer = rig::writer(&topic, &{
            let mut more = more.clone();
            more["timeout"] = json!(if expected.is_ok() { "30s" } else { "2s" });
            more
        });
        let written = soon("an answer", writer.write(&[order("1")])).await;
        match (written, expected) {
            (Ok(()), Ok(())) => assert_eq!(kafka.count(&topic), 1, "{more}"),
            (Err(error @ WriteError::Transient { written: 0, .. }), Err(words)) => {
                let (error, broker) = (error.to_string(), more["brokers"][0].as_str().unwrap());
                assert!(error.contains(words) && error.contains(broker), "{more}: {error}");
                assert!(!error.contains("wrong"), "what the password is, nobody is told: {error}");
            }
            (written, _) => panic!("{more}: {written:?}"),
        }
        if expected.is_ok() {
            let mut source = rig::source(&topic, &topic, &more);
            let mut lane = rig::lane(&mut source).await;
            assert_eq!(rig::ids(&rig::take(&mut lane, 1).await), ["1"], "{more}");
        }
    }
}

#[tokio::test]
async fn what_was_written_can_be_read_back() {
    let topic = rig::topic("back", 3);
    let events: Vec<Event> = (0..3000)
        .map(|number| {
            let key = tidegate_event::Value::String(format!("k{}", number % 9).into());
            Event::builder()
                .id(&number.to_string())
                .source("/s")
                .ty("t")
                .extension("partitionkey", key)
                .build()
                .unwrap()
        })
        .collect();
    assert!(send(&topic, &json!({}), events.clone()).await.all_durable());
    broker().write(&topic, [Record::new("no event").partition(1)]);
    let place = Place { base_dir: "".as_ref(), state_dir: "".as_ref() };
    let config = json!({"brokers": [broker().plain()], "topic": topic});
    for _ in 0..2 {
        let mut back = Kafka.read_back("ns/out", &config, &place).unwrap();
        let mut found = Vec::new();
        let mut odd = Vec::new();
        while let Some(records) = soon("records", back.next()).await.unwrap() {
            assert!(!records.is_empty());
            for record in records {
                match record.message {
                    Ok(event) => found.push((event, record.lane, record.position)),
                    Err(problem) => odd.push((record.lane.to_string(), problem.message)),
                }
            }
        }
        assert_eq!(odd, [(format!("{topic}/1"), "no event".into())]);
        for lane in 0..3 {
            let name = format!("{topic}/{lane}");
            let positions: Vec<u64> = found.iter().filter(|(_, lane, _)| **lane == *name).map(|at| at.2).collect();
            assert!(positions.is_sorted() && !positions.is_empty(), "{name}");
        }
        found.sort_by_key(|(event, ..)| event.id().parse::<usize>().unwrap());
        assert!(found.iter().map(|(event, ..)| event).eq(&events));
    }
}

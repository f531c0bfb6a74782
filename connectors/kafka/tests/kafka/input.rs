//! What is read: both modes, keys, headers, envelopes, and messages that are none of it.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_brokers::kafka::clients::Record;
use tidegate_connector::{Connector as _, Place, Settled};
use tidegate_connector_kafka::Kafka;
use tidegate_event::{Event, Form};

use crate::rig::{self, broker, soon, unique};

fn event(data: Option<&str>) -> Event {
    let event = Event::builder().id("1").source("/shop").ty("order");
    match data {
        Some(data) => event.datacontenttype("application/json").data(Form::Json, data.to_owned()).build().unwrap(),
        None => event.build().unwrap(),
    }
}

fn binary(value: Option<&str>) -> Record {
    let record = Record::new(value.unwrap_or_default());
    let record = Record { value: value.map(|value| value.as_bytes().to_vec()), ..record };
    record.header("ce_specversion", "1.0").header("ce_id", "1").header("ce_source", "/shop").header("ce_type", "order")
}

/// What one message is read as: an event, or place and problem.
async fn read(more: &Value, record: Record) -> Result<Event, (String, String)> {
    let topic = rig::topic("read", 1);
    broker().write(&topic, [record]);
    let mut source = rig::source(&topic, &topic, more);
    let mut lane = rig::lane(&mut source).await;
    assert_eq!(lane.name(), format!("{topic}/0"));
    let mut delivery = rig::delivery(&mut lane).await;
    delivery.settlement.settle(Settled::Ack).await.unwrap();
    lane.close().await.unwrap();
    assert_eq!(broker().committed(&topic, &topic, 0), Some(1));
    match (delivery.events.pop(), delivery.malformed.pop()) {
        (Some(event), None) => Ok(event),
        (None, Some(malformed)) => {
            let place = format!("{topic}/0@0 of {}", broker().plain());
            assert_eq!(malformed.place, place);
            Err((String::from_utf8(malformed.message.to_vec()).unwrap(), malformed.problem))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_are_read_in_both_modes_with_their_context() {
    let json = "application/json";
    for (record, expected) in [
        (rig::structured(&event(Some("{\"n\":1}"))), event(Some("{\"n\":1}"))),
        (binary(Some("{\"n\":1}")).header("content-type", json), event(Some("{\"n\":1}"))),
        (binary(None), event(None)),
    ] {
        let record = record.key("k").header("x-tenant", "eu").header("X-Tenant", "us").header("cookie", "no");
        let read = read(&json!({"acceptHeaders": ["x-tenant"]}), record).await.unwrap();
        assert_eq!(read, expected);
        let contexts: Vec<(&str, &str)> = read.contexts().filter(|(name, _)| *name != "topic").collect();
        assert_eq!(contexts, [("key", "k"), ("partition", "0"), ("offset", "0"), ("header.x-tenant", "us")]);
    }
    let odd = read(&json!({}), binary(None).key(b"\xff%k".to_vec())).await.unwrap();
    assert_eq!(odd.context("key"), Some("%FF%25k"));
    let none = read(&json!({}), binary(None)).await.unwrap();
    assert_eq!(none.context("key"), None);
}

#[tokio::test]
async fn the_trace_of_an_event_is_not_that_of_its_message() {
    let hop = binary(None).header("traceparent", "hop");
    assert_eq!(read(&json!({}), hop.clone()).await.unwrap().attribute("traceparent"), None);
    let both = read(&json!({}), hop.header("ce_traceparent", "own")).await.unwrap();
    assert_eq!(both.attribute("traceparent").as_deref(), Some("own"));
}

#[tokio::test]
async fn a_key_becomes_an_attribute_only_where_it_is_asked_for_and_none_is_there() {
    let ours = |record: Record| async move { read(&json!({"key": "partitionkey"}), record).await.unwrap() };
    let with = |event: Event| event.attribute("partitionkey").map(std::borrow::Cow::into_owned);
    assert_eq!(with(read(&json!({}), binary(None).key("k")).await.unwrap()), None, "an event is read as it was sent");
    assert_eq!(with(ours(binary(None).key("k")).await).as_deref(), Some("k"));
    assert_eq!(with(ours(rig::structured(&event(Some("{}"))).key("k")).await).as_deref(), Some("k"));
    assert_eq!(with(ours(binary(None)).await), None);
    assert_eq!(with(ours(binary(None).key("k").header("ce_partitionkey", "own")).await).as_deref(), Some("own"));
    let odd = ours(binary(None).key("a\nb")).await;
    assert_eq!((odd.context("key"), with(odd.clone())), (Some("a\nb"), None), "no attribute has a line break");
}

#[tokio::test]
async fn events_know_where_they_stand_until_they_are_settled() {
    let topic = rig::topic("places", 1);
    broker().write(&topic, (0..3).map(|_| rig::structured(&event(None))));
    let mut source = rig::source(&topic, &topic, &json!({}));
    let mut lane = rig::lane(&mut source).await;
    let mut seen = 0;
    while seen < 3 {
        let delivery = rig::delivery(&mut lane).await;
        for at in 0..delivery.events.len() {
            let place = format!("{topic}/0@{} of {}", seen + at, broker().plain());
            assert_eq!(delivery.settlement.place(at), Some(place));
        }
        seen += delivery.events.len();
        assert_eq!(delivery.settlement.place(delivery.events.len()), None);
        delivery.settlement.settle(Settled::Ack).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_is_no_event_is_told_with_its_place() {
    for (more, record, problem) in [
        (json!({}), Record::new("x"), "no CloudEvent"),
        (json!({}), Record::new("x").header("ce_specversion", "1.0"), "`id`"),
        (json!({}), binary(Some("x")).header("ce_id", "2"), "`id`"),
        (json!({}), binary(Some("x")).header("ce_subject", b"\xff".to_vec()), "header `ce_subject` is not UTF-8"),
        (json!({}), binary(Some("x")).header("ce_datacontenttype", "text/plain"), "header `ce_datacontenttype`"),
        (json!({}), binary(Some("x")).header("content-type", "a").header("content-type", "b"), "given twice"),
        (json!({}), Record::new("{").header("content-type", "application/cloudevents+json"), "byte"),
        (json!({}), Record::new("[]").header("content-type", "application/cloudevents-batch+json"), "no batched mode"),
        (json!({}), Record::new("x").header("content-type", "application/cloudevents+avro"), "not supported"),
        (
            json!({}),
            Record::new("{}").header("content-type", "application/cloudevents+json; charset=utf-16"),
            "`utf-16`",
        ),
        (
            json!({"acceptHeaders": ["x-tenant"]}),
            binary(Some("x")).header("x-tenant", b"\xff".to_vec()),
            "header `x-tenant` is not UTF-8",
        ),
        (json!({"envelope": {"type": "t", "source": "s"}}), Record::new("no json"), "JSON"),
    ] {
        let value = String::from_utf8(record.value.clone().unwrap()).unwrap();
        let (message, told) = read(&more, record.clone()).await.unwrap_err();
        assert!(message == value && told.contains(problem), "{record:?}: {told}");
    }
    let tombstone = Record { value: None, ..Record::new("") };
    let (message, told) = read(&json!({"envelope": {"type": "t", "source": "s"}}), tombstone).await.unwrap_err();
    assert!(message.is_empty() && told.contains("tombstone"), "{told}");
}

#[tokio::test]
async fn an_envelope_knows_where_a_message_comes_from() {
    let envelope = json!({"envelope": {
        "type": "legacy.order", "source": "/kafka/${partition}", "subject": "${data.customer}",
        "extensions": {"partitionkey": "${key}"},
    }});
    let read = read(&envelope, Record::new("{\"customer\":\"ada\"}").key("k9")).await.unwrap();
    assert_eq!((read.ty(), read.source(), read.subject()), ("legacy.order", "/kafka/0", Some("ada")));
    assert_eq!(read.attribute("partitionkey").as_deref(), Some("k9"));
    assert_eq!(read.id(), format!("{}-0-0", read.context("topic").unwrap()));
    assert_eq!(read.data().unwrap().bytes, b"{\"customer\":\"ada\"}");
}

/// More than a batch may have, in messages of all sizes.
#[tokio::test]
async fn large_messages_come_whole_and_in_order() {
    let topic = rig::topic("large", 1);
    let sizes = [10, 900_000, 900_000, 5, 900_000, 900_000, 900_000, 7, 900_000, 3];
    let record = |(number, size): (usize, &usize)| {
        let event = Event::builder().id(&number.to_string()).source("/s").ty("t");
        rig::structured(&event.data(Form::Text, "x".repeat(*size)).build().unwrap())
    };
    broker().write(&topic, sizes.iter().enumerate().map(record));
    let mut source = rig::source(&topic, &topic, &json!({"prefetch": "64Ki"}));
    let mut lane = rig::lane(&mut source).await;
    let events = rig::take(&mut lane, sizes.len()).await;
    let lengths: Vec<usize> = events.iter().map(|event| event.data().unwrap().bytes.len()).collect();
    assert_eq!(lengths, sizes);
    lane.close().await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_told_and_tried_again() {
    let missing = unique("missing");
    for (topic, more, words) in [
        (missing.as_str(), json!({}), missing.as_str()),
        ("any", json!({"brokers": ["127.0.0.1:1"]}), "127.0.0.1:1"),
        ("any", json!({"brokers": [broker().tls()], "tls": {"ca": "none.pem"}}), "none.pem: No such file"),
        (
            "any",
            json!({"brokers": [broker().sasl()], "sasl": {"mechanism": "plain", "username": "ada",
            "password": {"secret": {"env": "PATH"}}}}),
            "uthentication",
        ),
    ] {
        let mut source = rig::source(topic, "ns.in", &more);
        let error = soon(words, async {
            loop {
                match source.lane().await {
                    Ok(_) => panic!("{topic}: a lane"),
                    Err(error) if error.to_string().contains(words) => break error,
                    Err(error) => println!("{error}"),
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        assert!(matches!(error, tidegate_connector::SourceError::Transient { .. }), "{error}");
    }
    // It is made while the source waits for it.
    let mut source = rig::source(&missing, &missing, &json!({}));
    soon("trouble", source.lane()).await.err().unwrap();
    broker().topic(&missing, 1);
    broker().write(&missing, [rig::structured(&event(None))]);
    drop(source);
    let mut source = rig::source(&missing, &missing, &json!({}));
    let mut lane = rig::lane(&mut source).await;
    assert_eq!(rig::take(&mut lane, 1).await.len(), 1);
}

#[test]
fn configurations_are_checked_whole() {
    let source = |config: Value| problems(Kafka.check_source(&config));
    let sink = |config: Value| problems(Kafka.check_sink(&config));
    let no_problems: [&str; 0] = [];
    assert_eq!(source(json!({"brokers": ["a:9092", "[::1]:9092"], "topics": ["a.*", "b"]})), no_problems);
    assert_eq!(sink(json!({"brokers": ["a:9092"]})), no_problems);
    assert_eq!(
        source(json!({
            "brokers": ["a", "http://b:1", "c:0"], "topics": ["a*", ""], "group": "", "sessionTimeout": "1ms",
            "drainTimeout": "11m", "commitInterval": "2m", "prefetch": "1Ki",
            "sasl": {"mechanism": "plain", "username": "", "password": {"secret": {}}},
            "acceptHeaders": ["ce_id"], "envelope": {"type": "", "source": "s"}, "key": "subject",
        })),
        [
            "/brokers/0: `a` is no address",
            "/brokers/1: `http://b:1` is no address",
            "/brokers/2: `c:0` is no address",
            "/sasl/mechanism: `plain` sends the password readable to everybody",
            "/sasl/username: must not be empty",
            "/sasl/password/secret: a secret needs `file` or `env`",
            "/topics/0: `a*` has `*` within a word, or `>` before the end: they stand for whole words",
            "/topics/1: `` is no name of a topic",
            "/group: must be 1 to 249 bytes",
            "/sessionTimeout: must be between 100ms and 30m",
            "/drainTimeout: must be between 100ms and 10m",
            "/commitInterval: must be between 10ms and 1m",
            "/prefetch: must be between 64Ki and 256Mi",
            "/envelope/type: must not be empty",
            "/acceptHeaders/0: `ce_id` belongs to the event itself",
            "/key: is no name of an extension, as `partitionkey` is",
        ]
    );
    assert_eq!(
        sink(json!({
            "brokers": [], "topic": "a.*", "key": "Key", "passHeaders": ["content-type"], "linger": "2s",
            "timeout": "10ms", "maxMessageBytes": 1,
        })),
        [
            "/brokers: must be 1 to 64 addresses",
            "/topic: is no name of a topic: letters, digits, `.`, `_` and `-` only",
            "/key: is no name of an attribute: lower-case letters and digits only",
            "/passHeaders/0: `content-type` belongs to the event itself",
            "/linger: must be between 0ms and 1s",
            "/timeout: must be between 1s and 10m",
            "/maxMessageBytes: must be between 1Ki and 256Mi",
        ]
    );
    let place = Place { base_dir: "".as_ref(), state_dir: "".as_ref() };
    assert!(Kafka.open_source("ns/in", &json!({"brokers": ["a:1"], "topics": ["t"]}), &place).is_ok());
}

fn problems(checked: Result<(), Vec<tidegate_connector::ConfigError>>) -> Vec<String> {
    checked.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

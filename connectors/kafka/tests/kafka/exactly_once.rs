//! Exactly once, at the seam: what a delivery's parts and its position come to, together.

use std::path::Path;

use serde_json::{Value, json};
use tidegate_brokers::kafka::clients::Record;
use tidegate_connector::{Committed, Connector as _, Delivery, Lane, Part, Place, Refusal, Settled, Source, Writer};
use tidegate_connector_kafka::Kafka;
use tidegate_event::Event;

use crate::rig::{self, broker, ids, soon};

fn open(topic: &str, state_dir: &Path) -> Box<dyn Source> {
    let config = json!({
        "brokers": [broker().plain()], "topics": [topic], "group": topic,
        "delivery": "exactlyOnce", "transaction": {"timeout": "20s"}, "sessionTimeout": "2s",
    });
    Kafka.open_source("ns/in", &config, &Place { base_dir: Path::new(""), state_dir }).unwrap()
}

fn part(writer: &dyn Writer, events: &[Event]) -> Part {
    Part { sink: writer.participant().unwrap(), events: events.to_vec() }
}

/// Commits, and is not refused or aborted.
async fn done(delivery: &mut Delivery, parts: Vec<Part>, outcome: Settled) {
    let committed = committed(delivery, parts, outcome).await;
    assert!(matches!(committed, Committed::Done), "{committed:?}");
}

async fn committed(delivery: &mut Delivery, parts: Vec<Part>, outcome: Settled) -> Committed {
    assert!(delivery.settlement.is_transactional());
    soon("a transaction", delivery.settlement.commit(parts, outcome)).await
}

fn written(topic: &str) -> Vec<String> {
    broker().read(topic).iter().map(|record| rig::event(record).id().to_owned()).collect()
}

fn position(topic: &str) -> Option<i64> {
    broker().committed(topic, topic, 0)
}

/// A topic with so many events, its lane, and a folder for the host.
async fn filled(count: usize) -> (String, Box<dyn Source>, Box<dyn Lane>, tempfile::TempDir) {
    let topic = rig::topic("exactly", 1);
    broker().write(&topic, (0..count).map(message));
    let dir = tempfile::tempdir().unwrap();
    let mut source = open(&topic, dir.path());
    let lane = rig::lane(&mut source).await;
    (topic, source, lane, dir)
}

fn message(number: usize) -> Record {
    rig::structured(&Event::builder().id(&number.to_string()).source("/t").ty("t").build().unwrap())
}

#[tokio::test]
async fn events_of_two_sinks_and_the_position_are_there_together_or_not_at_all() {
    let (topic, _source, mut lane, _dir) = filled(3).await;
    let (out, dlq) = (rig::topic("out", 2), rig::topic("dlq", 1));
    let (to, dead) = (rig::writer(&out, &json!({})), rig::writer(&dlq, &json!({"mode": "structured"})));
    let mut delivery = rig::delivery(&mut lane).await;
    assert_eq!(ids(&delivery.events), ["0", "1", "2"]);
    let events = delivery.events.clone();
    // None of it, for one of it: nothing is seen, and no position.
    let unknown = rig::writer("exactly-nowhere", &json!({}));
    let parts = vec![part(&*to, &events[..2]), part(&*unknown, &events[2..])];
    let Committed::Refused { parts, refusals } = committed(&mut delivery, parts, Settled::Ack).await else {
        panic!("an unknown topic was written to");
    };
    assert!(
        matches!(&refusals[..], [Refusal { part: 1, event: 0, reason }] if reason.contains("exactly-nowhere")),
        "{refusals:?}"
    );
    assert_eq!(parts.iter().map(|part| part.events.len()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((written(&out).len(), position(&topic)), (0, None));
    let parts = vec![part(&*to, &events[..2]), part(&*dead, &events[2..])];
    done(&mut delivery, parts, Settled::Ack).await;
    let mut out = written(&out);
    out.sort();
    assert_eq!(
        (out, written(&dlq), position(&topic)),
        (vec!["0".to_owned(), "1".to_owned()], vec!["2".to_owned()], Some(3))
    );
    delivery.settlement.settle(Settled::Ack).await.unwrap();
}

#[tokio::test]
async fn a_position_is_that_of_the_outcome_and_needs_no_events() {
    let (topic, _source, mut lane, _dir) = filled(5).await;
    let mut delivery = rig::delivery(&mut lane).await;
    let part_of_it = Settled::Nack { events: 2, delay: std::time::Duration::ZERO };
    done(&mut delivery, Vec::new(), part_of_it).await;
    assert_eq!(position(&topic), Some(2));
    delivery.settlement.settle(part_of_it).await.unwrap();
    let mut again = rig::delivery(&mut lane).await;
    assert_eq!(ids(&again.events), ["2", "3", "4"]);
    done(&mut again, Vec::new(), Settled::Ack).await;
    assert_eq!(position(&topic), Some(5));
    again.settlement.settle(Settled::Ack).await.unwrap();
    soon("the end", lane.close()).await.unwrap();
    assert_eq!(position(&topic), Some(5));
}

#[tokio::test]
async fn what_is_large_for_a_batch_only_goes_alone() {
    let (topic, _source, mut lane, _dir) = filled(20).await;
    let small = rig::unique("small");
    broker().topic_with(&small, 1, &[("max.message.bytes", "1000")]);
    let to = rig::writer(&small, &json!({}));
    let mut delivery = rig::delivery(&mut lane).await;
    let parts = vec![part(&*to, &delivery.events)];
    done(&mut delivery, parts, Settled::Ack).await;
    assert_eq!((written(&small), position(&topic)), ((0..20).map(|n| n.to_string()).collect(), Some(20)));
    delivery.settlement.settle(Settled::Ack).await.unwrap();
}

#[tokio::test]
async fn a_host_that_comes_back_ends_what_it_had_begun() {
    let (topic, source, lane, dir) = filled(1).await;
    drop((source, lane));
    let file = std::fs::read_dir(dir.path().join("kafka")).unwrap().next().unwrap().unwrap().path();
    let name = std::fs::read_to_string(&file).unwrap();
    let mut source = open(&topic, dir.path());
    let mut lane = rig::lane(&mut source).await;
    let mut delivery = rig::delivery(&mut lane).await;
    done(&mut delivery, Vec::new(), Settled::Ack).await;
    delivery.settlement.settle(Settled::Ack).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), name);
}

#[test]
fn options_that_make_no_sense_together_are_refused() {
    let check = |more: Value| {
        let mut config = json!({"brokers": ["a:1"], "topics": ["in"]});
        rig::extend(&mut config, &more);
        let errors = Kafka.check_source(&config).err().unwrap_or_default();
        errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>()
    };
    assert_eq!(check(json!({"delivery": "exactlyOnce", "transaction": {"compression": "zstd"}})), Vec::<String>::new());
    assert_eq!(check(json!({"transaction": {}})), ["/transaction"]);
    assert_eq!(check(json!({"delivery": "exactlyOnce", "isolation": "uncommitted"})), ["/isolation"]);
    assert_eq!(check(json!({"delivery": "exactlyOnce", "commitInterval": "1s"})), ["/commitInterval"]);
    assert_eq!(check(json!({"delivery": "exactlyOnce", "transaction": {"timeout": "16m"}})), ["/transaction/timeout"]);
    assert_eq!(check(json!({"delivery": "exactlyonce"})), ["/delivery"]);
}

//! Servers that end, connections that break, waits that pass: nothing is lost, nothing overtakes, nothing settled comes again.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use serde_json::{Value, json};
use tidegate_brokers::nats::NatsServer;
use tidegate_brokers::proxy::Proxy;
use tidegate_connector::{Settled, SourceError, WriteError, Writer};
use tidegate_event::Event;

use crate::rig::{
    Client, PATIENCE, ack, drain, event, events, expected, ids, next, next_despite, open_lane, open_sink, stream_source,
};

const MANY: usize = 5000;

async fn info(outside: &Client) -> jetstream::consumer::Info {
    outside.jetstream.get_stream("S").await.unwrap().consumer_info("c").await.unwrap()
}

async fn filled(url: &str) -> Client {
    let outside = Client::to(url).await;
    outside.stream("S").await;
    outside.publish("S.x", &events(0..MANY)).await;
    outside
}

/// Its wait does not pass while a connection is being made again: what is past its wait is nobody's to acknowledge.
fn patient_source(url: &str) -> Value {
    json!({"servers": [url], "stream": "S", "consumer": "c", "ackWait": "5m"})
}

/// Reads to the end, doing something to the connection before each delivery.
async fn read_through(mut lane: Box<dyn tidegate_connector::Lane>, mut harm: impl AsyncFnMut(usize)) {
    let mut got = Vec::new();
    let mut trouble = Vec::new();
    let mut round = 0;
    while got.len() < MANY {
        let delivery = next_despite(&mut lane, &mut trouble).await;
        got.extend(ids(&delivery));
        harm(round).await;
        round += 1;
        ack(delivery).await;
    }
    assert_eq!(got, expected(0..MANY), "in order, each once; {trouble:?}");
    lane.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_and_truncated_while_reading() {
    let server = NatsServer::start().unwrap();
    let proxy = Proxy::to(server.address()).unwrap();
    let outside = filled(&server.url()).await;
    let lane = open_lane(&patient_source(&format!("nats://{}", proxy.address()))).await;
    read_through(lane, async |round| if round % 2 == 0 { proxy.cut() } else { proxy.truncate() }).await;
    assert_eq!(info(&outside).await.num_ack_pending, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_and_restarted_while_reading() {
    let mut server = NatsServer::start().unwrap();
    let url = server.url();
    drop(filled(&url).await);
    let lane = open_lane(&patient_source(&url)).await;
    read_through(lane, async |round| {
        if round < 3 {
            server.restart().unwrap();
        }
    })
    .await;
}

/// Writes all, as the framework would: again from where it failed.
async fn write_through(sink: &mut Box<dyn Writer>, events: &[Event], mut harm: impl FnMut(usize)) -> Vec<String> {
    let mut trouble = Vec::new();
    let mut rest = events;
    let mut round = 0;
    while !rest.is_empty() {
        let group = &rest[..rest.len().min(500)];
        harm(round);
        round += 1;
        let written = match tokio::time::timeout(PATIENCE, sink.write(group)).await.expect("a write in time") {
            Ok(()) => group.len(),
            Err(WriteError::Transient { written, cause, place, .. }) => {
                trouble.push(format!("{place}: {cause}"));
                written
            }
            Err(error) => panic!("{error}"),
        };
        rest = &rest[written..];
    }
    trouble
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_truncated_and_delayed_while_writing() {
    let server = NatsServer::start().unwrap();
    let proxy = Proxy::to(server.address()).unwrap();
    let outside = Client::to(&server.url()).await;
    outside.stream("S").await;
    let url = format!("nats://{}", proxy.address());
    let mut sink = open_sink(&json!({"servers": [url], "subject": "S.x", "ackTimeout": "1s"}));
    let trouble = write_through(&mut sink, &events(0..MANY), |round| match round % 4 {
        0 => proxy.cut(),
        1 => proxy.truncate(),
        2 => proxy.delay(Duration::from_millis(5)),
        _ => proxy.resume(),
    })
    .await;
    assert!(!trouble.is_empty(), "something was broken");
    assert_eq!(outside.stored_ids("S").await, expected(0..MANY), "in order, each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_answer_is_not_waited_for_for_ever() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    outside.stream("S").await;
    let mut sink = open_sink(&json!({"servers": [server.url()], "subject": "S.x", "ackTimeout": "200ms"}));
    sink.write(&events(0..1)).await.unwrap();
    server.freeze();
    let error = sink.write(&events(1..3)).await.unwrap_err();
    assert!(matches!(&error, WriteError::Transient { written: 0, place, .. } if place.ends_with(" S.x")), "{error}");
    server.thaw();
    write_through(&mut sink, &events(1..3), |_| ()).await;
    assert_eq!(outside.stored_ids("S").await, expected(0..3), "what came late is known by its message id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_was_killed_goes_on_at_once_and_in_order() {
    let server = NatsServer::start().unwrap();
    let outside = filled(&server.url()).await;
    let config = json!({"servers": [server.url()], "stream": "S", "consumer": "c", "ackWait": "10m"});
    let mut lane = open_lane(&config).await;
    let first = next(&mut lane).await;
    let settled = first.events.len();
    ack(first).await;
    let held = next(&mut lane).await;
    while info(&outside).await.ack_floor.stream_sequence < settled as u64 {
        tokio::task::yield_now().await;
    }
    // Nothing is settled or given back: as after kill -9.
    std::mem::forget(held);
    drop(lane);
    let mut lane = open_lane(&config).await;
    assert_eq!(drain(&mut lane, MANY - settled).await, expected(settled..MANY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_for_longer_than_the_wait_stays_ours() {
    let server = NatsServer::start().unwrap();
    let outside = filled(&server.url()).await;
    let config = json!({"servers": [server.url()], "stream": "S", "consumer": "c", "ackWait": "2s"});
    let mut lane = open_lane(&config).await;
    let first = next(&mut lane).await;
    // Longer than the wait: the server gives back what it hears nothing of.
    tokio::time::sleep(Duration::from_millis(5000)).await;
    let mut got = ids(&first);
    ack(first).await;
    let rest = MANY - got.len();
    got.extend(drain(&mut lane, rest).await);
    assert_eq!(got, expected(0..MANY));
    lane.close().await.unwrap();
    let info = info(&outside).await;
    assert_eq!(info.num_ack_pending, 0);
    // More than a thousand were held; on a machine with much to do some of them may have waited too long.
    let again = info.delivered.consumer_sequence - MANY as u64;
    assert!(again < 1000, "{again} were sent again");
}

/// A host that slept (or a network that did) must not settle what was given to another since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_past_the_wait_is_not_sent() {
    let server = NatsServer::start().unwrap();
    let proxy = Proxy::to(server.address()).unwrap();
    let outside = filled(&server.url()).await;
    let url = format!("nats://{}", proxy.address());
    let mut lane = open_lane(&json!({"servers": [url], "stream": "S", "consumer": "c", "ackWait": "1s"})).await;
    let first = next(&mut lane).await;
    let count = first.events.len();
    proxy.stall();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    ack(first).await;
    proxy.cut();
    proxy.resume();
    assert_eq!(drain(&mut lane, MANY - count).await, expected(count..MANY), "settled here, so not delivered again");
    lane.close().await.unwrap();
    assert_eq!(info(&outside).await.num_ack_pending, 0, "and acknowledged when it came again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_reader_of_a_consumer_waits_until_the_first_is_gone() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    outside.stream("S").await;
    outside.publish("S.x", &events(0..10)).await;
    let config = stream_source(&server.url(), "S");
    let mut first = open_lane(&config).await;
    assert_eq!(drain(&mut first, 10).await, expected(0..10));
    let mut second = open_lane(&config).await;
    let error = second.next().await.unwrap_err();
    let SourceError::Transient { place, cause } = &error else { panic!("{error:?}") };
    assert_eq!(*place, format!("{} S/c", server.url()));
    assert!(cause.contains("another reader"), "{cause}");
    first.close().await.unwrap();
    outside.publish("S.x", &events(10..20)).await;
    assert_eq!(drain(&mut second, 10).await, expected(10..20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_nacks_keep_the_order() {
    let server = NatsServer::start().unwrap();
    let outside = filled(&server.url()).await;
    let config = json!({"servers": [server.url()], "stream": "S", "consumer": "c"});
    let mut lane = open_lane(&config).await;
    let mut got = Vec::new();
    let mut round = 0;
    while got.len() < MANY {
        let delivery = next(&mut lane).await;
        let batch = ids(&delivery);
        round += 1;
        if round % 2 == 0 {
            let events = batch.len() / 3;
            let delay = Duration::from_millis(round % 5);
            // What follows is under way, as in the host's window.
            let void = next(&mut lane).await;
            delivery.settlement.settle(Settled::Nack { events, delay }).await.unwrap();
            ack(void).await;
            got.extend_from_slice(&batch[..events]);
        } else {
            got.extend(batch);
            ack(delivery).await;
        }
        if MANY - got.len() < 1500 {
            got.extend(drain(&mut lane, MANY - got.len()).await);
        }
    }
    assert_eq!(got, expected(0..MANY));
    lane.close().await.unwrap();
    assert_eq!(info(&outside).await.delivered.consumer_sequence, MANY as u64, "the server sent each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_without_a_stream_tries_again_and_one_that_is_full_too() {
    let server = NatsServer::start().unwrap();
    let outside = Client::to(&server.url()).await;
    let mut sink = open_sink(&json!({"servers": [server.url()], "subject": "S.x"}));
    let error = sink.write(&events(0..3)).await.unwrap_err();
    let WriteError::Transient { written: 0, place, cause, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*place, format!("{} S.x", server.url()));
    assert!(cause.contains("no stream"), "{cause}");
    let full = stream::Config {
        name: "S".into(),
        max_messages: 2,
        discard: stream::DiscardPolicy::New,
        max_message_size: 1000,
        ..stream::Config::default()
    };
    outside.stream_with(full.clone()).await;
    let error = sink.write(&events(0..3)).await.unwrap_err();
    assert!(matches!(&error, WriteError::Transient { written: 2, cause, .. } if cause.contains("maximum")), "{error}");
    let subjects = vec!["S".to_owned(), "S.>".to_owned()];
    outside.jetstream.update_stream(&stream::Config { max_messages: 10, subjects, ..full }).await.unwrap();
    let large = event(&"x".repeat(2000));
    let error = sink.write(&[event("e2"), large, event("e3")]).await.unwrap_err();
    assert!(matches!(&error, WriteError::Permanent { index: 1, place, .. } if place.ends_with(" S.x")), "{error:?}");
    sink.write(&[event("e3")]).await.unwrap();
    assert_eq!(outside.stored_ids("S").await, expected(0..4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_deleted_while_reading_goes_on_where_it_was() {
    let server = NatsServer::start().unwrap();
    let outside = filled(&server.url()).await;
    let mut lane = open_lane(&stream_source(&server.url(), "S")).await;
    let mut got = drain(&mut lane, MANY).await;
    outside.jetstream.get_stream("S").await.unwrap().delete_consumer("c").await.unwrap();
    outside.publish("S.x", &events(MANY..MANY + 10)).await;
    got.extend(drain(&mut lane, 10).await);
    assert_eq!(got, expected(0..MANY + 10));
}

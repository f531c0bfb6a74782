//! A CloudEvent in a response becomes an event again, and the original is done when that is settled.

use std::path::Path;
use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tidegate_connector::{Connector, Delivery, Lane, Place, Settled, Source, Writer};
use tidegate_connector_http::binding::{self, Mode};
use tidegate_connector_http::{Http, Replies};
use tidegate_event::Event;

use super::upstream::{Answer, Upstream, decoded, status};
use super::{event, events, open_with, told, with};

/// Answers each request with a reply to each of its events.
fn replying(mode: Mode) -> impl Fn(&Request<bytes::Bytes>) -> Answer + Send + Sync {
    move |request| {
        let replies: Vec<Event> = decoded(request).iter().map(|e| event(&format!("re:{}", e.id()))).collect();
        let (headers, body) = match mode {
            Mode::Batched => binding::encode_batch(&replies),
            Mode::Binary | Mode::Structured => binding::encode(&replies[0], mode),
        };
        let mut answer = status(200);
        *answer.headers_mut() = headers;
        *answer.body_mut() = body.into();
        answer
    }
}

struct Bench {
    upstream: Upstream,
    replies: Replies,
}

impl Bench {
    async fn new(mode: Mode) -> Bench {
        Bench { upstream: Upstream::start(replying(mode)).await, replies: Replies::default() }
    }

    fn sink(&self, more: Value) -> Box<dyn Writer> {
        let config = with(with(self.upstream.config(), json!({"replies": {"source": "answers"}})), more);
        open_with(&Http::with_replies(self.replies.hub()), &config, Path::new("."))
    }

    fn source(&self) -> Box<dyn Source> {
        let place = Place { base_dir: Path::new("."), state_dir: Path::new(".") };
        self.replies.open_source("ns/answers", &json!({}), &place).unwrap()
    }
}

async fn next(lane: &mut dyn Lane) -> Delivery {
    lane.next().await.unwrap().unwrap()
}

fn ids(delivery: &Delivery) -> Vec<String> {
    delivery.events.iter().map(|event| event.id().to_owned()).collect()
}

#[tokio::test]
async fn the_original_is_done_when_the_reply_is_settled() {
    for mode in [Mode::Binary, Mode::Structured, Mode::Batched] {
        let bench = Bench::new(mode).await;
        let (mut sink, mut source) = (bench.sink(json!({})), bench.source());
        let mut lane = source.lane().await.unwrap().unwrap();
        let sent = events(0..1);
        let mut write = sink.write(&sent);
        let delivery = tokio::select! {
            outcome = &mut write => panic!("done before its reply was settled: {outcome:?}"),
            delivery = next(&mut *lane) => delivery,
        };
        assert_eq!(ids(&delivery), ["re:e0"], "{mode:?}");
        assert_eq!(delivery.events[0].context("reply.sinks"), Some("ns/app"));
        assert!(futures_util::poll!(&mut write).is_pending());
        delivery.settlement.settle(Settled::Ack).await.unwrap();
        write.await.unwrap();
    }
}

#[tokio::test]
async fn a_nacked_reply_comes_again_and_the_original_waits() {
    let bench = Bench::new(Mode::Batched).await;
    let (mut sink, mut source) = (bench.sink(json!({"mode": "batched"})), bench.source());
    let mut lane = source.lane().await.unwrap().unwrap();
    let sent = events(0..4);
    let work = async {
        let first = next(&mut *lane).await;
        assert_eq!(ids(&first), ["re:e0", "re:e1", "re:e2", "re:e3"]);
        first.settlement.settle(Settled::Nack { events: 1, delay: Duration::ZERO }).await.unwrap();
        let second = next(&mut *lane).await;
        assert_eq!(ids(&second), ["re:e1", "re:e2", "re:e3"]);
        drop(second);
        let third = next(&mut *lane).await;
        assert_eq!(ids(&third), ["re:e1", "re:e2", "re:e3"], "dropped unsettled is a nack");
        third.settlement.settle(Settled::Ack).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(sink.write(&sent), work);
    outcome.unwrap();
    assert_eq!(bench.upstream.requests().len(), 1);
}

#[tokio::test]
async fn without_the_source_the_trouble_says_so() {
    let bench = Bench::new(Mode::Binary).await;
    let mut sink = bench.sink(json!({}));
    let (kind, cause) = told(sink.write(&events(0..1)).await);
    assert!(kind == "again" && cause.contains("ns/answers"), "{kind}: {cause}");
}

#[tokio::test]
async fn a_source_that_closes_leaves_the_original_to_be_sent_again() {
    let bench = Bench::new(Mode::Binary).await;
    let (mut sink, mut source) = (bench.sink(json!({})), bench.source());
    let mut lane = source.lane().await.unwrap().unwrap();
    let sent = events(0..1);
    let leave = async move {
        let delivery = next(&mut *lane).await;
        drop((source, lane));
        delivery.settlement.settle(Settled::Ack).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(sink.write(&sent), leave);
    let (kind, cause) = told(outcome);
    assert!(kind == "again" && cause.contains("closed"), "{kind}: {cause}");
}

#[tokio::test]
async fn a_late_reply_is_waited_for_and_not_asked_for_again() {
    let bench = Bench::new(Mode::Binary).await;
    let mut sink = bench.sink(json!({"replies": {"source": "answers", "timeout": "50ms"}}));
    let mut source = bench.source();
    let mut lane = source.lane().await.unwrap().unwrap();
    let sent = events(0..1);
    for _ in 0..3 {
        let (kind, cause) = told(sink.write(&sent).await);
        assert!(kind == "again" && cause.contains("waits for itself"), "{kind}: {cause}");
    }
    next(&mut *lane).await.settlement.settle(Settled::Ack).await.unwrap();
    sink.write(&sent).await.unwrap();
    assert_eq!(bench.upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_reply_is_not_posted_by_the_sink_it_came_by() {
    let bench = Bench::new(Mode::Binary).await;
    let mut sink = bench.sink(json!({}));
    let came_back = event("re:e0").with_context(&[("reply.sinks", "ns/other ns/app")]);
    let (kind, cause) = told(sink.write(&[came_back]).await);
    assert!(kind == "refused" && cause.contains("leads back"), "{kind}: {cause}");
    assert!(bench.upstream.requests().is_empty());
}

#[tokio::test]
async fn other_answers_are_no_replies() {
    let upstream = Upstream::start(|_| super::upstream::with_body(200, "application/json", r#"{"ok":true}"#)).await;
    let replies = Replies::default();
    let config = with(upstream.config(), json!({"replies": {"source": "answers"}}));
    let mut sink = open_with(&Http::with_replies(replies.hub()), &config, Path::new("."));
    sink.write(&events(0..3)).await.unwrap();
}

#[tokio::test]
async fn replies_need_a_host_that_has_them() {
    let place = Place { base_dir: Path::new("."), state_dir: Path::new(".") };
    let config = json!({"url": "http://localhost:1/", "replies": {"source": "answers"}});
    let errors = Http::default().open_sink("ns/app", &config, &place).err().unwrap();
    assert_eq!(errors[0].pointer, "/replies");
    assert!(Replies::default().check_sink(&json!({})).is_err());
    assert!(Replies::default().check_source(&json!({"queue": 3})).is_err());
    Replies::default().check_source(&json!({})).unwrap();
}

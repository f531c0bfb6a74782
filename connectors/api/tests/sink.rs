//! The framework's side of a sink, against a writer that does as told: grouping, bounds, retries, order, ends.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tidegate_connector::conformance::numbered;
use tidegate_connector::{Backoff, Receipt, Refused, Sent, Sink, SinkOptions, WriteError, Writer};
use tidegate_event::Event;
use tokio::sync::Semaphore;

/// What a write does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fail(usize),
    Refuse(usize),
    Close,
    Panic,
}

/// What a writer was told and has done.
#[derive(Debug)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    written: Mutex<Vec<String>>,
    groups: Mutex<Vec<usize>>,
    closed: Mutex<bool>,
    /// One permit a write.
    gate: Semaphore,
}

struct Scripted(Arc<Script>);

impl Scripted {
    fn start(steps: impl IntoIterator<Item = Step>) -> (Arc<Script>, Box<dyn Writer>) {
        let script = Arc::new(Script {
            steps: Mutex::new(steps.into_iter().collect()),
            written: Mutex::default(),
            groups: Mutex::default(),
            closed: Mutex::default(),
            gate: Semaphore::new(0),
        });
        (script.clone(), Box::new(Scripted(script)))
    }

    fn keep(&self, events: &[Event]) {
        self.0.written.lock().unwrap().extend(events.iter().map(|event| event.id().to_owned()));
    }
}

impl Script {
    fn open(&self) {
        self.gate.add_permits(1 << 20);
    }

    fn written(&self) -> usize {
        let written = self.written.lock().unwrap();
        assert!(written.iter().zip(0..).all(|(id, number)| *id == format!("e{number}")), "out of order: {written:?}");
        written.len()
    }

    fn groups(&self) -> Vec<usize> {
        self.groups.lock().unwrap().clone()
    }
}

#[async_trait]
impl Writer for Scripted {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        self.0.gate.acquire().await.unwrap().forget();
        self.0.groups.lock().unwrap().push(events.len());
        let (place, cause) = ("there".to_owned(), "as told".to_owned());
        let step = self.0.steps.lock().unwrap().pop_front();
        match step {
            None => {
                self.keep(events);
                Ok(())
            }
            Some(Step::Fail(written)) => {
                self.keep(&events[..written]);
                Err(WriteError::Transient { written, after: None, place, cause })
            }
            Some(Step::Refuse(index)) => {
                self.keep(&events[..index]);
                Err(WriteError::Permanent { index, place, cause })
            }
            Some(Step::Close) => Err(WriteError::Closed { place, cause }),
            Some(Step::Panic) => panic!("as told"),
        }
    }

    async fn close(&mut self) -> Result<(), WriteError> {
        *self.0.closed.lock().unwrap() = true;
        Ok(())
    }
}

fn options() -> SinkOptions {
    let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(2), ..Backoff::default() };
    SinkOptions { backoff, ..SinkOptions::default() }
}

async fn send(sink: &Sink, range: std::ops::Range<usize>) -> Receipt {
    sink.send(numbered(range)).await
}

/// Sends batches of ten while the writer waits, then lets it go; the outcome of each batch.
async fn run(steps: &[Step], retries: Option<u32>, batches: usize) -> (Arc<Script>, Vec<Sent>) {
    let (script, writer) = Scripted::start(steps.iter().copied());
    let sink = Sink::start("s", writer, SinkOptions { retries, ..options() });
    let mut receipts = Vec::new();
    for batch in 0..batches {
        receipts.push(send(&sink, batch * 10..batch * 10 + 10).await);
    }
    script.open();
    let mut sent = Vec::new();
    for receipt in &mut receipts {
        sent.push(receipt.wait().await);
    }
    sink.close().await;
    (script, sent)
}

fn there(cause: &str) -> Refused {
    Refused { place: "there".to_owned(), cause: cause.to_owned() }
}

fn refused(position: usize, reason: &str) -> Sent {
    Sent { refused: vec![(position, there(reason))], closed: None }
}

#[tokio::test]
async fn what_queued_up_is_written_as_one_group() {
    let (script, writer) = Scripted::start([]);
    let sink = Sink::start("s", writer, options());
    let mut first = send(&sink, 0..1).await;
    tokio::task::yield_now().await;
    let mut rest = Vec::new();
    for batch in 0..20 {
        rest.push(send(&sink, 1 + batch * 10..11 + batch * 10).await);
    }
    script.open();
    assert!(first.wait().await.all_durable());
    for receipt in &mut rest {
        assert!(receipt.wait().await.all_durable());
    }
    assert_eq!(script.groups(), [1, 200], "the first alone, what came meanwhile together");
    assert_eq!(script.written(), 201);
}

#[tokio::test]
async fn a_transient_failure_is_retried_from_where_it_stood_and_nothing_overtakes() {
    let (script, sent) = run(&[Step::Fail(0), Step::Fail(7), Step::Fail(15), Step::Fail(0)], None, 4).await;
    assert!(sent.iter().all(Sent::all_durable), "{sent:?}");
    assert_eq!(script.written(), 40);
    assert!(*script.closed.lock().unwrap());
}

#[tokio::test]
async fn batches_that_are_durable_are_answered_while_the_rest_is_in_trouble() {
    let (script, writer) = Scripted::start([Step::Fail(10)]);
    let sink = Sink::start("s", writer, options());
    let mut first = send(&sink, 0..10).await;
    let mut second = send(&sink, 10..20).await;
    script.gate.add_permits(1);
    assert!(first.wait().await.all_durable());
    assert_eq!(second.wait().now_or_never(), None);
    assert_eq!(sink.trouble().as_deref(), Some("there: as told"));
    script.open();
    assert!(second.wait().await.all_durable());
    assert_eq!(second.wait().await, Sent::default(), "asked again");
    assert_eq!(sink.trouble(), None);
}

#[tokio::test]
async fn a_refused_event_is_named_and_those_behind_it_go_on() {
    let (script, writer) = Scripted::start([Step::Refuse(13), Step::Refuse(0)]);
    let sink = Sink::start("s", writer, options());
    let mut first = send(&sink, 0..10).await;
    let mut second = send(&sink, 10..20).await;
    script.open();
    assert!(first.wait().await.all_durable());
    let reason = || there("as told");
    assert_eq!(second.wait().await.refused, [(3, reason()), (4, reason())]);
    assert_eq!(script.written.lock().unwrap().len(), 18);
}

#[tokio::test]
async fn retries_that_run_out_refuse_the_event_in_question_only() {
    let (script, sent) = run(&[Step::Fail(4), Step::Fail(0), Step::Fail(0)], Some(2), 2).await;
    assert_eq!(sent, [refused(4, "as told (given up after 2 retries)"), Sent::default()]);
    assert_eq!(script.written.lock().unwrap().len(), 19);
    // Progress begins the count anew.
    let (_, sent) = run(&[Step::Fail(1), Step::Fail(1), Step::Fail(1), Step::Fail(1)], Some(1), 1).await;
    assert!(sent[0].all_durable(), "{sent:?}");
    // None at all: the first failure refuses.
    let (_, sent) = run(&[Step::Fail(9)], Some(0), 1).await;
    assert_eq!(sent, [refused(9, "as told (given up after 0 retries)")]);
}

#[tokio::test]
async fn a_sink_gone_for_good_acknowledges_nothing_that_was_not_durable() {
    let (script, writer) = Scripted::start([Step::Fail(10), Step::Close]);
    let sink = Sink::start("s", writer, options());
    let mut receipts = Vec::new();
    for batch in 0..3 {
        receipts.push(send(&sink, batch * 10..batch * 10 + 10).await);
    }
    script.open();
    assert!(receipts[0].wait().await.all_durable());
    for receipt in &mut receipts[1..] {
        assert_eq!(receipt.wait().await.closed.as_deref(), Some("there: as told"));
    }
    assert!(send(&sink, 30..40).await.wait().await.closed.is_some());
    assert_eq!(sink.trouble().as_deref(), Some("there: as told"));
    sink.close().await;
}

#[tokio::test]
async fn a_writer_that_panics_acknowledges_nothing() {
    let (script, writer) = Scripted::start([Step::Panic]);
    let sink = Sink::start("s", writer, options());
    let mut receipt = send(&sink, 0..10).await;
    script.open();
    assert_eq!(receipt.wait().await.closed.as_deref(), Some("the sink's writer has panicked"));
    assert!(send(&sink, 10..20).await.wait().await.closed.is_some());
    sink.close().await;
}

#[tokio::test]
async fn a_full_queue_makes_senders_wait_and_a_larger_batch_passes_alone() {
    let (script, writer) = Scripted::start([]);
    let sink = Sink::start("s", writer, SinkOptions { queue_events: 20, ..options() });
    let mut receipts = vec![send(&sink, 0..10).await, send(&sink, 10..20).await];
    assert_eq!(sink.pending_events(), 20);
    assert!(send(&sink, 20..21).now_or_never().is_none(), "full, by events");
    let large = tokio::spawn({
        let sink = sink.clone();
        async move { send(&sink, 20..120).await }
    });
    tokio::task::yield_now().await;
    assert!(!large.is_finished(), "the queue is not empty");
    script.open();
    receipts.push(large.await.unwrap());
    receipts.push(send(&sink, 120..125).await);
    for receipt in &mut receipts {
        assert!(receipt.wait().await.all_durable());
    }
    assert_eq!(script.written(), 125);
    assert!(script.groups().contains(&100), "{:?}", script.groups());
    assert_eq!(sink.pending_events(), 0);
}

#[tokio::test]
async fn a_queue_is_bounded_in_bytes_as_well() {
    let (script, writer) = Scripted::start([]);
    let bytes: usize = numbered(0..10).iter().map(Event::size).sum();
    let sink = Sink::start("s", writer, SinkOptions { queue_bytes: bytes, ..options() });
    let mut first = send(&sink, 0..10).await;
    assert!(send(&sink, 10..11).now_or_never().is_none(), "full, by bytes");
    script.open();
    assert!(first.wait().await.all_durable());
    // The call that was dropped has sent nothing and holds nothing.
    assert!(send(&sink, 10..20).await.wait().await.all_durable());
    assert_eq!(script.written(), 20);
}

#[tokio::test]
async fn the_writer_is_closed_when_the_last_handle_is_gone() {
    let (script, writer) = Scripted::start([]);
    let sink = Sink::start("s", writer, options());
    let mut receipt = send(&sink, 0..10).await;
    drop(sink);
    script.open();
    assert!(receipt.wait().await.all_durable());
    while !*script.closed.lock().unwrap() {
        tokio::task::yield_now().await;
    }
}

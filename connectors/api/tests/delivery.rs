//! How a sink is delivered to, over the clock of the tests: breaker, timeout and rate, against a writer that does as told.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_connector::conformance::numbered;
use tidegate_connector::{Backoff, BreakerOptions, RateKey, RateLimit, Sent, Sink, SinkOptions, WriteError, Writer};
use tidegate_event::Event;
use tokio::time::{Instant, sleep};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What a write does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fail,
    /// Succeeds after so long.
    Last(Duration),
    FailAfter(Duration),
}

/// The writes there were: when each began, and how many events it was given.
#[derive(Clone, Debug, Default)]
struct Writes(Arc<Mutex<Vec<(Instant, usize)>>>);

impl Writes {
    fn of(&self, start: Instant) -> Vec<(u128, usize)> {
        self.0.lock().unwrap().iter().map(|(at, count)| ((*at - start).as_millis(), *count)).collect()
    }

    fn seconds(&self, start: Instant) -> Vec<u128> {
        self.of(start).into_iter().map(|(ms, _)| ms / 1000).collect()
    }
}

struct Scripted {
    steps: VecDeque<Step>,
    writes: Writes,
}

#[async_trait]
impl Writer for Scripted {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        self.writes.0.lock().unwrap().push((Instant::now(), events.len()));
        let failed =
            || WriteError::Transient { written: 0, after: None, place: "there".into(), cause: "as told".into() };
        match self.steps.pop_front() {
            None => Ok(()),
            Some(Step::Fail) => Err(failed()),
            Some(Step::Last(time)) => {
                sleep(time).await;
                Ok(())
            }
            Some(Step::FailAfter(time)) => {
                sleep(time).await;
                Err(failed())
            }
        }
    }

    async fn close(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}

fn start(steps: impl IntoIterator<Item = Step>, options: SinkOptions) -> (Sink, Writes) {
    let writes = Writes::default();
    let writer = Scripted { steps: steps.into_iter().collect(), writes: writes.clone() };
    (Sink::start("s", Box::new(writer), options), writes)
}

fn soon() -> SinkOptions {
    let backoff = Backoff { first: MS, max: 2 * MS, jitter_percent: 0 };
    SinkOptions { backoff, ..SinkOptions::default() }
}

fn breaker(failures: u32) -> BreakerOptions {
    BreakerOptions { failures, window: 60 * SECOND, pause: 5 * SECOND }
}

#[tokio::test(start_paused = true)]
async fn after_failures_in_a_row_one_write_tries_after_each_pause() {
    let (sink, writes) = start([Step::Fail; 6], SinkOptions { breaker: breaker(3), ..soon() });
    let start = Instant::now();
    let mut receipt = sink.send(numbered(0..10)).await;
    sleep(SECOND).await;
    let trouble = sink.trouble().unwrap();
    assert_eq!(trouble, "there: as told (nothing is sent for a while after 3 failures in a row)");
    assert!(receipt.wait().await.all_durable());
    assert_eq!(writes.seconds(start), [0, 0, 0, 5, 10, 15, 20]);
    assert_eq!(sink.trouble(), None);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_uses_up_no_retries() {
    let (sink, writes) = start([Step::Fail; 4], SinkOptions { breaker: breaker(2), retries: Some(4), ..soon() });
    assert!(sink.send(numbered(0..1)).await.wait().await.all_durable());
    assert_eq!(writes.0.lock().unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn writers_of_a_sink_share_what_they_find_out() {
    let writes = Writes::default();
    let writer = |steps: usize| {
        let steps = std::iter::repeat_n(Step::Fail, steps).collect();
        Box::new(Scripted { steps, writes: writes.clone() }) as Box<dyn Writer>
    };
    let options = SinkOptions { breaker: breaker(1), ..soon() };
    let sink = Sink::start_all("s", vec![writer(1), writer(1)], options);
    let start = Instant::now();
    let keyed = |key: &str| numbered(0..1).into_iter().map(|event| event.with_context(&[("key", key)])).collect();
    let mut first = sink.send(keyed("a")).await;
    sleep(SECOND).await;
    let mut second = sink.send(keyed("b")).await;
    assert!(first.wait().await.all_durable() && second.wait().await.all_durable());
    // One fails at once; after the pause one of the two tries, and the other where that went well.
    assert_eq!(writes.seconds(start)[..2], [0, 5], "{:?}", writes.of(start));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_lasts_is_trouble_and_is_neither_cut_off_nor_repeated() {
    let (sink, writes) = start([Step::Last(10 * SECOND)], SinkOptions { timeout: Some(SECOND), ..soon() });
    let mut receipt = sink.send(numbered(0..10)).await;
    sleep(SECOND / 2).await;
    assert_eq!(sink.trouble(), None);
    sleep(SECOND).await;
    assert_eq!(sink.trouble().unwrap(), "a write takes longer than 1s, and is waited for");
    assert!(receipt.wait().await.all_durable());
    assert_eq!((writes.0.lock().unwrap().len(), sink.trouble()), (1, None));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_a_failed_try() {
    let options = SinkOptions { timeout: Some(SECOND), retries: Some(2), ..soon() };
    let (sink, _) = start([Step::FailAfter(5 * SECOND / 2)], options);
    let sent = sink.send(numbered(0..2)).await.wait().await;
    let refused: Vec<(usize, String)> = sent.refused.iter().map(|(at, why)| (*at, why.to_string())).collect();
    assert_eq!(refused, [(0, "there: as told (given up after 2 retries)".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_can_be_given_up_once_it_is_late() {
    let (sink, _) = start([Step::Last(1_000_000 * SECOND)], SinkOptions { timeout: Some(SECOND), ..soon() });
    let mut receipt = sink.send(numbered(0..2)).await;
    sink.give_up()();
    let closed = receipt.wait().await.closed.unwrap();
    assert_eq!(closed, "a write takes longer than 1s, and is waited for (given up)");
}

fn rate(events: u64) -> Option<RateLimit> {
    Some(RateLimit { events: Some(events), bytes: None, per: SECOND, key: RateKey::Sink })
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_given_no_more_than_its_rate_and_nothing_is_lost() {
    let (sink, writes) = start([], SinkOptions { rate: rate(10), ..soon() });
    let start = Instant::now();
    let mut receipts = Vec::new();
    for batch in 0..5 {
        receipts.push(sink.send(numbered(batch * 9..batch * 9 + 9)).await);
    }
    for receipt in &mut receipts {
        assert_eq!(receipt.wait().await, Sent::default());
    }
    let writes = writes.of(start);
    assert_eq!(writes.iter().map(|(_, count)| count).sum::<usize>(), 45);
    for (at, _) in &writes {
        let so_far: usize = writes.iter().take_while(|(before, _)| before <= at).map(|(_, count)| count).sum();
        // A timer of the runtime may come a millisecond late, and never early.
        assert!(so_far as u128 <= 10 + at / 100, "{so_far} events in {at} ms: {writes:?}");
    }
    assert_eq!(writes.last().unwrap().0 / 100, 35, "and no less: {writes:?}");
    assert_eq!(sink.trouble(), None, "waiting for a turn is no trouble");
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_no_event_more_for_the_rate_and_goes_with_the_same_events() {
    let (sink, writes) = start([Step::Fail; 5], SinkOptions { rate: rate(4), ..soon() });
    let start = Instant::now();
    assert!(sink.send(numbered(0..6)).await.wait().await.all_durable());
    let counts: Vec<usize> = writes.of(start).into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts, [4, 4, 4, 4, 4, 4, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_rate_goes_back_when_the_sink_is_given_up() {
    let (sink, _) = start([], SinkOptions { rate: rate(1), ..soon() });
    let mut receipt = sink.send(numbered(0..1000)).await;
    sleep(3 * SECOND).await;
    sink.give_up()();
    assert_eq!(receipt.wait().await.closed.unwrap(), "it waits for its rate (given up)");
}

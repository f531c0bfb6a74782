//! Asks a consumer for messages, and for more time for those that are held; a task of its own beside the lane.
//!
//! One session is one inbox. It ends when the connection was lost, when messages are past their time, or when something is wrong,
//! and the next begins where the server's acknowledgement floor is: the consumer is reset to it (servers from 2.14 on), so that what
//! was under way comes again in order, before anything newer. An older server cannot do that: there the reader asks for nothing
//! until the acknowledgement wait is over for all of it, after which that server, too, sends it first and in order.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{FromConsumer as _, PullConsumer, pull};
use async_nats::jetstream::{self, context::RequestErrorKind};
use async_nats::{HeaderMap, Message, Subject};
use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_connector::{Backoff, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, SourceError, chain};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::held::Shared;
use super::reply::{Delivered, reply_of};
use super::session::{Pull, Session};
use super::stream::acknowledge;
use crate::config::connection::Opened;
use crate::config::{Start, StreamConfig};
use crate::link::{Kept, Link};

/// How long a reader that went away is waited for: the server may not have noticed.
const OTHERS_PATIENCE: Duration = Duration::from_secs(3);
/// How long a lost connection is waited for before the host is told (again).
const UP_PATIENCE: Duration = Duration::from_secs(2);
/// Sessions in a row that brought nothing new, after which messages are asked for one by one.
const FRUITLESS_MAX: u32 = 2;
/// Message overhead that the server counts besides payload and headers.
const OVERHEAD_BYTES: usize = 64 << 10;

/// How long a server is waited for that has not heard of everything at the end.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(15);
/// After which the server is told again what it has not confirmed.
const TELL_AGAIN: Duration = Duration::from_millis(250);
/// How long the server may take to answer what is asked of it about streams.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);
/// Between sessions that failed.
const AGAIN: Backoff = Backoff {
    first: Duration::from_millis(50),
    max: Duration::from_secs(2),
    jitter_percent: Backoff::DEFAULT.jitter_percent,
};

/// Everything a reader needs.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) id: String,
    pub(super) connection: Opened,
    pub(super) config: StreamConfig,
    pub(super) consumer: String,
    /// Opened once a lane; the client keeps it up.
    pub(super) link: Arc<OnceCell<Link>>,
    pub(super) shared: Arc<Shared>,
}

/// Why a session ended without an error.
pub(super) enum Ended {
    Stale,
}

impl Reader {
    /// Until something is wrong that will not heal, or there was never a connection; the lane tells the host. After anything else
    /// it goes on by itself, host or not: messages are being held.
    pub(super) async fn run(self) {
        let mut fruitless = 0;
        let mut failures = 0;
        loop {
            let error = match self.session(&mut fruitless, &mut failures).await {
                Ok(Ended::Stale) => continue,
                Err(error) => error,
            };
            let over = self.link.get().is_none() || matches!(error, SourceError::Permanent { .. });
            self.shared.lock().error = Some(error);
            self.shared.arrived.notify_one();
            if over {
                return;
            }
            sleep(AGAIN.delay(failures)).await;
            failures += 1;
        }
    }

    async fn session(&self, fruitless: &mut u32, failures: &mut u32) -> Result<Ended, SourceError> {
        let open = async || Link::open(&self.connection, &format!("tidegate {}", self.id), Kept::Up).await;
        let link = self.link.get_or_try_init(open).await?;
        if !link.wait_up(UP_PATIENCE).await {
            return Err(self.transient(link.trouble()));
        }
        let losses = link.state.borrow().losses;
        let mut state = link.state.clone();
        let begun = tokio::select! {
            begun = self.begin(link, losses, fruitless) => begun?,
            // Nothing that was asked for is answered any more.
            _ = state.wait_for(|state| state.losses != losses) => return Err(self.transient(link.trouble())),
        };
        *failures = 0;
        self.shared.lock().error = None;
        match begun {
            Some(session) => session.run().await,
            None => Ok(Ended::Stale),
        }
    }

    /// Makes the server and us agree on what is done, and what is next; `None`: to be asked again.
    async fn begin<'a>(
        &'a self,
        link: &'a Link,
        losses: u64,
        fruitless: &'a mut u32,
    ) -> Result<Option<Session<'a>>, SourceError> {
        self.shared.lock().await_stale();
        let context = self.context(link);
        let mut consumer = self.consumer(&context).await?;
        let info = self.alone(&mut consumer).await?;
        // What the last session asked for, alone, did not come.
        let careful = *fruitless >= FRUITLESS_MAX;
        let last = info.delivered;
        if *fruitless > FRUITLESS_MAX && info.num_ack_pending > 0 && !self.shared.lock().knows(last.stream_sequence) {
            self.fetch_apart(&context, last.stream_sequence, last.consumer_sequence).await?;
            *fruitless = 0;
            return Ok(None);
        }
        *fruitless += 1;
        if self.shared.lock().acknowledge_again(info.ack_floor.stream_sequence) > 0 {
            acknowledge(&self.shared, link).await;
        }
        let mut pull_from = Instant::now();
        if info.num_ack_pending > 0 && !self.reset(&context).await? {
            pull_from += self.config.ack_wait.mul_f64(1.1);
        }
        let inbox = link.client.new_inbox();
        let messages = link.client.subscribe(inbox.clone()).await.map_err(|e| self.transient(chain(&e)))?;
        let pull = match careful {
            true => Pull { messages: 1, bytes: 0 },
            false => {
                let bytes = LANE_BATCH_BYTES.max(link.client.max_payload() + OVERHEAD_BYTES);
                Pull { messages: LANE_BATCH_EVENTS, bytes }
            }
        };
        Ok(Some(Session {
            reader: self,
            link,
            losses,
            messages,
            inbox,
            pull,
            pull_from,
            expected: 0,
            heard: Instant::now(),
            linger: None,
            last: None,
            fruitless,
        }))
    }

    pub(super) fn context(&self, link: &Link) -> jetstream::Context {
        let mut context = jetstream::new(link.client.clone());
        context.set_timeout(ANSWER_PATIENCE);
        context
    }

    /// The consumer as configured; made if it is not there.
    async fn consumer(&self, context: &jetstream::Context) -> Result<PullConsumer, SourceError> {
        let StreamConfig { stream, subjects, ack_wait, max_ack_pending, .. } = &self.config;
        let found = context.get_stream_no_info(stream).await.map_err(|e| self.transient(chain(&e)))?;
        let missing = |error: &jetstream::context::ConsumerInfoError| {
            error.kind() == jetstream::context::ConsumerInfoErrorKind::NotFound
        };
        let mut config = match found.consumer_info(&self.consumer).await {
            Ok(info) if info.config.deliver_subject.is_some() => {
                return Err(self.permanent("the consumer is of the push kind; give another name in `consumer`"));
            }
            Ok(info) if info.config.ack_policy != jetstream::consumer::AckPolicy::Explicit => {
                return Err(self.permanent("the consumer's acknowledgement policy is not `explicit`"));
            }
            Ok(info) => {
                let config = pull::Config::try_from_consumer_config(info.config);
                config.map_err(|error| self.permanent(&error.to_string()))?
            }
            Err(error) if missing(&error) => self.new_config(),
            Err(error) => return Err(self.transient(chain(&error))),
        };
        config.ack_wait = *ack_wait;
        config.max_ack_pending = i64::try_from(*max_ack_pending).unwrap_or(i64::MAX);
        config.filter_subject = String::new();
        config.filter_subjects = Vec::new();
        match subjects.as_slice() {
            [] => {}
            [one] => config.filter_subject = one.clone(),
            many => config.filter_subjects = many.to_vec(),
        }
        let made = found.create_consumer(config).await;
        made.map_err(|error| match error.kind() {
            jetstream::stream::ConsumerErrorKind::TimedOut | jetstream::stream::ConsumerErrorKind::Request => {
                self.transient(chain(&error))
            }
            jetstream::stream::ConsumerErrorKind::InvalidConsumerType
            | jetstream::stream::ConsumerErrorKind::InvalidName => self.permanent(&chain(&error)),
            // A stream that is not there yet, a subject that is not its own: someone may change that.
            jetstream::stream::ConsumerErrorKind::JetStream(_) | jetstream::stream::ConsumerErrorKind::Other => {
                self.transient(chain(&error))
            }
        })
    }

    fn new_config(&self) -> pull::Config {
        use jetstream::consumer::DeliverPolicy;
        let high = self.shared.lock().settled_up_to();
        let deliver_policy = match (high, self.config.start) {
            // It was deleted under our hands: go on where we were.
            (Some(settled), _) => DeliverPolicy::ByStartSequence { start_sequence: settled + 1 },
            (None, Start::Beginning) => DeliverPolicy::All,
            (None, Start::End) => DeliverPolicy::New,
        };
        pull::Config {
            durable_name: Some(self.consumer.clone()),
            deliver_policy,
            ack_policy: jetstream::consumer::AckPolicy::Explicit,
            ..pull::Config::default()
        }
    }

    /// Makes sure that nobody else asks this consumer for messages: between two readers there would be no order.
    async fn alone(&self, consumer: &mut PullConsumer) -> Result<jetstream::consumer::Info, SourceError> {
        let end = Instant::now() + OTHERS_PATIENCE;
        loop {
            let info = consumer.info().await.map_err(|e| self.transient(chain(&e)))?.clone();
            match info.num_waiting {
                0 => return Ok(info),
                _ if Instant::now() < end => sleep(Duration::from_millis(50)).await,
                waiting => {
                    let said =
                        format!("another reader uses this consumer ({waiting} requests wait); one host a consumer");
                    return Err(self.transient(said));
                }
            }
        }
    }

    /// Back to the acknowledgement floor; false where the server cannot do that.
    async fn reset(&self, context: &jetstream::Context) -> Result<bool, SourceError> {
        let subject = format!("CONSUMER.RESET.{}.{}", self.config.stream, self.consumer);
        match context.request::<_, _, Value>(subject, &json!({})).await {
            Ok(answer) => match answer.pointer("/error/description").and_then(Value::as_str) {
                None => Ok(true),
                Some(problem) => Err(self.transient(format!("cannot go back to what is not acknowledged: {problem}"))),
            },
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(false),
            Err(error) => Err(self.transient(chain(&error))),
        }
    }

    /// A message whose headers the client cannot read ends the connection each time it comes. It is asked for by its sequence
    /// instead, which the server answers in JSON.
    async fn fetch_apart(
        &self,
        context: &jetstream::Context,
        sequence: u64,
        consumer_sequence: u64,
    ) -> Result<(), SourceError> {
        let stream = context.get_stream_no_info(&self.config.stream).await.map_err(|e| self.transient(chain(&e)))?;
        let message = match stream.get_raw_message(sequence).await {
            Ok(raw) => message(raw.subject, raw.payload, Some(raw.headers), None),
            Err(_) => {
                let subject = format!("STREAM.MSG.GET.{}", self.config.stream);
                let answer = context.request::<_, _, Value>(subject, &json!({ "seq": sequence })).await;
                let answer = answer.map_err(|e| self.transient(chain(&e)))?;
                let text = |name: &str| answer.pointer(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let payload = base64_simd::STANDARD.decode_to_vec(text("/message/data")).unwrap_or_default();
                let problem = "the headers cannot be read: not UTF-8, or no headers at all".to_owned();
                message(text("/message/subject").into(), payload.into(), None, Some(problem))
            }
        };
        let reply: Subject = reply_of(&self.config.stream, &self.consumer, sequence, consumer_sequence).into();
        let Some(delivered) = Delivered::of(&reply) else { return Ok(()) };
        let mut held = self.shared.lock();
        let pending = held.pending;
        held.came(message, Delivered { pending, ..delivered }, reply);
        drop(held);
        self.shared.arrived.notify_one();
        Ok(())
    }

    /// Waits until the server has heard of everything that was settled; tells it again where a connection was lost in between.
    pub(super) async fn confirm(&self, link: &Link) -> Result<(), SourceError> {
        let Some(settled) = self.shared.lock().settled_up_to() else { return Ok(()) };
        let end = Instant::now() + CONFIRM_PATIENCE;
        let context = self.context(link);
        let mut losses = link.state.borrow().losses;
        acknowledge(&self.shared, link).await;
        let mut told: Option<Instant> = None;
        let stream = context.get_stream_no_info(&self.config.stream).await.map_err(|e| self.transient(chain(&e)))?;
        loop {
            let (floor, pending) = match stream.consumer_info(&self.consumer).await {
                Ok(info) => (info.ack_floor.stream_sequence, info.num_ack_pending),
                Err(error) if Instant::now() > end => return Err(self.transient(chain(&error))),
                Err(_) => {
                    sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            if floor >= settled || pending <= self.shared.lock().unsettled() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(self.transient("not everything that was settled could be acknowledged".to_owned()));
            }
            let now = link.state.borrow().losses;
            // What was written to a connection just before it was found lost is lost as well, and nobody says so.
            if now != losses || told.is_none_or(|told| told.elapsed() > TELL_AGAIN) {
                (losses, told) = (now, Some(Instant::now()));
                self.shared.lock().acknowledge_again(floor);
                acknowledge(&self.shared, link).await;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn transient(&self, cause: String) -> SourceError {
        SourceError::Transient { place: self.place(), cause }
    }

    pub(super) fn permanent(&self, cause: &str) -> SourceError {
        SourceError::Permanent { place: self.place(), cause: cause.to_owned() }
    }

    fn place(&self) -> String {
        format!("{} {}/{}", self.connection.servers.join(", "), self.config.stream, self.consumer)
    }
}

/// A message that came another way; `problem` says why it is none.
fn message(subject: Subject, payload: Bytes, headers: Option<HeaderMap>, problem: Option<String>) -> Message {
    let length = payload.len();
    Message { subject, reply: None, payload, headers, status: None, description: problem, length }
}

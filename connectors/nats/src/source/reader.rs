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
use async_nats::{HeaderMap, Message, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tidegate_connector::{Backoff, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, SourceError};
use tokio::sync::OnceCell;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::held::{AHEAD_BYTES, AHEAD_MESSAGES, Came, Shared};
use super::reply::{Delivered, reply_of};
use super::stream::{ACK, acknowledge};
use crate::config::connection::Opened;
use crate::config::{Start, StreamConfig};
use crate::link::{Kept, Link, chain};

/// A request for messages is good for so long.
const EXPIRES: Duration = Duration::from_secs(10);
/// How often the server says that it has nothing.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// Without a word for so long the connection is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(8);
/// How long a reader that went away is waited for: the server may not have noticed.
const OTHERS_PATIENCE: Duration = Duration::from_secs(3);
/// How long a lost connection is waited for before the host is told (again).
const UP_PATIENCE: Duration = Duration::from_secs(2);
/// Sessions in a row that brought nothing new, after which messages are asked for one by one.
const FRUITLESS_MAX: u32 = 2;
/// How long a lane is let sleep while its batch fills.
const LINGER: Duration = Duration::from_millis(1);
/// Message overhead that the server counts besides payload and headers.
const OVERHEAD_BYTES: usize = 64 << 10;

/// How long a server is waited for that has not heard of everything at the end.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(5);
/// Between sessions that failed.
const AGAIN: Backoff = Backoff {
    first: Duration::from_millis(50),
    max: Duration::from_secs(2),
    jitter_percent: Backoff::DEFAULT.jitter_percent,
};

const IN_PROGRESS: Bytes = Bytes::from_static(b"+WPI");

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
enum Ended {
    Stale,
}

/// What is asked for at a time.
#[derive(Clone, Copy, Debug)]
struct Pull {
    messages: usize,
    bytes: usize,
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
        self.shared.lock().stale = false;
        let context = jetstream::new(link.client.clone());
        let mut consumer = self.consumer(&context).await?;
        let info = self.alone(&mut consumer).await?;
        // What the last session asked for, alone, did not come.
        let careful = *fruitless >= FRUITLESS_MAX;
        if *fruitless > FRUITLESS_MAX
            && !self.shared.lock().knows(info.delivered.stream_sequence)
            && info.num_ack_pending > 0
        {
            self.fetch_apart(&context, info.delivered.stream_sequence, info.delivered.consumer_sequence).await?;
            *fruitless = 0;
            return Ok(Ended::Stale);
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
        *failures = 0;
        self.shared.lock().error = None;
        let session = Session {
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
        };
        session.run().await
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
        let context = jetstream::new(link.client.clone());
        let mut losses = link.state.borrow().losses;
        acknowledge(&self.shared, link).await;
        let mut told = false;
        loop {
            let stream =
                context.get_stream_no_info(&self.config.stream).await.map_err(|e| self.transient(chain(&e)))?;
            let (floor, pending) = match stream.consumer_info(&self.consumer).await {
                Ok(info) => (info.ack_floor.stream_sequence, info.num_ack_pending),
                Err(error) if Instant::now() > end => return Err(self.transient(chain(&error))),
                Err(_) => continue,
            };
            if floor >= settled || pending <= self.shared.lock().unsettled() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(self.transient("not everything that was settled could be acknowledged".to_owned()));
            }
            let now = link.state.borrow().losses;
            if now != losses || !told {
                (losses, told) = (now, true);
                self.shared.lock().acknowledge_again(floor);
                acknowledge(&self.shared, link).await;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn transient(&self, cause: String) -> SourceError {
        SourceError::Transient { place: self.place(), cause }
    }

    fn permanent(&self, cause: &str) -> SourceError {
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

struct Session<'a> {
    reader: &'a Reader,
    link: &'a Link,
    /// As of its beginning.
    losses: u64,
    messages: Subscriber,
    inbox: String,
    pull: Pull,
    /// Nothing is asked for before.
    pull_from: Instant,
    /// Messages asked for that did not come yet.
    expected: usize,
    heard: Instant,
    /// When the lane is woken, whether a batch is complete or not.
    linger: Option<Instant>,
    /// The consumer's number of the last message that came.
    last: Option<u64>,
    fruitless: &'a mut u32,
}

impl Session<'_> {
    async fn run(mut self) -> Result<Ended, SourceError> {
        let mut keep = interval(self.reader.config.ack_wait / 3);
        keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut state = self.link.state.clone();
        loop {
            if self.reader.shared.lock().stale {
                return Ok(Ended::Stale);
            }
            if !self.link.is_up(self.losses) {
                return Err(self.reader.transient(self.link.trouble()));
            }
            if self.wants_more() {
                self.ask().await?;
            }
            let silent_at = self.heard + SILENCE_MAX;
            tokio::select! {
                message = self.messages.next() => match message {
                    Some(message) => self.take(message).await?,
                    None => return Err(self.reader.transient("the subscription ended".to_owned())),
                },
                _ = keep.tick() => self.keep().await,
                () = self.reader.shared.wanted.notified() => {}
                _ = state.changed() => {}
                () = sleep_until(self.linger.unwrap_or(silent_at)), if self.linger.is_some() => self.wake(),
                () = sleep_until(self.pull_from), if self.pull_from > Instant::now() => {}
                () = sleep_until(silent_at), if self.expected > 0 => {
                    // What the client's own pings would find, too, but later.
                    let _ = self.link.client.force_reconnect().await;
                    return Err(self.reader.transient("nothing was heard from the server; connecting again".to_owned()));
                }
            }
        }
    }

    fn wants_more(&self) -> bool {
        let held = self.reader.shared.lock();
        let room = held.ahead() + self.expected + self.pull.messages <= AHEAD_MESSAGES;
        room && (self.pull.messages > 1 || self.expected == 0)
            && held.bytes_ahead() <= AHEAD_BYTES
            && self.pull_from <= Instant::now()
    }

    async fn ask(&mut self) -> Result<(), SourceError> {
        let Reader { config, consumer, .. } = self.reader;
        let mut request = json!({
            "batch": self.pull.messages,
            "expires": EXPIRES.as_nanos() as u64,
            "idle_heartbeat": HEARTBEAT.as_nanos() as u64,
        });
        if self.pull.bytes > 0 {
            request["max_bytes"] = self.pull.bytes.into();
        }
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{consumer}", config.stream);
        let sent = self.link.client.publish_with_reply(subject, self.inbox.clone(), request.to_string().into()).await;
        sent.map_err(|error| self.reader.transient(chain(&error)))?;
        if self.expected == 0 {
            self.heard = Instant::now();
        }
        self.expected += self.pull.messages;
        Ok(())
    }

    async fn take(&mut self, mut message: Message) -> Result<(), SourceError> {
        self.heard = Instant::now();
        if let Some(status) = message.status {
            return self.status(status, &message);
        }
        let Some((delivered, reply)) = message.reply.take().and_then(|reply| Some((Delivered::of(&reply)?, reply)))
        else {
            // Nobody but the server knows the inbox.
            return Err(self.reader.transient("a message came that is of no stream".to_owned()));
        };
        self.expected = self.expected.saturating_sub(1);
        if self.last.is_some_and(|last| delivered.consumer_sequence != last + 1) {
            let cause = "messages of this consumer went to another reader; one host a consumer";
            return Err(self.reader.transient(cause.to_owned()));
        }
        self.last = Some(delivered.consumer_sequence);
        let came = self.reader.shared.lock().came(message, delivered, reply);
        match came {
            Came::New => {
                *self.fruitless = 0;
                self.arrived(delivered.pending);
            }
            Came::Again => self.arrived(delivered.pending),
            Came::Done(reply) => {
                self.link.tell(reply, ACK).await;
            }
        }
        Ok(())
    }

    /// Wakes the lane, but not for one message where the rest of a batch is on its way.
    fn arrived(&mut self, pending: u64) {
        let more = pending > 0 && self.expected > 0;
        if more && self.reader.shared.lock().ahead() < LANE_BATCH_EVENTS {
            self.linger.get_or_insert_with(|| Instant::now() + LINGER);
        } else {
            self.wake();
        }
    }

    fn wake(&mut self) {
        self.linger = None;
        self.reader.shared.arrived.notify_one();
    }

    /// The end of a request, or why there is none.
    fn status(&mut self, status: StatusCode, message: &Message) -> Result<(), SourceError> {
        let said = message.description.as_deref().unwrap_or_default();
        let open = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
        let open = open.and_then(|count| count.as_str().parse::<usize>().ok());
        match status {
            StatusCode::IDLE_HEARTBEAT => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::TIMEOUT => {
                self.expected = self.expected.saturating_sub(open.unwrap_or(self.expected));
                Ok(())
            }
            StatusCode::REQUEST_TERMINATED if open.is_some() => {
                if open == Some(self.pull.messages) {
                    // It is larger than was asked for, which was what the server takes at most: it was told so since.
                    self.pull.bytes = 0;
                }
                self.expected = self.expected.saturating_sub(open.unwrap_or(0));
                Ok(())
            }
            StatusCode::REQUEST_TERMINATED if said.starts_with("Exceeded MaxRequest") => {
                Err(self.reader.permanent(&format!("the consumer does not take such requests: {said}")))
            }
            other => Err(self.reader.transient(format!("the server says: {other} {said}"))),
        }
    }

    /// Asks for more time for all that is held.
    async fn keep(&mut self) {
        let replies = self.reader.shared.lock().keep();
        for reply in replies {
            if !self.link.tell(reply, IN_PROGRESS).await {
                return;
            }
        }
    }
}

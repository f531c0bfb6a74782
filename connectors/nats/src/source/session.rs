//! One session of a reader: messages are asked for as there is room, and more time for those that are held.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tidegate_connector::{LANE_BATCH_EVENTS, SourceError, chain};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::held::{AHEAD_BYTES, AHEAD_MESSAGES, Came};
use super::reader::{Ended, Reader};
use super::reply::Delivered;
use super::stream::said;
use crate::link::Link;

/// A request for messages is good for so long.
const EXPIRES: Duration = Duration::from_secs(10);
/// How often the server says that it has nothing.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// Without a word for so long the connection is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(8);
/// How often the server is asked what waits, while nothing is asked for that would tell.
const LOOK: Duration = Duration::from_secs(5);
/// How long a lane is let sleep while its batch fills.
const LINGER: Duration = Duration::from_millis(1);

const IN_PROGRESS: Bytes = Bytes::from_static(b"+WPI");

/// What is asked for at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pull {
    pub(super) messages: usize,
    /// 0: as many as there are.
    pub(super) bytes: usize,
}

/// An inbox, and what is expected in it.
pub(super) struct Session<'a> {
    pub(super) reader: &'a Reader,
    pub(super) link: &'a Link,
    /// As of its beginning.
    pub(super) losses: u64,
    pub(super) messages: Subscriber,
    pub(super) inbox: String,
    pub(super) pull: Pull,
    /// Nothing is asked for before.
    pub(super) pull_from: Instant,
    /// Messages asked for that did not come yet.
    pub(super) expected: usize,
    pub(super) heard: Instant,
    /// When the lane is woken, whether a batch is complete or not.
    pub(super) linger: Option<Instant>,
    /// The consumer's number of the last message that came.
    pub(super) last: Option<u64>,
    pub(super) fruitless: &'a mut u32,
}

impl Session<'_> {
    pub(super) async fn run(mut self) -> Result<Ended, SourceError> {
        let mut keep = interval(self.reader.config.ack_wait / 3);
        let mut look = interval(LOOK);
        for interval in [&mut keep, &mut look] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
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
                _ = look.tick(), if self.expected == 0 => self.look(),
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
            Came::Done(reply, how) => {
                self.link.tell(reply, said(how)).await;
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
            StatusCode::IDLE_HEARTBEAT => {
                // There is nothing to send (again).
                self.reader.shared.lock().gone_below(u64::MAX);
                self.reader.shared.arrived.notify_one();
                Ok(())
            }
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

    /// Has the lag of a lane that stands still kept up: each message tells what waits behind it, and none comes. In a task of its own: what is
    /// held must not wait for the answer.
    fn look(&self) {
        let (reader, context) = (self.reader.clone(), self.reader.context(self.link));
        tokio::spawn(async move {
            let Ok(stream) = context.get_stream_no_info(&reader.config.stream).await else { return };
            // Where nobody answers, what was known stays.
            if let Ok(info) = stream.consumer_info(&reader.consumer).await {
                reader.shared.lock().pending = info.num_pending;
            }
        });
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

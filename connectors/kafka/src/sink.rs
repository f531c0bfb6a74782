//! The writer: a group of events as messages, in order, durable when every replica has them.
//!
//! **Order.** The producer is idempotent: within a partition nothing overtakes, whatever is sent again. Events of one key are in one partition
//! (by the hash that Java's clients use).
//!
//! **A group** is handed to librdkafka whole, and then its reports are waited for ([`reports`]): librdkafka makes batches of its own. When
//! nothing of it gets through for `timeout`, all of it is taken back at once, so that nothing later gets ahead, and the framework comes
//! again. What of a group is done already is not sent twice ([`progress`]).
//!
//! **At least once.** What was taken back may have arrived.
//!
//! **Refused for good** is what a broker never takes: an event that is too large, a topic that is not there or may not be written to.
//! What each of its answers means is in [`outcome`].

mod back;
mod config;
mod message;
mod outcome;
mod reports;

use std::sync::Arc;

use async_trait::async_trait;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::producer::{Producer as _, PurgeConfig, ThreadedProducer};
use tidegate_connector::{Participant, Progress, Trouble, WriteError, Writer};
use tidegate_event::Event;

pub(crate) use self::back::Back;
pub(crate) use self::config::{Compression, MESSAGE_BYTES, MESSAGE_BYTES_DEFAULT, SinkConfig, UNKNOWN_AFTER_MS};
pub(crate) use self::message::{Refusal, hand_over, of_topic, says};
pub(crate) use self::outcome::Outcome;
use self::reports::Waited;
pub(crate) use self::reports::{Reporter, Reports};

/// Answered by a thread of its own.
pub(crate) type Producer = ThreadedProducer<Reporter>;

/// Writes to the topics of one cluster.
pub(crate) struct KafkaWriter {
    config: Arc<SinkConfig>,
    /// Made with the first write, and anew where that may help.
    producer: Option<Producer>,
    reports: Arc<Reports>,
    progress: Progress,
}

impl KafkaWriter {
    pub(crate) fn new(config: SinkConfig) -> Self {
        Self { config: Arc::new(config), producer: None, reports: Arc::default(), progress: Progress::default() }
    }

    fn connect(&mut self) -> Result<(), Trouble> {
        if self.producer.is_none() {
            let config = self.config.client_config().map_err(Trouble::new)?;
            let made =
                Producer::from_config_and_context(&config, Reporter::new(&self.reports, &self.config.connection));
            self.producer = Some(made.map_err(|error| Trouble::new(error.to_string()))?);
        }
        Ok(())
    }

    /// Joins librdkafka's threads: not here.
    async fn disconnect(&mut self) {
        if let Some(producer) = self.producer.take() {
            // It was dropped, or the runtime is ending: either will do.
            let _ = tokio::task::spawn_blocking(move || drop(producer)).await;
        }
    }

    /// Hands what is open to librdkafka and waits for what becomes of it.
    async fn send(&mut self, events: &[Event]) -> Result<(), Trouble> {
        self.connect()?;
        let handed = self.hand_over(events);
        let answered = self.answers(events).await;
        handed.and(answered)
    }

    fn hand_over(&mut self, events: &[Event]) -> Result<(), Trouble> {
        let Some(producer) = &self.producer else { return Ok(()) };
        let mut buffer = Vec::new();
        for (index, event) in events.iter().enumerate() {
            if !self.progress.is_open(index) {
                continue;
            }
            self.reports.expect_one();
            let Err(refusal) = hand_over(producer, &self.config, &mut buffer, event, index) else { continue };
            self.reports.expect_one_less();
            match refusal {
                Refusal::Event(cause) => self.progress.refused(index, cause),
                // Nothing behind it goes: it would get ahead.
                Refusal::Now(cause) | Refusal::Full(cause) => return Err(Trouble::new(cause)),
            }
        }
        Ok(())
    }

    /// Waits for the reports of all that was handed over.
    async fn answers(&mut self, events: &[Event]) -> Result<(), Trouble> {
        let mut trouble = None;
        let mut again = self.reports.take_refusal();
        if self.reports.all(self.config.timeout).await == Waited::TooLong {
            let said = self.reports.take_complaint().unwrap_or_else(|| "no answer".to_owned());
            let said = format!("nothing written for {:?}: {said}", self.config.timeout);
            let first = events.iter().enumerate().find(|(index, _)| self.progress.is_open(*index));
            trouble = Some(Trouble::new(first.map_or(said.clone(), |(_, event)| of_topic(&self.config, event, &said))));
            if let Some(producer) = &self.producer {
                producer.purge(PurgeConfig::default().queue().inflight());
            }
            self.reports.all_at_last().await;
            // What the producer knew of its sequence is void.
            again = true;
        }
        let mut too_large = Vec::new();
        for (index, result) in self.reports.take() {
            let Some(code) = result else {
                self.progress.delivered(index);
                continue;
            };
            match Outcome::of(code) {
                Outcome::TooLarge => too_large.push(index),
                Outcome::Refused => self.progress.refused(index, says(&self.config, &events[index], code)),
                Outcome::Again => {
                    trouble.get_or_insert_with(|| Trouble::new(says(&self.config, &events[index], code)));
                }
                Outcome::Broken => {
                    again = true;
                    trouble.get_or_insert_with(|| Trouble::new(says(&self.config, &events[index], code)));
                }
            }
        }
        if again {
            self.disconnect().await;
        }
        match trouble {
            Some(trouble) => Err(trouble),
            None => self.one_by_one(events, too_large).await,
        }
    }

    /// A broker that finds a batch too large says so of all its messages. Alone, only those that are too large themselves are refused.
    async fn one_by_one(&mut self, events: &[Event], mut indexes: Vec<usize>) -> Result<(), Trouble> {
        indexes.sort_unstable();
        let mut buffer = Vec::new();
        for index in indexes {
            let Some(producer) = &self.producer else { return Err(Trouble::new("no producer")) };
            self.reports.expect_one();
            if let Err(refusal) = hand_over(producer, &self.config, &mut buffer, &events[index], index) {
                self.reports.expect_one_less();
                match refusal {
                    Refusal::Event(cause) => self.progress.refused(index, cause),
                    Refusal::Now(cause) | Refusal::Full(cause) => return Err(Trouble::new(cause)),
                }
                continue;
            }
            if self.reports.all(self.config.timeout).await == Waited::TooLong {
                producer.purge(PurgeConfig::default().queue().inflight());
                self.reports.all_at_last().await;
            }
            for (index, result) in self.reports.take() {
                match result.map(|code| (code, Outcome::of(code))) {
                    None => self.progress.delivered(index),
                    Some((code, Outcome::TooLarge | Outcome::Refused)) => {
                        self.progress.refused(index, says(&self.config, &events[index], code));
                    }
                    Some((code, Outcome::Again | Outcome::Broken)) => {
                        return Err(Trouble::new(says(&self.config, &events[index], code)));
                    }
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Writer for KafkaWriter {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        self.progress.begin(events);
        let trouble = if self.progress.has_open() { self.send(events).await.err() } else { None };
        self.progress.end(events, &self.config.connection.brokers, trouble)
    }

    /// Everything written was reported: there is nothing to flush.
    async fn close(&mut self) -> Result<(), WriteError> {
        self.disconnect().await;
        Ok(())
    }

    fn participant(&self) -> Option<Participant> {
        Some(Participant::new(self.config.clone()))
    }
}

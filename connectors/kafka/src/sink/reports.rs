//! What librdkafka reports of the messages of one group, from its thread to the writer's task.
//!
//! One message costs a lock that hardly anybody else takes; the task is woken once a group.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::Notify;

use crate::client::{Connection, is_refusal};
use crate::log::ClientLog;

/// Each position of the group that was handed over, with what went wrong, if anything.
pub(crate) type Reported = Vec<(usize, Option<RDKafkaErrorCode>)>;

#[derive(Debug, Default)]
pub(crate) struct Reports {
    state: Mutex<State>,
    /// All that is expected was reported.
    complete: Notify,
}

#[derive(Debug, Default)]
struct State {
    expected: usize,
    reported: Reported,
    /// Something that was reported went wrong.
    failed: bool,
    /// What the client said last of the brokers.
    complaint: Option<String>,
    /// They do not know us.
    refusal: bool,
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Complete,
    /// Nothing was reported for too long.
    TooLong,
}

impl Reports {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn expect_one(&self) {
        self.state().expected += 1;
    }

    /// It was not handed over after all.
    pub(crate) fn expect_one_less(&self) {
        self.state().expected -= 1;
    }

    /// Waits until all is reported, as long as something is now and then.
    pub(crate) async fn all(&self, patience: Duration) -> Waited {
        loop {
            let complete = self.complete.notified();
            let before = {
                let state = self.state();
                if state.reported.len() == state.expected {
                    return Waited::Complete;
                }
                state.reported.len()
            };
            if tokio::time::timeout(patience, complete).await.is_err() && self.state().reported.len() == before {
                return Waited::TooLong;
            }
        }
    }

    /// The same for what was taken back, which librdkafka reports at once.
    pub(crate) async fn all_at_last(&self) {
        while self.all(Duration::from_secs(1)).await == Waited::TooLong {}
    }

    /// What was reported, and nothing is expected any more.
    pub(crate) fn take(&self) -> Reported {
        let mut state = self.state();
        state.expected = 0;
        state.failed = false;
        state.complaint = None;
        std::mem::take(&mut state.reported)
    }

    /// Whether anything reported went wrong.
    pub(crate) fn has_failed(&self) -> bool {
        self.state().failed
    }

    pub(crate) fn take_complaint(&self) -> Option<String> {
        self.state().complaint.take()
    }

    pub(crate) fn take_refusal(&self) -> bool {
        std::mem::take(&mut self.state().refusal)
    }
}

/// What librdkafka calls back.
pub(crate) struct Reporter {
    pub(crate) reports: Arc<Reports>,
    pub(crate) brokers: Arc<str>,
    pub(crate) log: Arc<ClientLog>,
}

impl Reporter {
    pub(crate) fn new(reports: &Arc<Reports>, connection: &Connection) -> Reporter {
        Reporter { reports: reports.clone(), brokers: connection.brokers.clone(), log: connection.log.clone() }
    }
}

impl ClientContext for Reporter {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut state = self.reports.state();
        state.refusal |= error.rdkafka_error_code().is_some_and(is_refusal);
        // That all brokers are down says less than why.
        if state.complaint.is_none() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            state.complaint = Some(reason.to_owned());
        }
        drop(state);
        self.log.error(&self.brokers, reason);
    }
}

impl ProducerContext for Reporter {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let problem = match result {
            Ok(_) => None,
            Err((error, _)) => Some(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)),
        };
        let mut state = self.reports.state();
        state.failed |= problem.is_some();
        state.reported.push((index, problem));
        if state.reported.len() == state.expected {
            drop(state);
            self.reports.complete.notify_one();
        }
    }
}

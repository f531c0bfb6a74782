//! What librdkafka says, as the host's log. It says at every try that a broker is down: the same line is told once a minute, with how often
//! it came meanwhile.

use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use tidegate_connector::Repeats;

const EVERY: Duration = Duration::from_secs(60);

/// The log of one source or sink, whatever number of clients it has made.
#[derive(Debug)]
pub(crate) struct ClientLog(Repeats);

impl Default for ClientLog {
    fn default() -> Self {
        ClientLog(Repeats::new(EVERY))
    }
}

impl ClientLog {
    /// A line of the client; it is silent below warnings.
    pub(crate) fn line(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                if let Some(before) = self.0.say(message) {
                    tracing::warn!(facility, before, "librdkafka: {message}");
                }
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(facility, "librdkafka: {message}");
            }
        }
    }

    /// An error of the client as a whole; `place` is what an operator looks up.
    pub(crate) fn error(&self, place: &str, reason: &str) {
        if let Some(before) = self.0.say(&format!("{place} {reason}")) {
            tracing::warn!(place, before, "{reason}");
        }
    }
}

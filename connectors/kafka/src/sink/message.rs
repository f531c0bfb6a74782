//! An event as a message of a sink, on its way to librdkafka.

use std::fmt::Display;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::BaseRecord;
use tidegate_connector::DESTINATION;
use tidegate_event::{Event, json};

use super::outcome::Outcome;
use super::{Producer, SinkConfig};
use crate::binding;
use crate::client::cause;
use crate::topics;

/// Why an event was not handed over.
pub(crate) enum Refusal {
    /// It never will be.
    Event(String),
    /// For now; nor is anything behind it.
    Now(String),
    /// Until librdkafka's queue has room again.
    Full(String),
}

/// The topic a route chose, else the sink's own.
fn topic_of<'a>(config: &'a SinkConfig, event: &'a Event) -> Option<&'a str> {
    event.context(DESTINATION).or(config.topic.as_deref())
}

/// What a broker says of an event.
pub(crate) fn says(config: &SinkConfig, event: &Event, code: RDKafkaErrorCode) -> String {
    of_topic(config, event, &code)
}

/// What is said of the topic that an event goes to.
pub(crate) fn of_topic(config: &SinkConfig, event: &Event, said: &dyn Display) -> String {
    let topic = topic_of(config, event).unwrap_or_default();
    format!("topic {topic}: {said}")
}

/// Gives an event to librdkafka, as a message of this sink; `index` is what its report will name.
pub(crate) fn hand_over(
    producer: &Producer,
    config: &SinkConfig,
    buffer: &mut Vec<u8>,
    event: &Event,
    index: usize,
) -> Result<(), Refusal> {
    let topic = topic_of(config, event)
        .ok_or_else(|| Refusal::Event("no topic: neither the route's target nor the sink names one".to_owned()))?;
    if let Some(problem) = topics::problem(topic) {
        return Err(Refusal::Event(format!("`{topic}` {problem}")));
    }
    let structured = binding::is_structured(event, config.mode);
    let value = if structured {
        buffer.clear();
        json::encode(event, buffer);
        Some(&**buffer)
    } else {
        event.data().map(|data| data.bytes)
    };
    let key = match &config.key {
        None => event.ordering_key().map(std::borrow::Cow::Borrowed),
        Some(attribute) => event.attribute(attribute),
    };
    let size = value.map_or(0, <[u8]>::len) + key.as_ref().map_or(0, |key| key.len());
    if size as u64 > config.max_message_bytes.0 {
        return Err(Refusal::Event(too_large(config, topic)));
    }
    let mut record: BaseRecord<'_, [u8], [u8], usize> = BaseRecord::with_opaque_to(topic, index);
    record = record.headers(binding::headers(event, structured, &config.pass));
    record.key = key.as_ref().map(|key| key.as_bytes());
    record.payload = value;
    producer.send(record).map_err(|(error, _)| match error.rdkafka_error_code() {
        Some(code @ RDKafkaErrorCode::QueueFull) => Refusal::Full(code.to_string()),
        Some(code @ RDKafkaErrorCode::Fatal) => Refusal::Now(code.to_string()),
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => Refusal::Event(too_large(config, topic)),
        Some(code) if matches!(Outcome::of(code), Outcome::Refused) => Refusal::Event(format!("topic {topic}: {code}")),
        Some(_) | None => Refusal::Now(cause(&error)),
    })
}

fn too_large(config: &SinkConfig, topic: &str) -> String {
    format!("topic {topic}: larger than `maxMessageBytes` ({})", config.max_message_bytes.0)
}

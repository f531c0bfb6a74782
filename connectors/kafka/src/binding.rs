//! How a Kafka message carries an event: CloudEvents Kafka protocol binding 1.0.2, both ways. Knows no connection.
//!
//! What the specification leaves open is decided so:
//!
//! - A message is a CloudEvent where its header `content-type` begins with `application/cloudevents`, or any header begins with
//!   `ce_`. Kafka has no batched mode; such a message is malformed.
//! - `ce_` headers beside a structured event are not looked at: the value says all.
//! - A message in binary mode without a value (a tombstone) is an event without data, and such an event is written as one. In
//!   structured mode it is written whole; a structured message without a value is malformed.
//! - The key orders (context `key`) and is no attribute; which attribute becomes a key is the sink's to say. That is the specification's
//!   direction (section 3.1: `partitionkey` may become the key, and a mapping must not change the event); of a key that comes in it says
//!   nothing. So an event is read as it was sent, and only a source that says `key: partitionkey` gives it that extension, where the
//!   key is to outlive the way through a protocol without keys. A key that is not UTF-8 stands in context with every byte that is not
//!   printable ASCII escaped (`%FF`), so that equal keys stay equal.
//! - An event whose data is itself a CloudEvents message (by its `datacontenttype`) goes in structured mode even where binary is
//!   asked for: its content type would say another mode.

mod read;
mod write;

pub(crate) use self::read::Reader;
pub(crate) use self::write::{Mode, headers, is_structured};

/// Header of the content type, in both modes.
const CONTENT_TYPE: &str = "content-type";
/// Before an attribute's name, in binary mode.
const PREFIX: &str = "ce_";
/// What content types of whole events begin with; batches too.
const EVENTS: &str = "application/cloudevents";
const BATCHES: &str = "application/cloudevents-batch";
const STRUCTURED: &str = "application/cloudevents+json";

/// Whether a header belongs to the event itself.
pub(crate) fn is_own(header: &str) -> bool {
    header.starts_with(PREFIX) || header == CONTENT_TYPE
}

/// Whether it may be the name of an attribute.
pub(crate) fn is_attribute(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Whether it may be the name of an attribute that is none of the specification's own.
pub(crate) fn is_extension(name: &str) -> bool {
    let own = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"];
    is_attribute(name) && !own.contains(&name)
}

/// Whether a content type begins like that, in any case.
fn begins(content_type: &str, prefix: &str) -> bool {
    content_type.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

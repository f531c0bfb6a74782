//! Which content types carry whole events (HTTP binding, section 3). Batches are asked for first: `application/cloudevents` is a
//! prefix of their type too.

use super::{BindingError, Mode};

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// An event's data.
    Data,
    /// An event, as JSON.
    Event,
    /// Events, as a JSON array.
    Batch,
}

const BATCH: &[u8] = b"application/cloudevents-batch";
const EVENT: &[u8] = b"application/cloudevents";

/// The mode of a content type that carries whole events, in whatever format.
pub(super) fn mode(content_type: &[u8]) -> Option<Mode> {
    let starts = |prefix: &[u8]| content_type.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
    if starts(BATCH) {
        Some(Mode::Batched)
    } else if starts(EVENT) {
        Some(Mode::Structured)
    } else {
        None
    }
}

/// What a body of this content type is; an error where it is an event in a format that is not read here.
pub(super) fn read(content_type: &str) -> Result<Media, BindingError> {
    let (mode, media, prefix) = match mode(content_type.as_bytes()) {
        None => return Ok(Media::Data),
        Some(mode @ Mode::Batched) => (mode, Media::Batch, BATCH),
        Some(mode @ (Mode::Structured | Mode::Binary)) => (mode, Media::Event, EVENT),
    };
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !essence.as_bytes()[prefix.len()..].trim_ascii().eq_ignore_ascii_case(b"+json") {
        return Err(BindingError::Format { content_type: content_type.to_owned(), mode });
    }
    match charset(parameters) {
        Some(charset) if !is_utf8(charset) => Err(BindingError::Charset(charset.to_owned())),
        _ => Ok(media),
    }
}

fn charset(parameters: &str) -> Option<&str> {
    let parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.next().map(|(_, value)| value.trim().trim_matches('"'))
}

/// ASCII is UTF-8 too.
fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn batches_are_told_from_events_from_data() {
        for (content_type, expected) in [
            ("application/cloudevents+json", Media::Event),
            ("Application/CloudEvents+JSON ; charset=\"UTF-8\"", Media::Event),
            ("application/cloudevents-batch+json;charset=utf-8", Media::Batch),
            ("application/json", Media::Data),
            ("application/vnd.cloudevents+json", Media::Data),
            ("application/cloudevent+json", Media::Data),
        ] {
            assert_eq!(read(content_type), Ok(expected), "{content_type}");
        }
    }

    #[test]
    fn other_formats_and_charsets_are_refused() {
        for (content_type, expected) in [
            (
                "application/cloudevents+avro",
                "content type `application/cloudevents+avro` is not supported; send `application/cloudevents+json`",
            ),
            (
                "application/cloudevents-batch",
                "content type `application/cloudevents-batch` is not supported; send `application/cloudevents-batch+json`",
            ),
            ("application/cloudevents+json; charset=utf-16", "charset `utf-16` is not supported: JSON is UTF-8"),
        ] {
            assert_eq!(read(content_type).unwrap_err().to_string(), expected);
        }
    }
}

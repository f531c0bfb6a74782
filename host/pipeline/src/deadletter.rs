//! What rests in the dead letter: the original event as it was received, and why it is there; and how to get it back.

use std::fmt::Write as _;

use tidegate_connector::{ENTRY, Malformed};
use tidegate_event::{Event, Form, InvalidEvent};
use time::{OffsetDateTime, UtcOffset};

/// Extension: why. One of a closed set of words.
pub const CAUSE: &str = "tidegatecause";
/// Extension: what the guest, the sink or the decoder said.
pub const REASON: &str = "tidegatereason";
/// Extension: the policy, route, sink or source to blame (`namespace/name`).
pub const BY: &str = "tidegateby";
/// Extension: digest of the deciding module; absent where none decided.
pub const DIGEST: &str = "tidegatedigest";
/// Extension: the route it was on (`namespace/name`).
pub const ROUTE: &str = "tidegateroute";
/// Extension: the documents that decided.
pub const GENERATION: &str = "tidegategeneration";
/// Extension: when it came here, in UTC with milliseconds: compares as text.
pub const TIME: &str = "tidegatetime";

/// Extension: where it stood in what it was read from (`orders/3@17 of broker:9092`); absent where the source has no such place.
pub const ORIGIN: &str = "tidegateorigin";

/// What a dead letter has more than the original.
const EXTENSIONS: [&str; 8] = [CAUSE, REASON, BY, DIGEST, ROUTE, GENERATION, TIME, ORIGIN];

/// Type of what stands for a message that was no event; its data are the message's bytes.
pub const MALFORMED: &str = "dev.tidegate.malformed";

/// The event as it was before it became a dead letter, its data byte for byte; a `datacontenttype` that JSON left to be understood is
/// said. What the transport knew of it (context) is not kept in a dead letter.
///
/// # Errors
/// What was read back breaks a rule of events.
pub fn original(letter: &Event) -> Result<Event, InvalidEvent> {
    let mut event = Event::builder().id(letter.id()).source(letter.source()).ty(letter.ty());
    if let Some(subject) = letter.subject() {
        event = event.subject(subject);
    }
    if let Some(time) = letter.time() {
        event = event.time(time);
    }
    if let Some(datacontenttype) = letter.datacontenttype() {
        event = event.datacontenttype(datacontenttype);
    }
    if let Some(dataschema) = letter.dataschema() {
        event = event.dataschema(dataschema);
    }
    for (name, value) in letter.extensions().filter(|(name, _)| !EXTENSIONS.contains(name)) {
        event = event.extension(name, value);
    }
    for (name, value) in letter.contexts() {
        event = event.context(name, value);
    }
    match (letter.data(), letter.data_shared()) {
        (Some(data), Some(bytes)) => event.data(data.form, bytes).build(),
        _ => event.build(),
    }
}

/// Why an event could not go on. Becomes the extensions above, together with the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause<'a> {
    /// One of a closed set of words: `reject`, `trap`, `timeout`, `memory limit`, `undeliverable`, `unmatched`, `malformed`, …
    pub(crate) cause: &'a str,
    /// What the guest, the sink or the decoder said.
    pub(crate) reason: &'a str,
    /// Policy, sink or source that is to blame (`namespace/name`).
    pub(crate) by: &'a str,
    /// Of the deciding module; empty where none decided.
    pub(crate) digest: &'a str,
    pub(crate) route: &'a str,
    pub(crate) generation: &'a str,
}

/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 512;

/// The original with its cause, and where it stood.
pub(crate) fn event(original: &Event, cause: Cause<'_>, origin: Option<&str>) -> Event {
    let now = OffsetDateTime::now_utc();
    let (reason, time) = (clean(cause.reason), timestamp(now));
    let entries = [
        (CAUSE, cause.cause),
        (REASON, &reason),
        (BY, cause.by),
        (DIGEST, cause.digest),
        (ROUTE, cause.route),
        (GENERATION, cause.generation),
        (TIME, &time),
        (ORIGIN, origin.unwrap_or_default()),
    ];
    let given: Vec<(&str, &str)> = entries.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let letter = original.clone().with_extensions(&given).unwrap_or_else(|_| original.clone());
    // A redelivery has the same place; what has none was never seen before.
    let place = origin.map_or_else(|| now.unix_timestamp_nanos().to_string(), str::to_owned);
    let Cause { cause, by, route, .. } = cause;
    letter.with_context(&[(ENTRY, &format!("{route} {by} {cause} {place}"))])
}

/// A message that is no event, wrapped: its bytes are the data. The id is its place, so that a redelivery has the same.
pub(crate) fn malformed(message: &Malformed, source: &str, cause: Cause<'_>) -> Option<Event> {
    let id = clean(&message.place);
    let mut origin = String::from("/tidegate/");
    for byte in source.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => origin.push(char::from(byte)),
            other => {
                let _ = write!(origin, "%{other:02X}");
            }
        }
    }
    let wrapped = Event::builder()
        .id(&id)
        .source(&origin)
        .ty(MALFORMED)
        .datacontenttype("application/octet-stream")
        .data(Form::Binary, message.message.clone())
        .build()
        .ok()?;
    Some(event(&wrapped, cause, Some(&id)))
}

/// As in [`TIME`]: `2026-11-21T09:00:00.000Z`.
pub fn timestamp(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (date, (hour, minute, second, ms)) = (at.date(), at.time().as_hms_milli());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// CloudEvents strings have no control characters.
fn clean(text: &str) -> String {
    let text = text.trim();
    let allowed = |c: char| if c.is_control() || is_noncharacter(c) { ' ' } else { c };
    text.chars().take(REASON_CHARS_MAX).map(allowed).collect()
}

fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use bytes::Bytes;
    use tidegate_event::json::{self, Validate};

    use super::*;

    fn check(text: &'static str) {
        check_as(text, text);
    }

    fn check_as(text: &'static str, expected: &'static str) {
        let decode =
            |text: &'static str| json::decode(&Bytes::from_static(text.as_bytes()), Validate::Envelope).unwrap();
        let (before, expected) = (decode(text), decode(expected));
        let cause = Cause { cause: "trap", reason: "x\u{0}", by: "p", digest: "", route: "r", generation: "g" };
        let letter = event(&before, cause, Some("orders/3@17 of broker:9092"));
        let mut written = Vec::new();
        json::encode(&letter, &mut written);
        let read = json::decode(&written.into(), Validate::Envelope).unwrap();
        assert_eq!(read.attribute(CAUSE).as_deref(), Some("trap"));
        assert_eq!(read.attribute(ORIGIN).as_deref(), Some("orders/3@17 of broker:9092"));
        let after = original(&read).unwrap();
        assert_eq!(after, expected, "{text}");
        assert_eq!(after.data().map(|data| data.bytes.to_vec()), before.data().map(|data| data.bytes.to_vec()));
    }

    #[test]
    fn what_went_into_the_dead_letter_comes_out() {
        check(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
        // What JSON leaves to be understood is said when an event that was changed is written (JSON format, section 3.1.1).
        check_as(
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{ "n" : 1.50, "n":2 }}"#,
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"application/json","data":{ "n" : 1.50, "n":2 }}"#,
        );
        check(
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AAEC/w==","datacontenttype":"x/y"}"#,
        );
        check(
            r#"{"specversion":"1.0","id":"é","source":"/s","type":"t","datacontenttype":"text/plain","data":"a\u0000\n"}"#,
        );
        check(
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u","time":"2026-01-02T03:04:05Z",
            "dataschema":"http://a/b","n":7,"b":true,"tidegateother":"kept"}"#,
        );
    }

    #[test]
    fn times_compare_as_text() {
        let at = |ms: i128| timestamp(OffsetDateTime::from_unix_timestamp_nanos(ms * 1_000_000).unwrap());
        assert_eq!(at(1_700_000_000_007), "2023-11-14T22:13:20.007Z");
        assert!(at(999) < at(1_000) && at(1_000) < at(1_700_000_000_000));
    }
}

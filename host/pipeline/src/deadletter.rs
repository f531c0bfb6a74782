//! What rests in the dead letter: the original event as it was received, and why it is there.

use std::fmt::Write as _;

use tidegate_connector::Malformed;
use tidegate_event::{Event, Form};

/// Why an event could not go on. Becomes the extensions `tidegatecause`, `tidegatereason`, `tidegateby`, `tidegatedigest`,
/// `tidegateroute` and `tidegategeneration` of the event.
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

/// The original with its cause.
pub(crate) fn event(original: &Event, cause: Cause<'_>) -> Event {
    let reason = clean(cause.reason);
    let entries = [
        ("tidegatecause", cause.cause),
        ("tidegatereason", &reason),
        ("tidegateby", cause.by),
        ("tidegatedigest", cause.digest),
        ("tidegateroute", cause.route),
        ("tidegategeneration", cause.generation),
    ];
    let given: Vec<(&str, &str)> = entries.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    original.clone().with_extensions(&given).unwrap_or_else(|_| original.clone())
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
        .ty("dev.tidegate.malformed")
        .datacontenttype("application/octet-stream")
        .data(Form::Binary, message.message.clone())
        .build()
        .ok()?;
    Some(event(&wrapped, cause))
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

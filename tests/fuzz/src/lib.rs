//! Fuzzing of what reads bytes from outside, with libFuzzer through `cargo-fuzz`, on the pinned stable toolchain.
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo run --manifest-path tests/fuzz/Cargo.toml --example seeds       # once: vectors become the first corpus
//! cargo fuzz run --fuzz-dir tests/fuzz -s none binding -- -max_total_time=600
//! ```
//!
//! `-s none`: sanitizers need nightly, and there is hardly any unsafe code to watch; what is looked for are panics, overflows,
//! hangs, and properties that do not hold. Targets:
//!
//! | target | input | holds |
//! |---|---|---|
//! | `binding` | a message, as [`message`] reads it | what is read comes back in every mode |
//! | `batch` | the body of a batch | the same, and all of it is events |
//! | `envelope` | a rule's number, then a message | what becomes an event is one: it survives the binding |
//! | `json` | a structured event | what is good by the whole grammar is JSON, and good by its envelope too |
//! | `documents` | documents of a host, YAML | mistakes have places |
//! | `reply` | what a guest's transform returns: words of the index, then bytes | what comes out is events, in order of origin |

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Lines `name: value`, an empty line, a body. Lines that are no headers are left out, as a server refuses them before.
pub fn message(input: &[u8]) -> (HeaderMap, Bytes) {
    let end = input.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((input, &[][..]), |at| (&input[..at], &input[at + 2..]));
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, Bytes::copy_from_slice(body))
}

/// Attributes and bytes of an event must survive the binding, in every mode.
pub fn check_comes_back(event: &tidegate_event::Event) {
    use tidegate_connector_http::binding::{self, Mode};
    for mode in [Mode::Binary, Mode::Structured, Mode::Batched] {
        let (headers, body) = binding::encode(event, mode);
        let received = binding::decode(&headers, body).unwrap_or_else(|error| panic!("{mode:?}: {error}: {event:?}"));
        let [back] = &received.events[..] else { panic!("{mode:?}: {} events", received.events.len()) };
        for name in ["id", "source", "type", "subject", "time", "dataschema"] {
            assert_eq!(event.attribute(name), back.attribute(name), "{mode:?}: {name}");
        }
        for (name, value) in event.extensions() {
            assert_eq!(Some(value.into_canonical()), back.attribute(name), "{mode:?}: {name}");
        }
        assert_eq!(event.extensions().count(), back.extensions().count(), "{mode:?}");
        if let Some(media_type) = event.datacontenttype() {
            // Blanks around a header's value are not its.
            assert_eq!(media_type.trim_ascii(), back.datacontenttype().unwrap_or_default().trim_ascii(), "{mode:?}");
        }
        if let (Mode::Binary, Some(data)) = (received.mode, event.data()) {
            assert_eq!(data.bytes, back.data().map(|data| data.bytes).unwrap_or_default(), "{mode:?}");
        }
        if mode != Mode::Binary {
            assert_eq!(event.data().is_some(), back.data().is_some(), "{mode:?}");
        }
    }
}

//! Fuzzing of what reads bytes from outside, with libFuzzer through `cargo-fuzz`, on the pinned stable toolchain.
//!
//! ```text
//! .ci/fuzz                                                              # every target for a minute; does what the others do
//! cargo install --locked cargo-fuzz
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
//! | `cesql` | an expression, a line `---`, a structured event | the filter agrees with the complete evaluation, types and facts hold |
//! | `pattern` | a condition as a document writes it, a line `---`, a structured event | the index says what the rule says, parsed whole or in part |
//! | `topic` | a pattern as a document writes it, then lines of names | level by level is what it says |
//! | `documents` | documents of a host, YAML | mistakes have places |
//! | `reply` | what a guest's transform returns: words of the index, then bytes | what comes out is events, in order of origin |

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_event::{
    Event,
    json::{Validate, decode},
};
use tidegate_policy::{ConfigProblem, ConnectorCheck, Documents, File, Options, Role, check};

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

/// What stands before a line `---`, and the structured event behind it; an event of our own where that is none.
pub fn text_and_event(input: &str) -> (&str, Event) {
    let (text, event) = input.split_once("\n---\n").unwrap_or((input, ""));
    let own =
        br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","n":5,"flag":true,"data":{"a":[1,{"b":"x"}]}}"#;
    let event = decode(&Bytes::copy_from_slice(event.as_bytes()), Validate::Envelope);
    (text, event.unwrap_or_else(|_| decode(&Bytes::from_static(own), Validate::Full).expect("an event")))
}

struct Memory;

impl ConnectorCheck for Memory {
    fn has_topics(&self, _: &str) -> bool {
        false
    }
    fn names(&self) -> Vec<String> {
        vec!["memory".into()]
    }
    fn check(&self, _: &str, _: Role, _: &serde_json::Value) -> Vec<ConfigProblem> {
        Vec::new()
    }
}

/// Documents whose route has a target with this in it; `None` where they are refused, which must have been said.
pub fn with_target(rest: &str) -> Option<Documents> {
    let document = |kind: &str, name: &str, spec: &str| {
        format!("---\napiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
    };
    let ends = document("Source", "in", "{memory: {}}") + &document("Sink", "out", "{memory: {}}");
    let text = ends + &document("Route", "r", &format!("{{from: [{{name: in}}], to: [{{sink: out, {rest}}}]}}"));
    match check(&[File { path: "fuzz.yaml".into(), text }], &Options { development: true, connectors: &Memory }) {
        Ok(documents) => Some(documents),
        Err(report) => {
            assert!(!report.to_string().is_empty());
            None
        }
    }
}

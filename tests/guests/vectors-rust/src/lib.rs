//! The guests of the vectors, in Rust: what they do stands in `sdk-guest/vectors/README.md`.

use std::fmt::Write as _;

use tidegate_guest::{Event, Form, Value};

#[cfg(feature = "filter")]
mod filter;
#[cfg(feature = "matcher")]
mod matcher;
#[cfg(feature = "transform")]
mod transform;

/// FNV-1a over everything an event shows.
#[cfg_attr(
    not(any(feature = "filter", feature = "matcher", feature = "transform")),
    expect(dead_code, reason = "no guest")
)]
fn hash(event: &Event) -> String {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    let optional = [event.subject(), event.time(), event.datacontenttype(), event.dataschema()];
    for value in [event.id(), event.source(), event.ty()].into_iter().chain(optional.map(Option::unwrap_or_default)) {
        hash.ended(value.as_bytes());
    }
    for (name, value) in event.extensions() {
        hash.ended(name.as_bytes());
        extension(&mut hash, value);
        if let Some(number) = value.to_integer() {
            hash.bytes(format!("i{number}").as_bytes());
        }
        if let Some(truth) = value.to_boolean() {
            hash.bytes(if truth { b"t" } else { b"f" });
        }
    }
    hash.ended(event.extension_str("region").unwrap_or("-").as_bytes());
    match event.data() {
        None => hash.bytes(b"-"),
        Some(data) => {
            hash.bytes(match data.form {
                Form::Binary => b"0",
                Form::Text => b"1",
                Form::Json => b"2",
            });
            hash.bytes(data.bytes);
        }
    }
    hash.bytes(&[0]);
    for (name, value) in event.contexts() {
        hash.ended(name.as_bytes());
        hash.ended(value.as_bytes());
    }
    hash.bytes(event.now_ms().to_string().as_bytes());
    let mut text = String::new();
    let _ = write!(text, "{:016x}", hash.0);
    text
}

fn extension(hash: &mut Fnv, value: Value) {
    match value {
        Value::String(s) => hash.kind(1, s.as_bytes()),
        Value::Integer(i) => hash.kind(2, i.to_string().as_bytes()),
        Value::Boolean(b) => hash.kind(3, b.to_string().as_bytes()),
        Value::Binary(b) => hash.kind(4, b),
        Value::Uri(s) => hash.kind(5, s.as_bytes()),
        Value::UriRef(s) => hash.kind(6, s.as_bytes()),
        Value::Timestamp(s) => hash.kind(7, s.as_bytes()),
    }
}

struct Fnv(u64);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn ended(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
        self.bytes(&[0]);
    }

    fn kind(&mut self, kind: u8, bytes: &[u8]) {
        self.bytes(&[kind]);
        self.ended(bytes);
    }
}

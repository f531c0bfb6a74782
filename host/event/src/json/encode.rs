//! Writes structured events.
//!
//! What data becomes: JSON stands as it is; text under a content type that is not JSON becomes a string; everything else
//! (bytes, and what is said to be JSON and is not) goes into `data_base64`, so that reading it back gives the same bytes.
//! The data's content type is written even where the event has none: `application/json` for JSON, `text/plain` for text.

use serde_json::value::RawValue;

use crate::entries;
use crate::json::{DEPTH_MAX, scan, strings};
use crate::row::{self, NAMES};
use crate::{Data, Event, Form, media};

/// Appends the event in structured form, without a line break. An event that came in structured and was not changed is
/// written as it came (its context is not part of it), even where it left out `datacontenttype`; line breaks between
/// its tokens become blanks.
pub fn encode(event: &Event, out: &mut Vec<u8>) {
    match event.whole() {
        Some(whole) => on_one_line(whole, out),
        None => members(event, out),
    }
}

/// Appends a JSON array of structured events.
pub fn encode_batch(events: &[Event], out: &mut Vec<u8>) {
    out.push(b'[');
    for (position, event) in events.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        encode(event, out);
    }
    out.push(b']');
}

fn members(event: &Event, out: &mut Vec<u8>) {
    // 128: names, quotes and commas of the members that most events have.
    out.reserve(event.size() + 128);
    out.extend_from_slice(b"{\"specversion\":\"1.0\"");
    for (field, name) in NAMES.iter().enumerate() {
        let value = event.bytes(field);
        if !value.is_empty() {
            key(name.as_bytes(), out);
            strings::write(value, out);
        }
    }
    for entry in entries::checked(event.bytes(row::EXTENSIONS)) {
        key(entry.name, out);
        match entry.kind {
            entries::INTEGER | entries::BOOLEAN => out.extend_from_slice(entry.value),
            _ => strings::write(entry.to_canonical().as_bytes(), out),
        }
    }
    if let Some(payload) = event.data() {
        data(event, payload, out);
    }
    out.push(b'}');
}

fn data(event: &Event, data: Data<'_>, out: &mut Vec<u8>) {
    let media_type = event.bytes(row::DATACONTENTTYPE);
    let says_json = if media_type.is_empty() { data.form == Form::Json } else { media::is_json(media_type) };
    let fits = match data.form {
        Form::Binary => Fit::Base64,
        // A string under another content type would be read as text: what is one must not stand there raw.
        Form::Json if !says_json && data.bytes.trim_ascii_start().starts_with(b"\"") => Fit::String,
        Form::Json if event.is_json_checked() || is_json(data.bytes) => Fit::Raw,
        Form::Text if says_json && is_json(data.bytes) => Fit::Raw,
        Form::Json | Form::Text if says_json => Fit::Base64,
        Form::Json | Form::Text => Fit::String,
    };
    if media_type.is_empty() {
        match fits {
            Fit::Raw => out.extend_from_slice(b",\"datacontenttype\":\"application/json\""),
            Fit::String => out.extend_from_slice(b",\"datacontenttype\":\"text/plain\""),
            Fit::Base64 => {}
        }
    }
    match fits {
        Fit::Raw => {
            key(b"data", out);
            on_one_line(data.bytes.trim_ascii(), out);
        }
        Fit::String => {
            key(b"data", out);
            strings::write(data.bytes, out);
        }
        Fit::Base64 => {
            key(b"data_base64", out);
            out.push(b'"');
            base64_simd::STANDARD.encode_append(data.bytes, out);
            out.push(b'"');
        }
    }
}

/// How data stands in a structured event.
enum Fit {
    Raw,
    String,
    Base64,
}

/// Whether this is one JSON value, and may be nested in an event: what is nested deeper nobody would read. Does not recurse.
pub(crate) fn is_json(text: &[u8]) -> bool {
    scan::check_depth(text, DEPTH_MAX - 1).is_ok() && serde_json::from_slice::<&RawValue>(text).is_ok()
}

/// Appends JSON text; line breaks, which stand only between tokens, become blanks.
fn on_one_line(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text);
    if memchr::memchr2(b'\n', b'\r', text).is_some() {
        for byte in &mut out[start..] {
            if matches!(*byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

fn key(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name);
    out.extend_from_slice(b"\":");
}

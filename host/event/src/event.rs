//! One CloudEvent over the bytes it came in: what it is and how it is read.
//!
//! Reading finds a span in the row and takes those bytes; nothing is parsed, copied or searched, except that extensions
//! and context are walked by name. How an event comes to be is in [`builder`], [`json`](crate::json),
//! [`binary`](crate::binary) and [`flat`](crate::flat).

mod builder;
mod change;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub use self::builder::EventBuilder;
pub(crate) use self::builder::{append, check_data};
use crate::entries::{self, Entry};
use crate::media;
use crate::row::{self, Row};

/// One CloudEvent, valid by construction. Cloning is two reference counts.
///
/// Size limit: a message and what was decoded from it are each under 2 GiB (spans are 32-bit). An event keeps the whole
/// message alive that it came in, which may be a chunk of many lines.
#[derive(Clone)]
pub struct Event {
    /// The message as received (may be shared by a whole batch).
    pub(crate) message: Bytes,
    /// Values that do not stand literally in the message: unescaped strings, extension entries, context.
    pub(crate) side: Bytes,
    pub(crate) row: Row,
}

// Batches of events are walked all the time: a change of size must be on purpose.
const _: () = assert!(size_of::<Event>() <= 176);

/// How the data of an event is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Bytes of any kind.
    Binary,
    /// UTF-8 text.
    Text,
    /// The text of a JSON value. That it is well-formed is certain only where it was checked
    /// ([`Validate::Full`](crate::json::Validate::Full), or what a transform returned).
    Json,
}

impl Form {
    /// The form of data of this content type: JSON and text where it says so, else binary. What the bytes are is another
    /// question.
    pub fn of(media_type: &str) -> Form {
        match media_type.as_bytes() {
            json if media::is_json(json) => Form::Json,
            text if media::is_text(text) => Form::Text,
            _ => Form::Binary,
        }
    }
}

/// The payload of an event, as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// What the bytes are.
    pub form: Form,
    /// The payload itself: text in UTF-8, what came as base64 decoded.
    pub bytes: &'a [u8],
}

/// The value of an extension attribute. Kinds are hints where the transport has none (HTTP binary mode), and JSON tells
/// only strings, integers and booleans apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text without control characters.
    String(Cow<'a, str>),
    /// 32 bits, as the specification has it.
    Integer(i32),
    /// `true` or `false`.
    Boolean(bool),
    /// Raw bytes; base64 in canonical form.
    Binary(Cow<'a, [u8]>),
    /// An absolute URI.
    Uri(Cow<'a, str>),
    /// An absolute or relative URI.
    UriRef(Cow<'a, str>),
    /// RFC 3339.
    Timestamp(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// The value in canonical string form (CloudEvents 1.0.2, section 3.1 "Type System").
    pub fn into_canonical(self) -> Cow<'a, str> {
        match self {
            Value::String(text) | Value::Uri(text) | Value::UriRef(text) | Value::Timestamp(text) => text,
            Value::Integer(integer) => Cow::Owned(integer.to_string()),
            Value::Boolean(true) => Cow::Borrowed("true"),
            Value::Boolean(false) => Cow::Borrowed("false"),
            Value::Binary(bytes) => Cow::Owned(base64_simd::STANDARD.encode_to_string(bytes)),
        }
    }
}

/// The text of a value that was checked when the event was made.
#[expect(clippy::expect_used, reason = "names the invariant")]
#[inline]
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("invariant: attributes of an event are UTF-8")
}

impl Event {
    /// Starts an event from parts.
    pub fn builder() -> EventBuilder {
        EventBuilder::default()
    }

    /// The `id` attribute.
    pub fn id(&self) -> &str {
        text(self.bytes(row::ID))
    }

    /// The `source` attribute.
    pub fn source(&self) -> &str {
        text(self.bytes(row::SOURCE))
    }

    /// The `type` attribute.
    pub fn ty(&self) -> &str {
        text(self.bytes(row::TYPE))
    }

    /// The `subject` attribute.
    pub fn subject(&self) -> Option<&str> {
        self.optional(row::SUBJECT)
    }

    /// The `time` attribute, RFC 3339, as received.
    pub fn time(&self) -> Option<&str> {
        self.optional(row::TIME)
    }

    /// The `datacontenttype` attribute.
    pub fn datacontenttype(&self) -> Option<&str> {
        self.optional(row::DATACONTENTTYPE)
    }

    /// The `dataschema` attribute.
    pub fn dataschema(&self) -> Option<&str> {
        self.optional(row::DATASCHEMA)
    }

    /// An extension attribute.
    pub fn extension(&self, name: &str) -> Option<Value<'_>> {
        entries::find(self.bytes(row::EXTENSIONS), name.as_bytes()).map(Entry::to_value)
    }

    /// The extension attributes, in the order of the message.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, Value<'_>)> + '_ {
        entries::checked(self.bytes(row::EXTENSIONS)).map(|entry| (text(entry.name), entry.to_value()))
    }

    /// Any attribute by name, required, optional or extension, in canonical string form (`specversion` too).
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(field) = row::field_named(name.as_bytes()) {
            return self.optional(field).map(Cow::Borrowed);
        }
        if name == "specversion" {
            return Some(Cow::Borrowed("1.0"));
        }
        entries::find(self.bytes(row::EXTENSIONS), name.as_bytes()).map(Entry::to_canonical)
    }

    /// The payload; `None` is no data, which is not the same as empty data.
    pub fn data(&self) -> Option<Data<'_>> {
        self.form().map(|form| Data { form, bytes: self.bytes(row::DATA) })
    }

    /// The bytes of the payload, shared with the event: they keep the whole message alive that it came in.
    pub fn data_shared(&self) -> Option<Bytes> {
        self.form().map(|_| {
            let (start, len) = row::span(&self.row, row::DATA);
            let buffer = if start & row::SIDE == 0 { &self.message } else { &self.side };
            let start = (start & !row::SIDE) as usize;
            buffer.slice(start..start + len as usize)
        })
    }

    /// What the transport knows (`key`, `partition`, `header.NAME`, ...).
    pub fn context(&self, name: &str) -> Option<&str> {
        entries::find(self.bytes(row::CONTEXT), name.as_bytes()).map(|entry| text(entry.value))
    }

    /// All of what the transport knows.
    pub fn contexts(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        entries::checked(self.bytes(row::CONTEXT)).map(|entry| (text(entry.name), text(entry.value)))
    }

    /// What orders it: context `key`, else extension `partitionkey`.
    pub fn ordering_key(&self) -> Option<&str> {
        let extension =
            || entries::find(self.bytes(row::EXTENSIONS), b"partitionkey").filter(|e| e.kind != entries::BINARY);
        self.context("key").or_else(|| extension().map(|entry| text(entry.value)))
    }

    /// Bytes of its values (attributes, extensions, context, data): what limits and windows count.
    pub fn size(&self) -> usize {
        (0..row::FIELDS).map(|field| row::span(&self.row, field).1 as usize).sum()
    }

    /// The bytes of a field, empty where it is absent.
    #[inline]
    pub(crate) fn bytes(&self, field: usize) -> &[u8] {
        let (start, len) = row::span(&self.row, field);
        let buffer = if start & row::SIDE == 0 { &self.message } else { &self.side };
        let start = (start & !row::SIDE) as usize;
        &buffer[start..start + len as usize]
    }

    pub(crate) fn form(&self) -> Option<Form> {
        form_of(self.row[row::FLAGS])
    }

    /// Whether the data is known to be one JSON value.
    pub(crate) fn is_json_checked(&self) -> bool {
        self.row[row::MARKS] & row::JSON_CHECKED != 0
    }

    /// The structured event as it came, if it still says what the event says.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        let (start, len) = (self.row[row::WHOLE] as usize, self.row[row::WHOLE + 1] as usize);
        (len > 0).then(|| &self.message[start..start + len])
    }

    #[inline]
    fn optional(&self, field: usize) -> Option<&str> {
        let bytes = self.bytes(field);
        (!bytes.is_empty()).then(|| text(bytes))
    }
}

/// The form of the data that these flags tell of; `None` where there is no data or no such form.
pub(crate) fn form_of(flags: u32) -> Option<Form> {
    if flags & row::HAS_DATA == 0 {
        return None;
    }
    match (flags & row::FORM_MASK) >> row::FORM_SHIFT {
        0 => Some(Form::Binary),
        1 => Some(Form::Text),
        2 => Some(Form::Json),
        _ => None,
    }
}

/// The flags of a row for data of this form.
pub(crate) fn flags_of(form: Form) -> u32 {
    let form = match form {
        Form::Binary => 0,
        Form::Text => 1,
        Form::Json => 2,
    };
    row::HAS_DATA | form << row::FORM_SHIFT
}

/// Two events are equal when they say the same: attributes, extensions (in any order, kinds ignored where the canonical
/// form is the same), and data byte for byte. Context is how an event travelled, not what it is.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let attributes = (0..row::ATTRIBUTES).all(|field| self.bytes(field) == other.bytes(field));
        let within = |a: &Self, b: &Self| {
            entries::checked(a.bytes(row::EXTENSIONS)).all(|entry| {
                let twin = entries::find(b.bytes(row::EXTENSIONS), entry.name);
                twin.is_some_and(|twin| twin.to_canonical() == entry.to_canonical())
            })
        };
        attributes && self.data() == other.data() && within(self, other) && within(other, self)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Event");
        for (field, name) in row::NAMES.iter().enumerate() {
            if let Some(value) = self.optional(field) {
                out.field(name, &value);
            }
        }
        for (name, value) in self.extensions() {
            out.field(name, &value);
        }
        for (name, value) in self.contexts() {
            out.field(&format!("context {name}"), &value);
        }
        if let Some(data) = self.data() {
            out.field("data", &data.form).field("bytes", &String::from_utf8_lossy(data.bytes));
        }
        out.finish()
    }
}

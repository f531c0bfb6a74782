//! One event as a module sees it: a view of a row, nothing copied.

use std::fmt;

use serde::Deserialize;

use crate::batch::{Batch, Row, field, flag, word};
use crate::bindings::trusted;
use crate::value::Entries;
use crate::{Draft, Needs, Value};

/// One CloudEvent of the batch at hand. Copying it copies two pointers.
///
/// Reading what the module's `needs` do not list gives nothing, and fails the whole call with an error that says so.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    batch: &'a Batch,
    row: &'a Row,
}

/// How the data of an event is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Bytes.
    Binary,
    /// UTF-8 text.
    Text,
    /// JSON text.
    Json,
}

/// The payload of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// As the transport delivered it.
    pub form: Form,
    /// Unchecked: whoever sent the event may have called anything JSON.
    pub bytes: &'a [u8],
}

/// Why data could not be read as asked.
#[derive(Debug)]
pub enum DataError {
    /// The event has no data.
    Missing,
    /// The data is not JSON, or not of this shape.
    Json(serde_json::Error),
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataError::Missing => f.write_str("the event has no data"),
            DataError::Json(error) => write!(f, "data: {error}"),
        }
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DataError::Missing => None,
            DataError::Json(error) => Some(error),
        }
    }
}

impl From<serde_json::Error> for DataError {
    fn from(error: serde_json::Error) -> DataError {
        DataError::Json(error)
    }
}

impl<'a> Event<'a> {
    pub(crate) fn new(batch: &'a Batch, row: &'a Row) -> Event<'a> {
        Event { batch, row }
    }

    /// Unique within its source.
    #[inline]
    pub fn id(&self) -> &'a str {
        self.text_of(field::ID)
    }

    /// The context in which it happened; a URI reference.
    #[inline]
    pub fn source(&self) -> &'a str {
        self.text_of(field::SOURCE)
    }

    /// The `type` attribute.
    #[inline]
    pub fn ty(&self) -> &'a str {
        self.text_of(field::TYPE)
    }

    /// What of the source it is about.
    #[inline]
    pub fn subject(&self) -> Option<&'a str> {
        present(self.text_of(field::SUBJECT))
    }

    /// When it happened: RFC 3339, as received.
    #[inline]
    pub fn time(&self) -> Option<&'a str> {
        present(self.text_of(field::TIME))
    }

    /// The media type of the data.
    #[inline]
    pub fn datacontenttype(&self) -> Option<&'a str> {
        present(self.text_of(field::DATACONTENTTYPE))
    }

    /// The schema of the data; a URI.
    #[inline]
    pub fn dataschema(&self) -> Option<&'a str> {
        present(self.text_of(field::DATASCHEMA))
    }

    /// An extension attribute.
    #[inline]
    pub fn extension(&self, name: &str) -> Option<Value<'a>> {
        self.entries(field::EXTENSIONS, Needs::EXTENSIONS).named(name).map(crate::value::Entry::value)
    }

    /// An extension attribute in canonical string form, whatever its kind; absent if it is bytes.
    #[inline]
    pub fn extension_str(&self, name: &str) -> Option<&'a str> {
        self.entries(field::EXTENSIONS, Needs::EXTENSIONS).named(name)?.text()
    }

    /// All extension attributes, in the order received.
    pub fn extensions(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries(field::EXTENSIONS, Needs::EXTENSIONS).map(|entry| (trusted(entry.name), entry.value()))
    }

    /// The payload; absent is not the same as empty.
    #[inline]
    pub fn data(&self) -> Option<Data<'a>> {
        let flags = self.row[word::FLAGS];
        if flags & flag::HAS_DATA == 0 {
            self.note_if_withheld(Needs::DATA);
            return None;
        }
        Some(Data { form: form(flags), bytes: self.span(field::DATA, Needs::DATA) })
    }

    /// The payload as text, if there is one and it is UTF-8.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.data()?.bytes).ok()
    }

    /// The payload, parsed. Text in `T` may borrow from the event.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, DataError> {
        let data = self.data().ok_or(DataError::Missing)?;
        Ok(serde_json::from_slice(data.bytes)?)
    }

    /// What the transport knows: `topic`, `key`, `partition`, `header.NAME`, …
    #[inline]
    pub fn context(&self, name: &str) -> Option<&'a str> {
        self.entries(field::CONTEXT, Needs::CONTEXT).named(name)?.text()
    }

    /// Everything the transport knows.
    pub fn contexts(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.entries(field::CONTEXT, Needs::CONTEXT).filter_map(|entry| Some((trusted(entry.name), entry.text()?)))
    }

    /// The host's clock when the batch was formed, in milliseconds since the Unix epoch: the only clock there is.
    pub fn now_ms(&self) -> u64 {
        self.batch.now_ms
    }

    /// An output that is this event, but for what is then changed. Costs only what is changed.
    pub fn patch(&self) -> Draft {
        Draft::patch(self)
    }

    /// An output that stands for itself: a copy of everything this event holds.
    pub fn copy(&self) -> Draft {
        Draft::copy(self)
    }

    /// An output that has nothing of this event but its place in the stream.
    pub fn derive(&self, id: &str, source: &str, ty: &str) -> Draft {
        Draft::blank(self).set_id(id).set_source(source).set_type(ty)
    }

    pub(crate) fn row(&self) -> &'a Row {
        self.row
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        &self.batch.bytes
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn check_misreads(&self) -> Result<(), String> {
        self.batch.check_misreads()
    }

    /// The bytes of a field, empty where there are none.
    #[inline]
    pub(crate) fn span(&self, field: usize, needs: Needs) -> &'a [u8] {
        let (start, length) = (self.row[word::SPANS + 2 * field], self.row[word::SPANS + 2 * field + 1]);
        if length == 0 {
            self.note_if_withheld(needs);
            return &[];
        }
        // The host guarantees spans in bounds; this keeps a broken one from being more than an empty value.
        let (start, length) = (start as usize, length as usize);
        self.batch.bytes.get(start..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    #[inline]
    fn text_of(&self, field: usize) -> &'a str {
        trusted(self.span(field, Needs::ATTRIBUTES))
    }

    #[inline]
    fn entries(&self, field: usize, needs: Needs) -> Entries<'a> {
        Entries(self.span(field, needs))
    }

    #[inline]
    fn note_if_withheld(&self, needs: Needs) {
        if (self.row[word::FLAGS] >> flag::WITHHELD_SHIFT) & needs.0 != 0 {
            self.batch.note_misread(needs.0);
        }
    }
}

impl fmt::Debug for Event<'_> {
    /// The attributes, for messages of tests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id())
            .field("source", &self.source())
            .field("type", &self.ty())
            .finish_non_exhaustive()
    }
}

#[inline]
fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// A form of a later contract is read as bytes.
pub(crate) fn form(flags: u32) -> Form {
    match (flags & flag::FORM) >> flag::FORM_SHIFT {
        1 => Form::Text,
        2 => Form::Json,
        _ => Form::Binary,
    }
}

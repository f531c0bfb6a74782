//! Events of a test's own.

use serde::Serialize;

use crate::batch::{Batch, ROW_WORDS, Row, field, flag, word};
use crate::value::put_entry;
use crate::{Event, Form, Value};

/// An event with id `1`, source `/test`, type `test` and nothing else, until told otherwise.
pub fn event() -> EventBuilder {
    EventBuilder::blank().id("1").source("/test").ty("test")
}

/// Builds an event. Does not check it: a test may well want what no host delivers.
#[derive(Clone, Debug)]
pub struct EventBuilder {
    fields: [Vec<u8>; field::COUNT],
    flags: u32,
    now_ms: u64,
}

impl EventBuilder {
    pub(super) fn blank() -> EventBuilder {
        EventBuilder { fields: std::array::from_fn(|_| Vec::new()), flags: 0, now_ms: 0 }
    }

    /// Sets `id`.
    #[must_use]
    pub fn id(self, id: &str) -> EventBuilder {
        self.set(field::ID, id)
    }

    /// Sets `source`.
    #[must_use]
    pub fn source(self, source: &str) -> EventBuilder {
        self.set(field::SOURCE, source)
    }

    /// Sets `type`.
    #[must_use]
    pub fn ty(self, ty: &str) -> EventBuilder {
        self.set(field::TYPE, ty)
    }

    /// Sets `subject`.
    #[must_use]
    pub fn subject(self, subject: &str) -> EventBuilder {
        self.set(field::SUBJECT, subject)
    }

    /// Sets `time`.
    #[must_use]
    pub fn time(self, time: &str) -> EventBuilder {
        self.set(field::TIME, time)
    }

    /// Sets `datacontenttype`.
    #[must_use]
    pub fn datacontenttype(self, media_type: &str) -> EventBuilder {
        self.set(field::DATACONTENTTYPE, media_type)
    }

    /// Sets `dataschema`.
    #[must_use]
    pub fn dataschema(self, schema: &str) -> EventBuilder {
        self.set(field::DATASCHEMA, schema)
    }

    /// Adds an extension attribute.
    #[must_use]
    pub fn extension<'v>(mut self, name: &str, value: impl Into<Value<'v>>) -> EventBuilder {
        put_entry(&mut self.fields[field::EXTENSIONS], name, Some(value.into()));
        self
    }

    /// Adds something that the transport knows.
    #[must_use]
    pub fn context(mut self, name: &str, value: &str) -> EventBuilder {
        put_entry(&mut self.fields[field::CONTEXT], name, Some(Value::String(value)));
        self
    }

    /// Sets the payload.
    #[must_use]
    pub fn data(mut self, form: Form, bytes: &[u8]) -> EventBuilder {
        self.fields[field::DATA] = bytes.to_vec();
        let form = match form {
            Form::Binary => 0,
            Form::Text => 1,
            Form::Json => 2,
        };
        self.flags |= flag::HAS_DATA | form << flag::FORM_SHIFT;
        self
    }

    /// Sets the payload to JSON.
    ///
    /// # Panics
    /// If the value cannot be written as JSON.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test's own value")]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> EventBuilder {
        let bytes = serde_json::to_vec(value).expect("a value that can be written as JSON");
        self.data(Form::Json, &bytes)
    }

    /// Sets the host's clock.
    #[must_use]
    pub fn now_ms(mut self, now_ms: u64) -> EventBuilder {
        self.now_ms = now_ms;
        self
    }

    /// The event. It is never freed.
    #[must_use]
    pub fn build(self) -> Event<'static> {
        self.build_withholding(0)
    }

    /// The event as a batch of one, with the withheld bits set.
    pub(super) fn build_withholding(self, withheld: u32) -> Event<'static> {
        let mut row: Row = [0; ROW_WORDS];
        row[word::FLAGS] = self.flags | withheld << flag::WITHHELD_SHIFT;
        let mut bytes = Vec::new();
        for (f, value) in self.fields.iter().enumerate() {
            row[word::SPANS + 2 * f] = size(bytes.len());
            row[word::SPANS + 2 * f + 1] = size(value.len());
            bytes.extend_from_slice(value);
        }
        let batch: &'static Batch = Box::leak(Box::new(Batch::new(self.now_ms, bytes, Vec::new())));
        Event::new(batch, Box::leak(Box::new(row)))
    }

    pub(super) fn set_raw(&mut self, field: usize, value: &[u8]) {
        self.fields[field] = value.to_vec();
    }

    pub(super) fn raw(&self, field: usize) -> &[u8] {
        &self.fields[field]
    }

    pub(super) fn set_flags(&mut self, flags: u32) {
        self.flags = flags;
    }

    /// A copy of an event, to be changed.
    pub(super) fn of(event: &Event<'_>) -> EventBuilder {
        let mut builder = EventBuilder::blank().now_ms(event.now_ms());
        for f in 0..field::COUNT {
            builder.set_raw(f, event.span(f, crate::Needs::NONE));
        }
        builder.set_flags(event.row()[word::FLAGS] & (flag::HAS_DATA | flag::FORM));
        builder
    }

    fn set(mut self, field: usize, value: &str) -> EventBuilder {
        self.set_raw(field, value.as_bytes());
        self
    }
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

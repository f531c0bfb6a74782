//! Builds an event from parts.

use bytes::Bytes;

use crate::entries::{self, Entry};
use crate::event::flags_of;
use crate::row::{self, ATTRIBUTES, NAMES, ROW_WORDS, Row, SIDE};
use crate::{EXTENSIONS_MAX, Event, Form, InvalidEvent, Value, rules};

/// Builds an event from parts; checks the rules of CloudEvents 1.0.2 at the end.
///
/// Setting something again replaces it. The data's bytes are kept, not copied.
///
/// ```
/// use tidegate_event::{Event, Form};
///
/// let event = Event::builder().id("1").source("/shop").ty("order").data(Form::Text, "hello").build()?;
/// assert_eq!(event.source(), "/shop");
/// # Ok::<(), tidegate_event::InvalidEvent>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventBuilder {
    attributes: [Option<String>; ATTRIBUTES],
    extensions: Vec<u8>,
    context: Vec<u8>,
    data: Option<(Form, Bytes)>,
    /// The first part that could not even be stored.
    invalid: Option<InvalidEvent>,
}

impl EventBuilder {
    /// Sets `id`.
    pub fn id(self, v: &str) -> Self {
        self.attribute(row::ID, v)
    }

    /// Sets `source`, a URI-reference.
    pub fn source(self, v: &str) -> Self {
        self.attribute(row::SOURCE, v)
    }

    /// Sets `type`.
    pub fn ty(self, v: &str) -> Self {
        self.attribute(row::TYPE, v)
    }

    /// Sets `subject`.
    pub fn subject(self, v: &str) -> Self {
        self.attribute(row::SUBJECT, v)
    }

    /// Sets `time`, RFC 3339; kept as given.
    pub fn time(self, v: &str) -> Self {
        self.attribute(row::TIME, v)
    }

    /// Sets `datacontenttype`, a media type.
    pub fn datacontenttype(self, v: &str) -> Self {
        self.attribute(row::DATACONTENTTYPE, v)
    }

    /// Sets `dataschema`, an absolute URI.
    pub fn dataschema(self, v: &str) -> Self {
        self.attribute(row::DATASCHEMA, v)
    }

    /// Sets an extension attribute.
    pub fn extension(mut self, name: &str, v: Value<'_>) -> Self {
        let number;
        let (kind, value) = match &v {
            Value::String(text) => (entries::STRING, text.as_bytes()),
            Value::Integer(integer) => {
                number = integer.to_string();
                (entries::INTEGER, number.as_bytes())
            }
            Value::Boolean(true) => (entries::BOOLEAN, &b"true"[..]),
            Value::Boolean(false) => (entries::BOOLEAN, &b"false"[..]),
            Value::Binary(bytes) => (entries::BINARY, &bytes[..]),
            Value::Uri(text) => (entries::URI, text.as_bytes()),
            Value::UriRef(text) => (entries::URI_REFERENCE, text.as_bytes()),
            Value::Timestamp(text) => (entries::TIMESTAMP, text.as_bytes()),
        };
        let name = name.as_bytes();
        match rules::extension_name(name).and_then(|()| rules::extension_value(name, kind, value)) {
            Ok(()) => entries::set(&mut self.extensions, Entry { name, kind, value }),
            Err(problem) => self.invalid = self.invalid.or(Some(problem)),
        }
        self
    }

    /// Sets a context entry: what the transport knows. A name of more than 255 bytes is an error of the build.
    pub fn context(mut self, name: &str, v: &str) -> Self {
        if name.len() > entries::NAME_MAX {
            let problem = InvalidEvent::attribute(name, "has a name of more than 255 bytes");
            self.invalid = self.invalid.or(Some(problem));
        } else {
            let entry = Entry { name: name.as_bytes(), kind: entries::STRING, value: v.as_bytes() };
            entries::set(&mut self.context, entry);
        }
        self
    }

    /// Sets the data. Text and JSON must be UTF-8; whether it is JSON is looked at when the event is written as JSON.
    pub fn data(mut self, form: Form, bytes: impl Into<Bytes>) -> Self {
        self.data = Some((form, bytes.into()));
        self
    }

    /// Checks everything and makes the event.
    pub fn build(self) -> Result<Event, InvalidEvent> {
        let mut row: Row = [0; ROW_WORDS];
        let mut side = Vec::with_capacity(self.side_size()?);
        if let Some(problem) = self.invalid {
            return Err(problem);
        }
        if entries::checked(&self.extensions).count() > EXTENSIONS_MAX {
            return Err(InvalidEvent::TooManyExtensions);
        }
        for (field, value) in self.attributes.iter().enumerate() {
            match value {
                Some(value) => rules::attribute(field, value)?,
                None if field <= row::TYPE => return Err(InvalidEvent::Missing(NAMES[field])),
                None => continue,
            }
            append(&mut side, &mut row, field, value.as_deref().unwrap_or_default().as_bytes());
        }
        append(&mut side, &mut row, row::EXTENSIONS, &self.extensions);
        append(&mut side, &mut row, row::CONTEXT, &self.context);
        let message = match self.data {
            None => Bytes::new(),
            Some((form, bytes)) => {
                check_data(form, &bytes)?;
                row[row::FLAGS] = flags_of(form);
                row::set_span(&mut row, row::DATA, 0, bytes.len() as u32);
                bytes
            }
        };
        Ok(Event { message, side: side.into(), row })
    }

    fn attribute(mut self, field: usize, value: &str) -> Self {
        self.attributes[field] = Some(value.to_owned());
        self
    }

    /// Bytes of the side buffer to come.
    fn side_size(&self) -> Result<usize, InvalidEvent> {
        let attributes: usize = self.attributes.iter().flatten().map(String::len).sum();
        let size = attributes + self.extensions.len() + self.context.len();
        let data = self.data.as_ref().map_or(0, |(_, bytes)| bytes.len());
        if size > row::BUFFER_MAX || data > row::BUFFER_MAX { Err(InvalidEvent::TooLarge) } else { Ok(size) }
    }
}

/// Text and JSON are UTF-8.
pub(crate) fn check_data(form: Form, bytes: &[u8]) -> Result<(), InvalidEvent> {
    match form {
        Form::Binary => Ok(()),
        Form::Text | Form::Json => simdutf8::basic::from_utf8(bytes)
            .map(drop)
            .map_err(|_| InvalidEvent::Data("is said to be text, and not UTF-8")),
    }
}

/// Appends a field's value to a side buffer.
pub(crate) fn append(side: &mut Vec<u8>, row: &mut Row, field: usize, value: &[u8]) {
    row::set_span(row, field, side.len() as u32 | SIDE, value.len() as u32);
    side.extend_from_slice(value);
}

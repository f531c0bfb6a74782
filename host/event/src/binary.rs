//! Binary mode: attributes beside the payload, as protocol bindings carry them.
//!
//! A binding strips its prefix (`ce-`, `ce_`) from names, puts them in lower case, decodes percent escapes where it has
//! them, and hands the content type over as `datacontenttype`.

use bytes::Bytes;

use crate::entries::{self, Entry};
use crate::event::{append, check_data, flags_of};
use crate::row::{self, NAMES, ROW_WORDS, Row};
use crate::{EXTENSIONS_MAX, Event, Form, InvalidEvent, rules};

/// An event from attributes (names without a binding's prefix, values in canonical string form) and payload.
/// `None` is no data (a Kafka tombstone), an empty payload is empty data.
///
/// Extensions are strings: binary mode does not say more. The data's form follows the content type: JSON where it says
/// so, text for text types, both only where the payload is UTF-8 (whether it is JSON is looked at when it is written
/// into a structured event); else binary. The payload is kept, not copied.
pub fn decode<'a>(
    attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    data: Option<Bytes>,
) -> Result<Event, InvalidEvent> {
    let mut found: [Option<&str>; row::ATTRIBUTES] = [None; row::ATTRIBUTES];
    let mut specversion = None;
    let mut extensions = Vec::new();
    let mut count = 0;
    for (name, value) in attributes {
        let place = match row::field_named(name.as_bytes()) {
            Some(field) => &mut found[field],
            None if name == "specversion" => &mut specversion,
            None => {
                count += 1;
                extension(&mut extensions, count, name.as_bytes(), value.as_bytes())?;
                continue;
            }
        };
        if place.replace(value).is_some() {
            return Err(InvalidEvent::repeated(name.as_bytes()));
        }
    }
    match specversion {
        Some("1.0") => build(&found, &extensions, data),
        Some(other) => Err(InvalidEvent::specversion(other.as_bytes())),
        None => Err(InvalidEvent::Missing("specversion")),
    }
}

/// The attributes of an event (specversion first, datacontenttype among them) in canonical string form.
///
/// JSON data without a content type (as structured mode allows) gets `application/json`: in binary mode nothing else
/// would say so.
pub fn attributes(event: &Event) -> Vec<(String, String)> {
    let mut out = vec![("specversion".to_owned(), "1.0".to_owned())];
    for name in NAMES {
        if let Some(value) = event.attribute(name) {
            out.push((name.to_owned(), value.into_owned()));
        }
    }
    if event.datacontenttype().is_none() && event.form() == Some(Form::Json) {
        out.push(("datacontenttype".to_owned(), "application/json".to_owned()));
    }
    for entry in entries::checked(event.bytes(row::EXTENSIONS)) {
        out.push((crate::event::text(entry.name).to_owned(), entry.to_canonical().into_owned()));
    }
    out
}

fn extension(extensions: &mut Vec<u8>, count: usize, name: &[u8], value: &[u8]) -> Result<(), InvalidEvent> {
    let entry = Entry { name, kind: entries::STRING, value };
    rules::extension_name(name)?;
    rules::extension_value(name, entry.kind, value)?;
    if entries::find(extensions, name).is_some() {
        return Err(InvalidEvent::repeated(name));
    }
    if count > EXTENSIONS_MAX {
        return Err(InvalidEvent::TooManyExtensions);
    }
    entries::push(extensions, entry);
    Ok(())
}

fn build(
    found: &[Option<&str>; row::ATTRIBUTES],
    extensions: &[u8],
    data: Option<Bytes>,
) -> Result<Event, InvalidEvent> {
    let size = found.iter().flatten().map(|value| value.len()).sum::<usize>() + extensions.len();
    if size > row::BUFFER_MAX || data.as_ref().is_some_and(|data| data.len() > row::BUFFER_MAX) {
        return Err(InvalidEvent::TooLarge);
    }
    let mut row: Row = [0; ROW_WORDS];
    let mut side = Vec::with_capacity(size);
    for (field, value) in found.iter().enumerate() {
        match value {
            Some(value) => {
                rules::attribute(field, value)?;
                append(&mut side, &mut row, field, value.as_bytes());
            }
            None if field <= row::TYPE => return Err(InvalidEvent::Missing(NAMES[field])),
            None => {}
        }
    }
    append(&mut side, &mut row, row::EXTENSIONS, extensions);
    if let Some(data) = &data {
        row[row::FLAGS] = flags_of(form(found[row::DATACONTENTTYPE], data));
        row::set_span(&mut row, row::DATA, 0, data.len() as u32);
    }
    Ok(Event { message: data.unwrap_or_default(), side: side.into(), row })
}

/// The form that a content type and the bytes themselves allow.
fn form(datacontenttype: Option<&str>, data: &[u8]) -> Form {
    let said = datacontenttype.map_or(Form::Binary, Form::of);
    if check_data(said, data).is_ok() { said } else { Form::Binary }
}

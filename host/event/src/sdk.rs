//! Conversions with the types of `cloudevents-sdk`, for the edges of programs that use it.
//!
//! Its extensions are strings, booleans and integers only: other kinds become strings in canonical form. It parses
//! `time` (so the same instant may be written differently afterwards) and JSON data (so numbers and blanks may be, too).

use cloudevents::event::{ExtensionValue, SpecVersion, TryIntoTime, TryIntoUrl};
use cloudevents::{AttributesReader, AttributesWriter};

use crate::{Data, Event, Form, InvalidEvent, Value};

impl TryFrom<&Event> for cloudevents::Event {
    type Error = InvalidEvent;

    /// Fails where its parsers are stricter: a `time` or `dataschema` it cannot represent, JSON data that is none.
    fn try_from(event: &Event) -> Result<Self, InvalidEvent> {
        let mut out = Self::default();
        out.set_id(event.id());
        out.set_source(event.source());
        out.set_type(event.ty());
        out.set_subject(event.subject());
        out.set_datacontenttype(event.datacontenttype());
        let time = event.time().map(TryIntoTime::into_time).transpose();
        out.set_time(time.map_err(|_| InvalidEvent::attribute("time", "is out of the range of cloudevents-sdk"))?);
        let schema = event.dataschema().map(TryIntoUrl::into_url).transpose();
        out.set_dataschema(schema.map_err(|_| InvalidEvent::attribute("dataschema", "is not a URL"))?);
        for (name, value) in event.extensions() {
            let value = match value {
                Value::Integer(integer) => ExtensionValue::Integer(integer.into()),
                Value::Boolean(boolean) => ExtensionValue::Boolean(boolean),
                Value::String(text) | Value::Uri(text) | Value::UriRef(text) | Value::Timestamp(text) => {
                    ExtensionValue::String(text.into_owned())
                }
                Value::Binary(bytes) => ExtensionValue::String(base64_simd::STANDARD.encode_to_string(bytes)),
            };
            out.set_extension(name, value);
        }
        if let Some(data) = event.data() {
            out.set_data_unchecked(data_for_sdk(data)?);
        }
        Ok(out)
    }
}

impl TryFrom<&cloudevents::Event> for Event {
    type Error = InvalidEvent;

    /// Fails on what CloudEvents 1.0.2 does not allow and that crate does not check: version 0.3, integers of more than
    /// 32 bits, names and values against the rules.
    fn try_from(event: &cloudevents::Event) -> Result<Self, InvalidEvent> {
        if event.specversion() != SpecVersion::V10 {
            return Err(InvalidEvent::specversion(event.specversion().as_str().as_bytes()));
        }
        let mut out = Self::builder().id(event.id()).source(event.source()).ty(event.ty());
        if let Some(subject) = event.subject() {
            out = out.subject(subject);
        }
        if let Some(time) = event.time() {
            out = out.time(&time.to_rfc3339());
        }
        if let Some(media_type) = event.datacontenttype() {
            out = out.datacontenttype(media_type);
        }
        if let Some(schema) = event.dataschema() {
            out = out.dataschema(schema.as_str());
        }
        for (name, value) in event.iter_extensions() {
            out = out.extension(name, extension(name, value)?);
        }
        out = match event.data() {
            None => out,
            Some(cloudevents::Data::Binary(bytes)) => out.data(Form::Binary, bytes.clone()),
            Some(cloudevents::Data::String(text)) => out.data(Form::Text, text.clone()),
            Some(cloudevents::Data::Json(json)) => out.data(Form::Json, json.to_string()),
        };
        out.build()
    }
}

fn data_for_sdk(data: Data<'_>) -> Result<cloudevents::Data, InvalidEvent> {
    let text = || String::from_utf8_lossy(data.bytes).into_owned();
    Ok(match data.form {
        Form::Binary => cloudevents::Data::Binary(data.bytes.to_vec()),
        Form::Text => cloudevents::Data::String(text()),
        Form::Json => {
            let json = serde_json::from_slice(data.bytes);
            cloudevents::Data::Json(json.map_err(|_| InvalidEvent::Data("is said to be JSON, and is not"))?)
        }
    })
}

fn extension<'a>(name: &str, value: &'a ExtensionValue) -> Result<Value<'a>, InvalidEvent> {
    Ok(match value {
        ExtensionValue::String(text) => Value::String(text.as_str().into()),
        ExtensionValue::Boolean(boolean) => Value::Boolean(*boolean),
        ExtensionValue::Integer(integer) => {
            let integer = i32::try_from(*integer);
            Value::Integer(integer.map_err(|_| InvalidEvent::attribute(name, "is not a 32-bit integer"))?)
        }
    })
}

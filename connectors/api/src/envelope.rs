//! Wraps messages that are no CloudEvents, by an explicit rule of the source.
//!
//! ```yaml
//! envelope:
//!   type: com.acme.line
//!   source: /files/${file}
//!   id: ${data.order.id}          # default: the connector's, stable over redelivery
//!   subject: ${data.customer}
//!   time: ${data.at}
//!   datacontenttype: text/plain   # default: application/json
//!   extensions: {partitionkey: "${data.customer}"}
//! ```
//!
//! Every value is a template: literal text, `${data.PATH}` for a field of the message, `${NAME}` for what the
//! transport knows (each connector documents its names), `${hash}` for a fingerprint of the message, `$$` for a dollar sign.
//! The message itself becomes the data, byte for byte: as JSON (and then it must be JSON) where `datacontenttype` is a JSON
//! type, as text (then it must be UTF-8) where it is `text/*`, else as binary.
//!
//! A message that the rule does not fit is malformed, and the problem names the field. An id is made from what stays the
//! same when the message is delivered again; there is no clock and no random number here.

mod fields;
mod template;

use std::collections::BTreeMap;
use std::fmt::Display;

use bytes::Bytes;
use serde::Deserialize;
use tidegate_event::{Event, Form, Value};

use self::fields::{Found, Wanted};
use self::template::{Scope, Template};
use crate::ConfigError;

/// The `envelope:` of a source, as in the document.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeConfig {
    /// Template of `type`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Template of `source`.
    pub source: String,
    /// Template of `id`; each connector documents its default.
    #[serde(default)]
    pub id: Option<String>,
    /// Template of `subject`.
    #[serde(default)]
    pub subject: Option<String>,
    /// Template of `time`; what comes out must be an RFC 3339 timestamp.
    #[serde(default)]
    pub time: Option<String>,
    /// Literal; `application/json` by default.
    #[serde(default)]
    pub datacontenttype: Option<String>,
    /// Template of `dataschema`.
    #[serde(default)]
    pub dataschema: Option<String>,
    /// Templates of string extensions, by name.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
}

/// What a connector brings to a rule.
#[derive(Clone, Copy, Debug)]
pub struct Transport<'a> {
    /// Names that templates may use, in the order in which [`Envelope::wrap`] gets their values.
    pub names: &'a [&'a str],
    /// Template of `id` where the rule has none.
    pub default_id: &'a str,
}

/// A rule, compiled once.
///
/// ```
/// use tidegate_connector::envelope::{Envelope, EnvelopeConfig, Transport};
/// let config: EnvelopeConfig = serde_json::from_value(serde_json::json!({
///     "type": "com.acme.line", "source": "/files/${file}", "subject": "${data.customer}"
/// })).unwrap();
/// let transport = Transport { names: &["file", "offset"], default_id: "${file}:${offset}" };
/// let envelope = Envelope::compile(&config, transport).unwrap();
/// let event = envelope.wrap(r#"{"customer": "ada"}"#.into(), &[&"orders.jsonl", &2048]).unwrap();
/// assert_eq!((event.id(), event.subject()), ("orders.jsonl:2048", Some("ada")));
/// ```
#[derive(Clone, Debug)]
pub struct Envelope {
    ty: Template,
    source: Template,
    id: Template,
    subject: Option<Template>,
    time: Option<Template>,
    dataschema: Option<Template>,
    extensions: Vec<(String, Template)>,
    datacontenttype: String,
    form: Form,
    wanted: Wanted,
}

impl Envelope {
    /// Compiles a rule; pointers of the errors are relative to the rule.
    pub fn compile(config: &EnvelopeConfig, transport: Transport<'_>) -> Result<Envelope, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut wanted = Wanted::default();
        let mut compile = |pointer: String, text: &str| {
            let scope = Scope { names: transport.names, wanted: &mut wanted };
            Template::compile(text, scope).unwrap_or_else(|error| {
                errors.push(ConfigError { pointer, ..error });
                Template::default()
            })
        };
        let datacontenttype = config.datacontenttype.clone().unwrap_or_else(|| "application/json".into());
        let ty = compile("/type".into(), &config.ty);
        let source = compile("/source".into(), &config.source);
        let id = compile("/id".into(), config.id.as_deref().unwrap_or(transport.default_id));
        let mut optional =
            |name: &str, text: &Option<String>| text.as_deref().map(|text| compile(format!("/{name}"), text));
        let subject = optional("subject", &config.subject);
        let time = optional("time", &config.time);
        let dataschema = optional("dataschema", &config.dataschema);
        let extensions = config.extensions.iter();
        let extensions =
            extensions.map(|(name, text)| (name.clone(), compile(format!("/extensions/{name}"), text))).collect();
        for name in config.extensions.keys() {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
                let problem = format!("`{name}` is no attribute name: lower-case letters and digits only");
                errors.push(ConfigError::new(format!("/extensions/{name}"), problem));
            }
        }
        for (pointer, empty) in [("/type", config.ty.is_empty()), ("/source", config.source.is_empty())] {
            if empty {
                errors.push(ConfigError::new(pointer, "must not be empty"));
            }
        }
        if datacontenttype.is_empty() {
            errors.push(ConfigError::new("/datacontenttype", "must not be empty"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let form = form_of(&datacontenttype);
        Ok(Envelope { ty, source, id, subject, time, dataschema, extensions, datacontenttype, form, wanted })
    }

    /// The message as an event; `transport` holds a value for each name given at compilation. The error says what is wrong
    /// with the message.
    pub fn wrap(&self, message: Bytes, transport: &[&dyn Display]) -> Result<Event, String> {
        let found = match (self.form, self.wanted.is_empty()) {
            (Form::Json, _) | (_, false) => self.wanted.find(&message)?,
            (Form::Text | Form::Binary, true) => Found::default(),
        };
        if self.form == Form::Text
            && let Err(error) = std::str::from_utf8(&message)
        {
            return Err(format!("invalid UTF-8 at byte {}", error.valid_up_to()));
        }
        let fill = |template: &Template| template.fill(&message, &found, transport);
        let mut event = Event::builder().id(&fill(&self.id)?).source(&fill(&self.source)?).ty(&fill(&self.ty)?);
        if let Some(subject) = &self.subject {
            event = event.subject(&fill(subject)?);
        }
        if let Some(time) = &self.time {
            event = event.time(&fill(time)?);
        }
        if let Some(dataschema) = &self.dataschema {
            event = event.dataschema(&fill(dataschema)?);
        }
        for (name, template) in &self.extensions {
            event = event.extension(name, Value::String(fill(template)?.into()));
        }
        event = event.datacontenttype(&self.datacontenttype);
        event.data(self.form, message).build().map_err(|error| format!("the envelope does not fit: {error}"))
    }
}

/// How data of a content type is carried (RFC 6838 structured suffixes; CloudEvents 1.0.2 JSON format, section 3.1).
fn form_of(datacontenttype: &str) -> Form {
    let media = datacontenttype.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media.ends_with("/json") || media.ends_with("+json") {
        Form::Json
    } else if media.starts_with("text/") {
        Form::Text
    } else {
        Form::Binary
    }
}

#[cfg(test)]
mod tests;

//! Attributes of an event by name: the core ones are resolved when the expression is parsed.

use tidegate_event::{Event, Value as Typed};

use crate::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Id,
    Source,
    SpecVersion,
    Type,
    Subject,
    Time,
    DataContentType,
    DataSchema,
    Extension(Box<str>),
}

impl Attribute {
    /// The name in lower case.
    pub(crate) fn named(name: &str) -> Attribute {
        match name {
            "id" => Attribute::Id,
            "source" => Attribute::Source,
            "specversion" => Attribute::SpecVersion,
            "type" => Attribute::Type,
            "subject" => Attribute::Subject,
            "time" => Attribute::Time,
            "datacontenttype" => Attribute::DataContentType,
            "dataschema" => Attribute::DataSchema,
            name => Attribute::Extension(name.into()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Attribute::Id => "id",
            Attribute::Source => "source",
            Attribute::SpecVersion => "specversion",
            Attribute::Type => "type",
            Attribute::Subject => "subject",
            Attribute::Time => "time",
            Attribute::DataContentType => "datacontenttype",
            Attribute::DataSchema => "dataschema",
            Attribute::Extension(name) => name,
        }
    }

    pub(crate) fn exists(&self, event: &Event) -> bool {
        match self {
            Attribute::Id | Attribute::Source | Attribute::SpecVersion | Attribute::Type => true,
            Attribute::Subject => event.subject().is_some(),
            Attribute::Time => event.time().is_some(),
            Attribute::DataContentType => event.datacontenttype().is_some(),
            Attribute::DataSchema => event.dataschema().is_some(),
            Attribute::Extension(name) => event.extension(name).is_some(),
        }
    }

    /// What is none of the three types is its canonical string (section 3.2).
    pub(crate) fn value<'e>(&self, event: &'e Event) -> Option<Value<'e>> {
        let text = match self {
            Attribute::Id => Some(event.id()),
            Attribute::Source => Some(event.source()),
            Attribute::SpecVersion => Some("1.0"),
            Attribute::Type => Some(event.ty()),
            Attribute::Subject => event.subject(),
            Attribute::Time => event.time(),
            Attribute::DataContentType => event.datacontenttype(),
            Attribute::DataSchema => event.dataschema(),
            Attribute::Extension(name) => return event.extension(name).map(of),
        };
        text.map(|text| Value::String(text.into()))
    }
}

fn of(value: Typed<'_>) -> Value<'_> {
    match value {
        Typed::Integer(integer) => Value::Integer(integer),
        Typed::Boolean(boolean) => Value::Boolean(boolean),
        text @ (Typed::String(_) | Typed::Binary(_) | Typed::Uri(_) | Typed::UriRef(_) | Typed::Timestamp(_)) => {
            Value::String(text.into_canonical())
        }
    }
}

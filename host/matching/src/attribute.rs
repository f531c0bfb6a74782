//! Names of attributes, resolved: the core ones are fields of an event, everything else is looked up.

use std::borrow::Cow;

use tidegate_event::Event;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Attribute {
    Id,
    Source,
    SpecVersion,
    Type,
    Subject,
    Time,
    DataContentType,
    DataSchema,
    /// Who sent it, as its source has made sure: context, never an extension, which anybody could write.
    Principal,
    Extension(Box<str>),
}

impl Attribute {
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
            "principal" => Attribute::Principal,
            name => Attribute::Extension(name.into()),
        }
    }

    /// As [`Attribute::named`] where names are those of the event alone: `principal` is an extension like others (CloudEvents SQL).
    pub(crate) fn of_event(name: &str) -> Attribute {
        let attribute = Attribute::named(name);
        if attribute == Attribute::Principal { Attribute::Extension(name.into()) } else { attribute }
    }

    /// The value in canonical string form (CloudEvents 1.0.2, "Type System"), and whether it passes. Absent never does.
    ///
    /// Borrowed but for extensions of the type Binary, which have to be written as base64 first.
    #[inline]
    pub(crate) fn passes(&self, event: &Event, test: impl FnOnce(&str) -> bool) -> bool {
        let value = match self {
            Attribute::Id => Some(event.id()),
            Attribute::Source => Some(event.source()),
            Attribute::SpecVersion => Some("1.0"),
            Attribute::Type => Some(event.ty()),
            Attribute::Subject => event.subject(),
            Attribute::Time => event.time(),
            Attribute::DataContentType => event.datacontenttype(),
            Attribute::DataSchema => event.dataschema(),
            Attribute::Principal => event.context("principal"),
            Attribute::Extension(name) => {
                return event.attribute(name).is_some_and(|value: Cow<'_, str>| test(&value));
            }
        };
        value.is_some_and(test)
    }
}

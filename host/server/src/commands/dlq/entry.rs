//! One entry of a dead letter, and which entries are meant.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use tidegate_connector::connector::{Record, Unreadable};
use tidegate_event::Event;
use tidegate_pipeline::deadletter;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::noted::Became;
use crate::human;

/// What stands at one place of a dead letter.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) sink: Arc<str>,
    pub(super) record: Record,
    /// What became of it, where that is noted.
    pub(super) became: Option<Became>,
}

impl Entry {
    /// As an operator types it.
    pub(super) fn place(&self) -> String {
        format!("{}@{}", self.record.lane, self.record.position)
    }

    /// Of the event; of what is none there is none.
    pub(super) fn id(&self) -> &str {
        self.record.message.as_ref().map_or("", Event::id)
    }

    /// One of the dead letter's own attributes, empty where it is not there.
    pub(super) fn attribute(&self, name: &str) -> Cow<'_, str> {
        match &self.record.message {
            Ok(event) => event.attribute(name).unwrap_or_default(),
            Err(unreadable) => match name {
                deadletter::CAUSE => "unreadable".into(),
                deadletter::REASON => unreadable.problem.as_str().into(),
                _ => "".into(),
            },
        }
    }

    /// Whether it was put here by a host; what others put here is left alone, but for what nobody can read.
    pub(super) fn is_dead_letter(&self) -> bool {
        !self.attribute(deadletter::CAUSE).is_empty()
    }

    /// The event to replay, or why there is none.
    pub(super) fn original(&self) -> Result<Event, String> {
        match &self.record.message {
            Err(unreadable) => Err(format!("it is no event: {}", unreadable.problem)),
            Ok(event) if event.ty() == deadletter::MALFORMED => {
                Err("the message was no event; mend it and send it to its source again".to_owned())
            }
            Ok(event) => deadletter::original(event).map_err(|error| error.to_string()),
        }
    }

    /// The payload as it came: the data of the event, or the message that was none.
    pub(super) fn payload(&self) -> Bytes {
        match &self.record.message {
            Ok(event) => event.data_shared().unwrap_or_default(),
            Err(Unreadable { message, .. }) => message.clone(),
        }
    }
}

/// Which entries are meant.
#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// This entry: its place, or the id of its event (may be repeated)
    #[arg(short, long = "entry", value_name = "ENTRY")]
    pub(super) entries: Vec<String>,
    /// Only this dead-letter sink
    #[arg(long, value_name = "SINK")]
    pub(super) sink: Option<String>,
    /// Only of this route
    #[arg(long)]
    route: Option<String>,
    /// Only with this cause: reject, trap, timeout, undeliverable, unmatched, malformed, …
    #[arg(long)]
    pub(super) cause: Option<String>,
    /// Only where this policy, sink, route or source is to blame
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Only what came here since: 10m, 24h, 2026-11-21, or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<String>,
}

impl Filter {
    /// Only these, whatever else they are.
    pub(super) fn entries(entries: Vec<String>, sink: Option<String>) -> Filter {
        Filter { entries, sink, route: None, cause: None, by: None, since: None }
    }

    /// Whether anything is filtered at all.
    pub(super) fn is_given(&self) -> bool {
        let Filter { entries, sink, route, cause, by, since } = self;
        !entries.is_empty() || [sink, route, cause, by, since].iter().any(|given| given.is_some())
    }

    pub(super) fn wants(&self, entry: &Entry) -> bool {
        let named = |wanted: &Option<String>, attribute| {
            wanted.as_ref().is_none_or(|wanted| is_named(&entry.attribute(attribute), wanted))
        };
        let since = |since: &String| *entry.attribute(deadletter::TIME) >= **since;
        self.names(entry)
            && named(&self.route, deadletter::ROUTE)
            && named(&self.by, deadletter::BY)
            && self.cause.as_ref().is_none_or(|cause| *entry.attribute(deadletter::CAUSE) == *cause)
            && self.since.as_ref().is_none_or(since)
    }

    fn names(&self, entry: &Entry) -> bool {
        let is = |wanted: &String| *wanted == entry.place() || wanted == entry.id();
        self.entries.is_empty() || self.entries.iter().any(is)
    }
}

/// `namespace/name`, or the name alone.
fn is_named(id: &str, wanted: &str) -> bool {
    id == wanted || id.rsplit_once('/').is_some_and(|(_, name)| name == wanted)
}

/// To text that compares with that of [`deadletter::TIME`].
fn parse_since(text: &str) -> Result<String, String> {
    if let Ok(ago) = human::parse_duration(text) {
        let then = OffsetDateTime::now_utc().checked_sub(ago.try_into().unwrap_or(time::Duration::MAX));
        return Ok(then.map(deadletter::timestamp).unwrap_or_default());
    }
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(deadletter::timestamp(at));
    }
    if OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339).is_ok() {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is no time; write 10m, 24h, 2026-11-21 or 2026-11-21T09:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        for (text, shown) in [
            ("2026-11-21", Ok("2026-11-21")),
            ("2026-11-21T10:00:00+02:00", Ok("2026-11-21T08:00:00.000Z")),
            ("yesterday", Err(())),
            ("2026-13-01", Err(())),
        ] {
            assert_eq!(parse_since(text).as_deref().map_err(|_| ()), shown, "{text}");
        }
        assert!(parse_since("1h").is_ok_and(|since| since.len() == "2026-11-21T09:00:00.000Z".len()));
        assert!(parse_since("18446744073709551615ms").is_ok());
    }

    #[test]
    fn names_may_be_short() {
        assert!(is_named("shop/orders", "orders") && is_named("shop/orders", "shop/orders"));
        assert!(!is_named("shop/orders", "order") && !is_named("shop/orders", "shop"));
    }
}

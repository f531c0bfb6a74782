//! An event while conditions look at it: its payload is parsed when the first of them needs it, and once.

use std::cell::OnceCell;

use serde_json::Value;
use tidegate_event::{Event, Form};

/// An event, and its data as JSON as soon as somebody asked for it.
///
/// One for all conditions an event is held against: then the payload is parsed at most once.
#[derive(Debug)]
pub struct Seen<'e> {
    event: &'e Event,
    data: OnceCell<Option<Value>>,
}

impl<'e> Seen<'e> {
    /// Parses nothing yet.
    pub fn new(event: &'e Event) -> Seen<'e> {
        Seen { event, data: OnceCell::new() }
    }

    /// The event.
    pub fn event(&self) -> &'e Event {
        self.event
    }

    /// Whether the payload has been parsed, or found to be none.
    pub fn is_parsed(&self) -> bool {
        self.data.get().is_some()
    }

    /// The payload; `None` where there is none, it is not said to be JSON, or it is none.
    pub(crate) fn data(&self) -> Option<&Value> {
        let parse = || {
            let data = self.event.data().filter(|data| data.form == Form::Json)?;
            // Nested deeper than 127 levels is an error there, so that nothing here recurses further.
            serde_json::from_slice(data.bytes).ok()
        };
        self.data.get_or_init(parse).as_ref()
    }
}

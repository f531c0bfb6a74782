//! An event while conditions look at it: its payload is parsed when the first of them needs it, and once.

use std::cell::OnceCell;

use tidegate_event::{Event, Form};

use crate::payload::{self, Json, Wanted};

/// An event, and its data as JSON as soon as somebody asked for it.
///
/// One for all conditions an event is held against: then the payload is parsed at most once.
#[derive(Debug)]
pub struct Seen<'e> {
    event: &'e Event,
    /// All that will be asked for; `None`: anything.
    wanted: Option<&'e Wanted>,
    data: OnceCell<Option<Json<'e>>>,
}

impl<'e> Seen<'e> {
    /// Parses nothing yet.
    pub fn new(event: &'e Event) -> Seen<'e> {
        Seen { event, wanted: None, data: OnceCell::new() }
    }

    /// For those only who ask for nothing else of the payload.
    pub(crate) fn of(event: &'e Event, wanted: &'e Wanted) -> Seen<'e> {
        Seen { wanted: Some(wanted), ..Seen::new(event) }
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
    pub(crate) fn data(&self) -> Option<&Json<'e>> {
        let parse = || {
            let data = self.event.data().filter(|data| data.form == Form::Json)?;
            payload::read(data.bytes, self.wanted)
        };
        self.data.get_or_init(parse).as_ref()
    }
}

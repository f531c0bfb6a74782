//! An event while conditions look at it: its payload is parsed when the first of them needs it, and once.

use tidegate_event::{Event, Form};

use crate::payload::{Arena, Value, Wanted};

/// An event, and where its payload is kept once somebody asked for it.
#[derive(Debug)]
pub(crate) struct Seen<'s> {
    pub(crate) event: &'s Event,
    /// All that will be asked for; `None`: anything.
    pub(crate) wanted: Option<&'s Wanted>,
    pub(crate) arena: &'s mut Arena,
    pub(crate) payload: &'s mut Payload,
}

/// What is known of a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Nobody asked yet.
    #[default]
    Unread,
    /// There is none, it is not said to be JSON, or it is none.
    None,
    /// It stands here in the arena.
    At(u32),
}

impl Seen<'_> {
    /// The payload, where it is JSON.
    pub(crate) fn data(&mut self) -> Option<Value<'_>> {
        if *self.payload == Payload::Unread {
            let data = self.event.data().filter(|data| data.form == Form::Json);
            let read = data.and_then(|data| self.arena.read(data.bytes, self.wanted));
            *self.payload = read.map_or(Payload::None, Payload::At);
        }
        match *self.payload {
            Payload::At(at) => Some(self.arena.value(at)),
            Payload::Unread | Payload::None => None,
        }
    }
}

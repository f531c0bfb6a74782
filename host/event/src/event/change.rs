//! The same event with something added: its message stays, its side buffer is written anew.

use crate::entries::{self, Entry};
use crate::event::append;
use crate::row::{self, FIELDS, SIDE};
use crate::{EXTENSIONS_MAX, Event, InvalidEvent, rules};

impl Event {
    /// The same event with these context entries added or replaced.
    ///
    /// Names of more than 255 bytes do not fit the contract and are left out: nobody could look them up. An event so
    /// large that its side buffer would reach 2 GiB stays as it is.
    pub fn with_context(self, entries: &[(&str, &str)]) -> Event {
        let mut context = self.bytes(row::CONTEXT).to_vec();
        for (name, value) in entries.iter().filter(|(name, _)| name.len() <= entries::NAME_MAX) {
            let entry = Entry { name: name.as_bytes(), kind: entries::STRING, value: value.as_bytes() };
            entries::set(&mut context, entry);
        }
        self.with_field(row::CONTEXT, &context).unwrap_or(self)
    }

    /// The same event with these string extensions added or replaced (invalid names are refused).
    pub fn with_extensions(self, entries: &[(&str, &str)]) -> Result<Event, InvalidEvent> {
        let mut extensions = self.bytes(row::EXTENSIONS).to_vec();
        for (name, value) in entries {
            let entry = Entry { name: name.as_bytes(), kind: entries::STRING, value: value.as_bytes() };
            rules::extension_name(entry.name)?;
            rules::extension_value(entry.name, entry.kind, entry.value)?;
            entries::set(&mut extensions, entry);
        }
        if entries::checked(&extensions).count() > EXTENSIONS_MAX {
            return Err(InvalidEvent::TooManyExtensions);
        }
        let mut event = self.with_field(row::EXTENSIONS, &extensions).ok_or(InvalidEvent::TooLarge)?;
        event.row[row::WHOLE + 1] = 0;
        Ok(event)
    }

    /// A side buffer of its own, with `field` in it as given; `None` where it would grow past the limit.
    fn with_field(&self, field: usize, value: &[u8]) -> Option<Event> {
        let in_side = |other: &usize| *other != field && row::span(&self.row, *other).0 & SIDE != 0;
        let kept = (0..FIELDS).filter(in_side);
        let size = value.len() + kept.clone().map(|other| self.bytes(other).len()).sum::<usize>();
        if size > row::BUFFER_MAX {
            return None;
        }
        let mut side = Vec::with_capacity(size);
        let mut row = self.row;
        for other in kept {
            append(&mut side, &mut row, other, self.bytes(other));
        }
        append(&mut side, &mut row, field, value);
        Some(Event { message: self.message.clone(), side: side.into(), row })
    }
}

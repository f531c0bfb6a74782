//! Events on their way out: drafts are rows in one buffer a batch, so that an output costs no allocation.
//!
//! The buffer is the thread's, and a draft is a place in it: that keeps lifetimes out of authors' signatures.

use std::cell::RefCell;

use serde::Serialize;

use crate::batch::{ROW_WORDS, Row, field, flag, inherit, word};
use crate::bindings::events;
use crate::output::Rows;
use crate::value::{Entries, append, put_entry, same};
use crate::{Event, Form, Needs, Value};

thread_local! {
    static DRAFTS: RefCell<Drafts> = const { RefCell::new(Drafts { bytes: Vec::new(), index: Vec::new(), last_bytes: 0 }) };
}

/// An output event being written; see [`Event::patch`], [`Event::copy`] and [`Event::derive`].
///
/// A draft that is not returned is not sent. An empty string removes an optional attribute (CloudEvents forbids empty ones).
#[derive(Debug)]
#[must_use = "a draft that is not returned is not sent"]
pub struct Draft {
    pub(crate) row: u32,
}

impl Draft {
    pub(crate) fn patch(event: &Event<'_>) -> Draft {
        Draft::begin(event, inherit::ALL)
    }

    pub(crate) fn blank(event: &Event<'_>) -> Draft {
        Draft::begin(event, 0)
    }

    pub(crate) fn copy(event: &Event<'_>) -> Draft {
        with(|drafts| drafts.copy(event))
    }

    #[inline]
    fn begin(event: &Event<'_>, inherited: u32) -> Draft {
        let mut row = [0; ROW_WORDS];
        row[word::ORIGIN] = event.row()[word::ORIGIN];
        row[word::INHERIT] = inherited;
        with(|drafts| drafts.push(&row))
    }

    /// Several outputs of one event that inherit its `id` get `<id>.<k>` from the host.
    pub fn set_id(self, id: &str) -> Draft {
        self.set(field::ID, id)
    }

    /// A URI reference.
    pub fn set_source(self, source: &str) -> Draft {
        self.set(field::SOURCE, source)
    }

    /// The `type` attribute.
    pub fn set_type(self, ty: &str) -> Draft {
        self.set(field::TYPE, ty)
    }

    /// What of the source the event is about.
    pub fn set_subject(self, subject: &str) -> Draft {
        self.set(field::SUBJECT, subject)
    }

    /// RFC 3339.
    pub fn set_time(self, time: &str) -> Draft {
        self.set(field::TIME, time)
    }

    /// The media type of the data. Setting data does not change it.
    pub fn set_datacontenttype(self, media_type: &str) -> Draft {
        self.set(field::DATACONTENTTYPE, media_type)
    }

    /// A URI.
    pub fn set_dataschema(self, schema: &str) -> Draft {
        self.set(field::DATASCHEMA, schema)
    }

    /// Adds or replaces an extension attribute. Names are lower-case letters and digits.
    #[inline]
    pub fn extension<'v>(self, name: &str, value: impl Into<Value<'v>>) -> Draft {
        let value = value.into();
        with(|drafts| drafts.set_extension(self.row, name, Some(value)));
        self
    }

    /// Takes an extension attribute away, if it is there.
    pub fn remove_extension(self, name: &str) -> Draft {
        with(|drafts| drafts.set_extension(self.row, name, None));
        self
    }

    /// Sets the payload.
    pub fn data(self, form: Form, bytes: &[u8]) -> Draft {
        with(|drafts| {
            drafts.set(self.row, field::DATA, bytes);
            drafts.set_data_flags(self.row, Some(form));
        });
        self
    }

    /// Sets the payload to these pieces, one after the other: to change a part of the data without copying it twice.
    pub fn data_pieces<'p>(self, form: Form, pieces: impl IntoIterator<Item = &'p [u8]>) -> Draft {
        with(|drafts| {
            let start = drafts.bytes.len();
            pieces.into_iter().for_each(|piece| drafts.bytes.extend_from_slice(piece));
            drafts.set_span(self.row, field::DATA, start);
            drafts.set_data_flags(self.row, Some(form));
        });
        self
    }

    /// Sets the payload to text.
    pub fn data_text(self, text: &str) -> Draft {
        self.data(Form::Text, text.as_bytes())
    }

    /// Sets the payload to a value's JSON, written straight into the batch.
    pub fn data_json<T: Serialize + ?Sized>(self, value: &T) -> Result<Draft, serde_json::Error> {
        with(|drafts| {
            let start = drafts.bytes.len();
            if let Err(error) = serde_json::to_writer(&mut drafts.bytes, value) {
                drafts.bytes.truncate(start);
                return Err(error);
            }
            drafts.set_span(self.row, field::DATA, start);
            drafts.set_data_flags(self.row, Some(Form::Json));
            Ok(())
        })?;
        Ok(self)
    }

    /// Takes the payload away.
    pub fn remove_data(self) -> Draft {
        with(|drafts| {
            drafts.set(self.row, field::DATA, &[]);
            drafts.set_data_flags(self.row, None);
        });
        self
    }

    /// Sets the key that sinks partition by.
    pub fn key(self, key: &str) -> Draft {
        with(|drafts| drafts.put(self.row, field::CONTEXT, "key", Some(Value::String(key))));
        self
    }

    /// Sets a transport header, for sinks that pass it on.
    pub fn header(self, name: &str, value: &str) -> Draft {
        let name = format!("header.{name}");
        with(|drafts| drafts.put(self.row, field::CONTEXT, &name, Some(Value::String(value))));
        self
    }

    fn set(self, field: usize, value: &str) -> Draft {
        with(|drafts| drafts.set(self.row, field, value.as_bytes()));
        self
    }
}

/// The batch that goes back.
#[derive(Debug)]
pub(crate) struct Drafts {
    pub(crate) bytes: Vec<u8>,
    pub(crate) index: Vec<u32>,
    last_bytes: usize,
}

#[inline]
pub(crate) fn with<T>(f: impl FnOnce(&mut Drafts) -> T) -> T {
    DRAFTS.with_borrow_mut(f)
}

impl Drafts {
    /// Clears, and makes room for one output an event, and about as many bytes as the last batch took.
    pub(crate) fn begin(&mut self, events: usize) {
        self.bytes.clear();
        self.index.clear();
        self.index.reserve(events * ROW_WORDS);
        self.bytes.reserve(self.last_bytes);
    }

    pub(crate) fn take(&mut self, now_ms: u64) -> events::Batch {
        self.last_bytes = self.bytes.len() + self.bytes.len() / 8;
        events::Batch {
            now_ms,
            row_words: u32::try_from(ROW_WORDS).unwrap_or(u32::MAX),
            bytes: std::mem::take(&mut self.bytes),
            index: std::mem::take(&mut self.index),
        }
    }

    /// Of the rows written since there were `first`, keeps the ones that were returned, in their order.
    #[inline]
    pub(crate) fn settle(&mut self, first: u32, returned: &Rows) {
        match returned {
            Rows::Run { count: 0, .. } if first == self.rows() => {}
            Rows::Run { first: start, count } if *start == first && first + count == self.rows() => {}
            Rows::Run { .. } | Rows::List(_) => self.retain(first, &returned.to_vec()),
        }
    }

    #[inline]
    fn push(&mut self, row: &Row) -> Draft {
        let draft = Draft { row: self.rows() };
        // In halves: a whole row is past what the compiler writes in place, and becomes a call of `memory.copy`.
        let (head, rest) = row.split_at(ROW_WORDS / 2);
        self.index.extend_from_slice(head);
        self.index.extend_from_slice(rest);
        draft
    }

    #[inline]
    pub(crate) fn rows(&self) -> u32 {
        u32::try_from(self.index.len() / ROW_WORDS).unwrap_or(u32::MAX)
    }

    fn retain(&mut self, start: u32, rows: &[u32]) {
        let kept: Vec<u32> = rows.iter().flat_map(|&row| *self.row(row)).collect();
        self.index.truncate(start as usize * ROW_WORDS);
        self.index.extend_from_slice(&kept);
    }

    #[inline]
    pub(crate) fn row(&mut self, row: u32) -> &mut Row {
        &mut self.index.as_chunks_mut::<ROW_WORDS>().0[row as usize]
    }

    fn set(&mut self, row: u32, field: usize, value: &[u8]) {
        let start = self.bytes.len();
        append(&mut self.bytes, value);
        self.set_span(row, field, start);
    }

    /// The field is what was written from `start` on.
    fn set_span(&mut self, row: u32, field: usize, start: usize) {
        let length = self.bytes.len() - start;
        // Past 4 GiB the wasm32 memory has ended long before.
        let (start, length) = (u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(length).unwrap_or(u32::MAX));
        let row = self.row(row);
        row[word::INHERIT] &= !(1 << field);
        row[word::SPANS + 2 * field] = start;
        row[word::SPANS + 2 * field + 1] = length;
    }

    fn set_data_flags(&mut self, row: u32, form: Option<Form>) {
        let flags = match form {
            None => 0,
            Some(Form::Binary) => flag::HAS_DATA,
            Some(Form::Text) => flag::HAS_DATA | 1 << flag::FORM_SHIFT,
            Some(Form::Json) => flag::HAS_DATA | 2 << flag::FORM_SHIFT,
        };
        self.row(row)[word::FLAGS] = flags;
    }

    #[inline]
    fn set_extension(&mut self, row: u32, name: &str, value: Option<Value<'_>>) {
        let start = self.bytes.len();
        let words = self.row(row);
        let is_patch = words[word::INHERIT] & (1 << field::EXTENSIONS) != 0;
        if words[word::SPANS + 2 * field::EXTENSIONS + 1] > 0 || (value.is_none() && !is_patch) {
            return self.change_extension(row, name, value);
        }
        // The first: nothing to look through.
        if is_patch {
            words[word::INHERIT] |= inherit::EXTENSIONS_CHANGED;
        }
        words[word::SPANS + 2 * field::EXTENSIONS] = u32::try_from(start).unwrap_or(u32::MAX);
        put_entry(&mut self.bytes, name, value);
        let length = self.bytes.len() - start;
        self.row(row)[word::SPANS + 2 * field::EXTENSIONS + 1] = u32::try_from(length).unwrap_or(u32::MAX);
    }

    fn change_extension(&mut self, row: u32, name: &str, value: Option<Value<'_>>) {
        let is_patch = self.row(row)[word::INHERIT] & (1 << field::EXTENSIONS) != 0;
        // A draft that inherits nothing has all its extensions in its own run: removing is leaving out.
        let value = if is_patch { Some(value) } else { value.map(Some) };
        match value {
            Some(value) => self.put(row, field::EXTENSIONS, name, value),
            None => self.without(row, field::EXTENSIONS, name),
        }
        if is_patch {
            self.row(row)[word::INHERIT] |= 1 << field::EXTENSIONS | inherit::EXTENSIONS_CHANGED;
        }
    }

    /// Puts an entry at the end of a field's run, instead of an earlier one of that name.
    fn put(&mut self, row: u32, field: usize, name: &str, value: Option<Value<'_>>) {
        self.without(row, field, name);
        let start = self.run(row, field).start;
        put_entry(&mut self.bytes, name, value);
        self.set_span(row, field, start);
    }

    /// Moves a field's run to the end of the bytes, if it is not there, and takes an entry out of it.
    fn without(&mut self, row: u32, field: usize, name: &str) {
        let run = self.run(row, field);
        let known = Entries(&self.bytes[run.clone()]).any(|entry| same(entry.name, name.as_bytes()));
        if run.end == self.bytes.len() && !known {
            return;
        }
        let kept: Vec<u8> = Entries(&self.bytes[run])
            .filter(|entry| !same(entry.name, name.as_bytes()))
            .flat_map(|entry| entry.raw.iter().copied())
            .collect();
        self.set(row, field, &kept);
    }

    /// Where a field's run lies; at the end of the bytes, if it is empty.
    fn run(&mut self, row: u32, field: usize) -> std::ops::Range<usize> {
        let end = self.bytes.len();
        let words = self.row(row);
        let (start, length) = (words[word::SPANS + 2 * field] as usize, words[word::SPANS + 2 * field + 1] as usize);
        if length == 0 { end..end } else { start..start + length }
    }

    /// A field as it stands in its row.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn value(&mut self, row: u32, field: usize) -> &[u8] {
        let run = self.run(row, field);
        &self.bytes[run]
    }

    /// Copies what an event holds: in one piece where its values lie together, else one by one.
    fn copy(&mut self, event: &Event<'_>) -> Draft {
        let source = event.row();
        let inherited = not_copied(event);
        let mut row = [0; ROW_WORDS];
        row[word::FLAGS] = source[word::FLAGS] & (flag::HAS_DATA | flag::FORM);
        row[word::ORIGIN] = source[word::ORIGIN];
        row[word::INHERIT] = inherited;
        let (mut start, mut end, mut sum) = (u32::MAX, 0, 0);
        for f in 0..field::COUNT {
            let (at, length) = copied(source, inherited, f);
            start = start.min(if length == 0 { u32::MAX } else { at });
            end = end.max(at.saturating_add(length));
            sum += u64::from(length);
        }
        let piece = event.bytes().get(start as usize..end as usize);
        let Some(piece) = piece.filter(|piece| piece.len() as u64 <= sum + GAPS_MAX) else {
            return self.copy_apart(event, row);
        };
        let base = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(piece);
        for f in 0..field::COUNT {
            let (at, length) = copied(source, inherited, f);
            row[word::SPANS + 2 * f] = if length == 0 { 0 } else { at.wrapping_sub(start).wrapping_add(base) };
            row[word::SPANS + 2 * f + 1] = length;
        }
        self.push(&row)
    }

    /// Copies values that lie far apart, or of which there are none.
    fn copy_apart(&mut self, event: &Event<'_>, row: Row) -> Draft {
        let draft = self.push(&row);
        for f in (0..field::COUNT).filter(|f| row[word::INHERIT] & 1 << f == 0) {
            let start = self.bytes.len();
            append(&mut self.bytes, event.span(f, Needs::NONE));
            self.set_span(draft.row, f, start);
        }
        draft
    }
}

/// Where a field's value lies and how long it is; 0 and 0 if it is not copied.
#[inline]
fn copied(source: &Row, inherited: u32, field: usize) -> (u32, u32) {
    let length = source[word::SPANS + 2 * field + 1];
    if inherited & 1 << field != 0 || length == 0 { (0, 0) } else { (source[word::SPANS + 2 * field], length) }
}

/// What a copy leaves to the host: context, of which a transform may only set a part, and what it was not given.
fn not_copied(event: &Event<'_>) -> u32 {
    const ATTRIBUTES: u32 = (1 << field::EXTENSIONS) - 1;
    let withheld = event.row()[word::FLAGS] >> flag::WITHHELD_SHIFT;
    let bits = |needs: Needs, fields: u32| if withheld & needs.0 == 0 { 0 } else { fields };
    1 << field::CONTEXT
        | bits(Needs::ATTRIBUTES, ATTRIBUTES)
        | bits(Needs::EXTENSIONS, 1 << field::EXTENSIONS)
        | bits(Needs::DATA, 1 << field::DATA)
}

/// Bytes between an event's values (separators of the message it came in) that are cheaper copied than stepped over.
const GAPS_MAX: u64 = 256;

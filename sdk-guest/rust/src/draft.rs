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

    /// Of the rows written since there were `first`, keeps the ones that were returned, in their order. How many there are then.
    #[inline]
    pub(crate) fn settle(&mut self, first: u32, returned: &Rows) -> u32 {
        let rows = self.rows();
        match returned {
            Rows::Run { count: 0, .. } if first == rows => rows,
            Rows::Run { first: start, count } if *start == first && first + count == rows => rows,
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

    #[cold]
    fn retain(&mut self, start: u32, rows: &[u32]) -> u32 {
        let kept: Vec<u32> = rows.iter().flat_map(|&row| *self.row(row)).collect();
        self.index.truncate(start as usize * ROW_WORDS);
        self.index.extend_from_slice(&kept);
        self.rows()
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
    #[inline]
    fn copy(&mut self, event: &Event<'_>) -> Draft {
        let source = event.row();
        let (start, end) = hull(source);
        let length = end.wrapping_sub(start) as usize;
        let data = source[word::SPANS + 2 * field::DATA + 1] as usize;
        let piece =
            event.bytes().get(start as usize..end as usize).filter(|_| length <= data.saturating_add(AROUND_DATA));
        let Some(piece) = piece else { return self.copy_apart(event) };
        let moved = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).wrapping_sub(start);
        self.bytes.extend_from_slice(piece);
        let draft = self.push(source);
        if let Some(row) = self.index.last_chunk_mut() {
            become_copy(row);
            // Until something was changed, dropped or left out, values stand where they stood.
            if moved != 0 {
                (0..field::CONTEXT)
                    .for_each(|f| row[word::SPANS + 2 * f] = row[word::SPANS + 2 * f].wrapping_add(moved));
            }
        }
        draft
    }

    /// Copies values that lie far apart, or of which there are none.
    fn copy_apart(&mut self, event: &Event<'_>) -> Draft {
        let draft = self.push(event.row());
        let row = self.row(draft.row);
        become_copy(row);
        let inherited = row[word::INHERIT];
        for f in (0..field::COUNT).filter(|f| inherited & 1 << f == 0) {
            let start = self.bytes.len();
            append(&mut self.bytes, event.span(f, Needs::NONE));
            self.set_span(draft.row, f, start);
        }
        draft
    }
}

/// The stretch that the values of an event lie in, but for its context; past all bytes, where it has none. Without branches, and
/// in pairs of pairs: none of it waits for more than it must.
#[inline]
fn hull(row: &Row) -> (u32, u32) {
    let length = |f: usize| row[word::SPANS + 2 * f + 1];
    // What is empty, and what was withheld is, says nothing with its start.
    let start = |f: usize| if length(f) == 0 { u32::MAX } else { row[word::SPANS + 2 * f] };
    let [a, b, c, d, e, f, g, h, i]: [u32; field::CONTEXT] = std::array::from_fn(start);
    let least = i.min(a.min(b).min(c.min(d)).min(e.min(f).min(g.min(h))));
    // Signed, an empty one ends before all others; no memory of a guest reaches the sign.
    let end = |at: u32, f: usize| at.wrapping_add(length(f)).cast_signed();
    let (a, b, c, d) = (end(a, 0), end(b, 1), end(c, 2), end(d, 3));
    let (e, f, g, h) = (end(e, 4), end(f, 5), end(g, 6), end(h, 7));
    let most = end(i, 8).max(a.max(b).max(c.max(d)).max(e.max(f).max(g.max(h))));
    (least, most.cast_unsigned())
}

/// Makes a row of the batch that of an output with the same values.
#[inline]
fn become_copy(row: &mut Row) {
    row[word::INHERIT] = not_copied(row);
    row[word::FLAGS] &= flag::HAS_DATA | flag::FORM;
    (row[word::SPANS + 2 * field::CONTEXT], row[word::SPANS + 2 * field::CONTEXT + 1]) = (0, 0);
}

/// What a copy leaves to the host: context, of which a transform may only set a part, and what it was not given.
#[inline]
fn not_copied(row: &Row) -> u32 {
    const ATTRIBUTES: u32 = (1 << field::EXTENSIONS) - 1;
    let withheld = row[word::FLAGS] >> flag::WITHHELD_SHIFT;
    let bits = |needs: Needs, fields: u32| if withheld & needs.0 == 0 { 0 } else { fields };
    1 << field::CONTEXT
        | bits(Needs::ATTRIBUTES, ATTRIBUTES)
        | bits(Needs::EXTENSIONS, 1 << field::EXTENSIONS)
        | bits(Needs::DATA, 1 << field::DATA)
}

/// Bytes that may lie around an event's data in the piece that is copied: its other values, and separators of the message it came in.
const AROUND_DATA: usize = 1024;

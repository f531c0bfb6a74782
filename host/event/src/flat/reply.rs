//! What a transform returned, made into events: every word of it is checked before it is believed.
//!
//! Rules that the contract leaves to the host:
//! - An output that says what its origin says *is* its origin: nothing is made, and a structured event goes on as it came.
//!   Writing a value that is already there is not writing, and the limit of an event's size is for those that are made: what
//!   came in was measured before the guest was asked.
//! - If several outputs of one origin inherit `id`, each of them gets `<id>.<k>`, `k` from 1 in their order; a single
//!   one keeps the id as it is.
//! - Context that is not inherited is a list of changes to `key` and `header.NAME` (kind 0 removes); what it does not
//!   name is inherited, and other entries may be named only as they are.
//! - `inherit` bit 16 makes `extensions` a list of changes, whether or not bit 7 is set. Kind 0 stands only there.

mod context;
mod copies;
mod extensions;
mod problem;
mod rows;

use std::{io::Write as _, ops::Range};

use bytes::Bytes;

use self::copies::Copies;
pub use self::problem::{ReplyFault, ReplyProblem};
use self::rows::{Numbers, Row, Rows};
use super::assemble::{Source, copy_runs};
use super::{FlatBatch, Rights};
use crate::entries::Entry;
use crate::event::{append, check_data, flags_of, form_of};
use crate::row::{self, FIELDS, NAMES, ROW_WORDS, SIDE};
use crate::{Data, Event, Form, InvalidEvent, rules};

/// What a transform was asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The batch as it crossed. Row `r` of it was assembled from `events[rows[r]]`.
    pub batch: &'a FlatBatch,
    /// Events, of which `batch` holds some.
    pub events: &'a [Event],
    /// Which.
    pub rows: &'a [u32],
}

/// What a transform returned.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// So many of the first are the first rows, one each, as they were.
    unchanged: usize,
    /// The others.
    rows: Vec<Output>,
    /// Whether any row has several.
    several: bool,
    /// The events of those that are made, in their order.
    made: Vec<Event>,
}

/// One event of a reply.
#[derive(Clone, Copy, Debug)]
struct Output {
    /// The row of the batch that it stems from.
    row: u32,
    made: bool,
}

impl Outputs {
    /// How many.
    pub fn len(&self) -> usize {
        self.unchanged + self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether each of them is its origin, as it was.
    pub fn all_unchanged(&self) -> bool {
        self.made.is_empty()
    }

    /// Whether each of so many rows has exactly one.
    pub fn are_one_each(&self, rows: usize) -> bool {
        // Their rows are among these and ascend: as many without a second for any are one for each.
        !self.several && self.len() == rows
    }

    /// The rows of the batch that they stem from, ascending.
    pub fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.unchanged as u32).chain(self.rows.iter().map(|output| output.row))
    }

    /// Adds those of a later part of the batch, whose first row is row `start` of the whole.
    pub fn append(&mut self, mut later: Outputs, start: u32) {
        self.add_unchanged(start..start + later.unchanged as u32);
        self.rows.extend(later.rows.iter().map(|output| Output { row: output.row + start, ..*output }));
        self.made.append(&mut later.made);
        self.several |= later.several;
    }

    /// Adds rows as they were.
    fn add_unchanged(&mut self, rows: Range<u32>) {
        if self.rows.is_empty() && self.unchanged == rows.start as usize {
            self.unchanged = rows.end as usize;
        } else {
            self.rows.extend(rows.map(|row| Output { row, made: false }));
        }
    }
}

/// The row of the batch that each stems from, and the event; `None` where it is its origin, as it was: nothing was made then,
/// and nothing copied.
impl IntoIterator for Outputs {
    type Item = (u32, Option<Event>);
    type IntoIter = OutputsIter;

    fn into_iter(self) -> OutputsIter {
        OutputsIter { unchanged: 0..self.unchanged as u32, rows: self.rows.into_iter(), made: self.made.into_iter() }
    }
}

/// Walks [`Outputs`].
#[derive(Debug)]
pub struct OutputsIter {
    unchanged: Range<u32>,
    rows: std::vec::IntoIter<Output>,
    made: std::vec::IntoIter<Event>,
}

impl Iterator for OutputsIter {
    type Item = (u32, Option<Event>);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.unchanged.next() {
            return Some((row, None));
        }
        let Output { row, made } = self.rows.next()?;
        Some((row, if made { self.made.next() } else { None }))
    }
}

/// Turns what a transform returned into events, checked against contract and rights. `row_words` is the reply's. In reply order.
///
/// `bytes` are only looked at. Where an output has new data, `own` gives the same bytes to keep; most transforms change nothing of most
/// events, and nothing is copied then.
///
/// The first fault is returned; it names the output and, where known, the input row to blame.
///
/// # Panics
/// If one of the rows asked about is not one of the events.
pub fn outputs(
    bytes: &[u8],
    own: impl FnOnce() -> Bytes,
    index: &[u32],
    row_words: u32,
    asked: &Asked<'_>,
    rights: &Rights,
) -> Result<Outputs, ReplyFault> {
    let rows = Rows::check(bytes.len(), index, row_words, asked.rows.len(), rights.emit)?;
    let mut writer = Writer {
        reply: bytes,
        rights,
        batch: asked.batch,
        made: Vec::new(),
        in_reply: Vec::new(),
        side: Vec::new(),
        entries: Vec::new(),
    };
    let mut copies = Copies::new(bytes, rows, asked.batch);
    let mut numbers = Numbers::default();
    let mut found = Outputs { several: rows.several(), ..Outputs::default() };
    while found.len() < rows.len() {
        let output = found.len();
        let copied = copies.count_from(output);
        if copied > 0 {
            let (first, last) = (rows.origin(output), rows.origin(output + copied - 1));
            if !rows.several() && (last - first) as usize == copied - 1 {
                found.add_unchanged(first..last + 1);
            } else {
                (output..output + copied)
                    .for_each(|output| found.rows.push(Output { row: rows.origin(output), made: false }));
            }
            continue;
        }
        let row = rows.origin(output);
        let reply = Row { words: rows.words(output), origin: row, number: numbers.of(output, rows) };
        let origin = &asked.events[asked.rows[row as usize] as usize];
        let blame = |problem| ReplyFault { output, origin: Some(row), problem };
        let made = writer.event(reply, origin).map_err(blame)?;
        let size = writer.made.last().filter(|_| made).map_or(0, Event::size);
        if size > rights.event_bytes {
            return Err(blame(ReplyProblem::EventSize { size, limit: rights.event_bytes }));
        }
        found.rows.push(Output { row, made });
    }
    if writer.side.len() > row::BUFFER_MAX {
        return Err(ReplyFault { output: 0, origin: None, problem: ReplyProblem::ReplySize });
    }
    if !writer.side.is_empty() {
        let side = Bytes::from(writer.side);
        for event in &mut writer.made {
            event.side = side.clone();
        }
    }
    if !writer.in_reply.is_empty() {
        let reply = own();
        for made in writer.in_reply {
            writer.made[made].message = reply.clone();
        }
    }
    found.made = writer.made;
    Ok(found)
}

/// Makes events of rows that are not their origin's copies.
struct Writer<'r> {
    reply: &'r [u8],
    rights: &'r Rights,
    batch: &'r FlatBatch,
    /// The events so far, without their side buffer: it is one for all, and not complete.
    made: Vec<Event>,
    /// Which of them have their data in the reply; they get it in the end.
    in_reply: Vec<usize>,
    /// New values of all outputs.
    side: Vec<u8>,
    /// Of the output at hand.
    entries: Vec<Entry<'r>>,
}

impl<'r> Writer<'r> {
    /// Makes the event of one output; does nothing, and says `false`, if it says what its origin says.
    fn event(&mut self, output: Row<'_>, origin: &Event) -> Result<bool, ReplyProblem> {
        check_bits(output.words)?;
        let mut row = origin.row;
        let mut changed = self.attributes(output, origin, &mut row)?;
        changed |= self.extensions(output, origin, &mut row)?;
        if !output.inherits(row::CONTEXT)
            && let Some(context) = context::merged(origin, value(self.reply, output, row::CONTEXT)?)?
        {
            append(&mut self.side, &mut row, row::CONTEXT, &context);
            changed |= 1 << row::CONTEXT;
        }
        if !output.inherits(row::DATA)
            && let Some(data) = self.data(value(self.reply, output, row::DATA)?, output.words[row::FLAGS], origin)?
        {
            self.place_data(&mut row, data);
            changed |= 1 << row::DATA;
        }
        if changed == 0 {
            return Ok(false);
        }
        if changed != 1 << row::CONTEXT {
            row[row::WHOLE + 1] = 0;
        }
        // Data is the largest value: whichever message it stands in stays the message, the rest moves if it must.
        let message = if changed & 1 << row::DATA == 0 {
            origin.message.clone()
        } else {
            self.in_reply.push(self.made.len());
            Bytes::new()
        };
        self.keep(output.origin, origin, changed, &mut row);
        self.made.push(Event { message, side: Bytes::new(), row });
        Ok(true)
    }

    /// Writes the attributes that are not the origin's; one bit each.
    fn attributes(&mut self, output: Row<'_>, origin: &Event, row: &mut row::Row) -> Result<u32, ReplyProblem> {
        let mut changed = 0;
        for field in (0..row::ATTRIBUTES).filter(|&field| !output.inherits(field)) {
            let value = value(self.reply, output, field)?;
            if self.is_new(field, value, origin)? {
                append(&mut self.side, row, field, value);
                changed |= 1 << field;
            }
        }
        if let Some(k) = output.number {
            append(&mut self.side, row, row::ID, origin.bytes(row::ID));
            let start = self.side.len();
            // Into a vector it cannot fail.
            let _ = write!(self.side, ".{k}");
            row[5 + 2 * row::ID] += (self.side.len() - start) as u32;
            changed |= 1 << row::ID;
        }
        Ok(changed)
    }

    /// Writes the extensions, if they are not the origin's.
    fn extensions(&mut self, output: Row<'_>, origin: &Event, row: &mut row::Row) -> Result<u32, ReplyProblem> {
        let start = self.side.len();
        let changed = if output.patches_extensions() {
            let patch = value(self.reply, output, row::EXTENSIONS)?;
            extensions::patched(origin, patch, self.rights, &mut self.entries, &mut self.side)?
        } else if !output.inherits(row::EXTENSIONS) {
            let replacement = value(self.reply, output, row::EXTENSIONS)?;
            extensions::replaced(origin, replacement, self.rights, &mut self.entries, &mut self.side)?
        } else {
            false
        };
        if !changed {
            return Ok(0);
        }
        row::set_span(row, row::EXTENSIONS, start as u32 | SIDE, (self.side.len() - start) as u32);
        Ok(1 << row::EXTENSIONS)
    }

    /// Whether this value of an attribute is another than the origin's, and may be.
    fn is_new(&self, field: usize, value: &[u8], origin: &Event) -> Result<bool, ReplyProblem> {
        if same(value, origin.bytes(field)) {
            return Ok(false);
        }
        if !self.rights.may_write(NAMES[field]) {
            return Err(ReplyProblem::NotWritable(NAMES[field].to_owned()));
        }
        if value.is_empty() {
            return if field <= row::TYPE { Err(InvalidEvent::Missing(NAMES[field]).into()) } else { Ok(true) };
        }
        let text = std::str::from_utf8(value).map_err(|_| InvalidEvent::attribute(NAMES[field], "is not UTF-8"))?;
        rules::attribute(field, text)?;
        Ok(true)
    }

    /// The new data, `None` if it is the origin's.
    fn data<'d>(&self, bytes: &'d [u8], flags: u32, origin: &Event) -> Result<Option<Option<Data<'d>>>, ReplyProblem> {
        let form = form_of(flags);
        if form.is_none() && flags & row::HAS_DATA != 0 {
            return Err(ReplyProblem::Form);
        }
        let data = form.map(|form| Data { form, bytes });
        let unchanged = match (data, origin.data()) {
            (Some(new), Some(old)) => new.form == old.form && same(new.bytes, old.bytes),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if unchanged {
            return Ok(None);
        }
        if !self.rights.data {
            return Err(ReplyProblem::DataNotWritable);
        }
        if let Some(Data { form, bytes }) = data {
            check_data(form, bytes)?;
            if form == Form::Json && !crate::json::is_json(bytes) {
                return Err(InvalidEvent::Data("is said to be JSON, and is not").into());
            }
        }
        Ok(Some(data))
    }

    /// Points at new data where it stands in the reply.
    fn place_data(&self, row: &mut row::Row, data: Option<Data<'_>>) {
        row[row::MARKS] = 0;
        row[row::FLAGS] = 0;
        row::set_span(row, row::DATA, 0, 0);
        if let Some(Data { form, bytes }) = data {
            let start = if bytes.is_empty() { 0 } else { bytes.as_ptr() as usize - self.reply.as_ptr() as usize };
            row[row::FLAGS] = flags_of(form);
            row[row::MARKS] = if form == Form::Json { row::JSON_CHECKED } else { 0 };
            row::set_span(row, row::DATA, start as u32, bytes.len() as u32);
        }
    }

    /// Takes along what did not change: what stood in the origin's side buffer, or in a message that is no longer ours.
    fn keep(&mut self, at: u32, origin: &Event, changed: u32, row: &mut row::Row) {
        let message_stays = changed & 1 << row::DATA == 0;
        let mut kept = 0;
        for field in (0..FIELDS).filter(|field| changed & 1 << field == 0) {
            let (start, len) = row::span(&origin.row, field);
            if len == 0 {
                // Where an absent value began may be past the end of the new buffer.
                row::set_span(row, field, 0, 0);
            } else if !message_stays || start & SIDE != 0 {
                kept |= 1 << field;
            }
        }
        // The same values stand in the batch, which is still in the core's cache; the origin's own buffers seldom are.
        let source = copies::laid(at, kept, self.batch).unwrap_or(Source::of(origin));
        copy_runs(source, kept, row, &mut self.side, SIDE);
    }
}

/// What a later contract may say with more bits cannot be guessed.
fn check_bits(words: &row::Row) -> Result<(), ReplyProblem> {
    let known = [("flags", row::FLAGS, row::FLAGS_KNOWN), ("inherit", row::INHERIT, row::INHERIT_KNOWN)];
    for (word, at, known) in known {
        let bits = words[at] & !known;
        if bits != 0 {
            return Err(ReplyProblem::UnknownBits { word, bits });
        }
    }
    Ok(())
}

/// Whether two values are the same.
///
/// Absent ones are not compared: their slices point to no memory, and glibc's `memcmp` for AVX-512 was seen to spend most of
/// its time in a masked load there (an inference from a profile, see `benches/README.md`).
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

/// The bytes of a field of an output.
fn value<'r>(reply: &'r [u8], output: Row<'_>, field: usize) -> Result<&'r [u8], ReplyProblem> {
    let (start, len) = row::span(output.words, field);
    if len == 0 {
        return Ok(&[]);
    }
    let end = u64::from(start) + u64::from(len);
    let range = usize::try_from(end).ok().and_then(|end| reply.get(start as usize..end));
    range.ok_or(ReplyProblem::Span { field: problem::FIELD_NAMES[field], start, len })
}

const _: () = assert!(ROW_WORDS == 4 + 2 * row::FIELDS);

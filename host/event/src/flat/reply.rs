//! What a transform returned, made into events: every word of it is checked before it is believed.
//!
//! Rules that the contract leaves to the host:
//! - An output that says what its origin says *is* its origin: it costs two reference counts, and a structured event goes
//!   on as it came. Writing a value that is already there is not writing.
//! - If several outputs of one origin inherit `id`, each of them gets `<id>.<k>`, `k` from 1 in their order; a single
//!   one keeps the id as it is.
//! - Context that is not inherited is a list of changes to `key` and `header.NAME` (kind 0 removes); what it does not
//!   name is inherited, and other entries may be named only as they are.
//! - `inherit` bit 16 makes `extensions` a list of changes, whether or not bit 7 is set. Kind 0 stands only there.

mod context;
mod extensions;
mod problem;
mod rows;

use bytes::Bytes;

pub use self::problem::{ReplyFault, ReplyProblem};
use self::rows::Rows;
use super::Rights;
use crate::event::{append, check_data, flags_of, form_of};
use crate::row::{self, INHERIT_PATCH, NAMES, ROW_WORDS, Row, SIDE};
use crate::{Data, Event, Form, InvalidEvent, rules};

/// Turns what a transform returned into events, checked against contract and rights. `row_words` is the reply's.
/// `origins[r]` is the event that input row `r` was assembled from. Result: (input row, event), in reply order.
///
/// The first fault is returned; it names the output and, where known, the input row to blame.
pub fn outputs(
    bytes: Bytes,
    index: &[u32],
    row_words: u32,
    origins: &[&Event],
    rights: &Rights,
) -> Result<Vec<(u32, Event)>, ReplyFault> {
    let rows = Rows::check(bytes.len(), index, row_words, origins.len(), rights.emit)?;
    let mut writer = Writer { reply: bytes, rights, side: Vec::new() };
    let mut out = Vec::with_capacity(rows.len());
    // Outputs that wait for the side buffer they share.
    let mut pending = Vec::new();
    for (output, reply) in rows.iter().enumerate() {
        let origin = reply.origin;
        let blame = |problem| ReplyFault { output, origin: Some(origin), problem };
        let (event, made) = writer.event(reply, origins[origin as usize]).map_err(blame)?;
        if event.size() > rights.event_bytes {
            return Err(blame(ReplyProblem::EventSize { size: event.size(), limit: rights.event_bytes }));
        }
        if made {
            pending.push(output);
        }
        out.push((origin, event));
    }
    if writer.side.len() > row::BUFFER_MAX {
        return Err(ReplyFault { output: 0, origin: None, problem: ReplyProblem::ReplySize });
    }
    let side = Bytes::from(writer.side);
    for output in pending {
        out[output].1.side = side.clone();
    }
    Ok(out)
}

/// One row of a reply, its shape checked.
#[derive(Clone, Copy)]
struct Output<'a> {
    words: &'a [u32],
    origin: u32,
    /// k of `<id>.<k>`, if the id is inherited and not alone.
    number: Option<u32>,
}

impl Output<'_> {
    fn inherits(&self, field: usize) -> bool {
        self.words[row::INHERIT] & 1 << field != 0
    }

    fn patches_extensions(&self) -> bool {
        self.words[row::INHERIT] & INHERIT_PATCH != 0
    }
}

struct Writer<'a> {
    reply: Bytes,
    rights: &'a Rights,
    /// New values of all outputs.
    side: Vec<u8>,
}

/// Fields of an output, each either its origin's or new.
#[derive(Default)]
struct Changes<'a> {
    attributes: [Option<&'a [u8]>; row::ATTRIBUTES],
    id: Option<Vec<u8>>,
    extensions: Option<Vec<u8>>,
    context: Option<Vec<u8>>,
    /// `Some(None)`: the data is removed.
    data: Option<Option<Data<'a>>>,
}

impl Changes<'_> {
    fn none(&self) -> bool {
        self.message_stands() && self.context.is_none()
    }

    /// Whether the origin's structured form still says what the event says.
    fn message_stands(&self) -> bool {
        let attributes = self.id.is_none() && self.attributes.iter().all(Option::is_none);
        attributes && self.extensions.is_none() && self.data.is_none()
    }
}

impl Writer<'_> {
    /// The event of one output, and whether its side buffer is the one being written.
    fn event(&mut self, output: Output<'_>, origin: &Event) -> Result<(Event, bool), ReplyProblem> {
        let reply = self.reply.clone();
        let changes = self.changes(&reply, output, origin)?;
        if changes.none() {
            return Ok((origin.clone(), false));
        }
        Ok((self.write(&changes, origin), true))
    }

    fn changes<'r>(&self, reply: &'r Bytes, output: Output<'_>, origin: &Event) -> Result<Changes<'r>, ReplyProblem> {
        check_bits(output.words)?;
        let mut changes = Changes::default();
        for field in (0..row::ATTRIBUTES).filter(|&field| !output.inherits(field)) {
            let value = value(reply, output, field)?;
            changes.attributes[field] = self.attribute(field, value, origin)?;
        }
        changes.id = output.number.map(|k| format!("{}.{k}", origin.id()).into_bytes());
        if output.patches_extensions() {
            let patch = value(reply, output, row::EXTENSIONS)?;
            changes.extensions = extensions::patched(origin, patch, self.rights)?;
        } else if !output.inherits(row::EXTENSIONS) {
            let replacement = value(reply, output, row::EXTENSIONS)?;
            changes.extensions = extensions::replaced(origin, replacement, self.rights)?;
        }
        if !output.inherits(row::CONTEXT) {
            changes.context = context::merged(origin, value(reply, output, row::CONTEXT)?)?;
        }
        if !output.inherits(row::DATA) {
            changes.data = self.data(value(reply, output, row::DATA)?, output.words[row::FLAGS], origin)?;
        }
        Ok(changes)
    }

    /// The new value of an attribute, `None` if it is the origin's.
    fn attribute<'r>(&self, field: usize, value: &'r [u8], origin: &Event) -> Result<Option<&'r [u8]>, ReplyProblem> {
        if same(value, origin.bytes(field)) {
            return Ok(None);
        }
        if !self.rights.may_write(NAMES[field]) {
            return Err(ReplyProblem::NotWritable(NAMES[field].to_owned()));
        }
        if value.is_empty() {
            return if field <= row::TYPE { Err(InvalidEvent::Missing(NAMES[field]).into()) } else { Ok(Some(value)) };
        }
        let text = std::str::from_utf8(value).map_err(|_| InvalidEvent::attribute(NAMES[field], "is not UTF-8"))?;
        rules::attribute(field, text)?;
        Ok(Some(value))
    }

    /// The new data, `None` if it is the origin's.
    fn data<'r>(&self, bytes: &'r [u8], flags: u32, origin: &Event) -> Result<Option<Option<Data<'r>>>, ReplyProblem> {
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

    fn write(&mut self, changes: &Changes<'_>, origin: &Event) -> Event {
        let mut row = origin.row;
        // Data is the largest value: whichever message it stands in stays the message, the rest moves if it must.
        let message = match &changes.data {
            None => origin.message.clone(),
            Some(data) => {
                self.place_data(&mut row, *data);
                self.reply.clone()
            }
        };
        let moved = if changes.data.is_none() { SIDE } else { 0 };
        if !changes.message_stands() {
            row[row::WHOLE + 1] = 0;
        }
        for field in 0..row::FIELDS {
            let new = match field {
                row::ID if changes.id.is_some() => changes.id.as_deref(),
                row::EXTENSIONS => changes.extensions.as_deref(),
                row::CONTEXT => changes.context.as_deref(),
                row::DATA => None,
                _ => changes.attributes[field],
            };
            let (start, len) = row::span(&row, field);
            match new {
                Some(value) => append(&mut self.side, &mut row, field, value),
                None if field == row::DATA && changes.data.is_some() || len == 0 => {}
                // In the origin's side buffer, or in a message that is no longer ours.
                None if moved == 0 || start & SIDE != 0 => append(&mut self.side, &mut row, field, origin.bytes(field)),
                None => {}
            }
        }
        Event { message, side: Bytes::new(), row }
    }

    /// Points at new data where it stands in the reply.
    fn place_data(&self, row: &mut Row, data: Option<Data<'_>>) {
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
}

/// What a later contract may say with more bits cannot be guessed.
fn check_bits(words: &[u32]) -> Result<(), ReplyProblem> {
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
fn value<'r>(reply: &'r [u8], output: Output<'_>, field: usize) -> Result<&'r [u8], ReplyProblem> {
    let (start, len) = row::span(output.words, field);
    if len == 0 {
        return Ok(&[]);
    }
    let end = u64::from(start) + u64::from(len);
    let range = usize::try_from(end).ok().and_then(|end| reply.get(start as usize..end));
    range.ok_or(ReplyProblem::Span { field: problem::FIELD_NAMES[field], start, len })
}

const _: () = assert!(ROW_WORDS == 4 + 2 * row::FIELDS);

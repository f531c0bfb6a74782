//! What most outputs of a transform that copies are: events exactly as they were laid out for the guest. Seen at a glance, many at
//! a time, without the origins, whose bytes have left the core's cache by now.

use wide::u32x4;

use super::rows::Rows;
use crate::flat::FlatBatch;
use crate::flat::assemble::Source;
use crate::row::{self, FIELDS};

/// Outputs looked at together: one bit of a word each.
const LOOK: usize = u32::BITS as usize;

/// The spans of a row, as many words at a time as every processor has in a register.
type Spans = [u32x4; 2 * FIELDS / 4];

/// Flags that data of the same bytes may differ in.
const DATA_FLAGS: u32 = row::HAS_DATA | row::FORM_MASK;

/// Flags that say what was withheld.
const WITHHELD: u32 = row::WITHHELD_ATTRIBUTES | row::WITHHELD_EXTENSIONS | row::WITHHELD_DATA | row::WITHHELD_CONTEXT;

/// Fields of attributes, as bits of `inherit`.
const ATTRIBUTES: u32 = (1 << row::ATTRIBUTES) - 1;

/// Finds the outputs of a reply that are certain to say what their origins say: whatever one does not inherit lies in the reply as
/// it lay in the batch, value for value and byte for byte.
pub(super) struct Copies<'a> {
    reply: &'a [u8],
    rows: Rows<'a>,
    batch: &'a FlatBatch,
    /// Outputs looked at so far.
    seen: usize,
    /// Which of the last [`LOOK`] of them are copies.
    found: u32,
}

impl<'a> Copies<'a> {
    pub(super) fn new(reply: &'a [u8], rows: Rows<'a>, batch: &'a FlatBatch) -> Self {
        Self { reply, rows, batch, seen: 0, found: 0 }
    }

    /// How many outputs from this one on are copies, [`LOOK`] at most. That it is none says nothing. To be asked in their order.
    #[inline]
    pub(super) fn count_from(&mut self, output: usize) -> usize {
        if output == self.seen {
            self.look();
        }
        (self.found >> (output % LOOK)).trailing_ones() as usize
    }

    /// Looks at the next ones. Those of one shape that moved alike are compared in one piece.
    fn look(&mut self) {
        let end = self.rows.len().min(self.seen + LOOK);
        let mut at = self.seen;
        (self.seen, self.found) = (end, 0);
        while at < end {
            let first = at;
            at += 1;
            let Some(copy) = self.beside_origin(first) else { continue };
            // Of several outputs, those that inherit their id are told apart by numbers.
            let numbered = self.rows.several() && copy.own() & 1 << row::ID == 0;
            let Some(shape) = Shape::of(copy).filter(|_| !numbered) else { continue };
            let rest = (first..end).map_while(|output| self.beside_origin(output));
            let Some((more, last)) = rest.take_while(|&copy| shape.fits(copy)).enumerate().last() else { continue };
            at = first + more + 1;
            if self.is_same(copy.start(), last.end(), shape.moved) {
                self.found |= bits(first % LOOK, at - first);
                continue;
            }
            for output in first..at {
                let one = self.beside_origin(output);
                let same = one.is_some_and(|one| self.is_same(one.start(), one.end(), shape.moved));
                self.found |= u32::from(same) << (output % LOOK);
            }
        }
    }

    #[inline]
    fn beside_origin(&self, output: usize) -> Option<Beside<'a>> {
        let words = self.rows.words(output);
        let laid = self.batch.index.as_chunks().0.get(words[row::ORIGIN] as usize)?;
        Some(Beside { words, laid })
    }

    /// Whether the reply has this stretch of the batch, so much further on.
    fn is_same(&self, start: u32, end: u32, moved: u32) -> bool {
        if start >= end {
            return true;
        }
        let was = self.batch.bytes.get(start as usize..end as usize);
        let rest = self.reply.get(start.wrapping_add(moved) as usize..);
        let is = rest.and_then(|rest| rest.get(..(end - start) as usize));
        was.is_some() && was == is
    }
}

/// So many bits from this one on.
fn bits(first: usize, count: usize) -> u32 {
    (((1_u64 << count) - 1) << first) as u32
}

/// An output, and its origin as it was laid out.
#[derive(Clone, Copy)]
struct Beside<'a> {
    words: &'a row::Row,
    /// The batch is the host's own: its events lie in it one behind the other, with little else.
    laid: &'a row::Row,
}

impl Beside<'_> {
    /// Fields that the output does not inherit; one bit each.
    fn own(self) -> u32 {
        !self.words[row::INHERIT] & ((1 << FIELDS) - 1)
    }

    /// Those of them that have a value: which, and where the batch has it.
    fn held(self) -> impl Iterator<Item = (usize, (u32, u32))> {
        let fields = (0..FIELDS).filter(move |field| self.own() & 1 << field != 0);
        fields.map(move |field| (field, row::span(self.laid, field))).filter(|(_, (_, len))| *len > 0)
    }

    /// The first byte of all values.
    fn start(self) -> u32 {
        self.held().map(|(_, (start, _))| start).min().unwrap_or(0)
    }

    /// The byte after the last.
    fn end(self) -> u32 {
        self.held().map(|(_, (start, len))| start.wrapping_add(len)).max().unwrap_or(0)
    }
}

/// What outputs that could be copies have in common: what they inherit, what is empty, and how much further on the reply has
/// their values than the batch.
struct Shape {
    moved: u32,
    inherit: u32,
    /// Flags of the origin that say what was withheld.
    withheld: u32,
    /// Flags that must be as they were; none where data is inherited.
    flags: u32,
    /// What is added to the origin's spans.
    add: Spans,
    /// The bits in which they must then be the output's: all of what it does not inherit, but for starts of what is empty that did
    /// not move with the rest.
    compare: Spans,
    /// The bits of the origin's spans that must be 0: lengths of what is empty, if it did not move with the rest.
    empty: Option<Spans>,
}

impl Shape {
    /// The shape of this output, if it could be a copy.
    fn of(copy: Beside<'_>) -> Option<Shape> {
        let (own, inherit, withheld) = (copy.own(), copy.words[row::INHERIT], copy.laid[row::FLAGS] & WITHHELD);
        if inherit >= 1 << FIELDS || own & fields_of(withheld) != 0 {
            return None;
        }
        let moved_of = |field| row::span(copy.words, field).0.wrapping_sub(row::span(copy.laid, field).0);
        let moved = copy.held().next().map_or(0, |(field, _)| moved_of(field));
        let flags = if own & 1 << row::DATA == 0 { 0 } else { DATA_FLAGS };
        let ([mut add, mut compare], mut empty) = ([[0; 2 * FIELDS]; 2], None);
        for field in (0..FIELDS).filter(|field| own & 1 << field != 0) {
            let (start, length) = (2 * field, 2 * field + 1);
            compare[length] = u32::MAX;
            if moved_of(field) == moved {
                (add[start], compare[start]) = (moved, u32::MAX);
            } else {
                empty.get_or_insert([0; 2 * FIELDS])[length] = u32::MAX;
            }
        }
        let spans = |words: [u32; 2 * FIELDS]| registers(words.as_chunks().0);
        let (add, compare, empty) = (spans(add), spans(compare), empty.map(spans));
        Some(Shape { moved, inherit, withheld, flags, add, compare, empty })
    }

    /// Whether an output has it. All words are looked at, without branches: those would cost more than the looking.
    #[inline]
    fn fits(&self, copy: Beside<'_>) -> bool {
        let (words, laid) = (copy.words, copy.laid);
        let flags = (words[row::FLAGS] ^ laid[row::FLAGS]) & self.flags
            | words[row::FLAGS] & !row::FLAGS_KNOWN
            | words[row::INHERIT] ^ self.inherit
            | laid[row::FLAGS] & WITHHELD ^ self.withheld;
        let [is, was]: [Spans; 2] = [words, laid].map(|row| registers(&row.as_chunks().0[1..]));
        let mut differs = u32x4::ZERO;
        for at in 0..is.len() {
            differs |= ((was[at] + self.add[at]) ^ is[at]) & self.compare[at];
        }
        if let Some(empty) = &self.empty {
            was.iter().zip(empty).for_each(|(was, empty)| differs |= *was & *empty);
        }
        differs.to_array().into_iter().fold(flags, |all, lane| all | lane) == 0
    }
}

/// These words, as many as there are registers for.
#[inline]
fn registers(words: &[[u32; 4]]) -> Spans {
    std::array::from_fn(|at| u32x4::new(words[at]))
}

/// These fields as they lie in the batch; `None` if not all of them do.
pub(super) fn laid(at: u32, fields: u32, batch: &FlatBatch) -> Option<Source<'_>> {
    let row: &row::Row = batch.index.as_chunks().0.get(at as usize)?;
    // Past that, starts would be taken for places in a side buffer.
    let readable = batch.bytes.len() <= row::BUFFER_MAX && fields_of(row[row::FLAGS]) & fields == 0;
    readable.then_some(Source { row, message: &batch.bytes, side: &[] })
}

/// Fields that the guest was not given, by the flags of its row.
fn fields_of(withheld: u32) -> u32 {
    let bits = |flag: u32, fields: u32| if withheld & flag == 0 { 0 } else { fields };
    bits(row::WITHHELD_ATTRIBUTES, ATTRIBUTES)
        | bits(row::WITHHELD_EXTENSIONS, 1 << row::EXTENSIONS)
        | bits(row::WITHHELD_DATA, 1 << row::DATA)
        | bits(row::WITHHELD_CONTEXT, 1 << row::CONTEXT)
}

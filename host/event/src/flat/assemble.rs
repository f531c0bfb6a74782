//! From separately owned events to one batch.
//!
//! A call of memcpy costs more than the few bytes of an attribute, so values that stand side by side are copied as one
//! run, and a structured event of which everything is needed is copied as it came and pointed into.

use super::{FlatBatch, Needs, ROW_WORDS};
use crate::Event;
use crate::row::{self, SIDE};

impl FlatBatch {
    /// Fills this batch with the given rows of `events`, without what `needs` leaves out.
    ///
    /// Together the values must stay under 4 GiB; any single event does.
    ///
    /// # Panics
    /// If a row is not one of `events`.
    pub fn assemble(&mut self, events: &[Event], rows: &[u32], needs: Needs, now_ms: u64) {
        self.now_ms = now_ms;
        self.bytes.clear();
        self.index.clear();
        self.index.resize(rows.len() * ROW_WORDS, 0);
        let plan = Plan::new(needs);
        for (position, (&at, out)) in rows.iter().zip(self.index.chunks_exact_mut(ROW_WORDS)).enumerate() {
            let event = &events[at as usize];
            out[row::FLAGS] = event.row[row::FLAGS] | plan.withheld;
            out[row::ORIGIN] = position as u32;
            if plan.takes_whole(event) {
                copy_whole(event, &plan, out, &mut self.bytes);
            } else {
                copy_runs(Source::of(event), plan.fields, out, &mut self.bytes, 0);
            }
        }
    }
}

/// What a batch for these needs holds.
struct Plan {
    needs: Needs,
    /// Fields that are copied; one bit each.
    fields: u32,
    /// Flags that say what is withheld.
    withheld: u32,
}

impl Plan {
    fn new(needs: Needs) -> Self {
        let bits = |needed, bits: u32| if needed { bits } else { 0 };
        let fields = bits(needs.attributes, (1 << row::ATTRIBUTES) - 1)
            | bits(needs.extensions, 1 << row::EXTENSIONS)
            | bits(needs.data, 1 << row::DATA)
            | bits(needs.context, 1 << row::CONTEXT);
        let withheld = bits(!needs.attributes, row::WITHHELD_ATTRIBUTES)
            | bits(!needs.extensions, row::WITHHELD_EXTENSIONS)
            | bits(!needs.data, row::WITHHELD_DATA)
            | bits(!needs.context, row::WITHHELD_CONTEXT);
        Self { needs, fields, withheld }
    }

    /// Whether the structured event may be copied as it came (it holds nothing that is withheld), and should be (what it
    /// holds besides values is little).
    #[inline]
    fn takes_whole(&self, event: &Event) -> bool {
        let (_, extensions) = row::span(&event.row, row::EXTENSIONS);
        let (data_start, data) = row::span(&event.row, row::DATA);
        let whole = event.row[row::WHOLE + 1];
        let allowed = self.needs.attributes && self.needs.data && (self.needs.extensions || extensions == 0);
        // 512: names, quotes and attributes of most events; copying a few hundred bytes more costs less than six copies.
        allowed && whole > 0 && data_start & SIDE == 0 && whole <= data.saturating_add(512)
    }
}

/// Copies the structured event, and what stands in the side buffer after it.
#[inline]
fn copy_whole(event: &Event, plan: &Plan, out: &mut [u32], bytes: &mut Vec<u8>) {
    let (start, len) = (event.row[row::WHOLE], event.row[row::WHOLE + 1]);
    let base = (bytes.len() as u32).wrapping_sub(start);
    bytes.extend_from_slice(&event.message[start as usize..(start + len) as usize]);
    let mut elsewhere = 0;
    for field in 0..row::FIELDS {
        let (start, len) = row::span(&event.row, field);
        if start & SIDE != 0 {
            elsewhere |= 1 << field;
        } else if len > 0 {
            out[4 + 2 * field] = start.wrapping_add(base);
            out[5 + 2 * field] = len;
        }
    }
    if elsewhere != 0 {
        copy_runs(Source::of(event), plan.fields & elsewhere, out, bytes, 0);
    }
}

/// Where values are copied from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) row: &'a row::Row,
    pub(super) message: &'a [u8],
    /// What starts with the bit [`SIDE`] point into.
    pub(super) side: &'a [u8],
}

impl<'a> Source<'a> {
    #[inline]
    pub(super) fn of(event: &'a Event) -> Self {
        Self { row: &event.row, message: &event.message, side: &event.side }
    }
}

/// Values that stand side by side in one buffer of the event.
#[derive(Clone, Copy, Default)]
struct Run {
    /// First byte and the one after the last, with the [`SIDE`] bit of the buffer: runs of different buffers never meet.
    start: u32,
    end: u32,
}

impl Run {
    #[inline]
    fn copy(self, source: Source<'_>, bytes: &mut Vec<u8>) {
        let buffer = if self.start & SIDE == 0 { source.message } else { source.side };
        let (start, len) = ((self.start & !SIDE) as usize, (self.end - self.start) as usize);
        // Of a fixed size, a copy is two instructions and no call; what is too much is cut off again.
        match buffer[start..].first_chunk::<SHORT>() {
            Some(chunk) if len <= SHORT => {
                let end = bytes.len() + len;
                bytes.extend_from_slice(chunk);
                bytes.truncate(end);
            }
            Some(_) | None => bytes.extend_from_slice(&buffer[start..start + len]),
        }
    }
}

/// Longer than most attributes.
const SHORT: usize = 32;

/// Copies these fields, each run at once, and points `out` at them; starts are given `mark` (0 or [`SIDE`]).
#[inline]
pub(super) fn copy_runs(source: Source<'_>, mut fields: u32, out: &mut [u32], bytes: &mut Vec<u8>, mark: u32) {
    let mut run = Run::default();
    while fields != 0 {
        let field = fields.trailing_zeros() as usize;
        fields &= fields - 1;
        let (start, len) = row::span(source.row, field);
        if len == 0 {
            continue;
        }
        if start != run.end {
            run.copy(source, bytes);
            run = Run { start, end: start };
        }
        out[4 + 2 * field] = (bytes.len() as u32 + (start - run.start)) | mark;
        out[5 + 2 * field] = len;
        run.end = start + len;
    }
    run.copy(source, bytes);
}

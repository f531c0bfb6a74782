//! What most outputs of a transform that copies are: the event exactly as it was laid out for the guest. Seen at a glance,
//! without the origin, whose bytes have left the core's cache by now.

use super::Row;
use crate::flat::FlatBatch;
use crate::flat::assemble::Source;
use crate::row::{self, FIELDS};

/// Flags that data of the same bytes may differ in.
const DATA_FLAGS: u32 = row::HAS_DATA | row::FORM_MASK;

/// Fields of attributes, as bits of `inherit`.
const ATTRIBUTES: u32 = (1 << row::ATTRIBUTES) - 1;

/// Whether the output is certain to say what its origin says: whatever it does not inherit lies in the reply as it lay in the
/// batch, value for value and byte for byte. `false` says nothing.
pub(super) fn is_copy(reply: &[u8], output: Row<'_>, batch: &FlatBatch) -> bool {
    let Some(laid) = batch.index.as_chunks().0.get(output.origin as usize) else { return false };
    let laid: &row::Row = laid;
    let words = output.words;
    let own = !words[row::INHERIT] & ((1 << FIELDS) - 1);
    let plain = words[row::INHERIT] < 1 << FIELDS && words[row::FLAGS] & !row::FLAGS_KNOWN == 0;
    if !plain || output.number.is_some() || own & withheld(laid[row::FLAGS]) != 0 {
        return false;
    }
    if own & 1 << row::DATA != 0 && (words[row::FLAGS] ^ laid[row::FLAGS]) & DATA_FLAGS != 0 {
        return false;
    }
    let Some(hull) = Hull::of(own, words, laid) else { return false };
    let was = batch.bytes.get(hull.start as usize..hull.end as usize);
    let is = reply.get(hull.at as usize..).and_then(|rest| rest.get(..(hull.end - hull.start) as usize));
    was.is_some() && was == is
}

/// Bytes of the event in this row of the batch; `None` if not all of it was laid out.
pub(super) fn size(row: u32, batch: &FlatBatch) -> Option<usize> {
    let laid: &row::Row = batch.index.as_chunks().0.get(row as usize)?;
    let complete = withheld(laid[row::FLAGS]) == 0;
    complete.then(|| (0..FIELDS).map(|field| row::span(laid, field).1 as usize).sum())
}

/// These fields as they lie in the batch; `None` if not all of them do.
pub(super) fn laid(at: u32, fields: u32, batch: &FlatBatch) -> Option<Source<'_>> {
    let row: &row::Row = batch.index.as_chunks().0.get(at as usize)?;
    // Past that, starts would be taken for places in a side buffer.
    let readable = batch.bytes.len() <= row::BUFFER_MAX && withheld(row[row::FLAGS]) & fields == 0;
    readable.then_some(Source { row, message: &batch.bytes, side: &[] })
}

/// Fields that the guest was not given.
fn withheld(flags: u32) -> u32 {
    let bits = |flag: u32, fields: u32| if flags & flag == 0 { 0 } else { fields };
    bits(row::WITHHELD_ATTRIBUTES, ATTRIBUTES)
        | bits(row::WITHHELD_EXTENSIONS, 1 << row::EXTENSIONS)
        | bits(row::WITHHELD_DATA, 1 << row::DATA)
        | bits(row::WITHHELD_CONTEXT, 1 << row::CONTEXT)
}

/// The stretch of the batch that an event's values lie in, and where the reply has it. The batch is the host's own: between
/// the values of one event there is little else.
#[derive(Default)]
struct Hull {
    start: u32,
    end: u32,
    at: u32,
}

impl Hull {
    /// `None` if the reply's values are not of the same lengths in the same places.
    fn of(own: u32, words: &[u32], laid: &row::Row) -> Option<Hull> {
        let words = words.first_chunk::<{ row::ROW_WORDS }>()?;
        let (mut start, mut end, mut delta, mut differs) = (u32::MAX, 0, None, 0);
        for field in (0..FIELDS).filter(|field| own & 1 << field != 0) {
            let (was, len) = row::span(laid, field);
            let (is, len_now) = row::span(words, field);
            differs |= len ^ len_now;
            if len > 0 {
                let moved = is.wrapping_sub(was);
                differs |= *delta.get_or_insert(moved) ^ moved;
                start = start.min(was);
                end = end.max(was.wrapping_add(len));
            }
        }
        if differs != 0 {
            return None;
        }
        // Nothing has a value: nothing is to be compared.
        let Some(delta) = delta else { return Some(Hull::default()) };
        (start <= end).then(|| Hull { start, end, at: start.wrapping_add(delta) })
    }
}

//! Batches that are met in turn, so that none is still in a cache from the last time.

use std::hint::black_box;

use tidegate_event::{
    Event,
    flat::{FlatBatch, Needs},
};

/// More than the cache of a core holds: about what a lane has between reading and deciding.
const BYTES: usize = 2 << 20;
/// However small the events.
const BATCHES_MAX: usize = 4_096;

/// Batches of events and how they are laid out for one guest.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) events: Vec<Vec<Event>>,
    pub(super) batches: Vec<FlatBatch>,
    pub(super) rows: Vec<u32>,
}

impl Ring {
    /// The events over and over, `size` at a time.
    pub(super) fn new(events: &[Event], size: usize, needs: Needs, now_ms: u64) -> Ring {
        let each = events.iter().map(Event::size).sum::<usize>().max(1).div_ceil(events.len());
        let count = BYTES.div_ceil(each * size).clamp(1, BATCHES_MAX);
        let mut endless = events.iter().cycle().cloned();
        let events: Vec<Vec<Event>> = (0..count).map(|_| endless.by_ref().take(size).collect()).collect();
        let rows: Vec<u32> = (0u32..).take(size).collect();
        let laid_out = |events: &Vec<Event>| {
            let mut batch = FlatBatch::default();
            batch.assemble(events, &rows, needs, now_ms);
            batch
        };
        Ring { batches: events.iter().map(laid_out).collect(), events, rows }
    }

    /// Copies the bytes of one batch after the other to the same place, at a slightly different address each time it is measured.
    pub(super) fn memcpy(&self) -> impl FnMut(u32) + '_ {
        const PAGE: usize = 4096;
        let longest = self.batches.iter().map(|batch| batch.bytes.len()).max().unwrap_or_default();
        let mut target = vec![1; longest + PAGE];
        let (mut offset, mut turn) = (0, 0);
        move |count| {
            offset = (offset + 13 * 64) % PAGE;
            for _ in 0..count {
                turn = (turn + 1) % self.batches.len();
                let bytes = &self.batches[turn].bytes;
                let target = &mut target[offset..][..bytes.len()];
                target.copy_from_slice(black_box(bytes));
                black_box(target);
            }
        }
    }
}

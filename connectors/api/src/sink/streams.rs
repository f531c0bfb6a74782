//! Which writer of a sink a stream's events are for.
//!
//! A stream stays with a writer for as long as anything of it is under way, so that its order holds; after that it goes to
//! whichever writer has least to do, the first of several: the same few are at work, and warm in the caches, unless many are
//! needed. A fixed writer for each stream would make two of them wait for each other for ever where their hashes meet, and a
//! hundred writers stand idle beside it.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_event::Event;

/// Streams that are told apart; those that share a place share a writer while both are under way.
const PLACES: usize = 1024;

#[derive(Debug)]
pub(super) struct Streams {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    places: Box<[Place]>,
    /// Places under way, of each writer.
    busy: Box<[u32]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    writer: u32,
    /// Batches (or parts of them) under way.
    pending: u32,
}

impl Streams {
    pub(super) fn new(writers: usize) -> Arc<Streams> {
        let state = State { places: vec![Place::default(); PLACES].into(), busy: vec![0; writers.max(1)].into() };
        Arc::new(Streams { hasher: RandomState::new(), state: Mutex::new(state) })
    }

    /// Where the stream of an event is kept: that of its ordering key, else of its sender, else of all such.
    pub(super) fn place_of(&self, event: &Event) -> usize {
        let stream = event.ordering_key().or_else(|| event.context("peer"));
        (self.hasher.hash_one(stream) % PLACES as u64) as usize
    }

    /// Something of a stream is under way from now on, until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Streams>, place: usize) -> UnderWay {
        let mut state = self.state();
        if state.places[place].pending == 0 {
            let writer = state.least_busy();
            state.places[place].writer = writer as u32;
            state.busy[writer] += 1;
        }
        state.places[place].pending += 1;
        let writer = state.places[place].writer as usize;
        drop(state);
        UnderWay { streams: self.clone(), place, writer }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn least_busy(&self) -> usize {
        let idle = self.busy.iter().position(|&streams| streams == 0);
        let least = || (0..self.busy.len()).min_by_key(|&writer| self.busy[writer]);
        idle.or_else(least).unwrap_or(0)
    }
}

/// Keeps a stream with its writer.
#[derive(Debug)]
pub(super) struct UnderWay {
    streams: Arc<Streams>,
    place: usize,
    writer: usize,
}

impl UnderWay {
    pub(super) fn writer(&self) -> usize {
        self.writer
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.streams.state();
        state.places[self.place].pending -= 1;
        if state.places[self.place].pending == 0 {
            state.busy[self.writer] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_stays_with_its_writer_while_it_is_under_way() {
        let streams = Streams::new(3);
        let first = streams.begin(7);
        let second = streams.begin(7);
        assert_eq!(first.writer(), second.writer());
        drop(first);
        assert_eq!(streams.begin(7).writer(), second.writer());
    }

    #[test]
    fn as_many_streams_as_writers_never_share_one() {
        let streams = Streams::new(64);
        for round in 0..20 {
            let under_way: Vec<UnderWay> = (0..64).map(|n| streams.begin((round * 131 + n * 7) % PLACES)).collect();
            let mut writers: Vec<usize> = under_way.iter().map(UnderWay::writer).collect();
            writers.sort_unstable();
            assert_eq!(writers, (0..64).collect::<Vec<_>>());
        }
        assert!(streams.state().busy.iter().all(|&busy| busy == 0));
        assert!(streams.state().places.iter().all(|place| place.pending == 0));
    }
}

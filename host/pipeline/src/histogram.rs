//! How long something takes, counted in buckets: what Prometheus calls a histogram. Observing one is two atomic additions.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the buckets in microseconds. A call of a small batch takes some 10 µs; the longest timeout is 10 s.
const BOUNDS_US: [u64; 17] = [
    10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

/// Durations in buckets from 10 µs to 10 s.
#[derive(Debug, Default)]
pub struct Histogram {
    /// By bound; the last is for what is longer than all of them.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    nanos: AtomicU64,
}

/// What a [`Histogram`] has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    counts: [u64; BOUNDS_US.len() + 1],
    nanos: u64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let micros = took.as_micros();
        let bucket = BOUNDS_US.iter().position(|&bound| micros <= u128::from(bound)).unwrap_or(BOUNDS_US.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> Durations {
        let mut counts = [0; BOUNDS_US.len() + 1];
        for (count, bucket) in counts.iter_mut().zip(&self.buckets) {
            *count = bucket.load(Relaxed);
        }
        Durations { counts, nanos: self.nanos.load(Relaxed) }
    }
}

impl Durations {
    /// Adds those of another.
    pub fn merge(&mut self, other: &Durations) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.nanos = self.nanos.saturating_add(other.nanos);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, in seconds.
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanos).as_secs_f64()
    }

    /// Upper bound in seconds and what is in that bucket and in no smaller one; the last is without a bound.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS_US.iter().map(|&us| Duration::from_micros(us).as_secs_f64());
        bounds.chain([f64::INFINITY]).zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_in_the_first_bucket_that_it_fits() {
        let histogram = Histogram::default();
        for micros in [0, 10, 11, 50, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut read = histogram.read();
        let filled: Vec<(f64, u64)> = read.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.000_01, 2), (0.000_05, 2), (10.0, 1), (f64::INFINITY, 1)]);
        assert_eq!((read.count(), read.seconds()), (6, 20.000_072));
        read.merge(&histogram.read());
        assert_eq!((read.count(), read.seconds()), (12, 40.000_144));
    }
}

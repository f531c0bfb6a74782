//! How far a lane is behind its stream, for whoever looks from outside.
//!
//! A lane says what waits in its stream *behind what it has delivered*; what was delivered and is not settled the host adds
//! itself. Nothing here is asked by the data path.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// What waits in a lane's stream: published, and not delivered by [`Lane::next`](crate::Lane::next) (or nacked since).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Messages, where they can be counted: Kafka's high watermark less the position, JetStream's pending.
    pub events: Option<u64>,
    /// Bytes, where only these are known: what of a file is not read.
    pub bytes: Option<u64>,
    /// When the oldest of them came, by the broker's clock, else by the host's. Where it is not known the host goes by what is
    /// delivered and not settled.
    pub since: Option<SystemTime>,
}

/// Tells a lane's [`Lag`] at any time, from any thread, also while its lane waits in `next`; clones tell the same. It must be
/// cheap and never wait: an atomic, a short lock, a `stat`. It lives no longer than its lane needs to be told about.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use tidegate_connector::{Lag, LagGauge};
///
/// let pending = Arc::new(AtomicU64::new(0)); // kept by the lane, too
/// let told = pending.clone();
/// let gauge = LagGauge::new(move || Lag { events: Some(told.load(Ordering::Relaxed)), ..Lag::default() });
/// pending.store(7, Ordering::Relaxed);
/// assert_eq!(gauge.now().events, Some(7));
/// ```
#[derive(Clone)]
pub struct LagGauge(Arc<dyn Fn() -> Lag + Send + Sync>);

impl LagGauge {
    /// Tells what `tell` does.
    pub fn new(tell: impl Fn() -> Lag + Send + Sync + 'static) -> LagGauge {
        LagGauge(Arc::new(tell))
    }

    /// As it is now.
    pub fn now(&self) -> Lag {
        (self.0)()
    }
}

impl fmt::Debug for LagGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LagGauge").field(&self.now()).finish()
    }
}

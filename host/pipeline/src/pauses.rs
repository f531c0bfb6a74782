//! Sources that an operator holds: their lanes settle what they have, take nothing more, and keep their position.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::watch;

/// Who holds a lane that [`LaneState::Paused`](crate::LaneState::Paused) says is paused, where it was a person.
pub const OPERATOR: &str = "operator";

/// Held sources (`namespace/name`), and why.
pub type Held = HashMap<Arc<str>, Arc<str>>;

/// The one value through which an operator holds lanes. Outlives every plan.
#[derive(Debug)]
pub struct Pauses(watch::Sender<Arc<Held>>);

impl Default for Pauses {
    fn default() -> Pauses {
        Pauses(watch::Sender::new(Arc::default()))
    }
}

impl Pauses {
    /// Holds these sources and no others.
    pub fn set(&self, held: Held) {
        self.0.send_replace(Arc::new(held));
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Held>> {
        self.0.subscribe()
    }
}

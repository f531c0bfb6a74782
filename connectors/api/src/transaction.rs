//! Exactly once: what comes of a delivery, and the position behind it, written as one.
//!
//! A source whose settlements are [transactional](crate::Settlement::is_transactional) writes for its sinks: it alone knows what its position
//! can be written together with. What is to be written comes as [`Part`]s, one a sink; what the source needs to know of a sink is
//! the sink's [`Participant`]. Queues, rates and breakers of sinks have no part in this. Which sinks can take part is checked with
//! the documents ([`Connector::check_transaction`](crate::Connector::check_transaction)).

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tidegate_event::Event;

/// What the transactions of a source need to know of a sink of the same connector; nobody else can read it.
#[derive(Clone)]
pub struct Participant(Arc<dyn Any + Send + Sync>);

impl Participant {
    /// Holds what the connector wants to find again.
    pub fn new(inner: Arc<dyn Any + Send + Sync>) -> Participant {
        Participant(inner)
    }

    /// What was put in, where it is of this type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Participant")
    }
}

/// What is to be written to one sink.
#[derive(Debug)]
pub struct Part {
    /// The sink.
    pub sink: Participant,
    /// In order.
    pub events: Vec<Event>,
}

/// How a transaction ended.
#[derive(Debug)]
pub enum Committed {
    /// All of it is durable, the position too.
    Done,
    /// Nothing was written, for some of it will never be taken: it may be committed anew without that.
    Refused {
        /// What was to be written, as it was given.
        parts: Vec<Part>,
        /// What will never be taken; at least one event, each once.
        refusals: Vec<Refusal>,
    },
    /// Nothing was written, and nothing will be; worth trying again from the position before.
    Aborted {
        /// Where, and what was wrong there.
        cause: String,
    },
}

/// An event that will never be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the parts.
    pub part: usize,
    /// Which of its events.
    pub event: usize,
    /// What is wrong with it, and where.
    pub reason: String,
}

/// A transaction under way. Dropped, it may still be committed, or not: all or nothing.
pub type Commit = Pin<Box<dyn Future<Output = Committed> + Send>>;

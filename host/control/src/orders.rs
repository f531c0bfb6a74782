//! Changes that somebody asks for from another thread: an admin port.
//!
//! [`Control`](crate::Control) belongs to one loop. Whoever wants a change puts an [`Order`] on its [`Desk`], a bounded queue, and
//! waits for the answer; the loop takes one after the other. Looking at a host needs none of this: see [`Status`](crate::Status).

use std::sync::Arc;

use tidegate_event::Event;
use tidegate_pipeline::dry::Trace;
use tidegate_policy::{Report, amend::Promotion};
use tokio::sync::{mpsc, oneshot};

use crate::{Difference, KeptPolicy, history::Author};

/// Orders that wait, at most: each is a person, or a pipeline of theirs.
const WAITING_MAX: usize = 16;

/// Who may write the documents of a host: exactly one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// Files and folders, watched.
    #[default]
    Directory,
    /// The admin API; kept in the state directory.
    Api,
}

/// Kind, namespace, name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentName {
    /// `Source`, `Sink`, `Route` or `FilterPolicy`.
    pub kind: String,
    /// An RFC 1123 label.
    pub namespace: String,
    /// An RFC 1123 label.
    pub name: String,
}

impl std::fmt::Display for DocumentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// What must hold for a change to be made at all; looked at where the change is made, so that of two at once one is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The whole set has one of these tags.
    Set(Vec<String>),
    /// The document is there, with one of these tags (none: whichever).
    Document(DocumentName, Vec<String>),
    /// The document is not there.
    Absent(DocumentName),
}

/// Documents put and taken out, all of them or none.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Texts with any number of documents.
    pub put: Vec<String>,
    /// Documents to take out; each must be there.
    pub delete: Vec<DocumentName>,
    /// Documents that are not put are taken out as well.
    pub replace: bool,
    /// All of them must hold.
    pub expect: Vec<Expect>,
    /// Verify, and change nothing.
    pub dry_run: bool,
    /// Events that are put through what is live and what would be; of a dry run.
    pub sample: Vec<Event>,
    /// Who wants it.
    pub author: Author,
}

/// What a change made live, or would.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The generation.
    pub generation: Arc<str>,
    /// Against what was live.
    pub documents: Difference,
    /// Policies that run something else by it.
    pub policies: Vec<KeptPolicy>,
    /// What became of the sample before, and what would: by event, then by route.
    pub sample: Vec<(Vec<Trace>, Vec<Trace>)>,
    /// It is live.
    pub live: bool,
}

/// Why a change was not made. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// Documents belong to somebody else.
    #[error("the documents of this host are owned by {0}")]
    NotOwner(&'static str),
    /// Documents belong to a directory, where this is to be changed.
    #[error("the documents of this host are owned by a directory; to be changed there: {0}")]
    Elsewhere(String),
    /// What was expected does not hold.
    #[error("{0}")]
    Stale(String),
    /// What is named is not there.
    #[error("{0}")]
    Unknown(String),
    /// The request cannot be understood.
    #[error("{0}")]
    Wrong(String),
    /// The documents have mistakes.
    #[error("the documents have mistakes:\n{0}")]
    Report(Report),
    /// The state directory cannot be written.
    #[error("the state directory cannot be written: {0}")]
    Storage(String),
    /// The host takes no orders (any more), or has too many.
    #[error("{0}")]
    Busy(&'static str),
}

impl Refusal {
    /// There is none of that kind with that id (`namespace/name`). Names the one that is called so in another namespace, if it is the only
    /// one.
    pub fn unknown<'k>(kind: &str, id: &str, known: impl IntoIterator<Item = &'k str>) -> Refusal {
        let name = |id: &'k str| id.split_once('/').map_or(id, |(_, name)| name);
        let wanted = id.split_once('/').map_or(id, |(_, name)| name);
        let mut same = known.into_iter().filter(|known| name(known) == wanted);
        let said = format!("there is no {kind} {id}");
        Refusal::Unknown(match (same.next(), same.next()) {
            (Some(only), None) => format!("{said}: did you mean {only}?"),
            (Some(_), Some(_)) | (None, _) => said,
        })
    }
}

/// One change, and whom to answer.
#[derive(Debug)]
pub enum Order {
    /// Put and delete documents.
    Edit(Box<Edit>, Answer<Changed>),
    /// Make a kept generation live again: id or its beginning; absent: the one before.
    Rollback(Option<String>, Author, Answer<Changed>),
    /// Hold a route, or let it go on.
    Pause(Pausing, Answer<()>),
    /// Write down that somebody is shown live events whole: the reason says which.
    NoteTap(Author, Answer<()>),
    /// Take a rollout on, or end it.
    Promote(Promote, Answer<Changed>),
    /// Put events through what is live, without sending anything: by event, then by route.
    Explain(Vec<Event>, Answer<Vec<Vec<Trace>>>),
}

/// A route to be held, or let go on.
#[derive(Clone, Debug)]
pub struct Pausing {
    /// `namespace/name`.
    pub route: String,
    /// Held, or not.
    pub paused: bool,
    /// Who wants it.
    pub author: Author,
}

/// A rollout to be taken on.
#[derive(Clone, Debug)]
pub struct Promote {
    /// `namespace/name`.
    pub policy: String,
    /// Where to.
    pub to: Promotion,
    /// Verify, and change nothing.
    pub dry_run: bool,
    /// Who wants it.
    pub author: Author,
}

/// Who waits for an order.
pub type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

/// Where orders are put. Cheap to clone; works from any thread and runtime.
#[derive(Clone, Debug)]
pub struct Desk(mpsc::Sender<Order>);

impl Desk {
    /// A desk, and the queue that a host serves.
    pub fn new() -> (Desk, mpsc::Receiver<Order>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Desk(sender), receiver)
    }

    /// Waits for the answer, however long compiling takes; at once [`Refusal::Busy`] where too many wait.
    pub async fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(order(answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy("too many changes wait already: try again"),
            mpsc::error::TrySendError::Closed(_) => Refusal::Busy("the host is ending"),
        })?;
        answered.await.unwrap_or(Err(Refusal::Busy("the host is starting or ending")))
    }
}

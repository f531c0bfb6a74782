//! What a sender holds until its batch is durable.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

/// Resolves once every event of a batch is durable or refused for good. Dropping it does not undo the sending.
#[must_use = "without the receipt nobody knows whether the batch is durable"]
pub struct Receipt {
    state: State,
}

enum State {
    Waiting(oneshot::Receiver<Sent>),
    Done(Sent),
    /// Of several writers, each with the positions its events have in the batch, and what is known so far.
    Parts(Vec<(Receipt, Vec<usize>)>, Sent),
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Positions in the batch that were refused for good, ascending, with the reason; all others are durable.
    pub refused: Vec<(usize, Refused)>,
    /// The sink went away before all was durable: nothing of the batch may be acknowledged.
    pub closed: Option<String>,
}

/// Why an event was refused for good. Whoever sent it may be told the cause; the place is for those who run the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{place}: {cause}")]
pub struct Refused {
    /// The file, topic or address.
    pub place: String,
    /// What is wrong there.
    pub cause: String,
}

impl Sent {
    /// Whether the whole batch is durable.
    pub fn all_durable(&self) -> bool {
        self.refused.is_empty() && self.closed.is_none()
    }
}

impl Receipt {
    pub(super) fn waiting(answer: oneshot::Receiver<Sent>) -> Self {
        Self { state: State::Waiting(answer) }
    }

    pub(super) fn resolved(sent: Sent) -> Self {
        Self { state: State::Done(sent) }
    }

    /// Resolves once all parts have.
    pub(super) fn of_parts(parts: Vec<(Receipt, Vec<usize>)>) -> Self {
        Self { state: State::Parts(parts, Sent::default()) }
    }

    /// Waits for the outcome. Cancel-safe; called again it gives the same answer at once.
    pub async fn wait(&mut self) -> Sent {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The same for a caller that polls: a lane looks at the oldest of its receipts only.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Sent> {
        let answer = match &mut self.state {
            State::Done(sent) => return Poll::Ready(sent.clone()),
            State::Parts(parts, sent) => {
                while let Some((receipt, positions)) = parts.last_mut() {
                    let part = ready!(receipt.poll(cx));
                    sent.refused.extend(part.refused.into_iter().map(|(at, reason)| (positions[at], reason)));
                    sent.closed = sent.closed.take().or(part.closed);
                    parts.pop();
                }
                sent.refused.sort_unstable();
                let sent = std::mem::take(sent);
                self.state = State::Done(sent.clone());
                return Poll::Ready(sent);
            }
            State::Waiting(answer) => ready!(Future::poll(Pin::new(answer), cx)),
        };
        // The task never drops a job unanswered; if it does, it has panicked, and the batch may not be durable.
        let sent = answer
            .unwrap_or_else(|_| Sent { refused: Vec::new(), closed: Some("the sink's writer has panicked".into()) });
        self.state = State::Done(sent.clone());
        Poll::Ready(sent)
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Waiting(_) => f.write_str("Receipt(waiting)"),
            State::Parts(parts, _) => write!(f, "Receipt(waiting for {} writers)", parts.len()),
            State::Done(sent) => f.debug_tuple("Receipt").field(sent).finish(),
        }
    }
}

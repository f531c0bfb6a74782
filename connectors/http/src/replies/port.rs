//! The sink's side: hands replies over and waits until they are settled.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_event::Event;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::hub::Hub;

/// The context entry of a reply: the sinks it came by, the oldest first, apart by a space.
const SINKS: &str = "reply.sinks";
/// Posts remembered whose replies are late, at most: as many as a group has events.
const LATE_MAX: usize = 8192;

/// Ends when every reply to one post is settled.
type Settling = Vec<oneshot::Receiver<()>>;

/// The way of one sink's replies.
#[derive(Debug)]
pub(crate) struct Port {
    hub: Hub,
    source: String,
    timeout: Duration,
    /// Replies to what was posted already and is to be waited for still, by what was posted.
    late: Mutex<HashMap<Posted, Settling>>,
}

/// What was posted: source and id of the first event, and how many.
type Posted = (String, String, usize);

impl Port {
    pub(crate) fn new(hub: Hub, source: String, timeout: Duration) -> Port {
        Port { hub, source, timeout, late: Mutex::default() }
    }

    /// Why events must not be posted by `sink`: one of them is a reply to what it posted.
    pub(crate) fn loops(&self, sink: &str, events: &[Event]) -> Option<String> {
        let came_by =
            |event: &Event| event.context(SINKS).is_some_and(|sinks| sinks.split(' ').any(|name| name == sink));
        let cause = "it is a reply to what this sink posted: the route of its source leads back here";
        events.iter().any(came_by).then(|| cause.to_owned())
    }

    /// Hands replies to the source and waits for them. The error says why what was posted cannot count as done yet.
    pub(crate) async fn pass_on(&self, sink: &str, posted: &[Event], replies: Vec<Event>) -> Result<(), String> {
        if replies.is_empty() {
            return Ok(());
        }
        let queue = self.hub.find(&self.source).ok_or_else(|| self.no_source())?;
        let deadline = Instant::now() + self.timeout;
        let came_by = posted.iter().find_map(|event| event.context(SINKS));
        let sinks = came_by.map_or_else(|| sink.to_owned(), |before| format!("{before} {sink}"));
        let mut settling = Settling::with_capacity(replies.len());
        for reply in replies {
            let pushed = timeout_at(deadline, queue.push(reply.with_context(&[(SINKS, &sinks)]))).await;
            // Without room nothing is remembered: the service is asked again, and may well reply otherwise.
            let pushed =
                pushed.map_err(|_| format!("`{}` has no room for replies: its routes do not keep up", self.source))?;
            settling.push(pushed.ok_or_else(|| self.no_source())?);
        }
        self.wait(posted, settling, deadline).await
    }

    /// Waits on for the replies to a post whose replies were late; `None` where there are none.
    pub(crate) async fn still_pending(&self, posted: &[Event]) -> Option<Result<(), String>> {
        let settling = {
            let mut late = self.lock();
            if late.is_empty() {
                return None;
            }
            late.remove(&key(posted))?
        };
        Some(self.wait(posted, settling, Instant::now() + self.timeout).await)
    }

    async fn wait(&self, posted: &[Event], mut settling: Settling, deadline: Instant) -> Result<(), String> {
        while let Some(reply) = settling.last_mut() {
            match timeout_at(deadline, reply).await {
                Ok(Ok(())) => drop(settling.pop()),
                Ok(Err(_)) => return Err(format!("`{}` was closed before it had settled the reply", self.source)),
                Err(_) => {
                    let mut late = self.lock();
                    // Those of events that were given up on stay behind: they are let go of when they are many.
                    if late.len() >= LATE_MAX {
                        late.clear();
                    }
                    late.insert(key(posted), settling);
                    return Err(format!(
                        "`{}` has not settled the reply within {:?} (does its route lead back to this sink? then it waits for itself)",
                        self.source, self.timeout
                    ));
                }
            }
        }
        Ok(())
    }

    fn no_source(&self) -> String {
        format!("no source `{}` of kind `replies` is open to take the reply", self.source)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Posted, Settling>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(posted: &[Event]) -> Posted {
    let first = posted.first();
    let part = |part: fn(&Event) -> &str| first.map_or_else(String::new, |event| part(event).to_owned());
    (part(Event::source), part(Event::id), posted.len())
}

//! The lane over plain subjects: what is published while we listen, and nothing else.
//!
//! The server keeps nothing: what was on its way when the connection was lost, or the host ended, is gone (at most once up to
//! here). What arrived is held until it is settled, and delivered again from here where it was nacked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Message, Subscriber};
use async_trait::async_trait;
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, StreamExt};
use tidegate_connector::ledger::Batch;
use tidegate_connector::{
    Delivery, LANE_BATCH_BYTES, LANE_BATCH_EVENTS, Lane, Ledger, MALFORMED_BYTES, Malformed, SourceError, chain,
};
use tokio::task::JoinHandle;

use crate::binding::{Origin, Reading};
use crate::config::connection::Opened;
use crate::link::{Kept, Link};

pub(super) struct SubjectsLane {
    name: String,
    id: String,
    connection: Opened,
    subjects: Vec<String>,
    queue: Option<String>,
    reading: Reading,
    link: Option<Link>,
    opening: Option<JoinHandle<Subscribed>>,
    /// How often the connection was lost, as far as the host was told.
    losses: u64,
    messages: SelectAll<Subscriber>,
    held: Arc<Mutex<Held>>,
    ledger: Ledger<u64>,
    /// The number of the next to deliver.
    cursor: u64,
}

type Subscribed = Result<(Link, SelectAll<Subscriber>), SourceError>;

/// Messages delivered and not settled, or still to be delivered; numbered in the order they came.
#[derive(Debug, Default)]
struct Held {
    messages: VecDeque<Message>,
    first: u64,
}

impl SubjectsLane {
    pub(super) fn new(
        id: &str,
        connection: Opened,
        subjects: Vec<String>,
        queue: Option<String>,
        reading: Reading,
    ) -> SubjectsLane {
        let held = Arc::new(Mutex::new(Held::default()));
        let settled = held.clone();
        let ledger = Ledger::with_commit(0, move |number: &u64| {
            let mut held = lock(&settled);
            while held.first < *number && held.messages.pop_front().is_some() {
                held.first += 1;
            }
            Ok(())
        });
        let (kept, servers) = (held.clone(), connection.servers.join(", "));
        ledger.place_with(move |behind: &u64| {
            let held = lock(&kept);
            let message = held.messages.get(usize::try_from((behind - 1).checked_sub(held.first)?).ok()?)?;
            Some(place(&servers, message))
        });
        SubjectsLane {
            name: subjects.join(","),
            id: id.to_owned(),
            connection,
            subjects,
            queue,
            reading,
            link: None,
            opening: None,
            losses: 0,
            messages: SelectAll::new(),
            held,
            ledger,
            cursor: 0,
        }
    }

    /// Connects and subscribes, in a task: whoever waits for this may stop waiting and come again.
    async fn open(&mut self) -> Result<(), SourceError> {
        if self.link.is_some() {
            return Ok(());
        }
        let opening = self.opening.get_or_insert_with(|| {
            let (connection, id) = (self.connection.clone(), self.id.clone());
            tokio::spawn(subscribe(connection, id, self.subjects.clone(), self.queue.clone()))
        });
        let opened = opening.await;
        self.opening = None;
        let place = || self.connection.servers.join(", ");
        let (link, messages) =
            opened.unwrap_or_else(|error| Err(SourceError::Transient { place: place(), cause: error.to_string() }))?;
        self.losses = link.state.borrow().losses;
        self.messages = messages;
        self.link = Some(link);
        Ok(())
    }

    /// Tells once of each time the connection was lost; the client connects and subscribes again.
    fn lost(&mut self) -> Option<SourceError> {
        let link = self.link.as_ref()?;
        let losses = link.state.borrow().losses;
        let news = losses > std::mem::replace(&mut self.losses, losses);
        news.then(|| SourceError::Transient { place: link.place.to_string(), cause: link.trouble() })
    }

    fn take(&mut self) -> Option<Delivery> {
        let batch: Vec<Message> = {
            let held = lock(&self.held);
            let from = (self.cursor - held.first) as usize;
            let mut bytes = 0;
            let ahead = held.messages.range(from..).take(LANE_BATCH_EVENTS).enumerate();
            let fits = ahead.take_while(|(index, message)| {
                bytes += message.length;
                *index == 0 || bytes <= LANE_BATCH_BYTES
            });
            fits.map(|(_, message)| message.clone()).collect()
        };
        if batch.is_empty() {
            return None;
        }
        let mut events = Vec::with_capacity(batch.len());
        let mut behind = Vec::with_capacity(batch.len());
        let mut malformed = Vec::new();
        for (message, number) in batch.iter().zip(self.cursor + 1..) {
            let origin = Origin { subject: message.subject.as_str(), stream: None };
            match self.reading.decode(message.headers.as_ref(), &message.payload, origin) {
                Ok(event) => {
                    events.push(event);
                    behind.push(number);
                }
                Err(problem) => malformed.push(Malformed {
                    before: events.len(),
                    place: place(&self.connection.servers.join(", "), message),
                    problem,
                    message: message.payload.slice(..message.payload.len().min(MALFORMED_BYTES)),
                }),
            }
        }
        let end = self.cursor + batch.len() as u64;
        let delivery = self.ledger.deliver(Batch { events, malformed, behind, end })?;
        self.cursor = end;
        Some(delivery)
    }

    /// Takes in what is there without waiting, so that one delivery serves many.
    fn gather(&mut self) {
        let mut held = lock(&self.held);
        while held.first + (held.messages.len() as u64) < self.cursor + LANE_BATCH_EVENTS as u64 {
            match self.messages.next().now_or_never() {
                Some(Some(message)) => held.messages.push_back(message),
                Some(None) | None => return,
            }
        }
    }
}

#[async_trait]
impl Lane for SubjectsLane {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        loop {
            self.open().await?;
            if let Some(rewind) = self.ledger.rewind() {
                tokio::time::sleep_until(rewind.not_before).await;
                self.cursor = rewind.position;
                self.ledger.rewound(&rewind);
                continue;
            }
            self.gather();
            if let Some(delivery) = self.take() {
                return Ok(Some(delivery));
            }
            if let Some(error) = self.lost() {
                return Err(error);
            }
            let Some(link) = &self.link else { continue };
            let mut state = link.state.clone();
            tokio::select! {
                _ = state.changed() => {}
                message = self.messages.next() => match message {
                    Some(message) => lock(&self.held).messages.push_back(message),
                    None => self.link = None,
                },
                () = self.ledger.wait_for_rewind() => {}
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

/// The server knows of the subscriptions when this returns.
async fn subscribe(connection: Opened, id: String, subjects: Vec<String>, queue: Option<String>) -> Subscribed {
    let link = Link::open(&connection, &format!("tidegate {id}"), Kept::Up).await?;
    let mut all = SelectAll::new();
    for subject in subjects {
        let place = format!("{} {subject}", link.place);
        let subscribed = match &queue {
            Some(queue) => link.client.queue_subscribe(subject, queue.clone()).await,
            None => link.client.subscribe(subject).await,
        };
        all.push(subscribed.map_err(|error| SourceError::Transient { place, cause: chain(&error) })?);
    }
    let flushed = link.flush().await;
    flushed.map_err(|cause| SourceError::Transient { place: link.place.to_string(), cause })?;
    Ok((link, all))
}

/// What an operator looks up: there is nothing by which one message can be told from another.
fn place(servers: &str, message: &Message) -> String {
    format!("{servers} {}", message.subject)
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The source of a replay: a lane that gets what it is given, a portion at a time, and tells what became of it.
//!
//! Somebody waits for every answer, as over HTTP: what a policy refuses is refused, and rests where it did.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_connector::{Delivery, Fate, Lane, Settled, Settlement, Source, SourceError};
use tidegate_event::Event;
use tokio::sync::{mpsc, oneshot};

/// Where events are put in.
#[derive(Debug)]
pub(super) struct Feed(mpsc::Sender<Portion>);

#[derive(Debug)]
struct Portion {
    events: Vec<Event>,
    tell: oneshot::Sender<Answer>,
}

/// What became of a portion.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) settled: Settled,
    /// By position, ascending; what is not there and settled was delivered.
    pub(super) fates: Vec<(usize, Fate)>,
}

/// A feed, and the source that it feeds.
pub(super) fn feed(name: &Arc<str>) -> (Feed, Box<dyn Source>) {
    let (sender, portions) = mpsc::channel(1);
    let lane = FeedLane { name: name.clone(), portions };
    (Feed(sender), Box::new(FeedSource(Some(lane))))
}

impl Feed {
    /// Waits for the answer; `None` if the lane has gone without one.
    pub(super) async fn take(&self, events: Vec<Event>) -> Option<Answer> {
        let (tell, answer) = oneshot::channel();
        self.0.send(Portion { events, tell }).await.ok()?;
        answer.await.ok()
    }
}

struct FeedSource(Option<FeedLane>);

#[async_trait]
impl Source for FeedSource {
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        Ok(self.0.take().map(|lane| Box::new(lane) as Box<dyn Lane>))
    }
}

struct FeedLane {
    name: Arc<str>,
    portions: mpsc::Receiver<Portion>,
}

#[async_trait]
impl Lane for FeedLane {
    fn name(&self) -> &str {
        &self.name
    }

    /// What was nacked is not delivered again from here: whoever feeds decides.
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        let portion = self.portions.recv().await.map(|Portion { events, tell }| {
            let settlement = Box::new(Told { fates: Vec::new(), tell });
            Delivery { events, malformed: Vec::new(), settlement }
        });
        Ok(portion)
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

struct Told {
    fates: Vec<(usize, Fate)>,
    tell: oneshot::Sender<Answer>,
}

#[async_trait]
impl Settlement for Told {
    fn answers(&self) -> bool {
        true
    }

    fn report(&mut self, fates: Vec<(usize, Fate)>) {
        self.fates = fates;
    }

    async fn settle(self: Box<Self>, settled: Settled) -> Result<(), SourceError> {
        // Whoever fed it may have given up: what is not told is not noted, and comes again.
        let _ = self.tell.send(Answer { settled, fates: self.fates });
        Ok(())
    }
}

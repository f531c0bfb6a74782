//! The sinks of a host. One that did not change stays open over generations; one that did follows its predecessor.

use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tidegate_connector::{
    Backoff, Breaker, BreakerOptions, ConfigError, Participant, RateKey, RateLimit, Registry, Sink, SinkCounts,
    SinkOptions, WriteError, Writer, connector::Place,
};
use tidegate_event::Event;
use tidegate_policy::spec;
use tokio::sync::watch;

use crate::SinkStatus;

/// Sinks by `namespace/name`, with what they were opened for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sinks {
    open: BTreeMap<Arc<str>, Open>,
    /// Sinks that documents no longer have, and that may still write: whoever comes back under their name follows them.
    gone: BTreeMap<Arc<str>, watch::Receiver<bool>>,
    /// What each has done, whatever it was opened for: also of those that are gone, for they may come back.
    counts: BTreeMap<Arc<str>, Arc<SinkCounts>>,
}

/// Counts that are kept of sinks that are gone.
const COUNTS_MAX: usize = 1_024;

#[derive(Clone, Debug)]
struct Open {
    connector: spec::Connector,
    delivery: spec::Delivery,
    base_dir: PathBuf,
    sink: Sink,
}

impl Open {
    /// Whether they are opened for the same.
    fn is_for(&self, other: &Open) -> bool {
        self.connector == other.connector && self.delivery == other.delivery && self.base_dir == other.base_dir
    }
}

impl Sinks {
    pub(crate) fn get(&self, id: &str) -> Option<&Sink> {
        self.open.get(id).map(|open| &open.sink)
    }

    /// What each is failing with at the moment.
    pub(crate) fn trouble(&self) -> Vec<(Arc<str>, String)> {
        self.open.iter().filter_map(|(id, open)| Some((id.clone(), open.sink.trouble()?))).collect()
    }

    /// Every sink, as an operator sees it.
    pub(crate) fn status(&self) -> Vec<SinkStatus> {
        let status = |(id, open): (&Arc<str>, &Open)| SinkStatus {
            sink: id.clone(),
            pending: open.sink.pending_events(),
            trouble: open.sink.trouble(),
            lag: open.sink.lag(),
            numbers: open.sink.counts().read(),
        };
        self.open.iter().map(status).collect()
    }

    /// Waits until everything that was accepted is durable and the writers are closed.
    pub(crate) async fn close(self) {
        for (_, open) in self.open {
            open.sink.close().await;
        }
    }

    /// These sinks instead of `before`, which may still have much to write. One that fails all through the grace time is given up.
    pub(crate) fn instead_of(mut self, before: Sinks, grace: Duration) -> Sinks {
        for (id, counts) in before.counts {
            if self.counts.len() < self.open.len() + COUNTS_MAX {
                self.counts.entry(id).or_insert(counts);
            }
        }
        self.gone = before.gone;
        self.gone.retain(|id, ended| !*ended.borrow() && !self.open.contains_key(id));
        for (id, open) in before.open {
            if self.open.get(&id).is_none_or(|now| !now.is_for(&open)) {
                // What it cannot write for so long comes again, for the documents of today.
                let give_up = open.sink.give_up();
                tokio::spawn(async move {
                    tokio::time::sleep(grace).await;
                    give_up();
                });
            }
            if !self.open.contains_key(&id) {
                let (tell, ended) = watch::channel(false);
                let end = open.sink.ended();
                tokio::spawn(async move {
                    end.await;
                    tell.send_replace(true);
                });
                self.gone.insert(id, ended);
            }
        }
        self
    }

    /// The end of the sink that has, or had, this name.
    fn end_of(&self, id: &str) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        if let Some(open) = self.open.get(id) {
            return Some(Box::pin(open.sink.ended()));
        }
        let mut ended = self.gone.get(id)?.clone();
        Some(Box::pin(async move {
            // An error means that the task which told is gone, which is the end as well.
            let _ = ended.wait_for(|ended| *ended).await;
        }))
    }

    /// Opens what `document` asks for, or takes it over from `before` where it is the same.
    pub(crate) fn open(
        &mut self,
        document: &spec::Sink,
        before: &Sinks,
        connectors: &Registry,
        state_dir: &Path,
    ) -> Result<(), Vec<ConfigError>> {
        let id: Arc<str> = document.meta.id.to_string().into();
        let counts = before.counts.get(&id).cloned().unwrap_or_default();
        self.counts.insert(id.clone(), counts.clone());
        let base_dir = crate::documents::folder_of(&document.meta);
        let previous = before.open.get(&id);
        if let Some(open) = previous
            && open.connector == document.connector
            && open.delivery == document.delivery
            && open.base_dir == base_dir
        {
            self.open.insert(id, open.clone());
            return Ok(());
        }
        let spec::Connector { name, config } = &document.connector;
        let connector = connectors
            .get(name)
            .ok_or_else(|| vec![ConfigError::new("", format!("there is no connector `{name}`"))])?;
        let place = Place { base_dir: &base_dir, state_dir };
        let follow = |writer: Box<dyn Writer>| match before.end_of(&id) {
            Some(end) => Box::new(After { before: Some(end), writer }),
            None => writer,
        };
        let writers = connector.open_sinks(&id, config, &place)?.into_iter().map(follow).collect();
        let options = SinkOptions { counts, ..options(&document.delivery) };
        let sink = Sink::start_all(&id, writers, options);
        let (connector, delivery) = (document.connector.clone(), document.delivery);
        self.open.insert(id, Open { connector, delivery, base_dir, sink });
        Ok(())
    }
}

/// What a document says of delivery, as the framework takes it.
fn options(delivery: &spec::Delivery) -> SinkOptions {
    let spec::Delivery { retry, timeout, rate_limit, breaker } = *delivery;
    let spec::Breaker { failures, window, pause } = breaker;
    SinkOptions {
        retries: retry.max,
        backoff: Backoff { first: retry.delay, max: retry.max_delay, jitter_percent: retry.jitter_percent },
        timeout,
        breaker: BreakerOptions { failures, window, pause },
        rate: rate_limit.map(|spec::RateLimit { events, bytes, per, key }| RateLimit {
            events,
            bytes,
            per,
            key: match key {
                spec::RateKey::None => RateKey::Sink,
                spec::RateKey::Partitionkey => RateKey::OrderingKey,
            },
        }),
        ..SinkOptions::default()
    }
}

/// A writer that lets its predecessor finish first: what was sent under the old documents is written before what is sent
/// under the new ones, and never by two writers at once.
struct After {
    before: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    writer: Box<dyn Writer>,
}

impl After {
    async fn wait(&mut self) {
        if let Some(before) = self.before.take() {
            before.await;
        }
    }
}

#[async_trait::async_trait]
impl Writer for After {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        self.wait().await;
        self.writer.write(events).await
    }

    /// Its own successor waits for its end only: that must not come before the predecessor's, even if it wrote nothing.
    async fn close(&mut self) -> Result<(), WriteError> {
        self.wait().await;
        self.writer.close().await
    }

    fn breaker(&mut self, breaker: Breaker) -> Option<Breaker> {
        self.writer.breaker(breaker)
    }

    fn participant(&self) -> Option<Participant> {
        self.writer.participant()
    }
}

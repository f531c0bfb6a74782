//! The sinks of a host. One that did not change stays open over generations; one that did follows its predecessor.

use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use tidegate_connector::{Backoff, ConfigError, Registry, Sink, SinkOptions, WriteError, Writer, connector::Place};
use tidegate_event::Event;
use tidegate_policy::spec;

/// Sinks by `namespace/name`, with what they were opened for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sinks(BTreeMap<Arc<str>, Open>);

#[derive(Clone, Debug)]
struct Open {
    connector: spec::Connector,
    retry: spec::Retry,
    base_dir: PathBuf,
    sink: Sink,
}

impl Sinks {
    pub(crate) fn get(&self, id: &str) -> Option<&Sink> {
        self.0.get(id).map(|open| &open.sink)
    }

    /// What each is failing with at the moment.
    pub(crate) fn trouble(&self) -> Vec<(Arc<str>, String)> {
        self.0.iter().filter_map(|(id, open)| Some((id.clone(), open.sink.trouble()?))).collect()
    }

    /// Waits until everything that was accepted is durable and the writers are closed.
    pub(crate) async fn close(self) {
        for (_, open) in self.0 {
            open.sink.close().await;
        }
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
        let base_dir = crate::documents::folder_of(&document.meta);
        let previous = before.0.get(&id);
        if let Some(open) = previous
            && open.connector == document.connector
            && open.retry == document.retry
            && open.base_dir == base_dir
        {
            self.0.insert(id, open.clone());
            return Ok(());
        }
        let spec::Connector { name, config } = &document.connector;
        let connector = connectors
            .get(name)
            .ok_or_else(|| vec![ConfigError::new("", format!("there is no connector `{name}`"))])?;
        let place = Place { base_dir: &base_dir, state_dir };
        let mut writer = connector.open_sink(&id, config, &place)?;
        if let Some(open) = previous {
            writer = Box::new(After { before: Some(Box::pin(open.sink.ended())), writer });
        }
        let backoff = Backoff { first: document.retry.first, max: document.retry.max_delay };
        let options = SinkOptions { retries: document.retry.max, backoff, ..SinkOptions::default() };
        let sink = Sink::start(&id, writer, options);
        self.0.insert(id, Open { connector: document.connector.clone(), retry: document.retry, base_dir, sink });
        Ok(())
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

    async fn close(&mut self) -> Result<(), WriteError> {
        self.writer.close().await
    }
}

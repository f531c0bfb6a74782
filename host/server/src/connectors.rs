//! The connectors this program knows.

use std::sync::Arc;

use tidegate_connector::{Connector, Registry};
use tidegate_connector_file::{File, FileToItsEnd};

use crate::host::Ending;

/// What a host has that goes on when its sources have ended.
pub(crate) fn registry() -> Arc<Registry> {
    registry_for(Ending::Ignored)
}

/// `file`, `http`, `kafka`, `memory`, `nats`, and `replies`: what sinks of `http` are answered.
pub(crate) fn registry_for(ending: Ending) -> Arc<Registry> {
    let files: Arc<dyn Connector> = match ending {
        Ending::Told => Arc::new(FileToItsEnd),
        Ending::Ignored => Arc::new(File),
    };
    let replies = tidegate_connector_http::Replies::default();
    let mut registry = Registry::default();
    registry.insert(files);
    registry.insert(Arc::new(tidegate_connector_memory::Memory::default()));
    registry.insert(Arc::new(tidegate_connector_http::Http::with_replies(replies.hub())));
    registry.insert(Arc::new(tidegate_connector_nats::Nats));
    registry.insert(Arc::new(tidegate_connector_kafka::Kafka));
    registry.insert(Arc::new(replies));
    Arc::new(registry)
}

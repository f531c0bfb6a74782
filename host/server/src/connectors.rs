//! The connectors this program knows.

use std::sync::Arc;

use tidegate_connector::Registry;

/// `file`, `http`, `kafka`, `memory`, `nats`, and `replies`: what sinks of `http` are answered.
pub(crate) fn registry() -> Arc<Registry> {
    let replies = tidegate_connector_http::Replies::default();
    let mut registry = Registry::default();
    registry.insert(Arc::new(tidegate_connector_file::File));
    registry.insert(Arc::new(tidegate_connector_memory::Memory::default()));
    registry.insert(Arc::new(tidegate_connector_http::Http::with_replies(replies.hub())));
    registry.insert(Arc::new(tidegate_connector_nats::Nats));
    registry.insert(Arc::new(tidegate_connector_kafka::Kafka));
    registry.insert(Arc::new(replies));
    Arc::new(registry)
}

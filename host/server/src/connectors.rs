//! The connectors this program knows.

use std::sync::Arc;

use tidegate_connector::Registry;

/// `file` and `memory`.
pub(crate) fn registry() -> Arc<Registry> {
    let mut registry = Registry::default();
    registry.insert(Arc::new(tidegate_connector_file::File));
    registry.insert(Arc::new(tidegate_connector_memory::Memory::default()));
    Arc::new(registry)
}

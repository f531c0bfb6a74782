//! What a Go filter meets in place of WASI. What it does stands in `shim.wat`.

use std::sync::LazyLock;

use wit_component::{StringEncoding, embed_component_metadata};

use super::world;

/// Its own type: it may say last words.
const WORLD: &str = "import tidegate:guest/failure@0.1.0;";

/// The core module that is linked as `wasi_snapshot_preview1`.
pub(super) fn adapter() -> Result<&'static [u8], String> {
    static ADAPTER: LazyLock<Result<Vec<u8>, String>> = LazyLock::new(|| {
        let mut module = wat::parse_str(include_str!("shim.wat")).map_err(|error| error.to_string())?;
        let (resolve, world) = world::parse("shim", WORLD)?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .map_err(|error| format!("{error:#}"))?;
        Ok(module)
    });
    ADAPTER.as_deref().map_err(Clone::clone)
}

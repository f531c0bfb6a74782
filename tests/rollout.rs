//! Rollouts: a share of the keys meets a module on its way, and it goes on or is taken back by itself.

mod campaign;
mod load;
mod promoting;
mod steps;
mod versions;

use std::path::Path;

use crate::admin_api::document;
use crate::rig::guests::{Guest, stamp};
use crate::support::digest;

/// Which of two modules decided: both stamp events, the second fails on the guilty ones.
const BEFORE: usize = 1;
const AFTER: usize = 2;

fn before() -> Guest {
    stamp(BEFORE)
}

fn after() -> Guest {
    stamp(AFTER).guilty("unreachable")
}

/// Writes both modules into a folder, as `before.wasm` and `after.wasm`; their digests.
fn modules(folder: &Path) -> [String; 2] {
    [("before.wasm", before()), ("after.wasm", after())].map(|(name, guest)| {
        let bytes = guest.component();
        std::fs::write(folder.join(name), &bytes).expect("write a module");
        digest(&bytes)
    })
}

/// The policy `default/stamp` of a module, with further keys.
fn stamps(module: &str, digest: &str, rest: &str) -> String {
    let wasm =
        format!("{{module: 'file:{module}', digest: '{digest}', config: 'x1=0', mayWrite: {{attributes: ['x*']}}}}");
    document("FilterPolicy", "stamp", &format!("{{phase: Transform, wasm: {wasm}{rest}}}"))
}

/// Whether events of a key meet the second module at so many percent.
fn meets(key: &str, percent: u8) -> bool {
    tidegate_pipeline::rollout::bucket("default/stamp", key) < percent
}

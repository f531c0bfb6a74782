//! Wraps a core module, that carries its component type, into a component.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::Artifact;

/// The deciding interfaces a module may export, as the contract calls them.
const KINDS: [&str; 3] = ["filter", "transform", "matcher"];

/// A component, and what it decides.
pub(crate) struct Component {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kinds: Vec<&'static str>,
}

/// The error is for people: what is wrong with what was compiled.
pub(crate) fn componentize(artifact: &Artifact) -> Result<Component, String> {
    let encoder = ComponentEncoder::default().validate(true).module(&artifact.module);
    let encoder = encoder.and_then(|encoder| match artifact.adapter {
        // The adapter's memory does not come from the guest's allocator: a garbage collector asks the adapter for the time
        // while it allocates, and the component model does not let it out just then.
        Some(adapter) => encoder.realloc_via_memory_grow(true).adapter("wasi_snapshot_preview1", adapter),
        None => Ok(encoder),
    });
    let encoded = encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))?;
    let bytes = without_names(&encoded).map_err(|error| error.to_string())?;
    let exports = exports(&bytes).map_err(|error| error.to_string())?;
    let has = |interface: &str| exports.iter().any(|name| name.starts_with(&format!("tidegate:guest/{interface}@")));
    let kinds: Vec<_> = KINDS.into_iter().filter(|kind| has(kind)).collect();
    // A module that exports nothing of the contract becomes an empty component, without an error.
    if kinds.is_empty() || !has("lifecycle") {
        return Err("it exports nothing of the contract".to_owned());
    }
    Ok(Component { bytes, kinds })
}

/// Without the section that names the component's own parts: a kilobyte that nothing shows. (What a trap names stands in the core
/// module, which keeps its names.)
#[expect(clippy::wildcard_enum_match_arm, reason = "everything else is kept as it is")]
fn without_names(component: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut kept = Vec::with_capacity(component.len());
    let (mut depth, mut copied) = (0_u32, 0);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == "component-name" => {
                let range = section.range();
                // Before the content: the section's id, and its size as a LEB128 number.
                kept.extend_from_slice(&component[copied..range.start - 1 - leb128_bytes(range.len())]);
                copied = range.end;
            }
            _ => {}
        }
    }
    kept.extend_from_slice(&component[copied..]);
    Ok(kept)
}

fn leb128_bytes(value: usize) -> usize {
    (usize::BITS - value.max(1).leading_zeros()).div_ceil(7) as usize
}

/// What the component itself exports. (Not what its module does: a Go module has the functions of all kinds.)
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else exports")]
fn exports(component: &[u8]) -> wasmparser::Result<Vec<String>> {
    let (mut names, mut depth) = (Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    names.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

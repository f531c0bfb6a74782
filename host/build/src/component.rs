//! Wraps a core module, that carries its component type, into a component.

use wasm_encoder::{ComponentSection as _, RawSection};
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
    let bytes = without_names_and_tools(&encoded).ok_or("what was made of it is no component")?;
    let exports = exports(&bytes).map_err(|error| error.to_string())?;
    let has = |interface: &str| exports.iter().any(|name| name.starts_with(&format!("tidegate:guest/{interface}@")));
    let kinds: Vec<_> = KINDS.into_iter().filter(|kind| has(kind)).collect();
    // A module that exports nothing of the contract becomes an empty component, without an error.
    if kinds.is_empty() || !has("lifecycle") {
        return Err("it exports nothing of the contract".to_owned());
    }
    Ok(Component { bytes, kinds })
}

/// Ids of sections, as the core and component binary formats number them.
const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// Without the sections that name the component's own parts, a kilobyte that nothing shows, and that tell which tools had it in their
/// hands: 50 bytes a part, and the label says more. (What a trap names stands in the core module's `name`, which stays.) `None` where it
/// is no component.
fn without_names_and_tools(binary: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = binary.split_at_checked(8)?;
    let is_component = header[4..] != [1, 0, 0, 0];
    let mut kept = header.to_vec();
    while let Some((&id, behind)) = rest.split_first() {
        let (content, behind) = sized(behind)?;
        rest = behind;
        let inner;
        let content = match id {
            CUSTOM if matches!(sized(content)?.0, b"component-name" | b"producers") => continue,
            CORE_MODULE | COMPONENT if is_component => {
                inner = without_names_and_tools(content)?;
                &inner
            }
            _ => content,
        };
        RawSection { id, data: content }.append_to_component(&mut kept);
    }
    Some(kept)
}

/// What is behind a size in LEB128 and has that size; and the rest.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let size = bytes[..=end].iter().rev().fold(0_usize, |size, byte| size << 7 | usize::from(byte & 0x7f));
    bytes[end + 1..].split_at_checked(size)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn names_and_tools_go_and_everything_else_stays() {
        let long = "x".repeat(300);
        let text = |tools: &str, names: &str| {
            format!(
                r#"(component
                    (core module (func (export "f")) (@custom "name" "\00\02\01m") {tools} (@custom "kept" "{long}"))
                    (component (component {tools}) {tools})
                    {names} (@custom "tidegate:label" "{{}}") {tools})"#
            )
        };
        let with =
            wat::parse_str(text(r#"(@custom "producers" "\00")"#, r#"(@custom "component-name" "\00")"#)).unwrap();
        let without = wat::parse_str(text("", "")).unwrap();
        assert!(with.len() > without.len());
        assert_eq!(without_names_and_tools(&with).unwrap(), without);
        assert_eq!(without_names_and_tools(&without).unwrap(), without);
        assert_eq!(without_names_and_tools(&with[..with.len() - 1]), None);
    }
}

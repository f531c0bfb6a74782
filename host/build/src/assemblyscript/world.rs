//! The component type of a module: the interfaces whose functions it exports, and those it imports.

use std::collections::BTreeSet;

use wasmparser::{Parser, Payload};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The contract.
const WIT: &str = include_str!("../../../../wit/tidegate.wit");

/// Puts the type into a module.
pub(super) fn embed(module: &mut Vec<u8>) -> Result<(), String> {
    let (resolve, world) = parse(&items(module).map_err(|error| error.to_string())?)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(|error| format!("{error:#}"))
}

/// `import tidegate:guest/log@0.1.0; export tidegate:guest/filter@0.1.0;`, only what the module uses.
fn items(module: &[u8]) -> wasmparser::Result<String> {
    let mut items = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::ImportSection(section) = &payload {
            for import in section.clone().into_imports() {
                items.insert(format!("import {};", import?.module));
            }
        }
        if let Payload::ExportSection(section) = &payload {
            for export in section.clone() {
                items.extend(export?.name.split_once('#').map(|(interface, _)| format!("export {interface};")));
            }
        }
    }
    Ok(items.into_iter().collect())
}

fn parse(items: &str) -> Result<(Resolve, WorldId), String> {
    let mut resolve = Resolve::default();
    resolve.push_str("tidegate.wit", WIT).map_err(|error| format!("{error:#}"))?;
    let world = format!("package tidegate:built; world module {{ {items} }}");
    let package = resolve.push_str("built.wit", &world).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some("module")).map_err(|error| format!("{error:#}"))?;
    Ok((resolve, world))
}

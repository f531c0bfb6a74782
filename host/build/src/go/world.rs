//! The component type of a Go module: read off what is linked into it.

use wasmparser::{Parser, Payload};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The contract.
const WIT: &str = include_str!("../../../../wit/tidegate.wit");

/// What may be imported. `wit-component` leaves out what the module does not.
const IMPORTS: &str = "import tidegate:guest/log@0.1.0; import tidegate:guest/metrics@0.1.0; \
    import tidegate:guest/state@0.1.0; import tidegate:guest/failure@0.1.0;";

/// Puts the type into a module. Go exports the functions of all kinds, as they stand in the SDK; those that the program has called
/// for import a mark of the shim.
pub(super) fn embed(module: &mut Vec<u8>) -> Result<(), String> {
    let kinds = kinds(module).map_err(|error| error.to_string())?;
    if kinds.is_empty() {
        return Err("the program registers no function with `tidegate.Filter`, `Transform` or `Matcher`".to_owned());
    }
    let exports: String = kinds.iter().map(|kind| format!("export tidegate:guest/{kind}@0.1.0; ")).collect();
    let (resolve, world) = parse("module", &format!("{IMPORTS} export tidegate:guest/lifecycle@0.1.0; {exports}"))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(|error| format!("{error:#}"))
}

/// A world of the contract's interfaces. The package bears the part's name: those of the parts of one component are joined.
pub(super) fn parse(part: &str, items: &str) -> Result<(Resolve, WorldId), String> {
    let mut resolve = Resolve::default();
    resolve.push_str("tidegate.wit", WIT).map_err(|error| format!("{error:#}"))?;
    let world = format!("package tidegate:built-{part}; world {part} {{ {items} }}");
    let package = resolve.push_str("built.wit", &world).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some(part)).map_err(|error| format!("{error:#}"))?;
    Ok((resolve, world))
}

fn kinds(module: &[u8]) -> wasmparser::Result<Vec<&'static str>> {
    let mut kinds = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports() {
                kinds.extend(match import?.name {
                    "tidegate_filter" => Some("filter"),
                    "tidegate_transform" => Some("transform"),
                    "tidegate_matcher" => Some("matcher"),
                    _ => None,
                });
            }
        }
    }
    Ok(kinds)
}

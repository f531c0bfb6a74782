//! What a component says on its outside, so that it can be known without running it: a custom section of the component, in JSON.
//!
//! The section is named `tidegate:label`. It repeats what the module answers to `describe` (name, version, config schema), as the
//! sources have it, and adds where it comes from. Nobody has to believe it: a host compares it with `describe` when it
//! verifies the module, and refuses the module where they differ.
//!
//! Where the words come from, in each language, without running anything:
//! - Rust: the attribute macro leaves them in a custom section of the core module ([`take`]).
//! - Go: the name is the last element of the module's path in `go.mod`; the build hands name and version to the compiler, and reads
//!   the schema from the file that the source embeds.
//! - AssemblyScript: name and version stand in `package.json`, the schema in the file that it names; the build hands them to the
//!   compiler.

use std::path::Path;

use serde_json::json;
use wasm_encoder::{ComponentSection as _, CustomSection, Module, RawSection};
use wasmparser::{Parser, Payload};

use crate::BuildError;

/// The custom section's name, in the component and (by the Rust SDK) in the core module.
const SECTION: &str = "tidegate:label";

/// What `describe` will answer, and what made the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// The module's own name, as `describe` answers it.
    pub(crate) name: String,
    /// The module's own version, as `describe` answers it.
    pub(crate) version: String,
    /// JSON Schema of the configuration, the same text as `describe` answers.
    pub(crate) config_schema: Option<String>,
    /// Package and version of the SDK, as in `tidegate-guest 0.1.0`.
    pub(crate) sdk: String,
    /// Compiler and version, as in `rustc 1.95.0`, `go 1.26.8`, `asc 0.28.20`.
    pub(crate) toolchain: String,
}

impl Label {
    /// Appends the section to a component.
    pub(crate) fn append(&self, component: &mut Vec<u8>, kinds: &[&str], source_digest: &str) {
        let text = json!({
            "name": self.name,
            "version": self.version,
            "kinds": kinds,
            "configSchema": self.config_schema,
            "source": source_digest,
            "sdk": self.sdk,
            "toolchain": self.toolchain,
        })
        .to_string();
        CustomSection { name: SECTION.into(), data: text.as_bytes().into() }.append_to_component(component);
    }
}

/// What a module of Go or AssemblyScript embeds, if it has one: `schema.json` in its folder.
pub(crate) fn schema(folder: &Path) -> Result<Option<String>, BuildError> {
    let path = folder.join("schema.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BuildError::File { path, source }),
    }
}

/// A core module without the section that an SDK left in it, and the words that stood there, if there was one: name, version,
/// SDK, config schema, each as its length (32 bits, little-endian) and its bytes.
pub(crate) fn take(module: &[u8], toolchain: &str) -> Result<(Vec<u8>, Option<Label>), String> {
    let mut rest = Module::new();
    let mut label = None;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| error.to_string())?;
        if let Payload::CustomSection(section) = &payload
            && section.name() == SECTION
        {
            let words = words(section.data()).ok_or("what its SDK says of it is damaged")?;
            label = Some(label_of(words, toolchain)?);
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            rest.section(&RawSection { id, data: &module[range] });
        }
    }
    Ok((rest.finish(), label))
}

fn label_of(words: Vec<String>, toolchain: &str) -> Result<Label, String> {
    let mut words = words.into_iter();
    let (Some(name), Some(version), Some(sdk), config_schema, None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err("it is more than one filter, transform or matcher".to_owned());
    };
    Ok(Label { name, version, config_schema, sdk, toolchain: toolchain.to_owned() })
}

fn words(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut words = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (word, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        words.push(String::from_utf8(word.to_vec()).ok()?);
        bytes = rest;
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// A module with one function, and custom sections before and after it.
    fn module(sections: &[(&str, &[u8])]) -> Vec<u8> {
        use wasm_encoder::{CodeSection, Function, FunctionSection, TypeSection};
        let mut module = Module::new();
        let custom = |module: &mut Module, (name, data): &(&str, &[u8])| {
            module.section(&CustomSection { name: (*name).into(), data: (*data).into() });
        };
        sections.iter().take(1).for_each(|section| custom(&mut module, section));
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        functions.function(0);
        let mut body = Function::new([]);
        body.instructions().end();
        code.function(&body);
        module.section(&types).section(&functions).section(&code);
        sections.iter().skip(1).for_each(|section| custom(&mut module, section));
        module.finish()
    }

    fn section(words: &[&str]) -> Vec<u8> {
        let word = |word: &&str| [&u32::try_from(word.len()).unwrap().to_le_bytes(), word.as_bytes()].concat();
        words.iter().flat_map(word).collect()
    }

    #[test]
    fn what_the_sdk_left_is_taken_out_and_nothing_else() {
        let full = section(&["guard", "1.0.0", "sdk 2", "{}"]);
        let (rest, label) = take(&module(&[("a", b"1"), (SECTION, &full), ("b", b"2")]), "rustc 1").unwrap();
        assert_eq!(rest, module(&[("a", b"1"), ("b", b"2")]));
        let label = label.unwrap();
        assert_eq!((label.name.as_str(), label.version.as_str(), label.sdk.as_str()), ("guard", "1.0.0", "sdk 2"));
        assert_eq!((label.config_schema.as_deref(), label.toolchain.as_str()), (Some("{}"), "rustc 1"));
        let (_, label) = take(&module(&[(SECTION, &section(&["a", "1", "s"]))]), "").unwrap();
        assert_eq!(label.unwrap().config_schema, None);
    }

    #[test]
    fn a_module_without_one_stays_as_it_was() {
        let plain = module(&[("a", b"1")]);
        assert_eq!(take(&plain, ""), Ok((plain.clone(), None)));
    }

    #[test]
    fn what_is_damaged_is_told() {
        for words in [&b"\x01\0\0"[..], b"\x05\0\0\0ab", b"\x01\0\0\0\xff", &section(&["a", "1"])] {
            assert!(take(&module(&[(SECTION, words)]), "").is_err(), "{words:?}");
        }
        assert!(take(b"no module", "").is_err());
    }
}

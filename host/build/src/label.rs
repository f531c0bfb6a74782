//! What a component says on its outside, so that it can be known without running it: a custom section of the component, in JSON.
//!
//! The section is named `tidegate:label`. It repeats what the module answers to `describe` (name, version, config schema), as the
//! sources have it, and adds where it comes from. Nobody has to believe it: a host compares it with `describe` when it
//! verifies the module, and refuses the module where they differ.
//!
//! Where the words come from, in each language, without running anything:
//! - Rust: the attribute macro leaves them in a custom section of the core module (see [`Label::take`]).
//! - Go: the name is the last element of the module's path in `go.mod`; the build hands the words to the compiler.
//! - AssemblyScript: name and version stand in `package.json`; the build hands them to the compiler.

use serde_json::{Value, json};
use wasm_encoder::{ComponentSection as _, CustomSection};

/// The custom section's name, in the component and (by the Rust SDK) in the core module.
pub(crate) const SECTION: &str = "tidegate:label";

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
        let json = json!({
            "name": self.name,
            "version": self.version,
            "kinds": kinds,
            "configSchema": self.config_schema,
            "source": source_digest,
            "sdk": self.sdk,
            "toolchain": self.toolchain,
        });
        append(component, &json);
    }
}

fn append(component: &mut Vec<u8>, json: &Value) {
    let text = json.to_string();
    let section = CustomSection { name: SECTION.into(), data: text.as_bytes().into() };
    section.append_to_component(component);
}

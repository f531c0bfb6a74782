//! Guests as users write them, built when a benchmark starts, and verified as a host does it.

use std::{collections::BTreeSet, fs, path::Path};

use tidegate_build::{self as build, BuildOptions};
use tidegate_engine::{Engine, Guest, GuestSpec, Isolation, Limits};
use tidegate_event::flat::Rights;

use crate::process;

/// A component of ours, and what it wants to be configured with.
#[derive(Clone, Debug)]
pub struct Component {
    /// The binary.
    pub wasm: Vec<u8>,
    /// JSON.
    pub config: String,
}

/// Drops what is no order, by `type`; reads attributes only.
pub fn type_filter() -> Component {
    let config = serde_json::json!({"prefix": crate::orders::KEPT_PREFIX});
    Component { wasm: build("tests/guests/type-filter"), config: config.to_string() }
}

/// Keeps all of our events; reads everything.
pub fn passthrough() -> Component {
    Component { wasm: build("tests/guests/passthrough"), config: "{}".to_owned() }
}

/// Returns a copy of each event.
pub fn echo() -> Component {
    Component { wasm: build("tests/guests/echo"), config: "{}".to_owned() }
}

/// Sets one extension; reads attributes only.
pub fn patch() -> Component {
    Component { wasm: build("tests/guests/patch"), config: "{}".to_owned() }
}

/// Names regions: a matcher.
pub fn region() -> Component {
    Component { wasm: build("tests/guests/region"), config: "{}".to_owned() }
}

/// Takes as long as its configuration says: the binary.
pub fn busy() -> Vec<u8> {
    build("tests/guests/busy")
}

/// The example that parses JSON and writes it anew: of the larger ones.
pub fn redact_fields() -> Component {
    Component { wasm: build("filters-examples/redact-fields"), config: r#"{"fields":["card"]}"#.to_owned() }
}

/// Builds a folder of this repository; with what cargo keeps, later runs take a moment.
pub fn build(folder: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(folder);
    let out = tempfile::tempdir().unwrap();
    let options = BuildOptions {
        out: Some(out.path().join("guest.wasm")),
        target_dir: Some(process::target_dir().join("bench-guests")),
        ..BuildOptions::default()
    };
    let built = build::build(&folder, &options).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    fs::read(built.path).unwrap()
}

/// Compiles a component and verifies it for a policy without capabilities that may write everything.
pub async fn verified(engine: &Engine, component: &Component, policy: &str) -> Guest {
    verified_within(engine, component, policy, Limits::default()).await
}

/// The same with limits of its own.
pub async fn verified_within(engine: &Engine, component: &Component, policy: &str, limits: Limits) -> Guest {
    let module = engine.load(&component.wasm).await.unwrap();
    let spec = GuestSpec {
        policy: policy.into(),
        config: component.config.clone(),
        capabilities: BTreeSet::new(),
        limits,
        rights: Rights { attributes: vec!["*".to_owned()], data: true, emit: 1, event_bytes: 1 << 20 },
        isolation: Isolation::Worker,
    };
    Guest::verify(engine, &module, spec).await.unwrap()
}

/// The same component with another digest: a custom section is added that nobody reads.
///
/// Format: section id 0, its size, then a name and content (component model, Binary.md).
pub fn variant(component: &Component, number: u32) -> Component {
    const NAME: &[u8] = b"variant";
    let mut variant = component.clone();
    variant.wasm.extend([0, (1 + NAME.len() + 4) as u8, NAME.len() as u8]);
    variant.wasm.extend(NAME);
    variant.wasm.extend(number.to_le_bytes());
    variant
}

/// A name for the `n`th policy.
pub fn policy(n: usize) -> String {
    format!("bench/policy-{n}")
}

//! What `inspect` and `eval` share: a module from a file, a config from the command line, what it is given.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use tidegate_engine::{Capability, Engine, GuestSpec, Isolation, Kind, Limits, LoadError, Module, VerifyError};
use tidegate_event::flat::Rights;

use crate::problem::{OrProblem as _, because};

/// Reads and loads a component.
pub(crate) async fn load(engine: &Engine, path: &Path) -> anyhow::Result<Module> {
    let shown = path.display();
    let wasm =
        fs::read(path).or_problem(format!("{shown} cannot be read"), "`tidegate build FOLDER` makes a module")?;
    engine.load(&wasm).await.map_err(|error| {
        let hint = load_hint(&error);
        because(error, format!("{shown} is no module for this host"), hint)
    })
}

pub(crate) fn load_hint(error: &LoadError) -> &'static str {
    match error {
        LoadError::NotWasm | LoadError::CoreModule | LoadError::NoInterface { .. } | LoadError::NoLifecycle => {
            "`tidegate build FOLDER` makes a module from a filter's folder; `tidegate new` makes such a folder"
        }
        LoadError::Contract { .. } => "build it again with the SDK that belongs to this host",
        LoadError::UnknownImport { .. } => "a policy can grant log, metrics, state and wasi, and nothing else",
        LoadError::Label { .. } => "build it again with `tidegate build`",
        LoadError::TooLarge { .. } => "build it optimised and stripped, or split it",
        LoadError::CompileLimit { .. } => {
            "build it optimised and stripped; a host that wants to allow more sets TIDEGATE_COMPILE_LIMITS (60s,2048Mi)"
        }
        LoadError::Invalid { .. } | LoadError::NoFunction { .. } => {
            "the file is damaged, or the tool that made it is at fault"
        }
        LoadError::Engine { .. } | LoadError::Compiler { .. } => {
            "look at the limits on processes and memory (`ulimit -a`)"
        }
    }
}

/// What to do about a module that does not go together with what it was given on the command line.
pub(crate) fn verify_hint(error: &VerifyError) -> String {
    match error {
        VerifyError::NotGranted { missing } => {
            let missing: Vec<&str> = missing.iter().map(|capability| capability.as_str()).collect();
            format!("grant it here with `--grant {}`, and in the policy under `capabilities`", missing.join(","))
        }
        VerifyError::ConfigRefused(_) => "give one with `--config`; `tidegate inspect` prints the schema".to_owned(),
        VerifyError::Failed { .. } => "the module itself fails here; its own tests or `log!` may tell why".to_owned(),
        VerifyError::Contract { .. } => "build it again with the SDK that belongs to this host".to_owned(),
        VerifyError::Label { .. } => {
            "build it again with `tidegate build`; a label that was changed afterwards is not trusted".to_owned()
        }
        VerifyError::MemoryTooSmall { .. } | VerifyError::TimeoutTooShort | VerifyError::Busy { .. } => String::new(),
    }
}

/// What a policy would give a module where it says nothing else.
pub(crate) fn spec(config: &Value, capabilities: BTreeSet<Capability>, rights: Rights) -> GuestSpec {
    const MAX_EVENT_BYTES: usize = 1 << 20;
    GuestSpec {
        policy: "command/line".into(),
        config: config.to_string(),
        capabilities,
        limits: Limits { max_event_bytes: MAX_EVENT_BYTES, ..Limits::default() },
        rights: Rights { event_bytes: MAX_EVENT_BYTES, ..rights },
        isolation: Isolation::Worker,
    }
}

/// As the contract calls the interface.
pub(crate) fn interface(kind: Kind) -> &'static str {
    match kind {
        Kind::Filter => "filter",
        Kind::Transform => "transform",
        Kind::Matcher => "matcher",
    }
}

/// `JSON` or `@FILE`, for the command line.
pub(crate) fn parse_config(text: &str) -> Result<Value, String> {
    let read;
    let json = match text.strip_prefix('@') {
        None => text,
        Some(path) => {
            read = fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
            &read
        }
    };
    serde_json::from_str(json).map_err(|error| format!("it is not JSON: {error}"))
}

/// One capability, for the command line.
pub(crate) fn parse_capability(text: &str) -> Result<Capability, String> {
    let all = [Capability::Log, Capability::Metrics, Capability::State, Capability::Wasi];
    let names = || all.map(Capability::as_str).join(", ");
    all.into_iter().find(|capability| capability.as_str() == text).ok_or_else(|| format!("one of {}", names()))
}

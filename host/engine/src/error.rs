//! Why something did not become a module, or a module not a guest. People read these when a deployment is refused.

use std::fmt;

use crate::{
    capability::Capability,
    contract::{PACKAGE, Served},
    fault::Fault,
};

/// Why bytes did not become a module.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Wasmtime could not be set up on this machine.
    #[error("the engine cannot run here: {problem}")]
    Engine {
        /// What it says.
        problem: String,
    },
    /// Not a WebAssembly binary at all (text, an archive, precompiled code, …).
    #[error("this is not a WebAssembly binary")]
    NotWasm,
    /// A core module where a component is needed.
    #[error(
        "this is a core WebAssembly module; build it into a component (`tidegate build`, or `wasm-tools component new`)"
    )]
    CoreModule,
    /// Larger than what is compiled.
    #[error("the component has {size} bytes; at most {max} are compiled")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Valid in form but not a component that the compiler accepts.
    #[error("the component does not compile: {problem}")]
    Invalid {
        /// What the compiler says.
        problem: String,
    },
    /// Compiling it takes more than is allowed (compile bombs).
    #[error("compiling the component exceeds its limits: {limit}")]
    CompileLimit {
        /// Which limit, and how far it goes.
        limit: String,
    },
    /// The compiling child could not be started or died in a way of its own.
    #[error("the compiler failed: {problem}")]
    Compiler {
        /// Exit status and what it wrote to stderr.
        problem: String,
    },
    /// It speaks a version of the contract that this host does not serve.
    #[error("`{interface}` is of a contract version that this host does not serve (it serves {PACKAGE} {})", Served)]
    Contract {
        /// The interface with its version.
        interface: String,
    },
    /// It exports none of `filter`, `transform`, `matcher`.
    #[error("the component exports none of {PACKAGE}/filter, /transform and /matcher (it exports {})", List(exports))]
    NoInterface {
        /// What it does export.
        exports: Vec<String>,
    },
    /// It decides but does not describe and configure itself.
    #[error("the component does not export {PACKAGE}/lifecycle")]
    NoLifecycle,
    /// It exports an interface of ours without one of its functions.
    #[error("`{interface}` lacks the function `{function}`")]
    NoFunction {
        /// The interface.
        interface: String,
        /// What is missing.
        function: &'static str,
    },
    /// It has a label that cannot be read.
    #[error("the component's label (custom section `tidegate:label`) cannot be read: {problem}")]
    Label {
        /// What is wrong with it.
        problem: String,
    },
    /// It imports something that no policy can grant.
    #[error("the component imports `{import}`, which this host does not offer{}", because(problem))]
    UnknownImport {
        /// The import's name.
        import: String,
        /// The linker's words, where there are any.
        problem: Option<String>,
    },
}

impl LoadError {
    pub(crate) fn compiler(problem: impl fmt::Display) -> LoadError {
        LoadError::Compiler { problem: problem.to_string() }
    }
}

/// Why a module and what a policy gives it do not go together.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It imports more than the policy grants.
    #[error("the module needs the capabilit{} {}, which the policy does not grant", if missing.len() == 1 { "y" } else { "ies" }, List(missing))]
    NotGranted {
        /// What is missing.
        missing: Vec<Capability>,
    },
    /// Too little memory for the largest event.
    #[error("memory of {memory} bytes is too little for events of {event} bytes: at least {needed} are needed")]
    MemoryTooSmall {
        /// What the policy gives.
        memory: usize,
        /// The largest event.
        event: usize,
        /// 8 × the largest event.
        needed: usize,
    },
    /// A timeout below one millisecond cannot be kept.
    #[error("the timeout must be at least 1ms")]
    TimeoutTooShort,
    /// The guest refused its configuration; these are its own words.
    #[error("the module refuses its configuration: {0}")]
    ConfigRefused(String),
    /// The guest failed while it was set up.
    #[error("the module failed in {stage}: {fault}")]
    Failed {
        /// Where.
        stage: Stage,
        /// How.
        #[source]
        fault: Fault,
    },
    /// Its functions do not have the types of the contract.
    #[error("the module does not keep the contract: {problem}")]
    Contract {
        /// Which function, and what is wrong with it.
        problem: String,
    },
    /// It says one thing on its outside and another when it is asked.
    #[error("the module is not what its label says: {problem}")]
    Label {
        /// Both.
        problem: String,
    },
    /// All instances are in use.
    #[error("no instance is free (the host allows {problem})")]
    Busy {
        /// The pool's words.
        problem: String,
    },
}

/// Where in its life a guest failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stage {
    /// Creating the instance, with its start functions.
    #[error("instantiation")]
    Instantiate,
    /// `lifecycle.describe`.
    #[error("`describe`")]
    Describe,
    /// `lifecycle.configure`.
    #[error("`configure`")]
    Configure,
    /// The call with an empty batch that `verify` makes.
    #[error("the warm-up call")]
    WarmUp,
}

struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (i, item) in self.0.iter().enumerate() {
            write!(f, "{}`{item}`", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

fn because(problem: &Option<String>) -> String {
    problem.as_ref().map(|p| format!(": {p}")).unwrap_or_default()
}

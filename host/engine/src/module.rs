//! A compiled component, and what can be read off its type: what it decides, what it imports, which contract it speaks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use wasmtime::component::{
    Component, ComponentExportIndex, InstancePre,
    types::{self, ComponentItem},
};

use crate::{
    capability::Capability,
    contract::InterfaceName,
    engine::{Engine, WASM_BYTES_MAX},
    error::LoadError,
    label::Label,
    resting::Code,
    store::Host,
};

/// The interfaces of the contract that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `tidegate:guest/filter`.
    Filter,
    /// `tidegate:guest/transform`.
    Transform,
    /// `tidegate:guest/matcher`.
    Matcher,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Filter, Kind::Transform, Kind::Matcher];

    /// The interface's name, without package and version.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Filter => "filter",
            Kind::Transform => "transform",
            Kind::Matcher => "matcher",
        }
    }

    fn function(self) -> &'static str {
        match self {
            Kind::Filter => "evaluate",
            Kind::Transform => "apply",
            Kind::Matcher => "assign",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A compiled component. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

/// What is known of the bytes before they are compiled.
pub(crate) struct Origin {
    pub(crate) digest: String,
    pub(crate) size: usize,
    pub(crate) label: Option<Label>,
    pub(crate) keeps_replies: bool,
}

struct Inner {
    origin: Origin,
    kinds: BTreeSet<Kind>,
    capabilities: BTreeSet<Capability>,
    imports: Vec<String>,
    exports: Vec<String>,
    contract: String,
    pre: InstancePre<Host>,
    functions: Functions,
    code: Arc<Code>,
}

/// Where the functions are; looked up once.
#[derive(Clone, Debug)]
pub(crate) struct Functions {
    pub(crate) describe: ComponentExportIndex,
    pub(crate) configure: ComponentExportIndex,
    pub(crate) deciding: BTreeMap<Kind, ComponentExportIndex>,
}

impl Module {
    /// Reads the type and links the imports.
    pub(crate) fn new(
        engine: &Engine,
        component: &Component,
        code: Arc<Code>,
        origin: Origin,
    ) -> Result<Module, LoadError> {
        let ty = component.component_type();
        let (capabilities, imports) = imports(engine, &ty)?;
        let exports: Vec<String> = ty.exports(engine.wasmtime()).map(|(name, _)| name.to_owned()).collect();
        let (functions, contract) = functions(component, &exports)?;
        let linker = engine.linker(capabilities.contains(&Capability::Wasi))?;
        let pre = linker.instantiate_pre(component).map_err(|e| unlinked(&e, &imports))?;
        let kinds = functions.deciding.keys().copied().collect();
        let inner = Inner { origin, kinds, capabilities, imports, exports, contract, pre, functions, code };
        Ok(Module { inner: Arc::new(inner) })
    }

    /// `sha256:…` of the .wasm.
    pub fn digest(&self) -> &str {
        &self.inner.origin.digest
    }

    /// Bytes of the .wasm.
    pub fn size(&self) -> usize {
        self.inner.origin.size
    }

    /// What it says on its outside, if it does: a claim, until it has been verified.
    pub fn label(&self) -> Option<&Label> {
        self.inner.origin.label.as_ref()
    }

    /// What it can be called for. Never empty.
    pub fn kinds(&self) -> &BTreeSet<Kind> {
        &self.inner.kinds
    }

    /// Whether what it returned stays where it is until it is called again: nothing of it runs when a call is over.
    pub(crate) fn keeps_replies(&self) -> bool {
        self.inner.origin.keeps_replies
    }

    /// What it must be granted: its imports with functions, as capabilities. Type-only imports are none.
    pub fn imports(&self) -> &BTreeSet<Capability> {
        &self.inner.capabilities
    }

    /// Names of the imports with functions, as they stand in the component: for `inspect`.
    pub fn import_names(&self) -> &[String] {
        &self.inner.imports
    }

    /// Names of all exports, as they stand in the component: for `inspect`.
    pub fn export_names(&self) -> &[String] {
        &self.inner.exports
    }

    /// The version of the contract it was built against, such as `0.1.0`: that of its `lifecycle`.
    pub fn contract(&self) -> &str {
        &self.inner.contract
    }

    pub(crate) fn pre(&self) -> &InstancePre<Host> {
        &self.inner.pre
    }

    /// It is about to run.
    pub(crate) fn touch(&self) {
        self.inner.code.touch();
    }

    pub(crate) fn functions(&self) -> &Functions {
        &self.inner.functions
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("digest", &self.inner.origin.digest)
            .field("kinds", &self.inner.kinds)
            .field("imports", &self.inner.capabilities)
            .finish_non_exhaustive()
    }
}

/// Tells apart what can be told apart before compiling.
///
/// Format: the magic `\0asm`, then a 16-bit version and a 16-bit layer: 0 a core module, 1 a component.
pub(crate) fn inspect_header(wasm: &[u8]) -> Result<(), LoadError> {
    let Some(header) = wasm.first_chunk::<8>() else { return Err(LoadError::NotWasm) };
    match header {
        [0, b'a', b's', b'm', _, _, 1, 0] => {}
        [0, b'a', b's', b'm', _, _, 0, 0] => return Err(LoadError::CoreModule),
        _ => return Err(LoadError::NotWasm),
    }
    if wasm.len() > WASM_BYTES_MAX {
        return Err(LoadError::TooLarge { size: wasm.len(), max: WASM_BYTES_MAX });
    }
    Ok(())
}

fn imports(engine: &Engine, ty: &types::Component) -> Result<(BTreeSet<Capability>, Vec<String>), LoadError> {
    let mut capabilities = BTreeSet::new();
    let mut names = Vec::new();
    for (name, item) in ty.imports(engine.wasmtime()) {
        if !acts(engine, &item.ty) {
            continue;
        }
        if is_failure(name) {
            names.push(name.to_owned());
            continue;
        }
        capabilities.insert(capability(name)?);
        names.push(name.to_owned());
    }
    Ok((capabilities, names))
}

/// Whether an import can do anything: types alone cannot.
fn acts(engine: &Engine, item: &ComponentItem) -> bool {
    match item {
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine.wasmtime()).any(|(_, inner)| acts(engine, &inner.ty))
        }
        // A resource comes with the right to drop what was handed out: only functions hand out.
        ComponentItem::Type(_) | ComponentItem::Resource(_) => false,
        ComponentItem::ComponentFunc(_)
        | ComponentItem::CoreFunc(_)
        | ComponentItem::Module(_)
        | ComponentItem::Component(_) => true,
    }
}

/// Ending its own call needs no grant.
fn is_failure(import: &str) -> bool {
    InterfaceName::parse(import).is_some_and(|name| name.is_ours() && name.is_served() && name.interface == "failure")
}

fn capability(import: &str) -> Result<Capability, LoadError> {
    let unknown = || LoadError::UnknownImport { import: import.to_owned(), problem: None };
    let name = InterfaceName::parse(import).ok_or_else(unknown)?;
    if name.is_wasi() {
        return Ok(Capability::Wasi);
    }
    if !name.is_ours() {
        return Err(unknown());
    }
    let capability = match name.interface {
        "log" => Capability::Log,
        "metrics" => Capability::Metrics,
        "state" => Capability::State,
        _ => return Err(unknown()),
    };
    if !name.is_served() {
        return Err(LoadError::Contract { interface: import.to_owned() });
    }
    Ok(capability)
}

fn functions(component: &Component, exports: &[String]) -> Result<(Functions, String), LoadError> {
    let ours: Vec<_> = exports
        .iter()
        .filter_map(|export| Some((export.as_str(), InterfaceName::parse(export).filter(InterfaceName::is_ours)?)))
        .collect();
    let find = |interface: &str| find(&ours, interface);
    let mut deciding = BTreeMap::new();
    for kind in Kind::ALL {
        if let Some((export, _)) = find(kind.as_str())? {
            deciding.insert(kind, function(component, export, kind.function())?);
        }
    }
    if deciding.is_empty() {
        return Err(LoadError::NoInterface { exports: exports.to_vec() });
    }
    let (lifecycle, version) = find("lifecycle")?.ok_or(LoadError::NoLifecycle)?;
    let describe = function(component, lifecycle, "describe")?;
    let configure = function(component, lifecycle, "configure")?;
    Ok((Functions { describe, configure, deciding }, version.to_owned()))
}

/// The export of that interface in a version that is served. One in another version only is an error.
fn find<'a>(ours: &[(&'a str, InterfaceName<'a>)], wanted: &str) -> Result<Option<(&'a str, &'a str)>, LoadError> {
    let mut other = None;
    for (export, name) in ours.iter().filter(|(_, name)| name.interface == wanted) {
        if name.is_served() {
            return Ok(Some((export, name.version)));
        }
        other = Some(*export);
    }
    match other {
        Some(export) => Err(LoadError::Contract { interface: export.to_owned() }),
        None => Ok(None),
    }
}

fn function(component: &Component, interface: &str, name: &'static str) -> Result<ComponentExportIndex, LoadError> {
    let lacks = || LoadError::NoFunction { interface: interface.to_owned(), function: name };
    let instance = component.get_export_index(None, interface).ok_or_else(lacks)?;
    component.get_export_index(Some(&instance), name).ok_or_else(lacks)
}

/// The linker's error names the import in its text; ours does too.
fn unlinked(error: &wasmtime::Error, imports: &[String]) -> LoadError {
    let problem = format!("{error:#}");
    let import = imports.iter().find(|name| problem.contains(name.as_str())).cloned();
    LoadError::UnknownImport { import: import.unwrap_or_else(|| imports.join(", ")), problem: Some(problem) }
}

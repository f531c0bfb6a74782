//! The checked form of documents: no serde, no optional that has a default, nothing that still could be wrong in itself.
//!
//! What is read here was refused unless it holds: references lead somewhere, numbers are within their limits, conditions
//! name attributes. Whether a module exists, may be loaded and takes its configuration is not known here.

mod body;
mod delivery;
mod pattern;
mod rollout;

use std::{cmp::Reverse, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde_json::Value;
use tidegate_cesql::Expression;

pub use self::body::{Body, Rule};
pub use self::delivery::{Breaker, Delivery, RateKey, RateLimit, Retry, Window};
pub use self::pattern::{Bound, Case, Clause, Pattern, Range, Scalar, Test};
pub use self::rollout::{Abort, Baseline, Promote, Rollout};
pub use crate::places::Places;

/// A checked set, each kind sorted by id. References between documents hold.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// Where events come from.
    pub sources: Vec<Source>,
    /// Where events go.
    pub sinks: Vec<Sink>,
    /// Which sinks the events of which sources go to.
    pub routes: Vec<Route>,
    /// What is decided and changed on the way. In order of [`FilterPolicy::order`].
    pub policies: Vec<FilterPolicy>,
}

impl Documents {
    /// The policies of a route in the order they run, [`Mode::Disabled`] ones among them.
    pub fn policies_of<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = &'a FilterPolicy> {
        self.policies.iter().filter(|policy| policy.applies_to(route))
    }
}

/// The namespace whose policies may apply to routes of all namespaces.
pub const SYSTEM: &str = "system";
/// The namespace of documents that name none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// `namespace/name`. Both are RFC 1123 labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// `default` where a document names none.
    pub namespace: Arc<str>,
    /// Unique per kind and namespace.
    pub name: Arc<str>,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What every document has.
#[derive(Clone, Debug)]
pub struct Meta {
    /// `metadata: {namespace, name}`.
    pub id: Id,
    /// `metadata: {labels}`; what selectors look at.
    pub labels: BTreeMap<String, String>,
    /// Where the values of the document stand; pointers begin at the document's root.
    pub places: Places,
}

/// Where events come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name, labels, places.
    pub meta: Meta,
    /// The connector's word and its own configuration (checked by the connector).
    pub connector: Connector,
    /// What to do with messages that are no events. Default: `DeadLetter` where all its routes have a dead-letter sink, else
    /// `Skip`.
    pub malformed: Malformed,
    /// What each of its lanes may have under way; absent: what the host says.
    pub window: Option<Window>,
    /// When it stops taking events on a host that ends. Default: `First`.
    pub drain: Drain,
}

/// When a source stops taking events on a host that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// At once.
    First,
    /// When all that drain first have settled what they had: settling that may need this one.
    Last,
}

/// `file: {path: …}`: the word, and what stands behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// One of [`crate::ConnectorCheck::names`].
    pub name: String,
    /// Always an object; found good by [`crate::ConnectorCheck::check`].
    pub config: Value,
}

/// What to do with a message that is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It goes to the dead-letter sink of each route of the source; all of them have one.
    DeadLetter,
    /// It is counted and acknowledged.
    Skip,
    /// The lane stops before it, for a person to look.
    Pause,
}

/// Where events go.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Name, labels, places.
    pub meta: Meta,
    /// The connector's word and its own configuration (checked by the connector).
    pub connector: Connector,
    /// What holds for it whatever the connector.
    pub delivery: Delivery,
}

/// Which sinks the events of which sources go to.
#[derive(Clone, Debug)]
pub struct Route {
    /// Name, labels, places.
    pub meta: Meta,
    /// Sources of the same namespace, at least one, each once.
    pub from: Vec<Id>,
    /// At least one. An event goes to every target that it fits.
    pub to: Vec<Target>,
    /// What to do with an event that fits no target. Default: `Drop`, counted.
    pub unmatched: Unmatched,
    /// A sink of the same namespace.
    pub dead_letter: Option<Id>,
    /// Whether what goes to its targets says by which generation: in the extension `tidegategeneration`. Default: it does not.
    pub stamp: bool,
}

/// A sink, and which events it wants.
#[derive(Clone, Debug)]
pub struct Target {
    /// A sink of the same namespace.
    pub sink: Id,
    /// Absent: everything.
    pub when: Option<Condition>,
    /// Topic patterns over what matchers named (`*` one level, `>` the rest); empty: whatever the names. An event goes to the
    /// target when `when` holds and, if `names` is not empty, one of its names fits. Not only exceptions.
    pub names: Vec<TopicPattern>,
    /// The topic or subject at the sink; absent: the sink's own. The route has a dead-letter sink, for events that it does not fit.
    pub topic: Option<TopicTemplate>,
}

/// `bill.${subject}`: where at a sink events go. It begins with a literal, or with a name whose patterns begin with one: an
/// event cannot choose just any destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicTemplate {
    /// At least one.
    pub parts: Vec<TopicPart>,
}

/// A piece of a [`TopicTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicPart {
    /// This text.
    Literal(String),
    /// `${subject}`: the value of an attribute.
    Attribute(String),
    /// `${name}`: the first of the event's names that fits the target's `names`, with `.` between its levels.
    Name,
}

/// `orders/*/eu/>`: levels between `/`; with `!` before it, an exception.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicPattern {
    /// Whether names that fit are wanted or not.
    pub effect: Effect,
    /// At least one; [`Level::Rest`] only as the last.
    pub levels: Vec<Level>,
}

/// What a [`TopicPattern`] does with the names that fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// They are wanted, unless another pattern excludes them.
    Includes,
    /// `!orders/test/>`: they are not wanted, whatever others say.
    Excludes,
}

/// One level of a [`TopicPattern`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// This word.
    Literal(String),
    /// `*`: any one level.
    One,
    /// `>`: all further levels, at least one (as in NATS subjects).
    Rest,
}

/// What to do with an event that fits no target of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// Counted and done with.
    Drop,
    /// To the route's dead-letter sink; the route has one.
    DeadLetter,
    /// Refused to the source.
    Reject,
}

/// CloudEvents Subscriptions filter dialects. A missing attribute never equals, prefixes or suffixes anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Attributes and the values they have. Every pair must hold; at least one.
    Exact(Vec<(String, String)>),
    /// Attributes and what their values begin with. Every pair must hold; at least one.
    Prefix(Vec<(String, String)>),
    /// Attributes and what their values end with. Every pair must hold; at least one.
    Suffix(Vec<(String, String)>),
    /// All of them hold; at least one.
    All(Vec<Condition>),
    /// One of them holds; at least one.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// An expression of CloudEvents SQL comes to `true`. An error in it is as `false`, and is counted.
    Cesql(Expression),
    /// Attributes and JSON data are like that.
    Pattern(Pattern),
}

/// A decision about events, made by a module or by a condition.
#[derive(Clone, Debug)]
pub struct FilterPolicy {
    /// Name, labels, places.
    pub meta: Meta,
    /// Which routes it is for.
    pub applies: Applies,
    /// OR of entries; empty: everything.
    pub matches: Vec<Match>,
    /// When in the life of an event it runs.
    pub phase: Phase,
    /// Higher first; default 0. Ties by namespace/name.
    pub priority: i32,
    /// What decides.
    pub body: Body,
    /// What a call of a module may cost.
    pub limits: Limits,
    /// What it may keep; of use where it is granted `state`.
    pub state: State,
    /// What happens to an event it could not decide.
    pub failure: Failure,
    /// Default: `Enforce`.
    pub mode: Mode,
    /// Absent: the module decides about all events. Beside [`Mode::Shadow`] its percentage is 0, and nothing takes it back.
    pub rollout: Option<Rollout>,
}

impl FilterPolicy {
    /// The module, where one decides.
    pub fn wasm(&self) -> Option<&Wasm> {
        match &self.body {
            Body::Wasm(wasm) => Some(wasm),
            Body::Condition(_) => None,
        }
    }

    /// Whether a module decides that is granted something.
    pub fn is_granted(&self, capability: Capability) -> bool {
        self.wasm().is_some_and(|wasm| wasm.capabilities.contains(&capability))
    }

    /// Sorts policies as they run: phase, then priority (higher first), then namespace/name.
    pub fn order(&self) -> (Phase, Reverse<i32>, &Id) {
        (self.phase, Reverse(self.priority), &self.meta.id)
    }

    /// Whether it is for a route, whatever its mode.
    pub fn applies_to(&self, route: &Route) -> bool {
        match &self.applies {
            Applies::Routes(ids) => ids.contains(&route.meta.id),
            Applies::Selector(labels) => {
                let namespace = &self.meta.id.namespace;
                (**namespace == *SYSTEM || *namespace == route.meta.id.namespace)
                    && labels.iter().all(|(key, value)| route.meta.labels.get(key) == Some(value))
            }
        }
    }
}

/// Which routes a policy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applies {
    /// Named routes of the namespace.
    Routes(Vec<Id>),
    /// Routes of the namespace with all of these labels; routes of all namespaces where the policy is in `system`.
    /// A policy that names no routes has no labels here.
    Selector(BTreeMap<String, String>),
}

/// AND of its conditions: at least one pattern or filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Over the topic that the event came by; empty: whatever the topic. Not only exceptions.
    pub topics: Vec<TopicPattern>,
    /// All of them hold.
    pub filters: Vec<Condition>,
}

/// When in the life of an event a policy runs; in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// May it come in at all.
    Admit,
    /// Is it allowed to whom it came from.
    Authorize,
    /// Is it what it says it is.
    Validate,
    /// What should it look like.
    Transform,
    /// Where should it go.
    Route,
    /// Who watches.
    Observe,
}

impl Phase {
    /// As a document writes it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Admit => "Admit",
            Phase::Authorize => "Authorize",
            Phase::Validate => "Validate",
            Phase::Transform => "Transform",
            Phase::Route => "Route",
            Phase::Observe => "Observe",
        }
    }
}

/// A module and what it may do.
#[derive(Clone, Debug)]
pub struct Wasm {
    /// Where the module is.
    pub module: ModuleRef,
    /// `sha256:` and 64 hex digits; absent only in development.
    pub digest: Option<String>,
    /// For the module's own schema and `configure`; default `{}`. Any JSON.
    pub config: Value,
    /// Imports granted, sorted, each once; default none.
    pub capabilities: Vec<Capability>,
    /// What it may change of an event; default nothing.
    pub may_write: MayWrite,
    /// Events out per event in; default 1, at most 1,024.
    pub may_emit: u32,
    /// Who shares an instance; default `Worker`.
    pub isolation: Isolation,
}

/// Where a module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleRef {
    /// A path relative to the folder of the document's file, with `/` between its parts, none of them `..`.
    File(String),
}

impl fmt::Display for ModuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModuleRef::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// An import that a policy may grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `tidegate:guest/log`.
    Log,
    /// `tidegate:guest/metrics`.
    Metrics,
    /// `tidegate:guest/state`.
    State,
    /// WASI with an empty context.
    Wasi,
}

impl Capability {
    /// As a document writes it.
    pub fn word(self) -> &'static str {
        match self {
            Capability::Log => "log",
            Capability::Metrics => "metrics",
            Capability::State => "state",
            Capability::Wasi => "wasi",
        }
    }
}

/// What a module may change of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MayWrite {
    /// Exact names or `prefix*`, sorted, each once. Core attributes (`id`, `source`, …) are written by none that is not
    /// allowed them here.
    pub attributes: Vec<String>,
    /// The payload.
    pub data: bool,
}

/// Who shares an instance of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// The batches of a lane, one after the other.
    Worker,
    /// Nobody: a fresh one each batch.
    Batch,
}

/// What a call may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The guest's own running time of one call, 1 ms to 10 s; default 20 ms.
    pub timeout: Duration,
    /// Bytes, 1 MiB to 1 GiB and at least 8 times `max_event_bytes`; default 64 MiB.
    pub memory: usize,
    /// Bytes of one event in or out, up to 64 MiB; default 1 MiB.
    pub max_event_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { timeout: Duration::from_millis(20), memory: 64 << 20, max_event_bytes: 1 << 20 }
    }
}

/// What a policy may keep in each lane, on each of its routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Keys and values in bytes, each key counting 64 more; 64 KiB to 1 GiB; default 16 MiB.
    pub max_bytes: u64,
    /// The longest time that anything is kept, 1 s to 366 days; default: as long as the module says.
    pub ttl: Option<Duration>,
}

impl Default for State {
    fn default() -> State {
        State { max_bytes: 16 << 20, ttl: None }
    }
}

/// What happens to an event a policy could not decide, per cause. Defaults: `DeadLetter` each where all routes of the policy
/// have a dead-letter sink, else `Reject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The module trapped, or what it answered cannot be believed; the expression that decides came to an error.
    pub on_trap: FailureRule,
    /// The module took longer than its `timeout`.
    pub on_timeout: FailureRule,
    /// The module said that the event is wrong.
    pub on_reject: FailureRule,
    /// When it is not asked for a while. Absent (the default): it always is.
    pub breaker: Option<PolicyBreaker>,
}

/// `breaker: {failures, window, pause, then}`: after `failures` within `window` the module is not asked for `pause`; then one event is put
/// to it, and where that goes well, all are. It opens at once where a batch fails on so much of it that the guilty events cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyBreaker {
    /// Events that the module failed on (a rejected event is none of them). Default 5; 1 to 10,000.
    pub failures: u32,
    /// Default 1 m; 1 s to an hour.
    pub window: Duration,
    /// Default 10 s; 10 ms to 10 m.
    pub pause: Duration,
    /// What each event meets meanwhile; never [`FailureRule::Retry`]. Default `Pause`: the lanes of its routes are held, nothing is
    /// acknowledged, and they go on by themselves. `Reject` is the same where a source has nobody to answer.
    pub then: FailureRule,
}

impl Default for PolicyBreaker {
    fn default() -> PolicyBreaker {
        let (window, pause) = (Duration::from_mins(1), Duration::from_secs(10));
        PolicyBreaker { failures: 5, window, pause, then: FailureRule::Pause }
    }
}

/// One of the things a stream can do instead of answering 5xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureRule {
    /// Hold the lane and try again.
    Retry,
    /// To the route's dead-letter sink; every route of the policy has one.
    DeadLetter,
    /// Counted and done with.
    Drop,
    /// On, as if the policy were not there.
    Bypass,
    /// The lane stops, nothing is acknowledged, until a person acts.
    Pause,
    /// Refused to whoever sent it, who is told why and still has it; `Pause` where the source has nobody to answer (files, brokers).
    Reject,
}

impl FailureRule {
    /// As a document writes it.
    pub fn word(self) -> &'static str {
        match self {
            FailureRule::Retry => "Retry",
            FailureRule::DeadLetter => "DeadLetter",
            FailureRule::Drop => "Drop",
            FailureRule::Bypass => "Bypass",
            FailureRule::Pause => "Pause",
            FailureRule::Reject => "Reject",
        }
    }
}

/// Whether a policy decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Enforce,
    /// It is asked on spare time and decides nothing; what it would decide is compared and counted. Where it has a `rollout`, the
    /// baseline of that decides.
    Shadow,
    /// It is checked, but not called.
    Disabled,
}

impl Mode {
    /// As a document writes it.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Enforce => "Enforce",
            Mode::Shadow => "Shadow",
            Mode::Disabled => "Disabled",
        }
    }
}

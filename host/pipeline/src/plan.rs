//! What a host does with events: the checked, compiled, verified form of its documents. Immutable.
//!
//! A plan can only hold [`Guest`]s, and a guest exists only once it was verified: what was not verified cannot go live.

use std::{collections::HashMap, sync::Arc};

use tidegate_connector::Sink;
use tidegate_engine::{Guest, Kind};
use tidegate_matching::{Destination, Matcher, Names};

use crate::{
    Circuit, Meter,
    flow::shadow::ShadowPlan,
    rollout::Share,
    rules::{Ruled, Rules},
    tally::Tally,
    window::WindowOptions,
};

pub use crate::verdict::Verdict;

/// One generation of what runs.
#[derive(Debug)]
pub struct Plan {
    /// The hash of the resolved documents: the same on every host and after a restart.
    pub generation: Arc<str>,
    /// By source (`namespace/name`). A source without routes drops nothing: its lanes are not opened.
    pub sources: HashMap<Arc<str>, SourcePlan>,
    /// What this generation has settled so far; outlives the plan in the history.
    pub tally: Arc<Tally>,
}

/// What happens to the events of one source.
#[derive(Debug)]
pub struct SourcePlan {
    /// What to do with messages that are no events.
    pub malformed: MalformedRule,
    /// The word of its connector, for whoever looks; `None`: not known.
    pub connector: Option<Arc<str>>,
    /// What each of its lanes may have in flight; `None`: what the pipeline says.
    pub window: Option<WindowOptions>,
    /// When it stops taking events as the pipeline drains.
    pub drain: Drain,
    /// Every route that names the source; each sees every event. As it was given to [`SourcePlan::new`].
    pub routes: Vec<Arc<RoutePlan>>,
    /// The conditions of all of them.
    rules: Rules,
}

impl SourcePlan {
    /// Puts the conditions of all routes together.
    pub fn new(malformed: MalformedRule, window: Option<WindowOptions>, routes: Vec<Arc<RoutePlan>>) -> SourcePlan {
        SourcePlan { malformed, connector: None, window, drain: Drain::First, rules: Rules::of(&routes), routes }
    }

    /// Every route with its part of the conditions.
    pub(crate) fn ruled(&self) -> impl Iterator<Item = Ruled<'_>> {
        self.rules.routes(&self.routes)
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// When a source stops taking events as the pipeline drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// At once.
    First,
    /// When all that drain first have settled what they had: settling that may need this one.
    Last,
}

/// What to do with a message that is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedRule {
    /// To the dead letter of the first route that has one.
    DeadLetter,
    /// Counted, logged, and passed over.
    Skip,
    /// The lane stops in front of it until the documents change.
    Pause,
}

/// One route: stages in order, then targets.
#[derive(Debug)]
pub struct RoutePlan {
    /// `namespace/name`.
    pub id: Arc<str>,
    /// In the order of phase, priority, namespace/name.
    pub stages: Vec<Stage>,
    /// Policies that look on and decide nothing.
    pub shadows: Vec<Arc<ShadowPlan>>,
    /// An event goes to each target that wants it.
    pub targets: Vec<TargetPlan>,
    /// What to do with an event no target wants.
    pub unmatched: Unmatched,
    /// Where events rest that could not be decided or delivered.
    pub dead_letter: Option<Sink>,
    /// Whether what goes to targets says by which generation: [`GENERATION`](crate::deadletter::GENERATION).
    pub stamp: bool,
}

/// One policy at work on one route.
#[derive(Debug)]
pub struct Stage {
    /// `namespace/name` of the policy.
    pub policy: Arc<str>,
    /// Decided by the host before any Wasm.
    pub matcher: Matcher,
    /// What decides.
    pub body: Body,
    /// What happens to events it could not decide, or refused.
    pub failure: FailureRules,
    /// When it is not asked for a while; `None`: it always is.
    pub circuit: Option<Arc<Circuit>>,
    /// What is measured of it.
    pub meter: Arc<Meter>,
    /// Which events it is for, where another version of the policy decides about the others; `None`: all.
    pub share: Option<Share>,
}

/// What decides in a stage.
#[derive(Debug)]
pub enum Body {
    /// One interface of a verified component.
    Wasm {
        /// Shared by all lanes; each has its own worker.
        guest: Guest,
        /// The interface that is called.
        kind: Kind,
    },
    /// A condition of the host itself.
    Condition(Verdict),
}

impl Stage {
    /// Digest of what decides: of a module its bytes', of a condition its text's.
    pub fn digest(&self) -> &str {
        match &self.body {
            Body::Wasm { guest, .. } => guest.module().digest(),
            Body::Condition(verdict) => verdict.digest(),
        }
    }

    /// What a module is asked as, or the kind of condition: `filter`, `transform`, `matcher`, `cesql`, `pattern`.
    pub fn kind(&self) -> &'static str {
        match &self.body {
            Body::Wasm { kind: Kind::Filter, .. } => "filter",
            Body::Wasm { kind: Kind::Transform, .. } => "transform",
            Body::Wasm { kind: Kind::Matcher, .. } => "matcher",
            Body::Condition(verdict) => verdict.dialect(),
        }
    }
}

/// What happens to an event, per cause. Each is explicit: a stream has no 5xx to fall back on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureRules {
    /// Trap, memory limit, error answered, invalid reply, event too large; an error of an expression.
    pub on_trap: FailureRule,
    /// The guest's running time was used up.
    pub on_timeout: FailureRule,
    /// The guest answered `reject`.
    pub on_reject: FailureRule,
}

/// The ways to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureRule {
    /// Hold the lane and try again, with backoff.
    Retry,
    /// To the dead letter, with cause, policy, digest and generation.
    DeadLetter,
    /// Lose it, counted as such.
    Drop,
    /// Go on as if this policy were not there.
    Bypass,
    /// Hold the lane until the documents change.
    Pause,
    /// Refuse it to whoever sent it, where the source answers; else as `Pause`.
    Reject,
}

/// Where a route delivers to.
#[derive(Debug)]
pub struct TargetPlan {
    /// `namespace/name` of the sink.
    pub id: Arc<str>,
    /// The queue to it.
    pub sink: Sink,
    /// Condition on the event.
    pub when: Matcher,
    /// Patterns over what matchers named; `None`: whatever the names.
    pub names: Option<Names>,
    /// Which topic of the sink; `None`: its own. The route has a dead letter for events that it does not fit.
    pub topic: Option<Destination>,
}

/// What to do with an event no target of a route wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// Counted.
    Drop,
    /// To the dead letter of the route.
    DeadLetter,
    /// Refused to whoever sent it; where the source has nobody to answer, a dead letter if there is one, else dropped.
    Reject,
}

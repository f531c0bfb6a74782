//! Plans by hand: one source, one route, one target, and the stages to be measured between them.

use std::{collections::HashMap, sync::Arc};

use tidegate_connector::Sink;
use tidegate_engine::{Guest, Kind};
use tidegate_matching::Matcher;
use tidegate_pipeline::{
    Meter, Plan, Tally,
    plan::{
        Body, FailureRule, FailureRules, MalformedRule, RoutePlan, SourcePlan, Stage, TargetPlan, Unmatched, Verdict,
    },
};
use tidegate_policy::spec::Condition;

use crate::orders::KEPT_PREFIX;

/// The source of every plan here.
pub const SOURCE: &str = "bench/orders";

/// The route of every plan here.
pub const ROUTE: &str = "bench/orders-to-sink";

/// A plan with these stages.
pub fn plan(generation: &str, stages: Vec<Stage>, sink: &Sink) -> Plan {
    let target =
        TargetPlan { id: "bench/sink".into(), sink: sink.clone(), when: Matcher::all(), names: None, topic: None };
    let route = RoutePlan {
        id: ROUTE.into(),
        stages,
        shadows: Vec::new(),
        targets: vec![target],
        unmatched: Unmatched::Drop,
        dead_letter: None,
        stamp: false,
    };
    let source = SourcePlan::new(MalformedRule::Pause, None, vec![Arc::new(route)]);
    Plan {
        generation: generation.into(),
        sources: HashMap::from([(SOURCE.into(), source)]),
        tally: Arc::new(Tally::default()),
    }
}

/// A stage that calls a guest on every event.
pub fn wasm(guest: &Guest, kind: Kind) -> Stage {
    stage(&guest.spec().policy, Body::Wasm { guest: guest.clone(), kind })
}

/// The filter on `type` as a condition of the host: what the guest `type-filter` does, without Wasm.
pub fn native(policy: &str) -> Stage {
    let orders = Condition::Prefix(vec![("type".into(), KEPT_PREFIX.into())]);
    let verdict = Verdict::new(Matcher::condition(Some(&orders)), "pattern", "orders", "sha256:0".into());
    stage(policy, Body::Condition(verdict))
}

fn stage(policy: &str, body: Body) -> Stage {
    let failure =
        FailureRules { on_trap: FailureRule::Pause, on_timeout: FailureRule::Pause, on_reject: FailureRule::Pause };
    let meter = Meter::new(policy, "sha256:bench");
    Stage { policy: policy.into(), matcher: Matcher::all(), body, failure, circuit: None, meter, share: None }
}

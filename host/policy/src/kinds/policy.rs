//! `kind: FilterPolicy`.

use std::{collections::BTreeMap, sync::Arc};

use super::{body, breaker, condition, references, rollout, topics};
use crate::{
    Options, codes,
    document::labels,
    mistakes::{Fields, Mistakes, Shape},
    set::{Draft, Kind, Rules, Set},
    spec::{Applies, Failure, FailureRule, FilterPolicy, Limits, Match, Meta, Mode, Phase, PolicyBreaker, State},
    tree::{self, Node},
    units::{DAY, GI, KI, MI, size_text},
};

const SHAPE: Shape = Shape {
    what: "a FilterPolicy",
    keys: &[
        "targetRefs",
        "selector",
        "match",
        "phase",
        "priority",
        "wasm",
        "cesql",
        "sql",
        "pattern",
        "extensions",
        "limits",
        "state",
        "failure",
        "mode",
        "rollout",
    ],
    later: &[],
};
const TARGET_REF: Shape = Shape { what: "an entry of `targetRefs`", keys: &["kind", "name", "namespace"], later: &[] };
const SELECTOR: Shape = Shape { what: "`selector`", keys: &["matchLabels"], later: &["matchExpressions"] };
const MATCH: Shape = Shape {
    what: "an entry of `match`",
    keys: &["topics", "filters", "pattern", "cesql", "sql", "extensions"],
    later: &[],
};
/// What may stand beside `filters`, and must hold as well.
const BESIDE: [&str; 3] = ["pattern", "cesql", "sql"];
const LIMITS: Shape = Shape { what: "`limits`", keys: &["timeout", "memory", "maxEventBytes"], later: &[] };
const STATE: Shape = Shape { what: "`state`", keys: &["maxBytes", "ttl"], later: &[] };
const FAILURE: Shape = Shape { what: "`failure`", keys: &["onTrap", "onTimeout", "onReject", "breaker"], later: &[] };

const PHASES: [Phase; 6] =
    [Phase::Admit, Phase::Authorize, Phase::Validate, Phase::Transform, Phase::Route, Phase::Observe];
const RULES: [FailureRule; 6] = [
    FailureRule::Retry,
    FailureRule::DeadLetter,
    FailureRule::Drop,
    FailureRule::Bypass,
    FailureRule::Pause,
    FailureRule::Reject,
];
const MODES: [Mode; 3] = [Mode::Enforce, Mode::Shadow, Mode::Disabled];

/// Memory for the batch of the largest event: as received, as handed over, as the guest works on it and as it comes back.
const MEMORY_PER_EVENT: usize = 8;

pub(crate) fn read(spec: &Node, meta: Meta, options: &Options<'_>, mistakes: &mut Mistakes<'_>, set: &mut Set) {
    let before = mistakes.count();
    let Some(fields) = mistakes.fields(spec, &SHAPE) else { return };
    let applies = applies(&fields, &meta.id.namespace, mistakes);
    let matches = fields.get("match").map(|node| matches(node, mistakes)).unwrap_or_default();
    let phase = fields
        .need("phase", "one of Admit, Authorize, Validate, Transform, Route, Observe", mistakes)
        .and_then(|node| mistakes.word(node, "`phase`", &PHASES.map(|phase| (phase.word(), phase)), &[]));
    let priority = fields
        .get("priority")
        .map_or(Some(0), |node| mistakes.integer(node, "`priority`", i64::from(i32::MIN)..=i64::from(i32::MAX)));
    let limits = limits(fields.get("limits"), mistakes);
    let (rules, breaker) = failure(fields.get("failure"), mistakes);
    let state = state(fields.get("state"), mistakes);
    let mode = fields
        .get("mode")
        .map_or(Some(Mode::Enforce), |node| mistakes.word(node, "`mode`", &MODES.map(|mode| (mode.word(), mode)), &[]));
    let body = body::read(spec, &fields, options, mistakes);
    let rollout = fields.get("rollout").and_then(|node| rollout::read(node, mode, body.as_ref(), mistakes));
    let sound = mistakes.count() == before;
    if let (Some(phase), Some(priority), Some(body), Some(mode)) = (phase, priority, body, mode) {
        let open = FailureRule::Reject;
        let failure = Failure { on_trap: open, on_timeout: open, on_reject: open, breaker };
        let policy =
            FilterPolicy { meta, applies, matches, phase, priority, body, limits, state, failure, mode, rollout };
        set.policies.push(Draft { document: policy, given: rules, sound });
    }
}

fn applies(fields: &Fields<'_>, namespace: &Arc<str>, mistakes: &mut Mistakes<'_>) -> Applies {
    if let (Some(_), Some(selector)) = (fields.get("targetRefs"), fields.key("selector")) {
        mistakes.hint(
            codes::EXCLUSIVE,
            selector,
            "`selector` beside `targetRefs`",
            "name routes or select them, not both",
        );
    }
    if let Some(node) = fields.get("targetRefs") {
        return Applies::Routes(references(node, "`targetRefs`", &TARGET_REF, Kind::Route, namespace, mistakes));
    }
    let Some(fields) = fields.get("selector").and_then(|node| mistakes.fields(node, &SELECTOR)) else {
        return Applies::Selector(BTreeMap::new());
    };
    let node = fields.need("matchLabels", "as in `selector: {matchLabels: {team: payments}}`", mistakes);
    Applies::Selector(node.map(|node| labels(node, "`matchLabels`", mistakes)).unwrap_or_default())
}

fn matches(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<Match> {
    let items = mistakes.filled_list(node, "`match`").unwrap_or_default();
    items
        .iter()
        .filter_map(|item| {
            let fields = mistakes.fields(item, &MATCH)?;
            let extensions = condition::extensions(fields.get("extensions"), mistakes);
            let mut filters = match fields.get("filters") {
                Some(node) => condition::read_list(node, &extensions, mistakes),
                None => Vec::new(),
            };
            let more: Vec<_> = item.entries().iter().filter(|entry| BESIDE.contains(&entry.key.as_str())).collect();
            let topics = fields.get("topics").map(|node| topics::read(node, "topics", mistakes));
            if fields.get("filters").is_none() && more.is_empty() && topics.is_none() {
                fields.need("filters", "leave `match` out to match everything", mistakes);
            }
            filters.extend(more.iter().filter_map(|entry| condition::read_dialect(entry, &extensions, mistakes)));
            Some(Match { topics: topics.unwrap_or_default(), filters })
        })
        .collect()
}

fn limits(node: Option<&Node>, mistakes: &mut Mistakes<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(fields) = node.and_then(|node| mistakes.fields(node, &LIMITS)) else { return limits };
    let before = mistakes.count();
    if let Some(timeout) = fields.get("timeout").and_then(|node| mistakes.duration(node, "`timeout`", 1..=10_000)) {
        limits.timeout = timeout;
    }
    if let Some(memory) = fields.get("memory").and_then(|node| mistakes.size(node, "`memory`", MI..=GI)) {
        limits.memory = memory;
    }
    if let Some(bytes) =
        fields.get("maxEventBytes").and_then(|node| mistakes.size(node, "`maxEventBytes`", 1..=64 * MI))
    {
        limits.max_event_bytes = bytes;
    }
    let needed = limits.max_event_bytes * MEMORY_PER_EVENT;
    if mistakes.count() == before && limits.memory < needed {
        let at = fields.key("memory").or(fields.key("maxEventBytes"));
        let size = |bytes: usize| size_text(u64::try_from(bytes).unwrap_or(u64::MAX));
        let message =
            format!("{} of memory are too little for events of {}", size(limits.memory), size(limits.max_event_bytes));
        let hint = format!("give it at least `memory: {}`, or set a smaller `maxEventBytes`", size(needed));
        if let Some(at) = at {
            mistakes.hint(codes::MEMORY_TOO_SMALL, at, message, hint);
        }
    }
    limits
}

fn state(node: Option<&Node>, mistakes: &mut Mistakes<'_>) -> State {
    let mut state = State::default();
    let Some(fields) = node.and_then(|node| mistakes.fields(node, &STATE)) else { return state };
    if let Some(bytes) = fields.get("maxBytes").and_then(|node| mistakes.size(node, "`maxBytes`", 64 * KI..=GI)) {
        state.max_bytes = bytes as u64;
    }
    state.ttl = fields.get("ttl").and_then(|node| mistakes.duration(node, "`ttl`", 1_000..=366 * DAY));
    state
}

fn failure(node: Option<&Node>, mistakes: &mut Mistakes<'_>) -> (Rules, Option<PolicyBreaker>) {
    let mut rules = Rules::default();
    if let Some(node) = node
        && let tree::Kind::String(word) = &node.kind
        && RULES.iter().any(|rule| rule.word() == word)
    {
        let message = format!("`failure`: expected a mapping, found the rule `{word}` alone");
        let hint =
            format!("say of what: `failure: {{onTrap: {word}, onTimeout: {word}, onReject: {word}}}`, or some of them");
        mistakes.hint(codes::WRONG_TYPE, node.at, message, hint);
        return (rules, None);
    }
    let Some(fields) = node.and_then(|node| mistakes.fields(node, &FAILURE)) else { return (rules, None) };
    let words = RULES.map(|rule| (rule.word(), rule));
    let mut rule = |key: &str| fields.get(key).and_then(|node| mistakes.word(node, &format!("`{key}`"), &words, &[]));
    rules.on_trap = rule("onTrap");
    rules.on_timeout = rule("onTimeout");
    rules.on_reject = rule("onReject");
    (rules, fields.get("breaker").map(|node| breaker::read(node, mistakes)))
}

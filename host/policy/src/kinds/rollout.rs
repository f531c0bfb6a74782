//! `rollout:` of a policy.

use super::wasm;
use crate::{
    codes,
    mistakes::{Fields, Mistakes, Shape},
    spec::{Abort, Baseline, Body, Mode, Promote, Rollout},
    text::At,
    tree::{Kind, Node},
    units::DAY,
};

const SHAPE: Shape = Shape { what: "`rollout`", keys: &["percent", "key", "baseline", "promote", "abort"], later: &[] };
const BASELINE: Shape = Shape { what: "`baseline`", keys: &["digest", "module", "config"], later: &[] };
const PROMOTE: Shape = Shape { what: "`promote`", keys: &["after", "steps", "minEvents"], later: &[] };
const ABORT: Shape =
    Shape { what: "`abort`", keys: &["errorRatio", "divergence", "latency", "minEvents", "window"], later: &[] };

const EVENTS_MAX: i64 = 1_000_000_000;
/// Each is a generation, and so many generations are kept.
const STEPS_MAX: usize = 20;
/// Where nothing is said: as many as for judging a version at all.
const PROMOTE_EVENTS: u64 = 100;

/// What decides about the keys that the module does not see yet must be known, or they would be decided by nobody.
const NEEDS_BASELINE: &str = "the digest of what decides about the other keys, as in `baseline: sha256:…`; `tidegate status` shows what runs now";

pub(super) fn read(
    node: &Node,
    mode: Option<Mode>,
    candidate: Option<&Body>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Rollout> {
    let fields = mistakes.fields(node, &SHAPE)?;
    let percent = if mode == Some(Mode::Shadow) {
        for key in ["percent", "key", "promote", "abort"] {
            if let Some(at) = fields.key(key) {
                let hint = "a shadow decides about no key: leave it out, or roll out with `mode: Enforce`";
                mistakes.hint(codes::EXCLUSIVE, at, format!("`{key}` beside `mode: Shadow`"), hint);
            }
        }
        Some(0)
    } else {
        fields
            .need("percent", "of the keys, 0 to 100, as in `percent: 10`", mistakes)
            .and_then(|node| mistakes.integer(node, "`percent`", 0..=100))
    };
    let key = fields.get("key").and_then(|node| key(node, mistakes));
    let baseline = fields.need("baseline", NEEDS_BASELINE, mistakes).and_then(|node| baseline(node, mistakes));
    if let (Some(baseline), Some(Body::Wasm(wasm)), Some(at)) = (&baseline, candidate, fields.key("baseline"))
        && wasm.digest.as_ref() == Some(&baseline.digest)
        && baseline.config.as_ref().is_none_or(|config| *config == wasm.config)
    {
        let hint = "name what ran before; for the same module with another configuration write \
                    `baseline: {digest: sha256:…, config: …}`; of a rollout that is done leave out `rollout`";
        mistakes.hint(codes::SAME_MODULE, at, "`baseline` is the module of the policy itself", hint);
    }
    let begins = percent.zip(fields.key("percent"));
    let promote =
        fields.get("promote").filter(|_| mode != Some(Mode::Shadow)).and_then(|node| promote(node, begins, mistakes));
    let abort = fields.get("abort").map(|node| abort(node, mistakes)).unwrap_or_default();
    Some(Rollout { percent: percent?, key, baseline: baseline?, promote, abort })
}

/// `percent` is where it begins.
fn promote(node: &Node, percent: Option<(u8, At)>, mistakes: &mut Mistakes<'_>) -> Option<Promote> {
    let fields = mistakes.fields(node, &PROMOTE)?;
    let after = fields
        .need("after", "how long each step lasts, as in `after: 10m`", mistakes)
        .and_then(|node| mistakes.duration(node, "`after`", 1_000..=30 * DAY));
    let steps = fields
        .need("steps", "the percentages that it goes on to, as in `steps: [10, 25, 50, 100]`", mistakes)
        .and_then(|node| steps(node, percent, mistakes));
    let min_events = match fields.get("minEvents") {
        Some(node) => mistakes.integer(node, "`minEvents`", 1..=EVENTS_MAX),
        None => Some(PROMOTE_EVENTS),
    };
    Some(Promote { after: after?, steps: steps?, min_events: min_events? })
}

fn steps(node: &Node, percent: Option<(u8, At)>, mistakes: &mut Mistakes<'_>) -> Option<Vec<u8>> {
    let items = mistakes.filled_list(node, "`steps`")?;
    if items.len() > STEPS_MAX {
        let hint = format!("at most {STEPS_MAX}: each is a generation, and so many are kept");
        mistakes.hint(codes::OUT_OF_RANGE, node.at, format!("`steps` has {} entries", items.len()), hint);
        return None;
    }
    let read = |item: &Node| Some((mistakes.integer(item, "an entry of `steps`", 1..=100)?, item.at));
    let read: Vec<Option<(u8, At)>> = items.iter().map(read).collect();
    let steps: Vec<(u8, At)> = read.into_iter().collect::<Option<_>>()?;
    let (first, last) = (steps.first()?, steps.last()?);
    let before = mistakes.count();
    for ((from, _), (to, at)) in steps.iter().zip(&steps[1..]).filter(|((from, _), (to, _))| to <= from) {
        let hint = "each is more than the one before, so that no key goes back";
        mistakes.hint(codes::STEPS, *at, format!("`steps` goes from {from} to {to}"), hint);
    }
    match percent {
        Some((0, at)) => {
            let hint = "at 0 % the module decides nothing that could show how it does: begin with 1 at least";
            mistakes.hint(codes::STEPS, at, "`percent: 0` beside `promote`", hint);
        }
        Some((percent, at)) if percent > first.0 => {
            let hint = format!("it begins with `percent`: leave out the steps before {percent}, or begin with less");
            mistakes.hint(
                codes::STEPS,
                at,
                format!("`percent: {percent}` is beyond the first step, {}", first.0),
                hint,
            );
        }
        Some((percent, _)) if percent == last.0 && percent < 100 => {
            let hint = "name what it goes on to, as in `steps: [10, 25, 50, 100]`";
            mistakes.hint(codes::STEPS, last.1, format!("`steps` ends where it begins, with {percent}"), hint);
        }
        Some(_) | None => {}
    }
    (mistakes.count() == before).then(|| steps.into_iter().map(|(step, _)| step).collect())
}

fn key(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let name = mistakes.string(node, "`key`")?;
    super::condition::attribute_name(name, node.at, mistakes).then(|| name.to_owned())
}

fn baseline(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Baseline> {
    if let Kind::String(_) = &node.kind {
        let digest = wasm::digest_text(node, "`baseline`", mistakes)?;
        return Some(Baseline { digest, module: None, config: None });
    }
    let fields = mistakes.fields(node, &BASELINE)?;
    let digest = fields
        .need("digest", "as in `baseline: {digest: sha256:…}`; in development as well", mistakes)
        .and_then(|node| wasm::digest_text(node, "`digest`", mistakes));
    let module = fields.get("module").and_then(|node| wasm::module(node, mistakes));
    let config = fields.get("config").and_then(Node::json);
    Some(Baseline { digest: digest?, module, config })
}

fn abort(node: &Node, mistakes: &mut Mistakes<'_>) -> Abort {
    let mut abort = Abort::default();
    let Some(fields) = mistakes.fields(node, &ABORT) else { return abort };
    if let Some(ratio) = ratio(&fields, "errorRatio", mistakes) {
        abort.error_ratio = ratio;
    }
    abort.divergence = ratio(&fields, "divergence", mistakes);
    abort.latency = fields.get("latency").and_then(|node| mistakes.duration(node, "`latency`", 1..=10_000));
    if let Some(events) = fields.get("minEvents").and_then(|node| mistakes.integer(node, "`minEvents`", 1..=EVENTS_MAX))
    {
        abort.min_events = events;
    }
    if let Some(window) = fields.get("window").and_then(|node| mistakes.duration(node, "`window`", 1_000..=DAY)) {
        abort.window = window;
    }
    abort
}

/// A part of a whole.
fn ratio(fields: &Fields<'_>, key: &str, mistakes: &mut Mistakes<'_>) -> Option<f64> {
    let node = fields.get(key)?;
    let Kind::Plain(serde_json::Value::Number(number), raw) = &node.kind else {
        mistakes.wrong_type(node, &format!("`{key}`"), "a number");
        return None;
    };
    let ratio = number.as_f64().filter(|ratio| (0.0..=1.0).contains(ratio));
    if ratio.is_none() {
        let message = format!("`{key}` is {}", crate::diagnostic::quoted(raw));
        mistakes.hint(codes::OUT_OF_RANGE, node.at, message, "it is a part of the events, from 0 to 1: 1 % is 0.01");
    }
    ratio
}

//! `rollout:` of a policy.

use super::wasm;
use crate::{
    codes,
    mistakes::{Fields, Mistakes, Shape},
    spec::{Abort, Baseline, Body, Mode, Rollout},
    tree::{Kind, Node},
    units::DAY,
};

const SHAPE: Shape =
    Shape { what: "`rollout`", keys: &["percent", "key", "baseline", "abort"], later: &["promote", "steps"] };
const BASELINE: Shape = Shape { what: "`baseline`", keys: &["digest", "module", "config"], later: &[] };
const ABORT: Shape =
    Shape { what: "`abort`", keys: &["errorRatio", "divergence", "latency", "minEvents", "window"], later: &[] };

const EVENTS_MAX: i64 = 1_000_000_000;

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
        for key in ["percent", "key", "abort"] {
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
        let hint = "name what ran before; of a rollout that is done leave out `rollout`";
        mistakes.hint(codes::SAME_MODULE, at, "`baseline` is the module of the policy itself", hint);
    }
    let abort = fields.get("abort").map(|node| abort(node, mistakes)).unwrap_or_default();
    Some(Rollout { percent: percent?, key, baseline: baseline?, abort })
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

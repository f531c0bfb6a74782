//! The schema of `rollout`.

use serde_json::{Value, json};

use super::common::{closed, duration, integer};

const DIGEST: &str = "^sha256:[0-9a-f]{64}$";

pub(super) fn rollout() -> Value {
    let baseline = json!({
        "digest": {"description": "Of the module that ran before.", "type": "string", "pattern": DIGEST},
        "module": {
            "description": "Where it is, as in `wasm`; without it the host has it, because it ran it.",
            "type": "string",
            "pattern": "^file:[^/\\\\][^\\\\]*$",
        },
        "config": {"description": "For that module: any JSON; without it the `config` of `wasm`."},
    });
    let ratio = |description: &str| json!({"description": description, "type": "number", "minimum": 0, "maximum": 1});
    let abort = json!({
        "errorRatio": ratio("More of its events fail than of the baseline's, by more than this part; default 0.01."),
        "divergence": ratio("The parts of their events that the two drop or reject differ by more than this."),
        "latency": duration("A call takes longer on average, 1ms to 10s."),
        "minEvents": integer("Events a version must have decided before it is judged; default 100.", 1, 1_000_000_000),
        "window": duration("What was decided within this time counts, 1s to 1d; default 1m."),
    });
    let step = json!({"type": "integer", "minimum": 1, "maximum": 100});
    let promote = json!({
        "after": duration("How long each step lasts at least, 1s to 30d."),
        "steps": {
            "description": "Percentages that it goes on to, each more than the one before, from `percent` on; with 100 at the end it is done after that.",
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "uniqueItems": true,
            "items": step,
            "examples": [[10, 25, 50, 100]],
        },
        "minEvents": integer("Events that the module must have decided in a step; default 100.", 1, 1_000_000_000),
    });
    let properties = json!({
        "percent": integer("Of the keys that meet the module; what it begins with where it promotes itself.", 0, 100),
        "key": {
            "description": "The attribute whose values are the keys; without it what orders the event, else `source`.",
            "type": "string",
            "pattern": "^[a-z0-9]+$",
            "not": {"const": "data"},
        },
        "baseline": {
            "description": "What decides about the other keys: a digest, or more.",
            "oneOf": [{"type": "string", "pattern": DIGEST}, closed("A module.", baseline, &["digest"])],
        },
        "promote": closed("When it goes on to more keys by itself: where no condition of `abort` holds.", promote, &["after", "steps"]),
        "abort": closed("When it is taken back by itself.", abort, &[]),
    });
    closed("The module decides about a share of the keys only.", properties, &["baseline"])
}

//! The schema of `kind: FilterPolicy`, and of conditions.

use serde_json::{Value, json};

use super::{
    common::{closed, duration, integer, name, reference, size, topics, words},
    rollout,
};

const CESQL: &str = "An expression of CloudEvents SQL, as in `type LIKE 'com.acme.%'`.";
const PATTERN: &str =
    "An event pattern, as on EventBridge: names of attributes and of data, and what their values may be.";

pub(super) fn policy() -> Value {
    let target =
        json!({"kind": {"const": "Route"}, "name": name("A route of the namespace."), "namespace": reference()});
    let entry = json!({
        "topics": topics("Topics that events came by, of which one must fit: `*` is one level, `>` all the rest, `!` begins an exception."),
        "filters": {
            "description": "Conditions of which all must hold.",
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/condition"},
        },
        "pattern": {"description": PATTERN, "type": "object"},
        "cesql": {"description": CESQL, "type": "string"},
        "sql": {"description": "The same as `cesql`.", "type": "string"},
        "extensions": {"$ref": "#/$defs/extensions"},
    });
    let mut entry = closed("Everything in it must hold.", entry, &[]);
    let one = |key: &str| json!({"required": [key]});
    entry["anyOf"] = json!([one("topics"), one("filters"), one("pattern"), one("cesql"), one("sql")]);
    let limits = json!({
        "timeout": duration("The module's own running time of a call, 1ms to 10s; default 20ms."),
        "memory": size("Linear memory of an instance, 1Mi to 1Gi and at least 8 times `maxEventBytes`; default 64Mi."),
        "maxEventBytes": size("Of one event, up to 64Mi; default 1Mi."),
    });
    let state = json!({
        "maxBytes": size("What it may keep, 64Ki to 1Gi; default 16Mi."),
        "ttl": duration("The longest time that anything is kept, 1s to 366d."),
    });
    let rules = ["Retry", "DeadLetter", "Drop", "Bypass", "Pause", "Reject"];
    let breaker = json!({
        "failures": integer("So many events that it failed on; default 5.", 1, 10_000),
        "window": duration("Within this time; default 1m."),
        "pause": duration("It is not asked for so long, then about one event; default 10s."),
        "then": words(
            "What events meet meanwhile; default Pause, which holds lanes until it goes well again.",
            &["Pause", "DeadLetter", "Drop", "Bypass", "Reject"],
        ),
    });
    let failure = json!({
        "onTrap": words("The module trapped, or what it answered cannot be believed; or an expression came to an error.", &rules),
        "onTimeout": words("The module took longer than its `timeout`.", &rules),
        "onReject": words("The module said that the event is wrong.", &rules),
        "breaker": closed("When the module is not asked for a while.", breaker, &[]),
    });
    let selector = json!({"matchLabels": {"$ref": "#/$defs/labels"}});
    let properties = json!({
        "targetRefs": {
            "description": "Routes it is for; without it and `selector`, all of the namespace.",
            "type": "array",
            "minItems": 1,
            "items": closed("A route.", target, &["kind", "name"]),
        },
        "selector": closed("Routes it is for, by their labels.", selector, &["matchLabels"]),
        "match": {
            "description": "Which events it is for: one entry must hold. Decided by the host, before any module.",
            "type": "array",
            "minItems": 1,
            "items": entry,
        },
        "phase": words("When in the life of an event it runs.", &["Admit", "Authorize", "Validate", "Transform", "Route", "Observe"]),
        "priority": integer("Within its phase; higher first, default 0.", i64::from(i32::MIN), i64::from(i32::MAX)),
        "wasm": wasm(),
        "cesql": {"description": "Instead of a module: events for which it is not true are dropped. An expression of CloudEvents SQL.", "type": "string"},
        "sql": {"description": "The same as `cesql`.", "type": "string"},
        "pattern": {"description": "Instead of a module: events that it does not fit are dropped. An event pattern.", "type": "object"},
        "extensions": {"$ref": "#/$defs/extensions"},
        "limits": closed("What a call may cost.", limits, &[]),
        "state": closed("What it may keep, where it is granted `state`.", state, &[]),
        "failure": closed("What happens to an event that it could not decide, by cause.", failure, &[]),
        "mode": words("Whether it decides, or only shows what it would decide.", &["Enforce", "Shadow", "Disabled"]),
        "rollout": rollout::rollout(),
    });
    let mut policy = closed("What decides, and about which events.", properties, &["phase"]);
    policy["oneOf"] = json!(["wasm", "cesql", "sql", "pattern"].map(one));
    policy["not"] = json!({"required": ["targetRefs", "selector"]});
    // A shadow has a baseline at most; what decides has a percentage.
    policy["if"] = json!({"properties": {"mode": {"const": "Shadow"}}, "required": ["mode"]});
    let only = json!({"propertyNames": {"const": "baseline"}});
    policy["then"] = json!({"properties": {"rollout": only}});
    policy["else"] = json!({"properties": {"rollout": {"required": ["percent"]}}});
    policy
}

fn wasm() -> Value {
    let may_write = json!({
        "attributes": {
            "description": "Names of attributes, or beginnings of names with `*` at the end.",
            "type": "array",
            "items": {"type": "string", "minLength": 1, "pattern": "^[a-z0-9]*\\*?$", "not": {"const": "data"}},
        },
        "data": {"description": "The payload.", "type": "boolean"},
    });
    let properties = json!({
        "module": {
            "description": "`file:` and a path relative to the document, without leaving its folder.",
            "type": "string",
            "pattern": "^file:[^/\\\\][^\\\\]*$",
            "not": {"pattern": "(^file:|/)\\.\\.(/|$)|//|/$|^file:.:"},
        },
        "digest": {
            "description": "Of the module; only a host in development runs without.",
            "type": "string",
            "pattern": "^sha256:[0-9a-f]{64}$",
        },
        "config": {"description": "For the module: any JSON. `tidegate schema MODULE` prints its schema."},
        "capabilities": {
            "description": "What it may import.",
            "type": "array",
            "uniqueItems": true,
            "items": {"enum": ["log", "metrics", "state", "wasi"]},
        },
        "mayWrite": closed("What it may change of an event; default nothing.", may_write, &[]),
        "mayEmit": integer("Events out for one in; default 1.", 0, 1_024),
        "isolation": words("Who shares an instance.", &["worker", "batch"]),
    });
    closed("The module and what it may do.", properties, &["module"])
}

pub(super) fn condition() -> Value {
    let attributes = json!({"$ref": "#/$defs/attributes"});
    let list = json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}});
    let properties = json!({
        "exact": attributes,
        "prefix": attributes,
        "suffix": attributes,
        "all": list,
        "any": list,
        "not": {"$ref": "#/$defs/condition"},
        "cesql": {"description": CESQL, "type": "string"},
        "sql": {"description": "The same as `cesql`.", "type": "string"},
        "pattern": {"description": PATTERN, "type": "object"},
    });
    let mut condition = closed("A condition of CloudEvents Subscriptions 1.0: one key.", properties, &[]);
    condition["minProperties"] = json!(1);
    condition["maxProperties"] = json!(1);
    condition
}

pub(super) fn attributes() -> Value {
    json!({
        "description": "Attributes and what they are compared with; all must hold.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[a-z0-9]+$", "not": {"const": "data"}},
        "additionalProperties": {"type": "string", "minLength": 1},
    })
}

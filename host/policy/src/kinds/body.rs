//! What decides in a policy: a module, or a condition that the host itself holds events against.

use super::{condition, wasm};
use crate::{
    Options, codes,
    mistakes::{Fields, Mistakes},
    spec::{Body, Capability, Condition, Rule},
    tree::Node,
};

/// One of these, and only one. `sql` is `cesql`.
const BODIES: [&str; 4] = ["wasm", "cesql", "sql", "pattern"];
/// What only means something to a module.
const OF_MODULES: [&str; 3] = ["limits", "state", "rollout"];

pub(super) fn read(
    spec: &Node,
    fields: &Fields<'_>,
    options: &Options<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Body> {
    let given: Vec<_> = spec.entries().iter().filter(|entry| BODIES.contains(&entry.key.as_str())).collect();
    let (entry, others) = match given.as_slice() {
        [] => {
            let hint =
                "what decides: `wasm: {module: file:mask.wasm}`; or `cesql: …` or `pattern: …`, which need no module";
            fields.need("wasm", hint, mistakes);
            return None;
        }
        [entry, others @ ..] => (entry, others),
    };
    if let Some(other) = others.first() {
        let message = format!("`{}` beside `{}`", other.key, entry.key);
        let hint = "one of them decides: a condition under which a module is asked belongs into `match`";
        mistakes.hint(codes::EXCLUSIVE, other.at, message, hint);
        return None;
    }
    if entry.key == "wasm" {
        let wasm = wasm::read(&entry.value, options, mistakes)?;
        beside_module(fields, &wasm.capabilities, mistakes);
        return Some(Body::Wasm(wasm));
    }
    let extensions = condition::extensions(fields.get("extensions"), mistakes);
    let condition = condition::read_dialect(entry, &extensions, mistakes);
    let fine = beside_condition(fields, &entry.key, mistakes);
    let condition = condition.filter(|_| fine)?;
    let text = match &condition {
        Condition::Cesql(expression) => expression.text().to_owned(),
        Condition::Pattern(_)
        | Condition::Exact(_)
        | Condition::Prefix(_)
        | Condition::Suffix(_)
        | Condition::All(_)
        | Condition::Any(_)
        | Condition::Not(_) => entry.value.json()?.to_string(),
    };
    Some(Body::Condition(Rule { condition, text }))
}

fn beside_module(fields: &Fields<'_>, granted: &[Capability], mistakes: &mut Mistakes<'_>) {
    if let Some(key) = fields.key("state").filter(|_| !granted.contains(&Capability::State)) {
        let hint = "grant it, as in `wasm: {capabilities: [state]}`, or leave `state` out";
        mistakes.hint(codes::NO_STATE, key, "limits of a state that the policy does not grant", hint);
    }
    if let Some(key) = fields.key("extensions") {
        let hint = "names of extensions are listed in the entry of `match` that uses them";
        mistakes.hint(codes::UNKNOWN_KEY, key, "`extensions` means nothing beside `wasm`", hint);
    }
}

/// A setting that is ignored is worse than one that is refused.
fn beside_condition(fields: &Fields<'_>, body: &str, mistakes: &mut Mistakes<'_>) -> bool {
    let before = mistakes.count();
    let mut refuse = |key: &str, at| {
        let hint = "leave it out: it is about modules, and this policy has none";
        mistakes.hint(codes::NO_MODULE, at, format!("`{key}` beside `{body}`"), hint);
    };
    for key in OF_MODULES {
        fields.key(key).into_iter().for_each(|at| refuse(key, at));
    }
    let rules = fields.get("failure").map(Node::entries).unwrap_or_default();
    // An expression may come to an error; a pattern holds or does not.
    let known = |key: &str| key == "onTrap" && body != "pattern";
    for rule in rules.iter().filter(|rule| !known(&rule.key)) {
        refuse(&rule.key, rule.at);
    }
    mistakes.count() == before
}

//! What documents would do to a sample of events, and what a policy said about one: traces in words.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_event::Event;
use tidegate_pipeline::dry::{End, Step, Trace};

/// Events that are shown of each sample.
const EXAMPLES_MAX: usize = 20;

/// What becomes of events under other documents, by event and route.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Effect {
    /// Events of the sample, and those among them that there was time for.
    asked: usize,
    tried: usize,
    unchanged: usize,
    /// Dropped from now on.
    dropped: usize,
    dead_lettered: usize,
    rejected: usize,
    held: usize,
    /// Delivered from now on.
    delivered: usize,
    /// Delivered to other sinks.
    rerouted: usize,
    /// Delivered with other content.
    changed: usize,
    /// On a route that is new, or gone.
    new: usize,
    gone: usize,
    examples: Vec<Value>,
}

impl Effect {
    /// Traces of each event before and after.
    pub(crate) fn of(sample: &[(Vec<Trace>, Vec<Trace>)], asked: usize) -> Effect {
        let mut effect = Effect { asked, tried: sample.len(), ..Effect::default() };
        for (at, (before, after)) in sample.iter().enumerate() {
            for new in after {
                let old = before.iter().find(|old| old.route == new.route);
                effect.count(at, old, new);
            }
            effect.gone += before.iter().filter(|old| !after.iter().any(|new| new.route == old.route)).count();
        }
        effect
    }

    fn count(&mut self, at: usize, old: Option<&Trace>, new: &Trace) {
        let Some(old) = old else {
            self.new += 1;
            return;
        };
        let (word, counted) = match (old.end.word, new.end.word) {
            (before, after) if before != after => match after {
                "dropped" => ("dropped", &mut self.dropped),
                "dead_lettered" => ("dead-lettered", &mut self.dead_lettered),
                "rejected" => ("rejected", &mut self.rejected),
                "held" => ("held", &mut self.held),
                _ => ("delivered", &mut self.delivered),
            },
            _ if old.end.sinks != new.end.sinks => ("rerouted", &mut self.rerouted),
            ("delivered", _) if said(old) != said(new) => ("changed", &mut self.changed),
            _ => {
                self.unchanged += 1;
                return;
            }
        };
        *counted += 1;
        if self.examples.len() < EXAMPLES_MAX {
            let example = json!({"event": at, "route": *new.route, "what": word, "before": end(&old.end), "after": end(&new.end)});
            self.examples.push(example);
        }
    }

    pub(crate) fn json(&self) -> Value {
        let Effect {
            asked,
            tried,
            unchanged,
            dropped,
            dead_lettered,
            rejected,
            held,
            delivered,
            rerouted,
            changed,
            ..
        } = self;
        json!({
            "events": asked, "tried": tried, "unchanged": unchanged, "dropped": dropped, "deadLettered": dead_lettered,
            "rejected": rejected, "held": held, "delivered": delivered, "rerouted": rerouted, "changed": changed,
            "newRoutes": self.new, "goneRoutes": self.gone, "examples": self.examples,
        })
    }
}

/// What would be sent, as text.
fn said(trace: &Trace) -> Vec<Vec<u8>> {
    let encoded = |event: &Event| {
        let mut text = Vec::new();
        tidegate_event::json::encode(event, &mut text);
        text
    };
    trace.outputs.iter().map(encoded).collect()
}

fn end(end: &End) -> Value {
    let sinks: Vec<&str> = end.sinks.iter().map(|sink| &**sink).collect();
    json!({"fate": end.word, "by": end.by.as_deref(), "reason": end.reason, "sinks": sinks})
}

/// One event on each route, for a person who asks why.
pub(crate) fn traces(found: &[Trace]) -> Vec<Value> {
    let shown = |trace: &Trace| {
        let mut shown = end(&trace.end);
        shown["route"] = Value::from(&*trace.route);
        shown["steps"] = trace.steps.iter().map(step).collect();
        shown["outputs"] = trace.outputs.len().into();
        shown
    };
    found.iter().map(shown).collect()
}

fn step(step: &Step) -> Value {
    let names: Vec<&Arc<str>> = step.names.iter().collect();
    json!({
        "policy": *step.policy,
        "digest": step.digest,
        "kind": step.kind,
        "matched": step.decision.is_some(),
        "decision": step.decision,
        "reason": step.reason,
        "changed": step.changed,
        "left": step.left,
        "names": names.iter().map(|name| &***name).collect::<Vec<&str>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(word: &'static str, sinks: &[&str]) -> Trace {
        let sinks = sinks.iter().map(|sink| Arc::from(*sink)).collect();
        Trace {
            route: "r".into(),
            steps: Vec::new(),
            end: End { word, by: None, reason: None, sinks },
            outputs: Vec::new(),
        }
    }

    #[test]
    fn what_becomes_different_is_counted_by_what_it_becomes() {
        let sample = [
            (vec![trace("delivered", &["a"])], vec![trace("dropped", &[])]),
            (vec![trace("dropped", &[])], vec![trace("delivered", &["a"])]),
            (vec![trace("delivered", &["a"])], vec![trace("delivered", &["b"])]),
            (vec![trace("delivered", &["a"])], vec![trace("delivered", &["a"])]),
            (vec![], vec![trace("delivered", &["a"])]),
            (vec![trace("delivered", &["a"])], vec![]),
        ];
        let effect = Effect::of(&sample, 6);
        let found = (effect.dropped, effect.delivered, effect.rerouted, effect.unchanged, effect.new, effect.gone);
        assert_eq!(found, (1, 1, 1, 1, 1, 1));
        assert_eq!(effect.examples.len(), 3);
    }
}

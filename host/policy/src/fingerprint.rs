//! One text for one meaning: what a generation's id is the hash of.
//!
//! Neither the order of files and documents nor that of keys, neither places nor how a value is written (`1s` or
//! `1000ms`, a default written out or left out) shows in it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::spec::{
    Applies, Body, Condition, Delivery, Documents, Drain, Effect, FilterPolicy, Id, Isolation, Level, Malformed, Match,
    Meta, PolicyBreaker, Promote, RateKey, RateLimit, Rollout, Route, Sink, Source, TopicPart, TopicPattern,
    TopicTemplate, Unmatched, Wasm,
};

/// Changes with the form below, so that a new host never takes an old id for its own.
const FORM: u32 = 5;

impl Documents {
    /// A text that is the same for documents of the same meaning, and different otherwise: hash it for the id of a
    /// generation, together with the digests of the modules where documents name none. Compact JSON with sorted keys.
    pub fn fingerprint_input(&self) -> String {
        let mut out = String::new();
        write(&value(self), &mut out);
        out
    }
}

impl FilterPolicy {
    /// The same for one policy, whatever else is in the set.
    pub fn fingerprint_input(&self) -> String {
        let mut out = String::new();
        write(&policy(self), &mut out);
        out
    }
}

fn value(documents: &Documents) -> Value {
    let mut documents = documents.clone();
    documents.sources.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
    documents.sinks.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
    documents.routes.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
    documents.policies.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
    json!({
        "form": FORM,
        "sources": list(&documents.sources, source),
        "sinks": list(&documents.sinks, sink),
        "routes": list(&documents.routes, route),
        "policies": list(&documents.policies, policy),
    })
}

fn list<T>(items: &[T], value: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(value).collect())
}

fn id(id: &Id) -> Value {
    Value::String(id.to_string())
}

fn meta(meta: &Meta) -> Value {
    json!({ "id": id(&meta.id), "labels": meta.labels })
}

fn source(source: &Source) -> Value {
    let malformed = match source.malformed {
        Malformed::DeadLetter => "DeadLetter",
        Malformed::Skip => "Skip",
        Malformed::Pause => "Pause",
    };
    let mut value = json!({
        "meta": meta(&source.meta),
        "connector": source.connector.name,
        "config": source.connector.config,
        "malformed": malformed,
        "window": source.window.map(|window| json!([window.events, window.bytes])),
    });
    // Sets without it keep the hash that they had before there was such a word.
    if source.drain == Drain::Last {
        value["drain"] = json!("Last");
    }
    value
}

fn sink(sink: &Sink) -> Value {
    json!({
        "meta": meta(&sink.meta),
        "connector": sink.connector.name,
        "config": sink.connector.config,
        "delivery": delivery(&sink.delivery),
    })
}

fn delivery(delivery: &Delivery) -> Value {
    let Delivery { retry, timeout, rate_limit, breaker } = delivery;
    let rate_limit = rate_limit.as_ref().map(|RateLimit { events, bytes, per, key }| {
        let key = match key {
            RateKey::None => "none",
            RateKey::Partitionkey => "partitionkey",
        };
        json!([events, bytes, millis(*per), key])
    });
    json!({
        "retry": [json!(retry.max), millis(retry.delay), millis(retry.max_delay), json!(retry.jitter_percent)],
        "timeout": timeout.map(millis),
        "rateLimit": rate_limit,
        "breaker": [json!(breaker.failures), millis(breaker.window), millis(breaker.pause)],
    })
}

fn route(route: &Route) -> Value {
    let unmatched = match route.unmatched {
        Unmatched::Drop => "Drop",
        Unmatched::DeadLetter => "DeadLetter",
        Unmatched::Reject => "Reject",
    };
    let to = list(
        &route.to,
        |target| json!({ "sink": id(&target.sink), "when": target.when.as_ref().map(condition), "names": list(&target.names, pattern), "topic": target.topic.as_ref().map(topic) }),
    );
    json!({
        "meta": meta(&route.meta),
        "from": list(&route.from, id),
        "to": to,
        "unmatched": unmatched,
        "deadLetter": route.dead_letter.as_ref().map(id),
        "stamp": route.stamp,
    })
}

fn topic(template: &TopicTemplate) -> Value {
    list(&template.parts, |part| match part {
        TopicPart::Literal(text) => json!({ "literal": text }),
        TopicPart::Attribute(name) => json!({ "attribute": name }),
        TopicPart::Name => json!("name"),
    })
}

fn policy(policy: &FilterPolicy) -> Value {
    let applies = match &policy.applies {
        Applies::Routes(ids) => json!({ "routes": list(ids, id) }),
        Applies::Selector(labels) => json!({ "selector": labels }),
    };
    let (limits, failure) = (&policy.limits, &policy.failure);
    let mut value = json!({
        "meta": meta(&policy.meta),
        "applies": applies,
        "match": list(&policy.matches, entry),
        "phase": policy.phase.word(),
        "priority": policy.priority,
        "limits": [millis(limits.timeout), json!(limits.memory), json!(limits.max_event_bytes)],
        "state": [json!(policy.state.max_bytes), json!(policy.state.ttl.map(millis))],
        "failure": [failure.on_trap.word(), failure.on_timeout.word(), failure.on_reject.word()],
        "breaker": failure.breaker.map(|PolicyBreaker { failures, window, pause, then }| {
            json!([failures, millis(window), millis(pause), then.word()])
        }),
        "mode": policy.mode.word(),
    });
    let body = match &policy.body {
        Body::Wasm(wasm) => module(wasm),
        Body::Condition(rule) => json!({ "condition": condition(&rule.condition) }),
    };
    if let (Value::Object(value), Value::Object(body)) = (&mut value, body) {
        value.extend(body);
    }
    // Only where there is one: sets without rollouts keep their ids.
    if let Some(rollout) = &policy.rollout {
        value["rollout"] = self::rollout(rollout);
    }
    value
}

fn rollout(rollout: &Rollout) -> Value {
    let Rollout { percent, key, baseline, promote, abort } = rollout;
    let module = baseline.module.as_ref().map(ToString::to_string);
    let mut value = json!({
        "percent": percent,
        "key": key,
        "baseline": [json!(baseline.digest), json!(module), json!(baseline.config)],
        "abort": [
            json!(abort.error_ratio), json!(abort.divergence), json!(abort.latency.map(millis)), json!(abort.min_events),
            millis(abort.window),
        ],
    });
    // Only where there is one, as above.
    if let Some(Promote { after, steps, min_events }) = promote {
        value["promote"] = json!([millis(*after), json!(steps), json!(min_events)]);
    }
    value
}

fn module(wasm: &Wasm) -> Value {
    let isolation = match wasm.isolation {
        Isolation::Worker => "worker",
        Isolation::Batch => "batch",
    };
    json!({
        "module": wasm.module.to_string(),
        "digest": wasm.digest,
        "config": wasm.config,
        "capabilities": list(&wasm.capabilities, |capability| json!(capability.word())),
        "mayWrite": { "attributes": wasm.may_write.attributes, "data": wasm.may_write.data },
        "mayEmit": wasm.may_emit,
        "isolation": isolation,
    })
}

fn entry(entry: &Match) -> Value {
    let filters = list(&entry.filters, condition);
    if entry.topics.is_empty() {
        filters
    } else {
        json!({ "topics": list(&entry.topics, pattern), "filters": filters })
    }
}

fn millis(duration: std::time::Duration) -> Value {
    // Documents know no duration below a millisecond and none near the end of u64.
    json!(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn condition(of: &Condition) -> Value {
    match of {
        Condition::Exact(pairs) => json!({ "exact": pairs }),
        Condition::Prefix(pairs) => json!({ "prefix": pairs }),
        Condition::Suffix(pairs) => json!({ "suffix": pairs }),
        Condition::All(of) => json!({ "all": list(of, condition) }),
        Condition::Any(of) => json!({ "any": list(of, condition) }),
        Condition::Not(of) => json!({ "not": condition(of) }),
        Condition::Cesql(expression) => json!({ "cesql": expression.text() }),
        // Derived, so that whatever is added to patterns shows here without a further hand.
        Condition::Pattern(pattern) => json!({ "pattern": format!("{pattern:?}") }),
    }
}

fn pattern(pattern: &TopicPattern) -> Value {
    let level = |level: &Level| match level {
        Level::Literal(word) => word.clone(),
        Level::One => "*".to_owned(),
        Level::Rest => ">".to_owned(),
    };
    let effect = match pattern.effect {
        Effect::Includes => "",
        Effect::Excludes => "!",
    };
    Value::String(effect.to_owned() + &pattern.levels.iter().map(level).collect::<Vec<_>>().join("/"))
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "{value}");
        }
        Value::Array(items) => {
            out.push('[');
            separated(items.iter(), out, write);
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            separated(sorted(map).into_iter(), out, |(key, value), out| {
                let _ = write!(out, "{}:", Value::String(key.clone()));
                write(value, out);
            });
            out.push('}');
        }
    }
}

fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

fn separated<T>(items: impl Iterator<Item = T>, out: &mut String, each: impl Fn(T, &mut String)) {
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        each(item, out);
    }
}

//! Good documents, and what becomes of them.

use std::time::Duration;

use serde_json::json;

use super::{EVERYTHING, document, good, run, surroundings};
use crate::spec::{
    Abort, Applies, Baseline, Body, Breaker, Capability, Condition, Delivery, Effect, FailureRule, FilterPolicy,
    Isolation, Level, Limits, Malformed, Mode, ModuleRef, Phase, PolicyBreaker, Promote, RateKey, RateLimit, Retry,
    State, Unmatched, Window,
};

fn pairs(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.into(), value.into())]
}

#[test]
fn every_option_is_read() {
    let documents = good(EVERYTHING);
    let [source] = documents.sources.as_slice() else { panic!() };
    assert_eq!(source.meta.id.to_string(), "payments/orders");
    assert_eq!(source.meta.labels["acme.com/tier"], "1");
    assert_eq!(source.connector.name, "file");
    let config =
        json!({"path": "orders.jsonl", "follow": true, "envelope": {"type": "com.acme.order", "source": "/orders"}});
    assert_eq!(source.connector.config, config);
    assert_eq!(source.malformed, Malformed::Pause);
    assert_eq!(source.window, Some(Window { events: Some(2048), bytes: Some(8 << 20) }));

    let [billing, dlq] = documents.sinks.as_slice() else { panic!() };
    let delivery = Delivery {
        retry: Retry {
            max: Some(5),
            delay: Duration::from_millis(250),
            max_delay: Duration::from_mins(1),
            jitter_percent: 20,
        },
        timeout: Some(Duration::from_secs(30)),
        rate_limit: Some(RateLimit {
            events: Some(100),
            bytes: Some(1 << 20),
            per: Duration::from_secs(2),
            key: RateKey::Partitionkey,
        }),
        breaker: Breaker { failures: 3, window: Duration::from_secs(45), pause: Duration::from_secs(7) },
    };
    assert_eq!(billing.delivery, delivery);
    assert_eq!((dlq.connector.name.as_str(), &dlq.connector.config), ("memory", &json!({})));
    assert_eq!(dlq.delivery, Delivery::default());

    let [route] = documents.routes.as_slice() else { panic!() };
    assert_eq!(route.from, std::slice::from_ref(&source.meta.id));
    assert_eq!(route.to[0].sink, billing.meta.id);
    assert_eq!(route.to[0].when, Some(Condition::Exact(pairs("type", "com.acme.order"))));
    let literal = |word: &str| Level::Literal(word.into());
    assert_eq!(route.to[0].names[0].levels, [literal("orders"), literal("eu"), Level::Rest]);
    assert_eq!(route.to[0].names[1].levels, [literal("orders"), Level::One, literal("west")]);
    assert_eq!(route.unmatched, Unmatched::DeadLetter);
    assert_eq!(route.dead_letter, Some(dlq.meta.id.clone()));
    assert!(route.stamp);
}

#[test]
fn delays_of_retries_follow_each_other() {
    let check = |retry: &str, delay_ms: u64, max_delay_ms: u64| {
        let retry =
            good(&document("Sink", "s", &format!("{{memory: {{}}, retry: {{{retry}}}}}"))).sinks[0].delivery.retry;
        let found = (retry.delay, retry.max_delay);
        assert_eq!(found, (Duration::from_millis(delay_ms), Duration::from_millis(max_delay_ms)), "{retry:?}");
    };
    check("", 100, 10_000);
    check("delay: 1m", 60_000, 60_000);
    check("maxDelay: 50ms", 50, 50);
    check("delay: 2s, backoff: exponential", 2_000, 10_000);
    check("delay: 2s, backoff: constant", 2_000, 2_000);
    check("backoff: constant", 100, 100);
}

#[test]
fn every_option_of_a_policy_is_read() {
    let documents = good(EVERYTHING);
    let [_, _, mask, audit] = documents.policies.as_slice() else { panic!() };
    let (module, audits) = (mask.wasm().unwrap(), audit.wasm().unwrap());
    assert_eq!(mask.applies, Applies::Routes(vec![documents.routes[0].meta.id.clone()]));
    assert_eq!(mask.matches.len(), 2);
    let topics: Vec<_> = mask.matches[0].topics.iter().map(|topic| (topic.effect, topic.levels.len())).collect();
    assert_eq!(topics, [(Effect::Includes, 4), (Effect::Excludes, 3)]);
    assert!(mask.matches[1].topics.is_empty());
    assert_eq!(mask.matches[0].filters[0], Condition::Prefix(pairs("type", "com.acme.")));
    let Condition::Any(any) = &mask.matches[0].filters[1] else { panic!() };
    let Condition::All(all) = &any[1] else { panic!() };
    assert_eq!(all[1], Condition::Not(Box::new(Condition::Exact(pairs("id", "1")))));
    assert_eq!((mask.phase, mask.priority, mask.mode), (Phase::Transform, -100, Mode::Disabled));
    assert_eq!(module.module, ModuleRef::File("masks/mask.wasm".into()));
    assert_eq!(module.digest.as_deref().map(str::len), Some(71));
    assert_eq!(module.config, json!({"fields": ["card", {"deep": 1.5}], "on": true, "none": null}));
    assert_eq!(module.capabilities, [Capability::Log, Capability::State]);
    assert_eq!((module.may_write.attributes.join(","), module.may_write.data), ("subject,x*".into(), true));
    assert_eq!((module.may_emit, module.isolation), (4, Isolation::Batch));
    let limits = Limits { timeout: Duration::from_secs(1), memory: 128 << 20, max_event_bytes: 16 << 20 };
    assert_eq!(mask.limits, limits);
    let ttl = Some(Duration::from_secs(36 * 60 * 60));
    assert_eq!(mask.state, State { max_bytes: 32 << 20, ttl });
    let failure = [mask.failure.on_trap, mask.failure.on_timeout, mask.failure.on_reject];
    assert_eq!(failure, [FailureRule::DeadLetter, FailureRule::Retry, FailureRule::Drop]);
    let (window, pause) = (Duration::from_mins(2), Duration::from_secs(30));
    let breaker = PolicyBreaker { failures: 9, window, pause, then: FailureRule::Bypass };
    assert_eq!(mask.failure.breaker, Some(breaker));

    let rollout = mask.rollout.as_ref().unwrap();
    assert_eq!((rollout.percent, rollout.key.as_deref()), (15, Some("tenant")));
    let baseline = Baseline {
        digest: format!("sha256:{}", "ab".repeat(32)),
        module: Some(ModuleRef::File("masks/before.wasm".into())),
        config: Some(json!({"fields": []})),
    };
    assert_eq!(rollout.baseline, baseline);
    let (latency, window) = (Some(Duration::from_millis(8)), Duration::from_secs(90));
    let abort = Abort { error_ratio: 0.02, divergence: Some(0.25), latency, min_events: 500, window };
    assert_eq!(rollout.abort, abort);
    let promote = Promote { after: Duration::from_secs(1_200), steps: vec![20, 40, 100], min_events: 1_000 };
    assert_eq!(rollout.promote, Some(promote));
    assert_eq!(audit.rollout, None);

    assert_eq!(audit.applies, Applies::Selector([("team".to_owned(), "billing".to_owned())].into()));
    assert!(audit.applies_to(&documents.routes[0]), "a policy of `system` is for routes of other namespaces");
    assert_eq!((audit.limits, audit.failure.breaker), (Limits::default(), None));
    assert_eq!((audits.may_emit, audits.isolation, audit.mode), (1, Isolation::Worker, Mode::Enforce));
    assert_eq!((&audits.config, audits.capabilities.len(), audits.may_write.data), (&json!({}), 0, false));
}

#[test]
fn a_policy_may_decide_without_a_module() {
    let documents = good(EVERYTHING);
    let [known, large, ..] = documents.policies.as_slice() else { panic!() };
    let rule = |policy: &FilterPolicy| match &policy.body {
        Body::Condition(rule) => rule.clone(),
        Body::Wasm(_) => panic!("{}", policy.meta.id),
    };
    assert!(known.wasm().is_none() && !known.is_granted(Capability::State));
    assert_eq!((rule(known).dialect(), rule(known).text.as_str()), ("cesql", "EXISTS sorce AND sorce <> 'test'"));
    assert_eq!((known.matches[0].topics.len(), known.matches[0].filters.len()), (1, 0));
    assert_eq!((known.failure.on_trap, known.failure.on_reject), (FailureRule::Retry, FailureRule::DeadLetter));
    assert_eq!(
        (rule(large).dialect(), rule(large).text.as_str()),
        ("pattern", r#"{"data":{"total":[{"numeric":[">",100]}]}}"#)
    );
    let same = good(&EVERYTHING.replace("  cesql: EXISTS", "  sql: EXISTS"));
    assert_eq!(same.fingerprint_input(), documents.fingerprint_input());
}

#[test]
fn json_is_read_too() {
    let text = r#"{
	"apiVersion": "tidegate.dev/v1alpha1",
	"kind": "Sink",
	"metadata": {"name": "out", "labels": {}},
	"spec": {"file": {"path": "a\/b \u00e9\t\"c\".jsonl", "follow": false}, "retry": {"max": 3}}
}"#;
    let documents = good(text);
    assert_eq!(documents.sinks[0].connector.config["path"], json!("a/b é\t\"c\".jsonl"));
    assert_eq!(documents.sinks[0].delivery.retry.max, Some(3));
    let minified: String = text.lines().map(str::trim).collect();
    assert_eq!(good(&minified).fingerprint_input(), documents.fingerprint_input());
}

#[test]
fn json_escapes_reach_beyond_the_basic_plane() {
    let text = r#"{"apiVersion": "tidegate.dev/v1alpha1", "kind": "Sink", "metadata": {"name": "out"},
        "spec": {"memory": {"a": "\ud83d\uDE00!", "b": "\\ud83d\\ude00", "c": "\u00e9\""}}}"#;
    let config = &good(text).sinks[0].connector.config;
    assert_eq!(*config, json!({"a": "😀!", "b": "\\ud83d\\ude00", "c": "é\""}));
    let text = document("Sink", "out", r"{memory: {a: '\ud83d\ude00', b: \ud83d\ude00}}");
    let config = &good(&text).sinks[0].connector.config;
    assert_eq!(*config, json!({"a": "\\ud83d\\ude00", "b": "\\ud83d\\ude00"}), "in YAML these are no escapes");
}

#[test]
fn nothing_is_no_mistake() {
    for text in ["", "\n", "# only a comment\n", "---\n---\n", "\u{feff}# with a byte order mark\n", "...\n"] {
        assert_eq!(good(text).fingerprint_input(), good("").fingerprint_input(), "{text:?}");
    }
}

#[test]
fn line_ends_of_any_kind_are_read() {
    let text = surroundings();
    for other in [text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
        assert_eq!(good(&other).fingerprint_input(), good(&text).fingerprint_input());
    }
}

#[test]
fn references_reach_over_files() {
    let route = document("Route", "r", "{from: [{name: in}], to: [{sink: out}]}");
    let source = document("Source", "in", "{memory: {}}");
    let sink = document("Sink", "out", "{memory: {}}");
    let documents = run(&[("a", &route), ("b", &source), ("c", &sink)], false).unwrap();
    assert_eq!(documents.routes[0].meta.places.file(), "a");
    assert_eq!(documents.sources[0].meta.places.file(), "b");
}

#[test]
fn defaults_follow_the_dead_letter_sinks_of_the_routes() {
    let policy = document("FilterPolicy", "p", "{phase: Admit, wasm: {module: file:p.wasm}}");
    let with = good(&(surroundings() + &policy));
    assert_eq!(with.policies[0].failure.on_trap, FailureRule::DeadLetter);
    assert_eq!(with.sources[0].malformed, Malformed::DeadLetter);

    let second = document("Route", "second", "{from: [{name: orders}], to: [{sink: billing}]}");
    let without = good(&(surroundings() + &policy + &second));
    assert_eq!(without.policies[0].failure.on_reject, FailureRule::Reject);
    assert_eq!(without.sources[0].malformed, Malformed::Skip);

    let alone = good(&policy);
    assert_eq!(alone.policies[0].failure.on_timeout, FailureRule::Reject);
}

#[test]
fn policies_run_by_phase_then_priority_then_name() {
    let policy =
        |name: &str, rest: &str| document("FilterPolicy", name, &format!("{{{rest}, wasm: {{module: file:p.wasm}}}}"));
    let text = surroundings()
        + &policy("d", "phase: Route")
        + &policy("c", "phase: Admit")
        + &policy("b", "phase: Admit, priority: 5")
        + &policy("a", "phase: Admit, priority: -5")
        + &policy("e", "phase: Admit, selector: {matchLabels: {no: such}}")
        + &policy("f", "phase: Admit, targetRefs: [{kind: Route, name: orders-to-billing}]");
    let documents = good(&text);
    let names: Vec<&str> = documents.policies_of(&documents.routes[0]).map(|p| &*p.meta.id.name).collect();
    assert_eq!(names, ["b", "c", "f", "a", "d"]);
}

#[test]
fn places_lead_back_into_the_text() {
    let documents = good(EVERYTHING);
    let places = &documents.policies[2].meta.places;
    let of = |pointer: &str| {
        let place = places.of(pointer).unwrap();
        let line = EVERYTHING.lines().nth(place.line - 1).unwrap();
        line.chars().skip(place.column - 1).take(place.length).collect::<String>()
    };
    assert_eq!(of("/spec/wasm/config/fields/0"), "card");
    assert_eq!(of("/spec/wasm/config/fields/1/deep"), "1.5");
    assert_eq!(of("/spec/wasm/config/fields/7"), "[card, {deep: 1.5}]", "the nearest parent");
    assert_eq!(of("/spec/wasm/config"), "{fields: [card, {deep: 1.5}], on: true, none: null}");
    assert_eq!(of("/spec/wasm"), "wasm", "of what stands below it, the key");
    assert_eq!(of("/spec/nothing/of/this"), "spec");
    let diagnostic = places.diagnostic("C100", "/spec/wasm/config/on", "it is on".into(), None);
    assert_eq!(diagnostic.line.as_deref(), EVERYTHING.lines().nth(diagnostic.place.unwrap().line - 1));
}

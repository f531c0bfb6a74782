//! The text that a generation's id is the hash of.

use proptest::prelude::*;

use super::{EVERYTHING, document, good, surroundings};

#[test]
fn it_does_not_depend_on_how_documents_are_written() {
    let sink = |spec: &str| good(&document("Sink", "a", spec)).fingerprint_input();
    let first = sink("{memory: {a: 1, b: [x, {c: 2, d: 3}]}, retry: {delay: 1s, maxDelay: 60s}}");
    assert_eq!(first, sink("{retry: {maxDelay: 1m, delay: 1000ms}, memory: {b: [\"x\", {d: 3, c: 0x2}], a: 1}}"));
    assert_eq!(
        sink("{memory: {}}"),
        sink("{memory: , retry: {delay: 100ms, maxDelay: 10s, jitter: 50}, breaker: {failures: 10}}")
    );
    let constant = sink("{memory: {}, retry: {delay: 1s, backoff: constant}}");
    assert_eq!(constant, sink("{memory: {}, retry: {delay: 1s, maxDelay: 1s}}"));
}

#[test]
fn every_change_of_meaning_shows() {
    let base = good(EVERYTHING).fingerprint_input();
    let changes = [
        ("malformed: Pause", "malformed: Skip"),
        ("malformed: Pause", "malformed: Pause\n  drain: Last"),
        ("team: billing,", "team: payments,"),
        ("path: billing.jsonl", "path: other.jsonl"),
        ("max: 5", "max: 6"),
        ("delay: 250ms", "delay: 251ms"),
        ("maxDelay: 1m", "maxDelay: 2m"),
        ("jitter: 20", "jitter: 21"),
        ("timeout: 30s", "timeout: 31s"),
        ("events: 100,", "events: 101,"),
        ("bytes: 1Mi", "bytes: 2Mi"),
        ("per: 2s", "per: 3s"),
        ("key: partitionkey", "key: none"),
        ("failures: 3", "failures: 4"),
        ("window: 45s", "window: 46s"),
        ("pause: 7s", "pause: 8s"),
        ("events: 2048", "events: 2049"),
        ("bytes: 8Mi", "bytes: 9Mi"),
        ("orders/eu/>", "orders/eu/*"),
        ("{exact: {type: com.acme.order}}", "{prefix: {type: com.acme.order}}"),
        ("unmatched: DeadLetter", "unmatched: Drop"),
        ("targetRefs: [{kind: Route, name: orders-to-billing}]", "selector: {matchLabels: {}}"),
        ("filters: [{exact: {sorce: /shop/eu}}]", "filters: [{exact: {sorce: /shop/us}}]"),
        ("phase: Transform", "phase: Validate"),
        ("priority: -100", "priority: -99"),
        ("masks/mask.wasm", "masks/mask2.wasm"),
        ("sha256:01", "sha256:11"),
        ("deep: 1.5", "deep: 1.6"),
        ("[state, log]", "[state]"),
        ("\"x*\"", "\"y*\""),
        ("data: true", "data: false"),
        ("mayEmit: 4", "mayEmit: 5"),
        ("isolation: batch", "isolation: worker"),
        ("timeout: 1s", "timeout: 2s"),
        ("memory: 128Mi", "memory: 256Mi"),
        ("maxEventBytes: 16777216", "maxEventBytes: 16777215"),
        ("maxBytes: 32Mi", "maxBytes: 33Mi"),
        ("ttl: 36h", "ttl: 37h"),
        ("onTimeout: Retry", "onTimeout: Pause"),
        ("then: Bypass", "then: Drop"),
        ("stamp: true", "stamp: false"),
        ("mode: Disabled", "mode: Enforce"),
        ("sales/*/in/>", "sales/*/in/*"),
        ("!sales/test/>", "!sales/dev/>"),
        ("match: [{topics: [sales]}]", "match: [{topics: [sale]}]"),
        ("<> 'test'", "<> 'best'"),
        ("failure: {onTrap: Retry}", "failure: {onTrap: Pause}"),
        ("[\">\", 100]", "[\">=\", 100]"),
        ("percent: 15", "percent: 16"),
        ("key: tenant", "key: subject"),
        ("sha256:ab", "sha256:bb"),
        ("masks/before.wasm", "masks/then.wasm"),
        ("{fields: []}", "{fields: [a]}"),
        ("errorRatio: 0.02", "errorRatio: 0.03"),
        ("divergence: 0.25", "divergence: 0.5"),
        ("latency: 8ms", "latency: 9ms"),
        ("minEvents: 500", "minEvents: 501"),
        ("window: 90s", "window: 91s"),
        ("after: 20m", "after: 21m"),
        ("40, 100]", "41, 100]"),
        ("minEvents: 1000", "minEvents: 1001"),
    ];
    for (from, to) in changes {
        assert!(EVERYTHING.contains(from), "{from}");
        assert_ne!(good(&EVERYTHING.replacen(from, to, 1)).fingerprint_input(), base, "{from} → {to}");
    }
}

#[test]
fn it_stays_as_it_is() {
    // A change here changes the ids of all generations everywhere: raise `FORM` with it.
    let text = document("Sink", "a", "{memory: {b: 1, a: x}}");
    insta::assert_snapshot!(good(&text).fingerprint_input(), @r#"{"form":5,"policies":[],"routes":[],"sinks":[{"config":{"a":"x","b":1},"connector":"memory","delivery":{"breaker":[10,60000,1000],"rateLimit":null,"retry":[null,100,10000,50],"timeout":null},"meta":{"id":"default/a","labels":{}}}],"sources":[]}"#);
}

proptest! {
    #[test]
    fn the_order_of_documents_does_not_matter(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        let policy = document("FilterPolicy", "p", "{phase: Admit, wasm: {module: file:p.wasm}}");
        let text = surroundings() + &policy;
        let documents: Vec<&str> = text.split("---\n").collect();
        let shuffled: Vec<&str> = order.iter().map(|&i| documents[i]).collect();
        prop_assert_eq!(good(&shuffled.join("---\n")).fingerprint_input(), good(&text).fingerprint_input());
    }
}

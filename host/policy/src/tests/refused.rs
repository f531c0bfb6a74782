//! Bad documents, and what operators are told about them.

use super::{bad, catalogue::EXACTLY, document, good, run, surroundings};

fn policy(spec: &str) -> String {
    surroundings() + &document("FilterPolicy", "p", spec)
}

/// A policy with these lines added to its `spec`.
fn with(lines: &str) -> String {
    policy(&format!("{{phase: Admit, wasm: {{module: file:p.wasm}}, {lines}}}"))
}

/// Refused with this code, and this in the answer.
#[track_caller]
fn refused(text: &str, code: &str, says: &str) {
    let shown = bad(text);
    assert!(shown.contains(&format!("[{code}]")) && shown.contains(says), "{code}, {says}:\n{shown}");
}

#[test]
fn all_mistakes_of_all_files_come_in_one_run() {
    let route = "\
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {name: r}
spec:
  from: [{nam: in}]
  to:
  - sink: oot
    when: {exact: {tpye: a}}
  unmatched: Reject
  deadletter: {sink: dlq}
";
    let broken = "\
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: other}
spec: {memory: [}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: out, labels: {a: 1}}
spec: {memory: {}, retry: {max: -1, delay: 10}}
";
    let report = run(&[("b/route.yaml", route), ("a/sinks.yaml", broken)], false).unwrap_err();
    assert_eq!(report.files(), 2);
    insta::assert_snapshot!(report.to_string());
}

#[test]
fn a_rule_alone_says_how_it_is_written() {
    for word in ["Reject", "Retry", "DeadLetter"] {
        refused(&with(&format!("failure: {word}")), "P107", &format!("failure: {{onTrap: {word}, onTimeout: {word}"));
    }
    refused(&with("failure: whatever"), "P107", "expected a mapping");
}

#[test]
fn a_source_that_nobody_reads_takes_no_address() {
    let source = |name: &str| document("Source", name, "{memory: {listen: \"127.0.0.1:8080\"}}");
    let sink = document("Sink", "out", "{memory: {}}");
    let route = |from: &str| document("Route", "r", &format!("{{from: [{from}], to: [{{sink: out}}]}}"));
    good(&(source("a") + &source("b") + &sink + &route("{name: a}")));
    refused(
        &(source("a") + &source("b") + &sink + &route("{name: a}, {name: b}")),
        "P133",
        "`default/a` listens already",
    );
}

#[test]
fn a_misspelled_attribute_reads_as_in_the_style_guide() {
    let text = "\
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {name: p}
spec:
  match:
  - filters:
    - exact: { sorce: /shop/eu }
  phase: Admit
  wasm: {module: file:p.wasm}
";
    insta::assert_snapshot!(bad(text), @"
    error[P104]: no attribute named `sorce`
      bad.yaml:7:16
      7 │     - exact: { sorce: /shop/eu }
        │                ^^^^^
    hint: did you mean `source`? To use an extension, list it under `extensions:`
    ");
}

#[test]
fn attributes_near_core_ones_must_be_listed() {
    for name in ["sorce", "soruce", "typ", "types", "subjct", "tim", "datacontenttyp", "dataschma"] {
        let condition = |rest: &str| with(&format!("match: [{{filters: [{{exact: {{{name}: a}}}}]{rest}}}]"));
        refused(&condition(""), "P104", "To use an extension, list it under `extensions:`");
        super::good(&condition(&format!(", extensions: [{name}]")));
    }
    for name in
        ["tenant", "partitionkey", "traceparent", "kid", "uid", "dataclassification", "sequence", "tier", "topic"]
    {
        super::good(&with(&format!("match: [{{filters: [{{exact: {{{name}: a}}}}]}}]")));
    }
}

#[test]
fn what_comes_later_is_said_to_come_later() {
    let cases = [
        policy("{phase: Admit, wasm: {module: \"oci:registry/mask:1\"}}"),
        policy("{phase: Admit, wasm: {module: \"https://example.com/mask.wasm\"}}"),
    ];
    for text in cases {
        let report = run(&[("x", &text)], true).unwrap_err();
        let codes: Vec<_> = report.diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(codes, ["P111"], "{report}");
    }
}

#[test]
fn a_policy_has_one_body_and_only_what_belongs_to_it() {
    for (body, code, says) in [
        ("priority: 1", "P108", "`cesql: …` or `pattern: …`, which need no module"),
        ("wasm: {module: file:p.wasm}, cesql: flag", "P127", "`cesql` beside `wasm`"),
        ("cesql: flag, sql: flag", "P127", "`sql` beside `cesql`"),
        ("pattern: {type: [a]}, cesql: flag", "P127", "`cesql` beside `pattern`"),
        ("cesql: flag AND", "P154", "expected"),
        ("cesql: LENGTH(type)", "P155", "true or false"),
        ("cesql: sorce = 'a'", "P104", "list it under `extensions:`"),
        ("cesql: 5", "P107", "a string"),
        ("pattern: {}", "P112", "says nothing"),
        ("pattern: {subject: a}", "P156", "a list"),
        ("cesql: flag, limits: {timeout: 1s}", "P165", "`limits` beside `cesql`"),
        ("sql: flag, state: {ttl: 1h}", "P165", "`state` beside `sql`"),
        ("cesql: flag, failure: {onReject: Drop}", "P165", "`onReject` beside `cesql`"),
        ("pattern: {type: [a]}, failure: {onTrap: Drop}", "P165", "`onTrap` beside `pattern`"),
        ("wasm: {module: file:p.wasm}, extensions: [sorce]", "P103", "listed in the entry of `match`"),
    ] {
        let text = policy(&format!("{{phase: Admit, {body}}}"));
        let report = run(&[("x", &text)], true).unwrap_err();
        assert_eq!(report.diagnostics.len(), 1, "{body}: {report}");
        refused(&text, code, says);
    }
    good(&policy("{phase: Admit, cesql: sorce = 'a', extensions: [sorce], failure: {onTrap: Bypass}}"));
    good(&policy("{phase: Observe, pattern: {sorce: [a]}, extensions: [sorce]}"));
}

#[test]
fn topics_are_patterns_with_something_that_fits() {
    for (topics, code, says) in [
        ("[]", "P112", "the list is empty"),
        ("[\"!a\"]", "P140", "`topics` has exceptions only"),
        ("[a//b]", "P140", "a level cannot be empty"),
        ("[\">/a\"]", "P140", "can only be the last level"),
        ("[a*]", "P140", "whole levels"),
        ("orders", "P107", "expected a list"),
    ] {
        refused(&with(&format!("match: [{{topics: {topics}}}]")), code, says);
    }
    let many = |count: usize| with(&format!("match: [{{topics: [{}]}}]", vec!["a/b"; count].join(", ")));
    refused(&many(257), "P151", "256 is the most");
    good(&many(256));
}

#[test]
fn a_breaker_of_a_policy_says_what_events_meet_meanwhile() {
    for (rest, code, says) in [
        ("failures: 0", "P110", "from 1 to 10000"),
        ("window: 10ms", "P110", "from 1s to 60m"),
        ("pause: 11m", "P110", "from 10ms to 10m"),
        ("then: Retry", "P109", "one of Pause, DeadLetter, Drop, Bypass, Reject"),
        ("the: Pause", "P103", "did you mean `then`?"),
    ] {
        refused(&with(&format!("failure: {{breaker: {{{rest}}}}}")), code, says);
    }
    super::good(&with("failure: {breaker: {}}"));
    let bare = |rest: &str| {
        let route = document("Route", "bare", "{from: [{name: orders}], to: [{sink: billing}]}");
        with(&format!("failure: {{breaker: {{{rest}}}}}")) + &route
    };
    super::good(&bare("then: Drop"));
    refused(
        &bare("then: DeadLetter"),
        "P128",
        "`then: DeadLetter`, but the route `default/bare` has no dead-letter sink",
    );
    refused(
        &(surroundings() + &document("Route", "r", "{from: [{name: orders}], to: [{sink: billing}], stamp: yes}")),
        "P107",
        "`stamp`",
    );
}

#[test]
fn a_rollout_says_from_what_to_what_and_for_how_many() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let rollout = |rest: &str| with(&format!("rollout: {{{rest}}}"));
    let whole = |rest: &str| rollout(&format!("percent: 10, baseline: '{digest}', {rest}"));
    super::good(&whole("key: source"));
    super::good(&whole("abort: {errorRatio: 1, divergence: 0}"));
    let shadow = |rest: &str| with(&format!("mode: Shadow, rollout: {{baseline: '{digest}'{rest}}}"));
    super::good(&with("mode: Shadow"));
    super::good(&shadow(""));
    for key in ["percent: 10", "key: tenant", "promote: {after: 1h, steps: [100]}", "abort: {}"] {
        refused(&shadow(&format!(", {key}")), "P127", "beside `mode: Shadow`");
    }
    super::good(&rollout(&format!("percent: 0, baseline: {{digest: '{digest}'}}")));
    for (text, code, says) in [
        (rollout("percent: 10"), "P108", "`rollout` needs the key `baseline`"),
        (rollout(&format!("baseline: '{digest}'")), "P108", "`rollout` needs the key `percent`"),
        (rollout("percent: 10, baseline: sha256:12"), "P161", "64 hex digits are needed"),
        (rollout("percent: 10, baseline: {module: file:a.wasm}"), "P108", "`baseline` needs the key `digest`"),
        (rollout(&format!("percent: 101, baseline: '{digest}'")), "P110", "from 0 to 100"),
        (rollout(&format!("percent: -1, baseline: '{digest}'")), "P110", "from 0 to 100"),
        (rollout(&format!("percent: 2.5, baseline: '{digest}'")), "P110", "from 0 to 100"),
        (whole("key: data"), "P152", "`data` is not an attribute"),
        (whole("key: partitionKey"), "P152", "did you mean `partitionkey`?"),
        (whole("keys: a"), "P103", "did you mean `key`?"),
        (whole("abort: {errorRatio: 5}"), "P110", "1 % is 0.01"),
        (whole("abort: {errorRatio: '0.1'}"), "P107", "expected a number"),
        (whole("abort: {minEvents: 0}"), "P110", "from 1 to"),
        (whole("abort: {window: 1ms}"), "P110", "from 1s to"),
        (whole("abort: {latency: 1m}"), "P110", "from 1ms to"),
        (whole("abort: {errors: 5}"), "P103", "it has the keys errorRatio"),
    ] {
        refused(&text, code, says);
    }
}

#[test]
fn a_rollout_that_promotes_itself_only_grows() {
    let from = |percent: u8, promote: &str| {
        let digest = format!("sha256:{}", "0".repeat(64));
        with(&format!("rollout: {{percent: {percent}, baseline: '{digest}', promote: {promote}}}"))
    };
    let steps = |percent: u8, steps: &str| from(percent, &format!("{{after: 10m, steps: {steps}}}"));
    for (percent, good) in [(10, "[10, 25, 50, 100]"), (5, "[10, 25]"), (1, "[100]"), (100, "[100]"), (99, "[99, 100]")]
    {
        super::good(&steps(percent, good));
    }
    super::good(&from(10, "{after: 30d, steps: [100], minEvents: 1}"));
    let many = format!("{:?}", (10..=30).collect::<Vec<u8>>());
    for (text, code, says) in [
        (steps(10, "[10, 50, 25, 100]"), "P171", "`steps` goes from 50 to 25"),
        (steps(10, "[10, 50, 50]"), "P171", "no key goes back"),
        (steps(30, "[10, 50, 100]"), "P171", "`percent: 30` is beyond the first step, 10"),
        (steps(0, "[10, 100]"), "P171", "begin with 1 at least"),
        (steps(10, "[10]"), "P171", "ends where it begins, with 10"),
        (steps(10, "[10, 101]"), "P110", "from 1 to 100"),
        (steps(10, "[0, 10]"), "P110", "from 1 to 100"),
        (steps(10, "[12.5, 50]"), "P110", "from 1 to 100"),
        (steps(10, "[ten, 50]"), "P107", "expected a number"),
        (steps(10, "50"), "P107", "expected a list"),
        (steps(10, "[]"), "P112", "the list is empty"),
        (steps(10, &many), "P110", "`steps` has 21 entries"),
        (from(10, "{steps: [100]}"), "P108", "`promote` needs the key `after`"),
        (from(10, "{after: 10m}"), "P108", "`promote` needs the key `steps`"),
        (from(10, "{after: 999ms, steps: [100]}"), "P110", "from 1s to 30d"),
        (from(10, "{after: 10, steps: [100]}"), "P110", "did you mean `10ms`?"),
        (from(10, "{after: 1m, steps: [100], minEvents: 0}"), "P110", "from 1 to"),
        (from(10, "{after: 1m, step: [100]}"), "P103", "did you mean `steps`?"),
        (from(10, "true"), "P107", "expected a mapping"),
    ] {
        refused(&text, code, says);
    }
}

#[test]
fn exactly_once_is_one_cluster_without_queues_and_without_state() {
    let sink = |spec: &str| EXACTLY.to_owned() + &document("Sink", "out", spec);
    good(&sink("{memory: {}}"));
    for (rest, at, says) in [
        ("{memory: {elsewhere: true}}", "elsewhere", "it is elsewhere\n"),
        ("{memory: {}, retry: {max: 3}}", "max: 3", "`retry` of the sink `out` would mean nothing"),
        ("{memory: {}, timeout: 1s}", "timeout", "`timeout` of the sink"),
        ("{memory: {}, rateLimit: {events: 1}}", "rateLimit", "`rateLimit` of the sink"),
        ("{memory: {}, breaker: {failures: 1}}", "breaker", "`breaker` of the sink"),
    ] {
        refused(&sink(rest), "P142", says);
        assert!(bad(&sink(rest)).contains(at), "{rest}");
    }
    // Named where the route names it, also as a dead letter; other sources may use the same sinks.
    let letter = sink("{memory: {}}").replace("to: [{sink: out}]", "to: [{sink: out}]\n  deadLetter: {sink: dlq}");
    refused(
        &(letter.clone() + &document("Sink", "dlq", "{file: {path: dlq.jsonl}}")),
        "P142",
        "the source `in` delivers exactly once, but the sink `dlq` is `file`",
    );
    good(&(letter + &document("Sink", "dlq", "{memory: {}}")));
    let policy = |rest: &str| {
        let wasm = "wasm: {module: file:p.wasm, capabilities: [state]}";
        sink("{memory: {}}") + &document("FilterPolicy", "p", &format!("{{phase: Admit, {wasm}, {rest}}}"))
    };
    refused(&policy("mode: Enforce"), "P142", "the policy `default/p` holds `state`");
    good(&policy("mode: Disabled"));
}

#[test]
fn how_a_sink_is_delivered_to_has_limits() {
    let sink = |rest: &str| document("Sink", "s", &format!("{{memory: {{}}, {rest}}}"));
    for (rest, code, says) in [
        ("retry: {first: 1s}", "P103", "max, backoff, delay, maxDelay, jitter"),
        ("retry: {max: 100001}", "P110", "from 0 to 100000"),
        ("retry: {delay: 2s, maxDelay: 1s}", "P110", "`delay` is longer than `maxDelay`"),
        ("retry: {delay: 61m}", "P110", "from 1ms to 60m"),
        ("retry: {backoff: linear}", "P109", "one of exponential, constant"),
        ("retry: {backoff: constant, maxDelay: 1s}", "P127", "leave it out"),
        ("retry: {jitter: 101}", "P110", "from 0 to 100"),
        ("timeout: 9ms", "P110", "from 10ms to 60m"),
        ("timeout: 30", "P110", "did you mean `30ms`?"),
        ("rateLimit: {}", "P108", "or `bytes`"),
        ("rateLimit: {per: 1s}", "P108", "`events`"),
        ("rateLimit: {event: 1}", "P103", "did you mean `events`?"),
        ("rateLimit: {events: 0}", "P110", "from 1 to 1000000000"),
        ("rateLimit: {bytes: 1MB}", "P110", "did you mean `1Mi`?"),
        ("rateLimit: {events: 1, per: 2h}", "P110", "from 1ms to 60m"),
        ("rateLimit: {events: 1, key: subject}", "P109", "one of none, partitionkey"),
        ("rateLimit: 100", "P107", "a mapping"),
        ("breaker: {failures: 0}", "P110", "from 1 to 10000"),
        ("breaker: {window: 10ms}", "P110", "from 1s to 60m"),
        ("breaker: {pause: 11m}", "P110", "from 10ms to 10m"),
        ("breaker: {open: 1s}", "P103", "failures, window, pause"),
        ("rateLimt: {events: 1}", "P103", "did you mean `rateLimit`?"),
    ] {
        let report = run(&[("x", &sink(rest))], true).unwrap_err();
        assert_eq!(report.diagnostics.len(), 1, "{rest}: {report}");
        refused(&sink(rest), code, says);
    }
    let source = |rest: &str| document("Source", "s", &format!("{{memory: {{}}, {rest}}}"));
    refused(&source("window: {events: 1023}"), "P110", "from 1024 to 262144");
    refused(&source("window: {bytes: 1Mi}"), "P110", "from 4Mi to 1Gi");
    refused(&source("window: 4096"), "P107", "a mapping");
    good(&source("window: {}"));
}

#[test]
fn what_belongs_to_a_connector_is_said_to_belong_there() {
    for (kind, key, says) in [
        ("Source", "acceptHeaders: [x]", "as in `http: {listen: …, acceptHeaders: [x-tenant]}`"),
        ("Sink", "passHeaders: [x]", "as in `http: {url: …, passHeaders: [x-tenant]}`"),
        ("Source", "envelope: none", "as in `file: {path: …, envelope: {…}}`"),
    ] {
        refused(&document(kind, "s", &format!("{{memory: {{}}, {key}}}")), "P103", says);
    }
}

#[test]
fn an_event_cannot_choose_just_any_topic() {
    let route = |target: &str| {
        let spec = format!("{{from: [{{name: orders}}], to: [{{sink: topics, {target}}}], deadLetter: {{sink: dlq}}}}");
        surroundings() + &document("Sink", "topics", "{memory: {}}") + &document("Route", "r", &spec)
    };
    good(&route("topic: bills"));
    good(&route("topic: \"bill.${subject}.${tenant}\""));
    good(&route("names: [\"orders/>\"], topic: \"${name}\""));
    good(&route("names: [\"!*/test\", \"orders/>\"], topic: \"${name}\""));
    for (target, says) in [
        ("topic: \"${subject}\"", "must begin with text"),
        ("topic: \"\"", "between 1 and 256"),
        ("topic: \"a b\"", "topics are made of"),
        ("topic: \"a.$subject\"", "begins `${attribute}`"),
        ("topic: \"a.${subject\"", "without `}`"),
        ("topic: \"a.${data}\"", "name of an attribute"),
        ("topic: \"${name}\"", "under `names:`"),
        ("names: [\"*/eu\"], topic: \"${name}\"", "begin with a word"),
    ] {
        let shown = bad(&route(target));
        assert!(shown.contains("P141") && shown.contains(says), "{target}: {shown}");
    }
    let file = surroundings()
        + &document("Sink", "f", "{file: {path: a}}")
        + &document("Route", "r", "{from: [{name: orders}], to: [{sink: f, topic: a}]}");
    assert!(bad(&file).contains("has no topics"), "{}", bad(&file));
    let without = surroundings()
        + &document("Sink", "m", "{memory: {}}")
        + &document("Route", "r", "{from: [{name: orders}], to: [{sink: m, topic: \"a.${subject}\"}]}");
    assert!(bad(&without).contains("P128"), "{}", bad(&without));
}

#[test]
fn numbers_have_limits_and_units() {
    for (line, says) in [
        ("priority: 2147483648", "from -2147483648 to 2147483647"),
        ("priority: 1.5", "whole number"),
        ("priority: high", "expected a number"),
        ("limits: {timeout: 11s}", "from 1ms to 10s"),
        ("limits: {timeout: 0ms}", "from 1ms to 10s"),
        ("limits: {timeout: 20}", "did you mean `20ms`?"),
        ("limits: {timeout: 20 ms}", "`20 ms`"),
        ("limits: {timeout: 99999999999999999999s}", "from 1ms to 10s"),
        ("limits: {memory: 2Gi}", "from 1Mi to 1Gi"),
        ("limits: {memory: 64MB}", "did you mean `64Mi`?"),
        ("limits: {memory: 64m}", "did you mean `64Mi`?"),
        ("limits: {maxEventBytes: 0}", "from 1 to 64Mi"),
        ("limits: {maxEventBytes: 65Mi}", "from 1 to 64Mi"),
        ("limits: {maxEventBytes: -1}", "from 1 to 64Mi"),
        ("limits: {maxEventBytes: .inf}", "no numbers of JSON"),
        ("state: {maxBytes: 1Ki}", "from 64Ki to 1Gi"),
        ("state: {ttl: 367d}", "from 1s to 366d"),
        ("state: {ttl: 10}", "did you mean `10ms`?"),
    ] {
        let text = with(line);
        let code = if says == "expected a number" { "P107" } else { "P110" };
        refused(&text, code, says);
    }
    refused(&with("limits: {maxEventBytes: 9Mi}"), "P163", "memory: 72Mi");
    refused(&with("state: {maxbytes: 1Mi}"), "P103", "did you mean `maxBytes`?");
    super::good(&with("limits: {timeout: 10s, memory: 1Gi, maxEventBytes: 64Mi}"));
    super::good(&with("limits: {timeout: 1ms, memory: 1Mi, maxEventBytes: 128Ki}"));
}

#[test]
fn modules_stay_in_the_folder_of_their_document() {
    let module = |path: &str| policy(&format!("{{phase: Admit, wasm: {{module: \"{path}\"}}}}"));
    for path in [
        "file:/etc/mask.wasm",
        "file:../mask.wasm",
        "file:a/../../mask.wasm",
        "file:a/..",
        "file:..",
        "file:",
        "mask.wasm",
        "file:C:/mask.wasm",
        "file:a\\\\..\\\\b",
        "file://host/mask.wasm",
        "file:a//b",
        "http://x/mask.wasm",
        "file:a\\u0000b",
    ] {
        refused(&module(path), "P160", "hint:");
    }
    for path in ["file:mask.wasm", "file:a/b/mask.wasm", "file:./mask.wasm", "file:..mask/a..wasm", "file:é.wasm"] {
        super::good(&module(path));
    }
}

#[test]
fn a_digest_is_needed_but_in_development() {
    let text = |digest: &str| policy(&format!("{{phase: Admit, wasm: {{module: file:p.wasm{digest}}}}}"));
    super::good(&text(""));
    assert!(run(&[("x", &text(""))], false).unwrap_err().to_string().contains("P161"));
    let hex = "ab".repeat(32);
    assert!(run(&[("x", &text(&format!(", digest: \"sha256:{hex}\"")))], false).is_ok());
    for digest in [
        hex.clone(),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha512:{hex}"),
    ] {
        refused(&text(&format!(", digest: \"{digest}\"")), "P161", "no digest");
    }
}

#[test]
fn references_lead_somewhere_in_their_namespace() {
    let route = |spec: &str| surroundings() + &document("Route", "r", spec);
    refused(&route("{from: [{name: order}], to: [{sink: billing}]}"), "P125", "did you mean `orders`?");
    refused(&route("{from: [{name: orders}], to: [{sink: nowhere}]}"), "P125", "the namespace has billing, dlq");
    refused(
        &route("{from: [{name: orders}], to: [{sink: billing}], deadLetter: {sink: orders}}"),
        "P125",
        "no sink named",
    );
    refused(&route("{from: [{name: ops/orders}], to: [{sink: billing}]}"), "P126", "namespace `ops`");
    refused(&route("{from: [{name: orders, namespace: ops}], to: [{sink: billing}]}"), "P126", "namespace `ops`");
    refused(&route("{from: [{name: orders}, {name: orders}], to: [{sink: billing}]}"), "P102", "given twice");
    refused(&with("targetRefs: [{kind: Route, name: orders-to-biling}]"), "P125", "did you mean `orders-to-billing`?");
    refused(&with("targetRefs: [{kind: Sink, name: billing}]"), "P109", "`kind` cannot be `Sink`");
    let elsewhere = document("Sink", "out, namespace: ops", "{memory: {}}");
    let text = route("{from: [{name: orders}], to: [{sink: out}]}") + &elsewhere;
    refused(&text, "P125", "there is one in namespace `ops`, but references stay inside a namespace");
}

#[test]
fn dead_letters_need_a_sink() {
    let bare = document("Source", "s", "{memory: {}, malformed: DeadLetter}")
        + &document("Sink", "a", "{memory: {}}")
        + &document("Route", "bare", "{from: [{name: s}], to: [{sink: a}]}");
    let shown = bad(&(bare + &with("failure: {onTrap: DeadLetter, onReject: Drop}")));
    assert_eq!(shown.matches("[P128]").count(), 2, "{shown}");
    assert!(shown.contains("`malformed: DeadLetter`, but the route `default/bare`"), "{shown}");
    assert!(shown.contains("`onTrap: DeadLetter`, but the route `default/bare`"), "{shown}");
}

#[test]
fn one_mistake_is_said_once() {
    // A document that is not YAML may be what others refer to.
    let cases = [
        (surroundings().replace("{memory: {}}\n---\napi", "{memory: {]}\n---\napi"), 2),
        (surroundings().replace("kind: Source", "kind: Sauce"), 1),
        (surroundings().replace("name: orders}\nspec", "nme: orders}\nspec"), 1),
        (surroundings().replace("deadLetter: {sink: dlq}", "deadLetter: {sink: 7}, unmatched: DeadLetter"), 1),
        (with("failure: {onTrap: DeadLetter}").replace("{sink: dlq}", "{snk: dlq}"), 1),
    ];
    for (text, mistakes) in cases {
        let report = run(&[("x", &text)], true).unwrap_err();
        assert_eq!(report.diagnostics.len(), mistakes, "{report}");
    }
}

#[test]
fn connectors_answer_for_their_configuration() {
    let text = "\
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {name: s}
spec:
  file:
    follow: true
    ~a/b: 1
  envelope: none
";
    insta::assert_snapshot!(bad(text));
    refused(&document("Source", "s", "{memory: {}, malformd: Skip}"), "P103", "did you mean `malformed`?");
    refused(&document("Source", "s", "{malformd: Skip}"), "P103", "did you mean `malformed`?");
    refused(&document("Source", "s", "{flie: {}}"), "P131", "did you mean `file`?");
    refused(&document("Source", "s", "{pulsar: {}}"), "P131", "this host has file, memory");
    refused(&document("Source", "s", "{malformed: Skip}"), "P130", "names no connector");
    refused(&document("Source", "s", "{file: orders.jsonl}"), "P107", "expected a mapping");
    refused(&document("Source", "s", "[]"), "P107", "expected a mapping");
}

#[test]
fn yaml_that_documents_do_not_use_is_refused() {
    refused("a: *b\n", "P101", "unknown anchor");
    refused("a: &b 1\nc: *b\n", "P105", "an alias");
    refused("<<: {a: 1}\n", "P105", "a merge key");
    refused("a: !!str 1\n", "P105", "a tag");
    refused("a: !secret b\n", "P105", "!secret");
    refused("%YAML 1.2\n---\na: b\n", "P105", "delete the line");
    refused("? [a]\n: b\n", "P107", "a key must be a word");
    refused("a:\n\tb: c\n", "P101", "never with tabs");
    refused("a: 1\na: 2\n", "P102", "first in line 1");
}

#[test]
fn long_lines_are_shown_around_the_mistake() {
    let text = document(
        "Sink",
        "out",
        &format!(
            "{{memory: {{a: \"{}\"}}, retri: {{max: 1}}, memory: {{b: \"{}\"}}}}",
            "é".repeat(400),
            "x".repeat(400)
        ),
    );
    insta::assert_snapshot!(bad(&text));
}

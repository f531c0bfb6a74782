//! Policies that decide without a module, topics, and what an index does to a host with many conditions: nothing that can be seen.

use tidegate_event::{Event, Form, Value};

use crate::rig::{
    Rig,
    docs::Docs,
    events::{attribute, expected, with_type},
    guests::{drops_guilty, stamp},
};

/// A policy without a module; `spec` is all of it.
fn rule(docs: Docs, name: &str, spec: &str) -> Docs {
    docs.doc("FilterPolicy", name, &format!("{{{spec}}}"))
}

fn numbered(number: usize) -> tidegate_event::EventBuilder {
    Event::builder().id(&format!("e{number}")).source("/test").ty("test.event")
}

fn with_n(number: usize) -> Event {
    let n = i32::try_from(number).expect("small");
    numbered(number).extension("n", Value::Integer(n)).build().expect("an event")
}

fn with_data(number: usize) -> Event {
    numbered(number).data(Form::Json, format!(r#"{{"n":{number}}}"#)).build().expect("an event")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expression_decides_and_its_errors_meet_the_failure_rule() {
    let mut rig = Rig::new();
    let odd = "phase: Admit, match: [{filters: [{prefix: {type: test.}}]}], cesql: n % 2 = 1";
    rig.apply(&rule(Docs::line(), "odd", odd)).await;
    rig.push("in", (0..100).map(with_n));
    // Without a number it cannot be decided; of another type it is none of the policy's business.
    rig.push("in", (100..103).map(|number| numbered(number).build().unwrap()));
    rig.push("in", [with_type(103, "other")]);
    rig.settled("in", 104).await;
    assert_eq!(rig.ids("out"), expected((0..100).filter(|number| number % 2 == 1).chain([103])));
    assert_eq!(rig.ids("dlq"), expected(100..103));
    let tally = rig.tally("main");
    let dropped: Vec<_> = tally.dropped.into_iter().collect();
    assert_eq!(dropped, [(("default/odd".into(), "not: n % 2 = 1".into()), 50)]);
    let dead: Vec<_> = tally.dead_lettered.into_iter().collect();
    assert_eq!(dead, [(("default/odd".into(), "error".into()), 3)]);
    let letter = &rig.queue("dlq").events()[0];
    let told: Vec<String> = letter.extensions().map(|(name, value)| format!("{name}={value:?}")).collect();
    assert!(told.iter().any(|told| told.contains("the event has no such attribute")), "{told:?}");
    assert!(
        tally.condition_errors.is_empty(),
        "it is a failure, not an error of a condition: {:?}",
        tally.condition_errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_rule_holds_for_an_expression() {
    for (failure, out, lost) in [("Bypass", 0..4, 0), ("Drop", 1..1, 3)] {
        let mut rig = Rig::new();
        let docs = rule(Docs::line(), "p", &format!("phase: Validate, cesql: n > 5, failure: {{onTrap: {failure}}}"));
        rig.apply(&docs).await;
        rig.push("in", (0..3).map(|number| numbered(number).build().unwrap()).chain([with_n(9)]));
        rig.settled("in", 4).await;
        let expected_out = if out.is_empty() { expected([9]) } else { expected((0..3).chain([9])) };
        assert_eq!(rig.ids("out"), expected_out, "{failure}");
        let tally = rig.tally("main");
        assert_eq!(tally.dropped_by_failure.values().sum::<u64>(), lost, "{failure}");
        assert_eq!(tally.bypassed.values().sum::<u64>(), 3 - lost, "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_decides_on_attributes_and_data() {
    let mut rig = Rig::new();
    let large = "phase: Validate, pattern: {type: [{prefix: test.}], data: {n: [{numeric: ['>=', 10]}]}}";
    rig.apply(&rule(Docs::line(), "large", large)).await;
    rig.push("in", (0..20).map(with_data));
    rig.push("in", [numbered(20).data(Form::Json, "no JSON").build().unwrap(), numbered(21).build().unwrap()]);
    rig.settled("in", 22).await;
    assert_eq!(rig.ids("out"), expected(10..20));
    let dropped: Vec<_> = rig.tally("main").dropped.into_iter().collect();
    let reason = r#"does not fit: {"data":{"n":[{"numeric":[">=",10]}]},"type":[{"prefix":"test."}]}"#;
    let [((by, why), 12)] = dropped.as_slice() else { panic!("{dropped:?}") };
    assert_eq!(&**by, "default/large");
    assert_eq!(sorted(why), sorted(reason));
}

/// The order of keys is of no meaning.
fn sorted(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters
}

/// Events are pushed while the documents change: each is decided by one generation, none twice, and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_change_while_events_flow() {
    let mut rig = Rig::new();
    let bodies = [
        "cesql: n >= 0",
        "pattern: {n: [{numeric: ['>=', 0]}]}",
        "cesql: n < 1000000, match: [{topics: ['sales/>']}]",
        "sql: EXISTS n, match: [{topics: ['>'], filters: [{cesql: n > 5}]}]",
    ];
    let mut generations = Vec::new();
    for round in 0..12 {
        let docs = rule(Docs::line(), "p", &format!("phase: Admit, {}", bodies[round % bodies.len()]));
        generations.push(rig.apply(&docs).await);
        rig.push("in", (round * 50..round * 50 + 50).map(with_n));
    }
    rig.settled("in", 600).await;
    assert_eq!(rig.ids("out"), expected(0..600));
    assert_ne!(generations[0].id, generations[1].id);
    assert_eq!(generations[0].id, generations[4].id, "the same documents are the same generation");
    let digests = |round: usize| generations[round].policies[0].digest.clone();
    assert!(digests(0).starts_with("sha256:") && digests(0) != digests(1));
    assert_eq!(
        (generations[0].policies[0].module.as_str(), generations[1].policies[0].module.as_str()),
        ("cesql", "pattern")
    );
    // What is refused changes nothing.
    let live = rig.control.current().unwrap().id.clone();
    for (body, code) in [
        ("cesql: n >", "P154"),
        ("cesql: LENGTH(type)", "P155"),
        ("pattern: {n: 5}", "P156"),
        ("cesql: n > 5, pattern: {n: [5]}", "P127"),
        ("cesql: n > 5, limits: {timeout: 1s}", "P165"),
        ("cesql: n > 5, match: [{topics: ['!a']}]", "P140"),
    ] {
        let report = rig.refused(rule(Docs::line(), "p", &format!("phase: Admit, {body}")).text()).await;
        assert!(report.to_string().contains(&format!("error[{code}]")), "{code}: {report}");
    }
    assert_eq!(rig.control.current().unwrap().id, live);
    rig.push("in", (600..610).map(with_n));
    rig.settled("in", 610).await;
    assert_eq!(rig.ids("out"), expected(0..610));
}

/// What an event came by, else its subject; and whatever else its entry says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_choose_what_a_policy_is_for() {
    let mut rig = Rig::new();
    let entry = "match: [{topics: ['orders/*/eu/>', '!orders/test/>'], filters: [{exact: {type: test.event}}], \
                 pattern: {data: {n: [{exists: true}]}}}]";
    rig.apply(&rule(Docs::line(), "none", &format!("phase: Admit, cesql: 'FALSE', {entry}"))).await;
    let on = |number: usize, subject: &str| {
        numbered(number).subject(subject).data(Form::Json, r#"{"n":1}"#).build().unwrap()
    };
    let by = |number: usize, name: &str, topic: &str| on(number, "elsewhere").with_context(&[(name, topic)]);
    rig.push(
        "in",
        [
            on(0, "orders/7/eu/x"),
            on(1, "orders/7/eu"),
            on(2, "orders/test/eu/x"),
            by(3, "topic", "orders.7.eu.x.y"),
            by(4, "topic", "orders.test.eu.x"),
            by(5, "subject", "orders.7.eu.x"),
            // What it came by counts, whatever it says of itself.
            on(6, "orders/7/eu/x").with_context(&[("topic", "bills")]),
            // The topic alone is not enough.
            numbered(7).subject("orders/7/eu/x").build().unwrap(),
            numbered(8).data(Form::Json, r#"{"n":1}"#).build().unwrap(),
        ],
    );
    rig.settled("in", 9).await;
    assert_eq!(rig.ids("out"), expected([1, 2, 4, 6, 7, 8]));
}

/// So many conditions that they are looked up: on policies before and behind a transform that changes what they look at, and on targets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_conditions_decide_as_one_would() {
    let mut rig = Rig::new();
    rig.guest("stamp.wasm", &stamp(1));
    rig.guest("drop.wasm", &drops_guilty());
    let mut docs = Docs::new().source("in").sink("dlq");
    let mut targets = vec!["{sink: rest, when: {pattern: {data: {n: [{numeric: ['>=', 90]}]}}}}".to_owned()];
    for n in 0..20 {
        docs = docs.sink(&format!("out{n}"));
        let when = match n % 2 {
            0 => format!("{{exact: {{subject: s{n}}}}}"),
            _ => format!("{{pattern: {{subject: [{{prefix: s{n}x}}], data: {{n: [{{numeric: ['<', 90]}}]}}}}}}"),
        };
        targets.push(format!("{{sink: out{n}, when: {when}}}"));
    }
    docs = docs.sink("rest").doc(
        "Route",
        "main",
        &format!("{{from: [{{name: in}}], to: [{}], deadLetter: {{sink: dlq}}}}", targets.join(", ")),
    );
    for n in 0..30 {
        // Each drops what comes by its topic; one of them also what has no data.
        docs =
            rule(docs, &format!("topic{n}"), &format!("phase: Admit, cesql: 'FALSE', match: [{{topics: ['t{n}/>']}}]"));
    }
    docs = docs.policy(
        "stamp",
        "",
        "phase: Transform, match: [{pattern: {data: {n: [{numeric: ['>=', 50]}]}}}], \
         wasm: {module: 'file:stamp.wasm', config: 'x1=7', mayWrite: {attributes: ['x*']}}",
    );
    for n in 0..30 {
        // Behind the transform: none holds for what is not stamped, and one for what is.
        let x1 = if n == 17 { "1.7".to_owned() } else { format!("{n}.0") };
        docs = rule(
            docs,
            &format!("late{n}"),
            &format!(
                "phase: Observe, match: [{{filters: [{{exact: {{x1: '{x1}'}}}}]}}], pattern: {{data: {{n: [{{anything-but: 77}}]}}}}"
            ),
        );
    }
    rig.apply(&docs).await;
    let event = |number: usize| {
        let event = numbered(number).data(Form::Json, format!(r#"{{"n":{number}}}"#));
        let event = if number.is_multiple_of(3) {
            event.subject(&format!("s{}x", number % 20))
        } else {
            event.subject(&format!("s{}", number % 20))
        };
        let event = event.build().unwrap();
        let topic = format!("t{}.a", number % 7);
        if number % 10 == 9 { event.with_context(&[("topic", &topic)]) } else { event }
    };
    rig.push("in", (0..100).map(event));
    rig.settled("in", 100).await;

    let topic_drops = |number: &usize| number % 10 == 9;
    let kept = |number: &usize| !topic_drops(number) && *number != 77;
    assert_eq!(rig.ids("rest"), expected((90..100).filter(kept)));
    for n in 0..20usize {
        let wants = |number: &usize| {
            let exact = !number.is_multiple_of(3) && number % 20 == n;
            // `s1x` begins with `s1x`, and with nothing else here.
            let prefix = number.is_multiple_of(3) && number % 20 == n && *number < 90;
            kept(number) && if n.is_multiple_of(2) { exact } else { prefix }
        };
        assert_eq!(rig.ids(&format!("out{n}")), expected((0..100).filter(wants)), "out{n}");
        for event in rig.queue(&format!("out{n}")).events() {
            let number: usize = event.id()[1..].parse().unwrap();
            assert_eq!(attribute(&event, "x1"), if number >= 50 { "1.7" } else { "" }, "e{number}");
        }
    }
    let tally = rig.tally("main");
    assert_eq!(tally.transformed, 45);
    assert_eq!(tally.dropped.values().sum::<u64>(), 11);
    assert_eq!(tally.dropped.iter().filter(|((by, _), _)| by.contains("/late")).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_conditions_are_counted_by_policy_and_sink() {
    let mut rig = Rig::new();
    let route = "{from: [{name: in}], to: [{sink: out}, {sink: more, when: {cesql: missing = 1}}]}";
    let docs = Docs::new().source("in").sink("out").sink("more").doc("Route", "main", route);
    rig.apply(&rule(docs, "p", "phase: Admit, cesql: 'FALSE', match: [{cesql: n > 5}]")).await;
    rig.push("in", (0..10).map(with_n));
    rig.push("in", (10..15).map(|number| numbered(number).build().unwrap()));
    rig.settled("in", 15).await;
    assert_eq!(rig.ids("out"), expected((0..6).chain(10..15)));
    let errors: Vec<_> = rig.tally("main").condition_errors.into_iter().collect();
    assert_eq!(errors, [("default/more".into(), 11), ("default/p".into(), 5)]);
    let live = rig.control.current().unwrap();
    let unindexed: Vec<_> =
        live.unindexed.iter().map(|found| (found.kind, &*found.name, found.pointer.as_str())).collect();
    // A comparison of numbers in SQL is nothing to look up.
    assert_eq!(unindexed, [("policy", "default/p", "/spec/match"), ("route", "default/main", "/spec/to/1/when")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_conditions_than_may_be_held_against_every_event_are_refused() {
    let mut rig = Rig::new();
    let route = "{from: [{name: in}], to: [{sink: out}]}";
    let with = |count: usize| {
        let docs = Docs::new().source("in").sink("out").doc("Route", "main", route);
        (0..count).fold(docs, |docs, n| {
            rule(
                docs,
                &format!("p{n}"),
                &format!("phase: Admit, pattern: {{n: [{{exists: true}}]}}, match: [{{cesql: n > {n}}}]"),
            )
        })
    };
    rig.apply(&with(256)).await;
    rig.push("in", (0..20).map(with_n));
    rig.settled("in", 20).await;
    assert_eq!(rig.ids("out"), expected(0..20));
    let report = rig.refused(with(257).text()).await;
    assert!(report.to_string().contains("error[C211]: 257 conditions"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_for_their_namespace_and_those_of_system_for_all() {
    let mut rig = Rig::new();
    let line = |docs: Docs, namespace: &str, team: &str| {
        let named = |name: &str| format!("{name}, namespace: {namespace}");
        let route = "{from: [{name: in}], to: [{sink: out}]}";
        docs.doc("Source", &named("in"), &format!("{{memory: {{name: in-{namespace}}}}}"))
            .doc("Sink", &named("out"), &format!("{{memory: {{name: out-{namespace}}}}}"))
            .labelled("Route", &named("main"), &format!("{{team: {team}}}"), route)
    };
    let docs = line(line(Docs::new(), "shop", "orders"), "ops", "audit");
    let docs = rule(docs, "p, namespace: shop", "phase: Admit, cesql: n <> 1");
    let docs = rule(docs, "p, namespace: ops", "phase: Admit, selector: {matchLabels: {team: orders}}, cesql: 'FALSE'");
    let docs = rule(docs, "everywhere, namespace: system", "phase: Validate, pattern: {n: [{anything-but: 2}]}");
    let docs =
        rule(docs, "some, namespace: system", "phase: Validate, selector: {matchLabels: {team: audit}}, cesql: n <> 3");
    rig.apply(&docs).await;
    for namespace in ["shop", "ops"] {
        rig.push(&format!("in-{namespace}"), (0..5).map(with_n));
        rig.settled(&format!("in-{namespace}"), 5).await;
    }
    assert_eq!(rig.ids("out-shop"), expected([0, 3, 4]));
    assert_eq!(rig.ids("out-ops"), expected([0, 1, 4]));
    // A policy of another namespace cannot name a route of this one.
    let text = rule(
        docs,
        "q, namespace: ops",
        "phase: Admit, targetRefs: [{kind: Route, name: main, namespace: shop}], cesql: 'FALSE'",
    );
    let report = rig.refused(text.text()).await;
    assert!(report.to_string().contains("error[P126]"), "{report}");
}

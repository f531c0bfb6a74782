//! The index answers as its rules would one by one.

use proptest::prelude::*;
use tidegate_event::{Event, Form};
use tidegate_policy::spec::{Bound, Case, Clause, Condition, Match, Pattern, Range, Scalar, Test};

use super::patterns::{read, with_data};
use crate::{Candidates, Index, Matcher, Version};

/// Looks everything up that can be, however few there are.
fn looking_up(matchers: &[Matcher]) -> Index {
    Index::from(0, matchers.to_vec(), [])
}

fn index(conditions: &[&str]) -> Index {
    let matchers: Vec<Matcher> =
        conditions.iter().map(|condition| Matcher::condition(Some(&read(condition)))).collect();
    looking_up(&matchers)
}

fn matches(index: &Index, event: &Event) -> Vec<u32> {
    Candidates::default().matches(index, event)
}

#[test]
fn rules_with_nothing_to_look_up_are_known() {
    let index = index(&[
        "{exact: {type: a}}",
        "{not: {exact: {type: a}}}",
        "{pattern: {subject: [{exists: true}]}}",
        "{pattern: {subject: [{wildcard: '*a*'}]}}",
        "{pattern: {subject: [{wildcard: '*a*'}], type: [{wildcard: 'b*'}]}}",
        "{cesql: n > 5}",
        "{cesql: n > 5 AND type = 'a'}",
        "{any: [{exact: {type: a}}, {not: {exact: {id: b}}}]}",
        "{cesql: \"type LIKE '%x' OR source IN ('/a', '/b')\"}",
    ]);
    assert_eq!(index.unindexed(), [1, 2, 3, 5, 7]);
    assert_eq!(index.len(), 9);
}

#[test]
fn the_rarer_of_two_keys_is_looked_up() {
    // All share the type; only one rule is held against the event, as its errors tell.
    let rules: Vec<Matcher> = (0..50)
        .map(|n| {
            Matcher::condition(Some(&read(&format!("{{cesql: type = 't' AND subject = 's{n}' AND missing = 1}}"))))
        })
        .collect();
    let index = looking_up(&rules);
    let event = Event::builder().id("1").source("/s").ty("t").subject("s7").build().unwrap();
    assert!(matches(&index, &event).is_empty());
    assert_eq!(rules.iter().map(Matcher::errors).sum::<u64>(), 1);
}

#[test]
fn many_extensions_are_found_by_walking_the_events_own() {
    let conditions: Vec<String> = (0..20).map(|n| format!("{{exact: {{ext{n}: a}}}}")).collect();
    let index = index(&conditions.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(matches(&index, &super::event("ext3=a ext17=a ext4=b other=a")), [3, 17]);
}

#[test]
fn a_claimed_principal_is_no_principal_here_either() {
    let index = index(&["{exact: {principal: p}}", "{cesql: principal = 'p'}"]);
    assert_eq!(matches(&index, &super::event("principal=p")), [1]);
    assert_eq!(matches(&index, &super::event("type=t").with_context(&[("principal", "p")])), [0]);
}

#[test]
fn data_is_found_through_arrays() {
    let index = index(&[
        "{pattern: {data: {items: {sku: [a], n: [{numeric: ['>', 1]}]}}}}",
        "{pattern: {data: {items: {sku: [{prefix: b}]}}}}",
        "{pattern: {data: [7]}}",
        "{pattern: {data: {n: [null, true]}}}",
    ]);
    assert!(index.unindexed().is_empty());
    assert_eq!(matches(&index, &with_data(r#"{"items": [{"sku": "a", "n": 2}, {"sku": "bc"}]}"#)), [0, 1]);
    assert_eq!(matches(&index, &with_data(r#"{"items": [{"sku": "a", "n": 1}, {"n": 2}]}"#)), [0u32; 0]);
    assert_eq!(matches(&index, &with_data("[6, 7]")), [2]);
    assert_eq!(matches(&index, &with_data(r#"{"n": true}"#)), [3]);
    assert_eq!(matches(&index, &with_data(r#"{"n": [1, null]}"#)), [3]);
}

#[test]
fn what_is_kept_may_be_used_for_another_index() {
    let (small, large) = (index(&["{exact: {type: a}}"]), index(&["{exact: {type: b}}", "{exact: {type: a}}"]));
    let event = super::event("type=a");
    let mut candidates = Candidates::default();
    for _ in 0..3 {
        assert_eq!(candidates.matches(&small, &event), [0]);
        assert_eq!(candidates.matches(&large, &event), [1]);
    }
}

#[test]
fn a_few_rules_are_held_against_every_event() {
    let rules = |count: usize| (0..count).map(|n| Matcher::condition(Some(&super::exact(&format!("type=t{n}")))));
    let event = super::event("type=t3");
    for count in [1, 4, 15, 16, 1_000] {
        let index = Index::new(rules(count), []);
        let expected: &[u32] = if count > 3 { &[3] } else { &[] };
        assert_eq!(matches(&index, &event), expected, "{count}");
        assert!(index.unindexed().is_empty());
        let mut candidates = Candidates::default();
        candidates.begin(&index, std::slice::from_ref(&event));
        // Looked up: nothing but what is found is ever come by.
        let first = candidates.next(&index, Version::Original, 0..u32::MAX, false);
        assert_eq!(first, Some(if count < 16 { 0 } else { 3 }), "{count}");
    }
}

fn parsed(conditions: &[&str], event: &Event) -> usize {
    let mut candidates = Candidates::default();
    candidates.matches(&index(conditions), event);
    candidates.parsed()
}

#[test]
fn the_payload_is_parsed_where_a_rule_may_hold_for_its_event_only() {
    let event = with_data(r#"{"a": 1}"#);
    // What tells them apart is in the payload; whether it is worth a look, in the attributes.
    let inside = ["{pattern: {type: [x], data: {a: [1]}}}", "{pattern: {type: [x], data: {a: [2]}}}"];
    assert_eq!(parsed(&inside, &event), 0);
    let inside = ["{pattern: {type: [t], data: {a: [1]}}}", "{pattern: {type: [t], data: {a: [2]}}}"];
    assert_eq!(parsed(&inside, &event), 1);
    assert_eq!(parsed(&["{pattern: {data: {a: [2]}}}", "{exact: {type: t}}"], &event), 1);
    assert_eq!(parsed(&["{exact: {type: t}}", "{cesql: \"subject = 'a'\"}"], &event), 0);
    // One of two: neither attributes nor payload are enough.
    assert_eq!(parsed(&["{any: [{exact: {type: x}}, {pattern: {data: {a: [1]}}}]}"], &event), 1);
}

#[test]
fn what_stays_the_same_is_not_looked_at_again() {
    let conditions = ["{pattern: {data: {a: [1]}}}", "{exact: {type: b}}", "{pattern: {data: {a: [2]}}}"];
    let (index, mut candidates) = (index(&conditions), Candidates::default());
    let events = [with_data(r#"{"a": 1}"#), with_data("no JSON"), super::event("type=b")];
    let rows = |candidates: &mut Candidates, version, rule, events: &[Event], live: &[u32]| {
        candidates.look_inside(&index, version, events, live);
        candidates.rows(&index, version, rule, events, live)
    };
    candidates.begin(&index, &events);
    assert_eq!(rows(&mut candidates, Version::Original, 0, &events, &[0, 1, 2]), [0]);
    // The second is gone, the third came twice, and the last is new.
    let changed = [events[0].clone(), events[2].clone(), events[2].clone(), with_data(r#"{"a": [2, 1]}"#)];
    candidates.follow(&index, Version::Original, 0..2, &changed, &[Some(0), Some(2), Some(2), None]);
    assert_eq!(rows(&mut candidates, Version::Changed, 0, &changed, &[0, 1, 2, 3]), [0, 3]);
    assert_eq!(rows(&mut candidates, Version::Changed, 1, &changed, &[0, 2, 3]), [2]);
    assert_eq!(rows(&mut candidates, Version::Changed, 2, &changed, &[0, 1, 2, 3]), [0u32; 0], "not asked for");
    // And once more, from what took their place.
    let last = [changed[3].clone(), super::event("type=b")];
    candidates.follow(&index, Version::Changed, 0..3, &last, &[Some(3), None]);
    assert_eq!(rows(&mut candidates, Version::Changed, 1, &last, &[0, 1]), [1]);
    assert_eq!(rows(&mut candidates, Version::Changed, 2, &last, &[0, 1]), [0]);
    // Another route begins with the batch as it came.
    candidates.rewind();
    assert_eq!(rows(&mut candidates, Version::Original, 1, &events, &[0, 1, 2]), [2]);
    assert_eq!(candidates.parsed(), 3);
}

#[test]
fn topics_are_found_by_what_they_begin_with() {
    let entry = |topics: &[&str]| {
        let topics = topics.iter().map(|topic| super::pattern(topic)).collect();
        Matcher::policy(&[Match { topics, filters: Vec::new() }])
    };
    let rules = [
        entry(&["orders/*/eu/>", "!orders/test/>"]),
        entry(&["orders/7"]),
        entry(&["*/7"]),
        entry(&[">", "!orders/>"]),
    ];
    let index = looking_up(&rules);
    assert_eq!(index.unindexed(), [2, 3]);
    let by = |name: &'static str, topic: &str| super::event("").with_context(&[(name, topic)]);
    let cases: [(Event, &[u32]); 8] = [
        (super::event("subject=orders/1/eu/x"), &[0]),
        (super::event("subject=orders/test/eu/x"), &[]),
        (super::event("subject=orders/7"), &[1, 2]),
        (super::event("subject=orders.7"), &[3]),
        (by("topic", "orders.7"), &[1, 2]),
        (by("subject", "orders.1.eu.x.y"), &[0]),
        // What it came by counts, not what it says.
        (super::event("subject=orders/7").with_context(&[("topic", "bills")]), &[3]),
        (super::event(""), &[]),
    ];
    for (event, expected) in cases {
        assert_eq!(matches(&index, &event), expected, "{event:?}");
        let one_by_one: Vec<u32> = (0..).zip(&rules).filter(|(_, rule)| rule.holds(&event)).map(|(at, _)| at).collect();
        assert_eq!(one_by_one, expected, "{event:?}");
    }
}

fn text() -> impl Strategy<Value = String> {
    "[ab]{1,3}"
}

fn test() -> impl Strategy<Value = Test> {
    let bound = || prop::option::of((-2i8..3, any::<bool>()));
    let bound = move || bound().prop_map(|b| b.map(|(at, included)| Bound { at: f64::from(at), included }));
    let leaf = prop_oneof![
        text().prop_map(|text| Test::Equal(Scalar::String(text))),
        (-2i8..3).prop_map(|n| Test::Equal(Scalar::Number(n.into()))),
        any::<bool>().prop_map(|b| Test::Equal(Scalar::Boolean(b))),
        Just(Test::Equal(Scalar::Null)),
        text().prop_map(|text| Test::Prefix(text, Case::Counts)),
        text().prop_map(|text| Test::Suffix(text, Case::Counts)),
        text().prop_map(|text| Test::Prefix(text, Case::Ignored)),
        prop::collection::vec("[ab]{0,2}", 2..4).prop_map(Test::Wildcard),
        (bound(), bound()).prop_map(|(from, to)| Test::Numeric(Range { from, to })),
        any::<bool>().prop_map(Test::Exists),
    ];
    prop_oneof![4 => leaf.clone(), 1 => prop::collection::vec(leaf, 1..3).prop_map(Test::AnythingBut)]
}

fn inside() -> impl Strategy<Value = Vec<Clause>> {
    let field = ("[xy]", prop::collection::vec(test(), 1..3)).prop_map(|(name, tests)| Clause::Field(name, tests));
    let clause = field.prop_recursive(3, 8, 2, |inner| {
        let clauses = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            ("[xy]", clauses()).prop_map(|(name, clauses)| Clause::Inside(name, clauses)),
            prop::collection::vec(clauses(), 2..3).prop_map(Clause::Or),
        ]
    });
    prop::collection::vec(clause, 1..3)
}

fn rules() -> impl Strategy<Value = Condition> {
    let attribute = ("subject|tenant|type", prop::collection::vec(test(), 1..3));
    let attribute = attribute.prop_map(|(name, tests)| Clause::Field(name, tests));
    let data = prop_oneof![
        inside().prop_map(|clauses| Clause::Inside("data".into(), clauses)),
        prop::collection::vec(test(), 1..3).prop_map(|tests| Clause::Field("data".into(), tests)),
    ];
    let pattern = prop::collection::vec(prop_oneof![attribute, data], 1..3);
    let expression = prop::sample::select(vec![
        "subject = 'a'",
        "subject IN ('a', 'b', 'ab')",
        "type LIKE 'a%' AND subject LIKE '%b'",
        "tenant = 'a' OR subject = 'b'",
        "tenant IN ('1', '-1') OR subject LIKE 'a_b'",
        "NOT EXISTS tenant",
        "tenant > 0",
        "(type = 'a' OR type = 'b') AND (subject = 'a' OR NOT EXISTS subject)",
    ]);
    prop_oneof![
        2 => super::conditions(),
        3 => pattern.prop_map(|clauses| Condition::Pattern(Pattern { clauses })),
        1 => expression.prop_map(|text| Condition::Cesql(tidegate_cesql::Expression::parse(text).unwrap())),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let json = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        (-2i8..3).prop_map(|n| n.to_string()),
        text().prop_map(|text| format!("\"{text}\"")),
    ];
    let json = json.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map("[xyz]", inner, 0..3).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    });
    let value = || prop::option::of(prop_oneof![text(), "-?[0-2]", "true|false"]);
    (text(), value(), value(), prop::option::of(json)).prop_map(|(ty, subject, tenant, data)| {
        let mut event = Event::builder().id("1").source("/s").ty(&ty);
        if let Some(subject) = subject {
            event = event.subject(&subject);
        }
        if let Some(tenant) = tenant {
            let typed =
                tenant.parse().map_or(tidegate_event::Value::String(tenant.into()), tidegate_event::Value::Integer);
            event = event.extension("tenant", typed);
        }
        if let Some(data) = data {
            event = event.data(Form::Json, data);
        }
        event.build().unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn an_index_answers_as_its_rules_do(
        rules in prop::collection::vec(rules(), 0..12),
        events in prop::collection::vec(events(), 1..6),
    ) {
        let matchers: Vec<Matcher> = rules.iter().map(|rule| Matcher::condition(Some(rule))).collect();
        let index = looking_up(&matchers);
        let mut candidates = Candidates::default();
        let holds = |rule: usize, event: &Event| matchers[rule].holds(event);
        for event in &events {
            let one_by_one: Vec<u32> = (0..).zip(0..rules.len()).filter(|(_, at)| holds(*at, event)).map(|(rule, _)| rule).collect();
            prop_assert_eq!(candidates.matches(&index, event), one_by_one, "{:?}", event);
        }
        // And all of them as one batch.
        candidates.begin(&index, &events);
        let live: Vec<u32> = (0..).take(events.len()).filter(|row| row % 3 != 2).collect();
        candidates.look_inside(&index, Version::Original, &events, &live);
        for (rule, at) in (0u32..).zip(0..rules.len()) {
            let expected: Vec<u32> = live.iter().copied().filter(|row| holds(at, &events[*row as usize])).collect();
            let met = candidates.next(&index, Version::Original, rule..rule + 1, true).is_some();
            prop_assert!(met || expected.is_empty());
            prop_assert_eq!(candidates.rows(&index, Version::Original, rule, &events, &live), expected);
        }
    }
}

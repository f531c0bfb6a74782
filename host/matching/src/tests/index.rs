//! The index answers as its rules would one by one.

use proptest::prelude::*;
use tidegate_event::{Event, Form};
use tidegate_policy::spec::{Bound, Case, Clause, Condition, Pattern, Range, Scalar, Test};

use super::patterns::{read, with_data};
use crate::{Index, Matcher, Scratch};

fn index(conditions: &[&str]) -> Index {
    Index::new(conditions.iter().map(|condition| Matcher::condition(Some(&read(condition)))))
}

fn matches(index: &Index, event: &Event) -> Vec<u32> {
    index.matches(event, &mut Scratch::default()).to_vec()
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
    let index = Index::new(rules.clone());
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
fn scratch_may_be_used_for_another_index() {
    let (small, large) = (index(&["{exact: {type: a}}"]), index(&["{exact: {type: b}}", "{exact: {type: a}}"]));
    let event = super::event("type=a");
    let mut scratch = Scratch::default();
    for _ in 0..3 {
        assert_eq!(small.matches(&event, &mut scratch), [0]);
        assert_eq!(large.matches(&event, &mut scratch), [1]);
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
        let index = Index::new(matchers.clone());
        let mut scratch = Scratch::default();
        for event in events {
            let one_by_one: Vec<u32> =
                (0..).zip(&matchers).filter(|(_, matcher)| matcher.holds(&event)).map(|(rule, _)| rule).collect();
            prop_assert_eq!(index.matches(&event, &mut scratch), one_by_one, "{:?}", event);
        }
    }
}

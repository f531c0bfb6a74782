//! Conditions that are expressions or patterns: on policies, before their module, and on targets.

use tidegate_event::{Event, Form, Value};

use crate::rig::{
    Rig,
    docs::Docs,
    events::{expected, with_type},
    guests::drops_guilty,
};

/// What a policy does not match it does not see: its module would drop most events, and drops those its expression holds for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_sees_only_what_its_expression_holds_for() {
    let mut rig = Rig::new();
    // Drops whatever has a subject.
    rig.guest("drop.wasm", &drops_guilty());
    let wanted = "match: [{cesql: \"type LIKE 'order.%' AND INT(SUBSTRING(subject, 2)) % 2 = 0\"}]";
    rig.apply(&Docs::line().policy("even", "drop.wasm", wanted)).await;
    let event = |number: usize| {
        // Every fourth has no subject, every third another type: for those the expression is an error, or false.
        let event = Event::builder().id(&format!("e{number}")).source("/s");
        let event = event.ty(if number.is_multiple_of(3) { "visit.eu" } else { "order.eu" });
        let event = if number % 4 == 3 { event } else { event.subject(&format!("s{number}")) };
        event.build().unwrap()
    };
    rig.push("in", (0..600).map(event));
    rig.settled("in", 600).await;
    let dropped = |number: &usize| !number.is_multiple_of(3) && number % 4 != 3 && number.is_multiple_of(2);
    assert_eq!(rig.ids("out"), expected((0..600).filter(|number| !dropped(number))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_chosen_by_expressions_and_patterns() {
    let mut rig = Rig::new();
    let route = "{from: [{name: in}], to: [\
        {sink: sql, when: {sql: \"n > 5 AND flag\"}}, \
        {sink: pattern, when: {pattern: {data: {items: {sku: [{prefix: a-}], n: [{numeric: ['>', 1]}]}}}}}, \
        {sink: both, when: {all: [{cesql: NOT EXISTS n}, {pattern: {type: [{anything-but: {prefix: visit}}]}}]}}]}";
    let docs = Docs::new().source("in").sink("sql").sink("pattern").sink("both").doc("Route", "main", route);
    rig.apply(&docs).await;
    let event = |number: i32| {
        let event = Event::builder().id(&format!("e{number}")).source("/s").ty("order");
        let event = event.extension("n", Value::Integer(number)).extension("flag", Value::Boolean(number % 2 == 0));
        let items = format!(r#"{{"items": [{{"sku": "b-1", "n": 9}}, {{"sku": "a-1", "n": {}}}]}}"#, number % 3);
        event.data(Form::Json, items).build().unwrap()
    };
    rig.push("in", (0..12).map(event));
    rig.push("in", (12..15).map(|number: usize| with_type(number, if number == 13 { "visit.eu" } else { "order" })));
    rig.settled("in", 15).await;
    assert_eq!(rig.ids("sql"), expected([6, 8, 10]));
    assert_eq!(rig.ids("pattern"), expected([2, 5, 8, 11]));
    assert_eq!(rig.ids("both"), expected([12, 14]));
}

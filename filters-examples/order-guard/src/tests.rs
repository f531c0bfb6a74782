use serde::Serialize;
use tidegate_guest::testing::{event, events_from_json_lines, run_filter, to_json};

use super::*;

#[derive(Serialize)]
struct Placed {
    amount: f64,
}

fn guard(config: &str, ty: &str, amount: f64) -> Verdict {
    let order = event().ty(ty).json(&Placed { amount }).build();
    run_filter::<order_guard>(config, &[order]).unwrap().remove(0)
}

#[test]
fn an_order_needs_an_amount() {
    assert_eq!(guard("{}", "com.acme.order.placed", 12.5), Verdict::Keep);
    assert_eq!(guard("{}", "com.acme.order.placed", 0.0), Verdict::drop("amount is not positive"));
    let empty = event().ty("com.acme.order.placed").build();
    assert_eq!(run_filter::<order_guard>("{}", &[empty]).unwrap(), [Verdict::reject("the event has no data")]);
}

#[test]
fn tests_are_dropped_before_anything_is_parsed() {
    assert_eq!(guard("{}", "com.acme.order.test", 12.5), Verdict::drop("test order"));
    assert_eq!(guard(r#"{"test_type": "trial"}"#, "trial", -1.0), Verdict::drop("test order"));
}

#[test]
fn a_misspelt_configuration_is_refused() {
    let refused = run_filter::<order_guard>(r#"{"test_typ": "trial"}"#, &[]).unwrap_err();
    assert!(refused.starts_with("unknown field `test_typ`"), "{refused}");
}

#[cfg(feature = "v2")]
#[test]
fn the_newer_build_has_a_limit() {
    assert_eq!(guard("{}", "com.acme.order.placed", 10_000.0), Verdict::Keep);
    assert_eq!(guard("{}", "com.acme.order.placed", 10_000.01), Verdict::drop("amount over the limit"));
    assert_eq!(guard(r#"{"limit": 5}"#, "com.acme.order.placed", 6.0), Verdict::drop("amount over the limit"));
}

#[cfg(not(feature = "v2"))]
#[test]
fn the_samples_come_out_as_expected() {
    let events = events_from_json_lines(include_str!("../events.jsonl"));
    let verdicts = run_filter::<order_guard>("{}", &events).unwrap();
    let kept: Vec<_> =
        events.iter().zip(verdicts).filter(|(_, v)| *v == Verdict::Keep).map(|(e, _)| to_json(e)).collect();
    let expected: Vec<_> = events_from_json_lines(include_str!("../expected.jsonl")).iter().map(to_json).collect();
    assert_eq!(kept, expected);
}

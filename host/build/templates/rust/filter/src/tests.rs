//! Tests without any Wasm: the function is a plain function.

use tidegate_guest::Form;
use tidegate_guest::testing::{event, run_filter};

use super::*;

fn verdict(config: &str, ty: &str, data: &str) -> Verdict {
    let order = event().ty(ty).data(Form::Json, data.as_bytes()).build();
    run_filter::<decide>(config, &[order]).unwrap().remove(0)
}

#[test]
fn orders_of_less_than_the_minimum_are_dropped() {
    let placed = "com.acme.order.placed";
    assert_eq!(verdict("{}", placed, r#"{"amount": 1}"#), Verdict::Keep);
    assert_eq!(verdict(r#"{"minimum": 10}"#, placed, r#"{"amount": 9.99}"#), Verdict::drop("below the minimum"));
}

#[test]
fn test_orders_are_dropped_before_anything_is_parsed() {
    assert_eq!(verdict("{}", "com.acme.order.test", "not JSON"), Verdict::drop("test order"));
}

#[test]
fn an_order_without_an_amount_is_rejected() {
    let rejected = Verdict::reject("the data is no order");
    assert_eq!(verdict("{}", "com.acme.order.placed", r#"{"region": "eu"}"#), rejected);
}

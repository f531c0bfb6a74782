//! Tests without any Wasm: the function is a plain function.

use tidegate_guest::testing::{event, run_matcher};
use tidegate_guest::{Form, Verdict};

use super::*;

fn names(config: &str, data: &str) -> Vec<String> {
    let order = event().data(Form::Json, data.as_bytes()).build();
    let (verdict, names) = run_matcher::<assign>(config, &[order]).unwrap().remove(0);
    assert_eq!(verdict, Verdict::Keep);
    names
}

#[test]
fn an_order_is_named_by_its_region() {
    assert_eq!(names("{}", r#"{"region": "eu"}"#), ["orders/eu"]);
    assert_eq!(names(r#"{"root": "shop"}"#, r#"{"region": "us"}"#), ["shop/us"]);
}

#[test]
fn an_order_without_a_region_gets_no_name() {
    assert!(names("{}", r#"{"amount": 7}"#).is_empty());
}

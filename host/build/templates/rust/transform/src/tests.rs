//! Tests without any Wasm: the function is a plain function.

use tidegate_guest::Form;
use tidegate_guest::testing::{event, events_from_json_lines, run_transform, to_json};

use super::*;

fn region(config: &str, data: &str) -> String {
    let order = event().data(Form::Json, data.as_bytes()).build();
    let out = run_transform::<rewrite>(config, &[order]).unwrap().remove(0).events.remove(0);
    out.extension_str("region").unwrap().to_owned()
}

#[test]
fn the_region_of_the_data_becomes_an_attribute() {
    assert_eq!(region("{}", r#"{"region": "eu", "amount": 49.9}"#), "eu");
}

#[test]
fn an_order_that_names_none_gets_the_fallback() {
    assert_eq!(region("{}", r#"{"amount": 7}"#), "none");
    assert_eq!(region(r#"{"fallback": "web"}"#, "not JSON"), "web");
}

#[test]
fn the_samples_come_out_as_expected() {
    let events = events_from_json_lines(include_str!("../events.jsonl"));
    let results = run_transform::<rewrite>("{}", &events).unwrap();
    let out: Vec<_> = results.iter().flat_map(|result| &result.events).map(to_json).collect();
    let expected: Vec<_> = events_from_json_lines(include_str!("../expected.jsonl")).iter().map(to_json).collect();
    assert_eq!(out, expected);
}

use tidegate_guest::Verdict;
use tidegate_guest::testing::{event, run_transform};

use super::*;

/// Verdict, and the data of what comes out.
fn split(config: &str, data: &str) -> (Verdict, Vec<String>) {
    let batch = event().id("b").ty("com.acme.orders").data(Form::Json, data.as_bytes()).build();
    let result = run_transform::<split_batch>(config, &[batch]).unwrap().remove(0);
    let text = |event: &Event| event.text().unwrap_or_default().to_owned();
    (result.verdict, result.events.iter().map(text).collect())
}

#[test]
fn every_item_becomes_an_event_with_its_own_bytes() {
    let (verdict, items) = split("{}", r#"[ {"a": 1.50}, "text" ,[null]]"#);
    assert_eq!(verdict, Verdict::Keep);
    assert_eq!(items, [r#"{"a": 1.50}"#, r#""text""#, "[null]"]);
}

#[test]
fn the_rest_is_inherited() {
    let batch = event().source("/shop/eu").ty("com.acme.orders").extension("tenant", "acme").data(Form::Json, b"[1,2]");
    let result = run_transform::<split_batch>(r#"{"item_type": "one"}"#, &[batch.build()]).unwrap().remove(0);
    for item in &result.events {
        assert_eq!((item.source(), item.ty(), item.extension_str("tenant")), ("/shop/eu", "one", Some("acme")));
    }
}

#[test]
fn what_is_no_list_of_the_right_length_does_not_go_on() {
    assert_eq!(split("{}", "[]"), (Verdict::drop("an empty list"), vec![]));
    assert_eq!(split("{}", "{}"), (Verdict::reject("the data is no list"), vec![]));
    assert_eq!(split("{}", "[1,"), (Verdict::reject("the data is no list"), vec![]));
    assert_eq!(split(r#"{"max_items": 2}"#, "[1,2,3]"), (Verdict::reject("more items than allowed"), vec![]));
    assert_eq!(split(r#"{"max_items": 3}"#, "[1,2,3]").1.len(), 3);
}

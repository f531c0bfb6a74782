use tidegate_guest::testing::{event, events_from_json_lines, run_matcher};
use tidegate_guest::{Form, Verdict};

use super::*;

#[test]
fn the_extension_goes_first() {
    let order = event().extension("region", "eu").data(Form::Json, br#"{"region":"us"}"#).build();
    assert_eq!(run_matcher::<route_by_region>("", &[order]).unwrap(), [(Verdict::Keep, vec!["region/eu".to_owned()])]);
}

#[test]
fn a_region_that_is_no_name_is_rejected() {
    let order = event().extension("region", "eu west").build();
    let (verdict, names) = run_matcher::<route_by_region>("", &[order]).unwrap().remove(0);
    assert!(
        matches!(&verdict, Verdict::Reject(reason) if reason.starts_with("`region/eu west` cannot be a name")),
        "{verdict:?}"
    );
    assert!(names.is_empty());
}

#[test]
fn the_samples_get_the_expected_names() {
    let events = events_from_json_lines(include_str!("../events.jsonl"));
    let results = run_matcher::<route_by_region>("", &events).unwrap();
    let out: String = events
        .iter()
        .zip(results)
        .map(|(event, (_, names))| format!("{{\"id\":{:?},\"names\":{names:?}}}\n", event.id()))
        .collect();
    assert_eq!(out, include_str!("../expected.jsonl"));
}

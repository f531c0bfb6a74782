use tidegate_guest::testing::{event, events_from_json_lines, forget, run_filter, time_passes};

use super::*;

fn decide(source: &'static str, id: &str) -> Verdict {
    let order = event().source(source).id(id).build();
    run_filter::<dedupe_window>(r#"{"window_seconds": 60}"#, &[order]).unwrap().remove(0)
}

#[test]
fn an_event_goes_through_once_in_a_window() {
    forget();
    assert_eq!(decide("/shop/eu", "1"), Verdict::Keep);
    assert_eq!(decide("/shop/eu", "1"), Verdict::drop("seen before"));
    assert_eq!(decide("/shop/us", "1"), Verdict::Keep, "another source");
    time_passes(Duration::from_secs(59));
    assert_eq!(decide("/shop/eu", "1"), Verdict::drop("seen before"), "being seen again does not prolong it");
    time_passes(Duration::from_secs(1));
    assert_eq!(decide("/shop/eu", "1"), Verdict::Keep);
}

#[test]
fn a_name_that_cannot_be_remembered_is_rejected() {
    forget();
    let long = "x".repeat(600);
    assert_eq!(decide("/shop/eu", &long), Verdict::reject("source and id are too long to remember"));
}

#[test]
fn the_samples_become_what_stands_beside_them() {
    forget();
    let events = events_from_json_lines(include_str!("../events.jsonl"));
    let verdicts = run_filter::<dedupe_window>("{}", &events).unwrap();
    let kept = verdicts.iter().filter(|verdict| **verdict == Verdict::Keep).count();
    assert_eq!((events.len(), kept), (6, include_str!("../expected.jsonl").lines().count()));
}

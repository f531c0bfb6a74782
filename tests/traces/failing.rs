//! Spans of what goes wrong, and what goes on when nobody takes any.

use std::net::TcpListener;

use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};

use super::{Recorder, attribute, folder, guarded, through, traced};
use crate::admin_api::{event_line, guilty_line};
use crate::rig::guests::Guest;
use crate::rig::host::{Start, lines};
use crate::rig::request::get;

/// What a span says is wrong: its error type, and its words; empty where nothing is.
fn wrong(span: &Span) -> (String, String) {
    let status = span.status.clone().unwrap_or_default();
    let words = if status.code() == StatusCode::Error { status.message } else { String::new() };
    (attribute(&span.attributes, "error.type"), words)
}

#[test]
fn a_policy_that_fails_is_an_error_of_its_span_and_of_the_batch() {
    let input = event_line("1") + &guilty_line("2") + &event_line("3");
    let traps = Guest::filter().guilty("unreachable");
    let (dir, recorder) = (guarded(&input, &traps, "{onTrap: Drop}"), Recorder::start());
    through(traced(dir.path(), &[], &recorder, &[]), dir.path(), 2);
    let (policies, batches) = (recorder.spans("policy "), recorder.spans("process "));
    let failed: Vec<_> = policies.iter().map(wrong).filter(|(kind, _)| !kind.is_empty()).collect();
    assert_eq!(failed, [("trap".to_owned(), "could not decide about 1 events: trap".to_owned())]);
    let failed: Vec<_> = batches.iter().map(wrong).filter(|(kind, _)| !kind.is_empty()).collect();
    assert_eq!(failed, [("trap".to_owned(), "default/guard: trap".to_owned())]);
}

#[test]
fn a_lane_that_is_held_is_an_error_of_the_batch() {
    let input = event_line("1") + &guilty_line("2") + &event_line("3");
    let traps = Guest::filter().guilty("unreachable");
    let (dir, recorder) = (guarded(&input, &traps, "{onTrap: Pause}"), Recorder::start());
    let mut host = traced(dir.path(), &[], &recorder, &[]);
    let held = host.until("a span of what is held", || {
        recorder.spans("process ").into_iter().find(|span| wrong(span).0 == "held")
    });
    assert!(wrong(&held).1.starts_with("held by default/guard: "), "{held:?}");
    assert_ne!(attribute(&held.attributes, "tidegate.events.retried"), "");
    assert!(host.stop().success());
}

/// The sum of a counter over its series, of those with these words.
fn counter(address: &str, name: &str, words: &str) -> Option<u64> {
    let text = get(address, "/metrics").ok()?.body;
    let of = |line: &&str| line.starts_with(name) && line.contains(words);
    Some(text.lines().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

#[test]
fn a_collector_that_is_down_or_never_answers_holds_no_event_and_no_host() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("its address").to_string()
    };
    // It takes connections, as far as the kernel does, and says nothing.
    let hangs = TcpListener::bind("127.0.0.1:0").expect("a port");
    let hanging = hangs.local_addr().expect("its address").to_string();
    for (address, trouble) in [(&gone, true), (&hanging, false)] {
        let input: String = (0..20_000).map(|number| super::sampled(&number.to_string())).collect();
        let dir = folder(&input, "");
        let url = format!("http://{address}");
        let env = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
            // An hour: whoever waited for that would never end.
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "10"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
        ];
        let args = ["--admin", "127.0.0.1:0"];
        let mut host = Start { env: &env, args: &args, ..Start::new(dir.path()) }.spawn();
        let admin = host.admin();
        let out = dir.path().join("out.jsonl");
        host.until("all events delivered", || (lines(&out) == 20_000).then_some(()));
        let dropped = |reason: &'static str| move |admin: &str| counter(admin, "tidegate_spans_dropped_total", reason);
        host.until("spans are dropped for the queue is full", || {
            dropped("queue full")(&admin).filter(|dropped| *dropped > 0)
        });
        if trouble {
            host.until("spans are dropped for nobody takes them", || {
                dropped("not exported")(&admin).filter(|dropped| *dropped > 0)
            });
            host.logged("spans are dropped, events are not affected", 1);
        }
        assert_eq!(counter(&admin, "tidegate_spans_exported_total", ""), Some(0));
        assert!(host.stop().success(), "{address}");
    }
}

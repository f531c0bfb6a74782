//! Traces over OTLP, of the program itself against a collector: which spans there are, what stands in them, and what happens without one.

mod failing;
mod over_http;
mod recorder;

use std::fs;
use std::path::Path;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message as _;
use tempfile::TempDir;

use self::recorder::{Recorder, attribute, count, hex, sum};
use crate::admin_api::{document, event_line, guilty_line, line};
use crate::rig::guests::{Guest, drops_guilty};
use crate::rig::host::{Host, Start, lines};
use crate::support::digest;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A folder with `in.jsonl`, and documents that lead to `out.jsonl`; `more` are further documents.
fn folder(input: &str, more: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("in.jsonl"), input).expect("write");
    fs::create_dir(dir.path().join("docs")).expect("a folder");
    fs::write(dir.path().join("docs/all.yaml"), line(dir.path()) + more).expect("write");
    dir
}

/// Puts a module beside the documents; what a policy says of it.
fn guard(dir: &Path, guest: &Guest, failure: &str) -> String {
    let module = guest.component();
    fs::write(dir.join("docs/guard.wasm"), &module).expect("write");
    let wasm = format!("{{module: 'file:guard.wasm', digest: '{}'}}", digest(&module));
    document("FilterPolicy", "guard", &format!("{{phase: Validate, wasm: {wasm}, failure: {failure}}}"))
}

/// With a guard in the line.
fn guarded(input: &str, guest: &Guest, failure: &str) -> TempDir {
    let dir = folder(input, "");
    let text = line(dir.path()) + &guard(dir.path(), guest, failure);
    fs::write(dir.path().join("docs/all.yaml"), text).expect("write");
    dir
}

/// An event that names the span that made it.
fn made_in(id: &str, parent: &str) -> String {
    event_line(id).replace("\"partitionkey\"", &format!("\"traceparent\":\"{parent}\",\"partitionkey\""))
}

fn sampled(id: &str) -> String {
    made_in(id, &format!("00-{TRACE}-{SPAN}-01"))
}

/// A host that exports to the recorder, soon; `more` are further variables.
fn traced(dir: &Path, args: &[&str], recorder: &Recorder, more: &[(&str, &str)]) -> Host {
    let url = recorder.url();
    let own = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "10")];
    let env = [&own, more].concat();
    Start { env: &env, args, ..Start::new(dir) }.spawn()
}

/// Waits until so many events are out, and stops the host: what it had to export is there then.
fn through(mut host: Host, dir: &Path, events: usize) {
    let out = dir.join("out.jsonl");
    host.until(&format!("{events} events delivered"), || (lines(&out) >= events).then_some(()));
    assert!(host.stop().success());
}

#[test]
fn a_batch_has_a_span_with_what_became_of_its_events_and_each_policy_one_below_it() {
    let input = event_line("1") + &guilty_line("2") + &event_line("3") + &guilty_line("4") + &event_line("5");
    let (dir, recorder) = (guarded(&input, &drops_guilty(), "{}"), Recorder::start());
    let variables = [
        ("OTEL_SERVICE_NAME", "gate"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=acme,authorization=Bearer%20t"),
    ];
    through(traced(dir.path(), &[], &recorder, &variables), dir.path(), 3);
    let requests = recorder.requests();
    let first = &requests[0];
    assert_eq!((first.path.as_str(), first.header("content-type")), ("/v1/traces", Some("application/x-protobuf")));
    assert_eq!((first.header("x-tenant"), first.header("authorization")), (Some("acme"), Some("Bearer t")));
    let resource = recorder.exported()[0].resource.clone().expect("a resource");
    for (key, value) in [("service.name", "gate"), ("deployment.environment.name", "test")] {
        assert_eq!(attribute(&resource.attributes, key), value, "{resource:?}");
    }
    assert_ne!(attribute(&resource.attributes, "service.version"), "");

    let batches = recorder.spans("process default/in");
    assert!(!batches.is_empty(), "no span of a batch");
    for (key, expected) in [
        ("messaging.batch.message_count", 5),
        ("tidegate.events.settled", 5),
        ("tidegate.events.delivered", 3),
        ("tidegate.events.dropped", 2),
        ("tidegate.events.dead_lettered", 0),
    ] {
        assert_eq!(sum(&batches, key), expected, "{key}: {batches:?}");
    }
    for batch in &batches {
        assert_eq!((batch.kind(), batch.parent_span_id.len()), (SpanKind::Consumer, 0));
        assert_eq!(attribute(&batch.attributes, "tidegate.source"), "default/in");
        assert_eq!(attribute(&batch.attributes, "tidegate.connector"), "file");
        assert_ne!(attribute(&batch.attributes, "tidegate.lane"), "");
        assert_ne!(attribute(&batch.attributes, "tidegate.generation"), "");
        assert!(batch.status.as_ref().is_none_or(|status| status.code() == StatusCode::Unset), "{batch:?}");
        assert!(batch.end_time_unix_nano >= batch.start_time_unix_nano);
    }
    let policies = recorder.spans("policy default/guard");
    assert_eq!(policies.len(), batches.len());
    assert_eq!((sum(&policies, "tidegate.events.asked"), sum(&policies, "tidegate.events.refused")), (5, 2));
    for policy in &policies {
        let parent = batches.iter().find(|batch| batch.span_id == policy.parent_span_id).expect("its batch");
        assert_eq!(policy.trace_id, parent.trace_id);
        assert_eq!(attribute(&policy.attributes, "tidegate.digest"), digest(&drops_guilty().component()));
        assert_eq!(attribute(&policy.attributes, "tidegate.kind"), "filter");
    }
    assert!(recorder.spans("event ").is_empty(), "events that say nothing of a trace have no span");
}

#[test]
fn an_event_that_says_it_is_sampled_has_a_span_below_the_one_that_made_it_and_stays_as_it_is() {
    let others = made_in("2", &format!("00-{TRACE}-{SPAN}-00")) + &event_line("3") + &made_in("4", "no trace");
    let input = sampled("1").replace("\"partitionkey\"", "\"tracestate\":\"a=1,b=2\",\"partitionkey\"") + &others;
    let (dir, recorder) = (folder(&input, ""), Recorder::start());
    through(traced(dir.path(), &[], &recorder, &[]), dir.path(), 4);
    let events = recorder.spans("event ");
    let [event] = &events[..] else { panic!("not one event has a span: {events:?}") };
    assert_eq!((hex(&event.trace_id).as_str(), hex(&event.parent_span_id).as_str()), (TRACE, SPAN));
    assert_eq!((event.name.as_str(), event.trace_state.as_str()), ("event default/in", "a=1,b=2"));
    for (key, value) in [
        ("cloudevents.event_id", "1"),
        ("cloudevents.event_spec_version", "1.0"),
        ("tidegate.outcome", "sent"),
        ("tidegate.route", "default/main"),
    ] {
        assert_eq!(attribute(&event.attributes, key), value, "{event:?}");
    }
    let batches = recorder.spans("process ");
    let linked = |link: &opentelemetry_proto::tonic::trace::v1::span::Link| {
        batches.iter().any(|batch| (&batch.trace_id, &batch.span_id) == (&link.trace_id, &link.span_id))
    };
    assert!(event.links.len() == 1 && linked(&event.links[0]), "{event:?}");
    assert!(batches.iter().all(|batch| hex(&batch.trace_id) != TRACE));
    // Carried on byte for byte, what is no trace too.
    assert_eq!(fs::read_to_string(dir.path().join("out.jsonl")).expect("the output"), input);
}

#[test]
fn of_a_batch_in_which_every_event_says_so_only_some_have_spans_and_the_others_are_counted() {
    let input: String = (0..100).map(|number| sampled(&number.to_string())).collect();
    let (dir, recorder) = (folder(&input, ""), Recorder::start());
    through(traced(dir.path(), &[], &recorder, &[]), dir.path(), 100);
    let (batches, events) = (recorder.spans("process "), recorder.spans("event "));
    let without = sum(&batches, "tidegate.events.without_span");
    assert_eq!(events.len() as u64 + without, 100);
    for batch in &batches {
        let of_it = |event: &&Span| event.links.iter().any(|link| link.span_id == batch.span_id);
        let spans = events.iter().filter(of_it).count() as u64;
        assert!(spans <= 32, "{spans}");
        assert_eq!(spans + count(batch, "tidegate.events.without_span"), count(batch, "messaging.batch.message_count"));
    }
    assert!(without > 0, "all in batches of a few: {}", batches.len());
}

#[test]
fn the_sampler_decides_about_everything() {
    let input = sampled("1") + &event_line("2") + &made_in("3", &format!("00-{TRACE}-{SPAN}-00"));
    // By sampler and argument: whether batches have spans, and how many events.
    for (sampler, argument, batches, events) in [
        ("parentbased_always_on", "", true, 1),
        ("parentbased_always_off", "", false, 1),
        ("parentbased_traceidratio", "0", false, 1),
        ("parentbased_traceidratio", "1", true, 2),
        ("traceidratio", "0", false, 0),
        ("always_on", "", true, 3),
        ("always_off", "", false, 0),
    ] {
        let (dir, recorder) = (folder(&input, ""), Recorder::start());
        let variables = [("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)];
        through(traced(dir.path(), &[], &recorder, &variables), dir.path(), 3);
        assert_eq!(recorder.spans("event ").len(), events, "{sampler} {argument}");
        assert_eq!(!recorder.spans("process ").is_empty(), batches, "{sampler} {argument}");
        // What is not recorded is not linked to.
        let links = recorder.spans("event ").iter().all(|event| event.links.is_empty() != batches);
        assert!(links, "{sampler} {argument}");
    }
}

#[test]
fn nothing_is_exported_where_nobody_asked_for_it() {
    let input = sampled("1") + &event_line("2");
    for variables in [
        &[("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_SERVICE_NAME", "gate")][..],
        &[("OTEL_SDK_DISABLED", "true")],
        &[("OTEL_TRACES_EXPORTER", "none")],
        // What cannot be done is told, and nothing is held by it.
        &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
    ] {
        let (dir, recorder) = (folder(&input, ""), Recorder::start());
        let url = recorder.url();
        let endpoint = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.as_str())];
        let env = if variables.len() == 1 { [&endpoint, variables].concat() } else { variables.to_vec() };
        let mut host = Start { env: &env, ..Start::new(dir.path()) }.spawn();
        let out = dir.path().join("out.jsonl");
        host.until("2 events delivered", || (lines(&out) == 2).then_some(()));
        let log = host.log();
        assert!(host.stop().success());
        assert!(recorder.requests().is_empty() && !log.contains("traces are exported"), "{variables:?}\n{log}");
        assert_eq!(log.contains("traces are off"), variables[0].1 == "grpc", "{variables:?}\n{log}");
    }
}

#[test]
fn over_tls_a_collector_is_trusted_by_the_authority_that_is_named() {
    let (recorder, certificate) = Recorder::secure();
    let dir = folder(&event_line("1"), "");
    let file = dir.path().join("ca.pem").display().to_string();
    fs::write(&file, certificate).expect("write");
    // Compressed, as it happens.
    let variables = [("OTEL_EXPORTER_OTLP_CERTIFICATE", file.as_str()), ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")];
    through(traced(dir.path(), &[], &recorder, &variables), dir.path(), 1);
    let requests = recorder.requests();
    assert!(requests.iter().any(|request| request.header("content-encoding") == Some("gzip")), "{requests:?}");

    let (stranger, _) = Recorder::secure();
    let dir = folder(&event_line("1"), "");
    let mut host = traced(dir.path(), &[], &stranger, &variables);
    host.logged("spans are dropped, events are not affected", 1);
    through(host, dir.path(), 1);
    assert!(stranger.requests().is_empty());
}

#[test]
fn what_a_collector_rejects_of_what_it_takes_is_told() {
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too old".to_owned() };
    let recorder = Recorder::saying(ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec());
    let dir = folder(&event_line("1"), "");
    let mut host = traced(dir.path(), &[], &recorder, &[]);
    host.logged("events are not affected: the collector rejects some: too old", 1);
    through(host, dir.path(), 1);
}

//! The trace of an event over HTTP: `ce-traceparent` is of the event and stays, `traceparent` is of the hop (Distributed Tracing
//! extension of CloudEvents, W3C Trace Context).

use std::fs;

use tempfile::TempDir;

use super::recorder::Request;
use super::{Recorder, SPAN, TRACE, hex, traced};
use crate::admin_api::document;
use crate::rig::host::{Host, Start};
use crate::rig::request::post;

/// Of another trace: that of the request, as an instrumented client sends it.
const HOP: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A port that nobody has for now.
fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Documents from a listener to the service; whether it passes the header of the hop on.
fn relay(service: &Recorder, passes: bool) -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let listen = format!("127.0.0.1:{}", port());
    let (accept, pass) = match passes {
        true => (", acceptHeaders: [traceparent]", ", passHeaders: [traceparent]"),
        false => ("", ""),
    };
    let text = [
        document("Source", "in", &format!("{{http: {{listen: '{listen}'{accept}}}}}")),
        document("Sink", "out", &format!("{{http: {{url: '{}/'{pass}}}}}", service.url())),
        document("Route", "main", "{from: [{name: in}], to: [{sink: out}]}"),
    ];
    fs::create_dir(dir.path().join("docs")).expect("a folder");
    fs::write(dir.path().join("docs/all.yaml"), text.concat()).expect("write");
    (dir, listen)
}

/// Sends an event in binary mode, once somebody listens.
fn send(host: &mut Host, listen: &str, id: &str, more: &[(&str, &str)]) {
    let own = [("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/s"), ("ce-type", "t")];
    let headers = [&own, more].concat();
    let answer = host.until("an answer", || post(listen, "/", &headers, "").ok());
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn received(service: &Recorder, id: &str) -> Request {
    let requests = service.requests();
    requests.iter().find(|request| request.header("ce-id") == Some(id)).expect("the event at the service").clone()
}

#[test]
fn the_service_sees_a_hop_of_the_events_trace_and_the_events_own_untouched() {
    let (service, collector) = (Recorder::start(), Recorder::start());
    for passes in [false, true] {
        let (dir, listen) = relay(&service, passes);
        let mut host = traced(dir.path(), &[], &collector, &[]);
        let own = format!("00-{TRACE}-{SPAN}-01");
        let traced = [("ce-traceparent", own.as_str()), ("ce-tracestate", "a=1"), ("traceparent", HOP)];
        let (with, without) = (format!("with-{passes}"), format!("without-{passes}"));
        send(&mut host, &listen, &with, &traced);
        // Instrumented is its client, and the event says nothing: no trace of its own, and none that is made of the request's.
        send(&mut host, &listen, &without, &[("traceparent", HOP)]);
        assert!(host.stop().success());

        let request = received(&service, &with);
        assert_eq!((request.header("ce-traceparent"), request.header("ce-tracestate")), (Some(&*own), Some("a=1")));
        let spans = collector.spans("event ");
        let span = spans.iter().find(|span| super::attribute(&span.attributes, "cloudevents.event_id") == with);
        let span = span.expect("a span of the event");
        assert_eq!((hex(&span.trace_id).as_str(), hex(&span.parent_span_id).as_str()), (TRACE, SPAN));
        let hop = format!("00-{TRACE}-{}-01", hex(&span.span_id));
        assert_eq!((request.header("traceparent"), request.header("tracestate")), (Some(&*hop), Some("a=1")));

        let request = received(&service, &without);
        assert_eq!((request.header("ce-traceparent"), request.header("traceparent")), (None, passes.then_some(HOP)));
        assert!(spans.iter().all(|span| super::attribute(&span.attributes, "cloudevents.event_id") != without));
    }
}

#[test]
fn without_tracing_no_hop_is_made_up() {
    let service = Recorder::start();
    let (dir, listen) = relay(&service, false);
    let mut host = Start::new(dir.path()).spawn();
    let own = format!("00-{TRACE}-{SPAN}-01");
    send(&mut host, &listen, "1", &[("ce-traceparent", &own), ("ce-tracestate", "a=1"), ("traceparent", HOP)]);
    assert!(host.stop().success());
    let request = received(&service, "1");
    assert_eq!((request.header("ce-traceparent"), request.header("ce-tracestate")), (Some(&*own), Some("a=1")));
    assert_eq!((request.header("traceparent"), request.header("tracestate")), (None, None));
}

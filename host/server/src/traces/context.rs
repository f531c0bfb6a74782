//! The trace an event was made in, as the Distributed Tracing extension of CloudEvents carries it: `traceparent` and `tracestate` (W3C
//! Trace Context, level 1). What is not well formed is no trace; nothing here changes an event.
//!
//! Not by the SDK's propagator: it takes ids of any length, and blanks around them.

use std::str::FromStr as _;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use tidegate_event::{Event, Value};

/// Bytes of a `tracestate` that are carried on: as many as everybody must (section 3.3.1.5).
const STATE_BYTES_MAX: usize = 512;

/// The span that made the event; `None`: it names none.
pub(super) fn of(event: &Event) -> Option<SpanContext> {
    let Some(Value::String(parent)) = event.extension("traceparent") else { return None };
    let state = match event.extension("tracestate") {
        Some(Value::String(state)) if state.len() <= STATE_BYTES_MAX => TraceState::from_str(&state).ok(),
        Some(_) | None => None,
    };
    parse(&parent, state.unwrap_or_default())
}

/// As it goes on from a span.
pub(super) fn written(context: &SpanContext) -> String {
    let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags().to_u8());
    format!("00-{trace:032x}-{span:016x}-{flags:02x}")
}

/// `VERSION-TRACE-SPAN-FLAGS`, each in lower-case hex. Later versions may have more behind that.
fn parse(parent: &str, state: TraceState) -> Option<SpanContext> {
    let mut parts = parent.split('-');
    let mut part = |digits: usize| parts.next().filter(|part| part.len() == digits && part.bytes().all(is_hex));
    let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let context = SpanContext::new(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?, flags, true, state);
    context.is_valid().then_some(context)
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn event(extensions: &[(&str, &str)]) -> Event {
        let event = Event::builder().id("1").source("/s").ty("t");
        let event = event.build().unwrap();
        event.with_extensions(extensions).unwrap()
    }

    #[test]
    fn a_parent_is_read_as_it_is_written() {
        for (flags, sampled) in [("01", true), ("00", false), ("03", true), ("fe", false)] {
            let parent = format!("00-{TRACE}-{SPAN}-{flags}");
            let found = of(&event(&[("traceparent", &parent)])).unwrap();
            assert_eq!((found.is_sampled(), found.is_remote()), (sampled, true), "{flags}");
            let flags = if sampled { "01" } else { "00" };
            assert_eq!(written(&found), format!("00-{TRACE}-{SPAN}-{flags}"));
        }
        // Of a later version what is known of it.
        assert!(of(&event(&[("traceparent", &format!("cc-{TRACE}-{SPAN}-01-what-else"))])).is_some());
    }

    #[test]
    fn what_is_not_well_formed_is_no_trace() {
        let zeros = "0".repeat(32);
        for parent in [
            "".to_owned(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{SPAN}-01 "),
        ] {
            assert!(parse(&parent, TraceState::default()).is_none(), "{parent:?}");
        }
        assert!(of(&event(&[])).is_none());
    }

    #[test]
    fn state_goes_with_it_as_far_as_it_is_one() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let long = format!("a={}", "x".repeat(STATE_BYTES_MAX));
        for (state, kept) in [("a=1,b=2", "a=1,b=2"), ("no state", ""), (long.as_str(), "")] {
            let found = of(&event(&[("traceparent", &parent), ("tracestate", state)])).unwrap();
            assert_eq!(found.trace_state().header(), kept, "{state:.20}");
        }
    }
}

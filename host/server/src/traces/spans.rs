//! Which spans there are, and what stands in them. Names come from documents only: whoever sends events cannot make new ones.
//!
//! Attributes are those of OpenTelemetry's conventions for messaging and CloudEvents where there are some, and `tidegate.…` else.

use std::{collections::BTreeMap, sync::Arc};

use opentelemetry::{
    Array, Context, KeyValue, StringValue, Value,
    trace::{Link, Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::{SdkTracer, Span};
use tidegate_connector::Settled;
use tidegate_event::Event;
use tidegate_pipeline::{
    RouteTally, Tracer,
    trace::{Asked, Carried, Decided, End, Outcome, Traced},
};

use super::{context, export::SpanCounts};

/// Events of a batch that get a span of their own, at most: who sends them says that they are sampled, and could say it of each.
const EVENTS_MAX: usize = 32;
/// Policies of a batch that get one.
const POLICIES_MAX: usize = 64;
/// Bytes of a value that a sender or a module chooses.
const VALUE_BYTES_MAX: usize = 1_024;

/// Causes that are decisions, not failures.
const DELIBERATE: [&str; 3] = ["reject", "unmatched", "malformed"];
/// What may become of an event on a route; the further behind, the worse.
const FATES: [&str; 5] = ["sent", "dropped", "dead_lettered", "rejected", "lost"];
/// What became of that which comes again.
const RETRIED: &str = "retried";

/// Makes spans of batches.
#[derive(Debug)]
pub(super) struct Spans {
    tracer: SdkTracer,
    /// Events that came without a trace are shown to the sampler, too.
    roots: bool,
    counts: Arc<SpanCounts>,
}

impl Spans {
    pub(super) fn new(tracer: SdkTracer, roots: bool, counts: Arc<SpanCounts>) -> Spans {
        Spans { tracer, roots, counts }
    }

    fn batch(&self, batch: &Decided<'_>) -> Span {
        let routes = batch.routes().map(|route| StringValue::from(route.to_string())).collect();
        let mut attributes = vec![
            KeyValue::new("messaging.operation.name", "process"),
            KeyValue::new("messaging.operation.type", "process"),
            number("messaging.batch.message_count", batch.events.len()),
            KeyValue::new("tidegate.source", batch.source().to_owned()),
            KeyValue::new("tidegate.lane", batch.lane().to_owned()),
            KeyValue::new("tidegate.generation", batch.generation().to_owned()),
            KeyValue::new("tidegate.routes", Value::Array(Array::String(routes))),
        ];
        attributes.extend(batch.connector().map(|word| KeyValue::new("tidegate.connector", word.to_owned())));
        attributes.extend(lane(batch));
        let name = format!("process {}", batch.source());
        let span = SpanBuilder::from_name(name).with_kind(SpanKind::Consumer).with_start_time(batch.began);
        self.tracer.build_with_context(span.with_attributes(attributes), &Context::new())
    }

    fn policies(&self, batch: &Decided<'_>, parent: &Span) {
        let within = Context::new().with_remote_span_context(parent.span_context().clone());
        for asked in batch.asked().take(POLICIES_MAX) {
            let span = SpanBuilder::from_name(format!("policy {}", asked.policy)).with_start_time(asked.began);
            let mut span = self.tracer.build_with_context(span.with_attributes(about(&asked)), &within);
            if let Some(cause) = asked.cause {
                span.set_attribute(KeyValue::new("error.type", cause));
                span.set_status(Status::error(format!("could not decide about {} events: {cause}", asked.failed)));
            }
            span.end_with_timestamp(asked.ended.max(asked.began));
        }
    }

    /// Spans of events, and how many more there would be.
    fn events(&self, batch: &Decided<'_>, parent: &Span) -> (Vec<EventSpan>, u64) {
        let (mut spans, mut beyond) = (Vec::new(), 0);
        for (row, event) in (0..batch.rows).zip(batch.events) {
            let origin = context::of(event);
            if origin.is_none() && !self.roots {
                continue;
            }
            if spans.len() == EVENTS_MAX {
                beyond += u64::from(origin.is_some_and(|origin| origin.is_sampled()));
                continue;
            }
            let within = origin.map_or_else(Context::new, |origin| Context::new().with_remote_span_context(origin));
            let mut builder = SpanBuilder::from_name(format!("event {}", batch.source()))
                .with_kind(SpanKind::Consumer)
                .with_start_time(batch.began);
            if parent.is_recording() {
                builder = builder.with_links(vec![Link::with_context(parent.span_context().clone())]);
            }
            let mut span = self.tracer.build_with_context(builder, &within);
            if span.is_recording() {
                span.set_attributes(described(batch, event));
                spans.push(EventSpan::new(row, span, batch.outcomes(row)));
            }
        }
        (spans, beyond)
    }
}

impl Tracer for Spans {
    fn decided(&self, batch: &Decided<'_>) -> Box<dyn Traced> {
        let mut span = self.batch(batch);
        if span.is_recording() {
            self.policies(batch, &span);
        }
        let (events, beyond) = self.events(batch, &span);
        if beyond > 0 {
            self.counts.beyond(beyond);
            span.set_attribute(KeyValue::new("tidegate.events.without_span", count(beyond)));
        }
        let held = batch.hold().map(|(by, reason)| (by.to_owned(), reason.to_owned()));
        let carried = events.iter().map(EventSpan::carried).collect();
        Box::new(Open { span: Some(span), held, events, carried })
    }
}

/// A batch on its way to its settlement.
#[derive(Debug)]
struct Open {
    /// Until it has ended.
    span: Option<Span>,
    /// Who holds the rest of it since it was decided, and why.
    held: Option<(String, String)>,
    events: Vec<EventSpan>,
    carried: Vec<Carried>,
}

impl Traced for Open {
    fn carried(&self) -> &[Carried] {
        &self.carried
    }

    fn settled(mut self: Box<Self>, end: &End<'_>) {
        let Some(mut span) = self.span.take() else { return };
        let now = opentelemetry::time::now();
        let settled = match end.outcome {
            Settled::Ack => u32::MAX,
            Settled::Nack { events, .. } => u32::try_from(events).unwrap_or(u32::MAX),
        };
        for EventSpan { row, mut span, attributes, failure } in std::mem::take(&mut self.events) {
            if row < settled {
                span.set_attributes(attributes);
                span.set_status(failure.map_or(Status::Unset, Status::error));
            } else {
                span.set_attribute(KeyValue::new("tidegate.outcome", RETRIED));
            }
            span.end_with_timestamp(now);
        }
        if !span.is_recording() {
            return;
        }
        let mut total = RouteTally::default();
        end.routes.iter().for_each(|(_, tally)| total.merge(tally));
        span.set_attributes(counted(&total));
        let held = self.held.as_ref().map(|(by, reason)| (by.as_str(), reason.as_str()));
        match (end.trouble.or(held), failed(&total)) {
            (Some((by, reason)), _) => {
                span.set_attribute(KeyValue::new("error.type", "held"));
                span.set_status(Status::error(short(&format!("held by {by}: {reason}"))));
            }
            (None, Some((by, cause))) => {
                span.set_attribute(KeyValue::new("error.type", cause.to_owned()));
                span.set_status(Status::error(format!("{by}: {cause}")));
            }
            (None, None) => {}
        }
        span.end_with_timestamp(now);
    }
}

/// A batch that is let go: what goes before it in its lane is stuck, or the host was cut short.
impl Drop for Open {
    fn drop(&mut self) {
        let events = self.events.iter_mut().map(|event| &mut event.span);
        for span in self.span.iter_mut().chain(events) {
            span.set_attribute(KeyValue::new("tidegate.outcome", RETRIED));
            span.end();
        }
    }
}

/// An event on its way.
#[derive(Debug)]
struct EventSpan {
    row: u32,
    span: Span,
    /// What became of it, if its batch is settled as it was decided.
    attributes: Vec<KeyValue>,
    failure: Option<String>,
}

impl EventSpan {
    fn new<'a>(row: u32, span: Span, outcomes: impl Iterator<Item = Outcome<'a>>) -> EventSpan {
        let badness = |outcome: &Outcome<'_>| FATES.iter().position(|fate| *fate == outcome.fate);
        let Some(worst) = outcomes.max_by_key(badness) else {
            return EventSpan { row, span, attributes: Vec::new(), failure: None };
        };
        let mut attributes = vec![KeyValue::new("tidegate.outcome", worst.fate)];
        attributes.push(KeyValue::new("tidegate.route", worst.route.to_owned()));
        attributes.extend(worst.by.map(|by| KeyValue::new("tidegate.policy", by.to_owned())));
        attributes.extend(worst.reason.map(|reason| KeyValue::new("tidegate.reason", short(reason))));
        let cause = worst.cause.filter(|cause| !DELIBERATE.contains(cause));
        attributes.extend(cause.map(|cause| KeyValue::new("error.type", cause)));
        let failure = cause.map(|cause| format!("{}: {cause}", worst.by.unwrap_or(worst.route)));
        EventSpan { row, span, attributes, failure }
    }

    fn carried(&self) -> Carried {
        let context = self.span.span_context();
        Carried { row: self.row, parent: context::written(context), state: context.trace_state().header() }
    }
}

/// What failed on some of a batch, if anything did: who, and with what.
fn failed(total: &RouteTally) -> Option<(&str, &str)> {
    let ends = [&total.dropped_by_failure, &total.bypassed, &total.rejected, &total.dead_lettered];
    let mut causes = ends.into_iter().flat_map(BTreeMap::keys).map(|(by, cause)| (&**by, &**cause));
    causes.find(|(_, cause)| !DELIBERATE.contains(cause))
}

/// What a batch came to. Of several routes the sums: an event counts once on each.
fn counted(total: &RouteTally) -> Vec<KeyValue> {
    let always = [("tidegate.events.settled", total.received), ("tidegate.events.delivered", sum(&total.delivered))];
    let some = [
        ("tidegate.events.transformed", total.transformed),
        ("tidegate.events.dropped", sum(&total.dropped)),
        ("tidegate.events.unmatched", total.unmatched),
        ("tidegate.events.lost", sum(&total.dropped_by_failure)),
        ("tidegate.events.bypassed", sum(&total.bypassed)),
        ("tidegate.events.rejected", sum(&total.rejected)),
        ("tidegate.events.dead_lettered", sum(&total.dead_lettered)),
        ("tidegate.events.malformed", total.malformed),
        ("tidegate.events.retried", total.retried),
    ];
    let some = some.into_iter().filter(|(_, events)| *events > 0);
    always.into_iter().chain(some).map(|(key, events)| KeyValue::new(key, count(events))).collect()
}

fn sum<K>(counts: &BTreeMap<K, u64>) -> u64 {
    counts.values().sum()
}

/// What is the same for all events of a lane.
fn lane(batch: &Decided<'_>) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    let system = batch.connector().filter(|word| ["kafka", "nats"].contains(word));
    attributes.extend(system.map(|word| KeyValue::new("messaging.system", word.to_owned())));
    if system == Some("kafka")
        && let Some(first) = batch.events.first()
    {
        attributes.extend(known(first, "topic", "messaging.destination.name"));
        attributes.extend(known(first, "partition", "messaging.destination.partition.id"));
    }
    attributes
}

fn described(batch: &Decided<'_>, event: &Event) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("messaging.operation.name", "process"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("cloudevents.event_id", short(event.id())),
        KeyValue::new("cloudevents.event_source", short(event.source())),
        KeyValue::new("cloudevents.event_type", short(event.ty())),
        KeyValue::new("cloudevents.event_spec_version", "1.0"),
        KeyValue::new("tidegate.source", batch.source().to_owned()),
        KeyValue::new("tidegate.lane", batch.lane().to_owned()),
        KeyValue::new("tidegate.generation", batch.generation().to_owned()),
    ];
    attributes.extend(event.subject().map(|subject| KeyValue::new("cloudevents.event_subject", short(subject))));
    attributes.extend(lane(batch));
    match batch.connector() {
        Some("kafka") => {
            let offset = event.context("offset").and_then(|offset| offset.parse::<i64>().ok());
            attributes.extend(offset.map(|offset| KeyValue::new("messaging.kafka.offset", offset)));
        }
        Some("nats") => attributes.extend(known(event, "subject", "messaging.destination.name")),
        Some(_) | None => {}
    }
    attributes
}

fn about(asked: &Asked<'_>) -> Vec<KeyValue> {
    vec![
        KeyValue::new("tidegate.policy", asked.policy.to_owned()),
        KeyValue::new("tidegate.digest", asked.digest.to_owned()),
        KeyValue::new("tidegate.kind", asked.kind),
        KeyValue::new("tidegate.route", asked.route.to_owned()),
        number("tidegate.events.asked", asked.events),
        number("tidegate.events.refused", asked.refused),
        number("tidegate.events.failed", asked.failed),
    ]
}

/// What the transport knows of an event.
fn known(event: &Event, context: &str, key: &'static str) -> Option<KeyValue> {
    event.context(context).map(|value| KeyValue::new(key, short(value)))
}

fn number(key: &'static str, count: usize) -> KeyValue {
    KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX))
}

fn count(events: u64) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}

fn short(text: &str) -> String {
    text[..text.floor_char_boundary(VALUE_BYTES_MAX)].to_owned()
}

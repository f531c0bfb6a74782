//! The attribute macros and what they make, as an author uses them: natively, through `testing`.

#![allow(clippy::unwrap_used, reason = "tests")]
#![forbid(unsafe_code)]

use serde::Deserialize;
use tidegate_guest::module::Module;
use tidegate_guest::testing::{counted, event, outputs, run_filter, run_matcher, run_transform, to_json};
use tidegate_guest::{
    DataError, Draft, Event, Form, Names, Needs, Output, Value, Verdict, counter, filter, log, matcher, transform,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    minimum: f64,
}

#[derive(Deserialize)]
struct Order {
    amount: f64,
}

#[filter(name = "guard", version = "9.1.0", config_schema = "schema.json")]
fn order_guard(event: &Event, config: &Config) -> Result<Verdict, DataError> {
    let order: Order = event.json()?;
    counter!("orders").add(1);
    log!(debug, "order of {}", order.amount);
    Ok(if order.amount < config.minimum { Verdict::drop("too small") } else { Verdict::Keep })
}

#[test]
fn a_filter_is_a_function_and_a_module() {
    let order = |amount: &str| event().data(Form::Json, format!("{{\"amount\":{amount}}}").as_bytes()).build();
    assert_eq!(order_guard(&order("3"), &Config { minimum: 5.0 }).unwrap(), Verdict::drop("too small"));
    let verdicts = run_filter::<order_guard>(r#"{"minimum": 5}"#, &[order("3"), order("5"), order("\"x\"")]).unwrap();
    assert_eq!(verdicts[..2], [Verdict::drop("too small"), Verdict::Keep]);
    assert!(matches!(&verdicts[2], Verdict::Reject(reason) if reason.starts_with("data: invalid type: string")));
    assert_eq!(counted("orders"), 3);
    assert_eq!((order_guard::NAME, order_guard::VERSION), ("guard", "9.1.0"));
    assert_eq!(order_guard::CONFIG_SCHEMA.unwrap().trim(), r#"{"type": "object"}"#);
    assert_eq!(order_guard::NEEDS, Needs::ATTRIBUTES.and(Needs::EXTENSIONS).and(Needs::DATA));
}

#[test]
fn a_wrong_configuration_is_refused_in_serdes_words() {
    let refused = |config| run_filter::<order_guard>(config, &[]).unwrap_err();
    assert_eq!(refused(r#"{"minimun": 5}"#), "unknown field `minimun`, expected `minimum`");
    assert_eq!(refused("null"), "missing field `minimum`");
    assert_eq!(run_filter::<forgetful>(r#"{"a": 1}"#, &[]).unwrap_err(), "this module takes no configuration");
}

#[filter(needs(attributes))]
fn forgetful(event: &Event) -> bool {
    event.data().is_some()
}

#[test]
fn reading_what_is_not_needed_fails_instead_of_deciding_on_nothing() {
    let full = event().data(Form::Text, b"x").build();
    assert!(forgetful(&full));
    let refused = run_filter::<forgetful>("{}", &[full]).unwrap_err();
    assert_eq!(refused, "reads data, which it did not ask for: list it in `needs(…)`");
}

fn full() -> Event<'static> {
    event()
        .id("7")
        .source("/shop")
        .ty("order")
        .subject("s")
        .time("2026-01-01T00:00:00Z")
        .datacontenttype("text/plain")
        .dataschema("urn:x")
        .extension("tenant", "acme")
        .extension("priority", 5)
        .extension("urgent", true)
        .context("key", "k")
        .context("topic", "t")
        .data(Form::Text, b"hello")
        .now_ms(1_700_000_000_000)
        .build()
}

#[test]
fn an_event_reads_as_it_was_built() {
    let event = full();
    assert_eq!((event.id(), event.source(), event.ty(), event.subject()), ("7", "/shop", "order", Some("s")));
    assert_eq!((event.datacontenttype(), event.dataschema()), (Some("text/plain"), Some("urn:x")));
    assert_eq!(event.time(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(event.extension("priority"), Some(Value::Integer(5)));
    assert_eq!(event.extension_str("priority"), Some("5"));
    assert_eq!(event.extension("urgent").and_then(Value::to_boolean), Some(true));
    assert_eq!(event.extension("prioritx"), None);
    assert_eq!(event.extensions().map(|(name, _)| name).collect::<Vec<_>>(), ["tenant", "priority", "urgent"]);
    assert_eq!(event.context("topic"), Some("t"));
    assert_eq!(event.text(), Some("hello"));
    assert_eq!(event.now_ms(), 1_700_000_000_000);
}

/// What comes out of one transform of [`full`], as JSON.
fn out(draft: Draft) -> serde_json::Value {
    to_json(&outputs(&full(), draft).events[0])
}

#[test]
fn a_patch_changes_what_it_says_and_nothing_else() {
    let before = to_json(&full());
    assert_eq!(out(full().patch()), before);
    assert_eq!(out(full().copy()), before);
    for draft in [full().patch(), full().copy()] {
        let mut expected = before.clone();
        expected["type"] = "order.seen".into();
        expected["region"] = "eu".into();
        expected["priority"] = 6.into();
        expected["data"] = serde_json::json!({"a": 1});
        let fields = expected.as_object_mut().unwrap();
        fields.remove("tenant");
        fields.remove("subject");
        let draft = draft
            .extension("region", "us")
            .set_type("order.seen")
            .extension("region", "eu")
            .remove_extension("tenant")
            .set_subject("")
            .extension("priority", 6)
            .data_json(&serde_json::json!({"a": 1}))
            .unwrap();
        assert_eq!(out(draft), expected);
    }
}

#[test]
fn a_derived_event_has_nothing_of_its_origin() {
    let expected = serde_json::json!({"specversion": "1.0", "id": "a", "source": "/b", "type": "c"});
    assert_eq!(out(full().derive("a", "/b", "c")), expected);
}

#[test]
fn context_is_changed_entry_by_entry() {
    let result = outputs(&full(), full().patch().key("other").header("x-tenant", "acme"));
    let context: Vec<_> = result.events[0].contexts().collect();
    assert_eq!(context, [("topic", "t"), ("key", "other"), ("header.x-tenant", "acme")]);
}

#[test]
fn data_is_taken_away_not_emptied() {
    assert_eq!(outputs(&full(), full().patch().remove_data()).events[0].data(), None);
    let emptied = outputs(&full(), full().patch().data_text(""));
    assert_eq!(emptied.events[0].data().map(|data| data.bytes), Some(&b""[..]));
}

#[transform]
fn split(event: &Event) -> Output {
    let unused = event.patch().set_id("unused");
    let (a, b) = (event.patch().set_id("a"), event.patch().set_id("b"));
    drop(unused);
    match event.subject() {
        Some("none") => Output::drop("nothing wanted"),
        Some("order") => [b, a].into_iter().collect(),
        _ => [a, b].into_iter().collect(),
    }
}

#[test]
fn only_what_is_returned_is_sent_in_the_order_returned() {
    let events = ["none", "order", "plain"].map(|subject| event().subject(subject).build());
    let results = run_transform::<split>("", &events).unwrap();
    let ids: Vec<Vec<&str>> = results.iter().map(|result| result.events.iter().map(Event::id).collect()).collect();
    assert_eq!(ids, [vec![], vec!["b", "a"], vec!["a", "b"]]);
    assert_eq!(results[0].verdict, Verdict::drop("nothing wanted"));
}

#[transform]
fn only_orders(event: &Event) -> Option<Draft> {
    (event.ty() == "order").then(|| event.patch())
}

#[test]
fn no_draft_is_a_drop() {
    let results = run_transform::<only_orders>("{}", &[event().build(), full()]).unwrap();
    assert_eq!(results.iter().map(|r| &r.verdict).collect::<Vec<_>>(), [&Verdict::drop(""), &Verdict::Keep]);
}

#[matcher(needs(attributes, extensions))]
fn by_tenant(event: &Event, names: &mut Names) -> Verdict {
    let Some(tenant) = event.extension_str("tenant") else { return Verdict::reject("no tenant") };
    names.join(&["tenants", tenant]);
    names.add("all");
    Verdict::Keep
}

#[test]
fn a_matcher_names_and_may_reject() {
    let results = run_matcher::<by_tenant>("{}", &[full(), event().build()]).unwrap();
    assert_eq!(results[0], (Verdict::Keep, vec!["tenants/acme".to_owned(), "all".to_owned()]));
    assert_eq!(results[1], (Verdict::reject("no tenant"), vec![]));
}

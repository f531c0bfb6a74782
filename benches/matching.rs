//! What it costs to know which of many rules hold for an event: ten thousand against a hundred, against another implementation, and
//! one rule against the event's own decoding.
//!
//! Of a hundred rules and of ten thousand the same ten hold, for every event. 40 % compare for equality, 25 % beginnings or ends, 15 %
//! numbers, 10 % are wildcards, 10 % CloudEvents SQL with something to look up.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use quamina::Quamina;
use serde_json::{Value, json};
use tidegate_benches::{
    measure::{Clock, compare},
    orders, process,
    report::Report,
};
use tidegate_cesql::Expression;
use tidegate_event::{
    Event,
    json::{self as structured, Validate},
};
use tidegate_matching::{Candidates, Index, Matcher, Version};
use tidegate_policy::spec::{Bound, Case, Clause, Condition, Pattern, Range, Scalar, Test};

/// Events that are met in turn.
const EVENTS: usize = 256;
const FEW: usize = 100;
const MANY: usize = 10_000;
/// Rules that hold for every event.
const HOLDING: usize = 10;

fn main() -> ExitCode {
    process::settle();
    let mut report = Report::from_args();
    let lines: Vec<Bytes> = (0..EVENTS).map(line).collect();
    let events: Vec<Event> = lines.iter().map(|line| structured::decode(line, Validate::Envelope).unwrap()).collect();

    report.section(
        "the rules that hold for an event, ns an event; attributes only, then the payload (1 KiB of JSON) too",
    );
    for (name, rule) in [("attributes", attribute_rule as fn(usize) -> Condition), ("payload", payload_rule)] {
        let (few, many) = (index(FEW, rule), index(MANY, rule));
        check(&many, &events);
        check(&few, &events);
        let (mut one, mut other) = (Candidates::default(), Candidates::default());
        let rounds = compare(
            Clock::Thread,
            EVENTS,
            [&mut |count| ask(&few, &events, &mut one, count), &mut |count| ask(&many, &events, &mut other, count)],
        );
        report.figure(&format!("{name}_100_rules"), rounds.ns(0), "ns/event");
        report.figure(&format!("{name}_10000_rules"), rounds.ns(1), "ns/event");
        report.ratio(&format!("matching_{name}_10000_by_100"), rounds.quotient(1, 0), 1.1);
    }

    report.section("the same on the payload alone, without CloudEvents SQL, beside quamina; ns an event");
    let ours = index(MANY, plain_rule);
    check(&ours, &events);
    let mut theirs = Quamina::<usize>::new();
    for n in 0..MANY {
        theirs.add_pattern(n, &plain_json(n).to_string()).unwrap();
    }
    let payloads: Vec<&[u8]> = events.iter().map(|event| event.data().unwrap().bytes).collect();
    for payload in &payloads {
        assert_eq!(theirs.matches_for_event(payload).unwrap().len(), HOLDING);
    }
    let mut candidates = Candidates::default();
    let rounds = compare(
        Clock::Thread,
        EVENTS,
        [&mut |count| ask(&ours, &events, &mut candidates, count), &mut |count| {
            for _ in 0..count {
                for payload in &payloads {
                    black_box(theirs.matches_for_event(black_box(payload)).unwrap());
                }
            }
        }],
    );
    report.figure("ours", rounds.ns(0), "ns/event");
    report.figure("quamina", rounds.ns(1), "ns/event");
    report.ratio("matching_by_quamina", rounds.quotient(0, 1), 1.5);

    report.section("one rule on an attribute, against decoding the event (1 KiB, structured); ns an event");
    let rule = Condition::Prefix(vec![("type".into(), orders::KEPT_PREFIX.into())]);
    let (alone, indexed) = (Matcher::condition(Some(&rule)), Index::new([Matcher::condition(Some(&rule))], []));
    let mut candidates = Candidates::default();
    let rounds = compare(
        Clock::Thread,
        EVENTS,
        [
            &mut |count| {
                for _ in 0..count {
                    for line in &lines {
                        drop(black_box(structured::decode(black_box(line), Validate::Envelope)));
                    }
                }
            },
            &mut |count| {
                for _ in 0..count {
                    for event in &events {
                        black_box(alone.holds(black_box(event)));
                    }
                }
            },
            &mut |count| ask(&indexed, &events, &mut candidates, count),
        ],
    );
    report.figure("decode", rounds.ns(0), "ns/event");
    report.figure("one_rule", rounds.ns(1), "ns/event");
    report.figure("one_rule_in_an_index", rounds.ns(2), "ns/event");
    report.ratio("one_rule_by_decode", rounds.quotient(1, 0), 0.2);
    report.ratio("one_rule_in_an_index_by_decode", rounds.quotient(2, 0), 0.2);
    report.finish()
}

/// An order with an amount besides.
fn line(n: usize) -> Bytes {
    let line = orders::line(n).replace(r#""partitionkey""#, &format!(r#""amount":{},"partitionkey""#, n * 31 % 1000));
    Bytes::from(line.trim_end().to_owned())
}

fn index(rules: usize, rule: fn(usize) -> Condition) -> Index {
    let index = Index::new((0..rules).map(|n| Matcher::condition(Some(&rule(n)))), []);
    assert!(index.unindexed().is_empty());
    index
}

fn check(index: &Index, events: &[Event]) {
    let mut candidates = Candidates::default();
    let first: Vec<u32> = (0u32..).take(HOLDING).collect();
    for event in events {
        assert_eq!(candidates.matches(index, event), first);
    }
    assert_eq!(batch(index, events, &mut candidates), HOLDING * events.len());
}

fn ask(index: &Index, events: &[Event], candidates: &mut Candidates, count: u32) {
    for _ in 0..count {
        black_box(batch(black_box(index), black_box(events), candidates));
    }
}

/// As a route does it: looked up once, then asked rule by rule. How many hold, of all events together.
fn batch(index: &Index, events: &[Event], candidates: &mut Candidates) -> usize {
    let live: Vec<u32> = (0..).take(events.len()).collect();
    let (mut holding, mut inside) = (0, false);
    let mut within = 0..u32::try_from(index.len()).unwrap();
    candidates.begin(index, events);
    while let Some(rule) = candidates.next(index, Version::Original, within.clone(), inside) {
        if !inside && Candidates::is_inside(index, rule) {
            candidates.look_inside(index, Version::Original, events, &live);
            inside = true;
            continue;
        }
        holding += candidates.rows(index, Version::Original, rule, events, &live).len();
        within.start = rule + 1;
    }
    holding
}

fn text(text: impl Into<String>) -> Test {
    Test::Equal(Scalar::String(text.into()))
}

fn pattern(clause: Clause) -> Condition {
    Condition::Pattern(Pattern { clauses: vec![clause] })
}

fn attribute(name: &str, test: Test) -> Condition {
    pattern(Clause::Field(name.into(), vec![test]))
}

fn pair(name: &str, value: impl Into<String>) -> Vec<(String, String)> {
    vec![(name.into(), value.into())]
}

fn between(from: f64, to: f64) -> Test {
    let bound = |at| Some(Bound { at, included: true });
    Test::Numeric(Range { from: bound(from), to: bound(to) })
}

fn sql(text: &str) -> Condition {
    Condition::Cesql(Expression::parse(text).unwrap())
}

/// 40 exact, 25 prefix or suffix, 15 numeric, 10 wildcard, 10 SQL of each hundred; the first ten hold.
#[derive(Clone, Copy)]
enum Share {
    Exact,
    Prefix,
    Suffix,
    Numeric,
    Wildcard,
    Sql,
}

fn share(n: usize) -> Share {
    match n % 20 {
        0..8 => Share::Exact,
        8..11 => Share::Prefix,
        11..13 => Share::Suffix,
        13..16 => Share::Numeric,
        16..18 => Share::Wildcard,
        _ => Share::Sql,
    }
}

fn attribute_rule(n: usize) -> Condition {
    match n {
        0 => Condition::Exact(pair("datacontenttype", "application/json")),
        1 => Condition::Exact(pair("specversion", "1.0")),
        2 => Condition::Any(
            ["order.placed", "order.paid", "invoice.sent", "order.shipped"]
                .map(|ty| Condition::Exact(pair("type", format!("com.acme.{ty}"))))
                .into(),
        ),
        3 => Condition::All(vec![
            Condition::Exact(pair("datacontenttype", "application/json")),
            Condition::Prefix(pair("time", "2026-03-01T12:00:")),
        ]),
        4 => Condition::Prefix(pair("source", "/shops/eu/")),
        5 => Condition::Prefix(pair("partitionkey", "customer-")),
        6 => Condition::Suffix(pair("time", "Z")),
        7 => attribute("amount", between(0.0, 1_000.0)),
        8 => attribute("subject", Test::Wildcard(vec!["orders/".into(), String::new()])),
        9 => sql("type LIKE 'com.acme.%' AND amount >= 0"),
        _ => match share(n) {
            Share::Exact => Condition::Exact(pair("subject", format!("orders/other-{n}"))),
            Share::Prefix => Condition::Prefix(pair("subject", format!("invoices/{n}"))),
            Share::Suffix => Condition::Suffix(pair("source", format!("/branch-{n}"))),
            Share::Numeric => attribute("amount", between(10_000.0 + n as f64, 10_000.5 + n as f64)),
            Share::Wildcard => attribute("subject", Test::Wildcard(vec![format!("orders/{n}x"), "y".into()])),
            Share::Sql => sql(&format!("amount > 5 AND subject = 'orders/some-{n}'")),
        },
    }
}

fn payload_rule(n: usize) -> Condition {
    match (n, share(n)) {
        (9, _) | (HOLDING.., Share::Sql) => attribute_rule(n),
        (_, _) => plain_rule(n),
    }
}

/// The field of the payload that a rule looks at, and what for.
fn plain(n: usize) -> (&'static [&'static str], Test) {
    const TIER: &[&str] = &["customer", "tier"];
    const SKU: &[&str] = &["items", "sku"];
    const ORDER: &[&str] = &["order"];
    match n {
        0 | 1 => (TIER, text("gold")),
        2 | 3 => (&["items", "quantity"], Test::Equal(Scalar::Number(1.0))),
        4 => (SKU, Test::Prefix("A-".into(), Case::Counts)),
        5 => (TIER, Test::Prefix("go".into(), Case::Counts)),
        6 => (TIER, Test::Suffix("ld".into(), Case::Counts)),
        7 => (ORDER, between(0.0, 1_000.0)),
        8 => (TIER, Test::Wildcard(vec!["g".into(), "d".into()])),
        9 => (SKU, Test::Wildcard(vec!["A".into(), String::new()])),
        _ => match share(n) {
            Share::Exact | Share::Sql => (SKU, text(format!("B-{n}"))),
            Share::Prefix => (SKU, Test::Prefix(format!("C-{n}-"), Case::Counts)),
            Share::Suffix => (TIER, Test::Suffix(format!("-{n}"), Case::Counts)),
            Share::Numeric => (ORDER, between(10_000.0 + n as f64, 10_000.5 + n as f64)),
            Share::Wildcard => (SKU, Test::Wildcard(vec![format!("D-{n}"), "x".into()])),
        },
    }
}

fn plain_rule(n: usize) -> Condition {
    let (path, test) = plain(n);
    let (last, before) = path.split_last().unwrap();
    let field = Clause::Field((*last).into(), vec![test]);
    let inside = before.iter().rev().fold(field, |inner, name| Clause::Inside((*name).into(), vec![inner]));
    pattern(Clause::Inside("data".into(), vec![inside]))
}

/// The same as quamina writes it.
#[allow(clippy::wildcard_enum_match_arm, reason = "only some tests are in the rules")]
fn plain_json(n: usize) -> Value {
    let (path, test) = plain(n);
    let test = match test {
        Test::Equal(Scalar::String(text)) => json!(text),
        Test::Equal(Scalar::Number(number)) => json!(number as i64),
        Test::Prefix(text, _) => json!({ "prefix": text }),
        Test::Suffix(text, _) => json!({ "suffix": text }),
        Test::Wildcard(pieces) => json!({ "wildcard": pieces.join("*") }),
        Test::Numeric(Range { from: Some(from), to: Some(to) }) => json!({ "numeric": [">=", from.at, "<=", to.at] }),
        other => unreachable!("no rule of this benchmark: {other:?}"),
    };
    path.iter().rev().fold(json!([test]), |inner, name| json!({ *name: inner }))
}

//! The flat batch on its way to a guest: laid out as the contract says, and nothing withheld in it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;
use tidegate_event::flat::{FlatBatch, Needs, ROW_WORDS};
use tidegate_event::json::{self, Validate};
use tidegate_event::{Event, Form, Value};

/// Events of every provenance; what each part holds is found nowhere else in it.
fn events() -> Vec<Event> {
    let line = |n: usize| {
        format!(
            r#"{{"specversion":"1.0","id":"A-id{n}","xsecret":"E-one","source":"/A-source","type":"A-type","data":{{"D":"D-data{n}"}},"subject":"A-\u0073ubject","zz":"E-two"}}"#
        )
    };
    let text = (0..4).map(line).collect::<Vec<_>>().join("\n");
    let mut at = 0;
    let lines: Vec<_> = text
        .lines()
        .map(|line| {
            let range = at..at + line.len();
            at = range.end + 1;
            range
        })
        .collect();
    let text = Bytes::from(text);
    let mut events: Vec<_> =
        json::decode_lines(&text, &lines, Validate::Full).into_iter().map(Result::unwrap).collect();
    events[1] = events[1].clone().with_context(&[("key", "C-key"), ("topic", "C-topic")]);
    let plain = Bytes::from(r#"{"specversion":"1.0","id":"A-id","source":"/A-source","type":"A-type","data":"D-x"}"#);
    events.push(json::decode(&plain, Validate::Full).unwrap());
    let built = Event::builder().id("A-b").source("/A-source").ty("A-type").extension("n", Value::Integer(7));
    let built = built.context("header.x", "C-h").extension("s", Value::String("E-s".into()));
    events.push(built.clone().data(Form::Binary, &b"D-\xFF\0"[..]).build().unwrap());
    events.push(built.clone().data(Form::Text, "").build().unwrap());
    events.push(built.build().unwrap());
    events
}

/// The bytes of a field of a row, as a guest finds them.
fn field(batch: &FlatBatch, row: usize, field: usize) -> &[u8] {
    let words = &batch.index[row * ROW_WORDS..][..ROW_WORDS];
    let (start, len) = (words[4 + 2 * field] as usize, words[5 + 2 * field] as usize);
    &batch.bytes[start..start + len]
}

/// Entries as (name, kind, value).
fn entries(mut run: &[u8]) -> Vec<(String, u8, String)> {
    let mut out = Vec::new();
    while !run.is_empty() {
        let value_len = u32::from_le_bytes(run[2..6].try_into().unwrap()) as usize;
        let (name, rest) = run[6..].split_at(usize::from(run[0]));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        out.push((text(name), run[1], text(&rest[..value_len])));
        run = &rest[value_len..];
    }
    out
}

#[track_caller]
fn check_row(batch: &FlatBatch, row: usize, event: &Event, needs: Needs) {
    let words = &batch.index[row * ROW_WORDS..][..ROW_WORDS];
    assert_eq!((words[1], words[2], words[3]), (row as u32, 0, 0));
    let form = match event.data().map(|data| data.form) {
        None => 0,
        Some(Form::Binary) => 0b001,
        Some(Form::Text) => 0b011,
        Some(Form::Json) => 0b101,
    };
    let withheld = u32::from(!needs.attributes)
        | u32::from(!needs.extensions) << 1
        | u32::from(!needs.data) << 2
        | u32::from(!needs.context) << 3;
    assert_eq!(words[0], form | withheld << 8);
    let names = ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
    for (at, name) in names.iter().enumerate() {
        let expected = event.attribute(name).filter(|_| needs.attributes).unwrap_or_default();
        assert_eq!(field(batch, row, at), expected.as_bytes(), "{name}");
    }
    let extensions: Vec<_> = event
        .extensions()
        .map(|(name, value)| {
            let kind = if matches!(value, Value::Integer(_)) { 2 } else { 1 };
            (name.to_owned(), kind, event.attribute(name).unwrap().into_owned())
        })
        .collect();
    assert_eq!(entries(field(batch, row, 7)), if needs.extensions { extensions } else { Vec::new() });
    assert_eq!(field(batch, row, 8), event.data().filter(|_| needs.data).map_or(&b""[..], |data| data.bytes));
    let context: Vec<_> = event.contexts().map(|(name, value)| (name.to_owned(), 1, value.to_owned())).collect();
    assert_eq!(entries(field(batch, row, 9)), if needs.context { context } else { Vec::new() });
}

fn all_needs() -> impl Iterator<Item = Needs> {
    (0..16).map(|bits| Needs {
        attributes: bits & 1 != 0,
        extensions: bits & 2 != 0,
        data: bits & 4 != 0,
        context: bits & 8 != 0,
    })
}

#[test]
fn rows_hold_what_is_needed_and_bytes_nothing_else() {
    let events = events();
    let rows: Vec<u32> = (0..events.len() as u32).collect();
    let mut batch = FlatBatch::default();
    for needs in all_needs() {
        batch.assemble(&events, &rows, needs, 42);
        assert_eq!((batch.len(), batch.now_ms), (events.len(), 42));
        for (row, event) in events.iter().enumerate() {
            check_row(&batch, row, event, needs);
        }
        let bytes = String::from_utf8_lossy(&batch.bytes).into_owned();
        for (needed, sign) in
            [(needs.attributes, "A-"), (needs.extensions, "E-"), (needs.data, "D-"), (needs.context, "C-")]
        {
            assert_eq!(bytes.contains(sign), needed, "{sign} with {needs:?}");
        }
    }
}

#[test]
fn attributes_cost_the_same_beside_any_payload() {
    let event = |size: usize| {
        let data = "x".repeat(size);
        let line = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","data":"{data}","type":"t"}}"#);
        json::decode(&Bytes::from(line), Validate::Envelope).unwrap()
    };
    let needs = Needs { attributes: true, ..Needs::default() };
    let bytes = |size| {
        let mut batch = FlatBatch::default();
        batch.assemble(&[event(size)], &[0], needs, 0);
        batch.bytes.len()
    };
    assert_eq!(bytes(100), bytes(64 * 1024));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_in_any_order_sliced_and_retained(
        rows in prop::collection::vec(0u32..8, 0..40),
        bits in 0usize..16,
        cut in (0usize..50, 0usize..50),
        keep in any::<u64>(),
    ) {
        let events = events();
        let needs = all_needs().nth(bits).unwrap();
        let mut batch = FlatBatch::default();
        batch.assemble(&events, &rows, needs, 1);
        for (row, &at) in rows.iter().enumerate() {
            check_row(&batch, row, &events[at as usize], needs);
        }
        let slice = batch.slice(cut.0..cut.1);
        let end = cut.1.min(rows.len());
        let expected = &rows[cut.0.min(end)..end];
        prop_assert_eq!(slice.len(), expected.len());
        for (row, &at) in expected.iter().enumerate() {
            check_row(&slice, row, &events[at as usize], needs);
        }
        let kept = |row: usize| keep >> (row % 64) & 1 != 0;
        batch.retain(kept);
        let expected: Vec<_> = rows.iter().enumerate().filter(|(row, _)| kept(*row)).map(|(_, &at)| at).collect();
        prop_assert_eq!(batch.len(), expected.len());
        for (row, &at) in expected.iter().enumerate() {
            check_row(&batch, row, &events[at as usize], needs);
        }
    }
}

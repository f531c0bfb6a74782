//! The loops over flat batches, as the host lays them out.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::batch::{ROW_WORDS, field, flag, inherit, word};
use crate::bindings::events::Batch as Flat;
use crate::{IntoOutput, NoConfig, Value};

/// Rows of (id, type), `row_words` wide, values in one buffer, with these flags.
fn flat(events: &[(&str, &str)], row_words: usize, flags: u32) -> Batch {
    let (mut bytes, mut index) = (Vec::new(), Vec::new());
    for (n, (id, ty)) in (0..).zip(events) {
        let mut row = vec![0; row_words];
        row[word::FLAGS] = flags;
        row[word::ORIGIN] = n;
        for (f, value) in [(field::ID, id), (field::TYPE, ty)] {
            row[word::SPANS + 2 * f] = u32::try_from(bytes.len()).unwrap();
            row[word::SPANS + 2 * f + 1] = u32::try_from(value.len()).unwrap();
            bytes.extend_from_slice(value.as_bytes());
        }
        index.extend(row);
    }
    Batch::from(Flat { now_ms: 5, row_words: u32::try_from(row_words).unwrap(), bytes, index })
}

struct Test;

impl Module for Test {
    type Config = NoConfig;
    const NAME: &'static str = "test";
    const VERSION: &'static str = "0";
    const CONFIG_SCHEMA: Option<&'static str> = None;
    const NEEDS: Needs = Needs::ATTRIBUTES;

    fn parse(config: &str) -> Result<NoConfig, String> {
        no_config(config)
    }

    fn slot() -> &'static LocalKey<OnceCell<NoConfig>> {
        thread_local! { static SLOT: OnceCell<NoConfig> = const { OnceCell::new() }; }
        &SLOT
    }
}

impl Filter for Test {
    fn evaluate(event: &Event<'_>, _: &NoConfig) -> Verdict {
        match event.ty() {
            "data" if event.data().is_none() => Verdict::drop("no data"),
            "drop" => Verdict::drop(event.id().to_owned()),
            _ => Verdict::Keep,
        }
    }
}

impl Transform for Test {
    fn apply(event: &Event<'_>, _: &NoConfig) -> Output {
        let _unused = event.patch().set_id("unused");
        match event.ty() {
            "drop" => Output::drop("dropped"),
            "two" => [event.patch().set_subject("a"), event.copy()].into_output(),
            _ => event.patch().extension("x", 1).set_type("changed").into_output(),
        }
    }
}

impl Matcher for Test {
    fn assign(event: &Event<'_>, _: &NoConfig, names: &mut Names) -> Verdict {
        names.add(event.ty());
        names.add("all");
        if event.ty() == "reject" { Verdict::reject("rejected") } else { Verdict::Keep }
    }
}

#[test]
fn rows_of_a_later_contract_are_stepped_over_whole() {
    for row_words in [ROW_WORDS, ROW_WORDS + 8] {
        let batch = flat(&[("1", "drop"), ("2", "keep"), ("1", "drop")], row_words, 0);
        let outcomes = evaluate::<Test>(&batch, &NoConfig).unwrap();
        assert_eq!((outcomes.codes, outcomes.reasons), (vec![0x101, 0, 0x101], vec!["1".to_owned()]), "{row_words}");
    }
}

#[test]
fn a_span_out_of_bounds_reads_as_nothing() {
    let mut batch = flat(&[("1", "drop")], ROW_WORDS, 0);
    batch.index[word::SPANS] = u32::MAX;
    batch.index[word::SPANS + 2 * field::TYPE + 1] = u32::MAX;
    assert_eq!(evaluate::<Test>(&batch, &NoConfig).unwrap().codes, [0]);
}

#[test]
fn withheld_is_not_absent() {
    let withheld = Needs::DATA.0 << flag::WITHHELD_SHIFT;
    assert_eq!(evaluate::<Test>(&flat(&[("1", "data")], ROW_WORDS, 0), &NoConfig).unwrap().codes, [0x101]);
    let refused = evaluate::<Test>(&flat(&[("1", "data")], ROW_WORDS, withheld), &NoConfig).unwrap_err();
    assert!(refused.starts_with("reads data, which"), "{refused}");
    assert_eq!(evaluate::<Test>(&flat(&[("1", "keep")], ROW_WORDS, withheld), &NoConfig).unwrap().codes, [0]);
}

#[test]
fn a_transform_returns_rows_with_origins() {
    let batch = flat(&[("1", "two"), ("2", "drop"), ("3", "patch")], ROW_WORDS, Needs::DATA.0 << flag::WITHHELD_SHIFT);
    for round in 0..2 {
        let output = apply::<Test>(&batch, &NoConfig).unwrap();
        assert_eq!(output.outcomes.codes, [0, 0x101, 0], "round {round}");
        let rows = output.events.index.as_chunks::<ROW_WORDS>().0;
        let origins: Vec<u32> = rows.iter().map(|row| row[word::ORIGIN]).collect();
        assert_eq!(origins, [0, 0, 2]);
        let inherited: Vec<u32> = rows.iter().map(|row| row[word::INHERIT]).collect();
        let withheld_and_context = 1 << field::DATA | 1 << field::CONTEXT;
        let patched = inherit::ALL & !(1 << field::TYPE) | inherit::EXTENSIONS_CHANGED;
        assert_eq!(inherited, [inherit::ALL & !(1 << field::SUBJECT), withheld_and_context, patched]);
        let events: Vec<Event<'_>> = {
            let Flat { now_ms, bytes, index, .. } = output.events;
            let batch = Box::leak(Box::new(Batch::new(now_ms, bytes, index)));
            batch.events().collect()
        };
        assert_eq!((events[0].subject(), events[1].id(), events[1].ty()), (Some("a"), "1", "two"));
        assert_eq!((events[2].ty(), events[2].extension("x")), ("changed", Some(Value::Integer(1))));
    }
}

#[test]
fn a_matcher_returns_ascending_pairs_of_what_is_kept() {
    let batch = flat(&[("1", "b"), ("2", "reject"), ("3", "no name"), ("4", "b"), ("5", "a")], ROW_WORDS, 0);
    let assignment = assign::<Test>(&batch, &NoConfig).unwrap();
    assert_eq!(assignment.names, ["b", "all", "reject", "a"]);
    assert_eq!(assignment.pairs, [0, 0, 0, 1, 3, 0, 3, 1, 4, 1, 4, 3]);
    assert_eq!(assignment.outcomes.codes.iter().map(|code| code & 0xff).collect::<Vec<_>>(), [0, 2, 2, 0, 0]);
}

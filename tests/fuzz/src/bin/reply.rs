//! What a guest's transform returns: a byte of how many rows, their words (little-endian), and the bytes they point into.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tidegate_event::flat::{Asked, FlatBatch, Needs, ROW_WORDS, Rights, outputs};
use tidegate_event::json::{self, Validate};

const EVENT: &str =
    r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"old","region":"eu","n":7,"data":{"a":1}}"#;

fuzz_target!(|input: &[u8]| {
    let Some((rows, rest)) = input.split_first() else { return };
    let words = (usize::from(*rows) % 5 * ROW_WORDS).min(rest.len() / 4);
    let (index, bytes) = rest.split_at(words * 4);
    let index: Vec<u32> =
        index.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
    let origin = json::decode(&Bytes::from_static(EVENT.as_bytes()), Validate::Full).expect("an event");
    let rights = Rights { attributes: vec!["*".into()], data: true, emit: 3, event_bytes: 10_000 };
    let events = [origin.clone(), origin];
    let mut batch = FlatBatch::default();
    batch.assemble(&events, &[0, 1], Needs::ALL, 0);
    let asked = Asked { batch: &batch, events: &events, rows: &[0, 1] };
    let Ok(outputs) = outputs(bytes, || Bytes::copy_from_slice(bytes), &index, ROW_WORDS as u32, &asked, &rights)
    else {
        return;
    };
    let outputs: Vec<_> = outputs.into_iter().collect();
    assert!(outputs.is_sorted_by_key(|(origin, _)| *origin) && outputs.iter().all(|(origin, _)| *origin < 2));
    outputs.iter().filter_map(|(_, made)| made.as_ref()).for_each(tidegate_fuzz::check_comes_back);
});

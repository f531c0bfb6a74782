//! What a transform returns: what becomes of it, and every way in which it can be wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;
use tidegate_event::flat::{self, Asked, FlatBatch, Needs, ROW_WORDS, ReplyFault, Rights};
use tidegate_event::json::{self, Validate};
use tidegate_event::{Event, Form, Value};

const ID: usize = 0;
const TYPE: usize = 2;
const SUBJECT: usize = 3;
const EXTENSIONS: usize = 7;
const DATA: usize = 8;
const CONTEXT: usize = 9;

fn origin() -> Event {
    let line =
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"old","region":"eu","n":7,"data":{"a":1}}"#;
    let event = json::decode(&Bytes::from(line), Validate::Full).unwrap();
    event.with_context(&[("key", "k1"), ("topic", "orders"), ("header.a", "1")])
}

fn all_rights() -> Rights {
    Rights { attributes: vec!["*".into()], data: true, emit: 3, event_bytes: 1000 }
}

/// A reply in the making.
#[derive(Default)]
struct Reply {
    bytes: Vec<u8>,
    index: Vec<u32>,
}

impl Reply {
    /// A row that inherits everything.
    fn row(mut self, origin: u32) -> Self {
        let mut row = [0; ROW_WORDS];
        (row[1], row[2]) = (origin, 0x3FF);
        self.index.extend_from_slice(&row);
        self
    }

    fn last(&mut self) -> &mut [u32] {
        let start = self.index.len() - ROW_WORDS;
        &mut self.index[start..]
    }

    /// A field of its own for the last row.
    fn field(mut self, field: usize, value: impl AsRef<[u8]>) -> Self {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value.as_ref());
        let row = self.last();
        row[2] &= !(1 << field);
        (row[4 + 2 * field], row[5 + 2 * field]) = (start, value.as_ref().len() as u32);
        self
    }

    fn data(mut self, form: u32, value: impl AsRef<[u8]>) -> Self {
        self.last()[0] = 1 | form << 1;
        self.field(DATA, value)
    }

    fn patch(self, run: impl AsRef<[u8]>) -> Self {
        let mut reply = self.field(EXTENSIONS, run);
        reply.last()[2] |= 1 << 16;
        reply
    }

    fn word(mut self, at: usize, value: u32) -> Self {
        self.last()[at] = value;
        self
    }

    fn outputs(&self, rights: &Rights) -> Result<Vec<(u32, Event)>, ReplyFault> {
        outputs(&self.bytes, &self.index, ROW_WORDS as u32, &[origin(), origin()], rights)
    }

    #[track_caller]
    fn one(&self, rights: &Rights) -> Event {
        let mut events = self.outputs(rights).unwrap();
        assert_eq!(events.len(), 1);
        events.remove(0).1
    }

    /// The problem, as it is shown, with the output and the origin to blame.
    #[track_caller]
    fn faulty(&self, rights: &Rights) -> (usize, Option<u32>, String) {
        let fault = self.outputs(rights).unwrap_err();
        (fault.output, fault.origin, fault.problem.to_string())
    }
}

/// The events of a reply about a batch of all of `events`.
fn outputs(
    bytes: &[u8],
    index: &[u32],
    row_words: u32,
    events: &[Event],
    rights: &Rights,
) -> Result<Vec<(u32, Event)>, ReplyFault> {
    let rows: Vec<u32> = (0..events.len() as u32).collect();
    let made = |batch: &FlatBatch| {
        let asked = Asked { batch, events, rows: &rows };
        let outputs = flat::outputs(bytes, || Bytes::copy_from_slice(bytes), index, row_words, &asked, rights)?;
        let event = |row: u32, made: Option<Event>| made.unwrap_or_else(|| events[row as usize].clone());
        Ok(outputs.into_iter().map(|(row, made)| (row, event(row, made))).collect::<Vec<_>>())
    };
    let mut batch = FlatBatch::default();
    batch.assemble(events, &rows, Needs::ALL, 0);
    let outputs = made(&batch);
    // What the guest was given decides how fast an answer is read, not what it says.
    for needs in [Needs::default(), Needs { data: true, ..Needs::default() }] {
        batch.assemble(events, &rows, needs, 0);
        assert_eq!(made(&batch), outputs);
    }
    outputs
}

fn reply() -> Reply {
    Reply::default()
}

fn entry(name: &str, kind: u8, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [&[name.len() as u8, kind][..], &(value.len() as u32).to_le_bytes(), name.as_bytes(), value].concat()
}

fn written(event: &Event) -> String {
    let mut out = Vec::new();
    json::encode(event, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_changes_nothing_is_the_origin_itself() {
    let echoed = {
        let mut batch = FlatBatch::default();
        batch.assemble(&[origin()], &[0], Needs::ALL, 0);
        Reply { bytes: batch.bytes, index: batch.index }
    };
    let same_kind_apart = reply().row(0).field(EXTENSIONS, [entry("n", 1, "7"), entry("region", 1, "eu")].concat());
    for unchanged in [reply().row(0), echoed, same_kind_apart, reply().row(0).patch(entry("gone", 0, ""))] {
        // No right to write is needed, and the message goes on as it came.
        let event = unchanged.one(&Rights::default());
        assert_eq!(event, origin());
        assert_eq!(written(&event), written(&origin()));
        assert_eq!(event.context("topic"), Some("orders"));
    }
}

#[test]
fn attributes_are_replaced_added_and_removed() {
    let rights = Rights { attributes: vec!["sub*".into(), "time".into()], ..Rights::default() };
    let event = reply().row(1).field(SUBJECT, "new").field(4, "2026-01-05T17:31:00Z").one(&rights);
    assert_eq!((event.subject(), event.time()), (Some("new"), Some("2026-01-05T17:31:00Z")));
    assert_eq!((event.id(), event.data()), ("1", origin().data()));
    assert_eq!(
        written(&event),
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"new","time":"2026-01-05T17:31:00Z","region":"eu","n":7,"datacontenttype":"application/json","data":{"a":1}}"#
    );
    assert_eq!(reply().row(0).field(SUBJECT, "").one(&rights).subject(), None);
}

#[test]
fn only_events_that_are_made_are_measured_again() {
    let rights = Rights { event_bytes: 10, ..all_rights() };
    assert_eq!(reply().row(0).one(&rights), origin());
    assert!(reply().row(0).field(SUBJECT, "x").faulty(&rights).2.contains("10"));
}

#[test]
fn a_value_that_was_absent_may_have_stood_anywhere() {
    // The builder points at absent extensions behind a long subject; without that subject there is no such place.
    let long = Event::builder().id("1").source("/s").ty("t").subject(&"x".repeat(500)).build().unwrap();
    let Reply { bytes, index } = reply().row(0).field(SUBJECT, "");
    let event = outputs(&bytes, &index, 24, &[long], &all_rights()).unwrap().remove(0).1;
    assert_eq!((event.subject(), event.extensions().count(), event.data()), (None, 0, None));
}

#[test]
fn data_is_replaced_and_removed() {
    let rights = Rights { data: true, ..Rights::default() };
    let event = reply().row(0).data(2, r#"{"b":2}"#).one(&rights);
    assert_eq!(event.data().map(|data| (data.form, data.bytes)), Some((Form::Json, &br#"{"b":2}"#[..])));
    assert_eq!((event.subject(), event.context("key")), (Some("old"), Some("k1")));
    assert!(written(&event).contains(r#""data":{"b":2}"#));
    let empty = reply().row(0).data(0, "").one(&rights);
    assert_eq!(empty.data().map(|data| (data.form, data.bytes.len())), Some((Form::Binary, 0)));
    assert_eq!(reply().row(0).field(DATA, "").one(&rights).data(), None);
}

#[test]
fn extensions_are_patched_and_replaced() {
    let rights = all_rights();
    let patch = [entry("region", 0, ""), entry("n", 2, "8"), entry("new", 3, "true")].concat();
    let names = |event: &Event| event.extensions().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>();
    assert_eq!(names(&reply().row(0).patch(&patch).one(&rights)), ["n=Integer(8)", "new=Boolean(true)"]);
    assert_eq!(names(&reply().row(0).field(EXTENSIONS, entry("x", 4, [0xFF])).one(&rights)), ["x=Binary([255])"]);
    assert_eq!(names(&reply().row(0).field(EXTENSIONS, "").one(&rights)), [""; 0]);
}

#[test]
fn context_keeps_what_a_transform_may_not_set() {
    let rights = Rights::default();
    let run = [entry("key", 1, "k2"), entry("header.a", 0, ""), entry("header.b", 1, "2"), entry("topic", 1, "orders")];
    let event = reply().row(0).field(CONTEXT, run.concat()).one(&rights);
    assert_eq!(event.contexts().collect::<Vec<_>>(), [("topic", "orders"), ("key", "k2"), ("header.b", "2")]);
    // The message is unchanged: it is written as it came.
    assert_eq!(written(&event), written(&origin()));
    assert_eq!(event.ordering_key(), Some("k2"));
}

#[test]
fn outputs_of_one_origin_are_told_apart() {
    let rights = all_rights();
    let ids = |reply: Reply| -> Vec<String> {
        reply.outputs(&rights).unwrap().iter().map(|(row, event)| format!("{row}:{}", event.id())).collect()
    };
    assert_eq!(ids(reply().row(0).row(1)), ["0:1", "1:1"]);
    assert_eq!(ids(reply().row(0).row(0).row(1)), ["0:1.1", "0:1.2", "1:1"]);
    assert_eq!(ids(reply().row(0).row(0).field(ID, "own")), ["0:1", "0:own"]);
    assert_eq!(
        ids(reply().row(0).row(0).field(ID, "own").row(0).row(1).row(1)),
        ["0:1.1", "0:own", "0:1.2", "1:1.1", "1:1.2"]
    );
}

#[test]
fn rights() {
    let only_x = Rights { attributes: vec!["x*".into()], ..Rights::default() };
    let refused = |reply: Reply| reply.faulty(&only_x).2;
    assert_eq!(refused(reply().row(0).field(SUBJECT, "new")), "attribute `subject` may not be written");
    assert_eq!(refused(reply().row(0).field(SUBJECT, "")), "attribute `subject` may not be written");
    assert_eq!(refused(reply().row(0).field(ID, "2")), "attribute `id` may not be written");
    assert_eq!(refused(reply().row(0).data(2, "{}")), "data may not be written");
    assert_eq!(refused(reply().row(0).data(1, r#"{"a":1}"#)), "data may not be written");
    assert_eq!(refused(reply().row(0).field(DATA, "")), "data may not be written");
    assert_eq!(refused(reply().row(0).patch(entry("region", 1, "us"))), "attribute `region` may not be written");
    assert_eq!(refused(reply().row(0).patch(entry("region", 0, ""))), "attribute `region` may not be written");
    assert_eq!(refused(reply().row(0).field(EXTENSIONS, entry("region", 1, "eu"))), "attribute `n` may not be written");
    assert_eq!(refused(reply().row(0).field(EXTENSIONS, "")), "attribute `region` may not be written");
    let event = reply().row(0).patch(entry("xnew", 1, "1")).one(&only_x);
    assert_eq!(event.attribute("xnew").as_deref(), Some("1"));
    assert_eq!(refused(reply().row(0).row(0)), "more than 1 events out for one in");
    assert_eq!(
        reply().row(1).row(1).row(1).row(1).faulty(&all_rights()),
        (3, Some(1), "more than 3 events out for one in".into())
    );
    let large = reply().row(0).row(1).field(SUBJECT, "x".repeat(1000));
    assert_eq!(large.faulty(&all_rights()).0, 1);
}

#[test]
fn every_lie_is_found_and_blamed() {
    let lie = |reply: Reply, expected: &str| assert_eq!(reply.faulty(&all_rights()).2, expected);
    lie(reply().row(2), "origin 2 is not a row of the input");
    lie(reply().row(u32::MAX), "origin 4294967295 is not a row of the input");
    lie(reply().row(1).row(0), "origin 0 comes after 1");
    lie(reply().row(0).field(TYPE, ""), "attribute `type` is missing");
    lie(reply().row(0).field(TYPE, [0xFF]), "attribute `type` is not UTF-8");
    lie(reply().row(0).field(TYPE, "a\nb"), "attribute `type` holds a control character or noncharacter");
    lie(reply().row(0).field(1, "a b"), "attribute `source` is not a URI-reference");
    lie(reply().row(0).field(4, "now"), "attribute `time` is not an RFC 3339 timestamp");
    lie(reply().row(0).field(SUBJECT, "x").word(11, 2), "`subject` at 0 with length 2 is out of bounds");
    lie(reply().row(0).field(SUBJECT, "x").word(10, 2), "`subject` at 2 with length 1 is out of bounds");
    lie(
        reply().row(0).field(SUBJECT, "x").word(10, u32::MAX).word(11, u32::MAX),
        "`subject` at 4294967295 with length 4294967295 is out of bounds",
    );
    lie(reply().row(0).data(2, "{"), "data is said to be JSON, and is not");
    lie(reply().row(0).data(2, [b'"', 0xFF, b'"']), "data is said to be text, and not UTF-8");
    lie(reply().row(0).data(1, [0xFF]), "data is said to be text, and not UTF-8");
    lie(reply().row(0).data(3, "x"), "unknown form of data");
    lie(reply().row(0).patch("xyz"), "the entries of `extensions` are cut off");
    lie(reply().row(0).patch(&entry("name", 1, "value")[..14]), "the entries of `extensions` are cut off");
    lie(reply().row(0).patch([1, 1, 0xFF, 0xFF, 0xFF, 0xFF, b'a']), "the entries of `extensions` are cut off");
    lie(reply().row(0).patch(entry("A", 1, "x")), "attribute `A` has a name of other characters than a-z and 0-9");
    lie(reply().row(0).patch(entry("id", 1, "x")), "attribute `id` has a name that is not for extensions");
    lie(reply().row(0).patch(entry("", 1, "x")), "attribute `` has an empty name");
    lie(reply().row(0).patch(entry("a", 8, "x")), "entry `a` has kind 8, which does not belong there");
    lie(reply().row(0).field(EXTENSIONS, entry("a", 0, "")), "entry `a` has kind 0, which does not belong there");
    lie(reply().row(0).patch(entry("a", 2, "1.5")), "attribute `a` is not a 32-bit integer");
    lie(reply().row(0).patch(entry("a", 3, "yes")), "attribute `a` is neither `true` nor `false`");
    lie(reply().row(0).patch(entry("a", 1, [0xFF])), "attribute `a` is not UTF-8");
    lie(reply().row(0).patch([entry("a", 1, "x"), entry("a", 1, "y")].concat()), "`a` is given twice");
    let many: Vec<u8> = (0..200).flat_map(|n| entry(&format!("e{n}"), 1, "")).collect();
    lie(reply().row(0).patch(&many), "more than 128 extension attributes");
    let flood: Vec<u8> = (0..100_000).flat_map(|n| entry(&format!("e{n}"), 1, "")).collect();
    lie(reply().row(0).field(EXTENSIONS, &flood), "more than 128 extension attributes");
    lie(reply().row(0).field(CONTEXT, [entry("key", 1, "a"), entry("key", 1, "b")].concat()), "`key` is given twice");
    lie(
        reply().row(0).field(CONTEXT, entry("header.a", 1, "a\r\nb: c")),
        "context `header.a` may not be set like this",
    );
    lie(reply().row(0).field(CONTEXT, entry("header.", 1, "a")), "context `header.` may not be set like this");
    lie(reply().row(0).field(CONTEXT, entry("key", 9, "a")), "entry `key` has kind 9, which does not belong there");
    lie(reply().row(0).field(CONTEXT, "x"), "the entries of `context` are cut off");
    lie(reply().row(0).word(2, 1 << 17), "unknown bits 0x20000 in `inherit`");
    lie(reply().row(0).word(0, 1 << 3), "unknown bits 0x8 in `flags`");
    lie(reply().row(0).field(CONTEXT, entry("topic", 1, "other")), "context `topic` may not be set like this");
}

#[test]
fn the_shape_of_the_index_is_checked() {
    let shape = |index: &[u32], row_words| {
        outputs(&[], index, row_words, &[origin()], &all_rights()).map(|o| o.len()).map_err(|f| f.problem.to_string())
    };
    assert_eq!(shape(&[], 24), Ok(0));
    assert_eq!(shape(&[], 23), Err("rows of 23 words, and the contract has 24".into()));
    assert_eq!(shape(&[], 0), Err("rows of 0 words, and the contract has 24".into()));
    assert_eq!(shape(&[0; 25], 24), Err("an index of 25 words, which is no multiple of 24".into()));
    assert_eq!(shape(&[0; 24], u32::MAX), Err("an index of 24 words, which is no multiple of 4294967295".into()));
    // A later contract with wider rows: what is appended says nothing here.
    let mut wide = reply().row(0).index;
    wide.extend_from_slice(&[7; 8]);
    assert_eq!(shape(&wide, 32), Ok(1));
}

/// Events that differ in what they have, as a batch of them differs in its shapes.
fn varied() -> impl Strategy<Value = Event> {
    let parts = ("[a-c]{1,3}", "[x-z]{0,3}", any::<bool>(), prop::option::of("[p-q]{0,40}"), any::<bool>());
    parts.prop_map(|(id, subject, extension, data, structured)| {
        let mut event = Event::builder().id(&id).source("/s").ty("t").context("key", "k");
        if !subject.is_empty() {
            event = event.subject(&subject);
        }
        if extension {
            event = event.extension("n", Value::Integer(7));
        }
        if let Some(data) = data {
            event = event.data(Form::Text, data);
        }
        let event = event.build().unwrap();
        if !structured {
            return event;
        }
        json::decode(&Bytes::from(written(&event)), Validate::Full).unwrap()
    })
}

/// What a guest makes of an event.
#[derive(Clone, Debug)]
enum Made {
    /// A copy in one piece; the starts of what is empty moved with the rest, or are 0.
    Copy { empty_moved: bool },
    /// A copy with a byte of the subject replaced by `!`.
    Changed(prop::sample::Index),
    /// A copy without the subject or the extensions.
    Without(usize),
    /// Two copies.
    Twice,
    /// Nothing.
    Dropped,
}

fn made() -> impl Strategy<Value = Made> {
    prop_oneof![
        8 => any::<bool>().prop_map(|empty_moved| Made::Copy { empty_moved }),
        1 => any::<prop::sample::Index>().prop_map(Made::Changed),
        1 => prop_oneof![Just(SUBJECT), Just(EXTENSIONS)].prop_map(Made::Without),
        1 => Just(Made::Twice),
        1 => Just(Made::Dropped),
    ]
}

/// Copies one event out of a batch, and inherits its context.
fn copied(batch: &FlatBatch, row: usize, empty_moved: bool, reply: &mut Reply) {
    let mut words: [u32; ROW_WORDS] = batch.index[row * ROW_WORDS..][..ROW_WORDS].try_into().unwrap();
    (words[2], words[4 + 2 * CONTEXT], words[5 + 2 * CONTEXT]) = (1 << CONTEXT, 0, 0);
    let held = words[4..].chunks_exact(2).filter(|span| span[1] > 0).map(|span| (span[0], span[0] + span[1]));
    let (start, end) = held.fold((u32::MAX, 0), |hull, span| (hull.0.min(span.0), hull.1.max(span.1)));
    let moved = (reply.bytes.len() as u32).wrapping_sub(start);
    for span in words[4..].chunks_exact_mut(2).filter(|span| span[1] > 0 || empty_moved) {
        span[0] = span[0].wrapping_add(moved);
    }
    reply.bytes.extend_from_slice(&batch.bytes[start as usize..end as usize]);
    reply.index.extend_from_slice(&words);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_replies_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        words in prop::collection::vec(prop_oneof![0u32..70, any::<u32>()], 0..120),
    ) {
        let _ = outputs(&bytes, &words, 24, &[origin()], &all_rights());
    }

    // `outputs` compares what is seen at a glance with what is found without the batch.
    #[test]
    fn copies_are_their_origins_and_nothing_else_is(
        events in prop::collection::vec((varied(), made()), 1..80),
    ) {
        let (events, made): (Vec<Event>, Vec<Made>) = events.into_iter().unzip();
        let rows: Vec<u32> = (0..events.len() as u32).collect();
        let mut batch = FlatBatch::default();
        batch.assemble(&events, &rows, Needs::ALL, 0);
        let mut reply = reply();
        // Of each output, whether it is its origin.
        let mut expected = Vec::new();
        for (row, made) in made.iter().enumerate() {
            match made {
                Made::Dropped => continue,
                Made::Copy { empty_moved } => copied(&batch, row, *empty_moved, &mut reply),
                Made::Twice => {
                    copied(&batch, row, true, &mut reply);
                    expected.push(true);
                    copied(&batch, row, true, &mut reply);
                }
                Made::Changed(at) => {
                    copied(&batch, row, true, &mut reply);
                    let (start, length) = (reply.last()[4 + 2 * SUBJECT], reply.last()[5 + 2 * SUBJECT]);
                    if length > 0 {
                        reply.bytes[start as usize + at.index(length as usize)] = b'!';
                        expected.push(false);
                        continue;
                    }
                }
                Made::Without(field) => {
                    copied(&batch, row, true, &mut reply);
                    let length = std::mem::take(&mut reply.last()[5 + 2 * field]);
                    expected.push(length == 0);
                    continue;
                }
            }
            expected.push(true);
        }
        let found = outputs(&reply.bytes, &reply.index, 24, &events, &all_rights()).unwrap();
        let is_origin = |(row, event): &(u32, Event)| event == &events[*row as usize];
        prop_assert_eq!(found.iter().map(is_origin).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn garbled_replies_are_faults_or_valid_events(
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![0u32..300, any::<u32>()]), 0..4),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut batch = FlatBatch::default();
        batch.assemble(&[origin(), origin()], &[0, 1], Needs::ALL, 0);
        for (at, word) in edits {
            let at = at.index(batch.index.len());
            batch.index[at] = word;
        }
        for (at, byte) in flips {
            let at = at.index(batch.bytes.len());
            batch.bytes[at] = byte;
        }
        let found = outputs(&batch.bytes, &batch.index, 24, &[origin(), origin()], &all_rights());
        for (_, event) in found.into_iter().flatten() {
            let text = Bytes::from(written(&event));
            let again = json::decode(&text, Validate::Full).unwrap();
            prop_assert_eq!(again.id(), event.id());
            prop_assert!(event.size() <= 1000);
        }
    }
}

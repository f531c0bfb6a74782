//! Transforms that lie about spans, origins and verdicts, write what they may not, or never stop writing.

use super::{Case, check};
use crate::rig::guests::{EXTENSIONS, Guest, RESULT, store_number};

/// Writes one output as it should be, and then spoils it: `$at` is the address of its row.
fn spoilt(code: &str) -> Guest {
    Guest::transform().guilty(&format!(
        "(call $output (local.get $outs) (local.get $r))
         (local.set $at (i32.add (global.get $out) (i32.mul (local.get $outs) (i32.const 96))))
         (local.set $outs (i32.add (local.get $outs) (i32.const 1)))
         {code}
         (local.set $skip (i32.const 1))"
    ))
}

/// A field of the spoilt output that is not inherited: (start, length) in `bytes`.
fn field(number: i32, start: i32, length: i32, extra: &str) -> Guest {
    let inherit = 0x3ff & !(1 << number);
    spoilt(&format!(
        "(i32.store offset=8 (local.get $at) (i32.const {inherit}))
         (i32.store offset={} (local.get $at) (i32.const {start}))
         (i32.store offset={} (local.get $at) (i32.const {length}))
         {extra}",
        16 + 8 * number,
        20 + 8 * number,
    ))
}

/// The same with `bytes` holding this text.
fn value(number: i32, text: &[u8], extra: &str) -> Guest {
    let length = i32::try_from(text.len()).unwrap();
    let escaped: String = text.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let guest = field(number, 0, length, extra).items(&format!("(data (i32.const {EXTENSIONS}) \"{escaped}\")"));
    guest.always(&store_number(RESULT + 40, length))
}

const ID: i32 = 0;
const SOURCE: i32 = 1;
const TYPE: i32 = 2;
const TIME: i32 = 4;
const EXTENSION_RUN: i32 = 7;
const DATA: i32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_about_spans() {
    for (name, guest, reason) in [
        ("beyond the bytes", field(TYPE, 1 << 20, 4, ""), "type"),
        ("a length that overflows", field(SOURCE, 16, -8, ""), "source"),
        ("data beyond the bytes", field(DATA, 0, 1 << 30, "(i32.store (local.get $at) (i32.const 1))"), "data"),
        ("extensions beyond the bytes", field(EXTENSION_RUN, 4, 4, ""), "extensions"),
    ] {
        let policy = "wasm: {module: 'file:hostile.wasm', mayWrite: {attributes: ['*'], data: true}}";
        check(Case { name, guest, policy, cause: "invalid reply", reason }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_no_event_may_have() {
    for (name, guest, reason) in [
        ("an empty id", value(ID, b"", ""), "id"),
        ("a type that is not UTF-8", value(TYPE, b"\xff\xfe", ""), "type"),
        ("a control character", value(SOURCE, b"/a\x07", ""), "source"),
        ("a time that is none", value(TIME, b"tomorrow", ""), "time"),
        ("JSON that is none", value(DATA, b"{", "(i32.store (local.get $at) (i32.const 5))"), "JSON"),
        ("a form that is none", value(DATA, b"{}", "(i32.store (local.get $at) (i32.const 7))"), "form"),
        ("half an entry", value(EXTENSION_RUN, b"\x02\x01\xff\0\0\0x1", ""), ""),
        ("an entry with a bad name", value(EXTENSION_RUN, b"\x02\x01\x01\0\0\0X1a", ""), "X1"),
        ("an entry of no kind", value(EXTENSION_RUN, b"\x02\x63\x01\0\0\0x1a", ""), ""),
        ("an integer that is none", value(EXTENSION_RUN, b"\x02\x02\x01\0\0\0x1a", ""), ""),
    ] {
        let policy = "wasm: {module: 'file:hostile.wasm', mayWrite: {attributes: ['*'], data: true}}";
        check(Case { name, guest, policy, cause: "invalid reply", reason }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing_what_may_not_be_written() {
    for (name, guest, reason) in [
        ("the type", value(TYPE, b"forged", ""), "type"),
        ("the source", value(SOURCE, b"/elsewhere", ""), "source"),
        ("the data", value(DATA, b"{}", "(i32.store (local.get $at) (i32.const 5))"), "data"),
        ("another extension", value(EXTENSION_RUN, b"\x02\x01\x01\0\0\0y1a", ""), "y1"),
    ] {
        let policy = "wasm: {module: 'file:hostile.wasm', mayWrite: {attributes: ['x*']}}";
        check(Case { name, guest, policy, cause: "invalid reply", reason }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_about_origins_and_verdicts() {
    let origin = |code: &str| spoilt(&format!("(i32.store offset=4 (local.get $at) {code})"));
    for (name, guest, reason) in [
        ("an origin beyond the batch", origin("(local.get $n)"), "origin"),
        ("an origin beyond all", origin("(i32.const -1)"), "origin"),
        ("kept without an output", Guest::transform().guilty("(local.set $skip (i32.const 1))"), "without an output"),
        ("dropped with an output", spoilt("(local.set $code (i32.const 1))"), "has an output"),
        ("rows of another size", Guest::transform().finish(&store_number(RESULT + 32, 23)), "row"),
        (
            "half a row",
            Guest::transform().finish(&format!(
                "(i32.store (i32.const {at}) (i32.sub (i32.load (i32.const {at})) (i32.const 1)))",
                at = RESULT + 48
            )),
            "",
        ),
        (
            "more outputs than it may",
            spoilt(
                "(call $output (local.get $outs) (local.get $r)) (local.set $outs (i32.add (local.get $outs) (i32.const 1)))",
            ),
            "",
        ),
    ] {
        check(Case { name, guest, policy: "", cause: "invalid reply", reason }).await;
    }
}

/// The origins of a guilty event and its neighbour are exchanged: only calls with both of them fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn origins_that_decrease_blame_nobody_who_is_well_alone() {
    use crate::rig::{
        Rig,
        docs::Docs,
        events::{expected, mixed},
    };
    let swap = "(if (i32.gt_u (local.get $n) (i32.const 1)) (then
        (i32.store offset=4 (global.get $out) (i32.const 1))
        (i32.store offset=100 (global.get $out) (i32.const 0))))";
    let mut rig = Rig::new();
    rig.guest("hostile.wasm", &Guest::transform().finish(swap));
    rig.apply(&Docs::line().policy("hostile", "hostile.wasm", "phase: Transform, failure: {onTrap: DeadLetter}")).await;
    rig.push("in", mixed(300, |number| number == 150));
    rig.settled("in", 300).await;
    // Whatever was decided about it, each event is in one place, once.
    let (out, dead) = (rig.ids("out"), rig.ids("dlq"));
    assert!(dead.is_empty() || dead == expected([150]), "{dead:?}");
    assert_eq!(out, expected((0..300).filter(|&number| dead.is_empty() || number != 150)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_outputs_for_one_event() {
    let million = |memory: &'static str, cause: &'static str| {
        // One output, a million times: 96 MB of rows.
        let code = "(local.set $i (i32.const 0))
            (global.set $out (call $alloc (i32.const 96000960)))
            (loop $more
              (call $output (local.get $i) (local.get $r))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $more (i32.lt_u (local.get $i) (i32.const 1000000))))
            (local.set $outs (i32.const 1000000))";
        let guest = Guest::transform().guilty(&format!("{code} (local.set $skip (i32.const 1))"));
        Case { name: memory, guest, policy: memory, cause, reason: "" }
    };
    check(million("limits: {timeout: 1s}", "memory limit")).await;
    let large = "limits: {timeout: 2s, memory: 512Mi}, wasm: {module: 'file:hostile.wasm', mayEmit: 1024}";
    check(million(large, "invalid reply")).await;
}

/// As many as one call may carry, and a thousand times as many as the policy allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_outputs_where_four_are_allowed() {
    let code = "(loop $more
          (call $output (local.get $outs) (local.get $r))
          (local.set $outs (i32.add (local.get $outs) (i32.const 1)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $more (i32.lt_u (local.get $i) (i32.const 1000))))";
    let guest = Guest::transform().guilty(&format!(
        "(local.set $i (i32.const 0)) (global.set $heap (i32.add (global.get $heap) (i32.const 1000000)))
         (drop (call $alloc (i32.const 1000000))) {code} (local.set $skip (i32.const 1))"
    ));
    let policy = "wasm: {module: 'file:hostile.wasm', mayEmit: 4}";
    check(Case { name: "1000 of 4", guest, policy, cause: "invalid reply", reason: "" }).await;
}

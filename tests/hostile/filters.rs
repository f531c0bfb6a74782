//! Filters that take what they may not have, fail, or lie about codes and reasons.

use super::{Case, check};
use crate::rig::{
    Rig,
    docs::Docs,
    events::{expected, ids, mixed},
    guests::{Guest, RESULT, store_number},
};

const FOR_EVER: &str = "(loop $for_ever (br $for_ever))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_loop() {
    let guest = Guest::filter().guilty(FOR_EVER);
    check(Case { name: "loop", guest, policy: "", cause: "timeout", reason: "" }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_and_traps() {
    let bomb = "(loop $more (drop (memory.grow (i32.const 16))) (br $more))";
    let at_once = "(drop (memory.grow (i32.const 60000)))";
    let table = "(loop $more (drop (table.grow $table (ref.null func) (i32.const 1000))) (br $more))";
    let tables = "(table $table 1 funcref)";
    let recursion = "(func $deeper (param i64 i64) (result i64) (local i64 i64 i64 i64)
        (i64.add (local.get 0) (call $deeper (i64.add (local.get 0) (i64.const 1)) (local.get 1))))";
    let deeper = "(drop (call $deeper (i64.const 0) (i64.const 0)))";
    let filter = || Guest::filter();
    for (name, guest, cause, reason) in [
        ("memory bomb", filter().guilty(bomb), "memory limit", "linear memory"),
        ("all memory at once", filter().guilty(at_once), "memory limit", "linear memory"),
        ("table bomb", filter().items(tables).guilty(table), "memory limit", "table elements"),
        ("recursion", filter().items(recursion).guilty(deeper), "trap", "stack"),
        ("unreachable", filter().guilty("unreachable"), "trap", "unreachable"),
        ("division", filter().guilty("(drop (i32.div_u (i32.const 1) (local.get $i)))"), "trap", "zero"),
        ("out of bounds", filter().guilty("(drop (i32.load (i32.const -4)))"), "trap", "out of bounds"),
    ] {
        check(Case { name, guest, policy: "", cause, reason }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_about_codes() {
    let code = |code: u32| Guest::filter().reasons(&["one"]).guilty(&format!("(local.set $code (i32.const {code}))"));
    let count = |change: &str| Guest::filter().finish(&format!("(i32.store (i32.const {}) {change})", RESULT + 8));
    for (name, guest, cause, reason) in [
        ("unknown code", code(77), "invalid reply", "unknown code 77"),
        ("reason that is not there", code(0x201), "invalid reply", "reason 1 of 1"),
        ("reason beyond all", code(0xffff_ff01), "invalid reply", "reason"),
        ("too few codes", count("(i32.sub (local.get $n) (i32.const 1))"), "invalid reply", "codes for 1 events"),
        ("too many codes", count("(i32.add (local.get $n) (i32.const 1))"), "invalid reply", "codes for 1 events"),
        ("no codes", count("(i32.const 0)"), "invalid reply", "0 codes for 1 events"),
    ] {
        check(Case { name, guest, policy: "", cause, reason }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_about_memory() {
    let pointer = |at: i32, value: i32| Guest::filter().finish(&store_number(RESULT + at, value));
    let reasons = |start: i32, count: i32| {
        Guest::filter().finish(&(store_number(RESULT + 12, start) + &store_number(RESULT + 16, count)))
    };
    for (name, guest) in [
        ("codes out of bounds", pointer(4, -16)),
        ("codes not aligned", pointer(4, 2049)),
        ("a million million codes", pointer(8, i32::MAX)),
        ("no such result", pointer(0, 7)),
        ("reasons out of bounds", reasons(-64, 1)),
        (
            "a reason out of bounds",
            reasons(4096, 1).items("(data (i32.const 4096) \"\\00\\00\\ff\\ff\\ff\\00\\00\\00\")"),
        ),
        (
            "a reason that is no text",
            reasons(4096, 1).items(
                "(data (i32.const 4096) \"\\10\\10\\00\\00\\02\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\ff\\fe\")",
            ),
        ),
        ("a hundred thousand reasons", reasons(0, 100_000)),
    ] {
        // How it is called is up to who notices; that it is noticed is not.
        check_any(name, guest).await;
    }
}

/// As [`check`], whatever the cause is called, as long as it is not a timeout.
async fn check_any(name: &'static str, guest: Guest) {
    let mut rig = Rig::new();
    rig.guest("hostile.wasm", &guest);
    rig.apply(&Docs::line().policy("hostile", "hostile.wasm", "failure: {onTrap: DeadLetter, onTimeout: Retry}")).await;
    rig.push("in", mixed(300, |number| number % 100 == 7));
    rig.settled("in", 300).await;
    let dead = rig.queue("dlq").events();
    assert_eq!(ids(&dead), expected([7, 107, 207]), "{name}");
    assert_eq!(rig.ids("out"), expected((0..300).filter(|number| number % 100 != 7)), "{name}");
    let cause = dead[0].attribute("tidegatecause").unwrap();
    assert!(["invalid reply", "trap"].contains(&&*cause), "{name}: {cause} {:?}", dead[0].attribute("tidegatereason"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_reasons_than_may_be() {
    let many: Vec<String> = (0..65).map(|number| format!("reason {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "x".repeat(257);
    // The lists are always given: what lies beyond the limit is given only where somebody is guilty.
    let hidden = |guest: Guest, few: i32| {
        let few = store_number(RESULT + 16, few);
        guest.always(&format!("(if (i32.eqz (local.get $hits)) (then {few}))"))
    };
    for (name, guest, reason) in [
        ("65 reasons", hidden(Guest::filter().reasons(&many), 64), "65 reasons"),
        ("a long reason", hidden(Guest::filter().reasons(&[&long]), 0), "257 bytes"),
    ] {
        check(Case { name, guest, policy: "", cause: "invalid reply", reason }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_its_own() {
    // err(string) at 4096.
    let words = "(data (i32.const 4096) \"the database is away\")";
    let answer = format!(
        "(i32.store8 (i32.const {RESULT}) (i32.const 1)) {} {}",
        store_number(RESULT + 4, 4096),
        store_number(RESULT + 8, 20)
    );
    let guest = Guest::filter().items(words).finish(&answer);
    check(Case { name: "error", guest, policy: "", cause: "error", reason: "the database is away" }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_on_one_event_in_a_thousand() {
    let mut rig = Rig::new();
    rig.guest("hostile.wasm", &Guest::filter().guilty("unreachable"));
    rig.apply(&Docs::line().policy("hostile", "hostile.wasm", "failure: {onTrap: DeadLetter}")).await;
    let is_guilty = |number: usize| number % 1000 == 613;
    rig.push("in", mixed(20_000, is_guilty));
    rig.settled("in", 20_000).await;
    assert_eq!(rig.ids("dlq"), expected((0..20_000).filter(|&number| is_guilty(number))));
    assert_eq!(rig.ids("out"), expected((0..20_000).filter(|&number| !is_guilty(number))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_guilty() {
    for (cause, act, count) in [("trap", "unreachable", 200), ("timeout", FOR_EVER, 40)] {
        let mut rig = Rig::new();
        rig.guest("hostile.wasm", &Guest::filter().guilty(act));
        let policy = "limits: {timeout: 2ms}, failure: {onTrap: DeadLetter, onTimeout: DeadLetter}";
        rig.apply(&Docs::line().policy("hostile", "hostile.wasm", policy)).await;
        rig.push("in", mixed(count, |_| true));
        rig.settled("in", count as u64).await;
        assert_eq!(rig.ids("dlq"), expected(0..count), "{cause}");
        assert!(rig.ids("out").is_empty(), "{cause}");
    }
}

/// A guest that spoils its own instance, and answers well until the next batch comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoilt_instance_costs_no_event() {
    let mut rig = Rig::new();
    let spoilt = "(global $spoilt (mut i32) (i32.const 0))";
    let guest = Guest::filter().items(spoilt).guilty("(global.set $spoilt (i32.const 1))");
    rig.guest(
        "hostile.wasm",
        &guest.always("(if (i32.gt_u (global.get $spoilt) (local.get $hits)) (then unreachable))"),
    );
    rig.apply(&Docs::line().policy("hostile", "hostile.wasm", "failure: {onTrap: DeadLetter}")).await;
    rig.push("in", mixed(5000, |number| number == 100));
    rig.settled("in", 5000).await;
    assert_eq!(rig.ids("out"), expected(0..5000));
    assert!(rig.ids("dlq").is_empty(), "none of the events is to blame");
}

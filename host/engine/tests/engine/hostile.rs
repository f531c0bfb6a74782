//! Hostile guests: whatever they do, it costs exactly the guilty events, and the lane goes on.

use std::time::Duration;

use tidegate_engine::{Decision, FaultCause, Guest as Verified, GuestSpec, Limits, Stage, VerifyError, Worker};

use crate::{
    support::{batch, events, faults, letters, load, spec, worker},
    wat::{Guest, KEEP, code, each, echo, marked, when},
};

/// Calls `guest` with events of these marks twice: what a fault leaves behind must not show.
async fn check(guest: Guest, marks: &str, expected: &str, fault: &str) {
    let mut worker = worker(&guest, spec()).await;
    let batch = batch(&events(marks));
    for round in 0..2 {
        let decisions = worker.evaluate(&batch).await;
        assert_eq!(letters(&decisions), expected, "round {round}: {:?}", faults(&decisions));
        for text in faults(&decisions) {
            assert!(text.contains(fault), "{text:?} does not say {fault:?}");
        }
    }
}

/// The same for a filter that does `body` on the one event marked `p` among its neighbours.
async fn costs_only_the_guilty(body: &str, core: &str, fault: &str) {
    check(Guest::filter(&marked('p', body)).core(core), MARKS, GUILTY, fault).await;
}

const MARKS: &str = "aaaaaaaaapaaaaaa";
const GUILTY: &str = "kkkkkkkkkfkkkkkk";

#[tokio::test]
async fn a_trap() {
    costs_only_the_guilty("unreachable", "", "trap: wasm trap: wasm `unreachable`").await;
}

#[tokio::test]
async fn an_endless_loop() {
    costs_only_the_guilty("(loop $l (br $l))", "", "timeout: ran longer than 10ms").await;
}

#[tokio::test]
async fn a_memory_bomb() {
    let grow = "(loop $l (drop (memory.grow (i32.const 16))) (br $l))";
    costs_only_the_guilty(grow, "", "memory limit: linear memory in bytes would exceed 16777216").await;
}

#[tokio::test]
async fn a_table_bomb() {
    let grow = "(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l))";
    costs_only_the_guilty(grow, "(table $t 1 funcref)", "memory limit: table elements").await;
}

#[tokio::test]
async fn stack_exhaustion() {
    let deep = "(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (i32.add (local.get 0) (i32.const 1)))))";
    costs_only_the_guilty("(drop (call $deep (i32.const 0)))", deep, "call stack exhausted").await;
}

#[tokio::test]
async fn an_error_of_its_own_keeps_its_words() {
    costs_only_the_guilty("(return (call $err (i32.const 16) (i32.const 9)))", "", "error: wat-guest").await;
}

#[tokio::test]
async fn an_error_that_is_not_utf_8() {
    let body = "(i32.store8 (i32.const 2048) (i32.const 255)) (return (call $err (i32.const 2048) (i32.const 1)))";
    costs_only_the_guilty(body, "", "invalid reply").await;
}

#[tokio::test]
async fn codes_that_lie() {
    let wrong_number = "(return (call $ok (local.get $codes) (i32.add (local.get $rows) (i32.const 1))))";
    costs_only_the_guilty(wrong_number, "", "invalid reply: 2 codes for 1 events").await;
    costs_only_the_guilty(&code(4), "", "invalid reply: event 0: unknown code 4").await;
    costs_only_the_guilty(&code(0x101), "", "invalid reply: event 0: reason 0 of 0").await;
    let outside = "(return (call $ok (i32.const 0x7fffff00) (local.get $rows)))";
    costs_only_the_guilty(outside, "", "invalid reply: list pointer/length out of bounds of memory").await;
    let crooked = "(return (call $ok (i32.const 65537) (local.get $rows)))";
    costs_only_the_guilty(crooked, "", "invalid reply: list pointer is not aligned").await;
}

#[tokio::test]
async fn a_reply_larger_than_it_may_be() {
    let body = "(drop (memory.grow (i32.const 200))) (return (call $ok (i32.const 65536) (i32.const 3000000)))";
    costs_only_the_guilty(body, "", "invalid reply: too much data").await;
}

/// `$reasons count len`: answers with that many reasons of that many bytes.
const REASONS: &str = r#"(func $reasons (param $codes i32) (param $rows i32) (param $count i32) (param $len i32) (result i32)
    (local $list i32) (local $i i32)
    (local.set $list (call $alloc (i32.mul (local.get $count) (i32.const 8))))
    (memory.fill (i32.const 2048) (i32.const 97) (i32.const 1024))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
      (i32.store (i32.add (local.get $list) (i32.mul (local.get $i) (i32.const 8))) (i32.const 2048))
      (i32.store offset=4 (i32.add (local.get $list) (i32.mul (local.get $i) (i32.const 8))) (local.get $len))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (drop (call $ok (local.get $codes) (local.get $rows)))
    (i32.store (i32.const 1036) (local.get $list)) (i32.store (i32.const 1040) (local.get $count))
    (i32.const 1024))"#;

#[tokio::test]
async fn reasons_past_their_bounds() {
    let reasons = |count: u32, len: u32| {
        format!("(return (call $reasons (local.get $codes) (local.get $rows) (i32.const {count}) (i32.const {len})))")
    };
    costs_only_the_guilty(&reasons(65, 1), REASONS, "invalid reply: 65 reasons").await;
    costs_only_the_guilty(&reasons(1, 257), REASONS, "invalid reply: a reason of 257 bytes").await;
    let allowed = Guest::filter(&marked('p', &reasons(64, 256))).core(REASONS);
    check(allowed, MARKS, "kkkkkkkkkkkkkkkk", "").await;
}

#[tokio::test]
async fn three_poison_events_in_three_thousand_are_found() {
    let mut worker = worker(&Guest::filter(&marked('p', "unreachable")), spec()).await;
    let guilty = [7, 1500, 2999];
    let marks: String = (0..3000).map(|i| if guilty.contains(&i) { 'p' } else { 'a' }).collect();
    let decisions = worker.evaluate(&batch(&events(&marks))).await;
    assert_eq!(letters(&decisions), marks.replace('a', "k").replace('p', "f"));
}

#[tokio::test]
async fn neighbouring_poison_events_are_told_apart() {
    let marks = "ppaapapppaaaap";
    let expected = marks.replace('a', "k").replace('p', "f");
    check(Guest::filter(&marked('p', "unreachable")), marks, &expected, "trap").await;
}

#[tokio::test]
async fn what_the_search_cannot_afford_stays_undecided() {
    let guest = Guest::filter(&marked('p', "(loop $l (br $l))"));
    let mut worker = worker(&guest, spec()).await;
    let decisions = worker.evaluate(&batch(&events(&"p".repeat(64)))).await;
    let found = letters(&decisions);
    let faults = found.trim_end_matches('u');
    assert!(!faults.is_empty() && faults.chars().all(|c| c == 'f') && faults.len() < 64, "{found}");
    assert_eq!(letters(&worker.evaluate(&batch(&events("aaa"))).await), "kkk");
}

#[tokio::test]
async fn a_timeout_that_no_single_event_causes_faults_nobody() {
    // Loops when more than two events come at once.
    let body = format!("(if (i32.gt_u (local.get $rows) (i32.const 2)) (then (loop $l (br $l)))) {}", each(""));
    check(Guest::filter(&body), "aaaaaaaa", "kkkkkkkk", "").await;
}

#[tokio::test]
async fn outputs_that_lie() {
    for (body, finish, fault) in [
        ("(i32.store offset=4 (local.get $p) (i32.const 70000))", "", "invalid reply: output row 0"),
        (
            "(i32.store offset=8 (local.get $p) (i32.const 0)) (i32.store offset=16 (local.get $p) (i32.const -9)) (i32.store offset=20 (local.get $p) (i32.const 90))",
            "",
            "invalid reply: output row 0",
        ),
        (&code(1) as &str, "", "invalid reply: event 0 is not kept and has an output"),
        (
            "(i32.store (i32.const 1500) (i32.const 1))",
            "(if (i32.load (i32.const 1500)) (then (i32.store (i32.const 1072) (i32.const 0)) (i32.store (i32.const 1500) (i32.const 0))))",
            "invalid reply: event 0 is kept without an output",
        ),
        (
            "(i32.store (i32.const 1500) (i32.const 1))",
            "(if (i32.load (i32.const 1500)) (then (i32.store (i32.const 1056) (i32.const 23))))",
            "invalid reply: output row 0",
        ),
    ] {
        let mut worker = worker(&Guest::transform(&echo(&when('p', body), finish)), spec()).await;
        let events = events(MARKS);
        let rows: Vec<u32> = (0..events.len() as u32).collect();
        let applied = worker.apply(&batch(&events), &events, &rows).await;
        assert_eq!(letters(&applied.decisions), GUILTY, "{fault}: {:?}", faults(&applied.decisions));
        assert!(
            faults(&applied.decisions)[0].contains(fault),
            "{:?} does not say {fault:?}",
            faults(&applied.decisions)
        );
        let kept: Vec<u32> = rows.iter().copied().filter(|&row| row != 9).collect();
        assert_eq!(applied.outputs.rows().collect::<Vec<_>>(), kept);
    }
}

#[tokio::test]
async fn a_million_outputs_for_one_event() {
    // 96 MB of rows, all of the one origin.
    let limits = Limits { memory: 256 << 20, timeout: Duration::from_millis(200), ..spec().limits };
    let body = "(i32.store (i32.const 1500) (i32.const 1))";
    let finish = r#"(if (i32.load (i32.const 1500)) (then
        (i32.store (i32.const 1068) (call $alloc (i32.const 96000000)))
        (i32.store (i32.const 1072) (i32.const 24000000))))"#;
    let guest = Guest::transform(&echo(&when('p', body), finish));
    let mut worker = worker(&guest, GuestSpec { limits, ..spec() }).await;
    let events = events("aapa");
    let applied = worker.apply(&batch(&events), &events, &[0, 1, 2, 3]).await;
    assert_eq!(letters(&applied.decisions), "kkfk", "{:?}", faults(&applied.decisions));
    assert_eq!(applied.outputs.len(), 3);
    // Within the bounds of a reply, but more than the policy lets an event become.
    let finish = r#"(if (i32.load (i32.const 1500)) (then
        (i32.store (i32.const 1068) (call $codes (i32.const 240)))
        (i32.store (i32.const 1072) (i32.const 240))))"#;
    let guest = Guest::transform(&echo(&when('p', body), finish));
    let mut worker = crate::support::worker(&guest, spec()).await;
    let applied = worker.apply(&batch(&events), &events, &[0, 1, 2, 3]).await;
    assert_eq!(letters(&applied.decisions), "kkfk", "{:?}", faults(&applied.decisions));
}

#[tokio::test]
async fn a_log_flood_is_suppressed_and_counted() {
    let flood = r#"(local.set $p (i32.const 0))
        (loop $l
          (call $write (i32.const 2) (i32.const 16) (i32.const 14))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $p) (i32.const 20000))))"#;
    let guest = Guest::filter(&each(flood)).with_log();
    let limits = Limits { timeout: Duration::from_secs(10), ..spec().limits };
    let spec = GuestSpec { capabilities: [tidegate_engine::Capability::Log].into(), limits, ..spec() };
    let mut worker = worker(&guest, spec).await;
    assert_eq!(letters(&worker.evaluate(&batch(&events("aa"))).await), "kk");
    let suppressed = worker.guest().suppressed_lines();
    assert!(suppressed > 30_000, "{suppressed}");
}

/// Deploys `guest`; it must be refused in that stage for that cause.
async fn refused_in(guest: Guest, stage: Stage, cause: FaultCause) {
    let (engine, module) = load(&guest).await;
    match Verified::verify(&engine, &module, spec()).await {
        Err(VerifyError::Failed { stage: at, fault }) => assert_eq!((at, fault.cause), (stage, cause), "{fault}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn guests_that_cannot_be_set_up_are_refused() {
    let filter = || Guest::filter(KEEP);
    let loops = "(loop $l (br $l)) (i32.const 0)";
    refused_in(Guest { configure: loops.into(), ..filter() }, Stage::Configure, FaultCause::Timeout).await;
    refused_in(Guest { configure: "unreachable".into(), ..filter() }, Stage::Configure, FaultCause::Trap).await;
    let starts = "(func $s (loop $l (br $l))) (start $s)";
    refused_in(filter().core(starts), Stage::Instantiate, FaultCause::Timeout).await;
    let memory = "(memory (export \"memory\") 257)";
    refused_in(Guest { memory: memory.into(), ..filter() }, Stage::Instantiate, FaultCause::Memory).await;
    let one_code = "(call $ok (call $codes (i32.const 1)) (i32.const 1))";
    refused_in(Guest::filter(one_code), Stage::WarmUp, FaultCause::Reply).await;
    refused_in(Guest::filter("unreachable"), Stage::WarmUp, FaultCause::Trap).await;
}

#[tokio::test]
async fn endless_loops_let_their_neighbours_on_the_same_thread_go_on() {
    let limits = Limits { timeout: Duration::from_millis(300), ..spec().limits };
    let looping = Guest::filter(&marked('p', "(loop $l (br $l))"));
    let spec = GuestSpec { limits, ..spec() };
    let (engine, module) = load(&looping).await;
    let guest = Verified::verify(&engine, &module, spec).await.unwrap();
    let looping = |name: &'static str| {
        let mut worker = Worker::new(&guest);
        async move {
            let decisions = worker.evaluate(&batch(&events("p"))).await;
            assert!(matches!(&decisions[..], [Decision::Fault(fault)] if fault.cause == FaultCause::Timeout));
            name
        }
    };
    let good = async {
        let mut worker = Worker::new(&guest);
        // Between two batches it lets the others have the thread: it gets it back each time.
        for _ in 0..20 {
            assert_eq!(letters(&worker.evaluate(&batch(&events("aaaa"))).await), "kkkk");
            tokio::task::yield_now().await;
        }
        "good"
    };
    let first = tokio::select! {
        biased;
        name = looping("loop") => name,
        name = looping("loop") => name,
        name = good => name,
    };
    assert_eq!(first, "good");
}

#[tokio::test]
async fn a_dropped_call_leaves_a_worker_that_works() {
    let limits = Limits { timeout: Duration::from_secs(10), ..spec().limits };
    let guest = Guest::filter(&marked('p', "(loop $l (br $l))"));
    let mut worker = worker(&guest, GuestSpec { limits, ..spec() }).await;
    assert_eq!(letters(&worker.evaluate(&batch(&events("a"))).await), "k");
    tokio::select! {
        biased;
        _ = async { worker.evaluate(&batch(&events("p"))).await } => panic!("it ended"),
        () = async { for _ in 0..3 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(letters(&worker.evaluate(&batch(&events("aa"))).await), "kk");
}

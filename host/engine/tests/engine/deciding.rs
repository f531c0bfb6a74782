//! Well-behaved guests: what they decide, write and name arrives as it was meant.

use std::time::Duration;

use tidegate_engine::{Capability, Decision, Guest as Verified, GuestSpec, Isolation, Limits, Worker};

use crate::{
    support::{batch, event, events, faults, letters, load, reason, spec, worker},
    wat::{Guest, KEEP, PAIRS, assign, code, each, echo, marked, when},
};

#[tokio::test]
async fn codes_become_decisions_with_their_reasons() {
    // drop with reason 1, reject with reason 0, retry without.
    let body = [('d', 0x201), ('j', 0x102), ('r', 3)].map(|(mark, c)| when(mark, &code(c))).concat();
    let with_reasons = each(&body).replace(
        "(call $ok (local.get $codes) (local.get $rows))",
        r#"(drop (call $ok (local.get $codes) (local.get $rows)))
           (i32.store (i32.const 512) (i32.const 16)) (i32.store (i32.const 516) (i32.const 3))
           (i32.store (i32.const 520) (i32.const 20)) (i32.store (i32.const 524) (i32.const 5))
           (i32.store (i32.const 1036) (i32.const 512)) (i32.store (i32.const 1040) (i32.const 2))
           (i32.const 1024)"#,
    );
    let mut worker = worker(&Guest::filter(&with_reasons), spec()).await;
    let decisions = worker.evaluate(&batch(&events("adjra"))).await;
    assert_eq!(letters(&decisions), "kdjrk");
    assert_eq!(reason(&decisions[1]).as_deref(), Some("guest"));
    assert_eq!(reason(&decisions[2]).as_deref(), Some("wat"));
    assert_eq!(reason(&decisions[3]), None);
}

#[tokio::test]
async fn a_guest_says_what_it_is_and_needs() {
    let (engine, module) = load(&Guest::filter(KEEP)).await;
    let described = Verified::describe(&engine, &module).await.unwrap();
    assert_eq!((described.name.as_str(), described.version.as_str()), ("wat-guest", "1.2.3"));
    assert_eq!(described.config_schema, None);
    let attributes_only =
        r#"(i32.store8 (i32.const 1024) (i32.const 0)) (i32.store8 (i32.const 1028) (i32.const 1)) (i32.const 1024)"#;
    let (engine, module) = load(&Guest { configure: attributes_only.into(), ..Guest::filter(KEEP) }).await;
    let needs = Verified::verify(&engine, &module, spec()).await.unwrap().needs();
    assert!(needs.attributes && !needs.extensions && !needs.data && !needs.context, "{needs:?}");
}

#[tokio::test]
async fn a_transform_passes_changes_and_drops() {
    // `w`: writes the type, from its own bytes; `d`: dropped, so its row is taken back.
    let write_type = r#"(i32.store offset=8 (local.get $p) (i32.const 0x3fb))
        (i32.store offset=32 (local.get $p) (i32.const 0)) (i32.store offset=36 (local.get $p) (i32.const 3))"#;
    let finish = "(i32.store (i32.const 1060) (i32.const 16)) (i32.store (i32.const 1064) (i32.const 14))";
    let leaves = Guest::transform(&echo(&when('w', write_type), finish));
    // One that leaves nothing where it was: its reply has to be out before that.
    let spoil = "(memory.fill (i32.const 0) (i32.const 0xff) (i32.const 131072))";
    let spoils = Guest { after_apply: Some(spoil.into()), ..Guest::transform(&echo(&when('w', write_type), finish)) };
    for guest in [leaves, spoils] {
        let mut worker = worker(&guest, spec()).await;
        let events = events("awa");
        let applied = worker.apply(&batch(&events), &events, &[0, 1, 2]).await;
        assert_eq!(letters(&applied.decisions), "kkk", "{:?}", faults(&applied.decisions));
        let types: Vec<_> =
            applied.outputs.into_iter().map(|(row, made)| (row, made.map(|event| event.ty().to_owned()))).collect();
        assert_eq!(types, [(0, None), (1, Some("wat".into())), (2, None)], "what did not change is not made anew");
    }
}

#[tokio::test]
async fn a_transform_sees_the_rows_it_was_given() {
    let mut worker = worker(&Guest::transform(&echo("", "")), spec()).await;
    let events = events("abcd");
    let rows = [1, 3];
    let mut flat = batch(&[]);
    flat.assemble(&events, &rows, crate::support::ALL, 0);
    let applied = worker.apply(&flat, &events, &rows).await;
    assert!(applied.outputs.all_unchanged(), "each is the event of its row");
    assert_eq!(applied.outputs.rows().collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn a_matcher_names_what_it_keeps() {
    let body = [
        when('e', "(call $pair (local.get $i) (i32.const 0))"),
        when('b', "(call $pair (local.get $i) (i32.const 0)) (call $pair (local.get $i) (i32.const 1))"),
    ]
    .concat();
    let guest = Guest::matcher(&assign(&[(0, 2), (0, 9)], &body)).core(PAIRS);
    let mut worker = worker(&guest, spec()).await;
    let assigned = worker.assign(&batch(&events("eab"))).await;
    assert_eq!(letters(&assigned.decisions), "kkk");
    assert_eq!(assigned.names.iter().map(|n| &**n).collect::<Vec<_>>(), ["eu", "eu/orders"]);
    assert_eq!(assigned.pairs, [(0, 0), (2, 0), (2, 1)]);
}

#[tokio::test]
async fn names_and_pairs_that_lie_are_faults() {
    let name = |names: &[(u32, u32)], body: &str| Guest::matcher(&assign(names, &when('p', body))).core(PAIRS);
    let first = "(call $pair (local.get $i) (i32.const 0))";
    for (guest, fault) in [
        (name(&[(0, 2)], "(call $pair (local.get $i) (i32.const 1))"), "a pair with name 1 of 1"),
        (name(&[(0, 2)], "(call $pair (i32.const 900) (i32.const 0))"), "a pair of event 900"),
        (name(&[(0, 2)], &format!("{first} {first}")), "`pairs` do not ascend"),
        (name(&[(0, 2)], &format!("{first} {}", code(1))), "event 0 is not kept and has a name"),
    ] {
        let mut worker = worker(&guest, spec()).await;
        let assigned = worker.assign(&batch(&events("apa"))).await;
        assert_eq!(letters(&assigned.decisions), "kfk");
        assert!(faults(&assigned.decisions)[0].contains(fault), "{:?}", faults(&assigned.decisions));
    }
    // A name that is none fails every call that brings it, even one without pairs.
    let mut worker = worker(&name(&[(2, 1)], ""), spec()).await;
    let assigned = worker.assign(&batch(&events("a"))).await;
    assert_eq!(faults(&assigned.decisions), ["invalid reply: `/` is not a name"]);
}

#[tokio::test]
async fn names_of_several_calls_are_joined() {
    let body = when('e', "(call $pair (local.get $i) (i32.const 0))");
    let poison = when('p', "unreachable");
    let guest = Guest::matcher(&assign(&[(0, 2)], &format!("{body}{poison}"))).core(PAIRS);
    let mut worker = worker(&guest, spec()).await;
    let assigned = worker.assign(&batch(&events("eapee"))).await;
    assert_eq!(letters(&assigned.decisions), "kkfkk");
    assert_eq!(assigned.names.len(), 1);
    assert_eq!(assigned.pairs, [(0, 0), (3, 0), (4, 0)]);
}

#[tokio::test]
async fn large_batches_are_cut_and_large_events_are_not_called_with() {
    // Answers with an error when it gets more than it may.
    let guard = format!(
        "(if (i32.or (i32.gt_u (local.get $rows) (i32.const 1024)) (i32.gt_u (local.get $size) (i32.const 70000))) (then (return (call $err (i32.const 16) (i32.const 9))))) {}",
        marked('x', "unreachable")
    );
    let limits = Limits { max_event_bytes: 1000, memory: 8 * 65_000, ..spec().limits };
    let mut worker = worker(&Guest::filter(&guard), GuestSpec { limits, ..spec() }).await;
    let mut events = events(&"a".repeat(2500));
    assert_eq!(letters(&worker.evaluate(&batch(&events)).await), "k".repeat(2500));
    for at in [0, 1300, 2499] {
        events[at] = event(&format!("x{}", "y".repeat(2000)));
    }
    let decisions = worker.evaluate(&batch(&events)).await;
    let faults = faults(&decisions);
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.iter().all(|f| f.starts_with("event too large: ") && f.ends_with("the policy allows 1000")));
    assert!([0, 1300, 2499].iter().all(|&at| matches!(decisions[at], Decision::Fault(_))));
}

/// Drops everything from its second call on, as far as one instance can tell.
fn counting() -> Guest {
    let body = format!(
        r#"(if (local.get $rows) (then (i32.store (i32.const 1500) (i32.add (i32.load (i32.const 1500)) (i32.const 1)))))
           {}"#,
        each(&format!("(if (i32.gt_u (i32.load (i32.const 1500)) (i32.const 1)) (then {}))", code(1)))
    );
    Guest::filter(&body)
}

#[tokio::test]
async fn isolation_decides_how_long_an_instance_lives() {
    let mut worker = worker(&counting(), spec()).await;
    let batch = batch(&events("a"));
    assert_eq!(letters(&worker.evaluate(&batch).await), "k");
    assert_eq!(letters(&worker.evaluate(&batch).await), "d");
    worker.discard();
    assert_eq!(letters(&worker.evaluate(&batch).await), "k");
    let mut worker = crate::support::worker(&counting(), GuestSpec { isolation: Isolation::Batch, ..spec() }).await;
    for _ in 0..3 {
        assert_eq!(letters(&worker.evaluate(&batch).await), "k");
    }
}

#[tokio::test]
async fn idle_instances_are_given_back_only_if_they_have_grown() {
    let grow = marked('g', "(drop (memory.grow (i32.const 100)))");
    let body = counting().evaluate.unwrap().replacen(
        "(local.set $codes",
        &format!("(block (result i32) {grow}) (drop) (local.set $i (i32.const 0)) (local.set $codes"),
        1,
    );
    let mut worker = worker(&Guest::filter(&body), spec()).await;
    assert_eq!(letters(&worker.evaluate(&batch(&events("a"))).await), "k");
    worker.shrink();
    assert_eq!(letters(&worker.evaluate(&batch(&events("g"))).await), "d");
    worker.shrink();
    assert_eq!(letters(&worker.evaluate(&batch(&events("a"))).await), "k");
}

#[tokio::test]
async fn events_that_are_decided_again_are_counted_once() {
    let count =
        format!("(call $add (call $counter (i32.const 16) (i32.const 3)) (i64.const 1)) {}", when('p', "unreachable"));
    let guest = Guest::filter(&each(&count)).with_metrics();
    let spec = GuestSpec { capabilities: [Capability::Metrics].into(), ..spec() };
    let (engine, module) = load(&guest).await;
    let guest = Verified::verify(&engine, &module, spec).await.unwrap();
    let mut worker = Worker::new(&guest);
    assert_eq!(letters(&worker.evaluate(&batch(&events("aaaaapaa"))).await), "kkkkkfkk");
    assert_eq!(guest.counters(), [("wat".to_owned(), 7)]);
}

#[tokio::test]
async fn time_spent_waiting_for_a_turn_is_free() {
    // Two guests that each run for most of their time, beside each other on one thread.
    let busy = format!(
        "(loop $l (local.set $p (i32.add (local.get $p) (i32.const 1))) (br_if $l (i32.lt_u (local.get $p) (i32.mul (local.get $rows) (i32.const 20000000))))) {KEEP}"
    );
    let limits = Limits { timeout: Duration::from_secs(5), ..spec().limits };
    let (engine, module) = load(&Guest::filter(&busy)).await;
    let guest = Verified::verify(&engine, &module, GuestSpec { limits, ..spec() }).await.unwrap();
    let run = || {
        let mut worker = Worker::new(&guest);
        async move { letters(&worker.evaluate(&batch(&events("a"))).await) }
    };
    assert_eq!(tokio::join!(run(), run()), ("k".to_owned(), "k".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_run_on_any_thread() {
    let mut worker = worker(&Guest::filter(KEEP), spec()).await;
    let lane = tokio::spawn(async move { letters(&worker.evaluate(&batch(&events("aa"))).await) });
    assert_eq!(lane.await.unwrap(), "kk");
}

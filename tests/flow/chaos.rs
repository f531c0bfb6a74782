//! Everything at once, drawn by lot: lanes, faults of sinks and sources, swaps, policies that drop, trap and say "later". Whatever is
//! drawn, each event ends in exactly one place, once, and keys keep their order.
//!
//! `TIDEGATE_ROUNDS=1000` makes a campaign of it; `TIDEGATE_SEED` repeats one.

use std::collections::HashMap;

use tidegate_event::{Event, Value};
use tidegate_pipeline::WindowOptions;

use crate::rig::{
    Rig,
    docs::Docs,
    events::id,
    guests::{Guest, drops_guilty, stamp},
    random::Random,
};

const ROUNDS: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Delivered,
    Dropped,
    Trapped,
    Refused,
}

/// What becomes of event `number`, whatever happens on the way.
fn end(number: usize, salt: u64) -> End {
    match (number as u64 ^ salt) % 61 {
        0..=5 => End::Dropped,
        6 => End::Trapped,
        7 => End::Refused,
        _ => End::Delivered,
    }
}

fn event(number: usize, salt: u64) -> Event {
    let event = Event::builder().id(&id(number)).source("/test").ty("t");
    let event = event.extension("partitionkey", Value::String(format!("k{}", number % 7).into()));
    let event = match end(number, salt) {
        End::Dropped => event.ty("drop").subject("s"),
        End::Trapped => event.ty("trap").subject("s"),
        // Presented three times before it goes on.
        End::Delivered if number.is_multiple_of(997) => event.ty("later").subject("s"),
        End::Delivered | End::Refused => event,
    };
    event.build().expect("a valid event")
}

fn guests(rig: &Rig) {
    rig.guest("drop.wasm", &drops_guilty());
    rig.guest("trap.wasm", &Guest::filter().guilty("unreachable"));
    rig.guest("stamp1.wasm", &stamp(1));
    rig.guest("stamp2.wasm", &stamp(2));
    let later = "(if (i32.lt_u (global.get $tries) (i32.const 2)) (then
        (global.set $tries (i32.add (global.get $tries) (i32.const 1)))
        (local.set $code (i32.const 3))))";
    rig.guest("later.wasm", &Guest::filter().items("(global $tries (mut i32) (i32.const 0))").guilty(later));
}

fn docs(lanes: u64, version: u64) -> Docs {
    let only = |ty: &str| format!("match: [{{filters: [{{exact: {{type: {ty}}}}}]}}], failure: {{onTrap: DeadLetter}}");
    // Other delays make another sink of it: the old one is followed by a new one.
    let sink = format!("{{memory: {{name: out}}, retry: {{delay: 1ms, maxDelay: {}ms}}}}", 5 + version % 3);
    let mark = format!(
        "phase: Transform, wasm: {{module: 'file:stamp{}.wasm', config: 'x1={version}', mayWrite: {{attributes: [x1]}}}}",
        1 + version % 2
    );
    let docs = Docs::new().doc("Source", "in", &format!("{{memory: {{name: in, lanes: {lanes}}}}}"));
    let docs = docs.doc("Sink", "out", &sink).sink("dlq").route("main", "in", "out");
    let docs = docs.policy("drop", "drop.wasm", &only("drop")).policy("trap", "trap.wasm", &only("trap"));
    docs.policy("later", "later.wasm", &only("later")).policy("mark", "", &mark)
}

async fn round(random: &mut Random) {
    let (lanes, salt) = (1 + random.below(4), random.below(1 << 32));
    let window = WindowOptions { events: 1 << (8 + random.below(6)), bytes: 1 << (16 + random.below(10)) };
    let count = usize::try_from(1000 + random.below(6000)).expect("small");
    let mut rig = Rig::with_window(window);
    guests(&rig);
    for number in (0..count).filter(|&number| end(number, salt) == End::Refused) {
        rig.queue("out").refuse(&id(number));
    }
    rig.apply(&docs(lanes, 0)).await;
    let mut pushed = 0;
    let mut version = 0;
    while pushed < count {
        match random.below(12) {
            0 => rig.queue("out").hold(),
            1 | 2 => rig.queue("out").release(),
            3 => rig.queue("out").fail_writes(small(random, 3), small(random, 500)),
            4 => rig.queue("in").fail_reads(small(random, 2)),
            5 | 6 => {
                // A held sink holds a lane, not a swap.
                version += 1;
                rig.apply(&docs(lanes, version)).await;
            }
            _ => {
                let more = (1 + small(random, 900)).min(count - pushed);
                rig.push("in", (pushed..pushed + more).map(|number| event(number, salt)));
                pushed += more;
            }
        }
        if random.below(2) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(random.below(8))).await;
        }
    }
    rig.queue("out").release();
    rig.settled("in", count as u64).await;
    check(&rig, count, salt);
}

fn small(random: &mut Random, bound: u64) -> usize {
    usize::try_from(random.below(bound)).expect("small")
}

fn check(rig: &Rig, count: usize, salt: u64) {
    let (out, dead) = (rig.queue("out").events(), rig.queue("dlq").events());
    let mut ends: HashMap<String, Vec<End>> = HashMap::new();
    for event in &out {
        ends.entry(event.id().to_owned()).or_default().push(End::Delivered);
        assert!(event.attribute("x1").is_some(), "not stamped: {event:?}");
    }
    for event in &dead {
        let end = match &*event.attribute("tidegatecause").expect("a cause") {
            "trap" => End::Trapped,
            "undeliverable" => End::Refused,
            other => panic!("{other}: {event:?}"),
        };
        ends.entry(event.id().to_owned()).or_default().push(end);
    }
    for number in 0..count {
        let wanted = end(number, salt);
        let found = ends.remove(&id(number)).unwrap_or_default();
        let wanted = if wanted == End::Dropped { vec![] } else { vec![wanted] };
        assert_eq!(found, wanted, "{}", id(number));
    }
    assert!(ends.is_empty(), "invented: {ends:?}");
    for (place, events) in [("out", &out), ("dlq", &dead)] {
        let mut last: HashMap<String, usize> = HashMap::new();
        // A dead letter for what a sink refused comes when the sink has answered: each cause has its own order.
        for event in events {
            let key = format!("{:?} {:?}", event.ordering_key(), event.attribute("tidegatecause"));
            let number: usize = event.id()[1..].parse().expect("a number");
            let before = last.insert(key, number);
            assert!(before.is_none_or(|before| before < number), "{place}: {number} after {before:?}");
        }
    }
    let tally = rig.tally("main");
    assert!(tally.received <= count as u64, "each is counted once, in one of the generations that are remembered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_each_event_ends_in_one_place_and_in_order() {
    let rounds =
        std::env::var("TIDEGATE_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("TIDEGATE_ROUNDS is a number"));
    let mut random = Random::from_env();
    for number in 0..rounds {
        println!("round {number} of {rounds}");
        round(&mut random).await;
    }
}

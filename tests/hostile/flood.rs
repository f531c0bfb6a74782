//! A guest that logs without end costs the log a bounded number of lines, and no event.

use crate::rig::{
    Rig,
    docs::Docs,
    events::{expected, mixed},
    guests::Guest,
};

/// Writes `lines` log lines of `length` bytes for each guilty event.
pub(super) fn flood(lines: u32, length: u32) -> Guest {
    let import = r#"(import "tidegate:guest/log@0.1.0" "write" (func $write (param i32 i32 i32)))"#;
    Guest::filter().imports(import).guilty(&format!(
        "(local.set $i (i32.const 0))
         (memory.fill (i32.const 65536) (i32.const 120) (i32.const {length}))
         (loop $more
           (call $write (i32.const 3) (i32.const 65536) (i32.const {length}))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $more (i32.lt_u (local.get $i) (i32.const {lines}))))"
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_flood_costs_no_event() {
    for (lines, length) in [(10_000, 20), (50, 500_000)] {
        let mut rig = Rig::new();
        rig.guest("flood.wasm", &flood(lines, length));
        let policy = "limits: {timeout: 10s}, failure: {onTrap: DeadLetter, onTimeout: DeadLetter}, \
                      wasm: {module: 'file:flood.wasm', capabilities: [log]}";
        rig.apply(&Docs::line().policy("flood", "", policy)).await;
        rig.push("in", mixed(1000, |number| number % 250 == 0));
        rig.settled("in", 1000).await;
        assert_eq!(rig.ids("out"), expected(0..1000));
    }
}

/// A log line whose address lies is the guest's fault alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_line_out_of_bounds_is_a_trap() {
    let mut rig = Rig::new();
    let import = r#"(import "tidegate:guest/log@0.1.0" "write" (func $write (param i32 i32 i32)))"#;
    let guest = Guest::filter().imports(import).guilty("(call $write (i32.const 3) (i32.const -16) (i32.const 4096))");
    rig.guest("flood.wasm", &guest);
    let policy = "failure: {onTrap: DeadLetter}, wasm: {module: 'file:flood.wasm', capabilities: [log]}";
    rig.apply(&Docs::line().policy("flood", "", policy)).await;
    rig.push("in", mixed(1000, |number| number == 500));
    rig.settled("in", 1000).await;
    assert_eq!(rig.ids("dlq"), expected([500]));
    assert_eq!(rig.ids("out"), expected((0..1000).filter(|&number| number != 500)));
}

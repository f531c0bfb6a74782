//! What is told of a lane that stands still.

use serde_json::Value;

use super::line::Line;
use crate::rig::request::get;

#[test]
fn a_lane_that_stands_still_is_behind_by_all_that_waits() {
    // More than a lane reads ahead.
    const WAITING: usize = 9000;
    let mut line = Line::new();
    line.put(&line.docs().policy("trap", "trap.wasm", "failure: {onTrap: Pause}"));
    line.produce_with(1, |_| ("test.trap", "dead_lettered"));
    let mut host = line.spawn();
    let admin = host.admin();
    let lane = || -> Option<Value> {
        let status: Value = serde_json::from_str(&get(&admin, "/status").ok()?.body).ok()?;
        status["lanes"].get(0).cloned()
    };
    host.until("the lane is paused", || (lane()?["state"] == "paused").then_some(()));
    let reason = lane().unwrap()["held"]["reason"].as_str().unwrap().to_owned();
    let place = format!("{} IN/IN.events@1", line.server.url());
    assert!(reason.contains(&place), "{place} is not in {reason}");
    for part in 1..=3 {
        line.produce_with(WAITING / 3, |_| ("test.pass", "delivered"));
        let all = 1 + part * WAITING / 3;
        host.until("the lag is known", || (lane()?["lag"]["events"] == all).then_some(()));
    }
    line.deploy(1);
    line.finish(&mut host);
    host.until("nothing waits", || (lane()?["lag"]["events"] == 0).then_some(()));
    assert!(host.stop().success());
    line.check("nats_held_lag", 0);
}

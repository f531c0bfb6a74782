//! What happens to files that are read: bad lines, rotation, truncation, replacement, absence, kills.

use std::fs;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tidegate_connector::{Settled, SourceError};

use crate::folder::Folder;

#[tokio::test]
async fn bad_lines_are_named_with_their_place_and_nothing_else_is_lost() {
    let folder = Folder::new();
    folder.event("a");
    folder.append("\n\r\n");
    folder.append("{\"specversion\":\"1.0\",\"id\":\n");
    folder.append_bytes(b"{\"specversion\":\"1.0\",\"id\":\"\xff\",\"source\":\"/s\",\"type\":\"t\"}\n");
    folder.append("{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\"}\r\n");
    folder.append("{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\",\"type\":\"t\"}\n");
    folder.append("{\"specversion\":\"0.3\",\"id\":\"x\",\"source\":\"/s\",\"type\":\"t\"}\n");
    folder.append("[]\n42\n");
    folder.event("b");
    let mut lane = folder.lane(json!({"path": "f"})).await;
    let (events, malformed) = lane.read_all().await;
    assert_eq!(events, ["a", "b"]);
    let places: Vec<&str> = malformed.iter().map(|m| m.place.as_str()).collect();
    let start = folder.event_line("a").len();
    assert_eq!(places[0], format!("f: line 4 (byte {})", start + 3));
    let lines: Vec<&str> = places.iter().map(|place| place.split(" (").next().unwrap()).collect();
    assert_eq!(lines, ["f: line 4", "f: line 5", "f: line 6", "f: line 7", "f: line 8", "f: line 9", "f: line 10"]);
    assert!(malformed.iter().all(|m| m.before == 1), "{malformed:?}");
    assert!(malformed[2].problem.contains("id"), "{:?}", malformed[2]);
    assert_eq!(malformed[5].message, "[]", "as received, without the line break");
}

#[tokio::test]
async fn a_line_over_the_limit_is_skipped_with_bounded_memory() {
    let folder = Folder::new();
    folder.event("a");
    let huge = 40 << 20;
    folder.append_bytes(&vec![b'x'; huge]);
    folder.append("\n");
    folder.event("b");
    folder.append_bytes(&vec![b'y'; 5000]);
    folder.append("\n");
    folder.event("c");
    folder.append_bytes(&vec![b'z'; 3 << 20]);
    let mut lane = folder.lane(json!({"path": "f", "maxLineBytes": 4096})).await;
    let (events, malformed) = lane.read_all().await;
    assert_eq!(events, ["a", "b", "c"]);
    let found: Vec<(usize, String)> = malformed.iter().map(|m| (m.message.len(), m.problem.clone())).collect();
    let says = |bytes: usize| format!("the line has {bytes} bytes, more than maxLineBytes (4096)");
    assert_eq!(found, [(64 << 10, says(huge)), (5000, says(5000)), (64 << 10, says(3 << 20))]);
    assert!(malformed[1].place.starts_with("f: line 4 "), "{}", malformed[1].place);
    assert!(malformed[2].place.starts_with("f: line 6 "), "{}", malformed[2].place);
}

#[tokio::test]
async fn the_last_line_needs_no_line_break_unless_more_may_come() {
    let folder = Folder::new();
    folder.event("a");
    folder.append(folder.event_line("b").trim_end());
    assert_eq!(folder.lane(json!({"path": "f"})).await.read_all().await.0, ["a", "b"]);

    let mut lane = folder.lane_of("follower", json!({"path": "f", "follow": true})).await;
    assert_eq!(lane.read(1).await, ["a"]);
    assert!(lane.waits().await, "half a line is no line");
    folder.append("\n");
    assert_eq!(lane.read(1).await, ["b"]);
}

#[tokio::test]
async fn lines_are_wrapped_by_the_rule() {
    let folder = Folder::new();
    folder.append("{\"order\": 1}\n\n{\"order\": 2}\nno json\n{}\n");
    let rule = json!({"type": "t", "source": "/files/${file}", "id": "${path}:${line}:${offset}:${data.order}"});
    let mut lane = folder.lane(json!({"path": "f", "format": "lines", "envelope": rule})).await;
    let (events, malformed) = lane.read_all().await;
    assert_eq!(events, ["f:1:0:1", "f:3:14:2"]);
    let problems: Vec<&str> = malformed.iter().map(|m| m.problem.as_str()).collect();
    assert_eq!(problems, ["no JSON: expected ident at line 1 column 2", "field `order` is missing"]);
}

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_before_its_successor() {
    let folder = Folder::new();
    folder.event("a");
    let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
    assert_eq!(lane.read(1).await, ["a"]);
    folder.rename("f", "f.1");
    assert!(lane.waits().await);
    // The writer has not opened the new file yet.
    folder.event_to("f.1", "b");
    assert_eq!(lane.read(1).await, ["b"]);
    fs::write(folder.path("f"), "").unwrap();
    assert!(lane.waits().await);
    folder.event_to("f.1", "c");
    folder.event("d");
    assert_eq!(lane.read(2).await, ["c", "d"]);
    // Nacked events of a file that was renamed are still at hand.
    folder.event("e");
    let delivery = lane.next().await;
    folder.rename("f", "f.2");
    folder.event("f");
    let behind = lane.next().await;
    drop((delivery, behind));
    assert_eq!(lane.read(2).await, ["e", "f"]);
}

#[tokio::test]
async fn several_rotations_while_nobody_looks_are_all_read_in_order() {
    for (first, second) in [("f.2", "f.1"), ("f-20260130", "f-20260131")] {
        let folder = Folder::new();
        folder.event("a");
        let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
        assert_eq!(lane.read(1).await, ["a"]);
        folder.event("b");
        folder.rename("f", first);
        folder.event("c");
        folder.rename("f", second);
        folder.event("d");
        assert_eq!(lane.read(3).await, ["b", "c", "d"], "{first}");
        lane.close().await;
        // And while nobody runs.
        folder.event("e");
        folder.rename("f", if first == "f.2" { "f.0" } else { "f-20260201" });
        folder.event("g");
        let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
        assert_eq!(lane.read(2).await, ["e", "g"], "{first}");
    }
}

#[tokio::test]
async fn a_truncated_file_is_read_from_its_beginning() {
    let folder = Folder::new();
    folder.event("long-enough-to-tell");
    folder.event("b");
    let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
    assert_eq!(lane.read(2).await.len(), 2);
    assert!(lane.waits().await);
    fs::write(folder.path("f"), folder.event_line("c")).unwrap();
    assert_eq!(lane.read(1).await, ["c"]);
    assert!(lane.waits().await);
    // Written anew, and longer than what was read of it.
    let anew: String = ["d", "e", "f"].iter().map(|id| folder.event_line(id)).collect();
    fs::write(folder.path("f"), anew).unwrap();
    assert_eq!(lane.read(3).await, ["d", "e", "f"]);
    lane.close().await;
    // While nobody runs.
    fs::write(folder.path("f"), folder.event_line("g")).unwrap();
    assert_eq!(folder.lane(json!({"path": "f", "follow": true})).await.read(1).await, ["g"]);
}

#[tokio::test]
async fn a_replaced_file_is_read_from_its_beginning() {
    let folder = Folder::new();
    folder.event("a");
    let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
    assert_eq!(lane.read(1).await, ["a"]);
    folder.event_to("new", "a");
    folder.event_to("new", "b");
    folder.rename("new", "f");
    assert_eq!(lane.read(2).await, ["a", "b"]);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_reported_and_waited_for() {
    let folder = Folder::new();
    let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
    let SourceError::Transient { place, cause } = lane.lane.next().await.unwrap_err() else { panic!("no transient") };
    assert_eq!(place, "f");
    assert!(cause.contains("No such file"), "{cause}");
    assert!(lane.waits().await);
    folder.event("a");
    assert_eq!(lane.read(1).await, ["a"]);
    folder.remove("f");
    assert!(lane.waits().await);
    folder.event("b");
    assert_eq!(lane.read(1).await, ["b"]);

    fs::create_dir(folder.path("d")).unwrap();
    let error = folder.lane_of("d", json!({"path": "d"})).await.lane.next().await.unwrap_err();
    assert_eq!(error.to_string(), "d: is no regular file");
}

#[tokio::test]
async fn reading_may_begin_at_the_end_and_a_restart_does_not_move_it() {
    let folder = Folder::new();
    folder.event("a");
    folder.append("half a li");
    let config = json!({"path": "f", "follow": true, "start": "end"});
    let mut lane = folder.lane(config.clone()).await;
    assert!(lane.waits().await);
    drop(lane);
    folder.append("ne\n");
    folder.event("b");
    let mut lane = folder.lane(config).await;
    let delivery = lane.next().await;
    assert_eq!(delivery.events[0].id(), "b");
    let place = &delivery.malformed[0].place;
    assert_eq!(*place, format!("f: byte {}", folder.event_line("a").len()), "its line was not counted");
}

#[tokio::test]
async fn what_was_settled_before_a_kill_is_not_read_again() {
    let folder = Folder::new();
    for number in 0..3000 {
        folder.event(&format!("e{number}"));
    }
    let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
    let first = lane.next().await;
    let settled = first.events.len();
    first.settlement.settle(Settled::Ack).await.unwrap();
    let second = lane.next().await;
    // Killed: no close, no drop of what is outstanding; the lock goes with the process.
    std::mem::forget(second);
    drop(lane);
    let again = folder.lane(json!({"path": "f", "follow": true})).await.next().await;
    assert_eq!(again.events[0].id(), format!("e{settled}"));
}

#[tokio::test]
async fn a_rotation_while_nobody_runs_loses_nothing() {
    let folder = Folder::new();
    folder.event("a");
    folder.event("b");
    for config in [json!({"path": "f"}), json!({"path": "f", "follow": true})] {
        let mut lane = folder.lane_of(&config.to_string(), config.clone()).await;
        let delivery = lane.next().await;
        delivery.settlement.settle(Settled::Nack { events: 1, delay: Duration::ZERO }).await.unwrap();
        lane.close().await;
    }
    folder.rename("f", "f.old");
    folder.event("c");
    for config in [json!({"path": "f"}), json!({"path": "f", "follow": true})] {
        let mut lane = folder.lane_of(&config.to_string(), config.clone()).await;
        assert_eq!(lane.read(2).await, ["b", "c"], "{config}");
    }
}

#[tokio::test]
async fn a_second_reader_of_one_source_is_refused_until_the_first_is_gone() {
    let folder = Folder::new();
    folder.event("a");
    let lane = folder.lane(json!({"path": "f"})).await;
    let mut source = folder.source("ns/f", json!({"path": "f"}));
    let error = source.lane().await.err().unwrap().to_string();
    assert!(error.contains("another host or lane reads source ns/f with this cursor"), "{error}");
    drop(lane);
    assert!(source.lane().await.unwrap().is_some());
    assert!(source.lane().await.unwrap().is_none(), "a file has one lane");
}

#[tokio::test]
async fn a_waiting_lane_is_woken_by_a_nack() {
    let folder = Folder::new();
    folder.event("a");
    let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
    let delivery = lane.next().await;
    {
        let waiting = lane.lane.next();
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(delivery);
        assert_eq!(waiting.await.unwrap().unwrap().events[0].id(), "a");
    }
    assert_eq!(lane.read(1).await, ["a"]);
}

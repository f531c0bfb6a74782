//! How far a lane says it is behind: what of its files is not delivered, or was nacked.

use std::time::Duration;

use serde_json::json;
use tidegate_connector::Settled;

use crate::folder::Folder;

#[tokio::test]
async fn what_is_not_delivered_is_behind_also_over_a_rotation() {
    let folder = Folder::new();
    let line = folder.event_line("a").len() as u64;
    ["a", "b"].into_iter().for_each(|id| folder.event(id));
    let mut lane = folder.lane(json!({"path": "f", "follow": true})).await;
    let gauge = lane.lane.lag().unwrap();
    let behind = || gauge.now().bytes;
    assert_eq!(behind(), None, "before there is a file nothing is known");

    let delivery = lane.next().await;
    assert_eq!(behind(), Some(0));
    folder.event("c");
    assert_eq!(behind(), Some(line), "it grows while the lane does nothing");
    delivery.settlement.settle(Settled::Nack { events: 1, delay: Duration::ZERO }).await.unwrap();
    assert_eq!(behind(), Some(2 * line), "what was nacked comes again");

    folder.rename("f", "f.1");
    ["d", "e", "g"].into_iter().for_each(|id| folder.event(id));
    assert_eq!(behind(), Some(5 * line), "the successor counts before it is read");
    assert_eq!(lane.read(5).await, ["b", "c", "d", "e", "g"]);
    assert_eq!(behind(), Some(0));
    lane.close().await;
    assert_eq!(behind(), None, "a lane that is closed keeps no file open");
}

//! Routes that an operator holds keep their position, over restarts too, and go on where they stood.

use serde_json::json;

use super::{Running, event_line, problem};

#[test]
fn a_paused_route_takes_nothing_and_goes_on_where_it_stood() {
    let mut host = Running::folder();
    host.feed(&event_line("1"));
    host.delivered(1);
    let answer = host.post("/v1/routes/default/main/pause", &json!({"reason": "maintenance"}), 200);
    assert_eq!(answer, json!({"route": "default/main", "paused": true}));
    let (address, token) = (host.address.clone(), format!("Bearer {}", host.token));
    let status = |address: &str| {
        let headers = [("authorization", token.as_str())];
        let answer = crate::rig::request::request(address, "GET", "/v1/status", &headers, "").ok()?;
        serde_json::from_str::<serde_json::Value>(&answer.body).ok()
    };
    host.host.until("the lane is paused", || (status(&address)?["lanes"][0]["held"]["by"] == "operator").then_some(()));
    host.feed(&(event_line("2") + &event_line("3")));
    // It is behind, and stays so.
    host.host
        .until("the lane is behind", || (status(&address)?["routes"][0]["lag"]["bytes"].as_u64()? > 0).then_some(()));
    assert_eq!(host.out().len(), 1);

    let mut host = host.restart("docs", &[]);
    let found = host.get("/v1/status");
    assert_eq!((&found["paused"][0]["route"], &found["paused"][0]["who"]), (&json!("default/main"), &json!("local")));
    assert_eq!(host.out().len(), 1, "a restart does not let it go on");
    host.post("/v1/routes/default/main/resume", &json!({}), 200);
    let ids: Vec<String> =
        host.delivered(3).iter().map(|event| event["id"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(ids, ["1", "2", "3"], "each once, in order");
    assert_eq!(host.get("/v1/status")["paused"], json!([]));
    problem(&host.call("POST", "/v1/routes/default/none/pause", &[], "{}"), 404);
    assert!(host.host.stop().success());
}

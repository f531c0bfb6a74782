//! By the program itself: deployed over the admin API, looked at with its commands, and taken on from there.

use serde_json::{Value, json};

use crate::admin_api::{Running, document, drops, event_line, guard, guilty_line, line};
use crate::rig::guests::Guest;
use crate::rig::request::request;

fn shadowed(digest: &str, rest: &str) -> String {
    let wasm = format!("{{module: 'file:guard.wasm', digest: '{digest}'}}");
    document("FilterPolicy", "guard", &format!("{{phase: Validate, wasm: {wasm}, mode: Shadow{rest}}}"))
}

fn outcomes(host: &mut Running, total: u64) -> Value {
    let (address, token) = (host.address.clone(), format!("Bearer {}", host.token));
    host.host.until(&format!("{total} events counted by the shadow"), || {
        let answer = request(&address, "GET", "/v1/status", &[("authorization", token.as_str())], "").ok()?;
        let status: Value = serde_json::from_str(&answer.body).ok()?;
        let outcomes = status["shadows"][0]["outcomes"].clone();
        let sum: u64 = outcomes.as_object()?.values().filter_map(Value::as_u64).sum();
        (sum + status["shadows"][0]["skipped"].as_u64()? >= total).then_some(outcomes)
    })
}

/// As a new user would: in shadow first, then for a share of the keys, then for all, and back.
#[test]
fn a_filter_goes_from_shadow_to_a_share_to_all_and_back() {
    let mut host = Running::api();
    let [lets_through, guards] = [host.upload(&Guest::filter()), host.upload(&guard())];
    host.apply(&[line(host.dir.path()), drops(&lets_through)]);
    let baseline = format!(", rollout: {{baseline: '{lets_through}'}}");
    let planned = host.post("/v1/documents?dryRun=true", &json!({"put": [shadowed(&guards, &baseline)]}), 200);
    assert_eq!((&planned["policies"][0]["shadow"], &planned["live"]), (&json!(true), &json!(false)), "{planned}");
    host.apply(&[shadowed(&guards, &baseline)]);
    host.feed(&[event_line("1"), guilty_line("2"), event_line("3")].concat());
    assert_eq!(host.delivered(3).len(), 3);
    let outcomes = outcomes(&mut host, 3);
    assert_eq!((&outcomes["same"], &outcomes["drop"]), (&json!(2), &json!(1)), "{outcomes}");
    let status = host.run(&["status"]).fine();
    assert!(status.contains("skipped") && status.contains("has a subject"), "{status}");
    let metrics = request(&host.address, "GET", "/metrics", &[], "").expect("metrics").body;
    let series =
        format!("tidegate_shadow_events_total{{policy=\"default/guard\",digest=\"{guards}\",outcome=\"drop\"}} 1");
    assert!(metrics.contains(&series), "{metrics}");

    // To a share: of one key, which is in it or not.
    let percent = tidegate_pipeline::rollout::bucket("default/guard", "k") + 1;
    let rollout = |percent: u8| {
        let wasm = format!("{{module: 'file:guard.wasm', digest: '{guards}'}}");
        let rollout = format!("{{percent: {percent}, baseline: '{lets_through}'}}");
        document("FilterPolicy", "guard", &format!("{{phase: Validate, wasm: {wasm}, rollout: {rollout}}}"))
    };
    host.apply(&[rollout(percent - 1)]);
    host.feed(&guilty_line("4"));
    assert_eq!(host.delivered(4).len(), 4);
    host.run(&["promote", "guard", "--percent", &percent.to_string()]).fine();
    host.feed(&[guilty_line("5"), event_line("6")].concat());
    assert_eq!(host.delivered(5)[4]["id"], "6");
    host.run(&["promote", "guard"]).fine();
    host.feed(&[guilty_line("7"), event_line("8")].concat());
    assert_eq!(host.delivered(6)[5]["id"], "8");

    // Why was one dropped, and by what?
    let explained = host.run(&["explain", "5"]).fine();
    assert!(explained.contains("has a subject"), "{explained}");
    let found = host.get("/v1/decisions?id=5");
    let steps = found["decisions"][0]["routes"][0]["steps"].as_array().expect("steps").clone();
    let told = |step: &Value| json!([step["digest"], step["matched"], step["decision"]]);
    assert_eq!(steps.iter().map(told).collect::<Vec<_>>(), [json!([guards, true, "drop"])]);

    // And back, in one command.
    host.run(&["rollback"]).fine();
    host.feed(&[guilty_line("9"), event_line("10")].concat());
    assert_eq!(host.delivered(7)[6]["id"], "10");
    assert!(host.host.stop().success());
}

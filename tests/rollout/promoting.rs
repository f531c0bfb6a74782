//! Rollouts over the admin API and by commands: taken on, ended, and begun again.

use std::fs;

use serde_json::{Value, json};

use super::{after, before, modules, stamps};
use crate::admin_api::{Running, line, problem};

fn rolled_out(host: &Running) -> Value {
    host.get("/v1/status")["rollouts"].clone()
}

#[test]
fn a_rollout_is_promoted_step_by_step_and_ended() {
    let host = Running::api();
    let [first, second] = [host.upload(&before()), host.upload(&after())];
    host.apply(&[line(host.dir.path()), stamps("a.wasm", &first, "")]);
    let rollout = format!(", rollout: {{percent: 10, baseline: '{first}'}}");
    let changed = host.apply(&[stamps("a.wasm", &second, &rollout)]);
    assert_eq!(
        changed["policies"][0]["rollout"],
        json!({"percent": 10, "baseline": first, "steps": [], "afterSeconds": null})
    );
    assert_eq!(rolled_out(&host)[0]["percent"], 10);

    let dry = host.run(&["promote", "stamp", "--percent", "40", "--dry-run"]).fine();
    assert!(dry.contains("1 changed"), "{dry}");
    assert_eq!(rolled_out(&host)[0]["percent"], 10);
    host.run(&["promote", "default/stamp", "--percent", "40", "--reason", "looks good"]).fine();
    let at_forty = host.generation();
    let status = host.run(&["status"]).fine();
    assert!(status.contains("40 %") && status.contains("60 %") && status.contains("candidate"), "{status}");
    host.run(&["promote", "stamp"]).fine();
    assert_eq!(rolled_out(&host), json!([]));
    let said = host.run(&["diff", &at_forty]).fine();
    assert!(said.contains("default/stamp: decides about all events, before 40 % of the keys"), "{said}");
    assert!(said.contains("-spec: {") && said.contains("rollout: {percent: 40"), "{said}");
    let history = host.get("/v1/history");
    let told = |change: &Value| json!([change["action"], change["who"], change["reason"]]);
    let changes: Vec<Value> = history["changes"].as_array().expect("a list").iter().take(2).map(told).collect();
    let expected = json!([["promote", "local", "default/stamp for all keys"], ["promote", "local", "looks good"]]);
    assert_eq!(Value::from(changes), expected);

    let ran = host.run(&["promote", "shop/stamp"]).ended(1);
    assert!(ran.stderr.contains("there is no FilterPolicy shop/stamp: did you mean default/stamp?"), "{ran:?}");
    problem(&host.call("POST", "/v1/policies/default/stamp/promote", &[], "{}"), 404);
    problem(&host.call("POST", "/v1/policies/default/none/promote", &[], "{}"), 404);
    problem(&host.call("POST", "/v1/policies/default/stamp/promote", &[], r#"{"percent": 101}"#), 400);
    problem(&host.call("POST", "/v1/policies/default/stamp/promote", &[], ""), 400);
    assert!(host.host.stop().success());
}

/// What a host would have kept is not there where documents are only checked; everything else is looked at.
#[test]
fn documents_are_validated_without_what_a_host_keeps() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = modules(dir.path());
    let rollout = |baseline: &str| {
        let policy = stamps("after.wasm", &second, &format!(", rollout: {{percent: 10, baseline: {baseline}}}"));
        fs::write(dir.path().join("all.yaml"), line(dir.path()) + &policy).expect("write");
        crate::support::run(dir.path(), &["validate", "all.yaml"])
    };
    rollout(&format!("'{first}'")).fine();
    rollout(&format!("{{digest: '{first}', module: 'file:before.wasm'}}")).fine();
    let said = rollout(&format!("{{digest: '{first}', module: 'file:after.wasm'}}")).ended(1);
    assert!(format!("{said:?}").contains("C220"), "{said:?}");
    let said = rollout(&format!("'{second}'")).ended(1);
    assert!(format!("{said:?}").contains("P170"), "{said:?}");
}

#[test]
fn where_a_folder_owns_the_documents_it_is_said_what_to_write_there() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("in.jsonl"), "").expect("write");
    fs::create_dir(dir.path().join("docs")).expect("a folder");
    let [first, second] = modules(&dir.path().join("docs"));
    let baseline = format!("{{digest: '{first}', module: 'file:before.wasm'}}");
    let policy = stamps("after.wasm", &second, &format!(", rollout: {{percent: 10, baseline: {baseline}}}"));
    fs::write(dir.path().join("docs/all.yaml"), line(dir.path()) + &policy).expect("write");
    let host = Running::again(dir, "docs", &[]);
    let said = host.run(&["promote", "stamp", "--percent", "40"]).ended(1).stderr;
    assert!(said.contains("all.yaml, FilterPolicy default/stamp: write `percent: 40` below `rollout`"), "{said}");
    let said = host.run(&["promote", "stamp"]).ended(1).stderr;
    assert!(said.contains("take out `rollout`"), "{said}");
    let refused = problem(&host.call("POST", "/v1/policies/default/stamp/promote", &[], "{}"), 409);
    assert!(refused["change"].as_str().expect("a change").contains("all.yaml"), "{refused}");
    assert_eq!(rolled_out(&host)[0]["percent"], 10);
    // What it would come to can be seen all the same, also of other documents, whose modules come with them.
    let other = host.dir.path().join("other");
    fs::create_dir(&other).expect("a folder");
    modules(&other);
    fs::write(other.join("all.yaml"), line(host.dir.path()) + &policy.replace("percent: 10", "percent: 30"))
        .expect("write");
    let planned = host.run(&["plan", "other"]).fine();
    assert!(planned.contains("for 30 % of its keys") && planned.contains("~ FilterPolicy default/stamp"), "{planned}");
    host.run(&["promote", "stamp", "--dry-run"]).fine();
    assert!(host.host.stop().success());
}

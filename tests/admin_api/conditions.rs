//! Policies without a module over the API: planned, applied, explained, counted, taken back.

use std::fs;

use serde_json::Value;

use super::{Running, document, event_line, guilty_line, line};

#[test]
fn a_policy_without_a_module_is_deployed_and_explained_like_any_other() {
    let mut host = Running::api();
    let dir = host.dir.path().to_owned();
    fs::create_dir(dir.join("policies")).expect("a folder");
    fs::write(dir.join("policies/line.yaml"), line(&dir)).expect("write");
    host.run(&["apply", "policies"]).fine();
    let first = host.generation();

    let body = "{phase: Validate, match: [{topics: ['>'], cesql: LENGTH(id) > 0}], cesql: NOT EXISTS subject}";
    fs::write(dir.join("policies/guard.yaml"), document("FilterPolicy", "guard", body)).expect("write");
    fs::write(dir.join("sample.jsonl"), event_line("s1") + &guilty_line("s2")).expect("write");
    let planned = host.run(&["plan", "policies", "--sample", "sample.jsonl"]).fine();
    for words in ["+ FilterPolicy default/guard", "now dropped", "default/guard: not: NOT EXISTS subject", "s2"] {
        assert!(planned.contains(words), "{words}:\n{planned}");
    }
    host.run(&["apply", "policies"]).fine();
    assert_ne!(host.generation(), first);
    host.feed(&(guilty_line("bad") + &event_line("good")));
    assert_eq!(host.delivered(1)[0]["id"], "good");
    let said = host.run(&["explain", "bad"]).fine();
    for words in ["dropped by default/guard: not: NOT EXISTS subject", "default/main", "yes"] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    let status = host.get("/v1/status");
    let policy = &status["policies"][0];
    assert_eq!((&policy["module"], &policy["version"]), (&"cesql".into(), &"".into()), "{status}");
    assert!(policy["digest"].as_str().is_some_and(|digest| digest.len() == 71), "{status}");
    let unindexed = &status["unindexed"][0];
    assert_eq!((&unindexed["kind"], &unindexed["name"]), (&"policy".into(), &"default/guard".into()), "{status}");
    let said = host.run(&["status"]).fine();
    assert!(said.contains("held against every event") && said.contains("policy default/guard"), "{said}");
    let metrics = crate::rig::request::get(&host.address, "/metrics").expect("metrics").body;
    let dropped = r#"tidegate_route_dropped_total{route="default/main",policy="default/guard",reason="not: NOT EXISTS subject"} 1"#;
    assert!(metrics.contains(dropped), "{metrics}");

    // Another expression is another digest: the history names the policy.
    fs::write(
        dir.join("policies/guard.yaml"),
        document("FilterPolicy", "guard", &body.replace("NOT EXISTS", "EXISTS")),
    )
    .expect("write");
    host.run(&["apply", "policies"]).fine();
    let history: Value = serde_json::from_str(&host.run(&["history", "-o", "json"]).fine()).expect("JSON");
    let changes = history["changes"].as_array().expect("a list");
    assert!(
        changes.iter().filter(|change| change["policies"][0]["policy"] == "default/guard").count() >= 2,
        "{history}"
    );
    fs::write(dir.join("policies/guard.yaml"), document("FilterPolicy", "guard", "{phase: Validate, cesql: EXISTS}"))
        .expect("write");
    let ran = host.run(&["apply", "policies"]).ended(1);
    assert!(ran.stderr.contains("P154"), "{ran:?}");
    host.run(&["rollback", &first]).fine();
    host.feed(&guilty_line("now"));
    host.delivered(2);
    assert!(host.host.stop().success());
}

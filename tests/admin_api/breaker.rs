//! A policy whose circuit opens, seen from outside: status, metrics, `explain`, and a neighbour that notices nothing.

use super::{Running, document, event_line, guilty_line, line};
use crate::rig::guests::Guest;
use crate::rig::host::lines;
use crate::rig::request::get;

#[test]
fn a_poisoned_policy_is_cut_off_told_of_and_its_neighbour_goes_on() {
    let mut host = Running::api();
    let path = |name: &str| host.dir.path().join(name).display().to_string();
    let (other_in, other_out) = (host.dir.path().join("other.jsonl"), host.dir.path().join("other-out.jsonl"));
    std::fs::write(&other_in, "").expect("write");
    let neighbour = [
        document("Source", "other", &format!("{{file: {{path: '{}', follow: true}}}}", path("other.jsonl"))),
        document("Sink", "other", &format!("{{file: {{path: '{}'}}}}", path("other-out.jsonl"))),
        document("Route", "other", "{from: [{name: other}], to: [{sink: other}]}"),
    ];
    let (bad, good) = (host.upload(&Guest::filter().guilty("unreachable")), host.upload(&Guest::filter()));
    let policy = |name: &str, route: &str, digest: &str, rest: &str| {
        let wasm = format!("wasm: {{module: 'file:{name}.wasm', digest: '{digest}'}}");
        let refs = format!("targetRefs: [{{kind: Route, name: {route}}}]");
        document("FilterPolicy", name, &format!("{{phase: Validate, {refs}, {wasm}{rest}}}"))
    };
    let breaker = ", failure: {onTrap: Drop, breaker: {failures: 2, pause: 10m, then: Drop}}";
    let documents = [line(host.dir.path()), policy("guard", "main", &bad, breaker), policy("calm", "other", &good, "")];
    host.apply(&[&documents[..], &neighbour[..]].concat());
    let policies = host.get("/v1/status")["policies"].clone();
    let of = |policies: &serde_json::Value, name: &str| {
        let list = policies.as_array().cloned().unwrap_or_default();
        list.into_iter().find(|policy| policy["policy"] == name).unwrap_or_default()["breaker"].clone()
    };
    assert_eq!(of(&policies, "default/guard")["state"], "closed", "{policies}");
    assert!(of(&policies, "default/calm").is_null(), "{policies}");

    host.feed(&(guilty_line("a") + &guilty_line("b")));
    let address = host.address.clone();
    let open = r#"breaker_state{policy="default/guard",digest=""#;
    host.host.until("the circuit is open", || {
        let text = get(&address, "/metrics").ok()?.body;
        text.lines().any(|line| line.contains(open) && line.ends_with(r#"state="open"} 1"#)).then_some(())
    });
    host.feed(&event_line("c"));
    let said = host.host.until("c is lost", || {
        let found = crate::support::run(
            host.dir.path(),
            &["explain", "c", "--admin", &address, "--state-dir", &host.dir.path().join("state").display().to_string()],
        );
        (found.code == Some(0)).then_some(found.stdout)
    });
    assert!(said.contains("circuit open") && said.contains("default/guard"), "{said}");
    let status = host.get("/v1/status");
    let guard = of(&status["policies"], "default/guard");
    assert_eq!(guard["state"], "open", "{status}");
    assert!(guard["cause"].as_str().unwrap_or_default().contains("unreachable"), "{guard}");
    let shown = host.run(&["status"]).fine();
    assert!(shown.contains("circuit open") && shown.contains("policy default/guard"), "{shown}");
    let ready = get(&address, "/readyz").expect("an answer");
    assert!(ready.status == 200 && ready.body.contains("policy default/guard"), "{ready:?}");
    assert!(host.host.log().contains("the circuit opens"), "{}", host.host.log());

    std::fs::write(&other_in, event_line("x") + &event_line("y")).expect("write");
    host.host.until("the neighbour delivers", || (lines(&other_out) == 2).then_some(()));
    assert!(host.out().is_empty(), "all of it was lost by its rules: {:?}", host.out());
    assert!(host.host.stop().success());
}

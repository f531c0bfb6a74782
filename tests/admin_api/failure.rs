//! A policy that fails on single events and has no breaker, seen from outside: the log, and `explain`.

use super::{Running, document, event_line, guilty_line, line};
use crate::rig::guests::Guest;

#[test]
fn a_failure_is_logged_once_a_minute_and_explained_with_what_its_rule_did() {
    let mut host = Running::api();
    let traps = host.upload(&Guest::filter().guilty("unreachable"));
    let wasm = format!("wasm: {{module: 'file:guard.wasm', digest: '{traps}'}}");
    let guard = document("FilterPolicy", "guard", &format!("{{phase: Validate, {wasm}, failure: {{onTrap: Drop}}}}"));
    host.apply(&[line(host.dir.path()), guard]);
    host.feed(&(guilty_line("a") + &event_line("b")));
    host.delivered(1);
    host.feed(&(guilty_line("c") + &event_line("d")));
    host.delivered(2);

    let log = host.host.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("could not decide an event: trap: ")).collect();
    assert_eq!(told.len(), 1, "{log}");
    for words in ["WARN", "lost by its failure rule", "policy=default/guard", "route=default/main", "before=0", &traps]
    {
        assert!(told[0].contains(words), "{words}: {}", told[0]);
    }
    let said = host.run(&["explain", "c"]).fine();
    for words in ["lost by default/guard: trap: ", " fail ", "unreachable", "; lost by its failure rule"] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    assert!(!said.contains("reject"), "{said}");
    std::fs::write(host.dir.path().join("one.json"), guilty_line("again")).expect("write");
    let said = host.run(&["explain", "--event", "one.json"]).fine();
    for words in [" fail ", "unreachable", "; lost by its failure rule"] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    assert!(host.host.stop().success());
}

//! The same filter in every language: what it remembers outlives restarts and swaps, also the swap for one in another language.

use super::Rig;
use crate::rig::host::lines;

/// Restart, a newer build in a running host, restart.
fn check(name: &str) {
    let mut rig = Rig::new();
    rig.module(name, 0);
    rig.documents(false, "", "");
    rig.write("left", [1, 2, 1]);
    rig.once();
    rig.write("left", [2, 3, 3, 1]);
    rig.once();
    assert_eq!(rig.out(), super::firsts(&rig), "{name}: after a restart");

    rig.documents(true, "", "");
    rig.write("left", [3, 4]);
    let mut host = rig.start().spawn();
    let out = rig.path("out");
    host.until("the next event", || (lines(&out) == 4).then_some(()));
    rig.module(name, 1);
    rig.documents(true, ", priority: 7", "");
    host.logged("generation is live", 1);
    rig.write("left", [4, 1, 5]);
    host.until("the last event", || (lines(&out) >= 5).then_some(()));
    assert!(host.stop().success());
    assert_eq!(rig.out(), super::firsts(&rig), "{name}: after a swap");
    assert_eq!(lines(&rig.path("out")), 5);
}

#[test]
fn a_rust_filter_keeps_its_state_over_a_restart_and_a_swap() {
    check("dedupe-window");
}

#[test]
fn a_go_filter_keeps_its_state_over_a_restart_and_a_swap() {
    check("go/dedupe-window");
}

#[test]
fn an_assemblyscript_filter_keeps_its_state_over_a_restart_and_a_swap() {
    check("assemblyscript/dedupe-window");
}

#[test]
fn a_filter_in_another_language_goes_on_with_what_the_one_before_remembered() {
    let mut rig = Rig::new();
    rig.documents(false, "", "");
    for (n, name) in
        ["dedupe-window", "go/dedupe-window", "assemblyscript/dedupe-window", "dedupe-window"].iter().enumerate()
    {
        rig.module(name, 0);
        let n = n as u64;
        // All that went through before, in each of the languages, and one that is new.
        rig.write("left", (0..=n).chain(0..n));
        rig.once();
        assert_eq!(rig.out(), super::firsts(&rig), "{name}");
        assert_eq!(lines(&rig.path("out")) as u64, n + 1, "{name}");
    }
}

//! The demo holds what it says: it ends well only where every order is where it must be.

use std::fs;

use crate::support::run;

#[test]
fn the_demo_accounts_for_every_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let said = run(dir.path(), &["demo", "--events", "2000", "--dir", "here"]).fine();
    for wanted in
        ["generation 1", "generation 2", "amount over the limit", "Nothing lost, doubled or reordered.", "What next"]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let out = |name: &str| fs::read_to_string(dir.path().join("here").join(name)).expect("an output");
    assert_eq!(fs::read_to_string(dir.path().join("here/orders.jsonl")).expect("orders").lines().count(), 2000);
    assert!(out("eu.jsonl").lines().all(|line| line.contains(r#""region":"eu""#)));
    assert!(out("us.jsonl").lines().all(|line| line.contains(r#""card":"***""#)));
}

#[test]
fn the_demo_does_not_write_into_a_folder_with_things_in_it() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("mine"), "").expect("write");
    let ran = run(dir.path(), &["demo", "--dir", "."]).ended(1);
    assert!(ran.stderr.contains("is not empty"), "{}", ran.stderr);
}

//! `fmt`: documents are written one way, and only where they may be.

use std::fs;

use crate::support::{root, run, run_with_input};

const SINK: &str =
    "# out\nspec: {memory: {name: a}} # here\nkind: Sink\nmetadata: {name: out}\napiVersion: tidegate.dev/v1alpha1\n";
const FORMATTED: &str =
    "# out\napiVersion: tidegate.dev/v1alpha1\nkind: Sink\nmetadata: {name: out}\nspec: {memory: {name: a}} # here\n";

#[test]
fn files_are_formatted_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("write");
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("read");
    write("sink.yaml", SINK);
    write("other.yaml", "b:   1\na: 2\n");
    write("package.json", "{\"b\":1}");
    let ran = run(dir.path(), &["fmt", ".", "--check"]).ended(1);
    assert_eq!((ran.stdout.as_str(), read("sink.yaml").as_str()), ("./sink.yaml\n", SINK));
    assert_eq!(run(dir.path(), &["fmt"]).fine(), "./sink.yaml\n");
    assert_eq!(read("sink.yaml"), FORMATTED);
    assert_eq!(run(dir.path(), &["fmt", "--check"]).fine(), "");
    // In a folder only documents are looked at.
    assert_eq!((read("other.yaml").as_str(), read("package.json").as_str()), ("b:   1\na: 2\n", "{\"b\":1}"));
    assert_eq!(run_with_input(dir.path(), &["fmt", "-"], SINK).fine(), FORMATTED);
}

#[test]
fn what_cannot_be_read_stays_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.yaml");
    fs::write(&path, "a: [1\n").expect("write");
    let ran = run(dir.path(), &["fmt", "a.yaml"]).ended(1);
    assert!(ran.stderr.contains("error[P101]") && ran.stderr.contains("a.yaml:"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).expect("read"), "a: [1\n");
    assert!(run(dir.path(), &["fmt", "nowhere"]).ended(1).stderr.contains("hint: "));
}

/// Every document of the repository can be formatted; formatted, it is accepted as it was.
#[test]
fn the_examples_can_be_formatted() {
    for folder in
        ["filters-examples", "filters-examples/order-guard", "filters-examples/redact-fields", "examples/gateway"]
    {
        let folder = root().join(folder);
        let ran = run(&folder, &["fmt", ".", "--check"]);
        assert!(ran.code == Some(0) || ran.stderr.contains("not formatted"), "{}: {ran:?}", folder.display());
    }
}

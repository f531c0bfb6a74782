//! Go: what is built is the same wherever it is built, wants nothing of WASI, and its own tests pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_build::{BuildOptions, build};

use super::lab;
use crate::support::root;

/// Every folder of the repository with a `go.mod` that is ours to keep in order.
fn modules() -> Vec<PathBuf> {
    let mut found = vec![root().join("sdk-guest/go"), root().join("tests/guests/vectors-go")];
    for entry in fs::read_dir(root().join("filters-examples/go")).expect("the examples") {
        let path = entry.expect("an entry").path();
        if path.join("go.mod").is_file() {
            found.push(path);
        }
    }
    assert!(found.len() >= 5, "{found:?}");
    found
}

fn go(folder: &Path, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("`{program}` (install Go 1.26 from https://go.dev/dl): {error}"));
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{program} {} in {}:\n{text}", args.join(" "), folder.display());
    text
}

#[test]
fn the_sdk_and_the_examples_are_in_order_and_pass_their_own_tests() {
    for folder in modules() {
        assert_eq!(go(&folder, "gofmt", &["-l", "."]), "", "gofmt in {}", folder.display());
        go(&folder, "go", &["vet", "./..."]);
        go(&folder, "go", &["test", "./..."]);
    }
}

#[tokio::test]
async fn a_go_filter_is_the_same_wherever_it_is_built_and_wants_nothing_of_wasi() {
    let dir = tempfile::tempdir().expect("a folder");
    let copies = ["a", "another/place"].map(|name| {
        let folder = dir.path().join(name).join("order-guard");
        fs::create_dir_all(&folder).expect("a folder");
        for file in ["go.mod", "main.go", "schema.json"] {
            fs::copy(root().join("filters-examples/go/order-guard").join(file), folder.join(file)).expect("a copy");
        }
        let go_mod = fs::read_to_string(folder.join("go.mod")).expect("go.mod");
        // The SDK lies elsewhere for each: what stands in go.mod must not matter.
        let sdk = dir.path().join(name).join("sdk");
        copy(&root().join("sdk-guest/go"), &sdk);
        fs::write(folder.join("go.mod"), go_mod.replace("../../../sdk-guest/go", "../sdk")).expect("go.mod");
        let out = folder.join("out.wasm");
        build(&folder, &BuildOptions { out: Some(out.clone()), ..BuildOptions::default() })
            .unwrap_or_else(|error| panic!("{error}"));
        fs::read(out).expect("a component")
    });
    assert_eq!(lab::digest(&copies[0]), lab::digest(&copies[1]));
    let module = lab::engine().load(&copies[0]).await.expect("a module");
    assert!(module.imports().is_empty(), "{:?}", module.imports());
    assert_eq!(module.import_names(), ["tidegate:guest/failure@0.1.0"]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

#[test]
fn a_program_that_registers_nothing_is_no_module() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("go.mod"), "module nothing\n\ngo 1.26\n").expect("go.mod");
    fs::write(dir.path().join("main.go"), "package main\n\nfunc main() {}\n").expect("main.go");
    let refused = build(dir.path(), &BuildOptions::default()).expect_err("there is no function");
    assert!(
        refused.to_string().ends_with("registers no function with `tidegate.Filter`, `Transform` or `Matcher`"),
        "{refused}"
    );
}

//! AssemblyScript: what is built is small, the same wherever it is built, wants no capability it does not use, and its own tests
//! pass.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_build::{BuildError, BuildOptions, build};

use super::lab;
use crate::support::{self, root};

const EXAMPLES: &str = "filters-examples/assemblyscript";

/// Bytes of a filter of eight lines, at most.
const SMALL: usize = 10_000;

/// Fetches what a folder's tests need, once: what the lock names does not change.
fn install(folder: &Path) {
    if !folder.join("node_modules/assemblyscript").is_dir() {
        npm(folder, &["ci", "--no-audit", "--no-fund"]);
    }
}

fn npm(folder: &Path, args: &[&str]) {
    let output = Command::new("npm").args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("`npm` (install Node.js 20 from https://nodejs.org): {error}"));
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "npm {} in {}:\n{text}", args.join(" "), folder.display());
}

#[test]
fn the_sdk_passes_its_own_tests() {
    let folder = root().join("sdk-guest/assemblyscript/tests");
    install(&folder);
    npm(&folder, &["test"]);
}

#[test]
fn the_examples_pass_their_own_tests() {
    // Builds one of them, and so fetches for all, while nobody else does.
    support::module(EXAMPLES, "minimal", &[]);
    let mut tested = 0;
    for entry in fs::read_dir(root().join(EXAMPLES)).expect("the examples") {
        let folder = entry.expect("an entry").path();
        if folder.join("assembly").is_dir() {
            npm(&folder, &["test"]);
            tested += 1;
        }
    }
    assert!(tested >= 3, "{tested} examples");
}

#[tokio::test]
async fn a_simple_filter_is_small_and_imports_only_how_to_fail() {
    let wasm = lab::wasm(&format!("{EXAMPLES}/minimal"), &[]);
    assert!(wasm.len() < SMALL, "{} bytes", wasm.len());
    let module = lab::engine().load(&wasm).await.expect("a module");
    assert!(module.imports().is_empty(), "{:?}", module.imports());
    assert_eq!(module.import_names(), ["tidegate:guest/failure@0.1.0"]);
}

#[test]
fn a_filter_is_the_same_wherever_it_is_built() {
    // The packages are there once they have been built with.
    support::module(EXAMPLES, "minimal", &[]);
    let dir = tempfile::tempdir().expect("a folder");
    let copies = ["a", "another/place"].map(|name| {
        let folder = dir.path().join(name).join("order-guard");
        copy(&root().join(EXAMPLES).join("order-guard"), &folder);
        symlink(root().join(EXAMPLES).join("node_modules"), folder.join("node_modules")).expect("a link");
        built(&folder).unwrap_or_else(|error| panic!("{error}"))
    });
    assert!(copies[0] == copies[1], "two builds of the same source differ");
    let path = root();
    let path = path.to_str().expect("a path").as_bytes();
    assert!(!copies[0].windows(path.len()).any(|window| window == path), "the machine's paths are in it");
}

#[test]
fn a_package_that_cannot_be_a_module_is_refused_with_a_hint() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
        let refused = built(dir.path()).expect_err("it cannot be built");
        format!("{refused}; {}", refused.hint().unwrap_or_default()).replace(dir.path().to_str().expect("a path"), "F")
    };
    let said = write("package.json", r#"{"devDependencies": {"assemblyscript": "0.28.20"}}"#);
    assert!(said.starts_with("F/package.json: has no \"name\""), "{said}");
    let said =
        write("package.json", r#"{"name": "x", "version": "1.0.0", "devDependencies": {"assemblyscript": "0.28.20"}}"#);
    assert!(said.starts_with("F: no assembly/index.ts; export a function `filter`"), "{said}");
    symlink(root().join(EXAMPLES).join("node_modules"), dir.path().join("node_modules")).expect("a link");
    support::module(EXAMPLES, "minimal", &[]);
    let said = write("assembly/index.ts", "export function main(): void {}\n");
    assert_eq!(said, "asc could not build F; ");
}

/// The filter that fails in the SDK's own tests, as a component.
pub(super) fn failing() -> Vec<u8> {
    support::module(EXAMPLES, "minimal", &[]);
    let dir = tempfile::tempdir().expect("a folder");
    let sdk = root().join("sdk-guest/assemblyscript");
    fs::create_dir(dir.path().join("assembly")).expect("a folder");
    fs::copy(sdk.join("tests/guests/failing.ts"), dir.path().join("assembly/index.ts")).expect("a copy");
    let package = r#"{"name": "failing", "version": "0.1.0", "devDependencies": {"assemblyscript": "0.28.20"}}"#;
    fs::write(dir.path().join("package.json"), package).expect("a file");
    symlink(root().join(EXAMPLES).join("node_modules"), dir.path().join("node_modules")).expect("a link");
    built(dir.path()).unwrap_or_else(|error| panic!("{error}"))
}

fn built(folder: &Path) -> Result<Vec<u8>, BuildError> {
    let out: PathBuf = folder.join("out.wasm");
    build(folder, &BuildOptions { out: Some(out.clone()), ..BuildOptions::default() })?;
    Ok(fs::read(out).expect("a component"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        if path.is_dir() && name != "target" && name != "node_modules" {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
}

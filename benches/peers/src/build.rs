//! What is built before anything is measured: the program as it is released, and the filter.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder beside what cargo keeps of this program: TARGET/release/tidegate-peers.
pub(crate) fn cache() -> PathBuf {
    env::current_exe().unwrap().ancestors().nth(2).unwrap().join("peers")
}

/// The `tidegate` program as it is released, built if need be; or the one that `TIDEGATE` names.
pub(crate) fn tidegate() -> PathBuf {
    if let Some(program) = env::var_os("TIDEGATE") {
        return program.into();
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--quiet", "-p", "tidegate", "--bin", "tidegate", "--message-format", "json"]);
    let output = command.current_dir(root()).stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "the tidegate program does not build");
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let program = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    program.expect("cargo says where the program is")
}

/// Drops what is no order, by `type`; reads attributes only.
pub(crate) fn type_filter() -> Vec<u8> {
    guest("type-filter")
}

/// One of the tests' guests.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let out = cache().join(format!("{name}.wasm"));
    let mut command = Command::new(tidegate());
    command.arg("build").arg(root().join("tests/guests").join(name)).arg("--out").arg(&out);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "the filter does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    fs::read(out).unwrap()
}

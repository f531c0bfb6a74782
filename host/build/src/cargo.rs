//! Runs cargo, and finds what it made.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Artifact, BuildError, BuildOptions, label};

/// What modules are compiled for: Wasm with nothing around it, no WASI.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// What to do where cargo is not there.
const INSTALL: &str = "Rust, from https://rustup.rs";

/// What cargo says it made.
struct Made {
    package: String,
    module: PathBuf,
}

/// Compiles the library of the package in `folder`.
pub(crate) fn compile(folder: &Path, options: &BuildOptions) -> Result<Artifact, BuildError> {
    check_target(folder)?;
    let paths = PathsToHide::of(folder)?;
    let mut cargo = cargo(folder);
    cargo.args(["build", "--lib", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
    if !options.features.is_empty() {
        cargo.arg("--features").arg(options.features.join(","));
    }
    if let Some(target_dir) = &options.target_dir {
        cargo.arg("--target-dir").arg(target_dir);
    }
    // Names and debug sections differ by what else was compiled, and are most of a small module's size.
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", paths.rustflags());
    let output = output(cargo.stderr(Stdio::inherit()))?;
    if !output.status.success() {
        return Err(BuildError::Failed { tool: "cargo", folder: folder.to_owned() });
    }
    let Made { package, module } =
        made(folder, &output.stdout).ok_or_else(|| BuildError::NoCdylib { folder: folder.to_owned() })?;
    let bytes = std::fs::read(&module).map_err(|source| BuildError::File { path: module, source })?;
    let (module, label) = label::take(&bytes, &toolchain(folder)?)
        .map_err(|cause| BuildError::NotAModule { folder: folder.to_owned(), cause })?;
    Ok(Artifact { package, module, adapter: None, label })
}

/// The module among the messages of `cargo build --message-format=json`, one JSON object a line.
fn made(folder: &Path, messages: &[u8]) -> Option<Made> {
    let manifest = folder.join("Cargo.toml");
    messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok()).find_map(
        |message| {
            let is_ours = message["reason"] == "compiler-artifact"
                && message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest)
                && message["target"]["crate_types"].as_array().is_some_and(|types| types.iter().any(|t| t == "cdylib"));
            let files = message["filenames"].as_array().filter(|_| is_ours)?;
            let module = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"))?;
            Some(Made { package: package(message["package_id"].as_str()?, folder), module: module.into() })
        },
    )
}

/// The package's name in its id: `path+file:///home/me/guard#0.1.0`, or `…#order-guard@0.1.0` where folder and name differ.
fn package(id: &str, folder: &Path) -> String {
    let fragment = id.rsplit('#').next().unwrap_or_default();
    match fragment.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// Asks before anything is compiled: cargo would tell only after the first minute, and not what to do. A target that is
/// missing is added where rustup manages the toolchain.
fn check_target(folder: &Path) -> Result<(), BuildError> {
    if has_target(folder)? {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(folder).args(["target", "add", TARGET]).stdout(Stdio::null()).stderr(Stdio::inherit());
    // Without rustup, or without a network, the answer is the same: it is not there.
    let added = rustup.status().is_ok_and(|status| status.success());
    if added && has_target(folder)? { Ok(()) } else { Err(BuildError::NoTarget) }
}

/// As in `rustc 1.95.0`: without what tells one build of the same version from another.
fn toolchain(folder: &Path) -> Result<String, BuildError> {
    let output = output(rustc(folder).arg("--version"))?;
    let version = String::from_utf8_lossy(&output.stdout);
    Ok(version.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

fn rustc(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(folder).stderr(Stdio::null());
    command
}

fn has_target(folder: &Path) -> Result<bool, BuildError> {
    let libdir = output(rustc(folder).args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(libdir.status.success() && Path::new(String::from_utf8_lossy(&libdir.stdout).trim()).is_dir())
}

/// Folders whose paths must not get into a module (panics name source files): digests would depend on them.
struct PathsToHide {
    /// Folder, and what stands for it.
    folders: Vec<(PathBuf, String)>,
}

impl PathsToHide {
    /// The workspace, the packages outside it that are used by path, and cargo's home.
    fn of(folder: &Path) -> Result<PathsToHide, BuildError> {
        let mut cargo = cargo(folder);
        cargo.args(["metadata", "--format-version=1", "--filter-platform", TARGET]).stderr(Stdio::inherit());
        let output = output(&mut cargo)?;
        let metadata = output.status.success().then(|| serde_json::from_slice::<Value>(&output.stdout).ok()).flatten();
        let metadata = metadata.ok_or_else(|| BuildError::Failed { tool: "cargo", folder: folder.to_owned() })?;
        let mut folders: Vec<(PathBuf, String)> = metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|package| package["source"].is_null())
            .filter_map(|package| {
                let manifest = Path::new(package["manifest_path"].as_str()?);
                Some((manifest.parent()?.to_owned(), format!("/{}", package["name"].as_str()?)))
            })
            .collect();
        // Of several prefixes that fit, rustc takes the last: inner folders after outer ones.
        folders.sort();
        let outer = metadata["workspace_root"].as_str().map(|root| (PathBuf::from(root), "/workspace".to_owned()));
        Ok(PathsToHide { folders: cargo_home().into_iter().chain(outer).chain(folders).collect() })
    }

    /// The user's own flags, and ours, in the form of `CARGO_ENCODED_RUSTFLAGS`.
    fn rustflags(&self) -> OsString {
        let own = env::var_os("CARGO_ENCODED_RUSTFLAGS").or_else(|| {
            let spaced = env::var("RUSTFLAGS").ok()?;
            Some(spaced.split_whitespace().collect::<Vec<_>>().join(SEPARATOR).into())
        });
        let mut flags = own.unwrap_or_default();
        for (folder, name) in &self.folders {
            if !flags.is_empty() {
                flags.push(SEPARATOR);
            }
            flags.push("--remap-path-prefix=");
            flags.push(folder);
            flags.push("=");
            flags.push(name);
        }
        flags
    }
}

/// Stands between flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\x1f";

fn cargo_home() -> Option<(PathBuf, String)> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    Some((home, "/cargo".to_owned()))
}

/// The cargo that started us, or the one on the path.
fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

fn output(command: &mut Command) -> Result<std::process::Output, BuildError> {
    let tool = PathBuf::from(command.get_program());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|source| BuildError::NoTool { tool, install: INSTALL, source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use super::*;

    fn message(manifest: &str, id: &str, crate_type: &str) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"{id}","manifest_path":"{manifest}","target":{{"crate_types":["{crate_type}"]}},"filenames":["/t/a.d","/t/{crate_type}.wasm"]}}"#
        )
    }

    #[test]
    fn the_module_is_the_cdylib_of_the_folders_own_package() {
        let messages = [
            r#"{"reason":"build-script-executed"}"#.to_owned(),
            "not JSON".to_owned(),
            message("/f/dep/Cargo.toml", "path+file:///f/dep#0.1.0", "cdylib"),
            message("/f/guard/Cargo.toml", "path+file:///f/guard#order-guard@0.1.0", "cdylib"),
        ];
        let found = made(Path::new("/f/guard"), messages.join("\n").as_bytes()).expect("it is among them");
        assert_eq!((found.package.as_str(), found.module.as_path()), ("order-guard", Path::new("/t/cdylib.wasm")));
    }

    #[test]
    fn a_library_that_is_no_cdylib_is_no_module() {
        let messages = message("/f/guard/Cargo.toml", "path+file:///f/guard#0.1.0", "lib");
        assert!(made(Path::new("/f/guard"), messages.as_bytes()).is_none());
    }

    #[test]
    fn a_package_named_like_its_folder_has_no_name_in_its_id() {
        assert_eq!(package("path+file:///f/guard#0.1.0", Path::new("/f/guard")), "guard");
    }
}

//! Go: the standard toolchain, `GOOS=wasip1 GOARCH=wasm`, and a shim in place of WASI.
//!
//! Go knows no component model and no Wasm without WASI. So the module it links, whose exports already bear the contract's
//! names, gets its component type here, and what it wants of WASI it gets from the [shim]: the component imports
//! none of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::label::{self, Label};
use crate::{Artifact, BuildError, BuildOptions};

mod shim;
mod world;

/// What to do where Go is not there.
const INSTALL: &str = "Go 1.26 or later, from https://go.dev/dl";

/// The Go package that filters are written with.
const SDK: &str = "tidegate.dev/tidegate";

/// The SDK comes with the program that builds, in its version.
const SDK_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Compiles the package in `folder`.
pub(crate) fn compile(folder: &Path, options: &BuildOptions) -> Result<Artifact, BuildError> {
    let Words { name, version } = words(folder)?;
    let toolchain = toolchain(folder)?;
    let mut module = link(folder, options, &name, &version)?;
    let not_a_module = |cause| BuildError::NotAModule { folder: folder.to_owned(), cause };
    world::embed(&mut module).map_err(not_a_module)?;
    let adapter = shim::adapter().map_err(not_a_module)?;
    let label = Label {
        name: name.clone(),
        version,
        config_schema: label::schema(folder)?,
        sdk: format!("{SDK} {SDK_VERSION}"),
        toolchain,
    };
    Ok(Artifact { package: name, module, adapter: Some(adapter), label: Some(label) })
}

/// Has Go build a module. The same source gives the same bytes: no paths, no version control, no build id.
fn link(folder: &Path, options: &BuildOptions, name: &str, version: &str) -> Result<Vec<u8>, BuildError> {
    let out = Scratch::new();
    let flags = format!("-s -w -buildid= -X {SDK}.name={name} -X {SDK}.version={version}");
    let mut go = go(folder);
    go.args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags", &flags]);
    if !options.features.is_empty() {
        go.arg("-tags").arg(options.features.join(","));
    }
    go.arg("-o").arg(&out.0).arg(".");
    go.envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOWASM", ""), ("CGO_ENABLED", "0")]);
    // What Go prints goes where progress goes; stdout is for results.
    let status = run(go.stdout(Stdio::null()).stderr(Stdio::inherit()))?.status;
    if !status.success() {
        return Err(BuildError::Failed { tool: "go", folder: folder.to_owned() });
    }
    std::fs::read(&out.0).map_err(|source| BuildError::File { path: out.0.clone(), source })
}

/// A file outside the folder, gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidegate-go-{}-{}.wasm", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        Scratch(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is not there needs no removal.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the module will say of itself.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    name: String,
    version: String,
}

fn words(folder: &Path) -> Result<Words, BuildError> {
    let path = folder.join("go.mod");
    let text = std::fs::read_to_string(&path).map_err(|source| BuildError::File { path: path.clone(), source })?;
    words_of(&text).ok_or_else(|| BuildError::Source {
        path,
        problem: "no module is named, or by no name for a filter".to_owned(),
        hint: "begin it with `module example.com/order-guard // 0.1.0`".to_owned(),
    })
}

/// The last element of the module's path, without `/v2`; the version stands behind it as a comment, and is 0.0.0 where it does not.
///
/// `module example.com/shop/order-guard // 0.1.0`
fn words_of(go_mod: &str) -> Option<Words> {
    let line = go_mod.lines().find_map(|line| line.trim().strip_prefix("module "))?;
    let (path, comment) = line.split_once("//").unwrap_or((line, ""));
    let path = path.trim().trim_matches('"');
    let is_major = |element: &str| element.strip_prefix('v').is_some_and(|n| n.parse::<u32>().is_ok());
    let name = path.rsplit('/').find(|element| !is_major(element))?;
    let version = comment.split_whitespace().next().unwrap_or("0.0.0");
    let version = version.strip_prefix('v').unwrap_or(version);
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._+".contains(&b));
    let version = if version.starts_with(|c: char| c.is_ascii_digit()) { version } else { "0.0.0" };
    (is_word(name) && is_word(version)).then(|| Words { name: name.to_owned(), version: version.to_owned() })
}

/// `go 1.26.8`.
fn toolchain(folder: &Path) -> Result<String, BuildError> {
    let output = run(go(folder).args(["env", "GOVERSION"]).stdout(Stdio::piped()).stderr(Stdio::inherit()))?;
    if !output.status.success() {
        return Err(BuildError::Failed { tool: "go", folder: folder.to_owned() });
    }
    let version = String::from_utf8_lossy(&output.stdout);
    let version = version.split_whitespace().next().unwrap_or_default();
    Ok(format!("go {}", version.strip_prefix("go").unwrap_or(version)))
}

fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<std::process::Output, BuildError> {
    let spawned = command.spawn().and_then(std::process::Child::wait_with_output);
    spawned.map_err(|source| BuildError::NoTool { tool: "go".into(), install: INSTALL, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_version_stand_in_the_first_line_of_go_mod() {
        for (text, name, version) in [
            ("module example.com/shop/order-guard // 0.1.0\n\ngo 1.26\n", "order-guard", "0.1.0"),
            ("module order-guard", "order-guard", "0.0.0"),
            ("// a comment\nmodule \"example.com/guard/v2\" // v2.1.0-rc.1 and more", "guard", "2.1.0-rc.1"),
            ("module guard // drops what is no order", "guard", "0.0.0"),
        ] {
            let expected = Words { name: name.to_owned(), version: version.to_owned() };
            assert_eq!(words_of(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_names_no_module_is_refused() {
        for text in ["", "go 1.26", "module ", "module a b", "module x // 1'2"] {
            assert_eq!(words_of(text), None, "{text}");
        }
    }
}

//! Puts what `tidegate new` brings along into the program: the templates, and the SDK of each language as a user's folder needs it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Which folders become which constants.
const FOLDERS: [(&str, &str); 4] = [
    ("TEMPLATES", "templates"),
    ("SDK_RUST", "../../sdk-guest/rust"),
    ("SDK_GO", "../../sdk-guest/go"),
    ("SDK_ASSEMBLYSCRIPT", "../../sdk-guest/assemblyscript"),
];

/// Of an SDK, what its own development needs: not brought along. (Of a template, `tests` is part.)
const DEVELOPMENT: [&str; 5] = ["tests", "testdata", "target", "node_modules", "package-lock.json"];

fn main() -> io::Result<()> {
    // Cargo starts build scripts in the folder of the package.
    let root = env::current_dir()?;
    let mut code = String::new();
    for (name, folder) in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        let is_sdk = name != "TEMPLATES";
        let mut files = Vec::new();
        collect(&root.join(folder), Path::new(""), is_sdk, &mut files)?;
        files.sort();
        code += &format!("pub(super) static {name}: &[(&str, &[u8])] = &[\n");
        for file in files {
            let shown = file.to_string_lossy().replace('\\', "/");
            code += &if name == "SDK_RUST" && file.ends_with("Cargo.toml") {
                format!("    ({shown:?}, {:?}.as_bytes()),\n", standing_alone(&root.join(folder).join(&file))?)
            } else {
                // Said from the package on, so that a checkout can be moved, and a target folder shared by several.
                let path = format!("/{folder}/{shown}");
                format!("    ({shown:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),\n")
            };
        }
        code += "];\n";
    }
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(PathBuf::from(out).join("embedded.rs"), code)
}

fn collect(root: &Path, below: &Path, is_sdk: bool, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let development = is_sdk && (DEVELOPMENT.contains(&&*name) || name.ends_with("_test.go"));
        if name.starts_with('.') || development {
            continue;
        }
        let path = below.join(&name);
        if entry.file_type()?.is_dir() {
            collect(root, &path, is_sdk, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// A manifest without what it inherits from the repository's workspace, and without what only the SDK's own tests need.
fn standing_alone(manifest: &Path) -> io::Result<String> {
    println!("cargo::rerun-if-changed=../../Cargo.toml");
    let workspace = fs::read_to_string("../../Cargo.toml")?;
    let (_, shared) = workspace.split_once("[workspace.package]").unwrap_or_default();
    let mut alone = String::new();
    let mut kept = true;
    for line in fs::read_to_string(manifest)?.lines() {
        if line.starts_with('[') {
            kept = !["[lints]", "[dev-dependencies]"].contains(&line);
        }
        let line = match line.strip_suffix(".workspace = true") {
            None => line,
            Some(key) => {
                let prefix = format!("{key} = ");
                let inherited = shared.lines().find(|line| line.starts_with(&prefix));
                inherited.ok_or_else(|| io::Error::other(format!("the workspace says nothing of `{key}`")))?
            }
        };
        if kept {
            alone += line;
            alone.push('\n');
        }
    }
    Ok(alone)
}

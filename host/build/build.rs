//! Puts what `tidegate new` brings along into the program: the templates, and the SDK of each language as a user's folder needs it.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Which folders become which constants.
const FOLDERS: [(&str, &str); 4] = [
    ("TEMPLATES", "templates"),
    ("SDK_RUST", "../../sdk-guest/rust"),
    ("SDK_GO", "../../sdk-guest/go"),
    ("SDK_ASSEMBLYSCRIPT", "../../sdk-guest/assemblyscript"),
];

/// Of an SDK, what its own development needs: not brought along. (Of a template, `tests` is part.)
const DEVELOPMENT: [&str; 4] = ["tests", "testdata", "target", "node_modules"];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package is"));
    let mut code = String::new();
    for (name, folder) in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Vec::new();
        let is_sdk = name != "TEMPLATES";
        collect(&root.join(folder), Path::new(""), is_sdk, &mut files);
        files.sort();
        writeln!(code, "pub(super) static {name}: &[(&str, &[u8])] = &[").expect("a string takes text");
        for file in files {
            let path = root.join(folder).join(&file);
            let shown = file.to_str().expect("our files have plain names").replace('\\', "/");
            if name == "SDK_RUST" && file.ends_with("Cargo.toml") {
                writeln!(code, "    ({shown:?}, {:?}.as_bytes()),", standing_alone(&path))
                    .expect("a string takes text");
            } else {
                let path = path.to_str().expect("our files have plain names");
                writeln!(code, "    ({shown:?}, include_bytes!({path:?})),").expect("a string takes text");
            }
        }
        writeln!(code, "];").expect("a string takes text");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where generated code goes"));
    fs::write(out.join("embedded.rs"), code).expect("the folder of generated code can be written");
}

fn collect(root: &Path, below: &Path, is_sdk: bool, files: &mut Vec<PathBuf>) {
    let folder = root.join(below);
    // An SDK that is not there yet has no files.
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().expect("our files have plain names");
        let development = is_sdk && (DEVELOPMENT.contains(&&*name) || name.ends_with("_test.go"));
        if name.starts_with('.') || development {
            continue;
        }
        let path = below.join(&name);
        match entry.file_type().expect("a folder tells what is in it").is_dir() {
            true => collect(root, &path, is_sdk, files),
            false => files.push(path),
        }
    }
}

/// A manifest without what it inherits from the repository's workspace, and without what only the SDK's own tests need.
fn standing_alone(manifest: &Path) -> String {
    println!("cargo::rerun-if-changed=../../Cargo.toml");
    let read = |path: &Path| fs::read_to_string(path).expect("a manifest of the repository");
    let workspace = read(Path::new("../../Cargo.toml"));
    let shared = workspace.split("[workspace.package]").nth(1).expect("the workspace says what packages share");
    let mut alone = String::new();
    for section in sections(&read(manifest)) {
        if ["[lints]", "[dev-dependencies]"].iter().any(|name| section.starts_with(name)) {
            continue;
        }
        for line in section.lines() {
            let line = match line.strip_suffix(".workspace = true") {
                Some(key) => shared
                    .lines()
                    .find(|line| line.starts_with(&format!("{key} = ")))
                    .expect("the workspace has what packages inherit"),
                None => line,
            };
            writeln!(alone, "{line}").expect("a string takes text");
        }
    }
    alone
}

/// Each from its `[name]` to the next.
fn sections(manifest: &str) -> Vec<String> {
    let mut sections = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') || sections.is_empty() {
            sections.push(String::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    sections
}

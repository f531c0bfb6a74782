//! The digest of a filter's sources: which text a component was built from.
//!
//! All files below the folder that a compiler may read, in the order of their paths. Not among them: what tools leave behind, hidden
//! folders (but for the SDK that `tidegate new` puts into `.tidegate`), and what surrounds the code without being part of it
//! (documents, sample events, READMEs): a corrected README is no new source.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::BuildError;

/// Folders that hold what was made, or fetched.
const MADE: [&str; 4] = ["target", "node_modules", "build", "dist"];

/// Endings of files that surround the code.
const AROUND: [&str; 8] = ["md", "yaml", "yml", "jsonl", "ndjson", "wasm", "wat", "log"];

/// `sha256:` and 64 hex digits.
pub(crate) fn digest(folder: &Path) -> Result<String, BuildError> {
    let mut files = Vec::new();
    collect(folder, Path::new(""), &mut files)?;
    files.sort();
    let mut all = Sha256::new();
    for file in files {
        let path = folder.join(&file);
        let bytes = fs::read(&path).map_err(|source| BuildError::File { path, source })?;
        let name = file.to_string_lossy().replace('\\', "/");
        // Lengths first: no two lists of files give the same bytes.
        for part in [name.as_bytes(), &bytes] {
            all.update((part.len() as u64).to_le_bytes());
            all.update(part);
        }
    }
    Ok(format!("sha256:{:x}", all.finalize()))
}

fn collect(root: &Path, below: &Path, files: &mut Vec<PathBuf>) -> Result<(), BuildError> {
    let folder = root.join(below);
    let failed = |source: io::Error| BuildError::File { path: folder.clone(), source };
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let kind = entry.file_type().map_err(failed)?;
        // A host may have left its own things in `.tidegate`, beside the SDK.
        let hidden = text.starts_with('.') && text != ".tidegate";
        let left = below == Path::new(".tidegate") && text != "sdk";
        if kind.is_dir() && !hidden && !left && !MADE.contains(&&*text) {
            collect(root, &below.join(&name), files)?;
        }
        let ending = Path::new(&name).extension().and_then(|ending| ending.to_str());
        if kind.is_file() && !hidden && !left && !ending.is_some_and(|ending| AROUND.contains(&ending)) {
            files.push(below.join(&name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_what_a_compiler_may_read_changes_it() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            digest(dir.path()).unwrap()
        };
        let first = put("src/lib.rs", "a");
        for around in [
            "README.md",
            "policy.yaml",
            "target/x",
            "node_modules/a/b.ts",
            ".git/HEAD",
            "events.jsonl",
            ".tidegate/lock",
        ] {
            assert_eq!(put(around, "a"), first, "{around}");
        }
        for source in ["src/lib.rs", "schema.json", ".tidegate/sdk/event.go", "go.mod"] {
            assert_ne!(put(source, "b"), first, "{source}");
        }
    }

    #[test]
    fn names_and_contents_are_told_apart() {
        let of = |name: &str, text: &str| {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(name), text).unwrap();
            digest(dir.path()).unwrap()
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(of("ab", "c"), of("ab", "c"), "the folder's own place says nothing");
    }
}

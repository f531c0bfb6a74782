//! `tidegate build`: a filter's folder in, a component out.
//!
//! The folder tells its language: `Cargo.toml` is Rust, `go.mod` Go, a `package.json` with `assemblyscript` AssemblyScript. The
//! language's own toolchain, which the user has, makes a core module; here it is wrapped with `wit-component` and gets its
//! label (`label.rs`). Nothing here loads or runs the result: that is the engine's part. The same source gives the same bytes, so
//! that a digest names a version, and no path of the machine gets into them. (Rust: a dependency by `path` outside the folder's
//! workspace does tell one place from another: cargo names its symbols after it.)
//!
//! A language is one file with a function `compile(folder, options) -> Result<Artifact, BuildError>`.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

mod assemblyscript;
mod cargo;
mod component;
mod error;
mod go;
mod label;
mod new;
mod source;

pub use cargo::TARGET;
pub use error::BuildError;
pub use new::{Kind, NameError, NewError, new};

use label::Label;

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// The component's file; without it `target/tidegate/PACKAGE.wasm` in the folder.
    pub out: Option<PathBuf>,
    /// Rust: cargo features of the package, beside its default ones. Go: build tags.
    pub features: Vec<String>,
    /// Rust: where cargo puts its own output; without it where cargo always does.
    pub target_dir: Option<PathBuf>,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The component.
    pub path: PathBuf,
    /// `sha256:` and 64 hex digits, of the file.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// What the toolchain of a language made.
pub(crate) struct Artifact {
    /// The package's name, which the component's file gets where `--out` says nothing else.
    package: String,
    /// A core module that carries its component type and exports under the contract's names.
    module: Vec<u8>,
    /// A core module to link as `wasi_snapshot_preview1`.
    adapter: Option<&'static [u8]>,
    /// What `describe` will answer, known without asking it. `None`: not made with one of our SDKs.
    label: Option<Label>,
}

/// The languages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `Cargo.toml`.
    Rust,
    /// `go.mod`.
    Go,
    /// `package.json` with `assemblyscript`.
    AssemblyScript,
}

impl Language {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Go => "Go",
            Language::AssemblyScript => "AssemblyScript",
        }
    }

    /// What to type for the tests that need no Wasm.
    pub fn native_test(self) -> &'static str {
        match self {
            Language::Rust => "cargo test",
            Language::Go => "go test",
            Language::AssemblyScript => "npm test",
        }
    }

    /// The file with the function, in a new folder.
    fn source(self) -> &'static str {
        match self {
            Language::Rust => "src/lib.rs",
            Language::Go => "main.go",
            Language::AssemblyScript => "assembly/index.ts",
        }
    }

    /// What the files of the folder say.
    fn of(folder: &Path) -> Result<Language, BuildError> {
        let mut found = Vec::new();
        let has = |file: &str| folder.join(file).is_file();
        if has("Cargo.toml") {
            found.push((Language::Rust, "Cargo.toml"));
        }
        if has("go.mod") {
            found.push((Language::Go, "go.mod"));
        }
        // Other things than AssemblyScript have a package.json, and may stand beside: a tool for the documents, a formatter.
        let package = std::fs::read_to_string(folder.join("package.json")).unwrap_or_default();
        if package.contains("\"assemblyscript\"") || has("asconfig.json") {
            found.push((Language::AssemblyScript, "package.json with assemblyscript"));
        }
        match *found {
            [] => Err(BuildError::NoPackage { folder: folder.to_owned() }),
            [(language, _)] => Ok(language),
            _ => {
                let found = found.into_iter().map(|(_, file)| file).collect();
                Err(BuildError::Ambiguous { folder: folder.to_owned(), found })
            }
        }
    }
}

/// Builds the package in `folder`. The toolchain's progress and errors go to stderr as they come.
pub fn build(folder: &Path, options: &BuildOptions) -> Result<Built, BuildError> {
    let folder = folder.canonicalize().map_err(|_| BuildError::NoPackage { folder: folder.to_owned() })?;
    let artifact = match Language::of(&folder)? {
        Language::Rust => cargo::compile(&folder, options),
        Language::Go => go::compile(&folder, options),
        Language::AssemblyScript => assemblyscript::compile(&folder, options),
    }?;
    let component = component::componentize(&artifact);
    let component = component.map_err(|cause| BuildError::NotAModule { folder: folder.clone(), cause })?;
    let mut bytes = component.bytes;
    if let Some(label) = &artifact.label {
        label.append(&mut bytes, &component.kinds, &source::digest(&folder)?);
    }
    let path = match &options.out {
        Some(out) => out.clone(),
        None => folder.join("target/tidegate").join(format!("{}.wasm", artifact.package)),
    };
    write(&path, &bytes)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(Built { path, digest: digest(&bytes), size })
}

/// Writes all of it or nothing: a host may be watching.
fn write(path: &Path, component: &[u8]) -> Result<(), BuildError> {
    let failed = |source| BuildError::File { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&partial, component).map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_folder_without_a_package_is_refused_with_a_hint() {
        let missing = Path::new("no/such/folder");
        let refused = build(missing, &BuildOptions::default()).expect_err("there is nothing to build");
        assert!(matches!(&refused, BuildError::NoPackage { folder } if folder == missing), "{refused:?}");
        assert_eq!(refused.to_string(), "no Cargo.toml, go.mod or package.json in no/such/folder");
        assert!(refused.hint().is_some_and(|hint| hint.contains("folder of a filter")));
    }

    #[test]
    fn the_folder_tells_its_language() {
        let of = |files: &[(&str, &str)]| {
            let dir = tempfile::tempdir().expect("a folder");
            for (name, text) in files {
                std::fs::write(dir.path().join(name), text).expect("a file");
            }
            Language::of(dir.path())
                .map_err(|refused| refused.to_string().replace(dir.path().to_str().unwrap_or(""), "F"))
        };
        assert_eq!(of(&[("Cargo.toml", "")]), Ok(Language::Rust));
        assert_eq!(of(&[("go.mod", "")]), Ok(Language::Go));
        let with = r#"{"devDependencies": {"assemblyscript": "0.28.20"}}"#;
        assert_eq!(of(&[("package.json", with)]), Ok(Language::AssemblyScript));
        assert_eq!(
            of(&[("go.mod", ""), ("package.json", r#"{"devDependencies": {"prettier": "3"}}"#)]),
            Ok(Language::Go)
        );
        assert_eq!(of(&[("package.json", "{}")]), Err("no Cargo.toml, go.mod or package.json in F".to_owned()));
        let both = of(&[("go.mod", ""), ("Cargo.toml", "")]);
        assert_eq!(both, Err("F has Cargo.toml and go.mod: which language is it?".to_owned()));
    }

    #[test]
    fn digests_are_written_as_documents_want_them() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b""), empty);
    }
}

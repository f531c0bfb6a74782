//! AssemblyScript: the folder's own `asc`, which the SDK has a transform for.
//!
//! The transform writes the contract's exports around the author's function and gives them their names, so that what `asc` makes
//! only lacks its component type. What the folder's `package.json` asks for is fetched where it is not there yet.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::label::{self, Label};
use crate::{Artifact, BuildError, BuildOptions};

mod scratch;
mod world;

use scratch::Scratch;

/// What to do where Node is not there.
const INSTALL: &str = "Node.js 20 or later with npm, from https://nodejs.org";

/// The npm package of the compiler.
const COMPILER: &str = "assemblyscript";

/// The npm package that filters are written with.
const SDK: &str = "tidegate-guest";

/// The file that has the function.
const ENTRY: &str = "assembly/index.ts";

/// Compiles the package in `folder`.
pub(crate) fn compile(folder: &Path, _options: &BuildOptions) -> Result<Artifact, BuildError> {
    let package = Package::read(&folder.join("package.json"))?;
    check_entry(folder)?;
    let (compiler, sdk) = installed(folder)?;
    let mut module = asc(folder, &compiler, &sdk)?;
    world::embed(&mut module).map_err(|cause| BuildError::NotAModule { folder: folder.to_owned(), cause })?;
    let label = Label {
        name: package.name.clone(),
        version: package.version,
        config_schema: label::schema(folder)?,
        sdk: format!("{SDK} {}", Package::read(&sdk.join("package.json"))?.version),
        toolchain: format!("asc {}", Package::read(&compiler.join("package.json"))?.version),
    };
    Ok(Artifact { package: package.name, module, adapter: None, label: Some(label) })
}

/// What a `package.json` says.
#[derive(Debug, PartialEq, Eq)]
struct Package {
    /// Of `@shop/order-guard` the last part.
    name: String,
    version: String,
}

impl Package {
    fn read(path: &Path) -> Result<Package, BuildError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| BuildError::File { path: path.to_owned(), source })?;
        Package::parse(&text).map_err(|problem| BuildError::Source {
            path: path.to_owned(),
            problem,
            hint: "it begins like this: {\"name\": \"order-guard\", \"version\": \"0.1.0\", …".to_owned(),
        })
    }

    fn parse(text: &str) -> Result<Package, String> {
        let json: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let word = |key: &str| {
            let word = json[key].as_str().filter(|word| !word.is_empty());
            word.ok_or_else(|| format!("has no \"{key}\": it is the module's own"))
        };
        let name = word("name")?;
        Ok(Package { name: name.rsplit('/').next().unwrap_or(name).to_owned(), version: word("version")?.to_owned() })
    }
}

fn check_entry(folder: &Path) -> Result<(), BuildError> {
    if folder.join(ENTRY).is_file() {
        return Ok(());
    }
    Err(BuildError::Source {
        path: folder.to_owned(),
        problem: format!("no {ENTRY}"),
        hint: format!("export a function `filter`, `transform` or `matcher` from {ENTRY}"),
    })
}

/// The folders of compiler and SDK; fetched with npm if they are not there.
fn installed(folder: &Path) -> Result<(PathBuf, PathBuf), BuildError> {
    let find = || Some((package_folder(folder, COMPILER)?, package_folder(folder, SDK)?));
    if let Some(found) = find() {
        return Ok(found);
    }
    npm(folder)?;
    find().ok_or_else(|| BuildError::Source {
        path: folder.join("package.json"),
        problem: format!("`{COMPILER}` and `{SDK}` are not among its devDependencies"),
        hint: format!("add both; `tidegate new` shows where `{SDK}` comes from"),
    })
}

/// Where Node looks: in `node_modules` of the folder and of those around it.
fn package_folder(folder: &Path, name: &str) -> Option<PathBuf> {
    let candidates = folder.ancestors().map(|ancestor| ancestor.join("node_modules").join(name));
    candidates.into_iter().find(|candidate| candidate.join("package.json").is_file())
}

fn npm(folder: &Path) -> Result<(), BuildError> {
    let command = if folder.join("package-lock.json").is_file() { "ci" } else { "install" };
    eprintln!("packages are missing: npm {command} in {}", folder.display());
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args([command, "--no-audit", "--no-fund", "--loglevel=error"]);
    if run("npm", npm.stdout(Stdio::null()))? {
        return Ok(());
    }
    Err(BuildError::Source {
        path: folder.to_owned(),
        problem: format!("`npm {command}` failed; it has said why"),
        hint: "without a network, run it where there is one and bring `node_modules` along".to_owned(),
    })
}

/// What `asc` makes of the folder. Its options come from the SDK, unless the folder has an `asconfig.json` (that extends it).
fn asc(folder: &Path, compiler: &Path, sdk: &Path) -> Result<Vec<u8>, BuildError> {
    let out = Scratch::new();
    let mut asc = Command::new("node");
    asc.current_dir(folder).arg(compiler.join("bin/asc.js")).arg(ENTRY);
    if !folder.join("asconfig.json").is_file() {
        asc.arg("--config").arg(sdk.join("asconfig.json"));
    }
    asc.args(["--target", "release", "--outFile"]).arg(out.path());
    // What asc prints goes where progress goes; stdout is for results.
    if !run("node", asc.stdout(Stdio::null()))? {
        return Err(BuildError::Failed { tool: "asc", folder: folder.to_owned() });
    }
    std::fs::read(out.path()).map_err(|source| BuildError::File { path: out.path().to_owned(), source })
}

/// Whether it went well.
fn run(tool: &str, command: &mut Command) -> Result<bool, BuildError> {
    let status = command.stdin(Stdio::null()).stderr(Stdio::inherit()).status();
    let status = status.map_err(|source| BuildError::NoTool { tool: tool.into(), install: INSTALL, source })?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_package_says_what_the_module_will() {
        let of = |text| Package::parse(text).map(|package| (package.name, package.version));
        let guard = ("order-guard".to_owned(), "0.1.0".to_owned());
        assert_eq!(of(r#"{"name": "order-guard", "version": "0.1.0"}"#), Ok(guard.clone()));
        assert_eq!(of(r#"{"name": "@shop/order-guard", "version": "0.1.0"}"#), Ok(guard));
        assert_eq!(of(r#"{"name": "x"}"#), Err("has no \"version\": it is the module's own".to_owned()));
        assert!(of("{").is_err_and(|problem| problem.starts_with("not JSON: ")));
    }

    #[test]
    fn packages_are_found_as_node_finds_them() {
        let dir = tempfile::tempdir().unwrap();
        let package = dir.path().join("node_modules/tidegate-guest");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::create_dir_all(dir.path().join("filters/guard")).unwrap();
        std::fs::write(package.join("package.json"), "{}").unwrap();
        assert_eq!(package_folder(&dir.path().join("filters/guard"), SDK), Some(package));
        assert_eq!(package_folder(dir.path(), COMPILER), None);
    }
}

//! `tidegate new`: a folder with a filter, a transform or a matcher that builds and passes its tests at once.
//!
//! Everything it needs comes out of this program: the source and its tests from a template, documents and sample events around
//! it, and the SDK (in `.tidegate/sdk`), so that the folder builds wherever it lies, and goes on building when there is a newer
//! Tidegate. Nothing is fetched here.
//!
//! A template is a package as it stands, named `my-filter`, `my-transform` or `my-matcher`; that name is what is replaced.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Language;

mod name;

mod embedded {
    #![allow(clippy::large_include_file, reason = "the SDKs are what `new` is about")]
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

pub use name::NameError;

/// What a module decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Which events go on.
    Filter,
    /// What becomes of events.
    Transform,
    /// Where events belong.
    Matcher,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Filter, Kind::Transform, Kind::Matcher];

    /// As the contract calls it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Filter => "filter",
            Kind::Transform => "transform",
            Kind::Matcher => "matcher",
        }
    }

    /// What the template does, in a sentence.
    fn what(self) -> &'static str {
        match self {
            Kind::Filter => "It lets orders through that are no tests and worth something.",
            Kind::Transform => "It gives every order the region of its data as an attribute.",
            Kind::Matcher => "It names every order by its region, for routes to go by.",
        }
    }
}

/// Why there is no new folder. Nothing was left behind.
#[derive(Debug)]
pub enum NewError {
    /// The name cannot be that of a package.
    Name(NameError),
    /// There is something of that name already.
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// A file could not be written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NewError::Name(error) => error.fmt(f),
            NewError::Exists { path } => write!(f, "{} exists", path.display()),
            NewError::File { path, .. } => write!(f, "{} cannot be written", path.display()),
        }
    }
}

impl std::error::Error for NewError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            NewError::File { source, .. } => Some(source),
            NewError::Name(_) | NewError::Exists { .. } => None,
        }
    }
}

impl NewError {
    /// What to do about it, if there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            NewError::Name(_) => Some("names are lower-case words joined by `-`, as in `order-guard`"),
            NewError::Exists { .. } => Some("choose another name, or move it away"),
            NewError::File { .. } => None,
        }
    }
}

/// Makes the folder `path`, whose last part is the module's name.
///
/// # Errors
/// If the name cannot be that of a package, if there is something at `path`, or if a file cannot be written.
pub fn new(path: &Path, language: Language, kind: Kind) -> Result<(), NewError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name::check(&name).map_err(NewError::Name)?;
    if path.symlink_metadata().is_ok() {
        return Err(NewError::Exists { path: path.to_owned() });
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| NewError::File { path, source }
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    // Whole or not at all.
    let partial = parent.join(format!(".{name}.{}", std::process::id()));
    let written = write(&partial, &files(&name, language, kind));
    let written = written.and_then(|()| fs::rename(&partial, path).map_err(failed(path)));
    if written.is_err() {
        // What is left of it says nothing to anybody; the error above says why.
        let _ = fs::remove_dir_all(&partial);
    }
    written
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), NewError> {
    for (name, bytes) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes));
        written.map_err(|source| NewError::File { path, source })?;
    }
    Ok(())
}

/// Names and contents of all files of a new folder.
fn files(name: &str, language: Language, kind: Kind) -> Vec<(String, Vec<u8>)> {
    let (template, sdk) = match language {
        Language::Rust => ("rust", embedded::SDK_RUST),
        Language::Go => ("go", embedded::SDK_GO),
        Language::AssemblyScript => ("assemblyscript", embedded::SDK_ASSEMBLYSCRIPT),
    };
    let replaced = |text: &[u8]| match std::str::from_utf8(text) {
        Ok(text) => text.replace(&format!("my-{}", kind.word()), name).into_bytes(),
        Err(_) => text.to_vec(),
    };
    let mut files = Vec::new();
    for folder in ["common", template].map(|folder| format!("{folder}/{}/", kind.word())) {
        let of_folder = embedded::TEMPLATES.iter().filter_map(|(path, text)| Some((path.strip_prefix(&folder)?, text)));
        files.extend(of_folder.map(|(path, text)| (path.to_owned(), replaced(text))));
    }
    // To begin with, the samples are also what flows.
    let samples = files.iter().find(|(path, _)| path == "events.jsonl").map(|(_, bytes)| bytes.clone());
    files.extend(samples.map(|bytes| ("in.jsonl".to_owned(), bytes)));
    let common =
        |path: &str| embedded::TEMPLATES.iter().find(|(name, _)| *name == path).map_or(&b""[..], |(_, text)| text);
    files.push((".gitignore".to_owned(), common("common/gitignore").to_vec()));
    let readme = readme(&String::from_utf8_lossy(common("common/README.md")), name, language, kind);
    files.push(("README.md".to_owned(), readme.into_bytes()));
    files.extend(sdk.iter().map(|(path, text)| (format!(".tidegate/sdk/{path}"), text.to_vec())));
    files
}

fn readme(text: &str, name: &str, language: Language, kind: Kind) -> String {
    let words = [
        ("my-module", name),
        ("%KIND%", kind.word()),
        ("%LANGUAGE%", language.name()),
        ("%WHAT%", kind.what()),
        ("%TEST%", language.native_test()),
        ("%SOURCE%", language.source()),
    ];
    words.into_iter().fold(text.to_owned(), |text, (word, by)| text.replace(word, by))
}

#[cfg(test)]
mod tests;

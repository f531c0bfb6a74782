//! Documents: text in, checked documents out. Pure: no files, no clock, no Wasm.
//!
//! [`check`] reads every file of a set, reports every mistake of all of them in one run as [`Diagnostic`]s with file, line,
//! column, snippet, code and hint, and gives [`Documents`] only when there are none. Every text is bounded before it is
//! understood: size, depth, number of values; nothing in a document can multiply itself.

pub mod amend;
pub mod cases;
pub mod codes;
mod connector;
mod diagnostic;
mod document;
mod exactly_once;
mod fingerprint;
mod flow_yaml;
mod format;
mod kinds;
mod layout;
mod listeners;
mod mistakes;
pub mod names;
mod overlay;
mod places;
mod schema;
mod set;
pub mod spec;
mod text;
mod tree;
mod units;
mod unused;

#[cfg(test)]
mod tests;

pub use connector::{ConfigProblem, ConnectorCheck, Role};
pub use diagnostic::{Diagnostic, Place, Report};
pub use flow_yaml::flow_yaml;
pub use format::{FormatError, format};
pub use overlay::overlay;
pub use schema::{ConnectorSchema, schema};
pub use spec::Documents;
pub use unused::Unused;

use mistakes::Mistakes;
use text::{At, Text};

/// One file of a document set.
#[derive(Clone, Debug)]
pub struct File {
    /// How an operator knows it; stands in every message.
    pub path: String,
    /// YAML, or JSON as its subset; any number of documents. At most [`FILE_BYTES_MAX`].
    pub text: String,
}

/// Bytes of one file. The largest real sets of policies have some ten KiB a file.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// What checking depends on.
#[allow(missing_debug_implementations, reason = "holds a borrowed trait object")]
pub struct Options<'a> {
    /// A digest may be absent.
    pub development: bool,
    /// Names of connectors, for `did you mean`, and who checks their configurations.
    pub connectors: &'a dyn ConnectorCheck,
}

/// Parses and checks a set of files, all of it in one run.
///
/// # Errors
/// Every mistake of every file, sorted by place. Mistakes that only follow from others (a reference to a document that could
/// not be read) are left out.
///
/// ```
/// use tidegate_policy::{ConfigProblem, ConnectorCheck, File, Options, Role, check};
///
/// struct Memory;
/// impl ConnectorCheck for Memory {
///     fn has_topics(&self, _: &str) -> bool { false }
///     fn names(&self) -> Vec<String> { vec!["memory".into()] }
///     fn check(&self, _: &str, _: Role, _: &serde_json::Value) -> Vec<ConfigProblem> { Vec::new() }
/// }
///
/// let text = "apiVersion: tidegate.dev/v1alpha1\nkind: Sink\nmetadata: {name: out}\nspec: {memry: {}}\n";
/// let options = Options { development: true, connectors: &Memory };
/// let report = check(&[File { path: "out.yaml".into(), text: text.into() }], &options).unwrap_err();
/// assert_eq!(report.to_string(), "\
/// error[P131]: no connector named `memry`
///   out.yaml:4:8
///   4 │ spec: {memry: {}}
///     │        ^^^^^
/// hint: did you mean `memory`?");
/// ```
pub fn check(files: &[File], options: &Options<'_>) -> Result<Documents, Report> {
    let mut set = set::Set::default();
    for file in files {
        read_file(file, options, &mut set);
    }
    set.finish(options)
}

/// Only the policies of a set of files, in order of the text: each checked in itself, without what it says of documents that may be
/// elsewhere. What depends on those (the defaults of `failure`) is as if there were none.
///
/// # Errors
/// As of [`check`], but for references that lead nowhere.
pub fn policies(files: &[File], options: &Options<'_>) -> Result<Vec<spec::FilterPolicy>, Report> {
    let mut set = set::Set::default();
    for file in files {
        read_file(file, options, &mut set);
    }
    set.policies_alone()
}

/// One condition by itself, as in `filters` of a policy: for whoever asks for events by one. `name` stands in messages.
///
/// # Errors
/// Every mistake of the text.
pub fn condition(name: &str, text: &str) -> Result<spec::Condition, Report> {
    let shown = Text::new(name, text);
    let mut mistakes = Mistakes::new(&shown);
    let trees = tree::parse(text, &mut mistakes);
    let read = match &trees[..] {
        [tree] => kinds::condition(&tree.root, &mut mistakes),
        _ => None,
    };
    let at = At { line: 1, column: 1, length: 1 };
    let (mut found, _) = mistakes.into_parts();
    match read {
        Some(condition) if found.is_empty() => Ok(condition),
        Some(_) | None => {
            if found.is_empty() {
                let hint = Some("as in `{exact: {type: com.acme.order}}`".to_owned());
                found.push(shown.diagnostic(codes::EMPTY, at, "there is no condition".to_owned(), hint));
            }
            Err(Report::new(found))
        }
    }
}

/// The documents of a file as JSON, as they are written: nothing but the text is checked.
///
/// # Errors
/// Every mistake of the text.
pub fn values(file: &File) -> Result<Vec<serde_json::Value>, Report> {
    let source = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let text = Text::new(&file.path, source);
    let mut mistakes = Mistakes::new(&text);
    let trees = tree::parse(source, &mut mistakes);
    let (found, _) = mistakes.into_parts();
    if !found.is_empty() {
        return Err(Report::new(found));
    }
    let values = trees.iter().filter_map(|tree| tree.root.json());
    Ok(values.filter(|value| !value.is_null()).collect())
}

fn read_file(file: &File, options: &Options<'_>, set: &mut set::Set) {
    let source = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    if source.len() > FILE_BYTES_MAX {
        let text = Text::new(&file.path, "");
        let mut mistakes = Mistakes::new(&text);
        too_large(source.len(), &mut mistakes);
        set.unreadable();
        return set.file(mistakes);
    }
    let text = Text::new(&file.path, source);
    let mut mistakes = Mistakes::new(&text);
    for tree in tree::parse(source, &mut mistakes) {
        document::read(&tree, options, &mut mistakes, set);
    }
    set.file(mistakes);
}

fn too_large(bytes: usize, mistakes: &mut Mistakes<'_>) {
    let message = format!("the file has {bytes} bytes; at most {FILE_BYTES_MAX} are read");
    mistakes.hint(codes::TEXT_TOO_LARGE, At { line: 1, column: 1, length: 1 }, message, "divide it into several files");
}

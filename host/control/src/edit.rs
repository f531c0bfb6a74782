//! Documents put and taken out of a set: what the set would be. Pure; whether it may go live is for verification to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sha2::{Digest, Sha256};
use tidegate_policy::{File, Report, names};

use crate::orders::{DocumentName, Edit, Expect, Refusal};

/// Bytes of all documents that the API owns.
const SET_BYTES_MAX: usize = 32 << 20;
const KINDS: [&str; 4] = ["Source", "Sink", "Route", "FilterPolicy"];

/// A document of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is called.
    pub name: DocumentName,
    /// Where it stands; relative paths in it start from that folder.
    pub path: String,
    /// As it was written.
    pub text: String,
    /// Changes with the text: an HTTP entity tag without its quotes.
    pub etag: String,
}

/// The documents of a set, each by itself. What is none is left out.
pub fn documents(files: &[File]) -> Vec<Document> {
    let of = |file: &File| {
        let path = file.path.clone();
        let named = names::pieces(file).into_iter().filter_map(|piece| Some((piece.name?, piece.text)));
        named.map(move |((kind, namespace, name), text)| {
            let etag = tag([text.as_str()]);
            Document { name: DocumentName { kind, namespace, name }, path: path.clone(), text, etag }
        })
    };
    let mut all: Vec<Document> = files.iter().flat_map(of).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The `FilterPolicy` with an id (`namespace/name`).
pub fn policy<'d>(documents: &'d [Document], id: &str) -> Option<&'d Document> {
    let (namespace, name) = id.split_once('/')?;
    documents.iter().find(|Document { name: known, .. }| {
        (known.kind.as_str(), known.namespace.as_str(), known.name.as_str()) == ("FilterPolicy", namespace, name)
    })
}

/// The tag of a whole set: of its documents and their texts.
pub fn set_tag(documents: &[Document]) -> String {
    let names: Vec<String> = documents.iter().map(|document| document.name.to_string()).collect();
    tag(documents.iter().zip(&names).flat_map(|(document, name)| [name.as_str(), &document.etag]))
}

fn tag<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    format!("{:.16x}", hash.finalize())
}

/// What a set would be after an edit.
#[derive(Debug)]
pub(crate) struct Edited {
    pub(crate) files: Vec<File>,
    /// Policies that were put (`namespace/name`): what they named before does not count for them.
    pub(crate) put: BTreeSet<String>,
}

/// Applies an edit. New documents stand in `folder`, each in a file of its own.
pub(crate) fn edited(before: &[File], edit: &Edit, folder: &Path) -> Result<Edited, Refusal> {
    let known = documents(before);
    for expect in &edit.expect {
        check(expect, &known)?;
    }
    let mut set: BTreeMap<DocumentName, File> = BTreeMap::new();
    if !edit.replace {
        set.extend(known.into_iter().map(|known| (known.name, File { path: known.path, text: known.text })));
    }
    for name in &edit.delete {
        if set.remove(name).is_none() && !edit.replace {
            return Err(Refusal::Unknown(format!("there is no {name}")));
        }
    }
    let mut put = BTreeSet::new();
    let mut names = BTreeSet::new();
    for text in &edit.put {
        for piece in names::pieces(&File { path: "request".into(), text: text.clone() }) {
            let name = named(piece.name)?;
            if !names.insert(name.clone()) {
                return Err(Refusal::Wrong(format!("there are two of the {name} in one request")));
            }
            if edit.delete.contains(&name) {
                return Err(Refusal::Wrong(format!("the request puts the {name} and deletes it")));
            }
            let file = format!("{}.{}.{}.yaml", name.namespace, name.kind.to_lowercase(), name.name);
            if name.kind == "FilterPolicy" {
                put.insert(name.id());
            }
            set.insert(name, File { path: folder.join(file).display().to_string(), text: piece.text });
        }
    }
    let files: Vec<File> = set.into_values().collect();
    if files.iter().map(|file| file.text.len()).sum::<usize>() > SET_BYTES_MAX {
        return Err(Refusal::Wrong("the documents of a host have at most 32 MiB".into()));
    }
    Ok(Edited { files, put })
}

/// A report about a set whose documents in `folder` came over the API: with the names of those, for whoever put them knows no file.
pub(crate) fn by_name(mut report: Report, files: &[File], folder: &Path) -> Report {
    let documents = documents(files);
    for place in report.diagnostics.iter_mut().filter_map(|found| found.place.as_mut()) {
        let kept = Path::new(&place.file).starts_with(folder);
        if let Some(document) = documents.iter().find(|document| kept && document.path == place.file) {
            place.file = document.name.to_string();
        }
    }
    report
}

fn check(expect: &Expect, known: &[Document]) -> Result<(), Refusal> {
    let find = |name: &DocumentName| known.iter().find(|document| document.name == *name);
    let stale = |what: String| Err(Refusal::Stale(what));
    match expect {
        Expect::Set(tags) if tags.contains(&set_tag(known)) => Ok(()),
        Expect::Set(_) => stale(format!("the documents have changed meanwhile: their tag is \"{}\"", set_tag(known))),
        Expect::Absent(name) if find(name).is_some() => stale(format!("the {name} is there already")),
        Expect::Absent(_) => Ok(()),
        Expect::Document(name, tags) => match find(name) {
            None => stale(format!("there is no {name}")),
            Some(found) if tags.is_empty() || tags.contains(&found.etag) => Ok(()),
            Some(found) => stale(format!("the {name} has changed meanwhile: its tag is \"{}\"", found.etag)),
        },
    }
}

fn named(name: Option<(String, String, String)>) -> Result<DocumentName, Refusal> {
    let Some((kind, namespace, name)) = name else {
        return Err(Refusal::Wrong("every document needs a `kind` and a `metadata` with a `name`".into()));
    };
    let name = DocumentName { kind, namespace, name };
    name.check()?;
    Ok(name)
}

impl DocumentName {
    /// `namespace/name`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Whether there can be such a document: it becomes the name of a file.
    pub fn check(&self) -> Result<(), Refusal> {
        let label = |text: &str| {
            let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
        };
        if !KINDS.contains(&self.kind.as_str()) {
            return Err(Refusal::Wrong(format!("there is no such kind; it is one of {}", KINDS.join(", "))));
        }
        if !label(&self.namespace) || !label(&self.name) {
            return Err(Refusal::Wrong(
                "names and namespaces are lower-case letters, digits and `-`, at most 63".into(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::history::Author;

    fn sink(name: &str, path: &str) -> String {
        format!("---\nkind: Sink\nmetadata: {{name: {name}}}\nspec: {{file: {{path: {path}}}}}\n")
    }

    fn name(name: &str) -> DocumentName {
        DocumentName { kind: "Sink".into(), namespace: "default".into(), name: name.into() }
    }

    fn edit(put: &[String]) -> Edit {
        Edit {
            put: put.to_vec(),
            delete: Vec::new(),
            replace: false,
            expect: Vec::new(),
            dry_run: false,
            sample: Vec::new(),
            author: Author::directory(),
        }
    }

    fn base() -> Vec<File> {
        vec![File { path: "docs/all.yaml".into(), text: sink("a", "1") + &sink("b", "1") }]
    }

    fn names(files: &[File]) -> Vec<String> {
        documents(files).into_iter().map(|document| document.name.name).collect()
    }

    #[test]
    fn documents_are_put_replaced_and_taken_out() {
        let with = edited(&base(), &edit(&[sink("c", "1") + &sink("b", "2")]), Path::new("state")).unwrap();
        assert_eq!(names(&with.files), ["a", "b", "c"]);
        assert_eq!(with.files[0].path, "docs/all.yaml", "what is not touched stays where it is");
        assert_eq!(with.files[1].path, "state/default.sink.b.yaml");
        let without = Edit { delete: vec![name("a")], ..edit(&[]) };
        assert_eq!(names(&edited(&base(), &without, Path::new("state")).unwrap().files), ["b"]);
        let instead = Edit { replace: true, ..edit(&[sink("z", "1")]) };
        assert_eq!(names(&edited(&base(), &instead, Path::new("state")).unwrap().files), ["z"]);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let refused = |edit: Edit| edited(&base(), &edit, Path::new("state")).unwrap_err();
        let twice = refused(edit(&[sink("c", "1"), sink("c", "2")]));
        assert!(matches!(twice, Refusal::Wrong(_)), "{twice}");
        let both = refused(Edit { delete: vec![name("a")], ..edit(&[sink("a", "2")]) });
        assert!(matches!(both, Refusal::Wrong(_)), "{both}");
        let none = refused(Edit { delete: vec![name("x")], ..edit(&[]) });
        assert!(matches!(none, Refusal::Unknown(_)), "{none}");
        for bad in
            ["kind: Sink", "kind: Sonk\nmetadata: {name: a}", "kind: Sink\nmetadata: {name: ../a}", "- 1", "a: ["]
        {
            let bad = refused(edit(&[bad.to_owned()]));
            assert!(matches!(bad, Refusal::Wrong(_)), "{bad}");
        }
    }

    #[test]
    fn tags_guard_a_document_and_a_set() {
        let known = documents(&base());
        let with = |expect| edited(&base(), &Edit { expect: vec![expect], ..edit(&[sink("a", "2")]) }, Path::new("s"));
        with(Expect::Document(name("a"), vec![known[0].etag.clone()])).unwrap();
        with(Expect::Document(name("a"), Vec::new())).unwrap();
        with(Expect::Set(vec![set_tag(&known)])).unwrap();
        with(Expect::Absent(name("c"))).unwrap();
        for stale in [
            Expect::Document(name("a"), vec!["0".into()]),
            Expect::Document(name("c"), Vec::new()),
            Expect::Set(vec!["0".into()]),
            Expect::Absent(name("a")),
        ] {
            assert!(matches!(with(stale.clone()), Err(Refusal::Stale(_))), "{stale:?}");
        }
    }
}

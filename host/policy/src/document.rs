//! What every document has: `apiVersion`, `kind`, `metadata`, `spec`. The `spec` is read by [`crate::kinds`].

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Options, codes,
    diagnostic::quoted,
    kinds,
    mistakes::{Fields, Mistakes, Shape},
    places::Places,
    set::{Kind, Set},
    spec::{DEFAULT_NAMESPACE, Id, Meta},
    text::At,
    tree::{self, Node, Tree},
};

const API_VERSION: &str = "tidegate.dev/v1alpha1";

const DOCUMENT: Shape = Shape { what: "a document", keys: &["apiVersion", "kind", "metadata", "spec"], later: &[] };
const METADATA: Shape = Shape { what: "`metadata`", keys: &["name", "namespace", "labels"], later: &[] };

const KINDS: [(&str, Kind); 4] =
    [("Source", Kind::Source), ("Sink", Kind::Sink), ("Route", Kind::Route), ("FilterPolicy", Kind::FilterPolicy)];

/// Reads one document into the set; what cannot be read of it is a mistake.
pub(crate) fn read(tree: &Tree, options: &Options<'_>, mistakes: &mut Mistakes<'_>, set: &mut Set) {
    if !tree.whole {
        return half(tree, mistakes, set);
    }
    if matches!(&tree.root.kind, tree::Kind::Plain(serde_json::Value::Null, _)) {
        return;
    }
    let read = mistakes.fields(&tree.root, &DOCUMENT).and_then(|fields| head(tree, &fields, mistakes));
    let Some((kind, meta, name_at, spec)) = read else {
        set.unreadable();
        return;
    };
    set.name(kind, &meta.id, name_at, mistakes);
    let Some(spec) = spec else { return };
    match kind {
        Kind::Source => kinds::source::read(spec, meta, options, mistakes, set),
        Kind::Sink => kinds::sink::read(spec, meta, options, mistakes, set),
        Kind::Route => kinds::route::read(spec, meta, mistakes, set),
        Kind::FilterPolicy => kinds::policy::read(spec, meta, options, mistakes, set),
    }
}

type Head<'n> = (Kind, Meta, At, Option<&'n Node>);

/// All of the head is looked at before anything missing ends it.
fn head<'n>(tree: &'n Tree, fields: &Fields<'n>, mistakes: &mut Mistakes<'_>) -> Option<Head<'n>> {
    api_version(fields, mistakes);
    let kind = kind(fields, mistakes);
    let meta = fields
        .need("metadata", "as in `metadata: {name: orders}`", mistakes)
        .and_then(|node| metadata(node, tree, mistakes));
    let spec = fields.need("spec", "what the document is about", mistakes);
    let (meta, name_at) = meta?;
    Some((kind?, meta, name_at, spec))
}

fn api_version(fields: &Fields<'_>, mistakes: &mut Mistakes<'_>) {
    let hint = format!("write `apiVersion: {API_VERSION}`");
    let Some(node) = fields.need("apiVersion", &hint, mistakes) else { return };
    if let Some(text) = mistakes.string(node, "`apiVersion`")
        && text != API_VERSION
    {
        let message = format!("this host does not read apiVersion {}", quoted(text));
        mistakes.hint(codes::API_VERSION, node.at, message, hint);
    }
}

fn kind(fields: &Fields<'_>, mistakes: &mut Mistakes<'_>) -> Option<Kind> {
    let node = fields.need("kind", "one of Source, Sink, Route, FilterPolicy", mistakes)?;
    let text = mistakes.string(node, "`kind`")?;
    if let Some((_, kind)) = KINDS.iter().find(|(word, _)| *word == text) {
        return Some(*kind);
    }
    let hint = match crate::mistakes::did_you_mean(text, &KINDS.map(|(word, _)| word)) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "it is one of Source, Sink, Route, FilterPolicy".to_owned(),
    };
    mistakes.hint(codes::KIND, node.at, format!("no kind named {}", quoted(text)), hint);
    None
}

fn metadata(node: &Node, tree: &Tree, mistakes: &mut Mistakes<'_>) -> Option<(Meta, At)> {
    let fields = mistakes.fields(node, &METADATA)?;
    let namespace = match fields.get("namespace") {
        Some(node) => label_name(node, "the namespace", mistakes),
        None => Some(DEFAULT_NAMESPACE),
    };
    let labels = fields.get("labels").map(|node| labels(node, "`labels`", mistakes)).unwrap_or_default();
    let node = fields.need("name", "a short name, unique among those of its kind", mistakes)?;
    let name = label_name(node, "the name", mistakes)?;
    let id = Id { namespace: Arc::from(namespace?), name: Arc::from(name) };
    Some((Meta { id, labels, places: Places::new(mistakes.text(), &tree.root) }, node.at))
}

/// Of a document that ends where its text could not be understood: its name, so that references to it hold.
fn half(tree: &Tree, mistakes: &mut Mistakes<'_>, set: &mut Set) {
    let string = |node: Option<&Node>| match node.map(|n| &n.kind) {
        Some(tree::Kind::String(text)) => Some(text.clone()),
        _ => None,
    };
    let metadata = tree.root.get("metadata");
    let name = metadata.and_then(|m| m.get("name"));
    let namespace = string(metadata.and_then(|m| m.get("namespace"))).unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    let kind = string(tree.root.get("kind")).and_then(|text| KINDS.iter().find(|(word, _)| *word == text));
    if let (Some((_, kind)), Some(at), Some(name)) = (kind, name.map(|n| n.at), string(name)) {
        let id = Id { namespace: Arc::from(namespace), name: Arc::from(name) };
        set.name(*kind, &id, at, mistakes);
    } else {
        set.unreadable();
    }
}

/// An RFC 1123 label.
pub(crate) fn label_name<'n>(node: &'n Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<&'n str> {
    let text = mistakes.string(node, what)?;
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good =
        (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-');
    if good {
        return Some(text);
    }
    let hint = "up to 63 of a-z, 0-9 and `-`, beginning and ending with a letter or digit";
    mistakes.hint(codes::NAME, node.at, format!("{what} cannot be {}", quoted(text)), hint);
    None
}

/// Labels of a document or of a selector.
pub(crate) fn labels(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let tree::Kind::Map(entries) = &node.kind else {
        mistakes.wrong_type(node, what, "a mapping");
        return labels;
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    for entry in entries {
        if !(1..=128).contains(&entry.key.len()) || !entry.key.bytes().all(|b| allowed(b) || b == b'/') {
            let hint = "up to 128 of A-Z, a-z, 0-9, `-`, `_`, `.`, `/`";
            mistakes.hint(codes::LABEL, entry.at, format!("a label's key cannot be {}", quoted(&entry.key)), hint);
        }
        let Some(value) = mistakes.string(&entry.value, "the label's value") else { continue };
        if value.len() > 63 || !value.bytes().all(allowed) {
            let hint = "up to 63 of A-Z, a-z, 0-9, `-`, `_`, `.`";
            mistakes.hint(codes::LABEL, entry.value.at, format!("a label's value cannot be {}", quoted(value)), hint);
        }
        labels.insert(entry.key.clone(), value.to_owned());
    }
    labels
}

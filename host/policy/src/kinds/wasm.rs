//! `wasm:` of a policy: which module, and what it may do.

use serde_json::{Map, Value};

use crate::{
    Options, codes,
    diagnostic::quoted,
    mistakes::{Fields, Mistakes, Shape},
    spec::{Capability, Isolation, MayWrite, ModuleRef, Wasm},
    tree::{Kind, Node},
};

const SHAPE: Shape = Shape {
    what: "`wasm`",
    keys: &["module", "digest", "config", "capabilities", "mayWrite", "mayEmit", "isolation"],
    later: &[],
};
const MAY_WRITE: Shape = Shape { what: "`mayWrite`", keys: &["attributes", "data"], later: &[] };
const CAPABILITIES: [Capability; 4] = [Capability::Log, Capability::Metrics, Capability::State, Capability::Wasi];
const ISOLATIONS: [(&str, Isolation); 2] = [("worker", Isolation::Worker), ("batch", Isolation::Batch)];

/// Events out per event in. A module that makes more of one event is splitting files, which is for sources.
pub(crate) const EMIT_MAX: i64 = 1_024;

pub(super) fn read(node: &Node, options: &Options<'_>, mistakes: &mut Mistakes<'_>) -> Option<Wasm> {
    let fields = mistakes.fields(node, &SHAPE)?;
    let module = fields
        .need("module", "where the module is, as in `module: file:mask.wasm`", mistakes)
        .and_then(|node| module(node, mistakes));
    let digest = digest(&fields, options, mistakes);
    let config = fields.get("config").map_or_else(|| Some(Value::Object(Map::new())), Node::json);
    let capabilities = fields.get("capabilities").map(|node| capabilities(node, mistakes)).unwrap_or_default();
    let may_write = fields.get("mayWrite").map(|node| may_write(node, mistakes)).unwrap_or_default();
    let may_emit = fields.get("mayEmit").map_or(Some(1), |node| mistakes.integer(node, "`mayEmit`", 0..=EMIT_MAX));
    let isolation = fields
        .get("isolation")
        .map_or(Some(Isolation::Worker), |node| mistakes.word(node, "`isolation`", &ISOLATIONS, &[]));
    Some(Wasm {
        module: module?,
        digest,
        config: config?,
        capabilities,
        may_write,
        may_emit: may_emit?,
        isolation: isolation?,
    })
}

pub(super) fn module(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<ModuleRef> {
    let text = mistakes.string(node, "`module`")?;
    if text.starts_with("https:") || text.starts_with("oci:") {
        let scheme = text.split(':').next().unwrap_or_default();
        mistakes.not_yet(node.at, &format!("{scheme}:"));
        return None;
    }
    let hint = match text.strip_prefix("file:") {
        None if text.starts_with("http:") => "modules come over no unprotected connection",
        None => "as in `file:mask.wasm`",
        Some("") => "a path is missing behind `file:`",
        Some(path) if path.starts_with(['/', '\\']) || path.get(1..2) == Some(":") => {
            "the path is relative to the document: put the module beside it"
        }
        Some(path) if path.split(['/', '\\']).any(|part| part == "..") => {
            "the path cannot leave the folder of the document: put the module beside it"
        }
        Some(path) if path.contains('\\') => "write `/` between the parts of the path",
        Some(path) if path.chars().any(char::is_control) => "control characters are not possible in a path",
        Some(path) if path.split('/').any(|part| part.is_empty()) => "the path has an empty part",
        Some(path) => return Some(ModuleRef::File(path.strip_prefix("./").unwrap_or(path).to_owned())),
    };
    mistakes.hint(codes::MODULE_REFERENCE, node.at, format!("no module can be at {}", quoted(text)), hint);
    None
}

fn digest(fields: &Fields<'_>, options: &Options<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let Some(node) = fields.get("digest") else {
        if !options.development
            && let Some(at) = fields.key("module")
        {
            let hint = "add `digest: sha256:…` as `tidegate build` and `inspect` print it, so that only what you tried can run; \
                        with `--dev` it may be left out";
            mistakes.hint(codes::DIGEST, at, "the module has no digest", hint);
        }
        return None;
    };
    digest_text(node, "`digest`", mistakes)
}

pub(super) fn digest_text(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = mistakes.string(node, what)?;
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Some(text.to_owned());
    }
    let hint = match text.strip_prefix("sha256:") {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) && hex.len() == 64 => "the hex digits are lower-case",
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => "64 hex digits are needed behind `sha256:`",
        Some(_) | None => "it is `sha256:` and 64 lower-case hex digits",
    };
    mistakes.hint(codes::DIGEST, node.at, format!("no digest: {}", quoted(text)), hint);
    None
}

pub(crate) fn capabilities(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<Capability> {
    let words = CAPABILITIES.map(|capability| (capability.word(), capability));
    let mut granted = Vec::new();
    for item in mistakes.list(node, "`capabilities`").unwrap_or_default() {
        match mistakes.word(item, "a capability", &words, &[]) {
            Some(capability) if granted.contains(&capability) => {
                mistakes.add(
                    codes::GIVEN_TWICE,
                    item.at,
                    format!("the capability `{}` is given twice", capability.word()),
                );
            }
            Some(capability) => granted.push(capability),
            None => {}
        }
    }
    granted.sort_unstable();
    granted
}

pub(crate) fn may_write(node: &Node, mistakes: &mut Mistakes<'_>) -> MayWrite {
    let Some(fields) = mistakes.fields(node, &MAY_WRITE) else { return MayWrite::default() };
    let data = fields.get("data").and_then(|node| mistakes.boolean(node, "`data`")).unwrap_or(false);
    let items = fields.get("attributes").and_then(|node| mistakes.list(node, "`attributes`")).unwrap_or_default();
    let mut attributes: Vec<String> = items.iter().filter_map(|item| write_pattern(item, mistakes)).collect();
    attributes.sort_unstable();
    attributes.dedup();
    MayWrite { attributes, data }
}

fn write_pattern(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<String> {
    if matches!(node.kind, Kind::Broken) {
        return None;
    }
    let text = mistakes.string(node, "a name of attributes")?;
    let name = text.strip_suffix('*').unwrap_or(text);
    let hint = match text {
        "data" => "the payload is `mayWrite: {data: true}`",
        "" => "a name is missing",
        _ if name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) => return Some(text.to_owned()),
        _ => "names of attributes are lower-case letters and digits; `*` stands only at the end",
    };
    mistakes.hint(codes::WRITE_PATTERN, node.at, format!("no attribute can be named {}", quoted(text)), hint);
    None
}

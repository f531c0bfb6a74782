//! From the parser's events to trees.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map},
    sync::Arc,
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use serde_json::Value;

use super::{DEPTH_MAX, Entry, Kind, Node, Tree, scalar};
use crate::{codes, diagnostic::quoted, mistakes::Mistakes, text::At};

/// Part of a file that holds one document (or, after `...`, more).
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    /// Lines before it in the file.
    pub(super) first_line: usize,
}

/// Reads the documents of a piece up to the first thing that is not YAML.
pub(super) fn read(piece: &Piece<'_>, nodes_left: &mut usize, mistakes: &mut Mistakes, trees: &mut Vec<Tree>) {
    let mut parser = Parser::new_from_str(piece.text);
    let mut builder = Builder { piece, open: Vec::new(), root: None, mistakes };
    let whole = loop {
        match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => break true,
            Some(Err(error)) => {
                builder.not_yaml(error.info(), *error.marker());
                break false;
            }
            Some(Ok((event, span))) => {
                *nodes_left = nodes_left.saturating_sub(1);
                let document_ends = event == Event::DocumentEnd;
                if *nodes_left == 0 || !builder.event(event, span) {
                    break false;
                }
                if document_ends && let Some(root) = builder.root.take() {
                    trees.push(Tree { root: Arc::new(root), whole: true });
                }
            }
        }
    };
    while !builder.open.is_empty() {
        builder.close(None);
    }
    if let Some(root) = builder.root.take() {
        trees.push(Tree { root: Arc::new(root), whole });
    } else if !whole {
        let at = At { line: piece.first_line + 1, column: 1, length: 1 };
        trees.push(Tree { root: Arc::new(Node { kind: Kind::Broken, at }), whole });
    }
}

struct Builder<'p, 'm, 't> {
    piece: &'p Piece<'p>,
    open: Vec<Open>,
    root: Option<Node>,
    mistakes: &'m mut Mistakes<'t>,
}

/// A collection that is being read.
struct Open {
    at: At,
    start: Marker,
    /// Written in brackets.
    flow: bool,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, At>, key: Option<(String, At, Usable)> },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Usable {
    Yes,
    /// Reported already: read its value and forget it.
    No,
}

impl Builder<'_, '_, '_> {
    /// `false`: stop reading.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::Scalar(raw, style, anchor, tag) => {
                let at = self.at(span);
                self.refuse_features(at, anchor, tag.as_deref());
                self.scalar(raw, style, at);
            }
            Event::SequenceStart(anchor, tag) => {
                return self.open(span, anchor, tag.as_deref(), OpenKind::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                let kind = OpenKind::Map { entries: Vec::new(), seen: HashMap::new(), key: None };
                return self.open(span, anchor, tag.as_deref(), kind);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(Some(span)),
            Event::Alias(_) => {
                let at = self.at(span);
                self.mistakes.hint(codes::YAML_FEATURE, at, "an alias is not possible here", "write the value out");
                self.value(Node { kind: Kind::Broken, at }, Written::Inline);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        true
    }

    fn scalar(&mut self, raw: Cow<'_, str>, style: ScalarStyle, at: At) {
        if let Some(Open { kind: OpenKind::Map { key: key @ None, seen, .. }, .. }) = self.open.last_mut() {
            let usable = if raw == "<<" && style == ScalarStyle::Plain {
                self.mistakes.hint(codes::YAML_FEATURE, at, "a merge key is not possible here", "write the keys out");
                Usable::No
            } else {
                match seen.entry(raw.clone().into_owned()) {
                    hash_map::Entry::Vacant(entry) => {
                        entry.insert(at);
                        Usable::Yes
                    }
                    hash_map::Entry::Occupied(first) => {
                        let message = format!("the key {} is given twice", quoted(&raw));
                        self.mistakes.hint(
                            codes::GIVEN_TWICE,
                            at,
                            message,
                            format!("first in line {}", first.get().line),
                        );
                        Usable::No
                    }
                }
            };
            *key = Some((raw.into_owned(), at, usable));
            return;
        }
        let kind = if style != ScalarStyle::Plain {
            Kind::String(raw.into_owned())
        } else {
            match scalar::resolve(&raw) {
                Ok(Value::String(text)) => Kind::String(text),
                Ok(value) => Kind::Plain(value, raw.into_owned()),
                Err(problem) => {
                    self.mistakes.hint(codes::OUT_OF_RANGE, at, problem, "in quotes it is a string");
                    Kind::Broken
                }
            }
        };
        // A value that is left out has no place of its own.
        let written =
            if matches!(&kind, Kind::Plain(_, raw) if raw.is_empty()) { Written::Block } else { Written::Inline };
        self.value(Node { kind, at }, written);
    }

    fn open(&mut self, span: Span, anchor: usize, tag: Option<&Tag>, kind: OpenKind) -> bool {
        let at = self.at(span);
        self.refuse_features(at, anchor, tag);
        if self.open.len() == DEPTH_MAX {
            self.too_deep(at);
            return false;
        }
        if let Some(Open { kind: OpenKind::Map { key: None, .. }, .. }) = self.open.last() {
            self.mistakes.add(codes::WRONG_TYPE, at, "a key must be a word");
        }
        self.open.push(Open { at, start: span.start, flow: !span.is_empty(), kind });
        true
    }

    /// Ends the innermost collection; without a span because the text ends.
    fn close(&mut self, span: Option<Span>) {
        let Some(Open { mut at, start, flow, kind }) = self.open.pop() else { return };
        // Flow collections begin with a bracket and end behind one; block collections end where something else begins.
        let written = if flow { Written::Inline } else { Written::Block };
        if let Some(end) = span.map(|s| s.end)
            && flow
            && end.line() == start.line()
        {
            at.length = end.index().saturating_sub(start.index()).max(1);
        }
        let kind = match kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map { entries, .. } => {
                if let (Written::Block, Some(first)) = (written, entries.first()) {
                    at = first.at;
                }
                Kind::Map(entries)
            }
        };
        self.value(Node { kind, at }, written);
    }

    /// Puts a value where it belongs.
    fn value(&mut self, mut node: Node, written: Written) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { kind: OpenKind::List(items), .. }) => items.push(node),
            Some(Open { kind: OpenKind::Map { entries, key, .. }, .. }) => {
                let Some((name, at, usable)) = key.take() else {
                    // It stands where a key does; that was said when it began.
                    *key = Some((String::new(), node.at, Usable::No));
                    return;
                };
                if written == Written::Block {
                    node.at = at;
                }
                if usable == Usable::Yes {
                    entries.push(Entry { key: name, at, value: node });
                }
            }
        }
    }

    fn refuse_features(&mut self, at: At, anchor: usize, tag: Option<&Tag>) {
        if anchor != 0 {
            self.mistakes.hint(
                codes::YAML_FEATURE,
                at,
                "an anchor is not possible here",
                "write the value where it is used",
            );
        }
        if let Some(tag) = tag {
            let message = format!("a tag is not possible here: {}", quoted(&tag.to_string()));
            self.mistakes.hint(codes::YAML_FEATURE, at, message, "a string is written in quotes");
        }
    }

    fn too_deep(&mut self, at: At) {
        self.mistakes.add(codes::TOO_DEEP, at, format!("more than {DEPTH_MAX} mappings and lists in one another"));
    }

    fn not_yaml(&mut self, problem: &str, marker: Marker) {
        let at = self.at(Span::empty(marker));
        // The parser has a limit of its own, for lists and mappings in brackets.
        if problem == "recursion limit exceeded" {
            return self.too_deep(at);
        }
        let directive = self.piece.text.lines().any(|line| line.starts_with('%'));
        if directive {
            let hint = "directives like `%YAML` are not needed: delete the line";
            return self.mistakes.hint(codes::YAML_FEATURE, at, format!("not understood: {problem}"), hint);
        }
        let line = self.mistakes.text().line(at.line).unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start().len()];
        if indent.contains('\t') {
            let hint = "YAML is indented with spaces, never with tabs";
            return self.mistakes.hint(codes::NOT_YAML, at, format!("not YAML: {problem}"), hint);
        }
        self.mistakes.add(codes::NOT_YAML, at, format!("not YAML: {problem}"));
    }

    fn at(&self, span: Span) -> At {
        let text = self.mistakes.text();
        let first = self.piece.first_line + 1;
        let line = self.piece.first_line + span.start.line().max(1);
        if text.width(line) == 0 {
            // Something is missing at the end of the text: it is missing behind what stands last.
            let line = (first..line).rev().find(|&line| text.width(line) > 0).unwrap_or(first);
            return At { line, column: text.width(line) + 1, length: 1 };
        }
        let column = span.start.col() + 1;
        let to_end = (text.width(line) + 1).saturating_sub(column);
        let length = if span.start.line() == span.end.line() { span.len() } else { to_end };
        At { line, column, length: length.max(1) }
    }
}

/// How a value is written: on the line of its key, or below it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Inline,
    Block,
}

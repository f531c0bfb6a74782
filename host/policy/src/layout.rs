//! One document as it is written: values with the bytes they stand in, and comments. For whoever changes a text without changing what
//! it does not mean to; [`crate::tree`] is for whoever reads it.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// A document.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Absent where there is nothing but comments.
    pub(crate) root: Option<Item>,
    /// In order.
    pub(crate) comments: Vec<Comment>,
}

/// A value and where it stands, in bytes of the text. A block collection reaches from its first value to the end of its last.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) shape: Shape,
}

#[derive(Debug)]
pub(crate) enum Shape {
    /// What is left out: `key:`.
    Nothing,
    Scalar(ScalarStyle, String),
    List(Written, Vec<Item>),
    /// Keys are always scalars.
    Map(Written, Vec<(Item, Item)>),
}

/// How a collection is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// In brackets.
    Flow,
    /// By indentation.
    Block,
}

/// `# …` without what comes after its line.
#[derive(Debug)]
pub(crate) struct Comment {
    pub(crate) start: usize,
    pub(crate) text: String,
}

/// Why a text has no layout.
#[derive(Debug)]
pub(crate) enum Unreadable {
    NotYaml(String),
    /// Anchors, tags, keys that are no words, several documents in a piece.
    Feature(&'static str),
}

/// Reads one document. `text` holds no other.
pub(crate) fn read(text: &str) -> Result<Layout, Unreadable> {
    let mut reader = Reader { text, bytes: byte_offsets(text), open: Vec::new(), root: None, documents: 0, last: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Unreadable::NotYaml(error.info().to_owned()))?;
        reader.event(event, span)?;
    }
    let comments = comments(text, reader.root.as_ref());
    Ok(Layout { root: reader.root, comments })
}

fn byte_offsets(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}

struct Reader<'t> {
    text: &'t str,
    /// Of each character.
    bytes: Vec<usize>,
    open: Vec<Open>,
    root: Option<Item>,
    documents: usize,
    /// Behind what was read last.
    last: usize,
}

struct Open {
    start: usize,
    written: Written,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Item>),
    Map(Vec<(Item, Item)>, Option<Item>),
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Unreadable> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                plain(anchor, tag.is_some())?;
                let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
                let nothing = style == ScalarStyle::Plain && value.is_empty();
                let shape = if nothing { Shape::Nothing } else { Shape::Scalar(style, value.into_owned()) };
                let start = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => self.header(start),
                    ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => start,
                };
                let end = match style {
                    ScalarStyle::Plain if nothing => start,
                    // What is behind the last line of a block scalar is not part of it.
                    ScalarStyle::Literal | ScalarStyle::Folded => self.end_of_block(start, end),
                    ScalarStyle::Plain => start + self.text[start..end].trim_end().len(),
                    // The parser counts what stands between the quote and the next word to it.
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => start + quoted_len(&self.text[start..]),
                };
                self.last = end;
                self.value(Item { start, end, shape })?;
            }
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.open(span, OpenKind::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.open(span, OpenKind::Map(Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(_) => return Err(Unreadable::Feature("an alias")),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Unreadable::Feature("`...`"));
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes.get(character).copied().unwrap_or(self.text.len())
    }

    /// The `|` or `>` that begins a block scalar: the parser tells where its content begins.
    fn header(&self, content: usize) -> usize {
        let between = &self.text[self.last..content];
        self.last + skip(between, |c| c.is_whitespace() || matches!(c, ':' | '-' | '?'))
    }

    /// Behind the bracket that closes a flow collection: the parser counts what follows to it.
    fn bracket(&self, start: usize) -> usize {
        let from = self.last.max(start + 1);
        let to = from + skip(&self.text[from..], |c| c.is_whitespace() || matches!(c, ',' | ':'));
        (to + 1).min(self.text.len())
    }

    /// Behind the last character of content; of an empty one, behind its header.
    fn end_of_block(&self, start: usize, end: usize) -> usize {
        let header = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let content = self.text[header.min(end)..end].trim_end().len();
        header.min(end) + content
    }

    fn open(&mut self, span: Span, kind: OpenKind) {
        let written = if span.is_empty() { Written::Block } else { Written::Flow };
        let start = self.byte(span.start.index());
        self.last = self.last.max(start + usize::from(written == Written::Flow));
        self.open.push(Open { start, written, kind });
    }

    fn close(&mut self) -> Result<(), Unreadable> {
        let Some(Open { start, written, kind }) = self.open.pop() else { return Ok(()) };
        let (start, end) = match (written, &kind) {
            (Written::Flow, _) => (start, self.bracket(start)),
            (Written::Block, OpenKind::List(items)) => {
                (start, items.iter().map(|item| item.end).max().unwrap_or(start).max(start))
            }
            (Written::Block, OpenKind::Map(entries, _)) => (
                entries.first().map_or(start, |(key, _)| key.start),
                entries.iter().map(|(key, value)| value.end.max(key.end)).max().unwrap_or(start),
            ),
        };
        self.last = self.last.max(end);
        let shape = match kind {
            OpenKind::List(items) => Shape::List(written, items),
            OpenKind::Map(entries, _) => Shape::Map(written, entries),
        };
        self.value(Item { start, end, shape })
    }

    fn value(&mut self, item: Item) -> Result<(), Unreadable> {
        match self.open.last_mut() {
            None => self.root = Some(item),
            Some(Open { kind: OpenKind::List(items), .. }) => items.push(item),
            Some(Open { kind: OpenKind::Map(entries, key), .. }) => match key.take() {
                Some(key) => {
                    // What is left out stands behind its key.
                    let item = match item.shape {
                        Shape::Nothing => Item { start: key.end, end: key.end, ..item },
                        Shape::Scalar(..) | Shape::List(..) | Shape::Map(..) => item,
                    };
                    entries.push((key, item));
                }
                None if matches!(item.shape, Shape::Scalar(..)) => *key = Some(item),
                None => return Err(Unreadable::Feature("a key that is no word")),
            },
        }
        Ok(())
    }
}

/// Bytes up to the first character that is neither passed over nor in a comment.
fn skip(text: &str, over: impl Fn(char) -> bool) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c == '#' {
            at += text[at..].find('\n').unwrap_or(text.len() - at);
        } else if over(c) {
            at += c.len_utf8();
        } else {
            break;
        }
    }
    at
}

/// Bytes of a quoted scalar, with its quotes (YAML 1.2.2, sections 7.3.1 and 7.3.2).
fn quoted_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let quote = bytes.first().copied().unwrap_or_default();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 2,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn plain(anchor: usize, tagged: bool) -> Result<(), Unreadable> {
    if anchor != 0 {
        return Err(Unreadable::Feature("an anchor"));
    }
    if tagged { Err(Unreadable::Feature("a tag")) } else { Ok(()) }
}

/// A `#` behind white space (YAML 1.2.2, section 6.6) that stands in no scalar.
fn comments(text: &str, root: Option<&Item>) -> Vec<Comment> {
    let mut scalars = Vec::new();
    collect(root, &mut scalars);
    scalars.sort_unstable();
    let inside = |at: usize| {
        let after = scalars.partition_point(|(start, _)| *start <= at);
        after > 0 && at < scalars[after - 1].1
    };
    let mut comments = Vec::new();
    let (bytes, mut at) = (text.as_bytes(), 0);
    while at < bytes.len() {
        let begins = at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'\r');
        if bytes[at] == b'#' && begins && !inside(at) {
            let end = text[at..].find(['\n', '\r']).map_or(text.len(), |length| at + length);
            comments.push(Comment { start: at, text: text[at..end].trim_end().to_owned() });
            at = end;
        } else {
            at += 1;
        }
    }
    comments
}

fn collect(item: Option<&Item>, scalars: &mut Vec<(usize, usize)>) {
    let Some(item) = item else { return };
    match &item.shape {
        Shape::Nothing => {}
        // Behind the header of a block scalar (`| # like this`) may stand a comment; it is kept with the header.
        Shape::Scalar(..) => scalars.push((item.start, item.end)),
        Shape::List(_, items) => items.iter().for_each(|item| collect(Some(item), scalars)),
        Shape::Map(_, entries) => entries.iter().for_each(|(key, value)| {
            collect(Some(key), scalars);
            collect(Some(value), scalars);
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn scalars<'t>(text: &'t str, item: &Item, found: &mut Vec<&'t str>) {
        match &item.shape {
            Shape::Nothing => found.push(""),
            Shape::Scalar(..) => found.push(&text[item.start..item.end]),
            Shape::List(_, items) => items.iter().for_each(|item| scalars(text, item, found)),
            Shape::Map(_, entries) => entries.iter().for_each(|(key, value)| {
                scalars(text, key, found);
                scalars(text, value, found);
            }),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str], comments: &[&str]) {
        let layout = read(text).unwrap();
        let mut found = Vec::new();
        if let Some(root) = &layout.root {
            scalars(text, root, &mut found);
        }
        assert_eq!(found, expected, "{text}");
        assert_eq!(layout.comments.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), comments, "{text}");
    }

    #[test]
    fn values_know_their_bytes_and_comments_are_found() {
        check("a: 1 # one\n# own\nb: 'x # y' # two\n", &["a", "1", "b", "'x # y'"], &["# one", "# own", "# two"]);
        check("é: \"ü#\"  #c\nl: [a#b, c] # d\n", &["é", "\"ü#\"", "l", "a#b", "c"], &["#c", "# d"]);
        check("a: |\n  # text\n  more\n\n# after\nb:\n", &["a", "|\n  # text\n  more", "b", ""], &["# after"]);
        check("a: >-\n  x\n  # y\n", &["a", ">-\n  x\n  # y"], &[]);
        check("a: one\n  two\nb: {c: , d: ~}\n", &["a", "one\n  two", "b", "c", "", "d", "~"], &[]);
        check("- - a # x\n  - b\n-\n", &["a", "b", ""], &["# x"]);
        check("a: | # why\n  x\nb: ''\n", &["a", "| # why\n  x", "b", "''"], &[]);
        check("# only\n", &[], &["# only"]);
        check("a: |\n\nb: 1\n", &["a", "|", "b", "1"], &[]);
        check("a: [ # x\n  1, # y\n  2\n] # z\n", &["a", "1", "2"], &["# x", "# y", "# z"]);
        check("a:\n  b: 1\n  # tail of b\nc: 2\n", &["a", "b", "1", "c", "2"], &["# tail of b"]);
        check("{\"a\": \"x\", 'b c': [\"\\u00e9\"]}", &["\"a\"", "\"x\"", "'b c'", "\"\\u00e9\""], &[]);
    }
}

//! Writes a document.

use saphyr_parser::ScalarStyle;

use super::{
    WIDTH,
    notes::{self, Entry, Lead, Value},
    order::Place,
};
use crate::{
    flow_yaml,
    layout::{Item, Layout, Shape},
};

/// Appends a document; its piece begins with `---` where it has one.
pub(super) fn document(text: &str, layout: &Layout, schema: &serde_json::Value, out: &mut String) {
    let noted = notes::note(text, layout);
    let mut printer = Printer { text, out };
    if text.starts_with("---") {
        printer.out.push_str("---");
        printer.comments_behind(&noted.marker);
        printer.out.push('\n');
    }
    let mut fresh = true;
    if let Some(root) = &noted.root {
        printer.leads(&root.lead, 0, &mut fresh);
        printer.extra(&root.tail, 0);
        let place = Place::document(schema, layout.root.as_ref().and_then(kind));
        printer.root(root, place);
        fresh = false;
    }
    printer.leads(&noted.foot, 0, &mut fresh);
}

fn kind(root: &Item) -> Option<&str> {
    let Shape::Map(_, entries) = &root.shape else { return None };
    entries.iter().find(|(key, _)| word(key) == "kind").map(|(_, value)| word(value))
}

/// The text of a scalar; empty for anything else.
fn word(item: &Item) -> &str {
    match &item.shape {
        Shape::Scalar(_, text) => text,
        Shape::Nothing | Shape::List(..) | Shape::Map(..) => "",
    }
}

struct Printer<'p> {
    text: &'p str,
    out: &'p mut String,
}

impl<'p> Printer<'p> {
    fn root(&mut self, root: &Entry<'p>, place: Place<'_>) {
        match &root.value {
            Value::Nothing => {}
            Value::Scalar(item) => {
                self.scalar(item, 0);
                self.first_behind(&root.tail);
            }
            Value::Flow(item) => {
                let line = self.flow(item, place);
                if line.chars().count() <= WIDTH || is_empty(item) {
                    self.out.push_str(&line);
                    self.first_behind(&root.tail);
                } else {
                    if let Some(first) = root.tail.first() {
                        self.out.push_str(first);
                        self.out.push('\n');
                    }
                    self.broken(item, 0, place);
                }
            }
            Value::List { entries, foot } => {
                self.list(entries, foot, 0, place, Begun::No);
            }
            Value::Map { entries, foot } => {
                self.map(entries, foot, 0, place, Begun::No);
            }
        }
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// `fresh`: nothing stands above, so that no line need be left free.
    fn leads(&mut self, leads: &[Lead<'_>], indent: usize, fresh: &mut bool) {
        for lead in leads {
            match lead {
                Lead::Blank if *fresh || self.out.ends_with("\n\n") => {}
                Lead::Blank => self.out.push('\n'),
                Lead::Comment(text) => {
                    self.indent(indent);
                    self.out.push_str(text);
                    self.out.push('\n');
                    *fresh = false;
                }
            }
        }
    }

    /// Of several comments on a line all but the first stand above.
    fn extra(&mut self, tail: &[&str], indent: usize) {
        for text in tail.iter().skip(1) {
            self.indent(indent);
            self.out.push_str(text);
            self.out.push('\n');
        }
    }

    fn comments_behind(&mut self, comments: &[&str]) {
        for (at, text) in comments.iter().enumerate() {
            self.out.push_str(if at == 0 { " " } else { "\n" });
            self.out.push_str(text);
        }
    }

    /// Ends the line.
    fn first_behind(&mut self, tail: &[&str]) {
        if let Some(first) = tail.first() {
            self.out.push(' ');
            self.out.push_str(first);
        }
        self.out.push('\n');
    }

    fn map(&mut self, entries: &[Entry<'p>], foot: &[Lead<'p>], indent: usize, place: Place<'_>, begun: Begun) {
        let mut sorted: Vec<&Entry<'p>> = entries.iter().collect();
        sorted.sort_by_key(|entry| place.rank(entry.key.map_or("", word)));
        for (at, entry) in sorted.iter().enumerate() {
            let mut fresh = at == 0;
            if at > 0 || begun == Begun::No {
                self.leads(&entry.lead, indent, &mut fresh);
                self.extra(&entry.tail, indent);
                self.indent(indent);
            }
            let Some(key) = entry.key else { continue };
            let name = self.key(key);
            self.out.push_str(&name);
            self.out.push(':');
            self.value(entry, indent, name.chars().count() + 2, place.key(word(key)), indent);
        }
        self.leads(foot, indent, &mut false);
    }

    fn list(&mut self, entries: &[Entry<'p>], foot: &[Lead<'p>], indent: usize, place: Place<'_>, begun: Begun) {
        for (at, entry) in entries.iter().enumerate() {
            let mut fresh = at == 0;
            if at > 0 || begun == Begun::No {
                self.leads(&entry.lead, indent, &mut fresh);
                self.extra(&entry.tail, indent);
                self.indent(indent);
            }
            self.out.push('-');
            self.value(entry, indent, 2, place.item(), indent + 2);
        }
        self.leads(foot, indent, &mut false);
    }

    /// Behind `key:` or `-`. `before`: columns that these take; a list of its own begins at `list_indent`.
    fn value(&mut self, entry: &Entry<'p>, indent: usize, before: usize, place: Place<'_>, list_indent: usize) {
        let dash = entry.key.is_none();
        match &entry.value {
            Value::Nothing => self.first_behind(&entry.tail),
            Value::Scalar(item) => {
                self.out.push(' ');
                let block = self.scalar(item, indent + 2);
                if block { self.block_end(&entry.tail) } else { self.first_behind(&entry.tail) }
            }
            Value::Flow(item) => {
                let line = self.flow(item, place);
                if indent + before + line.chars().count() <= WIDTH || is_empty(item) {
                    self.out.push(' ');
                    self.out.push_str(&line);
                    self.first_behind(&entry.tail);
                } else {
                    self.first_behind(&entry.tail);
                    let inner = if matches!(item.shape, Shape::List(..)) { list_indent } else { indent + 2 };
                    self.broken(item, inner, place);
                }
            }
            Value::List { entries, foot } => {
                let begun = self.begin(dash, entries.first(), &entry.tail);
                self.list(entries, foot, list_indent, place, begun);
            }
            Value::Map { entries, foot } => {
                let mut sorted: Vec<&Entry<'p>> = entries.iter().collect();
                sorted.sort_by_key(|entry| place.rank(entry.key.map_or("", word)));
                let begun = self.begin(dash, sorted.first().copied(), &entry.tail);
                self.map(entries, foot, indent + 2, place, begun);
            }
        }
    }

    /// A collection behind a dash begins on its line, unless there are comments between.
    fn begin(&mut self, dash: bool, first: Option<&Entry<'p>>, tail: &[&str]) -> Begun {
        let free =
            |first: &Entry<'_>| !first.lead.iter().any(|lead| matches!(lead, Lead::Comment(_))) && first.tail.len() < 2;
        if dash && tail.is_empty() && first.is_some_and(free) {
            self.out.push(' ');
            return Begun::Yes;
        }
        self.first_behind(tail);
        Begun::No
    }

    /// In brackets, too long for a line, and without comments: by indentation.
    fn broken(&mut self, item: &'p Item, indent: usize, place: Place<'_>) {
        let entry = |key, value: &'p Item| Entry {
            lead: Vec::new(),
            key,
            value: match &value.shape {
                Shape::Nothing => Value::Nothing,
                Shape::Scalar(..) => Value::Scalar(value),
                Shape::List(..) | Shape::Map(..) => Value::Flow(value),
            },
            tail: Vec::new(),
        };
        match &item.shape {
            Shape::List(_, items) => {
                let entries: Vec<Entry<'p>> = items.iter().map(|item| entry(None, item)).collect();
                self.list(&entries, &[], indent, place, Begun::No);
            }
            Shape::Map(_, entries) => {
                let entries: Vec<Entry<'p>> = entries.iter().map(|(key, value)| entry(Some(key), value)).collect();
                self.map(&entries, &[], indent, place, Begun::No);
            }
            Shape::Nothing | Shape::Scalar(..) => {}
        }
    }

    fn flow(&self, item: &Item, place: Place<'_>) -> String {
        match &item.shape {
            Shape::Nothing => String::new(),
            Shape::Scalar(..) => self.inline(item),
            Shape::List(_, items) => {
                let items: Vec<String> = items.iter().map(|item| self.flow(item, place.item())).collect();
                format!("[{}]", items.join(", "))
            }
            Shape::Map(_, entries) => {
                let mut sorted: Vec<&(Item, Item)> = entries.iter().collect();
                sorted.sort_by_key(|(key, _)| place.rank(word(key)));
                let entries: Vec<String> = sorted
                    .into_iter()
                    .map(|(key, value)| match self.flow(value, place.key(word(key))) {
                        nothing if nothing.is_empty() => format!("{}:", self.key(key)),
                        value => format!("{}: {value}", self.key(key)),
                    })
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn key(&self, item: &Item) -> String {
        self.inline(item)
    }

    /// As it is written, where that is one line.
    fn inline(&self, item: &Item) -> String {
        let raw = &self.text[item.start..item.end];
        let block = matches!(&item.shape, Shape::Scalar(ScalarStyle::Literal | ScalarStyle::Folded, _));
        if block || raw.contains('\n') { flow_yaml::quoted(word(item)) } else { raw.to_owned() }
    }

    /// Whether it was written as a block, its content indented so.
    fn scalar(&mut self, item: &Item, indent: usize) -> bool {
        let Shape::Scalar(style, text) = &item.shape else { return false };
        let raw = &self.text[item.start..item.end];
        let (header, content) = raw.split_once('\n').unwrap_or((raw, ""));
        let indicators: String = header.split_whitespace().next().unwrap_or_default().chars().collect();
        let lines: Option<Vec<String>> = match style {
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => None,
            // An explicit indentation, and free lines at the end that count, are rare enough to be written in quotes.
            ScalarStyle::Literal | ScalarStyle::Folded
                if text.trim().is_empty() || indicators.contains(|c: char| c.is_ascii_digit() || c == '+') =>
            {
                None
            }
            ScalarStyle::Literal => Some(text.trim_end_matches('\n').split('\n').map(str::to_owned).collect()),
            ScalarStyle::Folded => {
                let first = content.split('\n').find(|line| !line.trim().is_empty()).unwrap_or_default();
                let depth = first.len() - first.trim_start_matches(' ').len();
                Some(content.split('\n').map(|line| line.get(depth..).unwrap_or_default().to_owned()).collect())
            }
        };
        let Some(lines) = lines.filter(|lines| {
            !lines.iter().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with([' ', '\t']))
        }) else {
            let inline = self.inline(item);
            self.out.push_str(&inline);
            // A comment of the header stands outside of quotes.
            if let (ScalarStyle::Literal | ScalarStyle::Folded, Some(at)) = (style, header.find('#')) {
                self.out.push(' ');
                self.out.push_str(header[at..].trim_end());
            }
            return false;
        };
        self.out.push_str(header.trim_end());
        for line in lines {
            self.out.push('\n');
            if !line.is_empty() {
                self.indent(indent);
                self.out.push_str(&line);
            }
        }
        true
    }

    /// Behind a block scalar nothing can stand: what stood there stands below.
    fn block_end(&mut self, _tail: &[&str]) {
        self.out.push('\n');
    }
}

/// Whether the first entry goes on the line that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    Yes,
    No,
}

fn is_empty(item: &Item) -> bool {
    match &item.shape {
        Shape::List(_, items) => items.is_empty(),
        Shape::Map(_, entries) => entries.is_empty(),
        Shape::Nothing | Shape::Scalar(..) => true,
    }
}

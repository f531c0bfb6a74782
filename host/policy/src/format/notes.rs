//! Which comment belongs to what: those on lines of their own to what comes below, those behind something to that.

use crate::layout::{Comment, Item, Layout, Shape, Written};

/// A document with its comments in it.
#[derive(Debug)]
pub(super) struct Noted<'l> {
    /// Behind `---`.
    pub(super) marker: Vec<&'l str>,
    pub(super) root: Option<Entry<'l>>,
    /// Below everything.
    pub(super) foot: Vec<Lead<'l>>,
}

/// A value with its key, where it has one.
#[derive(Debug)]
pub(super) struct Entry<'l> {
    /// On lines above.
    pub(super) lead: Vec<Lead<'l>>,
    pub(super) key: Option<&'l Item>,
    pub(super) value: Value<'l>,
    /// On its line.
    pub(super) tail: Vec<&'l str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead<'l> {
    Blank,
    Comment(&'l str),
}

#[derive(Debug)]
pub(super) enum Value<'l> {
    Nothing,
    Scalar(&'l Item),
    /// In brackets, without a comment inside.
    Flow(&'l Item),
    List {
        entries: Vec<Entry<'l>>,
        foot: Vec<Lead<'l>>,
    },
    Map {
        entries: Vec<Entry<'l>>,
        foot: Vec<Lead<'l>>,
    },
}

pub(super) fn note<'l>(text: &'l str, layout: &'l Layout) -> Noted<'l> {
    let mut notes = Notes { text, comments: &layout.comments };
    let mut marker = Vec::new();
    if text.starts_with("---") {
        let end = text.find('\n').unwrap_or(text.len());
        let root = layout.root.as_ref().map_or(text.len(), |root| root.start);
        while let Some(comment) = notes.next_before(end.min(root)) {
            marker.push(comment.text.as_str());
        }
    }
    let root = layout.root.as_ref().map(|root| notes.entry(None, root, None, text.len(), usize::MAX));
    let foot = notes.leads(text.len());
    Noted { marker, root, foot }
}

struct Notes<'l> {
    text: &'l str,
    /// Those not given to anything yet.
    comments: &'l [Comment],
}

impl<'l> Notes<'l> {
    fn next_before(&mut self, end: usize) -> Option<&'l Comment> {
        let (first, rest) = self.comments.split_first()?;
        if first.start >= end {
            return None;
        }
        self.comments = rest;
        Some(first)
    }

    /// The next, if it stands on a line of its own, or not.
    fn next_where(&mut self, end: usize, own_line: bool) -> Option<&'l Comment> {
        let first = self.comments.first().filter(|first| self.is_own_line(first.start) == own_line)?;
        (first.start < end).then(|| self.next_before(end)).flatten()
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    fn is_own_line(&self, at: usize) -> bool {
        self.text[self.line_start(at)..at].trim().is_empty()
    }

    fn column(&self, at: usize) -> usize {
        self.text[self.line_start(at)..at].chars().count()
    }

    fn is_blank_above(&self, at: usize) -> bool {
        let line = self.line_start(at);
        line > 0 && self.text[self.line_start(line - 1)..line].trim().is_empty()
    }

    fn lead(&self, at: usize, text: &'l str, leads: &mut Vec<Lead<'l>>) {
        if self.is_blank_above(at) {
            leads.push(Lead::Blank);
        }
        leads.push(Lead::Comment(text));
    }

    /// Everything up to a place.
    fn leads(&mut self, end: usize) -> Vec<Lead<'l>> {
        let mut leads = Vec::new();
        while let Some(comment) = self.next_before(end) {
            self.lead(comment.start, &comment.text, &mut leads);
        }
        leads
    }

    /// `column`: that of the key or dash, where there is one. What comes next begins at `limit`.
    fn entry(
        &mut self,
        key: Option<&'l Item>,
        item: &'l Item,
        column: Option<usize>,
        limit: usize,
        end_of_last: usize,
    ) -> Entry<'l> {
        let start = key.map_or(item.start, |key| key.start);
        let (mut lead, mut tail) = (Vec::new(), Vec::new());
        while let Some(comment) = self.next_before(start) {
            // Behind a dash: of what follows it.
            if self.is_own_line(comment.start) {
                self.lead(comment.start, &comment.text, &mut lead)
            } else {
                tail.push(comment.text.as_str())
            }
        }
        // What stood below what came last on its line is no new line.
        if self.is_blank_above(start) && self.line_start(start) > end_of_last.min(start)
            || end_of_last == usize::MAX && self.is_blank_above(start)
        {
            lead.push(Lead::Blank);
        }
        while let Some(comment) = self.next_where(item.start, false) {
            tail.push(comment.text.as_str());
        }
        let value = match &item.shape {
            Shape::Nothing => Value::Nothing,
            Shape::Scalar(..) => {
                while let Some(comment) = self.next_before(item.start) {
                    self.lead(comment.start, &comment.text, &mut lead);
                }
                Value::Scalar(item)
            }
            Shape::List(written, _) | Shape::Map(written, _) => {
                self.collection(item, *written, column, limit, &mut lead, &mut tail)
            }
        };
        let line_end = self.text[item.end..].find('\n').map_or(self.text.len(), |length| item.end + length);
        while let Some(comment) = self.next_where(limit.min(line_end), false) {
            tail.push(comment.text.as_str());
        }
        Entry { lead, key, value, tail }
    }

    fn collection(
        &mut self,
        item: &'l Item,
        written: Written,
        column: Option<usize>,
        limit: usize,
        lead: &mut Vec<Lead<'l>>,
        tail: &mut Vec<&'l str>,
    ) -> Value<'l> {
        let mut limit = limit;
        if written == Written::Flow {
            while let Some(comment) = self.next_before(item.start) {
                self.lead(comment.start, &comment.text, lead);
            }
            if self.comments.first().is_none_or(|comment| comment.start >= item.end) {
                return Value::Flow(item);
            }
            limit = item.end;
        }
        let list: Vec<(Option<&'l Item>, &'l Item)> = match &item.shape {
            Shape::List(_, items) => items.iter().map(|item| (None, item)).collect(),
            Shape::Map(_, entries) => entries.iter().map(|(key, value)| (Some(key), value)).collect(),
            Shape::Nothing | Shape::Scalar(..) => Vec::new(),
        };
        let first = list.first().map_or(limit, |(key, value)| key.map_or(value.start, |key| key.start));
        if written == Written::Flow {
            // Behind the bracket.
            while let Some(comment) = self.next_where(first, false) {
                tail.push(comment.text.as_str());
            }
        }
        let is_map = matches!(item.shape, Shape::Map(..));
        let dash = (written == Written::Block && !is_map).then(|| self.column(item.start));
        let mut entries = Vec::with_capacity(list.len());
        let mut end_of_last = 0;
        for (at, (key, value)) in list.iter().enumerate() {
            let next = list.get(at + 1).map_or(limit, |(key, value)| key.map_or(value.start, |key| key.start));
            let own = match (written, key) {
                (Written::Flow, _) => None,
                (Written::Block, Some(key)) => Some(self.column(key.start)),
                (Written::Block, None) => dash,
            };
            entries.push(self.entry(*key, value, own, next, end_of_last));
            end_of_last = value.end;
        }
        if entries.is_empty() {
            // Nothing but comments between the brackets.
            lead.extend(self.leads(limit));
            return Value::Flow(item);
        }
        let mut foot = Vec::new();
        while let Some(comment) = self.comments.first().filter(|comment| comment.start < limit) {
            let inside = written == Written::Flow
                || self.is_own_line(comment.start) && column.is_none_or(|column| self.column(comment.start) > column);
            if !inside {
                break;
            }
            self.lead(comment.start, &comment.text, &mut foot);
            self.comments = &self.comments[1..];
        }
        if is_map { Value::Map { entries, foot } } else { Value::List { entries, foot } }
    }
}

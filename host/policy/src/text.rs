//! The text of one file as lines, and places in it.

use std::sync::Arc;

use crate::{Diagnostic, Place};

/// Where something stands in its file: the form of [`Place`] that does not repeat the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) length: usize,
}

/// One file: its name and its lines.
#[derive(Debug)]
pub(crate) struct Text {
    path: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    text: String,
    /// In characters, without white space at the end. Kept, because a line may be a megabyte with thousands of values.
    width: usize,
}

/// Bytes of a line that diagnostics carry along; a report may have hundreds of them.
const LINE_SHOWN_BYTES_MAX: usize = 64 << 10;

impl Text {
    pub(crate) fn new(path: &str, source: &str) -> Arc<Text> {
        let line = |text: &str| Line { text: text.to_owned(), width: text.trim_end().chars().count() };
        Arc::new(Text { path: path.to_owned(), lines: lines(source).into_iter().map(|(_, text)| line(text)).collect() })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        self.lines.get(number.checked_sub(1)?).map(|line| line.text.as_str())
    }

    /// Characters of a line without white space at its end; 0 where there is no such line.
    pub(crate) fn width(&self, number: usize) -> usize {
        number.checked_sub(1).and_then(|i| self.lines.get(i)).map_or(0, |line| line.width)
    }

    pub(crate) fn place(&self, at: At) -> Place {
        Place { file: self.path.clone(), line: at.line, column: at.column, length: at.length.max(1) }
    }

    pub(crate) fn diagnostic(&self, code: &'static str, at: At, message: String, hint: Option<String>) -> Diagnostic {
        let line =
            self.line(at.line).filter(|line| (1..=LINE_SHOWN_BYTES_MAX).contains(&line.len())).map(str::to_owned);
        Diagnostic { code, message, place: Some(self.place(at)), hint, line }
    }
}

/// Lines with the byte offset each begins at; a line ends with `\n`, `\r\n` or `\r`, as in YAML 1.2.2, section 5.4.
pub(crate) fn lines(text: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let end = i;
        i += match bytes[i] {
            b'\r' if bytes.get(i + 1) == Some(&b'\n') => 2,
            b'\r' | b'\n' => 1,
            _ => {
                i += 1;
                continue;
            }
        };
        lines.push((start, &text[start..end]));
        start = i;
    }
    lines.push((start, &text[start..]));
    lines
}

//! What is wrong, where, and what to do about it.
//!
//! [`Report`]'s `Display` is what a person reads: rustc's shape, no color, no terminal. Text of documents is shown with
//! control characters replaced, so that a hostile document cannot write to a terminal.

use std::fmt::{self, Display, Formatter};

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// As the operator knows it: [`crate::File::path`].
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters to underline, at least 1.
    pub length: usize,
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable: `P104`. Those of documents are listed in [`crate::codes::CODES`].
    pub code: &'static str,
    /// One sentence without a full stop; names the subject.
    pub message: String,
    /// Absent where no place in a file is to blame.
    pub place: Option<Place>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line it stands in, whole; absent where it is empty or longer than 64 KiB.
    pub line: Option<String>,
}

/// All mistakes of a run, sorted by file and line. `Display` prints them as a person reads them, without color:
///
/// ```text
/// error[P104]: no attribute named `sorce`
///   policies/orders.yaml:7:16
///   7 │       exact: { sorce: /shop/eu }
///     │                ^^^^^
/// hint: did you mean `source`? To use an extension, list it under `extensions:`
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Sorted by file, line and column.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Sorts what was collected in any order.
    pub fn new(mut diagnostics: Vec<Diagnostic>) -> Report {
        // Stable: what has the same place stays in the order it was found.
        diagnostics.sort_by(|a, b| a.place.cmp(&b.place));
        Report { diagnostics }
    }

    /// How many files have mistakes.
    pub fn files(&self) -> usize {
        let mut files: Vec<&str> =
            self.diagnostics.iter().filter_map(|d| Some(d.place.as_ref()?.file.as_str())).collect();
        files.sort_unstable();
        files.dedup();
        files.len()
    }
}

impl std::error::Error for Report {}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Diagnostic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, plain(&self.message))?;
        if let Some(place) = &self.place {
            write!(f, "\n  {}", plain(&place.to_string()))?;
            if let Some(line) = &self.line {
                snippet(f, place, line)?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", plain(hint))?;
        }
        Ok(())
    }
}

/// Characters of a line that are shown; of longer ones the part around the place.
const LINE_SHOWN_MAX: usize = 120;

fn snippet(f: &mut Formatter<'_>, place: &Place, line: &str) -> fmt::Result {
    let characters: Vec<char> = line.chars().collect();
    let column = place.column.saturating_sub(1).min(characters.len());
    let start = if characters.len() <= LINE_SHOWN_MAX { 0 } else { column.saturating_sub(LINE_SHOWN_MAX / 3) };
    let end = characters.len().min(start + LINE_SHOWN_MAX);
    let shown: String = characters[start..end].iter().map(|&c| visible(c)).collect();
    let (before, after) = (if start > 0 { "…" } else { "" }, if end < characters.len() { "…" } else { "" });

    let number = place.line.to_string();
    let caret_column = column - start + before.chars().count();
    let carets = place.length.clamp(1, (end - column).max(1));
    write!(f, "\n  {number} │ {before}{}{after}", shown.trim_end())?;
    write!(f, "\n  {:width$} │ {:caret_column$}{:^<carets$}", "", "", "", width = number.len())
}

fn plain(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Escape sequences and the characters that reorder text on a screen must not reach a terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// A word of a document inside a sentence: in backticks, shortened where it is long.
pub(crate) fn quoted(word: &str) -> String {
    const SHOWN_MAX: usize = 60;
    match word.char_indices().nth(SHOWN_MAX) {
        Some((cut, _)) => format!("`{}…`", &word[..cut]),
        None => format!("`{word}`"),
    }
}

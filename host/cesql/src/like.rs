//! The patterns of `LIKE` (section 3.4.3), compiled: pieces of text between `%`.
//!
//! The leftmost place for a piece is always good enough for those behind it, so nothing is ever tried again: pieces without `_` are
//! searched for in time linear to the text. With `_` a search can cost length times length, which is counted.

/// Comparisons of characters that pieces with `_` may cost in one match: some milliseconds.
const STEPS_MAX: usize = 1 << 22;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// What stands between the `%`: at least one, the first and the last at the ends of the text. May be empty.
    pieces: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// With `_`, which is `None`.
    Mixed(Box<[Option<char>]>),
}

/// The match would take more than [`STEPS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

impl Pattern {
    /// Of a string that is already unquoted. `\` before `%` and `_` takes their meaning away.
    pub(crate) fn new(text: &str) -> Pattern {
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '%' => pieces.push(Piece::new(&std::mem::take(&mut piece))),
                '_' => piece.push(None),
                '\\' => piece.push(characters.next_if(|next| matches!(next, '%' | '_')).or(Some('\\'))),
                c => piece.push(Some(c)),
            }
        }
        pieces.push(Piece::new(&piece));
        Pattern { pieces: pieces.into() }
    }

    /// The text that it matches alone, if there is only one.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &*self.pieces {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What all it matches begin with, as far as that is text; may be empty.
    pub(crate) fn prefix(&self) -> String {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text.to_string(),
            Some(Piece::Mixed(parts)) => parts.iter().map_while(|part| *part).collect(),
            None => String::new(),
        }
    }

    /// What all it matches end with, as far as that is text; may be empty.
    pub(crate) fn suffix(&self) -> String {
        match self.pieces.last() {
            Some(Piece::Text(text)) => text.to_string(),
            Some(Piece::Mixed(parts)) => {
                let end = parts.iter().rposition(Option::is_none).map_or(0, |at| at + 1);
                parts[end..].iter().filter_map(|part| *part).collect()
            }
            None => String::new(),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> Result<bool, TooMuch> {
        let [first, middle @ .., last] = &*self.pieces else {
            return Ok(self.pieces.first().is_some_and(|only| only.at_start(text) == Some("")));
        };
        let Some(mut rest) = first.at_start(text).and_then(|rest| last.at_end(rest)) else { return Ok(false) };
        let mut steps = 0;
        for piece in middle {
            match piece.find(rest, &mut steps)? {
                Some(behind) => rest = behind,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Piece {
    fn new(parts: &[Option<char>]) -> Piece {
        match parts.iter().copied().collect::<Option<String>>() {
            Some(text) => Piece::Text(text.into()),
            None => Piece::Mixed(parts.into()),
        }
    }

    /// What follows it, where the text begins with it.
    fn at_start<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Text(wanted) => text.strip_prefix(&**wanted),
            Piece::Mixed(parts) => {
                let mut characters = text.chars();
                let fits = parts.iter().all(|part| characters.next().is_some_and(|c| part.is_none_or(|p| p == c)));
                fits.then_some(characters.as_str())
            }
        }
    }

    /// What stands before it, where the text ends with it.
    fn at_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Piece::Text(wanted) => text.strip_suffix(&**wanted),
            Piece::Mixed(parts) => {
                let mut characters = text.chars();
                let back = |part: &Option<char>| characters.next_back().is_some_and(|c| part.is_none_or(|p| p == c));
                let fits = parts.iter().rev().all(back);
                fits.then_some(characters.as_str())
            }
        }
    }

    /// What follows its leftmost occurrence.
    fn find<'t>(&self, text: &'t str, steps: &mut usize) -> Result<Option<&'t str>, TooMuch> {
        match self {
            Piece::Text(wanted) => Ok(text.find(&**wanted).map(|at| &text[at + wanted.len()..])),
            Piece::Mixed(parts) => {
                let mut characters = text.chars();
                loop {
                    *steps += parts.len();
                    if *steps > STEPS_MAX {
                        return Err(TooMuch);
                    }
                    if let Some(behind) = self.at_start(characters.as_str()) {
                        return Ok(Some(behind));
                    }
                    if characters.next().is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// By the words of the specification, trying everything.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|at| plainly(rest, &text[at..])),
            ['_', rest @ ..] => !text.is_empty() && plainly(rest, &text[1..]),
            ['\\', c @ ('%' | '_'), rest @ ..] => text.first() == Some(c) && plainly(rest, &text[1..]),
            [c, rest @ ..] => text.first() == Some(c) && plainly(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_specification_says(pattern in r"[ab%_é\\]{0,8}", text in r"[ab%_é\\]{0,8}") {
            let slow = plainly(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            let compiled = Pattern::new(&pattern);
            prop_assert_eq!(compiled.matches(&text), Ok(slow));
            if slow {
                prop_assert!(text.starts_with(&compiled.prefix()) && text.ends_with(&compiled.suffix()));
                prop_assert!(compiled.literal().is_none_or(|only| only == text));
            }
        }
    }

    #[test]
    fn hostile_patterns_end() {
        let text = "a".repeat(1 << 20);
        assert_eq!(Pattern::new(&"%a".repeat(8_000)).matches(&text), Ok(true));
        assert_eq!(Pattern::new(&format!("%{}b%", "a".repeat(8_000))).matches(&text), Ok(false));
        assert_eq!(Pattern::new(&format!("%{}_b%", "a".repeat(8_000))).matches(&text), Err(TooMuch));
    }
}

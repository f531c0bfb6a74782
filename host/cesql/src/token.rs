//! The text of an expression as tokens, with the byte each begins and ends at.

use crate::place::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind<'t>,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'t> {
    /// Letters, digits and `_`: keyword, attribute, function.
    Word(&'t str),
    /// Digits only.
    Digits(&'t str),
    /// Without its quotes, as written; which quote.
    Text(&'t str, char),
    /// A string whose end is missing.
    Unclosed(char),
    Open,
    Close,
    Comma,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Anything else.
    Unknown(char),
    End,
}

/// Reads tokens one after the other; past the end it says [`Kind::End`].
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    pub(crate) fn new(text: &'t str) -> Tokens<'t> {
        Tokens { text, at: 0 }
    }

    pub(crate) fn next(&mut self) -> Token<'t> {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\r', '\n']);
        let start = self.text.len() - rest.len();
        let (kind, length) = token(rest);
        self.at = start + length;
        Token { kind, span: Span::new(start, self.at) }
    }
}

fn token(rest: &str) -> (Kind<'_>, usize) {
    let Some(first) = rest.chars().next() else { return (Kind::End, 0) };
    let second = rest.as_bytes().get(1);
    match first {
        '(' => (Kind::Open, 1),
        ')' => (Kind::Close, 1),
        ',' => (Kind::Comma, 1),
        '+' => (Kind::Plus, 1),
        '-' => (Kind::Minus, 1),
        '*' => (Kind::Star, 1),
        '/' => (Kind::Slash, 1),
        '%' => (Kind::Percent, 1),
        '=' => (Kind::Equal, 1),
        '!' if second == Some(&b'=') => (Kind::NotEqual, 2),
        '<' if second == Some(&b'>') => (Kind::NotEqual, 2),
        '<' if second == Some(&b'=') => (Kind::LessOrEqual, 2),
        '<' => (Kind::Less, 1),
        '>' if second == Some(&b'=') => (Kind::GreaterOrEqual, 2),
        '>' => (Kind::Greater, 1),
        quote @ ('\'' | '"') => string(rest, quote),
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => word(rest),
        other => (Kind::Unknown(other), other.len_utf8()),
    }
}

fn word(rest: &str) -> (Kind<'_>, usize) {
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let word = &rest[..length];
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    (if digits { Kind::Digits(word) } else { Kind::Word(word) }, length)
}

/// A backslash takes whatever follows it along, so that neither `\'` nor `\\` ends or goes past the string.
fn string(rest: &str, quote: char) -> (Kind<'_>, usize) {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if char::from(byte) == quote => return (Kind::Text(&rest[1..at], quote), at + 1),
            _ => at += 1,
        }
    }
    (Kind::Unclosed(quote), rest.len())
}

/// What a string says: `\` before its own quote is the quote.
pub(crate) fn unquoted(raw: &str, quote: char) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match characters.next() {
            Some(escaped) if escaped == quote => text.push(quote),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

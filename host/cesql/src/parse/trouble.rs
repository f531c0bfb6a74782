//! What is said about a text that is no expression.

use super::Parser;
use crate::{NODES_MAX, ParseError, place::Span, token::Kind};

impl Parser<'_> {
    pub(super) fn error(&self, span: Span, problem: String, hint: Option<String>) -> ParseError {
        ParseError { problem, hint, place: span.place(self.text) }
    }

    /// What is ahead is not what was expected.
    pub(super) fn unexpected(&self, expected: &str) -> ParseError {
        let kind = self.ahead.kind;
        if let Kind::Unclosed(quote) = kind {
            let start = self.ahead.span.start as usize;
            let span = Span::new(start, start + 1);
            let hint = Some(format!("in a string, `\\{quote}` stands for the quote itself"));
            return self.error(span, format!("a string whose {quote} at the end is missing"), hint);
        }
        let problem = format!("expected {expected}, found {}", self.found());
        self.error(self.ahead.span, problem, self.meant().map(str::to_owned))
    }

    pub(super) fn too_large(&self, span: Span) -> ParseError {
        let hint = Some("divide it into several conditions".to_owned());
        self.error(span, format!("an expression has at most {NODES_MAX} operators and operands"), hint)
    }

    pub(super) fn unclosed(&self, open: Span) -> ParseError {
        let mut error = self.unexpected("an operator or `)`");
        if self.ahead.kind == Kind::End {
            let place = open.place(self.text);
            error.hint = Some(format!("the `(` of line {}, column {} is not closed", place.line, place.column));
        }
        error
    }

    fn found(&self) -> String {
        match self.ahead.kind {
            Kind::End => "the end".to_owned(),
            Kind::Text(..) => "a string".to_owned(),
            Kind::Unknown(c) => format!("{c:?}"),
            _ => {
                let written = &self.text[self.ahead.span.start as usize..self.ahead.span.end as usize];
                let shown: String = written.chars().take(40).collect();
                format!("`{shown}`")
            }
        }
    }

    /// What people write who think of another language.
    fn meant(&self) -> Option<&'static str> {
        let start = self.ahead.span.start as usize;
        let (before, rest) = self.text.split_at(start);
        Some(match self.ahead.kind {
            Kind::Equal if before.ends_with(['=', '!', '<', '>']) => "two values are compared with a single `=`",
            Kind::Unknown('!') => "write `NOT`",
            Kind::Unknown('&') => "write `AND`",
            Kind::Unknown('|') => "write `OR`",
            Kind::Unknown('.') => "an expression sees attributes only, and numbers have no fractions",
            Kind::Unknown('`' | '“' | '”' | '‘' | '’' | '„') => "strings stand in ' or \"",
            Kind::Unknown('$' | '{' | '}') => {
                "the name of an attribute stands for its value, without anything around it"
            }
            Kind::Unknown(c) if c.is_alphabetic() => "names are letters a-z and digits; text stands in quotes",
            Kind::Text(..) if before.ends_with(['\'', '"']) => "in a string, a backslash stands before its own quote",
            Kind::Word(word) if word.eq_ignore_ascii_case("is") => "write `EXISTS name` or `NOT EXISTS name`",
            Kind::Word(word) if word.eq_ignore_ascii_case("between") => "write `a >= x AND a <= y`",
            Kind::Open if rest.starts_with('(') && before.trim_end().to_ascii_lowercase().ends_with("exists") => {
                "write `EXISTS name`, without parentheses"
            }
            _ => return None,
        })
    }
}

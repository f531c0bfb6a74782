//! What a person reads when a command cannot do what was asked: the cause chain, then what to do about it.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
};

use crate::human;

/// An error with a hint.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    hint: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// One sentence without a full stop, and what to do about it.
pub(crate) fn problem(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Problem { message: message.into(), hint: hint.into(), source: None }.into()
}

/// The same, with the error that led to it.
pub(crate) fn because(
    error: impl Into<Box<dyn Error + Send + Sync>>,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> anyhow::Error {
    Problem { message: message.into(), hint: hint.into(), source: Some(error.into()) }.into()
}

/// Adds a sentence and a hint to the error of a result.
pub(crate) trait OrProblem<T> {
    /// `message` says what was tried, the error below it why that failed.
    fn or_problem(self, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrProblem<T> for Result<T, E> {
    fn or_problem(self, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| because(error, message, hint))
    }
}

/// The chain from the outside in, one cause a line, then the innermost hint.
pub(crate) fn show(error: &anyhow::Error, out: &mut dyn Write) -> io::Result<()> {
    let mut said = String::new();
    for (depth, cause) in error.chain().enumerate() {
        let text = cause.to_string();
        // Some errors repeat their source in their own words.
        if said.contains(&text) {
            continue;
        }
        match depth {
            // A report of mistakes says itself what it is.
            0 if text.starts_with("error[") => writeln!(out, "{}", human::plain(&text))?,
            0 => writeln!(out, "error: {}", indented(&text))?,
            _ => writeln!(out, "  because {}", indented(&text))?,
        }
        said.push_str(&text);
    }
    let hint = error.chain().filter_map(|cause| cause.downcast_ref::<Problem>()).last();
    match hint {
        Some(Problem { hint, .. }) if !hint.is_empty() => writeln!(out, "hint: {hint}"),
        Some(_) | None => Ok(()),
    }
}

fn indented(text: &str) -> String {
    human::plain(text).replace('\n', "\n  ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use anyhow::Context as _;

    use super::*;

    fn shown(error: anyhow::Error) -> String {
        let mut out = Vec::new();
        show(&error, &mut out).expect("memory takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_chain_is_shown_with_its_hint() {
        let failed: Result<(), _> = Err(io::Error::other("no such file"));
        let error =
            failed.or_problem("cannot read a.wasm", "build it first").context("nothing to inspect").unwrap_err();
        assert_eq!(
            shown(error),
            "error: nothing to inspect\n  because cannot read a.wasm\n  because no such file\nhint: build it first\n"
        );
    }

    #[test]
    fn a_report_stands_for_itself() {
        let report = "error[P104]: no attribute named `sorce`\n  a.yaml:7:16\n  7 │ sorce";
        assert_eq!(shown(anyhow::anyhow!(report)), format!("{report}\n"));
    }

    #[test]
    fn a_cause_that_was_said_already_is_not_said_again() {
        let error = anyhow::anyhow!("disk full").context("cannot write: disk full");
        assert_eq!(shown(error), "error: cannot write: disk full\n");
    }
}

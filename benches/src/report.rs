//! The lines a benchmark prints, and how it ends.
//!
//! `ratio NAME VALUE <= LIMIT` for what has a limit, `figure NAME VALUE UNIT` for orientation. Where the value is not a
//! quotient, the name ends in its unit (`_ns`, `_ms`, `_mb`).

use std::{
    fmt::Display,
    io::{self, Write as _},
    process::ExitCode,
};

/// Collects what was over its limit.
#[derive(Debug)]
pub struct Report {
    check: bool,
    only: Vec<String>,
    exceeded: usize,
}

impl Report {
    /// Reads the arguments: with `--check` the program fails where a limit is exceeded; words choose parts by name. Options
    /// that cargo passes are passed over.
    pub fn from_args() -> Report {
        let (options, only): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|arg| arg.starts_with('-'));
        Report { check: options.iter().any(|option| option == "--check"), only, exceeded: 0 }
    }

    /// Whether the part of this name is to be run: all are, where none is named.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| part.contains(word.as_str()))
    }

    /// A result with a limit.
    pub fn ratio(&mut self, name: &str, value: f64, limit: f64) {
        // Not a number is over any limit.
        let fits = value <= limit;
        self.exceeded += usize::from(!fits);
        line(format_args!("ratio {name} {value:.2} <= {limit}{}", if fits { "" } else { " EXCEEDED" }));
    }

    /// A result without a limit.
    pub fn figure(&mut self, name: &str, value: f64, unit: &str) {
        line(format_args!("figure {name} {value:.2} {unit}"));
    }

    /// What the following lines are about.
    pub fn section(&mut self, text: &str) {
        line(format_args!("\n# {text}"));
    }

    /// 1 if `--check` was given and a limit exceeded.
    pub fn finish(self) -> ExitCode {
        if self.exceeded > 0 {
            line(format_args!("\n{} over the limit", self.exceeded));
        }
        if self.check && self.exceeded > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn line(text: impl Display) {
    // Nobody reads any more: nothing to do about it.
    let _ = writeln!(io::stdout(), "{text}");
}

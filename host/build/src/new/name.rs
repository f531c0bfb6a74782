//! What a module can be called: the name is a folder, a package in any of the languages, and the name of a policy.

use std::fmt;

/// Policies are named like hosts.
const BYTES_MAX: usize = 63;

/// Packages of these names cannot be built: they are words of the language, or crates of its own.
const TAKEN: [&str; 56] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "main",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tidegate",
    "tidegate-guest",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "use",
    "where",
    "while",
];

/// Why a name cannot be that of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// There is none.
    Empty,
    /// It is longer than a policy's name can be.
    TooLong,
    /// It is not made of lower-case words and digits joined by `-`.
    Form(String),
    /// It is a word that a language keeps for itself.
    Taken(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => f.write_str("a module needs a name"),
            NameError::TooLong => write!(f, "a name has at most {BYTES_MAX} characters"),
            NameError::Form(name) => write!(f, "`{name}` cannot be the name of a module"),
            NameError::Taken(name) => write!(f, "`{name}` cannot be the name of a module: it is taken by a language"),
        }
    }
}

pub(super) fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > BYTES_MAX {
        return Err(NameError::TooLong);
    }
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.split('-').all(is_part) {
        return Err(NameError::Form(name.to_owned()));
    }
    if TAKEN.contains(&name) {
        return Err(NameError::Taken(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words() {
        for fine in ["a", "order-guard", "v2-guard", "guard2"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for form in ["2guard", "Guard", "order_guard", "-guard", "guard-", "a--b", "größe", "a b", "..", "a.b", "a/b"]
        {
            assert_eq!(check(form), Err(NameError::Form(form.to_owned())), "{form}");
        }
        assert_eq!(check(""), Err(NameError::Empty));
        assert_eq!(check(&"a".repeat(64)), Err(NameError::TooLong));
        assert_eq!(check("match"), Err(NameError::Taken("match".to_owned())));
    }

    #[test]
    fn words_that_are_taken_are_listed_once_in_order() {
        assert!(TAKEN.is_sorted_by(|a, b| a < b));
    }
}

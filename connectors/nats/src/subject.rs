//! Names of subjects, and patterns over them: words between dots, where `*` stands for one word and `>` for all that follow.

/// Bytes of a subject at most. The server takes 4 KiB in a line of its protocol, with the reply subject and numbers.
pub(crate) const SUBJECT_BYTES_MAX: usize = 1024;

/// Why this is no subject to publish to; the rest of a sentence about it.
pub(crate) fn check_name(subject: &str) -> Result<(), &'static str> {
    check_pattern(subject)?;
    if subject.split('.').any(|word| word == "*" || word == ">") {
        return Err("has a wildcard; only sources have them");
    }
    if subject.starts_with('$') {
        return Err("is the server's own: it begins with `$`");
    }
    Ok(())
}

/// Why this is no subject to subscribe to.
pub(crate) fn check_pattern(subject: &str) -> Result<(), &'static str> {
    if subject.is_empty() {
        return Err("is empty");
    }
    if subject.len() > SUBJECT_BYTES_MAX {
        return Err("is longer than 1024 bytes");
    }
    if subject.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has a space or control character");
    }
    let mut words = subject.split('.').peekable();
    while let Some(word) = words.next() {
        match word {
            "" => return Err("has an empty word: a dot at an end, or two in a row"),
            ">" if words.peek().is_some() => return Err("has `>` before its end"),
            _ => {}
        }
    }
    Ok(())
}

/// Why this is no name of a stream or consumer.
pub(crate) fn check_entity(name: &str) -> Result<(), &'static str> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "*>./\\".contains(c);
    match name.len() {
        0 => Err("is empty"),
        1..=255 if name.contains(bad) => Err("has a space or one of `.`, `*`, `>`, `/`, `\\`"),
        1..=255 => Ok(()),
        _ => Err("is longer than 255 bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_without_wildcards() {
        for subject in ["a", "orders.eu.1", "a-b_c.d*", "é"] {
            assert_eq!(check_name(subject), Ok(()), "{subject}");
        }
        for subject in ["", ".", "a.", ".a", "a..b", "a b", "a\tb", "a.*", "a.>", "$JS.API.x", &"x".repeat(1025)] {
            assert!(check_name(subject).is_err(), "{subject}");
        }
    }

    #[test]
    fn patterns_have_wildcards_as_whole_words() {
        for subject in [">", "*", "a.*.c", "a.>", "a.*.>"] {
            assert_eq!(check_pattern(subject), Ok(()), "{subject}");
        }
        for subject in ["a.>.b", ">.a", "*..a"] {
            assert!(check_pattern(subject).is_err(), "{subject}");
        }
    }
}

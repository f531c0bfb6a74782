//! Names of topics, and patterns of them: `shop.orders`, `shop.*`, `shop.>`.
//!
//! A pattern means what a subject of NATS does: `*` is one word between dots, `>` at the end one or more. librdkafka is told a regular
//! expression, and looks every few seconds whether there are new topics.

/// Bytes of a topic's name at most (Kafka's own limit).
const NAME_BYTES_MAX: usize = 249;

/// Whether a name stands for many.
pub(crate) fn is_pattern(topic: &str) -> bool {
    topic.contains(['*', '>'])
}

/// What is wrong with a name, if anything; patterns are names of a source only.
pub(crate) fn problem(topic: &str) -> Option<&'static str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if topic.is_empty() || topic == "." || topic == ".." {
        Some("is no name of a topic")
    } else if topic.len() > NAME_BYTES_MAX {
        Some("is longer than 249 bytes")
    } else if !topic.bytes().all(legal) {
        Some("is no name of a topic: letters, digits, `.`, `_` and `-` only")
    } else {
        None
    }
}

/// What librdkafka subscribes to; the error is what is wrong with the name or pattern.
pub(crate) fn subscription(topic: &str) -> Result<String, &'static str> {
    if !is_pattern(topic) {
        return problem(topic).map_or_else(|| Ok(topic.to_owned()), Err);
    }
    let words: Vec<&str> = topic.split('.').collect();
    let mut pattern = String::from("^");
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            pattern.push_str("\\.");
        }
        match *word {
            "*" => pattern.push_str("[^.]+"),
            ">" if at + 1 == words.len() => pattern.push_str(".+"),
            word if word.contains(['*', '>']) => {
                return Err("has `*` within a word, or `>` before the end: they stand for whole words");
            }
            word => match problem(word) {
                Some(problem) => return Err(problem),
                None => pattern.push_str(word),
            },
        }
    }
    pattern.push('$');
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_of_whole_words() {
        for (topic, expected) in [
            ("shop.orders", Ok("shop.orders")),
            ("shop.*", Ok("^shop\\.[^.]+$")),
            ("*.eu.>", Ok("^[^.]+\\.eu\\..+$")),
            (">", Ok("^.+$")),
            ("shop.o*", Err("has `*` within a word, or `>` before the end: they stand for whole words")),
            ("shop.>.x", Err("has `*` within a word, or `>` before the end: they stand for whole words")),
            ("shop..*", Err("is no name of a topic")),
            ("a b", Err("is no name of a topic: letters, digits, `.`, `_` and `-` only")),
            ("", Err("is no name of a topic")),
            ("..", Err("is no name of a topic")),
        ] {
            assert_eq!(subscription(topic).as_deref().map_err(|problem| *problem), expected, "{topic}");
        }
    }
}

//! Whether the transactions of a source can write for a sink: both are documents, nothing is asked.
//!
//! One transaction is of one cluster, and one producer writes it. A cluster is known by the addresses that documents name; two lists for one cluster
//! count as two. What belongs to a producer is the source's to say.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_connector::ConfigError;

/// Options of a sink that are its producer's, and what to do about them.
const PRODUCERS: [(&str, &str); 3] = [
    ("compression", "write it at the source, as in `transaction: {compression: zstd}`"),
    ("timeout", "write it at the source, as in `transaction: {timeout: 15s}`"),
    ("linger", "leave it out: a transaction goes when it is complete"),
];

pub(crate) fn check(source: &Value, sink: &Value) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let brokers = |config: &Value| -> BTreeSet<String> {
        config["brokers"].as_array().into_iter().flatten().map(|broker| broker.to_string()).collect()
    };
    if brokers(source) != brokers(sink) {
        let error = ConfigError::new("/brokers", "not those of the source: a transaction is of one cluster");
        errors.push(error.hint("name the same brokers at both, if they are of one cluster"));
    }
    for key in ["tls", "sasl"] {
        if source.get(key) != sink.get(key) {
            let error = ConfigError::new(
                format!("/{key}"),
                format!("`{key}` is not that of the source, which writes for the sink"),
            );
            errors.push(error.hint("write the same at both"));
        }
    }
    for (key, hint) in PRODUCERS {
        if sink.get(key).is_some() {
            let error = ConfigError::new(
                format!("/{key}"),
                format!("`{key}` belongs to a producer, and a transaction has the source's"),
            );
            errors.push(error.hint(hint));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_cluster_and_nothing_of_a_producer() {
        let source = json!({"brokers": ["a:1", "b:1"], "topics": ["in"], "delivery": "exactlyOnce"});
        for (sink, expected) in [
            (
                json!({"brokers": ["b:1", "a:1"], "topic": "out", "mode": "structured", "maxMessageBytes": "2Mi"}),
                vec![],
            ),
            (json!({"brokers": ["a:1"], "topic": "out"}), vec!["/brokers"]),
            (json!({"brokers": ["a:1", "b:1"], "topic": "out", "tls": {}}), vec!["/tls"]),
            (
                json!({"brokers": ["c:1"], "sasl": {}, "linger": "1ms", "compression": "zstd", "timeout": "3s"}),
                vec!["/brokers", "/sasl", "/compression", "/timeout", "/linger"],
            ),
        ] {
            let errors = check(&source, &sink);
            let places: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
            assert_eq!(places, expected, "{sink}");
            assert!(errors.iter().all(|error| error.hint.is_some()));
        }
    }
}

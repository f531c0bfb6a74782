//! What the connectors of this program say of their configurations, as JSON Schema: which keys there are and of which type. The rest
//! (limits, what excludes what) each connector checks itself, and explains.

use serde_json::{Map, Value, json};
use tidegate_policy::ConnectorSchema;

/// Types of values.
#[derive(Clone, Copy, Debug)]
enum Type {
    Text,
    Flag,
    Number,
    Size,
    Time,
    /// Of text.
    List,
    Object,
    Words(&'static [&'static str]),
    /// Headers: a list of names, or more.
    Any,
}

use Type::{Any, Flag, List, Number, Object, Size, Text, Time, Words};

/// Keys; those before the number must be there.
type Keys = (usize, &'static [(&'static str, Type)]);

const VALIDATE: Type = Words(&["envelope", "full"]);
const START: Type = Words(&["beginning", "end"]);
const COMPRESSION: Type = Words(&["none", "gzip", "snappy", "lz4", "zstd"]);

const CONNECTORS: [(&str, Keys, Keys); 5] = [
    (
        "file",
        (
            1,
            &[
                ("path", Text),
                ("follow", Flag),
                ("format", Words(&["cloudevents", "lines"])),
                ("envelope", Object),
                ("validate", VALIDATE),
                ("maxLineBytes", Size),
                ("start", START),
            ],
        ),
        (1, &[("path", Text), ("maxBytes", Size), ("keep", Number)]),
    ),
    (
        "http",
        (
            1,
            &[
                ("listen", Text),
                ("path", Text),
                ("lanes", Number),
                ("timeout", Time),
                ("maxBody", Size),
                ("maxBodies", Size),
                ("maxHeaderBytes", Size),
                ("maxHeaders", Number),
                ("maxConnections", Number),
                ("maxBatch", Number),
                ("queue", Object),
                ("rate", Object),
                ("headerTimeout", Time),
                ("bodyTimeout", Time),
                ("minBodyRate", Size),
                ("idleTimeout", Time),
                ("tls", Object),
                ("auth", Object),
                ("insecure", Flag),
                ("envelope", Object),
                ("signature", Object),
                ("acceptHeaders", Any),
                ("allowOrigins", List),
            ],
        ),
        (
            1,
            &[
                ("url", Text),
                ("mode", Words(&["binary", "structured", "batched"])),
                ("headers", Object),
                ("passHeaders", Any),
                ("auth", Object),
                ("allow", List),
                ("tls", Object),
                ("timeouts", Object),
                ("concurrency", Number),
                ("unkeyed", Text),
                ("batch", Object),
                ("maxResponse", Size),
                ("handshake", Any),
                ("replies", Object),
            ],
        ),
    ),
    (
        "kafka",
        (
            2,
            &[
                ("brokers", List),
                ("topics", List),
                ("group", Text),
                ("tls", Object),
                ("sasl", Object),
                ("start", START),
                ("rebalance", Words(&["cooperative", "classic"])),
                ("sessionTimeout", Time),
                ("drainTimeout", Time),
                ("commitInterval", Time),
                ("prefetch", Size),
                ("isolation", Words(&["committed", "uncommitted"])),
                ("validate", VALIDATE),
                ("envelope", Any),
                ("delivery", Words(&["atLeastOnce", "exactlyOnce"])),
                ("transaction", Object),
                ("key", Text),
                ("acceptHeaders", Any),
            ],
        ),
        (
            1,
            &[
                ("brokers", List),
                ("topic", Text),
                ("tls", Object),
                ("sasl", Object),
                ("mode", Words(&["binary", "structured"])),
                ("key", Text),
                ("passHeaders", Any),
                ("compression", COMPRESSION),
                ("linger", Time),
                ("timeout", Time),
                ("maxMessageBytes", Size),
            ],
        ),
    ),
    (
        "memory",
        (1, &[("name", Text), ("lanes", Number)]),
        (1, &[("name", Text), ("mode", Words(&["keep", "discard"]))]),
    ),
    (
        "nats",
        (
            1,
            &[
                ("servers", List),
                ("subjects", List),
                ("stream", Text),
                ("consumer", Text),
                ("queue", Text),
                ("auth", Object),
                ("tls", Object),
                ("start", START),
                ("ackWait", Time),
                ("maxAckPending", Number),
                ("validate", VALIDATE),
                ("envelope", Any),
                ("acceptHeaders", Any),
            ],
        ),
        (
            1,
            &[
                ("servers", List),
                ("subject", Text),
                ("auth", Object),
                ("tls", Object),
                ("mode", Words(&["binary", "structured"])),
                ("jetstream", Flag),
                ("messageId", Any),
                ("inFlight", Number),
                ("ackTimeout", Time),
                ("passHeaders", Any),
            ],
        ),
    ),
];

/// Of those that this program has; one that says nothing takes anything.
pub(crate) fn all() -> Vec<ConnectorSchema> {
    let registry = crate::connectors::registry();
    let schema = |name: &str| match CONNECTORS.iter().find(|(known, ..)| *known == name) {
        Some((_, source, sink)) => {
            ConnectorSchema { name: name.to_owned(), source: closed(source), sink: closed(sink) }
        }
        None => ConnectorSchema { name: name.to_owned(), source: true.into(), sink: true.into() },
    };
    registry.names().map(schema).collect()
}

fn closed((required, keys): &Keys) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|(key, of)| ((*key).to_owned(), of.schema())).collect();
    let required: Vec<&str> = keys.iter().take(*required).map(|(key, _)| *key).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

impl Type {
    fn schema(self) -> Value {
        match self {
            Text => json!({"type": "string"}),
            Flag => json!({"type": "boolean"}),
            Number => json!({"type": "integer", "minimum": 0}),
            Size => json!({"type": ["integer", "string"]}),
            Time => json!({"type": "string"}),
            List => json!({"type": "array", "items": {"type": "string"}}),
            Object => json!({"type": "object"}),
            Words(words) => json!({"enum": words}),
            Any => json!(true),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use tidegate_connector::ConfigError;

    use super::*;

    /// Every connector answers an unknown key with those it knows, so the lists above can be held against it.
    #[test]
    fn each_connector_takes_the_keys_it_is_said_to_take() {
        let registry = crate::connectors::registry();
        let unknown = |errors: &[ConfigError], key: &str| {
            errors.iter().any(|error| error.pointer == format!("/{key}") && error.problem.contains("unknown"))
        };
        for (name, source, sink) in &CONNECTORS {
            let Some(connector) = registry.get(name) else { continue };
            // One key at a time: a connector does not report more mistakes than a person reads.
            for (key, _) in source.1 {
                let errors = connector.check_source(&json!({*key: null, "nosuchkey": 1})).unwrap_err();
                assert!(!unknown(&errors, key), "source {name} has no `{key}`: {errors:?}");
                assert!(errors.iter().any(|error| error.pointer == "/nosuchkey"), "{name}: {errors:?}");
            }
            for (key, _) in sink.1 {
                let errors = connector.check_sink(&json!({*key: null, "nosuchkey": 1})).unwrap_err();
                assert!(!unknown(&errors, key), "sink {name} has no `{key}`: {errors:?}");
            }
        }
    }
}

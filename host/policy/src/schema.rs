//! The JSON Schema (draft 2020-12) of documents: for editors, for `tidegate schema`, and for the order of keys.
//!
//! It says of one document by itself what a schema can say; what documents say of one another, and what numbers of different keys have to
//! do with each other, only [`crate::check`] knows. A document that the schema refuses is refused there too. Properties stand in the order
//! in which `tidegate fmt` writes them.

mod common;
mod policy;
mod rollout;

use serde_json::{Map, Value, json};

use common::{closed, duration, integer, name, reference, size, topics, words};

/// What a connector says of its configuration.
#[derive(Clone, Debug)]
pub struct ConnectorSchema {
    /// Its word.
    pub name: String,
    /// Of a source; `true` where it says nothing.
    pub source: Value,
    /// Of a sink; `true` where it says nothing.
    pub sink: Value,
}

/// The schema of any document, with these connectors.
pub fn schema(connectors: &[ConnectorSchema]) -> Value {
    let kinds = ["Source", "Sink", "Route", "FilterPolicy"];
    let is = |kind: &str| {
        json!({
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": format!("#/$defs/{kind}")},
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of Tidegate",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": "tidegate.dev/v1alpha1"},
            "kind": {"enum": kinds},
            "metadata": {"$ref": "#/$defs/metadata"},
            "spec": {"type": "object"},
        },
        "additionalProperties": false,
        "allOf": kinds.map(is),
        "$defs": {
            "Source": document("Source", "Where events come from.", source(connectors)),
            "Sink": document("Sink", "Where events go.", sink(connectors)),
            "Route": document("Route", "Which sinks the events of which sources go to.", route()),
            "FilterPolicy": document("FilterPolicy", "What a module decides about events on their way.", policy::policy()),
            "metadata": metadata(),
            "labels": labels(),
            "condition": policy::condition(),
            "attributes": policy::attributes(),
            "extensions": {
                "description": "Attribute names that are meant although they look like a slip of the pen.",
                "type": "array",
                "items": {"type": "string", "pattern": "^[a-z0-9]+$"},
            },
        },
    })
}

fn document(kind: &str, description: &str, spec: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "properties": {
            "apiVersion": {"const": "tidegate.dev/v1alpha1"},
            "kind": {"const": kind},
            "metadata": {"$ref": "#/$defs/metadata"},
            "spec": spec,
        },
    })
}

fn metadata() -> Value {
    let properties = json!({
        "name": name("Unique among documents of its kind and namespace."),
        "namespace": {
            "description": "Documents name one another only inside of it. Policies of `system` may apply to routes of all.",
            "type": "string",
            "pattern": common::NAME,
            "maxLength": 63,
            "default": "default",
        },
        "labels": {"$ref": "#/$defs/labels"},
    });
    closed("Name, namespace and labels.", properties, &["name"])
}

fn labels() -> Value {
    json!({
        "description": "What selectors look at.",
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z0-9._/-]{1,128}$"},
        "additionalProperties": {"type": "string", "pattern": "^[A-Za-z0-9._-]{0,63}$"},
    })
}

/// Exactly one connector among the other keys.
fn with_connector(description: &str, of: Vec<(String, Value)>, others: Value) -> Value {
    let one_of: Vec<Value> = of.iter().map(|(name, _)| json!({"required": [name]})).collect();
    let known = !of.is_empty();
    let mut properties: Map<String, Value> = of.into_iter().collect();
    if let Value::Object(others) = others {
        properties.extend(others);
    }
    let mut schema = json!({"description": description, "type": "object", "properties": properties});
    if known {
        schema["additionalProperties"] = json!(false);
        schema["oneOf"] = json!(one_of);
    }
    schema
}

/// Its value may be left out: `memory:`.
fn or_nothing(schema: &Value) -> Value {
    if schema.is_boolean() {
        return json!({"type": ["object", "null"]});
    }
    let mut schema = schema.clone();
    // Properties stay where an editor and the order of keys look for them.
    if schema.is_object() && schema.get("required").is_none() {
        schema["type"] = json!(["object", "null"]);
    }
    schema
}

fn source(connectors: &[ConnectorSchema]) -> Value {
    let of = connectors.iter().map(|c| (c.name.clone(), or_nothing(&c.source))).collect();
    let window = json!({
        "events": integer("Taken and not settled, at most.", 1_024, 262_144),
        "bytes": size("Taken and not settled, at most; 4Mi to 1Gi."),
    });
    let others = json!({
        "malformed": words("What to do with messages that are no events.", &["DeadLetter", "Skip", "Pause"]),
        "window": closed("What each lane may have under way.", window, &[]),
        "drain": words("When a host that ends stops taking from it: at once, or when those that drain first have settled.", &["First", "Last"]),
    });
    with_connector("One connector, and what holds whatever it is.", of, others)
}

fn sink(connectors: &[ConnectorSchema]) -> Value {
    let of = connectors.iter().map(|c| (c.name.clone(), or_nothing(&c.sink))).collect();
    let retry = json!({
        "max": integer("Tries after the first; for ever, where it is not given.", 0, 100_000),
        "backoff": words("Whether delays double.", &["exponential", "constant"]),
        "delay": duration("Before the second try; default 100ms."),
        "maxDelay": duration("Delays grow up to this; default 10s."),
        "jitter": integer("By how many percent at most a delay is shortened; default 50.", 0, 100),
    });
    let rate = json!({
        "events": integer("At most so many in `per`.", 1, 1_000_000_000),
        "bytes": size("At most so many in `per`."),
        "per": duration("Default 1s."),
        "key": words("What has a rate of its own.", &["none", "partitionkey"]),
    });
    let breaker = json!({
        "failures": integer("So many in a row; default 10.", 1, 10_000),
        "window": duration("Within this time; default 1m."),
        "pause": duration("Nothing is tried for so long; default 1s."),
    });
    let mut rate = closed("As fast as it goes, where it is not given.", rate, &[]);
    rate["anyOf"] = json!([{"required": ["events"]}, {"required": ["bytes"]}]);
    let others = json!({
        "retry": closed("What to do when it cannot take an event now.", retry, &[]),
        "timeout": duration("A write that takes longer is a failed try; 10ms to 60m."),
        "rateLimit": rate,
        "breaker": closed("When nothing is tried for a while.", breaker, &[]),
    });
    with_connector("One connector, and what holds whatever it is.", of, others)
}

fn route() -> Value {
    let from = json!({"name": name("A source of the namespace."), "namespace": reference()});
    let to = json!({
        "sink": name("A sink of the namespace."),
        "namespace": reference(),
        "when": {"$ref": "#/$defs/condition"},
        "extensions": {"$ref": "#/$defs/extensions"},
        "names": topics("Names given by matchers: `*` is one level, `>` all the rest, `!` begins an exception."),
        "topic": {
            "description": "The topic or subject at the sink; begins with text, or with a name.",
            "type": "string",
            "minLength": 1,
            "maxLength": 256,
            "pattern": "^([A-Za-z0-9._-]|\\$\\{name\\})([A-Za-z0-9._-]|\\$\\{[a-z0-9]+\\})*$",
        },
    });
    let dead_letter = json!({"sink": name("A sink of the namespace."), "namespace": reference()});
    let list = |items: Value| json!({"type": "array", "minItems": 1, "items": items});
    let properties = json!({
        "from": list(closed("A source.", from, &["name"])),
        "to": list(closed("A sink, and which events it wants.", to, &["sink"])),
        "unmatched": words("What to do with an event that no target wants.", &["Drop", "DeadLetter", "Reject"]),
        "deadLetter": closed("Where events go that cannot be decided or delivered.", dead_letter, &["sink"]),
        "stamp": {
            "description": "Outputs say by which generation, in the extension `tidegategeneration`; default false.",
            "type": "boolean",
        },
    });
    closed("From sources to sinks.", properties, &["from", "to"])
}

#[cfg(test)]
mod tests;

//! What a document may say, and how mistakes are told.

use serde_json::{Value, json};
use tidegate_connector::{ConfigError, Connector as _};
use tidegate_connector_nats::Nats;

fn shown(checked: Result<(), Vec<ConfigError>>) -> Vec<String> {
    checked.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn with(mut config: Value, more: Value) -> Value {
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

#[test]
fn sources() {
    let servers = json!({"servers": ["nats://localhost:4222"]});
    for (more, expected) in [
        (json!({"subjects": ["orders.>", "a.*.b"], "queue": "workers"}), &[][..]),
        (json!({"stream": "ORDERS"}), &[]),
        (
            json!({"stream": "ORDERS", "consumer": "c", "subjects": ["orders.eu.>"], "start": "end", "ackWait": "10s",
                   "maxAckPending": 100, "validate": "full", "acceptHeaders": ["traceparent"],
                   "auth": {"user": {"name": "ada", "password": {"secret": {"file": "password"}}}},
                   "tls": {"ca": "ca.pem", "clientCertificate": {"certificate": "c.pem", "key": "k.pem"}, "first": true}}),
            &[],
        ),
        (json!({"stream": "S", "auth": {"credentials": {"secret": {"env": "CREDS"}}}}), &[]),
        (json!({"stream": "S", "auth": {"nkey": {"secret": {"env": "SEED"}}}}), &[]),
        (
            json!({"stream": "S", "envelope": {"type": "t", "source": "/${subject}/${stream}", "id": "${sequence}"}}),
            &[],
        ),
        (json!({}), &["/subjects: without `stream` there must be subjects"]),
        (json!({"subjects": ["a..b"]}), &["/subjects/0: `a..b` has an empty word: a dot at an end, or two in a row"]),
        (
            json!({"subjects": ["a"], "consumer": "c", "ackWait": "5s"}),
            &["/consumer: applies to streams only", "/ackWait: applies to streams only"],
        ),
        (
            json!({"stream": "a.b", "consumer": "c d", "queue": "q", "ackWait": "10ms", "maxAckPending": 0}),
            &[
                "/stream: `a.b` has a space or one of `.`, `*`, `>`, `/`, `\\`",
                "/consumer: `c d` has a space or one of `.`, `*`, `>`, `/`, `\\`",
                "/queue: applies to plain subjects, not to streams",
                "/ackWait: must be between 1s and 10m",
                "/maxAckPending: must be between 1 and 65536",
            ],
        ),
        (
            json!({"subjects": ["a"], "envelope": {"type": "t", "source": "/${sequence}"}}),
            &["/envelope/source: nothing is called `sequence` here"],
        ),
        (
            json!({"subjects": ["a"], "acceptHeaders": ["ce-id", "Nats-Msg-Id"]}),
            &[
                "/acceptHeaders/0: `ce-id` belongs to the event itself",
                "/acceptHeaders/1: `Nats-Msg-Id` belongs to the event itself",
            ],
        ),
        (json!({"subjects": ["a"], "qeue": "q"}), &["/qeue: unknown key `qeue`"]),
        (
            json!({"subjects": ["a"], "auth": {"token": {"secret": {}}}}),
            &["/auth/token/secret: a secret needs `file` or `env`"],
        ),
    ] {
        let found = shown(Nats.check_source(&with(servers.clone(), more.clone())));
        assert_eq!(found.len(), expected.len(), "{more}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{more}: {found} / {expected}");
        }
    }
}

#[test]
fn servers() {
    for (servers, expected) in [
        (json!(["nats://a:4222", "tls://b"]), None),
        (json!([]), Some("/servers: must have between 1 and 32 servers")),
        (json!(["http://a"]), Some("/servers/0: `http://a` is no address of a server")),
        (json!(["localhost:4222"]), Some("/servers/0: `localhost:4222` is no address of a server")),
        (json!(["nats://a", "nats://ada:secret@b"]), Some("/servers/1: a server's address has no user or password")),
    ] {
        let found = shown(Nats.check_sink(&json!({"servers": servers, "subject": "x"})));
        assert_eq!(found.first().map(String::as_str), expected, "{servers}");
        assert!(!found.concat().contains("secret"), "a password is never shown");
    }
}

#[test]
fn sinks() {
    let servers = json!({"servers": ["nats://localhost:4222"]});
    for (more, expected) in [
        (json!({}), &[][..]),
        (
            json!({"subject": "orders.out", "mode": "binary", "messageId": "none", "inFlight": 1, "ackTimeout": "1s",
                "passHeaders": ["x-tenant"]}),
            &[],
        ),
        (json!({"jetstream": false, "subject": "a"}), &[]),
        (json!({"subject": "orders.*"}), &["/subject: `orders.*` has a wildcard; only sources have them"]),
        (json!({"subject": "$JS.API.x"}), &["/subject: `$JS.API.x` is the server's own: it begins with `$`"]),
        (
            json!({"inFlight": 0, "ackTimeout": "10m"}),
            &["/inFlight: must be between 1 and 8192", "/ackTimeout: must be between 100ms and 60s"],
        ),
        (
            json!({"jetstream": false, "messageId": "event"}),
            &["/messageId: applies to streams, and `jetstream` is false"],
        ),
        (json!({"mode": "batched"}), &["/mode: unknown value `batched`"]),
    ] {
        assert_eq!(shown(Nats.check_sink(&with(servers.clone(), more.clone()))), expected, "{more}");
    }
}

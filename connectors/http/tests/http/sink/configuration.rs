//! What documents may say, and where a mistake is told.

use serde_json::{Value, json};
use tidegate_connector::Connector;
use tidegate_connector_http::Http;

use super::with;

fn base() -> Value {
    json!({"url": "https://app.example/events"})
}

fn refused(config: Value, pointers: &[&str]) {
    let errors = Http::default().check_sink(&config).err().unwrap_or_default();
    let found: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(found, pointers, "{config}: {errors:?}");
}

#[test]
fn everything_there_is_may_be_said() {
    let config = json!({
        "url": "https://app.example:8443/events?tenant=7",
        "mode": "batched",
        "headers": {"x-team": "shop", "x-key": {"secret": {"env": "KEY"}}},
        "auth": {"basic": {"username": "u", "password": {"secret": {"file": "p"}}}},
        "allow": ["private", "loopback", "link-local", "10.0.0.0/8", "fd00::/8", "192.168.1.1"],
        "tls": {"ca": "ca.pem", "clientCertificate": {"certificate": "c.pem", "key": "k.pem"}},
        "timeouts": {"connect": "1s", "response": "500ms", "whole": "2m"},
        "concurrency": 8,
        "unkeyed": "concurrent",
        "batch": {"events": 10, "bytes": "64Ki"},
        "maxResponse": "16Ki",
        "handshake": {"origin": "events.example.com", "rate": 600},
        "replies": {"source": "answers", "timeout": "5s"},
    });
    Http::default().check_sink(&config).unwrap();
    Http::default().check_sink(&base()).unwrap();
}

#[test]
fn every_mistake_has_its_place() {
    refused(json!({}), &[""]);
    for url in ["app.example", "ftp://app.example/", "https://u:p@app.example/", "https://app.example/#x"] {
        refused(json!({"url": url}), &["/url"]);
    }
    let cases: &[(Value, &[&str])] = &[
        (json!({"mode": "fast"}), &["/mode"]),
        (json!({"headers": {"x-a": "b\n"}}), &["/headers/x-a"]),
        (
            json!({"headers": {"ce-id": "1", "content-type": "a/b", "host": "h", "x y": "z"}}),
            &["/headers/ce-id", "/headers/content-type", "/headers/host", "/headers/x y"],
        ),
        (json!({"headers": {"x-a": {"secret": "plain"}}}), &["/headers/x-a"]),
        (json!({"headers": {"x-a": {"secret": {}}}}), &["/headers/x-a/secret"]),
        (
            json!({"headers": {"authorization": "x"}, "auth": {"bearer": {"secret": {"env": "T"}}}}),
            &["/headers/authorization"],
        ),
        (json!({"passHeaders": ["ok", "connection"]}), &["/passHeaders/1"]),
        (json!({"mode": "batched", "passHeaders": ["traceparent"]}), &["/passHeaders"]),
        (
            json!({"auth": {"basic": {"username": "a:b", "password": {"secret": {"env": "P"}}}}}),
            &["/auth/basic/username"],
        ),
        (json!({"auth": {"bearer": {"secret": {"env": "A", "file": "b"}}}}), &["/auth/bearer/secret"]),
        (json!({"allow": ["private", "intranet"]}), &["/allow/1"]),
        (json!({"timeouts": {"connect": "1ms", "whole": "11m"}}), &["/timeouts/connect", "/timeouts/whole"]),
        (json!({"timeouts": {"connect": "fast"}}), &["/timeouts/connect"]),
        (json!({"concurrency": 0}), &["/concurrency"]),
        (json!({"batch": {"events": 10}}), &["/batch"]),
        (json!({"mode": "batched", "batch": {"events": 0, "bytes": 1}}), &["/batch/events", "/batch/bytes"]),
        (json!({"maxResponse": "1Gi"}), &["/maxResponse"]),
        (json!({"handshake": {"origin": "https://a.example", "rate": 0}}), &["/handshake/rate", "/handshake/origin"]),
        (json!({"replies": {"source": "other/answers"}}), &["/replies/source"]),
        (json!({"breaker": {"failures": 3}}), &["/breaker"]),
        (json!({"retries": 3}), &["/retries"]),
    ];
    for (more, pointers) in cases {
        refused(with(base(), more.clone()), pointers);
    }
    refused(json!({"url": "http://app.example/", "tls": {"ca": "ca.pem"}}), &["/tls"]);
}

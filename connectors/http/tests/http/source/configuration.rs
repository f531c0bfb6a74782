//! What a document may say, and what it is told when it is wrong.

use serde_json::{Value, json};
use tidegate_connector::Connector;
use tidegate_connector_http::Http;

fn errors(config: Value) -> Vec<String> {
    let checked = Http::default().check_source(&config);
    checked.err().unwrap_or_default().iter().map(|e| format!("{e}|{}", e.hint.clone().unwrap_or_default())).collect()
}

fn check(config: Value, expected: &[&str]) {
    let found = errors(config.clone());
    assert_eq!(found.len(), expected.len(), "{config}: {found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        let (start, words) = expected.split_once(" … ").unwrap_or((expected, ""));
        assert!(found.starts_with(start) && found.contains(words), "{config}: {found} is not {expected}");
    }
}

#[test]
fn little_is_enough() {
    for listen in ["127.0.0.1:8080", "[::1]:8080", "localhost:8080", "127.0.0.2:0"] {
        check(json!({"listen": listen}), &[]);
    }
    check(
        json!({
            "listen": "127.0.0.1:1", "path": "/events", "lanes": 4, "timeout": "5s", "maxBody": "2Mi", "maxBodies": "8Mi",
            "maxHeaderBytes": "16Ki", "maxHeaders": 50, "maxConnections": 10, "maxBatch": 10,
            "queue": {"events": 5, "bytes": "1Ki"}, "rate": {"requests": 5, "per": "1s", "burst": 2},
            "headerTimeout": "1s", "bodyTimeout": "2s", "minBodyRate": 100, "idleTimeout": "1m",
            "acceptHeaders": ["X-Tenant"], "allowOrigins": ["a.example"],
        }),
        &[],
    );
}

#[test]
fn a_listener_that_asks_nobody_is_for_this_machine() {
    let refused = ["/listen: other machines could send here … insecure: true"];
    for listen in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"] {
        check(json!({"listen": listen}), &refused);
        check(json!({"listen": listen, "insecure": true}), &[]);
        check(
            json!({"listen": listen, "auth": {"bearer": {"tokens": [{"secret": {"env": "TOKEN"}, "principal": "p"}]}}}),
            &[],
        );
        check(json!({"listen": listen, "tls": {"certificate": "c.pem", "key": "k.pem"}}), &refused);
        check(json!({"listen": listen, "tls": {"certificate": "c.pem", "key": "k.pem", "clientCa": "ca.pem"}}), &[]);
    }
    check(json!({"listen": "[::ffff:127.0.0.1]:80"}), &[]);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    check(json!({}), &[": `listen` is required"]);
    check(json!({"listen": ":8080"}), &["/listen: `:8080` is no address … 127.0.0.1:8080"]);
    check(json!({"listen": "example.com:80"}), &["/listen: `example.com:80` is no address"]);
    check(
        json!({"listen": "127.0.0.1:1", "maxbody": 1}),
        &["/maxbody: unknown key `maxbody` … did you mean `maxBody`"],
    );
    check(
        json!({
            "listen": "127.0.0.1:1", "path": "events", "lanes": 0, "timeout": "0s", "maxBody": "1Gi", "maxHeaderBytes": 1,
            "maxHeaders": 5000, "queue": {"events": 0}, "rate": {"requests": 0}, "idleTimeout": "1000m",
            "acceptHeaders": ["a b", "Authorization"], "allowOrigins": [""],
        }),
        &[
            "/path: must begin with",
            "/maxBody: must be between",
            "/lanes",
            "/timeout: must be between",
            "/maxHeaderBytes",
            "/maxHeaders",
            "/queue/events",
            "/rate/requests",
            "/idleTimeout",
            "/acceptHeaders/1 … credentials",
            "/acceptHeaders/0",
            "/allowOrigins/0",
        ],
    );
    check(
        json!({"listen": "127.0.0.1:1", "acceptHeaders": ["ce-id", "x-tenant", "X-Tenant"]}),
        &["/acceptHeaders/0: `ce-id` belongs to the event", "/acceptHeaders/2: `X-Tenant` stands there twice"],
    );
    check(json!({"listen": "127.0.0.1:1", "maxBody": "2Mi", "maxBodies": "1Mi"}), &["/maxBodies: must not be less"]);
    check(json!({"listen": "127.0.0.1:1", "auth": {"certificate": {}}}), &["/auth/certificate: without `tls"]);
}

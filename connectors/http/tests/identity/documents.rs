//! What a document must say before other machines may send.

use serde_json::{Value, json};
use tidegate_connector::Connector;
use tidegate_connector_http::Http;

use crate::rig::auth;

fn errors(other: Value) -> Vec<String> {
    let mut config = json!({"listen": "0.0.0.0:8080"});
    config.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    let errors = Http::default().check_source(&config).err().unwrap_or_default();
    errors.into_iter().map(|error| error.pointer).collect()
}

#[test]
fn other_machines_are_asked_who_they_are() {
    let tls = json!({"certificate": "c", "key": "k"});
    let mutual = json!({"certificate": "c", "key": "k", "clientCa": "a"});
    for (config, expected) in [
        (json!({}), vec!["/listen"]),
        (json!({"listen": "[::]:8080"}), vec!["/listen"]),
        (json!({"listen": "192.0.2.1:8080"}), vec!["/listen"]),
        (json!({"listen": "[::ffff:192.0.2.1]:8080"}), vec!["/listen"]),
        (json!({"tls": tls}), vec!["/listen"]),
        (json!({"tls": mutual}), vec![]),
        (json!({"auth": auth()}), vec![]),
        (json!({"insecure": true}), vec![]),
        (json!({"listen": "127.0.0.1:8080"}), vec![]),
        (json!({"listen": "[::1]:8080"}), vec![]),
        (json!({"tls": tls, "auth": {"certificate": {}}}), vec!["/auth/certificate"]),
        (json!({"tls": mutual, "auth": {"certificate": {}}}), vec![]),
        (json!({"auth": {}}), vec!["/auth"]),
        (json!({"auth": {"bearer": {"tokens": []}}}), vec!["/auth/bearer/tokens"]),
        (json!({"tls": {"certificate": "c", "key": "k", "clientCa": null}, "insecure": true}), vec!["/tls/clientCa"]),
    ] {
        assert_eq!(errors(config.clone()), expected, "{config}");
    }
}

//! Who we are to a server, and TLS.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_brokers::nats::NatsServer;
use tidegate_connector::{Connector as _, WriteError, Writer};
use tidegate_connector_nats::Nats;

use crate::rig::{event, place};

fn open(dir: &TempDir, config: &Value) -> Box<dyn Writer> {
    Nats.open_sink("shop/out", config, &place(dir.path())).unwrap()
}

fn secret(name: &str) -> Value {
    json!({"secret": {"file": name}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_credentials_is_taken_by_reference() {
    // The pair of the server's documentation.
    let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let nkey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    let dir = tempfile::tempdir().unwrap();
    for (extra, content, auth) in [
        (
            "authorization { user: ada, password: pa55 }".to_owned(),
            "pa55\n",
            json!({"user": {"name": "ada", "password": secret("secret")}}),
        ),
        ("authorization { token: t0ken }".to_owned(), "t0ken\n", json!({"token": secret("secret")})),
        (format!("authorization {{ users: [ {{ nkey: {nkey} }} ] }}"), seed, json!({"nkey": secret("secret")})),
    ] {
        let server = NatsServer::with(&extra).unwrap();
        fs::write(dir.path().join("secret"), content).unwrap();
        let config = json!({"servers": [server.url()], "subject": "a", "jetstream": false, "auth": auth});
        open(&dir, &config).write(&[event("e0")]).await.unwrap();
        fs::write(dir.path().join("secret"), "wrong").unwrap();
        let error = open(&dir, &config).write(&[event("e0")]).await.unwrap_err();
        let WriteError::Transient { place, cause, .. } = error else { panic!("{error:?}") };
        assert_eq!(place, server.url());
        assert!(!cause.contains("wrong") && !cause.is_empty(), "{cause}");
        fs::remove_file(dir.path().join("secret")).unwrap();
        let error = open(&dir, &config).write(&[event("e0")]).await.unwrap_err();
        assert!(error.to_string().contains("secret"), "names the file: {error}");
    }
}

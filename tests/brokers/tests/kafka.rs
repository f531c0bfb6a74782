//! A broker starts, keeps what it was given over every way of stopping it, and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "tests")]

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::time::Duration;
use tidegate_brokers::kafka::clients::Record;
use tidegate_brokers::kafka::{Kafka, PASSWORD, USER};

#[test]
fn what_is_written_is_there_after_a_restart_and_after_a_kill() {
    let kafka = Kafka::start().unwrap();
    kafka.topic("orders", 2);
    let written: Vec<Record> = vec![
        Record::new("a").key("k").header("h", "1").header("h", "2").partition(0),
        Record { value: None, ..Record::new("").partition(1) },
        Record { offset: 1, ..Record::new("b").partition(1) },
    ];
    kafka.write("orders", written.iter().cloned());
    assert_eq!(kafka.read("orders"), written);
    kafka.restart().unwrap();
    assert_eq!(kafka.read("orders"), written);
    kafka.kill();
    kafka.restart().unwrap();
    assert_eq!(kafka.read("orders"), written);
    assert_eq!((kafka.count("orders"), kafka.committed("nobody", "orders", 0)), (3, None));
    let folder = kafka.ca().parent().unwrap().to_owned();
    drop(kafka);
    assert!(!folder.exists(), "{}", folder.display());
}

#[test]
fn it_speaks_tls_and_wants_passwords_where_it_should() {
    let kafka = Kafka::shared();
    let ca = kafka.ca();
    let sasl = |mechanism, password| {
        let options = [("security.protocol", "sasl_plaintext"), ("sasl.mechanisms", mechanism)];
        let mut options: Vec<(&str, String)> = options.map(|(name, value): (_, &str)| (name, value.to_owned())).into();
        options.extend([("sasl.username", USER.to_owned()), ("sasl.password", String::from(password))]);
        options
    };
    let tls = |ca: &std::path::Path| {
        vec![("security.protocol", "ssl".to_owned()), ("ssl.ca.location", ca.display().to_string())]
    };
    for (address, options, answers) in [
        (kafka.sasl(), sasl("SCRAM-SHA-256", PASSWORD), true),
        (kafka.sasl(), sasl("SCRAM-SHA-512", PASSWORD), true),
        (kafka.sasl(), sasl("PLAIN", PASSWORD), true),
        (kafka.sasl(), sasl("PLAIN", "wrong"), false),
        (kafka.sasl(), Vec::new(), false),
        (kafka.tls(), tls(&ca), true),
        (kafka.tls(), Vec::new(), false),
    ] {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &address);
        for (name, value) in &options {
            config.set(*name, value);
        }
        let client: BaseConsumer = config.create().unwrap();
        let patience = if answers { 30 } else { 2 };
        let metadata = client.fetch_metadata(None, Duration::from_secs(patience));
        assert_eq!(metadata.is_ok(), answers, "{address} {options:?}");
    }
}

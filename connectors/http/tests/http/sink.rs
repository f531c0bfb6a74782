//! The sink: what an upstream sees, and what the host is told.

mod answers;
mod configuration;
mod conformance;
mod connections;
mod handshake;
mod messages;
mod nasty;
mod replies;
mod tls;
mod upstream;

use std::path::Path;

use serde_json::{Value, json};
use tidegate_connector::{Connector, Place, WriteError, Writer};
use tidegate_connector_http::Http;
use tidegate_event::{Event, Form};

fn open_with(http: &Http, config: &Value, folder: &Path) -> Box<dyn Writer> {
    let place = Place { base_dir: folder, state_dir: folder };
    http.open_sink("ns/app", config, &place).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn open(config: &Value) -> Box<dyn Writer> {
    open_with(&Http::default(), config, Path::new("."))
}

/// `config` with what `more` has besides.
fn with(mut config: Value, more: Value) -> Value {
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn event(id: &str) -> Event {
    keyed(id, None)
}

fn keyed(id: &str, key: Option<&str>) -> Event {
    let event = Event::builder().id(id).source("/tests").ty("dev.tidegate.test").datacontenttype("application/json");
    let event = event.data(Form::Json, format!("{{\"id\":\"{id}\"}}")).build().unwrap();
    key.map_or(event.clone(), |key| event.with_context(&[("key", key)]))
}

fn events(range: std::ops::Range<usize>) -> Vec<Event> {
    range.map(|number| event(&format!("e{number}"))).collect()
}

/// The kind of an outcome, and its cause.
fn told(outcome: Result<(), WriteError>) -> (&'static str, String) {
    match outcome {
        Ok(()) => ("delivered", String::new()),
        Err(WriteError::Transient { cause, .. }) => ("again", cause),
        Err(WriteError::Permanent { cause, .. }) => ("refused", cause),
        Err(WriteError::Closed { cause, .. }) => ("closed", cause),
    }
}

/// A timeout that ends a test of what hangs, and no other.
fn short() -> Value {
    json!({"timeouts": {"response": "300ms", "whole": "600ms"}})
}

//! What every connector must pass.
//!
//! A connector's tests implement [`SourceHarness`] and [`SinkHarness`] and await [`source_conforms`] and [`sink_conforms`]; each
//! panics with what is wrong. The checks go through the public traits only. They assert no durations; one that hangs
//! fails after [`PATIENCE`].

mod sink;
mod source;

use std::time::Duration;

use tidegate_event::{Event, Form};

pub use self::sink::{SinkHarness, sink_conforms};
pub use self::source::{AtEnd, SourceHarness, source_conforms};

/// After which a check counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Events `range` of a numbered stream; ids are `e0`, `e1`, …; no ordering keys, so that they share a lane.
pub fn numbered(range: std::ops::Range<usize>) -> Vec<Event> {
    range.map(|number| event(&format!("e{number}"), &format!("{{\"number\":{number}}}"))).collect()
}

/// An event with JSON data.
pub fn event(id: &str, data: &str) -> Event {
    let event = Event::builder().id(id).source("/conformance").ty("dev.tidegate.conformance");
    match event.datacontenttype("application/json").data(Form::Json, data.to_owned()).build() {
        Ok(event) => event,
        Err(error) => panic!("the kit's own event is invalid: {error}"),
    }
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id().to_owned()).collect()
}

/// Ids must be those of the numbered stream, in order.
fn assert_numbered(got: &[String], range: std::ops::Range<usize>, what: &str) {
    let wrong = got.iter().zip(range.clone()).position(|(id, number)| *id != format!("e{number}"));
    if let Some(at) = wrong {
        panic!("{what}: expected e{} at {at}, got {}", range.start + at, got[at]);
    }
    assert_eq!(got.len(), range.len(), "{what}: number of events");
}

async fn in_time<T>(what: &str, check: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: hangs"),
    }
}

fn ok<T, E: std::fmt::Display>(result: Result<T, E>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

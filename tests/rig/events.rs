//! Events of tests.

use tidegate_event::{Event, Form};

/// `e0`, `e1`, …: small, with JSON data.
pub fn event(number: usize) -> Event {
    build(number, None)
}

/// One that hand-made guests do their worst on: it has a subject.
pub fn guilty(number: usize) -> Event {
    build(number, Some("guilty"))
}

/// `count` events from `e0` on, of which those that `is_guilty` says are guilty.
pub fn mixed(count: usize, is_guilty: impl Fn(usize) -> bool) -> Vec<Event> {
    (0..count).map(|number| if is_guilty(number) { guilty(number) } else { event(number) }).collect()
}

/// `count` events from `e0` on.
pub fn plain(count: usize) -> Vec<Event> {
    mixed(count, |_| false)
}

pub fn with_type(number: usize, ty: &str) -> Event {
    let data = format!(r#"{{"n":{number}}}"#);
    let event = Event::builder().id(&id(number)).source("/test").ty(ty).datacontenttype("application/json");
    event.data(Form::Json, data).build().expect("a valid event")
}

fn build(number: usize, subject: Option<&str>) -> Event {
    let data = format!(r#"{{"n":{number}}}"#);
    let event = Event::builder().id(&id(number)).source("/test").ty("test.event").datacontenttype("application/json");
    let event = match subject {
        Some(subject) => event.subject(subject),
        None => event,
    };
    event.data(Form::Json, data).build().expect("a valid event")
}

pub fn id(number: usize) -> String {
    format!("e{number}")
}

/// Ids of numbers, in their order.
pub fn expected(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(id).collect()
}

pub fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id().to_owned()).collect()
}

/// An attribute in canonical string form; empty where there is none.
pub fn attribute(event: &Event, name: &str) -> String {
    event.attribute(name).unwrap_or_default().into_owned()
}

/// One JSON line of a structured event, with its newline. `padding` bytes of data.
pub fn line(id: &str, key: &str, padding: usize) -> String {
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/test\",\"type\":\"test.event\",\"partitionkey\":\"{key}\",\
         \"data\":{{\"pad\":\"{}\"}}}}\n",
        "x".repeat(padding)
    )
}

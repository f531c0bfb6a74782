//! The vectors of `vectors.json`, one a line:
//!
//! - `decode`: a message, and the events it carries or why it is refused. `headers` are all there are, or else the four of a
//!   minimal event (`minus` some, `plus` some). The body is `body` (`\xHH` is a byte), or the minimal structured event with the
//!   members of `event`, or such events (`batch`). `gives`, or each of `events`, are the attributes besides the minimal ones,
//!   with `data` and its `form`; nothing else may be there. A refusal has its `status` and words it `says`.
//! - `encode`: an `event` (the same way), and all headers and the body it gets; `json` is a body compared as JSON.
//!
//! Round trips are made of both: what a message carries, and what is encoded, comes back in every mode.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value as Json, json};
use tidegate_connector_http::binding::{self, Mode};
use tidegate_event::{Event, Form, Value};

const VECTORS: &str = include_str!("vectors.json");
const MINIMAL: [&str; 4] = ["ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: t"];

fn vectors(kind: &str) -> Vec<Json> {
    let mut all: Json = serde_json::from_str(VECTORS).unwrap();
    serde_json::from_value(all[kind].take()).unwrap()
}

/// Runs `check` on every vector and names all that fail.
fn each(kind: &str, at_least: usize, check: impl Fn(&Json) -> Result<(), String>) {
    let all = vectors(kind);
    assert!(all.len() >= at_least, "{} vectors", all.len());
    let failed: Vec<String> =
        all.iter().filter_map(|vector| Some(format!("{}: {}", vector["name"], check(vector).err()?))).collect();
    assert!(failed.is_empty(), "{} of {} fail:\n{}", failed.len(), all.len(), failed.join("\n"));
}

/// Text with `\xHH` for bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut out = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).unwrap());
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    out
}

fn strings(json: &Json) -> Vec<&str> {
    json.as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

fn headers(vector: &Json) -> HeaderMap {
    let lines = match vector.get("headers") {
        Some(lines) => strings(lines),
        None => {
            let minus = strings(&vector["minus"]);
            let kept = MINIMAL.into_iter().filter(|line| !minus.contains(&line.split(':').next().unwrap()));
            kept.chain(strings(&vector["plus"])).collect()
        }
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        // As HTTP has it: blanks around a value are not part of it.
        let value = HeaderValue::from_bytes(bytes(value.trim_matches([' ', '\t'])).as_slice()).unwrap();
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    headers
}

fn structured(members: &Json) -> Json {
    let mut event = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t"});
    event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    event
}

fn body(vector: &Json) -> Bytes {
    if let Some(event) = vector.get("event") {
        return structured(event).to_string().into();
    }
    if let Some(batch) = vector.get("batch") {
        let events: Vec<Json> = batch.as_array().unwrap().iter().map(structured).collect();
        return Json::from(events).to_string().into();
    }
    bytes(vector["body"].as_str().unwrap_or_default()).into()
}

/// Everything an event says: its attributes in canonical form, and its data.
type Said = (BTreeMap<String, String>, Option<(Form, Vec<u8>)>);

fn said(event: &Event) -> Said {
    let attributes = tidegate_event::binary::attributes(event).into_iter().filter(|(name, _)| {
        // That function tells what JSON data without a content type is; the event itself does not.
        name != "specversion" && (name != "datacontenttype" || event.datacontenttype().is_some())
    });
    (attributes.collect(), event.data().map(|data| (data.form, data.bytes.to_vec())))
}

fn expected(given: &Json) -> Said {
    let members = structured(given);
    let mut attributes: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in members.as_object().unwrap() {
        if !["specversion", "data", "form"].contains(&name.as_str()) {
            attributes.insert(name.clone(), value.as_str().unwrap().to_owned());
        }
    }
    let data = given.get("data").map(|data| (form(given), bytes(data.as_str().unwrap())));
    (attributes, data)
}

fn form(given: &Json) -> Form {
    match given["form"].as_str().unwrap() {
        "json" => Form::Json,
        "text" => Form::Text,
        "binary" => Form::Binary,
        other => panic!("{other}"),
    }
}

fn mode(vector: &Json) -> Mode {
    match vector["mode"].as_str().unwrap_or("binary") {
        "binary" => Mode::Binary,
        "structured" => Mode::Structured,
        "batched" => Mode::Batched,
        other => panic!("{other}"),
    }
}

#[test]
fn every_message_is_read_or_refused_as_the_specification_says() {
    each("decode", 300, |vector| {
        let headers = headers(vector);
        match (binding::decode(&headers, body(vector)), vector["says"].as_str()) {
            (Ok(received), None) => {
                let mut events = vec![];
                match vector.get("events") {
                    Some(all) => events.extend(all.as_array().unwrap().iter().map(expected)),
                    None => events.push(expected(&vector["gives"])),
                }
                let got: Vec<Said> = received.events.iter().map(said).collect();
                if got != events || received.mode != mode(vector) || binding::mode(&headers) != Some(mode(vector)) {
                    return Err(format!("{:?} {got:?}\n  not {events:?}", received.mode));
                }
                Ok(())
            }
            (Err(error), Some(says)) => {
                let status = u64::from(error.status().as_u16());
                if !error.to_string().contains(says) || Some(status) != vector["status"].as_u64() {
                    return Err(format!("{status} {error}\n  not {} {says}", vector["status"]));
                }
                Ok(())
            }
            (got, _) => Err(format!("{got:?}")),
        }
    });
}

/// The event of a vector of `encode`.
fn event(given: &Json) -> Event {
    let members: Map<String, Json> = structured(given).as_object().unwrap().clone();
    let mut event = Event::builder();
    for (name, value) in &members {
        event = match (name.as_str(), value) {
            ("specversion" | "data" | "form", _) => event,
            ("id", Json::String(text)) => event.id(text),
            ("source", Json::String(text)) => event.source(text),
            ("type", Json::String(text)) => event.ty(text),
            ("subject", Json::String(text)) => event.subject(text),
            ("time", Json::String(text)) => event.time(text),
            ("dataschema", Json::String(text)) => event.dataschema(text),
            ("datacontenttype", Json::String(text)) => event.datacontenttype(text),
            (name, Json::String(text)) => event.extension(name, Value::String(text.into())),
            (name, Json::Bool(boolean)) => event.extension(name, Value::Boolean(*boolean)),
            (name, Json::Number(number)) => {
                event.extension(name, Value::Integer(number.as_i64().unwrap().try_into().unwrap()))
            }
            other => panic!("{other:?}"),
        };
    }
    if let Some(data) = given.get("data") {
        event = event.data(form(given), bytes(data.as_str().unwrap()));
    }
    event.build().unwrap()
}

#[test]
fn every_event_is_written_as_the_specification_says() {
    each("encode", 30, |vector| {
        let (headers, body) = binding::encode(&event(&vector["event"]), mode(vector));
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()).trim_end().to_owned())
            .collect();
        lines.sort();
        if lines != strings(&vector["headers"]) {
            return Err(format!("{lines:?}"));
        }
        let same = match vector.get("json") {
            Some(json) => serde_json::from_slice::<Json>(&body).is_ok_and(|body| body == *json),
            None => body == bytes(vector["body"].as_str().unwrap()),
        };
        if same { Ok(()) } else { Err(String::from_utf8_lossy(&body).into_owned()) }
    });
}

/// What must be the same after a round trip: the attributes (an absent content type may have been told), and the data: its
/// bytes, but JSON may be laid out anew where it stands within JSON.
fn comes_back(event: &Event) -> Result<(), String> {
    for mode in [Mode::Binary, Mode::Structured, Mode::Batched] {
        let (headers, body) = binding::encode(event, mode);
        let received = binding::decode(&headers, body).map_err(|error| format!("{mode:?}: {error}"))?;
        let [back] = &received.events[..] else { return Err(format!("{mode:?}: {} events", received.events.len())) };
        let (before, mut after) = (said(event), said(back));
        if event.datacontenttype().is_none() {
            after.0.remove("datacontenttype");
        }
        let json = |data: &[u8]| serde_json::from_slice::<Json>(data).ok();
        let same_data = match (&before.1, &after.1) {
            (None, None) => true,
            // What HTTP cannot tell apart (see `binding`): no data under a content type other than JSON, and empty data.
            (None, Some((_, data))) => mode == Mode::Binary && event.datacontenttype().is_some() && data.is_empty(),
            (Some((Form::Json, a)), Some((Form::Json, b))) if mode != Mode::Binary => a == b || json(a) == json(b),
            (Some((_, a)), Some((_, b))) => a == b,
            (Some(_), None) => false,
        };
        if before.0 != after.0 || !same_data {
            return Err(format!("{mode:?}: {before:?}\n  became {after:?}"));
        }
    }
    Ok(())
}

#[test]
fn what_is_encoded_comes_back_in_every_mode() {
    each("encode", 30, |vector| comes_back(&event(&vector["event"])));
}

#[test]
fn what_a_message_carries_comes_back_in_every_mode() {
    each("decode", 300, |vector| match binding::decode(&headers(vector), body(vector)) {
        Ok(received) => received.events.iter().try_for_each(comes_back),
        Err(_) => Ok(()),
    });
}

#[test]
fn batches_keep_their_order() {
    let events: Vec<Event> = (0..1000).map(|n| event(&json!({"id": n.to_string()}))).collect();
    let (headers, body) = binding::encode_batch(&events);
    assert_eq!(binding::decode(&headers, body).unwrap().events, events);
}

#[test]
fn an_event_has_128_extensions_at_most() {
    for (count, good) in [(128, true), (129, false)] {
        let mut headers = headers(&json!({}));
        for n in 0..count {
            headers.insert(HeaderName::try_from(format!("ce-x{n}")).unwrap(), HeaderValue::from_static("1"));
        }
        let got = binding::decode(&headers, Bytes::new()).map(drop).map_err(|error| error.to_string());
        let expected = if good { Ok(()) } else { Err("more than 128 extension attributes".to_owned()) };
        assert_eq!(got, expected);
    }
}

/// Found by fuzzing: what came as data in binary mode was written into a structured event that was refused.
#[test]
fn what_nests_too_deep_is_written_so_that_it_is_read() {
    let deep = "[".repeat(127) + &"]".repeat(127);
    let event = event(&json!({"datacontenttype": "application/json", "data": deep, "form": "json"}));
    let (_, body) = binding::encode(&event, Mode::Structured);
    assert!(String::from_utf8_lossy(&body).contains("data_base64"));
    comes_back(&event).unwrap();
}

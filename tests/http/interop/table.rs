//! The table of events, and where an SDK is known to differ from it.
//!
//! `events.json` is what all SDKs send and receive. `differences.json` says, with the reason, what an SDK cannot say or says
//! otherwise; each difference is tested like the rule: one that is not needed fails.

use std::collections::BTreeMap;
use std::fmt;

use base64_simd::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::sdk::Sdk;

pub const MODES: [&str; 3] = ["binary", "structured", "batched"];
const EVENTS: &str = include_str!("events.json");
const DIFFERENCES: &str = include_str!("differences.json");

/// Which way events go, seen from the host.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    In,
    Out,
}

/// An event of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// In structured form.
    pub event: Map<String, Value>,
    /// Extensions that are more than their JSON says.
    #[serde(default)]
    types: BTreeMap<String, String>,
    /// How often its data is repeated, to be large.
    repeat: Option<usize>,
}

impl Row {
    pub fn id(&self) -> &str {
        self.event["id"].as_str().unwrap()
    }

    fn expand(mut self) -> Row {
        let times = self.repeat.take().unwrap_or(1);
        if let Some(data) = self.event.get_mut("data") {
            match data {
                Value::String(text) => *text = text.repeat(times),
                Value::Array(items) => *items = std::iter::repeat_n(items.clone(), times).flatten().collect(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => assert_eq!(times, 1),
            }
        }
        if let Some(data) = self.event.get_mut("data_base64") {
            let bytes = STANDARD.decode_to_vec(data.as_str().unwrap()).unwrap().repeat(times);
            *data = STANDARD.encode_to_string(bytes).into();
        }
        self
    }
}

/// All events, the large ones at full length.
pub fn rows() -> Vec<Row> {
    let rows: Vec<Row> = serde_json::from_str(EVENTS).expect("the table of events");
    rows.into_iter().map(Row::expand).collect()
}

/// The table as senders read it.
pub fn for_senders(rows: &[Row]) -> String {
    let rows: Vec<Value> = rows.iter().map(|row| json!({"event": row.event, "types": row.types})).collect();
    Value::from(rows).to_string()
}

/// What an SDK does otherwise, and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Difference {
    sdk: Vec<String>,
    way: Vec<Way>,
    mode: Vec<String>,
    /// Ids; all events if left out.
    events: Option<Vec<String>>,
    /// Only events without this attribute.
    without: Option<String>,
    #[serde(flatten)]
    pub effect: Effect,
    why: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The SDK does not have the mode.
    NoMode(bool),
    /// The SDK gives up, with these words.
    GivesUp(String),
    /// The host refuses what the SDK sends, with these words.
    Refused(String),
    /// Attributes that arrive otherwise: `null` does not arrive, `{}` is any value. `data` is `{}` (none), `{value}`, `{base64}`, or
    /// `"text"`: the text of JSON, not parsed; `"sent"`: what was sent is not the data of the table, and arrives as it was sent.
    Becomes(Map<String, Value>),
}

impl Difference {
    fn applies(&self, sdk: Sdk, way: Way, mode: &str, row: Option<&Row>) -> bool {
        let event = match (row, &self.events) {
            (Some(row), Some(ids)) => ids.iter().any(|id| id == row.id()),
            (Some(row), None) => self.without.as_ref().is_none_or(|name| !row.event.contains_key(name)),
            (None, events) => events.is_none() && self.without.is_none(),
        };
        event
            && self.sdk.iter().any(|name| name == sdk.name())
            && self.way.contains(&way)
            && self.mode.iter().any(|name| name == mode)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, for {:?}: {}", self.effect, self.events, self.why)
    }
}

/// All differences of one SDK one way.
#[derive(Debug)]
pub struct Differences {
    sdk: Sdk,
    way: Way,
    all: Vec<Difference>,
}

impl Differences {
    pub fn of(sdk: Sdk, way: Way) -> Differences {
        let all: Vec<Difference> = serde_json::from_str(DIFFERENCES).expect("the differences");
        let ids: Vec<Row> = rows();
        for id in all.iter().flat_map(|difference| difference.events.iter().flatten()) {
            assert!(ids.iter().any(|row| row.id() == id), "a difference for {id}, which is no event of the table");
        }
        Differences { sdk, way, all }
    }

    /// The modes that the SDK has, this way.
    pub fn modes(&self) -> Vec<&'static str> {
        let lacks = |mode: &str| {
            let mut all = self.all.iter().filter(|difference| difference.applies(self.sdk, self.way, mode, None));
            all.any(|difference| matches!(difference.effect, Effect::NoMode(true)))
        };
        MODES.into_iter().filter(|mode| !lacks(mode)).collect()
    }

    pub fn to(&self, row: &Row, mode: &str) -> Vec<&Difference> {
        self.all.iter().filter(|difference| difference.applies(self.sdk, self.way, mode, Some(row))).collect()
    }

    /// Whether the SDK is known to give up on an event.
    pub fn give_up(&self, row: &Row, mode: &str) -> bool {
        self.to(row, mode).iter().any(|difference| matches!(difference.effect, Effect::GivesUp(_)))
    }
}

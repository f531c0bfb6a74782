//! The table of `sdk-guest/vectors`: its events through the same guests in every language.

use std::fs;

use serde::Deserialize;
use serde_json::Value as Json;
use tidegate_event::{Event, Form, Value};

use super::lab;
use crate::support::root;

/// The guests of a language: folder and features of each kind.
struct Language {
    name: &'static str,
    guest: fn(&'static str) -> (String, Vec<&'static str>),
}

const LANGUAGES: &[Language] = &[
    Language { name: "rust", guest: |kind| ("tests/guests/vectors-rust".to_owned(), vec![kind]) },
    Language { name: "go", guest: |kind| ("tests/guests/vectors-go".to_owned(), vec![kind]) },
    Language {
        name: "assemblyscript",
        guest: |kind| (format!("tests/guests/vectors-assemblyscript/{kind}"), Vec::new()),
    },
];

/// One line of `events.jsonl`; what the members mean stands beside it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    source: Option<String>,
    #[serde(rename = "type")]
    ty: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    dataschema: Option<String>,
    #[serde(default)]
    extensions: Vec<(String, String, String)>,
    #[serde(default)]
    context: Vec<(String, String)>,
    text: Option<String>,
    json: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    fill: usize,
    times: Option<usize>,
}

impl Vector {
    fn events(&self) -> Vec<Event> {
        match self.times {
            None => vec![self.event(&self.name)],
            Some(times) => (0..times).map(|n| self.event(&format!("{}-{n}", self.name))).collect(),
        }
    }

    fn event(&self, id: &str) -> Event {
        let mut event = Event::builder().id(id);
        event = event.source(self.source.as_deref().unwrap_or("/v")).ty(self.ty.as_deref().unwrap_or("v"));
        if let Some(subject) = &self.subject {
            event = event.subject(subject);
        }
        if let Some(time) = &self.time {
            event = event.time(time);
        }
        if let Some(media_type) = &self.datacontenttype {
            event = event.datacontenttype(media_type);
        }
        if let Some(schema) = &self.dataschema {
            event = event.dataschema(schema);
        }
        for (name, kind, value) in &self.extensions {
            event = event.extension(name, extension(kind, value));
        }
        for (name, value) in &self.context {
            event = event.context(name, value);
        }
        if let Some(text) = &self.text {
            event = event.data(Form::Text, format!("{text}{}", "n".repeat(self.fill)));
        }
        if let Some(json) = &self.json {
            event = event.data(Form::Json, json.clone());
        }
        if let Some(base64) = &self.base64 {
            event = event.data(Form::Binary, bytes(base64));
        }
        event.build().unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn extension<'a>(kind: &str, value: &'a str) -> Value<'a> {
    match kind {
        "string" => Value::String(value.into()),
        "integer" => Value::Integer(value.parse().expect("an integer")),
        "boolean" => Value::Boolean(value.parse().expect("a boolean")),
        "binary" => Value::Binary(bytes(value).into()),
        "uri" => Value::Uri(value.into()),
        "uri-reference" => Value::UriRef(value.into()),
        "timestamp" => Value::Timestamp(value.into()),
        other => panic!("`{other}` is no kind"),
    }
}

fn bytes(base64: &str) -> Vec<u8> {
    base64_simd::STANDARD.decode_to_vec(base64).expect("base64")
}

fn vectors() -> Vec<Vector> {
    let text = fs::read_to_string(root().join("sdk-guest/vectors/events.jsonl")).expect("the vectors");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// With `UPDATE=1` the expected answers are written, by Rust's guest, instead of compared.
async fn agree(kind: &'static str) {
    let engine = lab::engine();
    let path = root().join(format!("sdk-guest/vectors/expected-{kind}.jsonl"));
    let vectors = vectors();
    let mut expected: Vec<(String, Json)> = Vec::new();
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    if !update {
        let text = fs::read_to_string(&path).expect("the expected answers");
        expected = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    }
    for language in LANGUAGES {
        let (folder, features) = (language.guest)(kind);
        let mut worker = lab::worker(&engine, &folder, &features, "null").await;
        let mut found = Vec::new();
        for vector in &vectors {
            let answers = lab::answers(&mut worker, &vector.events()).await;
            found.push((vector.name.clone(), told(&answers)));
        }
        if update && expected.is_empty() {
            let lines: Vec<String> =
                found.iter().map(|line| serde_json::to_string(line).expect("JSON") + "\n").collect();
            fs::write(&path, lines.concat()).expect("the expected answers");
            expected = found;
            continue;
        }
        assert_eq!(found.len(), expected.len(), "{}: as many answers as vectors", language.name);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{} {kind}", language.name);
        }
    }
}

/// The answers themselves, or of many how many and what they come to.
fn told(answers: &[String]) -> Json {
    match answers {
        [one] => Json::String(one.clone()),
        many => {
            let digest = lab::digest(many.join("\n").as_bytes());
            serde_json::json!({"answers": many.len(), "first": many.first(), "last": many.last(), "digest": digest})
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_of_all_languages_decide_the_same() {
    agree("filter").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transforms_of_all_languages_make_the_same() {
    agree("transform").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matchers_of_all_languages_name_the_same() {
    agree("matcher").await;
}

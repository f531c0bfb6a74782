//! Writes the first corpus of each target, from the vectors of the binding and the documents of the examples.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tidegate_event::flat::{FlatBatch, Needs};
use tidegate_event::json::{self as structured, Validate};

const MINIMAL: [&str; 4] = ["ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: t"];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let corpus = Corpus(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"));
    let vectors = fs::read_to_string(root.join("connectors/http/tests/binding/vectors.json")).expect("the vectors");
    let vectors: Value = serde_json::from_str(&vectors).expect("JSON");
    for (number, vector) in vectors["decode"].as_array().expect("a list").iter().enumerate() {
        let (head, body) = (head(vector), body(vector));
        let message = [head.as_bytes(), b"\n\n", &body].concat();
        corpus.write("binding", number, &message);
        let target = match vector["mode"].as_str() {
            Some("batched") => "batch",
            Some("structured") => "json",
            _ => "envelope",
        };
        match target {
            "envelope" => corpus.write(target, number, &[&[number as u8][..], b"POST /a%20b?q=1\n", &message].concat()),
            _ => corpus.write(target, number, &body),
        }
    }
    let github = b"\x01POST /\nx-github-event: check_run\nx-github-delivery: 1\ncontent-type: application/json\n\n\
        {\"action\":\"created\",\"check_run\":{\"id\":1,\"started_at\":\"2019-05-15T15:21:12Z\"},\"repository\":{\"url\":\"/r\"}}";
    corpus.write("envelope", 1000, github);
    replies(&corpus);
    conditions(&corpus, &root);
    let mut documents = Vec::new();
    for folder in ["examples", "tests", "host/policy"] {
        collect(&root.join(folder), &mut documents);
    }
    for (number, path) in documents.iter().enumerate() {
        corpus.write("documents", number, &fs::read(path).expect("a document"));
    }
    println!("{} vectors, {} documents", vectors["decode"].as_array().map_or(0, Vec::len), documents.len());
}

/// The expressions of the cases, one of each kind of pattern, and topics.
fn conditions(corpus: &Corpus, root: &Path) {
    let mut cases = Vec::new();
    collect(&root.join("host/cesql/tests/cases"), &mut cases);
    let texts = cases.iter().map(|path| fs::read_to_string(path).expect("cases")).collect::<Vec<_>>();
    let expressions = texts.iter().flat_map(|text| text.lines()).filter_map(|line| {
        let (_, rest) = line.split_once("expression: ")?;
        Some(rest.rsplit_once(", result").or(rest.rsplit_once(", error")).map_or(rest, |(expression, _)| expression))
    });
    for (number, expression) in expressions.enumerate() {
        corpus.write("cesql", number, expression.trim_matches('"').as_bytes());
    }
    let patterns = [
        "{pattern: {type: [t, {prefix: a}, {suffix: {equals-ignore-case: b}}], n: [5, {numeric: ['>', 0, '<=', 9]}]}}",
        "{pattern: {data: {a: {b: [{wildcard: 'x*y'}, {anything-but: [x, 1]}, {exists: false}]}}, $or: [{id: ['1']}, {id: [{cidr: 10.0.0.0/8}]}]}}",
        "{any: [{sql: \"n > 5 OR type LIKE 't%'\"}, {not: {exact: {type: t}}}, {all: [{prefix: {source: /s}}]}]}",
    ];
    for (number, pattern) in patterns.iter().enumerate() {
        corpus.write("pattern", number, pattern.as_bytes());
    }
    for (number, names) in ["a/*/b\na/x/b\na/b", "a/>\na/b/c\na", ">\na"].iter().enumerate() {
        corpus.write("topic", number, names.as_bytes());
    }
}

struct Corpus(PathBuf);

impl Corpus {
    fn write(&self, target: &str, number: usize, bytes: &[u8]) {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder).expect("a folder for the corpus");
        fs::write(folder.join(format!("seed-{number:03}")), bytes).expect("room for the corpus");
    }
}

fn head(vector: &Value) -> String {
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    match vector.get("headers") {
        Some(lines) => strings(lines).join("\n"),
        None => {
            let minus = strings(&vector["minus"]);
            let kept = MINIMAL.iter().filter(|line| !minus.iter().any(|name| line.starts_with(&format!("{name}:"))));
            kept.map(|line| (*line).to_owned()).chain(strings(&vector["plus"])).collect::<Vec<_>>().join("\n")
        }
    }
}

fn body(vector: &Value) -> Vec<u8> {
    let event = |members: &Value| {
        let mut event = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t"});
        if let (Some(event), Some(members)) = (event.as_object_mut(), members.as_object()) {
            event.extend(members.clone());
        }
        event
    };
    match (vector.get("event"), vector.get("batch").and_then(Value::as_array)) {
        (Some(members), _) => event(members).to_string().into(),
        (None, Some(batch)) => Value::from(batch.iter().map(event).collect::<Vec<_>>()).to_string().into(),
        (None, None) => vector["body"].as_str().unwrap_or_default().into(),
    }
}

/// A guest that returns what it got.
fn replies(corpus: &Corpus) {
    let text = br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"new","x":true,"data":{"b":2}}"#;
    let event = structured::decode(&text.to_vec().into(), Validate::Full).expect("an event");
    let mut batch = FlatBatch::default();
    batch.assemble(&[event], &[0], Needs::ALL, 0);
    let index: Vec<u8> = batch.index.iter().flat_map(|word| word.to_le_bytes()).collect();
    corpus.write("reply", 0, &[&[1][..], &index, &batch.bytes].concat());
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("fuzz") {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "yaml") {
            found.push(path);
        }
    }
}

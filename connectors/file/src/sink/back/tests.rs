//! Reading back: rotated files, half lines, foreign lines, and names that do not change.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;

use serde_json::json;
use tidegate_connector::{Connector as _, Place};

use crate::File;

use super::*;

fn event(id: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t"}}"#)
}

async fn read(folder: &Path) -> Vec<Record> {
    let place = Place { base_dir: folder, state_dir: folder };
    let mut back = File.read_back("default/dead", &json!({"path": "dead"}), &place).unwrap();
    let mut all = Vec::new();
    while let Some(records) = back.next().await.unwrap() {
        assert!(!records.is_empty());
        all.extend(records);
    }
    all
}

fn shown(records: &[Record]) -> Vec<String> {
    let shown = |record: &Record| match &record.message {
        Ok(event) => format!("{} {}", record.position, event.id()),
        Err(unreadable) => format!("{} ? {}", record.position, unreadable.message.len()),
    };
    records.iter().map(shown).collect()
}

#[tokio::test]
async fn a_file_that_is_not_there_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(shown(&read(folder.path()).await), [""; 0]);
}

#[tokio::test]
async fn files_are_read_oldest_first_and_half_a_line_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    put("dead.2", event("1") + "\n" + &event("2") + "\n");
    put("dead.1", event("3") + "\n");
    put("dead", event("4") + "\n" + &event("5"));
    let before = read(folder.path()).await;
    assert_eq!(shown(&before), ["1 1", "2 2", "1 3", "1 4"]);
    // A rotation renames: what is known stays known.
    for (from, to) in [("dead.2", "dead.3"), ("dead.1", "dead.2"), ("dead", "dead.1")] {
        fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
    }
    put("dead", event("6") + "\n");
    let after = read(folder.path()).await;
    assert_eq!(shown(&after), ["1 1", "2 2", "1 3", "1 4", "1 6"]);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.lane, before.position), (&after.lane, after.position));
    }
}

#[tokio::test]
async fn what_is_no_event_has_its_place_and_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = "x".repeat(MALFORMED_BYTES + 9);
    let text = format!("{}\n\nnot json\n{foreign}\n\u{feff}\n{}\n", event("1"), event("2"));
    fs::write(folder.path().join("dead"), text).unwrap();
    let size = format!("4 ? {MALFORMED_BYTES}");
    assert_eq!(shown(&read(folder.path()).await), ["1 1", "3 ? 8", &size, "5 ? 3", "6 2"]);
}

#[tokio::test]
async fn long_files_come_in_parts_and_completely() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (1..=20_000).map(|number| event(&number.to_string()) + "\n").collect();
    fs::write(folder.path().join("dead"), &text).unwrap();
    let records = read(folder.path()).await;
    assert_eq!(records.len(), 20_000);
    for (at, record) in records.iter().enumerate() {
        assert_eq!(record.position, at as u64 + 1);
        assert_eq!(record.message.as_ref().unwrap().id(), record.position.to_string());
    }
}

#[tokio::test]
async fn a_folder_in_its_place_is_an_error_and_not_an_empty_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("dead")).unwrap();
    let place = Place { base_dir: folder.path(), state_dir: folder.path() };
    let mut back = File.read_back("default/dead", &json!({"path": "dead"}), &place).unwrap();
    let error = back.next().await.unwrap_err().to_string();
    assert!(error.contains("no regular file"), "{error}");
}

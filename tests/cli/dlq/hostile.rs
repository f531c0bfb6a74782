//! What others wrote into a dead letter: it is shown safely, and never gets further than it may.

use std::fs;

use crate::rig::guests::Guest;

use super::{candidate, deploy, dlq, out, places};

fn letter(id: &str, more: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t",{more}"data":1}}"#) + "\n"
}

#[test]
fn foreign_lines_do_no_harm() {
    let dir = deploy(false);
    let dir = dir.path();
    candidate(dir, "mended", &Guest::filter(), "failure: {onTrap: DeadLetter}");
    let route = r#""tidegatecause":"trap","tidegateroute":"default/main","#;
    let mut text = String::from("\u{1b}]0;owned\u{7}\n\n{}\n[1,2]\n\u{202e}\n");
    text += &letter("no dead letter", "");
    text += &letter("elsewhere", r#""tidegatecause":"trap","tidegateroute":"default/nowhere","#);
    text += &letter("no route", r#""tidegatecause":"trap","#);
    text += &letter("odd\\u202etime", &format!("{route}\"tidegatetime\":\"not a time\","));
    text += &letter("numbers", r#""tidegatecause":7,"tidegateroute":true,"tidegatereason":false,"#);
    text += &letter(&"long".repeat(1_000), &format!("{route}\"tidegatereason\":\"{}\",", "reason ".repeat(2_000)));
    text += &letter("good", route);
    text += &"x".repeat(65 << 20);
    text += "\n";
    text += &letter("last", route);
    text += "half a line";
    fs::write(dir.join("dead.jsonl"), &text).expect("write");

    for args in [&["list"][..], &["list", "-o", "json"], &["list", "--all"], &["list", "--cause", "unreadable"]] {
        let said = dlq(dir, args).fine();
        assert!(!said.contains(['\u{1b}', '\u{7}']), "{args:?}");
        assert!(args.contains(&"json") || !said.contains('\u{202e}'), "{args:?}");
        assert!(said.lines().count() < 20 && (args.contains(&"json") || said.len() < 20_000), "{args:?}");
    }
    assert_eq!(places(dir, &["--cause", "unreadable"]).len(), 5);
    assert_eq!(places(dir, &[]).len(), 12, "an event that is no dead letter is left alone");

    let ran = dlq(dir, &["replay", "--with", "mended"]).ended(1);
    assert!(ran.stdout.contains("4 delivered, 8 passed over"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the documents have no route `default/nowhere`"), "{}", ran.stdout);
    assert!(!ran.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{}", ran.stdout);
    assert_eq!(out(dir).lines().count(), 4);
    assert!(!out(dir).contains("tidegate"));
    assert_eq!(fs::read_to_string(dir.join("dead.jsonl")).expect("there"), text, "nothing there was touched");

    // What nobody can replay can be dropped.
    dlq(dir, &["drop", "--all"]).fine();
    assert_eq!(places(dir, &[]).len(), 0);
}

/// Notes that somebody broke make entries come again rather than never.
#[test]
fn broken_notes_note_nothing() {
    let dir = deploy(false);
    let dir = dir.path();
    let route = r#""tidegatecause":"trap","tidegateroute":"default/main","#;
    fs::write(dir.join("dead.jsonl"), letter("1", route) + &letter("2", route)).expect("write");
    dlq(dir, &["drop", "-e", "1"]).fine();
    let notes = dir.join("state/dlq/default.dead.jsonl");
    let whole = fs::read(&notes).expect("notes");
    fs::write(&notes, &whole[..whole.len() / 2]).expect("write");
    assert_eq!(places(dir, &[]).len(), 2);
    dlq(dir, &["drop", "-e", "2"]).fine();
    assert_eq!(places(dir, &[]).len(), 1);
    fs::write(&notes, [0xff, 0xfe, b'\n']).expect("write");
    assert_eq!(places(dir, &[]).len(), 2);
}

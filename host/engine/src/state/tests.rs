//! Sessions: what a call reads and writes, and what of it lasts.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn keys(keys: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    for key in keys {
        text.extend_from_slice(&(key.len() as u32).to_le_bytes());
        text.extend_from_slice(key.as_bytes());
    }
    text
}

fn entries(entries: &[(&str, Option<&str>, u64)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value, ttl_ms) in entries {
        text.extend_from_slice(&(key.len() as u32).to_le_bytes());
        text.extend_from_slice(&value.map_or(u32::MAX, |value| value.len() as u32).to_le_bytes());
        text.extend_from_slice(&ttl_ms.to_le_bytes());
        text.extend_from_slice(key.as_bytes());
        text.extend_from_slice(value.unwrap_or_default().as_bytes());
    }
    text
}

fn session(max_bytes: u64, ttl_ms: Option<u64>) -> Session {
    let mut session = Session::own(&StateLimits { max_bytes, ttl: ttl_ms.map(Duration::from_millis) });
    session.begin(1000);
    session
}

/// Values, `-` for none.
fn read(session: &mut Session, of: &[&str]) -> String {
    let answer = session.get(&keys(of)).unwrap();
    let mut rest = answer.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        match word(&mut rest).unwrap() {
            u32::MAX => found.push("-".to_owned()),
            length => found.push(String::from_utf8(take(&mut rest, length).unwrap().to_vec()).unwrap()),
        }
    }
    found.join(" ")
}

#[test]
fn a_call_that_fails_has_written_nothing_and_what_went_well_is_seen_by_the_next() {
    let mut session = session(1 << 20, None);
    session.put(&entries(&[("a", Some("1"), 0), ("b", Some("2"), 0), ("b", Some("3"), 0)])).unwrap().unwrap();
    assert_eq!(read(&mut session, &["b", "x", "a"]), "3 - 1");
    session.end(true).unwrap();
    session.begin(1000);
    session.put(&entries(&[("a", None, 0), ("c", Some("4"), 0)])).unwrap().unwrap();
    assert_eq!(read(&mut session, &["a", "b", "c"]), "- 3 4");
    session.end(false).unwrap();
    session.begin(1000);
    assert_eq!(read(&mut session, &["a", "b", "c"]), "1 3 -");
    session.end(true).unwrap();
    assert_eq!(session.finish(), Written::default());
    session.begin(1000);
    assert_eq!(read(&mut session, &["a", "b", "c"]), "1 3 -");
}

#[test]
fn time_is_that_of_the_batch_and_the_policy_shortens_it() {
    let mut session = session(1 << 20, Some(500));
    session
        .put(&entries(&[("short", Some("1"), 100), ("long", Some("2"), 9999), ("none", Some("3"), 0)]))
        .unwrap()
        .unwrap();
    session.end(true).unwrap();
    for (now, found) in [(1099, "1 2 3"), (1100, "- 2 3"), (1499, "- 2 3"), (1500, "- - -")] {
        session.begin(now);
        assert_eq!(read(&mut session, &["short", "long", "none"]), found, "{now}");
    }
}

#[test]
fn what_is_full_takes_nothing_more_but_what_makes_it_smaller() {
    let entry = (3 + STATE_ENTRY_BYTES) as u64;
    let mut session = session(2 * entry, None);
    session.put(&entries(&[("k1", Some("v"), 0), ("k2", Some("v"), 0)])).unwrap().unwrap();
    assert_eq!(
        session.put(&entries(&[("k2", None, 0), ("k3", Some("v"), 0), ("k4", Some("v"), 0)])).unwrap(),
        Err(Refusal::Full)
    );
    assert_eq!(read(&mut session, &["k2", "k3"]), "v -", "all or nothing");
    assert_eq!(session.put(&entries(&[("k2", Some("vv"), 0)])).unwrap(), Err(Refusal::Full));
    session.put(&entries(&[("k2", None, 0), ("k3", Some("v"), 0)])).unwrap().unwrap();
    session.end(true).unwrap();
    session.finish();
    session.begin(1000);
    assert_eq!(session.put(&entries(&[("k2", Some("v"), 0)])).unwrap(), Err(Refusal::Full));
    session.put(&entries(&[("k3", None, 0)])).unwrap().unwrap();
    session.put(&entries(&[("k2", Some("v"), 0)])).unwrap().unwrap();
}

#[test]
fn what_breaks_the_layout_or_the_limits_ends_the_call() {
    let long = "k".repeat(KEY_MAX + 1);
    for (what, text) in
        [("empty key", keys(&[""])), ("long key", keys(&[&long])), ("cut off", keys(&["abc"])[..6].to_vec())]
    {
        assert!(matches!(session(1 << 20, None).get(&text), Err(Broken::Contract(_))), "{what}");
    }
    for (what, text) in [
        ("empty key", entries(&[("", Some("v"), 0)])),
        ("long key", entries(&[(&long, Some("v"), 0)])),
        ("cut off", entries(&[("abc", Some("value"), 0)])[..20].to_vec()),
    ] {
        assert!(matches!(session(1 << 20, None).put(&text), Err(Broken::Contract(_))), "{what}");
    }
    let large = "v".repeat(VALUE_MAX + 1);
    assert_eq!(session(1 << 20, None).put(&entries(&[("k", Some(&large), 0)])).unwrap(), Err(Refusal::TooLarge));
}

#[test]
fn reads_and_writes_of_a_call_are_numbered_even_empty_ones() {
    let mut session = session(1 << 20, None);
    let reads = (0..).take_while(|_| session.get(&[]).is_ok()).count();
    assert_eq!(reads, KEYS_MAX as usize);
    let writes = (0..).take_while(|_| session.put(&[]).is_ok()).count();
    assert_eq!(writes, KEYS_MAX as usize);
    session.begin(1000);
    assert!(session.get(&keys(&["k"])).is_ok());
}

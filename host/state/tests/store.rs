//! The store by what it promises: what is committed is there after a restart, all of it or nothing; what outlives its time goes; what is
//! damaged is said to be.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use tidegate_state::{Commit, LaneKey, OpenError, Options, Scope, ScopeKey, Store, Usage, Value, Writes, entry_bytes};

fn lane(name: &str) -> LaneKey {
    LaneKey { source: "ns/orders".into(), lane: name.into() }
}

fn scope(store: &Store, policy: &str, of: &str) -> Scope {
    store.scope(&ScopeKey { policy: policy.into(), route: "ns/route".into(), lane: lane(of) })
}

fn open(path: &Path) -> Store {
    Store::open(path, Options::default()).unwrap()
}

fn writes(entries: &[(&str, Option<(&str, u64)>)]) -> Writes {
    let value = |&(text, expires_ms): &(&str, u64)| Value { bytes: text.as_bytes().into(), expires_ms };
    entries.iter().map(|(key, entry)| (key.as_bytes().into(), entry.as_ref().map(value))).collect()
}

#[track_caller]
fn commit(store: &Store, of: &str, position: Option<&str>, by: &[(&Scope, Writes)]) {
    let writes = by.iter().map(|(scope, writes)| ((*scope).clone(), writes.clone())).collect();
    let position = position.map(|text| text.as_bytes().to_vec());
    run(store.commit(Commit { lane: lane(of), position, writes }));
}

#[track_caller]
fn run(mut committed: tidegate_state::Committed) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(committed.wait()).unwrap();
}

#[track_caller]
fn holds(store: &Store, scope: &Scope, key: &str, value: Option<&str>) {
    let found = store.read().unwrap().get(scope, key.as_bytes()).unwrap();
    assert_eq!(found.as_ref().map(|value| &*value.bytes), value.map(str::as_bytes), "{key}");
}

#[test]
fn what_was_committed_is_there_after_a_restart_with_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/state.redb");
    let store = open(&path);
    let a = scope(&store, "ns/a", "0");
    commit(&store, "0", Some("7"), &[(&a, writes(&[("k", Some(("v", 0))), ("gone", Some(("x", 0)))]))]);
    commit(&store, "0", Some("9"), &[(&a, writes(&[("gone", None)]))]);
    let usage = Usage { bytes: entry_bytes(b"k", b"v") as u64, keys: 1 };
    assert_eq!(a.usage(), usage);
    drop((a, store));
    let store = reopen(&path);
    assert_eq!(store.position(&lane("0")).unwrap().as_deref(), Some(&b"9"[..]));
    assert_eq!(store.position(&lane("1")).unwrap(), None);
    let a = scope(&store, "ns/a", "0");
    assert_eq!(a.usage(), usage);
    holds(&store, &a, "k", Some("v"));
    holds(&store, &a, "gone", None);
}

/// The thread that writes lets go of the file a moment after the last handle.
fn reopen(path: &Path) -> Store {
    loop {
        match Store::open(path, Options::default()) {
            Ok(store) => return store,
            Err(OpenError::InUse { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn policies_and_lanes_do_not_see_each_other_and_a_lane_can_be_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("state.redb"));
    let all = [("ns/a", "0"), ("ns/a", "1"), ("ns/b", "0")];
    for (policy, of) in all {
        let scope = scope(&store, policy, of);
        commit(&store, of, Some("1"), &[(&scope, writes(&[("k", Some((&format!("{policy} {of}"), 0)))]))]);
    }
    for (policy, of) in all {
        holds(&store, &scope(&store, policy, of), "k", Some(&format!("{policy} {of}")));
    }
    run(store.forget(lane("0")));
    for (policy, of) in all {
        let value = format!("{policy} {of}");
        holds(&store, &scope(&store, policy, of), "k", (of == "1").then_some(&value));
    }
    assert_eq!(store.position(&lane("0")).unwrap(), None);
    assert!(store.position(&lane("1")).unwrap().is_some());
}

#[test]
fn what_outlives_its_time_is_taken_away_and_counts_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("state.redb"));
    let a = scope(&store, "ns/a", "0");
    // Far from now, so that only this test's clock takes anything away.
    let far = 1 << 45;
    let first = writes(&[("short", Some(("1", far))), ("put off", Some(("2", far))), ("stays", Some(("3", 0)))]);
    commit(&store, "0", None, &[(&a, first)]);
    commit(&store, "0", None, &[(&a, writes(&[("put off", Some(("2", far + 60_000)))]))]);
    run(store.sweep(far - 1));
    assert_eq!(a.usage().keys, 3);
    run(store.sweep(far + 1000));
    holds(&store, &a, "short", None);
    holds(&store, &a, "put off", Some("2"));
    assert_eq!(a.usage().keys, 2);
    run(store.sweep(far + 61_000));
    holds(&store, &a, "put off", None);
    assert_eq!(a.usage(), Usage { bytes: entry_bytes(b"stays", b"3") as u64, keys: 1 });
}

#[test]
fn what_nobody_uses_for_a_day_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("state.redb"));
    let (gone, used) = (scope(&store, "ns/gone", "0"), scope(&store, "ns/used", "0"));
    commit(&store, "0", None, &[(&gone, writes(&[("k", Some(("v", 0)))])), (&used, writes(&[("k", Some(("v", 0)))]))]);
    drop(gone);
    const HOUR: u64 = 3_600_000;
    let now = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    run(store.sweep(now + 23 * HOUR));
    assert_eq!(store.usage().len(), 2);
    run(store.sweep(now + 25 * HOUR));
    let left: Vec<_> = store.usage().into_iter().map(|(key, _)| key.policy).collect();
    assert_eq!(left, ["ns/used".into()]);
    holds(&store, &scope(&store, "ns/gone", "0"), "k", None);
}

#[test]
fn what_is_damaged_is_said_to_be_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let store = open(&path);
    let a = scope(&store, "ns/a", "0");
    let many: Vec<(String, String)> = (0..2000).map(|i| (format!("key {i}"), format!("value {i}"))).collect();
    let entries: Vec<_> = many.iter().map(|(key, value)| (key.as_str(), Some((value.as_str(), 0)))).collect();
    commit(&store, "0", Some("1"), &[(&a, writes(&entries))]);
    drop((a, store));
    drop(reopen(&path));
    drop(reopen(&path));
    let whole = fs::read(&path).unwrap();
    let at = whole.windows(8).position(|text| text == b"value 77").unwrap();
    let mut altered = whole.clone();
    altered[at + 6] ^= 1;
    for (what, content) in [
        ("a byte of a value", altered),
        ("cut to nothing", Vec::new()),
        ("cut in half", whole[..whole.len() / 2].to_vec()),
        ("something else", b"not a store".repeat(1000)),
    ] {
        fs::write(&path, &content).unwrap();
        // The store before lets go of the file a moment after it was dropped.
        let opened = loop {
            match Store::open(&path, Options::default()) {
                Err(OpenError::InUse { .. }) => std::thread::yield_now(),
                opened => break opened,
            }
        };
        match opened {
            Err(OpenError::Damaged { .. } | OpenError::Failed { .. }) => {}
            Err(error) => panic!("{what}: {error}"),
            Ok(_) => panic!("{what}: taken for good"),
        }
    }
    fs::write(&path, &whole).unwrap();
    let store = reopen(&path);
    holds(&store, &scope(&store, "ns/a", "0"), "key 77", Some("value 77"));
}

#[test]
fn a_second_host_is_told_that_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let _store = open(&path);
    assert!(matches!(Store::open(&path, Options::default()), Err(OpenError::InUse { .. })));
}

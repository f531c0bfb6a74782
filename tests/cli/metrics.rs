//! `/metrics` against its documentation, and what it says of a policy that is replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::admin_api::{Running, document, event_line, guilty_line, line};
use crate::rig::guests::{Guest, drops_guilty};
use crate::rig::request::get;
use crate::support::{digest, root};

/// Name, type and labels, of each row of the tables.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let text = fs::read_to_string(root().join("host/server/METRICS.md")).expect("the tables");
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        Some((name.to_owned(), (cells[2].to_owned(), words(cells[3]))))
    };
    text.lines().filter_map(row).collect()
}

/// A name as it stands in a table: counters with `_total`, infos with `_info`.
fn shown(name: &str, kind: &str) -> String {
    match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    }
}

fn metrics(host: &Running) -> String {
    get(&host.address, "/metrics").expect("an answer").body
}

/// The sum of a metric over series with these labels.
fn sum(text: &str, name: &str, labels: &[&str]) -> u64 {
    let of = |line: &&str| line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label));
    text.lines().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[test]
fn the_tables_say_what_a_host_shows() {
    let mut host = Running::folder();
    host.feed(&(event_line("1") + &event_line("2")));
    host.delivered(2);
    let text = metrics(&host);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let found: BTreeMap<String, String> = types.map(|(name, kind)| (shown(name, kind), kind.to_owned())).collect();
    let documented = documented();
    let listed: BTreeMap<String, String> =
        documented.iter().map(|(name, (kind, _))| (name.clone(), kind.clone())).collect();
    assert_eq!(found, listed, "left: the host; right: host/server/METRICS.md");
    let parts = ["_bucket", "_sum", "_count"];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let base = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        let Some((_, expected)) = documented.get(base) else { panic!("{base} is not listed: {line}") };
        let keys = labels.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\""));
        let keys: BTreeSet<String> = keys.map(|(key, _)| key.to_owned()).filter(|key| key != "le").collect();
        assert_eq!(keys, *expected, "{line}");
    }
    assert!(host.host.stop().success());
}

#[test]
fn a_policy_is_counted_by_digest_and_sums_never_go_back() {
    let mut host = Running::api();
    let guard = |digest: &str| {
        let wasm = format!("wasm: {{module: 'file:guard.wasm', digest: '{digest}'}}");
        document("FilterPolicy", "guard", &format!("{{phase: Validate, {wasm}, failure: {{onTrap: Bypass}}}}"))
    };
    let (first, second) = (drops_guilty(), Guest::filter().guilty("unreachable"));
    let (one, two) = (host.upload(&first), host.upload(&second));
    assert_eq!(one, digest(&first.component()));
    host.apply(&[line(host.dir.path()), guard(&one)]);
    host.feed(&(event_line("1") + &guilty_line("2") + &event_line("3")));
    host.delivered(2);
    let counted = |host: &mut Running, name: &'static str, labels: &[&str], count: u64| {
        let address = host.address.clone();
        host.host.until(&format!("{count} in {name} {labels:?}"), || {
            let text = get(&address, "/metrics").ok()?.body;
            (sum(&text, name, labels) == count).then_some(text)
        })
    };
    let digest_of = |digest: &str| format!("digest=\"{digest}\"");
    let text = counted(&mut host, "tidegate_policy_matched_total", &[&digest_of(&one)], 3);
    let memory = sum(&text, "tidegate_policy_memory_bytes", &[&digest_of(&one)]);
    assert!(memory >= 1 << 16, "an instance has a page at least: {memory}");
    host.apply(&[guard(&two)]);
    host.feed(&(event_line("4") + &guilty_line("5")));
    host.delivered(4);
    let text = counted(&mut host, "tidegate_policy_matched_total", &["policy=\"default/guard\""], 5);
    for (name, labels, count) in [
        ("tidegate_policy_passed_total", [digest_of(&one), String::new()], 2),
        ("tidegate_policy_dropped_total", [digest_of(&one), String::new()], 1),
        ("tidegate_policy_matched_total", [digest_of(&two), String::new()], 2),
        ("tidegate_policy_passed_total", [digest_of(&two), String::new()], 1),
        ("tidegate_policy_dropped_total", [digest_of(&two), String::new()], 0),
        ("tidegate_policy_failed_total", [digest_of(&two), "cause=\"trap\"".to_owned()], 1),
        ("tidegate_policy_bypassed_total", [digest_of(&two), "cause=\"trap\"".to_owned()], 1),
        ("tidegate_route_dropped_total", [String::new(), String::new()], 1),
        ("tidegate_route_lost_total", [String::new(), String::new()], 0),
        ("tidegate_sink_received_total", ["sink=\"default/out\"".to_owned(), String::new()], 4),
        ("tidegate_route_settled_total", ["route=\"default/main\"".to_owned(), String::new()], 5),
    ] {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        assert_eq!(sum(&text, name, &labels), count, "{name} {labels:?}\n{text}");
    }
    // A batch is one call, and the search for a guilty event part of it.
    let calls = sum(&text, "tidegate_policy_call_duration_seconds_count", &[&digest_of(&one)]);
    assert!((1..=3).contains(&calls), "{calls}");
    assert!(text.contains("tidegate_swap_duration_seconds_count 3\n"), "{text}");
    assert!(host.host.stop().success());
}

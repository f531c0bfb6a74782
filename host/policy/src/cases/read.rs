//! From the tree of a file to its cases.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Case, Expect, Expected, Given, GivenEvent, Line, Out, OutOf, Setting, Verdict, codes, expected};
use crate::{
    codes as common,
    diagnostic::quoted,
    kinds::wasm,
    mistakes::{Fields, Mistakes, Shape},
    text::At,
    tree::{Kind, Node},
};

const SETTING: [&str; 6] = ["config", "capabilities", "mayWrite", "mayEmit", "timeout", "now"];
const FILE: Shape = Shape {
    what: "a file of cases",
    keys: &["cases", "config", "capabilities", "mayWrite", "mayEmit", "timeout", "now"],
    later: &[],
};
const CASE: Shape = Shape {
    what: "a case",
    keys: &[
        "name",
        "config",
        "capabilities",
        "mayWrite",
        "mayEmit",
        "timeout",
        "now",
        "context",
        "event",
        "events",
        "expect",
        "out",
        "log",
        "metrics",
        "refused",
    ],
    later: &[],
};
const EXPECT: Shape = Shape { what: "`expect`", keys: &["verdict", "reason", "out", "names"], later: &[] };
const LINE: Shape = Shape { what: "a line of `log`", keys: &["level", "message"], later: &[] };
const LEVELS: [(&str, &str); 5] =
    [("trace", "trace"), ("debug", "debug"), ("info", "info"), ("warn", "warn"), ("error", "error")];

/// Where events come from that say nothing else.
const SOURCE: &str = "/test";

/// Adds the cases of a file; what cannot be read is a mistake.
pub(super) fn file(root: &Node, cases: &mut Vec<Case>, mistakes: &mut Mistakes<'_>) {
    if matches!(root.kind, Kind::Plain(Value::Null, _)) {
        return;
    }
    let Some(fields) = mistakes.fields(root, &FILE) else { return };
    let common = setting(&fields, &Setting::default(), mistakes);
    let hint = "as in `cases: [{name: …, event: {…}, expect: keep}]`";
    let Some(node) = fields.need("cases", hint, mistakes) else { return };
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (number, item) in mistakes.filled_list(node, "`cases`").unwrap_or_default().iter().enumerate() {
        let Some(case) = case(item, number, &common, mistakes) else { continue };
        let at = item.get("name").map_or(item.at, |name| name.at);
        if let Some(line) = names.insert(case.name.clone(), at.line) {
            let message = format!("two cases are named {}", quoted(&case.name));
            mistakes.hint(codes::SAME_CASE, at, message, format!("the other one is in line {line}"));
        }
        cases.push(case);
    }
}

fn setting(fields: &Fields<'_>, common: &Setting, mistakes: &mut Mistakes<'_>) -> Setting {
    let [config, capabilities, may_write, may_emit, timeout, now] = SETTING.map(|key| fields.get(key));
    let given = Setting {
        config: config.and_then(Node::json),
        capabilities: capabilities.map(|node| wasm::capabilities(node, mistakes)),
        may_write: may_write.map(|node| wasm::may_write(node, mistakes)),
        may_emit: may_emit.and_then(|node| mistakes.integer(node, "`mayEmit`", 0..=wasm::EMIT_MAX)),
        timeout: timeout.and_then(|node| mistakes.duration(node, "`timeout`", 1..=10_000)),
        now_ms: now.and_then(|node| now_ms(node, mistakes)),
    };
    Setting {
        config: given.config.or_else(|| common.config.clone()),
        capabilities: given.capabilities.or_else(|| common.capabilities.clone()),
        may_write: given.may_write.or_else(|| common.may_write.clone()),
        may_emit: given.may_emit.or(common.may_emit),
        timeout: given.timeout.or(common.timeout),
        now_ms: given.now_ms.or(common.now_ms),
    }
}

fn now_ms(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<u64> {
    let text = mistakes.string(node, "`now`")?;
    let time = OffsetDateTime::parse(text, &Rfc3339).ok();
    let ms = time.and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok());
    if ms.is_none() {
        let hint = "it is a time like `2026-01-31T08:00:00Z`, not before 1970";
        mistakes.hint(common::OUT_OF_RANGE, node.at, format!("`now` cannot be {}", quoted(text)), hint);
    }
    ms
}

fn case(node: &Node, number: usize, common: &Setting, mistakes: &mut Mistakes<'_>) -> Option<Case> {
    let before = mistakes.count();
    let fields = mistakes.fields(node, &CASE)?;
    let name = fields.need("name", "what the case shows, in some words", mistakes);
    let name = name.and_then(|node| mistakes.string(node, "the name of a case")).map(str::to_owned);
    let setting = setting(&fields, common, mistakes);
    let given = given(node, &fields, mistakes);
    let count = match &given {
        Some(Given::Events(events)) => Some(events.len()),
        Some(Given::File(_) | Given::Refused(_)) | None => None,
    };
    let expect = fields.get("expect").map(|node| expectations(node, &given, mistakes)).unwrap_or_default();
    if let (Some(count), Some(node)) = (count, fields.get("expect"))
        && mistakes.count() == before
        && expect.len() != count
    {
        let message = format!("{} expected of {count} events", expect.len());
        mistakes.hint(codes::COUNT, node.at, message, "`expect` is a list with one entry an event, in order");
    }
    let out = fields.get("out").and_then(|node| out(node, mistakes));
    let log = fields.get("log").map(|node| lines(node, mistakes));
    let metrics = fields.get("metrics").map(|node| metrics(node, mistakes));
    let says = ["expect", "out", "log", "metrics", "refused"];
    if says.iter().all(|key| fields.get(key).is_none()) && mistakes.count() == before {
        let hint = "say what must come of it: `expect`, `out`, `log`, `metrics` or `refused`";
        mistakes.hint(codes::NOTHING_EXPECTED, node.at, "a case that expects nothing", hint);
    }
    if let (Some(Given::Refused(_)), Some(key)) = (&given, says[..4].iter().find(|key| fields.get(key).is_some())) {
        let at = fields.key(key).unwrap_or(node.at);
        let hint = "a configuration that is refused decides nothing: write two cases";
        mistakes.hint(codes::GIVEN, at, format!("`{key}` beside `refused`"), hint);
    }
    let place = mistakes.text().place(node.get("name").map_or(node.at, |name| name.at));
    Some(Case { name: name?, place, number, setting, given: given?, expect, out, log, metrics })
}

fn given(case: &Node, fields: &Fields<'_>, mistakes: &mut Mistakes<'_>) -> Option<Given> {
    let ways: Vec<&str> = ["event", "events", "refused"].into_iter().filter(|key| fields.get(key).is_some()).collect();
    match ways.as_slice() {
        [] => {
            let hint = "give it `event: {…}`, `events: [{…}]` or `events: FILE`; for a wrong `config` write `refused`";
            mistakes.hint(codes::GIVEN, case.at, "a case without an event", hint);
            return None;
        }
        [_] => {}
        [first, second, ..] => {
            let at = fields.key(second).unwrap_or(case.at);
            mistakes.add(codes::GIVEN, at, format!("`{second}` beside `{first}`"));
            return None;
        }
    }
    let context = fields.get("context").map(|node| context(node, mistakes)).unwrap_or_default();
    if let Some(node) = fields.get("refused") {
        return expected::text(node, "`refused`", mistakes).map(Given::Refused);
    }
    if let Some(node) = fields.get("event") {
        return Some(Given::Events(vec![event(node, 0, &context, mistakes)?]));
    }
    let node = fields.get("events")?;
    if let Kind::String(path) = &node.kind {
        return file_name(path, node.at, mistakes).map(Given::File);
    }
    let items = mistakes.filled_list(node, "`events`")?;
    let events: Vec<Option<GivenEvent>> =
        items.iter().enumerate().map(|(at, item)| event(item, at, &context, mistakes)).collect();
    events.into_iter().collect::<Option<_>>().map(Given::Events)
}

fn event(node: &Node, at: usize, context: &[(String, String)], mistakes: &mut Mistakes<'_>) -> Option<GivenEvent> {
    let Kind::Map(_) = &node.kind else {
        mistakes.wrong_type(node, "an event", "a mapping like `{type: com.acme.order, data: {…}}`");
        return None;
    };
    let Value::Object(mut event) = node.json()? else { return None };
    if !event.contains_key("type") {
        let hint = "an event needs at least `type`; `specversion`, `id` and `source` are filled in";
        mistakes.hint(common::MISSING_KEY, node.at, "the event has no `type`", hint);
    }
    for (key, value) in defaults(at, event.get("data"), event.contains_key("datacontenttype")) {
        event.entry(key).or_insert(value);
    }
    let event = Value::Object(in_order(event));
    Some(GivenEvent { event, context: context.to_vec(), place: mistakes.text().place(node.at) })
}

/// What an event has that says nothing else; as the codec writes it, so that what comes out can be compared.
fn defaults(at: usize, data: Option<&Value>, has_media_type: bool) -> Vec<(&'static str, Value)> {
    let mut defaults =
        vec![("specversion", json!("1.0")), ("id", json!((at + 1).to_string())), ("source", json!(SOURCE))];
    if data.is_some() && !has_media_type {
        defaults.push(("datacontenttype", json!("application/json")));
    }
    defaults
}

/// Attributes of the specification first, data last.
fn in_order(mut event: Map<String, Value>) -> Map<String, Value> {
    const FIRST: [&str; 8] =
        ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
    let mut ordered = Map::new();
    for key in FIRST {
        if let Some(value) = event.shift_remove(key) {
            ordered.insert(key.to_owned(), value);
        }
    }
    let (data, extensions): (Vec<_>, Vec<_>) = event.into_iter().partition(|(key, _)| key.starts_with("data"));
    ordered.extend(extensions.into_iter().chain(data));
    ordered
}

fn context(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<(String, String)> {
    let Kind::Map(entries) = &node.kind else {
        mistakes.wrong_type(node, "`context`", "a mapping like `{principal: ada}`");
        return Vec::new();
    };
    let entries = entries.iter().filter_map(|entry| {
        let value = mistakes.string(&entry.value, &format!("the value of {}", quoted(&entry.key)))?;
        Some((entry.key.clone(), value.to_owned()))
    });
    entries.collect()
}

fn expectations(node: &Node, given: &Option<Given>, mistakes: &mut Mistakes<'_>) -> Vec<Expect> {
    let event = |at: usize| match given {
        Some(Given::Events(events)) => events.get(at).map(|given| &given.event),
        Some(Given::File(_) | Given::Refused(_)) | None => None,
    };
    match &node.kind {
        Kind::List(items) => {
            items.iter().enumerate().filter_map(|(at, item)| expect(item, event(at), mistakes)).collect()
        }
        Kind::Broken | Kind::Plain(..) | Kind::String(_) | Kind::Map(_) => {
            expect(node, event(0), mistakes).into_iter().collect()
        }
    }
}

/// `keep`, or `{verdict: …, …}`.
fn expect(node: &Node, event: Option<&Value>, mistakes: &mut Mistakes<'_>) -> Option<Expect> {
    let words = Verdict::ALL.map(|verdict| (verdict.word(), verdict));
    if let Kind::String(_) = &node.kind {
        let verdict = Some(mistakes.word(node, "`expect`", &words, &[])?);
        return Some(Expect { verdict, ..Expect::default() });
    }
    let fields = mistakes.fields(node, &EXPECT)?;
    let verdict = fields.get("verdict").map(|node| mistakes.word(node, "`verdict`", &words, &[]));
    let reason = fields.get("reason").map(|node| expected::text(node, "`reason`", mistakes));
    let out = fields.get("out").map(|node| out_of(node, event, mistakes));
    let names = fields.get("names").map(|node| strings(node, "`names`", mistakes));
    // Each was looked at before any ends it.
    let expect = Expect { verdict: flat(verdict)?, reason: flat(reason)?, out: flat(out)?, names: flat(names)? };
    if matches!(expect, Expect { verdict: None, reason: None, out: None, names: None }) {
        mistakes.hint(codes::NOTHING_EXPECTED, node.at, "`expect` says nothing", "as in `expect: {verdict: drop}`");
    }
    Some(expect)
}

/// `None` inside: it was a mistake.
fn flat<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
    }
}

fn out_of(node: &Node, event: Option<&Value>, mistakes: &mut Mistakes<'_>) -> Option<OutOf> {
    if let Kind::String(_) = &node.kind {
        return mistakes.word(node, "`out`", &[("same", ())], &[]).map(|()| OutOf::Same);
    }
    let items = mistakes.list(node, "`out`")?;
    let read: Vec<Option<Expected>> = items.iter().map(|item| event_out(item, event, mistakes)).collect();
    read.into_iter().collect::<Option<_>>().map(OutOf::Events)
}

fn out(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Out> {
    if let Kind::String(path) = &node.kind {
        return file_name(path, node.at, mistakes).map(Out::File);
    }
    let items = mistakes.list(node, "`out`")?;
    let read: Vec<Option<Expected>> = items.iter().map(|item| event_out(item, None, mistakes)).collect();
    read.into_iter().collect::<Option<_>>().map(Out::Events)
}

/// An event that is expected: what `event` leaves out is filled in here in the same way; `id` and `source` are those of the event that it
/// stems from, where it is known.
fn event_out(node: &Node, origin: Option<&Value>, mistakes: &mut Mistakes<'_>) -> Option<Expected> {
    let Kind::Map(_) = &node.kind else {
        mistakes.wrong_type(node, "an event", "a mapping");
        return None;
    };
    let expected = expected::read(node, mistakes)?;
    let data = expected.key("data").map(|_| Value::Null);
    let mut filled = defaults(0, data.as_ref(), expected.key("datacontenttype").is_some());
    filled.retain(|(key, _)| origin.is_some() || !["id", "source"].contains(key));
    for (key, value) in &mut filled {
        if let Some(of_origin) = origin.and_then(|origin| origin.get(*key)) {
            *value = of_origin.clone();
        }
    }
    Some(expected.with_defaults(&filled))
}

fn file_name(path: &str, at: At, mistakes: &mut Mistakes<'_>) -> Option<String> {
    if path.is_empty() || path.starts_with('/') {
        let hint = "a path relative to the file of the case, as in `../events.jsonl`";
        mistakes.hint(common::OUT_OF_RANGE, at, format!("no file can be named {}", quoted(path)), hint);
        return None;
    }
    Some(path.to_owned())
}

fn strings(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<Vec<String>> {
    let items = mistakes.list(node, what)?;
    let read: Vec<Option<String>> =
        items.iter().map(|item| mistakes.string(item, "a name").map(str::to_owned)).collect();
    read.into_iter().collect()
}

/// `[text, {level: warn, message: text}]`.
fn lines(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<Line> {
    let items = mistakes.list(node, "`log`").unwrap_or_default();
    let line = |item: &Node, mistakes: &mut Mistakes<'_>| {
        let is_text = !matches!(&item.kind, Kind::Map(entries) if !entries.iter().any(|e| e.key.starts_with('$')));
        if is_text {
            return Some(Line { level: None, message: expected::text(item, "a line of `log`", mistakes)? });
        }
        let fields = mistakes.fields(item, &LINE)?;
        let level = fields.get("level").and_then(|node| mistakes.word(node, "`level`", &LEVELS, &[]));
        let message = fields.need("message", "what the line says", mistakes)?;
        Some(Line { level, message: expected::text(message, "`message`", mistakes)? })
    };
    items.iter().filter_map(|item| line(item, mistakes)).collect()
}

fn metrics(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<(String, u64)> {
    let Kind::Map(entries) = &node.kind else {
        mistakes.wrong_type(node, "`metrics`", "a mapping like `{orders: 1}`");
        return Vec::new();
    };
    let entries = entries.iter().filter_map(|entry| {
        let count: i64 = mistakes.integer(&entry.value, "a counter", 0..=i64::MAX)?;
        Some((entry.key.clone(), count.unsigned_abs()))
    });
    entries.collect()
}

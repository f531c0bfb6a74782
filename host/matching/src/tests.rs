//! Conditions against events, patterns against names.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod index;
mod patterns;

use proptest::prelude::*;
use tidegate_event::{Event, Value};
use tidegate_policy::spec::{Condition, Effect, Level, Match, TopicPattern};

use crate::{Matcher, Names, fits};

/// `type=com.shop.order subject=a`: attributes of an event; those that are missing but required are filled in.
fn event(attributes: &str) -> Event {
    let mut event = Event::builder().id("1").source("/s").ty("t");
    for pair in attributes.split_whitespace() {
        let (name, value) = pair.split_once('=').unwrap();
        event = match name {
            "id" => event.id(value),
            "source" => event.source(value),
            "type" => event.ty(value),
            "subject" => event.subject(value),
            "time" => event.time(value),
            "datacontenttype" => event.datacontenttype(value),
            "dataschema" => event.dataschema(value),
            name => event.extension(name, value.parse().map_or(Value::String(value.into()), Value::Integer)),
        };
    }
    event.build().unwrap()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split_whitespace().map(|pair| pair.split_once('=').unwrap()).map(|(n, v)| (n.into(), v.into())).collect()
}

fn exact(text: &str) -> Condition {
    Condition::Exact(pairs(text))
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

#[track_caller]
fn check(condition: &Condition, attributes: &str, holds: bool) {
    assert_eq!(Matcher::condition(Some(condition)).holds(&event(attributes)), holds, "{condition:?} of {attributes}");
}

#[test]
fn exact_compares_the_whole_value() {
    check(&exact("type=com.shop.order"), "type=com.shop.order", true);
    check(&exact("type=com.shop.order"), "type=com.shop.order.v2", false);
    check(&exact("type=com.shop.order"), "type=com.shop", false);
    check(&exact("type=com.shop.order"), "type=Com.Shop.Order", false);
}

/// An extension that is called so proves nothing.
#[test]
fn a_principal_is_what_the_source_made_sure_of() {
    let matcher = Matcher::condition(Some(&exact("principal=billing")));
    let claimed = event("principal=billing");
    assert!(!matcher.holds(&claimed));
    assert!(matcher.holds(&claimed.with_context(&[("principal", "billing")])));
    assert!(!matcher.holds(&event("type=t").with_context(&[("principal", "other")])));
}

#[test]
fn every_pair_must_hold() {
    check(&exact("type=a subject=b"), "type=a subject=b", true);
    check(&exact("type=a subject=b"), "type=a subject=c", false);
    check(&exact("type=a subject=b"), "type=a", false);
}

#[test]
fn prefix_matches_only_from_the_start() {
    let prefix = Condition::Prefix(pairs("type=com.shop."));
    check(&prefix, "type=com.shop.order", true);
    check(&prefix, "type=com.shop.", true);
    check(&prefix, "type=org.com.shop.x", false);
    check(&prefix, "type=com.shop", false);
}

#[test]
fn suffix_matches_only_at_the_end() {
    let suffix = Condition::Suffix(pairs("subject=.jpg"));
    check(&suffix, "subject=cat.jpg", true);
    check(&suffix, "subject=cat.jpg.exe", false);
    check(&suffix, "", false);
}

#[test]
fn a_missing_attribute_never_compares() {
    for condition in [exact("subject=a"), Condition::Prefix(pairs("tenant=a")), Condition::Suffix(pairs("time=Z"))] {
        check(&condition, "", false);
        check(&not(condition), "", true);
    }
}

#[test]
fn every_core_attribute_is_found() {
    let all = "id=7 source=/x type=y subject=z time=2024-01-01T00:00:00Z datacontenttype=text/plain dataschema=urn:a specversion=1.0";
    for pair in all.split_whitespace() {
        let given = all.replace(" specversion=1.0", "");
        check(&exact(pair), &given, true);
        let (name, value) = pair.split_once('=').unwrap();
        check(&exact(&format!("{name}={value}x")), &given, false);
    }
}

#[test]
fn extensions_compare_in_canonical_form() {
    check(&exact("tenant=acme"), "tenant=acme", true);
    check(&exact("shard=-3"), "shard=-3", true);
    check(&exact("shard=3"), "shard=-3", false);
    let typed = Event::builder().id("1").source("/s").ty("t");
    let typed = typed.extension("flag", Value::Boolean(true)).extension("raw", Value::Binary(b"hi!".into()));
    let typed = typed.build().unwrap();
    for pair in ["flag=true", "raw=aGkh"] {
        assert!(Matcher::condition(Some(&exact(pair))).holds(&typed), "{pair}");
    }
}

#[test]
fn entries_are_alternatives_and_conditions_in_them_are_not() {
    let entry = |filters: &[&str]| Match { topics: Vec::new(), filters: filters.iter().map(|f| exact(f)).collect() };
    let matcher = Matcher::policy(&[entry(&["type=a", "subject=b"]), entry(&["type=c"])]);
    let cases =
        [("type=a subject=b", true), ("type=a", false), ("type=c", true), ("type=c subject=b", true), ("", false)];
    for (attributes, holds) in cases {
        assert_eq!(matcher.holds(&event(attributes)), holds, "{attributes}");
    }
}

#[test]
fn what_always_holds_says_so() {
    let empty = Condition::All(Vec::new());
    assert!(Matcher::all().is_all());
    assert!(Matcher::policy(&[]).is_all());
    assert!(Matcher::condition(None).is_all());
    assert!(Matcher::condition(Some(&empty)).is_all());
    assert!(Matcher::condition(Some(&Condition::Any(vec![exact("type=a"), empty]))).is_all());
    assert!(!Matcher::condition(Some(&exact("type=t"))).is_all());
    check(&Condition::Any(Vec::new()), "", false);
}

fn pattern(text: &str) -> TopicPattern {
    let level = |word: &str| match word {
        "*" => Level::One,
        ">" => Level::Rest,
        word => Level::Literal(word.into()),
    };
    let (effect, text) = match text.strip_prefix('!') {
        Some(rest) => (Effect::Excludes, rest),
        None => (Effect::Includes, text),
    };
    TopicPattern { effect, levels: text.split('/').map(level).collect() }
}

#[test]
fn topics_fit_level_by_level() {
    let cases = [
        ("orders", "orders", true),
        ("orders", "orders/eu", false),
        ("orders/eu", "orders", false),
        ("orders/*", "orders/eu", true),
        ("orders/*", "orders", false),
        ("orders/*", "orders/eu/west", false),
        ("orders/*/west", "orders/eu/west", true),
        ("orders/>", "orders/eu", true),
        ("orders/>", "orders/eu/west/1", true),
        ("orders/>", "orders", false),
        ("orders/>", "order/eu", false),
        (">", "a", true),
        (">", "a/b", true),
        ("orders", "ordersx", false),
        ("*", "", true),
        ("a/*", "a/", true),
    ];
    for (text, name, holds) in cases {
        assert_eq!(fits(&pattern(text), name), holds, "{text} of {name}");
    }
}

#[test]
fn one_of_several_patterns_is_enough() {
    let names = Names::new(&[pattern("orders/eu/>"), pattern("bills/*")]);
    for (name, fits) in [("orders/eu/west", true), ("bills/1", true), ("orders/us/west", false), ("bills", false)] {
        assert_eq!(names.fits(name), fits, "{name}");
    }
    assert!(!Names::new(&[]).fits("orders"));
}

#[test]
fn exceptions_win_whatever_their_place() {
    let names = Names::new(&[pattern("!orders/test/>"), pattern("orders/>"), pattern("!*/*/secret")]);
    for (name, fits) in [
        ("orders/eu", true),
        ("orders/test", true),
        ("orders/test/eu", false),
        ("orders/eu/secret", false),
        ("orders/eu/secret/1", true),
        ("bills/eu", false),
    ] {
        assert_eq!(names.fits(name), fits, "{name}");
    }
}

/// Conditions as documents can say them, over few names and values so that they do hold now and then.
fn conditions() -> impl Strategy<Value = Condition> {
    let pairs = || prop::collection::vec(("type|subject|tenant", "[ab]{1,2}"), 1..3);
    let leaf = prop_oneof![
        pairs().prop_map(Condition::Exact),
        pairs().prop_map(Condition::Prefix),
        pairs().prop_map(Condition::Suffix),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![list.clone().prop_map(Condition::All), list.prop_map(Condition::Any), inner.prop_map(not)]
    })
}

fn events() -> impl Strategy<Value = Event> {
    let value = || prop::option::of("[ab]{1,3}");
    ("[ab]{1,3}", value(), value()).prop_map(|(ty, subject, tenant)| {
        let mut event = Event::builder().id("1").source("/s").ty(&ty);
        if let Some(subject) = subject {
            event = event.subject(&subject);
        }
        if let Some(tenant) = tenant {
            event = event.extension("tenant", Value::String(tenant.into()));
        }
        event.build().unwrap()
    })
}

/// Conditions as the specification words them, without anything compiled.
fn plainly(condition: &Condition, event: &Event) -> bool {
    let each = |pairs: &[(String, String)], test: &dyn Fn(&str, &str) -> bool| {
        pairs.iter().all(|(name, wanted)| event.attribute(name).is_some_and(|value| test(&value, wanted)))
    };
    match condition {
        Condition::Exact(pairs) => each(pairs, &|value, wanted| value == wanted),
        Condition::Prefix(pairs) => each(pairs, &|value, wanted| value.starts_with(wanted)),
        Condition::Suffix(pairs) => each(pairs, &|value, wanted| value.ends_with(wanted)),
        Condition::All(inner) => inner.iter().all(|c| plainly(c, event)),
        Condition::Any(inner) => inner.iter().any(|c| plainly(c, event)),
        Condition::Not(inner) => !plainly(inner, event),
        Condition::Cesql(_) | Condition::Pattern(_) => panic!("not among the strategies"),
    }
}

fn holds(condition: &Condition, event: &Event) -> bool {
    Matcher::condition(Some(condition)).holds(event)
}

proptest! {
    #[test]
    fn compiling_changes_no_answer(condition in conditions(), event in events()) {
        prop_assert_eq!(holds(&condition, &event), plainly(&condition, &event));
    }

    #[test]
    fn not_not_is_nothing(condition in conditions(), event in events()) {
        prop_assert_eq!(holds(&not(not(condition.clone())), &event), holds(&condition, &event));
        prop_assert_ne!(holds(&not(condition.clone()), &event), holds(&condition, &event));
    }

    #[test]
    fn all_and_any_are_dual(inner in prop::collection::vec(conditions(), 0..4), event in events()) {
        let negated: Vec<_> = inner.iter().cloned().map(not).collect();
        prop_assert_eq!(
            holds(&not(Condition::All(inner.clone())), &event),
            holds(&Condition::Any(negated.clone()), &event)
        );
        prop_assert_eq!(holds(&not(Condition::Any(inner)), &event), holds(&Condition::All(negated), &event));
    }

    #[test]
    fn a_policy_is_any_of_all(entries in prop::collection::vec(prop::collection::vec(conditions(), 1..3), 1..3), event in events()) {
        let matches: Vec<_> = entries.iter().cloned().map(|filters| Match { topics: Vec::new(), filters }).collect();
        let same = Condition::Any(entries.into_iter().map(Condition::All).collect());
        prop_assert_eq!(Matcher::policy(&matches).holds(&event), holds(&same, &event));
    }

    #[test]
    fn a_name_fits_itself_and_its_generalisations(levels in prop::collection::vec("[a-z]{1,3}", 1..5), star in 0usize..5) {
        let name = levels.join("/");
        prop_assert!(fits(&pattern(&name), &name));
        prop_assert!(fits(&pattern(">"), &name));
        let mut general = levels.clone();
        let star = star % general.len();
        general[star] = "*".into();
        prop_assert!(fits(&pattern(&general.join("/")), &name));
        let longer = format!("{name}/more");
        prop_assert!(!fits(&pattern(&name), &longer));
    }
}

//! Matchers that name what is no name, or events that are not there.

use super::{Case, check};
use crate::rig::guests::{Guest, RESULT};

/// Writes the pair (`$r` + `row`, `name`) for a guilty event.
fn pair(row: &str, name: i32) -> String {
    format!(
        "(local.set $at (i32.add (global.get $out) (i32.mul (local.get $outs) (i32.const 8))))
         (i32.store (local.get $at) {row})
         (i32.store offset=4 (local.get $at) (i32.const {name}))
         (local.set $outs (i32.add (local.get $outs) (i32.const 1)))"
    )
}

fn twice(first: &str, second: &str) -> Guest {
    Guest::matcher().names(&["a", "b"]).guilty(&(pair(first, 1) + &pair(second, 0)))
}

/// Names are given only where somebody is guilty.
fn named(names: &[&str]) -> Guest {
    let none = format!("(if (i32.eqz (local.get $hits)) (then (i32.store (i32.const {}) (i32.const 0))))", RESULT + 24);
    Guest::matcher().names(names).guilty(&pair("(local.get $r)", 0)).always(&none)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_about_names_and_pairs() {
    let many: Vec<String> = (0..65).map(|number| format!("n{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let deep = vec!["a"; 17].join("/");
    let long = "a".repeat(257);
    let odd =
        format!("(i32.store (i32.const {at}) (i32.sub (i32.load (i32.const {at})) (i32.const 1)))", at = RESULT + 32);
    let beyond = Guest::matcher().names(&["a"]).guilty(&pair("(local.get $n)", 0));
    let unknown = Guest::matcher().names(&["a"]).guilty(&pair("(local.get $r)", 1));
    let dropped =
        Guest::matcher().names(&["a"]).guilty(&(pair("(local.get $r)", 0) + "(local.set $code (i32.const 1))"));
    for (name, guest, reason) in [
        ("a blank in a name", named(&["a b"]), "not a name"),
        ("an empty level", named(&["a//b"]), "not a name"),
        ("an empty name", named(&[""]), "not a name"),
        ("a wildcard as a name", named(&["a/>"]), "not a name"),
        ("too deep", named(&[&deep]), "not a name"),
        ("too long", named(&[&long]), "not a name"),
        ("65 names", named(&many), "65 names"),
        ("a pair beyond the batch", beyond, "a pair of event"),
        ("a name that is not there", unknown, "name 1 of 1"),
        ("pairs that do not ascend", twice("(local.get $r)", "(local.get $r)"), "ascend"),
        ("half a pair", Guest::matcher().names(&["a"]).guilty(&pair("(local.get $r)", 0)).finish(&odd), "odd"),
        ("a name for what is dropped", dropped, "not kept"),
    ] {
        check(Case { name, guest, policy: "", cause: "invalid reply", reason }).await;
    }
}

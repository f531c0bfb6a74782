//! Puts what came out in the place of what was expected, and leaves every other byte as it is.

use serde_json::Value;

use crate::{
    File, flow_yaml,
    layout::{self, Item, Shape, Written},
};

/// One value to be written.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// [`super::Case::number`].
    pub case: usize,
    /// Which of it.
    pub spot: Place,
    /// What is to stand there.
    pub value: Value,
}

/// A value of a case that may be written anew; numbers are those of its events, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `out` of the case.
    Out,
    /// `out` of one event.
    OutOf(usize),
    /// `names` of one event.
    Names(usize),
}

/// The text with these values in it. `None` where the text does not hold one document in block style, or a value is not there.
pub fn rewrite(file: &File, rewrites: &[Rewrite]) -> Option<String> {
    let layout = layout::read(&file.text).ok()?;
    let cases = entry(layout.root.as_ref()?, "cases")?;
    let Shape::List(_, cases) = &cases.1.shape else { return None };
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    for Rewrite { case, spot, value } in rewrites {
        let case = cases.get(*case)?;
        let (parent, key) = match spot {
            Place::Out => (case, "out"),
            Place::OutOf(at) => (expectation(case, *at)?, "out"),
            Place::Names(at) => (expectation(case, *at)?, "names"),
        };
        let (name, old) = entry(parent, key)?;
        let in_flow = matches!(&parent.shape, Shape::Map(Written::Flow, _));
        let block = value.as_array().filter(|items| !in_flow && items.iter().any(Value::is_object));
        let lines = match block {
            Some(items) => {
                let line = file.text[..name.start].rfind('\n').map_or(0, |at| at + 1);
                let indent = " ".repeat(file.text[line..name.start].chars().count());
                items.iter().map(|item| format!("\n{indent}- {}", flow_yaml(item))).collect()
            }
            None => format!(" {}", flow_yaml(value)),
        };
        // From the colon on.
        let colon = name.end + file.text[name.end..].find(':')? + 1;
        edits.push((colon, old.end.max(colon), lines));
    }
    edits.sort();
    let mut text = file.text.clone();
    for (start, end, new) in edits.into_iter().rev() {
        text.replace_range(start..end, &new);
    }
    Some(text)
}

fn expectation(case: &Item, at: usize) -> Option<&Item> {
    let (_, expect) = entry(case, "expect")?;
    match &expect.shape {
        Shape::List(_, items) => items.get(at),
        Shape::Map(..) if at == 0 => Some(expect),
        Shape::Map(..) | Shape::Nothing | Shape::Scalar(..) => None,
    }
}

fn entry<'i>(item: &'i Item, key: &str) -> Option<(&'i Item, &'i Item)> {
    let Shape::Map(_, entries) = &item.shape else { return None };
    let found = entries.iter().find(|(name, _)| matches!(&name.shape, Shape::Scalar(_, text) if text == key));
    found.map(|(name, value)| (name, value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: &str, spot: Place, value: Value, after: &str) {
        let file = File { path: "a.yaml".into(), text: before.into() };
        assert_eq!(rewrite(&file, &[Rewrite { case: 1, spot, value }]).unwrap(), after);
    }

    #[test]
    fn only_what_was_expected_is_written_anew() {
        let case = |rest: &str| format!("# top\ncases:\n- {{name: a, event: {{}}, out: [x]}} # one\n- name: b\n{rest}");
        check(
            &case("  expect:\n    out: # why\n    - {a: 1}\n    - {b: 2} # two\n    verdict: keep\n"),
            Place::OutOf(0),
            json!([{"c": "#"}]),
            &case("  expect:\n    out:\n    - {c: \"#\"} # two\n    verdict: keep\n"),
        );
        check(
            &case("  expect:\n  - keep\n  - {names: [a/b], verdict: keep}\n"),
            Place::Names(1),
            json!(["c/d"]),
            &case("  expect:\n  - keep\n  - {names: [c/d], verdict: keep}\n"),
        );
        check(
            &case("  out: []\n  expect: keep\n"),
            Place::Out,
            json!([{"id": "1"}]),
            &case("  out:\n  - {id: \"1\"}\n  expect: keep\n"),
        );
        check(&case("  out:\n  - id: a\n    b: 1\n"), Place::Out, json!([]), &case("  out: []\n"));
    }

    #[test]
    fn what_is_not_there_is_not_written() {
        let file = File { path: "a.yaml".into(), text: "cases: [{name: a, expect: keep}]".into() };
        assert_eq!(rewrite(&file, &[Rewrite { case: 0, spot: Place::OutOf(0), value: json!([]) }]), None);
    }
}

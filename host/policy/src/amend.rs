//! A FilterPolicy whose rollout goes on or is over: its text with that one change, the rest as it was written.

use serde_json::Value;

use crate::{
    File,
    layout::{self, Item, Shape, Written},
    names,
};

/// Where a rollout goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// So many percent of the keys meet the module.
    Percent(u8),
    /// All of them: there is no rollout any more.
    Done,
}

/// The text of one document, a FilterPolicy, with its rollout changed. Where it is written in a way that cannot be changed in its place
/// it is written anew, as JSON. `None` where it is no document, or has no rollout.
pub fn promoted(text: &str, to: Promotion) -> Option<String> {
    let said = value(text)?;
    let mut wanted = said.clone();
    let spec = wanted.get_mut("spec")?.as_object_mut()?;
    let rollout = spec.get_mut("rollout")?.as_object_mut()?;
    match to {
        Promotion::Percent(percent) => drop(rollout.insert("percent".into(), percent.into())),
        Promotion::Done => drop(spec.remove("rollout")),
    }
    let in_place = in_place(text, to).filter(|amended| value(amended).as_ref() == Some(&wanted));
    Some(in_place.unwrap_or_else(|| format!("---\n{wanted:#}\n")))
}

fn value(text: &str) -> Option<Value> {
    let file = File { path: String::new(), text: text.to_owned() };
    match <[names::Piece; 1]>::try_from(names::pieces(&file)) {
        Ok([piece]) => Some(piece.value),
        Err(_) => None,
    }
}

fn in_place(text: &str, to: Promotion) -> Option<String> {
    let root = layout::read(text).ok()?.root?;
    let (_, entries) = map(entry(map(&root)?.1, "spec")?.1)?;
    let (_, rollout) = entry(entries, "rollout")?;
    let (from, until, instead) = match to {
        Promotion::Percent(percent) => match entry(map(rollout)?.1, "percent") {
            Some((_, value)) => (value.start, value.end, percent.to_string()),
            None => return None,
        },
        Promotion::Done => {
            let (from, until) = without(text, map(entry(map(&root)?.1, "spec")?.1)?, "rollout")?;
            (from, until, String::new())
        }
    };
    Some([&text[..from], &instead, &text[until..]].concat())
}

/// The bytes that an entry takes, with what separates it from others.
fn without(text: &str, (written, entries): (Written, &[(Item, Item)]), name: &str) -> Option<(usize, usize)> {
    let at = entries.iter().position(|(key, _)| is(key, name))?;
    let (key, value) = &entries[at];
    Some(match written {
        Written::Block => {
            let from = text[..key.start].rfind('\n').map_or(0, |line| line + 1);
            let end = value.end.max(key.end);
            (from, text[end..].find('\n').map_or(text.len(), |line| end + line + 1))
        }
        Written::Flow => match (entries.get(at + 1), at.checked_sub(1).map(|before| &entries[before])) {
            (Some((next, _)), _) => (key.start, next.start),
            (None, Some((_, before))) => (before.end, value.end.max(key.end)),
            (None, None) => (key.start, value.end.max(key.end)),
        },
    })
}

fn map(item: &Item) -> Option<(Written, &[(Item, Item)])> {
    match &item.shape {
        Shape::Map(written, entries) => Some((*written, entries)),
        Shape::Nothing | Shape::Scalar(..) | Shape::List(..) => None,
    }
}

fn entry<'i>(entries: &'i [(Item, Item)], name: &str) -> Option<(&'i Item, &'i Item)> {
    entries.iter().find(|(key, _)| is(key, name)).map(|(key, value)| (key, value))
}

fn is(key: &Item, name: &str) -> bool {
    matches!(&key.shape, Shape::Scalar(_, word) if word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, percent: &str, done: &str) {
        assert_eq!(promoted(text, Promotion::Percent(50)).as_deref(), Some(percent));
        assert_eq!(promoted(text, Promotion::Done).as_deref(), Some(done));
    }

    #[test]
    fn only_the_rollout_changes() {
        check(
            "---\nkind: FilterPolicy\nspec: # why\n  phase: Admit\n  rollout:\n    percent: 20 # for now\n    baseline: b\n  mode: Enforce # so\n",
            "---\nkind: FilterPolicy\nspec: # why\n  phase: Admit\n  rollout:\n    percent: 50 # for now\n    baseline: b\n  mode: Enforce # so\n",
            "---\nkind: FilterPolicy\nspec: # why\n  phase: Admit\n  mode: Enforce # so\n",
        );
        check(
            "kind: FilterPolicy\nspec:\n  phase: Admit\n  rollout: {percent: 5, baseline: b}",
            "kind: FilterPolicy\nspec:\n  phase: Admit\n  rollout: {percent: 50, baseline: b}",
            "kind: FilterPolicy\nspec:\n  phase: Admit\n",
        );
        check(
            "{kind: FilterPolicy, spec: {phase: Admit, rollout: {baseline: b, percent: 5}}}\n",
            "{kind: FilterPolicy, spec: {phase: Admit, rollout: {baseline: b, percent: 50}}}\n",
            "{kind: FilterPolicy, spec: {phase: Admit}}\n",
        );
        check(
            "{\"kind\": \"FilterPolicy\", \"spec\": {\"rollout\": {\"percent\": 5}, \"phase\": \"Admit\"}}\n",
            "{\"kind\": \"FilterPolicy\", \"spec\": {\"rollout\": {\"percent\": 50}, \"phase\": \"Admit\"}}\n",
            "{\"kind\": \"FilterPolicy\", \"spec\": {\"phase\": \"Admit\"}}\n",
        );
    }

    #[test]
    fn what_has_no_rollout_is_none() {
        for text in ["", "kind: FilterPolicy\nspec: {phase: Admit}\n", "a: [", "spec: {rollout: 5}"] {
            assert_eq!(promoted(text, Promotion::Done), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_changed_in_its_place_is_written_anew() {
        let amended = promoted("spec: {rollout: {baseline: b}}\n", Promotion::Percent(7)).unwrap_or_default();
        assert_eq!(value(&amended), value("spec: {rollout: {baseline: b, percent: 7}}"), "{amended}");
    }
}

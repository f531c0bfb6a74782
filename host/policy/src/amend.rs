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

impl Promotion {
    /// Of the keys, those that meet the module then.
    pub fn percent(self) -> u8 {
        match self {
            Promotion::Percent(percent) => percent,
            Promotion::Done => 100,
        }
    }
}

/// The text of one document, a FilterPolicy, with its rollout changed. One that promotes itself goes on from there: the steps before are
/// taken out, and `promote` where none is left to take, or nothing decides. Where it is written in a way that cannot be changed in
/// its place it is written anew, as JSON. `None` where it is no document, or has no rollout.
pub fn promoted(text: &str, to: Promotion) -> Option<String> {
    let said = value(text)?;
    let mut wanted = said.clone();
    let spec = wanted.get_mut("spec")?.as_object_mut()?;
    let rollout = spec.get_mut("rollout")?.as_object_mut()?;
    match to {
        Promotion::Percent(percent) => {
            rollout.insert("percent".into(), percent.into());
            goes_on(rollout, percent);
        }
        Promotion::Done => drop(spec.remove("rollout")),
    }
    let in_place = in_place(text, to, &wanted).filter(|amended| value(amended).as_ref() == Some(&wanted));
    Some(in_place.unwrap_or_else(|| format!("---\n{wanted:#}\n")))
}

/// Leaves of the steps those from `percent` on.
fn goes_on(rollout: &mut serde_json::Map<String, Value>, percent: u8) {
    let Some(steps) = rollout.get_mut("promote").and_then(|promote| promote.get_mut("steps")?.as_array_mut()) else {
        return;
    };
    steps.retain(|step| step.as_u64().is_none_or(|step| step >= percent.into()));
    let last = steps.last().and_then(Value::as_u64);
    if percent == 0 || last.is_none() || (last == Some(percent.into()) && percent < 100) {
        rollout.remove("promote");
    }
}

fn value(text: &str) -> Option<Value> {
    let file = File { path: String::new(), text: text.to_owned() };
    match <[names::Piece; 1]>::try_from(names::pieces(&file)) {
        Ok([piece]) => Some(piece.value),
        Err(_) => None,
    }
}

fn in_place(text: &str, to: Promotion, wanted: &Value) -> Option<String> {
    let root = layout::read(text).ok()?.root?;
    let spec = map(entry(map(&root)?.1, "spec")?.1)?;
    let rollout = map(entry(spec.1, "rollout")?.1)?;
    let mut changes = match to {
        Promotion::Done => vec![(without(text, spec, "rollout")?, String::new())],
        Promotion::Percent(percent) => {
            let (_, value) = entry(rollout.1, "percent")?;
            let percent = [((value.start, value.end), percent.to_string())].into_iter();
            percent.chain(passed(text, rollout, wanted).map(|bytes| (bytes, String::new()))).collect()
        }
    };
    changes.sort();
    let mut amended = text.to_owned();
    for ((from, until), instead) in changes.into_iter().rev() {
        amended.replace_range(from..until, &instead);
    }
    Some(amended)
}

/// The bytes of what is taken out of `promote`: all of it, or the first steps.
fn passed(text: &str, rollout: (Written, &[(Item, Item)]), wanted: &Value) -> Option<(usize, usize)> {
    let (_, promote) = entry(rollout.1, "promote")?;
    let Some(left) = wanted.pointer("/spec/rollout/promote/steps") else { return without(text, rollout, "promote") };
    let (_, steps) = entry(map(promote)?.1, "steps")?;
    let Shape::List(written, steps) = &steps.shape else { return None };
    let first = steps.first().filter(|_| left.as_array().is_some_and(|left| left.len() < steps.len()))?;
    let kept = steps.get(steps.len() - left.as_array()?.len())?;
    let line = |at: usize| text[..at].rfind('\n').map_or(0, |line| line + 1);
    Some(match written {
        Written::Block => (line(first.start), line(kept.start)),
        Written::Flow => (first.start, kept.start),
    })
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
    fn steps_that_are_passed_go_and_the_others_stay_as_they_are() {
        for (from, percent, to) in [
            (
                "    percent: 10 # now\n    promote: {after: 1h, steps: [10, 25, 50, 100]} # so\n    baseline: b\n",
                50,
                "    percent: 50 # now\n    promote: {after: 1h, steps: [50, 100]} # so\n    baseline: b\n",
            ),
            (
                "    promote:\n      steps:\n      - 10 # first\n      - 25\n      - 100\n      after: 1h\n    percent: 10\n",
                30,
                "    promote:\n      steps:\n      - 100\n      after: 1h\n    percent: 30\n",
            ),
            (
                "    {percent: 10, baseline: b, promote: {steps: [10, 100], after: 1h}}\n",
                5,
                "    {percent: 5, baseline: b, promote: {steps: [10, 100], after: 1h}}\n",
            ),
            (
                "    {percent: 10, promote: {steps: [10, 100], after: 1h}}\n",
                100,
                "    {percent: 100, promote: {steps: [100], after: 1h}}\n",
            ),
            // None is left to take.
            ("    {percent: 10, promote: {steps: [10, 50], after: 1h}}\n", 50, "    {percent: 50}\n"),
            ("    percent: 10\n    promote: {steps: [10, 50], after: 1h}\n", 60, "    percent: 60\n"),
            // Stopped.
            ("    promote:\n      steps: [10, 50]\n    percent: 10\n", 0, "    percent: 0\n"),
        ] {
            let text = |rollout: &str| format!("kind: FilterPolicy\nspec:\n  rollout:\n{rollout}");
            assert_eq!(promoted(&text(from), Promotion::Percent(percent)), Some(text(to)));
            let done = promoted(&text(from), Promotion::Done);
            assert!(done.is_some_and(|done| !done.contains("promote")), "{from}");
        }
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

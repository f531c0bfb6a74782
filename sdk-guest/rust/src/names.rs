//! The names that a matcher gives to events.

use crate::value::same;

/// Distinct names in one batch that the contract allows.
const NAMES_MAX: usize = 64;
/// Levels of one name that the contract allows.
const LEVELS_MAX: usize = 16;

/// Collects the names of one event: routes map them to sinks and topics.
///
/// A name is 1 to 16 levels of `[A-Za-z0-9._-]+` joined by `/`. An event given anything else is rejected, with a reason that
/// says so. A batch has at most 64 distinct names: name places, not events.
#[derive(Debug, Default)]
pub struct Names {
    /// Of the whole batch.
    pub(crate) names: Vec<String>,
    /// Positions in `names`, of the event at hand.
    event: Vec<u32>,
    /// What is wrong with a name of the event at hand.
    problem: Option<String>,
    too_many: bool,
    joined: String,
}

impl Names {
    /// Adds a name; twice is once.
    pub fn add(&mut self, name: &str) {
        let known = self.names.iter().position(|n| same(n.as_bytes(), name.as_bytes()));
        let Some(position) = known.or_else(|| self.register(name)) else { return };
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        if !self.event.contains(&position) {
            self.event.push(position);
        }
    }

    /// Adds the name with these levels: `join(&["orders", "eu"])` is `add("orders/eu")`, without an allocation.
    pub fn join(&mut self, levels: &[&str]) {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        for (n, level) in levels.iter().enumerate() {
            joined.push_str(if n == 0 { "" } else { "/" });
            joined.push_str(level);
        }
        self.add(&joined);
        self.joined = joined;
    }

    /// The names given to the event at hand so far.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.event.iter().filter_map(|&n| self.names.get(n as usize).map(String::as_str))
    }

    fn register(&mut self, name: &str) -> Option<usize> {
        if let Err(problem) = check(name) {
            self.problem.get_or_insert(format!("`{name}` cannot be a name: {problem}"));
            return None;
        }
        if self.names.len() == NAMES_MAX {
            self.too_many = true;
            return None;
        }
        self.names.push(name.to_owned());
        Some(self.names.len() - 1)
    }

    /// Ends an event: its names as ascending positions, unless one was none.
    pub(crate) fn finish(&mut self) -> Result<std::vec::Drain<'_, u32>, String> {
        if let Some(problem) = self.problem.take() {
            self.event.clear();
            return Err(problem);
        }
        self.event.sort_unstable();
        Ok(self.event.drain(..))
    }

    /// Forgets the names of the event at hand.
    pub(crate) fn clear(&mut self) {
        self.event.clear();
        self.problem = None;
    }

    pub(crate) fn check_count(&self) -> Result<(), String> {
        if self.too_many { Err(format!("more than {NAMES_MAX} distinct names in one batch")) } else { Ok(()) }
    }
}

fn check(name: &str) -> Result<(), &'static str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.split('/').count() > LEVELS_MAX {
        return Err("more than 16 levels");
    }
    if name.split('/').any(str::is_empty) {
        return Err("an empty level");
    }
    if name.split('/').any(|level| !level.bytes().all(is_plain)) {
        return Err("levels consist of A-Z a-z 0-9 . _ -");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(names: &mut Names) -> Result<Vec<u32>, String> {
        names.finish().map(Iterator::collect)
    }

    #[test]
    fn names_are_shared_by_a_batch_and_ascend_in_an_event() {
        let mut names = Names::default();
        names.add("a");
        names.add("b/c");
        assert_eq!(finished(&mut names), Ok(vec![0, 1]));
        names.join(&["b", "c"]);
        names.add("a");
        names.add("a");
        assert_eq!(names.iter().collect::<Vec<_>>(), ["b/c", "a"]);
        assert_eq!(finished(&mut names), Ok(vec![0, 1]));
        assert_eq!(names.names, ["a", "b/c"]);
    }

    #[test]
    fn what_is_no_name_rejects_only_its_event() {
        for name in ["", "a//b", "/a", "eu west", "ä", &["x"; 17].join("/")] {
            let mut names = Names::default();
            names.add("fine");
            names.add(name);
            assert!(finished(&mut names).is_err(), "{name:?}");
            names.add("fine");
            assert_eq!(finished(&mut names), Ok(vec![0]), "{name:?}");
        }
    }

    #[test]
    fn a_65th_name_fails_the_batch() {
        let mut names = Names::default();
        for n in 0..65 {
            assert_eq!(names.check_count(), Ok(()));
            names.add(&n.to_string());
        }
        assert!(names.check_count().is_err());
    }
}

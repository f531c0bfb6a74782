//! What is told to whoever sent the events of a batch, where its source answers (HTTP); nothing is kept where it does not.

use std::{collections::BTreeMap, sync::Arc};

use tidegate_connector::Fate;

/// Fates by original row; those simply delivered are not among them.
#[derive(Debug, Default)]
pub(crate) struct Answers(Option<BTreeMap<u32, Fate>>);

impl Answers {
    pub(crate) fn new(wanted: bool) -> Answers {
        Answers(wanted.then(BTreeMap::new))
    }

    pub(crate) fn wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Of several fates of one event the worst is told. Nothing is made of it where nobody is told.
    pub(crate) fn note(&mut self, row: u32, fate: impl FnOnce() -> Fate) {
        if let Some(fates) = &mut self.0 {
            let fate = fate();
            let known = fates.entry(row).or_insert_with(|| fate.clone());
            if fate > *known {
                *known = fate;
            }
        }
    }

    pub(crate) fn dropped(&mut self, row: u32, by: &Arc<str>, reason: impl FnOnce() -> Option<Arc<str>>) {
        self.note(row, || Fate::Dropped { by: by.clone(), reason: reason() });
    }

    pub(crate) fn rejected(&mut self, row: u32, by: &Arc<str>, reason: &str) {
        self.note(row, || Fate::Rejected { by: by.clone(), reason: reason.into() });
    }

    pub(crate) fn dead_lettered(&mut self, row: u32, by: &Arc<str>, reason: impl FnOnce() -> Arc<str>) {
        self.note(row, || Fate::DeadLettered { by: by.clone(), reason: reason() });
    }

    pub(crate) fn held(&mut self, row: u32, by: &Arc<str>, reason: &str) {
        self.note(row, || Fate::Held { by: by.clone(), reason: reason.into() });
    }

    /// Ascending by position in the delivery.
    pub(crate) fn into_fates(self) -> Vec<(usize, Fate)> {
        self.0.into_iter().flatten().map(|(row, fate)| (row as usize, fate)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_fate_is_told_and_in_order() {
        let by: Arc<str> = "default/p".into();
        let mut answers = Answers::new(true);
        answers.rejected(7, &by, "no");
        answers.dropped(7, &by, || None);
        answers.dropped(2, &by, || None);
        answers.dead_lettered(2, &by, || "poison".into());
        let fates = answers.into_fates();
        assert!(matches!(&fates[..], [(2, Fate::DeadLettered { .. }), (7, Fate::Rejected { .. })]), "{fates:?}");
    }

    #[test]
    fn nothing_is_kept_for_a_source_that_does_not_answer() {
        let mut answers = Answers::new(false);
        answers.held(0, &"default/p".into(), "later");
        assert_eq!(answers.into_fates(), []);
    }
}

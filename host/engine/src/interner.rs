//! Strings that guests repeat (reasons, names), kept once for each lane.

use std::{collections::HashSet, sync::Arc};

/// Strings remembered; guests that make up a new reason for each event start over here.
const STRINGS_MAX: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Interner {
    strings: HashSet<Arc<str>>,
}

impl Interner {
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.strings.get(text) {
            return Arc::clone(known);
        }
        if self.strings.len() >= STRINGS_MAX {
            self.strings.clear();
        }
        let new: Arc<str> = text.into();
        self.strings.insert(Arc::clone(&new));
        new
    }
}

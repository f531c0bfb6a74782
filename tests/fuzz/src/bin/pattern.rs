//! Conditions of documents, patterns above all, and an event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_matching::{Candidates, Index, Matcher};

/// So many that they are looked up, where there is something to look up.
const RULES: usize = 16;

fuzz_target!(|input: &str| {
    let (text, event) = tidegate_fuzz::text_and_event(input);
    let Some(documents) = tidegate_fuzz::with_target(&format!("when: {text}")) else { return };
    let mut candidates = Candidates::default();
    for target in documents.routes.iter().flat_map(|route| &route.to) {
        let matcher = Matcher::condition(target.when.as_ref());
        let index = Index::new(std::iter::repeat_n(matcher.clone(), RULES), []);
        let holding = candidates.matches(&index, &event).len();
        assert_eq!(holding, if matcher.holds(&event) { RULES } else { 0 });
    }
    assert!(!documents.fingerprint_input().is_empty());
});

//! Conditions of documents, patterns above all, and an event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_matching::{Index, Matcher, Scratch};

fuzz_target!(|input: &str| {
    let (text, event) = tidegate_fuzz::text_and_event(input);
    let Some(documents) = tidegate_fuzz::with_target(&format!("when: {text}")) else { return };
    let mut scratch = Scratch::default();
    for target in documents.routes.iter().flat_map(|route| &route.to) {
        let matcher = Matcher::condition(target.when.as_ref());
        let index = Index::new([matcher.clone()]);
        assert_eq!(index.matches(&event, &mut scratch) == [0], matcher.holds(&event));
    }
    assert!(!documents.fingerprint_input().is_empty());
});

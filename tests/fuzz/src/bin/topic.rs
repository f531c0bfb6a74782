//! Patterns of names, and names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_matching::{Names, fits};
use tidegate_policy::spec::{Level, TopicPattern};

/// By the words of the specification, trying everything.
fn plainly(pattern: &[Level], name: &[&str]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([Level::Rest], [_, ..]) => true,
        ([Level::One, pattern @ ..], [_, name @ ..]) => plainly(pattern, name),
        ([Level::Literal(word), pattern @ ..], [level, name @ ..]) => word == level && plainly(pattern, name),
        (_, _) => false,
    }
}

fuzz_target!(|input: &str| {
    let mut lines = input.lines();
    let written = serde_json::to_string(lines.next().unwrap_or_default()).expect("text");
    let Some(documents) = tidegate_fuzz::with_target(&format!("names: [{written}]")) else { return };
    let patterns: Vec<TopicPattern> =
        documents.routes.iter().flat_map(|route| &route.to).flat_map(|target| target.names.clone()).collect();
    // Of a single pattern: an exception alone is refused.
    let names = Names::new(&patterns);
    for name in lines {
        let levels: Vec<&str> = name.split('/').collect();
        let any = patterns.iter().any(|pattern| plainly(&pattern.levels, &levels));
        assert_eq!(names.fits(name), any, "{name}");
        assert_eq!(patterns.iter().any(|pattern| fits(pattern, name)), any, "{name}");
    }
});

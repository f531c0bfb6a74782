//! Every code a set can be refused with beyond what its text says ([`tidegate_policy::codes`]), in one table. A code never changes its
//! meaning and is never given again.
//!
//! `C20x`–`C21x` policies and their modules, `C22x` rollouts, `C30x` what sources and sinks are opened with.

/// Code and meaning of each, in order of the codes.
pub const CODES: &[(&str, &str)] = &[
    ("C201", "The module cannot be read."),
    ("C202", "The module lies outside the folder of its document."),
    ("C203", "The module is larger than a module may be (64 MiB)."),
    ("C204", "The module has another digest than the one its document names."),
    ("C205", "The module is no component for this host, or does not compile within its limits."),
    ("C206", "The module does not take its `config`, by its own schema; or the schema is none."),
    (
        "C207",
        "The module cannot be used as the policy says: imports that are not granted, limits, or what it answers before any event.",
    ),
    ("C208", "No module with the digest that the document names has been uploaded."),
    ("C209", "A policy that comes over the API names its module without a digest."),
    ("C210", "The policy holds `state`, and the file that it would be kept in cannot be opened."),
    ("C211", "The set has more conditions with nothing to look up than the host takes (`run --max-unindexed`)."),
    (
        "C220",
        "The baseline of a rollout cannot be had: the host does not have that module, or its file is another one.",
    ),
    ("C221", "The baseline of a rollout cannot run with what the policy gives it."),
    ("C301", "The connector cannot open the sink as its document says."),
];

/// What a code means, where it is one of these.
pub fn meaning(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, means)| *means)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_of_this_crate_is_explained_once() {
        let sources = [
            include_str!("verify.rs"),
            include_str!("verify/beside.rs"),
            include_str!("remembering.rs"),
            include_str!("unindexed.rs"),
        ];
        let mut used = BTreeSet::new();
        for source in sources {
            for (at, _) in source.match_indices("\"C") {
                let code = source[at + 1..].split('"').next().unwrap_or_default();
                if code.len() == 4 && code[1..].bytes().all(|byte| byte.is_ascii_digit()) {
                    used.insert(code);
                }
            }
        }
        let known: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(used, known);
        assert!(CODES.windows(2).all(|two| two[0].0 < two[1].0), "in order, each once");
        assert!(CODES.iter().all(|(_, means)| means.ends_with('.') && means.len() > 20));
        assert_eq!(meaning("C999"), None);
    }
}

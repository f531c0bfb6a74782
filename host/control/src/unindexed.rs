//! Conditions with nothing to look up: shown, because each costs every event that gets as far; and bounded.

use tidegate_matching::Matcher;
use tidegate_policy::{
    Diagnostic,
    spec::{Documents, Mode, Places},
};

use crate::generation::Unindexed;

/// Those of policies that run and of targets, in the order of the documents; a diagnostic where they are more than `max`.
pub(crate) fn find(documents: &Documents, max: usize) -> (Vec<Unindexed>, Option<Diagnostic>) {
    let policies = documents.policies.iter().filter(|policy| policy.mode != Mode::Disabled).map(|policy| {
        let matcher = Matcher::policy(&policy.matches);
        ("policy", &policy.meta, "/spec/match".to_owned(), matcher)
    });
    let targets = documents.routes.iter().flat_map(|route| {
        route.to.iter().enumerate().map(|(at, target)| {
            let matcher = Matcher::condition(target.when.as_ref());
            ("route", &route.meta, format!("/spec/to/{at}/when"), matcher)
        })
    });
    let all = policies.chain(targets).filter(|(.., matcher)| !matcher.is_all() && !matcher.is_found());
    let mut over = None;
    let mut found = Vec::new();
    for (kind, meta, pointer, _) in all {
        if found.len() == max {
            over = over.or(Some((&meta.places, pointer.clone())));
        }
        found.push(Unindexed { kind, name: meta.id.to_string().into(), pointer });
    }
    let refused = over.map(|(places, pointer)| refused(places, &pointer, found.len(), max));
    (found, refused)
}

fn refused(places: &Places, pointer: &str, found: usize, max: usize) -> Diagnostic {
    let message = format!(
        "{found} conditions of the set have nothing that an index could look up, and this host takes {max}: every event is held \
         against each of them"
    );
    let hint = "add something that is compared with a value, a beginning or an end (as in `exact: {type: …}`), or let the host \
                take more with --max-unindexed";
    places.diagnostic("C211", pointer, message, Some(hint.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use tidegate_policy::{ConfigProblem, ConnectorCheck, File, Options, Role};

    use super::*;

    struct Memory;

    impl ConnectorCheck for Memory {
        fn names(&self) -> Vec<String> {
            vec!["memory".into()]
        }

        fn has_topics(&self, _: &str) -> bool {
            false
        }

        fn check(&self, _: &str, _: Role, _: &serde_json::Value) -> Vec<ConfigProblem> {
            Vec::new()
        }
    }

    fn documents() -> Documents {
        let document = |kind: &str, name: &str, spec: &str| {
            format!("---\napiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
        };
        let policy = |name: &str, rest: &str| document("FilterPolicy", name, &format!("{{phase: Admit, {rest}}}"));
        let text = document("Source", "in", "{memory: {}}")
            + &document("Sink", "out", "{memory: {}}")
            + &document(
                "Route",
                "r",
                "{from: [{name: in}], to: [{sink: out}, {sink: out, when: {exact: {type: a}}}, {sink: out, when: {not: {exact: {type: a}}}}]}",
            )
            + &policy("all", "cesql: n > 5")
            + &policy("found", "cesql: n > 5, match: [{cesql: \"type = 'a' AND n > 5\"}]")
            + &policy("held", "cesql: n > 5, match: [{cesql: n > 5}]")
            + &policy("off", "cesql: n > 5, match: [{cesql: n > 5}], mode: Disabled")
            + &policy("topics", "cesql: n > 5, match: [{topics: ['orders/*']}]")
            + &policy("any", "cesql: n > 5, match: [{topics: ['*/orders']}]");
        let options = Options { connectors: &Memory, development: true };
        tidegate_policy::check(&[File { path: "d.yaml".into(), text }], &options).unwrap()
    }

    #[test]
    fn what_is_held_against_every_event_is_named() {
        let (found, refused) = find(&documents(), 3);
        let found: Vec<_> = found.iter().map(|found| (found.kind, &*found.name, found.pointer.as_str())).collect();
        assert_eq!(
            found,
            [
                ("policy", "default/any", "/spec/match"),
                ("policy", "default/held", "/spec/match"),
                ("route", "default/r", "/spec/to/2/when"),
            ]
        );
        assert!(refused.is_none());
    }

    #[test]
    fn the_first_that_is_too_many_is_refused() {
        let (found, refused) = find(&documents(), 2);
        let refused = refused.unwrap();
        assert_eq!((found.len(), refused.code), (3, "C211"));
        assert!(refused.message.contains("3 conditions") && refused.message.contains("takes 2"), "{refused}");
        assert!(refused.line.unwrap().contains("from: [{name: in}]"));
    }
}

//! Expressions of CloudEvents SQL, and an event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_cesql::{Expression, Fact, Value};
use tidegate_event::Event;

fn holds(fact: &Fact, event: &Event) -> bool {
    let value = |name: &str| event.attribute(name);
    match fact {
        Fact::OneOf { attribute, values } => value(attribute).is_some_and(|value| values.iter().any(|v| *v == value)),
        Fact::Prefix { attribute, text } => value(attribute).is_some_and(|value| value.starts_with(text)),
        Fact::Suffix { attribute, text } => value(attribute).is_some_and(|value| value.ends_with(text)),
        Fact::All(facts) => facts.iter().all(|fact| holds(fact, event)),
        Fact::Any(facts) => facts.iter().any(|fact| holds(fact, event)),
    }
}

fuzz_target!(|input: &str| {
    let (text, event) = tidegate_fuzz::text_and_event(input);
    let lines = text.split('\n').count();
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(!error.problem.is_empty() && (1..=lines).contains(&error.place.line) && error.place.column >= 1);
            return;
        }
    };
    let evaluation = expression.evaluate(&event);
    let passes = evaluation.errors.is_empty() && evaluation.value == Value::Boolean(true);
    assert_eq!(expression.passes(&event) == Ok(true), passes);
    if let Some(type_of) = expression.result() {
        assert_eq!(type_of, evaluation.value.type_of());
    }
    if let (Some(fact), true) = (expression.fact(), passes) {
        assert!(holds(fact, &event), "{fact:?}");
    }
    assert!(expression.findings().iter().all(|finding| (1..=lines).contains(&finding.place.line)));
});

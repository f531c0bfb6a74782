//! What can go wrong: with an expression's text, with what it says, and with an event it is asked about.

use std::fmt;

use crate::Place;

/// Why a text is no expression (the specification's ParseError).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {problem}", .place.line, .place.column)]
pub struct ParseError {
    /// What was found, and what was expected, as half a sentence.
    pub problem: String,
    /// What to write instead, where that can be told.
    pub hint: Option<String>,
    /// Where.
    pub place: Place,
}

/// Something that an expression says and that can never come to anything, whatever the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, as half a sentence.
    pub problem: String,
    /// What to write instead, where that can be told.
    pub hint: Option<String>,
    /// Where.
    pub place: Place,
}

/// An error of an evaluation, and where in the expression it arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {kind}", .place.line, .place.column)]
pub struct Failure {
    /// The specification's kind.
    pub kind: FailureKind,
    /// Where.
    pub place: Place,
}

/// The kinds of errors (section 3.3) but ParseError, which is [`ParseError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// Division by zero, or a result that no Integer holds.
    Math,
    /// A value cannot be cast to the type that is wanted.
    Cast,
    /// The event has no such attribute.
    MissingAttribute,
    /// There is no such function, or none with so many arguments.
    MissingFunction,
    /// A function was given what it does not take.
    FunctionEvaluation,
    /// As a filter: the value is no Boolean. Otherwise: more text or time than one evaluation may cost.
    Generic,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::Math => "a division by zero, or more than an Integer holds",
            FailureKind::Cast => "a value that cannot be cast",
            FailureKind::MissingAttribute => "the event has no such attribute",
            FailureKind::MissingFunction => "no such function",
            FailureKind::FunctionEvaluation => "an argument that the function does not take",
            FailureKind::Generic => "no Boolean, or more work than an evaluation may cost",
        })
    }
}

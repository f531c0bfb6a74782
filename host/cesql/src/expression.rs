//! A parsed expression.

use std::sync::Arc;

use crate::{
    Fact, Finding, ParseError, Place, Type, parse,
    place::Span,
    program::{Step, What},
};

/// An expression, ready to be asked. Cloning is a reference count.
#[derive(Clone, Debug)]
pub struct Expression(pub(crate) Arc<Parsed>);

#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) text: Box<str>,
    pub(crate) steps: Vec<Step>,
    pub(crate) result: Option<Type>,
    pub(crate) fact: Option<Fact>,
    pub(crate) findings: Vec<Finding>,
}

impl Expression {
    /// Parses a text of at most [`LENGTH_MAX`](crate::LENGTH_MAX) bytes. The error says where, what was expected there,
    /// and often what to write.
    pub fn parse(text: &str) -> Result<Expression, ParseError> {
        parse::parse(text).map(|parsed| Expression(Arc::new(parsed)))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The type of its value, where that is the same for every event. An attribute alone may have any.
    pub fn result(&self) -> Option<Type> {
        self.0.result
    }

    /// What in it comes to nothing but errors, whatever the event: functions that are not there, arguments too many or too
    /// few, texts that are no numbers, division by zero, `data`. Empty: nothing of that kind.
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// What must be so for it to pass an event, as far as an index can look it up. `None`: nothing of that kind is known.
    pub fn fact(&self) -> Option<&Fact> {
        self.0.fact.as_ref()
    }

    /// The attributes that it names, in lower case, with their places; each as often as it is named.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, Place)> {
        self.0.steps.iter().filter_map(|step| {
            let end = step.span.end as usize;
            let (What::Attribute(attribute) | What::Exists(attribute)) = &step.what else { return None };
            // The name is also the end of `EXISTS name`.
            let span = Span::new(end - attribute.name().len(), end);
            Some((attribute.name(), span.place(self.text())))
        })
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0.steps
    }
}

/// Two expressions are the same when their texts are.
impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Expression {}

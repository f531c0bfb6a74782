//! What the parser knows of a piece it has read.

use crate::{Fact, Type, Value, place::Span};

#[derive(Debug)]
pub(super) struct Operand {
    pub(super) span: Span,
    /// `None`: depends on the event.
    pub(super) type_of: Option<Type>,
    /// It is this literal and nothing else.
    pub(super) literal: Option<Value<'static>>,
    /// It is this attribute and nothing else.
    pub(super) attribute: Option<String>,
    /// What must be so for it to be `true`.
    pub(super) fact: Option<Fact>,
}

impl Operand {
    pub(super) fn of(span: Span, type_of: Option<Type>) -> Operand {
        Operand { span, type_of, literal: None, attribute: None, fact: None }
    }
}

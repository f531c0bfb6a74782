//! What an expression is compiled to: steps of a stack machine, each with its place.

use crate::{Value, attribute::Attribute, function::Signature, like::Pattern, place::Span};

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) what: What,
    pub(crate) span: Span,
}

/// Takes its operands from the stack and leaves its result there.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Literal(Value<'static>),
    Attribute(Attribute),
    Exists(Attribute),
    Not,
    Negate,
    /// Looks at the left operand of `AND` or `OR`, casts it, and goes to that step where it alone decides.
    Decided(Logic, usize),
    Logic(Logic),
    Arithmetic(Arithmetic),
    Equal,
    NotEqual,
    Order(Order),
    Like(Box<Pattern>, Negated),
    /// Compares the top with what is below it: if equal, leaves the answer and goes to that step; else leaves what is below.
    Among(usize, Negated),
    /// Nothing in the set was equal to what is on top.
    NotAmong(Negated),
    Call(&'static Signature, usize),
    /// No such function with so many arguments.
    MissingFunction(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negated {
    No,
    Yes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
    Xor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Negated {
    pub(crate) fn apply(self, holds: bool) -> bool {
        holds != (self == Negated::Yes)
    }
}

impl Arithmetic {
    /// `None`: division by zero, or no Integer.
    pub(crate) fn apply(self, x: i32, y: i32) -> Option<i32> {
        match self {
            Arithmetic::Add => x.checked_add(y),
            Arithmetic::Subtract => x.checked_sub(y),
            Arithmetic::Multiply => x.checked_mul(y),
            Arithmetic::Divide => x.checked_div(y),
            // The remainder of the smallest Integer by -1 is 0, although the quotient is none.
            Arithmetic::Remainder if y == -1 => Some(0),
            Arithmetic::Remainder => x.checked_rem(y),
        }
    }
}

impl Order {
    pub(crate) fn apply(self, x: i32, y: i32) -> bool {
        match self {
            Order::Less => x < y,
            Order::LessOrEqual => x <= y,
            Order::Greater => x > y,
            Order::GreaterOrEqual => x >= y,
        }
    }
}

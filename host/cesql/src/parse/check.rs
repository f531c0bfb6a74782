//! What an expression says that comes to nothing but errors, found while it is parsed.

use super::{Operand, Operator, Parser};
use crate::{
    Finding, Type,
    function::{SIGNATURES, Signature},
    place::Span,
    program::Arithmetic,
};

impl Parser<'_> {
    fn finding(&mut self, span: Span, problem: String, hint: Option<String>) {
        self.findings.push(Finding { problem, hint, place: span.place(self.text) });
    }

    /// A literal that is to become a value of a type it cannot become.
    pub(super) fn check_cast(&mut self, operand: &Operand, to: Type) {
        if let Some(literal) = &operand.literal
            && !literal.is_castable(to)
        {
            let problem = format!("{} is no {to}", &self.text[operand.span.start as usize..operand.span.end as usize]);
            self.finding(operand.span, problem, None);
        }
    }

    pub(super) fn check_not(&mut self, operand: &Operand) {
        if operand.type_of == Some(Type::Integer) {
            let hint = Some("compare it: `… = 0`".to_owned());
            self.finding(operand.span, "`NOT` takes a Boolean, and this is an Integer".to_owned(), hint);
        }
        self.check_cast(operand, Type::Boolean);
    }

    pub(super) fn check_operands(&mut self, left: &Operand, operator: Operator, right: &Operand) {
        let both = match operator {
            Operator::Logic(_) => Type::Boolean,
            Operator::Order(_) | Operator::Arithmetic(_) => Type::Integer,
            Operator::Equal | Operator::NotEqual => {
                // The left operand is cast to the type of the right one.
                if let Some(type_of) = right.type_of {
                    self.check_cast(left, type_of);
                }
                return;
            }
        };
        self.check_cast(left, both);
        self.check_cast(right, both);
        let divides = matches!(operator, Operator::Arithmetic(Arithmetic::Divide | Arithmetic::Remainder));
        if divides && right.literal.as_ref().is_some_and(|literal| literal.integer() == Some(0)) {
            self.finding(right.span, "a division by zero".to_owned(), None);
        }
    }

    pub(super) fn check_name(&mut self, name: &str, span: Span) {
        if name == "data" {
            let hint = "expressions decide on attributes; `pattern` looks into JSON data".to_owned();
            self.finding(span, "`data` is not an attribute".to_owned(), Some(hint));
        }
    }

    pub(super) fn missing_function(&mut self, word: &str, named: Option<&Signature>, count: usize, span: Span) {
        if let Some(signature) = named {
            let problem = format!("`{}` with {count} argument{}", signature.name, if count == 1 { "" } else { "s" });
            return self.finding(span, problem, Some(signature.arity()));
        }
        let upper = word.to_ascii_uppercase();
        // Names of functions are short; what is longer was not meant to be one.
        let near = SIGNATURES.iter().map(|signature| signature.name).filter(|_| word.len() <= 32);
        let nearest = near.map(|name| (strsim::osa_distance(&upper, name), name)).min();
        let hint = match nearest {
            Some((distance, name)) if distance <= 2 => format!("did you mean `{name}`?"),
            _ => {
                let names: Vec<_> = SIGNATURES.iter().map(|signature| signature.name).collect();
                format!("there are {}", names.join(", "))
            }
        };
        self.finding(span, format!("no function named `{word}`"), Some(hint));
    }
}

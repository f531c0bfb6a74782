//! Asks an expression about an event.

use smallvec::SmallVec;
use tidegate_event::Event;

use crate::{
    Expression, Failure, FailureKind, MADE_BYTES_MAX, Type, Value,
    function::Signature,
    place::Span,
    program::{Logic, Negated, Step, What},
};

/// What an expression comes to for an event (complete evaluation, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation<'v> {
    /// Always one, also where there are errors.
    pub value: Value<'v>,
    /// In the order they arose; none, usually.
    pub errors: Vec<Failure>,
}

impl Expression {
    /// The value, and all errors.
    pub fn evaluate<'v>(&'v self, event: &'v Event) -> Evaluation<'v> {
        let mut errors = Vec::new();
        let outcome = Machine::run(self.steps(), event, |kind, span| {
            errors.push(Failure { kind, place: span.place(self.text()) });
            Ok(())
        });
        // The machine ends early only where it is told to.
        let value = outcome.unwrap_or_else(|Stopped| Type::Boolean.zero());
        Evaluation { value, errors }
    }

    /// As a filter (section 1.2): whether the value is `true`. The first error ends it, and a value that is no Boolean is one.
    /// An event passes only with `Ok(true)`.
    pub fn passes(&self, event: &Event) -> Result<bool, FailureKind> {
        let mut failure = FailureKind::Generic;
        let outcome = Machine::run(self.steps(), event, |kind, _| {
            failure = kind;
            Err(Stopped)
        });
        match outcome {
            Ok(Value::Boolean(passes)) => Ok(passes),
            Ok(Value::String(_) | Value::Integer(_)) => Err(FailureKind::Generic),
            Err(Stopped) => Err(failure),
        }
    }
}

/// The evaluation was ended by an error.
struct Stopped;

/// A value on the stack, and whether an error has to do with it.
struct Slot<'v> {
    value: Value<'v>,
    failed: bool,
}

impl<'v> Slot<'v> {
    fn good(value: Value<'v>) -> Slot<'v> {
        Slot { value, failed: false }
    }

    fn boolean(value: bool) -> Slot<'v> {
        Slot::good(Value::Boolean(value))
    }

    fn failed(value: Value<'v>) -> Slot<'v> {
        Slot { value, failed: true }
    }

    fn zero(type_of: Type) -> Slot<'v> {
        Slot::failed(type_of.zero())
    }
}

struct Machine<'v, F> {
    event: &'v Event,
    // 8: deeper than expressions that people write; more go to the heap.
    stack: SmallVec<[Slot<'v>; 8]>,
    /// Bytes of text that functions made.
    made: usize,
    report: F,
}

impl<'v, F: FnMut(FailureKind, Span) -> Result<(), Stopped>> Machine<'v, F> {
    fn run(steps: &'v [Step], event: &'v Event, report: F) -> Result<Value<'v>, Stopped> {
        let mut machine = Machine { event, stack: SmallVec::new(), made: 0, report };
        let mut at = 0;
        while let Some(step) = steps.get(at) {
            at = machine.step(step)?.unwrap_or(at + 1);
        }
        Ok(machine.pop().value)
    }

    fn pop(&mut self) -> Slot<'v> {
        // The parser writes only programs that leave what they take.
        self.stack.pop().unwrap_or_else(|| Slot::zero(Type::Boolean))
    }

    fn push(&mut self, slot: Slot<'v>) {
        self.stack.push(slot);
    }

    fn fail(&mut self, kind: FailureKind, span: Span, zero: Type) -> Result<Slot<'v>, Stopped> {
        (self.report)(kind, span)?;
        Ok(Slot::zero(zero))
    }

    /// Answers with the step to go on with, if it is not the next.
    fn step(&mut self, Step { what, span }: &'v Step) -> Result<Option<usize>, Stopped> {
        let span = *span;
        let result = match what {
            What::Literal(value) => Slot::good(borrowed(value)),
            What::Attribute(attribute) => match attribute.value(self.event) {
                Some(value) => Slot::good(value),
                None => self.fail(FailureKind::MissingAttribute, span, Type::Boolean)?,
            },
            What::Exists(attribute) => Slot::boolean(attribute.exists(self.event)),
            What::Not => self.not(span)?,
            What::Negate => {
                let x = self.pop();
                match self.integers(&x, &Slot::good(Value::Integer(0)), span)? {
                    Some((x, _)) => self.number(x.checked_neg(), span)?,
                    None => Slot::zero(Type::Integer),
                }
            }
            What::Decided(logic, target) => {
                let x = self.logical(span)?;
                let Value::Boolean(holds) = x.value else { return Ok(None) };
                let decides = holds == (*logic == Logic::Or) && !(holds && x.failed);
                self.push(x);
                return Ok(decides.then_some(*target));
            }
            What::Logic(logic) => {
                let y = self.logical(span)?;
                let x = self.logical(span)?;
                match (x, y) {
                    (
                        Slot { value: Value::Boolean(x), failed: false },
                        Slot { value: Value::Boolean(y), failed: false },
                    ) => Slot::boolean(match logic {
                        Logic::And => x && y,
                        Logic::Or => x || y,
                        Logic::Xor => x != y,
                    }),
                    (_, _) => Slot::zero(Type::Boolean),
                }
            }
            What::Arithmetic(operator) => {
                let (y, x) = (self.pop(), self.pop());
                match self.integers(&x, &y, span)? {
                    Some((x, y)) => self.number(operator.apply(x, y), span)?,
                    None => Slot::zero(Type::Integer),
                }
            }
            What::Order(operator) => {
                let (y, x) = (self.pop(), self.pop());
                match self.integers(&x, &y, span)? {
                    Some((x, y)) => Slot::boolean(operator.apply(x, y)),
                    None => Slot::zero(Type::Boolean),
                }
            }
            What::Equal => self.equal(span, Negated::No)?,
            What::NotEqual => self.equal(span, Negated::Yes)?,
            What::Like(pattern, negated) => {
                let x = self.pop();
                if x.failed {
                    Slot::zero(Type::Boolean)
                } else {
                    match x.value.with_text(|text| pattern.matches(text)) {
                        Ok(holds) => Slot::boolean(negated.apply(holds)),
                        Err(_) => self.fail(FailureKind::Generic, span, Type::Boolean)?,
                    }
                }
            }
            What::Among(target, negated) => return self.among(span, *target, *negated),
            What::NotAmong(negated) => match self.pop() {
                Slot { failed: true, .. } => Slot::zero(Type::Boolean),
                _ => Slot::boolean(negated.apply(false)),
            },
            What::Call(signature, arguments) => self.call(signature, *arguments, span)?,
            What::MissingFunction(arguments) => {
                let kept = self.stack.len().saturating_sub(*arguments);
                self.stack.truncate(kept);
                self.fail(FailureKind::MissingFunction, span, Type::Boolean)?
            }
        };
        self.push(result);
        Ok(None)
    }

    /// A cast that fails is `false` before it is negated; an Integer is not cast (see the crate's own words).
    fn not(&mut self, span: Span) -> Result<Slot<'v>, Stopped> {
        let x = self.pop();
        if x.failed {
            return Ok(Slot::zero(Type::Boolean));
        }
        let boolean = match &x.value {
            Value::Integer(_) => None,
            value @ (Value::Boolean(_) | Value::String(_)) => value.boolean(),
        };
        match boolean {
            Some(boolean) => Ok(Slot::boolean(!boolean)),
            None => {
                (self.report)(FailureKind::Cast, span)?;
                Ok(Slot::failed(Value::Boolean(true)))
            }
        }
    }

    /// An operand of `AND`, `OR`, `XOR`, from the top.
    fn logical(&mut self, span: Span) -> Result<Slot<'v>, Stopped> {
        let x = self.pop();
        match x.value.boolean() {
            _ if x.failed => Ok(Slot::zero(Type::Boolean)),
            Some(boolean) => Ok(Slot::boolean(boolean)),
            None => self.fail(FailureKind::Cast, span, Type::Boolean),
        }
    }

    /// `None`: one of them failed, or cannot be cast.
    fn integers(&mut self, x: &Slot<'v>, y: &Slot<'v>, span: Span) -> Result<Option<(i32, i32)>, Stopped> {
        if x.failed || y.failed {
            return Ok(None);
        }
        let both = x.value.integer().zip(y.value.integer());
        if both.is_none() {
            (self.report)(FailureKind::Cast, span)?;
        }
        Ok(both)
    }

    fn number(&mut self, result: Option<i32>, span: Span) -> Result<Slot<'v>, Stopped> {
        match result {
            Some(number) => Ok(Slot::good(Value::Integer(number))),
            None => self.fail(FailureKind::Math, span, Type::Integer),
        }
    }

    /// The left operand is cast to the type of the right one.
    fn equal(&mut self, span: Span, negated: Negated) -> Result<Slot<'v>, Stopped> {
        let (y, x) = (self.pop(), self.pop());
        if x.failed || y.failed {
            return Ok(Slot::zero(Type::Boolean));
        }
        match x.value.equals(&y.value) {
            Some(equal) => Ok(Slot::boolean(negated.apply(equal))),
            None => self.fail(FailureKind::Cast, span, Type::Boolean),
        }
    }

    /// The element is cast to the type of what is looked for.
    fn among(&mut self, span: Span, target: usize, negated: Negated) -> Result<Option<usize>, Stopped> {
        let (y, mut x) = (self.pop(), self.pop());
        let equal = if x.failed || y.failed {
            None
        } else {
            let equal = y.value.equals(&x.value);
            if equal.is_none() {
                (self.report)(FailureKind::Cast, span)?;
            }
            equal
        };
        x.failed |= equal.is_none();
        if equal == Some(true) {
            self.push(Slot::boolean(negated.apply(true)));
            return Ok(Some(target));
        }
        self.push(x);
        Ok(None)
    }

    fn call(&mut self, signature: &'static Signature, count: usize, span: Span) -> Result<Slot<'v>, Stopped> {
        let kept = self.stack.len().saturating_sub(count);
        let mut values: SmallVec<[Value<'v>; 4]> = SmallVec::new();
        let mut failed = false;
        let mut arguments: SmallVec<[Slot<'v>; 4]> = self.stack.drain(kept..).collect();
        for (at, argument) in arguments.drain(..).enumerate() {
            failed |= argument.failed;
            match cast(argument.value, signature.parameter(at)) {
                _ if argument.failed => {}
                Some(value) => values.push(value),
                None => {
                    (self.report)(FailureKind::Cast, span)?;
                    failed = true;
                }
            }
        }
        if failed {
            return Ok(Slot::zero(signature.result));
        }
        // Before, and not after it is made: twice its arguments (upper case may be longer), and a delimiter for each.
        let size = |value: &Value<'v>| match value {
            Value::String(text) => text.len(),
            Value::Integer(_) | Value::Boolean(_) => 11,
        };
        let delimiters = values.first().map_or(0, size).saturating_mul(values.len());
        if signature.makes_text() {
            self.made = self.made.saturating_add(values.iter().map(size).sum::<usize>()).saturating_add(delimiters);
            if self.made > MADE_BYTES_MAX {
                return self.fail(FailureKind::Generic, span, signature.result);
            }
        }
        match signature.function.call(&mut values) {
            (value, None) => Ok(Slot::good(value)),
            (value, Some(kind)) => {
                (self.report)(kind, span)?;
                Ok(Slot::failed(value))
            }
        }
    }
}

fn borrowed<'v>(value: &'v Value<'static>) -> Value<'v> {
    match value {
        Value::String(text) => Value::String(std::borrow::Cow::Borrowed(text)),
        Value::Integer(integer) => Value::Integer(*integer),
        Value::Boolean(boolean) => Value::Boolean(*boolean),
    }
}

fn cast(value: Value<'_>, to: Option<Type>) -> Option<Value<'_>> {
    Some(match to {
        None => value,
        Some(Type::String) => Value::String(value.into_text()),
        Some(Type::Integer) => Value::Integer(value.integer()?),
        Some(Type::Boolean) => Value::Boolean(value.boolean()?),
    })
}

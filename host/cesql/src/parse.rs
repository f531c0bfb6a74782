//! From text to program: operators by precedence (section 3.6), the steps written as operands end.
//!
//! Calls nest only where the text does (parentheses, calls, sets): at most [`DEPTH_MAX`]. Chains of operators and of unary
//! operators are loops.

#![expect(clippy::wildcard_enum_match_arm, reason = "a parser takes a few kinds of tokens and refuses all others")]

mod check;
mod operand;
mod trouble;

use crate::{
    DEPTH_MAX, Fact, LENGTH_MAX, NODES_MAX, ParseError, Type, Value,
    attribute::Attribute,
    expression::Parsed,
    function::Signature,
    like::Pattern,
    place::Span,
    program::{Arithmetic, Logic, Negated, Order, Step, What},
    token::{Kind, Token, Tokens, unquoted},
};

use operand::Operand;

/// How tightly binary operators bind; `LIKE` and `IN` more than all of them.
const LOGIC: u8 = 1;
const COMPARISON: u8 = 2;
const SUM: u8 = 3;
const PRODUCT: u8 = 4;

const KEYWORDS: [&str; 9] = ["and", "or", "xor", "not", "like", "in", "exists", "true", "false"];

pub(crate) fn parse(text: &str) -> Result<Parsed, ParseError> {
    if text.len() > LENGTH_MAX {
        let problem = format!("an expression has at most {LENGTH_MAX} bytes, this has {}", text.len());
        return Err(ParseError { problem, hint: None, place: Span::new(0, 1).place(text) });
    }
    let mut tokens = Tokens::new(text);
    let ahead = tokens.next();
    let mut parser = Parser { text, tokens, ahead, steps: Vec::new(), depth: 0, findings: Vec::new() };
    let whole = parser.expression(LOGIC)?;
    if parser.ahead.kind != Kind::End {
        return Err(parser.unexpected("an operator or the end"));
    }
    let Parser { steps, findings, .. } = parser;
    Ok(Parsed { text: text.into(), steps, result: whole.type_of, fact: whole.fact, findings })
}

struct Parser<'t> {
    text: &'t str,
    tokens: Tokens<'t>,
    ahead: Token<'t>,
    steps: Vec<Step>,
    depth: usize,
    findings: Vec<crate::Finding>,
}

/// A binary operator.
#[derive(Clone, Copy)]
enum Operator {
    Logic(Logic),
    Equal,
    NotEqual,
    Order(Order),
    Arithmetic(Arithmetic),
}

/// A unary operator.
#[derive(Clone, Copy)]
enum Prefix {
    Not,
    Minus,
}

fn is(word: &str, keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

impl<'t> Parser<'t> {
    fn advance(&mut self) -> Token<'t> {
        let next = self.tokens.next();
        std::mem::replace(&mut self.ahead, next)
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.ahead.kind, Kind::Word(word) if is(word, keyword))
    }

    fn push(&mut self, what: What, span: Span) -> Result<(), ParseError> {
        if self.steps.len() >= NODES_MAX {
            let hint = Some("divide it into several conditions".to_owned());
            return Err(self.error(
                span,
                format!("an expression has at most {NODES_MAX} operators and operands"),
                hint,
            ));
        }
        self.steps.push(Step { what, span });
        Ok(())
    }

    /// One level deeper, for whatever brackets enclose.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth == DEPTH_MAX {
            let problem = format!("an expression is nested at most {DEPTH_MAX} deep");
            return Err(self.error(self.ahead.span, problem, None));
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    /// Operators that bind at least so tightly, from left to right.
    fn expression(&mut self, least: u8) -> Result<Operand, ParseError> {
        let mut left = self.unary()?;
        loop {
            if let Some(negated) = self.postfix()? {
                left = match self.is_keyword("like") {
                    true => self.like(left, negated)?,
                    false => self.among(left, negated)?,
                };
                continue;
            }
            let Some((operator, binds)) = self.operator() else { return Ok(left) };
            if binds < least {
                return Ok(left);
            }
            self.advance();
            left = self.binary(left, operator, binds)?;
        }
    }

    /// Whether `LIKE` or `IN` comes, and whether after `NOT`.
    fn postfix(&mut self) -> Result<Option<Negated>, ParseError> {
        if self.is_keyword("not") {
            self.advance();
            if !self.is_keyword("like") && !self.is_keyword("in") {
                return Err(self.unexpected("`LIKE` or `IN` after `NOT`"));
            }
            return Ok(Some(Negated::Yes));
        }
        Ok((self.is_keyword("like") || self.is_keyword("in")).then_some(Negated::No))
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        Some(match self.ahead.kind {
            Kind::Word(word) if is(word, "and") => (Operator::Logic(Logic::And), LOGIC),
            Kind::Word(word) if is(word, "or") => (Operator::Logic(Logic::Or), LOGIC),
            Kind::Word(word) if is(word, "xor") => (Operator::Logic(Logic::Xor), LOGIC),
            Kind::Equal => (Operator::Equal, COMPARISON),
            Kind::NotEqual => (Operator::NotEqual, COMPARISON),
            Kind::Less => (Operator::Order(Order::Less), COMPARISON),
            Kind::LessOrEqual => (Operator::Order(Order::LessOrEqual), COMPARISON),
            Kind::Greater => (Operator::Order(Order::Greater), COMPARISON),
            Kind::GreaterOrEqual => (Operator::Order(Order::GreaterOrEqual), COMPARISON),
            Kind::Plus => (Operator::Arithmetic(Arithmetic::Add), SUM),
            Kind::Minus => (Operator::Arithmetic(Arithmetic::Subtract), SUM),
            Kind::Star => (Operator::Arithmetic(Arithmetic::Multiply), PRODUCT),
            Kind::Slash => (Operator::Arithmetic(Arithmetic::Divide), PRODUCT),
            Kind::Percent => (Operator::Arithmetic(Arithmetic::Remainder), PRODUCT),
            _ => return None,
        })
    }

    fn binary(&mut self, left: Operand, operator: Operator, binds: u8) -> Result<Operand, ParseError> {
        let decided = match operator {
            Operator::Logic(logic @ (Logic::And | Logic::Or)) => {
                self.push(What::Decided(logic, 0), left.span)?;
                Some((logic, self.steps.len() - 1))
            }
            _ => None,
        };
        let right = self.expression(binds + 1)?;
        self.check_operands(&left, operator, &right);
        let span = left.span.to(right.span);
        let (what, type_of, fact) = match operator {
            Operator::Logic(logic) => {
                let fact = match logic {
                    Logic::And => Fact::and(left.fact, right.fact),
                    Logic::Or => Fact::or(left.fact, right.fact),
                    Logic::Xor => None,
                };
                (What::Logic(logic), Type::Boolean, fact)
            }
            Operator::Equal => {
                let fact = left.attribute.as_deref().zip(right.literal.as_ref());
                (What::Equal, Type::Boolean, fact.and_then(|(name, value)| Fact::equal(name, value)))
            }
            Operator::NotEqual => (What::NotEqual, Type::Boolean, None),
            Operator::Order(order) => (What::Order(order), Type::Boolean, None),
            Operator::Arithmetic(arithmetic) => (What::Arithmetic(arithmetic), Type::Integer, None),
        };
        self.push(what, span)?;
        if let Some((logic, at)) = decided {
            self.steps[at].what = What::Decided(logic, self.steps.len());
        }
        Ok(Operand { fact, ..Operand::of(span, Some(type_of)) })
    }

    fn like(&mut self, left: Operand, negated: Negated) -> Result<Operand, ParseError> {
        self.advance();
        let Kind::Text(raw, quote) = self.ahead.kind else {
            return Err(self.unexpected("a pattern in quotes"));
        };
        let span = left.span.to(self.advance().span);
        let pattern = Pattern::new(&unquoted(raw, quote));
        let fact = match negated {
            Negated::No => left.attribute.as_deref().and_then(|name| Fact::like(name, &pattern)),
            Negated::Yes => None,
        };
        self.push(What::Like(Box::new(pattern), negated), span)?;
        Ok(Operand { fact, ..Operand::of(span, Some(Type::Boolean)) })
    }

    fn among(&mut self, left: Operand, negated: Negated) -> Result<Operand, ParseError> {
        self.advance();
        if self.ahead.kind != Kind::Open {
            return Err(self.unexpected("`(` and a list of values"));
        }
        let mut elements = Vec::new();
        let mut found = Vec::new();
        let end = self.list("a value of the set", |parser| {
            let element = parser.expression(LOGIC)?;
            if let Some(type_of) = left.type_of {
                parser.check_cast(&element, type_of);
            }
            parser.push(What::Among(0, negated), element.span)?;
            found.push(parser.steps.len() - 1);
            elements.push(element);
            Ok(())
        })?;
        let span = left.span.to(end);
        self.push(What::NotAmong(negated), span)?;
        for at in found {
            self.steps[at].what = What::Among(self.steps.len(), negated);
        }
        let fact = match (negated, &left.attribute) {
            (Negated::No, Some(name)) => Fact::among(name, elements.iter().map(|element| element.literal.as_ref())),
            (Negated::Yes, _) | (_, None) => None,
        };
        Ok(Operand { fact, ..Operand::of(span, Some(Type::Boolean)) })
    }

    /// From `(` to `)`: at least one, with commas between. Answers with the place of `)`.
    fn list(
        &mut self,
        item: &str,
        mut read: impl FnMut(&mut Self) -> Result<(), ParseError>,
    ) -> Result<Span, ParseError> {
        self.advance();
        if matches!(self.ahead.kind, Kind::Close | Kind::Comma) {
            return Err(self.unexpected(item));
        }
        self.nested(|parser| {
            loop {
                read(parser)?;
                match parser.ahead.kind {
                    Kind::Comma => parser.advance(),
                    Kind::Close => return Ok(parser.advance().span),
                    _ => return Err(parser.unexpected("`,` or `)`")),
                };
            }
        })
    }

    fn unary(&mut self) -> Result<Operand, ParseError> {
        let mut before = Vec::new();
        let mut operand = loop {
            match self.ahead.kind {
                Kind::Word(word) if is(word, "not") => before.push((Prefix::Not, self.advance().span)),
                Kind::Minus => {
                    let minus = self.advance();
                    match self.ahead.kind {
                        // The sign of a number touches it.
                        Kind::Digits(digits) if self.ahead.span.start == minus.span.end => {
                            break self.number(digits, Some(minus))?;
                        }
                        _ => before.push((Prefix::Minus, minus.span)),
                    }
                }
                _ => break self.primary()?,
            }
            if before.len() > NODES_MAX {
                return Err(self.too_large(self.ahead.span));
            }
        };
        for (prefix, span) in before.into_iter().rev() {
            operand = self.prefixed(prefix, span.to(operand.span), &operand)?;
        }
        Ok(operand)
    }

    fn prefixed(&mut self, prefix: Prefix, span: Span, operand: &Operand) -> Result<Operand, ParseError> {
        let (what, type_of) = match prefix {
            Prefix::Not => {
                self.check_not(operand);
                (What::Not, Type::Boolean)
            }
            Prefix::Minus => {
                self.check_cast(operand, Type::Integer);
                (What::Negate, Type::Integer)
            }
        };
        self.push(what, span)?;
        Ok(Operand::of(span, Some(type_of)))
    }

    fn primary(&mut self) -> Result<Operand, ParseError> {
        let token = self.ahead;
        match token.kind {
            Kind::Open => {
                self.advance();
                let inner = self.nested(|parser| parser.expression(LOGIC))?;
                if self.ahead.kind != Kind::Close {
                    return Err(self.unclosed(token.span));
                }
                Ok(Operand { span: token.span.to(self.advance().span), ..inner })
            }
            Kind::Plus => {
                self.advance();
                match self.ahead.kind {
                    Kind::Digits(digits) if self.ahead.span.start == token.span.end => self.number(digits, Some(token)),
                    _ => Err(self.unexpected("digits after the sign `+`")),
                }
            }
            Kind::Digits(digits) => self.number(digits, None),
            Kind::Text(raw, quote) => {
                self.advance();
                self.literal(Value::String(unquoted(raw, quote).into()), token.span)
            }
            Kind::Word(word) if is(word, "true") || is(word, "false") => {
                self.advance();
                self.literal(Value::Boolean(is(word, "true")), token.span)
            }
            Kind::Word(word) if is(word, "exists") => self.exists(),
            Kind::Word(word) if KEYWORDS.iter().any(|keyword| is(word, keyword)) => {
                Err(self.unexpected("a value before the operator"))
            }
            Kind::Word(word) => {
                self.advance();
                match self.ahead.kind {
                    Kind::Open => self.call(word, token.span),
                    _ => self.attribute(word, token.span),
                }
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    fn literal(&mut self, value: Value<'static>, span: Span) -> Result<Operand, ParseError> {
        let operand = Operand { literal: Some(value.clone()), ..Operand::of(span, Some(value.type_of())) };
        self.push(What::Literal(value), span)?;
        Ok(operand)
    }

    /// `sign`, where there is one, was taken; the digits are ahead.
    fn number(&mut self, digits: &str, sign: Option<Token<'_>>) -> Result<Operand, ParseError> {
        let span = sign.map_or(self.ahead.span, |sign| sign.span.to(self.ahead.span));
        let negative = sign.is_some_and(|sign| sign.kind == Kind::Minus);
        let written = if negative { format!("-{digits}") } else { digits.to_owned() };
        let Ok(number) = written.parse() else {
            let hint = Some("an Integer goes from -2147483648 to 2147483647".to_owned());
            return Err(self.error(span, "a number that no Integer holds".to_owned(), hint));
        };
        self.advance();
        self.literal(Value::Integer(number), span)
    }

    fn exists(&mut self) -> Result<Operand, ParseError> {
        let start = self.advance().span;
        let name = match self.ahead.kind {
            Kind::Word(word) if !KEYWORDS.iter().any(|keyword| is(word, keyword)) => word,
            Kind::Digits(digits) => digits,
            _ => return Err(self.unexpected("the name of an attribute after `EXISTS`")),
        };
        let end = self.advance().span;
        let attribute = self.name(name, end)?;
        let span = start.to(end);
        self.push(What::Exists(attribute), span)?;
        Ok(Operand::of(span, Some(Type::Boolean)))
    }

    fn attribute(&mut self, word: &str, span: Span) -> Result<Operand, ParseError> {
        let attribute = self.name(word, span)?;
        let name = attribute.name().to_owned();
        self.push(What::Attribute(attribute), span)?;
        Ok(Operand { attribute: Some(name), ..Operand::of(span, None) })
    }

    /// An attribute: letters and digits, upper case taken for lower case.
    fn name(&mut self, word: &str, span: Span) -> Result<Attribute, ParseError> {
        if word.contains('_') {
            let hint = Some("names of attributes are letters and digits; only functions have `_`".to_owned());
            return Err(self.error(span, format!("`{word}` cannot be the name of an attribute"), hint));
        }
        let name = word.to_ascii_lowercase();
        self.check_name(&name, span);
        Ok(Attribute::named(&name))
    }

    fn call(&mut self, word: &str, start: Span) -> Result<Operand, ParseError> {
        let named = word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') && !word.starts_with('_');
        if !named {
            let hint = Some("names of functions are letters and `_`".to_owned());
            return Err(self.error(start, format!("`{word}` cannot be the name of a function"), hint));
        }
        let signature = Signature::named(word);
        let mut count = 0;
        let end = if self.next_closes() {
            self.advance();
            self.advance().span
        } else {
            self.list("an argument", |parser| {
                let argument = parser.expression(LOGIC)?;
                if let Some(type_of) = signature.and_then(|signature| signature.parameter(count)) {
                    parser.check_cast(&argument, type_of);
                }
                count += 1;
                Ok(())
            })?
        };
        let span = start.to(end);
        match signature.filter(|signature| signature.takes(count)) {
            Some(signature) => {
                self.push(What::Call(signature, count), span)?;
                Ok(Operand::of(span, Some(signature.result)))
            }
            None => {
                self.missing_function(word, signature, count, start);
                self.push(What::MissingFunction(count), span)?;
                Ok(Operand::of(span, Some(Type::Boolean)))
            }
        }
    }

    /// Whether `)` comes right after the `(` that is ahead.
    fn next_closes(&self) -> bool {
        self.tokens.clone().next().kind == Kind::Close
    }
}

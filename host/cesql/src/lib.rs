//! CloudEvents SQL 1.0: parser, checks, evaluator.
//!
//! An [`Expression`] is parsed once ([`Expression::parse`]) into a program for a stack machine and then asked about many events:
//! [`Expression::evaluate`] gives the value and every error (the specification's complete evaluation), [`Expression::passes`]
//! decides as a filter and stops at the first error (its fail-fast mode). What can never come to anything is told before
//! ([`Expression::findings`]). Nothing here recurses but the parser, whose depth is bounded; nothing is left to
//! guess: every bound is a constant of this crate.
//!
//! ```
//! use tidegate_cesql::Expression;
//! use tidegate_event::Event;
//!
//! let orders = Expression::parse("type LIKE 'com.shop.%' AND EXISTS subject")?;
//! let event = Event::builder().id("1").source("/shop").ty("com.shop.order").subject("7").build().unwrap();
//! assert_eq!(orders.passes(&event), Ok(true));
//! # Ok::<(), tidegate_cesql::ParseError>(())
//! ```
//!
//! # Where the specification leaves something open
//!
//! - **Errors and values.** An operator or function one of whose operands came with an error gives the zero value of its own
//!   type (sections 3.2 and 3.3), and so does one whose operand cannot be cast. The exception is `NOT`: a cast that fails
//!   gives `false`, which is negated, and an Integer is not cast (section 3.7 would: the official suite, which is part of the
//!   release, has `NOT 10` be `true` with a cast error).
//! - **Overflow** of `+ - * /` and the unary `-` is a math error with the value 0; the specification knows only that of `ABS`.
//! - **`AND`, `OR` and `XOR` bind alike**, from left to right (section 3.6): `a OR b AND c` is `(a OR b) AND c`.
//! - **`NOT` binds tighter than anything but a function** (section 3.6): `NOT a = b` is `(NOT a) = b`.
//! - **Upper case** in identifiers is taken for lower case, as in the suite; keywords are no identifiers.
//! - **In strings** `\` before the string's own quote stands for the quote; before anything else it is a character like
//!   others. In a pattern of `LIKE` it takes the meaning from `%` and `_`.
//! - **`IN`** compares from left to right and stops at the first that is equal.
//! - `INT`, `BOOL`, `STRING`, `IS_INT` and `IS_BOOL` are there although the tables of 1.0 lost them: its text and its
//!   suite use them.
//! - Functions of users are not possible (section 3.5 says SHOULD).

mod attribute;
mod evaluate;
mod expression;
mod fact;
mod failure;
mod function;
mod like;
mod parse;
mod place;
mod program;
mod token;
mod value;

pub use evaluate::Evaluation;
pub use expression::Expression;
pub use fact::Fact;
pub use failure::{Failure, FailureKind, Finding, ParseError};
pub use place::Place;
pub use value::{Type, Value};

/// Bytes an expression may have.
pub const LENGTH_MAX: usize = 16 << 10;
/// Parentheses, calls, sets and unary operators in one another.
pub const DEPTH_MAX: usize = 64;
/// Operators, calls, literals and attributes of an expression.
pub const NODES_MAX: usize = 2_048;
/// Bytes of text that one evaluation may make; with more it fails. Attributes that are only looked at are not counted.
pub const MADE_BYTES_MAX: usize = 1 << 20;

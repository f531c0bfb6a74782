//! Event patterns: which attributes and which JSON data an event has (as on EventBridge, and in quamina).

use std::net::IpAddr;

/// A pattern: all of its clauses hold. Names at its top are attributes, and `data` is the payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// At least one.
    pub clauses: Vec<Clause>,
}

/// A field and what it has to be like, or alternatives.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// `name: [test, …]`: one of the tests holds for the value (of an array: for one of its elements).
    Field(String, Vec<Test>),
    /// `name: {…}`: the clauses hold for the object there (of an array: all for one and the same of its elements).
    Inside(String, Vec<Clause>),
    /// `$or: [{…}, …]`: all clauses of one of these hold; at least two.
    Or(Vec<Vec<Clause>>),
}

/// What a single value is tested for.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is this; numbers by their value, however they are written.
    Equal(Scalar),
    /// A string that begins so.
    Prefix(String, Case),
    /// A string that ends so.
    Suffix(String, Case),
    /// This string, in any case (Unicode's simple rules: both in lower case are the same).
    EqualIgnoringCase(String),
    /// A string like `a*b`: literal pieces, anything between them. At least two pieces; they may be empty.
    Wildcard(Vec<String>),
    /// A number within bounds.
    Numeric(Range),
    /// A string that is an address of this network.
    Cidr(IpAddr, u8),
    /// There is such a field, whatever it is; or there is none.
    Exists(bool),
    /// There is a value, and none of these holds for it.
    AnythingBut(Vec<Test>),
}

/// Whether upper and lower case are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They are different.
    Counts,
    /// They are the same.
    Ignored,
}

/// A value that is neither object nor array.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text.
    String(String),
    /// As a document writes it; finite.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// JSON's null, which no attribute is.
    Null,
}

/// Bounds of a number; at least one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// At least, or more than.
    pub from: Option<Bound>,
    /// At most, or less than.
    pub to: Option<Bound>,
}

/// An end of a [`Range`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Finite.
    pub at: f64,
    /// Whether the number itself is within.
    pub included: bool,
}

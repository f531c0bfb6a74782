//! Tests of single values.

use std::net::IpAddr;

use tidegate_policy::spec::{Case, Range, Scalar, Test};

/// A value that is neither object nor array.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaf<'v> {
    /// In canonical string form. Transports lose types (HTTP headers are text), so it is a number to whoever asks for one.
    Attribute(&'v str),
    Text(&'v str),
    Number(f64),
    Boolean(bool),
    Null,
}

impl<'v> Leaf<'v> {
    fn text(self) -> Option<&'v str> {
        match self {
            Leaf::Attribute(text) | Leaf::Text(text) => Some(text),
            Leaf::Number(_) | Leaf::Boolean(_) | Leaf::Null => None,
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Leaf::Attribute(text) => number(text),
            Leaf::Number(number) => Some(number),
            Leaf::Text(_) | Leaf::Boolean(_) | Leaf::Null => None,
        }
    }

    fn is(self, scalar: &Scalar) -> bool {
        match (scalar, self) {
            (Scalar::String(wanted), leaf) => leaf.text() == Some(wanted),
            (Scalar::Number(wanted), leaf) => leaf.number() == Some(*wanted),
            (Scalar::Boolean(wanted), Leaf::Attribute(text)) => text == if *wanted { "true" } else { "false" },
            (Scalar::Boolean(wanted), Leaf::Boolean(boolean)) => *wanted == boolean,
            (Scalar::Null, Leaf::Null) => true,
            (Scalar::Boolean(_) | Scalar::Null, _) => false,
        }
    }
}

/// A decimal number; `inf`, `NaN` and the like are none.
pub(crate) fn number(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| decimal && number.is_finite())
}

/// Whether a test holds for a value that is there.
pub(crate) fn holds(test: &Test, leaf: Leaf<'_>) -> bool {
    let text = |test: &dyn Fn(&str) -> bool| leaf.text().is_some_and(test);
    match test {
        Test::Equal(scalar) => leaf.is(scalar),
        Test::Prefix(wanted, Case::Counts) => text(&|text| text.starts_with(&**wanted)),
        Test::Suffix(wanted, Case::Counts) => text(&|text| text.ends_with(&**wanted)),
        Test::Prefix(wanted, Case::Ignored) => text(&|text| begins(lower(text), lower(wanted))),
        Test::Suffix(wanted, Case::Ignored) => text(&|text| begins(lower(text).rev(), lower(wanted).rev())),
        Test::EqualIgnoringCase(wanted) => text(&|text| lower(text).eq(lower(wanted))),
        Test::Wildcard(pieces) => text(&|text| wildcard(pieces, text)),
        Test::Numeric(range) => leaf.number().is_some_and(|number| within(range, number)),
        Test::Cidr(network, bits) => text(&|text| text.parse().is_ok_and(|address| is_in(address, *network, *bits))),
        Test::Exists(wanted) => *wanted,
        Test::AnythingBut(tests) => !tests.iter().any(|test| holds(test, leaf)),
    }
}

fn lower(text: &str) -> impl DoubleEndedIterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

fn begins(mut text: impl Iterator<Item = char>, mut wanted: impl Iterator<Item = char>) -> bool {
    wanted.all(|c| text.next() == Some(c))
}

/// The leftmost place of each piece is good enough for those behind it: nothing is tried twice.
fn wildcard(pieces: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    let Some(mut rest) = text.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last)) else { return false };
    middle.iter().all(|piece| match rest.find(&**piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

fn within(range: &Range, number: f64) -> bool {
    let from = range.from.is_none_or(|from| number > from.at || from.included && number == from.at);
    let to = range.to.is_none_or(|to| number < to.at || to.included && number == to.at);
    from && to
}

fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let rest = width - u32::from(bits).min(width);
        rest == width || a >> rest == b >> rest
    };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => same(address.to_bits().into(), network.to_bits().into(), 32),
        (IpAddr::V6(address), IpAddr::V6(network)) => bits == 0 || same(address.to_bits(), network.to_bits(), 128),
        (IpAddr::V4(_) | IpAddr::V6(_), _) => false,
    }
}

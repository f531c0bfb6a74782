//! What a sender signs: the body, and what it puts around it.

use http::{HeaderMap, HeaderName};
use tidegate_connector::ConfigError;

/// A template of `${body}`, `${timestamp}` and `${header.NAME}`.
#[derive(Clone, Debug)]
pub(super) struct Signed(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Body,
    Timestamp,
    Header(HeaderName),
}

impl Signed {
    pub(super) fn compile(text: &str) -> Result<Signed, Vec<ConfigError>> {
        let error = |problem: String| vec![ConfigError::new("", problem)];
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                return Err(error(format!("`${{` without `}}` in `{text}`")));
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            let hint = "there are `${body}`, `${timestamp}` and `${header.NAME}`";
            let unknown = || vec![ConfigError::new("", format!("nothing is called `{name}` here")).hint(hint)];
            pieces.push(Piece::named(name).ok_or_else(unknown)?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        match pieces.iter().filter(|piece| **piece == Piece::Body).count() {
            1 => Ok(Signed(pieces)),
            count => Err(error(format!("`${{body}}` must stand here once, not {count} times"))),
        }
    }

    pub(super) fn names_timestamp(&self) -> bool {
        self.0.contains(&Piece::Timestamp)
    }

    /// The message in pieces.
    pub(super) fn fill<'m>(
        &'m self,
        timestamp: &'m str,
        headers: &'m HeaderMap,
        body: &'m [u8],
    ) -> Result<Vec<&'m [u8]>, String> {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Literal(text) => Ok(text.as_bytes()),
            Piece::Body => Ok(body),
            Piece::Timestamp => Ok(timestamp.as_bytes()),
            Piece::Header(name) => {
                let value = headers.get(name).ok_or_else(|| format!("header `{name}` is missing"));
                value.map(http::HeaderValue::as_bytes)
            }
        });
        pieces.collect()
    }
}

impl Piece {
    fn named(name: &str) -> Option<Piece> {
        match name {
            "body" => Some(Piece::Body),
            "timestamp" => Some(Piece::Timestamp),
            _ => name.strip_prefix("header.").and_then(|name| HeaderName::try_from(name).ok()).map(Piece::Header),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn pieces_are_put_together_in_their_order() {
        let mut headers = HeaderMap::new();
        headers.insert("x-id", "7".parse().unwrap());
        for (template, expected) in [
            ("${body}", "B"),
            ("v0:${timestamp}:${body}", "v0:12:B"),
            ("${header.X-Id}.${timestamp}.${body}$", "7.12.B$"),
        ] {
            let signed = Signed::compile(template).unwrap();
            assert_eq!(signed.fill("12", &headers, b"B").unwrap().concat(), expected.as_bytes(), "{template}");
        }
        let signed = Signed::compile("${header.x-none}${body}").unwrap();
        assert_eq!(signed.fill("", &headers, b"").unwrap_err(), "header `x-none` is missing");
    }
}

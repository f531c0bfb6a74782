//! Where a signature stands in the headers, and how it is computed and written.

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use tidegate_connector::ConfigError;

/// Parts of a header that are looked at: senders that change their secret send two.
const PARTS_MAX: usize = 16;

/// Only what is safe: no SHA-1, no MD5.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Algorithm {
    #[default]
    Sha256,
    Sha512,
}

impl Algorithm {
    /// The code of the pieces, one after another.
    pub(super) fn hmac<'m>(self, secret: &[u8], message: impl IntoIterator<Item = &'m [u8]>) -> Vec<u8> {
        match self {
            Self::Sha256 => run::<Hmac<Sha256>>(secret, message),
            Self::Sha512 => run::<Hmac<Sha512>>(secret, message),
        }
    }
}

#[expect(clippy::expect_used, reason = "names the invariant")]
fn run<'m, M: Mac + hmac::digest::KeyInit>(secret: &[u8], message: impl IntoIterator<Item = &'m [u8]>) -> Vec<u8> {
    let mut mac = <M as Mac>::new_from_slice(secret).expect("invariant: a key of an HMAC may have any length");
    message.into_iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    #[default]
    Hex,
    Base64,
    Base64Url,
}

impl Encoding {
    pub(super) fn text(self, code: &[u8]) -> String {
        match self {
            Self::Hex => code.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Base64 => STANDARD.encode_to_string(code),
            Self::Base64Url => URL_SAFE_NO_PAD.encode_to_string(code),
        }
    }

    /// Whether a claim is the right text, in a time that does not tell how much of it is right.
    pub(super) fn same(self, claim: &str, right: &str) -> bool {
        match self {
            Self::Hex => claim.to_ascii_lowercase().as_bytes().ct_eq(right.as_bytes()).into(),
            Self::Base64 | Self::Base64Url => claim.as_bytes().ct_eq(right.as_bytes()).into(),
        }
    }
}

/// A header, and what of it is meant.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    header: HeaderName,
    prefix: String,
    separator: Option<char>,
}

impl Parts {
    pub(super) fn new(header: &str, prefix: &str, separator: Option<char>) -> Result<Parts, Vec<ConfigError>> {
        let problem = |_| vec![ConfigError::new("", format!("`{header}` is no header name"))];
        let header = HeaderName::try_from(header).map_err(problem)?;
        Ok(Parts { header, prefix: prefix.to_owned(), separator })
    }

    pub(super) fn header(&self) -> &str {
        self.header.as_str()
    }

    /// The parts that begin with the prefix, without it; at least one.
    pub(super) fn of<'h>(&self, headers: &'h HeaderMap) -> Result<impl Iterator<Item = &'h str> + use<'h, '_>, String> {
        let name = self.header();
        let mut values = headers.get_all(&self.header).iter();
        let first = values.next().ok_or_else(|| format!("header `{name}` is missing"))?;
        if values.next().is_some() {
            return Err(format!("header `{name}` is given twice"));
        }
        let text = first.to_str().map_err(|_| format!("header `{name}` is not ASCII"))?;
        let parts = move || {
            let all = text.split(move |c| Some(c) == self.separator).take(PARTS_MAX);
            all.filter_map(|part| part.trim().strip_prefix(self.prefix.as_str()))
        };
        match parts().next() {
            Some(_) => Ok(parts()),
            None => Err(format!("header `{name}` has nothing that begins with `{}`", self.prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn codes_of_the_rfc() {
        let message = || [&b"what do ya want "[..], b"for nothing?"];
        let code = |algorithm: Algorithm| Encoding::Hex.text(&algorithm.hmac(b"Jefe", message()));
        assert_eq!(code(Algorithm::Sha256), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(
            code(Algorithm::Sha512).starts_with("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554")
        );
    }

    #[test]
    fn parts_of_a_header() {
        let mut headers = HeaderMap::new();
        headers.insert("x-sig", "t=1, v1=a ,v1=b,v10=c".parse().unwrap());
        for (prefix, separator, expected) in [
            ("v1=", Some(','), &["a", "b"][..]),
            ("t=", Some(','), &["1"]),
            ("t=", None, &["1, v1=a ,v1=b,v10=c"]),
            ("", None, &["t=1, v1=a ,v1=b,v10=c"]),
        ] {
            let parts = Parts::new("X-Sig", prefix, separator).unwrap();
            assert_eq!(parts.of(&headers).unwrap().collect::<Vec<_>>(), expected, "{prefix} {separator:?}");
        }
    }
}

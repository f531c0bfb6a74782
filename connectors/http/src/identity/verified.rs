//! Tokens that were verified, so that the same token is not verified for every request.
//!
//! Bounded: two generations of [`GENERATION_MAX`] each; when the young one is full, the old one is forgotten. Only tokens with
//! a good signature get in, so that nobody without one can push others out.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// 4096 senders at a time; at about 150 bytes each both generations are about a megabyte.
pub(super) const GENERATION_MAX: usize = 4096;

/// What was found out about a token.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) principal: Arc<str>,
    /// Seconds since 1970; from then on the token has expired, leeway included.
    pub(super) until: u64,
    /// The key set it was verified with: with another set, it is verified again.
    pub(super) key_set: u64,
}

/// SHA-256 of a token; the token itself is not kept.
pub(super) type TokenDigest = [u8; 32];

pub(super) fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token.as_bytes()).into()
}

/// The verified tokens.
#[derive(Debug, Default)]
pub(super) struct Verified {
    young: HashMap<TokenDigest, Entry>,
    old: HashMap<TokenDigest, Entry>,
}

impl Verified {
    /// The principal of a token that is still good.
    pub(super) fn get(&mut self, token: &TokenDigest, key_set: u64, now: u64) -> Option<Arc<str>> {
        let good = |entry: &Entry| entry.key_set == key_set && now < entry.until;
        if let Some(entry) = self.young.get(token) {
            return good(entry).then(|| entry.principal.clone());
        }
        let entry = self.old.remove(token).filter(good)?;
        let principal = entry.principal.clone();
        self.insert(*token, entry);
        Some(principal)
    }

    pub(super) fn insert(&mut self, token: TokenDigest, entry: Entry) {
        if self.young.len() >= GENERATION_MAX && !self.young.contains_key(&token) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, entry);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn entry(key_set: u64, until: u64) -> Entry {
        Entry { principal: "shop".into(), until, key_set }
    }

    #[test]
    fn good_until_it_expires_or_the_keys_change() {
        let mut verified = Verified::default();
        verified.insert(digest("a"), entry(1, 100));
        for (token, key_set, now, found) in
            [("a", 1, 99, true), ("a", 1, 100, false), ("a", 2, 99, false), ("b", 1, 99, false)]
        {
            assert_eq!(verified.get(&digest(token), key_set, now).is_some(), found, "{token} {key_set} {now}");
        }
    }

    #[test]
    fn bounded_and_what_is_used_stays() {
        let mut verified = Verified::default();
        verified.insert(digest("used"), entry(1, 100));
        for number in 0..5 * GENERATION_MAX {
            verified.insert(digest(&number.to_string()), entry(1, 100));
            assert!(verified.young.len() + verified.old.len() <= 2 * GENERATION_MAX);
            if number % 1000 == 0 {
                verified.get(&digest("used"), 1, 1).unwrap();
            }
        }
        assert!(verified.get(&digest("0"), 1, 1).is_none());
    }
}

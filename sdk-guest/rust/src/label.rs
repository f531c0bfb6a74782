//! The words that a module leaves in its file, so that `tidegate build` can put them on the component without running it.
//!
//! A custom section of the core module, `tidegate:label`: name, version, SDK and, where there is one, the config schema, each as its
//! length (32 bits, little-endian) and its bytes. Only the attribute macros use this.

/// Package and version of this crate.
pub const SDK: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

/// Bytes that [`bytes`] gives.
pub const fn len(words: &[&str]) -> usize {
    let mut len = 0;
    let mut n = 0;
    while n < words.len() {
        len += 4 + words[n].len();
        n += 1;
    }
    len
}

/// The words, as the section holds them.
pub const fn bytes<const LEN: usize>(words: &[&str]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    let mut at = 0;
    let mut n = 0;
    while n < words.len() {
        let word = words[n].as_bytes();
        at = put(&mut bytes, at, &(word.len() as u32).to_le_bytes());
        at = put(&mut bytes, at, word);
        n += 1;
    }
    bytes
}

const fn put(bytes: &mut [u8], mut at: usize, part: &[u8]) -> usize {
    let mut n = 0;
    while n < part.len() {
        bytes[at] = part[n];
        at += 1;
        n += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_after_their_lengths() {
        const WORDS: &[&str] = &["ab", "", "ü"];
        const BYTES: [u8; len(WORDS)] = bytes(WORDS);
        assert_eq!(BYTES, *b"\x02\0\0\0ab\0\0\0\0\x02\0\0\0\xc3\xbc");
    }
}

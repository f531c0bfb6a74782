//! How a lane knows that nobody else has gone on with its partition: what it commits carries a word of its own.
//!
//! The host keeps, with what its policies remember, how far a partition is settled ([`Mark`]). That is all there was only if nobody else
//! has settled anything since: a member of the group on another host, or a person who set the group's offsets. Both leave a commit
//! without the lane's word.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// The word of one lane. Kept over restarts with the mark.
#[derive(Debug)]
pub(super) struct Token(Mutex<Arc<str>>);

impl Token {
    /// One that nobody else has: 128 bits from the system's source of randomness, by way of two hashers' keys.
    pub(super) fn new() -> Token {
        let random = || RandomState::new().build_hasher().finish();
        Token(Mutex::new(format!("tidegate-{:016x}{:016x}", random(), random()).into()))
    }

    pub(super) fn word(&self) -> Arc<str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lane goes on under the word it had.
    pub(super) fn adopt(&self, word: Arc<str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = word;
    }

    /// Adds a position to be committed, with the word.
    pub(super) fn add(&self, offsets: &mut TopicPartitionList, topic: &str, number: i32, position: i64) {
        // Only an offset that is none can be refused.
        let _ = offsets.add_partition_offset(topic, number, Offset::Offset(position));
        if let Some(mut added) = offsets.find_partition(topic, number) {
            added.set_metadata(&*self.word());
        }
    }
}

/// How far a partition is settled, and under which word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) position: i64,
    pub(super) word: Arc<str>,
}

impl Mark {
    pub(super) fn encode(&self) -> Vec<u8> {
        format!("{} {}", self.position, self.word).into_bytes()
    }

    pub(super) fn decode(text: &[u8]) -> Option<Mark> {
        let (position, word) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        Some(Mark { position: position.parse().ok()?, word: word.into() })
    }

    /// What the group has committed, where it is this lane's own doing and the mark is not behind it.
    pub(super) fn follows(&self, committed: Offset, word: &str) -> Option<i64> {
        match committed {
            Offset::Offset(position) => (*self.word == *word && position <= self.position).then_some(position),
            Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_commit_of_its_own_up_to_the_mark_is_followed() {
        let mark = Mark { position: 7, word: "a".into() };
        assert_eq!(Mark::decode(&mark.encode()), Some(Mark { position: 7, word: "a".into() }));
        for (committed, word, follows) in [
            (Offset::Offset(7), "a", true),
            (Offset::Offset(3), "a", true),
            (Offset::Offset(8), "a", false),
            (Offset::Offset(7), "b", false),
            (Offset::Offset(3), "", false),
            (Offset::Invalid, "a", false),
        ] {
            assert_eq!(mark.follows(committed, word).is_some(), follows, "{committed:?} {word}");
        }
        assert_ne!(Token::new().word(), Token::new().word());
    }

    #[test]
    fn a_commit_carries_the_word() {
        let (token, mut offsets) = (Token::new(), TopicPartitionList::new());
        token.add(&mut offsets, "orders", 3, 17);
        let added = offsets.find_partition("orders", 3);
        assert_eq!(
            added.map(|added| (added.offset(), added.metadata().to_owned())),
            Some((Offset::Offset(17), token.word().to_string()))
        );
    }
}

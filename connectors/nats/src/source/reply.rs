//! What the reply subject of a stream's message tells (ADR-15):
//! `$JS.ACK.[domain.account.]stream.consumer.delivered.sequence.consumer-sequence.published.pending[.token]`.

use std::time::{Duration, SystemTime};

/// A delivery of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivered {
    /// The message's number in its stream.
    pub(super) sequence: u64,
    /// The delivery's number in its consumer.
    pub(super) consumer_sequence: u64,
    /// When the stream took it.
    pub(super) published: SystemTime,
    /// Messages behind it that were not delivered yet.
    pub(super) pending: u64,
}

impl Delivered {
    pub(super) fn of(reply: &str) -> Option<Delivered> {
        let words: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        let numbers = match words.len() {
            7 => &words[3..],
            9.. => &words[5..],
            _ => return None,
        };
        let number = |index: usize| numbers.get(index)?.parse::<u64>().ok();
        Some(Delivered {
            sequence: number(0)?,
            consumer_sequence: number(1)?,
            published: SystemTime::UNIX_EPOCH + Duration::from_nanos(number(2)?),
            pending: number(3)?,
        })
    }
}

/// The reply subject of a first delivery that did not reach us.
pub(super) fn reply_of(stream: &str, consumer: &str, sequence: u64, consumer_sequence: u64) -> String {
    format!("$JS.ACK.{stream}.{consumer}.1.{sequence}.{consumer_sequence}.0.0")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn both_forms_are_read_and_others_refused() {
        let expected = Delivered {
            sequence: 17,
            consumer_sequence: 19,
            published: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_123),
            pending: 3,
        };
        for reply in [
            "$JS.ACK.ORDERS.c.2.17.19.1700000000000000123.3",
            "$JS.ACK._.hash.ORDERS.c.2.17.19.1700000000000000123.3",
            "$JS.ACK.hub.hash.ORDERS.c.2.17.19.1700000000000000123.3.token",
        ] {
            assert_eq!(Delivered::of(reply).unwrap(), expected, "{reply}");
        }
        for reply in ["", "_INBOX.x", "$JS.ACK.a.b", "$JS.ACK.a.b.c.d.e.f.g"] {
            assert_eq!(Delivered::of(reply), None, "{reply}");
        }
        assert_eq!(Delivered::of(&reply_of("S", "c", 5, 6)).unwrap().consumer_sequence, 6);
    }
}

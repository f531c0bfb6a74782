//! What an answer means for an event.
//!
//! | answer | the event |
//! |---|---|
//! | the topic is unknown, its name is not allowed, writing to it is not | is refused |
//! | the broker finds the message wrong (a compacted topic wants a key; a policy of the broker) | is refused |
//! | the message or its batch is larger than the topic takes | is sent alone; alone it is refused |
//! | the producer cannot go on (another took its place, its sequence is broken) | is sent again by another producer |
//! | anything else: no leader, too few replicas, no answer | is sent again |

use rdkafka::error::RDKafkaErrorCode as Code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Refused,
    TooLarge,
    Again,
    Broken,
}

impl Outcome {
    pub(crate) fn of(code: Code) -> Outcome {
        if matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge) {
            return Outcome::TooLarge;
        }
        let refused = matches!(
            code,
            Code::UnknownTopic
                | Code::UnknownTopicOrPartition
                | Code::UnknownPartition
                | Code::InvalidTopic
                | Code::TopicAuthorizationFailed
                | Code::InvalidRecord
                | Code::InvalidTimestamp
                | Code::PolicyViolation
        );
        let broken = matches!(
            code,
            Code::Fatal
                | Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::OutOfOrderSequenceNumber
                | Code::UnknownProducerId
                | Code::InvalidProducerEpoch
                | Code::ProducerFenced
                | Code::ClusterAuthorizationFailed
        );
        match (refused, broken) {
            (true, _) => Outcome::Refused,
            (false, true) => Outcome::Broken,
            (false, false) => Outcome::Again,
        }
    }
}

//! What can be wrong with a reply.

use crate::InvalidEvent;

/// What is wrong with a reply; the row is the one of the input it stems from, where that is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("output row {output}: {problem}")]
pub struct ReplyFault {
    /// The row of the reply; 0 where it is the reply as a whole.
    pub output: usize,
    /// The row of the input batch that it stems from.
    pub origin: Option<u32>,
    /// What is wrong.
    #[source]
    pub problem: ReplyProblem,
}

/// Names of all fields, in the order of the row.
pub(super) const FIELD_NAMES: [&str; crate::row::FIELDS] =
    ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "extensions", "data", "context"];

/// What is wrong with a reply, or with one output in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyProblem {
    /// The output is not a CloudEvent.
    #[error("{0}")]
    Invalid(#[from] InvalidEvent),
    /// Rows are narrower than the contract has them.
    #[error("rows of {0} words, and the contract has 24")]
    RowWidth(u32),
    /// The index does not end with a row.
    #[error("an index of {len} words, which is no multiple of {row_words}")]
    IndexLength {
        /// Words in the index.
        len: usize,
        /// Words in a row, as the reply has it.
        row_words: u32,
    },
    /// All values together reach 2 GiB.
    #[error("the reply reaches 2 GiB")]
    ReplySize,
    /// A span that leaves `bytes`.
    #[error("`{field}` at {start} with length {len} is out of bounds")]
    Span {
        /// The field.
        field: &'static str,
        /// First byte, as returned.
        start: u32,
        /// Length, as returned.
        len: u32,
    },
    /// An origin that is no row of the input.
    #[error("origin {0} is not a row of the input")]
    OriginRange(u32),
    /// An origin lower than the one before.
    #[error("origin {origin} comes after {before}")]
    OriginOrder {
        /// This row's.
        origin: u32,
        /// The row's before.
        before: u32,
    },
    /// More outputs of one origin than allowed.
    #[error("more than {limit} events out for one in")]
    TooManyOutputs {
        /// `emit` of the rights.
        limit: u32,
    },
    /// An event larger than allowed.
    #[error("{size} bytes, and at most {limit} are allowed")]
    EventSize {
        /// Bytes of its values.
        size: usize,
        /// `event_bytes` of the rights.
        limit: usize,
    },
    /// Bits in `flags` or `inherit` that the contract does not have.
    #[error("unknown bits {bits:#x} in `{word}`")]
    UnknownBits {
        /// The word of the row.
        word: &'static str,
        /// The bits.
        bits: u32,
    },
    /// A form of data that the contract does not have.
    #[error("unknown form of data")]
    Form,
    /// A run of entries that ends within an entry.
    #[error("the entries of `{0}` are cut off")]
    Entries(&'static str),
    /// An entry kind that the contract does not have, or not there.
    #[error("entry `{name}` has kind {kind}, which does not belong there")]
    Kind {
        /// The entry.
        name: String,
        /// Its kind.
        kind: u8,
    },
    /// An attribute or extension was changed without the right to.
    #[error("attribute `{0}` may not be written")]
    NotWritable(String),
    /// Data was changed without the right to.
    #[error("data may not be written")]
    DataNotWritable,
    /// A context entry that transforms may not set, or set to this.
    #[error("context `{0}` may not be set like this")]
    Context(String),
}

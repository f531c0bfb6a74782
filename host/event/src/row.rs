//! How an [`Event`](crate::Event) uses its row: the words of the guest contract, and three the host keeps for itself.
//!
//! Words 0 and 4… are those of `wit/tidegate.wit`. A span's start with the bit [`SIDE`] set counts in the event's side
//! buffer, without it in the message. Words 1 to 3 (`origin`, `inherit`, zero in the contract) hold where the whole event
//! stands in the message and what is known about it; they are rewritten when a batch is assembled.

/// Words in a row of contract 0.1.0.
pub(crate) const ROW_WORDS: usize = 24;

/// One row of the index.
pub(crate) type Row = [u32; ROW_WORDS];

/// Word 0, bits of it in the contract.
pub(crate) const FLAGS: usize = 0;
pub(crate) const HAS_DATA: u32 = 1;
pub(crate) const FORM_SHIFT: u32 = 1;
pub(crate) const FORM_MASK: u32 = 0b110;
pub(crate) const WITHHELD_ATTRIBUTES: u32 = 1 << 8;
pub(crate) const WITHHELD_EXTENSIONS: u32 = 1 << 9;
pub(crate) const WITHHELD_DATA: u32 = 1 << 10;
pub(crate) const WITHHELD_CONTEXT: u32 = 1 << 11;

/// All bits of word 0 that the contract has.
pub(crate) const FLAGS_KNOWN: u32 =
    HAS_DATA | FORM_MASK | WITHHELD_ATTRIBUTES | WITHHELD_EXTENSIONS | WITHHELD_DATA | WITHHELD_CONTEXT;

/// In a row of a batch.
pub(crate) const ORIGIN: usize = 1;
pub(crate) const INHERIT: usize = 2;
/// Bit of `inherit`: `extensions` holds only changes and removals.
pub(crate) const INHERIT_PATCH: u32 = 1 << 16;
/// All bits of `inherit` that the contract has.
pub(crate) const INHERIT_KNOWN: u32 = ((1 << FIELDS) - 1) | INHERIT_PATCH;

/// In a row of an event: start and length in the message of the structured event it was decoded from; length 0 where
/// there is none, or it no longer says what the event says.
pub(crate) const WHOLE: usize = 1;
/// In a row of an event: [`JSON_CHECKED`].
pub(crate) const MARKS: usize = 3;
/// The data is known to be one JSON value, and may be written into a structured event as it stands.
pub(crate) const JSON_CHECKED: u32 = 1;

/// Marks a span's start as counting in the side buffer.
pub(crate) const SIDE: u32 = 1 << 31;
/// Bytes that a message, or a side buffer, may have.
pub(crate) const BUFFER_MAX: usize = SIDE as usize - 1;

pub(crate) const FIELDS: usize = 10;
/// The fields that are attributes of the specification: the first seven.
pub(crate) const ATTRIBUTES: usize = 7;
pub(crate) const ID: usize = 0;
pub(crate) const SOURCE: usize = 1;
pub(crate) const TYPE: usize = 2;
pub(crate) const SUBJECT: usize = 3;
pub(crate) const TIME: usize = 4;
pub(crate) const DATACONTENTTYPE: usize = 5;
pub(crate) const DATASCHEMA: usize = 6;
pub(crate) const EXTENSIONS: usize = 7;
pub(crate) const DATA: usize = 8;
pub(crate) const CONTEXT: usize = 9;

/// Names of the attribute fields, in the order of the row.
pub(crate) const NAMES: [&str; ATTRIBUTES] =
    ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];

/// The field of an attribute of the specification (but `specversion`).
pub(crate) fn field_named(name: &[u8]) -> Option<usize> {
    match name {
        b"id" => Some(ID),
        b"source" => Some(SOURCE),
        b"type" => Some(TYPE),
        b"subject" => Some(SUBJECT),
        b"time" => Some(TIME),
        b"datacontenttype" => Some(DATACONTENTTYPE),
        b"dataschema" => Some(DATASCHEMA),
        _ => None,
    }
}

/// Start (with its [`SIDE`] bit) and length of a field.
#[inline]
pub(crate) fn span(row: &[u32], field: usize) -> (u32, u32) {
    (row[4 + 2 * field], row[5 + 2 * field])
}

#[inline]
pub(crate) fn set_span(row: &mut Row, field: usize, start: u32, len: u32) {
    row[4 + 2 * field] = start;
    row[5 + 2 * field] = len;
}

//! What policies remember: keys and values of one policy, on one route, in one lane, kept on disk together with the position up to
//! which the lane is settled.
//!
//! One file a host. Lanes stage what a batch has written and hand it over when the batch is durable at its sinks: a [`Commit`] writes
//! values and position in one transaction, and only then is the batch acknowledged. Commits of all lanes that wait at the same time
//! share a transaction and its sync. What has outlived its time is taken away with the commits that follow, and now and then.
//!
//! Nothing here knows what a guest, a connector or a document is: [`Scope`] is a name and a count, a position is bytes.
//!
//! **Why redb.** Of the embedded stores in use it is the one with one file, no C and no background threads, that checks every page when it is
//! opened and goes on after a full disk. fjall (an LSM tree) commits 1,024 scattered keys in 7 ms where redb takes about 20, but cuts a
//! damaged journal off without a word and stays shut after a failed write; heed (LMDB) needs its size beforehand and trusts the file it maps.

mod encoding;
mod error;
mod scope;
mod store;
mod writer;

pub use error::{OpenError, Unavailable};
pub use scope::{LaneKey, Scope, ScopeKey, Usage};
pub use store::{Committed, Options, Reader, Store};
pub use writer::{Commit, Value, Writes};

/// What a key and its value count as beyond their own bytes: about what the file needs for them.
pub const ENTRY_BYTES: usize = 64;

/// What a key with a value counts as.
pub fn entry_bytes(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len() + ENTRY_BYTES
}

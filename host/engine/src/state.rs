//! What a guest remembers, as the engine sees it: somebody's view to read through, and what the calls for one batch have written.
//!
//! Where the values lie and when they last is not known here. A worker that was given no view remembers by itself, for as long as it lives:
//! commands that try a module out need no store.

use std::{collections::BTreeMap, time::Duration};

/// Bounds of what one policy keeps in one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateLimits {
    /// Keys and values, each key counting [`STATE_ENTRY_BYTES`] more.
    pub max_bytes: u64,
    /// The longest time that anything is kept; `None`: as long as the guest says.
    pub ttl: Option<Duration>,
}

impl Default for StateLimits {
    /// 16 MiB, without an end.
    fn default() -> StateLimits {
        StateLimits { max_bytes: 16 << 20, ttl: None }
    }
}

/// What a key counts as beyond its own bytes and those of its value.
pub const STATE_ENTRY_BYTES: usize = 64;

/// A value under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateValue {
    /// What was written.
    pub bytes: Box<[u8]>,
    /// When its time is over, in milliseconds since the epoch; 0: never.
    pub expires_ms: u64,
}

/// What was written, by key; `None` deletes.
pub type StateWrites = BTreeMap<Box<[u8]>, Option<StateValue>>;

/// What the calls for one batch have written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// By key.
    pub writes: StateWrites,
    /// By how many bytes all that is kept is larger with it, each key counting [`STATE_ENTRY_BYTES`] more.
    pub growth: i64,
}

/// What a guest has remembered before the batch that is being decided.
pub trait StateView: Send {
    /// What is under a key, also where its time is over.
    fn get(&mut self, key: &[u8]) -> Result<Option<StateValue>, StateGone>;

    /// Bytes by which it may still grow.
    fn room(&self) -> u64;
}

/// It cannot be read now: nobody's fault, and to be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StateGone(pub String);

/// A key: bytes.
pub(crate) const KEY_MAX: usize = 512;

/// A value: bytes.
pub(crate) const VALUE_MAX: usize = 65_536;

/// Keys read, and entries written, in one call of a guest: sixteen for each event of the largest batch. Reading one costs the host
/// about a microsecond, which no deadline sees.
pub(crate) const KEYS_MAX: u32 = 16_384;

/// Bytes written for one batch: they are in memory until it is settled.
const STAGED_MAX: usize = 16 << 20;

/// Reads through a view, and collects what the calls for one batch write.
pub(crate) struct Session {
    view: View,
    /// Of calls that went well.
    batch: Staged,
    /// Of the call under way.
    call: Staged,
    now_ms: u64,
    ttl: Option<Duration>,
    left: Left,
    gone: Option<StateGone>,
}

enum View {
    Given(Box<dyn StateView>),
    Own(Own),
}

/// What was written, and what it makes of the size.
#[derive(Clone, Debug, Default)]
struct Staged {
    writes: StateWrites,
    bytes: usize,
    growth: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Left {
    reads: u32,
    writes: u32,
}

/// Why an entry was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    TooLarge,
}

/// Why a call ends here.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The guest's doing.
    Contract(&'static str),
    /// Noted in the session.
    Gone,
}

impl Session {
    pub(crate) fn new(view: Box<dyn StateView>, limits: &StateLimits) -> Session {
        Session::with(View::Given(view), limits)
    }

    /// Remembers for as long as it is there.
    pub(crate) fn own(limits: &StateLimits) -> Session {
        Session::with(View::Own(Own { entries: BTreeMap::new(), bytes: 0, max_bytes: limits.max_bytes }), limits)
    }

    fn with(view: View, limits: &StateLimits) -> Session {
        let (batch, call, left) = (Staged::default(), Staged::default(), Left::default());
        Session { view, batch, call, now_ms: 0, ttl: limits.ttl, left, gone: None }
    }

    /// A call begins.
    pub(crate) fn begin(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.call = Staged::default();
        self.left = Left { reads: KEYS_MAX, writes: KEYS_MAX };
    }

    /// A call has ended: what it wrote counts, or does not. Whether the state was there all the time.
    pub(crate) fn end(&mut self, kept: bool) -> Result<(), StateGone> {
        let call = std::mem::take(&mut self.call);
        if kept {
            self.batch.bytes += call.bytes;
            self.batch.growth += call.growth;
            self.batch.writes.extend(call.writes);
        }
        self.gone.take().map_or(Ok(()), Err)
    }

    /// The batch is decided: takes what was written for it; what it remembers by itself it keeps.
    pub(crate) fn finish(&mut self) -> Written {
        let batch = std::mem::take(&mut self.batch);
        match &mut self.view {
            View::Given(_) => Written { writes: batch.writes, growth: batch.growth },
            View::Own(own) => {
                own.keep(batch.writes);
                Written::default()
            }
        }
    }

    /// Whether the view was given.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.view, View::Given(_))
    }

    pub(crate) fn get(&mut self, keys: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut rest = keys;
        let mut answer = Vec::new();
        let mut any = false;
        while !rest.is_empty() || !any {
            any = true;
            self.left.reads =
                self.left.reads.checked_sub(1).ok_or(Broken::Contract("too many keys read in one call"))?;
            if rest.is_empty() {
                break;
            }
            let length = word(&mut rest)?;
            let key = key(take(&mut rest, length)?)?;
            match self.lookup(key)?.filter(|value| lives(value, self.now_ms)) {
                Some(value) => {
                    answer.extend_from_slice(&(value.bytes.len() as u32).to_le_bytes());
                    answer.extend_from_slice(&value.bytes);
                }
                None => answer.extend_from_slice(&u32::MAX.to_le_bytes()),
            }
        }
        Ok(answer)
    }

    pub(crate) fn put(&mut self, entries: &[u8]) -> Result<Result<(), Refusal>, Broken> {
        let mut rest = entries;
        let mut any = false;
        let mut put = Staged::default();
        let mut refused = None;
        while !rest.is_empty() || !any {
            any = true;
            self.left.writes =
                self.left.writes.checked_sub(1).ok_or(Broken::Contract("too many entries written in one call"))?;
            if rest.is_empty() {
                break;
            }
            let (key_length, value_length) = (word(&mut rest)?, word(&mut rest)?);
            let ttl_ms = u64::from_le_bytes(chunk(&mut rest)?);
            let key = key(take(&mut rest, key_length)?)?;
            let value = if value_length == u32::MAX { None } else { Some(take(&mut rest, value_length)?) };
            if value.is_some_and(|value| value.len() > VALUE_MAX) {
                refused = Some(Refusal::TooLarge);
                continue;
            }
            let before = match put.writes.get(key) {
                Some(write) => write.clone(),
                None => self.lookup(key)?,
            };
            put.growth -= before.map_or(0, |value| size(key, &value.bytes));
            put.growth += value.map_or(0, |value| size(key, value));
            put.bytes += key.len() + value.map_or(0, <[u8]>::len) + STATE_ENTRY_BYTES;
            let expires_ms = self.expires(ttl_ms);
            put.writes.insert(key.into(), value.map(|value| StateValue { bytes: value.into(), expires_ms }));
        }
        if let Some(refused) = refused {
            return Ok(Err(refused));
        }
        let growth = self.batch.growth + self.call.growth + put.growth;
        let grows = put.growth > 0 && growth > i64::try_from(self.room()).unwrap_or(i64::MAX);
        if grows || self.batch.bytes + self.call.bytes + put.bytes > STAGED_MAX {
            return Ok(Err(Refusal::Full));
        }
        self.call.bytes += put.bytes;
        self.call.growth += put.growth;
        self.call.writes.extend(put.writes);
        Ok(Ok(()))
    }

    fn lookup(&mut self, key: &[u8]) -> Result<Option<StateValue>, Broken> {
        if let Some(write) = self.call.writes.get(key).or_else(|| self.batch.writes.get(key)) {
            return Ok(write.clone());
        }
        let found = match &mut self.view {
            View::Given(view) => view.get(key),
            View::Own(own) => Ok(own.entries.get(key).cloned()),
        };
        found.map_err(|gone| {
            self.gone = Some(gone);
            Broken::Gone
        })
    }

    fn room(&self) -> u64 {
        match &self.view {
            View::Given(view) => view.room(),
            View::Own(own) => own.max_bytes.saturating_sub(own.bytes),
        }
    }

    fn expires(&self, ttl_ms: u64) -> u64 {
        let most = self.ttl.map_or(u64::MAX, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        match if ttl_ms == 0 { most } else { ttl_ms.min(most) } {
            u64::MAX => 0,
            ttl_ms => self.now_ms.saturating_add(ttl_ms),
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("batch", &self.batch).field("call", &self.call).finish_non_exhaustive()
    }
}

/// What a worker remembers by itself.
struct Own {
    entries: BTreeMap<Box<[u8]>, StateValue>,
    bytes: u64,
    max_bytes: u64,
}

impl Own {
    fn keep(&mut self, writes: StateWrites) {
        for (key, value) in writes {
            let after = value.as_ref().map_or(0, |value| size(&key, &value.bytes));
            let before = match value {
                Some(value) => self.entries.insert(key.clone(), value),
                None => self.entries.remove(&key),
            };
            let before = before.map_or(0, |value| size(&key, &value.bytes));
            self.bytes = self.bytes.saturating_add_signed(after - before);
        }
    }
}

fn size(key: &[u8], value: &[u8]) -> i64 {
    i64::try_from(key.len() + value.len() + STATE_ENTRY_BYTES).unwrap_or(i64::MAX)
}

fn lives(value: &StateValue, now_ms: u64) -> bool {
    value.expires_ms == 0 || value.expires_ms > now_ms
}

fn key(key: &[u8]) -> Result<&[u8], Broken> {
    match key.len() {
        0 => Err(Broken::Contract("an empty key")),
        1..=KEY_MAX => Ok(key),
        _ => Err(Broken::Contract("a key of more than 512 bytes")),
    }
}

fn take<'a>(rest: &mut &'a [u8], length: u32) -> Result<&'a [u8], Broken> {
    let (part, after) =
        rest.split_at_checked(length as usize).ok_or(Broken::Contract("keys or entries that are cut off"))?;
    *rest = after;
    Ok(part)
}

fn chunk<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Broken> {
    let (part, after) = rest.split_first_chunk().ok_or(Broken::Contract("keys or entries that are cut off"))?;
    *rest = after;
    Ok(*part)
}

fn word(rest: &mut &[u8]) -> Result<u32, Broken> {
    chunk(rest).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests;

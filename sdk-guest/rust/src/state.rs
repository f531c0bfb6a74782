//! Keys and values that last, a capability: a component that keeps nothing does not import it.
//!
//! What is written is there for all later events of the same lane (a partition, a file, …), for this policy and route, over restarts and over
//! newer builds of the module. It takes effect with the batch: if the call fails nothing was written. The policy must grant `state`, and may
//! bound it: `state: {maxBytes: 16Mi, ttl: 24h}`. What exactly is promised for which source stands in `wit/tidegate.wit` and in the host's
//! documentation.
//!
//! ```
//! use std::time::Duration;
//! use tidegate_guest::{Event, Verdict, filter, state};
//!
//! /// Lets every id through once an hour.
//! #[filter]
//! fn once(event: &Event) -> Verdict {
//!     if state::has(event.id()) {
//!         return Verdict::drop("seen before");
//!     }
//!     match state::set(event.id(), "", Duration::from_secs(3600)) {
//!         Ok(()) => Verdict::Keep,
//!         Err(state::Refused::Full) => Verdict::retry("no room to remember"),
//!         Err(state::Refused::TooLarge) => Verdict::reject("the id is too long"),
//!     }
//! }
//! # let order = tidegate_guest::testing::event().id("1").build();
//! # assert_eq!(once(&order), Verdict::Keep);
//! # assert_eq!(once(&order), Verdict::drop("seen before"));
//! ```
//!
//! Natively, in tests, each thread keeps its own, without limits but those of a key and a value; `testing::forget` empties it and
//! `testing::time_passes` lets time pass.

use std::time::Duration;

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It would be more than the policy, or the host, may keep. Deleting makes room, and time does.
    Full,
    /// A key of more than [`KEY_MAX`] bytes, or none; a value of more than [`VALUE_MAX`].
    TooLarge,
}

/// Bytes of a key; at least one.
pub const KEY_MAX: usize = 512;

/// Bytes of a value.
pub const VALUE_MAX: usize = 65_536;

/// No value: read, there is none; written, the key is deleted.
const NONE: u32 = u32::MAX;

/// The value of a key. A key that is empty or too long has none.
pub fn get(key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    get_all([key]).pop().flatten()
}

/// Whether a key has a value.
pub fn has(key: impl AsRef<[u8]>) -> bool {
    get(key).is_some()
}

/// The values of many keys, in their order: one call of the host, where [`get`] makes one each.
pub fn get_all<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Vec<Option<Vec<u8>>> {
    let mut asked = Vec::new();
    let fits: Vec<bool> = keys
        .into_iter()
        .map(|key| {
            let fits = is_key(key.as_ref());
            if fits {
                push(&mut asked, key.as_ref().len());
                asked.extend_from_slice(key.as_ref());
            }
            fits
        })
        .collect();
    if asked.is_empty() {
        return vec![None; fits.len()];
    }
    let answer = imports::get(&asked);
    let mut rest = answer.as_slice();
    fits.into_iter().map(|fits| if fits { take(&mut rest) } else { None }).collect()
}

/// Writes a value. It is kept for `ttl` at most, `None` without an end; the policy may shorten that. Writing again begins the time anew.
pub fn set(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: impl Into<Option<Duration>>) -> Result<(), Refused> {
    let mut entries = Entries::default();
    entries.set(key, value, ttl)?;
    entries.write()
}

/// Deletes a key, whether it is there or not.
pub fn delete(key: impl AsRef<[u8]>) {
    let mut entries = Entries::default();
    entries.delete(key);
    // What makes it smaller is not refused.
    let _ = entries.write();
}

/// Many writes in one call of the host: all of them take effect, the later over the earlier, or none.
#[derive(Clone, Debug, Default)]
pub struct Entries(Vec<u8>);

impl Entries {
    /// To write a value, as [`set`] does.
    pub fn set(
        &mut self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: impl Into<Option<Duration>>,
    ) -> Result<(), Refused> {
        let (key, value) = (key.as_ref(), value.as_ref());
        if !is_key(key) || value.len() > VALUE_MAX {
            return Err(Refused::TooLarge);
        }
        // 0 is no end: what is shorter than a millisecond gets one.
        let ttl = ttl.into().map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
        push(&mut self.0, key.len());
        push(&mut self.0, value.len());
        self.0.extend_from_slice(&ttl.to_le_bytes());
        self.0.extend_from_slice(key);
        self.0.extend_from_slice(value);
        Ok(())
    }

    /// To delete a key.
    pub fn delete(&mut self, key: impl AsRef<[u8]>) {
        let key = key.as_ref();
        if is_key(key) {
            push(&mut self.0, key.len());
            self.0.extend_from_slice(&NONE.to_le_bytes());
            self.0.extend_from_slice(&0_u64.to_le_bytes());
            self.0.extend_from_slice(key);
        }
    }

    /// Writes them.
    pub fn write(self) -> Result<(), Refused> {
        if self.0.is_empty() { Ok(()) } else { imports::put(&self.0) }
    }
}

fn is_key(key: &[u8]) -> bool {
    (1..=KEY_MAX).contains(&key.len())
}

fn push(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(NONE).to_le_bytes());
}

/// One answer: a length, and the value of it.
fn take(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    let length = u32::from_le_bytes(*length);
    if length == NONE {
        return None;
    }
    let (value, behind) = rest.split_at_checked(length as usize)?;
    *rest = behind;
    Some(value.to_vec())
}

#[cfg(target_family = "wasm")]
mod imports {
    use super::Refused;
    use crate::bindings::state_import as state;

    pub(super) fn get(keys: &[u8]) -> Vec<u8> {
        state::get(keys)
    }

    pub(super) fn put(entries: &[u8]) -> Result<(), Refused> {
        state::put(entries).map_err(|refusal| match refusal {
            state::Refusal::Full => Refused::Full,
            state::Refusal::TooLarge => Refused::TooLarge,
        })
    }
}

/// Stands in for the host: keeps per thread.
#[cfg(not(target_family = "wasm"))]
pub(crate) mod imports {
    use std::{cell::RefCell, collections::BTreeMap, time::Duration};

    use super::{NONE, Refused, push, take};

    /// Value and the time of its end in milliseconds; 0: none.
    type Kept = BTreeMap<Vec<u8>, (Vec<u8>, u64)>;

    thread_local! {
        static KEPT: RefCell<(Kept, u64)> = const { RefCell::new((BTreeMap::new(), 0)) };
    }

    pub(super) fn get(keys: &[u8]) -> Vec<u8> {
        let mut rest = keys;
        let mut answer = Vec::new();
        KEPT.with_borrow(|(kept, now)| {
            while let Some(key) = take(&mut rest) {
                match kept.get(&key).filter(|(_, ends)| *ends == 0 || ends > now) {
                    Some((value, _)) => {
                        push(&mut answer, value.len());
                        answer.extend_from_slice(value);
                    }
                    None => answer.extend_from_slice(&NONE.to_le_bytes()),
                }
            }
        });
        answer
    }

    pub(super) fn put(entries: &[u8]) -> Result<(), Refused> {
        KEPT.with_borrow_mut(|(kept, now)| {
            let mut rest = entries;
            while let Some((head, behind)) = rest.split_first_chunk::<16>() {
                let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
                let (key_length, value_length) = (word(0), word(4));
                let ttl = u64::from(word(8)) | u64::from(word(12)) << 32;
                let (key, behind) = behind.split_at(key_length as usize);
                if value_length == NONE {
                    kept.remove(key);
                    rest = behind;
                    continue;
                }
                let (value, behind) = behind.split_at(value_length as usize);
                let ends = if ttl == 0 { 0 } else { now.saturating_add(ttl) };
                kept.insert(key.to_vec(), (value.to_vec(), ends));
                rest = behind;
            }
        });
        Ok(())
    }

    /// Lets so much time pass for what this thread keeps: entries whose time is over are gone.
    pub fn time_passes(time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        KEPT.with_borrow_mut(|(_, now)| *now = now.saturating_add(time));
    }

    /// Empties what this thread keeps.
    pub fn forget() {
        KEPT.with_borrow_mut(|(kept, _)| kept.clear());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::{Entries, KEY_MAX, Refused, VALUE_MAX, delete, get, get_all, has, set};
    use crate::testing::{forget, time_passes};

    #[test]
    fn what_is_written_is_read_until_its_time_is_over() {
        forget();
        assert_eq!(get("a"), None);
        set("a", "1", None).unwrap();
        set("b", [], Duration::from_secs(1)).unwrap();
        assert_eq!(get_all(["a", "x", "b"]), [Some(b"1".to_vec()), None, Some(Vec::new())]);
        time_passes(Duration::from_millis(999));
        assert!(has("b"));
        time_passes(Duration::from_millis(1));
        assert!(has("a") && !has("b"));
        delete("a");
        assert!(!has("a"));
    }

    #[test]
    fn what_does_not_fit_is_refused_here_and_ends_no_call() {
        forget();
        let long = "k".repeat(KEY_MAX + 1);
        assert_eq!(set(&long, "", None), Err(Refused::TooLarge));
        assert_eq!(set("", "", None), Err(Refused::TooLarge));
        assert_eq!(set("a", vec![0; VALUE_MAX + 1], None), Err(Refused::TooLarge));
        assert_eq!(get_all([long.as_str(), "", "a"]), [None, None, None]);
        delete("");
    }

    #[test]
    fn many_writes_go_together() {
        forget();
        let mut entries = Entries::default();
        entries.set("a", "1", None).unwrap();
        entries.set("b", "2", None).unwrap();
        entries.delete("a");
        entries.write().unwrap();
        assert_eq!(get_all(["a", "b"]), [None, Some(b"2".to_vec())]);
    }
}

//! Extensions of an output: replaced as a whole, or changed one by one.

use super::{ReplyProblem, same};
use crate::entries::{self, Entries, Entry};
use crate::flat::Rights;
use crate::row;
use crate::{EXTENSIONS_MAX, Event, InvalidEvent, rules};

/// Appends the origin's extensions with these changes to `side`; nothing, and `false`, if nothing differs.
pub(super) fn patched<'r>(
    origin: &Event,
    patch: &'r [u8],
    rights: &Rights,
    changes: &mut Vec<Entry<'r>>,
    side: &mut Vec<u8>,
) -> Result<bool, ReplyProblem> {
    if patch.is_empty() {
        return Ok(false);
    }
    read(patch, Removals::Allowed, changes)?;
    let old = origin.bytes(row::EXTENSIONS);
    let mut changed = false;
    for &change in &*changes {
        changed |= writes(entries::find(old, change.name), Some(change), rights)?;
    }
    if !changed {
        return Ok(false);
    }
    let start = side.len();
    let untouched = |entry: &Entry<'_>| changes.iter().all(|change| change.name != entry.name);
    for entry in entries::checked(old).filter(untouched) {
        entries::push(side, entry);
    }
    for &change in changes.iter().filter(|change| change.kind != entries::REMOVED) {
        entries::push(side, change);
    }
    check_count(&side[start..])?;
    Ok(true)
}

/// Appends these extensions to `side`, instead of the origin's; nothing, and `false`, if nothing differs.
pub(super) fn replaced<'r>(
    origin: &Event,
    new: &'r [u8],
    rights: &Rights,
    new_entries: &mut Vec<Entry<'r>>,
    side: &mut Vec<u8>,
) -> Result<bool, ReplyProblem> {
    let old = origin.bytes(row::EXTENSIONS);
    if same(new, old) {
        return Ok(false);
    }
    let mut changed = false;
    read(new, Removals::Refused, new_entries)?;
    for &entry in &*new_entries {
        changed |= writes(entries::find(old, entry.name), Some(entry), rights)?;
    }
    for entry in entries::checked(old) {
        if new_entries.iter().all(|other| other.name != entry.name) {
            changed |= writes(Some(entry), None, rights)?;
        }
    }
    if changed {
        check_count(new)?;
        side.extend_from_slice(new);
    }
    Ok(changed)
}

fn check_count(run: &[u8]) -> Result<(), ReplyProblem> {
    if entries::checked(run).count() > EXTENSIONS_MAX {
        return Err(InvalidEvent::TooManyExtensions.into());
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Removals {
    Allowed,
    Refused,
}

/// Fills `found` with the entries of a run from a guest, each valid, none twice, and not too many.
fn read<'r>(run: &'r [u8], removals: Removals, found: &mut Vec<Entry<'r>>) -> Result<(), ReplyProblem> {
    found.clear();
    for entry in Entries::new(run) {
        let entry = entry.map_err(|_| ReplyProblem::Entries("extensions"))?;
        rules::extension_name(entry.name)?;
        match entry.kind {
            entries::REMOVED if removals == Removals::Allowed => {}
            entries::STRING..=entries::TIMESTAMP => rules::extension_value(entry.name, entry.kind, entry.value)?,
            kind => return Err(ReplyProblem::Kind { name: name(entry), kind }),
        }
        if found.iter().any(|other| other.name == entry.name) {
            return Err(InvalidEvent::repeated(entry.name).into());
        }
        // As many as an event may have, and as many removed.
        if found.len() == 2 * EXTENSIONS_MAX {
            return Err(InvalidEvent::TooManyExtensions.into());
        }
        found.push(entry);
    }
    Ok(())
}

/// Whether `new` differs from `old`; refused if it does and may not be written. Kinds are hints: a guest that writes the
/// same value as a string changes nothing.
fn writes(old: Option<Entry<'_>>, new: Option<Entry<'_>>, rights: &Rights) -> Result<bool, ReplyProblem> {
    let new = new.filter(|entry| entry.kind != entries::REMOVED);
    let same = match (old, new) {
        (Some(old), Some(new)) => old.value == new.value || old.to_canonical() == new.to_canonical(),
        (old, new) => old.is_none() && new.is_none(),
    };
    let Some(entry) = new.or(old).filter(|_| !same) else { return Ok(false) };
    if rights.may_write(crate::event::text(entry.name)) {
        return Ok(true);
    }
    Err(ReplyProblem::NotWritable(name(entry)))
}

fn name(entry: Entry<'_>) -> String {
    String::from_utf8_lossy(entry.name).into_owned()
}

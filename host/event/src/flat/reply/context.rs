//! Context of an output: the origin's, with what a transform may set.

use super::ReplyProblem;
use crate::entries::{self, Entries, Entry};
use crate::row;
use crate::{Event, InvalidEvent, rules};

/// Context entries one output may set. More would make the merge (each against each) slow.
const CHANGES_MAX: usize = 128;

/// The origin's context with these changes; `None` if nothing differs.
pub(super) fn merged(origin: &Event, changes: &[u8]) -> Result<Option<Vec<u8>>, ReplyProblem> {
    let old = origin.bytes(row::CONTEXT);
    if changes.is_empty() || changes == old {
        return Ok(None);
    }
    let mut new: Option<Vec<u8>> = None;
    for (count, entry) in Entries::new(changes).enumerate() {
        let entry = entry.map_err(|_| ReplyProblem::Entries("context"))?;
        if count == CHANGES_MAX || std::str::from_utf8(entry.name).is_err() {
            return Err(refused(entry));
        }
        if entries::checked(changes).take(count).any(|other| other.name == entry.name) {
            return Err(InvalidEvent::repeated(entry.name).into());
        }
        let now = entries::find(new.as_deref().unwrap_or(old), entry.name);
        let same = match (now, entry.kind) {
            (now, entries::REMOVED) => now.is_none(),
            (now, _) => now.is_some_and(|now| now.value == entry.value),
        };
        if !same {
            apply(new.get_or_insert_with(|| old.to_vec()), entry)?;
        }
    }
    Ok(new)
}

fn apply(context: &mut Vec<u8>, entry: Entry<'_>) -> Result<(), ReplyProblem> {
    let header = entry.name.strip_prefix(b"header.").is_some_and(|name| !name.is_empty());
    if entry.name != b"key" && !header {
        return Err(refused(entry));
    }
    match entry.kind {
        entries::REMOVED => entries::remove(context, entry.name),
        entries::STRING..=entries::TIMESTAMP => {
            let text = std::str::from_utf8(entry.value).map_err(|_| refused(entry))?;
            // Line breaks in a header would be more headers.
            if header && !rules::characters(text) {
                return Err(refused(entry));
            }
            entries::set(context, Entry { kind: entries::STRING, ..entry });
        }
        kind => return Err(ReplyProblem::Kind { name: String::from_utf8_lossy(entry.name).into_owned(), kind }),
    }
    Ok(())
}

fn refused(entry: Entry<'_>) -> ReplyProblem {
    ReplyProblem::Context(String::from_utf8_lossy(entry.name).into_owned())
}

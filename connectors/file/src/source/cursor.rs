//! The durable position of a source: written at every commit, synced now and then, locked against a second reader.
//!
//! The file has two slots of 512 bytes, a line of JSON each, written in turn: whatever happens during a write, the other
//! slot is whole. The valid slot with the higher number counts. A write is one `pwrite` of what fits a sector
//! into blocks allocated when the cursor was made: it survives a kill of the process at once, and needs no free disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidegate_connector::SourceError;
use tokio::sync::Notify;

use super::position::{FileId, Position, head, head_bytes};

/// How often a cursor is synced to the disk at most: what is read again after a power failure.
// 50 ms: twenty syncs a second are no load for a disk, and few events to read again.
pub const SYNC_EVERY: Duration = Duration::from_millis(50);

const SLOT_BYTES: usize = 512;

/// A position as kept, with what recognises the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    #[serde(flatten)]
    pub(super) id: FileId,
    /// Digest of the first bytes, so many of them as lie before `offset`, 1 KiB at most.
    pub(super) head: String,
    pub(super) offset: u64,
    pub(super) line: u64,
}

#[derive(Serialize, Deserialize)]
struct Slot {
    number: u64,
    #[serde(flatten)]
    saved: Saved,
    check: String,
}

#[derive(Debug)]
pub(super) struct Cursor {
    file: Arc<File>,
    path: PathBuf,
    state: Mutex<State>,
    written: Notify,
}

#[derive(Debug)]
struct State {
    number: u64,
    /// The files that positions may speak of.
    files: Vec<Known>,
    /// The lane is gone: a late settlement must not move what its successor reads by.
    released: bool,
}

#[derive(Debug)]
struct Known {
    number: u32,
    id: FileId,
    file: Arc<File>,
    /// Length and digest of the head, as last computed.
    head: Option<(usize, String)>,
}

impl Cursor {
    /// Opens and locks the cursor of a source; what it holds, if anything.
    pub(super) fn open(state_dir: &Path, id: &str) -> Result<(Cursor, Option<Saved>), SourceError> {
        let path = state_dir.join("file").join(format!("{}.cursor", encoded(id)));
        let failed = |cause: String| SourceError::Transient { place: format!("cursor {}", path.display()), cause };
        let file = open_file(&path).map_err(|error| failed(error.to_string()))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed(format!("another host or lane reads source {id} with this cursor ({error})")))?;
        let latest = load(&file).map_err(|error| failed(error.to_string()))?;
        let (number, saved) = latest.map_or((0, None), |slot| (slot.number, Some(slot.saved)));
        let state = Mutex::new(State { number, files: Vec::new(), released: false });
        Ok((Cursor { file: Arc::new(file), path, state, written: Notify::new() }, saved))
    }

    /// From now on positions may speak of this file; said again it changes nothing.
    pub(super) fn know(&self, number: u32, id: FileId, file: Arc<File>) {
        let mut state = self.state();
        if state.files.iter().all(|known| known.number != number) {
            state.files.push(Known { number, id, file, head: None });
        }
    }

    /// No position will speak of files before `number` any more.
    pub(super) fn forget_before(&self, number: u32) {
        self.state().files.retain(|known| known.number >= number);
    }

    /// Records that everything before `position` is settled.
    pub(super) fn commit(&self, position: &Position) -> Result<(), SourceError> {
        let mut state = self.state();
        if state.released {
            return Ok(());
        }
        let next = state.number + 1;
        // Nothing was read yet.
        let Some(known) = state.files.iter_mut().find(|known| known.number == position.file) else { return Ok(()) };
        known
            .save(position)
            .and_then(|saved| self.file.write_all_at(&Slot::new(next, saved).encode(), place_of(next)))
            .map_err(|error| self.failed(&error))?;
        state.number = next;
        drop(state);
        self.written.notify_one();
        Ok(())
    }

    /// What the next [`commit`](Self::commit) of this position will write, for somebody who writes it before.
    pub(super) fn mark(&self, position: &Position) -> Option<Vec<u8>> {
        let mut state = self.state();
        let next = state.number + 1;
        let known = state.files.iter_mut().find(|known| known.number == position.file)?;
        let saved = known.save(position).ok()?;
        Some(Slot::new(next, saved).encode())
    }

    /// The position of a mark, where it is ahead of what the cursor holds: the mark was kept, and the commit that was to follow was not.
    pub(super) fn ahead(&self, mark: &[u8]) -> Option<Saved> {
        let slot = Slot::decode(mark)?;
        (slot.number > self.state().number).then_some(slot.saved)
    }

    /// Makes what was committed survive a power failure.
    pub(super) async fn sync(&self) -> Result<(), SourceError> {
        let file = self.file.clone();
        let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
        synced.unwrap_or_else(|panic| Err(io::Error::other(panic))).map_err(|error| self.failed(&error))
    }

    /// Syncs after commits, until it is dropped.
    pub(super) async fn keep_synced(self: Arc<Self>) {
        loop {
            self.written.notified().await;
            if let Err(error) = self.sync().await {
                tracing::warn!(%error, "the cursor could not be synced; a power failure would repeat events");
            }
            tokio::time::sleep(SYNC_EVERY).await;
        }
    }

    /// The lane is gone: gives the lock back and ignores late settlements.
    pub(super) fn release(&self) {
        self.state().released = true;
        // Closing the file does the same, but late settlements may hold it for long.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &io::Error) -> SourceError {
        SourceError::Transient { place: format!("cursor {}", self.path.display()), cause: error.to_string() }
    }
}

impl Known {
    fn save(&mut self, position: &Position) -> io::Result<Saved> {
        let wanted = head_bytes(position.offset);
        let head = match &self.head {
            Some((length, digest)) if *length == wanted => digest.clone(),
            Some(_) | None => {
                let digest = digest(&head(&self.file, position.offset)?);
                self.head.insert((wanted, digest)).1.clone()
            }
        };
        Ok(Saved { id: self.id, head, offset: position.offset, line: position.line })
    }
}

impl Saved {
    /// Whether this is the file, grown at most, that the position is in.
    pub(super) fn fits(&self, id: FileId, file: &Arc<File>) -> io::Result<bool> {
        let grown = file.metadata()?.len() >= self.offset;
        Ok(id == self.id && grown && digest(&head(file, self.offset)?) == self.head)
    }
}

impl Slot {
    fn new(number: u64, saved: Saved) -> Self {
        let check = Self::check(number, &saved);
        Self { number, saved, check }
    }

    fn check(number: u64, saved: &Saved) -> String {
        let Saved { id, head, offset, line } = saved;
        digest(format!("{number} {} {} {head} {offset} {line}", id.dev, id.ino).as_bytes())
    }

    fn encode(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        // Numbers of 20 digits and two digests of 32: always under 300 bytes.
        text.resize(SLOT_BYTES - 1, b' ');
        text.push(b'\n');
        text
    }

    fn decode(text: &[u8]) -> Option<Slot> {
        let slot: Slot = serde_json::from_slice(text).ok()?;
        (slot.check == Self::check(slot.number, &slot.saved)).then_some(slot)
    }
}

fn place_of(number: u64) -> u64 {
    number % 2 * SLOT_BYTES as u64
}

fn load(file: &File) -> io::Result<Option<Slot>> {
    let mut text = [0; 2 * SLOT_BYTES];
    file.read_exact_at(&mut text, 0)?;
    Ok(text.chunks(SLOT_BYTES).filter_map(Slot::decode).max_by_key(|slot| slot.number))
}

/// Opens the cursor; a new one gets its blocks, and is durable in its folder, before it is used.
fn open_file(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // 0600: positions are nobody else's business.
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.len() < 2 * SLOT_BYTES as u64 {
        file.write_all_at(&[b' '; 2 * SLOT_BYTES], 0)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

/// An id as a file name: what is no letter, digit, `-` or `_` as `%XX`, so that two ids never meet.
fn encoded(id: &str) -> String {
    let mut name = String::new();
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(byte as char),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

/// 128 bits of SHA-256: no second file of the same inode and head by chance.
fn digest(bytes: &[u8]) -> String {
    format!("{:.32x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn cursor(folder: &Path, content: &[u8]) -> (Cursor, Option<Saved>) {
        let (cursor, saved) = Cursor::open(folder, "ns/orders").unwrap();
        let path = folder.join("orders");
        fs::write(&path, content).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        cursor.know(1, FileId::of(&file.metadata().unwrap()), file);
        (cursor, saved)
    }

    #[test]
    fn the_last_commit_is_found_again_and_a_torn_slot_falls_back_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file/ns%2Forders.cursor");
        let (first, saved) = cursor(folder.path(), b"0123456789");
        assert_eq!(saved, None);
        for offset in [3, 7] {
            first.commit(&Position { file: 1, offset, line: 1 }).unwrap();
        }
        drop(first);
        let (second, saved) = cursor(folder.path(), b"0123456789");
        assert_eq!(saved.unwrap().offset, 7);
        drop(second);
        // Number 2 is in the first slot: tear it.
        let mut text = fs::read(&path).unwrap();
        text[40] ^= 1;
        fs::write(&path, text).unwrap();
        assert_eq!(cursor(folder.path(), b"").1.unwrap().offset, 3);
    }

    #[test]
    fn a_second_reader_is_told_who_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = cursor(folder.path(), b"");
        let error = Cursor::open(folder.path(), "ns/orders").unwrap_err().to_string();
        assert!(error.contains("another host or lane reads source ns/orders with this cursor"), "{error}");
        first.release();
        assert!(Cursor::open(folder.path(), "ns/orders").is_ok());
    }

    #[test]
    fn a_position_fits_only_the_file_it_was_taken_in() {
        let folder = tempfile::tempdir().unwrap();
        let (cursor, _) = cursor(folder.path(), b"0123456789");
        cursor.commit(&Position { file: 1, offset: 5, line: 1 }).unwrap();
        let path = folder.path().join("orders");
        let saved = load(&cursor.file).unwrap().unwrap().saved;
        for (content, fits) in [("0123456789", true), ("01234 grown", true), ("0123", false), ("x123456789", false)] {
            fs::write(&path, content).unwrap();
            let file = Arc::new(File::open(&path).unwrap());
            let id = FileId::of(&file.metadata().unwrap());
            assert_eq!(saved.fits(id, &file).unwrap(), fits, "{content}");
        }
    }
}

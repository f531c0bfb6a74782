//! `file`: events from and to JSON lines on a local disk; the embedded default that needs no broker.
//!
//! # Reading
//!
//! One file is one lane. Each line is one message: a structured CloudEvent (`format: cloudevents`), or anything else wrapped by
//! an `envelope:` rule (`format: lines`). With `follow: true` the lane goes on as `tail -F` does: an unterminated last
//! line waits for its newline; a renamed file is read to its end before its successor; a truncated or replaced file is
//! read from its beginning; a file that is missing is waited for. What is no event becomes a malformed message
//! with its place, and the lane goes on. Without `follow` the lane ends with the file, and a last line needs no newline.
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `path` | relative to the document | required |
//! | `follow` | wait at the end for more; a host that was started with `--once` does not | `false` |
//! | `format` | `cloudevents` or `lines` | `cloudevents` |
//! | `envelope` | the rule for `lines`; may name `${file}`, `${path}`, `${line}`, `${offset}` | required for `lines`; `id` is `${offset}-${hash}` |
//! | `validate` | `envelope` checks structure and attributes, `full` the grammar inside `data` too | `envelope` |
//! | `maxLineBytes` | a longer line is malformed; its bytes are skipped, not held | `16Mi`, from 256 to `1Gi` |
//! | `start` | `beginning` or `end`, while there is no cursor yet | `beginning` |
//!
//! **What settled means here.** The position up to which everything is settled is written to the cursor before `settle`
//! returns (it survives a kill of the process: what was settled is not read again) and synced to the disk at
//! most every [`SYNC_EVERY`] and at close (after a power failure events of that long are read again). Events are read
//! again, never lost, as long as the file, or the file it was renamed to in the same folder, is there.
//!
//! Limits: a file truncated in place and refilled past the old position between two looks (250 ms) looks grown, unless its
//! first KiB differs; of two rotations between two looks the middle file is found only where names are
//! numbered or dated (`orders.1`, `orders-20260131`).
//!
//! # Writing
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `path` | relative to the document; its folder must exist | required |
//! | `maxBytes` | a full file becomes `path.1`, that `path.2`, and so on | none: never |
//! | `keep` | how many full files are kept; older ones are deleted | 5, up to 1000 |
//!
//! Events are appended as structured JSON lines. **Durable means**: written and `fdatasync`ed, and the folder synced where a file
//! was created or renamed. What queued up meanwhile is one write and one sync. A write that fails leaves no half line: the file is cut
//! back to what was durable, and the sink tries again. A half line of a crash is cut off when the sink is opened.
//!
//! **Read back** (dead letters): the file and the numbered ones beside it, oldest first, up to the last whole line there was at the start. A
//! file is known by its first line, so that a place (`3f9a1c2b@17`: its line 17) stays the same when it is rotated. Lines of more
//! than 64 MiB are told of and not read.
//!
//! A lock (`flock`) on the cursor, and on the file written, keeps a second host from using the same one.

mod config;
mod connector;
mod sink;
mod source;

pub use connector::{File, FileToItsEnd};
pub use source::SYNC_EVERY;

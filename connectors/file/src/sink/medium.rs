//! The three calls that meet a full or broken disk; a trait so that tests can break them.

use std::fs::File;
use std::io::{self, Write};

/// What an appender does to an open file.
pub(super) trait Medium {
    fn write(&mut self, file: &File, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self, file: &File) -> io::Result<()>;
    fn truncate(&mut self, file: &File, length: u64) -> io::Result<()>;
}

/// A real one.
#[derive(Debug)]
pub(super) struct Disk;

impl Medium for Disk {
    fn write(&mut self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&mut self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }
}

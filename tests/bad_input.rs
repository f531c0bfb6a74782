//! Bad input gets a clear answer and nothing else is lost: files that hold what is no event, files that are taken away, full disks.

mod disk;
mod following;
mod lines;

//! A filter's folder, looked after: built, tested and swapped into what runs, whenever it is saved.
//!
//! [`watch`] tells that sources differ, [`round`] does everything that follows from that and says what changed. The command (`dev`) puts
//! them together with a host, which swaps a module by itself when its file differs.

pub(crate) mod round;
pub(crate) mod watch;

//! Waits until a file or its folder may have changed.
//!
//! inotify without a thread: watches on files are armed only while a lane waits and fire once, so that a busy writer
//! costs nothing while there is plenty to read. A look every [`LOOK_EVERY`] covers what inotify cannot see (network file systems,
//! links to other folders, exhausted watches). What changed is not told: the lane looks for itself.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

/// How often a waiting lane looks without being told.
// A quarter of a second: late, but not lost, where inotify fails; four looks a second cost nothing.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    /// `None` until it is first armed; `Some(None)` where the system gives none.
    inotify: Option<Option<AsyncFd<OwnedFd>>>,
}

impl Watch {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), inotify: None }
    }

    /// From now on a change ends [`Watch::changed`], even one that comes before it is called.
    pub(super) fn arm(&mut self, open: Option<&File>) {
        let Some(fd) = self.inotify.get_or_insert_with(open_inotify) else { return };
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let appears = WatchFlags::CREATE | WatchFlags::MOVED_TO;
        let grows = WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::ONESHOT;
        // What cannot be watched is looked at now and then.
        let _ = inotify::add_watch(&*fd, folder, appears);
        let _ = inotify::add_watch(&*fd, &self.path, grows);
        if let Some(open) = open {
            // By descriptor: the open file may have another name by now.
            let _ = inotify::add_watch(&*fd, format!("/proc/self/fd/{}", open.as_raw_fd()), grows);
        }
    }

    /// Waits for a change, or until it is time to look. Cancel-safe.
    pub(super) async fn changed(&self) {
        let told = async {
            let Some(Some(fd)) = &self.inotify else { return std::future::pending().await };
            match fd.readable().await {
                Ok(mut ready) => {
                    drain(fd);
                    ready.clear_ready();
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = told => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn open_inotify() -> Option<AsyncFd<OwnedFd>> {
    let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
    #[allow(deprecated, reason = "deprecated for types whose descriptor may change; that of an OwnedFd does not")]
    AsyncFd::new(fd).ok()
}

/// Reads and forgets what inotify has to say.
fn drain(fd: &AsyncFd<OwnedFd>) {
    let mut told = [0u8; 4096];
    while rustix::io::read(fd, &mut told).is_ok_and(|count| count > 0) {}
}

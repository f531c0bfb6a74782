//! A child that does not outlive whoever started it, however that one ends: killed, it closes a pipe, and a shell at the other
//! end kills the child and removes its folder.
//!
//! A drop is not enough: what a whole test binary shares is never dropped.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::freeze::freeze;

/// Tells the process id of the command, then waits for a line (the folder stays) or the end of its input (it goes too).
/// A signal to all of a terminal ends the wait early, and nothing else.
const SCRIPT: &str = r#"
trap : INT TERM HUP
log=$1; folder=$2; shift 2
"$@" </dev/null >>"$log" 2>&1 &
child=$!
echo $child
read -r stays
kill -9 $child 2>/dev/null
wait $child 2>/dev/null
[ "$stays" = stays ] || rm -rf "$folder"
"#;

/// Dropped, it is killed; its folder stays.
#[derive(Debug)]
pub(super) struct Guarded {
    shell: Child,
    id: Pid,
}

impl Guarded {
    /// Starts a command with its output to `log`.
    pub(super) fn start(command: &Command, log: &Path, folder: &Path) -> io::Result<Guarded> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "sh"]).arg(log).arg(folder).arg(command.get_program()).args(command.get_args());
        if let Some(current) = command.get_current_dir() {
            shell.current_dir(current);
        }
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        if let Some(output) = shell.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let id = line.trim().parse().ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("the shell does not tell a process id"))?;
        Ok(Guarded { shell, id })
    }

    pub(super) fn signal(&self, signal: Signal) {
        // It may have ended already.
        let _ = kill_process(self.id, signal);
    }

    pub(super) fn freeze(&self) {
        freeze(self.id);
    }

    /// Ended, though nobody has asked for its end yet.
    pub(super) fn has_ended(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id.as_raw_nonzero())).unwrap_or_default();
        // Behind the name, which is in brackets.
        stat.rsplit(')').next().is_none_or(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('Z'))
    }

    /// Waits for its end; after `patience` it is killed.
    pub(super) fn ended(&self, patience: Duration) {
        let began = Instant::now();
        while !self.has_ended() && began.elapsed() < patience {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(mut input) = self.shell.stdin.take() {
            // Gone already: then there is nothing to tell.
            let _ = input.write_all(b"stays\n");
        }
        let _ = self.shell.wait();
    }
}

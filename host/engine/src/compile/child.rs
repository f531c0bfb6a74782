//! The child that compiles, seen from both sides.
//!
//! Protocol: `PROGRAM compile-module SECONDS MIB`, the component on stdin, machine code on stdout, what went wrong on stderr; exit
//! code 0, or 65 for a component that does not compile. The child limits itself before it reads a byte, so that no
//! unsafe code is needed between fork and exec; the parent limits the clock and the output.

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

use super::precompile;
use crate::{engine::WASM_BYTES_MAX, error::LoadError, fault::cut};

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Processor time, in seconds. On the clock it is twelve times that, for machines that have other things to do.
    pub cpu_seconds: u64,
    /// Address space of the child, in MiB.
    pub memory_mib: u64,
}

impl Default for CompileLimits {
    /// 5 s and 512 MiB. A Go module takes 0.9 s; one with an interpreter in it (CPython, a JavaScript engine) wants more than this.
    fn default() -> CompileLimits {
        CompileLimits { cpu_seconds: 5, memory_mib: 512 }
    }
}

impl CompileLimits {
    fn clock(self) -> Duration {
        Duration::from_secs(self.cpu_seconds.saturating_mul(12))
    }

    /// As the parent hands them over: two numbers behind the command.
    fn from_arguments() -> Option<CompileLimits> {
        let mut numbers = std::env::args().skip(2).map(|argument| argument.parse().ok());
        Some(CompileLimits { cpu_seconds: numbers.next()??, memory_mib: numbers.next()?? })
    }
}

/// What the program's allocator (mimalloc) sets aside of it at once: its default is more than the whole.
const RESERVE: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "32MiB");

/// Machine code of one component. CPython is about 100 MiB.
const OUTPUT_MAX: u64 = 256 << 20;

/// Bytes of stderr that are looked at.
const STDERR_MAX: u64 = 16 << 10;

/// Bytes of stderr that go into an error.
const PROBLEM_MAX: usize = 2048;

/// Exit codes, as in sysexits.h: the component does not compile; the compiler itself failed.
const INVALID: u8 = 65;
const FAILED: u8 = 70;

/// What the child process does: reads a component on stdin, writes the compiled form to stdout. Called by the binary's
/// hidden `compile-module`, before it starts any thread.
pub fn compile_child() -> ExitCode {
    let limits = CompileLimits::from_arguments().unwrap_or_default();
    match limit_self(limits).and_then(|()| serve()) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(LoadError::Invalid { problem })) => fail(INVALID, &problem),
        Ok(Err(error)) => fail(FAILED, &error.to_string()),
        Err(error) => fail(FAILED, &error.to_string()),
    }
}

fn fail(code: u8, problem: &str) -> ExitCode {
    // Nobody is there to hear that stderr is closed.
    let _ = std::io::stderr().write_all(problem.as_bytes());
    ExitCode::from(code)
}

fn limit_self(limits: CompileLimits) -> std::io::Result<()> {
    let limit = |resource, amount: u64, grace: u64| {
        setrlimit(resource, Rlimit { current: Some(amount), maximum: Some(amount + grace) })
    };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(Resource::Cpu, limits.cpu_seconds, 1)?;
    limit(Resource::As, limits.memory_mib.saturating_mul(1 << 20), 0)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    Ok(())
}

fn serve() -> std::io::Result<Result<(), LoadError>> {
    let mut wasm = Vec::new();
    std::io::stdin().lock().take(WASM_BYTES_MAX as u64 + 1).read_to_end(&mut wasm)?;
    match precompile(&wasm) {
        Ok(compiled) => {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(&compiled)?;
            stdout.flush()?;
            Ok(Ok(()))
        }
        Err(error) => Ok(Err(error)),
    }
}

/// The parent's side: blocks until the child is done or killed.
pub(super) fn run(program: &Path, limits: CompileLimits, wasm: Vec<u8>) -> Result<Vec<u8>, LoadError> {
    let mut child = Command::new(program)
        .arg("compile-module")
        .args([limits.cpu_seconds.to_string(), limits.memory_mib.to_string()])
        .env_clear()
        .env(RESERVE.0, RESERVE.1)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| LoadError::compiler(format_args!("cannot start {}: {e}", program.display())))?;
    let result = converse(&mut child, limits, wasm);
    // After success it has exited; in every other case it must not live on.
    let _ = child.kill();
    let _ = child.wait();
    result
}

fn converse(child: &mut Child, limits: CompileLimits, wasm: Vec<u8>) -> Result<Vec<u8>, LoadError> {
    let clock = limits.clock();
    let deadline = Instant::now() + clock;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(LoadError::compiler("the child has no pipes"));
    };
    // A child that dies early breaks this pipe; its exit status says more than that.
    thread::spawn(move || drop(stdin.write_all(&wasm)));
    let output = read_aside(stdout, OUTPUT_MAX);
    let words = read_aside(stderr, STDERR_MAX);
    let too_slow = || LoadError::CompileLimit { limit: format!("{} s on the clock", clock.as_secs()) };
    let output = output.recv_timeout(clock).map_err(|_| too_slow())?;
    if output.len() as u64 > OUTPUT_MAX {
        return Err(LoadError::CompileLimit { limit: format!("{} MiB of machine code", OUTPUT_MAX >> 20) });
    }
    let status = wait(child, deadline)?.ok_or_else(too_slow)?;
    if status.success() {
        return Ok(output);
    }
    let words = words.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    Err(failure(status, limits, &String::from_utf8_lossy(&words)))
}

/// Reads to the end, or one byte past the limit, on a thread of its own: the child may write to either pipe first.
fn read_aside(pipe: impl Read + Send + 'static, max: u64) -> mpsc::Receiver<Vec<u8>> {
    let (done, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.take(max + 1).read_to_end(&mut bytes);
        let _ = done.send(bytes);
    });
    receiver
}

/// It has closed its output, so it is about to exit.
fn wait(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>, LoadError> {
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().map_err(LoadError::compiler)? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_micros(200));
    }
    Ok(None)
}

fn failure(status: ExitStatus, limits: CompileLimits, stderr: &str) -> LoadError {
    let words = cut(stderr.trim(), PROBLEM_MAX);
    if status.code() == Some(i32::from(INVALID)) {
        return LoadError::Invalid { problem: words.to_owned() };
    }
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU | Signal::KILL) => {
            LoadError::CompileLimit { limit: format!("{} s of processor time", limits.cpu_seconds) }
        }
        Some(Signal::ABORT) if words.contains("memory allocation") => {
            LoadError::CompileLimit { limit: format!("{} MiB of memory", limits.memory_mib) }
        }
        _ => LoadError::compiler(format_args!("{status}; {words}")),
    }
}

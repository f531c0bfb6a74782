//! Who sends: one thread, a fixed number of kept connections, and a clock that does not wait for answers.
//!
//! At a rate, requests are due at even intervals whatever became of those before. What is due while every connection waits for an
//! answer is sent when one is free, and its latency counts from when it was due: a stall is felt by all it held up (no
//! coordinated omission). Every latency is kept, so percentiles are exact. Without a rate each connection sends its next request
//! once it has its answer: that is how capacity is measured.
//!
//! At a rate, time is also looked at in slices: in some of them threads that take no part (the kernel's, of the machine's agents) had
//! a core. Latencies of the others are summed up for themselves as well. What decides is what those threads ran, not what was measured.

mod connection;
mod others;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    num::NonZeroU64,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{Timespec, epoll},
    process::getppid,
    thread::set_current_timer_slack,
};
use serde_json::{Value, json};

use self::{
    connection::{Connection, Progress},
    others::Others,
};
use crate::{cores::Core, measure::quantile, messages::Mode};

/// First argument of this program when it is to send.
pub(crate) const COMMAND: &str = "send-load";

/// Connections.
pub(crate) const CONNECTIONS: usize = 32;

/// Not counted: connections open, both sides warm up.
const WARM_UP: Duration = Duration::from_millis(500);

/// Time is looked at in pieces of this length.
const SLICE: Duration = Duration::from_millis(50);

/// A slice in which others ran for longer, together, is disturbed; and so is the next, in which what piled up is worked off.
const DISTURBED: Duration = Duration::from_micros(500);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) to: SocketAddr,
    pub(crate) mode: Mode,
    /// Requests a second; as many as go, where there is none.
    pub(crate) rate: Option<f64>,
    pub(crate) time: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Answered, with those of the warm-up.
    pub(crate) answered: f64,
    /// Answered in a second.
    pub(crate) throughput: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Of requests that were due while nobody else ran; not a number without a rate, or where there was no such time.
    pub(crate) undisturbed_p99_us: f64,
    /// The share of the time that this was.
    pub(crate) undisturbed: f64,
}

impl Load {
    /// Sends from a process of its own. Any answer but a 2xx ends the benchmark: it would be compared with real work.
    pub(crate) fn run(self) -> Outcome {
        let rate = self.rate.map_or("most".to_owned(), |rate| rate.to_string());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([COMMAND, &self.to.to_string(), self.mode.name(), &rate, &self.time.as_secs_f64().to_string()]);
        let child = Core::Rest.spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "sending to {} failed", self.to);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let figure = |name: &str| said[name].as_f64().unwrap();
        Outcome {
            answered: figure("answered"),
            throughput: figure("throughput"),
            p50_us: figure("p50_us"),
            p99_us: figure("p99_us"),
            undisturbed_p99_us: said["undisturbed_p99_us"].as_f64().unwrap_or(f64::NAN),
            undisturbed: figure("undisturbed"),
        }
    }
}

/// The process that sends.
#[allow(clippy::print_stdout, reason = "the result is asked for on a pipe")]
pub(crate) fn main(args: &[String]) -> ExitCode {
    let [to, mode, rate, seconds] = args else { panic!("{COMMAND} ADDRESS MODE RATE SECONDS") };
    let load = Load {
        to: to.parse().unwrap(),
        mode: mode.parse().unwrap(),
        rate: (rate != "most").then(|| rate.parse().unwrap()),
        time: Duration::from_secs_f64(seconds.parse().unwrap()),
    };
    // Timers of usual threads come 50 µs late.
    set_current_timer_slack(NonZeroU64::new(1)).unwrap();
    let sent = Sender::new(load).run();
    println!("{sent}");
    ExitCode::SUCCESS
}

/// Who started this, and waits for it.
fn parent() -> u32 {
    getppid().expect("who sends was started by who measures").as_raw_nonzero().get().cast_unsigned()
}

struct Sender {
    load: Load,
    requests: Vec<Vec<u8>>,
    connections: Vec<Connection>,
    /// Those that wait for nothing; the one that has rested longest is next.
    idle: VecDeque<usize>,
    epoll: std::os::fd::OwnedFd,
    sent: usize,
    answered: usize,
    /// By the slice that they were due in.
    latencies_us: Vec<Vec<f64>>,
    measured_from: Instant,
}

impl Sender {
    fn new(load: Load) -> Sender {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let connections: Vec<Connection> = (0..CONNECTIONS).map(|_| Connection::open(load.to)).collect();
        for (number, connection) in connections.iter().enumerate() {
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(
                &epoll,
                connection,
                data,
                epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET,
            )
            .unwrap();
        }
        let slices = load.time.div_duration_f64(SLICE).ceil() as usize;
        Sender {
            load,
            requests: load.mode.requests(load.to),
            connections,
            idle: (0..CONNECTIONS).collect(),
            epoll,
            sent: 0,
            answered: 0,
            latencies_us: vec![Vec::new(); slices],
            measured_from: Instant::now() + WARM_UP,
        }
    }

    fn run(mut self) -> Value {
        let start = self.measured_from - WARM_UP;
        let end = self.measured_from + self.load.time;
        // Looking takes time, which would be missing where as many as possible are sent.
        let mut others = self.load.rate.map(|_| Others::than(parent()));
        let mut others_ran = Vec::new();
        let mut slice_ends = self.measured_from - SLICE;
        let mut events = Vec::with_capacity(CONNECTIONS);
        loop {
            let now = Instant::now();
            if let Some(others) = &mut others {
                if now >= slice_ends {
                    others_ran.push(others.ran());
                    slice_ends += SLICE;
                }
                others.look();
            }
            if now >= end {
                break;
            }
            let next_due = self.send_what_is_due(start, now);
            let until = next_due.unwrap_or(end).min(end).saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: until.as_secs().cast_signed(), tv_nsec: until.subsec_nanos().into() };
            events.clear();
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).unwrap();
            for event in &events {
                self.proceed(event.data.u64() as usize);
            }
        }
        others_ran.extend(others.map(|mut others| others.ran()));
        self.sum_up(&others_ran)
    }

    /// `others_ran` is for how long, as it was seen in the first milliseconds after: before this began, while it warmed up, in the slice
    /// before the first, and in each that counts.
    fn sum_up(self, others_ran: &[Duration]) -> Value {
        let calm = others_ran.windows(2).skip(2).map(|two| two.iter().all(|ran| *ran <= DISTURBED));
        let undisturbed: Vec<&[f64]> =
            calm.zip(&self.latencies_us).filter_map(|(calm, slice)| calm.then_some(&slice[..])).collect();
        let share = undisturbed.len() as f64 / self.latencies_us.len() as f64;
        let undisturbed = undisturbed.concat();
        let undisturbed_p99 = (!undisturbed.is_empty()).then(|| quantile(undisturbed, 0.99));
        let all = self.latencies_us.concat();
        json!({
            "answered": self.answered,
            "throughput": all.len() as f64 / self.load.time.as_secs_f64(),
            "p50_us": quantile(all.clone(), 0.50),
            "p99_us": quantile(all, 0.99),
            "undisturbed_p99_us": undisturbed_p99,
            "undisturbed": share,
        })
    }

    /// When the next is due that a connection is free for.
    fn send_what_is_due(&mut self, start: Instant, now: Instant) -> Option<Instant> {
        while let Some(&connection) = self.idle.front() {
            let due = match self.load.rate {
                Some(rate) => start + Duration::from_secs_f64(self.sent as f64 / rate),
                None => now,
            };
            if due > now {
                return Some(due);
            }
            self.idle.pop_front();
            let request = self.sent % self.requests.len();
            self.connections[connection].send(&self.requests, request, due);
            self.sent += 1;
        }
        None
    }

    fn proceed(&mut self, number: usize) {
        match self.connections[number].proceed(&self.requests) {
            Progress::Waits => {}
            Progress::Answered { status, due } => {
                assert!((200..300).contains(&status), "{} answered {status}", self.load.to);
                self.answered += 1;
                self.idle.push_back(number);
                let now = Instant::now();
                if now >= self.measured_from {
                    let slice = due.saturating_duration_since(self.measured_from).div_duration_f64(SLICE) as usize;
                    self.latencies_us[slice].push((now - due).as_secs_f64() * 1e6);
                }
            }
        }
    }
}

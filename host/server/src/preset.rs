//! What a host is laid out for: as a gateway, as a sidecar, or neither.
//!
//! A preset sets defaults, nothing else: no document means anything else under it, and every flag of its own wins.

use std::{net::SocketAddr, num::NonZeroUsize};

use tidegate_pipeline::WindowOptions;

use crate::{admin, host::Room, runtime};

/// Options of `run` that choose a preset, and those that go against it.
#[derive(Debug, clap::Args)]
pub(crate) struct PresetArgs {
    /// In front of services: a worker thread for each core, much in flight, an admin port
    #[arg(long, conflicts_with = "sidecar", help_heading = "Presets")]
    gateway: bool,
    /// Beside one application: one worker thread, little in flight and little memory, an admin port
    #[arg(long, help_heading = "Presets")]
    sidecar: bool,
    /// Worker threads [default: 2; with --gateway one for each core, with --sidecar 1]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Address of /livez, /readyz, /status and /metrics, which have no authentication [default: none; with a preset 127.0.0.1:9902]
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// No admin port, whatever the preset
    #[arg(long, conflicts_with = "admin")]
    no_admin: bool,
}

/// A kind of host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    None,
    Gateway,
    Sidecar,
}

impl PresetArgs {
    pub(crate) fn preset(&self) -> Preset {
        match (self.gateway, self.sidecar) {
            (true, _) => Preset::Gateway,
            (_, true) => Preset::Sidecar,
            (false, false) => Preset::None,
        }
    }

    pub(crate) fn threads(&self) -> NonZeroUsize {
        self.threads.unwrap_or_else(|| self.preset().threads())
    }

    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        match (self.admin, self.preset()) {
            _ if self.no_admin => None,
            (Some(address), _) => Some(address),
            (None, Preset::Gateway | Preset::Sidecar) => Some(admin::DEFAULT),
            (None, Preset::None) => None,
        }
    }
}

impl Preset {
    /// As logs name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Preset::None => "none",
            Preset::Gateway => "gateway",
            Preset::Sidecar => "sidecar",
        }
    }

    /// A sidecar keeps to one core of its application's machine; documents are verified on a thread of their own in any case.
    fn threads(self) -> NonZeroUsize {
        match self {
            Preset::None => runtime::THREADS,
            Preset::Gateway => std::thread::available_parallelism().unwrap_or(runtime::THREADS),
            Preset::Sidecar => NonZeroUsize::MIN,
        }
    }

    /// What may be in flight, and alive, at once.
    pub(crate) fn room(self) -> Room {
        match self {
            Preset::None => Room::default(),
            // 16,384 events are what a sink's queue holds: a lane alone can fill it. 4,000 instances: 10 policies over 50
            // sources of 8 lanes each.
            Preset::Gateway => {
                Room { window: WindowOptions { events: 16_384, bytes: 128 << 20 }, instances: 4_000, ..Room::default() }
            }
            // Two of the largest batches (1,024 events, 4 MiB) a lane: one is decided while the other is sent. 200 instances:
            // 12 policies over 2 sources of 8 lanes each.
            Preset::Sidecar => {
                Room { window: WindowOptions { events: 2_048, bytes: 8 << 20 }, instances: 200, ..Room::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: PresetArgs,
    }

    #[track_caller]
    fn check(line: &str, preset: Preset, threads: Option<usize>, admin: Option<&str>) {
        let words = std::iter::once("tidegate").chain(line.split_whitespace());
        let args = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).args;
        assert_eq!(args.preset(), preset, "{line}");
        if let Some(threads) = threads {
            assert_eq!(args.threads().get(), threads, "{line}");
        }
        assert_eq!(args.admin().map(|address| address.to_string()).as_deref(), admin, "{line}");
    }

    #[test]
    fn presets_set_defaults_and_flags_win() {
        check("", Preset::None, Some(2), None);
        check("--gateway", Preset::Gateway, None, Some("127.0.0.1:9902"));
        check("--sidecar", Preset::Sidecar, Some(1), Some("127.0.0.1:9902"));
        check("--sidecar --threads 3 --no-admin", Preset::Sidecar, Some(3), None);
        check("--gateway --admin [::1]:80", Preset::Gateway, None, Some("[::1]:80"));
        check("--admin 127.0.0.1:0", Preset::None, Some(2), Some("127.0.0.1:0"));
    }

    #[test]
    fn what_contradicts_itself_is_wrong_usage() {
        for line in ["--gateway --sidecar", "--no-admin --admin 127.0.0.1:1", "--admin localhost", "--threads 0"] {
            let words = std::iter::once("tidegate").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}

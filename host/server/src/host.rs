//! A host: documents on disk kept running, and changed while they run.
//!
//! [`Host::start`] verifies the documents and opens what they name; [`Host::next`] waits for whatever happens next and has
//! already acted on it when it returns. Signals, screens and exit codes are the business of whoever owns a host.

use std::{
    fs::{self, File, TryLockError},
    future::Future,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tidegate_control::{
    Control, ControlOptions, DocumentSet, Generation, Order, Owner, Status, Watch, orders::Refusal,
};
use tidegate_engine::{Engine, EngineOptions};
use tidegate_pipeline::{Tracer, WindowOptions};
use tidegate_policy::Report;
use tokio::sync::mpsc;

use crate::{
    compiling, connectors,
    problem::{OrProblem as _, because, problem},
    spare::Spare,
};

/// How a host is set up.
#[derive(Debug)]
pub struct HostOptions {
    /// Document files, and directories of them. None: the admin API owns the documents.
    pub paths: Vec<PathBuf>,
    /// Digests of modules may be absent.
    pub development: bool,
    /// What must survive a restart: cursors, and the cache of compiled modules. Made if missing; one host at a time.
    pub state_dir: PathBuf,
    /// How long what is in flight may take to settle.
    pub grace: Duration,
    /// What may be in flight, and alive, at once.
    pub room: Room,
    /// Through which whoever likes sees what runs, from before the documents are live.
    pub status: Status,
    /// Changes that somebody asks for; `None`: nobody can.
    pub orders: Option<mpsc::Receiver<Order>>,
    /// Who traces batches; `None`: nobody.
    pub tracer: Option<Arc<dyn Tracer>>,
    /// Whether it is there only until its sources have ended: then files are read to their end, and not followed.
    pub ending: Ending,
}

/// Bounds of what a host takes on at once.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// What a lane may have in flight.
    pub window: WindowOptions,
    /// Instances alive at once, at most: one for each policy and lane. A pool reserves address space for them, not memory.
    pub instances: u32,
    /// Conditions with nothing to look up, at most.
    pub unindexed: usize,
}

impl Default for Room {
    /// Neither a gateway's nor a sidecar's.
    fn default() -> Room {
        Room { window: WindowOptions::default(), instances: 1_000, unindexed: ControlOptions::UNINDEXED_MAX }
    }
}

/// A running host. Dropping it stops it where it is: what is in flight will be delivered again.
#[derive(Debug)]
pub struct Host {
    control: Control,
    /// Of the folder that owns the documents, if one does.
    watch: Option<Watch>,
    orders: Option<mpsc::Receiver<Order>>,
    grace: Duration,
    ending: Ending,
    // Held for as long as the host lives.
    _lock: File,
    _spare: Spare,
}

/// Why a host did not start.
#[derive(Debug)]
pub enum StartError {
    /// The documents have mistakes.
    Refused(Report),
    /// Something around them is wrong.
    Failed(anyhow::Error),
}

/// What happened to a host.
#[derive(Debug)]
pub enum Happened {
    /// Changed documents went live, or a rollout went on or was taken back.
    Swapped(Arc<Generation>),
    /// Changed documents have mistakes; what ran before goes on.
    Refused(Report),
    /// Somebody asked for something, and was answered; what is live is what was.
    Served,
    /// Every source has ended by itself.
    Ended,
    /// What the caller waited for.
    Until,
}

/// Whether the end of all sources is something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is told, once for each time it is asked.
    Told,
    /// The host goes on waiting for documents.
    Ignored,
}

/// How a host ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything in flight was settled.
    Settled,
    /// The grace time passed: what was in flight will be delivered again.
    CutShort,
}

impl Host {
    /// Verifies the documents and starts what they say.
    pub async fn start(options: HostOptions) -> Result<Host, StartError> {
        let failed = StartError::Failed;
        let lock = lock_state(&options.state_dir).map_err(failed)?;
        let engine = engine(Some(options.state_dir.join("modules")), options.room).map_err(failed)?;
        let control = Control::new(engine, connectors::registry_for(options.ending), control_options(&options));
        let spare = Spare::start().map_err(failed)?;
        let control = control.remembering().showing(options.status).sparing(spare.handle().clone());
        let control = match options.tracer {
            Some(tracer) => control.traced_by(tracer),
            None => control,
        };
        let (control, watch) = match options.paths.is_empty() {
            true => {
                let mut control = control.owned_by(Owner::Api);
                control.start_from_api().await.map_err(not_started)?;
                (control, None)
            }
            false => {
                let (mut control, set) = (control, read(&options.paths).map_err(failed)?);
                control.start(&set).await.map_err(StartError::Refused)?;
                (control, Some(Watch::new(options.paths, Some(&set))))
            }
        };
        Ok(Host {
            control,
            watch,
            orders: options.orders,
            grace: options.grace,
            ending: options.ending,
            _lock: lock,
            _spare: spare,
        })
    }

    /// Waits for what happens next, or for `until`. A change that has begun is carried through before it returns.
    /// [`Happened::Ended`] is told only to a host that is there until then: another without sources at work waits for documents.
    pub async fn next(&mut self, until: impl Future<Output = ()>) -> Happened {
        let ending = self.ending;
        let status = self.control.observe();
        let mut until = std::pin::pin!(until);
        let next = loop {
            let rollouts = self.control.rollouts_due();
            let ended = async {
                match ending {
                    Ending::Told => self.control.ended().await,
                    Ending::Ignored => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = &mut until => return Happened::Until,
                () = ended => return Happened::Ended,
                () = status.asked() => {}
                () = rollouts => {
                    if let Some(generation) = self.control.judge().await {
                        return Happened::Swapped(generation);
                    }
                }
                order = next_order(&mut self.orders) => break Next::Order(order),
                set = changed(&mut self.watch) => break Next::Documents(set),
            }
            self.control.show();
        };
        match next {
            Next::Documents(set) => match self.control.apply(&set).await {
                Ok(generation) => Happened::Swapped(generation),
                Err(report) => Happened::Refused(report),
            },
            Next::Order(order) => match self.control.serve(order).await {
                Some(generation) => Happened::Swapped(generation),
                None => Happened::Served,
            },
        }
    }

    /// What runs, its history, its lanes.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Takes nothing more, settles what is in flight within the grace time, and closes everything.
    pub async fn drain(&mut self) -> Drained {
        match tokio::time::timeout(self.grace, self.control.drain()).await {
            Ok(()) => Drained::Settled,
            Err(_) => {
                // Its lanes have ended with it, and its sources now leave what they are members of: nobody shall wait for this host.
                tokio::time::sleep(LEAVE).await;
                Drained::CutShort
            }
        }
    }
}

/// How long sources have to say that they are gone, when the grace time has passed.
const LEAVE: Duration = Duration::from_secs(1);

/// What a host deals with next.
enum Next {
    Documents(DocumentSet),
    Order(Order),
}

/// Cancel-safe.
async fn next_order(orders: &mut Option<mpsc::Receiver<Order>>) -> Order {
    if let Some(queue) = orders {
        match queue.recv().await {
            Some(order) => return order,
            // Nobody is left who could ask.
            None => *orders = None,
        }
    }
    std::future::pending().await
}

/// Cancel-safe.
async fn changed(watch: &mut Option<Watch>) -> DocumentSet {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

fn not_started(refusal: Refusal) -> StartError {
    if let Refusal::Report(report) = refusal {
        return StartError::Refused(report);
    }
    let hint = "look at the state directory";
    StartError::Failed(because(refusal, "the documents of the admin API cannot be started", hint))
}

/// Checks documents as a host would, without running anything.
pub(crate) fn checker(paths: &[PathBuf], development: bool) -> anyhow::Result<(Control, DocumentSet)> {
    let options = HostOptions {
        paths: paths.to_vec(),
        development,
        // Nothing is opened, so nothing is kept.
        state_dir: PathBuf::from(".tidegate"),
        grace: Duration::ZERO,
        room: Room::default(),
        status: Status::default(),
        orders: None,
        tracer: None,
        ending: Ending::Ignored,
    };
    let set = read(paths)?;
    let control = Control::new(engine(None, options.room)?, connectors::registry(), control_options(&options));
    Ok((control.checking(), set))
}

/// The engine of this program: compiles in a child of itself.
pub(crate) fn engine(cache_dir: Option<PathBuf>, room: Room) -> anyhow::Result<Engine> {
    let program =
        std::env::current_exe().or_problem("this program does not find itself", "it compiles modules in a child")?;
    let options = EngineOptions { cache_dir, compiler: compiling::compiler(program)?, instances: room.instances };
    Engine::new(options).or_problem("WebAssembly cannot run here", "look at the limits on address space (`ulimit -v`)")
}

fn control_options(options: &HostOptions) -> ControlOptions {
    ControlOptions {
        state_dir: options.state_dir.clone(),
        development: options.development,
        window: options.room.window,
        grace: options.grace,
        unindexed_max: options.room.unindexed,
    }
}

pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<DocumentSet> {
    let set = DocumentSet::read(paths)
        .or_problem("the documents cannot be read", "name files, or folders with *.yaml, *.yml or *.json in them")?;
    if set.files.is_empty() {
        let folders: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(problem(
            format!("no documents in {}", folders.join(", ")),
            "documents are files that end in .yaml, .yml or .json",
        ));
    }
    Ok(set)
}

/// Two hosts with one state would overwrite each other's positions.
fn lock_state(dir: &Path) -> anyhow::Result<File> {
    let shown = dir.display();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .or_problem(format!("the state directory {shown} cannot be made"), "choose another with --state-dir")?;
    let lock = File::create(dir.join("lock"))
        .or_problem(format!("the state directory {shown} cannot be written"), "choose another with --state-dir")?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(problem(
            format!("another host uses the state directory {shown}"),
            "stop it, or choose another with --state-dir",
        )),
        // A file system without locks: the operator must know, but it is no reason not to run.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(%error, "the state directory cannot be locked: start no second host on it");
            Ok(lock)
        }
        Err(TryLockError::Error(error)) => Err(error)
            .or_problem(format!("the state directory {shown} cannot be locked"), "choose another with --state-dir"),
    }
}

//! `dlq replay`: entries through the policies of their route once more, and on to its sinks.
//!
//! The data path is the host's, its routes fed by hand. A portion is delivered, settled, noted durably, then told, before the next one
//! is read: what is killed in between has delivered at most one portion that is not noted.

mod portion;
mod told;

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tidegate_connector::{Fate, Settled};
use tidegate_control::{Control, ControlOptions, Replay};
use tidegate_engine::Engine;
use tidegate_event::Event;
use tidegate_pipeline::{WindowOptions, deadletter};
use tokio::time::Instant;

use self::{portion::Portion, told::Told};
use super::{
    DocumentArgs, documents, dry,
    entry::{Entry, Filter},
    feed::{Answer, Feed, feed},
    noted::{Became, Notes},
    scan::Scan,
};
use crate::{
    cli::Ending,
    commands::Output,
    connectors,
    host::{self, Room},
    human,
    problem::problem,
    signals::Stop,
};

/// How often sinks are asked whether they are in trouble.
const LOOK: Duration = Duration::from_millis(100);

/// Options of `dlq replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without entries or filters everything that rests is replayed, oldest first. The event is put in as it came, through the policies of the \
route it failed on and to the sinks of that route; other routes have dealt with it. What the transport knew of it (headers, topic, \
peer) is not kept in a dead letter. Messages that are no events are passed over.

At least once: an entry is noted as soon as what became of it is durable, and a replay that is killed may deliver up to 1,024 entries a \
second time. An entry that is dead-lettered again is noted too: a new one tells the new cause. What is refused by a policy's \
rule `Reject`, or cannot be decided or delivered for now, stays as it is.

A host that runs on the same documents goes on, but holds the files it writes: a replay to a file ends with an error that says so. Stop \
the host meanwhile, or replay to brokers or HTTP.

Exit code 0: every entry that was meant was delivered, or dropped by a policy on purpose.")]
pub(super) struct Args {
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    filter: Filter,
    /// Candidate documents: each takes the place of the one of its kind and name, or is added
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// Entries replayed at most, oldest first
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// Entries that were replayed or dropped before too
    #[arg(long)]
    again: bool,
    /// Run the policies and say what would become of entries; deliver and note nothing
    #[arg(long)]
    dry_run: bool,
    /// How long a sink in trouble, or a policy that says `retry`, may hold it up
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = human::parse_duration)]
    patience: Duration,
    /// How the result is written; json is one object a line
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

pub(super) async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let stop = Stop::listen()?;
    let real = connectors::registry();
    let registry = if args.dry_run { dry::registry(&real) } else { real.clone() };
    let state_dir = args.documents.state_dir();
    let options = ControlOptions {
        state_dir: state_dir.clone(),
        development: args.documents.dev,
        window: WindowOptions::default(),
        grace: args.patience,
        // What the host has taken is taken here.
        unindexed_max: usize::MAX,
    };
    let engine: Engine = host::engine(None, Room::default())?;
    let set = documents::read(&args.documents, &args.with)?;
    let verified = Control::new(engine, registry, options).verify(&set).await?;
    let held = documents::open(verified.documents(), args.filter.sink.as_deref(), &real, &args.documents)?;
    let mut notes = HashMap::new();
    if !args.dry_run {
        for held in &held {
            notes.insert(held.sink.clone(), Notes::open(&state_dir, &held.sink)?);
        }
    }
    let mut scan = Scan::new(held, args.filter, &state_dir)?;
    let told = Told::new(args.output, args.dry_run);
    let replay = verified.replay(WindowOptions::default());
    let mut run =
        Run { replay, feeds: HashMap::new(), notes, told, stop, stuck: BTreeMap::new(), patience: args.patience };
    let mut room = args.limit.unwrap_or(usize::MAX);
    while room > 0
        && !run.stop.is_asked()
        && let Some(mut entries) = scan.next().await?
    {
        let explicit = scan.by_name();
        entries.retain(|entry| args.again || explicit || entry.became.is_none());
        entries.truncate(room);
        room -= entries.len();
        let (open, done): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| args.again || entry.became.is_none());
        for entry in &done {
            run.told.noted_before(entry, out)?;
        }
        run.page(open, out).await?;
    }
    let ending = run.finish(out).await?;
    if room > 0 {
        scan.all_met()?;
    }
    Ok(ending)
}

/// A replay under way.
struct Run {
    replay: Replay,
    feeds: HashMap<Arc<str>, Feed>,
    notes: HashMap<Arc<str>, Notes>,
    told: Told,
    stop: Stop,
    /// Routes that could not go on, and why.
    stuck: BTreeMap<Arc<str>, Arc<str>>,
    patience: Duration,
}

impl Run {
    /// Everything of a page, route by route; order holds within a route.
    async fn page(&mut self, entries: Vec<Entry>, out: &mut dyn Write) -> anyhow::Result<()> {
        for portion in portion::divide(entries, &self.replay) {
            match portion {
                Portion::Skipped { entry, reason } => self.told.skipped(&entry, &reason, out)?,
                Portion::Route { route, entries, events } => self.route(&route, entries, events, out).await?,
            }
        }
        Ok(())
    }

    async fn route(
        &mut self,
        route: &Arc<str>,
        mut entries: Vec<Entry>,
        mut events: Vec<Event>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let mut held_since: Option<Instant> = None;
        while !entries.is_empty() {
            if self.stuck.contains_key(route) || self.stop.is_asked() {
                self.told.left += entries.len();
                return Ok(());
            }
            let answer = match self.deliver(route, events.clone()).await {
                Ok(answer) => answer,
                Err(reason) => {
                    self.stuck.insert(route.clone(), reason);
                    continue;
                }
            };
            let (done, delay) = match answer.settled {
                Settled::Ack => (entries.len(), None),
                Settled::Nack { events, delay } => (events.min(entries.len()), Some(delay)),
            };
            let rest = entries.split_off(done);
            events.drain(..done);
            self.settled(&entries, &answer, out)?;
            entries = rest;
            let Some(delay) = delay else { continue };
            if done > 0 {
                held_since = None;
            }
            let since = *held_since.get_or_insert_with(Instant::now);
            // Without a delay it is held until the documents change.
            if delay.is_zero() || since.elapsed() + delay > self.patience {
                self.stuck.insert(route.clone(), held(&answer));
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.stop.asked() => {}
            }
        }
        Ok(())
    }

    /// Feeds the route and waits; the reason where a sink is in trouble for too long.
    async fn deliver(&mut self, route: &Arc<str>, events: Vec<Event>) -> Result<Answer, Arc<str>> {
        if !self.feeds.contains_key(route) {
            let (feed, source) = feed(route);
            self.replay.feed(route.clone(), source);
            self.feeds.insert(route.clone(), feed);
        }
        let Some(feed) = self.feeds.get(route) else { return Err("it has no feed".into()) };
        let mut taken = std::pin::pin!(feed.take(events));
        let mut trouble: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                answer = &mut taken => return answer.ok_or_else(|| "the route stopped".into()),
                () = tokio::time::sleep(LOOK) => {}
            }
            match self.replay.sink_trouble().into_iter().next() {
                None => trouble = None,
                Some((sink, reason)) => {
                    if trouble.get_or_insert_with(Instant::now).elapsed() >= self.patience {
                        return Err(format!("the sink {sink} fails: {reason}").into());
                    }
                }
            }
        }
    }

    /// Notes, then tells.
    fn settled(&mut self, entries: &[Entry], answer: &Answer, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut fates = answer.fates.iter().peekable();
        let ends: Vec<Option<&Fate>> =
            (0..entries.len()).map(|at| fates.next_if(|(position, _)| *position == at).map(|(_, fate)| fate)).collect();
        for (sink, notes) in &mut self.notes {
            let here = entries.iter().zip(&ends).filter(|(entry, _)| entry.sink == *sink);
            notes.add(
                here.filter_map(|(entry, fate)| Some((&*entry.record.lane, entry.record.position, became(*fate)?))),
            )?;
        }
        for (entry, fate) in entries.iter().zip(&ends) {
            self.told.settled(entry, *fate, out)?;
        }
        Ok(())
    }

    async fn finish(self, out: &mut dyn Write) -> anyhow::Result<Ending> {
        self.told.summary(&self.replay.tally(), out)?;
        let stopped = self.stop.is_asked();
        let Run { replay, feeds, told, stuck, patience, .. } = self;
        drop(feeds);
        if let Some((route, reason)) = stuck.into_iter().next() {
            out.flush()?;
            return Err(problem(
                format!("the route {route} does not go on: {}", human::plain(&reason)),
                "nothing is lost, what was left rests where it did. A host that runs on these documents holds the files it writes: \
                 stop it before a replay to them",
            ));
        }
        // Everything was settled: what is left to do is to close.
        if tokio::time::timeout(patience, replay.close()).await.is_err() {
            tracing::warn!("a sink did not close in time; everything told above is durable");
        }
        if stopped {
            return Err(problem("stopped: the rest was left", "run it again to go on"));
        }
        Ok(if told.all_well() { Ending::Fine } else { Ending::Refused })
    }
}

/// What is noted; `None`: it stays open.
fn became(fate: Option<&Fate>) -> Option<Became> {
    match fate {
        None => Some(Became::Delivered),
        Some(Fate::Dropped { .. }) => Some(Became::Filtered),
        Some(Fate::DeadLettered { .. }) => Some(Became::DeadLettered),
        Some(Fate::Rejected { .. } | Fate::Held { .. }) => None,
    }
}

fn held(answer: &Answer) -> Arc<str> {
    let last = answer.fates.iter().rev().find_map(|(_, fate)| match fate {
        Fate::Held { by, reason } => Some(format!("held by {by}: {reason}")),
        Fate::Dropped { .. } | Fate::DeadLettered { .. } | Fate::Rejected { .. } => None,
    });
    last.unwrap_or_else(|| "held, without a reason".to_owned()).into()
}

/// The route of an entry, as the dead letter says it.
fn route_of(entry: &Entry) -> String {
    entry.attribute(deadletter::ROUTE).into_owned()
}

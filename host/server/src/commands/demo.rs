//! `tidegate demo`: the story of the demo, told on screen as it happens. What happens is in `crate::demo`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use tidegate_control::Status;
use tidegate_pipeline::{LaneState, RouteTally};

use crate::{
    cli,
    demo::{
        account::{self, Entry},
        audit::audit,
        folder::{DOCUMENTS, Folder, documents},
        orders::{EU, US},
        producer::Producer,
        sample,
        web::{self, Poster},
        workshop::{Examples, Module},
    },
    host::{Drained, Ending, Happened, Host, HostOptions, Room, StartError},
    human,
    problem::{OrProblem as _, because, problem},
    runtime::{self, runtime},
    signals::Stop,
};

/// Options of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "It needs the sources of Tidegate: `cargo run --release -- demo`, where you cloned it.")]
pub struct Args {
    /// How many orders
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    events: u64,
    /// Keep the folder with documents, modules, orders and outputs
    #[arg(long)]
    keep: bool,
    /// Use this folder (new or empty), and keep it
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The policy that is swapped, `namespace/name`.
const FILTER: &str = "shop/order-guard";
/// The route of the file, and the one of what comes over HTTP.
const ROUTE: &str = "shop/orders";
const WEB_ROUTE: &str = "shop/web";
const ORDERS: &str = "orders.jsonl";
const WEB: &str = "web.jsonl";
const SINKS: [(&str, &str); 2] = [(EU, "eu.jsonl"), (US, "us.jsonl")];
/// How often the demo looks at the host.
const LOOK: Duration = Duration::from_millis(50);
/// Between two lines of progress.
const TELL: Duration = Duration::from_millis(1_000);
/// Nothing settled for this long: something is stuck.
const STALLED: Duration = Duration::from_secs(60);

/// Tells the story. Fine only where every order is where it must be.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<cli::Ending> {
    writeln!(
        out,
        "Orders in a growing file go through a filter, a transform and a matcher, and come out in two files; orders over HTTP \
         go the same way into a third.\n"
    )?;
    let examples = Examples::find()?;
    let mut folder = Folder::open(args.dir.as_deref())?;
    if args.keep {
        folder.keep();
    }
    let modules = Modules::build(&examples, &folder, out)?;
    let runtime = runtime(runtime::THREADS)?;
    let clean = runtime.block_on(async {
        let web = web::free_address().or_problem("there is no free port on loopback", "")?;
        let mut demo = Demo { folder: &folder, modules: &modules, web, count: args.events, stop: Stop::listen()?, out };
        demo.play().await
    })?;
    next_steps(&examples, &folder, out)?;
    Ok(if clean { cli::Ending::Fine } else { cli::Ending::Refused })
}

struct Modules {
    guard: Module,
    newer_guard: Module,
    redact: Module,
    route: Module,
}

impl Modules {
    fn build(examples: &Examples, folder: &Folder, out: &mut dyn Write) -> anyhow::Result<Modules> {
        writeln!(out, "1. Build the example modules in {}", examples.path().display())?;
        out.flush()?;
        let began = Instant::now();
        let mut build = |example: &str, features: &[&str], file: &str| -> anyhow::Result<Module> {
            let module = examples.build(example, features, file, folder)?;
            writeln!(out, "   {:<22} {:>9}  {}", module.file, human::size(module.size), human::digest(&module.digest))?;
            out.flush()?;
            Ok(module)
        };
        let modules = Modules {
            guard: build("order-guard", &[], "order-guard")?,
            newer_guard: build("order-guard", &["v2"], "order-guard-v2")?,
            redact: build("redact-fields", &[], "redact-fields")?,
            route: build("route-by-region", &[], "route-by-region")?,
        };
        writeln!(out, "   in {}\n", human::duration(began.elapsed()))?;
        Ok(modules)
    }

    fn documents(&self, web: SocketAddr, guard: &Module) -> String {
        documents(web, &[("order-guard", guard), ("redact-fields", &self.redact), ("route-by-region", &self.route)])
    }
}

struct Demo<'a> {
    folder: &'a Folder,
    modules: &'a Modules,
    /// Where orders are posted to.
    web: SocketAddr,
    count: u64,
    stop: Stop,
    out: &'a mut dyn Write,
}

impl Demo<'_> {
    /// Whether every order ended where it must.
    async fn play(&mut self) -> anyhow::Result<bool> {
        let first = self.modules.documents(self.web, &self.modules.guard);
        self.folder.write_documents(&first).or_problem("the documents cannot be written", "")?;
        writeln!(self.out, "2. Start a host on these documents ({DOCUMENTS}):\n")?;
        for line in sample::policy(&first, "order-guard") {
            writeln!(self.out, "   │ {line}")?;
        }
        let mut host = self.start().await?;
        self.tell_live(&host, "is live")?;
        writeln!(self.out, "\n3. Write {} orders into {ORDERS}, and let them flow", human::count(self.count))?;
        writeln!(
            self.out,
            "   {} more are posted to http://{}/ meanwhile. Post yours, from another terminal:\n",
            web::COUNT,
            self.web
        )?;
        for line in web::curl(self.web) {
            writeln!(self.out, "   │ {line}")?;
        }
        writeln!(self.out)?;
        self.flow(&mut host).await?;
        writeln!(self.out, "\n5. Stop the host")?;
        if host.drain().await == Drained::CutShort {
            writeln!(self.out, "   it did not settle everything in time")?;
        }
        let history = host.control().history();
        let entries: Vec<Entry> = history.iter().map(|generation| Entry::of(generation, FILTER, ROUTE)).collect();
        let mut posted = RouteTally::default();
        for generation in history {
            posted.merge(&Entry::of(generation, FILTER, WEB_ROUTE).tally);
        }
        drop(host);
        writeln!(self.out, "   What it counted:\n")?;
        account::write(&entries, &SINKS.map(|(sink, _)| sink), self.out)?;
        let clean = self.check(&entries)?;
        let clean = self.check_web(&posted)? && clean;
        if clean {
            writeln!(self.out, "\nNothing lost, doubled or reordered.")?;
        } else {
            writeln!(self.out, "\nThis is not how it must be: please report it, with all of the above.")?;
        }
        Ok(clean)
    }

    async fn start(&mut self) -> anyhow::Result<Host> {
        let options = HostOptions {
            paths: vec![self.folder.file(DOCUMENTS)],
            development: false,
            state_dir: self.folder.file(".tidegate"),
            grace: Duration::from_secs(30),
            room: Room::default(),
            status: Status::default(),
            orders: None,
            tracer: None,
            ending: Ending::Ignored,
        };
        Host::start(options).await.map_err(|error| match error {
            StartError::Failed(error) => error,
            StartError::Refused(report) => because(report, "the demo's documents are refused", ""),
        })
    }

    /// From the first order to the last one settled, with the swap between.
    async fn flow(&mut self, host: &mut Host) -> anyhow::Result<()> {
        let failed = "the orders cannot be written";
        let mut producer = Producer::start(self.folder.file(ORDERS), self.count).or_problem(failed, "")?;
        let poster = Poster::start(self.web);
        let (mut told, mut edited, mut progress) = (Instant::now(), None, (0, Instant::now()));
        let mut shown = false;
        loop {
            let happened = {
                let look = async {
                    tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        () = self.stop.asked() => {}
                    }
                };
                host.next(look).await
            };
            match happened {
                Happened::Swapped(_) => {
                    let took = edited.map(|at: Instant| at.elapsed()).unwrap_or_default();
                    self.tell_live(host, &format!("is live, {} after the edit", human::duration(took)))?;
                    writeln!(
                        self.out,
                        "   Orders went on flowing meanwhile; the batch under way ended under the old one.\n"
                    )?;
                    producer.release();
                }
                Happened::Refused(report) => return Err(because(report, "the changed documents are refused", "")),
                Happened::Served | Happened::Ended | Happened::Until => {}
            }
            producer.failed().or_problem(failed, "is the disk full?")?;
            if self.stop.is_asked() {
                return Err(problem("the demo was stopped", ""));
            }
            let (settled, posted) = (settled(host), poster.answered());
            if settled + posted > progress.0 {
                progress = (settled + posted, Instant::now());
            }
            if !shown {
                shown = self.show_sample()?;
            }
            if told.elapsed() >= TELL {
                let (written, settled) = (human::count(producer.written()), human::count(settled));
                writeln!(self.out, "   {written:>9} written {settled:>9} settled {posted:>5} posted")?;
                self.out.flush()?;
                told = Instant::now();
            }
            if edited.is_none() && producer.written() >= self.count / 2 {
                self.edit()?;
                edited = Some(Instant::now());
            }
            if settled >= self.count && posted >= web::COUNT {
                let count = human::count(settled);
                writeln!(
                    self.out,
                    "   {count:>9} written {count:>9} settled {posted:>5} posted: that was the last one"
                )?;
                return Ok(());
            }
            if progress.1.elapsed() > STALLED {
                let stalled = format!("no order was settled for {}", human::duration(STALLED));
                return Err(problem(stalled, in_the_way(host)));
            }
        }
    }

    /// The swap, as an operator does it: by an edit.
    fn edit(&mut self) -> anyhow::Result<()> {
        let (old, new) = (&self.modules.guard, &self.modules.newer_guard);
        writeln!(self.out, "\n4. Meanwhile swap the filter for a newer build, by editing {DOCUMENTS}:\n")?;
        let (before, after) = (self.modules.documents(self.web, old), self.modules.documents(self.web, new));
        for line in sample::changes(&before, &after) {
            writeln!(self.out, "   │ {line}")?;
        }
        writeln!(self.out)?;
        self.out.flush()?;
        self.folder.write_documents(&after).or_problem("the documents cannot be written", "")
    }

    fn tell_live(&mut self, host: &Host, what: &str) -> io::Result<()> {
        let Some(generation) = host.control().current() else { return Ok(()) };
        writeln!(self.out, "\n   generation {} ({}) {what}:", generation.number, generation.id)?;
        for policy in &generation.policies {
            let name = policy.policy.rsplit('/').next().unwrap_or_default();
            writeln!(self.out, "   {name:<17} {:<7} {}", policy.version, human::digest(&policy.digest))?;
        }
        self.out.flush()
    }

    /// One order before and after, as soon as one has come out.
    fn show_sample(&mut self) -> anyhow::Result<bool> {
        let Some((before, after)) = sample::first_out(&self.folder.file(SINKS[0].1))? else { return Ok(false) };
        writeln!(self.out, "   in   {before}\n   out  {after}\n")?;
        self.out.flush()?;
        Ok(true)
    }

    fn check(&mut self, entries: &[Entry]) -> anyhow::Result<bool> {
        let files = SINKS.map(|(sink, file)| (sink, self.folder.file(file)));
        let outputs: Vec<_> = files.iter().map(|(sink, file)| (*sink, file.as_path())).collect();
        let audit = audit(self.count, entries, &outputs).or_problem("the outputs cannot be read", "")?;
        let names = SINKS.map(|(_, file)| file).join(" and ");
        writeln!(self.out, "\n6. Read {names} back and look for every order by its id")?;
        let (lost, doubled, invented, reordered) = (audit.lost, audit.doubled, audit.invented, audit.reordered);
        let delivered = human::count(audit.delivered);
        writeln!(
            self.out,
            "   {delivered} came out: {lost} lost, {doubled} doubled, {invented} invented, {reordered} out of order"
        )?;
        let swapped = entries.len() == 2 && entries.iter().all(|entry| entry.tally.received > 0);
        for finding in &audit.findings {
            writeln!(self.out, "   ✗ {finding}")?;
        }
        if !swapped {
            writeln!(self.out, "   ✗ the swap did not happen in the middle of the flow")?;
        }
        let clean = audit.is_clean() && swapped;
        if clean {
            writeln!(self.out, "   every one decided by one generation, redacted, and where its region belongs")?;
        }
        Ok(clean)
    }

    /// What came over HTTP.
    fn check_web(&mut self, posted: &RouteTally) -> anyhow::Result<bool> {
        let account = web::account(posted, &self.folder.file(WEB)).or_problem("the outputs cannot be read", "")?;
        writeln!(self.out, "\n7. Read {WEB} back and look for every order that was answered over HTTP")?;
        let (received, dropped, delivered) = (account.received, account.dropped, account.delivered);
        let yours =
            if account.yours == 1 { "1 of them yours".to_owned() } else { format!("{} of them yours", account.yours) };
        writeln!(
            self.out,
            "   {received} were posted, {yours}: {dropped} dropped, {delivered} came out, redacted, none twice"
        )?;
        for finding in &account.findings {
            writeln!(self.out, "   ✗ {finding}")?;
        }
        Ok(account.findings.is_empty())
    }
}

/// What lanes and sinks are about, where nothing goes on.
fn in_the_way(host: &Host) -> String {
    let lanes = host.control().status().into_iter().map(|lane| {
        let of = format!("lane {} of {}", lane.lane, lane.source);
        match lane.state {
            LaneState::Running => format!("{of} runs"),
            LaneState::Ended => format!("{of} has ended"),
            LaneState::Held { by, reason } => format!("{of} is held by {by}: {reason}"),
            LaneState::Paused { by, reason } => format!("{of} is paused by {by}: {reason}"),
        }
    });
    let sinks = host.control().sink_trouble().into_iter().map(|(sink, trouble)| format!("sink {sink}: {trouble}"));
    lanes.chain(sinks).collect::<Vec<String>>().join("; ")
}

fn settled(host: &Host) -> u64 {
    let generations = host.control().history().iter();
    generations.filter_map(|generation| Some(generation.tally.snapshot().get(ROUTE)?.received)).sum()
}

fn next_steps(examples: &Examples, folder: &Folder, out: &mut dyn Write) -> io::Result<()> {
    let program = std::env::current_exe().unwrap_or_else(|_| "target/release/tidegate".into());
    writeln!(out, "\nWhat next (`tidegate` is {})", program.display())?;
    let (path, filter) = (folder.path().display(), examples.path().join("order-guard/src/lib.rs"));
    if folder.is_kept() {
        writeln!(out, "  look at the files           {path}")?;
        writeln!(out, "  run the host yourself       tidegate run {path}/{DOCUMENTS}")?;
    } else {
        writeln!(out, "  keep the files to look at   tidegate demo --dir my-demo")?;
    }
    writeln!(out, "  see what a module is        tidegate inspect FILE.wasm")?;
    writeln!(out, "  read and change a filter    {}", filter.display())?;
    writeln!(out, "  write one, see it live      README.md, \"Write a filter\"")?;
    writeln!(out, "  put it before a service     README.md, \"In front of a service, or beside it\"")?;
    Ok(())
}

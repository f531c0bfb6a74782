//! 1,000 changes of documents under load over 20 routes: policies come and go, change their code, their config, what they match and
//! their order, and every tenth set is one that must be refused.
//!
//! The test keeps a model of what each accepted set makes of an event, and reads what comes out against it: every event was
//! decided by exactly one generation, generations do not come back, and a refused set leaves no trace.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use serde::Deserialize;

use crate::oracle::{self, Ledgers};
use crate::rig::guests::stamp;
use crate::rig::host::{Host, Start};
use crate::rig::random::Random;
use crate::support::digest;

const ROUTES: usize = 20;
const CHANGES: usize = 1000;
/// What the host may hold more after the last change than after this one.
const FIRST_MEASURED: usize = 100;
const GROWTH_MAX: u64 = 8 << 20;
/// A set that must be refused comes before every one of these changes.
const REFUSED_EVERY: usize = 10;
/// Versions of the module.
const CODES: usize = 12;
/// Policies of a route at the beginning, and at most.
const POLICIES_AT_FIRST: usize = 2;
const POLICIES_MAX: usize = 4;
/// Events that wait on each route at any time.
const AHEAD: usize = 20;
const TYPES: [&str; 2] = ["test.a", "test.b"];

/// Stamps an event: its attribute becomes `code.config`.
#[derive(Clone, Debug)]
struct Policy {
    name: usize,
    /// `x1` or `x2`: two policies that write the same are told apart by their order.
    attribute: u64,
    code: usize,
    config: usize,
    priority: usize,
    /// Only events of this type; all where none is named.
    only: Option<usize>,
}

/// What is stamped on an event of each type.
type Stamps = [BTreeMap<String, String>; 2];

/// The policies of one route.
#[derive(Clone, Debug, Default)]
struct Route {
    policies: Vec<Policy>,
    next: usize,
}

impl Route {
    fn stamps(&self) -> Stamps {
        let mut order: Vec<&Policy> = self.policies.iter().collect();
        order.sort_by_key(|policy| (std::cmp::Reverse(policy.priority), format!("p{}", policy.name)));
        std::array::from_fn(|ty| {
            let asked = order.iter().filter(|policy| policy.only.is_none_or(|only| only == ty));
            asked
                .map(|policy| (format!("x{}", policy.attribute), format!("{}.{}", policy.code, policy.config)))
                .collect()
        })
    }

    fn add(&mut self, config: usize, random: &mut Random) {
        let policy = Policy {
            name: self.next,
            attribute: 1 + random.below(2),
            code: below(random, CODES),
            config,
            priority: below(random, 5),
            only: None,
        };
        self.next += 1;
        self.policies.push(policy);
    }

    /// One change of one policy. `config` was never used before. `more`: there is one policy more than at the beginning, over all
    /// routes. There never are two: what is held in memory must not grow because what is deployed does.
    fn change(&mut self, config: usize, more: &mut bool, random: &mut Random) {
        let count = self.policies.len();
        let at = below(random, count);
        match (random.below(5), *more) {
            (0, false) if count < POLICIES_MAX => {
                self.add(config, random);
                *more = true;
            }
            (0, true) if count > 1 => {
                self.policies.remove(at);
                *more = false;
            }
            (1, _) => self.policies[at].code = (self.policies[at].code + 1 + below(random, CODES - 1)) % CODES,
            (2, _) => {
                self.policies[at].only = match self.policies[at].only {
                    None => Some(below(random, 2)),
                    Some(0) => Some(1),
                    Some(_) => None,
                };
            }
            (3, _) => self.policies[at].priority = (self.policies[at].priority + 1 + below(random, 4)) % 5,
            _ => self.policies[at].config = config,
        }
    }

    fn documents(&self, route: usize, modules: &[String]) -> String {
        let mut text = String::new();
        for Policy { name, attribute, code, config, priority, only } in &self.policies {
            let matched = only
                .map_or_else(String::new, |ty| format!(", match: [{{filters: [{{exact: {{type: {}}}}}]}}]", TYPES[ty]));
            let digest = &modules[*code];
            writeln!(
                text,
                "---\napiVersion: tidegate.dev/v1alpha1\nkind: FilterPolicy\nmetadata: {{name: r{route}-p{name}}}\nspec: {{targetRefs: [{{kind: Route, name: r{route}}}], phase: \
                 Transform, priority: {priority}, wasm: {{module: 'file:stamp-{code}.wasm', digest: '{digest}', config: 'x{attribute}={config}', mayWrite: {{attributes: \
                 ['x*']}}}}{matched}}}"
            )
            .unwrap();
        }
        text
    }
}

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap()
}

/// Writes a route's policies whole, as a deployment does.
fn deploy(dir: &Path, route: usize, text: &str) {
    fs::write(dir.join("new.yaml"), text).unwrap();
    fs::rename(dir.join("new.yaml"), dir.join(format!("docs/r{route}.yaml"))).unwrap();
}

/// The same documents with one mistake.
fn spoiled(route: &Route, number: usize, modules: &[String], kind: usize) -> String {
    let good = route.documents(number, modules);
    let policy = |rest: &str| {
        format!(
            "{good}---\napiVersion: tidegate.dev/v1alpha1\nkind: FilterPolicy\nmetadata: {{name: r{number}-bad}}\nspec: {{targetRefs: [{{kind: Route, name: r{number}}}], \
             phase: Transform, {rest}}}\n"
        )
    };
    match kind {
        0 => format!("{good}---\nkind: [half a docu"),
        1 => policy("wasm: {module: 'file:absent.wasm', digest: 'sha256:00'}"),
        2 => policy(&format!("wasm: {{module: 'file:stamp-0.wasm', digest: '{}'}}", modules[1])),
        3 => policy(&format!("wasm: {{module: 'file:stamp-0.wasm', digest: '{}'}}, prioritty: 3", modules[0])),
        _ => {
            let digest = digest(b"no module");
            policy(&format!("wasm: {{module: 'file:nonsense.wasm', digest: '{digest}'}}"))
        }
    }
}

const SPOILED: usize = 5;

/// Keeps every route `AHEAD` of what came out of it, for as long as it is asked to. Returns how many each got.
fn produce(dir: &Path, out: &[AtomicUsize], stop: &AtomicBool) -> Vec<usize> {
    let open = |name: String| File::options().append(true).open(dir.join(name)).unwrap();
    let mut files: Vec<_> =
        (0..ROUTES).map(|route| (open(format!("in-{route}.jsonl")), open(format!("produced-{route}.jsonl")))).collect();
    let mut counts = vec![0; ROUTES];
    while !stop.load(SeqCst) {
        for (route, (input, ledger)) in files.iter_mut().enumerate() {
            let wanted = out[route].load(SeqCst) + AHEAD;
            let (mut lines, mut noted) = (String::new(), String::new());
            while counts[route] < wanted {
                let (number, ty) = (counts[route], TYPES[counts[route] % 2]);
                writeln!(
                    lines,
                    r#"{{"specversion":"1.0","id":"r{route}-{number}","source":"/test","type":"{ty}","data":{{}}}}"#
                )
                .unwrap();
                writeln!(noted, r#"{{"id":"r{route}-{number}","key":"r{route}"}}"#).unwrap();
                counts[route] += 1;
            }
            ledger.write_all(noted.as_bytes()).unwrap();
            input.write_all(lines.as_bytes()).unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    counts
}

#[derive(Deserialize)]
struct Out {
    id: String,
    #[serde(rename = "type")]
    ty: String,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

/// Reads what a route's sink has written, as it grows, against what its generations make of an event.
struct Tail {
    file: BufReader<File>,
    line: String,
    count: usize,
    /// What each accepted set of this route stamps, in order.
    generations: Vec<Stamps>,
    /// The one that decided last.
    at: usize,
}

impl Tail {
    fn open(path: &Path, first: Stamps) -> Tail {
        let file = BufReader::new(File::open(path).unwrap());
        Tail { file, line: String::new(), count: 0, generations: vec![first], at: 0 }
    }

    fn read(&mut self) {
        while self.file.read_line(&mut self.line).unwrap() > 0 && self.line.ends_with('\n') {
            let event: Out = serde_json::from_str(&self.line).unwrap_or_else(|error| panic!("{error}: {}", self.line));
            let ty = TYPES.iter().position(|ty| *ty == event.ty).unwrap();
            let stamps: BTreeMap<String, String> = event
                .rest
                .into_iter()
                .filter(|(name, _)| name.starts_with('x'))
                .map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()))
                .collect();
            let decided = (self.at..self.generations.len()).find(|&at| self.generations[at][ty] == stamps);
            self.at = decided.unwrap_or_else(|| {
                panic!(
                    "{} has {stamps:?}, which no generation after {} made: {:?}",
                    event.id,
                    self.at,
                    &self.generations[self.at..]
                )
            });
            self.count += 1;
            self.line.clear();
        }
    }
}

/// Reads a log as it grows.
struct Log {
    file: File,
    live: usize,
    refused: usize,
}

impl Log {
    fn open(path: PathBuf) -> Log {
        Log { file: File::open(path).unwrap(), live: 0, refused: 0 }
    }

    fn read(&mut self) {
        // A line may come in two pieces: none of the words does, as each line is written at once.
        let mut text = String::new();
        self.file.read_to_string(&mut text).unwrap();
        self.live += text.matches("generation is live").count();
        self.refused += text.matches("the changed documents were refused").count();
    }
}

struct Campaign {
    host: Host,
    log: Log,
    tails: Vec<Tail>,
    out: Arc<Vec<AtomicUsize>>,
}

impl Campaign {
    fn until(&mut self, what: &str, mut reached: impl FnMut(&Log, &[Tail]) -> bool) {
        let Campaign { host, log, tails, out } = self;
        host.until(what, || {
            log.read();
            for (tail, out) in tails.iter_mut().zip(out.iter()) {
                tail.read();
                out.store(tail.count, SeqCst);
            }
            reached(log, tails).then_some(())
        });
    }
}

#[test]
fn a_thousand_changes_over_twenty_routes_lose_repeat_and_reorder_nothing() {
    let mut random = Random::from_env();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("docs")).unwrap();
    fs::write(dir.join("docs/nonsense.wasm"), b"no module").unwrap();
    let modules: Vec<String> = (0..CODES)
        .map(|code| {
            let bytes = stamp(code).component();
            fs::write(dir.join(format!("docs/stamp-{code}.wasm")), &bytes).unwrap();
            digest(&bytes)
        })
        .collect();
    let mut routes: Vec<Route> = vec![Route::default(); ROUTES];
    let mut line = String::new();
    for (number, route) in routes.iter_mut().enumerate() {
        (0..POLICIES_AT_FIRST).for_each(|_| route.add(0, &mut random));
        deploy(dir, number, &route.documents(number, &modules));
        for name in ["in", "out", "produced"] {
            fs::write(dir.join(format!("{name}-{number}.jsonl")), "").unwrap();
        }
        for (kind, name, spec) in [
            ("Source", "in", format!("{{file: {{path: ../in-{number}.jsonl, follow: true}}}}")),
            ("Sink", "out", format!("{{file: {{path: ../out-{number}.jsonl}}}}")),
            ("Route", "r", format!("{{from: [{{name: in{number}}}], to: [{{sink: out{number}}}]}}")),
        ] {
            writeln!(
                line,
                "---\napiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}{number}}}\nspec: {spec}"
            )
            .unwrap();
        }
    }
    fs::write(dir.join("docs/lines.yaml"), line).unwrap();

    let host = Start::new(dir).spawn();
    let out: Arc<Vec<AtomicUsize>> = Arc::new((0..ROUTES).map(|_| AtomicUsize::new(0)).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let tails = routes
        .iter()
        .enumerate()
        .map(|(number, route)| Tail::open(&dir.join(format!("out-{number}.jsonl")), route.stamps()));
    let mut campaign =
        Campaign { log: Log::open(dir.join("host.log")), host, tails: tails.collect(), out: out.clone() };
    let producer = {
        let (dir, out, stop) = (dir.to_owned(), out.clone(), stop.clone());
        std::thread::spawn(move || produce(&dir, &out, &stop))
    };
    campaign.host.logged("host is ready", 1);
    let (mut refused, mut early, mut more) = (0, 0, false);
    for change in 1..=CHANGES {
        let number = below(&mut random, ROUTES);
        if change % REFUSED_EVERY == 0 {
            let kind = refused % SPOILED;
            deploy(dir, number, &spoiled(&routes[number], number, &modules, kind));
            refused += 1;
            campaign.until(&format!("set {kind} before change {change} is refused"), |log, _| log.refused == refused);
        }
        routes[number].change(change, &mut more, &mut random);
        campaign.tails[number].generations.push(routes[number].stamps());
        deploy(dir, number, &routes[number].documents(number, &modules));
        campaign.until(&format!("change {change} is live"), |log, _| log.live == change);
        if change == FIRST_MEASURED {
            early = campaign.host.resident();
        }
    }
    let late = campaign.host.resident();
    stop.store(true, SeqCst);
    let produced = producer.join().unwrap();
    campaign.until("the last event", |_, tails| {
        tails.iter().zip(&produced).all(|(tail, &produced)| tail.count >= produced)
    });
    assert_eq!((campaign.log.live, campaign.log.refused), (CHANGES, CHANGES / REFUSED_EVERY));
    assert!(campaign.host.stop().success());
    campaign.tails.iter_mut().for_each(Tail::read);
    println!("ratio thousand_changes_memory_growth_bytes {} <= {GROWTH_MAX}", late.saturating_sub(early));

    for number in 0..ROUTES {
        let path = |name: &str| vec![dir.join(format!("{name}-{number}.jsonl"))];
        let ledgers = Ledgers { produced: path("produced"), delivered: path("out"), ..Ledgers::default() };
        oracle::check(&format!("thousand_changes_r{number}"), &ledgers);
    }
    assert!(
        late <= early + GROWTH_MAX,
        "{early} bytes resident after change {FIRST_MEASURED}, {late} after change {CHANGES}"
    );
}

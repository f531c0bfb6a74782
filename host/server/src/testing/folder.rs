//! What stands in a filter's folder: its policy, its cases, its samples.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tidegate_control::Connectors;
use tidegate_engine::{Capability, GuestSpec};
use tidegate_event::flat::Rights;
use tidegate_matching::Matcher;
use tidegate_pipeline::plan::Verdict;
use tidegate_policy::{
    Diagnostic, File, Options, Place, Report,
    cases::{self, Case, Given, Out, Setting},
    spec::{Body, FilterPolicy, ModuleRef},
};

use crate::{
    commands::module_file,
    connectors,
    problem::{OrProblem as _, problem},
};

/// Below the folder of a filter: a host reads every YAML file in a folder of documents, but not deeper.
pub(crate) const CASES: &str = "tests";
/// Events, and what becomes of them.
pub(crate) const SAMPLES: [&str; 2] = ["events.jsonl", "expected.jsonl"];
pub(crate) const POLICY: &str = "policy.yaml";

/// What a module is given where a case says nothing else.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) spec: GuestSpec,
    /// Which events the policy wants.
    pub(crate) matcher: Matcher,
    /// The file the policy names, where there is a policy with a module.
    pub(crate) module: Option<PathBuf>,
    /// What decides where the policy has no module.
    pub(crate) verdict: Option<Verdict>,
}

/// A case and where it stands.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) case: Case,
    /// The file, as it is shown.
    pub(crate) file: String,
    /// Paths of the case start here.
    pub(crate) folder: PathBuf,
}

/// All cases of a folder.
#[derive(Debug)]
pub(crate) struct Tests {
    pub(crate) cases: Vec<Planned>,
}

/// Why cases could not be had.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Mistakes in cases or policy.
    Refused(Report),
    /// Something around them is wrong.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Trouble {
        Trouble::Failed(error)
    }
}

impl Base {
    /// From the policy of the folder; without one, as a policy that says nothing.
    pub(crate) fn of(folder: &Path) -> Result<Base, Trouble> {
        let Some(policy) = policy(folder)? else { return Ok(Base::nothing()) };
        let matcher = Matcher::policy(&policy.matches);
        Ok(match &policy.body {
            Body::Wasm(wasm) => {
                let ModuleRef::File(module) = &wasm.module;
                let spec = tidegate_control::guest_spec(&policy, wasm);
                Base { spec, matcher, module: Some(folder.join(module)), verdict: None }
            }
            Body::Condition(rule) => {
                Base { matcher, verdict: Some(tidegate_control::verdict(rule)), ..Base::nothing() }
            }
        })
    }

    fn nothing() -> Base {
        let rights = Rights { emit: 1, ..Rights::default() };
        let spec = module_file::spec(&serde_json::json!({}), BTreeSet::<Capability>::new(), rights);
        Base { spec, matcher: Matcher::all(), module: None, verdict: None }
    }
}

/// The first policy of `policy.yaml`.
fn policy(folder: &Path) -> Result<Option<FilterPolicy>, Trouble> {
    let path = folder.join(POLICY);
    if path.exists() { policy_of(&path).map(Some) } else { Ok(None) }
}

/// The first policy of a file of documents.
pub(crate) fn policy_of(path: &Path) -> Result<FilterPolicy, Trouble> {
    let file = text(path)?;
    let registry = connectors::registry();
    let options = Options { development: true, connectors: &Connectors(&registry) };
    let policies = tidegate_policy::policies(std::slice::from_ref(&file), &options).map_err(Trouble::Refused)?;
    let first = policies.into_iter().next();
    let none =
        || problem(format!("no FilterPolicy in {}", file.path), "it says what decides, and how a module is configured");
    first.ok_or_else(|| none().into())
}

impl Tests {
    /// Reads every case; all mistakes of all files at once.
    pub(crate) fn find(folder: &Path) -> Result<Tests, Trouble> {
        let shown = folder.display();
        if !folder.is_dir() {
            return Err(problem(format!("{shown} is no folder"), "name the folder of a filter").into());
        }
        let (mut cases, mut mistakes) = (Vec::new(), Vec::<Diagnostic>::new());
        for path in case_files(folder)? {
            let file = text(&path)?;
            match cases::read(&file) {
                Ok(found) => cases.extend(found.into_iter().map(|case| Planned {
                    case,
                    file: file.path.clone(),
                    folder: path.parent().unwrap_or(folder).to_owned(),
                })),
                Err(report) => mistakes.extend(report.diagnostics),
            }
        }
        if !mistakes.is_empty() {
            return Err(Trouble::Refused(Report::new(mistakes)));
        }
        let [events, expected] = SAMPLES;
        if folder.join(events).is_file() && folder.join(expected).is_file() {
            cases.push(samples(folder, events, expected));
        }
        if cases.is_empty() {
            let hint = "write cases in a YAML file in the folder `tests` (`tidegate eval --save` makes one of an event), or put \
                        `events.jsonl` and `expected.jsonl` there";
            return Err(problem(format!("no case in {shown}"), hint).into());
        }
        Ok(Tests { cases })
    }
}

fn case_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = folder.join(CASES);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let cannot = || format!("{} cannot be read", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).or_problem(cannot(), "")? {
        let path = entry.or_problem(cannot(), "")?.path();
        let hidden = path.file_name().and_then(|name| name.to_str()).is_none_or(|name| name.starts_with('.'));
        let yaml = path.extension().and_then(|end| end.to_str()).is_some_and(|end| ["yaml", "yml"].contains(&end));
        if yaml && !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The samples as a case.
fn samples(folder: &Path, events: &str, expected: &str) -> Planned {
    let file = folder.join(expected).display().to_string();
    let case = Case {
        name: format!("{events} becomes {expected}"),
        place: Place { file: file.clone(), line: 1, column: 1, length: 1 },
        number: 0,
        setting: Setting::default(),
        given: Given::File(events.to_owned()),
        expect: Vec::new(),
        out: Some(Out::File(expected.to_owned())),
        log: None,
        metrics: None,
    };
    Planned { case, file, folder: folder.to_owned() }
}

pub(crate) fn text(path: &Path) -> anyhow::Result<File> {
    let text = fs::read_to_string(path).or_problem(format!("{} cannot be read", path.display()), "")?;
    Ok(File { path: path.display().to_string(), text })
}

//! `tidegate test`: the cases of filters, through the real engine.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::json;
use tidegate_build::BuildOptions;
use tidegate_engine::Engine;

use crate::{
    cli::Ending,
    commands::{build::build, module_file::load},
    host::{self, Room},
    human,
    problem::{OrProblem as _, problem},
    runtime::{self, runtime},
    testing::{
        Base, Subject, Tests,
        folder::{SAMPLES, Trouble},
        report, run_all, update,
    },
};

/// Options of `test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Cases are YAML files in the folder `tests` of a filter; what they do not say (config, capabilities, mayWrite, mayEmit) is as in its \
policy.yaml; one that decides by `cesql` or `pattern` is tested without a module. Where there are events.jsonl and expected.jsonl, \
they are a case by themselves.")]
pub struct Args {
    /// Folders of filters
    #[arg(value_name = "FOLDER", default_value = ".")]
    folders: Vec<PathBuf>,
    /// Test this component instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "no_build")]
    module: Option<PathBuf>,
    /// Test what was built before
    #[arg(long)]
    no_build: bool,
    /// Write what comes out where it is expected: golden files, and `out` and `names` in cases; look at it before you commit it
    #[arg(long)]
    update: bool,
    /// How the result is written; junit is XML for build servers
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    // For people.
    Text,
    // For programs.
    Json,
    // For build servers.
    Junit,
}

/// What all folders came to.
#[derive(Default)]
struct Total {
    passed: usize,
    failed: usize,
    json: Vec<serde_json::Value>,
    junit: String,
}

/// Prints how each case ended. Refused where one failed, or could not be read.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let runtime = runtime(runtime::THREADS)?;
    let engine = runtime.block_on(async { host::engine(None, Room::default()) })?;
    let (mut total, mut ending) = (Total::default(), Ending::Fine);
    for folder in &args.folders {
        match runtime.block_on(one(folder, &args, &engine, &mut total, out)) {
            Ok(()) => {}
            Err(Trouble::Failed(error)) => return Err(error),
            // As `validate` shows them; the other folders are still run.
            Err(Trouble::Refused(report)) => {
                let mistakes = human::counted(report.diagnostics.len(), "mistake");
                writeln!(io::stderr(), "{report}\n\n{mistakes}, so no case of {} was run\n", folder.display())?;
                ending = Ending::Refused;
            }
        }
    }
    match args.output {
        Format::Text if total.passed + total.failed == 0 => {}
        Format::Text => writeln!(out, "\n{}", report::summary(total.passed, total.failed))?,
        Format::Json => {
            let Total { passed, failed, json, .. } = &total;
            writeln!(out, "{:#}", json!({"passed": passed, "failed": failed, "folders": json}))?;
        }
        Format::Junit => {
            let (tests, failures) = (total.passed + total.failed, total.failed);
            writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
            writeln!(out, "<testsuites name=\"tidegate\" tests=\"{tests}\" failures=\"{failures}\">")?;
            writeln!(out, "{}</testsuites>", total.junit)?;
        }
    }
    Ok(if total.failed > 0 { Ending::Refused } else { ending })
}

async fn one(
    folder: &Path,
    args: &Args,
    engine: &Engine,
    total: &mut Total,
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    if args.update {
        begin_golden(folder)?;
    }
    // Cases first: a mistake in them is told before anything is compiled.
    let (tests, base) = (Tests::find(folder)?, Base::of(folder)?);
    let loaded;
    let subject = match &base.verdict {
        Some(verdict) => Subject::Condition(verdict),
        None => {
            loaded = load(engine, &module(folder, &base, args)?).await?;
            Subject::Module(engine, &loaded)
        }
    };
    let again;
    let mut done = run_all(&tests, &base, subject).await;
    if args.update && done.iter().any(|done| !done.problems.is_empty()) {
        let updated = update::update(&done, subject)?;
        for file in &updated.files {
            writeln!(io::stderr(), "updated {}", file.display()).or_problem("stderr is closed", "")?;
        }
        for case in &updated.left {
            let case = human::plain(case);
            writeln!(io::stderr(), "not updated, because it has matchers: {case}")
                .or_problem("stderr is closed", "")?;
        }
        // What a person meant and did not write down may still fail.
        again = Tests::find(folder)?;
        done = run_all(&again, &base, subject).await;
    }
    let failed = done.iter().filter(|done| !done.problems.is_empty()).count();
    total.failed += failed;
    total.passed += done.len() - failed;
    let shown = folder.display().to_string();
    match args.output {
        Format::Text => {
            let what = match subject {
                Subject::Module(_, module) => human::size(module.size() as u64),
                Subject::Condition(verdict) => verdict.dialect().to_owned(),
            };
            let what = format!("{what} {}", human::digest(subject.digest()));
            report::text(&shown, &what, &done, out).or_problem("stdout is closed", "")?;
        }
        Format::Json => total.json.push(report::as_json(&shown, subject.digest(), &done)),
        Format::Junit => total.junit.push_str(&report::as_junit(&shown, &done)),
    }
    Ok(())
}

/// Samples without expectation: it is written in this run.
fn begin_golden(folder: &Path) -> anyhow::Result<()> {
    let [events, expected] = SAMPLES.map(|name| folder.join(name));
    if events.is_file() && !expected.exists() {
        fs::write(&expected, "").or_problem(format!("{} cannot be written", expected.display()), "")?;
    }
    Ok(())
}

/// The component that is tested.
fn module(folder: &Path, base: &Base, args: &Args) -> anyhow::Result<PathBuf> {
    if let Some(path) = &args.module {
        return Ok(path.clone());
    }
    if !args.no_build {
        return Ok(build(folder, &BuildOptions::default())?.path);
    }
    built(folder, base)
}

/// What `tidegate build` has left in a folder: the file that the policy names, else the only one there is.
pub(crate) fn built(folder: &Path, base: &Base) -> anyhow::Result<PathBuf> {
    if let Some(path) = &base.module {
        return Ok(path.clone());
    }
    let made = fs::read_dir(folder.join("target/tidegate")).into_iter().flatten().flatten().map(|entry| entry.path());
    let made: Vec<PathBuf> = made.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    match made.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(problem(
            format!("nothing is built in {}", folder.display()),
            "run `tidegate build` first, or leave out --no-build",
        )),
        _ => Err(problem(
            format!("more than one module is built in {}", folder.display()),
            "name one with --module, or write a policy.yaml that does",
        )),
    }
}

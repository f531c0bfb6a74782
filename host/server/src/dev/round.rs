//! One save: build, test, decide the samples, put the module where the host looks. Whatever fails leaves what runs as it is.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tidegate_build::BuildOptions;
use tidegate_engine::{Engine, Guest, Module, Worker};
use tidegate_event::Event;
use tidegate_policy::{Report, cases::Verdict};

use crate::{
    commands::{
        build::build,
        module_file::{load, verify_hint},
    },
    event_text, human,
    problem::{OrProblem as _, because, problem},
    testing::{
        Base, Subject, Tests,
        folder::{SAMPLES, Trouble},
        report, run_all,
    },
    trial::{self, Fate},
};

/// The clock of sample events: a decision must differ because the filter does.
const NOW_MS: u64 = 1_767_225_600_000;

/// Where candidates are built.
const CANDIDATE: &str = "target/tidegate/dev/candidate.wasm";

/// A module and what it made of the samples.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    digest: String,
    size: u64,
    decided: Vec<(Event, Fate)>,
}

/// Builds and tests. `None`: something is wrong, and has been said.
pub(crate) async fn candidate(
    folder: &Path,
    engine: &Engine,
    out: &mut dyn Write,
) -> anyhow::Result<Option<Candidate>> {
    match try_candidate(folder, engine, out).await {
        Ok(candidate) => Ok(candidate),
        Err(Trouble::Failed(error)) => {
            crate::problem::show(&error, out)?;
            Ok(None)
        }
        Err(Trouble::Refused(mistakes)) => {
            refused(&mistakes, out)?;
            Ok(None)
        }
    }
}

fn refused(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{report}\n{}", human::counted(report.diagnostics.len(), "mistake"))
}

async fn try_candidate(folder: &Path, engine: &Engine, out: &mut dyn Write) -> Result<Option<Candidate>, Trouble> {
    let base = Base::of(folder)?;
    if base.verdict.is_some() {
        let hint = "write documents, and try it with `tidegate test` and `tidegate eval`";
        let what = format!("there is nothing to build in {}: its policy decides by a condition", folder.display());
        return Err(problem(what, hint).into());
    }
    let path = folder.join(CANDIDATE);
    let options = BuildOptions { out: Some(path.clone()), ..BuildOptions::default() };
    let owned = folder.to_owned();
    // Cargo takes its time; the host beside it must not wait for that.
    let built = tokio::task::spawn_blocking(move || build(&owned, &options)).await;
    built.or_problem("the build ended early", "")??;
    let module = load(engine, &path).await?;
    let has_cases = folder.join(crate::testing::folder::CASES).is_dir() || folder.join(SAMPLES[1]).is_file();
    if has_cases {
        let tests = Tests::find(folder)?;
        let done = run_all(&tests, &base, Subject::Module(engine, &module)).await;
        let failed = done.iter().filter(|done| !done.problems.is_empty()).count();
        if failed > 0 {
            let shown = folder.display().to_string();
            report::text(&shown, human::digest(module.digest()), &done, out).or_problem("stdout is closed", "")?;
        }
        let summary = report::summary(done.len() - failed, failed);
        writeln!(out, "{summary}").or_problem("stdout is closed", "")?;
        if failed > 0 {
            return Ok(None);
        }
    }
    let decided = samples(folder, &base, engine, &module).await?;
    let (digest, size) = (module.digest().to_owned(), module.size() as u64);
    Ok(Some(Candidate { path, digest, size, decided }))
}

async fn samples(folder: &Path, base: &Base, engine: &Engine, module: &Module) -> anyhow::Result<Vec<(Event, Fate)>> {
    let file = folder.join(SAMPLES[0]);
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let events = event_text::read(&file)?;
    let guest = Guest::verify(engine, module, base.spec.clone()).await.map_err(|error| {
        let hint = verify_hint(&error);
        because(error, "the module does not take what its policy gives it", hint)
    })?;
    let fates = trial::fates(&guest, &mut Worker::new(&guest), &base.matcher, &events, NOW_MS).await;
    Ok(events.into_iter().zip(fates).collect())
}

impl Candidate {
    /// Puts it where hosts look, whole or not at all. Whether the file is another one now.
    pub(crate) fn place(&self, at: &Path) -> anyhow::Result<bool> {
        let cannot = || format!("{} cannot be written", at.display());
        let bytes = fs::read(&self.path).or_problem(cannot(), "")?;
        if fs::read(at).is_ok_and(|before| before == bytes) {
            return Ok(false);
        }
        let folder = at.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).or_problem(cannot(), "")?;
        let mut aside = tempfile::NamedTempFile::new_in(folder).or_problem(cannot(), "")?;
        aside.write_all(&bytes).or_problem(cannot(), "")?;
        aside.persist(at).or_problem(cannot(), "")?;
        Ok(true)
    }

    /// `24.1 KiB sha256:…`.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", human::size(self.size), human::digest(&self.digest))
    }

    /// What it decides differently, event by event; without a predecessor, what it decides.
    pub(crate) fn differences(&self, before: Option<&Candidate>, out: &mut dyn Write) -> io::Result<()> {
        let Some(before) = before else {
            for (event, fate) in &self.decided {
                writeln!(out, "  {}  {}", human::plain(event.id()), words(fate))?;
            }
            return Ok(());
        };
        let old = |event: &Event| {
            let line = event_text::line(event);
            before.decided.iter().find(|(known, _)| event_text::line(known) == line).map(|(_, fate)| fate)
        };
        let mut same = 0;
        for (event, fate) in &self.decided {
            match old(event) {
                Some(old) if old.verdict == fate.verdict && words(old) == words(fate) && text(old) == text(fate) => {
                    same += 1
                }
                Some(old) => {
                    writeln!(out, "  {}  {} → {}", human::plain(event.id()), words(old), words(fate))?;
                    if text(old) != text(fate) && (old.verdict, fate.verdict) == (Verdict::Keep, Verdict::Keep) {
                        event_text::diff(&text(old), &text(fate), 6, out)?;
                    }
                }
                None => writeln!(out, "  {}  new: {}", human::plain(event.id()), words(fate))?,
            }
        }
        if same == self.decided.len() && same > 0 {
            writeln!(out, "  the samples are decided as before")?;
        } else if same > 0 {
            writeln!(out, "  {} decided as before", human::counted(same, "event"))?;
        }
        Ok(())
    }
}

fn words(fate: &Fate) -> String {
    let mut words = fate.verdict.word().to_owned();
    if !fate.reason.is_empty() {
        words.push_str(&format!(", {}", human::plain(&fate.reason)));
    }
    if !fate.names.is_empty() {
        words.push_str(&format!(", {}", fate.names.join(", ")));
    }
    words
}

/// What goes on.
fn text(fate: &Fate) -> String {
    fate.out.iter().map(|event| event_text::pretty(&event_text::value(event))).collect()
}

/// The files in a folder of documents that policies name and that are called like the folder's module.
pub(crate) fn places(documents: &Path, base: &Base) -> anyhow::Result<Vec<PathBuf>> {
    let Some(module) = &base.module else {
        return Err(problem(
            "the folder has no policy.yaml that names its module",
            "write one, as in filters-examples",
        ));
    };
    let wanted = module.file_name().unwrap_or_default();
    let set = crate::host::read(&[documents.to_owned()])?;
    let registry = crate::connectors::registry();
    let connectors = tidegate_control::Connectors(&registry);
    let options = tidegate_policy::Options { development: true, connectors: &connectors };
    let policies = tidegate_policy::policies(&set.files, &options).or_problem(
        format!("the documents in {} have mistakes", documents.display()),
        "`tidegate validate` explains them",
    )?;
    let named = policies.iter().filter_map(|policy| {
        let tidegate_policy::spec::ModuleRef::File(file) = &policy.wasm()?.module;
        let folder = Path::new(policy.meta.places.file()).parent().unwrap_or(Path::new("")).to_owned();
        Some(folder.join(file))
    });
    let mut places: Vec<PathBuf> = named.filter(|path| path.file_name() == Some(wanted)).collect();
    places.sort();
    places.dedup();
    if places.is_empty() {
        let name = wanted.display();
        return Err(problem(
            format!("no policy in {} names a module {name}", documents.display()),
            format!("put the policy there, with `module: file:{name}`"),
        ));
    }
    Ok(places)
}

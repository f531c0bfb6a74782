//! `tidegate new`: a folder with a module that builds and passes its tests at once. See [`tidegate_build::new`] for how.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use tidegate_build::{Kind, Language};

use crate::{cli::Ending, problem::because};

/// Options of `new`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to make; its last part is the module's name: lower-case words joined by `-`
    #[arg(value_name = "NAME")]
    path: PathBuf,
    /// The language to write it in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: Lang,
    /// What it decides: which events go on, what becomes of them, or where they belong
    #[arg(long, value_name = "KIND", default_value = "filter")]
    kind: What,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Lang {
    // As `--lang` takes them; without doc comments on the variants help stays one line an option.
    Rust,
    Go,
    #[value(name = "assemblyscript")]
    AssemblyScript,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    // As the contract calls them.
    Filter,
    Transform,
    Matcher,
}

/// Makes the folder, and says what to do next.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let language = match args.lang {
        Lang::Rust => Language::Rust,
        Lang::Go => Language::Go,
        Lang::AssemblyScript => Language::AssemblyScript,
    };
    let kind = match args.kind {
        What::Filter => Kind::Filter,
        What::Transform => Kind::Transform,
        What::Matcher => Kind::Matcher,
    };
    tidegate_build::new(&args.path, language, kind).map_err(|error| {
        let hint = error.hint().unwrap_or_default();
        because(error, "no module was made", hint)
    })?;
    said(&args.path, language, kind, out)?;
    Ok(Ending::Fine)
}

fn said(path: &Path, language: Language, kind: Kind, out: &mut dyn Write) -> std::io::Result<()> {
    let mut line = |what: &str, why: &str| writeln!(out, "{}", format!("  {what:<50}{why}").trim_end());
    line(&format!("cd {}", path.display()), "")?;
    line("tidegate test", "builds it, and puts its cases through the real engine")?;
    line(language.native_test(), "its own tests, without a host")?;
    line("tidegate bench .", "what it costs an event")?;
    line("tidegate dev", "a host around it, which follows in.jsonl; each save is built, tested and swapped in")?;
    writeln!(out, "\n{} is a {} in {}; its README.md says the rest.", path.display(), kind.word(), language.name())
}

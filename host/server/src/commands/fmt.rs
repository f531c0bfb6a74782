//! `tidegate fmt`: documents, one way to write them.

use std::{
    fs,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use tidegate_control::DocumentSet;
use tidegate_policy::{File, FormatError};

use crate::{
    cli::Ending,
    connector_schemas, human,
    problem::{OrProblem as _, problem},
};

/// Options of `fmt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Keys stand in the order of the reference, comments stay with what they are about, and what a document means does not change. In \
folders only YAML files with documents of Tidegate are looked at.")]
pub struct Args {
    /// Document files, or folders of them; `-` formats stdin to stdout
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Change nothing; name the files that would be, and end with 1 if there are any
    #[arg(long)]
    check: bool,
}

/// Prints the files it changed, or would change.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let schema = tidegate_policy::schema(&connector_schemas::all());
    let (mut seen, mut changed, mut ending) = (0, 0, Ending::Fine);
    for path in &args.paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text).or_problem("stdin is no text", "")?;
            let file = File { path: "-".into(), text };
            seen += 1;
            match tidegate_policy::format(&file, &schema) {
                Ok(formatted) if args.check => changed += usize::from(formatted != file.text),
                Ok(formatted) => out.write_all(formatted.as_bytes())?,
                Err(error) => ending = refuse(&file, &error)?,
            }
            continue;
        }
        for file in files(path)? {
            seen += 1;
            match tidegate_policy::format(&file, &schema) {
                Ok(formatted) if formatted == file.text => {}
                Ok(formatted) => {
                    changed += 1;
                    writeln!(out, "{}", file.path)?;
                    if !args.check {
                        replace(Path::new(&file.path), &formatted)?;
                    }
                }
                Err(error) => ending = refuse(&file, &error)?,
            }
        }
    }
    if seen == 0 {
        return Err(problem(
            "no documents there",
            "name files, or folders with documents of Tidegate in *.yaml or *.yml",
        ));
    }
    if args.check && changed > 0 {
        writeln!(io::stderr(), "{} not formatted: run `tidegate fmt`", human::counted(changed, "file"))?;
        return Ok(Ending::Refused);
    }
    Ok(ending)
}

fn refuse(file: &File, error: &FormatError) -> io::Result<Ending> {
    match error {
        FormatError::Unreadable(report) => writeln!(io::stderr(), "{report}\n")?,
        FormatError::Unsupported { .. } => writeln!(io::stderr(), "error: {} stays as it is: {error}\n", file.path)?,
    }
    Ok(Ending::Refused)
}

/// A file as it is named; of a folder those that hold documents.
fn files(path: &Path) -> anyhow::Result<Vec<File>> {
    let set = DocumentSet::read(&[path.to_owned()])
        .or_problem("the documents cannot be read", "name files, or folders with *.yaml or *.yml in them")?;
    let in_folder = path.is_dir();
    let documents = set.files.into_iter().filter(|file| {
        !in_folder || (!file.path.ends_with(".json") && file.text.contains("apiVersion: tidegate.dev/"))
    });
    Ok(documents.collect())
}

/// Whole or not at all; a host that watches it never sees half of it.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", path.display());
    // A link stays one.
    let path = &path.canonicalize().or_problem(cannot(), "")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut aside = tempfile::NamedTempFile::new_in(folder).or_problem(cannot(), "")?;
    aside.write_all(text.as_bytes()).or_problem(cannot(), "")?;
    let permissions = fs::metadata(path).or_problem(cannot(), "")?.permissions();
    aside.as_file().set_permissions(permissions).or_problem(cannot(), "")?;
    aside.persist(path).map(drop).or_problem(cannot(), "")
}

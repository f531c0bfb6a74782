//! `tidegate build`: a filter folder to a component. See [`tidegate_build`] for how.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use tidegate_build::{BuildOptions, Built};

use crate::{cli::Ending, human, problem::because};

/// Options of `build`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder with the filter's Cargo.toml, go.mod or package.json
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Where the component goes [default: FOLDER/target/tidegate/PACKAGE.wasm]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Cargo features or Go build tags to build with
    #[arg(short = 'F', long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
}

/// Builds, and says what came of it.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let options = BuildOptions { out: args.out, features: args.features, ..BuildOptions::default() };
    let built = build(&args.folder, &options)?;
    writeln!(out, "{}", shorter(&built.path).display())?;
    writeln!(out, "size    {}", human::size(built.size))?;
    writeln!(out, "digest  {}", built.digest)?;
    Ok(Ending::Fine)
}

/// [`tidegate_build::build`], its errors with hints.
pub(crate) fn build(folder: &Path, options: &BuildOptions) -> anyhow::Result<Built> {
    tidegate_build::build(folder, options).map_err(|error| {
        let hint = error.hint().unwrap_or_default();
        because(error, format!("{} was not built", folder.display()), hint)
    })
}

/// As seen from here, where it is below.
fn shorter(path: &Path) -> &Path {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    here.ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path)
}

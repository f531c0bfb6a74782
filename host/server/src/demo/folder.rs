//! Where a demo lives: documents, modules, orders and outputs side by side.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    demo::workshop::Module,
    problem::{OrProblem as _, problem},
};

/// The documents: what the demo deploys, with holes for what is built only now.
const POLICIES: &str = include_str!("policies.yaml");

/// Name of the documents' file.
pub(crate) const DOCUMENTS: &str = "policies.yaml";

/// The folder of one demo. A temporary one is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// A temporary folder, or the one given: that one must be new or empty, and is kept.
    pub(crate) fn open(given: Option<&Path>) -> anyhow::Result<Folder> {
        let Some(path) = given else {
            let made = tempfile::Builder::new().prefix("tidegate-demo-").tempdir();
            let temporary = made.or_problem("no temporary folder can be made", "name a folder with --dir")?;
            return Ok(Folder { path: temporary.path().to_owned(), temporary: Some(temporary) });
        };
        let shown = path.display();
        fs::create_dir_all(path).or_problem(format!("{shown} cannot be made"), "name another folder with --dir")?;
        let mut inside =
            fs::read_dir(path).or_problem(format!("{shown} cannot be read"), "name another folder with --dir")?;
        if inside.next().is_some() {
            return Err(problem(format!("{shown} is not empty"), "name a new or an empty folder with --dir"));
        }
        Ok(Folder { path: path.to_owned(), temporary: None })
    }

    /// From now on it stays when this is dropped.
    pub(crate) fn keep(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            self.path = temporary.keep();
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the documents; a rename puts them in place, so that a host that watches sees all of them or none.
    pub(crate) fn write_documents(&self, text: &str) -> io::Result<()> {
        let draft = self.file(".policies.draft");
        fs::write(&draft, text)?;
        fs::rename(draft, self.file(DOCUMENTS))
    }
}

/// The documents, with the address that takes HTTP, and the file and digest of each module by name.
pub(crate) fn documents(web: SocketAddr, modules: &[(&str, &Module)]) -> String {
    modules.iter().fold(POLICIES.replace("{web}", &web.to_string()), |text, (name, module)| {
        text.replace(&format!("{{{name}.file}}"), &module.file).replace(&format!("{{{name}.digest}}"), &module.digest)
    })
}

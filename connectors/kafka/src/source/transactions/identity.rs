//! The name that brokers know the transactions of a host and source by (`transactional.id`).
//!
//! Made once and kept in the state folder: a host that comes back ends what it had begun before, instead of letting others wait for
//! that. It says nothing of who may write: the group does.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// As file names: what an id is made of, and nothing else.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Where the name is kept.
#[derive(Debug)]
pub(crate) struct Identity {
    source: String,
    path: PathBuf,
}

impl Identity {
    pub(crate) fn new(source: &str, state_dir: &Path) -> Identity {
        let file = format!("{}.transactional-id", utf8_percent_encode(source, ESCAPED));
        Identity { source: source.replace('/', "."), path: state_dir.join("kafka").join(file) }
    }

    /// The name; made and kept where there is none yet. The error says which file.
    pub(crate) fn get(&self) -> Result<String, String> {
        self.read_or_make().map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn read_or_make(&self) -> io::Result<String> {
        match fs::read_to_string(&self.path) {
            Ok(name) if !name.is_empty() => return Ok(name),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let random = || RandomState::new().hash_one(std::process::id());
        let name = format!("tidegate.{}.{:016x}{:016x}", self.source, random(), random());
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = self.path.with_extension("new");
        let mut file = fs::File::create(&new)?;
        file.write_all(name.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        Ok(name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_name_a_source_and_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let name = |source: &str| Identity::new(source, dir.path()).get().unwrap();
        let first = name("shop/in");
        assert!(first.starts_with("tidegate.shop.in."), "{first}");
        assert_eq!(name("shop/in"), first);
        assert_ne!(name("shop/other"), first);
        let elsewhere = tempfile::tempdir().unwrap();
        assert_ne!(Identity::new("shop/in", elsewhere.path()).get().unwrap(), first);
    }
}

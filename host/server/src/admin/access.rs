//! Who may do what over the admin API: tokens and client certificates, each with a name and roles.
//!
//! ```text
//! # NAME  ROLES         TOKEN (or its SHA-256)
//! ann     deploy,tap    sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! grafana read          a-long-random-word
//! # a client certificate by its common name, where the port asks for one
//! cert:ci.example.org deploy
//! ```
//!
//! The file is read for each request: a token that is taken out counts no more. Where none is named, the host makes a token of its
//! own in its state directory, for whoever may read files there.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::problem::{OrProblem as _, problem};

/// Bytes of the file of tokens.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// The name of the token that a host makes.
const LOCAL: &str = "local";
/// Its file in the state directory.
pub(crate) const LOCAL_FILE: &str = "admin-token";

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Look.
    Read,
    /// Change what runs. Includes `read`.
    Deploy,
    /// See events.
    Tap,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Deploy => "deploy",
            Role::Tap => "tap",
        }
    }

    fn of(word: &str) -> Option<Role> {
        [Role::Read, Role::Deploy, Role::Tap].into_iter().find(|role| role.word() == word)
    }
}

/// Somebody who was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) name: String,
    roles: Vec<Role>,
}

impl Caller {
    pub(crate) fn may(&self, role: Role) -> bool {
        self.roles.contains(&role) || (role == Role::Read && self.roles.contains(&Role::Deploy))
    }
}

/// Where it stands who may do what.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    file: PathBuf,
}

impl Access {
    /// From a file of tokens; what is wrong with it is said now.
    pub(crate) fn from_file(file: PathBuf) -> anyhow::Result<Access> {
        let hint = "each line is a name, roles (read, deploy, tap) and a token; see `tidegate run --help`";
        let text = read(&file).or_problem(format!("the tokens {} cannot be read", file.display()), hint)?;
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !is_blank(line)) {
            if Entry::of(line).is_none() {
                let what = format!("line {} of the tokens {} cannot be understood", at + 1, file.display());
                return Err(problem(what, hint));
            }
        }
        Ok(Access { file })
    }

    /// A token of the host's own, made where there is none yet.
    pub(crate) fn local(state_dir: &Path) -> anyhow::Result<Access> {
        let file = state_dir.join(LOCAL_FILE);
        let failed = || format!("the token of the admin port {} cannot be made", file.display());
        make(state_dir, &file).or_problem(failed(), "choose another state directory with --state-dir")?;
        Ok(Access { file })
    }

    /// Who this is: by the token they bring, else by the certificate they showed.
    pub(crate) fn caller(&self, token: Option<&str>, certificate: Option<&str>) -> io::Result<Option<Caller>> {
        let text = read(&self.file)?;
        if self.file.ends_with(LOCAL_FILE) {
            let good = token.is_some_and(|token| hash(token) == hash(text.trim()));
            let roles = vec![Role::Read, Role::Deploy, Role::Tap];
            return Ok(good.then(|| Caller { name: LOCAL.into(), roles }));
        }
        let mut entries = text.lines().filter(|line| !is_blank(line)).filter_map(Entry::of);
        let found = entries.find(|entry| match (&entry.secret, token) {
            (Some(secret), Some(token)) => *secret == hash(token),
            (None, None) => certificate.is_some_and(|name| name == entry.caller.name),
            (Some(_), None) | (None, Some(_)) => false,
        });
        Ok(found.map(|entry| entry.caller))
    }
}

struct Entry {
    caller: Caller,
    /// SHA-256 in hex; `None`: a client certificate.
    secret: Option<String>,
}

impl Entry {
    fn of(line: &str) -> Option<Entry> {
        let mut words = line.split_whitespace();
        let (name, roles, token) = (words.next()?, words.next()?, words.next());
        let roles = roles.split(',').map(Role::of).collect::<Option<Vec<Role>>>()?;
        let (name, secret) = match (name.strip_prefix("cert:"), token) {
            (Some(name), None) => (name, None),
            (None, Some(token)) => {
                (name, Some(token.strip_prefix("sha256:").map_or_else(|| hash(token), str::to_owned)))
            }
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let whole = words.next().is_none() && !name.is_empty();
        whole.then(|| Entry { caller: Caller { name: name.to_owned(), roles }, secret })
    }
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

/// Hashes are compared, never tokens: how long that takes says nothing about a token.
fn hash(token: &str) -> String {
    format!("{:x}", Sha256::digest(token))
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(file)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn make(state_dir: &Path, file: &Path) -> io::Result<()> {
    if file.try_exists()? {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
    let mut random = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let aside = state_dir.join(format!(".{LOCAL_FILE}-{}", std::process::id()));
    let mut made = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    writeln!(made, "{token}")?;
    fs::rename(aside, file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn access(text: &str) -> (tempfile::TempDir, anyhow::Result<Access>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens");
        fs::write(&file, text).unwrap();
        (dir, Access::from_file(file))
    }

    #[test]
    fn whoever_brings_a_token_or_a_certificate_is_known_by_its_name() {
        let text = format!("# who\nann deploy,tap sha256:{}\nbob read word\ncert:ci tap\n", hash("secret"));
        let (_dir, access) = access(&text);
        let access = access.unwrap();
        let caller = |token, certificate| access.caller(token, certificate).unwrap();
        let ann = caller(Some("secret"), None).expect("ann");
        assert_eq!(ann.name, "ann");
        assert!(ann.may(Role::Read) && ann.may(Role::Deploy) && ann.may(Role::Tap));
        let bob = caller(Some("word"), Some("ci")).expect("bob");
        assert!(bob.may(Role::Read) && !bob.may(Role::Deploy) && !bob.may(Role::Tap));
        assert_eq!(caller(None, Some("ci")).expect("ci").name, "ci");
        for (token, certificate) in [
            (None, None),
            (Some(""), None),
            (Some("no"), Some("ci")),
            (Some(hash("secret").as_str()), None),
            (None, Some("ann")),
        ] {
            assert_eq!(caller(token, certificate), None, "{token:?} {certificate:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_refused() {
        for text in ["ann", "ann deploy", "ann boss word", "cert:ci read word", "ann read word more"] {
            assert!(access(text).1.is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_makes_one_token_and_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let access = Access::local(&state).unwrap();
        let token = fs::read_to_string(state.join(LOCAL_FILE)).unwrap();
        assert!(access.caller(Some(token.trim()), None).unwrap().unwrap().may(Role::Deploy));
        assert_eq!(access.caller(Some(""), None).unwrap(), None);
        Access::local(&state).unwrap();
        assert_eq!(fs::read_to_string(state.join(LOCAL_FILE)).unwrap(), token);
    }
}

//! Credentials that are known beforehand: tokens, and names with passwords, each with its principal.
//!
//! Compared by their SHA-256, all of them each time, in constant time: how long it takes tells neither how much of a secret is
//! right nor whether there is such a name.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use tidegate_connector::{ConfigError, Secret, SecretConfig};

/// How long the digests are good without a look at the secrets, which look at their files once a second themselves.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// One secret and whose it is.
#[derive(Debug)]
pub(super) struct Credential {
    /// Empty for tokens.
    name: String,
    principal: Arc<str>,
    secret: Secret,
}

impl Credential {
    pub(super) fn compile(
        name: &str,
        principal: &str,
        secret: &SecretConfig,
        base_dir: &Path,
    ) -> Result<Self, Vec<ConfigError>> {
        let secret = Secret::compile(secret, base_dir)?;
        Ok(Self { name: name.to_owned(), principal: principal.into(), secret })
    }
}

/// Whose credentials they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Principal(Arc<str>),
    Nobody,
    /// Nobody's of those that could be looked at; others could not.
    Unreadable,
}

/// All credentials of one form.
#[derive(Debug)]
pub(super) struct Known {
    credentials: Vec<Credential>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    looked: Option<Instant>,
    /// In the order of the credentials.
    rows: Arc<Vec<Row>>,
}

#[derive(Clone, Default)]
struct Row {
    /// `None` while it cannot be read.
    secret: Option<Arc<[u8]>>,
    digest: [u8; 32],
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl Known {
    pub(super) fn new(credentials: Vec<Credential>) -> Self {
        let rows = vec![Row::default(); credentials.len()];
        Self { credentials, table: Mutex::new(Table { looked: None, rows: Arc::new(rows) }) }
    }

    pub(super) fn find(&self, name: &str, secret: &[u8]) -> Found {
        let rows = self.rows(Instant::now());
        let presented = digest(name, secret);
        let mut found = u32::MAX;
        for (row, index) in rows.iter().zip(0u32..) {
            // What cannot be read has a digest of zeros, which no secret has.
            found.conditional_assign(&index, row.digest.ct_eq(&presented));
        }
        match self.credentials.get(found as usize) {
            Some(credential) => Found::Principal(credential.principal.clone()),
            None if rows.iter().any(|row| row.secret.is_none()) => Found::Unreadable,
            None => Found::Nobody,
        }
    }

    fn rows(&self, now: Instant) -> Arc<Vec<Row>> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK_AGAIN) {
            let first = table.looked.replace(now).is_none();
            let rows: Vec<Row> = self
                .credentials
                .iter()
                .zip(table.rows.iter())
                .map(|(credential, row)| look(credential, row, first))
                .collect();
            table.rows = Arc::new(rows);
        }
        table.rows.clone()
    }
}

fn look(credential: &Credential, row: &Row, first: bool) -> Row {
    match (credential.secret.read(), &row.secret) {
        (Ok(secret), Some(known)) if Arc::ptr_eq(&secret, known) => row.clone(),
        (Ok(secret), _) => Row { digest: digest(&credential.name, &secret), secret: Some(secret) },
        (Err(error), _) => {
            // A secret that was read once stays readable, so that this is told once.
            if first {
                tracing::warn!(%error, principal = %credential.principal, "credentials cannot be checked");
            }
            Row::default()
        }
    }
}

/// The length goes first, so that no other name and secret give the same.
fn digest(name: &str, secret: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name.as_bytes());
    hash.update(secret);
    hash.finalize().into()
}

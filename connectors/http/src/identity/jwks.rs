//! Key sets (RFC 7517): which keys there are, and what each may be used for.
//!
//! A key that is of no use here (an encryption key, a shared secret, an unknown curve) is passed over; the others of its set
//! count. Nothing here looks at tokens.

pub(super) mod remote;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::{ConfigError, Secret, SecretConfig};

use self::remote::Remote;

/// Keys of a set at most; issuers have two or three.
const KEYS_MAX: usize = 128;

/// `auth.jwt.jwks`: exactly one of both.
///
/// | option | default | limit |
/// |---|---|---|
/// | `file` | – | a path; at most 64 KiB; looked at once a second |
/// | `url` | – | `https`, or `http` to this machine; at most 256 KiB, within 5 s, no redirects |
///
/// A set has at most 128 keys. The answer of `url` is asked for when first needed, then every 5 minutes, and when a token names
/// an unknown key, at most every 5 s. While it cannot be had, the last keys are used for an hour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwksConfig {
    file: Option<PathBuf>,
    url: Option<String>,
}

/// Where keys come from.
#[derive(Debug)]
pub(super) enum Jwks {
    File(KeyFile),
    Url(Remote),
}

impl Jwks {
    pub(super) fn compile(config: &JwksConfig, base_dir: &Path) -> Result<Self, Vec<ConfigError>> {
        match (&config.file, &config.url) {
            (Some(file), None) => {
                let content = Secret::compile(&SecretConfig::file(file), base_dir)?;
                Ok(Jwks::File(KeyFile { content, state: Mutex::default() }))
            }
            (None, Some(url)) => Remote::compile(url).map(Jwks::Url).map_err(|error| vec![error]),
            (Some(_), Some(_)) => Err(vec![ConfigError::new("", "keys have a `file` or a `url`, not both")]),
            (None, None) => Err(vec![ConfigError::new("", "keys need a `file` or a `url`")]),
        }
    }

    /// The keys now; the error may be shown to whoever asks.
    pub(super) async fn current(&self) -> Result<Arc<KeySet>, String> {
        match self {
            Jwks::File(file) => file.current(),
            Jwks::Url(remote) => remote.current().await,
        }
    }

    /// Keys that came after `known`, if there are any.
    pub(super) async fn newer(&self, known: &KeySet) -> Option<Arc<KeySet>> {
        match self {
            Jwks::File(_) => None,
            Jwks::Url(remote) => remote.newer(known).await,
        }
    }
}

/// Keys in a file. A new content that is no key set leaves the last good one, with a warning.
pub(super) struct KeyFile {
    content: Secret,
    state: Mutex<FileState>,
}

#[derive(Default)]
struct FileState {
    /// What was parsed last, good or bad.
    content: Option<Arc<[u8]>>,
    keys: Option<Arc<KeySet>>,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("content", &self.content).finish_non_exhaustive()
    }
}

impl KeyFile {
    fn current(&self) -> Result<Arc<KeySet>, String> {
        const UNAVAILABLE: &str = "the keys to check tokens with cannot be read now";
        let content = self.content.read().map_err(|error| {
            tracing::debug!(%error, "no keys");
            UNAVAILABLE.to_owned()
        })?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.content.as_ref().is_some_and(|known| Arc::ptr_eq(known, &content)) {
            match KeySet::parse(&content) {
                Ok(keys) => state.keys = Some(Arc::new(keys)),
                Err(problem) => {
                    tracing::warn!(file = ?self.content, problem, "no key set; the last good one stays, if there was one");
                }
            }
            state.content = Some(content);
        }
        state.keys.clone().ok_or_else(|| UNAVAILABLE.to_owned())
    }
}

/// The keys of one set.
#[derive(Debug)]
pub(super) struct KeySet {
    /// Another for each set ever read.
    number: u64,
    keys: Vec<Key>,
}

struct Key {
    kid: Option<String>,
    algorithms: &'static [Algorithm],
    key: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

/// Which keys a token may be signed with.
pub(super) enum Lookup<'a> {
    Keys(Vec<&'a DecodingKey>),
    None,
    /// The token names none, and several would do.
    Ambiguous,
}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    pub(super) fn parse(content: &[u8]) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let raw: RawSet = serde_json::from_slice(content).map_err(|error| format!("is no key set: {error}"))?;
        if raw.keys.len() > KEYS_MAX {
            return Err(format!("has more than {KEYS_MAX} keys"));
        }
        let total = raw.keys.len();
        let keys: Vec<Key> = raw.keys.into_iter().filter_map(Key::read).collect();
        if keys.len() < total {
            tracing::debug!(passed_over = total - keys.len(), "keys that verify no tokens here");
        }
        Ok(Self { number: NEXT.fetch_add(1, Ordering::Relaxed), keys })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// By name where the token has one, else the only key that would do: strangers shall not make us try one key after another.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup<'_> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm) && (kid.is_none() || key.kid.as_deref() == kid);
        let found: Vec<&DecodingKey> = self.keys.iter().filter(fits).map(|key| &key.key).collect();
        match (found.len(), kid) {
            (0, _) => Lookup::None,
            (1, _) | (_, Some(_)) => Lookup::Keys(found),
            (_, None) => Lookup::Ambiguous,
        }
    }
}

impl Key {
    /// `None` for a key that is of no use here.
    fn read(value: Value) -> Option<Self> {
        let raw: RawKey = serde_json::from_value(value).ok()?;
        let signs = raw.usage.as_deref().is_none_or(|usage| usage == "sig")
            && raw.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !signs {
            return None;
        }
        let (possible, key) = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("RSA", None) => {
                let (n, e) = (decode(&raw.n)?, decode(&raw.e)?);
                let bits = n.iter().skip_while(|byte| **byte == 0).count() * 8;
                // Fewer are broken, more are not verified by `ring`.
                let strong = (2048..=8192).contains(&bits);
                (RSA, strong.then(|| DecodingKey::from_rsa_raw_components(&n, &e))?)
            }
            ("EC", Some("P-256")) => (&[Algorithm::ES256][..], point(&raw, 32)?),
            ("EC", Some("P-384")) => (&[Algorithm::ES384][..], point(&raw, 48)?),
            ("OKP", Some("Ed25519")) => {
                let x = decode(&raw.x).filter(|x| x.len() == 32)?;
                (&[Algorithm::EdDSA][..], DecodingKey::from_ed_der(&x))
            }
            _ => return None,
        };
        let algorithms = match &raw.alg {
            Some(name) => only(possible, name)?,
            None => possible,
        };
        Some(Self { kid: raw.kid, algorithms, key })
    }
}

const RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// The one algorithm that the key says it is for, if it is of those that its type allows.
fn only(possible: &'static [Algorithm], name: &str) -> Option<&'static [Algorithm]> {
    possible.chunks(1).find(|one| one.first().is_some_and(|algorithm| super::jwt::name(*algorithm) == name))
}

fn decode(part: &Option<String>) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part.as_ref()?).ok()
}

/// An uncompressed point (SEC 1, section 2.3.3).
fn point(raw: &RawKey, length: usize) -> Option<DecodingKey> {
    let (x, y) = (decode(&raw.x)?, decode(&raw.y)?);
    (x.len() == length && y.len() == length).then(|| DecodingKey::from_ec_der(&[&[4], &*x, &*y].concat()))
}

//! The file: opened and checked, read in snapshots; written by one thread.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::{SystemTime, UNIX_EPOCH},
};

use redb::{
    Database, DatabaseError, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, StorageError,
    backends::InMemoryBackend,
};
use tokio::sync::oneshot;

use crate::{
    Commit, LaneKey, OpenError, Scope, ScopeKey, Unavailable, Usage, Value,
    encoding::{self, ENTRIES, FORMAT, FORMAT_KEY, LANES, META, REMINDERS, SCOPES},
    scope::Held,
    writer::{self, Order},
};

/// Bounds of a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// All scopes together, in bytes as [`Usage`] counts them. The file is up to about four times as large.
    pub max_bytes: u64,
    /// Pages of the file kept in memory, in bytes.
    pub cache_bytes: usize,
}

impl Default for Options {
    /// 1 GiB on disk, 32 MiB of it in memory.
    fn default() -> Options {
        Options { max_bytes: 1 << 30, cache_bytes: 32 << 20 }
    }
}

/// The state of a host. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Store(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    /// The thread ends with the last of these.
    orders: mpsc::Sender<Order>,
}

/// What the writing thread shares with handles.
#[derive(Debug)]
pub(crate) struct Shared {
    /// `None`: in memory.
    path: Option<PathBuf>,
    pub(crate) options: Options,
    /// `None` after a failed write, until it could be opened anew.
    database: Mutex<Option<Arc<Database>>>,
    pub(crate) scopes: Mutex<HashMap<ScopeKey, Arc<Held>>>,
    pub(crate) total: AtomicU64,
    next_id: Mutex<u32>,
}

/// Resolves once what was handed over is on disk, or why it is not.
#[derive(Debug)]
pub struct Committed(oneshot::Receiver<Result<(), Unavailable>>);

impl Committed {
    /// Waits. Cancel-safe.
    pub async fn wait(&mut self) -> Result<(), Unavailable> {
        match (&mut self.0).await {
            Ok(done) => done,
            Err(_) => Err(Unavailable::written("the thread that writes it is gone")),
        }
    }
}

impl Store {
    /// Opens the file, or makes it (0600) where there is none. All of it is read and checked: a file that is not what was written is an
    /// error, and never taken for an empty one.
    pub fn open(path: &Path, options: Options) -> Result<Store, OpenError> {
        let failed = |error: &io::Error| OpenError::Failed { path: path.to_owned(), problem: error.to_string() };
        if !path.try_exists().map_err(|error| failed(&error))? {
            make(path, options)?;
        }
        let database = open_database(path, options)?;
        Store::with(Some(path.to_owned()), database, options)
    }

    /// A store that ends with the process: for trying things out.
    pub fn in_memory(options: Options) -> Result<Store, OpenError> {
        let database = redb::Builder::new()
            .set_cache_size(options.cache_bytes)
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| open_error(Path::new("memory"), error))?;
        fill(&database).map_err(|problem| OpenError::Failed { path: "memory".into(), problem })?;
        Store::with(None, database, options)
    }

    fn with(path: Option<PathBuf>, database: Database, options: Options) -> Result<Store, OpenError> {
        let shown = path.clone().unwrap_or_else(|| "memory".into());
        let damaged = |problem: String| OpenError::Damaged { path: shown.clone(), problem };
        let scopes = known(&database).map_err(damaged)?;
        let total = scopes.values().map(|held| held.usage().bytes).sum();
        let next_id = scopes.values().map(|held| held.id).max().map_or(0, |id| id + 1);
        let shared = Arc::new(Shared {
            path,
            options,
            database: Mutex::new(Some(Arc::new(database))),
            scopes: Mutex::new(scopes),
            total: AtomicU64::new(total),
            next_id: Mutex::new(next_id),
        });
        let orders = writer::start(Arc::clone(&shared))
            .map_err(|error| OpenError::Failed { path: shown, problem: error.to_string() })?;
        Ok(Store(Arc::new(Handle { shared, orders })))
    }

    /// A handle to somebody's state, empty where there is none yet.
    pub fn scope(&self, key: &ScopeKey) -> Scope {
        let shared = &self.0.shared;
        let mut scopes = lock(&shared.scopes);
        if let Some(held) = scopes.get(key) {
            held.used_ms.store(now_ms(), Relaxed);
            return Scope(Arc::clone(held));
        }
        let mut next = lock(&shared.next_id);
        let held = Arc::new(Held::new(*next, key.clone(), Usage::default(), now_ms()));
        *next += 1;
        scopes.insert(key.clone(), Arc::clone(&held));
        Scope(held)
    }

    /// The position that was committed last for a lane.
    pub fn position(&self, lane: &LaneKey) -> Result<Option<Vec<u8>>, Unavailable> {
        let database = self.0.shared.database()?;
        let read = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = database.begin_read()?.open_table(LANES)?;
            Ok(table.get(lane.encode().as_slice())?.map(|found| found.value().to_vec()))
        };
        read().map_err(Unavailable::read)
    }

    /// A snapshot of everything that is committed now.
    pub fn read(&self) -> Result<Reader, Unavailable> {
        let database = self.0.shared.database()?;
        let read =
            || -> Result<Reader, redb::Error> { Ok(Reader { entries: database.begin_read()?.open_table(ENTRIES)? }) };
        read().map_err(Unavailable::read)
    }

    /// Hands over what a batch has written. Commits take effect in the order in which they are handed over.
    pub fn commit(&self, commit: Commit) -> Committed {
        self.order(|reply| Order::Commit(commit, reply))
    }

    /// Forgets everything about a lane: somebody else has gone on with it meanwhile.
    pub fn forget(&self, lane: LaneKey) -> Committed {
        self.order(|reply| Order::Forget(lane, reply))
    }

    /// Takes away what has outlived its time at `now_ms`, and what nobody uses; happens by itself every 30 s.
    pub fn sweep(&self, now_ms: u64) -> Committed {
        self.order(|reply| Order::Sweep(now_ms, Some(reply)))
    }

    fn order(&self, order: impl FnOnce(oneshot::Sender<Result<(), Unavailable>>) -> Order) -> Committed {
        let (reply, committed) = oneshot::channel();
        // A thread that is gone drops the reply: that is the answer.
        let _ = self.0.orders.send(order(reply));
        Committed(committed)
    }

    /// All scopes there are.
    pub fn usage(&self) -> Vec<(ScopeKey, Usage)> {
        let scopes = lock(&self.0.shared.scopes);
        let mut all: Vec<_> = scopes.values().map(|held| (held.key.clone(), held.usage())).collect();
        drop(scopes);
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// Bytes that all scopes together may still take, by what is committed.
    pub fn room(&self) -> u64 {
        self.0.shared.options.max_bytes.saturating_sub(self.0.shared.total.load(Relaxed))
    }
}

/// A snapshot.
pub struct Reader {
    entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Reader {
    /// What was written under a key, also where it has outlived its time: that is for the caller to judge, by the clock of the batch.
    pub fn get(&self, scope: &Scope, key: &[u8]) -> Result<Option<Value>, Unavailable> {
        let found = self.entries.get(encoding::entry_key(scope.0.id, key).as_slice()).map_err(Unavailable::read)?;
        let Some(found) = found else { return Ok(None) };
        let (expires_ms, value) =
            encoding::read_entry(found.value()).ok_or_else(|| Unavailable::read("a value is cut off"))?;
        Ok(Some(Value { bytes: value.into(), expires_ms }))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Shared {
    /// After a failed write it is opened anew, and checked, when nobody reads any more.
    pub(crate) fn database(&self) -> Result<Arc<Database>, Unavailable> {
        let mut database = lock(&self.database);
        if let Some(database) = &*database {
            return Ok(Arc::clone(database));
        }
        let Some(path) = &self.path else { return Err(Unavailable::read("a write failed before")) };
        let opened = open_database(path, self.options).map_err(Unavailable::read)?;
        Ok(Arc::clone(database.insert(Arc::new(opened))))
    }

    /// A write failed: what the store holds in memory is not what is on disk.
    pub(crate) fn close(&self) {
        if self.path.is_some() {
            lock(&self.database).take();
        }
    }
}

/// Under another name first: a file of that name is always a whole one.
fn make(path: &Path, options: Options) -> Result<(), OpenError> {
    let failed = |problem: String| OpenError::Failed { path: path.to_owned(), problem };
    let new = path.with_extension("new");
    let make = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // 0600: it holds what events hold.
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        Ok(())
    };
    make().map_err(|error| failed(error.to_string()))?;
    let database = redb::Builder::new()
        .set_cache_size(options.cache_bytes)
        .create(&new)
        .map_err(|error| open_error(path, error))?;
    fill(&database).map_err(failed)?;
    database.close().map_err(|error| open_error(path, error))?;
    let place = || -> io::Result<()> {
        fs::rename(&new, path)?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    place().map_err(|error| failed(error.to_string()))
}

/// A file that was altered may also make the store panic: that is damage as well.
fn open_database(path: &Path, options: Options) -> Result<Database, OpenError> {
    let open = || redb::Builder::new().set_cache_size(options.cache_bytes).set_check_integrity_on_open(true).open(path);
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(opened) => opened.map_err(|error| open_error(path, error)),
        Err(_) => Err(OpenError::Damaged { path: path.to_owned(), problem: "it cannot be made sense of".to_owned() }),
    }
}

fn open_error(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    if let DatabaseError::DatabaseAlreadyOpen = error {
        return OpenError::InUse { path };
    }
    // `InvalidData` is what the store says of a file that is none of its.
    if let DatabaseError::Storage(StorageError::Io(error)) = &error
        && error.kind() != io::ErrorKind::InvalidData
    {
        return OpenError::Failed { path, problem: error.to_string() };
    }
    OpenError::Damaged { path, problem: error.to_string() }
}

/// The tables of a new file.
fn fill(database: &Database) -> Result<(), String> {
    let fill = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        for table in [LANES, SCOPES, ENTRIES, REMINDERS] {
            transaction.open_table(table)?;
        }
        transaction.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
        transaction.commit()?;
        Ok(())
    };
    fill().map_err(|error| error.to_string())
}

/// The scopes that are in the file.
fn known(database: &Database) -> Result<HashMap<ScopeKey, Arc<Held>>, String> {
    let read = || -> Result<Result<HashMap<ScopeKey, Arc<Held>>, String>, redb::Error> {
        let transaction = database.begin_read()?;
        let format = transaction.open_table(META)?.get(FORMAT_KEY)?.map(|found| found.value().to_vec());
        if format.as_deref() != Some(FORMAT) {
            return Ok(Err("its form is of another version of this program".to_owned()));
        }
        let mut scopes = HashMap::new();
        // When nobody knows when it was used last: now.
        let now = now_ms();
        for row in transaction.open_table(SCOPES)?.iter()? {
            let (name, row) = row?;
            let (Some(key), Some((id, usage))) =
                (ScopeKey::decode(name.value()), encoding::read_scope_row(row.value()))
            else {
                return Ok(Err("the list of what is kept cannot be read".to_owned()));
            };
            scopes.insert(key.clone(), Arc::new(Held::new(id, key, usage, now)));
        }
        Ok(Ok(scopes))
    };
    read().map_err(|error| error.to_string())?
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

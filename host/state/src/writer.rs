//! The one thread that writes: what waits at the same time becomes one transaction, and one sync.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed, mpsc},
    thread,
    time::Duration,
};

use redb::{Database, ReadableTable as _, Table as RedbTable, WriteTransaction};
use tokio::sync::oneshot;

use crate::{
    ENTRY_BYTES, LaneKey, Scope, Unavailable, Usage,
    encoding::{self, ENTRIES, LANES, REMINDERS, SCOPES},
    entry_bytes,
    scope::Held,
    store::{Shared, lock, now_ms},
};

/// A value under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What was written.
    pub bytes: Box<[u8]>,
    /// When its time is over, in milliseconds since the epoch; 0: never.
    pub expires_ms: u64,
}

impl Value {
    /// Whether it is still there for whoever reads at `now_ms`.
    pub fn lives(&self, now_ms: u64) -> bool {
        self.expires_ms == 0 || self.expires_ms > now_ms
    }
}

/// What was written, by key; `None` deletes.
pub type Writes = BTreeMap<Box<[u8]>, Option<Value>>;

/// What one batch of a lane has written, and how far the lane is settled with it: all of it is kept, or nothing.
#[derive(Debug)]
pub struct Commit {
    /// The lane.
    pub lane: LaneKey,
    /// Its position behind the batch; `None` where it has none that could be gone back to.
    pub position: Option<Vec<u8>>,
    /// By whom what was written.
    pub writes: Vec<(Scope, Writes)>,
}

pub(crate) type Reply = oneshot::Sender<Result<(), Unavailable>>;

#[derive(Debug)]
pub(crate) enum Order {
    Commit(Commit, Reply),
    Forget(LaneKey, Reply),
    Sweep(u64, Option<Reply>),
}

/// Orders in one transaction, at most: those behind wait no longer than for a large one.
const ORDERS_MAX: usize = 256;

/// How often what nobody writes to is looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Keys that one transaction looks at for their time, in one scope.
const SWEPT_MAX: usize = 4096;

/// Reminders are for whole seconds: that many keys share one.
const REMINDER_MS: u64 = 1000;

/// For how long the host runs without anybody using a scope before it is dropped.
const UNUSED_MS: u64 = 24 * 60 * 60 * 1000;

pub(crate) fn start(shared: Arc<Shared>) -> std::io::Result<mpsc::Sender<Order>> {
    let (orders, taken) = mpsc::channel();
    let writer = Writer { shared, reminders: now_ms() << 16 };
    thread::Builder::new().name("tidegate-state".to_owned()).spawn(move || writer.run(&taken))?;
    Ok(orders)
}

struct Writer {
    shared: Arc<Shared>,
    /// Tells reminders of the same second apart; goes on above those of earlier processes.
    reminders: u64,
}

/// How much scopes will have once the transaction is there.
type Usages = HashMap<u32, (Arc<Held>, Usage)>;

impl Writer {
    fn run(mut self, taken: &mpsc::Receiver<Order>) {
        loop {
            let first = match taken.recv_timeout(SWEEP_EVERY) {
                Ok(order) => order,
                Err(mpsc::RecvTimeoutError::Timeout) => Order::Sweep(now_ms(), None),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            };
            let orders: Vec<Order> = std::iter::once(first).chain(taken.try_iter()).take(ORDERS_MAX).collect();
            let written = self.write(&orders);
            if let Err(error) = &written {
                tracing::debug!("{error}");
            }
            for order in orders {
                let (Order::Commit(_, reply) | Order::Forget(_, reply) | Order::Sweep(_, Some(reply))) = order else {
                    continue;
                };
                // Whoever does not wait any more does not want to know.
                let _ = reply.send(written.clone());
            }
        }
    }

    fn write(&mut self, orders: &[Order]) -> Result<(), Unavailable> {
        let database = self.shared.database().map_err(|error| Unavailable::written(error.problem))?;
        // A store that was altered under our feet may make it panic.
        let written = catch_unwind(AssertUnwindSafe(|| self.transact(&database, orders)));
        let usages = match written {
            Ok(Ok(usages)) => usages,
            Ok(Err(error)) => {
                self.shared.close();
                return Err(Unavailable::written(error));
            }
            Err(_) => {
                self.shared.close();
                return Err(Unavailable::written("it cannot be made sense of"));
            }
        };
        for (held, usage) in usages.values() {
            let before = held.usage().bytes;
            held.set(*usage);
            self.shared.total.fetch_add(usage.bytes, Relaxed);
            self.shared.total.fetch_sub(before, Relaxed);
        }
        Ok(())
    }

    fn transact(&mut self, database: &Database, orders: &[Order]) -> Result<Usages, redb::Error> {
        let transaction = database.begin_write()?;
        let mut usages = Usages::new();
        {
            let mut tables = Tables::open(&transaction)?;
            for order in orders {
                match order {
                    Order::Commit(commit, _) => self.commit(&mut tables, &mut usages, commit)?,
                    Order::Forget(lane, _) => {
                        tables.lanes.remove(lane.encode().as_slice())?;
                        for held in self.scopes(|held| held.key.lane == *lane) {
                            tables.drop_entries(held.id)?;
                            usages.insert(held.id, (held, Usage::default()));
                        }
                    }
                    Order::Sweep(now_ms, _) => self.sweep(&mut tables, &mut usages, *now_ms)?,
                }
            }
            for (held, usage) in usages.values() {
                let name = held.key.encode();
                if *usage == Usage::default() {
                    tables.scopes.remove(name.as_slice())?;
                } else {
                    tables.scopes.insert(name.as_slice(), encoding::scope_row(held.id, *usage).as_slice())?;
                }
            }
        }
        transaction.commit()?;
        Ok(usages)
    }

    fn commit(&mut self, tables: &mut Tables<'_>, usages: &mut Usages, commit: &Commit) -> Result<(), redb::Error> {
        if let Some(position) = &commit.position {
            tables.lanes.insert(commit.lane.encode().as_slice(), position.as_slice())?;
        }
        let now = now_ms();
        for (Scope(held), writes) in &commit.writes {
            let mut usage = usages.get(&held.id).map_or_else(|| held.usage(), |(_, usage)| *usage);
            tables.sweep(held.id, now, &mut usage, &mut self.reminders)?;
            let mut reminders: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
            for (key, value) in writes {
                if let Some(at_ms) = tables.put(held.id, key, value.as_ref(), &mut usage)? {
                    encoding::push_short(reminders.entry(at_ms).or_default(), key);
                }
            }
            tables.remind(held.id, reminders, &mut usage, &mut self.reminders)?;
            usages.insert(held.id, (Arc::clone(held), usage));
        }
        Ok(())
    }

    fn sweep(&mut self, tables: &mut Tables<'_>, usages: &mut Usages, now_ms: u64) -> Result<(), redb::Error> {
        self.drop_unused(tables, usages, now_ms)?;
        for held in self.scopes(|held| held.usage().keys > 0) {
            let mut usage = usages.get(&held.id).map_or_else(|| held.usage(), |(_, usage)| *usage);
            if tables.sweep(held.id, now_ms, &mut usage, &mut self.reminders)? {
                usages.insert(held.id, (held, usage));
            }
        }
        Ok(())
    }

    /// Of policies, routes and lanes that are gone.
    fn drop_unused(&self, tables: &mut Tables<'_>, usages: &mut Usages, now_ms: u64) -> Result<(), redb::Error> {
        let mut dropped = Vec::new();
        lock(&self.shared.scopes).retain(|_, held| {
            // One is the map's own.
            if Arc::strong_count(held) > 1 {
                held.used_ms.store(now_ms, Relaxed);
            }
            let stays = now_ms.saturating_sub(held.used_ms.load(Relaxed)) < UNUSED_MS;
            if !stays {
                dropped.push(Arc::clone(held));
            }
            stays
        });
        for held in dropped {
            let (policy, lane) = (&held.key.policy, &held.key.lane.lane);
            tracing::info!(policy = %policy, lane = %lane, "state that nobody has used for a day is dropped");
            tables.drop_entries(held.id)?;
            usages.insert(held.id, (held, Usage::default()));
        }
        Ok(())
    }

    fn scopes(&self, wanted: impl Fn(&Held) -> bool) -> Vec<Arc<Held>> {
        lock(&self.shared.scopes).values().filter(|held| wanted(held)).map(Arc::clone).collect()
    }
}

type Bytes<'t> = RedbTable<'t, &'static [u8], &'static [u8]>;

struct Tables<'t> {
    lanes: Bytes<'t>,
    scopes: Bytes<'t>,
    entries: Bytes<'t>,
    reminders: Bytes<'t>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Tables<'t>, redb::Error> {
        Ok(Tables {
            lanes: transaction.open_table(LANES)?,
            scopes: transaction.open_table(SCOPES)?,
            entries: transaction.open_table(ENTRIES)?,
            reminders: transaction.open_table(REMINDERS)?,
        })
    }

    /// Writes or deletes one key; when it has to be looked at again for its time, where nobody is going to yet.
    fn put(
        &mut self,
        id: u32,
        key: &[u8],
        value: Option<&Value>,
        usage: &mut Usage,
    ) -> Result<Option<u64>, redb::Error> {
        let name = encoding::entry_key(id, key);
        let text = value.map(|value| encoding::entry(value.expires_ms, &value.bytes));
        let before = match &text {
            Some(text) => self.entries.insert(name.as_slice(), text.as_slice())?,
            None => self.entries.remove(name.as_slice())?,
        };
        let before = before.and_then(|found| encoding::read_entry(found.value()).map(|(at, value)| (at, value.len())));
        if let Some((_, length)) = before {
            usage.bytes = usage.bytes.saturating_sub((key.len() + length + ENTRY_BYTES) as u64);
            usage.keys = usage.keys.saturating_sub(1);
        }
        let Some(value) = value else { return Ok(None) };
        usage.bytes += entry_bytes(key, &value.bytes) as u64;
        usage.keys += 1;
        // A key whose time was only put off is looked at when the old time is over, and then again.
        let reminded = before.is_some_and(|(at, _)| at != 0 && at <= value.expires_ms);
        Ok((value.expires_ms != 0 && !reminded).then(|| reminder_of(value.expires_ms)))
    }

    fn remind(
        &mut self,
        id: u32,
        reminders: BTreeMap<u64, Vec<u8>>,
        usage: &mut Usage,
        number: &mut u64,
    ) -> Result<(), redb::Error> {
        for (at_ms, keys) in reminders {
            *number += 1;
            usage.bytes += keys.len() as u64;
            self.reminders.insert(encoding::reminder(id, at_ms, *number).as_slice(), keys.as_slice())?;
        }
        Ok(())
    }

    /// Takes away what has outlived its time, of so many keys at most; whether anything was done.
    fn sweep(&mut self, id: u32, now_ms: u64, usage: &mut Usage, number: &mut u64) -> Result<bool, redb::Error> {
        let mut due = Vec::new();
        let mut keys = 0;
        let bounds = encoding::reminder(id, 0, 0)..encoding::reminder(id, now_ms + 1, 0);
        for row in self.reminders.range::<&[u8]>(bounds.start.as_slice()..bounds.end.as_slice())? {
            let (name, text) = row?;
            due.push((name.value().to_vec(), text.value().to_vec()));
            keys += encoding::shorts(text.value()).count();
            if keys >= SWEPT_MAX {
                break;
            }
        }
        let mut again: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for (name, text) in &due {
            self.reminders.remove(name.as_slice())?;
            usage.bytes = usage.bytes.saturating_sub(text.len() as u64);
            for key in encoding::shorts(text).flatten() {
                let name = encoding::entry_key(id, key);
                let found = self.entries.get(name.as_slice())?;
                let found = found.and_then(|found| encoding::read_entry(found.value()).map(|(at, v)| (at, v.len())));
                match found {
                    Some((at, length)) if at != 0 && at <= now_ms => {
                        self.entries.remove(name.as_slice())?;
                        usage.bytes = usage.bytes.saturating_sub((key.len() + length + ENTRY_BYTES) as u64);
                        usage.keys = usage.keys.saturating_sub(1);
                    }
                    Some((at, _)) if at != 0 => encoding::push_short(again.entry(reminder_of(at)).or_default(), key),
                    Some(_) | None => {}
                }
            }
        }
        self.remind(id, again, usage, number)?;
        Ok(!due.is_empty())
    }

    fn drop_entries(&mut self, id: u32) -> Result<(), redb::Error> {
        let (from, to) = encoding::of_scope(id);
        for table in [&mut self.entries, &mut self.reminders] {
            match to {
                Some(to) => table.retain_in::<&[u8], _>(from.as_slice()..to.as_slice(), |_, _| false)?,
                None => table.retain_in::<&[u8], _>(from.as_slice().., |_, _| false)?,
            }
        }
        Ok(())
    }
}

/// The end of the second that a time is in.
fn reminder_of(at_ms: u64) -> u64 {
    at_ms.div_ceil(REMINDER_MS).saturating_mul(REMINDER_MS)
}

//! `tidegate:guest/metrics`: counters of a guest, named once and bumped by handle.
//!
//! A call counts into its own instance; only when it succeeds do the shared counters move. Events that are decided
//! again after a failed call are therefore not counted twice.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use wasmtime::{
    StoreContextMut,
    component::{Linker, WasmStr},
};

use crate::{
    contract::{PACKAGE, VERSION},
    store::Host,
};

/// Counters of one policy, at most.
pub(crate) const COUNTERS_MAX: usize = 64;

/// Bytes of a counter's name.
const NAME_MAX: usize = 64;

/// The handle of a counter that was refused: adding to it does nothing.
const NO_COUNTER: u32 = u32::MAX;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&format!("{PACKAGE}/metrics@{VERSION}"))?;
    instance.func_wrap("counter", |context: StoreContextMut<'_, Host>, (name,): (WasmStr,)| {
        let name = name.to_str(&context)?;
        Ok((context.data().shared.counters.register(&name),))
    })?;
    instance.func_wrap("add", |mut context: StoreContextMut<'_, Host>, (counter, amount): (u32, u64)| {
        context.data_mut().counted.add(counter, amount);
        Ok(())
    })
}

/// The counters of one policy.
#[derive(Debug)]
pub(crate) struct Counters {
    names: Mutex<Vec<String>>,
    values: [AtomicU64; COUNTERS_MAX],
}

impl Default for Counters {
    fn default() -> Counters {
        Counters { names: Mutex::default(), values: [const { AtomicU64::new(0) }; COUNTERS_MAX] }
    }
}

impl Counters {
    fn register(&self, name: &str) -> u32 {
        if !is_name(name) {
            return NO_COUNTER;
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let at = names.iter().position(|n| n == name).unwrap_or(names.len());
        if at == COUNTERS_MAX {
            return NO_COUNTER;
        }
        if at == names.len() {
            names.push(name.to_owned());
        }
        at as u32
    }

    /// Name and value of each, in order of registration.
    pub(crate) fn read(&self) -> Vec<(String, u64)> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().zip(&self.values).map(|(name, value)| (name.clone(), value.load(Relaxed))).collect()
    }
}

/// `[a-z][a-z0-9_]*`, at most 64 bytes: what every metrics system takes.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// What one call has counted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    amounts: Option<Box<[u64; COUNTERS_MAX]>>,
    touched: bool,
}

impl Counted {
    fn add(&mut self, counter: u32, amount: u64) {
        if counter as usize >= COUNTERS_MAX {
            return;
        }
        let amounts = self.amounts.get_or_insert_with(|| Box::new([0; COUNTERS_MAX]));
        let sum = &mut amounts[counter as usize];
        *sum = sum.saturating_add(amount);
        self.touched = true;
    }

    /// The call succeeded.
    pub(crate) fn commit(&mut self, counters: &Counters) {
        if !self.touched {
            return;
        }
        for (amount, value) in self.amounts.iter_mut().flat_map(|a| a.iter_mut()).zip(&counters.values) {
            value.fetch_add(std::mem::take(amount), Relaxed);
        }
        self.touched = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_bounded_and_names_are_shared() {
        let counters = Counters::default();
        assert_eq!(counters.register("seen"), 0);
        assert_eq!(counters.register("seen"), 0);
        for i in 1..COUNTERS_MAX {
            assert_eq!(counters.register(&format!("c{i}")), i as u32);
        }
        assert_eq!(counters.register("one_more"), NO_COUNTER);
        assert_eq!(counters.register("seen"), 0);
    }

    #[test]
    fn odd_names_are_refused() {
        for name in ["", "Seen", "a-b", "1a", "a\nb", &"a".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn only_committed_amounts_count() {
        let counters = Counters::default();
        let handle = counters.register("seen");
        let mut lost = Counted::default();
        lost.add(handle, 5);
        let mut counted = Counted::default();
        counted.add(handle, 2);
        counted.add(NO_COUNTER, 7);
        counted.commit(&counters);
        counted.commit(&counters);
        assert_eq!(counters.read(), [("seen".to_owned(), 2)]);
    }
}

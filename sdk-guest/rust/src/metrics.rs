//! Counters, a capability: a component that does not count does not import it.

use std::cell::OnceCell;

/// A counter of the host, registered when it is first used; see [`counter!`](crate::counter!).
#[derive(Debug)]
pub struct Counter {
    name: &'static str,
    handle: OnceCell<u32>,
}

impl Counter {
    /// What [`counter!`](crate::counter!) calls.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Counter {
        Counter { name, handle: OnceCell::new() }
    }

    /// Adds to it.
    pub fn add(&self, amount: u64) {
        imports::add(*self.handle.get_or_init(|| imports::counter(self.name)), amount);
    }
}

/// A counter by name: `counter!("masked").add(1)`. The policy must grant `metrics`.
///
/// Natively, in tests, `testing::counted` reads it.
#[macro_export]
macro_rules! counter {
    ($name:expr) => {{
        ::std::thread_local! { static COUNTER: $crate::metrics::Counter = const { $crate::metrics::Counter::new($name) }; }
        $crate::metrics::Handle(&COUNTER)
    }};
}

/// One use of [`counter!`](crate::counter!).
#[derive(Clone, Copy, Debug)]
pub struct Handle(#[doc(hidden)] pub &'static std::thread::LocalKey<Counter>);

impl Handle {
    /// Adds to the counter.
    pub fn add(self, amount: u64) {
        self.0.with(|counter| counter.add(amount));
    }
}

#[cfg(target_family = "wasm")]
mod imports {
    pub(super) use crate::bindings::metrics::{add, counter};
}

/// Stands in for the host: counts per thread.
#[cfg(not(target_family = "wasm"))]
pub(crate) mod imports {
    use std::cell::RefCell;

    thread_local! {
        static COUNTERS: RefCell<Vec<(String, u64)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn counter(name: &str) -> u32 {
        COUNTERS.with_borrow_mut(|counters| {
            let position = counters.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
                counters.push((name.to_owned(), 0));
                counters.len() - 1
            });
            u32::try_from(position).unwrap_or(u32::MAX)
        })
    }

    pub(super) fn add(counter: u32, amount: u64) {
        COUNTERS.with_borrow_mut(|counters| {
            if let Some((_, count)) = counters.get_mut(counter as usize) {
                *count += amount;
            }
        });
    }

    pub(crate) fn counted(name: &str) -> u64 {
        COUNTERS.with_borrow(|counters| counters.iter().find(|(n, _)| n == name).map_or(0, |(_, count)| *count))
    }
}

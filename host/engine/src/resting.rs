//! Modules that rest: loaded, but not called for a while. Their code is given back to the page cache.
//!
//! The kernel maps a file in large pieces when a page of it is touched, so a module counts as resident almost whole once it
//! has been verified. A host may hold a thousand policies of which a handful see events.

use std::{
    sync::{
        Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use wasmtime::component::Component;

use crate::precompiled;

/// A module that was not called between two sweeps rests.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The code of one module, and whether it is being used.
pub(crate) struct Code {
    component: Component,
    activity: Activity,
}

/// Whether something is used, as seen from one sweep to the next.
#[derive(Debug, Default)]
struct Activity {
    /// Since the last sweep.
    used: AtomicBool,
    rests: AtomicBool,
}

impl Code {
    pub(crate) fn new(component: Component) -> Code {
        let activity = Activity::default();
        activity.touch();
        Code { component, activity }
    }

    /// To be called before it runs.
    pub(crate) fn touch(&self) {
        self.activity.touch();
    }
}

impl Activity {
    /// Looks before it writes: all lanes share this.
    fn touch(&self) {
        if !self.used.load(Relaxed) {
            self.used.store(true, Relaxed);
        }
    }

    /// Whether it goes to rest now.
    fn tires(&self) -> bool {
        let used = self.used.swap(false, Relaxed);
        !self.rests.swap(!used, Relaxed) && !used
    }
}

/// All modules whose code lies in files.
#[derive(Default)]
pub(crate) struct Resting {
    modules: Mutex<Vec<Weak<Code>>>,
}

impl Resting {
    pub(crate) fn watch(&self, code: Weak<Code>) {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner).push(code);
    }

    /// Sends those to rest that were not used since the last time.
    pub(crate) fn sweep(&self) {
        let mut idle = Vec::new();
        self.modules.lock().unwrap_or_else(PoisonError::into_inner).retain(|code| {
            let Some(code) = code.upgrade() else { return false };
            if code.activity.tires() {
                idle.push(code);
            }
            true
        });
        // Outside the lock: a thousand of them take a while.
        idle.iter().for_each(|code| precompiled::page_out(&code.component));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_between_two_sweeps_rests_once() {
        let activity = Activity::default();
        activity.touch();
        assert!(!activity.tires());
        assert!(activity.tires());
        assert!(!activity.tires());
        activity.touch();
        assert!(!activity.tires());
        assert!(activity.tires());
    }
}

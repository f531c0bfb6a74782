//! Log lines that come again and again (a client that says a broker is down at each try) are told once, and then now and then, with how
//! often they came meanwhile. Knows no log: it only says when.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Different lines that are told apart; what comes beyond these counts as one.
const LINES_MAX: usize = 64;
/// Bytes of a line by which it is known again.
const LINE_BYTES_MAX: usize = 512;

/// What was said of late; bounded.
///
/// ```
/// use std::time::Duration;
/// use tidegate_connector::Repeats;
///
/// let repeats = Repeats::new(Duration::from_secs(60));
/// assert_eq!(repeats.say("broker 1 is down (after 3ms)"), Some(0)); // tell it
/// assert_eq!(repeats.say("broker 1 is down (after 7ms)"), None); // not again so soon
/// assert_eq!(repeats.say("broker 2 is down (after 3ms)"), Some(0));
/// ```
#[derive(Debug)]
pub struct Repeats {
    every: Duration,
    told: Mutex<BTreeMap<String, Told>>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    /// How often it came since.
    again: u64,
}

impl Repeats {
    /// The same line is told once in so long.
    pub fn new(every: Duration) -> Repeats {
        Repeats { every, told: Mutex::default() }
    }

    /// Whether to tell a line, and how often it came since it was told last. What stands in brackets makes no difference: there are times
    /// and counts in them.
    pub fn say(&self, line: &str) -> Option<u64> {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = without_brackets(line);
        if !told.contains_key(&key) && told.len() >= LINES_MAX {
            // What has been quiet for long begins anew.
            told.retain(|_, told| now.duration_since(told.at) < self.every);
        }
        if !told.contains_key(&key) && told.len() >= LINES_MAX {
            key.clear();
        }
        match told.get_mut(&key) {
            Some(known) if now.duration_since(known.at) < self.every => {
                known.again += 1;
                None
            }
            Some(known) => {
                known.at = now;
                Some(std::mem::take(&mut known.again))
            }
            None => {
                told.insert(key, Told { at: now, again: 0 });
                Some(0)
            }
        }
    }
}

fn without_brackets(line: &str) -> String {
    let mut key = String::with_capacity(line.len().min(LINE_BYTES_MAX));
    let mut depth = 0usize;
    for c in line.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 && key.len() < LINE_BYTES_MAX => key.push(c),
            _ => {}
        }
    }
    key.truncate(key.trim_end().len());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_line_is_told_once_a_minute_with_how_often_it_came() {
        let repeats = Repeats::new(MINUTE);
        assert_eq!(repeats.say("down (1 identical)"), Some(0));
        for _ in 0..1000 {
            assert_eq!(repeats.say("down (2 identical (or so))"), None);
        }
        assert_eq!(repeats.say("up"), Some(0));
        tokio::time::advance(MINUTE).await;
        assert_eq!(repeats.say("down"), Some(1000));
        assert_eq!(repeats.say("down"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_that_are_all_different_are_told_up_to_a_bound() {
        let repeats = Repeats::new(MINUTE);
        let told = |from: usize| (from..from + 10_000).filter(|n| repeats.say(&format!("line {n}")).is_some()).count();
        assert_eq!(told(0), LINES_MAX + 1);
        tokio::time::advance(2 * MINUTE).await;
        // Those that never came again are forgotten.
        assert!(told(20_000) <= LINES_MAX + 1);
        assert!(repeats.told.lock().unwrap_or_else(PoisonError::into_inner).len() <= LINES_MAX + 1);
    }
}

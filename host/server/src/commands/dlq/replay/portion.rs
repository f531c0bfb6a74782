//! What of a page goes to which route, in order; and what goes nowhere.

use std::sync::Arc;

use tidegate_control::Replay;
use tidegate_event::Event;

use super::{Entry, route_of};

/// Part of a page.
#[derive(Debug)]
pub(super) enum Portion {
    /// Entries of one route with their events, in order.
    Route { route: Arc<str>, entries: Vec<Entry>, events: Vec<Event> },
    /// An entry that cannot be replayed.
    Skipped { entry: Box<Entry>, reason: String },
}

/// Those that cannot be replayed first, then one portion a route.
pub(super) fn divide(entries: Vec<Entry>, replay: &Replay) -> Vec<Portion> {
    let mut skipped = Vec::new();
    let mut routes: Vec<(Arc<str>, Vec<Entry>, Vec<Event>)> = Vec::new();
    for entry in entries {
        match replayable(&entry, replay) {
            Err(reason) => skipped.push(Portion::Skipped { entry: Box::new(entry), reason }),
            Ok((route, event)) => match routes.iter_mut().find(|(known, _, _)| *known == route) {
                Some((_, entries, events)) => {
                    entries.push(entry);
                    events.push(event);
                }
                None => routes.push((route, vec![entry], vec![event])),
            },
        }
    }
    let routes = routes.into_iter().map(|(route, entries, events)| Portion::Route { route, entries, events });
    skipped.into_iter().chain(routes).collect()
}

fn replayable(entry: &Entry, replay: &Replay) -> Result<(Arc<str>, Event), String> {
    let event = entry.original()?;
    let name = route_of(entry);
    let route = replay.route(&name).ok_or_else(|| format!("the documents have no route `{name}`"))?;
    Ok((route.clone(), event))
}

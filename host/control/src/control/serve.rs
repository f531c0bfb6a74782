//! Orders: what somebody asks for from another thread, one after the other.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate_pipeline::{Held, dry};
use tidegate_policy::spec;

use super::{Control, changed};
use crate::{
    Difference, DocumentSet, Generation, KeptPolicy, Owner, Verified,
    book::{self, Paused, Pin, now_ms},
    edit::{self, Edited},
    history::{Action, Author, Entry, Outcome},
    kept::KeptFile,
    modules::Origin,
    orders::{Changed, Edit, Order, Pausing, Refusal},
};

/// What putting a sample of events through two plans may take: policies are asked with their own deadlines.
const SAMPLE: Duration = Duration::from_secs(10);

impl Control {
    /// Deals with an order and answers it. Tells what went live by it, if anything did.
    pub async fn serve(&mut self, order: Order) -> Option<Arc<Generation>> {
        let live = self.current().map(|current| current.id.clone());
        // Whoever asked may have gone away: what was done is done.
        match order {
            Order::Edit(edit, answer) => drop(answer.send(self.edit(*edit, Action::Apply).await)),
            Order::Rollback(to, author, answer) => drop(answer.send(self.roll_back(to.as_deref(), author).await)),
            Order::Promote(promote, answer) => drop(answer.send(self.promote(promote).await)),
            Order::Pause(pausing, answer) => drop(answer.send(self.pause(pausing))),
            Order::NoteTap(author, answer) => {
                self.note(author, Action::Tap);
                drop(answer.send(Ok(())));
            }
            Order::Explain(events, answer) => {
                let plan = self.pipeline.live().load();
                drop(answer.send(Ok(self.in_sight(dry::traces(&plan, &events, SAMPLE)).await)));
            }
        }
        self.current().filter(|current| Some(&current.id) != live.as_ref()).cloned()
    }

    /// The documents that the API owns, as they were left.
    pub async fn start_from_api(&mut self) -> Result<Arc<Generation>, Refusal> {
        let files = self.book.documents().map_err(|error| Refusal::Storage(error.to_string()))?;
        let files = files.into_iter().map(|file| tidegate_policy::File { path: file.path, text: file.text });
        let set = DocumentSet { files: files.collect() };
        let author = Author { who: "api".into(), reason: None };
        let none = BTreeMap::new();
        let digests = self.before().map(|kept| kept.digests()).unwrap_or(none);
        self.change(&set, Some(&digests), author, Action::Start).await.map_err(Refusal::Report)
    }

    pub(super) async fn edit(&mut self, edit: Edit, action: Action) -> Result<Changed, Refusal> {
        if self.owner != Owner::Api && !edit.dry_run {
            return Err(Refusal::NotOwner("a directory: change the files there"));
        }
        let folder = book::folder(&self.options.state_dir).join("documents");
        let Edited { files, put } = edit::edited(&self.files, &edit, &folder)?;
        let set = DocumentSet { files };
        let live = self.current().into_iter().flat_map(|current| &current.policies);
        let known = live.filter(|known| !put.contains(&*known.policy));
        let digests: BTreeMap<String, String> =
            known.map(|known| (known.policy.to_string(), known.digest.clone())).collect();
        let store = self.book.store.clone();
        let verified = self.in_sight(self.verify_from(&set, Origin::Store(&store, &digests))).await;
        let candidate = match verified.map_err(|report| edit::by_name(report, &set.files, &folder)) {
            Ok(candidate) => candidate,
            Err(report) if edit.dry_run => return Err(Refusal::Report(report)),
            Err(report) => {
                self.refuse(&report, &set, edit.author, action);
                return Err(Refusal::Report(report));
            }
        };
        let mut change = self.compare(&candidate);
        if edit.dry_run {
            let before = self.pipeline.live().load();
            let (old, new) = self
                .in_sight(async {
                    let old = dry::traces(&before, &edit.sample, SAMPLE / 2).await;
                    (old, dry::traces(&candidate.plan, &edit.sample, SAMPLE / 2).await)
                })
                .await;
            change.sample = old.into_iter().zip(new).collect();
            return Ok(change);
        }
        self.own(&set)?;
        self.go_live(candidate, edit.author, action).await;
        Ok(Changed { live: true, ..change })
    }

    /// What making it live would change.
    fn compare(&self, candidate: &Verified) -> Changed {
        let now: Vec<KeptPolicy> = candidate.policies.iter().map(KeptPolicy::from).collect();
        Changed {
            generation: candidate.generation().clone(),
            documents: Difference::between(&self.files, &candidate.files),
            policies: changed(&now, self.before().as_ref()),
            sample: Vec::new(),
            live: false,
        }
    }

    /// Writes down the documents that the API owns, before they count.
    fn own(&self, set: &DocumentSet) -> Result<(), Refusal> {
        let file = |file: &tidegate_policy::File| KeptFile { path: file.path.clone(), text: file.text.clone() };
        let files: Vec<KeptFile> = set.files.iter().map(file).collect();
        self.book.set_documents(&files).map_err(|error| Refusal::Storage(error.to_string()))
    }

    async fn roll_back(&mut self, to: Option<&str>, author: Author) -> Result<Changed, Refusal> {
        let current = self.current().map(|current| current.id.to_string());
        // What a rollout broke is not what anybody wants back unsaid.
        let broken = |id: &str| {
            let aborted = |entry: &&Entry| entry.action == Action::Abort && entry.before.as_deref() == Some(id);
            self.book.history.entries().iter().any(|entry| aborted(&entry))
        };
        let fits = |id: &&str| Some(*id) != current.as_deref() && !broken(id);
        let earlier = || self.book.kept.ids().filter(fits).last();
        let Some(id) = to.or_else(earlier) else {
            return Err(Refusal::Unknown("there is no earlier generation".into()));
        };
        let kept = self.book.kept.find(id);
        let kept =
            kept.ok_or_else(|| Refusal::Unknown(format!("no generation `{id}` is kept; `history` lists them")))?;
        let set = DocumentSet { files: kept.documents() };
        let (digests, store) = (kept.digests(), self.book.store.clone());
        let standing = self.standing.back_to(&kept, &author.who);
        let before = std::mem::replace(&mut self.standing, standing);
        let verified = self.in_sight(self.verify_from(&set, Origin::Store(&store, &digests))).await;
        let candidate = match verified {
            Ok(candidate) => candidate,
            Err(report) => {
                self.standing = before;
                self.refuse(&report, &set, author, Action::Rollback);
                return Err(Refusal::Report(report));
            }
        };
        let change = self.compare(&candidate);
        match self.owner {
            Owner::Api => self.own(&set).inspect_err(|_| self.standing.clone_from(&before))?,
            Owner::Directory => {
                let documents = self.directory.clone().unwrap_or_default();
                self.book.set_pin(Some(&Pin { generation: kept.id.clone(), who: author.who.clone(), documents }));
            }
        }
        if self.standing != before {
            self.book.set_standing(&self.standing);
        }
        self.go_live(candidate, author, Action::Rollback).await;
        Ok(Changed { live: true, ..change })
    }

    /// What changed no document. No generation stands in it: none went live by it.
    fn note(&mut self, author: Author, action: Action) {
        self.book.history.push(Entry {
            number: self.book.history.next(),
            at_ms: now_ms(),
            who: author.who,
            reason: author.reason,
            action,
            documents: Difference::default(),
            policies: Vec::new(),
            generation: None,
            before: None,
            outcome: Outcome::Live,
        });
        self.describe();
    }

    fn pause(&mut self, pausing: Pausing) -> Result<(), Refusal> {
        let Pausing { route, paused, author } = pausing;
        if !self.current().is_some_and(|current| current.routes.iter().any(|known| **known == *route)) {
            let known = self.current().into_iter().flat_map(|current| &current.routes);
            return Err(Refusal::unknown("route", &route, known.map(|known| &**known)));
        }
        let noted = author.reason.as_ref().map_or_else(|| route.clone(), |reason| format!("{route}: {reason}"));
        let noted = Author { who: author.who.clone(), reason: Some(noted) };
        let mut pauses = self.pauses.clone();
        if paused {
            let entry = Paused { who: author.who, reason: author.reason, at_ms: now_ms() };
            pauses.entry(route).or_insert(entry);
        } else {
            pauses.remove(&route);
        }
        self.book.set_pauses(&pauses).map_err(|error| Refusal::Storage(error.to_string()))?;
        self.pauses = pauses;
        let plan = self.pipeline.live().load();
        let mut held = Held::new();
        for (source, routes) in &plan.sources {
            let paused = routes.routes.iter().find_map(|route| Some((route, self.pauses.get(&*route.id)?)));
            if let Some((route, paused)) = paused {
                held.insert(source.clone(), words(&route.id, paused));
            }
        }
        self.pipeline.live().pauses().set(held);
        if !paused {
            // A lane that a policy stopped tries once more: this is the person it waits for.
            self.pipeline.live().try_again();
        }
        self.note(noted, if paused { Action::Pause } else { Action::Resume });
        Ok(())
    }
}

/// Why a source is held.
pub(super) fn why(route: &spec::Route, paused: &Paused) -> Arc<str> {
    words(&route.meta.id.to_string(), paused)
}

fn words(route: &str, paused: &Paused) -> Arc<str> {
    let reason = paused.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} paused route {route}{reason}", paused.who).into()
}

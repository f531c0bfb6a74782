//! Many conditions as one index: what an event costs does not grow with the rules that it does not match.
//!
//! Of each rule one thing is looked up that must be so for it to hold (an attribute's value, the beginning or end of
//! one, a range of numbers; or one of several such things), the one that fewest other rules share. An event's values are looked up
//! once each; only rules that are found there are held against it in full. Rules with nothing to look up
//! ([`Index::unindexed`]) are held against every event.

mod fields;
mod intervals;
mod need;
mod radix;

use tidegate_event::Event;

use self::fields::Fields;
use self::need::Need;
use crate::{Matcher, Seen, matcher::Node, payload::Wanted};

/// An index over rules, which are known by their position.
///
/// ```
/// use tidegate_event::Event;
/// use tidegate_matching::{Index, Matcher, Scratch};
/// use tidegate_policy::spec::Condition;
///
/// let rule = |ty: &str| Matcher::condition(Some(&Condition::Exact(vec![("type".into(), ty.into())])));
/// let index = Index::new([rule("a"), rule("b"), rule("a")]);
/// let event = Event::builder().id("1").source("/s").ty("a").build()?;
/// assert_eq!(index.matches(&event, &mut Scratch::default()), [0, 2]);
/// # Ok::<(), tidegate_event::InvalidEvent>(())
/// ```
#[derive(Debug, Default)]
pub struct Index {
    rules: Box<[Rule]>,
    fields: Fields,
    unindexed: Box<[u32]>,
    /// What the rules look at in the payload: nothing else of it is kept.
    wanted: Wanted,
}

#[derive(Debug)]
struct Rule {
    matcher: Matcher,
    /// What was looked up is all there is to it.
    sure: bool,
}

/// Room for looking up events, one after the other; kept, so that this allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    found: Vec<u32>,
    /// For each rule the last round that found it: it is found once a round.
    rounds: Vec<u32>,
    round: u32,
}

impl Scratch {
    fn start(&mut self, rules: usize) {
        self.found.clear();
        self.round = self.round.wrapping_add(1);
        if self.rounds.len() < rules || self.round == 0 {
            self.rounds = vec![0; rules.max(self.rounds.len())];
            self.round = 1;
        }
    }

    fn find(&mut self, rules: &[u32]) {
        for &rule in rules {
            let last = &mut self.rounds[rule as usize];
            if *last != self.round {
                *last = self.round;
                self.found.push(rule);
            }
        }
    }
}

impl Index {
    /// Takes time and memory in proportion to the rules and the texts in them (ranges of numbers: times the logarithm of their number).
    pub fn new(matchers: impl IntoIterator<Item = Matcher>) -> Index {
        let matchers: Vec<Matcher> = matchers.into_iter().collect();
        let mut wanted = Wanted::default();
        matchers.iter().for_each(|matcher| matcher.node.add_to(&mut wanted));
        let needs: Vec<Need> = matchers.iter().map(|matcher| Need::of(&matcher.node)).collect();
        let shares = need::Shares::of(&needs);
        let mut fields = fields::Builder::default();
        let mut unindexed = Vec::new();
        for (rule, need) in (0u32..).zip(&needs) {
            match (&matchers[rule as usize].node, need.rarest(&shares)) {
                (Node::Never, _) => {}
                (_, Some(keys)) => keys.iter().for_each(|key| fields.add(key, rule)),
                (_, None) => unindexed.push(rule),
            }
        }
        let rule = |matcher: Matcher| Rule { sure: matches!(matcher.node, Node::Compare(..) | Node::Always), matcher };
        Index {
            rules: matchers.into_iter().map(rule).collect(),
            fields: fields.build(),
            unindexed: unindexed.into(),
            wanted,
        }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules with nothing to look up: every event is held against each of them. Those that hold for everything are among them.
    pub fn unindexed(&self) -> &[u32] {
        &self.unindexed
    }

    /// The rules that hold for an event, ascending. The payload is parsed only if a rule needs it, and once.
    pub fn matches<'s>(&self, event: &Event, scratch: &'s mut Scratch) -> &'s [u32] {
        let seen = &Seen::of(event, &self.wanted);
        scratch.start(self.rules.len());
        self.fields.find(seen, scratch);
        scratch.find(&self.unindexed);
        let holds = |rule: &u32| {
            let rule = &self.rules[*rule as usize];
            rule.sure || rule.matcher.holds_for(seen)
        };
        scratch.found.retain(holds);
        scratch.found.sort_unstable();
        &scratch.found
    }
}

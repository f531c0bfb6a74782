//! Many conditions as one index: what an event costs does not grow with the rules that it does not match.
//!
//! Of each rule one thing is looked up that must be so for it to hold (an attribute's value, the beginning or end of
//! one, a range of numbers; or one of several such things), the one that fewest other rules share. An event's values are looked up
//! once each; only rules that are found there are held against it in full. Rules with nothing to look up
//! ([`Index::unindexed`]) are held against every event, and so are all rules where there are only a few.

mod candidates;
mod fields;
mod intervals;
mod need;
mod radix;

use std::ops::Range;

pub use self::candidates::{Candidates, Version};
use self::{
    fields::Fields,
    need::{Need, Shares, Where},
};
use crate::{Matcher, matcher::Node, payload::Wanted};

/// An index over rules, which are known by their position.
///
/// ```
/// use tidegate_event::Event;
/// use tidegate_matching::{Candidates, Index, Matcher};
/// use tidegate_policy::spec::Condition;
///
/// let rule = |ty: &str| Matcher::condition(Some(&Condition::Exact(vec![("type".into(), ty.into())])));
/// let index = Index::new([rule("a"), rule("b"), rule("a")], []);
/// let event = Event::builder().id("1").source("/s").ty("a").build()?;
/// assert_eq!(Candidates::default().matches(&index, &event), [0, 2]);
/// # Ok::<(), tidegate_event::InvalidEvent>(())
/// ```
#[derive(Debug, Default)]
pub struct Index {
    rules: Box<[Rule]>,
    fields: Fields,
    /// Held against every event, ascending.
    asked: Box<[u32]>,
    /// Looked up in the payload, ascending.
    inside: Box<[u32]>,
    /// Some rule of `inside` says nothing of attributes that could spare parsing.
    always_parsed: bool,
    unindexed: Box<[u32]>,
    /// What is looked at in the payload: nothing else of it is kept.
    wanted: Wanted,
}

#[derive(Debug)]
struct Rule {
    matcher: Matcher,
    /// What was looked up is all there is to it.
    sure: bool,
}

/// With fewer rules that can be looked up, each is held against every event: a few comparisons cost less than looking up the values of
/// an event and sorting what is found, which costs about as much for one rule as for a thousand. Where exactly it turns depends on the
/// rules; up to ten policies must cost what they would without an index.
const LOOKED_UP_MIN: usize = 16;

impl Index {
    /// Takes time and memory in proportion to the rules and the texts in them (ranges of numbers: times the logarithm of their number).
    ///
    /// `beside`: conditions that are held against the same events by other means ([`Candidates::decides`]); payloads are parsed for all together.
    pub fn new<'m>(
        matchers: impl IntoIterator<Item = Matcher>,
        beside: impl IntoIterator<Item = &'m Matcher>,
    ) -> Index {
        Index::from(LOOKED_UP_MIN, matchers.into_iter().collect(), beside)
    }

    /// As [`Index::new`], with another bound of what is worth looking up.
    pub(crate) fn from<'m>(
        looked_up_min: usize,
        matchers: Vec<Matcher>,
        beside: impl IntoIterator<Item = &'m Matcher>,
    ) -> Index {
        let mut wanted = Wanted::default();
        matchers.iter().for_each(|matcher| matcher.node.add_to(&mut wanted));
        beside.into_iter().for_each(|matcher| matcher.node.add_to(&mut wanted));
        let needs: Vec<Need> = matchers.iter().map(|matcher| Need::of(&matcher.node)).collect();
        let keyed = needs.iter().filter(|need| need.is_known()).count();
        let mut built = Builder::new(matchers.len(), Shares::of(&needs));
        for (rule, need) in (0u32..).zip(&needs) {
            let never = matches!(*matchers[rule as usize].node, Node::Never);
            match (never, need.is_known()) {
                (true, _) => {}
                (false, true) if keyed >= looked_up_min => built.look_up(rule, need),
                (false, known) => {
                    built.asked.push(rule);
                    if !known {
                        built.unindexed.push(rule);
                    }
                }
            }
        }
        let rule = |matcher: Matcher| Rule { sure: matches!(*matcher.node, Node::Compare(..) | Node::Always), matcher };
        Index {
            rules: matchers.into_iter().map(rule).collect(),
            fields: built.fields.build(),
            asked: built.asked.into(),
            inside: built.inside.into(),
            always_parsed: built.always_parsed,
            unindexed: built.unindexed.into(),
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

    /// Not a rule: found where the payload is worth parsing.
    fn gate(&self) -> u32 {
        gate(self.rules.len())
    }
}

fn gate(rules: usize) -> u32 {
    // Documents are bounded far below.
    u32::try_from(rules).unwrap_or(u32::MAX)
}

/// Whether there is something to look up for a condition.
pub(crate) fn lookable(node: &Node) -> bool {
    Need::of(node).is_known()
}

/// The first of ascending rules that is within a range.
fn first_within(rules: &[u32], within: &Range<u32>) -> Option<u32> {
    let at = rules.partition_point(|rule| *rule < within.start);
    rules.get(at).copied().filter(|rule| *rule < within.end)
}

/// Puts an index together.
struct Builder<'n> {
    shares: Shares<'n>,
    gate: u32,
    fields: fields::Builder,
    asked: Vec<u32>,
    inside: Vec<u32>,
    always_parsed: bool,
    unindexed: Vec<u32>,
}

impl<'n> Builder<'n> {
    fn new(rules: usize, shares: Shares<'n>) -> Builder<'n> {
        let (asked, inside, unindexed) = (Vec::new(), Vec::new(), Vec::new());
        let (gate, fields) = (gate(rules), fields::Builder::default());
        Builder { shares, gate, fields, asked, inside, always_parsed: false, unindexed }
    }

    fn look_up(&mut self, rule: u32, need: &'n Need) {
        let keys = need.rarest(&self.shares, Where::Anywhere).unwrap_or_default();
        keys.iter().for_each(|key| self.fields.add(key, rule));
        if keys.iter().all(|key| key.field.is_attribute()) {
            return;
        }
        self.inside.push(rule);
        match need.rarest(&self.shares, Where::Attributes) {
            Some(keys) => keys.iter().for_each(|key| self.fields.add(key, self.gate)),
            None => self.always_parsed = true,
        }
    }
}

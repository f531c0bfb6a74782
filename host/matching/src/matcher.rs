//! Conditions, compiled.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tidegate_cesql::{Expression, FailureKind};
use tidegate_event::Event;
use tidegate_policy::spec::{Condition, Match};

use crate::{
    attribute::Attribute,
    index::lookable,
    pattern::Pattern,
    payload::{Arena, Wanted},
    seen::{Payload, Seen},
    topic::{self, Names},
};

/// A compiled condition: attribute names resolved, cheap to evaluate, no allocation per event (but for comparing extensions of the
/// type Binary). The default holds for everything.
///
/// ```
/// use tidegate_event::Event;
/// use tidegate_matching::Matcher;
/// use tidegate_policy::spec::Condition;
///
/// let orders = Condition::Prefix(vec![("type".into(), "com.shop.".into())]);
/// let matcher = Matcher::condition(Some(&orders));
/// let event = Event::builder().id("1").source("/shop").ty("com.shop.order").build()?;
/// assert!(matcher.holds(&event));
/// # Ok::<(), tidegate_event::InvalidEvent>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    pub(crate) node: Arc<Node>,
    errors: Arc<AtomicU64>,
}

impl Matcher {
    /// Holds for everything.
    pub fn all() -> Matcher {
        Matcher::default()
    }

    /// OR of entries, AND inside; no entries hold for everything.
    pub fn policy(matches: &[Match]) -> Matcher {
        if matches.is_empty() {
            return Matcher::all();
        }
        Matcher::of(Node::any(matches.iter().map(|entry| {
            let topics = (!entry.topics.is_empty()).then(|| Node::Topics(Names::new(&entry.topics)));
            Node::all(topics.into_iter().chain(entry.filters.iter().map(Node::compile)))
        })))
    }

    /// A single condition; none holds for everything.
    pub fn condition(condition: Option<&Condition>) -> Matcher {
        condition.map_or_else(Matcher::all, |condition| Matcher::of(Node::compile(condition)))
    }

    /// Whether it holds for everything, so that events need not be looked at.
    pub fn is_all(&self) -> bool {
        matches!(*self.node, Node::Always)
    }

    /// Whether an index finds it by something that an event has. What holds for everything is not looked for.
    pub fn is_found(&self) -> bool {
        lookable(&self.node)
    }

    /// Whether an event is wanted.
    #[inline]
    pub fn holds(&self, event: &Event) -> bool {
        let (mut arena, mut payload) = (Arena::default(), Payload::Unread);
        self.holds_for(&mut Seen { event, wanted: None, arena: &mut arena, payload: &mut payload })
    }

    /// As [`Matcher::holds`], where several matchers look at one event: they parse its payload once together.
    #[inline]
    pub(crate) fn holds_for(&self, seen: &mut Seen<'_>) -> bool {
        self.node.holds(seen, &self.errors)
    }

    /// Whether it holds, where it decides about an event by itself: then an error is not as `false`, and is not counted here.
    ///
    /// # Errors
    /// What an expression that is the whole condition came to.
    pub fn decides(&self, event: &Event) -> Result<bool, FailureKind> {
        let (mut arena, mut payload) = (Arena::default(), Payload::Unread);
        self.decides_for(&mut Seen { event, wanted: None, arena: &mut arena, payload: &mut payload })
    }

    pub(crate) fn decides_for(&self, seen: &mut Seen<'_>) -> Result<bool, FailureKind> {
        match &*self.node {
            Node::Cesql(expression) => expression.passes(seen.event),
            Node::Always
            | Node::Never
            | Node::Compare(..)
            | Node::All(_)
            | Node::Any(_)
            | Node::Not(_)
            | Node::Topics(_)
            | Node::Pattern(_) => Ok(self.holds_for(seen)),
        }
    }

    /// How often an expression came to an error, or to no truth value, which is as `false`.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    fn of(node: Node) -> Matcher {
        Matcher { node: Arc::new(node), errors: Arc::default() }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Node {
    #[default]
    Always,
    Never,
    Compare(How, Attribute, Box<str>),
    /// At least two, none of them [`Node::Always`] or [`Node::Never`].
    All(Box<[Node]>),
    /// At least two, none of them [`Node::Always`] or [`Node::Never`].
    Any(Box<[Node]>),
    Not(Box<Node>),
    /// The event's topic is one of these names.
    Topics(Names),
    Cesql(Expression),
    Pattern(Pattern),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Exact,
    Prefix,
    Suffix,
}

impl Node {
    fn compile(condition: &Condition) -> Node {
        match condition {
            Condition::Exact(pairs) => Node::pairs(How::Exact, pairs),
            Condition::Prefix(pairs) => Node::pairs(How::Prefix, pairs),
            Condition::Suffix(pairs) => Node::pairs(How::Suffix, pairs),
            Condition::All(conditions) => Node::all(conditions.iter().map(Node::compile)),
            Condition::Any(conditions) => Node::any(conditions.iter().map(Node::compile)),
            Condition::Not(condition) => Node::not(Node::compile(condition)),
            Condition::Cesql(expression) => Node::Cesql(expression.clone()),
            Condition::Pattern(pattern) => Node::Pattern(Pattern::new(pattern)),
        }
    }

    fn pairs(how: How, pairs: &[(String, String)]) -> Node {
        Node::all(pairs.iter().map(|(name, value)| Node::Compare(how, Attribute::named(name), value.as_str().into())))
    }

    fn all(nodes: impl Iterator<Item = Node>) -> Node {
        let mut kept = Vec::new();
        for node in nodes {
            match node {
                Node::Always => {}
                Node::Never => return Node::Never,
                Node::All(inner) => kept.extend(inner),
                node @ (Node::Compare(..)
                | Node::Any(_)
                | Node::Not(_)
                | Node::Topics(_)
                | Node::Cesql(_)
                | Node::Pattern(_)) => kept.push(node),
            }
        }
        Node::joined(kept, Node::Always, Node::All)
    }

    fn any(nodes: impl Iterator<Item = Node>) -> Node {
        let mut kept = Vec::new();
        for node in nodes {
            match node {
                Node::Never => {}
                Node::Always => return Node::Always,
                Node::Any(inner) => kept.extend(inner),
                node @ (Node::Compare(..)
                | Node::All(_)
                | Node::Not(_)
                | Node::Topics(_)
                | Node::Cesql(_)
                | Node::Pattern(_)) => kept.push(node),
            }
        }
        Node::joined(kept, Node::Never, Node::Any)
    }

    fn joined(mut nodes: Vec<Node>, none: Node, join: impl FnOnce(Box<[Node]>) -> Node) -> Node {
        match nodes.len() {
            0 => none,
            1 => nodes.remove(0),
            _ => join(nodes.into()),
        }
    }

    fn not(node: Node) -> Node {
        match node {
            Node::Always => Node::Never,
            Node::Never => Node::Always,
            Node::Not(inner) => *inner,
            node @ (Node::Compare(..)
            | Node::All(_)
            | Node::Any(_)
            | Node::Topics(_)
            | Node::Cesql(_)
            | Node::Pattern(_)) => Node::Not(Box::new(node)),
        }
    }

    /// Adds the fields of the payload that it looks at.
    pub(crate) fn add_to(&self, wanted: &mut Wanted) {
        match self {
            Node::Always | Node::Never | Node::Compare(..) | Node::Topics(_) | Node::Cesql(_) => {}
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| node.add_to(wanted)),
            Node::Not(node) => node.add_to(wanted),
            Node::Pattern(pattern) => pattern.add_to(wanted),
        }
    }

    #[inline]
    fn holds(&self, seen: &mut Seen<'_>, errors: &AtomicU64) -> bool {
        let event = seen.event;
        match self {
            Node::Always => true,
            Node::Never => false,
            Node::Compare(How::Exact, attribute, wanted) => attribute.passes(event, |value| value == &**wanted),
            Node::Compare(How::Prefix, attribute, wanted) => {
                attribute.passes(event, |value| value.starts_with(&**wanted))
            }
            Node::Compare(How::Suffix, attribute, wanted) => {
                attribute.passes(event, |value| value.ends_with(&**wanted))
            }
            Node::All(nodes) => nodes.iter().all(|node| node.holds(seen, errors)),
            Node::Any(nodes) => nodes.iter().any(|node| node.holds(seen, errors)),
            Node::Not(node) => !node.holds(seen, errors),
            Node::Topics(names) => topic::of(event).is_some_and(|topic| names.fit(|| topic.levels())),
            Node::Cesql(expression) => expression.passes(event).unwrap_or_else(|_| {
                errors.fetch_add(1, Ordering::Relaxed);
                false
            }),
            Node::Pattern(pattern) => pattern.holds(seen),
        }
    }
}

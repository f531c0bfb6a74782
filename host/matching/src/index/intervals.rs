//! Ranges that hold a number: a segment tree over their ends, laid out flat.

use tidegate_policy::spec::{Bound, Range};

/// The rules of some ranges. A lookup takes time with the logarithm of their number, and for what it finds.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    /// All ends, ascending, each once. Between and at them nothing changes: slot `2i` lies before the end `i`, slot `2i + 1` is it.
    ends: Vec<f64>,
    /// For each slot the first node above it that has rules.
    slots: Vec<u32>,
    nodes: Vec<Node>,
    rules: Vec<u32>,
}

/// A node of the tree that has rules.
#[derive(Debug)]
struct Node {
    rules: std::ops::Range<u32>,
    /// The next above it; [`NONE`] at the top.
    above: u32,
}

const NONE: u32 = u32::MAX;

impl Intervals {
    pub(super) fn new(ranges: &[(Range, u32)]) -> Intervals {
        if ranges.is_empty() {
            return Intervals::default();
        }
        let mut ends: Vec<f64> =
            ranges.iter().flat_map(|(range, _)| [range.from, range.to]).flatten().map(|bound| bound.at).collect();
        ends.sort_by(f64::total_cmp);
        // Zero is zero, whatever its sign.
        ends.dedup_by(|a, b| a == b);
        let slots = 2 * ends.len() + 1;
        let mut nodes: Vec<Vec<u32>> = vec![Vec::new(); 2 * slots];
        for (range, rule) in ranges {
            let index = |bound: Bound| ends.partition_point(|end| *end < bound.at);
            let from = range.from.map_or(0, |bound| 2 * index(bound) + if bound.included { 1 } else { 2 });
            let behind = range.to.map_or(slots, |bound| 2 * index(bound) + if bound.included { 2 } else { 1 });
            let (mut left, mut right) = (from + slots, behind.max(from) + slots);
            while left < right {
                if left % 2 == 1 {
                    nodes[left].push(*rule);
                    left += 1;
                }
                if right % 2 == 1 {
                    right -= 1;
                    nodes[right].push(*rule);
                }
                left /= 2;
                right /= 2;
            }
        }
        let narrow = |at: usize| u32::try_from(at).unwrap_or(NONE);
        let mut intervals = Intervals { ends, ..Intervals::default() };
        // From the root down, so that what is above is known; a node without rules stands for the one above it.
        let mut known = vec![NONE; nodes.len()];
        for (at, rules) in nodes.into_iter().enumerate().skip(1) {
            let above = known[at / 2];
            known[at] = if rules.is_empty() {
                above
            } else {
                let start = narrow(intervals.rules.len());
                intervals.rules.extend(rules);
                intervals.nodes.push(Node { rules: start..narrow(intervals.rules.len()), above });
                narrow(intervals.nodes.len() - 1)
            };
        }
        intervals.slots = known.split_off(slots);
        intervals
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn find(&self, number: f64, mut found: impl FnMut(&[u32])) {
        if self.is_empty() {
            return;
        }
        let at = self.ends.partition_point(|end| *end < number);
        let slot = 2 * at + usize::from(self.ends.get(at) == Some(&number));
        let mut at = self.slots[slot];
        while let Some(node) = self.nodes.get(at as usize) {
            found(&self.rules[node.rules.start as usize..node.rules.end as usize]);
            at = node.above;
        }
    }
}

//! Ranges that hold a number: a segment tree over their ends, laid out flat.

use tidegate_policy::spec::{Bound, Range};

/// The rules of some ranges. A lookup takes time with the logarithm of their number, and for what it finds.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    /// All ends, ascending, each once. Between and at them nothing changes: slot `2i` lies before the end `i`, slot `2i + 1` is it.
    ends: Vec<f64>,
    /// Where the rules of each node of the tree begin; one more than there are nodes.
    starts: Vec<u32>,
    rules: Vec<u32>,
}

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
        let mut intervals = Intervals { ends, starts: vec![0], rules: Vec::new() };
        for node in nodes {
            intervals.rules.extend(node);
            intervals.starts.push(u32::try_from(intervals.rules.len()).unwrap_or(u32::MAX));
        }
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
        let mut node = slot + 2 * self.ends.len() + 1;
        while node > 0 {
            let rules = self.starts[node] as usize..self.starts[node + 1] as usize;
            if !rules.is_empty() {
                found(&self.rules[rules]);
            }
            node /= 2;
        }
    }
}

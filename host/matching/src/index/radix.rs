//! Texts that begin others: a tree over bytes whose edges are as long as they can be, laid out flat.

use std::ops::Range;

/// The rules of each of some texts. Texts are given forwards or backwards, and looked up the same way.
#[derive(Debug, Default)]
pub(super) struct Radix {
    nodes: Vec<Node>,
    /// First byte of each node's label, so that a child is found without looking at the nodes.
    firsts: Vec<u8>,
    labels: Vec<u8>,
    rules: Vec<u32>,
}

#[derive(Debug)]
struct Node {
    label: Range<u32>,
    rules: Range<u32>,
    children: Range<u32>,
}

fn narrow(at: usize) -> u32 {
    // Documents are bounded far below.
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn wide(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

impl Radix {
    pub(super) fn new(mut texts: Vec<(Box<[u8]>, u32)>) -> Radix {
        if texts.is_empty() {
            return Radix::default();
        }
        texts.sort();
        texts.dedup();
        let mut radix = Radix::default();
        radix.node(&[]);
        // Node, its texts, and how many bytes they have in common with it.
        let mut open = vec![(0, 0..texts.len(), 0)];
        while let Some((node, range, depth)) = open.pop() {
            let mut at = range.start;
            let start = radix.rules.len();
            while at < range.end && texts[at].0.len() == depth {
                radix.rules.push(texts[at].1);
                at += 1;
            }
            let (rules, first) = (narrow(start)..narrow(radix.rules.len()), radix.nodes.len());
            while at < range.end {
                let byte = texts[at].0[depth];
                let end = at + texts[at..range.end].partition_point(|(text, _)| text[depth] == byte);
                let (low, high) = (&texts[at].0, &texts[end - 1].0);
                let common = low.iter().zip(high.iter()).take_while(|(a, b)| a == b).count();
                open.push((radix.nodes.len(), at..end, common));
                radix.node(&low[depth..common]);
                at = end;
            }
            let children = narrow(first)..narrow(radix.nodes.len());
            radix.nodes[node].rules = rules;
            radix.nodes[node].children = children;
        }
        radix
    }

    fn node(&mut self, label: &[u8]) {
        let start = self.labels.len();
        self.labels.extend_from_slice(label);
        self.firsts.push(label.first().copied().unwrap_or_default());
        self.nodes.push(Node { label: narrow(start)..narrow(self.labels.len()), rules: 0..0, children: 0..0 });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The rules of every text that the bytes begin with. `byte` gives the byte at a position.
    pub(super) fn find(&self, byte: impl Fn(usize) -> Option<u8>, mut found: impl FnMut(&[u32])) {
        let Some(mut node) = self.nodes.first() else { return };
        let mut depth = 0;
        loop {
            // The first byte led here; most labels have no other.
            if node.label.len() > 1 {
                let label = &self.labels[wide(&node.label)];
                if !label.iter().enumerate().skip(1).all(|(at, wanted)| byte(depth + at) == Some(*wanted)) {
                    return;
                }
            }
            depth += node.label.len();
            if !node.rules.is_empty() {
                found(&self.rules[wide(&node.rules)]);
            }
            if node.children.is_empty() {
                return;
            }
            let Some(next) = byte(depth) else { return };
            let children = wide(&node.children);
            let Ok(at) = self.firsts[children.clone()].binary_search(&next) else { return };
            node = &self.nodes[children.start + at];
        }
    }
}

//! Gradient-boosted trees on histograms, for a yes or no.
//!
//! Friedman's boosting (Annals of Statistics, 2001) with second-order gains as in XGBoost (Chen and Guestrin, KDD 2016,
//! section 2.2): a figure is first put into one of at most 255 bins; what is not a number has a
//! bin of its own, below all others.

use crate::chance::Chance;
use crate::features::Feature;
use crate::matrix::Matrix;
use crate::trees::{Forest, Node, Tree};

/// How trees grow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    pub trees: u32,
    /// Questions on the way to a leaf, at most.
    pub depth: u32,
    /// How much of each tree's say is taken (0 to 1).
    pub shrinkage: f64,
    /// Rows that a leaf has at least.
    pub least_rows: u32,
    /// How strongly leaves are held to zero.
    pub l2: f64,
    /// The share of the rows that each tree sees (0 to 1).
    pub rows_share: f64,
    /// The share of the features that each tree sees (0 to 1).
    pub features_share: f64,
    pub monotone: Monotone,
    pub seed: u64,
}

/// Whether features that can only speak for fraud ([`Feature::speaks_for_fraud`]) are held to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monotone {
    Free,
    Held,
}

impl Default for Growth {
    /// What came out well on the Handbook's validation weeks, see docs/benchmarks.md.
    fn default() -> Self {
        Growth {
            trees: 200,
            depth: 4,
            shrinkage: 0.05,
            least_rows: 20,
            l2: 1.0,
            rows_share: 0.8,
            features_share: 0.8,
            monotone: Monotone::Free,
            seed: 2026,
        }
    }
}

/// Edges between the bins of one column: bin 0 is what is not a number, bin i (from 1) what is at most `edges[i - 1]`, the
/// last bin the rest.
#[derive(Debug)]
struct Binned {
    edges: Vec<f32>,
    bins: Vec<u8>,
}

const MOST_EDGES: usize = 253;

fn bin(column: &[f32]) -> Binned {
    let mut sorted: Vec<f32> = column.iter().copied().filter(|figure| !figure.is_nan()).collect();
    sorted.sort_by(f32::total_cmp);
    let mut different = sorted.clone();
    different.dedup();
    let between = |pair: &[f32]| pair[0] + (pair[1] - pair[0]) / 2.0;
    let edges: Vec<f32> = if different.len() <= MOST_EDGES {
        different.windows(2).map(between).collect()
    } else {
        let mut edges: Vec<f32> =
            places(sorted.len()).into_iter().filter_map(|at| sorted.get(at).copied()).collect();
        edges.dedup();
        edges
    };
    let bins = column
        .iter()
        .map(|figure| match figure.is_nan() {
            true => 0,
            // At most 254.
            false => u8::try_from(edges.partition_point(|edge| edge < figure) + 1).unwrap_or(u8::MAX),
        })
        .collect();
    Binned { edges, bins }
}

/// Where the edges lie among so many sorted figures: half of them at equal steps, a quarter in each of the outermost
/// hundredths, for what is rare is what frauds are found by.
fn places(length: usize) -> Vec<usize> {
    let (half, quarter) = (MOST_EDGES / 2, MOST_EDGES / 4);
    let tail = (length / 100).max(1);
    let mut places: Vec<usize> = (1..=half).map(|part| part * length / (half + 1)).collect();
    places.extend((1..=quarter).map(|part| part * tail / (quarter + 1)));
    places.extend((1..=quarter).map(|part| length - 1 - part * tail / (quarter + 1)));
    places.sort_unstable();
    places.dedup();
    places
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    gradient: f64,
    hessian: f64,
    rows: u32,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.gradient += other.gradient;
        self.hessian += other.hessian;
        self.rows += other.rows;
    }

    fn without(self, other: Sum) -> Sum {
        Sum {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
            rows: self.rows - other.rows,
        }
    }

    /// The best value for these rows, within what the nodes above allow.
    fn value(self, l2: f64, within: (f64, f64)) -> f64 {
        (-self.gradient / (self.hessian + l2)).clamp(within.0, within.1)
    }

    fn gain(self, value: f64, l2: f64) -> f64 {
        -(2.0 * self.gradient * value + (self.hessian + l2) * value * value)
    }
}

/// The sums of one node by column and bin.
type Histogram = Vec<[Sum; 256]>;

#[derive(Clone, Copy, Debug)]
struct Split {
    column: usize,
    /// What stands in this bin or below goes left.
    bin: usize,
    left: Sum,
    gain: f64,
}

struct Grower<'a> {
    growth: &'a Growth,
    features: &'a [Feature],
    binned: &'a [Binned],
    gradients: &'a [(f64, f64)],
    /// Columns that this tree sees.
    columns: Vec<usize>,
    nodes: Vec<Node>,
}

/// Learns trees. The same matrix, growth and seed give the same trees.
pub fn grow(matrix: &Matrix, growth: &Growth) -> Forest {
    let binned: Vec<Binned> = matrix.columns.iter().map(|column| bin(column)).collect();
    let frauds = matrix.frauds();
    let rows = matrix.rows();
    let share = ((frauds as f64 + 0.5) / (rows as f64 + 1.0)).clamp(1e-6, 1.0 - 1e-6);
    let start = (share / (1.0 - share)).ln();
    let mut scores = vec![start; rows];
    let mut chance = Chance::new(growth.seed);
    let mut trees = Vec::new();
    for _ in 0..growth.trees {
        let gradients: Vec<(f64, f64)> = scores
            .iter()
            .zip(&matrix.frauds)
            .map(|(score, fraud)| {
                let probability = 1.0 / (1.0 + (-score).exp());
                (probability - f64::from(u8::from(*fraud)), (probability * (1.0 - probability)).max(1e-12))
            })
            .collect();
        let seen: Vec<usize> = (0..rows).filter(|_| chance.share() < growth.rows_share).collect();
        let columns: Vec<usize> =
            (0..binned.len()).filter(|_| chance.share() < growth.features_share).collect();
        let mut grower = Grower {
            growth,
            features: &matrix.features,
            binned: &binned,
            gradients: &gradients,
            columns,
            nodes: Vec::new(),
        };
        let places = grower.tree(seen);
        let tree = Tree { nodes: grower.nodes };
        for (row, score) in scores.iter_mut().enumerate() {
            *score += walk(&tree, &places, &binned, row);
        }
        trees.push(tree);
    }
    Forest { start, trees }
}

/// The tree's say on a row, by bins.
fn walk(tree: &Tree, splits: &[Option<(usize, usize)>], binned: &[Binned], row: usize) -> f64 {
    let mut at = 0;
    loop {
        let node = &tree.nodes[at];
        match (node, splits[at]) {
            (Node::Fork { left, right, .. }, Some((column, bin))) => {
                let goes_left = usize::from(binned[column].bins[row]) <= bin;
                at = if goes_left { *left } else { *right } as usize;
            }
            _ => return node.value(),
        }
    }
}

/// A node that is still to be looked at.
struct Open {
    at: usize,
    rows: Vec<usize>,
    histogram: Histogram,
    sum: Sum,
    depth: u32,
    within: (f64, f64),
}

impl Grower<'_> {
    /// Grows one tree and tells for each node by which column and bin it splits.
    fn tree(&mut self, rows: Vec<usize>) -> Vec<Option<(usize, usize)>> {
        let mut splits = vec![None];
        let histogram = self.histogram(&rows);
        let mut sum = Sum::default();
        for row in &rows {
            sum.add(self.one(*row));
        }
        let within = (f64::NEG_INFINITY, f64::INFINITY);
        self.nodes.push(self.leaf(sum, within));
        let mut open = vec![Open { at: 0, rows, histogram, sum, depth: 0, within }];
        while let Some(node) = open.pop() {
            if node.depth >= self.growth.depth {
                continue;
            }
            let Some(split) = self.best(&node) else { continue };
            splits[node.at] = Some((split.column, split.bin));
            splits.extend([None, None]);
            open.extend(self.fork(node, split));
        }
        splits
    }

    fn fork(&mut self, node: Open, split: Split) -> [Open; 2] {
        let binned = &self.binned[split.column];
        let right = node.sum.without(split.left);
        let (left_within, right_within) = self.bounds(&node, split);
        let left_at = self.nodes.len();
        self.nodes.push(self.leaf(split.left, left_within));
        self.nodes.push(self.leaf(right, right_within));
        // Of a bin's upper edge; below everything when only what is not a number goes left.
        let threshold = match split.bin.checked_sub(1) {
            Some(edge) => binned.edges.get(edge).copied().unwrap_or(f32::MAX),
            None => f32::NEG_INFINITY,
        };
        self.nodes[node.at] = Node::Fork {
            feature: self.features[split.column],
            threshold,
            left: u32::try_from(left_at).unwrap_or(u32::MAX),
            right: u32::try_from(left_at + 1).unwrap_or(u32::MAX),
            value: self.nodes[node.at].value(),
        };
        let (left_rows, right_rows): (Vec<usize>, Vec<usize>) =
            node.rows.iter().partition(|row| usize::from(binned.bins[**row]) <= split.bin);
        // The smaller side is counted, the other is what remains.
        let few = if left_rows.len() <= right_rows.len() { &left_rows } else { &right_rows };
        let counted = self.histogram(few);
        let mut rest = node.histogram;
        for (rest, counted) in rest.iter_mut().zip(&counted) {
            for (rest, counted) in rest.iter_mut().zip(counted) {
                *rest = rest.without(*counted);
            }
        }
        let (left_histogram, right_histogram) =
            if left_rows.len() <= right_rows.len() { (counted, rest) } else { (rest, counted) };
        let depth = node.depth + 1;
        [
            Open {
                at: left_at,
                rows: left_rows,
                histogram: left_histogram,
                sum: split.left,
                depth,
                within: left_within,
            },
            Open {
                at: left_at + 1,
                rows: right_rows,
                histogram: right_histogram,
                sum: right,
                depth,
                within: right_within,
            },
        ]
    }

    /// What the two sides may say: where the feature is held to speak for fraud, nothing on the left above the middle.
    fn bounds(&self, node: &Open, split: Split) -> ((f64, f64), (f64, f64)) {
        if !self.is_held(split.column) {
            return (node.within, node.within);
        }
        let l2 = self.growth.l2;
        let right = node.sum.without(split.left);
        let middle = (split.left.value(l2, node.within) + right.value(l2, node.within)) / 2.0;
        ((node.within.0, middle), (middle, node.within.1))
    }

    fn is_held(&self, column: usize) -> bool {
        self.growth.monotone == Monotone::Held && self.features[column].speaks_for_fraud()
    }

    fn leaf(&self, sum: Sum, within: (f64, f64)) -> Node {
        Node::Leaf { value: sum.value(self.growth.l2, within) * self.growth.shrinkage }
    }

    fn one(&self, row: usize) -> Sum {
        let (gradient, hessian) = self.gradients[row];
        Sum { gradient, hessian, rows: 1 }
    }

    fn histogram(&self, rows: &[usize]) -> Histogram {
        self.columns
            .iter()
            .map(|column| {
                let bins = &self.binned[*column].bins;
                let mut sums = [Sum::default(); 256];
                for row in rows {
                    sums[usize::from(bins[*row])].add(self.one(*row));
                }
                sums
            })
            .collect()
    }

    fn best(&self, node: &Open) -> Option<Split> {
        let l2 = self.growth.l2;
        let whole = node.sum.gain(node.sum.value(l2, node.within), l2);
        let mut best: Option<Split> = None;
        for (sums, column) in node.histogram.iter().zip(&self.columns) {
            let mut left = Sum::default();
            for (bin, sum) in sums.iter().enumerate().take(self.binned[*column].edges.len() + 1) {
                left.add(*sum);
                let right = node.sum.without(left);
                if left.rows < self.growth.least_rows || right.rows < self.growth.least_rows {
                    continue;
                }
                let (low, high) = (left.value(l2, node.within), right.value(l2, node.within));
                if self.is_held(*column) && low > high {
                    continue;
                }
                let gain = left.gain(low, l2) + right.gain(high, l2) - whole;
                if gain > 1e-9 && best.is_none_or(|best| gain > best.gain) {
                    best = Some(Split { column: *column, bin, left, gain });
                }
            }
        }
        best
    }
}

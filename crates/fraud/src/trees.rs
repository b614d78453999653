//! Trees as they stand in a model: a score, and which feature gave how much of it.

use serde::{Deserialize, Serialize};

use crate::features::{Feature, Vector};

/// Values are in natural logarithms of odds, the shrinkage is in them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node {
    Fork {
        feature: Feature,
        /// Up to it, and what is not a number, goes left.
        threshold: f32,
        left: u32,
        right: u32,
        /// What the tree would say if it ended here.
        value: f64,
    },
    Leaf {
        value: f64,
    },
}

impl Node {
    pub fn value(&self) -> f64 {
        match self {
            Node::Fork { value, .. } | Node::Leaf { value } => *value,
        }
    }
}

/// The root comes first, whatever a node leads to after it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
}

/// Trees that are added up.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    pub(crate) start: f64,
    pub(crate) trees: Vec<Tree>,
}

impl Forest {
    /// The natural logarithm of the odds of fraud.
    pub fn score(&self, vector: &Vector) -> f64 {
        let mut score = self.start;
        for tree in &self.trees {
            score += tree.walk(vector, |_, _| {});
        }
        score
    }

    /// The score, and for each feature what its questions added to it: along each tree's path, the value below a question
    /// less the value at it (Saabas, 2014). They and the rest, which is the same for everybody, add up to the score.
    pub fn explain(&self, vector: &Vector, mut add: impl FnMut(Feature, f64)) -> f64 {
        let mut score = self.start;
        for tree in &self.trees {
            score += tree.walk(vector, &mut add);
        }
        score
    }

    pub(crate) fn asks(&self, wanted: Feature) -> bool {
        let nodes = self.trees.iter().flat_map(|tree| &tree.nodes);
        nodes.into_iter().any(|node| matches!(node, Node::Fork { feature, .. } if *feature == wanted))
    }
}

impl Tree {
    fn walk(&self, vector: &Vector, mut step: impl FnMut(Feature, f64)) -> f64 {
        let mut at = 0;
        loop {
            // A loaded tree was checked: what a node leads to is there and comes after it.
            match &self.nodes[at] {
                Node::Leaf { value } => return *value,
                Node::Fork { feature, threshold, left, right, value } => {
                    let figure = vector.get(*feature);
                    let goes_right = figure > *threshold;
                    at = if goes_right { *right } else { *left } as usize;
                    step(*feature, self.nodes[at].value() - value);
                }
            }
        }
    }
}

/// The stored form: features by their place in the model's own list of names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredForest {
    start: f64,
    trees: Vec<Vec<StoredNode>>,
}

/// A fork is (feature, threshold, left, value), its right side follows its left; a leaf is (value). A threshold below
/// everything is null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredNode {
    Fork(u16, Option<f32>, u32, f64),
    Leaf((f64,)),
}

impl StoredForest {
    pub fn of(forest: &Forest, names: &[Feature]) -> Self {
        let store = |node: &Node| match node {
            Node::Leaf { value } => StoredNode::Leaf((*value,)),
            Node::Fork { feature, threshold, left, value, .. } => {
                let place = names.iter().position(|known| known == feature).unwrap_or(names.len());
                let threshold = threshold.is_finite().then_some(*threshold);
                StoredNode::Fork(u16::try_from(place).unwrap_or(u16::MAX), threshold, *left, *value)
            }
        };
        let trees = forest.trees.iter().map(|tree| tree.nodes.iter().map(store).collect()).collect();
        StoredForest { start: forest.start, trees }
    }

    /// `None` when a node leads back, out of the tree or to no feature, or a figure is none.
    pub fn open(self, names: &[Feature]) -> Option<Forest> {
        let mut trees = Vec::new();
        for nodes in &self.trees {
            let open = |(at, node): (usize, &StoredNode)| match node {
                StoredNode::Leaf((value,)) => value.is_finite().then_some(Node::Leaf { value: *value }),
                StoredNode::Fork(feature, threshold, left, value) => {
                    let below = usize::try_from(*left).ok()?;
                    let sound = below > at && below + 1 < nodes.len() && value.is_finite();
                    let feature = *names.get(usize::from(*feature)).filter(|_| sound)?;
                    let threshold = threshold.unwrap_or(f32::NEG_INFINITY);
                    Some(Node::Fork { feature, threshold, left: *left, right: left + 1, value: *value })
                }
            };
            let nodes: Vec<Node> = nodes.iter().enumerate().map(open).collect::<Option<_>>()?;
            if nodes.is_empty() {
                return None;
            }
            trees.push(Tree { nodes });
        }
        self.start.is_finite().then_some(Forest { start: self.start, trees })
    }
}

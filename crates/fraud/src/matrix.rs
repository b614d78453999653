//! Many vectors by column, for training.

use crate::features::{COUNT, Feature, Vector};

/// Rows of figures and what each turned out to be.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    pub(crate) features: Vec<Feature>,
    pub(crate) columns: Vec<Vec<f32>>,
    pub(crate) frauds: Vec<bool>,
}

impl Matrix {
    /// Of the chosen features those that are not the same everywhere.
    pub fn new<'a>(
        rows: impl Iterator<Item = (&'a Vector, bool)> + Clone,
        chosen: impl Fn(Feature) -> bool,
    ) -> Self {
        let mut matrix =
            Matrix { frauds: rows.clone().map(|(_, fraud)| fraud).collect(), ..Matrix::default() };
        for feature in Feature::all().filter(|feature| chosen(*feature)) {
            let column: Vec<f32> = rows.clone().map(|(vector, _)| vector.get(feature)).collect();
            let varies = column
                .iter()
                .any(|figure| Some(figure.to_bits()) != column.first().map(|first| first.to_bits()));
            if varies {
                matrix.features.push(feature);
                matrix.columns.push(column);
            }
        }
        matrix
    }

    pub fn rows(&self) -> usize {
        self.frauds.len()
    }

    pub fn frauds(&self) -> usize {
        self.frauds.iter().filter(|fraud| **fraud).count()
    }

    /// The features in it.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }
}

const _: () = assert!(COUNT < 65_535, "a tree's node names a feature by 16 bits");

//! Logistic regression with standardised figures and an L2 penalty, by Newton's method.

use serde::{Deserialize, Serialize};

use crate::features::{Feature, Vector};
use crate::matrix::Matrix;

/// Steps at most; it takes about eight.
const STEPS: usize = 50;

/// One feature's part: what is not a number counts as the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    pub feature: Feature,
    pub mean: f64,
    pub deviation: f64,
    pub weight: f64,
}

impl Term {
    fn part(&self, figure: f32) -> f64 {
        if figure.is_nan() { 0.0 } else { self.weight * (f64::from(figure) - self.mean) / self.deviation }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    pub(crate) intercept: f64,
    pub(crate) terms: Vec<Term>,
}

impl Logistic {
    /// The natural logarithm of the odds of fraud.
    pub fn score(&self, vector: &Vector) -> f64 {
        self.explain(vector, |_, _| {})
    }

    /// The score, and each feature's part of it.
    pub fn explain(&self, vector: &Vector, mut add: impl FnMut(Feature, f64)) -> f64 {
        let mut score = self.intercept;
        for term in &self.terms {
            let part = term.part(vector.get(term.feature));
            add(term.feature, part);
            score += part;
        }
        score
    }
}

/// Learns weights: least of `penalty / 2 * |weights|^2` and the sum of the logarithmic losses, the intercept free (as
/// scikit-learn's `LogisticRegression` with `C = 1 / penalty`).
pub fn fit(matrix: &Matrix, penalty: f64) -> Logistic {
    let columns: Vec<(f64, f64, Vec<f64>)> = matrix.columns.iter().map(|column| standard(column)).collect();
    let rows = matrix.rows();
    let width = columns.len() + 1;
    let mut weights = vec![0.0; width];
    let share = ((matrix.frauds() as f64 + 0.5) / (rows as f64 + 1.0)).clamp(1e-6, 1.0 - 1e-6);
    weights[0] = (share / (1.0 - share)).ln();
    let mut loss = loss_of(&columns, &matrix.frauds, &weights, penalty);
    for _ in 0..STEPS {
        let (gradient, hessian) = slopes(&columns, &matrix.frauds, &weights, penalty);
        let Some(step) = solve(hessian, gradient) else { break };
        // Half of the step, and half again, until it leads down.
        let mut scale = 1.0;
        let (next, less) = loop {
            let next: Vec<f64> = weights.iter().zip(&step).map(|(w, s)| w - scale * s).collect();
            let less = loss_of(&columns, &matrix.frauds, &next, penalty);
            if less <= loss || scale < 1e-6 {
                break (next, less);
            }
            scale /= 2.0;
        };
        let gained = loss - less;
        if gained <= 0.0 {
            break;
        }
        (weights, loss) = (next, less);
        if gained < 1e-9 * loss.max(1.0) {
            break;
        }
    }
    let terms = matrix.features.iter().zip(&columns).zip(weights.iter().skip(1));
    let terms = terms.map(|((feature, (mean, deviation, _)), weight)| Term {
        feature: *feature,
        mean: *mean,
        deviation: *deviation,
        weight: *weight,
    });
    Logistic { intercept: weights[0], terms: terms.collect() }
}

/// Mean, deviation and the standardised column.
fn standard(column: &[f32]) -> (f64, f64, Vec<f64>) {
    let known = || column.iter().filter(|figure| !figure.is_nan()).map(|figure| f64::from(*figure));
    let count = (known().count() as f64).max(1.0);
    let mean = known().sum::<f64>() / count;
    let variance = known().map(|figure| (figure - mean) * (figure - mean)).sum::<f64>() / count;
    let deviation = if variance > 1e-18 { variance.sqrt() } else { 1.0 };
    let standard = column
        .iter()
        .map(|figure| if figure.is_nan() { 0.0 } else { (f64::from(*figure) - mean) / deviation });
    (mean, deviation, standard.collect())
}

fn margins(columns: &[(f64, f64, Vec<f64>)], rows: usize, weights: &[f64]) -> Vec<f64> {
    let mut margins = vec![weights[0]; rows];
    for ((_, _, column), weight) in columns.iter().zip(&weights[1..]) {
        for (margin, figure) in margins.iter_mut().zip(column) {
            *margin += weight * figure;
        }
    }
    margins
}

fn loss_of(columns: &[(f64, f64, Vec<f64>)], frauds: &[bool], weights: &[f64], penalty: f64) -> f64 {
    let losses: f64 = margins(columns, frauds.len(), weights)
        .iter()
        .zip(frauds)
        .map(|(margin, fraud)| {
            let signed = if *fraud { -margin } else { *margin };
            signed.max(0.0) + (-signed.abs()).exp().ln_1p()
        })
        .sum();
    losses + penalty / 2.0 * weights[1..].iter().map(|weight| weight * weight).sum::<f64>()
}

/// First and second slopes of the loss.
fn slopes(
    columns: &[(f64, f64, Vec<f64>)],
    frauds: &[bool],
    weights: &[f64],
    penalty: f64,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let width = columns.len() + 1;
    let mut errors = Vec::with_capacity(frauds.len());
    let mut curves = Vec::with_capacity(frauds.len());
    for (margin, fraud) in margins(columns, frauds.len(), weights).iter().zip(frauds) {
        let probability = 1.0 / (1.0 + (-margin).exp());
        errors.push(probability - f64::from(u8::from(*fraud)));
        curves.push(probability * (1.0 - probability));
    }
    let mut gradient = vec![0.0; width];
    let mut hessian = vec![vec![0.0; width]; width];
    gradient[0] = errors.iter().sum();
    hessian[0][0] = curves.iter().sum::<f64>().max(1e-9);
    for (i, (_, _, one)) in columns.iter().enumerate() {
        let curved: Vec<f64> = one.iter().zip(&curves).map(|(figure, curve)| figure * curve).collect();
        gradient[i + 1] = one.iter().zip(&errors).map(|(figure, error)| figure * error).sum::<f64>()
            + penalty * weights[i + 1];
        hessian[i + 1][0] = curved.iter().sum();
        hessian[0][i + 1] = hessian[i + 1][0];
        for (j, (_, _, other)) in columns.iter().enumerate().take(i + 1) {
            let product: f64 = curved.iter().zip(other).map(|(a, b)| a * b).sum();
            hessian[i + 1][j + 1] = product;
            hessian[j + 1][i + 1] = product;
        }
        hessian[i + 1][i + 1] += penalty;
    }
    (gradient, hessian)
}

/// Cholesky; `None` when the matrix is not positive definite.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let width = right.len();
    for i in 0..width {
        for j in 0..=i {
            let done: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let rest = matrix[i][j] - done;
            matrix[i][j] = if i == j {
                if rest <= 0.0 {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / matrix[j][j]
            };
        }
    }
    for i in 0..width {
        let done: f64 = (0..i).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - done) / matrix[i][i];
    }
    for i in (0..width).rev() {
        let done: f64 = (i + 1..width).map(|k| matrix[k][i] * right[k]).sum();
        right[i] = (right[i] - done) / matrix[i][i];
    }
    Some(right)
}

/// The stored form: (feature's place in the model's list, mean, deviation, weight).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredLogistic {
    intercept: f64,
    terms: Vec<(u16, f64, f64, f64)>,
}

impl StoredLogistic {
    pub fn of(logistic: &Logistic, names: &[Feature]) -> Self {
        let store = |term: &Term| {
            let place = names.iter().position(|known| *known == term.feature).unwrap_or(names.len());
            (u16::try_from(place).unwrap_or(u16::MAX), term.mean, term.deviation, term.weight)
        };
        StoredLogistic { intercept: logistic.intercept, terms: logistic.terms.iter().map(store).collect() }
    }

    /// `None` when a term has no feature, or a figure is none.
    pub fn open(self, names: &[Feature]) -> Option<Logistic> {
        let open = |(place, mean, deviation, weight): (u16, f64, f64, f64)| {
            let sound = mean.is_finite() && deviation.is_finite() && deviation > 0.0 && weight.is_finite();
            let feature = *names.get(usize::from(place)).filter(|_| sound)?;
            Some(Term { feature, mean, deviation, weight })
        };
        let terms = self.terms.into_iter().map(open).collect::<Option<Vec<Term>>>()?;
        self.intercept.is_finite().then_some(Logistic { intercept: self.intercept, terms })
    }
}

//! How good scores are, as the Fraud Detection Handbook measures it (Le Borgne, Siblini, Lebichot and Bontempi,
//! "Reproducible Machine Learning for Credit Card Fraud Detection", 2022, chapter 4).

use std::collections::{HashMap, HashSet};

use crate::attempt::Mark;
use crate::chance::Chance;

/// One attempt with its score and what it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Since 1970, of the shop's clock.
    pub day: i64,
    pub card: Mark,
    pub score: f64,
    pub fraud: bool,
}

/// Scores from high to low, equal ones together: (frauds, all) of each group.
fn groups(judged: impl Iterator<Item = (f64, bool)>) -> Vec<(u64, u64)> {
    let mut sorted: Vec<(f64, bool)> = judged.collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    sorted
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| (count(group.iter().filter(|(_, fraud)| *fraud).count()), count(group.len())))
        .collect()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The probability that a fraud has a higher score than a good attempt; equal scores count half. 0.5 when there is but
/// one sort.
pub fn auc(judged: &[Judged]) -> f64 {
    let (mut above, mut area, mut frauds_above) = (0.0, 0.0, 0.0);
    for (frauds, all) in groups(judged.iter().map(|one| (one.score, one.fraud))) {
        let (frauds, good) = (frauds as f64, (all - frauds) as f64);
        area += good * (frauds_above + frauds / 2.0);
        frauds_above += frauds;
        above += good;
    }
    if above * frauds_above > 0.0 { area / (above * frauds_above) } else { 0.5 }
}

/// The mean of precision over recall, in steps (as scikit-learn's `average_precision_score`); 0 without frauds.
pub fn average_precision(judged: &[Judged]) -> f64 {
    average_precision_of(judged.iter().map(|one| (one.score, one.fraud)))
}

fn average_precision_of(judged: impl Iterator<Item = (f64, bool)>) -> f64 {
    let (mut found, mut looked_at, mut sum) = (0.0, 0.0, 0.0);
    for (frauds, all) in groups(judged) {
        found += frauds as f64;
        looked_at += all as f64;
        sum += frauds as f64 * found / looked_at;
    }
    if found > 0.0 { sum / found } else { 0.0 }
}

/// Of the `k` cards with the highest scores of a day, the share that had a fraud that day; cards so found are left out
/// from the next day on; the mean over the days. Cards with equal scores come in the order of their fingerprints.
pub fn card_precision(judged: &[Judged], k: usize) -> f64 {
    let mut days: HashMap<i64, HashMap<Mark, (f64, bool)>> = HashMap::new();
    for one in judged {
        let card = days.entry(one.day).or_default().entry(one.card).or_insert((f64::NEG_INFINITY, false));
        *card = (card.0.max(one.score), card.1 || one.fraud);
    }
    let mut order: Vec<i64> = days.keys().copied().collect();
    order.sort_unstable();
    let mut found: HashSet<Mark> = HashSet::new();
    let mut sum = 0.0;
    for day in &order {
        let Some(cards) = days.get(day) else { continue };
        let mut cards: Vec<(Mark, f64, bool)> = cards
            .iter()
            .filter(|(card, _)| !found.contains(card))
            .map(|(card, (score, fraud))| (*card, *score, *fraud))
            .collect();
        cards.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let hits: Vec<Mark> =
            cards.iter().take(k).filter(|(_, _, fraud)| *fraud).map(|(card, ..)| *card).collect();
        sum += hits.len() as f64 / k.max(1) as f64;
        found.extend(hits);
    }
    if order.is_empty() { 0.0 } else { sum / order.len() as f64 }
}

/// The three figures of the Handbook.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    pub auc: f64,
    pub average_precision: f64,
    /// Of the hundred cards with the highest scores a day.
    pub card_precision: f64,
    pub attempts: usize,
    pub frauds: usize,
}

impl Figures {
    pub fn of(judged: &[Judged]) -> Self {
        Figures {
            auc: auc(judged),
            average_precision: average_precision(judged),
            card_precision: card_precision(judged, 100),
            attempts: judged.len(),
            frauds: judged.iter().filter(|one| one.fraud).count(),
        }
    }
}

/// Whether a challenger may take the champion's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Better in more than 97.5 % of the drawings.
    Better,
    /// No difference that could not be chance.
    Open,
    Worse,
}

/// Two scorers on the same attempts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    pub champion: Figures,
    pub challenger: Figures,
    /// The challenger's average precision less the champion's: the middle 95 % of the drawings.
    pub gain: (f64, f64),
    pub standing: Standing,
}

const DRAWINGS: u32 = 400;

/// Compares the scores of the same attempts, in the same order. Cards are drawn with replacement (a bootstrap by card, for
/// attempts of one card are not independent).
pub fn compare(champion: &[Judged], challenger: &[f64], seed: u64) -> Comparison {
    let other: Vec<Judged> =
        champion.iter().zip(challenger).map(|(one, score)| Judged { score: *score, ..*one }).collect();
    let mut by_card: HashMap<Mark, Vec<usize>> = HashMap::new();
    for (at, one) in other.iter().enumerate() {
        by_card.entry(one.card).or_default().push(at);
    }
    let mut cards: Vec<(Mark, Vec<usize>)> = by_card.into_iter().collect();
    cards.sort_unstable_by_key(|(card, _)| *card);
    let mut chance = Chance::new(seed);
    let mut gains: Vec<f64> = (0..DRAWINGS)
        .map(|_| {
            let drawn: Vec<usize> = (0..cards.len())
                .filter_map(|_| cards.get(usize::try_from(chance.below(count(cards.len()))).ok()?))
                .flat_map(|(_, attempts)| attempts.iter().copied())
                .collect();
            let of = |judged: &[Judged]| {
                average_precision_of(
                    drawn.iter().filter_map(|at| judged.get(*at)).map(|one| (one.score, one.fraud)),
                )
            };
            of(&other) - of(champion)
        })
        .collect();
    gains.sort_by(f64::total_cmp);
    let quantile = |part: usize| gains.get(part * gains.len() / 1_000).copied().unwrap_or(0.0);
    let gain = (quantile(25), quantile(975));
    let standing = match gain {
        (low, _) if low > 0.0 => Standing::Better,
        (_, high) if high < 0.0 => Standing::Worse,
        _ => Standing::Open,
    };
    Comparison { champion: Figures::of(champion), challenger: Figures::of(&other), gain, standing }
}

/// Wilson's interval of a share for 95 % (Wilson, JASA 1927): honest for few observations.
pub fn interval(hits: u64, of: u64) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, share, z) = (of as f64, hits as f64 / of as f64, 1.96_f64);
    let middle = share + z * z / (2.0 * n);
    let around = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z * z / n;
    (((middle - around) / whole).max(0.0), ((middle + around) / whole).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(rows: &[(i64, u64, f64, u8)]) -> Vec<Judged> {
        let one = |(day, card, score, fraud): &(i64, u64, f64, u8)| Judged {
            day: *day,
            card: Mark(*card),
            score: *score,
            fraud: *fraud == 1,
        };
        rows.iter().map(one).collect()
    }

    /// By hand, and as scikit-learn 1.x gives them: precision 1, 2/3, 3/5 at the three frauds.
    #[test]
    fn figures_by_hand() {
        let rows = judged(&[
            (0, 1, 0.9, 1),
            (0, 2, 0.8, 0),
            (0, 3, 0.7, 1),
            (0, 4, 0.6, 0),
            (0, 5, 0.5, 1),
            (0, 6, 0.4, 0),
        ]);
        assert!((average_precision(&rows) - (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0).abs() < 1e-12);
        assert!((auc(&rows) - 6.0 / 9.0).abs() < 1e-12);
        let same = judged(&[(0, 1, 0.5, 1), (0, 2, 0.5, 0), (0, 3, 0.5, 0), (0, 4, 0.5, 0)]);
        assert!((auc(&same) - 0.5).abs() < 1e-12);
        assert!((average_precision(&same) - 0.25).abs() < 1e-12);
        assert_eq!((auc(&[]), average_precision(&[]), card_precision(&[], 100)), (0.5, 0.0, 0.0));
    }

    #[test]
    fn a_card_found_once_is_left_out_later() {
        let rows = judged(&[
            (0, 1, 0.9, 1),
            (0, 1, 0.1, 0),
            (0, 2, 0.8, 0),
            (0, 3, 0.7, 1),
            (1, 1, 0.9, 1),
            (1, 3, 0.5, 1),
            (1, 4, 0.4, 0),
        ]);
        // Day 0: cards 1 and 2, one hit; day 1 without card 1: cards 3 and 4, one hit.
        assert!((card_precision(&rows, 2) - 0.5).abs() < 1e-12);
        assert!((card_precision(&rows, 1) - 1.0).abs() < 1e-12);
        assert!((card_precision(&rows, 100) - (2.0 / 100.0 + 0.0) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_challenger_is_better_only_when_chance_does_not_explain_it() {
        let mut chance = Chance::new(5);
        let truth: Vec<(u64, bool)> = (0..4_000).map(|card| (card % 900, chance.share() < 0.05)).collect();
        let mut noisy = |noise: f64| -> Vec<f64> {
            truth.iter().map(|(_, fraud)| f64::from(u8::from(*fraud)) + noise * chance.share()).collect()
        };
        let (weak, same, strong) = (noisy(4.0), noisy(4.0), noisy(2.0));
        let champion: Vec<Judged> = truth
            .iter()
            .zip(&weak)
            .map(|((card, fraud), score)| Judged { day: 0, card: Mark(*card), score: *score, fraud: *fraud })
            .collect();
        assert_eq!(compare(&champion, &strong, 1).standing, Standing::Better);
        assert_eq!(compare(&champion, &same, 1).standing, Standing::Open);
        let worse = compare(&champion, &noisy(40.0), 1);
        assert_eq!(worse.standing, Standing::Worse, "{worse:?}");
    }

    #[test]
    fn few_observations_make_wide_intervals() {
        let (low, high) = interval(2, 2);
        assert!((0.3..0.4).contains(&low) && high > 0.999);
        let (low, high) = interval(500, 1_000);
        assert!((low - 0.469).abs() < 0.001 && (high - 0.531).abs() < 0.001);
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }
}

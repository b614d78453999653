//! Thresholds, rates, the table and the curve.

use std::fmt::Write;

use storeward_detect::sign_in::Answer;

use super::attackers::Attacker;
use super::measure::{Measured, SCORES, Scored};

/// True-positive rates that are shown, with the published re-authentication counts after 12 and about 39 sign-ins
/// (das-group/rba-dataset, figure rq1-general, read off to about one).
struct Published {
    attacker: Attacker,
    rates: [(f64, Count, Count); 4],
}

/// A median number of challenges, or every time.
#[derive(Clone, Copy)]
enum Count {
    Of(u8),
    Always,
}

use Count::{Always, Of};

const PUBLISHED: [Published; 4] = [
    Published {
        attacker: Attacker::Naive,
        rates: [(0.98, Of(1), Of(1)), (0.99, Of(2), Of(1)), (0.995, Of(3), Of(2)), (0.999, Of(7), Of(6))],
    },
    Published {
        attacker: Attacker::Vpn,
        rates: [(0.98, Of(2), Of(2)), (0.99, Of(3), Of(3)), (0.995, Of(4), Of(3)), (0.999, Of(8), Of(8))],
    },
    Published {
        attacker: Attacker::Targeted,
        rates: [(0.98, Of(2), Of(2)), (0.99, Of(4), Of(3)), (0.995, Of(5), Of(4)), (0.999, Of(8), Of(9))],
    },
    Published {
        attacker: Attacker::VeryTargeted,
        rates: [
            (0.7816, Of(2), Of(1)),
            (0.8276, Of(7), Of(7)),
            (0.8966, Of(12), Of(26)),
            (0.9425, Always, Always),
        ],
    },
];

/// Sizes of history that the tables show.
const AFTER: [usize; 2] = [12, 39];

impl Count {
    fn rate(self, after: usize) -> f64 {
        match self {
            Of(count) => f64::from(count) / size(after),
            Always => 1.0,
        }
    }

    fn told(self, after: usize) -> String {
        match self {
            Of(count) => format!("{:.2} ({count})", self.rate(after)),
            Always => "1.00".to_owned(),
        }
    }
}

fn size(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The score that this share of attacks reaches.
fn threshold(attacks: &[Scored], tpr: f64, of: impl Fn(&Scored) -> f64) -> Option<f64> {
    let mut scores: Vec<f64> = attacks.iter().map(of).collect();
    scores.sort_unstable_by(f64::total_cmp);
    let missed = (1.0 - tpr) * size(scores.len());
    let place = (0..scores.len()).take_while(|place| size(place + 1) <= missed + 1e-9).count();
    scores.get(place).copied()
}

/// The median over customers of how many of their first `after` sign-ins (the first of all apart) were challenged.
fn median_count<'a>(
    customers: impl Iterator<Item = &'a Vec<Scored>>,
    after: usize,
    challenged: impl Fn(&Scored) -> bool,
) -> Option<f64> {
    let mut counts: Vec<usize> = customers
        .filter(|own| own.len() >= after)
        .map(|own| own.iter().take(after).filter(|one| challenged(one)).count())
        .collect();
    counts.sort_unstable();
    let middle = counts.get(counts.len() / 2)?;
    let before = if counts.len().is_multiple_of(2) { counts.get(counts.len() / 2 - 1)? } else { middle };
    Some((size(*middle) + size(*before)) / 2.0)
}

fn told(count: Option<f64>, after: usize) -> String {
    count.map_or("–".to_owned(), |count| format!("{:.2} ({count:.0})", count / size(after)))
}

pub fn table(measured: &Measured) -> String {
    let mut out = String::from(
        "| attacker | attacks challenged | published, after 12 | same formula | Storeward | published, after 39 | \
         same formula | Storeward |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in PUBLISHED {
        let Some(attacks) = measured.attacks.get(&row.attacker) else { continue };
        for (tpr, twelve, more) in row.rates {
            let _ = write!(out, "| {} | {tpr} ", row.attacker.name());
            for (after, published) in AFTER.into_iter().zip([twelve, more]) {
                let _ = write!(out, "| {} ", published.told(after));
                for which in 0..SCORES.len() {
                    let Some(from) = threshold(attacks, tpr, |one| one.scores[which]) else { continue };
                    let count = median_count(measured.own.values(), after, |one| one.scores[which] >= from);
                    let _ = write!(out, "| {} ", told(count, after));
                }
            }
            out.push_str("|\n");
        }
    }
    out
}

const CLASSES: [(&str, f64); 5] = [
    ("daily", 2.0),
    ("several days", 5.0),
    ("weekly", 12.0),
    ("several weeks", 31.0),
    ("less than monthly", f64::MAX),
];

fn class_of(gap: f64) -> &'static str {
    CLASSES.iter().find(|(_, most)| gap < *most).map_or("less than monthly", |(name, _)| name)
}

/// By how often customers come: targeted attackers, after 12 sign-ins.
pub fn by_frequency(measured: &Measured) -> String {
    let mut out = String::from(
        "| customers sign in | of them | 0.98, published formula | Storeward | 0.99, published formula | Storeward | 0.995, published formula | Storeward |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let Some(attacks) = measured.attacks.get(&Attacker::Targeted) else { return out };
    for (class, _) in CLASSES {
        let own = || {
            let all = measured.own.iter();
            all.filter(|(user, _)| class_of(measured.gaps.get(*user).copied().unwrap_or(0.0)) == class)
                .map(|(_, own)| own)
        };
        let _ = write!(out, "| {class} | {} ", own().count());
        for tpr in [0.98, 0.99, 0.995] {
            for which in 0..SCORES.len() {
                let Some(from) = threshold(attacks, tpr, |one| one.scores[which]) else { continue };
                let count = median_count(own(), 12, |one| one.scores[which] >= from);
                let _ = write!(out, "| {} ", told(count, 12));
            }
        }
        out.push_str("|\n");
    }
    out
}

/// What the default policy answers.
pub fn answers(measured: &Measured) -> String {
    let mut out = String::from(
        "| who | allow | notice | step-up | passkey only | refuse | challenged or refused |\n|---|---|---|---|---|---|---|\n",
    );
    let own: Vec<&Scored> = measured.own.values().flatten().collect();
    let mut line = |who: String, answers: Vec<Answer>| {
        let all = size(answers.len()).max(1.0);
        let share = |answer| size(answers.iter().filter(|one| **one == answer).count()) / all;
        let _ = write!(out, "| {who} ");
        for answer in Answer::ALL {
            let _ = write!(out, "| {:.3} ", share(answer));
        }
        let asked = answers.iter().filter(|one| **one >= Answer::StepUp).count();
        let _ = writeln!(out, "| **{:.3}** |", size(asked) / all);
    };
    line(
        "customers' sign-ins, trusted devices on".to_owned(),
        own.iter().map(|one| one.answer_with_device).collect(),
    );
    line("customers' sign-ins, no device trusted".to_owned(), own.iter().map(|one| one.answer).collect());
    for attacker in Attacker::ALL {
        if let Some(attacks) = measured.attacks.get(&attacker) {
            line(format!("{} attacker", attacker.name()), attacks.iter().map(|one| one.answer).collect());
        }
    }
    out.push_str("\nMedian share of a customer's sign-ins that is challenged by the default policy:\n\n");
    out.push_str(
        "| customers sign in | trusted devices on, after 12 | no device trusted, after 12 |\n|---|---|---|\n",
    );
    for (class, _) in CLASSES {
        let own = || {
            let all = measured.own.iter();
            all.filter(|(user, _)| class_of(measured.gaps.get(*user).copied().unwrap_or(0.0)) == class)
                .map(|(_, own)| own)
        };
        let with = median_count(own(), 12, |one| one.answer_with_device >= Answer::StepUp);
        let without = median_count(own(), 12, |one| one.answer >= Answer::StepUp);
        let _ = writeln!(out, "| {class} | {} | {} |", told(with, 12), told(without, 12));
    }
    out
}

/// What another threshold for the second step would bring.
pub fn trade(measured: &Measured) -> String {
    let mut out = String::from(
        "| step-up from | customers' sign-ins challenged, trusted devices on | no device trusted | naive | VPN | targeted | very targeted |\n|---|---|---|---|---|---|---|\n",
    );
    let own = || measured.own.values().flatten();
    let all = size(own().count()).max(1.0);
    for half in -8..=4 {
        let from = f64::from(half) / 2.0;
        let with = size(own().filter(|one| one.points_with_device >= from).count()) / all;
        let without = size(own().filter(|one| one.scores[1] >= from).count()) / all;
        let _ = write!(out, "| {from:.1} | {with:.3} | {without:.3} ");
        for attacker in Attacker::ALL {
            let attacks = measured.attacks.get(&attacker).map_or(&[][..], Vec::as_slice);
            let caught = attacks.iter().filter(|one| one.scores[1] >= from).count();
            let _ = write!(out, "| {:.3} ", size(caught) / size(attacks.len()).max(1.0));
        }
        out.push_str("|\n");
    }
    out
}

/// The curve: median re-authentication rate by size of history, for each attacker; the published values as rings.
pub fn svg(measured: &Measured) -> String {
    const COLOURS: [&str; 4] = ["#0072b2", "#009e73", "#d55e00", "#cc79a7"];
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1000 330\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\" aria-labelledby=\"t d\">\n\
         <title id=\"t\">Share of sign-ins at which customers are challenged, by size of their history</title>\n\
         <desc id=\"d\">Four panels, one for each attacker. Lines: Storeward's score on generated sign-ins. Rings: the published evaluation. Figures: docs/benchmarks.md.</desc>\n\
         <rect width=\"1000\" height=\"330\" fill=\"#ffffff\"/>\n",
    );
    for (panel, row) in PUBLISHED.iter().enumerate() {
        let Some(attacks) = measured.attacks.get(&row.attacker) else { continue };
        let left = 50.0 + 240.0 * size(panel);
        let x = |after: usize| left + size(after) / 40.0 * 205.0;
        let y = |rate: f64| 260.0 - rate * 210.0;
        let _ = writeln!(
            out,
            "<text x=\"{:.0}\" y=\"30\" font-weight=\"bold\" text-anchor=\"middle\">{} attacker</text>",
            left + 102.0,
            row.attacker.name()
        );
        for tenth in [0, 5, 10] {
            let rate = size(tenth) / 10.0;
            let _ = writeln!(
                out,
                "<path d=\"M{left:.0} {0:.0}h205\" stroke=\"#dddddd\"/><text x=\"{1:.0}\" y=\"{2:.0}\" text-anchor=\"end\">{rate:.1}</text>",
                y(rate),
                left - 5.0,
                y(rate) + 4.0
            );
        }
        for after in [10, 20, 30, 40] {
            let _ =
                writeln!(out, "<text x=\"{:.0}\" y=\"276\" text-anchor=\"middle\">{after}</text>", x(after));
        }
        for ((tpr, twelve, more), colour) in row.rates.into_iter().zip(COLOURS) {
            let Some(from) = threshold(attacks, tpr, |one| one.scores[1]) else { continue };
            let mut path = String::new();
            for after in 1..=39 {
                let count = median_count(measured.own.values(), after, |one| one.scores[1] >= from);
                let Some(count) = count else { continue };
                let word = if path.is_empty() { 'M' } else { 'L' };
                let _ = write!(path, "{word}{:.1} {:.1}", x(after), y(count / size(after)));
            }
            let _ =
                writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            for (after, published) in AFTER.into_iter().zip([twelve, more]) {
                let _ = writeln!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
                    x(after),
                    y(published.rate(after))
                );
            }
        }
        for (place, ((tpr, ..), colour)) in row.rates.into_iter().zip(COLOURS).enumerate() {
            let at = left + 52.0 * size(place);
            let _ = writeln!(
                out,
                "<path d=\"M{at:.0} 295h12\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{:.0}\" y=\"299\" font-size=\"10\">{tpr}</text>",
                at + 15.0
            );
        }
    }
    out.push_str(
        "<text x=\"500\" y=\"320\" text-anchor=\"middle\" fill=\"#444444\">across: sign-ins in the history · up: share of a customer’s sign-ins that is challenged (median) · colours: share of attacks challenged · rings: published</text>\n</svg>\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(score: f64) -> Scored {
        Scored {
            scores: [score, score],
            points_with_device: score,
            answer: Answer::Allow,
            answer_with_device: Answer::Allow,
        }
    }

    #[test]
    fn a_threshold_catches_the_share_that_was_asked_for() {
        let attacks: Vec<Scored> = (0..1_000).rev().map(|score| scored(f64::from(score))).collect();
        for (tpr, from) in [(1.0, 0.0), (0.99, 10.0), (0.98, 20.0), (0.995, 5.0)] {
            assert_eq!(threshold(&attacks, tpr, |one| one.scores[0]), Some(from), "{tpr}");
            let caught = attacks.iter().filter(|one| one.scores[0] >= from).count();
            assert!(size(caught) / 1_000.0 >= tpr - 1e-9);
        }
        assert_eq!(threshold(&[], 0.99, |one| one.scores[0]), None);
    }

    #[test]
    fn the_median_is_over_customers_who_came_often_enough() {
        let customers =
            [vec![scored(1.0); 3], vec![scored(1.0), scored(9.0), scored(9.0)], vec![scored(9.0)]];
        let count = |after| median_count(customers.iter(), after, |one| one.scores[0] > 5.0);
        assert_eq!((count(3), count(1), count(4)), (Some(1.0), Some(0.0), None));
    }
}

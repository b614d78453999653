//! The tables as they stand in docs/benchmarks.md.

use std::fmt::Write;
use std::path::Path;

use crate::Line;
use crate::latency::Latency;

/// The Handbook, chapter 3 ("Baseline fraud detection system"), same weeks, same transactions.
const PUBLISHED: [(&str, f64, f64, f64); 5] = [
    ("logistic regression", 0.871, 0.606, 0.291),
    ("decision tree, depth 2", 0.763, 0.496, 0.241),
    ("decision tree", 0.788, 0.309, 0.243),
    ("random forest", 0.867, 0.658, 0.287),
    ("XGBoost", 0.862, 0.639, 0.273),
];

pub fn line(line: &Line) -> String {
    let Some(first) = line.figures.first() else { return String::new() };
    let folds = if line.figures.len() > 1 {
        let (mean, deviation) = spread(line.figures.iter().map(|figures| figures.average_precision));
        format!("{mean:.3} ± {deviation:.3}")
    } else {
        "–".to_owned()
    };
    format!(
        "| {}, {} | {} | {:.4} | **{:.4}** | {:.4} | {folds} |",
        line.method,
        line.set.name(),
        line.train_days,
        first.auc,
        first.average_precision,
        first.card_precision
    )
}

fn spread(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// Prints the tables and writes them to `fraud.md`.
pub fn write(folder: &Path, lines: &[Line], latency: &Latency) -> Result<(), String> {
    let mut text = String::from(
        "| scorer | trained on days | AUC ROC | average precision | card precision@100 | average precision, 4 weeks |\n\
         |---|---|---|---|---|---|\n",
    );
    for (name, auc, precision, cards) in PUBLISHED {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| published: {name} | 7 | {auc:.3} | {precision:.3} | {cards:.3} | – |");
    }
    for one in lines {
        let _ = writeln!(text, "{}", line(one));
    }
    if let Some(first) = lines.first().and_then(|line| line.figures.first()) {
        let _ = writeln!(text, "\nTest week: {} transactions, {} frauds.", first.attempts, first.frauds);
    }
    let _ = writeln!(
        text,
        "\nA decision (rules, figures, score with reasons, counting): p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs over {} of them; {:.0} a second on one core.",
        latency.p50_us, latency.p99_us, latency.p999_us, latency.decisions, latency.per_second
    );
    println!("{text}");
    let path = folder.join("fraud.md");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, &text))
        .map_err(|e| format!("{}: {e}", path.display()))
}

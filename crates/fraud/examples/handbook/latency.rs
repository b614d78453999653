//! How long a decision takes: all rules, figures, score with reasons, and counting the attempt, over a week of transactions
//! in a state that has seen the months before.

use std::collections::VecDeque;
use std::time::Instant;

use storeward_fraud::{Delay, Engine, Limits, Mode, Model, Placed, State};

use crate::rows::{DAY, Row};
use crate::{DELAY_DAYS, START, tell_labels};

pub struct Latency {
    pub decisions: usize,
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub per_second: f64,
}

pub fn measure(rows: &[Row], model: &Model) -> Latency {
    let engine = Engine {
        delay: Delay::days(DELAY_DAYS),
        champion: Some(Placed { model: model.clone(), mode: Mode::Active }),
        ..Engine::default()
    };
    let mut state = State::new(Limits::default());
    let mut waiting = VecDeque::new();
    let mut spans: Vec<f64> = Vec::new();
    for row in rows.iter().filter(|row| row.at < START + 21 * DAY) {
        tell_labels(&mut state, &mut waiting, row.at);
        waiting.push_back(*row);
        let attempt = row.attempt();
        let began = Instant::now();
        let told = engine.decide(&mut state, &attempt);
        let span = began.elapsed();
        std::hint::black_box(told);
        if row.at >= START + 14 * DAY {
            spans.push(span.as_secs_f64() * 1e6);
        }
    }
    spans.sort_by(f64::total_cmp);
    let quantile = |thousandth: usize| {
        spans
            .get((spans.len() * thousandth / 1_000).min(spans.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0.0)
    };
    Latency {
        decisions: spans.len(),
        p50_us: quantile(500),
        p99_us: quantile(990),
        p999_us: quantile(999),
        per_second: spans.len() as f64 * 1e6 / spans.iter().sum::<f64>().max(1.0),
    }
}

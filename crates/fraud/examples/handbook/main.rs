//! `cargo xtask bench fraud` runs this: scorers of ours beside the published figures of the Fraud Detection Handbook, on
//! its simulated transactions (github.com/Fraud-Detection-Handbook/simulated-data-raw, which whoever runs this downloads).

mod latency;
mod pickle;
mod report;
mod rows;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;

use rows::{BASE, Base, DAY, Row};
use storeward_base::Timestamp;
use storeward_fraud::boost::Growth;
use storeward_fraud::evaluate::Figures;
use storeward_fraud::split::{Example, Plan, judge, split};
use storeward_fraud::{
    Delay, Feature, Group, Label, Limits, Mark, Method, Model, Source, State, Truth, train,
};

/// Labels come a week later, as in the Handbook.
const DELAY_DAYS: u8 = 7;

/// The first second of 2018-07-25, with which the Handbook's training week begins.
const START: i64 = 1_532_476_800;

struct Options {
    data: PathBuf,
    out: PathBuf,
    /// The Handbook's own week only.
    quick: bool,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, String> {
        let (mut data, mut out, mut quick) = (None, PathBuf::from("."), false);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().map(PathBuf::from).ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--data" => data = Some(value()?),
                "--out" => out = value()?,
                "--quick" => quick = true,
                _ => return Err(format!("bench fraud does not know {word}")),
            }
        }
        let data = data.ok_or("bench fraud wants --data DIR, with the daily files of simulated-data-raw")?;
        Ok(Options { data, out, quick })
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Options::parse(&words).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Which features a scorer may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// The Handbook's fifteen.
    Handbook,
    Generic,
    All,
}

impl Set {
    const ALL: [Set; 3] = [Set::Handbook, Set::Generic, Set::All];

    fn holds(self, feature: Feature) -> bool {
        match self {
            Set::Handbook => feature.place() < BASE,
            Set::Generic => feature.group() == Group::Generic,
            Set::All => true,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Set::Handbook => "the Handbook's 15",
            Set::Generic => "streaming, generic",
            Set::All => "streaming, all",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
struct Line {
    set: Set,
    method: &'static str,
    train_days: i64,
    /// Of each fold; the Handbook's week comes first.
    figures: Vec<Figures>,
}

fn run(options: &Options) -> Result<(), String> {
    let rows = rows::read(&options.data)?;
    eprintln!("{} transactions", rows.len());
    let (base, ours) = examples(&rows);
    let mut lines = Vec::new();
    let mut best = None;
    for set in Set::ALL {
        let examples = if set == Set::Handbook { &base } else { &ours };
        for (name, method) in methods() {
            for train_days in [7, 28] {
                let folds = if options.quick || train_days == 28 { 1 } else { 4 };
                let mut line = Line { set, method: name, train_days, figures: Vec::new() };
                for fold in 0..folds {
                    let (model, figures) = measure(examples, set, method, train_days, fold)?;
                    line.figures.push(figures);
                    if set == Set::All && train_days == 7 && fold == 0 {
                        best = Some(model);
                    }
                }
                eprintln!("{}", report::line(&line));
                lines.push(line);
            }
        }
    }
    let model = best.ok_or("no model was trained")?;
    let latency = latency::measure(&rows, &model);
    report::write(&options.out, &lines, &latency)
}

fn methods() -> [(&'static str, Method); 2] {
    [
        ("logistic regression", Method::Logistic { penalty: 1.0 }),
        ("boosted trees", Method::Boosted(Growth::default())),
    ]
}

/// The weeks of a fold, each fold a week earlier. Longer training ends with the same day, and is tested on the same
/// transactions.
fn measure(
    examples: &[Example],
    set: Set,
    method: Method,
    train_days: i64,
    fold: i64,
) -> Result<(Model, Figures), String> {
    let start = START - fold * 7 * DAY;
    let week = Plan {
        start: Timestamp::from_seconds(start),
        train_days: 7,
        delay_days: i64::from(DELAY_DAYS),
        test_days: 7,
    };
    let longer = Plan { start: Timestamp::from_seconds(start + (7 - train_days) * DAY), train_days, ..week };
    let learned = split(examples, &longer).train;
    let model = train(examples, &learned, method, |feature| set.holds(feature), DELAY_DAYS)
        .map_err(|why| why.to_string())?;
    let judged = judge(examples, &split(examples, &week).test, |vector| model.score(vector));
    Ok((model, Figures::of(&judged)))
}

/// Examples of the attempts from four weeks before the folds' first week on, with the Handbook's features and with ours.
fn examples(rows: &[Row]) -> (Vec<Example>, Vec<Example>) {
    let (from, until) = (START - 21 * DAY, START + 21 * DAY);
    let mut state = State::new(Limits::default());
    let mut base = Base::default();
    let mut waiting: VecDeque<Row> = VecDeque::new();
    let (mut bases, mut ours) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row.at < until) {
        tell_labels(&mut state, &mut waiting, row.at);
        waiting.push_back(*row);
        let attempt = row.attempt();
        let figures = base.next(row);
        if row.at >= from {
            let example = |vector| Example {
                at: attempt.at,
                card: Mark(row.customer),
                vector,
                label: Some(label(row)),
            };
            bases.push(example(figures));
            ours.push(example(state.features(&attempt, Delay::days(DELAY_DAYS))));
        }
        state.record(&attempt);
    }
    (bases, ours)
}

fn tell_labels(state: &mut State, waiting: &mut VecDeque<Row>, now: i64) {
    let delay = i64::from(DELAY_DAYS) * DAY;
    while let Some(known) = waiting.pop_front_if(|known| known.at + delay <= now) {
        state.label(&known.attempt(), label(&known));
    }
}

fn label(row: &Row) -> Label {
    Label {
        truth: if row.fraud { Truth::Fraud } else { Truth::Good },
        known_at: Timestamp::from_seconds(row.at + i64::from(DELAY_DAYS) * DAY),
        source: Source::Dispute,
    }
}

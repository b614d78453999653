//! From a shop's own past to a scorer that may act: silence becomes a label, figures are read as they were at their moment,
//! the last weeks are kept for the trial, and a challenger takes the champion's place only when it is better there.

use std::fmt;
use std::time::Duration;

use storeward_base::Timestamp;

use crate::attempt::{Kind, Label, Mark, Marks, Outcome, Source, Truth};
use crate::backtest::{Later, Past, later};
use crate::engine::{Engine, Placed};
use crate::evaluate::{Comparison, Figures, Standing, compare};
use crate::features::{Delay, Feature};
use crate::model::{Model, TrainedOn};
use crate::profile::DAY_SECONDS;
use crate::rules::Mode;
use crate::split::{Example, Plan, Split, judge, split};
use crate::state::{Limits, State};
use crate::train::{Method, TooFew, train};

/// How a scorer is learned and tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    pub method: Method,
    /// Days of attempts that are learned of, at most.
    pub train_days: i64,
    /// Days kept for the trial.
    pub test_days: i64,
    /// How long silence has to last, in days (1 to 35).
    pub delay_days: u8,
    pub limits: Limits,
}

impl Default for Course {
    /// Three months are learned of, two weeks are for the trial, and a month without a complaint is a good sign.
    fn default() -> Self {
        Course {
            method: Method::Boosted(crate::boost::Growth::default()),
            train_days: 90,
            test_days: 14,
            delay_days: 30,
            limits: Limits::default(),
        }
    }
}

/// Gives a label to approved attempts that nobody complained about for so long; what was declined or blocked has none.
pub fn with_silence(past: &[Past], now: Timestamp, delay_days: u8) -> Vec<Past> {
    let span = i64::from(delay_days) * DAY_SECONDS;
    let silent = |one: &Past| {
        let known_at = Timestamp::from_seconds(one.attempt.at.seconds().saturating_add(span));
        let approved = matches!(one.outcome, Some((Outcome::Approved, _)));
        (approved && known_at <= now).then_some(Label {
            truth: Truth::Good,
            known_at,
            source: Source::Silence,
        })
    };
    past.iter().map(|one| Past { label: one.label.or_else(|| silent(one)), ..*one }).collect()
}

/// The figures of each attempt as they were at its moment: outcomes and labels are told when they came. The past is in the
/// order of time.
pub fn examples(past: &[Past], delay_days: u8, limits: Limits) -> Vec<Example> {
    let mut state = State::new(limits);
    let mut later: Vec<(Timestamp, Later)> = later(past);
    later.reverse();
    let mut examples = Vec::with_capacity(past.len());
    for one in past {
        while let Some((_, what)) = later.pop_if(|(at, _)| *at <= one.attempt.at) {
            what.tell(past, &mut state);
        }
        examples.push(Example {
            at: one.attempt.at,
            card: whose(&one.attempt.marks),
            vector: state.features(&one.attempt, Delay::days(delay_days)),
            label: one.label,
        });
        state.record(&one.attempt);
    }
    examples
}

/// Under which key attempts count as one buyer's.
fn whose(marks: &Marks) -> Mark {
    let keys = [Kind::Card, Kind::Customer, Kind::Email, Kind::Device, Kind::Address];
    keys.into_iter().find_map(|kind| marks.get(kind)).unwrap_or(Mark(0))
}

/// A challenger and how it did on weeks that it had not seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub model: Model,
    pub figures: Figures,
    /// Beside the champion, on the same attempts.
    pub against: Option<Comparison>,
    pub plan: Plan,
}

/// The past as a trial takes it.
struct Prepared {
    examples: Vec<Example>,
    plan: Plan,
    parts: Split,
}

fn prepare(past: &[Past], course: &Course) -> Prepared {
    let now = past.last().map(|one| one.attempt.at).unwrap_or_default();
    let delay = i64::from(course.delay_days);
    let past = with_silence(past, now, course.delay_days);
    let examples = examples(&past, course.delay_days, course.limits);
    let back = course.train_days + delay + course.test_days + delay;
    let start = Timestamp::from_seconds(now.seconds().saturating_sub(back * DAY_SECONDS));
    let plan = Plan { start, train_days: course.train_days, delay_days: delay, test_days: course.test_days };
    let parts = split(&examples, &plan);
    Prepared { examples, plan, parts }
}

/// Until when a scorer knows anything: the last attempt that it was learned of, and the time in which its labels came.
fn seen_until(model: &Model) -> Timestamp {
    let TrainedOn { until, delay_days, .. } = model.trained_on;
    until.plus(Duration::from_secs(u64::from(delay_days) * 86_400))
}

fn trial(prepared: Prepared, model: Model, champion: Option<&Model>, seed: u64) -> Trial {
    let Prepared { examples, plan, mut parts } = prepared;
    // What one was learned of is no trial of it, whatever course the command names: nor are the weeks by whose end its labels came.
    let unseen = [Some(&model), champion].into_iter().flatten().map(seen_until).max().unwrap_or_default();
    parts.test.retain(|one| examples.get(one.place).is_some_and(|example| example.at > unseen));
    let judged = judge(&examples, &parts.test, |vector| model.score(vector));
    let against = champion.map(|champion| {
        let before = judge(&examples, &parts.test, |vector| champion.score(vector));
        let scores: Vec<f64> = judged.iter().map(|one| one.score).collect();
        compare(&before, &scores, seed)
    });
    Trial { figures: Figures::of(&judged), model, against, plan }
}

/// Learns a challenger and tries it. The trial ends so long before the past's end that its labels have come.
pub fn try_out(past: &[Past], champion: Option<&Model>, course: &Course, seed: u64) -> Result<Trial, TooFew> {
    let prepared = prepare(past, course);
    let all = |_: Feature| true;
    let Prepared { examples, parts, .. } = &prepared;
    let model = train(examples, &parts.train, course.method, all, course.delay_days)?;
    Ok(trial(prepared, model, champion, seed))
}

/// Tries a scorer that was learned before on the latest weeks of which the labels have come; of these on what neither it nor the champion
/// was learned of.
pub fn retry(past: &[Past], model: &Model, champion: Option<&Model>, course: &Course, seed: u64) -> Trial {
    trial(prepare(past, course), model.clone(), champion, seed)
}

/// Frauds in the trial below which it says nothing.
pub const LEAST_TRIED: usize = 20;

/// Why a challenger stays one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NotBetter {
    /// Fewer than [`LEAST_TRIED`] frauds in the trial.
    TooFewTried { frauds: usize },
    /// It found hardly more than whoever draws lots.
    NoUse { average_precision: f64 },
    /// It is not better than the champion in more than 97.5 % of the drawings.
    Open,
}

impl fmt::Display for NotBetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotBetter::TooFewTried { frauds } => {
                write!(f, "{frauds} frauds in the trial's weeks; fewer than {LEAST_TRIED} say nothing")
            }
            NotBetter::NoUse { average_precision } => {
                write!(
                    f,
                    "an average precision of {average_precision:.3} is hardly more than lots would have"
                )
            }
            NotBetter::Open => {
                f.write_str("it is not better than the scorer in place, as far as the trial shows")
            }
        }
    }
}

impl std::error::Error for NotBetter {}

/// By how much a scorer's word has to raise the odds of fraud: likelihood ratios from 5 on move what is believed enough to act on it, lower
/// ones seldom do (Jaeschke, Guyatt and Sackett, JAMA 271, 1994, page 703).
const LEAST_RATIO: f64 = 5.0;

/// The average precision that is asked for at a share of frauds, which is what lots would have: its odds are so many times theirs. A multiple
/// of the share itself could not be reached where frauds are many.
fn asked_of(share: f64) -> f64 {
    LEAST_RATIO * share / (1.0 + (LEAST_RATIO - 1.0) * share)
}

/// Puts a challenger in the champion's place, in the same mode; the first one is only watched.
pub fn place(engine: &mut Engine, trial: &Trial) -> Result<(), NotBetter> {
    let Figures { average_precision, attempts, frauds, .. } = trial.figures;
    if frauds < LEAST_TRIED {
        return Err(NotBetter::TooFewTried { frauds });
    }
    if average_precision < asked_of(frauds as f64 / attempts.max(1) as f64) {
        return Err(NotBetter::NoUse { average_precision });
    }
    match &trial.against {
        Some(against) if against.standing != Standing::Better => return Err(NotBetter::Open),
        Some(_) | None => {}
    }
    let mode = engine.champion.as_ref().map_or(Mode::Observe, |placed| placed.mode);
    engine.champion = Some(Placed { model: trial.model.clone(), mode });
    Ok(())
}

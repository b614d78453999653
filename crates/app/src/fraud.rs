//! `storeward fraud`: scorers of the shop's own past. They only ever ask for more; rules, which block, are changed at the console.

use storeward_base::Actor;
use storeward_fraud::learning::{Course, Trial};
use storeward_fraud::{Method, Mode};
use storeward_payments::Payments;

use crate::failure::{Context, Failure, say};
use crate::oidc::finished;
use crate::open;
use crate::{Directory, Done};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Learn a challenger of the shop's labelled past; it scores beside the one in place, and nothing is done by it.
    Train(TrainOptions),
    /// Try on the latest weeks what the shop's past would teach, and change nothing.
    Evaluate(TrainOptions),
    /// Put the challenger in place where it is better there. The first one is only watched.
    Promote(TrainOptions),
    /// Let the scorer in place ask for 3-D Secure and for somebody's look.
    Act(Directory),
    /// Only watch the scorer in place.
    Observe(Directory),
    /// Print the scorers in place.
    List(Directory),
}

#[derive(Debug, clap::Args)]
struct TrainOptions {
    #[command(flatten)]
    at: Directory,
    /// Days of attempts that are learned of, at most.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(i64).range(7..=200))]
    train_days: i64,
    /// Days kept for the trial.
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(i64).range(7..=60))]
    test_days: i64,
    /// How long nobody must have complained before an attempt counts as good.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=35))]
    delay_days: u8,
    /// A logistic regression in place of boosted trees.
    #[arg(long)]
    logistic: bool,
}

impl TrainOptions {
    fn course(&self) -> Course {
        let course = Course {
            train_days: self.train_days,
            test_days: self.test_days,
            delay_days: self.delay_days,
            ..Course::default()
        };
        if self.logistic { Course { method: Method::Logistic { penalty: 1.0 }, ..course } } else { course }
    }
}

/// Opens what is there; the program may run meanwhile, and takes what was placed within a minute.
fn with<T>(at: &Directory, work: impl AsyncFnOnce(Payments) -> Done<T>) -> Done<T> {
    let opened = open::open(&at.dir)?;
    let (payments, _) = crate::payments::start(&opened, None)?;
    let payments = payments.ok_or_else(|| {
        Failure::new("no payments are taken here").hint("see docs/payments.md for what [payments] needs")
    })?;
    finished(work(payments))?
}

pub fn fraud(options: &Options) -> Done {
    match &options.word {
        Word::Train(train) => with(&train.at, async |payments| {
            let (scorer, trial) =
                payments.train(train.course(), Actor::Operator).await.context("training")?;
            say(format!(
                "learned {} of {} attempts with {} frauds",
                scorer.id, trial.model.trained_on.attempts, trial.model.trained_on.frauds
            ))?;
            tell(&trial)?;
            say(if scorer.is_champion {
                "it is the one in place, learned again: nothing was changed"
            } else {
                "it scores beside the one in place; `storeward fraud promote` puts it there where it is better"
            })
        }),
        Word::Evaluate(train) => with(&train.at, async |payments| {
            tell(&payments.evaluate(train.course()).await.context("the trial")?)
        }),
        Word::Promote(train) => with(&train.at, async |payments| {
            let id = payments.place_scorer(train.course(), Actor::Operator).await.context("the trial")?;
            say(format!("{id} is in place"))
        }),
        Word::Act(at) => set(at, Mode::Active, "asks for more"),
        Word::Observe(at) => set(at, Mode::Observe, "is only watched"),
        Word::List(at) => with(at, async |payments| {
            let scorers = payments.scorers().await.context("the scorers")?;
            if scorers.is_empty() {
                say("None yet; `storeward fraud train` makes one of the shop's own past.")?;
            }
            for scorer in scorers {
                let place = if scorer.is_champion { "champion" } else { "challenger" };
                let mode = match scorer.mode {
                    Mode::Off => "off",
                    Mode::Observe => "watched",
                    Mode::Active => "acts",
                };
                say(format!("{}  {place}  {mode}  {}", scorer.id, scorer.made_at))?;
            }
            Ok(())
        }),
    }
}

fn set(at: &Directory, mode: Mode, says: &str) -> Done {
    with(at, async |payments| {
        payments.set_scorer(mode, Actor::Operator).await.context("the scorer")?;
        say(format!("the scorer in place {says}"))
    })
}

fn tell(trial: &Trial) -> Done {
    let figures = &trial.figures;
    say(format!(
        "trial on {} attempts with {} frauds, {} to {}: AUC {:.3}, average precision {:.3}, card precision@100 {:.3}",
        figures.attempts,
        figures.frauds,
        trial.plan.test_start(),
        trial.plan.test_end(),
        figures.auc,
        figures.average_precision,
        figures.card_precision
    ))?;
    if let Some(against) = &trial.against {
        let (low, high) = against.gain;
        say(format!(
            "the one in place: average precision {:.3}; the gain is between {low:+.3} and {high:+.3} (95 %)",
            against.champion.average_precision
        ))?;
    }
    Ok(())
}

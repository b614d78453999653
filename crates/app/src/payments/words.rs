//! `storeward payments`: holds days against the providers' own lists by hand, and says how far they are.

use storeward_base::{Actor, Timestamp};
use storeward_payments::{Compared, NotADay, Payments, Provider, Reach};

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
    /// Compare a day with the providers' own lists, as the round of each day does, and say how far they are compared.
    Reconcile {
        /// Such as 2026-11-24; what the next round would compare when left out.
        #[arg(long, value_name = "DAY")]
        day: Option<String>,
        /// stripe or paypal; each that is set up when left out.
        #[arg(long, value_name = "PROVIDER", requires = "day")]
        provider: Option<String>,
        #[command(flatten)]
        at: Directory,
    },
}

pub fn payments(options: &Options) -> Done {
    let Word::Reconcile { day, provider, at } = &options.word;
    let opened = open::open(&at.dir)?;
    let (payments, _) = super::start(&opened, None)?;
    let payments = payments.ok_or_else(|| {
        Failure::new("no payments are taken here").hint("see docs/payments.md for what [payments] needs")
    })?;
    // In one runtime: connections that a call leaves open end with it.
    finished(compare(&payments, day.as_deref(), provider.as_deref()))?
}

async fn compare(payments: &Payments, day: Option<&str>, provider: Option<&str>) -> Done {
    match day {
        Some(day) => reconcile(payments, day, provider).await?,
        None => payments.reconcile_all(Actor::Operator).await.context("payments reconcile")?,
    }
    let all = payments.reach().await.context("payments reconcile")?;
    all.iter().try_for_each(|reach| say(in_words(reach)))
}

async fn reconcile(payments: &Payments, day: &str, provider: Option<&str>) -> Done {
    let at = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).ok_or_else(|| {
        Failure::new(format!("--day {day}: this is no day")).hint("such as 2026-11-24 (UTC)")
    })?;
    if let Some(why) = payments.not_a_day(at).await.context("payments reconcile")? {
        return Err(refused(day, &why));
    }
    let reach = payments.reach().await.context("payments reconcile")?;
    let set_up: Vec<Provider> = reach.iter().map(|one| one.provider).collect();
    let is_wanted = |one: &Provider| provider.is_none_or(|name| name == one.word());
    let wanted: Vec<Provider> = set_up.iter().copied().filter(is_wanted).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = set_up.iter().map(|one| one.word()).collect();
        return Err(Failure::new("--provider: this one is not set up").hint(names.join(" or ")));
    }
    for provider in wanted {
        let found = payments.reconcile(provider, at).await.context("payments reconcile")?;
        say(told(provider, day, &found))?;
    }
    Ok(())
}

fn refused(day: &str, why: &NotADay) -> Failure {
    let (why, hint) = match why {
        NotADay::NotOver => ("it is not over yet".to_owned(), "days are those of UTC"),
        NotADay::NoPayment => ("there is no payment yet".to_owned(), "there is nothing to compare"),
        NotADay::BeforeFirst(first) => {
            (format!("the first payment was made on {first}"), "there is nothing to compare before it")
        }
    };
    Failure::new(format!("--day {day}: {why}")).hint(hint)
}

fn told(provider: Provider, day: &str, found: &Compared) -> String {
    let Compared { compared, differences, unread, unread_lines } = found;
    let unread = match (unread, unread_lines) {
        (0, 0) => String::new(),
        (0, lines) => format!(", {lines} lines that cannot be read"),
        (disputes, lines) => format!(
            ", {lines} lines and {disputes} disputes that cannot be read: the day is not compared whole"
        ),
    };
    format!(
        "{} {day}: {compared} compared, {differences} differences that were not known{unread}",
        provider.word()
    )
}

/// How far one provider's days are compared.
pub(super) fn in_words(reach: &Reach) -> String {
    let provider = reach.provider.word();
    let through = match &reach.through {
        Some(day) => format!("{provider}: compared up to {day}"),
        None if reach.open.is_empty() && reach.passed.is_empty() => {
            return format!("{provider}: no payment of a day that is over, so no day to compare");
        }
        None => format!("{provider}: no day is compared yet"),
    };
    let mut says = through;
    if !reach.open.is_empty() {
        says = format!("{says}; not yet: {}", some_of(&reach.open));
    }
    if !reach.passed.is_empty() {
        says = format!("{says}; not compared, and gone back to by hand alone: {}", some_of(&reach.passed));
    }
    says
}

/// The first ten days, and how many more there are.
fn some_of(days: &[String]) -> String {
    let (named, more) = days.split_at(days.len().min(10));
    match more.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A shop whose payments are all of today read that it had none.
    #[test]
    fn payments_of_today_are_payments() {
        let reach = Reach { provider: Provider::Stripe, through: None, open: Vec::new(), passed: Vec::new() };
        assert_eq!(in_words(&reach), "stripe: no payment of a day that is over, so no day to compare");
    }
}

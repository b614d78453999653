//! From an attempt and what is remembered to figures that a scorer reads. What is not known is not a number (NaN), and
//! scorers take it as such.
//!
//! Every figure is read before the attempt itself is counted, and takes what is kept of a key in constant time.

use crate::attempt::{Attempt, Buyer, Funding, Kind};
use crate::profile::{DAY_SECONDS, Profile, Run, day_of, minute_of};
use crate::ring::figure;
use crate::state::{State, minor, other};

/// What is read of the attempt itself.
const CONTEXT: [&str; 19] = [
    "amount",
    "amount_rank",
    "night",
    "weekend",
    "anonymous",
    "account_age_days",
    "sign_in_points",
    "session_age_minutes",
    "device_new",
    "blocked_requests",
    "card_entries",
    "credentials_changed_hours",
    "shipping_new",
    "express",
    "disposable_mail",
    "country_differs",
    "cvc_failed",
    "avs_failed",
    "prepaid",
];

/// What is read of who pays (see `Marks::payer`).
const PAYER: [&str; 6] = ["usual", "deviation", "ratio", "z", "over_most", "spikes_14d"];

/// What is read of each kind of key.
const KEY: [&str; 20] = [
    "attempts_1h",
    "attempts_1d",
    "attempts_7d",
    "attempts_28d",
    "gap_hours",
    "age_days",
    "others_7d",
    "refused_1d",
    "amount_ratio",
    "frauds_7d",
    "fraud_rate_7d",
    "frauds_28d",
    "fraud_rate_28d",
    "plain_frauds_7d",
    "plain_fraud_rate_7d",
    "recent_fraud_rate",
    "run_days",
    "last_fraud_days",
    "run_frauds",
    "good_since_fraud",
];

/// A key's age counts up to here: what is older was there when the scorer was trained as it is now.
const OLD_DAYS: f32 = 28.0;

/// How many figures there are.
pub const COUNT: usize = CONTEXT.len() + PAYER.len() + Kind::ALL.len() * KEY.len();

/// What a feature leans on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Amounts, counts, rates: what any shop's fraud shows in.
    Generic,
    /// The course of a wave of frauds at one place, and spikes counted over days. The Handbook's simulated frauds come in
    /// just such waves, so these gain more there than they may in a shop.
    Course,
}

/// One figure by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature(u16);

impl Feature {
    pub fn all() -> impl Iterator<Item = Feature> {
        (0..u16::try_from(COUNT).unwrap_or(0)).map(Feature)
    }

    pub fn place(self) -> usize {
        usize::from(self.0)
    }

    pub fn at(place: usize) -> Option<Self> {
        (place < COUNT).then(|| u16::try_from(place).map(Feature).ok())?
    }

    /// Stable: stands in models and in reasons, for example `card.attempts_1h`.
    pub fn name(self) -> String {
        match self.part() {
            Part::Context(name) => name.to_owned(),
            Part::Payer(name) => format!("payer.{name}"),
            Part::Key(kind, name) => format!("{}.{name}", kind.code()),
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Feature::all().find(|feature| feature.name() == name)
    }

    pub fn group(self) -> Group {
        match self.part() {
            Part::Payer("spikes_14d")
            | Part::Key(_, "run_days" | "last_fraud_days" | "run_frauds" | "good_since_fraud") => {
                Group::Course
            }
            Part::Context(_) | Part::Payer(_) | Part::Key(..) => Group::Generic,
        }
    }

    /// Whether more of it can only ever speak for fraud: what a monotone scorer holds to.
    pub fn speaks_for_fraud(self) -> bool {
        matches!(
            self.part(),
            Part::Context(
                "blocked_requests"
                    | "card_entries"
                    | "cvc_failed"
                    | "avs_failed"
                    | "disposable_mail"
                    | "sign_in_points"
            ) | Part::Key(_, "frauds_7d" | "fraud_rate_7d" | "frauds_28d" | "fraud_rate_28d" | "refused_1d")
        )
    }

    /// The kind of key it is read of; `None` for what is read of the attempt or the payer.
    pub fn kind(self) -> Option<Kind> {
        match self.part() {
            Part::Key(kind, _) => Some(kind),
            Part::Context(_) | Part::Payer(_) => None,
        }
    }

    pub(crate) fn part(self) -> Part {
        let place = self.place();
        if let Some(name) = CONTEXT.get(place) {
            return Part::Context(name);
        }
        let place = place - CONTEXT.len();
        if let Some(name) = PAYER.get(place) {
            return Part::Payer(name);
        }
        let place = place - PAYER.len();
        // A feature's place lies below COUNT, so both are there.
        let kind = Kind::ALL.get(place / KEY.len()).copied().unwrap_or(Kind::Card);
        Part::Key(kind, KEY[place % KEY.len()])
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Context(&'static str),
    Payer(&'static str),
    Key(Kind, &'static str),
}

/// The figures of one attempt, by [`Feature::place`].
#[derive(Clone, Debug, PartialEq)]
pub struct Vector(pub(crate) [f32; COUNT]);

impl Vector {
    pub fn get(&self, feature: Feature) -> f32 {
        self.0[feature.place()]
    }

    /// Of figures that were made elsewhere.
    pub fn of(figure: impl Fn(Feature) -> f32) -> Self {
        let mut figures = [f32::NAN; COUNT];
        for feature in Feature::all() {
            figures[feature.place()] = figure(feature);
        }
        Vector(figures)
    }
}

/// How long the shop waits before it takes silence for a good sign, in days: rates are of attempts at least as old. 7 to
/// 35; card disputes come within weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay(i64);

impl Delay {
    pub fn days(days: u8) -> Self {
        Delay(i64::from(days.clamp(1, 35)))
    }
}

impl State {
    /// The figures of an attempt that is not counted yet.
    pub fn features(&self, attempt: &Attempt, delay: Delay) -> Vector {
        let mut figures = [f32::NAN; COUNT];
        let (context, rest) = figures.split_at_mut(CONTEXT.len());
        let (payer, keys) = rest.split_at_mut(PAYER.len());
        context.copy_from_slice(&self.context(attempt));
        let found = attempt.marks.payer().and_then(|(kind, mark)| self.profile(kind, mark));
        if let Some(profile) = found {
            payer.copy_from_slice(&of_payer(profile, attempt));
        }
        for (kind, figures) in Kind::ALL.into_iter().zip(keys.chunks_exact_mut(KEY.len())) {
            let Some(mark) = attempt.marks.get(kind) else { continue };
            let new = Profile::default();
            let profile = self.profile(kind, mark).unwrap_or(&new);
            figures.copy_from_slice(&of_key(kind, profile, attempt, delay));
        }
        Vector(figures)
    }

    fn context(&self, attempt: &Attempt) -> [f32; CONTEXT.len()] {
        let signals = &attempt.signals;
        let amount = minor(attempt.amount_minor);
        let local = attempt.at.seconds() + i64::from(attempt.offset_minutes) * 60;
        let (day, passed) = day_of(local);
        // 1970-01-01 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        let (anonymous, age) = match attempt.buyer {
            Buyer::Anonymous => (1.0, f32::NAN),
            Buyer::SignedIn { account_age } => (0.0, account_age.as_secs_f32() / 86_400.0),
        };
        let since = |span: Option<std::time::Duration>, unit: f32| {
            span.map_or(f32::NAN, |span| span.as_secs_f32() / unit)
        };
        let prepaid = match signals.funding {
            Funding::Unknown => f32::NAN,
            Funding::Credit | Funding::Debit => 0.0,
            Funding::Prepaid => 1.0,
        };
        [
            amount,
            self.shop.rank(amount).unwrap_or(f32::NAN),
            flag(passed < 7.0 / 24.0),
            flag(weekday >= 5),
            anonymous,
            age,
            signals.sign_in_points.unwrap_or(f32::NAN),
            since(signals.session_age, 60.0),
            signals.device_new.figure(),
            figure(signals.blocked_requests),
            figure(signals.card_entries),
            since(signals.credentials_changed, 3_600.0),
            signals.shipping_new.figure(),
            signals.express.figure(),
            signals.disposable_mail.figure(),
            signals.country_differs.figure(),
            signals.cvc_failed.figure(),
            signals.avs_failed.figure(),
            prepaid,
        ]
    }
}

fn flag(yes: bool) -> f32 {
    f32::from(u8::from(yes))
}

/// Amounts are in minor units; a deviation counts for at least a tenth of the usual amount, so that somebody who always
/// pays the same is not suspicious for a cent.
fn of_payer(profile: &Profile, attempt: &Attempt) -> [f32; PAYER.len()] {
    let amount = minor(attempt.amount_minor);
    let (day, passed) = day_of(attempt.at.seconds());
    let spikes = profile.bad.as_ref().map_or(0.0, |bad| bad.spikes.last(day, passed, 14));
    let Some(usual) = profile.amounts.mean() else {
        return [f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, spikes];
    };
    let deviation = profile.amounts.deviation().unwrap_or(f32::NAN);
    let least = (usual / 10.0).max(1.0);
    [
        usual,
        deviation,
        amount / usual.max(1.0),
        // `max` takes the other side where one is not a number: with one amount, a tenth of it.
        (amount - usual) / deviation.max(least),
        amount / profile.amounts.most().unwrap_or(usual).max(1.0),
        spikes,
    ]
}

fn of_key(kind: Kind, profile: &Profile, attempt: &Attempt, delay: Delay) -> [f32; KEY.len()] {
    let now = attempt.at.seconds();
    let (day, passed) = day_of(now);
    let days = |width| profile.days.last(day, passed, width);
    let minute = minute_of(now);
    let since = |then: Option<i64>, unit: f32| then.map_or(f32::NAN, |then| seconds(now - then) / unit);
    let week_ago = now - 7 * DAY_SECONDS;
    let ratio = profile.amounts.mean().map_or(f32::NAN, |mean| minor(attempt.amount_minor) / mean.max(1.0));
    let mut figures = [
        figure(profile.minutes.sum(minute - 59, minute)),
        days(1),
        days(7),
        days(28),
        since(profile.last_at(), 3_600.0),
        since(profile.first_at(), 86_400.0).min(OLD_DAYS),
        figure(profile.others.since(week_ago, other(kind, &attempt.marks))),
        0.0,
        ratio,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        f32::NAN,
        f32::NAN,
        f32::NAN,
        f32::NAN,
    ];
    let Some(bad) = &profile.bad else { return figures };
    figures[7] = bad.refused_days.last(day, passed, 1);
    for (place, width) in [(9, 7), (11, 28)] {
        let first = day - delay.0 - width;
        let frauds = bad.frauds.sum(first, day);
        figures[place] = figure(frauds);
        // Of the attempts of which it is known what they were: silence of a few days means nothing yet.
        figures[place + 1] = figure(frauds) / figure(profile.known.sum(first, day).max(1));
    }
    let (first, known) = (day - delay.0 - 7, profile.known.sum(day - delay.0 - 7, day));
    let plain = figure(bad.plain.sum(first, day));
    (figures[13], figures[14], figures[15]) = (plain, plain / figure(known.max(1)), bad.recent);
    if let Some(Run { first, last, frauds, good_since }) = bad.run {
        figures[16] = since(Some(first), 86_400.0);
        figures[17] = since(Some(last), 86_400.0);
        figures[18] = figure(frauds);
        figures[19] = figure(good_since);
    }
    figures
}

/// A span as a figure; negative ones are none.
fn seconds(span: i64) -> f32 {
    span.max(0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_features() {
        assert_eq!(Feature::all().count(), COUNT);
        for feature in Feature::all() {
            assert_eq!(Feature::named(&feature.name()), Some(feature));
            assert_eq!(Feature::at(feature.place()), Some(feature));
        }
        assert_eq!((Feature::named("card.colour"), Feature::at(COUNT)), (None, None));
    }
}

//! Which rules fire on an attempt that is not counted yet.

use crate::attempt::{Attempt, Buyer, Funding, Kind, Known, Mark, Secure};
use crate::card_testing::{Look, Sensitivity, Sign, is_stranger};
use crate::profile::{DAY_SECONDS, Profile, day_of, minute_of};
use crate::ring::figure;
use crate::rules::{Mode, Rule, RuleHit, RuleId};
use crate::state::{State, minor, other};

/// Orders before the shop's largest are known.
const ORDERS_BEFORE_LARGEST: u32 = 200;

/// What rules are asked about. Figures hold the attempt itself, too: the fourth one fires a limit of three.
pub(crate) struct Case<'a> {
    pub state: &'a State,
    pub attempt: &'a Attempt,
    pub score: Option<f64>,
    pub sign: Option<Sign>,
    now: i64,
    /// What the attempt itself adds to the counts: nothing where it was counted before.
    own: f64,
}

/// A figure that passed a limit.
struct Passed {
    kind: Option<Kind>,
    figure: f64,
    window: usize,
}

impl<'a> Case<'a> {
    pub fn new(state: &'a State, attempt: &'a Attempt, score: Option<f64>, sign: Option<Sign>) -> Self {
        Case { state, attempt, score, sign, now: attempt.at.seconds(), own: 1.0 }
    }

    /// Of an attempt that was counted before its card was known.
    pub fn counted(self) -> Self {
        Case { own: 0.0, ..self }
    }

    pub fn fire(&self, rule: &Rule) -> Option<RuleHit> {
        if rule.mode == Mode::Off {
            return None;
        }
        let Passed { kind, figure, window } = self.passed(rule)?;
        let (limit, limits) = (rule.limit(window), rule.limits.len());
        Some(RuleHit {
            rule: rule.id,
            mode: rule.mode,
            answer: rule.answer,
            kind,
            figure,
            limit: if limits == 0 { 0.0 } else { limit },
            window,
        })
    }

    fn passed(&self, rule: &Rule) -> Option<Passed> {
        let signals = &self.attempt.signals;
        let fact =
            |known: Known| (known == Known::Yes).then_some(Passed { kind: None, figure: 1.0, window: 0 });
        match rule.id {
            RuleId::PagesPerAddress => self.above(rule, None, &[f64::from(signals.pages_opened)]),
            RuleId::AttemptsPerAddress => {
                self.of_kinds(rule, &[Kind::Address], |_, profile| [self.minutes(profile, 1) + self.own])
            }
            RuleId::RefusedPerAddress => {
                self.of_kinds(rule, &[Kind::Address], |_, profile| [self.refused_minutes(profile, 10)])
            }
            RuleId::AttemptsOfShop => {
                let count = self.state.shop.lately(self.now) + self.own;
                is_stranger(self.attempt).then(|| self.above(rule, None, &[count]))?
            }
            RuleId::CardsPerBuyer => {
                let windows = [3_600, DAY_SECONDS, 7 * DAY_SECONDS];
                self.of_kinds(rule, &[Kind::Customer, Kind::Device], |kind, profile| {
                    windows.map(|window| self.others(kind, profile, window))
                })
            }
            RuleId::RefusedPerKey => {
                self.of_kinds(rule, &[Kind::Email, Kind::Card, Kind::Address], |_, profile| {
                    [
                        self.refused_minutes(profile, 60),
                        self.refused_days(profile, 1),
                        self.refused_days(profile, 7),
                    ]
                })
            }
            RuleId::AttemptsPerEmail => {
                self.of_kinds(rule, &[Kind::Email], |_, profile| [self.minutes(profile, 60) + self.own])
            }
            RuleId::DebitPerAddress => match signals.funding {
                Funding::Debit | Funding::Prepaid => {
                    self.of_kinds(rule, &[Kind::Address], |_, profile| [self.days(profile, 1) + self.own])
                }
                Funding::Unknown | Funding::Credit => None,
            },
            RuleId::CardAgain => self.card_again(rule),
            RuleId::CardTesting => self.sign.filter(|_| is_stranger(self.attempt)).map(|_| Passed {
                kind: None,
                figure: 1.0,
                window: 0,
            }),
            RuleId::CvcFailed => fact(signals.cvc_failed),
            RuleId::AvsFailed => fact(signals.avs_failed),
            RuleId::SecureFailed => {
                fact(if signals.secure == Secure::Failed { Known::Yes } else { Known::No })
            }
            RuleId::DisposableMail => fact(signals.disposable_mail),
            RuleId::CountryAndScore => {
                fact(signals.country_differs).and_then(|_| self.above(rule, None, &[self.score?]))
            }
            _ => self.passed_of_order(rule),
        }
    }

    /// Rules about what is ordered, where it goes and by whom.
    fn passed_of_order(&self, rule: &Rule) -> Option<Passed> {
        let signals = &self.attempt.signals;
        match rule.id {
            RuleId::AmountUnusual => self.amount_unusual(rule),
            RuleId::NewAccountExpress => {
                let Buyer::SignedIn { account_age } = self.attempt.buyer else { return None };
                let hours = account_age.as_secs_f64() / 3_600.0;
                let large = self.rank()? >= rule.limit(1);
                (hours < rule.limit(0) && large && signals.express == Known::Yes).then_some(Passed {
                    kind: Some(Kind::Customer),
                    figure: hours,
                    window: 0,
                })
            }
            RuleId::FirstOrderCoupons if signals.first_order_coupon == Known::Yes => {
                let kinds = [Kind::Device, Kind::Shipping, Kind::Card, Kind::Email];
                self.of_kinds(rule, &kinds, |_, profile| {
                    [profile.bad.as_ref().map_or(0.0, |bad| f64::from(bad.first_order_coupons)) + 1.0]
                })
            }
            RuleId::ManyCardsOnePlace => self.of_kinds(rule, &[Kind::Shipping], |kind, profile| {
                [self.others(kind, profile, 7 * DAY_SECONDS)]
            }),
            RuleId::ManyCardsOneAccount if signals.shipping_new == Known::Yes => {
                self.of_kinds(rule, &[Kind::Customer], |kind, profile| {
                    [self.others(kind, profile, 7 * DAY_SECONDS)]
                })
            }
            RuleId::TakeoverBeforePaying => {
                let hours = signals.credentials_changed?.as_secs_f64() / 3_600.0;
                let new = signals.device_new == Known::Yes && signals.shipping_new == Known::Yes;
                (new && hours < rule.limit(0)).then_some(Passed {
                    kind: Some(Kind::Customer),
                    figure: hours,
                    window: 0,
                })
            }
            _ => None,
        }
    }

    fn card_again(&self, rule: &Rule) -> Option<Passed> {
        let mark = self.attempt.marks.get(Kind::Card)?;
        let last = self.state.profile(Kind::Card, mark)?.last_at()?;
        // A span of years is no span for this rule.
        let seconds = u32::try_from(self.now.saturating_sub(last)).map(f64::from).ok()?;
        (seconds < rule.limit(0)).then_some(Passed { kind: Some(Kind::Card), figure: seconds, window: 0 })
    }

    /// Above the shop's largest, and above so many times what this buyer usually pays where that is known.
    fn amount_unusual(&self, rule: &Rule) -> Option<Passed> {
        let rank = self.rank().filter(|rank| *rank >= rule.limit(0))?;
        let payer = self.attempt.marks.payer().and_then(|(kind, mark)| self.state.profile(kind, mark));
        let usual = payer.and_then(|profile| profile.amounts.mean());
        let times = usual.map(|usual| f64::from(minor(self.attempt.amount_minor) / usual.max(1.0)));
        match times {
            Some(times) => (times > rule.limit(1)).then_some(Passed { kind: None, figure: times, window: 1 }),
            None => Some(Passed { kind: None, figure: rank, window: 0 }),
        }
    }

    fn rank(&self) -> Option<f64> {
        let shop = &self.state.shop;
        let rank = shop.rank(minor(self.attempt.amount_minor)).map(f64::from);
        rank.filter(|_| shop.orders() >= ORDERS_BEFORE_LARGEST)
    }

    /// The first of the kinds of which a figure is above its limit.
    fn of_kinds<const N: usize>(
        &self,
        rule: &Rule,
        kinds: &[Kind],
        figures: impl Fn(Kind, &Profile) -> [f64; N],
    ) -> Option<Passed> {
        let new = Profile::default();
        kinds.iter().find_map(|kind| {
            let mark = self.attempt.marks.get(*kind)?;
            let profile = self.state.profile(*kind, mark).unwrap_or(&new);
            self.above(rule, Some(*kind), &figures(*kind, profile))
        })
    }

    fn above(&self, rule: &Rule, kind: Option<Kind>, figures: &[f64]) -> Option<Passed> {
        let found = figures.iter().enumerate().find(|(window, figure)| **figure > rule.limit(*window));
        found.map(|(window, figure)| Passed { kind, figure: *figure, window })
    }

    fn minutes(&self, profile: &Profile, width: i64) -> f64 {
        let minute = minute_of(self.now);
        f64::from(profile.minutes.sum(minute - width + 1, minute))
    }

    fn days(&self, profile: &Profile, width: i64) -> f64 {
        let (day, passed) = day_of(self.now);
        f64::from(profile.days.last(day, passed, width)).floor()
    }

    fn refused_minutes(&self, profile: &Profile, width: i64) -> f64 {
        let minute = minute_of(self.now);
        profile.bad.as_ref().map_or(0.0, |bad| f64::from(bad.refused_minutes.sum(minute - width + 1, minute)))
    }

    fn refused_days(&self, profile: &Profile, width: i64) -> f64 {
        let (day, passed) = day_of(self.now);
        profile.bad.as_ref().map_or(0.0, |bad| f64::from(bad.refused_days.last(day, passed, width)).floor())
    }

    fn others(&self, kind: Kind, profile: &Profile, seconds: i64) -> f64 {
        f64::from(profile.others.since(self.now - seconds, other(kind, &self.attempt.marks)))
    }
}

impl State {
    /// Whether somebody tries cards out, as of this attempt.
    pub(crate) fn look(&mut self, attempt: &Attempt, sensitivity: &Sensitivity) -> Option<Sign> {
        let now = attempt.at.seconds();
        let bin = attempt.marks.get(Kind::Bin).and_then(|bin| self.profile(Kind::Bin, bin));
        let card = attempt.marks.get(Kind::Card);
        let look = Look {
            now,
            unknown: self.is_unknown(attempt),
            cards_of_bin: bin.map_or(0, |profile| profile.others.since(now - 600, card)),
        };
        self.shop.card_testing.look(look, sensitivity)
    }

    /// Whether nobody is signed in, and the card (or where it is not known yet, the device) was not here on another day, or
    /// was refused within four weeks: else whoever tries the same cards on a second day would count as a regular.
    pub(crate) fn is_unknown(&self, attempt: &Attempt) -> bool {
        let now = attempt.at.seconds();
        let today = day_of(now).0;
        let is_regular = |(kind, mark): (Kind, Mark)| {
            self.profile(kind, mark).is_some_and(|profile| {
                let refused =
                    profile.bad.as_ref().is_some_and(|bad| bad.refused_days.sum(today - 28, today) > 0);
                profile.is_old(now) && !refused
            })
        };
        let key =
            [Kind::Card, Kind::Device].into_iter().find_map(|kind| Some((kind, attempt.marks.get(kind)?)));
        is_stranger(attempt) && !key.is_some_and(is_regular)
    }
}

/// Attempts in this minute and the part of the last one that is less than a minute ago.
pub(crate) fn of_minute(ring: &crate::ring::Ring<60>, now: i64) -> f64 {
    let minute = minute_of(now);
    let passed = u32::try_from(now.rem_euclid(60)).unwrap_or(0);
    f64::from(ring.last(minute, figure(passed) / 60.0, 1))
}

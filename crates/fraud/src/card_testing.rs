//! Whether somebody tries stolen cards out in this shop: many cards that nobody knows, most of them declined, often of few
//! banks. What is noticed raises the bar for all buyers who are not known, for a thousand addresses share nothing else.
//!
//! Switching on takes one sign, switching off a quarter of an hour without any (hysteresis), so that whoever pauses for a
//! minute gains nothing.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attempt::{Attempt, Buyer, Kind, Known, Mark, Outcome};
use crate::codec::{Malformed, Reader, Writer};
use crate::profile::{DAY_SECONDS, day_of, minute_of};
use crate::ring::{Ring, figure};

/// A look goes back so far.
const LOOK_SECONDS: i64 = 600;

/// It stays on so long after the last sign.
const CALM_SECONDS: i64 = 15 * 60;

/// Outcomes that are remembered.
const OUTCOMES: usize = 20;

/// Attempts without an outcome that are remembered; more than that is a sign in any shop.
const UNDER_WAY: usize = 256;

/// From when on it speaks up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sensitivity {
    /// Cards of one BIN within ten minutes.
    pub cards_of_bin: u32,
    /// The share of declined attempts among the last twenty within ten minutes.
    pub declined_share: f32,
    /// Declined ones among the last eight of cards that nobody knows.
    pub unknown_declined: u32,
    /// Strangers' attempts of cards that nobody knows that are under way at once, at least; a shop that is used to more has
    /// twice as many as it is used to.
    pub under_way: u32,
}

impl Default for Sensitivity {
    /// The first two are usual in the trade (Visa's enumeration programme looks at 20 % and more); the others let a shop
    /// alone whose banks decline one in twelve: 5 of 8 by chance come about twice in ten thousand, and eight of them within
    /// ten minutes are rare in a small shop.
    fn default() -> Self {
        Sensitivity { cards_of_bin: 10, declined_share: 0.5, unknown_declined: 5, under_way: 5 }
    }
}

/// What gave it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Many cards of one BIN.
    CardsOfBin,
    /// Most of what was tried lately was declined.
    Declined,
    /// Most of the cards that nobody knew were declined.
    UnknownDeclined,
    /// Too many of them are under way.
    UnderWay,
    /// It was noticed a short while ago.
    Lately,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Settled {
    at: i64,
    refused: bool,
    unknown: bool,
}

/// An attempt without an outcome: when, and of which card or address.
type UnderWay = (i64, Option<Mark>);

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CardTesting {
    settled: VecDeque<Settled>,
    under_way: VecDeque<UnderWay>,
    /// Strangers' attempts of cards that nobody knows.
    unknown: Ring<60>,
    /// The most of them within ten minutes that the shop is used to.
    usual: f32,
    /// The most of them that are under way at once.
    usual_under_way: f32,
    /// Today, and its most of both so far.
    today: (i64, f32, f32),
    /// The last sign that keeps it on.
    last_sign: Option<i64>,
}

/// What a look needs to know of the attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub now: i64,
    /// A stranger's, and neither card nor device was here on another day.
    pub unknown: bool,
    /// Cards of the attempt's BIN within ten minutes, this one with them.
    pub cards_of_bin: u32,
}

impl CardTesting {
    /// Looks at an attempt that is not counted yet.
    pub fn look(&mut self, look: Look, sensitivity: &Sensitivity) -> Option<Sign> {
        self.forget(look.now);
        let lasting = self.lasting_sign(look, sensitivity);
        let busy = self.unknown_lately(look.now) >= sensitivity.under_way.max(5)
            && figure(self.unknown_lately(look.now)) > self.usual;
        let is_on = self.last_sign.is_some_and(|last| look.now - last < CALM_SECONDS);
        // While it is on, each further unknown card in a crowd of them is a sign that it is not over.
        if lasting.is_some() || (is_on && look.unknown && busy) {
            self.last_sign = Some(look.now);
        }
        let crowded = || {
            let most = figure(sensitivity.under_way).max(2.0 * self.usual_under_way);
            (look.unknown && self.under_way.len() as f32 >= most.min(UNDER_WAY as f32))
                .then_some(Sign::UnderWay)
        };
        lasting.or(is_on.then_some(Sign::Lately)).or_else(crowded)
    }

    /// When it ends if no further sign comes; nothing where it is not on.
    pub fn until(&self, now: i64) -> Option<i64> {
        self.last_sign.map(|last| last.saturating_add(CALM_SECONDS)).filter(|until| now < *until)
    }

    fn lasting_sign(&self, look: Look, sensitivity: &Sensitivity) -> Option<Sign> {
        let lately = || self.settled.iter().rev().filter(|one| look.now - one.at < LOOK_SECONDS);
        let unusual = figure(self.unknown_lately(look.now)) >= self.usual;
        if look.unknown && unusual && look.cards_of_bin >= sensitivity.cards_of_bin {
            return Some(Sign::CardsOfBin);
        }
        let unknown = lately().filter(|one| one.unknown).take(8);
        let refused = unknown.filter(|one| one.refused).count();
        if refused >= usize::try_from(sensitivity.unknown_declined).unwrap_or(usize::MAX) {
            return Some(Sign::UnknownDeclined);
        }
        let (count, refused) = (lately().count(), lately().filter(|one| one.refused).count());
        let share = refused as f32 / OUTCOMES as f32;
        (count >= OUTCOMES && share > sensitivity.declined_share).then_some(Sign::Declined)
    }

    fn unknown_lately(&self, now: i64) -> u32 {
        let minute = minute_of(now);
        self.unknown.sum(minute - LOOK_SECONDS / 60 + 1, minute)
    }

    fn forget(&mut self, now: i64) {
        self.under_way.retain(|(at, _)| now - at < LOOK_SECONDS);
    }

    /// Counts an attempt that goes on to the provider, as far as it is of an unknown card.
    pub fn record(&mut self, attempt: &Attempt, unknown: bool) {
        let now = attempt.at.seconds();
        self.turn_the_day(day_of(now).0);
        if !unknown {
            return;
        }
        self.unknown.add(minute_of(now));
        if self.under_way.len() >= UNDER_WAY {
            self.under_way.pop_front();
        }
        self.under_way.push_back(name(attempt));
        if self.last_sign.is_none_or(|last| now - last > DAY_SECONDS) {
            self.today.1 = self.today.1.max(figure(self.unknown_lately(now)));
            self.today.2 = self.today.2.max(self.under_way.len() as f32);
        }
    }

    /// What a shop is used to follows its days: down by a tenth a day, up at most to twice and five more, so that nobody
    /// gets it used to a flood in one day.
    fn turn_the_day(&mut self, day: i64) {
        let (today, most, under_way) = self.today;
        if day > today {
            let follow = |usual: f32, most: f32| (usual * 0.9).max(most.min(2.0 * usual + 5.0));
            self.usual = follow(self.usual, most);
            self.usual_under_way = follow(self.usual_under_way, under_way);
            self.today = (day, 0.0, 0.0);
        }
    }

    /// An outcome of the provider. What we blocked says nothing about cards.
    pub fn settle(&mut self, attempt: &Attempt, outcome: Outcome, unknown: bool) {
        let own = name(attempt);
        let waiting = self.under_way.iter().position(|one| *one == own);
        if let Some(at) = waiting {
            self.under_way.remove(at);
        }
        let refused = match outcome {
            Outcome::Approved => false,
            Outcome::Declined => true,
            Outcome::Blocked => return,
        };
        if self.settled.len() >= OUTCOMES {
            self.settled.pop_front();
        }
        let unknown = unknown || waiting.is_some();
        self.settled.push_back(Settled { at: attempt.at.seconds(), refused, unknown });
    }

    pub fn write(&self, to: &mut Writer) {
        to.length(self.settled.len());
        for one in &self.settled {
            to.signed(one.at);
            to.number(u64::from(one.refused) | u64::from(one.unknown) << 1);
        }
        to.length(self.under_way.len());
        for (at, mark) in &self.under_way {
            to.signed(*at);
            write_option(to, mark.map(|mark| mark.0.cast_signed()));
        }
        self.unknown.write(to);
        to.single(self.usual);
        to.single(self.usual_under_way);
        to.signed(self.today.0);
        to.single(self.today.1);
        to.single(self.today.2);
        write_option(to, self.last_sign);
    }

    pub fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut read = CardTesting::default();
        for _ in 0..from.length(OUTCOMES)? {
            let at = from.signed()?;
            let flags = from.length(3)?;
            read.settled.push_back(Settled { at, refused: flags & 1 != 0, unknown: flags & 2 != 0 });
        }
        for _ in 0..from.length(UNDER_WAY)? {
            let at = from.signed()?;
            read.under_way.push_back((at, read_option(from)?.map(|mark| Mark(mark.cast_unsigned()))));
        }
        read.unknown = Ring::read(from)?;
        read.usual = from.single()?;
        read.usual_under_way = from.single()?;
        read.today = (from.signed()?, from.single()?, from.single()?);
        read.last_sign = read_option(from)?;
        Ok(read)
    }
}

fn write_option(to: &mut Writer, number: Option<i64>) {
    to.number(u64::from(number.is_some()));
    if let Some(number) = number {
        to.signed(number);
    }
}

fn read_option(from: &mut Reader<'_>) -> Result<Option<i64>, Malformed> {
    if from.length(1)? == 0 { Ok(None) } else { from.signed().map(Some) }
}

/// By what an outcome finds its attempt.
fn name(attempt: &Attempt) -> UnderWay {
    let mark = attempt.marks.get(Kind::Device).or(attempt.marks.get(Kind::Address));
    (attempt.at.seconds(), mark)
}

/// An account of today is a stranger's: whoever tries stolen cards makes one for each. So is one that is known to have paid nothing
/// before: such can be had by the thousand, of any age.
const KNOWN_AFTER: Duration = Duration::from_secs(24 * 3_600);

pub(crate) fn is_stranger(attempt: &Attempt) -> bool {
    match attempt.buyer {
        Buyer::Anonymous => true,
        Buyer::SignedIn { account_age } => {
            account_age < KNOWN_AFTER || attempt.signals.paid_before == Known::No
        }
    }
}

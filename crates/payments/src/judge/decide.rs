//! The judgement at the begin of a payment.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_events::fraud as facts;
use storeward_fraud::{
    Answer, Attempt, Buyer, Category, Decision, Engine, Kind, Mode, Outcome, Sign, Signals,
};
use storeward_store::Reader;

use super::front::Front;
use super::gather::Around;
use super::heart::Told;
use super::kept::{StoredDecision, answer_word, category_word, permille};
use super::review::soft;
use super::sql::{self, NewRisk, RiskRow};
use crate::error::Error;
use crate::model::{Attempt as Page, Payment, Provider, State, Strength, Terms};
use crate::payments::Payments;

/// A refusal of an order stands so long, from wherever it is begun anew.
const REFUSED_FOR: Duration = Duration::from_secs(15 * 60);
/// What was asked for more of an order is asked for as long.
const ASKED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Whoever paid longer ago than this is known.
const KNOWN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What the shop says of an order.
const OF_ORDER: [Kind; 4] = [Kind::Email, Kind::Shipping, Kind::Product, Kind::Coupon];

/// Why something is judged.
#[derive(Clone, Copy)]
enum Why<'a> {
    /// A buyer begins to pay, on a page of these terms.
    Begun(Option<&'a Terms>, &'a Front),
    /// The shop says something else of an order that somebody is paying.
    ToldAnew,
}

/// How a payment may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub strength: Strength,
    pub hold: Hold,
}

/// Whether the money is only set aside at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hold {
    No,
    /// Until the card is known: a rule that goes by it acts.
    Passing,
    /// Until somebody has looked.
    Waiting,
}

/// What is read before a payment is judged.
struct Case {
    payment: Payment,
    pages: Vec<Page>,
    around: Around,
    before: Vec<RiskRow>,
    is_declined: bool,
    sealed: Vec<u8>,
}

impl Payments {
    /// Judges an attempt to pay, counts it, writes it down, and says how it may go on. Fails with [`Error::Stopped`] where it may
    /// not: nothing goes to a provider then, and a page that was begun before is closed.
    pub(crate) async fn judge_begin(
        &self,
        id: PaymentId,
        terms: Option<&Terms>,
        front: &Front,
    ) -> Result<Way, Error> {
        self.heart().await?;
        let (way, given_up) = self.judge_in_turn(id, Why::Begun(terms, front)).await?;
        // Behind the turn: what comes of closing is looked at, and judged.
        let closed = match &given_up {
            Some(page) => self.give_up(page).await,
            None => Ok(()),
        };
        way.and_then(|way| closed.map(|()| way))
    }

    /// Judges the page that is open by what the shop says of the order now, where that is something else: whoever is on it pays without
    /// coming back. It is closed where more is asked for; a call that does not go out is left to the next look.
    pub(crate) async fn judge_told_anew(&self, id: PaymentId) -> Result<(), Error> {
        self.heart().await?;
        match self.judge_in_turn(id, Why::ToldAnew).await? {
            (_, Some(page)) => self.give_up(&page).await.or_else(soft),
            (_, None) => Ok(()),
        }
    }

    /// How it may go on, or why not; and the page that must not be used any more.
    async fn judge_in_turn(
        &self,
        id: PaymentId,
        why: Why<'_>,
    ) -> Result<(Result<Way, Error>, Option<Page>), Error> {
        let _turn = self.0.judge.turn.lock().await;
        let now = self.0.now();
        let case = self.0.read(move |reader| case(reader, id, now)).await?;
        if let Err(refused) = crate::verbs::may_begin(&case.payment, now) {
            return match why {
                Why::Begun(..) => Err(refused),
                // What was agreed to is being taken, or is: there is no page to close.
                Why::ToldAnew => Ok((Err(refused), None)),
            };
        }
        let cards = self.0.with_heart(|heart| goes_by_cards(&heart.engine))?;
        let (known, attempt, country) = match why {
            Why::Begun(terms, front) => {
                let known = terms.and_then(|terms| known_page(&case, terms, now));
                let country = front.country.as_deref().map(|country| self.0.judge.country(country));
                (known, self.gather_begin(&case, front, now)?, country)
            }
            Why::ToldAnew => {
                let said = self.gather_begin(&case, &Front::default(), now)?;
                match open_page(&case) {
                    Some((page, row)) => (Some((page, row)), on_the_page(row, said), row.country),
                    None => return Ok((Ok(way(Answer::Allow, cards)), None)),
                }
            }
        };
        // Where the shop has said something else of the order since, the page that is there was judged by what is not so any more.
        if let Some((page, row)) = known.filter(|(_, row)| !was_told_anew(row, &attempt)) {
            return Ok((Ok(Way { strength: page.strength, ..way(row.answer, cards) }), None));
        }
        let (decision, told) = self.0.with_heart(|heart| {
            let decision = match (why, known.and_then(|(_, row)| row.facts)) {
                (Why::ToldAnew, Some(before)) => heart.engine.anew(&mut heart.state, &before, &attempt),
                _ => heart.engine.decide(&mut heart.state, &attempt),
            };
            (decision.clone(), heart.notice(&decision, now))
        })?;
        let (answer, category, is_held) = floor(&case, &decision, now);
        let stopped = answer == Answer::Block;
        let stays = known.filter(|(page, row)| answer <= row.answer && !asks_for_more(answer, page));
        // What was judged of a page that stays, or that is closed for it, belongs to that page.
        let is_of_page = stopped || matches!(why, Why::ToldAnew);
        let of_page = stays.or(known.filter(|_| is_of_page)).map(|(page, _)| page.number);
        let row = NewRisk {
            payment: id,
            order: case.payment.order.clone(),
            attempt: of_page.unwrap_or_else(|| case.payment.attempt.saturating_add(1)),
            facts: attempt,
            country,
            answer,
            is_held,
            score: decision.score,
            challenger: decision.challenger,
            decision: StoredDecision::of(&decision).said(category),
            charge: None,
            outcome: stopped.then_some(Outcome::Blocked),
        };
        self.write_judged(row, decision, told).await?;
        let given_up = known.filter(|_| stays.is_none()).map(|(page, _)| page.clone());
        if stopped {
            if let Why::Begun(..) = why {
                self.0.with_heart(|heart| {
                    heart.engine.settle(&mut heart.state, &attempt, Outcome::Blocked);
                })?;
            }
            let category = category_word(category.unwrap_or(Category::OtherMethod));
            return Ok((Err(Error::Stopped { category }), given_up));
        }
        let way = way(answer, cards);
        let strength = stays.map_or(way.strength, |(page, _)| page.strength.max(way.strength));
        Ok((Ok(Way { strength, ..way }), given_up))
    }

    fn gather_begin(&self, case: &Case, front: &Front, now: Timestamp) -> Result<Attempt, Error> {
        let details = self.0.unseal(case.payment.id, &case.sealed)?;
        let mut around = case.around.clone();
        // An account is counted as a customer whom the shop named by its id, where it names nobody.
        if let Some(id) = front.account.and_then(|account| account.customer) {
            let customer = self.0.customers.mark(&id.to_string());
            let mark = self.0.judge.mark(Kind::Customer, &customer);
            around.has_paid = self.0.with_heart(|heart| heart.state.has_paid(mark, now))?;
            around.customer.get_or_insert(customer);
        }
        Ok(self.0.judge.gather(case.payment.amount.minor, &details, &around, front, now))
    }

    async fn write_judged(&self, row: NewRisk, decision: Decision, told: Option<Told>) -> Result<(), Error> {
        let shared = Arc::clone(&self.0);
        let (row, decision) = (Arc::new(row), Arc::new(decision));
        self.0
            .write(move |tx| {
                let number = sql::insert_risk(tx, &row)?;
                tx.append(Actor::System, None, judged(&row, number, &decision))?;
                if row.answer == Answer::Block {
                    tx.append(Actor::System, None, refused(row.payment, &row.decision, row.is_held))?;
                }
                shared.tell_card_testing(tx, told)
            })
            .await
    }
}

/// The page that somebody may be on at the provider, and what was said of it last.
fn open_page(case: &Case) -> Option<(&Page, &RiskRow)> {
    let page = case.pages.iter().find(|page| page.is_open && page.number == case.payment.attempt)?;
    let mut rows = case.before.iter();
    Some((page, rows.find(|row| row.payment == case.payment.id && row.attempt == page.number)?))
}

/// What the shop says of the order now, of whoever is on the page: the front door saw them when it was begun, and does not see them now.
fn on_the_page(row: &RiskRow, said: Attempt) -> Attempt {
    let Some(then) = &row.facts else { return said };
    let mut marks = said.marks;
    for kind in [Kind::Address, Kind::Network, Kind::Device, Kind::Customer] {
        if let (None, Some(mark)) = (marks.get(kind), then.marks.get(kind)) {
            marks = marks.with(kind, mark);
        }
    }
    let signals = Signals {
        shipping_new: said.signals.shipping_new,
        express: said.signals.express,
        first_order_coupon: said.signals.first_order_coupon,
        disposable_mail: said.signals.disposable_mail,
        // What a card gave away belongs to that card.
        country_differs: said.signals.country_differs,
        cvc_failed: said.signals.cvc_failed,
        avs_failed: said.signals.avs_failed,
        funding: said.signals.funding,
        secure: said.signals.secure,
        liability_shifted: said.signals.liability_shifted,
        ..then.signals
    };
    let buyer = if then.buyer == Buyer::Anonymous { said.buyer } else { then.buyer };
    Attempt { marks, signals, buyer, ..said }
}

/// The page that is there already, or is being made, is no new attempt: what was said of it stands.
fn known_page<'a>(case: &'a Case, terms: &Terms, now: Timestamp) -> Option<(&'a Page, &'a RiskRow)> {
    // Of one that was begun with what is kept, only the bank's question is left.
    let is_asked = |page: &Page| page.method.is_some() && case.payment.state == State::RequiresAction;
    let is_good = |page: &&Page| {
        page.is_open
            && (terms.is_met_by(page) || (page.provider == terms.provider && is_asked(page)))
            && page.strength >= terms.strength
            && page.number == case.payment.attempt
            && page.expires_at > now.plus(Duration::from_secs(60))
    };
    let page = case.pages.iter().find(is_good)?;
    // The newest: further cards on the page may have been too much, and closing it has not worked yet.
    let mut rows = case.before.iter();
    let row = rows.find(|row| row.payment == case.payment.id && row.attempt == page.number)?;
    (!asks_for_more(row.answer, page)).then_some((page, row))
}

/// Whether a page was judged by something else than what the shop says of the order now.
fn was_told_anew(row: &RiskRow, now: &Attempt) -> bool {
    let Some(then) = &row.facts else { return false };
    OF_ORDER.into_iter().any(|kind| then.marks.get(kind) != now.marks.get(kind))
        || then.signals.express != now.signals.express
        || then.signals.first_order_coupon != now.signals.first_order_coupon
}

fn case(reader: &mut Reader<'_>, id: PaymentId, now: Timestamp) -> Result<Case, Error> {
    let payment = crate::sql::get(reader, id)?;
    let customer = sql::customer_of(reader, id)?;
    let told = sql::told(reader, id)?;
    let (mut customer_since, mut was_sent_there) = (None, None);
    if let Some(customer) = &customer {
        let since = sql::customer_since(reader, customer, now.minus(KNOWN_AFTER))?;
        customer_since = since.map(|since| now.since(since));
        if let Some(shipping) = told.shipping {
            was_sent_there = Some(sql::was_sent_there(reader, customer, shipping, now.minus(KNOWN_AFTER))?);
        }
    }
    Ok(Case {
        pages: crate::sql::attempts_of(reader, id)?,
        around: Around { customer, customer_since, told, was_sent_there, has_paid: false },
        before: sql::risks_of_order(reader, &payment.order, now.minus(ASKED_FOR))?,
        is_declined: sql::is_order_declined(reader, &payment.order)?,
        sealed: crate::sql::details(reader, id)?,
        payment,
    })
}

/// What the order is asked for at least: nobody walks around an answer by beginning anew, from elsewhere or under another
/// payment of the same order.
fn floor(case: &Case, decision: &Decision, now: Timestamp) -> (Answer, Option<Category>, bool) {
    let stands = |row: &&RiskRow| match row.answer {
        // One that only said an earlier one again does not make it longer.
        Answer::Block => !row.is_held && now.since(row.judged_at) < REFUSED_FOR,
        Answer::Allow | Answer::Challenge | Answer::Review => true,
    };
    let before = case.before.iter().filter(stands).max_by_key(|row| row.answer);
    let (mut answer, mut category) = (decision.answer, decision.category);
    let mut is_held = false;
    if let Some(before) = before
        && before.answer > answer
    {
        (answer, category) = (before.answer, before.decision.category);
        is_held = before.answer == Answer::Block;
    }
    if case.is_declined && answer < Answer::Block {
        (answer, category, is_held) = (Answer::Block, Some(Category::OtherMethod), true);
    }
    (answer, category, is_held)
}

/// Whether something that acts has to know the card: then the money is only set aside until it is known.
fn goes_by_cards(engine: &Engine) -> bool {
    engine.rules.iter().any(|rule| rule.mode == Mode::Active && rule.id.goes_by_card())
        || engine.champion.as_ref().is_some_and(|placed| placed.mode == Mode::Active)
}

/// Whether a page was made with less than what an answer asks for.
pub(super) fn asks_for_more(answer: Answer, page: &Page) -> bool {
    match (answer, page.provider) {
        (Answer::Allow, _) => false,
        // Whoever signs in at PayPal has proved more than a card does.
        (Answer::Challenge | Answer::Review, Provider::PayPal) => false,
        (Answer::Challenge | Answer::Review, Provider::Stripe) => page.strength == Strength::Usual,
        (Answer::Block, _) => true,
    }
}

fn way(answer: Answer, goes_by_cards: bool) -> Way {
    let passing = if goes_by_cards { Hold::Passing } else { Hold::No };
    let (strength, hold) = match answer {
        Answer::Allow => (Strength::Usual, passing),
        Answer::Challenge => (Strength::Challenge, passing),
        Answer::Review | Answer::Block => (Strength::Challenge, Hold::Waiting),
    };
    Way { strength, hold }
}

fn rules(decision: &StoredDecision, mode: Mode) -> Vec<String> {
    decision.fired.iter().filter(|hit| hit.mode == mode).map(|hit| hit.rule.code().to_owned()).collect()
}

/// The fact of a judgement.
pub(super) fn judged(row: &NewRisk, number: u32, decision: &Decision) -> facts::FraudJudged {
    let weighed = decision.weighed.iter().filter(|one| one.points > 0.0);
    facts::FraudJudged {
        payment: row.payment,
        number,
        answer: answer_word(row.answer).to_owned(),
        score_permille: permille(row.score),
        rules: rules(&row.decision, Mode::Active),
        watched: rules(&row.decision, Mode::Observe),
        reasons: weighed.map(|one| one.feature.name()).collect(),
    }
}

/// The fact of a refusal.
pub(super) fn refused(payment: PaymentId, decision: &StoredDecision, held: bool) -> facts::FraudRefused {
    let category = category_word(decision.category.unwrap_or(Category::OtherMethod)).to_owned();
    facts::FraudRefused { payment, category, rules: rules(decision, Mode::Active), held }
}

/// Which sign gave it away, in its stable word.
pub(super) fn sign_word(sign: Sign) -> &'static str {
    match sign {
        Sign::CardsOfBin => "cards_of_bin",
        Sign::Declined => "declined",
        Sign::UnknownDeclined => "unknown_declined",
        Sign::UnderWay => "under_way",
        Sign::Lately => "lately",
    }
}

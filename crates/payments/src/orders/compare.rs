//! One order against the payments that it has.

use std::sync::{Arc, Mutex, PoisonError};

use storeward_base::Timestamp;
use storeward_store::{Reader, Row, Tx, params};

use super::{
    CHECK_ORDER, DUE_ORDERS, FIRST_TOLD, GRACE, Kept, LAST_READ, MOVED_PAYMENTS, OrderState, PROGRAM,
    READ_AT, SETTLE_MISSED, kept,
};
use crate::believed;
use crate::error::Error;
use crate::model::{Payment, State};
use crate::money::Currency;
use crate::payments::{Payments, Shared};
use crate::reconcile::{Found, settle_but, write_down_of_order};
use crate::sql;

/// So many orders in one transaction, and so many transactions in one round.
const PAGE: u32 = 200;
const PAGES: u32 = 50;
/// So many payments, of which most are known, in one transaction.
const MOVED: u32 = 1_000;
/// A difference is looked at again, so that it is gone from the list once it is gone.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(3600);
/// An order of which nobody has told is missed after a day: some shops tell theirs at night.
const MISSED_AFTER: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Payments that were made before are missed no more.
const MISSED_UNTIL: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);

/// An order that the shop told stays told: once a day all payments are looked at all the same, in case somebody took it away.
const ALL_EVERY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Where a payment stands by its last change.
type Place = (Timestamp, String);

/// Up to where payments were looked at, by their last change, and since when: each changes behind that when it may be missed anew.
#[derive(Debug, Default)]
pub(crate) struct Missed(Mutex<Option<(Timestamp, Place)>>);

impl Missed {
    fn begin(&self, now: Timestamp) -> (Timestamp, Place) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = known.filter(|(since, _)| now.since(*since) < ALL_EVERY);
        known.unwrap_or((now, (Timestamp::EPOCH, String::new())))
    }

    fn end(&self, since: Timestamp, place: Place) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((since, place));
    }
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub compared: u32,
    /// Those that were not known before.
    pub differences: u32,
    /// Orders whose payments have not come to rest, or that were not read since: they are looked at later.
    pub later: u32,
}

/// Everything that money did for an order, in the currency of the order: sums of two currencies say nothing of each other.
#[derive(Default)]
struct Paid {
    taken: i64,
    back: i64,
    /// What providers hold back or took because of disputes.
    disputed: i64,
    is_set_aside: bool,
    /// The payment that was meant to bring it, and of what amount that is.
    payment: Option<Payment>,
    /// The newest payment in another currency that brought something.
    foreign: Option<Payment>,
    /// The newest of those that the shop has the money of, or can have.
    foreign_held: Option<Payment>,
}

impl Paid {
    /// `disputed` is of payments in the currency of the order.
    fn of(currency: Currency, payments: &[Payment], disputed: i64) -> Paid {
        let mut paid = Paid { disputed, ..Paid::default() };
        for one in payments {
            let brought = one.captured > 0 || one.state == State::Authorized;
            if one.currency() != currency {
                let left = one.captured.saturating_sub(one.refunded).saturating_sub(one.disputed);
                let is_held = left > 0 || one.capturable() > 0 || one.state == State::Authorized;
                if brought && paid.foreign.is_none() {
                    paid.foreign = Some(one.clone());
                }
                if is_held && paid.foreign_held.is_none() {
                    paid.foreign_held = Some(one.clone());
                }
                continue;
            }
            paid.taken = paid.taken.saturating_add(one.captured);
            paid.back = paid.back.saturating_add(one.refunded);
            paid.is_set_aside |=
                one.capturable() > 0 || matches!(one.state, State::Authorized | State::PartiallyCaptured);
            // The newest first: the first that brought something.
            if paid.payment.is_none() && brought {
                paid.payment = Some(one.clone());
            }
        }
        paid
    }
}

/// What does not agree. Pure.
fn differences(order: &Kept, paid: &Paid) -> Vec<Found> {
    let (order, id) = (&order.order, paid.payment.as_ref().map(|payment| payment.id));
    let found = |what: &'static str, there: Option<i64>, here: Option<i64>| Found {
        what,
        reference: order.order.clone(),
        payment: id,
        there,
        here,
        currency: Some(order.amount.currency.to_string()),
    };
    let mut all = Vec::new();
    if let Some(payment) = paid.payment.as_ref().filter(|payment| payment.amount != order.amount) {
        all.push(found("order_amount", Some(payment.amount.minor), Some(order.amount.minor)));
    }
    let is_amount_told = !all.is_empty();
    let is_unpaid = paid.taken == 0 && !paid.is_set_aside && !order.is_elsewhere;
    // Beside whatever is so in the order's own currency: neither hides the other.
    let instead = paid.foreign.as_ref().filter(|_| order.state == OrderState::Paid && is_unpaid);
    if let Some(payment) = paid.foreign_held.as_ref().or(instead) {
        all.push(Found {
            payment: Some(payment.id),
            currency: Some(payment.currency().to_string()),
            ..found("order_currency", Some(payment.amount.minor), None)
        });
    }
    // Money that a buyer's bank took back is not with the shop, either: nobody is told to give it back once more.
    let kept = paid.taken - paid.back;
    let left = kept.saturating_sub(paid.disputed);
    match order.state {
        OrderState::Open if left > 0 => all.push(found("order_unpaid", Some(left), Some(0))),
        OrderState::Cancelled if left > 0 => all.push(found("order_cancelled", Some(left), Some(0))),
        // By one in another currency, as is told.
        OrderState::Paid if instead.is_some() => {}
        OrderState::Paid if order.amount.minor > 0 && is_unpaid => {
            all.push(found("order_without_payment", Some(0), Some(order.amount.minor)));
        }
        // A part was taken, and the rest set free: the shop thinks that it has all of it.
        OrderState::Paid
            if !is_amount_told
                && paid.taken < order.amount.minor
                && !paid.is_set_aside
                && !order.is_elsewhere =>
        {
            all.push(found("order_amount", Some(paid.taken), Some(order.amount.minor)));
        }
        // Paid twice, such as by a page that was taken for given up. What went back is not with the shop any more.
        OrderState::Paid if !is_amount_told && left > order.amount.minor => {
            all.push(found("order_amount", Some(left), Some(order.amount.minor)));
        }
        _ => {}
    }
    if paid.taken > 0 {
        let said = match (order.state, order.refunded) {
            // Whole, also where less was taken than it cost.
            (OrderState::Refunded, _) => Some(paid.taken),
            (OrderState::Paid, Some(back)) => Some(back),
            // It does not say: only that all is gone cannot be right.
            (OrderState::Paid, None) => Some(if kept > 0 { paid.back } else { 0 }),
            (OrderState::Open | OrderState::Cancelled, _) => None,
        };
        match said {
            Some(said) if said < paid.back => {
                all.push(found("order_not_refunded", Some(paid.back), Some(said)));
            }
            Some(said) if said > paid.back.saturating_add(paid.disputed) => {
                all.push(found("payment_not_refunded", Some(paid.back), Some(said)));
            }
            _ => {}
        }
    }
    all
}

/// Until when what the shop says is how it was there: a program tells what changes, a database is read from time to time.
fn as_of(reader: &mut Reader<'_>, order: &Kept, now: Timestamp) -> Result<Timestamp, Error> {
    if order.source == PROGRAM {
        return Ok(now);
    }
    let read: Option<Timestamp> = reader.query_optional(READ_AT, params![&order.source], |row| row.get(0))?;
    Ok(read.map_or(order.told_at, |read| read.max(order.told_at)))
}

impl Payments {
    /// Compares the orders that are due, and looks for payments of which the shop knows no order. A round that is cut short goes on
    /// where it stopped.
    pub async fn compare_orders(&self) -> Result<Round, Error> {
        let mut round = Round::default();
        for _ in 0..PAGES {
            let shared = Arc::clone(&self.0);
            let (page, count) = self.0.write(move |tx| shared.compare_page(tx)).await?;
            round.compared += page.compared;
            round.differences += page.differences;
            round.later += page.later;
            if count < PAGE {
                break;
            }
        }
        // An order that nobody has told of is missed no more once all of its money went back.
        let settled = self.0.write(|tx| {
            tx.commit_silent("differences that are gone are settled");
            let now = tx.now();
            Ok::<_, Error>(tx.execute(SETTLE_MISSED, params![now])?)
        });
        settled.await?;
        let (since, mut place) = self.0.missed.begin(self.0.now());
        for _ in 0..PAGES {
            let (shared, from) = (Arc::clone(&self.0), place.clone());
            let (found, last) = self.0.write(move |tx| shared.missed(tx, &from)).await?;
            round.differences += found;
            let is_over = last.1.is_empty();
            place = last.max(place);
            self.0.missed.end(since, place.clone());
            if is_over {
                break;
            }
        }
        Ok(round)
    }
}

impl Shared {
    fn compare_page(&self, tx: &mut Tx<'_>) -> Result<(Round, u32), Error> {
        tx.commit_silent("orders were compared with payments; differences are told");
        let now = tx.now();
        let due = tx.query_many(DUE_ORDERS, params![now, PAGE], |row| {
            Ok((row.get::<String>(0)?, believed::readable(row, ("payment_shop_order", 0), kept)?))
        })?;
        let mut round = Round::default();
        for (name, order) in &due {
            let Some(order) = order else {
                // Somebody wrote it. It is told, and not due any more.
                tx.execute(CHECK_ORDER, params![name, None::<Timestamp>])?;
                continue;
            };
            let compared = match self.compare_order(tx, order, now) {
                // It is told elsewhere, and holds no other order up.
                Err(Error::Harmed { .. } | Error::Form(_)) => None,
                other => other?,
            };
            let next = match compared {
                None => {
                    round.later += 1;
                    Some(now.plus(GRACE))
                }
                Some((found, fresh)) => {
                    round.compared += 1;
                    round.differences += fresh;
                    (found > 0).then(|| now.plus(AGAIN))
                }
            };
            tx.execute(CHECK_ORDER, params![name, next])?;
        }
        Ok((round, u32::try_from(due.len()).unwrap_or(PAGE)))
    }

    /// How many differences there are, and how many of them are new; nothing where it is too early to say.
    fn compare_order(
        &self,
        tx: &mut Tx<'_>,
        order: &Kept,
        now: Timestamp,
    ) -> Result<Option<(usize, u32)>, Error> {
        let payments = sql::of_order(tx, &order.order.order, 100)?;
        let until = as_of(tx, order, now)?;
        let is_at_rest = |payment: &Payment| {
            let moved = payment.captured > 0 || payment.authorized > 0;
            !payment.is_unsure && (!moved || payment.updated_at.plus(GRACE) <= until)
        };
        if !payments.iter().all(is_at_rest) {
            return Ok(None);
        }
        let currency = order.order.amount.currency;
        let mut disputed: i64 = 0;
        for payment in payments.iter().filter(|payment| payment.currency() == currency) {
            for dispute in crate::disputes::of(tx, payment.id)? {
                // By the books: a dispute's row bears no seal.
                let booked = crate::disputes::booked(tx, payment.id, &dispute.reference)?;
                disputed = disputed.saturating_add(booked.withdrawn());
            }
        }
        let found = differences(order, &Paid::of(currency, &payments, disputed));
        let whats: Vec<&str> = found.iter().map(|one| one.what).collect();
        settle_but(tx, &order.order.order, &whats)?;
        let mut fresh = 0;
        for one in &found {
            fresh += u32::from(write_down_of_order(tx, one)?);
        }
        Ok(Some((found.len(), fresh)))
    }

    /// Payments that brought money for an order of which the shop, which tells its orders, said nothing. Those that stand in the list
    /// already are left out, so that however many there are each round gets further. How many there are, and where it stopped: with no id at
    /// the moment up to which all were looked at.
    fn missed(&self, tx: &mut Tx<'_>, after: &Place) -> Result<(u32, Place), Error> {
        tx.commit_silent("payments were held against the shop's orders; differences are told");
        let first: Option<Timestamp> = tx.query_one(FIRST_TOLD, &[], |row| row.get(0))?;
        let Some(first) = first else { return Ok((0, (Timestamp::EPOCH, String::new()))) };
        let first = first.max(tx.now().minus(MISSED_UNTIL));
        let read: Option<Timestamp> = tx.query_one(LAST_READ, &[], |row| row.get(0))?;
        let until = read.unwrap_or_else(|| tx.now()).minus(MISSED_AFTER);
        // Nothing changed before it was made.
        let from = after.clone().max((first, String::new()));
        let rows = tx.query_many(MOVED_PAYMENTS, params![from.0, &from.1, until, first, MOVED], |row| {
            let place: Place = (row.get(1)?, row.get(0)?);
            let read = |row: &Row<'_>| {
                let is_unknown: bool = row.get(5)?;
                Ok((row.get::<String>(2)?, row.get::<i64>(3)?, row.get::<String>(4)?, is_unknown))
            };
            Ok((place, believed::readable(row, ("payment", 0), read)?))
        })?;
        let is_full = u32::try_from(rows.len()).is_ok_and(|count| count == MOVED);
        let last = rows.last().filter(|_| is_full).map(|(place, _)| place.clone());
        let mut fresh = 0;
        for ((_, text), read) in rows {
            let Some((order, left, currency, true)) = read else { continue };
            let Some(id) = believed::id_of(&text) else {
                believed::left_out("payment", text);
                continue;
            };
            let one = Found {
                what: "order_missing",
                reference: order,
                payment: Some(id),
                there: Some(left),
                here: None,
                currency: Some(currency),
            };
            fresh += u32::from(write_down_of_order(tx, &one)?);
        }
        Ok((fresh, last.unwrap_or((until, String::new()))))
    }
}

#[cfg(test)]
mod tests {
    use storeward_base::{PaymentId, SystemEntropy};

    use super::*;
    use crate::model::{CaptureMode, Provider};
    use crate::money::Money;
    use crate::orders::ShopOrder;

    fn eur(minor: i64) -> Money {
        Money { minor, currency: "EUR".parse().unwrap() }
    }

    fn order(state: OrderState, amount: Money, refunded: Option<i64>) -> Kept {
        let order = ShopOrder {
            order: "A-1".to_owned(),
            amount,
            state,
            refunded,
            is_elsewhere: false,
            at: Timestamp::EPOCH,
        };
        Kept { order, source: PROGRAM.to_owned(), told_at: Timestamp::EPOCH }
    }

    fn payment(state: State, amount: i64, captured: i64, refunded: i64) -> Payment {
        Payment {
            id: PaymentId::at(Timestamp::EPOCH, &SystemEntropy),
            order: "A-1".to_owned(),
            amount: eur(amount),
            state,
            is_unsure: false,
            authorized: captured.max(if state == State::Authorized { amount } else { 0 }),
            captured,
            refunded,
            capturing: 0,
            refunding: 0,
            capture: CaptureMode::AtOnce,
            captures_ended: false,
            provider: Some(Provider::Stripe),
            attempt: 1,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            expires_at: Timestamp::EPOCH,
            version: 1,
            unsure: 0,
            looks: 0,
            look_at: None,
            disputed: 0,
        }
    }

    // The sum of both was held against the order, or the newer one hid whatever was wrong in the order's own currency.
    #[test]
    fn money_of_two_currencies_is_never_one_sum() {
        use OrderState::{Cancelled, Open, Paid as PaidFor, Refunded};
        let usd = |mut payment: Payment| {
            payment.amount.currency = "USD".parse().unwrap();
            payment
        };
        let told = |order: &Kept, payments: &[Payment]| {
            let found = differences(order, &Paid::of(order.order.amount.currency, payments, 0));
            let line =
                |one: &Found| (one.what, one.payment, one.there, one.here, one.currency.clone().unwrap());
            found.iter().map(line).collect::<Vec<_>>()
        };
        let own = |state, captured, back| payment(state, 1999, captured, back);
        let euros = own(State::Captured, 1999, 0);
        let dollars = usd(payment(State::Captured, 2150, 2150, 0));
        let foreign = ("order_currency", Some(dollars.id), Some(2150), None, "USD".to_owned());
        // Newest first: whichever it is, the order is paid in its own currency, and once more in another.
        for both in [[euros.clone(), dollars.clone()], [dollars.clone(), euros.clone()]] {
            assert_eq!(told(&order(PaidFor, eur(1999), None), &both), std::slice::from_ref(&foreign));
            let cancelled = told(&order(Cancelled, eur(1999), None), &both);
            let kept = ("order_cancelled", Some(euros.id), Some(1999), Some(0), "EUR".to_owned());
            assert_eq!(cancelled, [foreign.clone(), kept]);
            let refunded = told(&order(Refunded, eur(1999), None), &both);
            let kept = ("payment_not_refunded", Some(euros.id), Some(0), Some(1999), "EUR".to_owned());
            assert_eq!(refunded, [foreign.clone(), kept]);
        }
        // Small in the other currency, large in this one: twice the order's own price was paid in its own currency.
        let twice = [usd(payment(State::Captured, 1, 1, 0)), euros.clone(), own(State::Captured, 1999, 0)];
        let whats: Vec<_> =
            told(&order(PaidFor, eur(1999), None), &twice).into_iter().map(|one| (one.0, one.2)).collect();
        assert_eq!(whats, [("order_currency", Some(1)), ("order_amount", Some(3998))]);
        // What went back, or a bank took back, is not with the shop.
        let back = usd(payment(State::Refunded, 2150, 2150, 2150));
        assert_eq!(told(&order(PaidFor, eur(1999), None), &[back.clone(), euros.clone()]), []);
        let lost = Payment { disputed: 2150, ..dollars.clone() };
        assert_eq!(told(&order(PaidFor, eur(1999), None), &[lost, euros.clone()]), []);
        for state in [Open, Cancelled, Refunded] {
            assert_eq!(told(&order(state, eur(1999), None), std::slice::from_ref(&back)), []);
        }
        // But an order that is called paid has none, then.
        let none = told(&order(PaidFor, eur(1999), None), std::slice::from_ref(&back));
        assert_eq!(none.iter().map(|one| one.0).collect::<Vec<_>>(), ["order_currency"]);
        // Dollars do not make up for euros that are missing.
        let short = [dollars.clone(), own(State::Captured, 500, 0)];
        let whats: Vec<_> =
            told(&order(PaidFor, eur(1999), None), &short).into_iter().map(|one| one.0).collect();
        assert_eq!(whats, ["order_currency", "order_amount"]);
        assert_eq!(told(&order(PaidFor, eur(1999), None), &[dollars]), [foreign]);
    }

    #[test]
    fn what_does_not_agree_has_one_word_each() {
        use OrderState::{Cancelled, Open, Paid as PaidFor, Refunded};
        let check = |order: &Kept, payments: &[Payment], expected: &[&str]| {
            let found = differences(order, &Paid::of(order.order.amount.currency, payments, 0));
            let whats: Vec<&str> = found.iter().map(|one| one.what).collect();
            assert_eq!(whats, expected, "{order:?} {payments:?}");
        };
        let taken = [payment(State::Captured, 1999, 1999, 0)];
        let back = [payment(State::Refunded, 1999, 1999, 1999)];
        let part = [payment(State::PartiallyRefunded, 1999, 1999, 500)];
        let aside = [payment(State::Authorized, 1999, 0, 0)];
        check(&order(PaidFor, eur(1999), None), &taken, &[]);
        check(&order(PaidFor, eur(1999), Some(0)), &taken, &[]);
        check(&order(PaidFor, eur(1999), None), &aside, &[]);
        check(&order(PaidFor, eur(0), None), &[], &[]);
        check(&order(Open, eur(1999), None), &[], &[]);
        check(&order(Cancelled, eur(1999), None), &back, &[]);
        check(&order(Refunded, eur(1999), None), &back, &[]);
        check(&order(PaidFor, eur(1999), None), &part, &[]);
        check(&order(PaidFor, eur(1999), Some(500)), &part, &[]);
        check(&order(Open, eur(1999), None), &taken, &["order_unpaid"]);
        check(&order(Cancelled, eur(1999), None), &part, &["order_cancelled"]);
        check(&order(PaidFor, eur(1999), None), &[], &["order_without_payment"]);
        let other = [payment(State::Failed, 1999, 0, 0)];
        check(&order(PaidFor, eur(1999), None), &other, &["order_without_payment"]);
        check(&order(PaidFor, eur(2000), None), &taken, &["order_amount"]);
        // A part was taken: of the rest there is something still to come, or nothing.
        let some = |state| [payment(state, 5000, 500, 0)];
        check(&order(PaidFor, eur(5000), None), &some(State::PartiallyCaptured), &[]);
        check(&order(PaidFor, eur(5000), None), &some(State::Captured), &["order_amount"]);
        check(&order(Open, eur(5000), None), &some(State::Captured), &["order_unpaid"]);
        check(&order(Refunded, eur(5000), None), &[payment(State::Refunded, 5000, 500, 500)], &[]);
        let gone = [payment(State::Refunded, 5000, 500, 500)];
        check(&order(PaidFor, eur(5000), Some(500)), &gone, &["order_amount"]);
        let two = [payment(State::Captured, 5000, 4500, 0), payment(State::Captured, 5000, 500, 0)];
        check(&order(PaidFor, eur(5000), None), &two, &[]);
        // Paid twice, until one of both went back.
        let whole = |state, back| payment(state, 1999, 1999, back);
        let twice = [whole(State::Captured, 0), whole(State::Captured, 0)];
        check(&order(PaidFor, eur(1999), None), &twice, &["order_amount"]);
        let once = [whole(State::Captured, 0), whole(State::Refunded, 1999)];
        check(&order(PaidFor, eur(1999), None), &once, &[]);
        let some_back = [whole(State::Captured, 0), whole(State::PartiallyRefunded, 1000)];
        check(&order(PaidFor, eur(1999), None), &some_back, &["order_amount"]);
        let usd = Money { minor: 1999, currency: "USD".parse().unwrap() };
        check(&order(PaidFor, usd, None), &taken, &["order_currency"]);
        check(&order(PaidFor, eur(1999), None), &back, &["order_not_refunded"]);
        check(&order(PaidFor, eur(1999), Some(0)), &part, &["order_not_refunded"]);
        check(&order(PaidFor, eur(1999), Some(700)), &part, &["payment_not_refunded"]);
        check(&order(Refunded, eur(1999), None), &part, &["payment_not_refunded"]);
        // One that nobody paid in time, and the one behind it that was: together they are what money did.
        let both = [payment(State::Captured, 1999, 1999, 0), payment(State::Failed, 1999, 0, 0)];
        check(&order(PaidFor, eur(1999), None), &both, &[]);
        // Of a dispute that is open or lost: whatever the shop set the order to, nobody is told to give it back once more.
        let disputed = |order: &Kept, disputed: i64| {
            let found = differences(order, &Paid::of(order.order.amount.currency, &taken, disputed));
            found.iter().map(|one| one.what).collect::<Vec<_>>()
        };
        for shop in [
            order(Refunded, eur(1999), None),
            order(PaidFor, eur(1999), Some(1999)),
            order(Cancelled, eur(1999), None),
        ] {
            assert_eq!(disputed(&shop, 0).len(), 1, "{shop:?}");
            assert_eq!(disputed(&shop, 1999), [""; 0], "{shop:?}");
            assert_eq!(disputed(&shop, 500).len(), 1, "{shop:?}");
        }
        assert_eq!(disputed(&order(PaidFor, eur(1999), None), 1999), [""; 0]);
        assert_eq!(disputed(&order(Open, eur(1999), None), 500), ["order_unpaid"]);
        let mut elsewhere = order(PaidFor, eur(1999), None);
        elsewhere.order.is_elsewhere = true;
        check(&elsewhere, &[], &[]);
        check(&elsewhere, &taken, &[]);
    }
}

//! Disputes in the daily comparison: what the provider withdrew, took for its trouble and gave back, against the books.

use std::collections::BTreeMap;
use std::sync::Arc;

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_store::{Reader, Tx, params, statements};

use super::{Found, day_of, settle, settle_one, write_down};
use crate::believed;
use crate::disputes::{self, Told};
use crate::error::Error;
use crate::ledger::Account;
use crate::model::Provider;
use crate::money::Money;
use crate::payments::Payments;
use crate::paypal::PayPal;
use crate::provider::{Gateway, Movement, MovementKind, list, text};
use crate::sql;

statements! {
    BOOKED_BETWEEN = "SELECT DISTINCT l.reference, l.payment FROM payment_posting l JOIN payment_posting c ON c.entry = l.entry AND c.account = $1 \
                      WHERE l.account = 'disputes' AND l.at >= $2 AND l.at < $3 ORDER BY l.reference LIMIT 10000";
    OPEN_UNREAD = "SELECT reference, payment FROM payment_difference WHERE provider = $1 AND what = 'not_read' AND settled_at IS NULL \
                   ORDER BY reference LIMIT 10000";
}

/// A provider that shows so many in a row not is asked for none of the others in this round: each waits as long as a call may take.
pub(crate) const MOST_IN_VAIN: usize = 8;

/// In which order a round asks for them: those of which it is told that they could not be read come last, from another one on each hour.
/// So each of the others is read in one of the next rounds, however many the provider never shows.
pub(crate) fn in_turn<T>(all: Vec<T>, now: Timestamp, is_told: impl FnMut(&T) -> bool) -> Vec<T> {
    let (mut again, mut all): (Vec<T>, Vec<T>) = all.into_iter().partition(is_told);
    let hour = usize::try_from(now.seconds().div_euclid(3600)).unwrap_or_default();
    let turn = hour.wrapping_mul(MOST_IN_VAIN) % again.len().max(1);
    again.rotate_left(turn);
    all.extend(again);
    all
}

/// A dispute of ours that moved money on a day, at the provider or in the books.
pub(super) struct Moved {
    /// The provider's dispute; its movement, where no dispute of the payment is known.
    reference: String,
    payment: PaymentId,
    /// What the provider's dispute says now; nothing where there is none.
    told: Option<Arc<Told>>,
    /// The movement that the provider lists.
    listed: Option<Movement>,
    is_read: IsRead,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IsRead {
    /// Nobody has asked for it: too many before it were asked for in vain.
    NotAsked,
    /// The provider did not answer, or not with what can be read.
    InVain,
    Yes,
}

impl Moved {
    /// It bears the name of its movement, and no dispute's.
    fn is_nameless(&self) -> bool {
        self.listed.as_ref().is_some_and(|listed| listed.reference == self.reference)
    }

    pub(super) fn is_unread(&self) -> bool {
        self.is_read != IsRead::Yes
    }
}

impl Payments {
    /// The disputes that moved money on a day, read anew: what a lost message kept from us is booked before it is called a
    /// difference. Movements about what others took on the same account are left out.
    pub(super) async fn disputes_moved(
        &self,
        gateway: &Gateway,
        listed: &[Movement],
        between: (Timestamp, Timestamp),
    ) -> Result<Vec<Moved>, Error> {
        let provider = gateway.provider();
        let listed: Arc<Vec<Movement>> =
            Arc::new(listed.iter().filter(|one| one.kind == MovementKind::Dispute).cloned().collect());
        let named = self.0.read(move |reader| {
            Ok::<_, Error>((named(reader, provider, &listed, between)?, unread(reader, provider)?))
        });
        let (all, told) = named.await?;
        // PayPal's movement does not name its dispute: what is told of it is known by the payment.
        let is_told = |one: &Moved| {
            let payment = one.payment.text();
            told.contains_key(&one.reference)
                || told.values().any(|of| of.as_deref() == Some(payment.as_str()))
        };
        // Nor is it known whether its dispute is told by PayPal's own list, which names no payment, before it has its name.
        let (mut all, mut in_vain) = (all, 0);
        for one in all.iter_mut().filter(|one| one.is_nameless() && !is_told(one)) {
            match self.name(gateway, one).await {
                Ok(()) => in_vain = 0,
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                Err(_) => (one.is_read, in_vain) = (IsRead::InVain, in_vain + 1),
            }
            if in_vain >= MOST_IN_VAIN {
                return Ok(all);
            }
        }
        let mut all = in_turn(all, self.0.now(), is_told);
        for one in all.iter_mut().filter(|one| one.is_read == IsRead::NotAsked) {
            match self.read_moved(gateway, one).await {
                Ok(()) => (one.is_read, in_vain) = (IsRead::Yes, 0),
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                // Whatever one of them has, the day's others are compared; that it was not is told.
                Err(_) => (one.is_read, in_vain) = (IsRead::InVain, in_vain + 1),
            }
            if in_vain >= MOST_IN_VAIN {
                break;
            }
        }
        Ok(all)
    }

    async fn read_moved(&self, gateway: &Gateway, one: &mut Moved) -> Result<(), Error> {
        if one.is_nameless() {
            self.name(gateway, one).await?;
        }
        let provider = gateway.provider();
        let Some(told) = self.read_dispute(provider, &one.reference).await? else { return Ok(()) };
        match self.take_dispute(provider, one.payment, &told).await {
            // What is not booked is told.
            Ok(()) | Err(Error::Harmed { .. }) => {}
            Err(why) => return Err(why),
        }
        one.told = Some(told);
        Ok(())
    }

    /// Its dispute is known to nobody here: a message was lost.
    async fn name(&self, gateway: &Gateway, one: &mut Moved) -> Result<(), Error> {
        if let Gateway::PayPal(paypal) = gateway
            && let Some(id) = self.dispute_at(paypal, one.payment).await?
        {
            one.reference = id;
        }
        Ok(())
    }

    /// The dispute of a payment, as PayPal lists it.
    async fn dispute_at(&self, paypal: &PayPal, payment: PaymentId) -> Result<Option<String>, Error> {
        let captures = match self.0.read(move |reader| sql::captures_of(reader, payment)).await {
            Err(Error::Harmed { .. }) => return Ok(None),
            other => other?,
        };
        for capture in captures.iter().filter(|one| one.provider == Provider::PayPal) {
            let found = paypal.disputes_about(&capture.reference).await;
            let found = found.map_err(|why| Error::NotReached { code: why.code().to_owned() })?;
            if let Some(id) = list(&found, "/items").iter().find_map(|one| text(one, "/dispute_id")) {
                return Ok(Some(id.to_owned()));
            }
        }
        Ok(None)
    }
}

/// Whose they are.
fn named(
    reader: &mut Reader<'_>,
    provider: Provider,
    listed: &[Movement],
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Moved>, Error> {
    let mut found = BTreeMap::new();
    for movement in listed {
        let Some(payment) = payment_of(reader, provider, movement)? else { continue };
        let known = disputes::of(reader, payment)?;
        let mut known: Vec<String> =
            known.into_iter().filter(|one| one.provider == provider).map(|one| one.reference).collect();
        // Stripe's movement names its dispute, PayPal's does not.
        if provider == Provider::Stripe || known.is_empty() {
            known = vec![movement.reference.clone()];
        }
        for reference in known {
            found.insert(reference, (payment, Some(movement.clone())));
        }
    }
    let clearing = Account::Clearing(provider).name();
    let asked: (&str, &[_]) = (BOOKED_BETWEEN, params![clearing, from, to]);
    let booked = believed::listed(reader, ("payment_posting", 0), asked, |row| {
        Ok((row.get::<String>(0)?, believed::id(row, 1)?))
    })?;
    for (reference, payment) in booked {
        found.entry(reference).or_insert((payment, None));
    }
    let moved = |(reference, (payment, listed))| Moved {
        reference,
        payment,
        told: None,
        listed,
        is_read: IsRead::NotAsked,
    };
    Ok(found.into_iter().map(moved).collect())
}

pub(super) fn payment_of(
    reader: &mut Reader<'_>,
    provider: Provider,
    movement: &Movement,
) -> Result<Option<PaymentId>, Error> {
    if let Some(id) = movement.payment.as_deref().and_then(|id| id.parse::<PaymentId>().ok()) {
        return match sql::find(reader, id) {
            Ok(found) => Ok(found.map(|payment| payment.id)),
            // It is told where it is compared.
            Err(Error::Harmed { .. }) => Ok(Some(id)),
            Err(why) => Err(why),
        };
    }
    let own = (movement.kind == MovementKind::Capture).then_some(&movement.reference);
    for about in own.into_iter().chain(&movement.about) {
        match sql::find_capture(reader, provider, about) {
            Ok(None) => {}
            Ok(Some(capture)) => return Ok(Some(capture.payment)),
            Err(Error::Harmed { row, .. }) => return Ok(row.parse().ok()),
            Err(why) => return Err(why),
        }
    }
    Ok(None)
}

/// It was read now, whatever comes of it.
fn settle_not_read(tx: &mut Tx<'_>, provider: Provider, one: &Moved) -> Result<(), Error> {
    let listed = one.listed.as_ref().map(|listed| listed.reference.as_str());
    for reference in [Some(one.reference.as_str()), listed].into_iter().flatten() {
        settle_one(tx, provider.word(), reference, "not_read")?;
    }
    Ok(())
}

/// Disputes of which it is told that the provider does not show them; and of each its payment, where the day's movements, not the
/// provider's own list of disputes, were where it was found.
pub(crate) fn unread(
    reader: &mut Reader<'_>,
    provider: Provider,
) -> Result<BTreeMap<String, Option<String>>, Error> {
    let open = reader.query_many(OPEN_UNREAD, params![provider.word()], |row| {
        Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?))
    })?;
    Ok(open.into_iter().collect())
}

/// Tells that a dispute on the provider's list cannot be read; whether that is new.
pub(crate) fn tell_unread(tx: &mut Tx<'_>, provider: Provider, reference: &str) -> Result<bool, Error> {
    tx.commit_silent("it is told already that this dispute cannot be read");
    let day = day_of(tx.now());
    let reference = reference.to_owned();
    let found = Found { what: "not_read", reference, payment: None, there: None, here: None, currency: None };
    write_down(tx, Actor::System, (provider.word(), &day), &found)
}

/// It was read, or there is none any more.
pub(crate) fn settle_unread(tx: &mut Tx<'_>, provider: Provider, reference: &str) -> Result<(), Error> {
    tx.commit_silent("a dispute that could not be read was read");
    settle_one(tx, provider.word(), reference, "not_read")
}

/// What of each does not agree. What agrees is settled.
pub(super) fn compare(tx: &mut Tx<'_>, provider: Provider, moved: &[Moved]) -> Result<Vec<Found>, Error> {
    let mut all = Vec::new();
    for one in moved {
        let booked = disputes::booked(tx, one.payment, &one.reference);
        let found =
            |what: &'static str, there: Option<i64>, here: Option<i64>, currency: Option<String>| Found {
                what,
                reference: one.reference.clone(),
                payment: Some(one.payment),
                there,
                here,
                currency,
            };
        match one.is_read {
            // The day is not compared whole, and the next round asks for it before it asks again for what is told.
            IsRead::NotAsked => continue,
            IsRead::InVain => {
                all.push(found("not_read", None, None, None));
                continue;
            }
            IsRead::Yes => {}
        }
        settle_not_read(tx, provider, one)?;
        let booked = match booked {
            Err(Error::Harmed { .. }) => {
                all.push(found("row_harmed", one.told.as_ref().map(|told| told.withdrawn), None, None));
                continue;
            }
            other => other?,
        };
        match (&one.told, &one.listed) {
            (Some(told), _) => {
                let own = told.amount.currency;
                let held = (told.withdrawn, booked.of(Account::Disputes, own), own);
                let fee_of = |fee: &Money| (fee.minor, booked.of(Account::Fees, fee.currency), fee.currency);
                let mut all_of = std::iter::once(held).chain(told.fees.iter().map(fee_of));
                match all_of.find(|(there, here, _)| there != here) {
                    Some((there, here, currency)) => {
                        all.push(found("amount", Some(there), Some(here), Some(currency.to_string())));
                    }
                    None => {
                        settle(tx, provider, &one.reference)?;
                        if let Some(listed) = &one.listed {
                            settle(tx, provider, &listed.reference)?;
                        }
                    }
                }
            }
            (None, Some(listed)) => {
                let there = listed.amount;
                all.push(found("missing_here", Some(there.minor), None, Some(there.currency.to_string())));
            }
            (None, None) => all.push(found("missing_there", None, Some(booked.withdrawn()), None)),
        }
    }
    Ok(all)
}

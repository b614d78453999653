//! An order is to be paid: the shop's server says what it costs (mistake 3: never a browser).

use storeward_base::{Actor, PaymentId};
use storeward_events::payment as facts;
use storeward_store::Tx;

use crate::apply::amount;
use crate::error::Error;
use crate::judge::{OrderFacts, ToldRow};
use crate::model::{CaptureMode, Details, Line, NewPayment, Payment, Saving, State, has_card_number};
use crate::money::{MOST_MINOR, Money};
use crate::payments::Payments;
use crate::sql::{self, NewRow};

const MOST_LINES: usize = 100;

fn misfit(field: &'static str, why: &'static str) -> Error {
    Error::Misfit { field, why }
}

/// For whom an order is asked to be paid again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    TheSame,
    /// Somebody began to pay as a guest and signed in, or the other way round.
    Unsaid,
    Others,
}

impl Whose {
    fn of(before: &Option<String>, now: &Option<String>, is_begun: bool) -> Self {
        match (before == now, before.is_some() && now.is_some()) {
            (true, _) => Whose::TheSame,
            (false, false) if is_begun => Whose::Unsaid,
            (false, _) => Whose::Others,
        }
    }
}

/// What a payment is asked for with.
struct Now<'a> {
    new: &'a NewPayment,
    capture: CaptureMode,
    customer: &'a Option<String>,
    email: &'a Option<String>,
    details: &'a Details,
}

impl crate::payments::Shared {
    /// The payment that the order has and keeps; none where it is ended, and makes room for another.
    fn had_before(
        &self,
        tx: &mut Tx<'_>,
        other: Payment,
        now: &Now<'_>,
        told: &ToldRow,
    ) -> Result<Option<Payment>, Error> {
        let (new, is_link) = (now.new, now.new.signed_until.is_some());
        let is_unpaid = other.captured == 0 && other.authorized == 0 && !other.is_unsure;
        let wanted = match crate::judge::opens_later(tx, other.id)? {
            true => CaptureMode::AtOnce,
            false => other.capture,
        };
        let whose = match is_link {
            true => Whose::TheSame,
            false => Whose::of(&crate::judge::customer_of(tx, other.id)?, now.customer, other.attempt > 0),
        };
        let is_same = other.expires_at > tx.now() && other.amount == new.amount && wanted == now.capture;
        if is_unpaid && is_same && whose != Whose::Others {
            tx.commit_silent("the order had this payment already");
            if !is_link {
                self.take_over(tx, other.id, now, whose)?;
                crate::judge::keep_told(tx, other.id, told)?;
            }
            self.note_link(tx, other.id, new.signed_until)?;
            return Ok(Some(other));
        }
        // When a link was signed nothing tells: it ends nothing that a program asked for.
        let is_asked = is_link && !self.is_of_link(tx, other.id)?;
        // Nobody has begun to pay it, so nobody can be half-way through.
        if !is_unpaid || other.attempt > 0 || is_asked {
            return Err(Error::OrderHasPayment);
        }
        let after = Payment { state: State::Voided, ..other.clone() };
        self.finish(tx, &other, after, crate::model::Provider::Stripe)?;
        Ok(None)
    }

    /// Keeps what a program says now of a payment that is there. What is paid with is kept for whom the payment was made, and nobody else.
    fn take_over(&self, tx: &mut Tx<'_>, id: PaymentId, now: &Now<'_>, whose: Whose) -> Result<(), Error> {
        let before = self.unseal(id, &sql::details(tx, id)?)?;
        let saving =
            if whose == Whose::TheSame { now.details.saving.clone() } else { Saving::No.word().to_owned() };
        let Details { signed_until, is_asked, .. } = before;
        let details = self.seal(id, &Details { saving, signed_until, is_asked, ..now.details.clone() });
        crate::judge::take_over(tx, id, now.email.as_deref(), details)
    }
}

/// Visible signs of ASCII, as orders and customers are numbered.
fn is_number(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

impl Payments {
    /// Creates the payment of an order. The same request gives the same payment; so does another one for the same order and
    /// amount, as long as it is not paid: a form that was sent twice makes no second payment. What else a program says then takes the
    /// place of what was said before: by it the next attempt is judged, and it says whether what is paid with is kept.
    pub async fn create(&self, actor: Actor, new: NewPayment) -> Result<Payment, Error> {
        self.create_with(actor, new, &OrderFacts::default()).await
    }

    /// A payment is asked for by a link again, a later one.
    pub(crate) async fn note_link(&self, id: PaymentId, until: Option<i64>) -> Result<(), Error> {
        let shared = std::sync::Arc::clone(&self.0);
        let write = self.0.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("which of the shop's links is the latest");
            shared.note_link(tx, id, until)
        });
        write.await
    }

    /// The same, with what the shop says of the order for those who judge it.
    pub async fn create_with(
        &self,
        actor: Actor,
        new: NewPayment,
        facts: &OrderFacts,
    ) -> Result<Payment, Error> {
        let told = self.0.judge.told(facts);
        self.check(&new)?;
        let shared = &self.0;
        let (now, entropy) = (shared.now(), shared.entropy.as_ref());
        let id = new.id.unwrap_or_else(|| PaymentId::at(now, entropy));
        let details = Details {
            email: new.email.clone(),
            return_address: new.return_address.clone(),
            lines: new.lines.clone(),
            saving: new.saving.word().to_owned(),
            presentation: new.presentation.word().to_owned(),
            signed_until: new.signed_until,
            is_asked: new.signed_until.is_none(),
            gave_way: false,
        };
        let sealed = shared.seal(id, &details);
        let (customer, email) = (
            new.customer.as_deref().map(|customer| shared.customers.mark(customer)),
            new.email.as_deref().map(|email| shared.emails.mark(&email.to_ascii_lowercase())),
        );
        let capture = new.capture.unwrap_or(shared.settings.capture);
        let expires_at = now.plus(shared.settings.pay_within);
        let (shared, is_link) = (std::sync::Arc::clone(shared), new.signed_until.is_some());
        let write = self.0.write(move |tx| -> Result<Payment, Error> {
            if let Some(same) = sql::find(tx, id)? {
                tx.commit_silent("the same request made this payment before");
                let is_same = same.order == new.order && same.amount == new.amount;
                return if is_same { Ok(same) } else { Err(Error::OrderHasPayment) };
            }
            let now = Now { new: &new, capture, customer: &customer, email: &email, details: &details };
            if let Some(other) = sql::open_of_order(tx, &new.order)?
                && let Some(before) = shared.had_before(tx, other, &now, &told)?
            {
                return Ok(before);
            }
            let row = NewRow {
                id,
                order: &new.order,
                amount: new.amount,
                capture,
                customer: customer.clone(),
                email: email.clone(),
                details: sealed.clone(),
                expires_at,
            };
            sql::insert(tx, row)?;
            crate::judge::keep_told(tx, id, &told)?;
            let fact = facts::PaymentCreated {
                payment: id,
                amount: amount(new.amount.minor),
                currency: new.amount.currency.to_string(),
            };
            tx.append(actor, None, fact)?;
            sql::get(tx, id)
        });
        let payment = write.await?;
        // Somebody may be on a page of it.
        if payment.attempt == 0 || is_link {
            return Ok(payment);
        }
        self.judge_told_anew(payment.id).await?;
        self.find(payment.id).await?.ok_or(Error::NoPayment)
    }

    /// Refuses what does not fit, before anything is written.
    pub(crate) fn check(&self, new: &NewPayment) -> Result<(), Error> {
        Money::new(new.amount.minor, new.amount.currency)?;
        if !is_number(&new.order) {
            return Err(misfit("order", "an order's number has 1 to 64 visible signs"));
        }
        if new.customer.as_deref().is_some_and(|customer| !is_number(customer)) {
            return Err(misfit("customer", "a customer's number has 1 to 64 visible signs"));
        }
        let is_mail = |text: &str| {
            (3..=254).contains(&text.len())
                && text.split('@').count() == 2
                && text.bytes().all(|b| b.is_ascii_graphic())
        };
        if new.email.as_deref().is_some_and(|email| !is_mail(email)) {
            return Err(misfit("email", "this is no e-mail address"));
        }
        check_for_cards(new)?;
        if !self.is_shops(&new.return_address) {
            return Err(misfit(
                "return_address",
                "it begins with https:// and one of the shop's own hosts, with the shop's port",
            ));
        }
        if new.saving != Saving::No && new.customer.is_none() {
            return Err(misfit(
                "save_method",
                "only a customer's means of payment is kept: name the customer",
            ));
        }
        check_lines(new)?;
        if self.0.gateways.is_empty() {
            return Err(Error::NoProvider);
        }
        // Else its page would offer nothing, and say nothing.
        if !self.can_take(new.amount) {
            return Err(misfit("amount", "no way to pay that is set up takes this amount in this currency"));
        }
        Ok(())
    }

    /// Whether an address is on one of the shop's hosts: nobody is led elsewhere in the shop's name.
    fn is_shops(&self, address: &str) -> bool {
        let Ok(place) = storeward_outbound::Destination::of_url(address) else { return false };
        let is_secure =
            place.is_https() || place.ip().is_some_and(|ip| ip.is_loopback()) || place.host() == "localhost";
        let plain = address.len() <= 1000 && address.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        // On the shop's port, too: what else listens on its machine need not be the shop's.
        let own = storeward_outbound::Destination::of_url(&self.0.address);
        let is_known = self.0.hosts.iter().any(|host| host == place.host())
            && own.is_ok_and(|own| own.port() == place.port());
        is_secure && plain && is_known
    }
}

/// What is kept in clear, or goes out to a provider, holds none: neither the shop nor Storeward may have them (PCI DSS 3.3).
fn check_for_cards(new: &NewPayment) -> Result<(), Error> {
    const WHY: &str = "this is, or holds, what reads as a card's number, which has no place in it";
    if has_card_number(&new.order) {
        return Err(misfit("order", WHY));
    }
    if new.email.as_deref().is_some_and(has_card_number) {
        return Err(misfit("email", WHY));
    }
    if new.lines.iter().any(|line| has_card_number(&line.name)) {
        return Err(misfit("lines", WHY));
    }
    Ok(())
}

fn check_lines(new: &NewPayment) -> Result<(), Error> {
    if new.lines.is_empty() {
        return Ok(());
    }
    if new.lines.len() > MOST_LINES {
        return Err(misfit("lines", "there are at most 100 lines"));
    }
    let mut sum: i64 = 0;
    for Line { name, quantity, unit_amount } in &new.lines {
        if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
            return Err(misfit("lines", "a line's name has 1 to 200 signs"));
        }
        let fits =
            (1..=1_000_000).contains(quantity) && unit_amount.unsigned_abs() <= MOST_MINOR.unsigned_abs();
        let part = unit_amount.checked_mul(i64::from(*quantity)).filter(|_| fits);
        let added = part.and_then(|part| sum.checked_add(part));
        sum = added.ok_or_else(|| misfit("lines", "a line's quantity or amount does not fit"))?;
    }
    if sum == new.amount.minor { Ok(()) } else { Err(misfit("lines", "the lines do not sum to the amount")) }
}

//! Earlier payments of the same buyer that nobody disputed: what Visa asks for where somebody disputes what they bought themselves
//! (Compelling Evidence 3.0, Visa Core Rules, dispute condition 10.4).

use std::time::Duration;

use storeward_base::{PaymentId, Timestamp};
use storeward_fraud::{Kind, Marks};
use storeward_store::{Reader, params, statements};

use crate::error::Error;
use crate::judge::paid_by;
use crate::model::{Piece, Provider};
use crate::money::Money;
use crate::sql;

use super::Dispute;

statements! {
    EARLIER = "SELECT p.id FROM payment p WHERE p.customer = (SELECT o.customer FROM payment o WHERE o.id = $1) AND p.id <> $1 \
               AND p.created_at >= $2 AND p.created_at <= $3 AND p.captured > p.refunded \
               AND NOT EXISTS (SELECT 1 FROM payment_dispute d WHERE d.payment = p.id) ORDER BY p.created_at DESC, p.id DESC LIMIT 100";
    CUSTOMER = "SELECT customer FROM payment WHERE id = $1";
    EARLIER_OF_GUEST = "SELECT p.id FROM payment p WHERE p.id IN (SELECT r.payment FROM payment_risk r WHERE r.judged_at >= $2 AND r.judged_at <= $3 \
               AND r.outcome = 'approved' AND (r.facts LIKE $4 OR r.facts LIKE $5)) AND p.id <> $1 \
               AND p.created_at >= $2 AND p.created_at <= $3 AND p.captured > p.refunded \
               AND NOT EXISTS (SELECT 1 FROM payment_dispute d WHERE d.payment = p.id) ORDER BY p.created_at DESC, p.id DESC LIMIT 100";
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long before the dispute they were paid.
const OLDEST: u32 = 365;
const NEWEST: u32 = 120;
/// What each has to have in common with the disputed one beside the card.
const LINKS: usize = 2;
/// So many are needed, and so many are told.
const LEAST: usize = 2;
const MOST: usize = 5;

/// An earlier payment, and what it has in common with the disputed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    pub payment: PaymentId,
    pub order: String,
    /// The provider's object that took the money.
    pub reference: String,
    pub amount: Money,
    pub at: Timestamp,
    /// In words: the account, or what a guest is known by, and at least one of device and network address.
    pub same: Vec<&'static str>,
}

/// Those that have the account, and the device or the network address, in common with the disputed payment, the newest first. A guest's have
/// two of device, network address, place of delivery and e-mail address, one of the first two among them: so Visa asks for it. Marks are
/// compared: the values behind them are kept nowhere.
pub(super) fn of(reader: &mut Reader<'_>, dispute: &Dispute) -> Result<Vec<Earlier>, Error> {
    let Some((marks, _)) = paid_by(reader, dispute.payment)? else { return Ok(Vec::new()) };
    let customer =
        reader.query_optional(CUSTOMER, params![dispute.payment], |row| row.get::<Option<String>>(0))?;
    let is_guest = customer.flatten().is_none();
    let mut found = Vec::new();
    for id in
        candidates(reader, dispute, &marks, is_guest)?.iter().filter_map(|id| crate::believed::id_of(id))
    {
        let Some((theirs, false)) = paid_by(reader, id)? else { continue };
        let is_same = |kind| marks.get(kind).is_some() && marks.get(kind) == theirs.get(kind);
        let compared = [
            (Kind::Email, "e-mail address"),
            (Kind::Device, "device"),
            (Kind::Address, "network address"),
            (Kind::Shipping, "place of delivery"),
            (Kind::Card, "card"),
        ];
        // Where there is an account its address tells nothing more.
        let compared = compared.into_iter().filter(|(kind, _)| is_guest || *kind != Kind::Email);
        let same: Vec<&str> = compared.filter(|(kind, _)| is_same(*kind)).map(|(_, word)| word).collect();
        let account = (!is_guest).then_some("account");
        let links = account.iter().chain(&same).filter(|word| **word != "card").count();
        if links < LINKS || !(is_same(Kind::Device) || is_same(Kind::Address)) {
            continue;
        }
        // What somebody changed is evidence of nothing.
        let (payment, captures) = match (sql::get(reader, id), sql::captures_of(reader, id)) {
            (Err(Error::Harmed { .. }), _) | (_, Err(Error::Harmed { .. })) => continue,
            (payment, captures) => (payment?, captures?),
        };
        let is_taken =
            |one: &&crate::model::Capture| one.state == Piece::Done && one.provider == dispute.provider;
        let Some(capture) = captures.iter().find(is_taken) else { continue };
        found.push(Earlier {
            payment: id,
            order: payment.order,
            reference: capture.reference.clone(),
            amount: Money { minor: capture.amount, ..payment.amount },
            at: capture.at,
            same: account.into_iter().chain(same).collect(),
        });
        if found.len() == MOST {
            break;
        }
    }
    Ok(found)
}

/// Payments that may be of the same buyer: of the account, else by the card or the e-mail address that was paid with.
fn candidates(
    reader: &mut Reader<'_>,
    dispute: &Dispute,
    marks: &Marks,
    is_guest: bool,
) -> Result<Vec<String>, Error> {
    let (from, until) = (dispute.opened_at.minus(DAY * OLDEST), dispute.opened_at.minus(DAY * NEWEST));
    if !is_guest {
        return Ok(reader.query_many(EARLIER, params![dispute.payment, from, until], |row| row.get(0))?);
    }
    // Numbers of 64 bits in a list: what has one is compared anew, mark by mark. Nothing has an empty pattern.
    let of = |kind| marks.get(kind).map_or_else(String::new, |mark| format!("%,{},%", mark.0));
    let values = params![dispute.payment, from, until, of(Kind::Card), of(Kind::Email)];
    Ok(reader.query_many(EARLIER_OF_GUEST, values, |row| row.get(0))?)
}

/// Whether they are what Visa asks for: a dispute of 10.4, and enough payments with the same card.
pub(super) fn is_compelling(dispute: &Dispute, earlier: &[Earlier]) -> bool {
    let brand = dispute.checks.as_ref().and_then(|checks| checks.brand.as_deref());
    let is_fraud = dispute.provider == Provider::Stripe && dispute.reason == "fraudulent";
    let with_card = earlier.iter().filter(|one| one.same.contains(&"card")).count();
    is_fraud && brand == Some("visa") && with_card >= LEAST
}

/// A line each.
pub(super) fn told(earlier: &[Earlier]) -> Vec<String> {
    let line = |one: &Earlier| {
        let same = one.same.join(", ");
        format!(
            "{}  Order {}, {} ({}): the same {same}.",
            one.at.rfc3339(),
            one.order,
            one.amount,
            one.reference
        )
    };
    earlier.iter().map(line).collect()
}

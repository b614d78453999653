//! Judgements, orders' facts and reviews in the database.

use storeward_base::{PaymentId, Timestamp};
use storeward_fraud::{Answer, Attempt, Label, Mark, Outcome};
use storeward_store::{Error as StoreError, Reader, Row, Tx, params, statements};

use super::kept::{
    Judgement, StoredDecision, answer_of, answer_word, facts_of, facts_text, outcome_of, outcome_word,
    source_of, source_word, truth_of, truth_word,
};

macro_rules! risk_columns {
    ($rest:literal) => {
        concat!(
            "SELECT payment, number, attempt, facts, country, answer, is_held, score, challenger, decision, charge, outcome, \
             outcome_at, truth, source, known_at, judged_at FROM payment_risk ",
            $rest
        )
    };
}

statements! {
    INSERT_RISK = "INSERT INTO payment_risk (payment, number, attempt, order_id, facts, country, answer, is_held, score, challenger, \
        decision, charge, outcome, outcome_at, truth, source, known_at, judged_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, NULL, NULL, NULL, $15)";
    LAST_NUMBER = "SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) FROM payment_risk WHERE payment = $1";
    RISKS_OF = risk_columns!("WHERE payment = $1 ORDER BY number DESC LIMIT 200");
    CHARGES_OF = "SELECT charge FROM payment_risk WHERE payment = $1 AND attempt = $2 AND charge IS NOT NULL ORDER BY number DESC LIMIT 200";
    LAST_RISK_OF = risk_columns!("WHERE payment = $1 AND attempt <= $2 ORDER BY attempt DESC, number DESC LIMIT 1");
    RISKS_OF_ORDER = risk_columns!("WHERE order_id = $1 AND judged_at >= $2 ORDER BY judged_at DESC LIMIT 100");
    // Texts in the place of numbers, and bytes in that of texts, stand behind everything in SQLite: they are no place from which a list goes on.
    PAST = risk_columns!("WHERE (judged_at > $1 OR (judged_at = $1 AND (payment > $2 OR (payment = $2 AND number > $3)))) \
        AND judged_at <= 9223372036854775807 AND number <= 9223372036854775807 AND payment < '~' ORDER BY judged_at, payment, number LIMIT $4");
    CARD_TOLD = "UPDATE payment_risk SET facts = $3, answer = $4, score = $5, challenger = $6, decision = $7, charge = $8 \
        WHERE payment = $1 AND number = $2";
    OUTCOME = "UPDATE payment_risk SET outcome = $3, outcome_at = $4 WHERE payment = $1 AND number = $2 AND outcome IS NULL";
    LABEL = "UPDATE payment_risk SET truth = $2, source = $3, known_at = $4 WHERE payment = $1 AND outcome = 'approved' \
        AND (truth IS NULL OR truth <> $2)";
    LABEL_ONE = "UPDATE payment_risk SET truth = $3, source = $4, known_at = $5 WHERE payment = $1 AND number = $2";
    FORGET_FACTS = "UPDATE payment_risk SET facts = '{}', country = NULL WHERE facts <> '{}' AND (payment IN (SELECT id FROM payment WHERE customer = $1) OR facts LIKE $2)";
    FORGET_TOLD = "DELETE FROM payment_order_facts WHERE payment IN (SELECT id FROM payment WHERE customer = $1)";
    FORGET_RISKS = "DELETE FROM payment_risk WHERE judged_at < $1";
    ORDERS_DECLINED = "SELECT COUNT(*) FROM payment_review WHERE state = 'declined' AND payment IN (SELECT id FROM payment WHERE order_id = $1)";

    INSERT_TOLD = "INSERT INTO payment_order_facts (payment, shipping, product, coupon, is_express, is_first_order_coupon) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (payment) DO UPDATE SET shipping = EXCLUDED.shipping, product = EXCLUDED.product, \
        coupon = EXCLUDED.coupon, is_express = EXCLUDED.is_express, is_first_order_coupon = EXCLUDED.is_first_order_coupon";
    FIND_TOLD = "SELECT shipping, product, coupon, is_express, is_first_order_coupon FROM payment_order_facts WHERE payment = $1";
    TAKE_OVER = "UPDATE payment SET email = $2, details = $3 WHERE id = $1";
    CUSTOMER_OF = "SELECT customer FROM payment WHERE id = $1";
    CUSTOMER_SINCE = "SELECT CAST(MIN(created_at) AS BIGINT) FROM payment WHERE customer = $1 AND captured > refunded AND created_at <= $2";
    SENT_THERE = "SELECT COUNT(*) FROM payment_order_facts f JOIN payment p ON p.id = f.payment \
        WHERE f.shipping = $2 AND p.customer = $1 AND p.captured > p.refunded AND p.created_at <= $3";
}

/// What the shop said of an order, as marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ToldRow {
    pub shipping: Option<Mark>,
    pub product: Option<Mark>,
    pub coupon: Option<Mark>,
    pub express: Option<bool>,
    pub first_order_coupon: Option<bool>,
}

impl ToldRow {
    pub(super) fn is_empty(&self) -> bool {
        *self == ToldRow::default()
    }
}

/// A judgement as it stands.
#[derive(Clone, Debug)]
pub(super) struct RiskRow {
    pub payment: PaymentId,
    pub number: u32,
    pub attempt: u32,
    /// `None` where it cannot be read, or its marks were taken out.
    pub facts: Option<Attempt>,
    pub country: Option<i64>,
    pub answer: Answer,
    pub is_held: bool,
    pub score: Option<f64>,
    pub challenger: Option<f64>,
    pub decision: StoredDecision,
    pub charge: Option<String>,
    pub outcome: Option<(Outcome, Timestamp)>,
    pub label: Option<Label>,
    pub judged_at: Timestamp,
}

impl RiskRow {
    pub fn shown(&self) -> Judgement {
        Judgement {
            payment: self.payment,
            number: self.number,
            at: self.judged_at,
            answer: self.answer,
            is_held: self.is_held,
            score: self.score,
            challenger: self.challenger,
            fired: self.decision.fired.clone(),
            weighed: self.decision.weighed.clone(),
            sign: self.decision.sign,
            category: self.decision.category,
            has_card: self.charge.is_some(),
            outcome: self.outcome.map(|(outcome, _)| outcome),
            label: self.label,
            facts: self.facts,
        }
    }
}

fn read<T>(found: Option<T>, index: usize) -> Result<T, StoreError> {
    found.ok_or(StoreError::Column { index, wanted: "a word that is known" })
}

fn risk(row: &Row<'_>) -> Result<RiskRow, StoreError> {
    let outcome: Option<String> = row.get(11)?;
    let outcome_at: Option<Timestamp> = row.get(12)?;
    let (truth, source): (Option<String>, Option<String>) = (row.get(13)?, row.get(14)?);
    let known_at: Option<Timestamp> = row.get(15)?;
    let label = match (truth, source, known_at) {
        (Some(truth), Some(source), Some(known_at)) => Some(Label {
            truth: read(truth_of(&truth), 13)?,
            known_at,
            source: read(source_of(&source), 14)?,
        }),
        _ => None,
    };
    let outcome = outcome.map(|word| read(outcome_of(&word), 11)).transpose()?;
    Ok(RiskRow {
        payment: crate::believed::id(row, 0)?,
        number: row.get(1)?,
        attempt: row.get(2)?,
        facts: facts_of(&row.get::<String>(3)?),
        country: row.get(4)?,
        answer: read(answer_of(&row.get::<String>(5)?), 5)?,
        is_held: row.get(6)?,
        score: row.get(7)?,
        challenger: row.get(8)?,
        decision: StoredDecision::parse(&row.get::<String>(9)?),
        charge: row.get(10)?,
        outcome: outcome.zip(outcome_at),
        label,
        judged_at: row.get(16)?,
    })
}

/// A judgement that is to be written, with the order that it is of.
pub(super) struct NewRisk {
    pub payment: PaymentId,
    pub order: String,
    pub attempt: u32,
    pub facts: Attempt,
    pub country: Option<i64>,
    pub answer: Answer,
    pub is_held: bool,
    pub score: Option<f64>,
    pub challenger: Option<f64>,
    pub decision: StoredDecision,
    pub charge: Option<String>,
    pub outcome: Option<Outcome>,
}

/// The number that it got.
pub(super) fn insert_risk(tx: &mut Tx<'_>, new: &NewRisk) -> Result<u32, StoreError> {
    let number = last_number(tx, new.payment)?.saturating_add(1);
    let outcome = new.outcome.map(outcome_word);
    let values = params![
        new.payment,
        number,
        new.attempt,
        &new.order,
        facts_text(&new.facts),
        new.country,
        answer_word(new.answer),
        new.is_held,
        new.score,
        new.challenger,
        new.decision.text(),
        new.charge.clone(),
        outcome,
        outcome.map(|_| new.facts.at),
        new.facts.at
    ];
    tx.execute(INSERT_RISK, values)?;
    Ok(number)
}

/// The number of the last judgement of a payment; 0 where there is none.
pub(super) fn last_number(reader: &mut Reader<'_>, payment: PaymentId) -> Result<u32, StoreError> {
    reader.query_one(LAST_NUMBER, params![payment], |row| row.get(0))
}

/// The latest of a payment, the first one first.
pub(super) fn risks_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<RiskRow>, StoreError> {
    let mut all = reader.query_many(RISKS_OF, params![payment], risk)?;
    all.reverse();
    Ok(all)
}

/// Uses of cards on a page that were judged, by the provider's ids: more of the latest than a look reads of them.
pub(super) fn charges_of(
    reader: &mut Reader<'_>,
    (payment, attempt): (PaymentId, u32),
) -> Result<Vec<String>, StoreError> {
    reader.query_many(CHARGES_OF, params![payment, attempt], |row| row.get(0))
}

/// The judgement that a page at the provider was made after.
pub(super) fn last_risk(
    reader: &mut Reader<'_>,
    payment: PaymentId,
    attempt: u32,
) -> Result<Option<RiskRow>, StoreError> {
    reader.query_optional(LAST_RISK_OF, params![payment, attempt], risk)
}

pub(super) fn risks_of_order(
    reader: &mut Reader<'_>,
    order: &str,
    since: Timestamp,
) -> Result<Vec<RiskRow>, StoreError> {
    reader.query_many(RISKS_OF_ORDER, params![order, since], risk)
}

/// Whether somebody looked at a payment of the order and declined it.
pub(super) fn is_order_declined(reader: &mut Reader<'_>, order: &str) -> Result<bool, StoreError> {
    let count: u32 = reader.query_one(ORDERS_DECLINED, params![order], |row| row.get(0))?;
    Ok(count > 0)
}

/// Where a judgement stands among all of them: its moment, the text of its payment, its number.
pub(super) type Place = (Timestamp, String, i64);

/// A page of the past, oldest first, behind a judgement; nothing in the place of one that cannot be read.
pub(super) fn past(
    reader: &mut Reader<'_>,
    (at, payment, number): &Place,
    limit: u32,
) -> Result<Vec<(Place, Option<RiskRow>)>, StoreError> {
    reader.query_many(PAST, params![*at, payment, *number, limit], |row| {
        let place = (row.get(16)?, row.get(0)?, row.get(1)?);
        Ok((place, crate::believed::readable(row, ("payment_risk", 0), risk)?))
    })
}

pub(super) fn card_told(tx: &mut Tx<'_>, row: &RiskRow, facts: &Attempt) -> Result<(), StoreError> {
    let values = params![
        row.payment,
        row.number,
        facts_text(facts),
        answer_word(row.answer),
        row.score,
        row.challenger,
        row.decision.text(),
        row.charge.clone()
    ];
    tx.execute(CARD_TOLD, values).map(drop)
}

/// True when it had none.
pub(super) fn outcome(
    tx: &mut Tx<'_>,
    of: (PaymentId, u32),
    outcome: Outcome,
    at: Timestamp,
) -> Result<bool, StoreError> {
    Ok(tx.execute(OUTCOME, params![of.0, of.1, outcome_word(outcome), at])? == 1)
}

/// How many attempts of the payment it is new for.
pub(super) fn label(tx: &mut Tx<'_>, payment: PaymentId, label: &Label) -> Result<u64, StoreError> {
    let values = params![payment, truth_word(label.truth), source_word(label.source), label.known_at];
    tx.execute(LABEL, values)
}

/// Of one attempt alone.
pub(super) fn label_one(tx: &mut Tx<'_>, of: (PaymentId, u32), label: &Label) -> Result<(), StoreError> {
    let values = params![of.0, of.1, truth_word(label.truth), source_word(label.source), label.known_at];
    tx.execute(LABEL_ONE, values).map(drop)
}

/// By the mark that stands at their payments, and by the one that stands in judgements where an account of theirs was signed in. How many
/// judgements it was.
pub(super) fn forget_customer(tx: &mut Tx<'_>, customer: &str, judged: Mark) -> Result<u64, StoreError> {
    // The customer's is the first of the marks.
    let judged = format!("%\"marks\":[{},%", judged.0);
    let count = tx.execute(FORGET_FACTS, params![customer, &judged])?;
    tx.execute(FORGET_TOLD, params![customer])?;
    Ok(count)
}

pub(super) fn forget_risks(tx: &mut Tx<'_>, before: Timestamp) -> Result<(), StoreError> {
    tx.execute(FORGET_RISKS, params![before]).map(drop)
}

fn number(mark: Option<Mark>) -> Option<i64> {
    mark.and_then(|mark| i64::try_from(mark.0).ok())
}

pub(super) fn insert_told(tx: &mut Tx<'_>, payment: PaymentId, told: &ToldRow) -> Result<(), StoreError> {
    let values = params![
        payment,
        number(told.shipping),
        number(told.product),
        number(told.coupon),
        told.express,
        told.first_order_coupon
    ];
    tx.execute(INSERT_TOLD, values).map(drop)
}

pub(super) fn told(reader: &mut Reader<'_>, payment: PaymentId) -> Result<ToldRow, StoreError> {
    let mark = |row: &Row<'_>, at: usize| -> Result<Option<Mark>, StoreError> {
        let number: Option<i64> = row.get(at)?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).map(Mark))
    };
    let found = reader.query_optional(FIND_TOLD, params![payment], |row| {
        Ok(ToldRow {
            shipping: mark(row, 0)?,
            product: mark(row, 1)?,
            coupon: mark(row, 2)?,
            express: row.get(3)?,
            first_order_coupon: row.get(4)?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// The mark of the address and the details that the shop says last.
pub(super) fn take_over(
    tx: &mut Tx<'_>,
    payment: PaymentId,
    email: Option<&str>,
    details: Vec<u8>,
) -> Result<(), StoreError> {
    tx.execute(TAKE_OVER, params![payment, email, details]).map(drop)
}

pub(super) fn customer_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Option<String>, StoreError> {
    let found = reader.query_optional(CUSTOMER_OF, params![payment], |row| row.get::<Option<String>>(0))?;
    Ok(found.flatten())
}

/// Since when the customer pays here, of what was paid no later than `until`.
pub(super) fn customer_since(
    reader: &mut Reader<'_>,
    customer: &str,
    until: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    reader.query_one(CUSTOMER_SINCE, params![customer, until], |row| row.get(0))
}

/// Whether the customer paid for something that went to a place, no later than `until`: what nobody paid makes no place known.
pub(super) fn was_sent_there(
    reader: &mut Reader<'_>,
    customer: &str,
    shipping: Mark,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let values = params![customer, number(Some(shipping)), until];
    let count: u32 = reader.query_one(SENT_THERE, values, |row| row.get(0))?;
    Ok(count > 0)
}

//! Payments, attempts, calls, captures and refunds in the database.

use storeward_base::{PaymentId, Timestamp};
use storeward_store::{Error as StoreError, Reader, Row, Tx, params, statements};

use crate::believed::{self, seen, touched};
use crate::error::Error;
use crate::model::{
    Attempt, Call, CallState, Capture, CaptureMode, Operation, Payment, Piece, Provider, Refund, State,
    Strength, Terms,
};
use crate::money::{Currency, Money};

/// The columns of a payment, in the order in which [`payment`] reads them.
macro_rules! payment_columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, order_id, currency, amount, state, unsure, authorized, captured, refunded, capturing, refunding, \
             capture, captures_ended, provider, attempt, created_at, updated_at, expires_at, version, looks, look_at, (SELECT CAST(COALESCE(SUM(l.amount), 0) AS BIGINT) FROM payment_posting l \
             WHERE l.payment = payment.id AND l.account = 'disputes') FROM payment ",
            $rest
        )
    };
}

macro_rules! call_columns {
    ($rest:literal) => {
        concat!(
            "SELECT key, payment, attempt, operation, provider, amount, target, state, sends, code, outcome, first_sent_at, \
             last_sent_at, settled_at FROM payment_call ",
            $rest
        )
    };
}

macro_rules! attempt_columns {
    ($rest:literal) => {
        concat!(
            "SELECT payment, number, provider, reference, inner_reference, state, address, mismatch, created_at, expires_at, strength, saves, method, unattended, embedded \
             FROM payment_attempt ",
            $rest
        )
    };
}

statements! {
    INSERT_PAYMENT = "INSERT INTO payment (id, version, order_id, is_open, state, currency, amount, authorized, captured, refunded, \
        capturing, refunding, capture, captures_ended, unsure, provider, attempt, customer, email, details, look_at, looks, created_at, \
        updated_at, expires_at) VALUES ($1, 1, $2, 1, 'created', $3, $4, 0, 0, 0, 0, 0, $5, 0, 0, NULL, 0, $6, $7, $8, $9, 0, $10, $10, $9)";
    FIND_PAYMENT = payment_columns!("WHERE id = $1");
    FIND_OPEN_OF_ORDER = payment_columns!("WHERE order_id = $1 AND is_open = 1");
    LIST_PAYMENTS = payment_columns!("WHERE id < $1 ORDER BY id DESC LIMIT $2");
    LIST_OF_ORDER = payment_columns!("WHERE order_id = $1 ORDER BY id DESC LIMIT $2");
    FIND_DETAILS = "SELECT details FROM payment WHERE id = $1";
    SET_DETAILS = "UPDATE payment SET details = $2 WHERE id = $1";
    SAVE_PAYMENT = "UPDATE payment SET version = version + 1, is_open = CASE WHEN EXISTS (SELECT 1 FROM payment o WHERE \
        o.order_id = payment.order_id AND o.is_open = 1 AND o.id <> payment.id) THEN 0 ELSE $3 END, state = $4, authorized = $5, captured = $6, refunded = $7, \
        capturing = $8, refunding = $9, captures_ended = $10, unsure = $11, provider = $12, attempt = $13, look_at = $14, looks = $15, \
        updated_at = $16 WHERE id = $1 AND version = $2";
    RESERVE_CAPTURE = "UPDATE payment SET version = version + 1, capturing = capturing + $3 WHERE id = $1 AND version = $2 \
        AND captures_ended = 0 AND captured + capturing + $3 <= authorized";
    RESERVE_REFUND = "UPDATE payment SET version = version + 1, refunding = refunding + $3 WHERE id = $1 AND version = $2 \
        AND refunded + refunding + $3 <= captured";
    TOUCH = "UPDATE payment SET version = version + 1 WHERE id = $1 AND version = $2";
    PUT_LOOK = "UPDATE payment SET look_at = $2 WHERE id = $1 AND (look_at IS NULL OR look_at > $2)";

    INSERT_ATTEMPT = "INSERT INTO payment_attempt (payment, number, provider, reference, inner_reference, state, address, mismatch, \
        created_at, expires_at, strength, saves, method, unattended, embedded) VALUES ($1, $2, $3, NULL, NULL, 'open', NULL, NULL, $4, $5, $6, $7, $8, $9, $10)";
    FIND_ATTEMPT = attempt_columns!("WHERE payment = $1 AND number = $2");
    ATTEMPTS_OF = attempt_columns!("WHERE payment = $1 ORDER BY number LIMIT 100");
    ATTEMPT_BY_REFERENCE = attempt_columns!("WHERE provider = $1 AND (reference = $2 OR inner_reference = $2) LIMIT 1");
    ATTEMPT_OPENED = "UPDATE payment_attempt SET reference = $3, address = $4 WHERE payment = $1 AND number = $2";
    ATTEMPT_INNER = "UPDATE payment_attempt SET inner_reference = $3 WHERE payment = $1 AND number = $2";
    ATTEMPT_CLOSED = "UPDATE payment_attempt SET state = 'closed', address = NULL WHERE payment = $1 AND number = $2";
    ATTEMPT_MISMATCH = "UPDATE payment_attempt SET mismatch = $3 WHERE payment = $1 AND number = $2";

    INSERT_CALL = "INSERT INTO payment_call (key, payment, attempt, operation, provider, amount, target, state, sends, code, outcome, \
        first_sent_at, last_sent_at, settled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'sent', 1, NULL, NULL, $8, $8, NULL)";
    FIND_CALL = call_columns!("WHERE key = $1");
    CALLS_OF = call_columns!("WHERE payment = $1 ORDER BY first_sent_at, key LIMIT 500");
    UNSETTLED_OF = call_columns!("WHERE payment = $1 AND settled_at IS NULL ORDER BY first_sent_at, key LIMIT 100");
    COUNT_CALLS = "SELECT COUNT(*) FROM payment_call WHERE payment = $1 AND operation = $2";
    CALL_UNSURE = "UPDATE payment_call SET state = 'unsure', code = $2 WHERE key = $1 AND state = 'sent'";
    CALL_SETTLED = "UPDATE payment_call SET state = $2, code = $3, outcome = $4, settled_at = $5 WHERE key = $1 AND settled_at IS NULL";
    SEND_AGAIN = "UPDATE payment_call SET sends = sends + 1, last_sent_at = $3 WHERE key = $1 AND sends = $2 AND settled_at IS NULL";
    REFUNDS_SINCE = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM payment_call WHERE operation = 'refund' AND state <> 'refused' \
        AND first_sent_at >= $1 AND payment IN (SELECT id FROM payment WHERE currency = $2)";

    INSERT_CAPTURE = "INSERT INTO payment_capture (provider, reference, payment, attempt, amount, fee, state, is_extra, at) \
        VALUES ($1, $2, $3, $4, $5, NULL, $6, $7, $8)";
    FIND_CAPTURE = "SELECT provider, reference, payment, attempt, amount, fee, state, is_extra, at FROM payment_capture \
        WHERE provider = $1 AND reference = $2";
    CAPTURES_OF = "SELECT provider, reference, payment, attempt, amount, fee, state, is_extra, at FROM payment_capture \
        WHERE payment = $1 ORDER BY at, reference LIMIT 100";
    CAPTURE_STATE = "UPDATE payment_capture SET state = $3, at = $4 WHERE provider = $1 AND reference = $2";
    CAPTURE_FEE = "UPDATE payment_capture SET fee = $3 WHERE provider = $1 AND reference = $2 AND fee IS NULL";
    INSERT_REFUND = "INSERT INTO payment_refund (provider, reference, payment, amount, state, at, attempt, capture) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    FIND_REFUND = "SELECT provider, reference, payment, amount, state, at, attempt, capture FROM payment_refund WHERE provider = $1 AND reference = $2";
    REFUNDS_OF = "SELECT provider, reference, payment, amount, state, at, attempt, capture FROM payment_refund WHERE payment = $1 ORDER BY at, reference LIMIT 500";
    REFUND_CAPTURE = "UPDATE payment_refund SET capture = $3 WHERE provider = $1 AND reference = $2 AND capture IS NULL";
    REFUND_STATE = "UPDATE payment_refund SET state = $3, at = $4 WHERE provider = $1 AND reference = $2";
}

fn read<T>(found: Option<T>, index: usize) -> Result<T, StoreError> {
    found.ok_or(StoreError::Column { index, wanted: "a word that is known" })
}

fn word<T>(row: &Row<'_>, index: usize, of: fn(&str) -> Option<T>) -> Result<T, StoreError> {
    read(of(&row.get::<String>(index)?), index)
}

fn payment(row: &Row<'_>) -> Result<Payment, StoreError> {
    let currency: Currency = read(row.get::<String>(2)?.parse().ok(), 2)?;
    let unsure: u32 = row.get(5)?;
    let provider: Option<String> = row.get(13)?;
    Ok(Payment {
        id: believed::id(row, 0)?,
        order: row.get(1)?,
        amount: Money { minor: row.get(3)?, currency },
        state: word(row, 4, State::of_word)?,
        is_unsure: unsure > 0,
        authorized: row.get(6)?,
        captured: row.get(7)?,
        refunded: row.get(8)?,
        capturing: row.get(9)?,
        refunding: row.get(10)?,
        capture: word(row, 11, CaptureMode::of_word)?,
        captures_ended: row.get(12)?,
        provider: provider.map(|name| read(Provider::of_word(&name), 13)).transpose()?,
        attempt: row.get(14)?,
        created_at: row.get(15)?,
        updated_at: row.get(16)?,
        expires_at: row.get(17)?,
        version: row.get(18)?,
        unsure,
        looks: row.get(19).unwrap_or(0),
        look_at: row.get(20).unwrap_or(None),
        disputed: row.get(21)?,
    })
}

fn attempt(row: &Row<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        payment: believed::id(row, 0)?,
        number: row.get(1)?,
        provider: word(row, 2, Provider::of_word)?,
        reference: row.get(3)?,
        inner: row.get(4)?,
        is_open: row.get::<String>(5)? == "open",
        address: row.get(6)?,
        mismatch: row.get(7)?,
        created_at: row.get(8)?,
        expires_at: row.get(9)?,
        strength: word(row, 10, Strength::of_word)?,
        saves: row.get(11)?,
        method: row.get(12)?,
        unattended: row.get(13)?,
        embedded: row.get(14)?,
    })
}

fn call(row: &Row<'_>) -> Result<Call, StoreError> {
    Ok(Call {
        key: row.get(0)?,
        payment: believed::id(row, 1)?,
        attempt: row.get(2)?,
        operation: word(row, 3, Operation::of_word)?,
        provider: word(row, 4, Provider::of_word)?,
        amount: row.get(5)?,
        target: row.get(6)?,
        state: word(row, 7, CallState::of_word)?,
        sends: row.get(8)?,
        code: row.get(9)?,
        outcome: row.get(10)?,
        first_sent_at: row.get(11)?,
        last_sent_at: row.get(12)?,
        settled_at: row.get(13)?,
    })
}

fn capture(row: &Row<'_>) -> Result<Capture, StoreError> {
    Ok(Capture {
        provider: word(row, 0, Provider::of_word)?,
        reference: row.get(1)?,
        payment: believed::id(row, 2)?,
        attempt: row.get(3)?,
        amount: row.get(4)?,
        fee: row.get(5)?,
        state: word(row, 6, Piece::of_word)?,
        is_extra: row.get(7)?,
        at: row.get(8)?,
    })
}

fn refund(row: &Row<'_>) -> Result<Refund, StoreError> {
    Ok(Refund {
        provider: word(row, 0, Provider::of_word)?,
        reference: row.get(1)?,
        payment: believed::id(row, 2)?,
        amount: row.get(3)?,
        state: word(row, 4, Piece::of_word)?,
        at: row.get(5)?,
        attempt: row.get(6)?,
        capture: row.get(7)?,
    })
}

/// What a new row has beside what follows from it.
pub(crate) struct NewRow<'a> {
    pub id: PaymentId,
    pub order: &'a str,
    pub amount: Money,
    pub capture: CaptureMode,
    pub customer: Option<String>,
    pub email: Option<String>,
    pub details: Vec<u8>,
    pub expires_at: Timestamp,
}

pub(crate) fn insert(tx: &mut Tx<'_>, row: NewRow<'_>) -> Result<(), Error> {
    let now = tx.now();
    let NewRow { id, order, amount, capture, customer, email, details, expires_at } = row;
    let values = params![
        id,
        order,
        amount.currency.code(),
        amount.minor,
        capture.word(),
        customer,
        email,
        details,
        expires_at,
        now
    ];
    tx.execute(INSERT_PAYMENT, values)?;
    believed::fresh(id)
}

pub(crate) fn find(reader: &mut Reader<'_>, id: PaymentId) -> Result<Option<Payment>, Error> {
    seen(reader, id)?;
    Ok(reader.query_optional(FIND_PAYMENT, params![id], payment)?)
}

pub(crate) fn get(reader: &mut Reader<'_>, id: PaymentId) -> Result<Payment, Error> {
    find(reader, id)?.ok_or(Error::NoPayment)
}

pub(crate) fn open_of_order(reader: &mut Reader<'_>, order: &str) -> Result<Option<Payment>, Error> {
    let found = reader.query_optional(FIND_OPEN_OF_ORDER, params![order], payment)?;
    found.map(|found| seen(reader, found.id).map(|()| found)).transpose()
}

/// A page of payments made before the one with id `before`, newest first, without those that are not what Storeward wrote.
pub(crate) fn list(reader: &mut Reader<'_>, before: &str, limit: u32) -> Result<Vec<Payment>, Error> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut before = before.to_owned();
    let mut kept = Vec::new();
    loop {
        let found = reader.query_many(LIST_PAYMENTS, params![&before, limit], |row| {
            Ok((row.get::<String>(0)?, believed::readable(row, ("payment", 0), payment)?))
        })?;
        let is_last = found.len() < wanted;
        for (text, one) in found {
            before = text;
            let Some(one) = one else { continue };
            match seen(reader, one.id) {
                Ok(()) => kept.push(one),
                // One that somebody changed hides none of the others; it is told.
                Err(Error::Harmed { table, row }) => believed::left_out(table, row),
                Err(other) => return Err(other),
            }
            if kept.len() >= wanted {
                return Ok(kept);
            }
        }
        if is_last {
            return Ok(kept);
        }
    }
}

pub(crate) fn of_order(reader: &mut Reader<'_>, order: &str, limit: u32) -> Result<Vec<Payment>, Error> {
    let found = reader.query_many(LIST_OF_ORDER, params![order, limit], |row| Ok(payment(row)))?;
    let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    found.iter().try_for_each(|one| seen(reader, one.id))?;
    Ok(found)
}

pub(crate) fn details(reader: &mut Reader<'_>, id: PaymentId) -> Result<Vec<u8>, Error> {
    reader.query_optional(FIND_DETAILS, params![id], |row| row.get(0))?.ok_or(Error::NoPayment)
}

pub(crate) fn set_details(tx: &mut Tx<'_>, id: PaymentId, details: Vec<u8>) -> Result<(), StoreError> {
    tx.execute(SET_DETAILS, params![id, details]).map(drop)
}

/// Writes `after` in the place of the version that was read. [`Error::Raced`] where that is another by now.
pub(crate) fn save(tx: &mut Tx<'_>, after: &Payment) -> Result<(), Error> {
    touched(tx, after.id)?;
    let now = tx.now();
    let values = params![
        after.id,
        after.version,
        after.is_open(),
        after.state.word(),
        after.authorized,
        after.captured,
        after.refunded,
        after.capturing,
        after.refunding,
        after.captures_ended,
        after.unsure,
        after.provider.map(Provider::word),
        after.attempt,
        after.look_at,
        after.looks,
        now
    ];
    raced(tx.execute(SAVE_PAYMENT, values)?)
}

fn raced(changed: u64) -> Result<(), Error> {
    if changed == 1 { Ok(()) } else { Err(Error::Raced) }
}

/// Sets an amount aside for a call that takes or gives back; false where it is more than is left. The database decides.
pub(crate) fn reserve(
    tx: &mut Tx<'_>,
    of: &Payment,
    operation: Operation,
    amount: i64,
) -> Result<bool, Error> {
    touched(tx, of.id)?;
    let changed = match operation {
        Operation::Capture => tx.execute(RESERVE_CAPTURE, params![of.id, of.version, amount])?,
        Operation::Refund => tx.execute(RESERVE_REFUND, params![of.id, of.version, amount])?,
        Operation::Open | Operation::Authorize | Operation::Void | Operation::Close => {
            tx.execute(TOUCH, params![of.id, of.version])?
        }
    };
    Ok(changed == 1)
}

pub(crate) fn look_no_later(tx: &mut Tx<'_>, id: PaymentId, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(PUT_LOOK, params![id, at]).map(drop)
}

pub(crate) fn insert_attempt(
    tx: &mut Tx<'_>,
    payment: PaymentId,
    number: u32,
    terms: &Terms,
    expires_at: Timestamp,
) -> Result<(), Error> {
    touched(tx, payment)?;
    let now = tx.now();
    let values = params![
        payment,
        number,
        terms.provider.word(),
        now,
        expires_at,
        terms.strength.word(),
        terms.saves,
        terms.method.clone(),
        terms.unattended,
        terms.embedded
    ];
    Ok(tx.execute(INSERT_ATTEMPT, values).map(drop)?)
}

pub(crate) fn find_attempt(
    reader: &mut Reader<'_>,
    payment: PaymentId,
    number: u32,
) -> Result<Option<Attempt>, Error> {
    seen(reader, payment)?;
    Ok(reader.query_optional(FIND_ATTEMPT, params![payment, number], attempt)?)
}

pub(crate) fn attempts_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Attempt>, Error> {
    seen(reader, payment)?;
    Ok(reader.query_many(ATTEMPTS_OF, params![payment], attempt)?)
}

/// The attempt that an object of the provider's belongs to.
pub(crate) fn attempt_of(
    reader: &mut Reader<'_>,
    provider: Provider,
    reference: &str,
) -> Result<Option<Attempt>, Error> {
    let found = reader.query_optional(ATTEMPT_BY_REFERENCE, params![provider.word(), reference], attempt)?;
    found.map(|found| seen(reader, found.payment).map(|()| found)).transpose()
}

pub(crate) fn attempt_opened(
    tx: &mut Tx<'_>,
    of: (PaymentId, u32),
    reference: &str,
    address: Option<Vec<u8>>,
) -> Result<(), Error> {
    touched(tx, of.0)?;
    Ok(tx.execute(ATTEMPT_OPENED, params![of.0, of.1, reference, address]).map(drop)?)
}

pub(crate) fn attempt_inner(tx: &mut Tx<'_>, of: (PaymentId, u32), inner: &str) -> Result<(), Error> {
    touched(tx, of.0)?;
    Ok(tx.execute(ATTEMPT_INNER, params![of.0, of.1, inner]).map(drop)?)
}

pub(crate) fn attempt_closed(tx: &mut Tx<'_>, of: (PaymentId, u32)) -> Result<(), Error> {
    touched(tx, of.0)?;
    Ok(tx.execute(ATTEMPT_CLOSED, params![of.0, of.1]).map(drop)?)
}

pub(crate) fn attempt_mismatch(tx: &mut Tx<'_>, of: (PaymentId, u32), what: &str) -> Result<(), Error> {
    touched(tx, of.0)?;
    Ok(tx.execute(ATTEMPT_MISMATCH, params![of.0, of.1, what]).map(drop)?)
}

/// Writes a call down before it goes out.
pub(crate) fn insert_call(tx: &mut Tx<'_>, one: &Call) -> Result<(), Error> {
    touched(tx, one.payment)?;
    let now = tx.now();
    let values = params![
        &one.key,
        one.payment,
        one.attempt,
        one.operation.word(),
        one.provider.word(),
        one.amount,
        one.target.clone(),
        now
    ];
    Ok(tx.execute(INSERT_CALL, values).map(drop)?)
}

pub(crate) fn find_call(reader: &mut Reader<'_>, key: &str) -> Result<Option<Call>, Error> {
    let found = reader.query_optional(FIND_CALL, params![key], call);
    let found = found.map_err(|why| believed::unread(why, "payment_call", key))?;
    found.map(|found| seen(reader, found.payment).map(|()| found)).transpose()
}

pub(crate) fn calls_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Call>, Error> {
    seen(reader, payment)?;
    Ok(reader.query_many(CALLS_OF, params![payment], call)?)
}

pub(crate) fn unsettled_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Call>, Error> {
    seen(reader, payment)?;
    Ok(reader.query_many(UNSETTLED_OF, params![payment], call)?)
}

pub(crate) fn count_calls(
    reader: &mut Reader<'_>,
    payment: PaymentId,
    operation: Operation,
) -> Result<u32, Error> {
    seen(reader, payment)?;
    Ok(reader.query_one(COUNT_CALLS, params![payment, operation.word()], |row| row.get(0))?)
}

/// True when it was not known to be unsure before.
pub(crate) fn call_unsure(
    tx: &mut Tx<'_>,
    (payment, key): (PaymentId, &str),
    code: &str,
) -> Result<bool, Error> {
    touched(tx, payment)?;
    Ok(tx.execute(CALL_UNSURE, params![key, code])? == 1)
}

/// True when this settles it.
pub(crate) fn call_settled(
    tx: &mut Tx<'_>,
    (payment, key): (PaymentId, &str),
    state: CallState,
    code: Option<&str>,
    outcome: Option<&str>,
) -> Result<bool, Error> {
    touched(tx, payment)?;
    let now = tx.now();
    Ok(tx.execute(CALL_SETTLED, params![key, state.word(), code, outcome, now])? == 1)
}

/// True when it is ours to send it again.
pub(crate) fn send_again(tx: &mut Tx<'_>, one: &Call) -> Result<bool, Error> {
    touched(tx, one.payment)?;
    let now = tx.now();
    Ok(tx.execute(SEND_AGAIN, params![&one.key, one.sends, now])? == 1)
}

/// What was given back, or is under way to be, in one currency since a moment.
pub(crate) fn refunds_since(
    reader: &mut Reader<'_>,
    since: Timestamp,
    currency: Currency,
) -> Result<i64, StoreError> {
    reader.query_one(REFUNDS_SINCE, params![since, currency.code()], |row| row.get(0))
}

pub(crate) fn insert_capture(tx: &mut Tx<'_>, one: &Capture) -> Result<(), Error> {
    touched(tx, one.payment)?;
    let values = params![
        one.provider.word(),
        &one.reference,
        one.payment,
        one.attempt,
        one.amount,
        one.state.word(),
        one.is_extra,
        one.at
    ];
    Ok(tx.execute(INSERT_CAPTURE, values).map(drop)?)
}

pub(crate) fn find_capture(
    reader: &mut Reader<'_>,
    provider: Provider,
    reference: &str,
) -> Result<Option<Capture>, Error> {
    let found = reader.query_optional(FIND_CAPTURE, params![provider.word(), reference], capture)?;
    found.map(|found| seen(reader, found.payment).map(|()| found)).transpose()
}

pub(crate) fn captures_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Capture>, Error> {
    seen(reader, payment)?;
    Ok(reader.query_many(CAPTURES_OF, params![payment], capture)?)
}

pub(crate) fn capture_state(tx: &mut Tx<'_>, one: &Capture, state: Piece) -> Result<(), Error> {
    touched(tx, one.payment)?;
    let now = tx.now();
    Ok(tx
        .execute(CAPTURE_STATE, params![one.provider.word(), &one.reference, state.word(), now])
        .map(drop)?)
}

/// True when it was not known.
pub(crate) fn capture_fee(tx: &mut Tx<'_>, one: &Capture, fee: i64) -> Result<bool, Error> {
    touched(tx, one.payment)?;
    Ok(tx.execute(CAPTURE_FEE, params![one.provider.word(), &one.reference, fee])? == 1)
}

pub(crate) fn insert_refund(tx: &mut Tx<'_>, one: &Refund) -> Result<(), Error> {
    touched(tx, one.payment)?;
    let values = params![
        one.provider.word(),
        &one.reference,
        one.payment,
        one.amount,
        one.state.word(),
        one.at,
        one.attempt,
        one.capture.clone()
    ];
    Ok(tx.execute(INSERT_REFUND, values).map(drop)?)
}

pub(crate) fn find_refund(
    reader: &mut Reader<'_>,
    provider: Provider,
    reference: &str,
) -> Result<Option<Refund>, Error> {
    let found = reader.query_optional(FIND_REFUND, params![provider.word(), reference], refund)?;
    found.map(|found| seen(reader, found.payment).map(|()| found)).transpose()
}

pub(crate) fn refunds_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Refund>, Error> {
    seen(reader, payment)?;
    Ok(reader.query_many(REFUNDS_OF, params![payment], refund)?)
}

/// Of which capture it is, where that was not known.
pub(crate) fn refund_capture(tx: &mut Tx<'_>, one: &Refund, capture: &str) -> Result<(), Error> {
    touched(tx, one.payment)?;
    Ok(tx.execute(REFUND_CAPTURE, params![one.provider.word(), &one.reference, capture]).map(drop)?)
}

pub(crate) fn refund_state(tx: &mut Tx<'_>, one: &Refund, state: Piece) -> Result<(), Error> {
    touched(tx, one.payment)?;
    let now = tx.now();
    Ok(tx.execute(REFUND_STATE, params![one.provider.word(), &one.reference, state.word(), now]).map(drop)?)
}

//! The books: every movement of money is an entry whose lines sum to zero, checked in the write that makes it.

use storeward_base::PaymentId;
use storeward_store::{Reader, Tx, params, statements};

use crate::error::Error;
use crate::model::Provider;
use crate::money::{Currency, Money};

statements! {
    INSERT_LINE = "INSERT INTO payment_posting (id, entry, payment, account, amount, currency, reference, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    SUM_OF_ENTRY = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT), COUNT(DISTINCT currency) FROM payment_posting WHERE entry = $1";
    LINES_OF = "SELECT entry, account, amount, currency, reference, at FROM payment_posting WHERE payment = $1 ORDER BY at, id LIMIT 500";
    BALANCES = "SELECT account, currency, CAST(SUM(amount) AS BIGINT) FROM payment_posting GROUP BY account, currency ORDER BY account, currency LIMIT 1000";
}

/// Where money is, or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// What buyers owe: negative once they paid.
    CustomerReceivable,
    /// What a provider holds for the shop.
    Clearing(Provider),
    Fees,
    Refunds,
    Disputes,
}

impl Account {
    pub const fn name(self) -> &'static str {
        match self {
            Account::CustomerReceivable => "customer_receivable",
            Account::Clearing(Provider::Stripe) => "provider_clearing:stripe",
            Account::Clearing(Provider::PayPal) => "provider_clearing:paypal",
            Account::Fees => "fees",
            Account::Refunds => "refunds",
            Account::Disputes => "disputes",
        }
    }
}

/// One line of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    pub entry: String,
    pub account: String,
    pub amount: i64,
    pub currency: String,
    pub reference: String,
    pub at: storeward_base::Timestamp,
}

/// `amount` goes from one account to another: minus there, plus here. `reference` is the provider's object that says so.
pub(crate) fn moved(
    tx: &mut Tx<'_>,
    payment: PaymentId,
    (from, to): (Account, Account),
    money: Money,
    reference: &str,
) -> Result<(), Error> {
    let minus = money.minor.checked_neg().ok_or(Error::Unbalanced)?;
    post(tx, payment, money.currency, &[(from, minus), (to, money.minor)], reference)
}

/// Writes an entry. One whose lines do not sum to zero fails, and with it everything else of the write.
pub(crate) fn post(
    tx: &mut Tx<'_>,
    payment: PaymentId,
    currency: Currency,
    lines: &[(Account, i64)],
    reference: &str,
) -> Result<(), Error> {
    crate::believed::touched(tx, payment)?;
    let (entry, now) = (tx.event_id().to_string(), tx.now());
    for (account, amount) in lines {
        let id = tx.event_id().to_string();
        let values = params![id, &entry, payment, account.name(), *amount, currency.code(), reference, now];
        tx.execute(INSERT_LINE, values)?;
    }
    // Asked of the database and not of `lines`: what stands there is what counts.
    let (sum, currencies): (i64, i64) =
        tx.query_one(SUM_OF_ENTRY, params![&entry], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if sum == 0 && currencies == 1 { Ok(()) } else { Err(Error::Unbalanced) }
}

/// What the books say of a payment, oldest first.
pub fn postings(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Posting>, storeward_store::Error> {
    reader.query_many(LINES_OF, params![payment], |row| {
        Ok(Posting {
            entry: row.get(0)?,
            account: row.get(1)?,
            amount: row.get(2)?,
            currency: row.get(3)?,
            reference: row.get(4)?,
            at: row.get(5)?,
        })
    })
}

/// The sum of each account in each currency.
pub fn balances(reader: &mut Reader<'_>) -> Result<Vec<(String, String, i64)>, storeward_store::Error> {
    reader.query_many(BALANCES, &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

//! Disputes: what the provider says of them, the money that it holds back meanwhile, how long there is to answer, and the answer.

mod answer;
mod earlier;
mod facts;
mod files;
mod pack;
mod told;
mod watch;

use std::sync::Arc;

use storeward_base::{PaymentId, Timestamp};
use storeward_events::payment as told_facts;
use storeward_store::{Reader, Row, Tx, Value, params, statements};

use crate::apply::{amount, tell};
use crate::error::Error;
use crate::ledger::{Account, moved};
use crate::model::Provider;
use crate::money::{Currency, Money};
use crate::payments::{Payments, Shared};
use crate::provider::{Gateway, Trouble};
use crate::sql;

pub(crate) use answer::OnTheWay;
pub use answer::Reply;
pub use earlier::Earlier;
pub use facts::{Fact, FactKind};
pub use files::{EvidenceFile, FileAbout, FileKind, MOST_BYTES as MOST_FILE_BYTES};
pub(crate) use files::{SentFile, forget_evidence_of};
pub use pack::Pack;
pub use told::Checks;
pub(crate) use told::Told;

/// The columns of a dispute, in the order in which [`dispute`] reads them.
macro_rules! dispute_columns {
    ($rest:literal) => {
        concat!(
            "SELECT provider, reference, payment, amount, currency, reason, state, status, withdrawn, fee, movements, due_at, opened_at, \
             closed_at, answer, answered_at, digest, code, checks, warned FROM payment_dispute ",
            $rest
        )
    };
}
use dispute_columns;

statements! {
    INSERT_DISPUTE = "INSERT INTO payment_dispute (provider, reference, payment, amount, currency, reason, state, status, is_withdrawn, due_at, opened_at, closed_at, look_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, 'open', '', 0, $7, $8, NULL, $8)";
    FIND_DISPUTE = dispute_columns!("WHERE provider = $1 AND reference = $2");
    DISPUTES_OF = dispute_columns!("WHERE payment = $1 ORDER BY opened_at, reference LIMIT 50");
    OPEN_DISPUTES = dispute_columns!("WHERE state = 'open' ORDER BY COALESCE(due_at, opened_at), reference LIMIT $1");
    LIST_DISPUTES = dispute_columns!("WHERE (opened_at, reference) < ($1, $2) ORDER BY opened_at DESC, reference DESC LIMIT $3");
    DISPUTE_STANDS = "UPDATE payment_dispute SET state = $3, status = $4, is_withdrawn = $5, withdrawn = $6, fee = $7, movements = $8, due_at = $9, \
                      closed_at = $10, look_at = $11 WHERE provider = $1 AND reference = $2";
    BOOKED = "SELECT account, currency, CAST(SUM(amount) AS BIGINT) FROM payment_posting WHERE payment = $1 AND reference = $2 \
              AND account IN ('disputes', 'fees') GROUP BY account, currency ORDER BY account, currency";
    DISPUTE_CHECKS = "UPDATE payment_dispute SET checks = $3 WHERE provider = $1 AND reference = $2 AND checks IS NULL";
}

/// The statements of disputes, for the tests that prepare them.
pub(crate) fn statements() -> Vec<&'static str> {
    [
        STATEMENTS,
        answer::STATEMENTS,
        earlier::STATEMENTS,
        facts::STATEMENTS,
        files::STATEMENTS,
        watch::STATEMENTS,
    ]
    .concat()
}

/// A dispute as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    pub provider: Provider,
    pub reference: String,
    pub payment: PaymentId,
    /// Minor units, as all amounts here.
    pub amount: i64,
    pub currency: String,
    /// The provider's word.
    pub reason: String,
    /// `open`, `won`, `lost`.
    pub state: String,
    /// The provider's word for where it stands.
    pub status: String,
    /// What the provider holds back, or took.
    pub withdrawn: i64,
    /// What it takes for its trouble.
    pub fee: i64,
    pub(crate) movements: i64,
    /// Until when it takes evidence.
    pub due_at: Option<Timestamp>,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// What staff answered.
    pub answer: Reply,
    pub answered_at: Option<Timestamp>,
    /// SHA-256 in hexadecimal of the evidence that was sent.
    pub digest: Option<String>,
    /// Why the provider did not take the last answer.
    pub code: Option<String>,
    pub checks: Option<Checks>,
    pub(crate) warned: u32,
}

impl Dispute {
    /// By which it is known here: the provider's word and its own id.
    pub fn id(&self) -> String {
        format!("{}.{}", self.provider.word(), self.reference)
    }

    /// Whether staff may still answer it at a moment.
    pub fn may_answer(&self, now: Timestamp) -> bool {
        self.state == "open" && self.answer == Reply::None && self.due_at.is_none_or(|due| due > now)
    }

    pub fn money(&self) -> Option<Money> {
        Some(Money { minor: self.amount, currency: self.currency.parse().ok()? })
    }
}

/// The provider and its id of a dispute, as [`Dispute::id`] writes them.
pub(crate) fn of_id(id: &str) -> Result<(Provider, String), Error> {
    let (provider, reference) = id.split_once('.').ok_or(Error::NoDispute)?;
    let provider = Provider::of_word(provider).ok_or(Error::NoDispute)?;
    if !crate::stripe::is_id(reference) {
        return Err(Error::NoDispute);
    }
    Ok((provider, reference.to_owned()))
}

fn dispute(row: &Row<'_>) -> Result<Dispute, storeward_store::Error> {
    let word = |index: usize, wanted: &'static str| storeward_store::Error::Column { index, wanted };
    let checks: Option<String> = row.get(18)?;
    Ok(Dispute {
        provider: Provider::of_word(&row.get::<String>(0)?).ok_or(word(0, "a provider"))?,
        reference: row.get(1)?,
        payment: crate::believed::id(row, 2)?,
        amount: row.get(3)?,
        currency: row.get(4)?,
        reason: row.get(5)?,
        state: row.get(6)?,
        status: row.get(7)?,
        withdrawn: row.get(8)?,
        fee: row.get(9)?,
        movements: row.get(10)?,
        due_at: row.get(11)?,
        opened_at: row.get(12)?,
        closed_at: row.get(13)?,
        answer: Reply::of_word(&row.get::<String>(14)?).ok_or(word(14, "an answer"))?,
        answered_at: row.get(15)?,
        digest: row.get(16)?,
        code: row.get(17)?,
        checks: checks.and_then(|text| serde_json::from_str(&text).ok()),
        warned: row.get(19)?,
    })
}

pub(crate) fn of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Dispute>, Error> {
    Ok(listed(reader, DISPUTES_OF, params![payment])?)
}

/// Those of a list that can be read.
fn listed(
    reader: &mut Reader<'_>,
    statement: &str,
    values: &[Value],
) -> Result<Vec<Dispute>, storeward_store::Error> {
    crate::believed::listed(reader, ("payment_dispute", 1), (statement, values), dispute)
}

fn find(reader: &mut Reader<'_>, provider: Provider, reference: &str) -> Result<Option<Dispute>, Error> {
    Ok(reader.query_optional(FIND_DISPUTE, params![provider.word(), reference], dispute)?)
}

fn get(reader: &mut Reader<'_>, provider: Provider, reference: &str) -> Result<Dispute, Error> {
    find(reader, provider, reference)?.ok_or(Error::NoDispute)
}

impl Payments {
    /// Disputes that are open, those whose time ends first in front.
    pub async fn open_disputes(&self, most: u32) -> Result<Vec<Dispute>, Error> {
        self.0.read(move |reader| Ok(listed(reader, OPEN_DISPUTES, params![most.min(500)])?)).await
    }

    /// All of them, the newest first, behind the one that was opened at a moment and has this reference.
    pub async fn disputes(
        &self,
        before: Option<(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<Dispute>, Error> {
        // No reference is behind this in the order of bytes.
        let (at, reference) = before.unwrap_or_else(|| (Timestamp::from_micros(i64::MAX), "~".to_owned()));
        self.0
            .read(move |reader| Ok(listed(reader, LIST_DISPUTES, params![at, &reference, limit.min(501)])?))
            .await
    }

    /// A dispute by [`Dispute::id`].
    pub async fn dispute(&self, id: &str) -> Result<Dispute, Error> {
        let (provider, reference) = of_id(id)?;
        self.0.read(move |reader| get(reader, provider, &reference)).await
    }

    /// Reads a dispute and writes it down.
    pub(crate) async fn look_at_dispute(
        &self,
        provider: Provider,
        reference: &str,
        payment: PaymentId,
    ) -> Result<(), Error> {
        match self.read_dispute(provider, reference).await? {
            Some(told) => self.take_dispute(provider, payment, &told).await,
            // A message about something with another kind of id.
            None => Ok(()),
        }
    }

    /// A dispute as the provider has it; nothing where it has none of this id.
    pub(crate) async fn read_dispute(
        &self,
        provider: Provider,
        reference: &str,
    ) -> Result<Option<Arc<Told>>, Error> {
        let read = match self.0.gateway(provider)? {
            Gateway::Stripe(stripe) => stripe.dispute(reference).await.map(|one| told::of_stripe(&one)),
            Gateway::PayPal(paypal) => paypal.dispute(reference).await.map(|one| told::of_paypal(&one)),
        };
        match read {
            Ok(told) => told.map(Arc::new).map(Some).ok_or(Error::Form("a dispute")),
            Err(Trouble::Refused(_)) => Ok(None),
            Err(why) => Err(Error::NotReached { code: why.code().to_owned() }),
        }
    }

    /// Writes down what was read of a dispute.
    pub(crate) async fn take_dispute(
        &self,
        provider: Provider,
        payment: PaymentId,
        told: &Arc<Told>,
    ) -> Result<(), Error> {
        let (shared, told) = (Arc::clone(&self.0), Arc::clone(told));
        let known = self.0.write(move |tx| shared.dispute(tx, provider, payment, &told)).await?;
        self.judge_disputed(payment).await?;
        match known {
            Some(known) if known.checks.is_none() => self.keep_checks(&known).await,
            _ => Ok(()),
        }
    }

    /// What the provider's checks said when the money was taken. Asked once; without an answer it is asked with the next look.
    async fn keep_checks(&self, of: &Dispute) -> Result<(), Error> {
        let id = of.payment;
        let attempts = self.0.read(move |reader| sql::attempts_of(reader, id)).await?;
        let is_of =
            |attempt: &&crate::model::Attempt| attempt.provider == of.provider && attempt.reference.is_some();
        let Some(attempt) = attempts.iter().rfind(is_of) else { return Ok(()) };
        let read = match self.0.gateway(of.provider)? {
            Gateway::Stripe(stripe) => stripe.intent(attempt).await.map(|one| told::checks_of_stripe(&one)),
            Gateway::PayPal(paypal) => paypal.order(attempt).await.map(|one| told::checks_of_paypal(&one)),
        };
        let Ok(checks) = read else { return Ok(()) };
        let text = serde_json::to_string(&checks).unwrap_or_default();
        let (provider, reference) = (of.provider, of.reference.clone());
        self.0
            .write(move |tx| {
                tx.commit_silent("what a provider's checks said of a disputed payment");
                tx.execute(DISPUTE_CHECKS, params![provider.word(), &reference, &text])?;
                Ok(())
            })
            .await
    }
}

impl Shared {
    /// Writes down what the provider says. Nothing where the dispute is not about this payment.
    fn dispute(
        &self,
        tx: &mut Tx<'_>,
        provider: Provider,
        id: PaymentId,
        told: &Told,
    ) -> Result<Option<Dispute>, Error> {
        tx.commit_silent("a dispute was asked about and nothing is new");
        let payment = sql::get(tx, id)?;
        let captures = sql::captures_of(tx, id)?;
        let attempts = sql::attempts_of(tx, id)?;
        let is_about = |reference: &String| {
            captures.iter().any(|one| one.provider == provider && &one.reference == reference)
                || attempts
                    .iter()
                    .any(|one| one.provider == provider && one.inner.as_ref() == Some(reference))
        };
        if !told.about.iter().any(is_about) || told.amount.currency != payment.currency() {
            return Ok(None);
        }
        let known = match find(tx, provider, &told.reference)? {
            Some(known) if known.payment != id => return Ok(None),
            Some(known) => known,
            None => opened(tx, provider, id, told)?,
        };
        self.stands(tx, &known, told).map(Some)
    }

    fn stands(&self, tx: &mut Tx<'_>, known: &Dispute, told: &Told) -> Result<Dispute, Error> {
        let (provider, id) = (known.provider, known.payment);
        // What is over stays over: an older picture changes nothing. A bank may still find for the shop.
        let is_older = told.movements < known.movements
            || rank(told.state) < rank(&known.state)
            || told.amount.currency.code() != known.currency;
        if is_older {
            return Ok(known.clone());
        }
        book(tx, known, told)?;
        let now = tx.now();
        let closed = known.closed_at.or((told.state != "open").then_some(now));
        let values = params![
            provider.word(),
            &told.reference,
            told.state,
            &told.status,
            told.withdrawn > 0,
            told.withdrawn,
            told.own_fee(),
            told.movements,
            told.due_at,
            closed,
            watch::next_look(told, now)
        ];
        tx.execute(DISPUTE_STANDS, values)?;
        answer::settle(tx, known, told)?;
        if known.state != told.state || known.withdrawn != told.withdrawn {
            // Money that came back may be the buyer's now: the shop had given the order up.
            let order = crate::sql::get(tx, id)?.order;
            crate::orders::look_again(tx, &order)?;
        }
        if known.state != told.state {
            let provider = provider.word().to_owned();
            tell(tx, told_facts::DisputeClosed { payment: id, provider, outcome: told.state.to_owned() })?;
        }
        get(tx, provider, &told.reference)
    }
}

fn rank(state: &str) -> u8 {
    match state {
        "won" => 2,
        "lost" => 1,
        _ => 0,
    }
}

/// A dispute of which nobody has heard.
fn opened(tx: &mut Tx<'_>, provider: Provider, id: PaymentId, told: &Told) -> Result<Dispute, Error> {
    let now = tx.now();
    let values = params![
        provider.word(),
        &told.reference,
        id,
        told.amount.minor,
        told.amount.currency.code(),
        &told.reason,
        told.due_at,
        now
    ];
    tx.execute(INSERT_DISPUTE, values)?;
    let fact = told_facts::DisputeOpened {
        payment: id,
        provider: provider.word().to_owned(),
        amount: amount(told.amount.minor),
        currency: told.amount.currency.to_string(),
        reason: told.reason.clone(),
        due_at: told.due_at,
    };
    tell(tx, fact)?;
    get(tx, provider, &told.reference)
}

/// What the books say of a dispute, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Booked(Vec<(String, String, i64)>);

impl Booked {
    pub fn of(&self, account: Account, currency: Currency) -> i64 {
        let is_of = |one: &&(String, String, i64)| one.0 == account.name() && one.1 == currency.code();
        self.0.iter().find(is_of).map_or(0, |(_, _, sum)| *sum)
    }

    /// What is held back; no more than one currency has any.
    pub fn withdrawn(&self) -> i64 {
        self.0.iter().find(|one| one.0 == Account::Disputes.name()).map_or(0, |(_, _, sum)| *sum)
    }
}

pub(crate) fn booked(reader: &mut Reader<'_>, payment: PaymentId, reference: &str) -> Result<Booked, Error> {
    crate::believed::seen(reader, payment)?;
    let sums = reader
        .query_many(BOOKED, params![payment, reference], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Booked(sums))
}

/// Makes the books say what is held back, and what the provider takes for its trouble: the difference to what they say, not to what
/// the dispute's row says, so that a row that somebody changes or takes away books nothing twice.
fn book(tx: &mut Tx<'_>, known: &Dispute, told: &Told) -> Result<(), Error> {
    let currency: Currency = known.currency.parse()?;
    let clearing = Account::Clearing(known.provider);
    let said = booked(tx, known.payment, &known.reference)?;
    let held = Money { minor: told.withdrawn, currency };
    // As with what is taken: in the currency in which the provider took it.
    let fees = told.fees.iter().map(|fee| (*fee, Account::Fees));
    for (now, account) in std::iter::once((held, Account::Disputes)).chain(fees) {
        let before = said.of(account, now.currency);
        let difference = now.minor.checked_sub(before).ok_or(Error::Unbalanced)?;
        let money = Money { minor: difference.checked_abs().ok_or(Error::Unbalanced)?, ..now };
        match difference.signum() {
            1 => moved(tx, known.payment, (clearing, account), money, &known.reference)?,
            -1 => moved(tx, known.payment, (account, clearing), money, &known.reference)?,
            _ => {}
        }
    }
    Ok(())
}

//! Once a day: the provider's own list of movements against the books, and the books against what the shop was told.

pub(crate) mod days;
pub(crate) mod disputes;
mod late;
pub(crate) mod lines;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_events::payment as facts;
use storeward_store::{Reader, Tx, params, statements};

use crate::believed;
use crate::error::Error;
use crate::model::{Piece, Provider};
use crate::payments::{Payments, Shared};
use crate::provider::{Gateway, Listed, Movement, MovementKind};
use crate::{ledger, sql};

statements! {
    CAPTURES_BETWEEN = "SELECT reference, payment, amount FROM payment_capture WHERE provider = $1 AND at >= $2 AND at < $3 AND state = 'done' \
                        ORDER BY at, reference LIMIT 100000";
    REFUNDS_BETWEEN = "SELECT reference, payment, amount FROM payment_refund WHERE provider = $1 AND at >= $2 AND at < $3 AND state = 'done' \
                       ORDER BY at, reference LIMIT 100000";
    UNBOOKED_BETWEEN = "SELECT c.reference, c.payment, c.amount FROM payment_capture c WHERE c.provider = $1 AND c.at >= $2 AND c.at < $3 AND c.state = 'done' \
                        AND NOT EXISTS (SELECT 1 FROM payment_posting p WHERE p.payment = c.payment AND p.reference = c.reference \
                        AND p.account = 'customer_receivable' AND p.amount = 0 - c.amount) ORDER BY c.reference LIMIT 10000";
    UNTOLD_BETWEEN = "SELECT n.id, n.payment, n.hook FROM payment_news n JOIN payment p ON p.id = n.payment \
                      WHERE n.made_at >= $1 AND n.made_at < $2 AND n.taken_at IS NULL AND p.captured > 0 AND p.provider = $3 ORDER BY n.id LIMIT 10000";
    OPEN_UNTOLD = "SELECT d.reference, n.hook FROM payment_difference d LEFT JOIN payment_news n ON n.id = d.reference AND n.taken_at IS NULL \
                   WHERE d.what = 'shop_not_told' AND d.settled_at IS NULL ORDER BY d.reference LIMIT 10000";
    SETTLE_TOLD = "UPDATE payment_difference SET settled_at = $2 WHERE what = 'shop_not_told' AND reference = $1 AND settled_at IS NULL";
    INSERT_DIFFERENCE = "INSERT INTO payment_difference (id, provider, day, what, reference, payment, there, here, currency, found_at, settled_at) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL) ON CONFLICT (provider, what, reference) DO UPDATE SET id = excluded.id, day = excluded.day, \
                         payment = excluded.payment, there = excluded.there, here = excluded.here, currency = excluded.currency, \
                         found_at = excluded.found_at, settled_at = NULL WHERE payment_difference.settled_at IS NOT NULL";
    LIST_DIFFERENCES = "SELECT provider, day, what, reference, payment, there, here, currency, found_at, id FROM payment_difference \
                        WHERE settled_at IS NULL AND id < $1 ORDER BY id DESC LIMIT $2";
    COUNT_DIFFERENCES = "SELECT COUNT(*) FROM payment_difference WHERE settled_at IS NULL";
    OPEN_OF_ORDER = "SELECT what FROM payment_difference WHERE provider = 'shop' AND reference = $1 AND settled_at IS NULL LIMIT 20";
    SETTLE_ONE = "UPDATE payment_difference SET settled_at = $4 WHERE provider = $1 AND reference = $2 AND what = $3 AND settled_at IS NULL";
    SETTLE_DIFFERENCES = "UPDATE payment_difference SET settled_at = $3 WHERE provider = $1 AND reference = $2 AND what <> 'line_not_read' AND settled_at IS NULL";
}

/// In the place of a provider, where an order of the shop is held against payments.
const SHOP: &str = "shop";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Clocks, and a list that is made at night: a movement may stand in the list of the day beside.
const MARGIN: Duration = Duration::from_secs(6 * 3600);

/// Where the lists do not say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub id: String,
    /// `stripe`, `paypal`; `shop` where an order of the shop is held against payments.
    pub provider: String,
    /// `YYYY-MM-DD`, UTC.
    pub day: String,
    /// `missing_here`, `missing_there`, `amount`, `not_in_the_books`, `not_read`, `line_not_read`, `row_harmed`, `shop_not_told`; of orders `order_missing`, `order_unpaid`,
    /// `order_cancelled`, `order_without_payment`, `order_amount`, `order_currency`, `order_not_refunded`, `payment_not_refunded`.
    pub what: String,
    /// The provider's object (of a dispute the dispute), the piece of news, or the shop's order.
    pub reference: String,
    pub payment: Option<PaymentId>,
    /// Minor units, at the provider and here; of orders at the payment and in the shop.
    pub there: Option<i64>,
    pub here: Option<i64>,
    pub currency: Option<String>,
    pub found_at: Timestamp,
}

/// What a day came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub compared: u64,
    /// Those that were not known before.
    pub differences: u64,
    /// Disputes of which it is not known how they stand: the day is not compared whole. Each that was asked for is a difference (`not_read`).
    pub unread: u64,
    /// Lines of the provider's list that cannot be read: each is a difference (`line_not_read`), and all others are compared.
    pub unread_lines: u64,
}

pub(crate) struct Found {
    pub what: &'static str,
    pub reference: String,
    pub payment: Option<PaymentId>,
    pub there: Option<i64>,
    pub here: Option<i64>,
    pub currency: Option<String>,
}

impl Payments {
    /// Compares the day that holds `at` (UTC) with one provider's list, by hand: it is the operator's act.
    pub async fn reconcile(&self, provider: Provider, at: Timestamp) -> Result<Compared, Error> {
        self.reconcile_one(self.0.gateway(provider)?, at, Actor::Operator).await
    }

    /// The two days before now with every provider, since what was late the first time is there the second, and before them days that
    /// were left out. One that does not answer holds the others up no longer than it takes to say so.
    pub async fn reconcile_all(&self, actor: Actor) -> Result<(), Error> {
        let mut trouble = None;
        for gateway in &self.0.gateways {
            for at in self.due(gateway.provider()).await? {
                match self.reconcile_one(gateway, at, actor).await {
                    Ok(day) if day.unread == 0 => {}
                    // Whoever runs it tries again.
                    Ok(_) => {
                        trouble = Some(Error::NotReached { code: "payments.dispute_not_read".to_owned() })
                    }
                    Err(why) => trouble = Some(why),
                }
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    /// Differences that are still there, the newest 500.
    pub async fn differences(&self) -> Result<Vec<Difference>, Error> {
        self.differences_before(None, 500).await
    }

    /// How many there are.
    pub async fn count_differences(&self) -> Result<u64, Error> {
        self.0.read(|reader| Ok(reader.query_one(COUNT_DIFFERENCES, &[], |row| row.get(0))?)).await
    }

    /// A page of them, newest first, behind the one with id `before`.
    pub async fn differences_before(
        &self,
        before: Option<String>,
        limit: u32,
    ) -> Result<Vec<Difference>, Error> {
        // No id is behind this in the order of bytes.
        let before = before.unwrap_or_else(|| "~".to_owned());
        let rows = self.0.read(move |reader| {
            let rows = reader.query_many(LIST_DIFFERENCES, params![before, limit.min(501)], |row| {
                Ok(Difference {
                    id: row.get(9)?,
                    provider: row.get(0)?,
                    day: row.get(1)?,
                    what: row.get(2)?,
                    reference: row.get(3)?,
                    payment: row.get::<Option<String>>(4)?.and_then(|text| believed::id_of(&text)),
                    there: row.get(5)?,
                    here: row.get(6)?,
                    currency: row.get(7)?,
                    found_at: row.get(8)?,
                })
            });
            Ok(rows?)
        });
        rows.await
    }

    async fn reconcile_one(&self, gateway: &Gateway, at: Timestamp, actor: Actor) -> Result<Compared, Error> {
        let start = Timestamp::from_seconds(at.seconds().div_euclid(86_400) * 86_400);
        let end = start.plus(DAY);
        let provider = gateway.provider();
        self.try_day(provider, start).await?;
        let listed = gateway.movements(start.minus(MARGIN), end.plus(MARGIN)).await;
        let mut listed = listed.map_err(|why| Error::NotReached { code: why.code().to_owned() })?;
        // What a lost message kept from us is read before it is called a difference: first what was taken, by which it is known whose
        // money went back.
        for kind in [MovementKind::Capture, MovementKind::Refund] {
            for movement in listed.movements.iter_mut().filter(|one| one.kind == kind) {
                self.find_owner(provider, movement).await?;
                self.catch_up(provider, movement).await?;
            }
        }
        let between = (start, end);
        let disputed = self.disputes_moved(gateway, &listed.movements, between).await?;
        let shown = self.shown_elsewhere(gateway, &listed.movements, between).await?;
        let day = Arc::new(Day { actor, provider, between, listed, disputed, shown });
        let shared = Arc::clone(&self.0);
        self.0.write(move |tx| shared.compare(tx, &day)).await
    }

    /// Whose money a movement is that does not say it, such as a refund that was made in the provider's own pages: by what was taken.
    /// What others take, pay and give back on the same account is not ours to compare.
    async fn find_owner(&self, provider: Provider, movement: &mut Movement) -> Result<(), Error> {
        let is_said = movement.payment.as_deref().is_some_and(|id| id.parse::<PaymentId>().is_ok());
        if is_said || movement.kind == MovementKind::Refund && movement.about.is_empty() {
            return Ok(());
        }
        let asked = movement.clone();
        match self.0.read(move |reader| disputes::payment_of(reader, provider, &asked)).await? {
            Some(payment) => movement.payment = Some(payment.text()),
            None => movement.kind = MovementKind::Other,
        }
        Ok(())
    }

    async fn catch_up(&self, provider: Provider, movement: &Movement) -> Result<(), Error> {
        let reference = movement.reference.clone();
        let kind = movement.kind;
        let is_known = self.0.read(move |reader| is_known(reader, provider, kind, &reference)).await;
        let is_known = match is_known {
            // It is told, and stands among the day's differences.
            Err(Error::Harmed { .. }) => return Ok(()),
            other => other?,
        };
        let payment = movement.payment.as_deref().and_then(|id| id.parse::<PaymentId>().ok());
        let Some(payment) = payment.filter(|_| !is_known) else { return Ok(()) };
        // Of an attempt that was given up as well, where it took what was given back.
        let about = movement.about.clone();
        let taken = self.0.read(move |reader| {
            let of = |id: &String| sql::find_capture(reader, provider, id).ok().flatten();
            Ok::<_, Error>(about.iter().find_map(of).map(|capture| capture.attempt))
        });
        let brought = match self.bring_listed(provider, movement, payment).await {
            Err(Error::Store(why)) => return Err(Error::Store(why)),
            brought => brought.unwrap_or_default(),
        };
        match self.look_with(payment, taken.await?.or(brought)).await {
            Err(Error::Store(why)) => Err(Error::Store(why)),
            // Whatever one payment has, the day's other movements are compared; what is missing here is told.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn is_known(
    reader: &mut Reader<'_>,
    provider: Provider,
    kind: MovementKind,
    reference: &str,
) -> Result<bool, Error> {
    Ok(match kind {
        MovementKind::Capture => {
            sql::find_capture(reader, provider, reference)?.is_some_and(|one| one.state == Piece::Done)
        }
        MovementKind::Refund => {
            sql::find_refund(reader, provider, reference)?.is_some_and(|one| one.state == Piece::Done)
        }
        MovementKind::Dispute | MovementKind::Other => true,
    })
}

/// What was taken and given back on a day, as it stands here: the provider's object, whose it is, and how much.
fn own_between(
    reader: &mut Reader<'_>,
    provider: Provider,
    (start, end): (Timestamp, Timestamp),
) -> Result<Vec<(String, PaymentId, i64)>, Error> {
    let mut own = Vec::new();
    for (table, statement) in [("payment_capture", CAPTURES_BETWEEN), ("payment_refund", REFUNDS_BETWEEN)] {
        let asked: (&str, &[_]) = (statement, params![provider.word(), start, end]);
        let rows = believed::listed(reader, (table, 0), asked, |row| {
            Ok((row.get(0)?, believed::id(row, 1)?, row.get(2)?))
        })?;
        own.extend(rows);
    }
    Ok(own)
}

/// A day as the provider tells it.
struct Day {
    actor: Actor,
    provider: Provider,
    between: (Timestamp, Timestamp),
    listed: Listed,
    disputed: Vec<disputes::Moved>,
    /// What the list lacks and the provider shows all the same, and of what amount.
    shown: BTreeSet<(String, i64)>,
}

impl Shared {
    fn compare(&self, tx: &mut Tx<'_>, day: &Day) -> Result<Compared, Error> {
        let Day { actor, provider, between: (start, end), .. } = *day;
        let mut found = disputes::compare(tx, provider, &day.disputed)?;
        let mut there = BTreeSet::new();
        for movement in day.listed.movements.iter().filter(|one| one.kind.is_paid_or_refunded()) {
            there.insert(movement.reference.as_str());
            if let Some(difference) = against_or_harmed(tx, provider, movement)? {
                found.push(difference);
            } else {
                settle(tx, provider, &movement.reference)?;
            }
        }
        let unread = day.disputed.iter().filter(|one| one.is_unread()).count();
        let read = day.disputed.len().saturating_sub(unread);
        let mut compared = u64::try_from(there.len().saturating_add(read)).unwrap_or(u64::MAX);
        for (reference, payment, amount) in own_between(tx, provider, (start, end))? {
            if there.contains(reference.as_str()) {
                continue;
            }
            compared += 1;
            let one = (reference, amount);
            if day.shown.contains(&one) {
                settle_one(tx, provider.word(), &one.0, "missing_there")?;
                continue;
            }
            found.push(Found {
                what: "missing_there",
                reference: one.0,
                payment: Some(payment),
                there: None,
                here: Some(amount),
                currency: None,
            });
        }
        // The rows against the books, which nobody can change.
        let asked: (&str, &[_]) = (UNBOOKED_BETWEEN, params![provider.word(), start, end]);
        let unbooked = believed::listed(tx, ("payment_capture", 0), asked, |row| {
            Ok((row.get::<String>(0)?, believed::id(row, 1)?, row.get::<i64>(2)?))
        })?;
        found.extend(unbooked.into_iter().map(|(reference, payment, amount)| Found {
            what: "not_in_the_books",
            reference,
            payment: Some(payment),
            there: None,
            here: Some(amount),
            currency: None,
        }));
        found.extend(self.untold(tx, provider, (start, end))?);
        let name = day_of(start);
        lines::settle_read(tx, provider, &name, &day.listed)?;
        found.extend(lines::unread(&name, &day.listed));
        let mut differences = 0;
        for one in &found {
            differences += u64::from(write_down(tx, actor, (provider.word(), &name), one)?);
        }
        // By the fact it is known which days are compared whole.
        if unread == 0 {
            days::end_trying(tx, provider, &name)?;
            let provider = provider.word().to_owned();
            let fact = facts::DayReconciled { provider, day: name, compared, differences };
            tx.append(actor, None, fact)?;
        } else {
            tx.commit_silent("a day of which disputes could not be read: each is told as a difference, and the day is compared again");
        }
        let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
        let (unread, unread_lines) = (count(unread), count(day.listed.unread.len()));
        Ok(Compared { compared, differences, unread, unread_lines })
    }
}

impl Shared {
    /// News of a day that the shop has not taken. Of earlier days what was taken since is settled, and so is what nobody can take any more:
    /// its address is no longer in the config, or it is no longer kept.
    fn untold(
        &self,
        tx: &mut Tx<'_>,
        provider: Provider,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<Vec<Found>, Error> {
        let is_there = |name: &str| self.settings.hooks.iter().any(|hook| hook.name == name);
        let open = believed::listed(tx, ("payment_difference", 0), (OPEN_UNTOLD, &[]), |row| {
            Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?))
        })?;
        for (reference, hook) in open {
            if !hook.as_deref().is_some_and(is_there) {
                settle_told(tx, &reference)?;
            }
        }
        let asked: (&str, &[_]) = (UNTOLD_BETWEEN, params![start, end, provider.word()]);
        let untold = believed::listed(tx, ("payment_news", 0), asked, |row| {
            Ok((row.get::<String>(0)?, believed::id(row, 1)?, row.get::<String>(2)?))
        })?;
        let untold = untold.into_iter().filter(|(_, _, hook)| is_there(hook));
        let found = untold.map(|(reference, payment, _)| Found {
            what: "shop_not_told",
            reference,
            payment: Some(payment),
            there: None,
            here: None,
            currency: None,
        });
        Ok(found.collect())
    }
}

/// The shop took this piece of news.
pub(crate) fn settle_told(tx: &mut Tx<'_>, news: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(SETTLE_TOLD, params![news, now])?;
    Ok(())
}

/// The same; a payment that is not what Storeward wrote is a difference of its own, and holds none of the others up.
fn against_or_harmed(
    tx: &mut Tx<'_>,
    provider: Provider,
    movement: &Movement,
) -> Result<Option<Found>, Error> {
    match against_the_books(tx, provider, movement) {
        Err(Error::Harmed { row, .. }) => Ok(Some(Found {
            what: "row_harmed",
            reference: movement.reference.clone(),
            payment: row.parse().ok(),
            there: Some(movement.amount.minor),
            here: None,
            currency: Some(movement.amount.currency.to_string()),
        })),
        other => other,
    }
}

/// One of the provider's movements against ours; and its fee, where it was not known.
fn against_the_books(
    tx: &mut Tx<'_>,
    provider: Provider,
    movement: &Movement,
) -> Result<Option<Found>, Error> {
    let reference = movement.reference.as_str();
    let ours = match movement.kind {
        MovementKind::Capture => sql::find_capture(tx, provider, reference)?
            .filter(|one| one.state == Piece::Done)
            .map(|one| (one.payment, one.amount)),
        _ => sql::find_refund(tx, provider, reference)?
            .filter(|one| one.state == Piece::Done)
            .map(|one| (one.payment, one.amount)),
    };
    let currency = Some(movement.amount.currency.to_string());
    let (there, reference) = (Some(movement.amount.minor), movement.reference.clone());
    let Some((payment, amount)) = ours else {
        let payment = movement.payment.as_deref().and_then(|id| id.parse().ok());
        return Ok(Some(Found { what: "missing_here", reference, payment, there, here: None, currency }));
    };
    let row = sql::get(tx, payment)?;
    if row.currency() != movement.amount.currency || amount != movement.amount.minor {
        let (payment, here) = (Some(payment), Some(amount));
        return Ok(Some(Found { what: "amount", reference, payment, there, here, currency }));
    }
    if let (MovementKind::Capture, Some(fee)) = (movement.kind, movement.fee)
        && let Some(capture) = sql::find_capture(tx, provider, &reference)?
        && sql::capture_fee(tx, &capture, fee.minor)?
        && fee.minor != 0
    {
        let accounts = (ledger::Account::Clearing(provider), ledger::Account::Fees);
        ledger::moved(tx, payment, accounts, fee, &reference)?;
    }
    Ok(None)
}

fn settle(tx: &mut Tx<'_>, provider: Provider, reference: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(SETTLE_DIFFERENCES, params![provider.word(), reference, now])?;
    Ok(())
}

/// `YYYY-MM-DD`, UTC.
fn day_of(at: Timestamp) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// True when it was not known. Whose list it is, and of which day.
fn write_down(
    tx: &mut Tx<'_>,
    actor: Actor,
    (provider, day): (&str, &str),
    one: &Found,
) -> Result<bool, Error> {
    let (id, now) = (tx.event_id().to_string(), tx.now());
    let values = params![
        id,
        provider,
        day,
        one.what,
        &one.reference,
        one.payment,
        one.there,
        one.here,
        one.currency.clone(),
        now
    ];
    if tx.execute(INSERT_DIFFERENCE, values)? == 0 {
        return Ok(false);
    }
    let fact = facts::DifferenceFound {
        provider: provider.to_owned(),
        day: day.to_owned(),
        what: one.what.to_owned(),
        payment: one.payment,
    };
    tx.append(actor, None, fact)?;
    Ok(true)
}

/// Of an order only these are left; whatever else was told of it is settled.
pub(crate) fn settle_but(tx: &mut Tx<'_>, order: &str, left: &[&str]) -> Result<(), Error> {
    let open: Vec<String> = tx.query_many(OPEN_OF_ORDER, params![order], |row| row.get(0))?;
    for what in open.into_iter().filter(|what| !left.contains(&what.as_str())) {
        settle_one(tx, SHOP, order, &what)?;
    }
    Ok(())
}

fn settle_one(tx: &mut Tx<'_>, provider: &str, reference: &str, what: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(SETTLE_ONE, params![provider, reference, what, now])?;
    Ok(())
}

/// The same as for a provider's list, of the shop's orders.
pub(crate) fn write_down_of_order(tx: &mut Tx<'_>, one: &Found) -> Result<bool, Error> {
    let day = day_of(tx.now());
    write_down(tx, Actor::System, (SHOP, &day), one)
}

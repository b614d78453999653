//! The shop's orders, held against payments: what a provider took and the shop does not know of, and the other way round.
//!
//! The shop's program tells its orders ([`Payments::tell_orders`]), or they are read from the shop's database ([`OrdersSource`]).
//! What an order says moves no money and changes no payment: where the two do not agree, that is told, and staff decide.

mod compare;
mod source;

use std::fmt;
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_store::{Reader, Row, Tx, params, statements};

use crate::error::Error;
use crate::model::words;
use crate::money::{Currency, MOST_MINOR, Money};
use crate::payments::Payments;

pub(crate) use compare::Missed;
pub use compare::Round as OrdersRound;
pub use source::{OrdersFile, OrdersRead, OrdersSource};

statements! {
    FIND_ORDER = "SELECT order_id, currency, amount, state, refunded, is_elsewhere, source, at, told_at FROM payment_shop_order WHERE order_id = $1";
    INSERT_ORDER = "INSERT INTO payment_shop_order (order_id, currency, amount, state, refunded, is_elsewhere, source, at, told_at, check_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    UPDATE_ORDER = "UPDATE payment_shop_order SET currency = $2, amount = $3, state = $4, refunded = $5, is_elsewhere = $6, source = $7, at = $8, \
        told_at = $9, check_at = $10 WHERE order_id = $1";
    CHECK_ORDER = "UPDATE payment_shop_order SET check_at = $2 WHERE order_id = $1";
    DUE_ORDERS = "SELECT order_id, currency, amount, state, refunded, is_elsewhere, source, at, told_at FROM payment_shop_order \
        WHERE check_at <= $1 ORDER BY check_at, order_id LIMIT $2";
    FIRST_TOLD = "SELECT MIN(told_at) FROM payment_shop_order";
    MOVED_PAYMENTS = "SELECT p.id, p.updated_at, p.order_id, p.captured - p.refunded, p.currency, CAST(CASE WHEN p.created_at >= $4 \
        AND NOT EXISTS (SELECT 1 FROM payment_shop_order o WHERE o.order_id = p.order_id) \
        AND NOT EXISTS (SELECT 1 FROM payment_difference d WHERE d.provider = 'shop' AND d.what = 'order_missing' AND d.reference = p.order_id \
        AND d.settled_at IS NULL) THEN 1 ELSE 0 END AS BIGINT) FROM payment p WHERE (p.updated_at, p.id) > ($1, $2) AND p.updated_at <= $3 AND p.id < '~' \
        AND p.captured > p.refunded ORDER BY p.updated_at, p.id LIMIT $5";
    SETTLE_MISSED = "UPDATE payment_difference SET settled_at = $1 WHERE provider = 'shop' AND what = 'order_missing' AND settled_at IS NULL \
        AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.order_id = payment_difference.reference AND p.captured > p.refunded)";
    SOURCE_READ = "INSERT INTO payment_shop_source (source, read_at) VALUES ($1, $2) ON CONFLICT (source) DO UPDATE SET read_at = excluded.read_at";
    READ_AT = "SELECT read_at FROM payment_shop_source WHERE source = $1";
    LAST_READ = "SELECT MAX(read_at) FROM payment_shop_source";
}

/// Orders of one call.
pub const MOST_ORDERS: usize = 500;
/// A program's clock may be ahead by so much.
const AHEAD: Duration = Duration::from_secs(300);
/// The shop hears of a payment, and tells what it made of it, within this time; only then is anything called a difference.
pub(crate) const GRACE: Duration = Duration::from_secs(30 * 60);
/// The source of orders that a program tells.
const PROGRAM: &str = "program";

words! {
    /// How the shop has an order.
    OrderState {
        Open = "open",
        Paid = "paid",
        /// All of it was given back.
        Refunded = "refunded",
        Cancelled = "cancelled",
    }
}

/// An order, as the shop has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopOrder {
    /// The shop's number: what it named when it asked for the payment.
    pub order: String,
    /// Minor units; may be nothing.
    pub amount: Money,
    pub state: OrderState,
    /// Minor units that the shop gave back, where it knows; with `refunded` all of it is meant.
    pub refunded: Option<i64>,
    /// It is paid in another way than through Storeward, such as by bank transfer.
    pub is_elsewhere: bool,
    /// Since when it is so. What is older than what is known changes nothing.
    pub at: Timestamp,
}

/// What became of orders that were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrdersTold {
    /// Written, or the same as before.
    pub taken: u32,
    /// Older than what is known: nothing was changed.
    pub older: u32,
}

/// An order as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub order: ShopOrder,
    pub source: String,
    pub told_at: Timestamp,
}

fn kept(row: &Row<'_>) -> Result<Kept, storeward_store::Error> {
    let wrong = |index| storeward_store::Error::Column { index, wanted: "a word that is known" };
    let currency: Currency = row.get::<String>(1)?.parse().map_err(|_| wrong(1))?;
    let order = ShopOrder {
        order: row.get(0)?,
        amount: Money { minor: row.get(2)?, currency },
        state: OrderState::of_word(&row.get::<String>(3)?).ok_or(wrong(3))?,
        refunded: row.get(4)?,
        is_elsewhere: row.get(5)?,
        at: row.get(7)?,
    };
    Ok(Kept { order, source: row.get(6)?, told_at: row.get(8)? })
}

pub(crate) fn find(reader: &mut Reader<'_>, order: &str) -> Result<Option<Kept>, storeward_store::Error> {
    reader.query_optional(FIND_ORDER, params![order], kept)
}

/// Something happened to a payment of this order: it is compared again, once the shop had its time.
pub(crate) fn look_again(tx: &mut Tx<'_>, order: &str) -> Result<(), Error> {
    let at = tx.now().plus(GRACE);
    tx.execute(CHECK_ORDER, params![order, at])?;
    Ok(())
}

fn check(order: &ShopOrder, now: Timestamp) -> Result<(), Error> {
    let misfit = |field, why| Err(Error::Misfit { field, why });
    let name = order.order.as_str();
    if !(1..=64).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return misfit("orders", "an order's number has 1 to 64 visible signs");
    }
    if !(0..=MOST_MINOR).contains(&order.amount.minor) {
        return misfit("orders", "an order's amount is not below zero, and no larger than any order is");
    }
    if order.refunded.is_some_and(|back| !(0..=order.amount.minor).contains(&back)) {
        return misfit("orders", "no more is given back of an order than it cost");
    }
    if order.at > now.plus(AHEAD) {
        return misfit("orders", "an order's moment is to come yet");
    }
    Ok(())
}

fn write(tx: &mut Tx<'_>, order: &ShopOrder, source: &str) -> Result<bool, Error> {
    let now = tx.now();
    let known = find(tx, &order.order)?;
    if let Some(known) = &known {
        if known.order.at > order.at {
            return Ok(false);
        }
        // Told again as it is: nothing is written, so that a whole shop may be told every hour.
        let same = ShopOrder { at: known.order.at, ..order.clone() };
        if same == known.order && known.source == source {
            return Ok(true);
        }
    }
    let values = params![
        &order.order,
        order.amount.currency.code(),
        order.amount.minor,
        order.state.word(),
        order.refunded,
        order.is_elsewhere,
        source,
        order.at,
        now,
        now.plus(GRACE)
    ];
    tx.execute(if known.is_some() { UPDATE_ORDER } else { INSERT_ORDER }, values)?;
    Ok(true)
}

impl Payments {
    /// Takes in how the shop has its orders: all of them or, where one does not fit, none ([`Error::Misfit`]). Told again, nothing
    /// changes; what is older than what is known changes nothing either.
    pub async fn tell_orders(&self, orders: Vec<ShopOrder>) -> Result<OrdersTold, Error> {
        self.take_orders(orders, PROGRAM.to_owned()).await
    }

    async fn take_orders(&self, orders: Vec<ShopOrder>, source: String) -> Result<OrdersTold, Error> {
        let now = self.0.now();
        if orders.len() > MOST_ORDERS {
            return Err(Error::Misfit { field: "orders", why: "there are at most 500 orders in one call" });
        }
        orders.iter().try_for_each(|order| check(order, now))?;
        self.0
            .write(move |tx| {
                tx.commit_silent("what the shop says of its orders; where it differs from payments is told");
                let mut told = OrdersTold::default();
                for order in &orders {
                    let into = if write(tx, order, &source)? { &mut told.taken } else { &mut told.older };
                    *into += 1;
                }
                Ok(told)
            })
            .await
    }

    /// How the shop has an order, where it said so.
    pub async fn shop_order(&self, order: &str) -> Result<Option<ShopOrder>, Error> {
        let order = order.to_owned();
        let found = self.0.read(move |reader| Ok::<_, Error>(find(reader, &order)?)).await?;
        Ok(found.map(|kept| kept.order))
    }
}

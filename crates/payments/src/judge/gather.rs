//! From a payment and whoever begins it to what the engine reads: keyed marks and figures.

use std::net::IpAddr;
use std::time::Duration;

use storeward_base::{ClientIp, Timestamp};
use storeward_fraud::{Attempt, Buyer, Kind, Known, Mark, Marks, Signals};

use super::front::Front;
use super::sql::ToldRow;
use super::{Judge, held};
use crate::model::Details;

/// What the shop may say of an order beside its amount. It is kept as keyed marks; the words are not.
#[derive(Clone, Debug, Default)]
pub struct OrderFacts {
    /// Where it is sent to, in one line.
    pub shipping: Option<String>,
    /// The shop's number of the dearest product.
    pub product: Option<String>,
    pub coupon: Option<String>,
    pub express: Option<bool>,
    /// The coupon is one for first orders.
    pub first_order_coupon: Option<bool>,
}

/// What is known of the order and its customer.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    /// The keyed mark that stands at the payment.
    pub customer: Option<String>,
    /// Whether the account that is signed in paid something on another day, under whichever name.
    pub has_paid: bool,
    /// Since the customer first paid something, where that was on another day.
    pub customer_since: Option<Duration>,
    pub told: ToldRow,
    /// Whether the customer had something sent to this place before; `None` where either is not known.
    pub was_sent_there: Option<bool>,
}

pub(super) fn known(fact: Option<bool>) -> Known {
    match fact {
        None => Known::Unknown,
        Some(false) => Known::No,
        Some(true) => Known::Yes,
    }
}

/// An address as one box has it: what stands behind `+` is the same box, and at Gmail dots are.
fn box_of(email: &str) -> (String, String) {
    let email = email.trim().to_lowercase();
    let (local, domain) = email.rsplit_once('@').unwrap_or((&email, ""));
    let local = local.split('+').next().unwrap_or(local);
    let (local, domain) = match domain {
        "gmail.com" | "googlemail.com" => (local.replace('.', ""), "gmail.com"),
        other => (local.to_owned(), other),
    };
    (format!("{local}@{domain}"), domain.to_owned())
}

/// The /24 of an IPv4 address, the /48 of an IPv6 address.
fn network(client: ClientIp) -> String {
    match client.get() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}")
        }
    }
}

/// Letters and digits alone: how an address is written is no other place.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(400).collect()
}

impl Judge {
    pub(super) fn mark(&self, kind: Kind, value: &str) -> Mark {
        Mark(self.marks.feature(&format!("fraud.{}", kind.code()), value.as_bytes()))
    }

    /// Of a country: kept until the card's is known, and only compared.
    pub(super) fn country(&self, country: &str) -> i64 {
        let mark = self.marks.feature("fraud.country", country.to_ascii_uppercase().as_bytes());
        i64::try_from(mark).unwrap_or(i64::MAX)
    }

    pub(crate) fn told(&self, facts: &OrderFacts) -> ToldRow {
        let mark = |kind, text: &Option<String>| {
            text.as_deref().map(plain).filter(|text| !text.is_empty()).map(|text| self.mark(kind, &text))
        };
        ToldRow {
            shipping: mark(Kind::Shipping, &facts.shipping),
            product: mark(Kind::Product, &facts.product),
            coupon: mark(Kind::Coupon, &facts.coupon),
            express: facts.express,
            first_order_coupon: facts.first_order_coupon,
        }
    }

    /// Notes that a payment page was opened.
    pub(crate) fn opened(&self, client: Option<ClientIp>, page: &str, now: Timestamp) {
        if let Some(client) = client {
            held(&self.visits).open(client, self.marks.feature("fraud.page", page.as_bytes()), now);
        }
    }

    pub(super) fn gather(
        &self,
        amount_minor: i64,
        details: &Details,
        around: &Around,
        front: &Front,
        now: Timestamp,
    ) -> Attempt {
        let mut marks = Marks::default();
        let mut put = |kind, value: Option<&str>| {
            if let Some(value) = value {
                marks = marks.with(kind, self.mark(kind, value));
            }
        };
        put(Kind::Customer, around.customer.as_deref());
        let mut is_disposable = None;
        if let Some(email) = &details.email {
            let (mail_box, domain) = box_of(email);
            is_disposable = self.disposable.as_ref().map(|list| list.has(&domain));
            put(Kind::Email, Some(&mail_box));
            put(Kind::EmailDomain, Some(&domain));
        }
        if let Some(client) = front.client {
            // An IPv6 address by itself means nothing: its holder has 2^64 of them.
            put(Kind::Address, Some(&client.block().to_string()));
            put(Kind::Network, Some(&network(client)));
        }
        put(Kind::Device, front.device.as_deref());
        let dearest = details.lines.iter().max_by_key(|line| line.unit_amount);
        if around.told.product.is_none() {
            put(Kind::Product, dearest.map(|line| plain(&line.name)).as_deref());
        }
        let told = [
            (Kind::Shipping, around.told.shipping),
            (Kind::Product, around.told.product),
            (Kind::Coupon, around.told.coupon),
        ];
        for (kind, mark) in told {
            if let Some(mark) = mark {
                marks = marks.with(kind, mark);
            }
        }
        Attempt {
            at: now,
            offset_minutes: 0,
            amount_minor,
            marks,
            buyer: buyer(around, front),
            signals: Signals { disposable_mail: known(is_disposable), ..self.signals(around, front, now) },
        }
    }

    fn signals(&self, around: &Around, front: &Front, now: Timestamp) -> Signals {
        let account = front.account;
        Signals {
            sign_in_points: account.and_then(|account| account.sign_in_points),
            session_age: account.map(|account| account.session_age),
            paid_before: known(account.map(|_| around.has_paid || around.customer_since.is_some())),
            device_new: known(account.map(|account| account.is_device_new)),
            pages_opened: front.client.map_or(0, |client| held(&self.visits).count(client, now)),
            blocked_requests: front.blocked_requests,
            card_entries: front.card_entries,
            credentials_changed: account.and_then(|account| account.credentials_changed),
            shipping_new: known(around.was_sent_there.map(|was| !was)),
            express: known(around.told.express),
            first_order_coupon: known(around.told.first_order_coupon),
            ..Signals::default()
        }
    }
}

/// Somebody who is signed in with us, or a customer of the shop who paid on another day. A number that the shop has given today
/// is nobody known: whoever makes an account for each stolen card stays a stranger, and so does an account of ours that never paid
/// ([`Signals::paid_before`]).
fn buyer(around: &Around, front: &Front) -> Buyer {
    match (front.account, around.customer_since) {
        // An account that was made here today, of somebody who paid before there were any, is no new one.
        (Some(account), since) => Buyer::SignedIn { account_age: account.age.max(since.unwrap_or_default()) },
        (None, Some(account_age)) => Buyer::SignedIn { account_age },
        (None, None) => Buyer::Anonymous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_box_is_one_address() {
        for (written, read) in [
            ("Ada+shop@Shop.Example", "ada@shop.example"),
            ("a.d.a+x@googlemail.com", "ada@gmail.com"),
            ("a.d.a@shop.example", "a.d.a@shop.example"),
        ] {
            assert_eq!(box_of(written).0, read);
        }
        assert_eq!(plain("12, Rue d'Or  "), plain("12 rue dor"));
    }

    #[test]
    fn networks_are_cut() {
        let of = |text: &str| network(ClientIp::new(text.parse().unwrap()));
        assert_eq!(of("192.0.2.7"), of("192.0.2.200"));
        assert_ne!(of("192.0.2.7"), of("192.0.3.7"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:9::4"));
    }
}

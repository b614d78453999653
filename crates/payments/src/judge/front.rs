//! What only a front door knows of whoever begins to pay.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use storeward_base::{AddressBlock, ClientIp, CustomerId, Timestamp};
use storeward_web::http::HeaderMap;

/// Pages of a minute that are told apart for one address; the rule's default is five.
const PAGES: usize = 32;
/// Addresses that are remembered for it.
const ADDRESSES: usize = 4_096;
const MINUTE: Duration = Duration::from_secs(60);

/// What is known of whoever begins to pay. By default nothing. None of it is taken from a form or a parameter, so a buyer can
/// leave things out (and is a stranger then), but claim nothing.
#[derive(Clone, Default)]
pub struct Front {
    pub client: Option<ClientIp>,
    /// The trusted device, or else the browser's own mark.
    pub device: Option<String>,
    pub account: Option<Account>,
    /// Two letters, of the client's network, where the owner's files say.
    pub country: Option<String>,
    /// Requests of this client that were stopped within a day.
    pub blocked_requests: u32,
    /// Card numbers of this client that were kept from the shop within a day.
    pub card_entries: u32,
}

/// What is known where somebody is signed in with Storeward.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    /// Whose it is: a key by which attempts are counted where the shop names nobody.
    pub customer: Option<CustomerId>,
    pub age: Duration,
    pub session_age: Duration,
    /// The device is not one that the account trusts.
    pub is_device_new: bool,
    /// Points of the last sign-in, where the risk engine gave any.
    pub sign_in_points: Option<f32>,
    /// Since password or address were changed.
    pub credentials_changed: Option<Duration>,
}

/// No address and no device in a log.
impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("account", &self.account).finish_non_exhaustive()
    }
}

/// Says what the front door knows. It does not fail: what cannot be found out is not known.
pub trait Witness: Send + Sync {
    fn see<'a>(
        &'a self,
        client: Option<ClientIp>,
        headers: &'a HeaderMap,
    ) -> Pin<Box<dyn Future<Output = Front> + Send + 'a>>;
}

/// Which payment pages were opened from which address within a minute.
#[derive(Default)]
pub(super) struct Visits(HashMap<AddressBlock, VecDeque<(Timestamp, u64)>>);

impl Visits {
    /// Counts a page; the same page once.
    pub fn open(&mut self, client: ClientIp, page: u64, now: Timestamp) {
        let client = client.block();
        if self.0.len() >= ADDRESSES && !self.0.contains_key(&client) {
            self.0.retain(|_, pages| pages.back().is_some_and(|(at, _)| now.since(*at) < MINUTE));
            // So many at once are no buyers, and are found by other rules.
            if self.0.len() >= ADDRESSES {
                return;
            }
        }
        let pages = self.0.entry(client).or_default();
        pages.retain(|(at, known)| now.since(*at) < MINUTE && *known != page);
        if pages.len() >= PAGES {
            pages.pop_front();
        }
        pages.push_back((now, page));
    }

    pub fn count(&self, client: ClientIp, now: Timestamp) -> u32 {
        let pages = self.0.get(&client.block()).into_iter().flatten();
        u32::try_from(pages.filter(|(at, _)| now.since(*at) < MINUTE).count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_once_and_for_a_minute() {
        let (mut visits, at) = (Visits::default(), Timestamp::from_seconds(1_800_000_000));
        let client = ClientIp::new(std::net::Ipv4Addr::LOCALHOST.into());
        for page in [1, 2, 2, 3, 2] {
            visits.open(client, page, at);
        }
        assert_eq!(visits.count(client, at), 3);
        // Whoever has a network of IPv6 is one client, whatever address they come from.
        for (number, page) in [(1_u16, 1), (2, 2), (3, 3)] {
            visits.open(
                ClientIp::new(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, number).into()),
                page,
                at,
            );
        }
        let other = ClientIp::new(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 9, 9, 9, 9).into());
        assert_eq!(visits.count(other, at), 3);
        assert_eq!(visits.count(client, at.plus(MINUTE)), 0);
        // However many come, what is kept has an end.
        for page in 0..200 {
            visits.open(client, page, at);
        }
        assert_eq!(visits.count(client, at), u32::try_from(PAGES).unwrap());
        for last in 0..=255_u8 {
            for third in 0..=31_u8 {
                visits.open(ClientIp::new(std::net::Ipv4Addr::new(10, 0, third, last).into()), 1, at);
            }
        }
        assert!(visits.0.len() <= ADDRESSES);
    }
}

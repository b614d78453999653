//! What the front door knows of a buyer, for whoever judges their attempt: who is signed in, where from, and what of this client was
//! stopped today.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use storeward_base::{AddressBlock, ClientIp, Clock, Timestamp};
use storeward_edge::access::{AccessReader, AccessRecord, Filter, Live};
use storeward_host::Stop;
use storeward_identity::Identity;
use storeward_payments::{Account, Front, Payments, Witness};

/// What was stopped is held against a client for so long.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Clients that are remembered for it: of a flood of them the older ones are let go.
const CLIENTS: usize = 20_000;

/// What was stopped of one client, since when.
#[derive(Clone, Copy)]
struct Stopped {
    since: Timestamp,
    requests: u32,
    card_numbers: u32,
}

#[derive(Default)]
struct Book(Mutex<HashMap<AddressBlock, Stopped>>);

impl Book {
    fn note(&self, record: &AccessRecord) {
        let is_card = record.category.as_ref() == "card_number";
        if !record.verdict.is_stopped() && !is_card {
            return;
        }
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let client = record.client.block();
        if book.len() >= CLIENTS && !book.contains_key(&client) {
            let mut moments: Vec<Timestamp> = book.values().map(|one| one.since).collect();
            moments.sort_unstable();
            let middle = moments.get(moments.len() / 2).copied().unwrap_or(record.at);
            book.retain(|_, one| one.since > middle);
        }
        let fresh = Stopped { since: record.at, requests: 0, card_numbers: 0 };
        let one = book.entry(client).or_insert(fresh);
        if record.at.since(one.since) >= KEPT {
            *one = fresh;
        }
        one.requests = one.requests.saturating_add(u32::from(record.verdict.is_stopped()));
        one.card_numbers = one.card_numbers.saturating_add(u32::from(is_card));
    }

    fn of(&self, client: ClientIp, now: Timestamp) -> (u32, u32) {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = book.get(&client.block()).filter(|one| now.since(one.since) < KEPT);
        found.map_or((0, 0), |one| (one.requests, one.card_numbers))
    }
}

struct Door {
    identity: Option<Identity>,
    book: Arc<Book>,
    clock: Arc<dyn Clock>,
}

impl Witness for Door {
    fn see<'a>(
        &'a self,
        client: Option<ClientIp>,
        headers: &'a HeaderMap,
    ) -> Pin<Box<dyn Future<Output = Front> + Send + 'a>> {
        Box::pin(async move {
            let Some(client) = client else { return Front::default() };
            let (blocked_requests, card_entries) = self.book.of(client, self.clock.now());
            let mut front = Front { blocked_requests, card_entries, ..Front::default() };
            let Some(identity) = &self.identity else { return front };
            front.country = identity.country_of(client);
            // Whoever cannot be looked up is a stranger: more is asked of strangers, never less.
            if let Ok(Some(buyer)) = identity.at_the_till(client, headers).await {
                front.account = Some(Account {
                    customer: Some(buyer.customer),
                    age: buyer.account_age,
                    session_age: buyer.session_age,
                    is_device_new: buyer.device.is_none(),
                    sign_in_points: Some(points(buyer.points)),
                    credentials_changed: buyer.credentials_changed,
                });
                front.device = buyer.device;
            }
            front
        })
    }
}

/// The engine takes points in single precision; the risk engine's are small.
#[expect(clippy::cast_possible_truncation, reason = "clamped to a range that a single holds")]
fn points(points: f64) -> f32 {
    points.clamp(-1e3, 1e3) as f32
}

/// Tells payments what the front door knows from now on, and builds the engine's state before the first buyer comes.
pub fn begin(
    payments: &Payments,
    identity: Option<Identity>,
    clock: Arc<dyn Clock>,
    access: &AccessReader,
    runtime: &tokio::runtime::Handle,
    stop: &Stop,
) {
    let book = Arc::new(Book::default());
    payments.set_witness(Arc::new(Door { identity, book: Arc::clone(&book), clock }));
    let mut records = access.subscribe(Filter::default());
    let stop = stop.clone();
    runtime.spawn(async move {
        loop {
            let live = tokio::select! {
                live = records.next() => live,
                () = stop.stopping() => return,
            };
            match live {
                Some(Live::Record(record)) => book.note(&record),
                // Under a flood some are not counted; those that are say enough.
                Some(Live::Missed(_)) => {}
                None => return,
            }
        }
    });
    let payments = payments.clone();
    runtime.spawn(async move {
        if let Err(why) = payments.heart().await {
            crate::run::log(
                "error",
                "the fraud engine is not there yet; it is built with the first payment",
                &[("why", &why.to_string())],
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use storeward_base::{RequestId, SystemEntropy};
    use storeward_edge::access::Verdict;

    #[test]
    fn what_was_stopped_is_held_against_a_client_for_a_day() {
        let (book, at) = (Book::default(), Timestamp::from_seconds(1_800_000_000));
        let client = ClientIp::new(std::net::Ipv4Addr::new(192, 0, 2, 7).into());
        let mut record = AccessRecord::new(RequestId::at(at, &SystemEntropy), at, client, Method::GET);
        book.note(&record);
        assert_eq!(book.of(client, at), (0, 0));
        record.verdict = Verdict::Blocked;
        book.note(&record);
        record.category = "card_number".into();
        book.note(&record);
        assert_eq!(book.of(client, at), (2, 1));
        assert_eq!(book.of(client, at.plus(KEPT)), (0, 0));
        for number in 0..u32::try_from(CLIENTS).unwrap() + 10 {
            record.client = ClientIp::new(std::net::Ipv4Addr::from(number).into());
            book.note(&record);
        }
        assert!(book.0.lock().unwrap().len() <= CLIENTS);
    }
}

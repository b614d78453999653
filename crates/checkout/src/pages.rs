//! The guard script and the address where browsers report, below [`crate::PAGES`] on the shop's own host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use storeward_base::{AddressBlock, ClientIp, WiderNetwork};
use storeward_web::axum::Router;
use storeward_web::axum::body::Bytes;
use storeward_web::axum::extract::{Extension, Request, State};
use storeward_web::axum::middleware::{self, Next};
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::{HeaderMap, Method, StatusCode, Uri, header};
use storeward_web::{Access, HostNames, HostNamesError, NoGate, Nobody, Routes, Site};

use crate::address::Base;
use crate::guard::{Checkout, GUARD};
use crate::report::{self, About};

/// A path of ours. [`crate::PAGES`] cannot stand in a literal; a test holds the two together.
macro_rules! own {
    ($path:literal) => {
        concat!("/.storeward/checkout", $path)
    };
}

/// The largest message: Chromium sends what a page did at once, and each report repeats the whole policy (2 KB, up to 12).
const MOST_BYTES: usize = 512 * 1024;
/// Messages of one client, and of all, within a minute, and how much may stand in them. Firefox and Safari send one for each thing.
const MOST_OF_ONE: u32 = 600;
const MOST_OF_ALL: u32 = 30_000;
const MOST_BYTES_OF_ONE: usize = 4 * 1024 * 1024;
const MOST_BYTES_OF_ALL: usize = 128 * 1024 * 1024;
/// The same of the network around a client, of which one holder may have 65,536 in IPv6.
const MOST_OF_WIDER: u32 = 6_000;
const MOST_BYTES_OF_WIDER: usize = 16 * 1024 * 1024;
const MOST_CLIENTS_OF_WIDER: usize = 256;
/// Clients that are remembered for it.
const MOST_CLIENTS: usize = 4_096;
/// Messages that are taken apart, of one client and of all. The front door has read each whole by then, and has room of its own for those
/// that are still coming.
const MOST_OPEN_OF_ONE: usize = 16;
const MOST_OPEN_OF_WIDER: usize = 64;
const MOST_OPEN: usize = 256;

const SCRIPT: Access<Nobody> = Access::Public("the guard of paying pages");
const REPORT: Access<Nobody> = Access::Program(
    "a browser tells what a page tried: counted, believed in nothing, and the same answer for all",
);

#[derive(Clone)]
struct Desk {
    checkout: Checkout,
    pace: Arc<Mutex<Pace>>,
    open: Open,
}

/// How many messages are being read, by network.
#[derive(Clone, Debug, Default)]
struct Open(Arc<Mutex<HashMap<AddressBlock, usize>>>);

/// One of them.
struct Place(Open, AddressBlock);

impl Open {
    /// Nothing without room.
    fn take(&self, client: AddressBlock) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.get(&client).copied().unwrap_or(0);
        let wider = client.wider().pop();
        let around: usize =
            counts.iter().filter(|(other, _)| other.wider().pop() == wider).map(|(_, count)| count).sum();
        if own >= MOST_OPEN_OF_ONE
            || around >= MOST_OPEN_OF_WIDER
            || counts.values().sum::<usize>() >= MOST_OPEN
        {
            return None;
        }
        counts.insert(client, own + 1);
        drop(counts);
        Some(Place(self.clone(), client))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.1).filter(|count| **count > 1) {
            Some(count) => *count -= 1,
            None => drop(counts.remove(&self.1)),
        }
    }
}

/// Who reported how often within this minute.
#[derive(Debug, Default)]
struct Pace {
    minute: i64,
    all: Sent,
    /// By block: whoever has one IPv6 address has 2^64 of them.
    clients: HashMap<AddressBlock, Sent>,
    /// And how many of these there are.
    wider: HashMap<Option<WiderNetwork>, (Sent, usize)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    messages: u32,
    bytes: usize,
}

impl Sent {
    /// Whether it stays within these messages and bytes with one more.
    fn takes(&mut self, bytes: usize, (messages, all_bytes): (u32, usize)) -> bool {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.messages <= messages && self.bytes <= all_bytes
    }
}

impl Pace {
    fn takes(&mut self, client: AddressBlock, bytes: usize, minute: i64) -> bool {
        if self.minute != minute {
            *self = Pace { minute, ..Pace::default() };
        }
        if self.all.messages >= MOST_OF_ALL {
            return false;
        }
        let (around, clients) = self.wider.entry(client.wider().pop()).or_default();
        let is_known = self.clients.contains_key(&client);
        // Whoever comes when no further one can be counted goes by the room of the network around: the first did not deafen us for the others.
        let is_counted = is_known || self.clients.len() < MOST_CLIENTS;
        if is_counted && !is_known {
            if *clients >= MOST_CLIENTS_OF_WIDER {
                return false;
            }
            *clients += 1;
        }
        // What one sends beyond its own room takes none of the others'.
        let may = !is_counted
            || self.clients.entry(client).or_default().takes(bytes, (MOST_OF_ONE, MOST_BYTES_OF_ONE));
        may && around.takes(bytes, (MOST_OF_WIDER, MOST_BYTES_OF_WIDER))
            && self.all.takes(bytes, (MOST_OF_ALL, MOST_BYTES_OF_ALL))
    }
}

impl Checkout {
    /// The router, for [`crate::PAGES`] on the shop's hosts.
    pub fn router(&self, hosts: &[String]) -> Result<Router, HostNamesError> {
        let entropy = Arc::clone(&self.0.entropy);
        let mut site = Site::new(HostNames::parse(hosts)?, "/", entropy);
        site.body_limit_bytes = MOST_BYTES;
        let desk = Desk { checkout: self.clone(), pace: Arc::default(), open: Open::default() };
        let before = middleware::from_fn_with_state(desk.clone(), before_it_is_read);
        Ok(routes(Routes::new(NoGate)).finish(desk, site).layer(before))
    }

    /// A message was too long for the front door, or found no room there: if it was a report about a page of ours, it is counted as one that was left out.
    pub fn left_out_report(&self, uri: &Uri) {
        if page_of(self, uri).is_some() {
            self.0.intake.dropped(1);
        }
    }

    /// Every route with its rule, one per line.
    pub fn access_table() -> String {
        let routes = routes(Routes::new(NoGate));
        routes.rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

fn routes(routes: Routes<Desk, NoGate>) -> Routes<Desk, NoGate> {
    routes.get(own!("/guard.js"), SCRIPT, guard).post(own!("/report"), REPORT, report)
}

/// Its address changes with its text.
async fn guard() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, GUARD).into_response()
}

/// The same answer whatever came, so that nobody learns what counts.
async fn report(
    State(desk): State<Desk>,
    client: Option<Extension<ClientIp>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    desk.hear(client.map(|Extension(client)| client), &uri, &headers, &body);
    StatusCode::NO_CONTENT
}

/// What is nobody's report is not read at all; one that finds no room, or is too long, is counted as one that was left out.
async fn before_it_is_read(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    if page_of(&desk.checkout, request.uri()).is_none() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let client = request.extensions().get::<ClientIp>().copied().unwrap_or_else(nobody);
    let Some(_place) = desk.open.take(client.block()) else {
        desk.checkout.0.intake.dropped(1);
        return StatusCode::NO_CONTENT.into_response();
    };
    let answer = next.run(request).await;
    if answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
        desk.checkout.0.intake.dropped(1);
    }
    answer
}

fn nobody() -> ClientIp {
    ClientIp::new(std::net::Ipv4Addr::UNSPECIFIED.into())
}

/// The page that a message is about.
fn page_of(checkout: &Checkout, uri: &Uri) -> Option<Arc<str>> {
    let query = uri.query().unwrap_or_default();
    let key = query.split('&').find_map(|pair| pair.strip_prefix("k="))?;
    checkout.0.page_of_report(key)
}

impl Desk {
    fn hear(&self, client: Option<ClientIp>, uri: &Uri, headers: &HeaderMap, body: &[u8]) {
        let shared = &self.checkout.0;
        // Without a page of ours behind it it is nobody's report, and takes nobody's room.
        let Some(page) = page_of(&self.checkout, uri) else { return };
        let minute = shared.clock.now().seconds().div_euclid(60);
        let client = client.unwrap_or_else(nobody);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = pace.takes(client.block(), body.len(), minute);
        drop(pace);
        if !takes {
            return shared.intake.dropped(1);
        }
        let named = headers.get(header::HOST).and_then(|line| line.to_str().ok());
        let authority = uri.authority().map(|own| own.as_str()).or(named).unwrap_or_default();
        let known = shared.known.load();
        let base = Base { authority, path: &page };
        let heard = report::read(body, About { base, is_approved: &|address| known.names(address) });
        shared.intake.heard(&page, heard, (client, minute.div_euclid(24 * 60)), &known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_one() {
        assert_eq!((own!(""), own!("/report")), (crate::PAGES, crate::REPORTS));
    }

    #[test]
    fn every_route_says_why_it_is_open() {
        let table = Checkout::access_table();
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.lines().all(|line| line.contains("public") || line.contains("program")), "{table}");
    }

    #[test]
    fn reports_have_a_pace() {
        let client = |n: u32| ClientIp::new(std::net::Ipv4Addr::from(n).into()).block();
        let mut pace = Pace::default();
        let taken = (0..1_000).filter(|_| pace.takes(client(1), 100, 7)).count();
        assert_eq!(taken, 600);
        let taken = (0..100_000).filter(|n| pace.takes(client(*n + 2), 100, 7)).count();
        assert!(taken < 30_000, "{taken}");
        assert!(pace.clients.len() <= MOST_CLIENTS);
        assert!(pace.takes(client(1), 100, 8));
    }

    // Whoever has sixteen networks of IPv4, or a few hours of a botnet, deafened the shop for everybody else of the minute.
    #[test]
    fn many_clients_leave_others_their_room() {
        let client = |n: u32| ClientIp::new(std::net::Ipv4Addr::from(n).into()).block();
        let mut pace = Pace::default();
        assert_eq!((0..6_000).filter(|n| pace.takes(client(*n), 100, 7)).count(), 6_000);
        assert_eq!(pace.clients.len(), MOST_CLIENTS);
        let other = client(0x0a00_0000);
        let taken = (0..10_000).filter(|_| pace.takes(other, 100, 7)).count();
        assert_eq!(taken, usize::try_from(MOST_OF_WIDER).unwrap(), "as the network around it may");
        for n in 0..100_000 {
            pace.takes(client(n << 8), 100, 7);
        }
        assert!(pace.wider.len() <= usize::try_from(MOST_OF_ALL).unwrap(), "and there is an end to these");
    }

    // A client that begins many and ends none held half a GiB.
    #[test]
    fn so_many_messages_are_read_at_once() {
        let client = |n: u32| ClientIp::new(std::net::Ipv4Addr::from(n).into()).block();
        let open = Open::default();
        let mut held: Vec<_> = (0..100).filter_map(|_| open.take(client(1))).collect();
        assert_eq!(held.len(), MOST_OPEN_OF_ONE);
        held.extend((2..1_000).filter_map(|n| open.take(client(n))));
        let of_wider = |n: u32| held.iter().filter(|place| place.1.wider() == client(n).wider()).count();
        assert_eq!((of_wider(1), of_wider(257)), (MOST_OPEN_OF_WIDER, MOST_OPEN_OF_WIDER));
        assert_eq!(held.len(), MOST_OPEN);
        held.truncate(MOST_OPEN_OF_ONE - 1);
        assert!(open.take(client(1)).is_some() && open.take(client(1_002)).is_some());
        drop(held);
        assert!(open.0.lock().unwrap().is_empty());
    }

    // Longer messages are fewer: what is read in a minute has the end that it had when they were short.
    #[test]
    fn long_messages_have_a_pace() {
        let client = |n: u32| ClientIp::new(std::net::Ipv4Addr::from(n).into()).block();
        let mut pace = Pace::default();
        assert_eq!((0..60).filter(|_| pace.takes(client(1), MOST_BYTES, 7)).count(), 8);
        assert!(pace.takes(client(2), MOST_BYTES, 7), "another one's room");
        let taken = (0..4_000).filter(|n| pace.takes(client((*n / 8 + 3) << 8), MOST_BYTES, 7)).count();
        assert_eq!(taken, MOST_BYTES_OF_ALL / MOST_BYTES - 9);
    }

    // Whoever has a network of IPv6 has one room, as whoever has one address of IPv4.
    #[test]
    fn a_network_has_the_room_of_one() {
        let client =
            |n: u128| ClientIp::new(std::net::Ipv6Addr::from((0x2001_0db8_u128 << 96) + n).into()).block();
        let mut pace = Pace::default();
        assert_eq!((0..1_000).filter(|n| pace.takes(client(*n), 100, 7)).count(), 600);
        assert!(pace.takes(client(1 << 64), 100, 7), "another network");
        // Whoever has a /48 deafened the shop for all others.
        for n in 2..10_000 {
            pace.takes(client(n << 64), MOST_BYTES, 7);
        }
        assert!(pace.all.bytes <= MOST_BYTES_OF_WIDER && pace.clients.len() <= MOST_CLIENTS_OF_WIDER);
        assert!(pace.takes(client(1 << 80), MOST_BYTES, 7), "another one's");
    }
}

//! A shop's page, passing the guard.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use storeward_base::{Actor, ClientIp, Clock, RequestId, Secret, StaffId, SystemEntropy};
use storeward_checkout::desk::{NewApproval, Scope, Script};
use storeward_checkout::{Checkout, CheckoutParts, CheckoutSection, ShopServer};
use storeward_events::Event;
use storeward_host::{Passage, RequestHead, Seen, SessionExchange, rewritten};
use storeward_seal::PseudonymKey;
use storeward_store::ledger;
use storeward_store::testing::TestDb;
use tower::ServiceExt;

pub const STAFF: Actor = Actor::Staff { id: StaffId::from_bits(1) };

pub struct Bench {
    pub db: TestDb,
    pub checkout: Checkout,
}

/// What came to the client.
pub struct Went {
    pub asked: HeaderMap,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Went {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn policy(&self, name: &str) -> String {
        self.headers.get_all(name).iter().next_back().unwrap().to_str().unwrap().to_owned()
    }

    /// The key by which a report about this page is told.
    pub fn report_key(&self) -> String {
        let text = self.text();
        let at = text.find("report?k=").unwrap() + "report?k=".len();
        text[at..].split('"').next().unwrap().to_owned()
    }

    pub fn nonce(&self) -> String {
        let text = self.text();
        let at = text.find("nonce=\"").unwrap() + "nonce=\"".len();
        text[at..].split('"').next().unwrap().to_owned()
    }
}

/// A visit to a page.
pub struct Visit<'a> {
    pub method: Method,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub client: u32,
    pub asked: &'a [(&'static str, &'static str)],
    pub status: StatusCode,
    pub answered: &'a [(&'static str, &'static str)],
    pub body: &'a [u8],
}

impl<'a> Visit<'a> {
    pub fn page(body: &'a str) -> Self {
        Visit {
            method: Method::GET,
            path: "/checkout",
            query: None,
            client: 1,
            asked: &[],
            status: StatusCode::OK,
            answered: &[("content-type", "text/html; charset=utf-8")],
            body: body.as_bytes(),
        }
    }
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

impl Bench {
    pub async fn new(db: TestDb, section: &str) -> Bench {
        Bench::with_shop(db, section, None).await
    }

    pub async fn with_shop(db: TestDb, section: &str, shop: Option<String>) -> Bench {
        let section: CheckoutSection = toml::from_str(section).unwrap();
        section.check().unwrap();
        let checkout = Checkout::new(CheckoutParts {
            db: (*db).clone(),
            section,
            clock: Arc::clone(&db.clock) as _,
            entropy: Arc::new(SystemEntropy),
            pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
            hosts: vec!["shop.example".to_owned()],
            shop: shop.map(|url| ShopServer { url, ca_pem: None }),
        });
        checkout.refresh().await.unwrap();
        Bench { db, checkout }
    }

    /// The guard of another node with the same database.
    pub fn beside(&self, db: storeward_store::Db) -> Checkout {
        Checkout::new(CheckoutParts {
            db,
            section: CheckoutSection::default(),
            clock: Arc::clone(&self.db.clock) as _,
            entropy: Arc::new(SystemEntropy),
            pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
            hosts: vec!["shop.example".to_owned()],
            shop: None,
        })
    }

    fn enter(&self, visit: &Visit<'_>) -> Option<Box<dyn SessionExchange>> {
        self.checkout.stage().enter(&RequestHead {
            id: RequestId::from_bits(1),
            at: self.db.clock.now(),
            client: client(visit.client),
            method: &visit.method,
            path: visit.path,
            written: visit.path,
            query: visit.query,
            host: "shop.example",
            authority: "shop.example",
            wants_problem: false,
            headers: &headers(visit.asked),
        })
    }

    /// Whether the guard puts an answer of its own in the place of the shop's.
    pub async fn is_refused(&self, visit: &Visit<'_>) -> bool {
        let mut exchange = self.enter(visit).unwrap();
        let mut asked = headers(visit.asked);
        assert!(matches!(exchange.request(&mut asked, Seen::default()).await, Passage::On));
        let mut answered = headers(visit.answered);
        let passage = exchange.response(visit.status, &mut answered, Seen::default()).await;
        matches!(passage, Passage::Instead(_))
    }

    /// `None`: the page is none of the guard's.
    pub async fn visit(&self, visit: Visit<'_>) -> Option<Went> {
        let mut exchange = self.enter(&visit)?;
        let mut asked = headers(visit.asked);
        assert!(matches!(exchange.request(&mut asked, Seen::default()).await, Passage::On));
        let mut headers = headers(visit.answered);
        let passage = exchange.response(visit.status, &mut headers, Seen::default()).await;
        let body = match passage {
            Passage::On => visit.body.to_vec(),
            Passage::Through(rewrite) => rewritten(rewrite, visit.body).unwrap().to_vec(),
            Passage::Body(_) | Passage::Instead(_) => {
                unreachable!("the guard puts nothing in a page's place")
            }
        };
        Some(Went { asked, headers, body })
    }

    pub async fn page(&self, body: &str) -> Went {
        self.visit(Visit::page(body)).await.unwrap()
    }

    /// The page as a browser gets it, and what was noted of it in the tables.
    pub async fn settled(&self, body: &str) -> Went {
        let went = self.page(body).await;
        self.checkout.settle().await.unwrap();
        went
    }

    pub async fn scripts(&self) -> Vec<Script> {
        self.checkout.scripts(None, 500).await.unwrap()
    }

    /// However many there are.
    pub async fn scripts_all(&self) -> Vec<Script> {
        let mut rows: Vec<Script> = Vec::new();
        loop {
            let after = rows.last().map(|row| row.id.clone());
            let part = self.checkout.scripts(after, 500).await.unwrap();
            if part.is_empty() {
                return rows;
            }
            rows.extend(part);
        }
    }

    pub async fn row(&self, address: &str) -> Script {
        self.scripts().await.into_iter().find(|row| row.address == address).unwrap()
    }

    pub async fn approve(&self, row: &Script, scope: Scope) {
        let what = NewApproval { hash: row.hash.clone(), ..because(scope) };
        self.checkout.approve(&row.id, what, STAFF).await.unwrap();
    }

    /// As if the script's body had been fetched.
    pub async fn give_hash(&self, row: &Script, hash: &str) {
        let (id, hash) = (row.id.to_string(), hash.to_owned());
        let write = self.db.write(move |tx| {
            tx.commit_silent("a test");
            let values = storeward_store::params![&hash, &id];
            tx.execute("UPDATE checkout_script SET hash = $1 WHERE id = $2", values).map(drop)
        });
        write.await.unwrap();
        self.checkout.refresh().await.unwrap();
    }

    pub async fn told(&self, kind: &str) -> Vec<Event> {
        let filter = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
        let read = self.db.read(move |reader| {
            ledger::search(reader, &filter, storeward_base::PageSize::new(storeward_base::PageSize::MAX))
        });
        read.await.unwrap().rows.into_iter().map(|(_, record)| record.event).collect()
    }

    /// Posts a message as a browser would.
    pub async fn post(&self, key: &str, client_number: u32, body: String) -> StatusCode {
        let router = self.checkout.router(&["shop.example".to_owned()]).unwrap();
        post(router, key, client_number, body).await
    }
}

pub async fn post(router: storeward_web::axum::Router, key: &str, number: u32, body: String) -> StatusCode {
    let mut request = Request::post(format!("/.storeward/checkout/report?k={key}"))
        .header("host", "shop.example")
        .header("content-type", "application/csp-report")
        .body(storeward_web::axum::body::Body::from(body))
        .unwrap();
    request.extensions_mut().insert(client(number));
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status();
    let rest: Bytes = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(rest.is_empty() || !status.is_success());
    status
}

pub fn client(number: u32) -> ClientIp {
    ClientIp::new(Ipv4Addr::from(0x0101_0000 + number).into())
}

pub fn because(scope: Scope) -> NewApproval {
    NewApproval {
        scope,
        owner: "Web team".to_owned(),
        justification: "Shows the prices.".to_owned(),
        days: 30,
        hash: None,
    }
}

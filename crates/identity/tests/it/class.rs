//! A member of staff who teaches Storeward a shop's sign-in, and the browser that is looked at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use storeward_base::{Clock, RequestId, StaffId, SystemEntropy};
use storeward_host::{AskShop, OwnPages, Passage, RequestHead, Seen, SessionStage};
use storeward_identity::teach::{Keep, PREFIX, TEACH_COOKIE, Teach, TeachParts};
use storeward_store::testing::TestDb;
use storeward_web::axum::Router;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::bench::{Bench, HOST};

/// A shop that answers a request as it comes, and the shield's questions.
pub trait Serves: AskShop {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes>;
}

/// What a shop says.
pub fn say(status: u16, body: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

/// Where a shop leads.
pub fn led(to: &str) -> Response<Bytes> {
    let mut answer = say(302, "");
    answer.headers_mut().insert("location", to.parse().unwrap());
    answer
}

pub struct Class<S> {
    pub bench: Bench,
    pub shop: Arc<S>,
    pub teach: Teach,
    pub pages: OwnPages,
    pub files: Arc<Mutex<HashMap<String, String>>>,
    /// What lies beside its place.
    pub laid: Arc<Mutex<HashMap<String, String>>>,
    /// The adapter that the config names.
    pub in_force: Arc<Mutex<Option<String>>>,
}

impl<S: Serves + 'static> Class<S> {
    pub fn at(db: TestDb, shop: S) -> Self {
        Self::in_front_of(Bench::new(db), shop)
    }

    pub fn in_front_of(bench: Bench, shop: S) -> Self {
        let (shop, files) = (Arc::new(shop), Arc::new(Mutex::new(HashMap::new())));
        let laid: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let (kept, placed): (Arc<Mutex<HashMap<String, String>>>, _) = (files.clone(), files.clone());
        let (beside, from) = (laid.clone(), laid.clone());
        let (shelf, bin): (Arc<Mutex<HashMap<String, String>>>, _) = (files.clone(), files.clone());
        let in_force: Arc<Mutex<Option<String>>> = Arc::default();
        let told = in_force.clone();
        let teach = Teach::new(TeachParts {
            identity: bench.identity.clone(),
            shop: shop.clone(),
            keep: Keep {
                lay: Arc::new(move |name, text| {
                    beside.lock().unwrap().insert(name.to_owned(), text.to_owned());
                    Ok(!kept.lock().unwrap().contains_key(name))
                }),
                list: Arc::new(move || {
                    let all = shelf.lock().unwrap();
                    let first = |text: &String| text.lines().next().unwrap_or_default().to_owned();
                    Ok(all.iter().map(|(name, text)| (name.clone(), first(text))).collect())
                }),
                take: Arc::new(move |name| Ok(bin.lock().unwrap().remove(name).is_some())),
                place: Arc::new(move |name| {
                    let text = from.lock().unwrap().remove(name).unwrap();
                    Ok(placed.lock().unwrap().insert(name.to_owned(), text).is_none())
                }),
            },
            in_force: Arc::new(move || told.lock().unwrap().clone()),
        });
        teach.began(443, "https://console.example:9443");
        let pages = teach.answer(OwnPages::new(Router::new(), &[], &[])).unwrap();
        Class { bench, shop, teach, pages, files, laid, in_force }
    }

    pub async fn own(&self, method: &str, path: &str, cookie: &str) -> Response<Bytes> {
        let request =
            Request::builder().method(method).uri(path).header("host", HOST).header("cookie", cookie);
        self.pages.answer(request.body(Bytes::new()).unwrap()).await
    }

    /// A browser's first step: its secret, and what the console is shown of it.
    pub async fn start(&self) -> (String, String) {
        let answer = self.own("GET", &format!("{PREFIX}/start"), "").await;
        assert_eq!(answer.status(), 303);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let line = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(line.contains(flag), "{line}");
        }
        let secret = line.split(['=', ';']).nth(1).unwrap().to_owned();
        let shown = location.split_once("browser=").unwrap().1.to_owned();
        assert!(!location.contains(&secret), "the secret stays in the browser");
        (secret, shown)
    }

    pub async fn takes(&self, secret: &str, code: &str) -> bool {
        let path = format!("{PREFIX}/take?code={code}");
        let answer = self.own("GET", &path, &format!("{}={secret}", TEACH_COOKIE.name)).await;
        answer.status() == 303
    }

    /// A browser that is watched.
    pub async fn watched(&self, staff: StaffId, user: &str) -> String {
        self.teach.begin(staff, user).await.unwrap().unwrap();
        let (secret, shown) = self.start().await;
        let code = self.teach.join(staff, &shown).unwrap();
        assert!(self.takes(&secret, code.expose()).await);
        secret
    }

    /// One request as the edge leads it, a form where it has a body: whether it was looked at.
    pub async fn pass(&self, secret: &str, method: &str, path: &str, more: &str, body: &str) -> bool {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let lines = if body.is_empty() { &form[..0] } else { &form[..] };
        self.send(secret, (method, path), lines, more, body).await.is_some()
    }

    /// The same with these lines; what the shop answered.
    pub async fn send(
        &self,
        secret: &str,
        (method, path): (&str, &str),
        lines: &[(&str, &str)],
        more: &str,
        body: &str,
    ) -> Option<Response<Bytes>> {
        let mut headers = HeaderMap::new();
        let cookies = format!("{}={secret}; {more}", TEACH_COOKIE.name);
        headers.insert("cookie", cookies.parse().unwrap());
        headers.insert("accept-encoding", HeaderValue::from_static("br"));
        for (name, value) in lines {
            headers.insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let method: Method = method.parse().unwrap();
        let at = self.bench.clock.now();
        let head = RequestHead {
            id: RequestId::at(at, &SystemEntropy),
            at,
            client: "198.51.100.7".parse().unwrap(),
            method: &method,
            path,
            written: path,
            query: None,
            host: HOST,
            authority: HOST,
            wants_problem: false,
            headers: &headers,
        };
        let mut exchange = self.teach.enter(&head)?;
        let shown = exchange.request_body_bytes().map_or("", |_| body);
        let seen = Seen { bytes: shown.as_bytes(), complete: true };
        assert!(matches!(exchange.request(&mut headers, seen).await, Passage::On));
        assert!(!headers.contains_key("accept-encoding"), "compressed pages cannot be read");
        let (mut head, body) = self.shop.answer(&method, path, &headers, body.as_bytes()).into_parts();
        let bytes: &[u8] =
            if exchange.response_body_bytes(head.status, &head.headers).is_some() { &body } else { b"" };
        let before = head.headers.clone();
        let seen = Seen { bytes, complete: true };
        assert!(matches!(exchange.response(head.status, &mut head.headers, seen).await, Passage::On));
        assert_eq!(head.headers, before, "nothing of the answer is changed");
        Some(Response::from_parts(head, body))
    }
}

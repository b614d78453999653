//! A shop that signs people in itself, as WordPress, Magento, PrestaShop and others do, for tests of the shield.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::behind::{ADDRESS, OFFICE, OTHER_OFFICE, SECRET, SHOP_PASSWORD, STAFF_PASSWORD};
use super::class::{Serves, led, say};

const OFFICE_SESSION: &str = "admin=shop-session-of-staff; Path=/; HttpOnly";

/// What the shop's session does when somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elevation {
    /// A new cookie.
    Fresh,
    /// The same cookie is worth more than before.
    Same,
}

struct Account {
    password: &'static str,
    id: &'static str,
    email: String,
}

/// What the shop does with another address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Renaming {
    #[default]
    Takes,
    /// As Magento 2.4 does.
    TakesAndSignsOut,
    Refuses,
}

#[derive(Default)]
struct Inside {
    sessions: HashMap<String, Option<usize>>,
    accounts: Vec<Account>,
    made: u32,
    asked: Vec<String>,
    is_broken: bool,
    is_hidden: bool,
    is_away: bool,
    office_guard: OfficeGuard,
    renaming: Renaming,
}

/// What stands before the shop's back office, as far as whoever asks from outside sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfficeGuard {
    #[default]
    None,
    /// A web server that opens it to some networks only.
    Refuses,
    /// The same, and it leads everybody else to the front page.
    LeadsAway,
    /// A plugin that does so to whoever is signed in.
    RefusesSessions,
    /// The shop's own code does, with the page that it has for customers: a plugin at the office's first step.
    RefusesInside,
    /// The same, and it does not say what rights anybody has.
    TellsNothing,
}

/// The shop, with two accounts. Each has a user name beside its address.
pub struct Shop {
    inside: Mutex<Inside>,
    elevation: Elevation,
    /// The session's cookie.
    cookie: &'static str,
}

impl Shop {
    pub fn new(elevation: Elevation, cookie: &'static str) -> Arc<Self> {
        let account = |password, id, email: &str| Account { password, id, email: email.to_owned() };
        let accounts = vec![
            account(SHOP_PASSWORD, "42", ADDRESS),
            account("another password", "7", "mallory@people.example"),
        ];
        Arc::new(Shop { inside: Mutex::new(Inside { accounts, ..Inside::default() }), elevation, cookie })
    }

    /// What a theme's update does to an adapter.
    pub fn break_probe(&self, is_broken: bool) {
        self.inside.lock().unwrap().is_broken = is_broken;
    }

    /// Nobody answers at the shop.
    pub fn take_away(&self, is_away: bool) {
        self.inside.lock().unwrap().is_away = is_away;
    }

    /// An update after which the shop's page no longer says who is signed in, but that nobody is.
    pub fn hide_people(&self, is_hidden: bool) {
        self.inside.lock().unwrap().is_hidden = is_hidden;
    }

    pub fn guard_office(&self, guard: OfficeGuard) {
        self.inside.lock().unwrap().office_guard = guard;
    }

    pub fn rename(&self, renaming: Renaming) {
        self.inside.lock().unwrap().renaming = renaming;
    }

    /// The other account there has this address from now on.
    pub fn register(&self, email: &str) {
        email.clone_into(&mut self.inside.lock().unwrap().accounts[1].email);
    }

    pub fn change_password(&self, id: &str, password: &'static str) {
        let mut inside = self.inside.lock().unwrap();
        inside.accounts.iter_mut().find(|account| account.id == id).unwrap().password = password;
    }

    /// Sessions that are signed in.
    pub fn signed_in(&self) -> usize {
        self.inside.lock().unwrap().sessions.values().flatten().count()
    }

    /// Requests so far, with their cookies: `GET /me sid=1`.
    pub fn asked(&self) -> Vec<String> {
        self.inside.lock().unwrap().asked.clone()
    }

    pub fn email_of(&self, id: &str) -> String {
        let inside = self.inside.lock().unwrap();
        inside.accounts.iter().find(|account| account.id == id).unwrap().email.clone()
    }

    /// Any session that is signed in, as a thief of the shop's database would read it.
    pub fn a_session(&self) -> String {
        let inside = self.inside.lock().unwrap();
        inside.sessions.iter().find(|(_, who)| who.is_some()).unwrap().0.clone()
    }

    fn at_once(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let mut inside = self.inside.lock().unwrap();
        let line = headers.get("cookie").map_or(&b""[..], HeaderValue::as_bytes);
        let line = String::from_utf8_lossy(line).into_owned();
        inside.asked.push(format!("{method} {target} {line}"));
        let sid = line.split("; ").find_map(|pair| pair.strip_prefix(self.cookie)?.strip_prefix('='));
        let sid = sid.map(str::to_owned);
        let who = sid.as_ref().and_then(|sid| inside.sessions.get(sid).copied().flatten());
        let (fields, path) = (fields_of(target, body), target.split('?').next().unwrap());
        // Magento's front controller looks at the first part alone, behind its script and a store's code.
        let area = path.split('/').find(|part| ["graphql", "soap"].contains(&part.to_lowercase().as_str()));
        let mut answer = match (method.as_str(), path) {
            ("POST", _) if area == Some("soap") => say(200, "<token>token-of-42</token>"),
            ("POST", _) if area.is_some() => token(&inside, "/graphql", body),
            ("POST", "/rest/V1/integration/customer/token") => token(&inside, path, body),
            // A back office with a session of its own, as Magento and PrestaShop have one.
            ("POST", OFFICE | OTHER_OFFICE) => own_office(&fields),
            ("GET", "/admin/dashboard/" | "/admin123abc/index.php") => {
                let is_in = line.split("; ").any(|pair| !pair.is_empty() && OFFICE_SESSION.starts_with(pair));
                say(if is_in { 200 } else { 302 }, if is_in { SECRET } else { "" })
            }
            ("GET", "/rest/V1/customers/me") => me(&inside, headers),
            ("GET", "/customer/account/edit/" | "/index.php" | "/accounts/profile/edit/") => sign_in_of(path),
            ("GET", "/me") if inside.is_broken => say(200, "<p>a new theme"),
            ("GET", "/login.php") => say(200, "<form><input name=user><input name=password type=password>"),
            ("GET", "/office") => office(&inside, who),
            ("GET", "/nonce") => say(200, &who.map_or("0".to_owned(), |at| format!("nonce-of-{at}"))),
            ("GET", "/rights") => rights(&inside, who, headers),
            ("GET", "/me") if inside.is_hidden => say(401, "{}"),
            ("GET", "/me") => match who {
                Some(at) => {
                    let account = &inside.accounts[at];
                    say(200, &serde_json::json!({"id": account.id, "email": account.email}).to_string())
                }
                None => say(401, "{}"),
            },
            ("POST", "/logout") => {
                if let Some(sid) = &sid {
                    inside.sessions.remove(sid);
                }
                say(200, "bye")
            }
            ("POST", "/account/password") => choose_password(&mut inside, who, &fields),
            // Also where no adapter knows of it: a checkout, a link in a mail.
            ("POST", _) if fields.contains_key("password") => return self.sign_in(&mut inside, sid, &fields),
            ("GET", "/magic") => {
                return self.sign_in(&mut inside, sid, &form(b"user=ella&password=grey+slate+roof"));
            }
            // The link of a letter, at which a page stands.
            ("GET", path) if path == "/welcome" || path.starts_with("/welcome/") => {
                let mut answer = self.sign_in(&mut inside, sid, &form(b"user=ella&password=grey+slate+roof"));
                *answer.status_mut() = StatusCode::OK;
                answer.headers_mut().remove("location");
                return answer;
            }
            ("POST", "/account/email") | ("PUT", "/me/address") => match who {
                Some(_) if inside.renaming == Renaming::Refuses => say(200, "that address is taken"),
                Some(at) => {
                    inside.accounts[at].email = fields["email"].clone();
                    if inside.renaming == Renaming::TakesAndSignsOut {
                        inside.sessions.retain(|_, who| *who != Some(at));
                    }
                    say(200, "changed")
                }
                None => say(403, "sign in first"),
            },
            (_, "/account" | "/admin" | "/checkout") => match who {
                Some(at) => say(200, &format!("the orders of {}", inside.accounts[at].id)),
                None => say(403, "sign in first"),
            },
            _ => say(200, "welcome"),
        };
        if !sid.as_ref().is_some_and(|sid| inside.sessions.contains_key(sid)) && path != "/logout" {
            let sid = open(&mut inside, None);
            self.set(&mut answer, &sid);
        }
        answer.headers_mut().append("set-cookie", HeaderValue::from_static("form_key=js; Path=/"));
        answer
    }

    fn set(&self, answer: &mut Response<Bytes>, sid: &str) {
        let line = format!("{}={sid}; Path=/; HttpOnly", self.cookie);
        answer.headers_mut().append("set-cookie", line.parse().unwrap());
        answer.headers_mut().insert("cache-control", HeaderValue::from_static("public, max-age=600"));
    }

    fn sign_in(
        &self,
        inside: &mut Inside,
        sid: Option<String>,
        fields: &HashMap<String, String>,
    ) -> Response<Bytes> {
        let typed = fields.get("user").map_or("", String::as_str);
        let names = ["ella", "mallory"];
        let found = inside.accounts.iter().zip(names).position(|(account, name)| {
            (account.email == typed || name == typed) && account.password == fields["password"]
        });
        let Some(at) = found else { return say(401, "wrong") };
        let mut answer = say(303, SECRET);
        answer.headers_mut().insert("location", HeaderValue::from_static("/account"));
        let known = sid.filter(|sid| inside.sessions.contains_key(sid));
        match (self.elevation, known) {
            (Elevation::Same, Some(sid)) => {
                inside.sessions.insert(sid, Some(at));
            }
            (_, known) => {
                known.and_then(|sid| inside.sessions.remove(&sid));
                let sid = open(inside, Some(at));
                self.set(&mut answer, &sid);
            }
        }
        answer
    }
}

/// The form for a new password.
fn choose_password(
    inside: &mut Inside,
    who: Option<usize>,
    fields: &HashMap<String, String>,
) -> Response<Bytes> {
    let leads = |to: &'static str| {
        let mut answer = say(303, "");
        answer.headers_mut().insert("location", HeaderValue::from_static(to));
        answer
    };
    match who {
        Some(at) if fields["old"] == inside.accounts[at].password => {
            if let Some(chosen) = fields.get("new_password") {
                inside.accounts[at].password = chosen.clone().leak();
            }
            leads("/account")
        }
        // The form again.
        Some(_) => say(200, "that is not your password"),
        None => leads("/login.php"),
    }
}

/// Magento's two doors for scripts: a token for a name and a password. Every field of the document that asks is answered, under
/// the name that it wants.
fn token(inside: &Inside, path: &str, body: &[u8]) -> Response<Bytes> {
    let sent: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let good = |user: &serde_json::Value, password: &serde_json::Value| {
        let fits = |account: &&Account| *user == *account.email && *password == *account.password;
        inside.accounts.iter().find(fits).map(|account| format!("token-of-{}", account.id))
    };
    if path != "/graphql" {
        return match good(&sent["username"], &sent["password"]) {
            Some(token) => say(200, &format!("\"{token}\"")),
            None => say(401, r#"{"message":"no"}"#),
        };
    }
    let one = |call: &serde_json::Value| {
        let token = good(&call["variables"]["email"], &call["variables"]["password"]);
        let told = token.map(|token| serde_json::json!({ "token": token }));
        let query = call["query"].as_str().unwrap_or_default();
        let mut data = serde_json::Map::new();
        for (at, _) in query.match_indices("generateCustomerToken") {
            let before = query[..at].trim_end();
            let name = match before.strip_suffix(':') {
                Some(rest) => rest.rsplit([' ', '{', '}']).next().unwrap().to_owned(),
                None => "generateCustomerToken".to_owned(),
            };
            data.insert(name, told.clone().into());
        }
        serde_json::json!({ "data": data })
    };
    let answer = match &sent {
        serde_json::Value::Array(calls) => calls.iter().map(one).collect(),
        call => one(call),
    };
    say(200, &answer.to_string())
}

/// The back office's first page: for one of the two accounts only.
fn office(inside: &Inside, who: Option<usize>) -> Response<Bytes> {
    match (inside.office_guard, who) {
        (OfficeGuard::Refuses, _) | (OfficeGuard::RefusesSessions, Some(_)) => say(403, "Forbidden"),
        (OfficeGuard::LeadsAway, _) => led("/"),
        (OfficeGuard::RefusesInside | OfficeGuard::TellsNothing, Some(_)) => say(403, "not for customers"),
        (_, Some(at)) if inside.accounts[at].id == "7" => say(200, "the office"),
        (_, Some(_)) => say(403, "not for customers"),
        (_, None) => say(302, ""),
    }
}

/// What the shop says of somebody's rights, to whoever asks as its scripts do.
fn rights(inside: &Inside, who: Option<usize>, headers: &HeaderMap) -> Response<Bytes> {
    let nonce = headers.get("x-nonce").and_then(|line| line.to_str().ok());
    let Some(at) = who.filter(|at| nonce == Some(&format!("nonce-of-{at}"))) else { return say(401, "{}") };
    if inside.office_guard == OfficeGuard::TellsNothing {
        return say(401, "{}");
    }
    let is_member = inside.accounts[at].id == "7";
    say(200, &serde_json::json!({"rights": {"read": true, "pack_orders": is_member}}).to_string())
}

fn own_office(fields: &HashMap<String, String>) -> Response<Bytes> {
    let mut answer = say(302, "");
    if fields.values().any(|value| value == STAFF_PASSWORD) {
        answer.headers_mut().append("set-cookie", HeaderValue::from_static(OFFICE_SESSION));
    }
    answer
}

fn fields_of(target: &str, body: &[u8]) -> HashMap<String, String> {
    match target {
        "/me/address" => serde_json::from_slice(body).unwrap_or_default(),
        _ => form_of(body),
    }
}

/// A form, also with the names that Magento, PrestaShop and django-oscar have for the fields.
fn form_of(body: &[u8]) -> HashMap<String, String> {
    let mut fields = form(body);
    for (name, plain) in [
        ("login[username]", "user"),
        ("login[password]", "password"),
        ("email", "user"),
        ("username", "user"),
    ] {
        if let Some(value) = fields.get(name).cloned() {
            fields.entry(plain.to_owned()).or_insert(value);
        }
    }
    fields
}

/// Where shops of these makers lead a visitor from the page of one's own data.
fn sign_in_of(path: &str) -> Response<Bytes> {
    led(match path {
        "/index.php" => "/connexion?back=identity",
        "/customer/account/edit/" => "https://shop.example/customer/account/login/referer/x/",
        _ => "/en-gb/accounts/login/?next=/accounts/profile/edit/",
    })
}

fn me(inside: &Inside, headers: &HeaderMap) -> Response<Bytes> {
    let line = headers.get("authorization").map_or("", |v| v.to_str().unwrap());
    let id = line.strip_prefix("Bearer token-of-").unwrap_or_default();
    match inside.accounts.iter().find(|account| account.id == id) {
        Some(account) => say(200, &serde_json::json!({ "id": 1, "email": account.email }).to_string()),
        None => say(401, "{}"),
    }
}

fn open(inside: &mut Inside, who: Option<usize>) -> String {
    inside.made += 1;
    let sid = format!("shop-session-{}", inside.made);
    inside.sessions.insert(sid.clone(), who);
    sid
}

fn form(body: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(body)
        .replace('+', " ")
        .replace("%40", "@")
        .replace("%20", " ")
        .replace("%2E", ".");
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

impl Serves for Shop {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        self.at_once(method, target, headers, body)
    }
}

impl AskShop for Shop {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            if self.inside.lock().unwrap().is_away {
                return Err(NoAnswer("test"));
            }
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

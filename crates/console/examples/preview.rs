//! The console on plain HTTP at http://localhost:9480 with made-up traffic, signed in already: for looking at pages.
//!
//! `cargo run -p storeward-console --example preview [-- PORT [quiet|trouble|empty]]`
#![allow(clippy::unwrap_used, reason = "an example that cannot go on should stop")]

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use storeward_base::{Actor, ClientIp, Clock, Entropy, RequestId, SystemClock, SystemEntropy, Timestamp};
use storeward_console::{CertificateStatus, Console, ConsoleParts, MIGRATIONS, SystemStatus, UpstreamStatus};
use storeward_edge::access::{
    AccessLog, AccessOptions, AccessRecord, AccessWriter, Label, ParameterNames, Protocol, TlsVersion,
    Verdict,
};
use storeward_edge::bans::{BanBook, BanOptions};
use storeward_events::Event;
use storeward_events::edge::{CertificateIssued, RequestBlocked, UpstreamUp};
use storeward_host::{RecordedEmissions, Stopper};
use storeward_passwords::breach::Breaches;
use storeward_passwords::{Pool, PoolOptions};
use storeward_seal::totp::{TotpSecret, step_at};
use storeward_seal::{DataKey, LogKey, Origin, PseudonymKey};
use storeward_store::{DatabaseUrl, Db, OpenOptions};
use storeward_web::axum::body::Body;
use storeward_web::axum::extract::Request;
use storeward_web::axum::middleware::{Next, from_fn};
use storeward_web::axum::{self, Router};
use tower::ServiceExt;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port: u16 = arguments.first().map_or(9480, |text| text.parse().unwrap());
    let scene = arguments.get(1).cloned().unwrap_or_else(|| "quiet".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let db = open_database(dir.path());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let log = AccessLog::open(&AccessOptions::new(dir.path()), Arc::clone(&clock), None).unwrap();
    let emit = Arc::new(RecordedEmissions::default());
    let bans = BanBook::in_memory(BanOptions::default(), Arc::clone(&clock), emit);
    let data_key = DataKey::generate(&*entropy);
    let (_stopper, stop) = Stopper::new();
    let status = status_of(&scene, clock.now());
    let parts = ConsoleParts {
        db: db.clone(),
        access: log.reader(),
        bans: Arc::clone(&bans),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        data_key: data_key.clone(),
        revoked_keys: dir.path().join("revoked-api-keys"),
        breaches: Breaches::default(),
        outbox: None,
        registry: None,
        vault: None,
        backups: None,
        payments: None,
        checkout: None,
        entrance: None,
        teach: None,
        passwords: Pool::start(PoolOptions::new(Arc::clone(&clock), Arc::clone(&entropy))).unwrap(),
        customers: None,
        port,
        status: Arc::new(move || status.clone()),
        guide: None,
        readiness: Arc::new(Vec::new),
        more_metrics: Arc::new(|_| {}),
        metrics_token: None,
        names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        scheme: "http",
        stop,
    };
    let console = Console::service(parts).unwrap();
    let offer = Console::offer_enrolment(&db, &data_key, &*entropy, Actor::Operator).await.unwrap();
    let session = enrol(&console, offer.path.expose(), clock.now()).await;
    let spare = Console::offer_enrolment(&db, &data_key, &*entropy, Actor::Operator).await.unwrap();
    if scene != "empty" {
        fill(&log.writer(), &db, &bans, clock.now()).await;
        tokio::spawn(keep_coming(log.writer(), clock));
    }
    log.flush();
    println!("http://localhost:{port}/\nhttp://localhost:{port}{}", spare.path.expose());
    let app = console.layer(from_fn(move |request, next| signed_in(session.clone(), request, next)));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

/// Gives every request the cookie, unless it asks not to have it.
async fn signed_in(cookie: String, mut request: Request, next: Next) -> axum::response::Response {
    let anonymous = request.headers().contains_key("x-anonymous");
    if !anonymous && !request.headers().contains_key("cookie") {
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
    }
    next.run(request).await
}

fn open_database(dir: &std::path::Path) -> Db {
    Db::open(OpenOptions {
        url: DatabaseUrl::parse(&format!("sqlite:{}", dir.join("preview.sqlite").display())).unwrap(),
        node: "preview".to_owned(),
        log_key: LogKey::generate(&SystemEntropy),
        trusted: Vec::new(),
        pseudonym_key: PseudonymKey::generate(&SystemEntropy),
        origin: Origin::parse("shop.example/storeward").unwrap(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        migrations: MIGRATIONS.to_vec(),
        readers: 2,
    })
    .unwrap()
}

fn status_of(scene: &str, now: Timestamp) -> SystemStatus {
    let trouble = scene == "trouble";
    SystemStatus {
        backup_problem: None,
        version: "0.1.0".to_owned(),
        started_at: now.minus(3 * DAY),
        shop_names: vec!["lantern-books.example".to_owned()],
        certificates: vec![CertificateStatus {
            names: vec!["lantern-books.example".to_owned(), "www.lantern-books.example".to_owned()],
            source: "acme".to_owned(),
            not_after: now.plus(if trouble { 5 * DAY } else { 71 * DAY }),
            problem: trouble.then(|| "the name www.lantern-books.example does not lead here".to_owned()),
        }],
        upstreams: vec![UpstreamStatus {
            name: "shop".to_owned(),
            address: "127.0.0.1:8000".to_owned(),
            answers: Some(!trouble),
            since: Some(now.minus(if trouble { Duration::from_secs(140) } else { 2 * DAY })),
            reason: trouble.then(|| "connection refused".to_owned()),
        }],
        detects_only: trouble,
        ledger_problem: None,
        writes_problem: None,
        shield_problem: None,
        concerns: Vec::new(),
        events_dropped: 0,
        inspection_failures: 0,
        never_block: vec!["127.0.0.0/8".to_owned(), "198.51.100.0/24".to_owned()],
    }
}

async fn call(app: &Router, request: Request) -> (axum::http::response::Parts, String) {
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head, String::from_utf8(body.to_vec()).unwrap())
}

async fn enrol(app: &Router, path: &str, now: Timestamp) -> String {
    let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
    let (_, page) = call(app, request).await;
    let between = |start: &str| page.split(start).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let csrf = between("name=\"csrf\" value=\"");
    let code = TotpSecret::from_base32(&between("data-copy=\"")).unwrap().code_at(step_at(now));
    let password = "lamp+post+umbrella+tea";
    let form = format!(
        "csrf={csrf}&name=Ada+Brandt&email=ada@lantern-books.example&password={password}&repeated={password}&code={code}"
    );
    let request = Request::post(path)
        .header("host", "localhost")
        .header("origin", "http://localhost")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let (head, body) = call(app, request).await;
    assert_eq!(head.status, 303, "{body}");
    head.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

const PATHS: [&str; 14] = [
    "/",
    "/books",
    "/books/the-lighthouse-keeper",
    "/books/a-field-guide-to-moths",
    "/search",
    "/basket",
    "/checkout",
    "/account/orders",
    "/assets/app.9f31.css",
    "/assets/app.77aa.js",
    "/images/covers/moths.webp",
    "/images/covers/lighthouse.webp",
    "/api/basket/lines",
    "/newsletter",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Mobile Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
];

struct Attack(&'static str, &'static str, &'static str, &'static str, u32);

const ATTACKS: [Attack; 6] = [
    Attack("/search", "sql_injection", "ARGS:q", "' UNION SELECT ****, ******** FROM", 942_100),
    Attack("/search", "cross_site_scripting", "ARGS:q", "<script>alert(1)</script>", 941_110),
    Attack("/download", "path_traversal", "ARGS:file", "../../../../etc/passwd", 930_120),
    Attack("/.env", "sensitive_file", "REQUEST_FILENAME", "/.env", 930_130),
    Attack("/api/basket/lines", "command_injection", "ARGS:note", ";wget http://****", 932_160),
    Attack("/newsletter", "template_injection", "ARGS:name", "{{7*7}}", 934_180),
];

fn chance(most: u64) -> u64 {
    let entropy: &dyn Entropy = &SystemEntropy;
    u64::from_be_bytes(entropy.bytes::<8>()) % most
}

fn pick<T>(list: &[T]) -> &T {
    &list[usize::try_from(chance(list.len() as u64)).unwrap()]
}

fn record(at: Timestamp) -> AccessRecord {
    let client: ClientIp = format!("203.0.113.{}", chance(60)).parse().unwrap();
    let path = *pick(&PATHS);
    let method = if path == "/checkout" { "POST" } else { "GET" };
    let mut one = AccessRecord::new(RequestId::at(at, &SystemEntropy), at, client, method.parse().unwrap());
    one.host = "lantern-books.example".into();
    one.path = path.into();
    one.status = if chance(40) == 0 { 404 } else { 200 };
    one.duration_us = 3_000 + chance(90_000);
    one.upstream_us = Some(one.duration_us - 1_500);
    one.request_bytes = 400 + chance(900);
    one.response_bytes = 2_000 + chance(60_000);
    one.protocol = Protocol::Http2;
    one.tls = Some(TlsVersion::Tls13);
    one.user_agent = (*pick(&AGENTS)).into();
    one.route = "shop".into();
    one.upstream = Some("shop".into());
    one.content_type = Label::Borrowed("text/html");
    if path == "/search" {
        one.parameter_names = ParameterNames::new(["q", "page"]);
    }
    if chance(300) == 0 {
        one.status = 502;
    }
    one
}

fn attack(at: Timestamp) -> AccessRecord {
    let mut one = record(at);
    let Attack(path, category, variable, matched, rule) = pick(&ATTACKS);
    one.client = format!("192.0.2.{}", 7 + chance(3)).parse().unwrap();
    one.user_agent = "sqlmap/1.9.4#stable (https://sqlmap.org)".into();
    one.path = (*path).into();
    one.status = 403;
    one.upstream_us = None;
    one.duration_us = 300 + chance(900);
    one.verdict = if chance(9) == 0 { Verdict::Flagged } else { Verdict::Blocked };
    one.rule_id = *rule;
    one.category = Label::Borrowed(category);
    one.variable = (*variable).into();
    one.matched = (*matched).into();
    if chance(5) == 0 {
        one.verdict = Verdict::Banned;
        (one.category, one.rule_id, one.matched) = (Label::Borrowed(""), 0, "".into());
    }
    one
}

async fn fill(writer: &AccessWriter, db: &Db, bans: &BanBook, now: Timestamp) {
    let mut at = now.minus(Duration::from_secs(3_600));
    while at < now {
        writer.push(record(at));
        let minute = at.seconds() / 60 % 60;
        if (20..26).contains(&minute) && chance(3) == 0 {
            writer.push(attack(at));
        }
        at = at.plus(Duration::from_millis(500 + chance(3_500)));
    }
    let by = Actor::System;
    bans.ban("192.0.2.7".parse().unwrap(), "edge.injection_probing", by).unwrap();
    bans.ban("2001:db8:17::1".parse().unwrap(), "edge.many_not_found", by).unwrap();
    let mut last = attack(now);
    (last.verdict, last.category, last.rule_id) =
        (Verdict::Blocked, Label::Borrowed("sql_injection"), 942_100);
    (last.path, last.variable, last.matched) =
        ("/search".into(), "ARGS:q".into(), "' UNION SELECT ****, ******** FROM".into());
    let facts: [(Option<RequestId>, Event); 3] = [
        (
            None,
            CertificateIssued {
                names: vec!["lantern-books.example".to_owned()],
                source: "acme".to_owned(),
                not_after: now.plus(71 * DAY),
                fingerprint: "00".repeat(32),
            }
            .into(),
        ),
        (None, UpstreamUp { upstream: "shop".to_owned() }.into()),
        (
            Some(last.id),
            RequestBlocked {
                method: "GET".to_owned(),
                path: last.path.to_string(),
                stage: "inspect".to_owned(),
                rule_id: last.rule_id,
                category: last.category.to_string(),
                variable: last.variable.to_string(),
                matched: last.matched.to_string(),
                score: 15,
            }
            .into(),
        ),
    ];
    println!("http://localhost/requests/{}", last.id);
    let client = db.client_ref(last.client);
    writer.push(last);
    db.write(move |tx| {
        for (request, event) in &facts {
            let actor = if request.is_some() { Actor::Client { client } } else { Actor::System };
            tx.append(actor, *request, event.clone())?;
        }
        Ok::<_, storeward_store::Error>(())
    })
    .await
    .unwrap();
}

async fn keep_coming(writer: AccessWriter, clock: Arc<dyn Clock>) {
    loop {
        tokio::time::sleep(Duration::from_millis(400 + chance(1_800))).await;
        writer.push(record(clock.now()));
        if chance(12) == 0 {
            writer.push(attack(clock.now()));
        }
    }
}

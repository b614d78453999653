//! The sample shop's three deliberate holes: open to whoever reaches the shop itself, closed through Storeward.

mod full_disk;
mod grammar;
mod guard;
mod masks;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use storeward_demo_shop::demo_credentials;

use super::outside::Outside;
use super::{Options, Running, SAMPLE, SampleShop, config_text, write_root};
use crate::config::FILE;
use crate::data::{self, DataDir};

/// Reads out sign-ins, each in its own way.
const INJECTIONS: [&str; 17] = [
    // The first `from` is a decoy; what a comment says is the attacker's; names of tables are, too.
    "zzz%' escape 1 union select email e,password_hash h,email f,1,email is distinct from 1 from customers--",
    "zzz%' escape 1 union select email e,password_hash h,email f,1 i,1 j from(select email,password_hash from(addresses,customers))-- we like your shop",
    "zzz%' window w as() union select email e,password_hash h,email f,1 i,1 j from(with the as(select*from customers)select*from the)-- we like your shop",
    "%'--\r we\nunion--\r we\nselect--\r we\nemail,--\r we\nemail,password_hash,1,1--\r we\nfrom--\r we\ncustomers--",
    "zzz%' UNION SELECT email, email, password_hash, 0, 0 FROM customers --",
    "zzz%'union select[email],[email],[password_hash],[id],[id]from[customers]--",
    "zzz%'union all select[email],[email],[password_hash],[id],[id]from[customers]where[id]<99--",
    "zzz%'/**/union/**/select/**/[email],[email],[password_hash],[id],[id]/**/from/**/[customers]/*",
    "zzz%'union select email e,email f,password_hash p,id a,id b from customers--",
    "zzz%'union select email as e,email as f,password_hash as p,1 as a,2 as b from customers--",
    "zzz%'union--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nselect email,email,password_hash,0,0 from customers--",
    "zzz%'union select*from(select`email`,\"email\",[password_hash],0,0 from customers)--",
    "zzz%'union select case when 1 then email end,email,password_hash,0,0 from customers--",
    "zzz%'union values((select email from customers limit 1),'',(select password_hash from customers limit 1),0,0)--",
    "zzz%'union select(select[email]from[customers]limit 1),'',(select[password_hash]from[customers]limit 1),0,0--",
    "zzz%'\x0cUnIoN\x0cSeLeCt\x0cemail,'%27',password_hash,0,0\x0cfrom\x0ccustomers--",
    "zzz%'union select email,email,password_hash,0,0 from customers;-- and some prose behind it",
];

/// Learn one bit each: they list goods although no goods hold the words.
const BLIND: [&str; 33] = [
    // Behind words that are unknown: a comment of prose, no query at all, an open string.
    "zzz%' escape 1 or (select email from(products,customers)where((((((((((customers.id=2)))))))))))>'a'-- we like your shop",
    "zzz%' escape 1 or (select email from(products,customers)where((((((((((customers.id=2)))))))))))>'a'/* we like your shop",
    "zzz%' escape 1 or id--",
    "zzz%' escape 1 or name like 'P%'--",
    "zzz%' escape 1 or price_cents>3000-- we like the shop",
    "zzz%' escape 1 or price_cents>3000/*",
    "zzz%' escape 1 or 1 or name like '",
    "zzz%' escape lower('x') or+1 is not(select email e from (products,customers) where((((((((((1))))))))))) or '",
    "zzz%' escape 1 or 1 is not(select email from json_each('[1]'),customers where role notnull)group by id-- we do love it",
    // Words that no list of ours had, between what breaks out and what asks.
    "zzz%' escape 1 union select email e,password_hash h,email,1,1 from customers--",
    "zzz%' window w as() union select email e,password_hash h,email,1,1 from customers--",
    "zzz%' escape 1 or (select email from(products,customers)where((((((((((customers.id=2)))))))))))>'a'--",
    "zzz%' escape ('x') or (select city from addresses)>'A'--",
    "zzz%' escape 1 or price_cents>3000--",
    "zzz%' escape 1 or 1 order by price_cents desc--",
    "zzz%' escape '!' or (select cast(email as we love the shop) as nice from customers c) is not null--",
    // What SQLite takes for a comment is code for others.
    "zzz%'/*! the shop was closed */or (/*! we */select/*! we */email/*! we */from/*! we */customers/*! we */limit 1)>'a'--",
    "zzz%' or--\r we\n(select--\r we\nemail--\r we\nfrom--\r we\ncustomers--\r we\nlimit 1)>'a'--",
    "zzz%' escape '!' or not not (select phone collate nocase as name from customers c where email>'') is not null>'",
    "zzz%' or glob('*',(select c.email from customers c))--",
    "zzz%' or like('%',(select email||''from customers))--",
    "zzz%' or slug notnull and(select[email]from[customers]limit 1)>'a'--",
    "zzz%' or slug notnull--",
    "zzz%' or name is not 'x' or name='",
    "zzz%' or id-'0",
    "zzz%' or id+'1",
    "zzz%' or id|'1",
    "zzz%' or price_cents between 1 and 99999--",
    "zzz%' or (values(1))--",
    "zzz%' or (with[a]as(values(1))select*from[a])--",
    "zzz%' or (select exists(values(1)))--",
    "zzz%' or '%27'<(select email from customers limit 1)--",
    "zzz%' or [slug]>''-- what a lovely shop this is",
];

/// Each runs script, or would at a click; `N` makes it one of its own.
const SCRIPTS: [&str; 12] = [
    "<a \"\"='>' href=javascript:PWN='N'>Our size guide</a>",
    "<dialog open \"\"='>' oncancel=PWN='N'>",
    "<script>document.title='N'</script>",
    "<img src=x onerror=PWN='N'>",
    "<svg onload=PWN='N'>",
    "<a href=jav&#10;ascript:PWN='N'>Our size guide</a>",
    "<a href=jav&#9;ascript:void(PWN='N')>x</a>",
    "<a href=java&Tab;script&colon;PWN='N'>x</a>",
    "<x\" onclick=PWN='N'>y",
    "<x a=` onclick=PWN='N' b=`>y",
    "<a PADDING href=javascript:PWN='N'>x</a>",
    "<img SPACES src=x onerror=PWN='N'>",
];

struct Demo {
    running: Option<Running>,
    shop: Option<SampleShop>,
    outside: Option<Outside>,
    tls: Arc<rustls::ClientConfig>,
    _folder: tempfile::TempDir,
}

/// One way to the shop: straight, or through the front door.
struct Way {
    authority: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    cookies: Vec<(String, String)>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Way {
    fn send(&mut self, method: &str, target: &str, body: Option<&str>) -> Answer {
        let authority = &self.authority;
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut text = format!(
            "{method} {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nAccept: text/html\r\nCookie: {}\r\n",
            cookies.join("; ")
        );
        if let Some(body) = body {
            text += &format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        text += "\r\n";
        text += body.unwrap_or_default();
        let mut tcp = TcpStream::connect(authority.replace("localhost", "127.0.0.1")).unwrap();
        let mut bytes = Vec::new();
        match &self.tls {
            None => {
                tcp.write_all(text.as_bytes()).unwrap();
                tcp.read_to_end(&mut bytes).unwrap();
            }
            Some(config) => {
                let name = ServerName::try_from("localhost").unwrap();
                let client = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
                let mut stream = rustls::StreamOwned::new(client, tcp);
                stream.write_all(text.as_bytes()).unwrap();
                stream.read_to_end(&mut bytes).unwrap();
            }
        }
        let whole = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        for line in head.lines().filter_map(|line| line.split_once(": ")) {
            if line.0.eq_ignore_ascii_case("set-cookie")
                && let Some((name, value)) = line.1.split(';').next().unwrap().split_once('=')
            {
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn search(&mut self, words: &str) -> Answer {
        self.send("GET", &format!("/search?q={}", encode(words)), None)
    }

    /// With the token against forgery that stands in the page.
    fn post(&mut self, page: &str, target: &str, fields: &str) -> Answer {
        let page = self.send("GET", page, None).body;
        let token =
            page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        self.send("POST", target, Some(&format!("csrf={}&{fields}", encode(&token))))
    }

    fn sign_in(&mut self) {
        let account = demo_credentials().customer;
        self.sign_in_as(account.email, account.password);
    }

    fn sign_in_as(&mut self, email: &str, password: &str) {
        let fields = format!("email={}&password={}", encode(email), encode(password));
        let answer = self.post("/account/sign-in", "/account/sign-in", &fields);
        assert_eq!(answer.status, 303, "{}", answer.head);
    }

    fn review(&mut self, text: &str) -> u16 {
        let fields = format!("rating=5&title=Nice&text={}", encode(text));
        self.post("/product/peat-mug", "/product/peat-mug/reviews", &fields).status
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

impl Demo {
    fn start() -> Demo {
        Demo::start_with("")
    }

    /// With further sections.
    fn start_with(sections: &str) -> Demo {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            dir: folder.path().join("data"),
            listen: "127.0.0.1:0".parse().unwrap(),
            console: "127.0.0.1:0".parse().unwrap(),
            upstream: None,
            database: None,
            shield: false,
            ready_file: None,
        };
        let data = DataDir::create(&options.dir).unwrap();
        data.ensure_keys(&storeward_base::SystemEntropy).unwrap();
        let shop = SampleShop::start(&data, None).unwrap();
        let outside = Outside::start(&data, SAMPLE).unwrap();
        let text = config_text(&options, &shop.url, &outside) + sections;
        data::write_atomically(&data.join(FILE), text.as_bytes()).unwrap();
        let running = Running::start(&options.dir).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        let root = write_root(&data).unwrap();
        for certificate in CertificateDer::pem_file_iter(root).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Demo {
            running: Some(running),
            shop: Some(shop),
            outside: Some(outside),
            tls: Arc::new(tls),
            _folder: folder,
        }
    }

    fn straight(&self) -> Way {
        let url = &self.shop.as_ref().unwrap().url;
        Way { authority: url.trim_start_matches("http://").to_owned(), tls: None, cookies: Vec::new() }
    }

    fn through(&self) -> Way {
        let url = self.running.as_ref().unwrap().shop_url();
        let authority = url.trim_start_matches("https://").trim_end_matches('/').to_owned();
        Way { authority, tls: Some(Arc::clone(&self.tls)), cookies: Vec::new() }
    }
}

impl Demo {
    fn end(mut self) {
        self.running.take().unwrap().shut_down().unwrap();
        self.shop.take().unwrap().stop();
        self.outside.take().unwrap().stop();
    }
}

#[test]
fn the_search_is_read_out_straight_and_not_through_the_front_door() {
    let demo = Demo::start();
    let (mut straight, mut through) = (demo.straight(), demo.through());
    for words in INJECTIONS {
        let leak = straight.search(words);
        let told = leak.body.contains("$argon2id$") && leak.body.contains("@example.");
        assert!(leak.status == 200 && told, "no longer an attack: {words}");
        let stopped = through.search(words);
        assert_eq!(stopped.status, 403, "{words}");
        assert!(!stopped.body.contains("$argon2id$") && !stopped.body.contains("@example."), "{words}");
    }
    let nothing = straight.search("zzzqqq").body.matches("/product/").count();
    for words in BLIND {
        let answer = straight.search(words);
        let more = answer.body.matches("/product/").count() > nothing;
        assert!(answer.status == 200 && more, "no longer an attack: {words}");
        assert_eq!(through.search(words).status, 403, "{words}");
    }
    for words in ["linen", "peat mug", "mug [sale]", "5' x 7'", "rock & roll", "mug or cup", "10 - 20"] {
        assert_ne!(through.search(words).status, 403, "{words}");
    }
    demo.end();
}

#[test]
fn a_review_carries_script_straight_and_not_through_the_front_door() {
    let demo = Demo::start();
    let (mut straight, mut through) = (demo.straight(), demo.through());
    straight.sign_in();
    through.sign_in();
    for (number, script) in SCRIPTS.iter().enumerate() {
        let script = script.replace("PADDING", &"a ".repeat(80)).replace("SPACES", &" ".repeat(300));
        let stopped = script.replace('N', &format!("through{number}"));
        assert_eq!(through.review(&stopped), 403, "{script:.60}");
        let carried = script.replace('N', &format!("straight{number}"));
        assert_eq!(straight.review(&carried), 303, "{script:.60}");
        // What the shop has kept, and shows to everybody.
        let page = through.send("GET", "/product/peat-mug", None);
        assert_eq!(page.status, 200);
        assert!(page.body.contains(&format!("straight{number}")), "no longer a hole: {script:.60}");
        assert!(page.body.contains(&carried), "no longer a hole: {script:.60}");
        assert!(!page.body.contains(&format!("through{number}")), "{script:.60}");
    }
    let kind =
        "A <b>lovely</b> mug, see <a href=\"https://shop.example/care?a=1&b=2\">the care guide</a> [here]";
    assert_eq!(through.review(kind), 303);
    assert!(through.send("GET", "/product/peat-mug", None).body.contains("A <b>lovely</b> mug"));
    demo.end();
}

#[test]
fn the_export_is_open_straight_and_closed_through_the_front_door() {
    let demo = Demo::start();
    let (mut straight, mut through) = (demo.straight(), demo.through());
    let customers = straight.send("GET", "/admin/export.csv", None);
    assert!(customers.status == 200 && customers.body.matches("@example.").count() > 30);
    for target in [
        "/admin/export.csv",
        "/admin/export.csv?a=1",
        "/admin/%65xport.csv",
        "/Admin/Export.csv",
        "/admin/export.csv;a=b",
        "/admin//export.csv",
        "/admin/export.csv/",
    ] {
        let answer = through.send("GET", target, None);
        assert!(matches!(answer.status, 400 | 403), "{target}: {}", answer.status);
        assert!(!answer.body.contains("@example."), "{target}");
    }
    assert_eq!(through.send("GET", "/", None).status, 200);
    demo.end();
}

/// The log lacked `system.stopped`, and in a short run `system.started`, too.
#[test]
fn the_log_has_the_first_and_the_last_event_of_a_run() {
    let mut demo = Demo::start();
    let lines = Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let kept = Arc::clone(&lines);
    demo.running.as_mut().unwrap().follow_ledger(move |line| kept.lock().unwrap().push(line.to_owned()));
    assert_eq!(demo.through().search("zzz%' or slug notnull--").status, 403);
    demo.end();
    let kinds: Vec<String> = std::mem::take(&mut *lines.lock().unwrap())
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].to_string())
        .collect();
    let place = |kind: &str| {
        kinds.iter().position(|k| k.contains(kind)).unwrap_or_else(|| panic!("{kind}: {kinds:?}"))
    };
    assert!(place("system.started") < place("request_blocked"), "{kinds:?}");
    assert_eq!(place("system.stopped"), kinds.len() - 1, "{kinds:?}");
}

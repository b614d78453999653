//! The whole program in front of the sample shop: TLS, the edge, the shield, a mailed code.

mod hydra;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::pem::PemObject;
use storeward_base::SystemEntropy;
use storeward_demo_shop::demo_credentials;
use storeward_outbound::postbox::{Postbox, PostboxOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::config::FILE;
use crate::data::DataDir;
use crate::demo::SampleShop;
use crate::run::Running;

/// A browser that keeps cookies and follows nothing.
struct Browser {
    address: std::net::SocketAddr,
    tls: tokio_rustls::TlsConnector,
    cookies: Vec<(String, String)>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let lines = self.head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// The token of the page's first form.
    fn csrf(&self) -> &str {
        let rest =
            self.body.split("name=\"csrf\" value=\"").nth(1).unwrap_or_else(|| panic!("{}", self.body));
        rest.split('"').next().unwrap()
    }
}

impl Browser {
    fn new(address: std::net::SocketAddr, root: &std::path::Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in rustls_pki_types::CertificateDer::pem_file_iter(root).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Browser { address, tls: tokio_rustls::TlsConnector::from(Arc::new(config)), cookies: Vec::new() }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    async fn post(&mut self, path: &str, form: &str) -> Answer {
        self.send("POST", path, form).await
    }

    async fn send(&mut self, method: &str, path: &str, form: &str) -> Answer {
        let port = self.address.port();
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let cookies =
            if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        let body = match method {
            "POST" => format!(
                "Origin: https://localhost:{port}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: \
                 application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            ),
            _ => "\r\n".to_owned(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: text/html\r\nUser-Agent: Mozilla/5.0 \
             (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nConnection: close\r\n{cookies}{body}"
        );
        let tcp = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let mut wire = self.tls.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
        wire.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // Whether the other side closes with or without a word does not matter here.
        let _ = wire.read_to_end(&mut bytes).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) =
            text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {method} {path}"));
        let answer =
            Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() };
        for line in head.split("\r\n").filter_map(|line| line.split_once(": ")) {
            let (true, line) = (line.0.eq_ignore_ascii_case("set-cookie"), line.1) else { continue };
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            assert_ne!(name, "shop_session", "the shop's session reached a browser");
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    async fn sign_in(&mut self) -> Answer {
        let account = demo_credentials().customer;
        let page = self.get("/account/sign-in").await;
        let form = format!(
            "csrf={}&email={}&password={}&next=",
            page.csrf(),
            account.email.replace('@', "%40"),
            account.password
        );
        self.post("/account/sign-in", &form).await
    }
}

#[test]
fn the_sample_shop_asks_for_a_second_step_and_a_stolen_password_opens_nothing() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    data.ensure_keys(&SystemEntropy).unwrap();
    let shop = SampleShop::start(&data, None).unwrap();
    let text = format!(
        "domain = ['localhost']\n[listen]\nhttps = '127.0.0.1:0'\n[console]\nlisten = '127.0.0.1:0'\n[upstream]\nservers \
         = ['{}']\n[certificates]\nsource = 'local'\n[mail]\nserver = '127.0.0.1'\nport = {}\nsecurity = 'none'\nfrom = \
         'service@shop.example'\n[identity]\ncustomers = 'required'\n[shield]\nadapter = 'larkmoor'\n",
        shop.url,
        postbox.port()
    );
    std::fs::write(data.join(FILE), text).unwrap();
    let running = Running::start(folder.path()).unwrap();
    let url = running.shop_url();
    let port: u16 = url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let root = data.join("root-for-the-test.pem");
    let loaded = crate::config::Config::load(folder.path()).unwrap();
    std::fs::write(&root, crate::ca::open(&data, &loaded.config).unwrap().root_pem()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut thief = Browser::new(address, &root);
        let challenged = thief.sign_in().await;
        assert_eq!((challenged.status, challenged.header("location")), (303, "/.storeward/challenge"));
        for path in ["/account", "/account/orders", "/checkout", "/account/addresses"] {
            let page = thief.get(path).await;
            assert!(page.status == 303 && !page.body.contains("ella.fairley"), "{path}: {}", page.status);
        }
        let mut owner = Browser::new(address, &root);
        owner.sign_in().await;
        let page = owner.get("/.storeward/challenge").await;
        let until = Instant::now() + Duration::from_secs(60);
        while postbox.mails().len() < 2 {
            assert!(Instant::now() < until, "two codes within a minute");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Of the two codes one is the owner's; the other one is refused, which costs a try.
        let mut came_in = false;
        for mail in postbox.mails() {
            let body = mail.text();
            let digits = |word: &&str| word.len() == 8 && word.bytes().all(|b| b.is_ascii_digit());
            let code = body.split_whitespace().find(digits).unwrap_or_else(|| panic!("{body}")).to_owned();
            let form = format!("csrf={}&method=mail&secret={code}", page.csrf());
            let answer = owner.post("/.storeward/challenge", &form).await;
            came_in |= answer.status == 303;
        }
        assert!(came_in);
        let account = owner.get("/account").await;
        assert!(account.body.contains("ella.fairley@example.com"), "{} {}", account.status, account.head);
        assert!(owner.cookies.iter().any(|(name, _)| name == "__Host-storeward-shop"));
        assert_eq!(thief.get("/account").await.status, 303, "not for the thief");
    });
    running.shut_down().unwrap();
    shop.stop();
}

//! A shop that is down when Storeward starts, one in a folder, and what `storeward check` says of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use storeward_base::SystemEntropy;
use storeward_outbound::recorder::{Answer, Recorder};

use super::Browser;
use crate::config::{Config, FILE};
use crate::data::DataDir;
use crate::run::Running;
use crate::shield::{Finding, Seeker, adapter_in_words};

const FRONT: &str = "<meta name=generator content='WooCommerce 9.4.2'><link rel=stylesheet \
                     href='https://shop.example/blog/wp-content/themes/a.css'>";

fn config(url: &str, shield: &str) -> Config {
    let text = format!(
        "domain = ['localhost']\n[listen]\nhttps = '127.0.0.1:0'\n[console]\nlisten = '127.0.0.1:0'\n[upstream]\nservers \
         = ['{url}']\n[certificates]\nsource = 'local'\n[mail]\nserver = '127.0.0.1'\nport = 9\nsecurity = 'none'\nfrom = \
         'service@shop.example'\n[identity]\ncustomers = 'required'\n[shield]\n{shield}\n"
    );
    Config::parse(&text).unwrap()
}

fn find(url: &str, shield: &str, dir: &std::path::Path) -> Result<Finding, String> {
    let config = config(url, shield);
    Seeker::new(config.shield.as_ref().unwrap(), &config, dir).find().map_err(|failure| failure.to_string())
}

#[test]
fn a_shop_is_asked_what_it_is_and_where_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Recorder::start().unwrap();
    shop.answer_otherwise(Answer::new(503, "starting"));
    // In trouble is not an answer.
    assert!(matches!(find(&shop.url(), "", dir.path()), Ok(Finding::Nothing)));
    assert!(matches!(find(&shop.url(), "adapter = 'wordpress'", dir.path()), Ok(Finding::Folderless(_))));
    assert!(matches!(find("http://127.0.0.1:9", "", dir.path()), Ok(Finding::Nothing)));
    let said = "adapter = 'wordpress'\nfolder = '/elsewhere'";
    assert!(matches!(find("http://127.0.0.1:9", said, dir.path()), Ok(Finding::Whole(_))), "nothing to ask");
    shop.answer_at("/", Answer::new(200, FRONT));
    for (shield, out) in [
        ("", "/blog/wp-login.php"),
        ("adapter = 'wordpress'", "/blog/wp-login.php"),
        ("folder = '/shop'", "/shop/wp-login.php"),
        ("folder = '/'", "/wp-login.php"),
    ] {
        let Ok(Finding::Whole(adapter)) = find(&shop.url(), shield, dir.path()) else { panic!("{shield}") };
        assert_eq!(adapter.sign_out.unwrap().path, out, "{shield}");
    }
    shop.answer_at("/", Answer::new(200, "a shop of its own kind"));
    shop.answer_otherwise(Answer::new(404, ""));
    let Err(says) = find(&shop.url(), "", dir.path()) else { panic!("an unknown platform has no file") };
    assert!(says.contains("name a file"), "{says}");
}

// `check` was silent on a file that is not there or holds a fault, and on a name that is none.
#[test]
fn what_does_not_fit_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let told = |shield: &str| {
        let config = config("http://127.0.0.1:9", shield);
        match adapter_in_words(&config, dir.path()).unwrap() {
            Ok(Ok(says)) => format!("good {says}"),
            Ok(Err(says)) => format!("look {says}"),
            Err(failure) => {
                let (says, todo) = failure.into_parts();
                format!("bad {says} {}", todo.unwrap())
            }
        }
    };
    assert!(told("adapter = 'own.toml'").starts_with("bad [shield] adapter own.toml"));
    std::fs::write(dir.path().join("own.toml"), "format = 7").unwrap();
    let says = told("adapter = 'own.toml'");
    assert!(says.starts_with("bad") && says.contains("line 1") && says.contains("docs/shield.md"), "{says}");
    assert!(told("").starts_with("look adapter = \"auto\", and the shop does not answer"));
    assert!(told("adapter = 'magento'").starts_with("good the sign-in of Magento 2"));
    for (shield, word) in
        [("adapter = 'magneto'", "there is no `magneto`"), ("folder = 'x'", "[shield] folder")]
    {
        let fault = config("http://127.0.0.1:9", shield).validate().unwrap_err().to_string();
        assert!(fault.contains(word), "{fault}");
    }
}

/// A shop of few words at this address, until somebody asks for `/stop`.
fn serve(listener: TcpListener) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for wire in listener.incoming() {
            let mut reader = BufReader::new(wire.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            if reader.read_line(&mut first).unwrap_or(0) == 0 {
                continue;
            }
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                    break;
                }
                let line = line.to_ascii_lowercase();
                length = line.strip_prefix("content-length: ").map_or(length, |n| n.trim().parse().unwrap());
            }
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            let head = format!(
                "content-length: {}\r\ncontent-type: text/html\r\nconnection: close\r\n",
                FRONT.len()
            );
            let _ = reader.get_mut().write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n{FRONT}").as_bytes());
            if first.starts_with("GET /stop") {
                return;
            }
        }
    })
}

// It did not start, and so nothing protected the shop when that came back.
#[test]
fn it_starts_while_the_shop_is_down_and_opens_its_doors_when_it_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    data.ensure_keys(&SystemEntropy).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    drop(listener);
    let text = format!(
        "domain = ['localhost']\n[listen]\nhttps = '127.0.0.1:0'\n[console]\nlisten = '127.0.0.1:0'\n[upstream]\nservers \
         = ['http://{place}']\n[certificates]\nsource = 'local'\n[mail]\nserver = '127.0.0.1'\nport = 9\nsecurity = 'none'\nfrom = \
         'service@shop.example'\n[identity]\n[shield]\n"
    );
    std::fs::write(data.join(FILE), text).unwrap();
    let running = Running::start(folder.path()).unwrap();
    let port: u16 = running.shop_url().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let root = data.join("root-for-the-test.pem");
    let loaded = Config::load(folder.path()).unwrap();
    std::fs::write(&root, crate::ca::open(&data, &loaded.config).unwrap().root_pem()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut thief = Browser::new(([127, 0, 0, 1], port).into(), &root);
        for (method, path) in
            [("POST", "/wp-login.php"), ("GET", "/wp-admin/users.php"), ("POST", "/accounts/login/")]
        {
            let told = thief.send(method, path, "log=ella&pwd=x&email=a&password=b").await;
            assert_eq!(told.status, 503, "{path}");
        }
        let shop = serve(TcpListener::bind(place).unwrap());
        let until = Instant::now() + Duration::from_secs(90);
        // The shop answers, and its sign-in is closed until it is known; then it is tried there.
        while thief.send("POST", "/blog/wp-login.php", "log=ella&pwd=x").await.status != 200 {
            assert!(Instant::now() < until, "the shop is known within a minute and a half");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let last = tokio::net::TcpStream::connect(place).await.unwrap();
        last.writable().await.unwrap();
        last.try_write(b"GET /stop HTTP/1.1\r\n\r\n").unwrap();
        tokio::task::spawn_blocking(move || shop.join().unwrap()).await.unwrap();
    });
    running.shut_down().unwrap();
}

//! A tool that tries passwords from lists against our own sign-in and the shop's, while customers on devices that are known sign in
//! there from the same address. This machine is on the never-block list: no ban helps here.
//!
//! With the weakest policy, by which the password alone opens the account, hardly any of the list is heard: five passwords, and one
//! more after each wait, which doubles. Which ones is chance, also whether the right one at the end is among them. With the policy
//! of who chose none, the right one opens nothing either.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use storeward_base::SystemEntropy;
use storeward_demo_shop::demo_credentials;
use storeward_outbound::postbox::{Postbox, PostboxOptions};

use super::Browser;
use crate::config::FILE;
use crate::data::DataDir;
use crate::demo::SampleShop;
use crate::run::Running;

const EMAIL: &str = "ada@people.example";
const PASSWORD: &str = "lamp-post-umbrella-tea";
const WRONG: usize = 60;

/// One form as the tool is told of it.
struct Form {
    path: &'static str,
    /// Stands in the answer when the password was right.
    success: &'static str,
    csrf: String,
    cookies: String,
}

impl Form {
    /// The token and the cookies that belong together, as an attacker takes them from the page first.
    async fn of(browser: &mut Browser, path: &'static str, success: &'static str) -> Form {
        let csrf = browser.get(path).await.csrf().to_owned();
        let cookies: Vec<String> = browser.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        Form { path, success, csrf, cookies: cookies.join("; ") }
    }

    /// Runs the tool with a list of passwords; what it says it found. It calls itself a browser: by its own name it would get
    /// no page of the shop.
    fn attack(&self, port: u16, email: &str, list: &Path) -> std::process::Child {
        let options = format!(
            "{}:csrf={}&email=^USER^&password=^PASS^&next=:H=Cookie\\: {}:H=Origin\\: \
             https\\://localhost\\:{port}:H=Sec-Fetch-Site\\: same-origin:H=User-Agent\\: Mozilla/5.0 (X11; Linux x86_64):S={}",
            self.path, self.csrf, self.cookies, self.success
        );
        let port = port.to_string();
        let mut hydra = Command::new("timeout");
        hydra.args(["120", "hydra", "-I", "-t", "4", "-w", "5", "-l", email, "-P"]).arg(list);
        hydra.args(["-s", &port, "localhost", "https-post-form", &options]);
        hydra
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hydra is installed (./test does it)")
    }
}

fn found(hydra: std::process::Child) -> bool {
    let done = hydra.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    // Also a tool that could not even try would find nothing.
    assert!(told.contains("valid password"), "{told}{}", String::from_utf8_lossy(&done.stderr));
    told.lines().any(|line| line.contains("host: ") && line.contains("login: "))
}

fn list(folder: &Path, name: &str, wrong: usize, right: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    let mut text: String = (0..wrong).map(|n| format!("not-this-one-{n}\n")).collect();
    text.push_str(right);
    text.push('\n');
    std::fs::write(&path, text).unwrap();
    path
}

async fn sign_up(browser: &mut Browser, postbox: &Postbox) {
    let page = browser.get("/.storeward/sign-up").await;
    let form = format!(
        "csrf={}&email={}&name=Ada&password={PASSWORD}&next=",
        page.csrf(),
        EMAIL.replace('@', "%40")
    );
    assert_eq!(browser.post("/.storeward/sign-up", &form).await.status, 303);
    let until = Instant::now() + Duration::from_secs(60);
    let code = loop {
        let mails = postbox.mails();
        let digits = |word: &&str| word.len() == 8 && word.bytes().all(|b| b.is_ascii_digit());
        let code =
            mails.iter().find_map(|mail| mail.text().split_whitespace().find(digits).map(str::to_owned));
        if let Some(code) = code {
            break code;
        }
        assert!(Instant::now() < until, "a code within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let page = browser.get("/.storeward/challenge").await;
    let form = format!("csrf={}&method=mail&secret={code}", page.csrf());
    assert_eq!(browser.post("/.storeward/challenge", &form).await.status, 303);
}

/// Signs in at our own page; where it leads.
async fn own_sign_in(browser: &mut Browser) -> String {
    let page = browser.get("/.storeward/sign-in").await;
    let email = EMAIL.replace('@', "%40");
    let form = format!("csrf={}&email={email}&password={PASSWORD}&next=", page.csrf());
    browser.post("/.storeward/sign-in", &form).await.header("location").to_owned()
}

/// Passes on what goes to the sample shop and back, and counts the sign-ins that it hears.
fn tap(shop: &str, heard: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, shop) = (listener.local_addr().unwrap(), shop.trim_start_matches("http://").to_owned());
    std::thread::spawn(move || {
        for from in listener.incoming() {
            let (Ok(mut from), Ok(mut to)) = (from, TcpStream::connect(&shop)) else { return };
            let (mut back, mut answer) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut answer, &mut back);
                let _ = back.shutdown(std::net::Shutdown::Both);
            });
            let heard = heard.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 16 * 1024];
                while let Ok(read @ 1..) = from.read(&mut bytes) {
                    if bytes.starts_with(b"POST /account/sign-in ") {
                        heard.fetch_add(1, Ordering::SeqCst);
                    }
                    if to.write_all(&bytes[..read]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    at
}

/// What is heard within a time: five, and one more after each wait; the waits are 1, 2, 4 ... seconds. One is for the one that
/// is under way when the time is over.
fn most_heard(within: Duration) -> usize {
    let waits = (within.as_secs() + 2).next_power_of_two().ilog2();
    5 + usize::try_from(waits).unwrap() + 1
}

/// A house whose customers sign in by `policy`, before the shop at `upstream`.
struct House {
    running: Running,
    address: SocketAddr,
    root: std::path::PathBuf,
    /// Passwords that our own sign-in compared with one that did not fit.
    own_heard: Arc<AtomicUsize>,
}

impl House {
    fn start(data: &DataDir, folder: &Path, upstream: SocketAddr, postbox: u16, policy: &str) -> House {
        let text = format!(
            "domain = ['localhost']\n[listen]\nhttps = '127.0.0.1:0'\n[console]\nlisten = '127.0.0.1:0'\n[upstream]\nservers \
             = ['http://{upstream}']\n[certificates]\nsource = 'local'\n[mail]\nserver = '127.0.0.1'\nport = {postbox}\nsecurity = \
             'none'\nfrom = 'service@shop.example'\n[identity]\ncustomers = '{policy}'\n[shield]\nadapter = 'larkmoor'\n",
        );
        std::fs::write(data.join(FILE), text).unwrap();
        let mut running = Running::start(folder).unwrap();
        let own_heard = Arc::new(AtomicUsize::new(0));
        let counter = own_heard.clone();
        running.follow_ledger(move |line| {
            if line.contains("identity.sign_in_failed") && line.contains(r#""reason":"password""#) {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        let url = running.shop_url();
        let port: u16 = url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
        let root = data.join("root-for-the-test.pem");
        let loaded = crate::config::Config::load(folder).unwrap();
        std::fs::write(&root, crate::ca::open(data, &loaded.config).unwrap().root_pem()).unwrap();
        House { running, address: SocketAddr::from(([127, 0, 0, 1], port)), root, own_heard }
    }
}

/// What came of a list.
struct Attacked {
    found: bool,
    took: Duration,
    /// How often the owner signed in meanwhile, and the customer as often.
    signed_in: usize,
}

/// The tool's list runs against one form while the owner and a customer of the shop sign in.
async fn attack(
    house: &House,
    door: (&'static str, &'static str, &str, &str),
    words: &Path,
    customers: &mut [Browser; 2],
) -> Attacked {
    let (path, success, email, _) = door;
    let mut attacker = Browser::new(house.address, &house.root);
    let form = Form::of(&mut attacker, path, success).await;
    let began = Instant::now();
    let hydra = form.attack(house.address.port(), email, words);
    let hydra = tokio::task::spawn_blocking(move || found(hydra));
    let mut signed_in = 0;
    while !hydra.is_finished() {
        for browser in customers.iter_mut() {
            browser.cookies.retain(|(name, _)| name.ends_with("-device"));
        }
        let [owner, customer] = customers;
        assert_eq!(own_sign_in(owner).await, "/.storeward/account", "{path}");
        assert_eq!(customer.sign_in().await.header("location"), "/account", "{path}");
        signed_in += 1;
    }
    assert!(signed_in > 0, "{path}: over before the owner came");
    Attacked { found: hydra.await.unwrap(), took: began.elapsed(), signed_in }
}

#[test]
fn hydra_gets_nowhere_while_the_owner_signs_in() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    data.ensure_keys(&SystemEntropy).unwrap();
    let shop = SampleShop::start(&data, None).unwrap();
    let shop_heard = Arc::new(AtomicUsize::new(0));
    let upstream = tap(&shop.url, shop_heard.clone());
    let own = ("/.storeward/sign-in", "location\\: /.storeward/account", EMAIL, PASSWORD);
    let account = demo_credentials().customer;
    let shops = ("/account/sign-in", "location\\: /account", account.email, account.password);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let house = House::start(&data, folder.path(), upstream, postbox.port(), "offered");
    let customers = runtime.block_on(async {
        let mut customers = [(); 2].map(|()| Browser::new(house.address, &house.root));
        sign_up(&mut customers[0], &postbox).await;
        assert_eq!(customers[1].sign_in().await.header("location"), "/account");
        for door in [own, shops] {
            let (path, success, email, right) = door;
            // With the right password alone the tool finds it: it is told well.
            let mut attacker = Browser::new(house.address, &house.root);
            let form = Form::of(&mut attacker, path, success).await;
            let only = list(folder.path(), "only.txt", 0, right);
            assert!(
                found(form.attack(house.address.port(), email, &only)),
                "{path}: hydra cannot sign in at all"
            );
            let words = list(folder.path(), "words.txt", WRONG, right);
            let before = (shop_heard.load(Ordering::SeqCst), house.own_heard.load(Ordering::SeqCst));
            let attacked = attack(&house, door, &words, &mut customers).await;
            let heard = if path == own.0 {
                house.own_heard.load(Ordering::SeqCst) - before.1
            } else {
                shop_heard.load(Ordering::SeqCst) - before.0 - attacked.signed_in
            };
            let most = most_heard(attacked.took);
            assert!((5..=most).contains(&heard), "{path}: {heard} of {WRONG} heard in {:?}", attacked.took);
        }
        customers
    });
    house.running.shut_down().unwrap();
    let house = House::start(&data, folder.path(), upstream, postbox.port(), "risk");
    runtime.block_on(async {
        let mut customers = customers.map(|browser| Browser { address: house.address, ..browser });
        for door in [own, shops] {
            for wrong in [0, WRONG] {
                let words = list(folder.path(), "words.txt", wrong, door.3);
                let attacked = attack(&house, door, &words, &mut customers).await;
                assert!(!attacked.found, "{}: hydra found the password behind {wrong} others", door.0);
            }
        }
    });
    house.running.shut_down().unwrap();
    shop.stop();
}

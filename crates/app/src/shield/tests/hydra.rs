//! A tool that tries passwords from lists against our own sign-in, while customers on devices that are known sign in there and
//! at the shop from the same address. The right password stands at the end of its list: it never gets there. The policy is the weakest one: with it, the password alone
//! would open the account. And this machine is on the never-block list: no ban helps here.

use std::path::Path;
use std::process::{Command, Stdio};
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

#[test]
fn hydra_gets_nowhere_while_the_owner_signs_in() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    data.ensure_keys(&SystemEntropy).unwrap();
    let shop = SampleShop::start(&data, None).unwrap();
    let text = format!(
        "domain = ['localhost']\n[listen]\nhttps = '127.0.0.1:0'\n[console]\nlisten = '127.0.0.1:0'\n[upstream]\nservers \
         = ['{}']\n[certificates]\nsource = 'local'\n[mail]\nserver = '127.0.0.1'\nport = {}\nsecurity = 'none'\nfrom = \
         'service@shop.example'\n[identity]\ncustomers = 'offered'\n[shield]\nadapter = 'larkmoor'\n",
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
        let mut owner = Browser::new(address, &root);
        sign_up(&mut owner, &postbox).await;
        let mut customer = Browser::new(address, &root);
        assert_eq!(customer.sign_in().await.header("location"), "/account");
        let own = ("/.storeward/sign-in", "location\\: /.storeward/account", EMAIL, PASSWORD);
        let account = demo_credentials().customer;
        let shops = ("/account/sign-in", "location\\: /account", account.email, account.password);
        // With the right password alone the tool finds it: it is told well.
        for (path, success, email, right) in [own, shops] {
            let mut attacker = Browser::new(address, &root);
            let form = Form::of(&mut attacker, path, success).await;
            let only = list(folder.path(), "only.txt", 0, right);
            assert!(found(form.attack(port, email, &only)), "{path}: hydra cannot sign in at all");
        }
        for (path, success, email, right) in [own, shops] {
            let mut attacker = Browser::new(address, &root);
            let form = Form::of(&mut attacker, path, success).await;
            let words = list(folder.path(), "words.txt", WRONG, right);
            let hydra = form.attack(port, email, &words);
            let hydra = tokio::task::spawn_blocking(move || found(hydra));
            let mut signed_in = 0;
            while !hydra.is_finished() {
                let keep =
                    |browser: &mut Browser| browser.cookies.retain(|(name, _)| name.ends_with("-device"));
                keep(&mut owner);
                keep(&mut customer);
                assert_eq!(own_sign_in(&mut owner).await, "/.storeward/account", "{path}");
                assert_eq!(customer.sign_in().await.header("location"), "/account", "{path}");
                signed_in += 1;
            }
            assert!(!hydra.await.unwrap(), "{path}: hydra found the password");
            assert!(signed_in > 0, "{path}: over before the owner came");
        }
    });
    running.shut_down().unwrap();
    shop.stop();
}

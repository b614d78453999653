//! `storeward demo`: a sample shop, Storeward in front of it, the staff console; one word, everything real.

mod house;
mod money;
mod outside;
mod past;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use storeward_base::{Secret, SystemEntropy};
use storeward_demo_shop::{Holes, PayAt, Shop, ShopOptions, demo_credentials};
use storeward_host::Stopper;

use crate::config::{Config, FILE};
use crate::data::{self, DataDir};
use crate::failure::{Context, Failure};
use crate::run::Running;
use crate::{Done, ca, platform};
use money::Money;
use outside::Outside;

/// What the sample shop is called.
const SAMPLE: &str = "Larkmoor";

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Data directory; made when it is not there.
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    dir: PathBuf,
    /// Where the protected shop answers, with TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where the staff console answers, with TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443")]
    console: SocketAddr,
    /// Protect the shop at this address instead of the sample shop.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Ask the sample shop's customers for a second step at the shop's own sign-in.
    #[arg(long, conflicts_with = "upstream")]
    shield: bool,
    /// Keep the ledger and the staff in this database instead of a file of SQLite. A password in it is seen by whoever
    /// may list this machine's processes.
    #[arg(long, value_name = "URL", value_parser = secret)]
    database: Option<Secret<String>>,
    /// Write a JSON file with the addresses and the demo's credentials once everything serves.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

pub fn demo(options: &Options) -> Done {
    let data = DataDir::create(&options.dir)?;
    // Before anything of the one that runs is written anew.
    if data.running_pid()?.is_some() {
        return Err(Failure::new(format!("another Storeward already serves from {}", options.dir.display()))
            .hint("stop it first, or name another folder with --dir"));
    }
    data.ensure_keys(&SystemEntropy)?;
    let money = match &options.upstream {
        Some(_) => None,
        None => Some(Money::start(&data, &format!("https://localhost:{}", options.listen.port()))?),
    };
    let shop = match &money {
        None => None,
        Some(money) => Some(SampleShop::start(&data, Some(money.shop.clone()))?),
    };
    let upstream =
        options.upstream.clone().or_else(|| shop.as_ref().map(|s| s.url.clone())).unwrap_or_default();
    let outside = Outside::start(&data, if shop.is_some() { SAMPLE } else { "The shop" })?;
    let mut text = config_text(options, &upstream, &outside);
    if let Some(money) = &money {
        text += &house::sections(&data)?;
        text += &money.config(&upstream);
    }
    Config::parse(&text).map_err(Failure::new)?.validate()?;
    data::write_atomically(&data.join(FILE), text.as_bytes())?;
    let running = Running::start(&options.dir)?;
    if let Some(shop) = &shop {
        running.take_over_sample(&shop.url)?;
    }
    if money.is_some() {
        running.make_room_for_invented()?;
    }
    let enrolment = running.first_enrolment()?;
    let root = write_root(&data)?;
    if let Some(money) = &money {
        money.trust(&root)?;
    }
    if let Some(path) = &options.ready_file {
        let places = Places { upstream: &upstream, root: &root, messages: outside.folder() };
        write_ready(path, &running, enrolment.as_ref(), &places, shop.is_some())?;
    }
    announce(&running, enrolment.as_ref(), options, &outside);
    if money.is_some() {
        running.learn_of_invented(past::past);
    }
    if options.upstream.is_some() && !platform::ask(&upstream, None).answered {
        println!(
            "  The shop at {upstream} does not answer: visitors see the maintenance page until it does.\n"
        );
    }
    let done = running.serve_until_stopped();
    if let Some(shop) = shop {
        shop.stop();
    }
    outside.stop();
    if let Some(money) = money {
        money.stop();
    }
    println!("Stopped.");
    done
}

/// The sample shop gives its customers' list to anybody who asks. Nothing in such a request looks like an attack, so no
/// rule can tell: the door is locked from outside.
const PATCH: &str = "\n# A patch from outside: the shop lets anybody download all customers here. Until the shop itself is mended nobody gets\n\
                     # in; `only_from = [\"192.0.2.7\"]` instead would let the office in.\n\
                     [[route]]\npath = \"/admin/export.csv\"\nclosed = true\n";

/// The demo's config is written anew at each start, because its addresses are this command's options.
fn config_text(options: &Options, upstream: &str, outside: &Outside) -> String {
    let look = match options.upstream {
        None => format!(
            "name = \"{SAMPLE}\"\ncolour = \"#2f5d50\"\ncontact = \"hello@larkmoor.example\"\n\n\
             [identity.theme]\naccent = \"#2f5d50\"\n"
        ),
        Some(_) => String::new(),
    };
    let guide = match options.upstream {
        None => {
            "orders_path = \"/account/orders\"\nsecurity_contact = [\"mailto:security@larkmoor.example\"]\n"
        }
        Some(_) => "",
    };
    let routes = if options.upstream.is_none() { PATCH } else { "" };
    let database = options.database.as_ref().map_or_else(String::new, |url| {
        format!("[database]\nurl = {}\n\n", toml::Value::from(url.expose().as_str()))
    });
    let (customers, shield) =
        if options.shield { ("required", "[shield]\nadapter = \"larkmoor\"\n\n") } else { ("offered", "") };
    format!(
        "# Written by `storeward demo` at each start.\n\
         domain = [\"localhost\", \"127.0.0.1\"]\n\n\
         [listen]\nhttps = \"{}\"\n\n\
         [console]\nlisten = \"{}\"\n\n\
         [upstream]\nservers = [\"{}\"]\n\n\
         [certificates]\nsource = \"local\"\n\n\
         {database}{messages}[identity]\ncustomers = \"{customers}\"\nsms.countries = [\"+44\", \"+49\", \"+33\", \"+34\"]\n\n\
         {shield}[guide]\nreminders = \"on\"\nfrom_hour = 0\nuntil_hour = 24\n{guide}\n[oidc]\n\n[vault]\n\n[look]\n{look}{routes}",
        options.listen,
        options.console,
        upstream.replace(['"', '\\', '\n'], ""),
        messages = outside.config(),
    )
}

fn write_root(data: &DataDir) -> Done<PathBuf> {
    let loaded = Config::load(data.path())?;
    let root = ca::open(data, &loaded.config)?;
    let path = data.join("development-ca.pem");
    data::write_atomically(&path, root.root_pem().as_bytes())?;
    std::fs::canonicalize(&path).context(path.display())
}

/// What a program that drives the demo looks for.
struct Places<'a> {
    upstream: &'a str,
    root: &'a Path,
    messages: &'a Path,
}

fn write_ready(
    path: &Path,
    running: &Running,
    enrolment: Option<&Secret<String>>,
    places: &Places<'_>,
    sample: bool,
) -> Done {
    let account =
        |a: storeward_demo_shop::DemoAccount| serde_json::json!({"email": a.email, "password": a.password});
    let mut ready = serde_json::json!({
        "shop": running.shop_url(),
        "console": running.console_url(),
        "enrolment": enrolment.map(|link| link.expose()),
        "upstream": places.upstream,
        "ca": places.root,
        "messages": std::fs::canonicalize(places.messages).context(places.messages.display())?,
    });
    if sample {
        let known = demo_credentials();
        ready["customer"] = account(known.customer);
        ready["admin"] = account(known.admin);
    }
    data::write_atomically(path, ready.to_string().as_bytes())
}

fn announce(running: &Running, enrolment: Option<&Secret<String>>, options: &Options, outside: &Outside) {
    let shop = running.shop_url();
    println!("\n  Storeward is up.\n");
    println!("  Shop, protected   {shop}");
    println!("  Staff console     {}", running.console_url());
    match enrolment {
        Some(link) => println!("  Enrol once at     {}", link.expose()),
        None => {
            println!("                    sign in as you enrolled; another person: ./storeward staff invite")
        }
    }
    if options.upstream.is_none() {
        let known = demo_credentials();
        println!("\n  Customer          {}  {}", known.customer.email, known.customer.password);
        println!("  Shop's admin      {}  {}", known.admin.email, known.admin.password);
        let second = if options.shield {
            "sign in as the customer: the code comes by mail, see below"
        } else {
            "./storeward demo --shield asks for one at the shop's own sign-in"
        };
        println!("  Second step       {second}");
        println!("\n  Try an attack     {shop}search?q=%27%20UNION%20SELECT%20email%20FROM%20customers--");
    }
    if options.upstream.is_none() {
        println!(
            "  Customers' data   sealed in the vault, opened for a purpose: {}data",
            running.console_url()
        );
        println!("  The shop's admin  {shop}admin: through the console's sign-in, masked by role");
        println!(
            "  Payments          check out with \"Online\"; test card 4242 4242 4242 4242, or PayPal: {}payments",
            running.console_url()
        );
        println!(
            "  Fraud score       learned in a moment of half a year that is invented: {}review/rules",
            running.console_url()
        );
        println!("  Backups           made and restored on trial: {}backups", running.console_url());
    }
    println!(
        "\n  Mails and short messages go to nobody: they are shown here, and lie in {}",
        outside.folder().display()
    );
    println!(
        "\n  Your browser will warn once: the certificate is of a development CA that only this machine knows.\n  \
         To make it trusted:  ./storeward ca install --dir {}\n\n  Ctrl-C stops everything.\n",
        options.dir.display()
    );
}

/// The sample shop on a thread and port of its own, reachable from this machine only.
pub(crate) struct SampleShop {
    pub(crate) url: String,
    stopper: Stopper,
    thread: std::thread::JoinHandle<()>,
}

impl SampleShop {
    pub(crate) fn start(data: &DataDir, pay: Option<PayAt>) -> Done<Self> {
        let database = data.join("sample-shop.sqlite");
        let shop = Shop::open(ShopOptions { database, holes: Holes::On, pay }).context("the sample shop")?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("the sample shop")?;
        listener.set_nonblocking(true).context("the sample shop")?;
        let url = format!("http://{}", listener.local_addr().context("the sample shop")?);
        let (stopper, stop) = Stopper::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sample-shop")
            .enable_all()
            .build()
            .context("the sample shop")?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => {
                        if let Err(error) = shop.serve(listener, async move { stop.stopping().await }).await {
                            eprintln!("The sample shop ended: {error}");
                        }
                    }
                    Err(error) => eprintln!("The sample shop cannot listen: {error}"),
                }
            });
        });
        Ok(SampleShop { url, stopper, thread })
    }

    pub(crate) fn stop(self) {
        self.stopper.stop();
        // A shop that panicked has said so.
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests;

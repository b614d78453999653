//! The part of `cargo xtask bench vault` that is ours: `vault_rates PLACE WHAT NUMBER SECONDS` prints one line of JSON.
//!
//! `PLACE` is a folder; its databases are `data.sqlite` and `keys.sqlite` in it, or what `VAULT_RATES_DATA` and
//! `VAULT_RATES_KEYS` name. `WHAT` is
//! - `fill`: customers are written until there are `NUMBER`;
//! - `writes`: `NUMBER` clients, each of which writes a new customer (name, e-mail, telephone) and waits until that is durable;
//! - `changes`: the same with an address of a customer who is there;
//! - `opens`: each opens three values of a customer, which is in the ledger before they are handed out;
//! - `finds`: each looks a customer up by an e-mail address;
//! - `seal`: CPU time of sealing and opening a value of `NUMBER` bytes, in nanoseconds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on should stop"
)]

mod sealing;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use storeward_base::{Actor, CustomerId, Entropy, Secret, SystemClock, SystemEntropy};
use storeward_policy::{Policies, Purpose};
use storeward_seal::envelope::SecretRoot;
use storeward_seal::{LogKey, Origin, PseudonymKey};
use storeward_store::{DatabaseUrl, Db, Migration, OpenOptions};
use storeward_vault::{
    Ask, Asker, Field, Item, KEY_MIGRATIONS, KeyStore, KeyStoreParts, MIGRATIONS, Provenance, Shelf, Vault,
    VaultParts,
};

/// Writes that are under way while a place is filled: nothing is gained by more.
const FILLERS: u64 = 512;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [place, what, number, seconds] = words.as_slice() else {
        panic!("vault_rates PLACE WHAT NUMBER SECONDS");
    };
    let number: u64 = number.parse().unwrap();
    let span = Duration::from_secs(seconds.parse().unwrap());
    if what == "seal" {
        return sealing::measure(usize::try_from(number).unwrap(), span);
    }
    // As many threads as the program's own runtime has beside those that serve.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let house = runtime.block_on(House::open(Path::new(place)));
    let told = runtime.block_on(house.measure(what, number, span));
    println!("{told}");
    house.close(&runtime);
}

/// The databases and the vault over them.
struct House {
    data: Db,
    keys: Db,
    vault: Vault,
    customers: u64,
}

impl House {
    async fn open(folder: &Path) -> Self {
        let root = SecretRoot::from_bytes(Secret::new([7; 32]));
        let data = database(folder, "data", "VAULT_RATES_DATA", MIGRATIONS);
        let keys = database(folder, "keys", "VAULT_RATES_KEYS", KEY_MIGRATIONS);
        let store = KeyStore::open(KeyStoreParts {
            db: keys.clone(),
            shelf: Shelf::at(folder.join("epochs.json")),
            root: Arc::new(root),
            entropy: Arc::new(SystemEntropy),
        });
        let vault = Vault::new(VaultParts {
            db: data.clone(),
            keys: store.await.unwrap(),
            policies: Policies::default_rules(),
            entropy: Arc::new(SystemEntropy),
        });
        let looked = vault.clone();
        let size = tokio::task::spawn_blocking(move || looked.size_blocking()).await.unwrap().unwrap();
        House { data, keys, vault, customers: size.customers }
    }

    fn close(self, runtime: &tokio::runtime::Runtime) {
        runtime.block_on(self.vault.keys().write_notes()).unwrap();
        self.data.close();
        self.keys.close();
    }

    async fn measure(&self, what: &str, number: u64, span: Duration) -> String {
        let there = self.customers;
        assert!(there > 0 || matches!(what, "fill" | "writes"), "fill the place first");
        let next = Arc::new(AtomicU64::new(there));
        let load = match what {
            "fill" => Load::Write { next, until: number },
            "writes" => Load::Write { next, until: u64::MAX },
            "changes" => Load::Change { there },
            "opens" => Load::Open { there },
            "finds" => Load::Find { there },
            other => panic!("nothing is called {other}"),
        };
        let (clients, span) =
            if what == "fill" { (FILLERS, Duration::from_secs(86_400)) } else { (number, span) };
        let before = cpu_seconds();
        let began = Instant::now();
        let clients: Vec<_> =
            (0..clients).map(|_| tokio::spawn(load.clone().run(self.vault.clone(), began, span))).collect();
        let mut waits: Vec<u64> = Vec::new();
        for client in clients {
            waits.extend(client.await.unwrap());
        }
        let seconds = began.elapsed().as_secs_f64();
        let cpu = cpu_seconds() - before;
        waits.sort_unstable();
        let done = waits.len();
        let at = |share: usize| waits.get(done * share / 100).or(waits.last()).copied().unwrap_or(0);
        let figures = [
            ("customers", as_f64(there)),
            ("done", as_f64(done as u64)),
            ("per_second", as_f64(done as u64) / seconds),
            ("p50_us", as_f64(at(50))),
            ("p99_us", as_f64(at(99))),
            ("cpu_us", cpu * 1e6 / as_f64(done.max(1) as u64)),
        ];
        let told: Vec<String> =
            figures.iter().map(|(name, figure)| format!("\"{name}\":{figure:.2}")).collect();
        format!("{{{}}}", told.join(","))
    }
}

/// What a client does again and again.
#[derive(Clone)]
enum Load {
    Write { next: Arc<AtomicU64>, until: u64 },
    Change { there: u64 },
    Open { there: u64 },
    Find { there: u64 },
}

impl Load {
    /// Microseconds that each took.
    async fn run(self, vault: Vault, began: Instant, span: Duration) -> Vec<u64> {
        let mut waits = Vec::new();
        while began.elapsed() < span {
            let since = Instant::now();
            if !self.once(&vault).await {
                break;
            }
            waits.push(u64::try_from(since.elapsed().as_micros()).unwrap());
        }
        waits
    }

    async fn once(&self, vault: &Vault) -> bool {
        match self {
            Load::Write { next, until } => {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= *until {
                    return false;
                }
                let (email, phone) = (address(number), format!("+4420{:08}", number % 100_000_000));
                let name = format!("Ada {number} Lovelace");
                let values = [("contact.name", name), ("contact.email", email), ("contact.phone", phone)];
                vault.write(Actor::Operator, id(number), item("own", values)).await.unwrap();
            }
            Load::Change { there } => {
                let number = any(*there);
                let values = [
                    ("address.street", format!("{} Peat Lane", number % 200)),
                    ("address.city", "Oban".to_owned()),
                    ("address.postcode", "PA34 4AB".to_owned()),
                ];
                vault.write(Actor::Operator, id(number), item("home", values)).await.unwrap();
            }
            Load::Open { there } => {
                let customer = id(any(*there));
                let ask = Ask::new(Asker::customer(customer), customer, Purpose::OwnData);
                assert_eq!(vault.open(&ask, &contact()).await.unwrap().values.len(), 3);
            }
            Load::Find { there } => {
                let number = any(*there);
                let found = vault.find(field("contact.email"), &address(number)).await.unwrap();
                assert_eq!(found, [id(number)]);
            }
        }
        true
    }
}

/// In the order of time, and by chance behind that, as the shop's are.
fn id(number: u64) -> CustomerId {
    let chance = u128::from(number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) >> 48;
    CustomerId::from_bits((1_790_000_000_000 + u128::from(number)) << 80 | chance)
}

fn address(number: u64) -> String {
    format!("ada.{number}@shop.example")
}

fn any(there: u64) -> u64 {
    let entropy: &dyn Entropy = &SystemEntropy;
    u64::from_le_bytes(entropy.bytes::<8>()) % there
}

fn field(name: &str) -> &'static Field {
    Field::find(name).unwrap()
}

fn contact() -> Vec<&'static Field> {
    ["contact.name", "contact.email", "contact.phone"].map(field).to_vec()
}

fn item<const N: usize>(id: &str, values: [(&str, String); N]) -> Item {
    let values = values.into_iter().map(|(name, value)| (field(name), Secret::new(value))).collect();
    Item { id: id.to_owned(), values, provenance: Provenance::Import, keep_until: None }
}

fn database(folder: &Path, name: &str, variable: &str, migrations: &[Migration]) -> Db {
    let file: PathBuf = folder.join(format!("{name}.sqlite"));
    let url = std::env::var(variable).unwrap_or_else(|_| format!("sqlite:{}", file.display()));
    Db::open(OpenOptions {
        url: DatabaseUrl::parse(&url).unwrap(),
        node: name.to_owned(),
        log_key: LogKey::from_seed(&Secret::new([1; 32])),
        trusted: Vec::new(),
        pseudonym_key: PseudonymKey::from_bytes(Secret::new([2; 32])),
        origin: Origin::parse(&format!("shop.example/{name}")).unwrap(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        migrations: migrations.to_vec(),
        readers: 4,
    })
    .unwrap()
}

/// Of this process, user and system, in steps of 10 ms (proc(5), fields 14 and 15).
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, behind) = text.rsplit_once(')').unwrap();
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    as_f64(ticks) / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

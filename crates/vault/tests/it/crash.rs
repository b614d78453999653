//! A program that dies at any moment: what it acknowledged is there, and nobody is half erased.
//!
//! The program is this test itself, in a process of its own (`child`), which writes, changes, erases, rotates epochs and replaces the
//! root of the indexes, and says on its standard output what was acknowledged to it. Three ends: SIGKILL at a random moment, on both engines; the files
//! as they lie at a random moment, copied and opened elsewhere, with torn ends (what a power cut leaves); and files that may not grow.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use storeward_base::{Actor, CustomerId, Entropy, FixedClock, Secret, SystemEntropy, Timestamp};
use storeward_policy::Policies;
use storeward_seal::envelope::SecretRoot;
use storeward_store::ledger::{self, VerifyOptions};
use storeward_store::testing::{blocking, fresh, options};
use storeward_store::{Db, Engine, Migration};
use storeward_vault::{Error, KEY_MIGRATIONS, KeyStore, KeyStoreParts, MIGRATIONS, Shelf, Vault, VaultParts};

use crate::support::{field, item, own, staff};

/// Tells the child where its files are.
const FOLDER: &str = "STOREWARD_CRASH_FOLDER";
/// And its two databases, with a comma between.
const DATABASES: &str = "STOREWARD_CRASH_DATABASES";
/// Customers whom a writer has in turn.
const OF_ONE_WRITER: u128 = 12;
const ERASED_BY_ONE_WRITER: usize = 9;
const WRITERS: u128 = 4;

/// Where a house is: its folder and its two databases.
#[derive(Clone)]
struct Place {
    folder: PathBuf,
    data: String,
    keys: String,
}

impl Place {
    /// All of it in files.
    fn of_files(folder: &Path) -> Self {
        let file = |name: &str| format!("sqlite:{}", folder.join(name).display());
        Place { folder: folder.to_owned(), data: file("data.sqlite"), keys: file("keys.sqlite") }
    }
}

/// All files of a house, opened.
struct House {
    data: Db,
    keys: Db,
    vault: Vault,
}

impl House {
    async fn open(folder: &Path) -> Result<Self, Error> {
        House::open_at(&Place::of_files(folder)).await
    }

    async fn open_at(place: &Place) -> Result<Self, Error> {
        let data = database(&place.data, MIGRATIONS).await;
        let keys = database(&place.keys, KEY_MIGRATIONS).await;
        let store = KeyStore::open(KeyStoreParts {
            db: keys.clone(),
            shelf: Shelf::at(place.folder.join("epochs.json")),
            root: Arc::new(SecretRoot::from_bytes(Secret::new([5; 32]))),
            entropy: Arc::new(SystemEntropy),
        });
        let vault = Vault::new(VaultParts {
            db: data.clone(),
            keys: store.await?,
            policies: Policies::default_rules(),
            entropy: Arc::new(SystemEntropy),
        });
        // As a start does.
        vault.finish_erasures().await?;
        vault.settle_indexes(&[]).await?;
        vault.make_indexes(|_| {}).await?;
        Ok(House { data, keys, vault })
    }

    async fn close(self) {
        self.vault.keys().write_notes().await.unwrap();
        let (data, keys) = (self.data, self.keys);
        blocking(move || {
            data.close();
            keys.close();
        })
        .await;
    }

    /// Everything that was acknowledged is there, everybody is whole or gone, and all of it is what was written.
    async fn holds(&self, acknowledged: &Acknowledged) {
        for (number, told) in &acknowledged.0 {
            let who = customer(*number);
            // By themselves: of staff nobody opens more than two hundred customers in an hour.
            let wanted = ["address.city", "contact.email"].map(field);
            let opened = self.vault.open(&own(who), &wanted).await.map(|opening| opening.values);
            let found = self.vault.find(field("contact.email"), &email(*number)).await.unwrap();
            match opened {
                Ok(opened) => {
                    assert!(!told.is_erased, "{who} was erased and is there");
                    let city = opened.iter().find(|one| one.field.name == "city");
                    let count: u64 = city.map_or(0, |one| one.value.expose().parse().unwrap());
                    assert!(
                        count >= told.written,
                        "{who}: {count} is kept, {} was acknowledged",
                        told.written
                    );
                    assert_eq!(found, [who]);
                }
                Err(Error::NoCustomer) => {
                    // Erased to the end, or never acknowledged.
                    assert!(
                        told.may_be_gone || told.written == 0,
                        "{who} is gone, {} was acknowledged",
                        told.written
                    );
                    assert_eq!(found, []);
                }
                Err(other) => panic!("{who}: {other}"),
            }
        }
        assert_eq!(self.vault.size_blocking_here().await.unfinished_erasures, 0);
        assert_eq!(self.vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
        assert_eq!(self.vault.keys().verify().await.unwrap(), []);
        for db in [&self.data, &self.keys] {
            let db = db.clone();
            let report = blocking(move || ledger::verify(&db, &VerifyOptions::default(), |_, _| {})).await;
            assert_eq!(report.unwrap().first_fault, None);
        }
    }
}

trait SizeHere {
    async fn size_blocking_here(&self) -> storeward_vault::Size;
}

impl SizeHere for Vault {
    async fn size_blocking_here(&self) -> storeward_vault::Size {
        let vault = self.clone();
        blocking(move || vault.size_blocking().unwrap()).await
    }
}

async fn database(address: &str, tables: &'static [Migration]) -> Db {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_795_541_880)));
    let options = options(address, tables, clock);
    blocking(move || Db::open(options).unwrap()).await
}

fn customer(number: u128) -> CustomerId {
    CustomerId::from_bits((number + 1) << 64)
}

fn email(number: u128) -> String {
    format!("p{number}@shop.example")
}

fn below(most: u64) -> u64 {
    let entropy: &dyn Entropy = &SystemEntropy;
    u64::from_le_bytes(entropy.bytes::<8>()) % most
}

/// What the child was told of each customer.
#[derive(Clone, Default)]
struct Acknowledged(BTreeMap<u128, Told>);

#[derive(Clone, Default)]
struct Told {
    written: u64,
    /// An erasure was asked for.
    may_be_gone: bool,
    is_erased: bool,
}

impl Acknowledged {
    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let Some(number) = words.get(1).and_then(|word| word.parse().ok()) else { return };
        let told: &mut Told = self.0.entry(number).or_default();
        match words.as_slice() {
            ["wrote", _, count] => told.written = told.written.max(count.parse().unwrap()),
            ["erases", _] => told.may_be_gone = true,
            ["erased", _] => told.is_erased = true,
            _ => {}
        }
    }
}

/// The child at work.
struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Option<std::thread::JoinHandle<String>>,
}

impl Running {
    fn start(place: &Place, round: u128) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture", "--include-ignored"])
            .env(FOLDER, &place.folder)
            .env(DATABASES, format!("{},{}", place.data, place.keys))
            .env("STOREWARD_CRASH_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let mut err = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            drop(err.read_to_string(&mut text));
            text
        });
        Running { child, lines, errors: Some(errors) }
    }

    /// Takes what is said until the child is at work and so much more was said.
    fn until(&self, acknowledged: &mut Acknowledged, more: u64) {
        let began = Instant::now();
        let mut left = more;
        while left > 0 {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => {
                    acknowledged.take(&line);
                    left -= u64::from(line.starts_with("wrote"));
                }
                Err(_) => {
                    panic!("the child said nothing for a minute, {:?} after its start", began.elapsed())
                }
            }
        }
    }

    /// All that was said before the child was stopped, so also of what lies in the pipe.
    fn rest(&self, acknowledged: &mut Acknowledged) {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(100)) {
            acknowledged.take(&line);
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn kill(mut self, acknowledged: &mut Acknowledged) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        while let Ok(line) = self.lines.recv() {
            acknowledged.take(&line);
        }
        let text = self.errors.take().unwrap().join().unwrap();
        assert!(!text.contains("panicked"), "{text}");
    }
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Not a test by itself: without its folder it does nothing.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let round: u128 = std::env::var("STOREWARD_CRASH_ROUND").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let databases = std::env::var(DATABASES).unwrap();
        let (data, keys) = databases.split_once(',').unwrap();
        let place = Place { folder, data: data.to_owned(), keys: keys.to_owned() };
        let vault = House::open_at(&place).await.unwrap().vault;
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            tasks.spawn(write_on(vault.clone(), (round * WRITERS + writer) * OF_ONE_WRITER));
        }
        let rotating = vault.clone();
        tasks.spawn(async move {
            loop {
                rotating.keys().rotate(Duration::ZERO).await.unwrap();
                tokio::time::sleep(Duration::from_millis(below(40))).await;
            }
        });
        tasks.spawn(async move {
            loop {
                vault.renew_index(|_| {}).await.unwrap();
                tokio::time::sleep(Duration::from_millis(below(40))).await;
            }
        });
        // Nothing ends here but by a fault; the parent ends it.
        tasks.join_next().await.unwrap().unwrap();
    });
}

/// One after the other: customers are written, changed, and now and then erased.
async fn write_on(vault: Vault, first: u128) {
    let mut count = 0;
    let mut gone = std::collections::BTreeSet::new();
    loop {
        let number = first + u128::from(below(u64::try_from(OF_ONE_WRITER).unwrap()));
        if gone.contains(&number) {
            tokio::task::yield_now().await;
            continue;
        }
        count += 1;
        let who = customer(number);
        // Some stay: a child that had nobody left to write of said nothing until its parent gave it up.
        if count > 8 && gone.len() < ERASED_BY_ONE_WRITER && below(12) == 0 {
            println!("erases {number}");
            match vault.erase(&own(who)).await {
                Ok(()) => println!("erased {number}"),
                Err(Error::NoCustomer) => continue,
                Err(other) => panic!("{other}"),
            }
            gone.insert(number);
            continue;
        }
        let city = count.to_string();
        vault.write(staff(), who, item("own", &[("contact.email", &email(number))])).await.unwrap();
        vault.write(staff(), who, item("home", &[("address.city", &city)])).await.unwrap();
        println!("wrote {number} {count}");
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_and_leaves_nobody_half_erased() {
    let folder = tempfile::tempdir().unwrap();
    killed(&Place::of_files(folder.path()), rounds(6));
}

#[test]
fn a_kill_at_any_moment_loses_nothing_on_postgresql() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(data), Some(keys)) = (fresh(Engine::Postgres), fresh(Engine::Postgres)) else { return };
    let [of_data, of_keys] = [&data, &keys].map(|place| place.address().to_owned());
    killed(&Place { folder: folder.path().to_owned(), data: of_data, keys: of_keys }, rounds(2));
}

fn killed(place: &Place, rounds: u128) {
    let mut acknowledged = Acknowledged::default();
    for round in 0..rounds {
        let child = Running::start(place, round);
        child.until(&mut acknowledged, 60 + below(120));
        std::thread::sleep(Duration::from_micros(below(20_000)));
        child.kill(&mut acknowledged);
        in_runtime(async {
            let house = House::open_at(place).await.unwrap();
            house.holds(&acknowledged).await;
            house.close().await;
        });
    }
    assert!(acknowledged.0.values().any(|told| told.is_erased), "nobody was erased: it was too short");
}

/// As a power cut leaves them, but that the disk kept what it was told to: all files of one moment, with a torn write behind each log, and a
/// half-written file of epochs beside the whole one.
#[test]
fn files_of_any_moment_open_elsewhere_with_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    let child = Running::start(&Place::of_files(folder.path()), 0);
    for _ in 0..rounds(8) {
        child.until(&mut acknowledged, 5 + below(60));
        std::thread::sleep(Duration::from_micros(below(20_000)));
        child.signal("-STOP");
        child.rest(&mut acknowledged);
        let copy = tempfile::tempdir().unwrap();
        copy_torn(folder.path(), copy.path());
        child.signal("-CONT");
        let so_far = acknowledged.clone();
        in_runtime(async {
            let house = House::open(copy.path()).await.unwrap();
            house.holds(&so_far).await;
            house.close().await;
        });
    }
    child.kill(&mut acknowledged);
}

fn copy_torn(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // Shared memory and locks do not outlive a power cut.
        if name.ends_with("-shm") || name.ends_with(".lock") {
            continue;
        }
        let mut bytes = std::fs::read(entry.path()).unwrap();
        if name.ends_with("-wal") {
            let torn = usize::try_from(below(9_000)).unwrap();
            bytes.extend((0..torn).map(|_| u8::try_from(below(256)).unwrap()));
        }
        std::fs::write(to.join(name), bytes).unwrap();
    }
    let whole = std::fs::read(to.join("epochs.json")).unwrap();
    let half = usize::try_from(below(whole.len() as u64)).unwrap();
    std::fs::write(to.join("epochs.new"), &whole[..half]).unwrap();
}

/// How often; more by hand, with `STOREWARD_CRASH_ROUNDS`.
fn rounds(usual: u128) -> u128 {
    std::env::var("STOREWARD_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A disk that is full, in the middle of everything: each call says so, and what was acknowledged before is there, then and afterwards.
#[test]
fn a_full_disk_refuses_aloud_and_loses_nothing() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let folder = tempfile::tempdir().unwrap();
    // Files of this process end here; nextest runs each test in a process of its own.
    let files_end_at = |bytes: Option<u64>| {
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
    };
    in_runtime(async {
        let _told = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(25)).unwrap();
        let house = House::open(folder.path()).await.unwrap();
        let vault = house.vault.clone();
        let write = async |number: u128, count: u64| {
            vault.write(staff(), customer(number), item("own", &[("contact.email", &email(number))])).await?;
            let city = count.to_string();
            vault.write(staff(), customer(number), item("home", &[("address.city", &city)])).await
        };
        let mut acknowledged = Acknowledged::default();
        for number in 0..20 {
            write(number, 1).await.unwrap();
            acknowledged.take(&format!("wrote {number} 1"));
        }
        for limit in [4_096, 60_000, 150_000, 400_000] {
            vault.keys().write_notes().await.unwrap();
            files_end_at(Some(limit));
            let mut refused = 0;
            for number in 0..40 {
                acknowledged.0.entry(number).or_default();
                match write(number, limit).await {
                    Ok(()) => acknowledged.take(&format!("wrote {number} {limit}")),
                    Err(_) => refused += 1,
                }
            }
            for number in [limit as u128 % 7, 11] {
                acknowledged.take(&format!("erases {number}"));
                match vault.erase(&own(customer(number))).await {
                    Ok(()) => acknowledged.take(&format!("erased {number}")),
                    Err(_) => refused += 1,
                }
            }
            for _ in 0..3 {
                drop(vault.keys().rotate(Duration::ZERO).await);
                drop(vault.renew_index(|_| {}).await);
            }
            assert!(limit > 4_096 || refused > 40, "nothing was refused at {limit}");
            files_end_at(None);
            // By itself, without a start.
            vault.finish_erasures().await.unwrap();
            vault.keys().rotate(Duration::ZERO).await.unwrap();
            vault.make_indexes(|_| {}).await.unwrap();
            house.holds(&acknowledged).await;
        }
        house.close().await;
        let again = House::open(folder.path()).await.unwrap();
        again.holds(&acknowledged).await;
        again.close().await;
    });
}

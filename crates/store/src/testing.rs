//! A fresh database for each test, on both engines; and ways past the store, to do harm that it has to notice.
//!
//! PostgreSQL tests need `STOREWARD_TEST_POSTGRES`, such as `postgres://storeward@127.0.0.1:54329/ward`; each makes a
//! schema of its own there. Without it they fail, unless `STOREWARD_TEST_SQLITE_ONLY=1` says that this is meant.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use storeward_base::{Entropy, FixedClock, Secret, SeededEntropy, SystemEntropy, Timestamp};
use storeward_seal::{LogKey, Origin, PseudonymKey};

use crate::ledger::{self, VerifyOptions};
use crate::url::{Encryption, Server, Target};
use crate::{DatabaseUrl, Db, Engine, Migration, OpenOptions};

const POSTGRES: &str = "STOREWARD_TEST_POSTGRES";
const SQLITE_ONLY: &str = "STOREWARD_TEST_SQLITE_ONLY";

/// Makes one test for each engine: `both_engines!(name, async |db| { … })`, or
/// `both_engines!(name, MIGRATIONS, async |db| { … })`. When the test is over, the ledger is verified.
#[macro_export]
macro_rules! both_engines {
    ($name:ident, $test:expr $(,)?) => {
        $crate::both_engines!($name, &[], $test);
    };
    ($name:ident, $migrations:expr, $test:expr $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn sqlite() {
                $crate::testing::run($crate::Engine::Sqlite, $migrations, $test);
            }

            #[test]
            fn postgres() {
                $crate::testing::run($crate::Engine::Postgres, $migrations, $test);
            }
        }
    };
}

/// An open database that is gone when the test is over. Derefs to [`Db`].
pub struct TestDb {
    db: Db,
    place: Arc<Place>,
    /// Stands still until the test moves it.
    pub clock: Arc<FixedClock>,
    migrations: Vec<Migration>,
}

/// Writes that are held: see [`TestDb::hold`].
pub struct Held {
    release: Mutex<Option<std::sync::mpsc::Sender<()>>>,
    thread: Option<std::thread::JoinHandle<()>>,
    db: Db,
}

impl Held {
    /// Waits until so many writes wait for it to end. Panics when they do not come.
    pub async fn waits_for(&self, count: usize) {
        for _ in 0..20_000 {
            if self.db.waiting() >= count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        panic!("{count} writes should wait, and {} do", self.db.waiting());
    }

    /// Lets them go, in the order in which they came.
    pub fn let_go(&self) {
        drop(self.release.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.let_go();
        if let Some(thread) = self.thread.take() {
            // A panic of its own was told already.
            drop(thread.join());
        }
    }
}

/// Where a test's database is.
pub struct Place {
    address: String,
    tampered: AtomicBool,
    directory: Option<tempfile::TempDir>,
}

/// Runs an async test on a fresh database, then verifies the ledger it left.
pub fn run<F: AsyncFnOnce(TestDb)>(engine: Engine, migrations: &[Migration], test: F) {
    let Some(place) = fresh(engine) else { return };
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_795_541_880)));
    let db = open(&place.address, migrations, Arc::clone(&clock));
    let test_db = TestDb { db, place: Arc::clone(&place), clock, migrations: migrations.to_vec() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a test machine can start a runtime");
    runtime.block_on(test(test_db));
    drop(runtime);
    if !place.tampered.load(Ordering::SeqCst) {
        let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
        let db = open(&place.address, migrations, clock);
        let report = ledger::verify(&db, &VerifyOptions::default(), |_, _| {});
        let fault = report.expect("the ledger can be read").first_fault;
        assert_eq!(fault, None, "the test left a broken ledger");
        db.close();
    }
}

/// Runs blocking work from an async test.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the work does not panic")
}

impl TestDb {
    /// One more opening of a place that [`fresh`] made, for a test with more than one database.
    pub fn at(place: Arc<Place>, migrations: &[Migration], clock: Arc<FixedClock>) -> Self {
        let opened = open(&place.address, migrations, Arc::clone(&clock));
        TestDb { db: opened, place, clock, migrations: migrations.to_vec() }
    }

    /// Closes the database and opens it anew.
    pub fn reopen(&mut self) {
        let opened = self.open_again();
        std::mem::replace(&mut self.db, opened).close();
    }

    /// Another opening of the same database, as a second process would have it.
    pub fn open_again(&self) -> Db {
        open(&self.place.address, &self.migrations, Arc::clone(&self.clock))
    }

    /// Holds every write of this opening until the returned [`Held`] is let go. What is read meanwhile is read as it is.
    pub fn hold(&self) -> Held {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = Mutex::new(released);
        let (begun, begins) = std::sync::mpsc::channel();
        let db = self.db.clone();
        let thread = std::thread::spawn(move || {
            let held: Result<(), crate::Error> = db.write_blocking(move |tx| {
                // Whoever let go, or gave up.
                let _ = begun.send(());
                let _ = released.lock().unwrap_or_else(PoisonError::into_inner).recv();
                tx.commit_silent("a test held the writes");
                Ok(())
            });
            held.expect("nothing is written");
        });
        begins.recv().expect("the write begins");
        Held { release: Mutex::new(Some(release)), thread: Some(thread), db: self.db.clone() }
    }

    /// What [`options`] opens the same database with, in another process.
    pub fn address(&self) -> &str {
        &self.place.address
    }

    /// Runs statements past the store. The ledger is not verified at the end.
    pub fn tamper(&self, sql: &str) {
        self.place.tampered.store(true, Ordering::SeqCst);
        self.raw(sql);
    }

    /// Bytes as SQL writes them.
    pub fn blob(&self, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.engine() {
            Engine::Sqlite => format!("X'{hex}'"),
            Engine::Postgres => format!("'\\x{hex}'::bytea"),
        }
    }

    /// An operator's entry of this moment that nobody signed, as [`TestDb::blob`]; `data` is JSON.
    pub fn forged(&self, id: &str, kind: &str, data: &str) -> String {
        let at = self.db.now().micros();
        let text = format!(
            "{{\"v\":1,\"id\":\"{id}\",\"at\":{at},\"actor\":{{\"type\":\"operator\"}},\"kind\":\"{kind}\",\"data\":{data}}}"
        );
        self.blob(text.as_bytes())
    }

    /// Puts such an entry behind the head, at `1_000_000_000 + number`, with the nodes of a good one: what somebody can do who writes the
    /// database and holds no key. Its id is `evt_` and the number.
    pub fn forge(&self, number: u64, kind: &str, data: &str) {
        let (id, at) = (format!("evt_{number:026}"), self.db.now().micros());
        let body = self.forged(&id, kind, data);
        self.tamper(&format!(
            "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT 1000000000 + {number}, '{id}', \
             {at}, '{kind}', severity, 'operator', 'req_00000000000000000000000009', {body}, tree FROM ledger_entry WHERE seq = 1"
        ));
    }

    /// Takes the triggers away that keep the ledger from being changed.
    pub fn drop_guards(&self) {
        let tables = ["ledger_entry", "ledger_checkpoint", "ledger_head"];
        for table in tables {
            self.tamper(&match self.engine() {
                Engine::Sqlite => format!(
                    "DROP TRIGGER IF EXISTS {table}_keeps_rows; DROP TRIGGER IF EXISTS {table}_keeps_values; \
                     DROP TRIGGER IF EXISTS {table}_grows"
                ),
                Engine::Postgres => format!("DROP FUNCTION {table}_refuse() CASCADE"),
            });
        }
    }

    /// Lets no row of a table be changed any more, as a full disk does.
    pub fn no_room_to_change(&self, table: &str) {
        self.raw(&match self.engine() {
            Engine::Sqlite => format!(
                "CREATE TRIGGER no_room BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            ),
            Engine::Postgres => format!(
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$; \
                 CREATE TRIGGER no_room BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()"
            ),
        });
    }

    /// Runs statements past the store that do no harm.
    pub fn raw(&self, sql: &str) {
        self.try_raw(sql).expect("the statement runs");
    }

    /// As [`TestDb::tamper`], where the database itself may refuse it; whether it did not.
    pub fn try_tamper(&self, sql: &str) -> bool {
        self.place.tampered.store(true, Ordering::SeqCst);
        self.try_raw(sql).is_ok()
    }

    fn try_raw(&self, sql: &str) -> Result<(), String> {
        match url(&self.place.address).0 {
            Target::Sqlite(path) => {
                let conn = rusqlite::Connection::open(path).expect("the file is there");
                conn.busy_timeout(std::time::Duration::from_secs(10)).expect("a wait can be set");
                conn.execute_batch(sql).map_err(|why| why.to_string())
            }
            Target::Postgres(server) => {
                let config = server.config;
                let sql = sql.to_owned();
                // A thread of its own: the driver blocks, and the test may be inside of a runtime.
                let run = move || {
                    let mut client = config.connect(postgres::NoTls).expect("the server answers");
                    client.batch_execute(&sql).map_err(|why| format!("{why:?}"))
                };
                std::thread::spawn(run).join().expect("the server answers")
            }
        }
    }
}

impl std::ops::Deref for TestDb {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

/// What a test opens a database with; keys are the same each time, ids are not.
pub fn options(address: &str, migrations: &[Migration], clock: Arc<FixedClock>) -> OpenOptions {
    OpenOptions {
        url: url(address),
        // Names the sessions on the server, so that a test can end its own.
        node: address.strip_prefix("schema:").unwrap_or("test").to_owned(),
        log_key: LogKey::generate(&SeededEntropy::new(1)),
        trusted: Vec::new(),
        pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
        origin: Origin::parse("test.example/storeward").expect("it is a name"),
        clock,
        entropy: Arc::new(SystemEntropy),
        migrations: migrations.to_vec(),
        readers: 2,
    }
}

fn open(address: &str, migrations: &[Migration], clock: Arc<FixedClock>) -> Db {
    match Db::open(options(address, migrations, clock)) {
        Ok(db) => db,
        Err(why) => panic!("the test's database opens: {why}"),
    }
}

/// A new place; `None` when PostgreSQL is left out on purpose.
pub fn fresh(engine: Engine) -> Option<Arc<Place>> {
    let tampered = AtomicBool::new(false);
    match engine {
        Engine::Sqlite => {
            let directory = tempfile::tempdir().expect("a directory can be made");
            let address = format!("sqlite:{}", directory.path().join("test.db").display());
            Some(Arc::new(Place { address, tampered, directory: Some(directory) }))
        }
        Engine::Postgres => {
            if is_left_out() {
                return None;
            }
            let entropy: &dyn Entropy = &SystemEntropy;
            let schema = format!("test_{}", entropy.token::<10>());
            on_server(format!("CREATE SCHEMA {schema}"));
            Some(Arc::new(Place { address: format!("schema:{schema}"), tampered, directory: None }))
        }
    }
}

/// Whether PostgreSQL is left out on purpose; says so.
pub fn is_left_out() -> bool {
    let left_out = std::env::var(POSTGRES).is_err() && std::env::var(SQLITE_ONLY).as_deref() == Ok("1");
    if left_out {
        eprintln!("left out: {SQLITE_ONLY}=1");
    }
    left_out
}

impl Place {
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The SQLite file.
    pub fn file(&self) -> Option<PathBuf> {
        self.directory.as_ref().map(|directory| directory.path().join("test.db"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(schema) = self.address.strip_prefix("schema:") {
            on_server(format!(
                "SET lock_timeout = '5s'; SET client_min_messages = warning; DROP SCHEMA {schema} CASCADE"
            ));
        }
    }
}

fn on_server(sql: String) {
    let server = server();
    let run = move || {
        let mut client = server.connect(postgres::NoTls).expect("the test server answers");
        // A schema that stays behind, because a test failed and still holds it, does no harm.
        drop(client.batch_execute(&sql));
    };
    let ran = std::thread::spawn(run).join();
    assert!(ran.is_ok() || std::thread::panicking(), "the test server at {POSTGRES} must answer");
}

fn server() -> postgres::Config {
    let address = std::env::var(POSTGRES).unwrap_or_else(|_| {
        panic!("set {POSTGRES}=postgres://USER@HOST:PORT/NAME for the PostgreSQL tests, or {SQLITE_ONLY}=1 to leave them out")
    });
    match DatabaseUrl::parse(&address).map(|url| url.0) {
        Ok(Target::Postgres(server)) => server.config,
        _ => panic!("{POSTGRES} is not the address of a PostgreSQL database"),
    }
}

/// `sqlite:PATH`, or `schema:NAME` on the test server.
fn url(address: &str) -> DatabaseUrl {
    match address.strip_prefix("schema:") {
        None => DatabaseUrl::parse(address).expect("a test's address can be read"),
        Some(schema) => {
            let mut config = server();
            config.options(&format!("-c search_path={schema}"));
            DatabaseUrl(Target::Postgres(Box::new(Server { config, encryption: Encryption::Plain })))
        }
    }
}

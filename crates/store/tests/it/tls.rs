//! TLS to a PostgreSQL server of the test's own, whose certificates are made here: it is verified, or there is no
//! connection.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384,
};
use storeward_base::{Actor, Entropy, FixedClock, SystemEntropy, Timestamp};
use storeward_store::testing::{is_left_out, options};
use storeward_store::{DatabaseUrl, Db, Error, OpenOptions};

use crate::started;

const NAME: &str = "db.example";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Authority {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    CertifiedIssuer::self_signed(params, key).unwrap()
}

/// A server that ends with the test.
struct Server {
    home: tempfile::TempDir,
    user: Option<(u32, u32)>,
    port: u16,
    password: String,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let bin = newest_server();
        // The server refuses to run as root: then it runs as the user that Debian's package made.
        let user = is_root().then(|| user_of("postgres"));
        let password = (&SystemEntropy as &dyn Entropy).token::<16>();
        std::fs::write(home.path().join("password"), &password).unwrap();
        own(home.path(), user);
        let mut initdb = as_user(&bin.join("initdb"), user);
        initdb.args(["-U", "storeward", "-E", "UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256"]);
        initdb.arg("-D").arg(home.path().join("data")).arg("--pwfile").arg(home.path().join("password"));
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Self::run(&bin, user, home.path(), port);
        let server = Server { home, user, port, password, process };
        server.until(|server| server.admin("SELECT 1").is_ok());
        server
    }

    fn run(bin: &Path, user: Option<(u32, u32)>, home: &Path, port: u16) -> Child {
        let mut server = as_user(&bin.join("postgres"), user);
        server.arg("-D").arg(home.join("data")).arg("-p").arg(port.to_string());
        for setting in ["listen_addresses=127.0.0.1", "fsync=off", "max_connections=30"] {
            server.arg("-c").arg(setting);
        }
        server.arg("-c").arg(format!("unix_socket_directories={}", home.display()));
        server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs a statement as its owner, through the socket, past the store.
    fn admin(&self, sql: &str) -> Result<(), postgres::Error> {
        let mut config = postgres::Config::new();
        config.host_path(self.home.path()).port(self.port).user("storeward").password(&self.password);
        config.dbname("postgres").connect(postgres::NoTls)?.batch_execute(sql)
    }

    /// Serves with a new certificate for these names, or, without any, no TLS at all.
    fn serve(&self, authority: Option<&Authority>, names: &[&str]) {
        let data = self.home.path().join("data");
        if let Some(authority) = authority {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let certificate = CertificateParams::new(names).unwrap().signed_by(&key, authority).unwrap();
            std::fs::write(data.join("server.crt"), certificate.pem()).unwrap();
            std::fs::write(data.join("server.key"), key.serialize_pem()).unwrap();
            own(&data.join("server.crt"), self.user);
            own(&data.join("server.key"), self.user);
        }
        let ssl = if authority.is_some() { "on" } else { "off" };
        self.admin(&format!("ALTER SYSTEM SET ssl = {ssl}")).unwrap();
        let before = self.loaded_at();
        self.admin("SELECT pg_reload_conf()").unwrap();
        self.until(|server| server.loaded_at() != before);
    }

    /// When a new session's process read its config.
    fn loaded_at(&self) -> String {
        let mut config = postgres::Config::new();
        config.host_path(self.home.path()).port(self.port).user("storeward").password(&self.password);
        let mut client = config.dbname("postgres").connect(postgres::NoTls).unwrap();
        client.query_one("SELECT pg_conf_load_time()::text", &[]).unwrap().get(0)
    }

    fn until(&self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..600 {
            if condition(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the server does not come so far");
    }

    fn url(&self, host: &str, rest: &str) -> String {
        format!("postgres://storeward:{}@{host}:{}/postgres?{rest}", self.password, self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // "Immediate" for PostgreSQL; its children end with it.
        let pid = self.process.id().to_string();
        drop(Command::new("kill").args(["-QUIT", &pid]).status());
        drop(self.process.wait());
    }
}

fn newest_server() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL's server is installed");
    let mut bins: Vec<PathBuf> = versions.map(|version| version.unwrap().path().join("bin")).collect();
    bins.retain(|bin| bin.join("initdb").exists());
    bins.sort();
    bins.pop().expect("PostgreSQL's server is installed")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn user_of(name: &str) -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let line = users.lines().map(fields).find(|fields| fields[0] == name).expect("the server has a user");
    (line[2].parse().unwrap(), line[3].parse().unwrap())
}

fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((uid, gid)) = user {
        command.gid(gid).uid(uid);
    }
    command
}

/// Gives a file, or all of a directory, to the server, and keeps others out.
fn own(path: &Path, user: Option<(u32, u32)>) {
    use std::os::unix::fs::PermissionsExt;
    let is_directory = path.is_dir();
    let mode = if is_directory { 0o700 } else { 0o600 };
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn open(url: &str) -> Result<Db, Error> {
    let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
    Db::open(OpenOptions { url: DatabaseUrl::parse(url)?, ..options("sqlite:unused", &[], clock) })
}

/// Why there is no connection.
fn refused(url: &str) -> String {
    match open(url) {
        Ok(_) => panic!("it connected"),
        Err(Error::Open(why)) => why,
        Err(other) => panic!("{other:?}"),
    }
}

/// The version of TLS in which the reading sessions of a database speak, if any.
fn version(db: &Db) -> Option<String> {
    let sql = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    db.read_blocking(|reader| reader.query_one(sql, &[], |row| row.get(0)))
        .unwrap_or_else(|why: Error| panic!("{why}"))
}

#[test]
fn a_server_is_verified_or_there_is_no_connection() {
    if is_left_out() {
        return;
    }
    let server = Server::start();
    let ours = authority("ours", &PKCS_ECDSA_P256_SHA256);
    let strong = authority("strong", &PKCS_ECDSA_P384_SHA384);
    let foreign = authority("foreign", &PKCS_ECDSA_P256_SHA256);
    let pem = |name: &str, authority: &Authority| {
        let path = server.home.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        format!("sslrootcert={}", path.display())
    };
    let (ours_pem, strong_pem, foreign_pem) =
        (pem("ours.pem", &ours), pem("strong.pem", &strong), pem("foreign.pem", &foreign));
    let by_name = format!("hostaddr=127.0.0.1&{ours_pem}");

    server.serve(Some(&ours), &[NAME, "127.0.0.1"]);
    // By name, and by address; the password's proof is tied to the certificate, whichever way that was signed.
    for url in [
        server.url(NAME, &by_name),
        server.url(NAME, &format!("{by_name}&sslmode=verify-full&channel_binding=require")),
        server.url("127.0.0.1", &format!("sslmode=require&{ours_pem}&channel_binding=require")),
    ] {
        let db = open(&url).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(version(&db).as_deref(), Some("TLSv1.3"));
        let wrote = db.write_blocking(|tx| tx.append(Actor::System, None, started("1")));
        wrote.unwrap_or_else(|why| panic!("{why}"));
        // A lost session comes back in TLS.
        server.admin("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_ssl WHERE ssl").unwrap();
        assert_eq!(version(&db).as_deref(), Some("TLSv1.3"));
        db.close();
    }
    server.serve(Some(&strong), &[NAME]);
    let bound = format!("hostaddr=127.0.0.1&{strong_pem}&channel_binding=require");
    let db = open(&server.url(NAME, &bound)).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(version(&db).as_deref(), Some("TLSv1.3"));

    // Somebody else's certificate, now and for a session that is made anew.
    let why = refused(&server.url(NAME, &by_name));
    assert!(why.contains("UnknownIssuer"), "{why}");
    server.serve(Some(&foreign), &[NAME]);
    server.admin("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_ssl WHERE ssl").unwrap();
    let read = db.read_blocking(storeward_store::ledger::head);
    assert!(matches!(read, Err(Error::Lost(_))), "{read:?}");
    db.close();
    // The machine's own roots do not vouch for it either.
    let why = refused(&server.url(NAME, "hostaddr=127.0.0.1"));
    assert!(why.contains("UnknownIssuer") || why.contains("ca-certificates"), "{why}");
    open(&server.url(NAME, &format!("hostaddr=127.0.0.1&{foreign_pem}"))).unwrap().close();

    // The right authority, and another name.
    server.serve(Some(&ours), &["other.example", "127.0.0.9"]);
    for url in [server.url(NAME, &by_name), server.url("127.0.0.1", &format!("sslmode=require&{ours_pem}"))] {
        let why = refused(&url);
        assert!(why.contains("not valid for name"), "{why}");
        assert!(!why.contains(&server.password), "{why}");
    }

    // No TLS at all: nothing is said in its place in plain text, the password least of all.
    server.serve(None, &[]);
    let why = refused(&server.url(NAME, &by_name));
    assert!(why.contains("does not support TLS"), "{why}");
    // Only who asks for plain text gets it.
    let db = open(&server.url(NAME, "hostaddr=127.0.0.1&sslmode=disable")).unwrap();
    assert_eq!(version(&db), None);
    db.close();
    let db = open(&server.url("127.0.0.1", "connect_timeout=5")).unwrap();
    assert_eq!(version(&db), None);
    db.close();

    // Roots that are not there, or are none.
    let why = refused(&server.url(NAME, "hostaddr=127.0.0.1&sslrootcert=/nowhere/at/all.pem"));
    assert!(why.contains("/nowhere/at/all.pem"), "{why}");
    std::fs::write(server.home.path().join("empty.pem"), "nothing").unwrap();
    let empty = format!("hostaddr=127.0.0.1&sslrootcert={}/empty.pem", server.home.path().display());
    let why = refused(&server.url(NAME, &empty));
    assert!(why.contains("no certificate"), "{why}");
}

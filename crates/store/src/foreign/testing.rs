//! A MariaDB server of a test's own, gone when the test is over. `./test` installs what it needs (mariadb-server-core and
//! mariadb-client-core).

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that listens on a socket and on a port of this machine.
pub struct MariaDb {
    server: Child,
    folder: tempfile::TempDir,
    pub port: u16,
}

impl MariaDb {
    /// Starts one. `more` are further options.
    pub fn start(more: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a directory can be made");
        let data = folder.path().join("data");
        let log = || {
            let mut file = std::fs::OpenOptions::new();
            file.create(true).append(true).open(folder.path().join("log")).expect("a file can be made")
        };
        let mut common = vec!["--no-defaults".to_owned(), format!("--datadir={}", data.display())];
        // As root it wants to be told so; for anybody else the option means nothing.
        common.push("--user=root".to_owned());
        // Else all that are made at once have their temporary tables in one folder, and some of those have one name.
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).expect("a directory can be made");
        common.push(format!("--tmpdir={}", temporary.display()));
        // Many servers at once take more of the kernel's own queues than there are.
        common.push("--innodb-use-native-aio=0".to_owned());
        let made = Command::new("mariadb-install-db")
            .args(&common)
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .status()
            .expect("mariadb-install-db is there: ./test installs it");
        let told = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        assert!(made.success(), "MariaDB makes its tables: {}", told());
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = free.local_addr().expect("it has an address").port();
        drop(free);
        let server = Command::new("mariadbd")
            .args(&common)
            .arg(format!("--socket={}", folder.path().join("s").display()))
            .arg(format!("--pid-file={}", folder.path().join("pid").display()))
            .arg(format!("--port={port}"))
            // A crash of this server loses nothing that anybody wants.
            .args([
                "--bind-address=127.0.0.1",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=32M",
            ])
            .args(more)
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .expect("mariadbd is there: ./test installs it");
        let mut here = MariaDb { server, folder, port };
        let until = Instant::now() + Duration::from_secs(60);
        while !here.try_run("", "SELECT 1") {
            let ended = here.server.try_wait().expect("the server is our child");
            assert!(ended.is_none() && Instant::now() < until, "MariaDB does not start: {}", here.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        here
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Runs statements as root, in a database or in none.
    pub fn run(&self, database: &str, sql: &str) {
        assert!(self.try_run(database, sql), "the statements run");
    }

    /// How many times the server did something since it began: one of its status variables, such as `Handler_tmp_write`.
    pub fn status(&self, variable: &str) -> u64 {
        let mut client = self.client("");
        client.args(["--skip-column-names", "-e", &format!("SHOW GLOBAL STATUS LIKE '{variable}'")]);
        let out = client.output().expect("mariadb is there: ./test installs it");
        let text = String::from_utf8_lossy(&out.stdout);
        text.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a status that counts")
    }

    fn client(&self, database: &str) -> Command {
        let mut client = Command::new("mariadb");
        client
            .args(["--no-defaults", "--default-character-set=utf8mb4"])
            .arg(format!("--socket={}", self.socket().display()))
            .args(["-u", "root"]);
        if !database.is_empty() {
            client.arg(database);
        }
        client
    }

    fn try_run(&self, database: &str, sql: &str) -> bool {
        let mut client = self.client(database);
        let quiet = sql == "SELECT 1";
        client.stdin(Stdio::piped()).stdout(Stdio::null());
        client.stderr(if quiet { Stdio::null() } else { Stdio::inherit() });
        let mut client = client.spawn().expect("mariadb is there: ./test installs it");
        let mut input = client.stdin.take().expect("it is piped");
        // Where it ends before it has read everything, its status says so.
        drop(input.write_all(sql.as_bytes()));
        drop(input);
        client.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

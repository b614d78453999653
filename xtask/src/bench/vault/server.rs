//! A PostgreSQL server of the bench's own: what is durable there is on the disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::stage;

/// One row, as a shop keeps it.
const PLAIN: &str = "\\set n random(1, 1000000000)
INSERT INTO record VALUES (gen_random_uuid()::text, 'Ada ' || :n || ' Lovelace', 'ada.' || :n || '@shop.example', '+4420' || :n,
  (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
";

/// One call, so that nothing goes over the socket in between.
const SEALED: &str = "\\set n random(1, 1000000000)
SELECT keep('Ada ' || :n || ' Lovelace', 'ada.' || :n || '@shop.example', '+4420' || :n);
";

const TABLES: &str = "
CREATE TABLE record (id text PRIMARY KEY, name text, email text, phone text, written_at bigint NOT NULL);
CREATE INDEX record_email ON record (email);
CREATE DATABASE vault_data;
CREATE DATABASE vault_keys;
";

const SEALED_TABLES: &str = "
CREATE EXTENSION pgcrypto;
CREATE TABLE customer (id text PRIMARY KEY, created_at bigint NOT NULL);
CREATE TABLE field (customer text REFERENCES customer, name text, sealed bytea NOT NULL, PRIMARY KEY (customer, name));
CREATE TABLE mark (field text, mark bytea, customer text, PRIMARY KEY (field, mark, customer));
CREATE TABLE audit (seq bigserial PRIMARY KEY, at bigint NOT NULL, customer text NOT NULL, what text NOT NULL);
CREATE FUNCTION keep(a text, b text, c text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  who text := gen_random_uuid()::text;
  at bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
BEGIN
  INSERT INTO customer VALUES (who, at);
  INSERT INTO field VALUES (who, 'name', pgp_sym_encrypt(a, 'correct horse battery staple')),
    (who, 'email', pgp_sym_encrypt(b, 'correct horse battery staple')),
    (who, 'phone', pgp_sym_encrypt(c, 'correct horse battery staple'));
  INSERT INTO mark VALUES ('email', hmac(b, 'a key', 'sha256'), who), ('phone', hmac(c, 'a key', 'sha256'), who);
  INSERT INTO audit (at, customer, what) VALUES (at, who, 'fields_written');
END $$;
";

/// Stopped, and its folder taken away, when it is dropped.
pub struct Server {
    folder: PathBuf,
    bin: PathBuf,
    port: u16,
    child: Child,
    pub has_pgcrypto: bool,
}

impl Server {
    pub fn start() -> Result<Self, String> {
        let bin = programs()?;
        let folder = std::env::temp_dir().join(format!("storeward-bench-vault-{}", std::process::id()));
        let home = folder.join("postgres");
        fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
        // The server runs as another user when the bench runs as root, and has to walk through.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(|e| e.to_string())?;
        if is_root() {
            stage::run(Command::new("chown").arg("postgres").arg(&home))?;
        }
        let mut init = as_its_user(&bin.join("initdb"));
        init.arg("-D").arg(home.join("data")).args([
            "-U",
            "storeward",
            "-E",
            "UTF8",
            "--locale=C",
            "--auth=trust",
        ]);
        stage::run(init.current_dir("/"))?;
        let port = stage::free_port()?;
        let log = fs::File::create(folder.join("postgres.log")).map_err(|e| e.to_string())?;
        // Its own settings, but for as many connections as are asked for; nobody but this machine gets in.
        let mut serve = as_its_user(&bin.join("postgres"));
        serve.arg("-D").arg(home.join("data")).args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
        ]);
        serve
            .args(["-c", "max_connections=300", "-c"])
            .arg(format!("unix_socket_directories={}", home.display()));
        let child = serve.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.map_err(|e| format!("postgres: {e}"))?;
        let mut server = Server { folder, bin, port, child, has_pgcrypto: false };
        server.wait()?;
        server.sql(TABLES)?;
        server.has_pgcrypto = server.sql(SEALED_TABLES).is_ok();
        for (name, script) in [("plain", PLAIN), ("sealed", SEALED)] {
            let path = server.folder.join(format!("{name}.sql"));
            fs::write(&path, script).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        Ok(server)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://storeward@127.0.0.1:{}/{database}", self.port)
    }

    pub fn version(&self) -> Result<String, String> {
        self.sql("SHOW server_version").map(|text| text.trim().to_owned())
    }

    fn wait(&self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(30);
        while self.sql("SELECT 1").is_err() {
            if Instant::now() > until {
                return Err("PostgreSQL did not start within 30 seconds".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// What `psql` prints, without heads.
    pub fn sql(&self, text: &str) -> Result<String, String> {
        let socket = self.folder.join("postgres");
        let file = self.folder.join("statement.sql");
        fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "storeward", "-d", "postgres"]);
        psql.args(["-p", &self.port.to_string(), "-h"]).arg(socket).arg("-f").arg(file);
        stage::run(&mut psql)
    }

    /// Transactions a second, and the 99th percentile of one in milliseconds.
    pub fn pgbench(&self, script: &str, clients: u64, seconds: u64) -> Result<(f64, f64), String> {
        let logs = self.folder.join("log");
        let _gone = fs::remove_dir_all(&logs);
        fs::create_dir_all(&logs).map_err(|e| format!("{}: {e}", logs.display()))?;
        let mut pgbench = Command::new(self.bin.join("pgbench"));
        pgbench.args([
            "-n",
            "-j",
            "2",
            "-M",
            "prepared",
            "-l",
            "-c",
            &clients.to_string(),
            "-T",
            &seconds.to_string(),
        ]);
        pgbench.arg("-f").arg(self.folder.join(format!("{script}.sql"))).args(["-U", "storeward", "-p"]);
        pgbench.arg(self.port.to_string()).arg("-h").arg(self.folder.join("postgres")).arg("postgres");
        let said = stage::run(pgbench.current_dir(&logs))?;
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse().ok());
        Ok((rate.ok_or_else(|| format!("pgbench said {said}"))?, percentile(&logs)?))
    }

    /// Nanoseconds that pgcrypto takes to encrypt and to decrypt a value, wall clock of one connection, the least of three; nothing
    /// where it is not installed.
    pub fn pgp(&self, bytes: u64) -> Result<Option<(f64, f64)>, String> {
        const VALUES: u64 = 2_000;
        if !self.has_pgcrypto {
            return Ok(None);
        }
        let key = "'correct horse battery staple'";
        let fill = format!(
            "DROP TABLE IF EXISTS sample; CREATE TABLE sample AS SELECT repeat('x', {bytes}) AS plain, \
             pgp_sym_encrypt(repeat('x', {bytes}), {key}) AS sealed FROM generate_series(1, {VALUES})"
        );
        self.sql(&fill)?;
        let time = |work: &str| -> Result<f64, String> {
            let mut least = f64::INFINITY;
            for _ in 0..3 {
                let text = format!("EXPLAIN (ANALYZE, TIMING OFF) SELECT count(length({work})) FROM sample");
                let said = self.sql(&text)?;
                let told = said.lines().find_map(|line| line.strip_prefix("Execution Time: "));
                let ms: Option<f64> = told.and_then(|rest| rest.trim_end_matches(" ms").parse().ok());
                least = least.min(ms.ok_or_else(|| format!("EXPLAIN said {said}"))?);
            }
            Ok(least * 1e6 / 2_000.0)
        };
        let encrypt = time(&format!("pgp_sym_encrypt(plain, {key})"))?;
        let decrypt = time(&format!("pgp_sym_decrypt(sealed, {key})"))?;
        Ok(Some((encrypt, decrypt)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT asks it to end now; it takes its own children along.
        let _asked = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ended = self.child.wait();
        // A folder that stays behind in the temporary directory is no reason to fail.
        let _stays = fs::remove_dir_all(&self.folder);
    }
}

/// From pgbench's logs, whose third column is microseconds.
fn percentile(logs: &Path) -> Result<f64, String> {
    let mut micros: Vec<u64> = Vec::new();
    for entry in fs::read_dir(logs).map_err(|e| e.to_string())? {
        let text = fs::read_to_string(entry.map_err(|e| e.to_string())?.path()).map_err(|e| e.to_string())?;
        micros.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()));
    }
    micros.sort_unstable();
    let at = micros.get(micros.len() * 99 / 100).or(micros.last()).copied().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    Ok(at as f64 / 1_000.0)
}

/// The newest of Debian's.
fn programs() -> Result<PathBuf, String> {
    let found = fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest =
        found.map(|entry| entry.path()).filter(|path| path.join("bin/pgbench").is_file()).max_by_key(version);
    newest
        .map(|path| path.join("bin"))
        .ok_or_else(|| "no PostgreSQL server: apt-get install postgresql".to_owned())
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&match fs::metadata("/proc/self") {
        Ok(own) => own,
        Err(_) => return false,
    }) == 0
}

/// It refuses to run as root: then it runs as the user that Debian's package made.
fn as_its_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}

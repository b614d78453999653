//! `cargo xtask bench vault`: customers' records beside PostgreSQL, by size, and by what sealing costs.
//!
//! PostgreSQL is a server of the run's own with its usual settings (`fsync`, `synchronous_commit` on), on the same file system, and
//! its own `pgbench` puts the load on it over a socket: one row a transaction in plain text, and a function that keeps what
//! Storeward keeps (three values by pgcrypto's `pgp_sym_encrypt`, two keyed marks, a row of an audit table). Storeward's part
//! is the example `vault_rates` of `storeward-vault`, in a process of its own each time. Each round takes all of them in another order.

mod report;
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{number, stage, target};
use server::Server;

pub struct Options {
    pub rounds: usize,
    pub seconds: u64,
    /// How many customers the look-ups and openings are measured with.
    pub sizes: Vec<u64>,
    ours: Option<PathBuf>,
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options =
            Options { rounds: 5, seconds: 4, sizes: vec![10_000, 100_000, 1_000_000], ours: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().ok_or_else(|| format!("{word} wants a value"));
            match *word {
                "--rounds" => options.rounds = number(value()?, 1, 50)?,
                "--seconds" => options.seconds = number(value()?, 1, 60)?,
                "--customers" => {
                    let sizes = value()?.split(',').map(|size| number(size, 100, 10_000_000));
                    options.sizes = sizes.collect::<Result<_, _>>()?;
                    options.sizes.sort_unstable();
                }
                "--rates" => options.ours = Some(PathBuf::from(value()?)),
                other => return Err(format!("bench vault does not know {other}")),
            }
        }
        Ok(options)
    }
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    PostgresPlain,
    PostgresSealed,
    Ours,
    OursChange,
    OursOnPostgres,
}

impl Writer {
    pub const ALL: [Writer; 5] = [
        Writer::PostgresPlain,
        Writer::PostgresSealed,
        Writer::Ours,
        Writer::OursChange,
        Writer::OursOnPostgres,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Writer::PostgresPlain => "PostgreSQL, one plain row",
            Writer::PostgresSealed => "PostgreSQL, pgcrypto, marks and an audit row",
            Writer::Ours => "Storeward on SQLite, a new customer",
            Writer::OursChange => "Storeward on SQLite, a change",
            Writer::OursOnPostgres => "Storeward on PostgreSQL, a new customer",
        }
    }
}

pub const CLIENTS: [u64; 2] = [64, 256];

/// One measurement.
pub struct Figure {
    pub round: usize,
    pub clients: u64,
    pub writer: Writer,
    pub per_second: f64,
    pub p99_ms: f64,
}

/// With so many customers, one after the other and 64 at once.
pub struct Growth {
    pub customers: u64,
    pub find_p50_us: f64,
    pub find_per_second: f64,
    pub open_p50_us: f64,
    pub open_per_second: f64,
    pub open_cpu_us: f64,
}

/// Nanoseconds for a value of so many bytes.
pub struct Cost {
    pub bytes: u64,
    pub seal: f64,
    pub open: f64,
    pub openssl: f64,
    pub pgp_encrypt: Option<f64>,
    pub pgp_decrypt: Option<f64>,
}

/// Runs it and writes `target/bench/vault.md`.
pub fn vault(root: &Path, options: &Options) -> Result<(), String> {
    let target = target(root);
    let binary = options.ours.clone().unwrap_or_else(|| target.join("release/examples/vault_rates"));
    if !binary.is_file() {
        return Err(format!(
            "{} is not there; build it with: cargo build --release -p storeward-vault --example vault_rates",
            binary.display()
        ));
    }
    stage::want_programs(&["openssl"])?;
    let load_before = stage::load_average();
    let server = Server::start()?;
    let ours = Ours { binary, folder: server.folder().join("ours"), server: &server };
    let writes = writes(&ours, options)?;
    let mut growth = Vec::new();
    for size in &options.sizes {
        growth.push(ours.growth(*size, options.seconds)?);
    }
    let costs = [200, 1_024].map(|bytes| cost(&ours, bytes)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let about = report::About {
        rounds: options.rounds,
        seconds: options.seconds,
        postgres: server.version()?,
        has_pgcrypto: server.has_pgcrypto,
        load_before,
        load_after: stage::load_average(),
    };
    report::write(&target.join("bench"), &about, &writes, &growth, &costs)
}

fn writes(ours: &Ours<'_>, options: &Options) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    let writers: Vec<Writer> = Writer::ALL
        .into_iter()
        .filter(|writer| *writer != Writer::PostgresSealed || ours.server.has_pgcrypto)
        .collect();
    // A few that can be changed; and nobody's first write is counted.
    ours.rates("writes", "fill", 2_000, 1, false)?;
    ours.rates("on-postgres", "fill", 2_000, 1, true)?;
    for round in 0..options.rounds {
        for clients in CLIENTS {
            for turn in 0..writers.len() {
                let Some(writer) = writers.get((turn + round) % writers.len()).copied() else { continue };
                let (per_second, p99_ms) = ours.once(writer, clients, options.seconds)?;
                eprintln!(
                    "round {}: {clients:>3} clients {:<46} {per_second:>8.0}/s  p99 {p99_ms:.1} ms",
                    round + 1,
                    writer.name()
                );
                figures.push(Figure { round, clients, writer, per_second, p99_ms });
            }
        }
    }
    Ok(figures)
}

/// The example, with its folders beside the server's.
struct Ours<'a> {
    binary: PathBuf,
    folder: PathBuf,
    server: &'a Server,
}

impl Ours<'_> {
    fn rates(
        &self,
        place: &str,
        what: &str,
        number: u64,
        seconds: u64,
        on_postgres: bool,
    ) -> Result<serde_json::Value, String> {
        let place = self.folder.join(place);
        std::fs::create_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
        let mut command = Command::new(&self.binary);
        command.arg(&place).arg(what).args([number.to_string(), seconds.to_string()]);
        if on_postgres {
            command.env("VAULT_RATES_DATA", self.server.url("vault_data"));
            command.env("VAULT_RATES_KEYS", self.server.url("vault_keys"));
        }
        let said = stage::run(&mut command)?;
        serde_json::from_str(said.trim()).map_err(|e| format!("vault_rates said {said:?}: {e}"))
    }

    /// Writes a second, and the 99th percentile of a write in milliseconds.
    fn once(&self, writer: Writer, clients: u64, seconds: u64) -> Result<(f64, f64), String> {
        let told = match writer {
            Writer::PostgresPlain => return self.server.pgbench("plain", clients, seconds),
            Writer::PostgresSealed => return self.server.pgbench("sealed", clients, seconds),
            Writer::Ours => self.rates("writes", "writes", clients, seconds, false)?,
            Writer::OursChange => self.rates("writes", "changes", clients, seconds, false)?,
            Writer::OursOnPostgres => self.rates("on-postgres", "writes", clients, seconds, true)?,
        };
        Ok((figure(&told, "per_second")?, figure(&told, "p99_us")? / 1_000.0))
    }

    fn growth(&self, customers: u64, seconds: u64) -> Result<Growth, String> {
        let began = std::time::Instant::now();
        self.rates("sizes", "fill", customers, 1, false)?;
        eprintln!("filled to {customers} customers in {:.0} s", began.elapsed().as_secs_f64());
        let find = self.rates("sizes", "finds", 1, seconds, false)?;
        let find_many = self.rates("sizes", "finds", 64, seconds, false)?;
        let open = self.rates("sizes", "opens", 1, seconds, false)?;
        let open_many = self.rates("sizes", "opens", 64, seconds, false)?;
        let growth = Growth {
            customers,
            find_p50_us: figure(&find, "p50_us")?,
            find_per_second: figure(&find_many, "per_second")?,
            open_p50_us: figure(&open, "p50_us")?,
            open_per_second: figure(&open_many, "per_second")?,
            open_cpu_us: figure(&open_many, "cpu_us")?,
        };
        eprintln!(
            "{customers} customers: find {:.0} us, open {:.0} us, {:.0}/s",
            growth.find_p50_us, growth.open_p50_us, growth.open_per_second
        );
        Ok(growth)
    }
}

fn figure(told: &serde_json::Value, name: &str) -> Result<f64, String> {
    told.get(name).and_then(serde_json::Value::as_f64).ok_or_else(|| format!("vault_rates told no {name}"))
}

fn cost(ours: &Ours<'_>, bytes: u64) -> Result<Cost, String> {
    let told = ours.rates("seal", "seal", bytes, 4, false)?;
    let openssl = openssl(bytes)?;
    let (pgp_encrypt, pgp_decrypt) = ours.server.pgp(bytes)?.unzip();
    Ok(Cost {
        bytes,
        seal: figure(&told, "seal_ns")?,
        open: figure(&told, "open_ns")?,
        openssl,
        pgp_encrypt,
        pgp_decrypt,
    })
}

/// Nanoseconds of AES-256-GCM over so many bytes with one key, as `openssl speed` has it: no key, no nonce, no commitment of its own
/// for each value. In CPU time, as ours.
fn openssl(bytes: u64) -> Result<f64, String> {
    let words = ["speed", "-mr", "-seconds", "2", "-evp", "aes-256-gcm", "-bytes"];
    let said = stage::run(Command::new("openssl").args(words).arg(bytes.to_string()))?;
    let told = said.lines().find_map(|line| line.strip_prefix("+F:"));
    // Its last figure is bytes a second.
    let speed: Option<f64> =
        told.and_then(|line| line.rsplit(':').next()).and_then(|text| text.trim().parse().ok());
    let speed = speed.ok_or_else(|| format!("openssl speed said {said:?}"))?;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let bytes = bytes as f64;
    Ok(bytes / speed * 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_bounded() {
        let read = Options::parse(&["--rounds", "1", "--customers", "2000,1000"]).unwrap();
        assert_eq!((read.rounds, read.seconds, read.sizes), (1, 4, vec![1_000, 2_000]));
        for wrong in [&["--customers", "5"][..], &["--seconds"], &["--fast"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}

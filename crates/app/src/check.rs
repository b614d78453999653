//! `storeward check`: each thing that must be right, whether it is, and what to do where it is not.

use std::fmt;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use storeward_base::{Clock, SystemClock, Timestamp};
use storeward_passwords::breach::BreachList;
use storeward_store::Engine;

use crate::config::{Config, Loaded};
use crate::data::DataDir;
use crate::failure::{Failure, IoContext as _};
use crate::{Directory, Done, ledger_head, mail, open, platform};

mod certificates;
mod past;
mod trust;

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    at: Directory,
    /// Only whether the running Storeward takes connections; for health checks of containers.
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    Look,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    grade: Grade,
    what: &'static str,
    says: String,
    todo: Option<String>,
}

impl Finding {
    fn good(what: &'static str, says: impl Into<String>) -> Self {
        Finding { grade: Grade::Good, what, says: says.into(), todo: None }
    }

    /// A failure with its own advice, or with `otherwise`.
    fn of(what: &'static str, failure: Failure, otherwise: &str) -> Self {
        let (says, todo) = failure.into_parts();
        Finding::bad(what, says, todo.unwrap_or_else(|| otherwise.to_owned()))
    }

    fn look(what: &'static str, says: impl Into<String>, todo: impl Into<String>) -> Self {
        Finding { grade: Grade::Look, what, says: says.into(), todo: Some(todo.into()) }
    }

    fn bad(what: &'static str, says: impl Into<String>, todo: impl Into<String>) -> Self {
        Finding { grade: Grade::Bad, what, says: says.into(), todo: Some(todo.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.grade {
            Grade::Good => "ok  ",
            Grade::Look => "look",
            Grade::Bad => "BAD ",
        };
        write!(f, "{mark}  {:<12} {}", self.what, self.says)?;
        match &self.todo {
            Some(todo) => write!(f, "\n                    → {todo}"),
            None => Ok(()),
        }
    }
}

/// The gates before back-office paths; nothing where there are none.
fn gates(config: &Config) -> Option<Finding> {
    if config.gates.is_empty() {
        return None;
    }
    let held: Vec<String> =
        config.gates.iter().map(|g| format!("{} ({})", g.name, g.paths.join(", "))).collect();
    let held = held.join("; ");
    Some(match crate::gate::doubt(config) {
        Some(todo) => Finding::look("gate", held, todo),
        None => Finding::good("gate", held),
    })
}

/// The shop's own staff pages; nothing where they are not looked at.
fn office(config: &Config) -> Option<Finding> {
    let pages = config.office.as_ref()?.pages.clone();
    Some(match crate::office::doubt(config) {
        Some(todo) => Finding::look("office", pages, todo),
        None => Finding::good("office", pages),
    })
}

pub fn check(options: &Options) -> Done {
    let dir = &options.at.dir;
    if options.quick {
        return quick(dir);
    }
    // No fault of the config, of which nothing is to be mended.
    DataDir::is_finished(dir)?;
    let mut findings = Vec::new();
    let loaded = match Config::load(dir).and_then(|l| l.config.validate().map(|()| l)) {
        Ok(loaded) => loaded,
        Err(failure) => {
            told(&[Finding::of("config", failure, "mend storeward.toml and check again")])?;
            return Err(Failure::new("the config does not hold; nothing else was checked"));
        }
    };
    findings.push(Finding::good("config", format!("{} holds", dir.join(crate::config::FILE).display())));
    let running = DataDir::open(dir)?.running_pid()?.is_some();
    let keys = keys(dir);
    // Without keys the database cannot be opened, which is no fault of its own.
    let has_keys = keys.grade == Grade::Good;
    findings.push(keys);
    if has_keys {
        findings.push(database(dir));
    }
    findings.extend(ports(&loaded, running));
    findings.extend(upstreams(&loaded.config));
    findings.extend(certificates::check(&loaded.config, dir));
    findings.extend(mail::probe(&loaded.config).map(|found| match found {
        Ok(says) => Finding::good("mail", says),
        Err((says, todo)) => Finding::bad("mail", says, todo),
    }));
    findings.extend(loaded.config.sms.as_ref().map(|_| {
        Finding::good(
            "sms",
            "configured; try it with `storeward sms test` (a message costs, so check sends none)",
        )
    }));
    findings.extend(bans(&loaded.config));
    findings.extend(gates(&loaded.config));
    findings.extend(office(&loaded.config));
    findings.push(passwords(dir, loaded.config.passwords.breach_service.as_deref()));
    findings.extend(networks(dir, &loaded.config));
    if has_keys {
        findings.extend(shield(dir, &loaded.config));
        findings.extend(vault(dir, &loaded.config));
    }
    findings.push(backup(dir, &loaded.config));
    findings.extend(payments(dir, &loaded.config));
    if has_keys {
        findings.extend(compared(dir, &loaded.config));
    }
    findings.extend(checkout(&loaded.config));
    told(&findings)?;
    let bad = findings.iter().filter(|f| f.grade == Grade::Bad).count();
    match bad {
        0 => {
            let next = if running { "It is running." } else { "Start it with `storeward run`." };
            told(&[format!("\nReady. {next}")])
        }
        1 => Err(Failure::new("one thing must be put right first")),
        n => Err(Failure::new(format!("{n} things must be put right first"))),
    }
}

/// Prints each on a line. `storeward check | head` closes the pipe: that is an end, not a failure.
fn told(lines: &[impl fmt::Display]) -> Done {
    let mut out = std::io::stdout().lock();
    for line in lines {
        match writeln!(out, "{line}") {
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            done => done.doing("printing")?,
        }
    }
    Ok(())
}

fn quick(dir: &Path) -> Done {
    let loaded = Config::load(dir)?;
    let running = DataDir::open(dir)?.running_pid()?.is_some();
    let address = reachable(loaded.config.listen.https);
    if running && TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok() {
        return Ok(());
    }
    Err(Failure::new("Storeward does not serve").hint("start it with `storeward run`, or look at its log"))
}

/// `0.0.0.0` is reached by the loopback address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn keys(dir: &Path) -> Finding {
    match DataDir::open(dir).and_then(|d| d.keys()) {
        Ok(_) => Finding::good("keys", "there, and readable by their owner only"),
        Err(failure) => Finding::of("keys", failure, "without keys nothing is served"),
    }
}

fn database(dir: &Path) -> Finding {
    match open::open(dir) {
        Ok(opened) => {
            let engine = match opened.db.engine() {
                Engine::Sqlite => "SQLite",
                Engine::Postgres => "PostgreSQL",
            };
            match ledger_head::found(&opened) {
                Err(failure) => Finding::of("database", failure, "see `storeward audit verify`"),
                Ok(()) => Finding::good(
                    "database",
                    format!(
                        "{engine} answers, its tables are up to date; its ledger is {}, as it was begun, and {}",
                        opened.db.ledger_name(),
                        crate::run::Looked::last(dir).map_or_else(
                            || "was not looked through yet".to_owned(),
                            crate::run::Looked::in_words
                        )
                    ),
                ),
            }
        }
        Err(failure) => Finding::of("database", failure, "see database.url in storeward.toml"),
    }
}

/// Without the list only what everybody tries first is refused (ASVS 5.0 6.2.4 and 6.2.12 want more).
fn passwords(dir: &Path, service: Option<&str>) -> Finding {
    match BreachList::open(&dir.join(crate::breach_list::NAME)) {
        Ok(list) => {
            Finding::good("passwords", format!("none of {} breached ones can be chosen", list.passwords()))
        }
        Err(storeward_passwords::Error::File(std::io::ErrorKind::NotFound)) if service.is_some() => {
            Finding::good(
                "passwords",
                format!("breached ones are looked for at {} while it answers", service.unwrap_or_default()),
            )
        }
        Err(storeward_passwords::Error::File(std::io::ErrorKind::NotFound)) => Finding::look(
            "passwords",
            "there is no list of breached ones: those that were stolen elsewhere can be chosen",
            "build one: storeward breach-list build (docs/operations.md, Breached passwords)",
        ),
        Err(error) => Finding::bad("passwords", error.to_string(), "storeward breach-list build"),
    }
}

/// What the shield goes by, and what the test account found the last time.
fn shield(dir: &Path, config: &Config) -> Vec<Finding> {
    let Some(section) = config.shield.as_ref() else { return Vec::new() };
    let mut findings = Vec::new();
    match crate::shield::adapter_in_words(config, dir) {
        None => {}
        Some(Ok(Ok(says))) => findings.push(Finding::good("shield", says)),
        Some(Ok(Err(says))) => {
            let todo = "start the shop, or name the adapter in storeward.toml, section [shield]";
            findings.push(Finding::look("shield", says, todo));
        }
        Some(Err(failure)) => {
            findings.push(Finding::of(
                "shield",
                failure,
                "name another adapter in storeward.toml, section [shield]",
            ));
        }
    }
    if let Some((says, todo)) = crate::shield::office_in_words(config, dir) {
        findings.push(Finding::look("shield", says, todo));
    }
    findings.push(if section.canary.is_none() {
        let says = "nobody looks whether the adapter still fits after an update of the shop";
        Finding::look("shield", says, "give it a test account: [shield.canary] in docs/shield.md")
    } else {
        match open::open(dir).ok().and_then(|opened| crate::shield::last_known(&opened)) {
            None => Finding::good("shield", "the test account signs in, as far as known"),
            Some((since, says)) => {
                let todo = "see docs/shield.md, \"The canary\"; then write an adapter that fits";
                Finding::bad("shield", format!("since {since}: {says}"), todo)
            }
        }
    });
    findings
}

/// Customers' records: whether the keys open, whether each is what the ledger says, who could open a copy.
fn vault(dir: &Path, config: &Config) -> Vec<Finding> {
    let Some(section) = &config.vault else { return Vec::new() };
    let is_there = DataDir::open(dir).is_ok_and(|data| crate::vault::exists(&data));
    let looked = open::open(dir).and_then(|opened| {
        // Looking makes nothing: the passphrase may still be chosen.
        if !is_there {
            return crate::vault::policies(section, &opened.data).map(drop);
        }
        let Some(standing) = crate::vault::start(&opened)? else { return Ok(()) };
        let told = crate::vault::status(&opened, &standing).map(drop);
        standing.close();
        told
    });
    let mut findings = vec![match looked {
        Ok(()) if !is_there => Finding::good("vault", "is made at the first start"),
        Ok(()) => Finding::good("vault", "every key opens and is what the key store's ledger says"),
        Err(failure) => Finding::of("vault", failure, "see docs/vault.md"),
    }];
    if crate::vault::source(section) == crate::vault::Source::Own {
        findings.push(Finding::look(
            "vault",
            "the passphrase of its root key lies in the data directory, beside what it protects",
            "name a file elsewhere with vault.passphrase_file before the first customer is kept (docs/vault.md)",
        ));
    }
    findings
}

/// Whether the secrets of payments can be read; nothing where none are taken.
fn payments(dir: &Path, config: &Config) -> Option<Finding> {
    config.payments.as_ref()?;
    Some(match crate::payments::look(dir, config) {
        Ok(Ok(says)) => Finding::good("payments", says),
        Ok(Err((says, todo))) => Finding::look("payments", says, todo),
        Err(failure) => Finding::of("payments", failure, "see docs/payments.md"),
    })
}

/// How far days are held against the providers' own lists; nothing where no payments are taken.
fn compared(dir: &Path, config: &Config) -> Option<Finding> {
    match crate::payments::compared(dir, config).transpose()? {
        Ok(Ok(says)) => Some(Finding::good("payments", says)),
        Ok(Err((says, todo))) => Some(Finding::look("payments", says, todo)),
        Err(failure) => Some(Finding::of("payments", failure, "see docs/payments.md")),
    }
}

/// Which paying pages are guarded; nothing where none are.
fn checkout(config: &Config) -> Option<Finding> {
    Some(match crate::checkout::in_words(config)? {
        Ok(says) => Finding::good("checkout", says),
        Err((says, todo)) => Finding::look("checkout", says, todo),
    })
}

/// Whether there are backups, and whether their target can be opened.
fn backup(dir: &Path, config: &Config) -> Finding {
    match crate::backup::look(dir, config) {
        Ok(Ok(says)) => Finding::good("backup", says),
        Ok(Err((says, todo))) => Finding::look("backup", says, todo),
        Err(failure) => Finding::of("backup", failure, "see docs/backup.md"),
    }
}

/// The files that say where addresses are. One that is not there is told at a start only.
fn networks(dir: &Path, config: &Config) -> Option<Finding> {
    let count = config.identity.as_ref()?.networks.len();
    if count == 0 {
        return None;
    }
    let data = DataDir::open(dir).ok()?;
    Some(match crate::identity::check_networks(config, &data) {
        Ok(()) => Finding::good("networks", format!("{count} of the files can be read")),
        Err(failure) => Finding::of(
            "networks",
            failure,
            "put the file into the data directory, or take it out of identity.networks (docs/sign-in-risk.md)",
        ),
    })
}

/// A list that was meant for one office and holds everybody.
fn bans(config: &Config) -> Option<Finding> {
    let never = &config.bans.never_block;
    // One address of each of the public networks that were given out: by /8, and by the registries' blocks of IPv6.
    let v4 = (1..=223).filter(|n| ![10, 127].contains(n)).all(|n| never.contains([n, 1, 1, 1].into()));
    let v6 = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00];
    let v6 = v6.into_iter().all(|n| never.contains([n, 0x200, 0, 0, 0, 0, 0, 1].into()));
    (v4 || v6).then(|| {
        Finding::look(
            "bans",
            format!(
                "bans.never_block covers every {} address: nobody is banned",
                if v4 { "IPv4" } else { "IPv6" }
            ),
            "name your own addresses only; to watch without banning set bans.mode = \"note\"",
        )
    })
}

fn ports(loaded: &Loaded, running: bool) -> Vec<Finding> {
    let config = &loaded.config;
    let mut wanted = vec![("listen.https", config.listen.https), ("console", config.console.listen)];
    wanted.extend(config.listen.http.map(|http| ("listen.http", http)));
    let mut findings: Vec<Finding> =
        wanted.iter().map(|(what, address)| port(what, *address, running)).collect();
    for (at, (what, address)) in wanted.iter().enumerate() {
        let same = wanted.iter().skip(at + 1).find(|(_, other)| meet(*address, *other));
        findings.extend(same.map(|(other, _)| {
            Finding::bad(what, format!("the same port as {other}"), "give each of them a port of its own")
        }));
    }
    findings
}

/// Whether two listeners would want the same socket: the same port, at the same address or at all of them.
fn meet(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port()
        && a.port() != 0
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn port(what: &'static str, address: SocketAddr, running: bool) -> Finding {
    if running {
        return match TcpStream::connect_timeout(&reachable(address), Duration::from_secs(2)) {
            Ok(_) => Finding::good(what, format!("{address} is served by the running Storeward")),
            Err(e) => Finding::bad(
                what,
                format!("{address} is not served: {e}"),
                "look at the log of the running one",
            ),
        };
    }
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(what, format!("{address} is free")),
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => Finding::bad(
            what,
            format!("{address} may not be used by this user"),
            "use packaging/storeward.service, or setcap cap_net_bind_service=+ep on the binary",
        ),
        Err(e) => Finding::bad(
            what,
            format!("{address}: {e}"),
            "stop what uses it (`ss -ltnp`), or choose another port",
        ),
    }
}

fn upstreams(config: &Config) -> Vec<Finding> {
    let urls = config.upstream.servers.iter().map(|entry| match entry {
        storeward_edge::config::ServerEntry::Url(url)
        | storeward_edge::config::ServerEntry::Weighted { url, .. } => url.clone(),
    });
    let mut findings: Vec<Finding> =
        urls.flat_map(|url| upstream(&url, config.upstream.ca_file.as_deref())).collect();
    findings.push(synchronised());
    findings
}

fn upstream(url: &str, ca_file: Option<&Path>) -> Vec<Finding> {
    if let Some(finding) = trust::distrusted(url, ca_file) {
        return vec![finding];
    }
    let found = platform::ask(url, ca_file);
    if !found.answered {
        return vec![Finding::bad(
            "upstream",
            format!("{url} does not answer"),
            "start the shop, or correct upstream.servers; until then visitors see the maintenance page",
        )];
    }
    let mut findings = vec![Finding::good("upstream", format!("{url} answers ({})", found.platform))];
    findings.extend(past::reachable(url));
    if let Some(theirs) = found.clock {
        findings.push(clock(theirs, SystemClock.now()));
    }
    findings
}

/// A shop on this machine has this machine's clock, right or wrong: what the system says of its synchronisation.
fn synchronised() -> Finding {
    let asked = Command::new("timedatectl").args(["show", "-p", "NTPSynchronized", "--value"]).output();
    let said = asked.ok().filter(|out| out.status.success());
    let said = said.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    match said.as_deref() {
        Some("yes") => Finding::good("clock", "is synchronised (NTP)"),
        Some(_) => Finding::look(
            "clock",
            "is not synchronised",
            "turn it on (timedatectl set-ntp true): certificates, one-time codes and evidence depend on the time",
        ),
        None => Finding::look(
            "clock",
            "this system does not tell whether it is synchronised",
            "make sure that something sets it (NTP, or the host of a container)",
        ),
    }
}

/// The shop's Date header against our clock: one of the two is wrong when they differ by more than a minute.
fn clock(theirs: Timestamp, ours: Timestamp) -> Finding {
    let apart = ours.since(theirs).max(theirs.since(ours));
    if apart > Duration::from_secs(60) {
        return Finding::bad(
            "clock",
            format!("this machine and the shop differ by {} seconds", apart.as_secs()),
            "turn on time synchronisation (timedatectl set-ntp true): certificates, codes and evidence depend on it",
        );
    }
    Finding::good("clock", format!("agrees with the shop's to {} seconds", apart.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told() {
        let now = Timestamp::from_seconds(1_000);
        assert_eq!(clock(Timestamp::from_seconds(990), now).grade, Grade::Good);
        assert_eq!(clock(Timestamp::from_seconds(900), now).grade, Grade::Bad);
        assert_eq!(clock(Timestamp::from_seconds(1_100), now).grade, Grade::Bad);
    }

    #[test]
    fn a_missing_list_of_breached_passwords_is_told_and_a_damaged_one_is_bad() {
        let dir = tempfile::tempdir().unwrap();
        let missing = passwords(dir.path(), None);
        assert_eq!(missing.grade, Grade::Look);
        assert!(missing.to_string().contains("storeward breach-list build"), "{missing}");
        let asked = passwords(dir.path(), Some("https://api.pwnedpasswords.com"));
        assert_eq!(asked.grade, Grade::Good);
        std::fs::write(dir.path().join(crate::breach_list::NAME), "no list").unwrap();
        assert_eq!(passwords(dir.path(), Some("https://api.pwnedpasswords.com")).grade, Grade::Bad);
    }

    #[test]
    fn a_file_of_networks_that_is_not_there_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let of = |files: &str| {
            let text = format!(
                "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = \
                 ['http://127.0.0.1:1']\n[identity]\nnetworks = {files}\n"
            );
            networks(dir.path(), &Config::parse(&text).unwrap())
        };
        assert!(of("[]").is_none());
        let missing = of("['networks.txt']").unwrap();
        assert_eq!(missing.grade, Grade::Bad);
        let says = missing.to_string();
        assert!(
            says.contains("networks.txt") && says.contains("put the file into the data directory"),
            "{says}"
        );
        std::fs::write(dir.path().join("networks.txt"), "198.51.100.0/24 asn=64500 country=NO\n").unwrap();
        assert_eq!(of("['networks.txt']").unwrap().grade, Grade::Good);
        std::fs::write(dir.path().join("networks.txt"), "198.51.100.0/99 x\n").unwrap();
        assert_eq!(of("['networks.txt']").unwrap().grade, Grade::Bad);
    }

    #[test]
    fn a_list_that_holds_everybody_is_told() {
        let check = |list: &str, told: Option<&str>| {
            let text = format!(
                "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = \
                 ['http://127.0.0.1:1']\n[bans]\nnever_block = {list}\n"
            );
            let found = bans(&Config::parse(&text).unwrap());
            assert_eq!(found.is_some(), told.is_some(), "{list}");
            let says = found.map(|f| f.to_string()).unwrap_or_default();
            assert!(says.contains(told.unwrap_or_default()), "{says}");
        };
        check("['0.0.0.0/0']", Some("every IPv4"));
        check("['0.0.0.0/1', '128.0.0.0/1']", Some("every IPv4"));
        check("['::/0']", Some("every IPv6"));
        check("['2000::/3', '127.0.0.0/8']", Some("every IPv6"));
        check("['10.0.0.0/8', '127.0.0.0/8', '::1', '2001:db8::/32', '198.51.100.7']", None);
        check("[]", None);
    }

    #[test]
    fn two_listeners_at_one_port_are_told() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(meet(at("0.0.0.0:443"), at("127.0.0.1:443")));
        assert!(meet(at("127.0.0.1:443"), at("127.0.0.1:443")));
        assert!(!meet(at("127.0.0.2:443"), at("127.0.0.1:443")));
        assert!(!meet(at("0.0.0.0:443"), at("127.0.0.1:9443")));
    }

    #[test]
    fn a_port_in_use_is_told() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let finding = port("listen.https", address, false);
        assert_eq!(finding.grade, Grade::Bad);
        assert!(finding.to_string().contains("choose another port"));
        assert_eq!(port("listen.https", address, true).grade, Grade::Good);
    }
}

//! `storeward check`: each thing that must be right, whether it is, and what to do where it is not.

use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use storeward_base::{Clock, SystemClock, Timestamp};
use storeward_edge::certificates::Source;

use crate::config::{Config, Loaded};
use crate::data::DataDir;
use crate::failure::Failure;
use crate::{Directory, Done, mail, open, platform};

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

pub fn check(options: &Options) -> Done {
    let dir = &options.at.dir;
    if options.quick {
        return quick(dir);
    }
    let mut findings = Vec::new();
    let loaded = match Config::load(dir).and_then(|l| l.config.validate().map(|()| l)) {
        Ok(loaded) => loaded,
        Err(failure) => {
            println!(
                "{}",
                Finding::bad("config", failure.to_string(), "mend storeward.toml and check again")
            );
            return Err(Failure::new("the config does not hold; nothing else was checked"));
        }
    };
    findings.push(Finding::good("config", format!("{} holds", dir.join(crate::config::FILE).display())));
    let running = DataDir::open(dir)?.running_pid()?.is_some();
    findings.push(keys(dir));
    findings.push(database(dir));
    findings.extend(ports(&loaded, running));
    findings.extend(upstreams(&loaded.config));
    findings.push(certificates(&loaded, dir));
    findings.extend(mail::probe(&loaded.config).map(|found| match found {
        Ok(says) => Finding::good("mail", says),
        Err((says, todo)) => Finding::bad("mail", says, todo),
    }));
    for finding in &findings {
        println!("{finding}");
    }
    let bad = findings.iter().filter(|f| f.grade == Grade::Bad).count();
    match bad {
        0 => {
            println!(
                "\nReady.{}",
                if running { " It is running." } else { " Start it with `storeward run`." }
            );
            Ok(())
        }
        1 => Err(Failure::new("one thing must be put right first")),
        n => Err(Failure::new(format!("{n} things must be put right first"))),
    }
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
        Err(failure) => Finding::bad("keys", failure.to_string(), "without keys nothing is served"),
    }
}

fn database(dir: &Path) -> Finding {
    match open::open(dir) {
        Ok(opened) => {
            Finding::good("database", format!("{:?} answers, its tables are up to date", opened.db.engine()))
        }
        Err(failure) => Finding::bad("database", failure.to_string(), "see database.url in storeward.toml"),
    }
}

fn ports(loaded: &Loaded, running: bool) -> Vec<Finding> {
    let config = &loaded.config;
    let mut wanted = vec![("listen.https", config.listen.https), ("console", config.console.listen)];
    wanted.extend(config.listen.http.map(|http| ("listen.http", http)));
    wanted.into_iter().map(|(what, address)| port(what, address, running)).collect()
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
    urls.flat_map(|url| upstream(&url)).collect()
}

fn upstream(url: &str) -> Vec<Finding> {
    let found = platform::ask(url);
    if !found.answered {
        return vec![Finding::bad(
            "upstream",
            format!("{url} does not answer"),
            "start the shop, or correct upstream.servers; until then visitors see the maintenance page",
        )];
    }
    let mut findings = vec![Finding::good("upstream", format!("{url} answers ({})", found.platform))];
    if let Some(theirs) = found.clock {
        findings.push(clock(theirs, SystemClock.now()));
    }
    findings
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

fn certificates(loaded: &Loaded, dir: &Path) -> Finding {
    let what = "certificate";
    let config = match loaded.config.certificates() {
        Ok(config) => config,
        Err(failure) => {
            return Finding::bad(what, failure.to_string(), "see [certificates] in storeward.toml");
        }
    };
    match &config.source {
        Source::Local => Finding::look(
            what,
            "of the development CA: browsers warn until they trust it",
            format!(
                "for this machine: storeward ca install --dir {}; for customers: a public domain",
                dir.display()
            ),
        ),
        Source::Acme(_) if loaded.config.listen.http.is_none() => Finding::look(
            what,
            "will be ordered by ACME over TLS only, because listen.http is not set",
            "add http = \"0.0.0.0:80\" under [listen]: then both ways are open",
        ),
        Source::Acme(_) => Finding::good(what, "is ordered and renewed by itself (ACME)"),
        Source::Files(files) => {
            match (std::fs::metadata(&files.certificate), std::fs::metadata(&files.key)) {
                (Ok(_), Ok(_)) => Finding::good(what, "files are there; they are watched for change"),
                _ => Finding::bad(
                    what,
                    format!("{} or {} cannot be read", files.certificate.display(), files.key.display()),
                    "correct the paths under [certificates], or let this user read them",
                ),
            }
        }
    }
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
    fn a_port_in_use_is_told() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let finding = port("listen.https", address, false);
        assert_eq!(finding.grade, Grade::Bad);
        assert!(finding.to_string().contains("choose another port"));
        assert_eq!(port("listen.https", address, true).grade, Grade::Good);
    }
}

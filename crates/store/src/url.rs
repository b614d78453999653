//! Where the database is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use postgres::config::{Host, SslMode};
use storeward_base::Secret;

use crate::{Engine, Error};

/// `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=…&sslrootcert=…`. `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct DatabaseUrl(pub(crate) Target);

#[derive(Clone)]
pub(crate) enum Target {
    Sqlite(PathBuf),
    Postgres(Box<Server>),
}

/// A PostgreSQL server, and whether what is said to it is encrypted.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: postgres::Config,
    pub(crate) encryption: Encryption,
}

impl Server {
    fn for_programs(&self) -> Vec<(&'static str, Secret<String>)> {
        let mut found = Vec::new();
        let mut put = |name, value: String| found.push((name, Secret::new(value)));
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<String> = hosts.collect();
        if !hosts.is_empty() {
            put("PGHOST", hosts.join(","));
        }
        let ports: Vec<String> = self.config.get_ports().iter().map(u16::to_string).collect();
        if !ports.is_empty() {
            put("PGPORT", ports.join(","));
        }
        for (name, value) in [
            ("PGUSER", self.config.get_user()),
            ("PGDATABASE", self.config.get_dbname()),
            ("PGOPTIONS", self.config.get_options()),
        ] {
            if let Some(value) = value {
                put(name, value.to_owned());
            }
        }
        if let Some(password) = self.config.get_password() {
            put("PGPASSWORD", String::from_utf8_lossy(password).into_owned());
        }
        match &self.encryption {
            Encryption::Plain => put("PGSSLMODE", "disable".to_owned()),
            Encryption::Tls(roots) => {
                put("PGSSLMODE", "verify-full".to_owned());
                let file = match roots {
                    Roots::File(path) => path.clone(),
                    // libpq knows the word `system` from version 16 on only; this is where Debian keeps them.
                    Roots::OfTheMachine => PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
                };
                put("PGSSLROOTCERT", file.display().to_string());
            }
        }
        found
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    Plain,
    Tls(Roots),
}

/// Whose certificates count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    OfTheMachine,
    /// The certificates of this PEM file, and no others.
    File(PathBuf),
}

impl DatabaseUrl {
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            if path.is_empty() || path.starts_with(':') || path.contains(['?', '\0']) {
                return Err(Error::Url("behind sqlite: stands the path of a file".to_owned()));
            }
            return Ok(DatabaseUrl(Target::Sqlite(PathBuf::from(path))));
        }
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(Error::Url("it names neither sqlite nor postgres".to_owned()));
        }
        let (rest, wishes) = Wishes::take_out(text)?;
        // The driver's message may quote the address, and so the password: it is not passed on.
        let mut config = postgres::Config::from_str(&rest)
            .map_err(|_| Error::Url("the part behind postgres:// has a mistake".to_owned()))?;
        let encryption = wishes.decide(&config)?;
        config.ssl_mode(match encryption {
            Encryption::Plain => SslMode::Disable,
            // The driver's word for "no connection rather than one in plain text".
            Encryption::Tls(_) => SslMode::Require,
        });
        Ok(DatabaseUrl(Target::Postgres(Box::new(Server { config, encryption }))))
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&std::path::Path> {
        match &self.0 {
            Target::Sqlite(path) => Some(path),
            Target::Postgres(_) => None,
        }
    }

    /// What PostgreSQL's own programs need to reach the same database, as environment variables (PostgreSQL 15, section 34.15):
    /// arguments would stand in the list of processes. Nothing for SQLite.
    pub fn for_programs(&self) -> Vec<(&'static str, Secret<String>)> {
        match &self.0 {
            Target::Sqlite(_) => Vec::new(),
            Target::Postgres(server) => server.for_programs(),
        }
    }

    pub fn engine(&self) -> Engine {
        match self.0 {
            Target::Sqlite(_) => Engine::Sqlite,
            Target::Postgres(_) => Engine::Postgres,
        }
    }
}

/// What the address asks for, in libpq's words (PostgreSQL 15, section 34.19.1).
#[derive(Default)]
struct Wishes {
    mode: Option<String>,
    roots: Option<String>,
}

impl Wishes {
    /// The driver knows neither `verify-full` nor `sslrootcert`: both are ours, and taken out before it reads the rest.
    fn take_out(text: &str) -> Result<(String, Wishes), Error> {
        let mut wishes = Wishes::default();
        let Some((address, query)) = text.split_once('?') else { return Ok((text.to_owned(), wishes)) };
        let mut others = Vec::new();
        for pair in query.split('&') {
            let place = match pair.split_once('=') {
                Some(("sslmode", value)) => Some((&mut wishes.mode, value)),
                Some(("sslrootcert", value)) => Some((&mut wishes.roots, value)),
                _ => None,
            };
            match place {
                None => others.push(pair),
                Some((place, value)) => {
                    let value = percent_decoded(value)
                        .ok_or_else(|| Error::Url("a value behind ? has a mistake".to_owned()))?;
                    if place.replace(value).is_some() {
                        return Err(Error::Url("sslmode and sslrootcert stand once at most".to_owned()));
                    }
                }
            }
        }
        let rest =
            if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
        Ok((rest, wishes))
    }

    /// Passwords and data in plain text are fine inside one machine. On a network there is TLS, with a certificate that is
    /// verified and bears the server's name, unless the operator says by `sslmode=disable` that the network is a private one.
    /// Nothing in between: who can answer in the server's place can also say that it speaks no TLS.
    fn decide(self, config: &postgres::Config) -> Result<Encryption, Error> {
        let roots = match self.roots.as_deref() {
            None | Some("system") => Roots::OfTheMachine,
            Some(path) if path.starts_with('/') => Roots::File(PathBuf::from(path)),
            Some(_) => {
                return Err(Error::Url("behind sslrootcert stands a path from / on, or system".to_owned()));
            }
        };
        match self.mode.as_deref() {
            Some("disable") if self.roots.is_some() => {
                Err(Error::Url("sslrootcert is of no use with sslmode=disable".to_owned()))
            }
            Some("disable") => Ok(Encryption::Plain),
            None if self.roots.is_none() && is_local(config) => Ok(Encryption::Plain),
            None | Some("require" | "verify-full") => Ok(Encryption::Tls(roots)),
            Some("allow" | "prefer") => Err(Error::Url(
                "sslmode=allow and sslmode=prefer fall back to plain text; use verify-full, or disable on a private network"
                    .to_owned(),
            )),
            Some("verify-ca") => Err(Error::Url(
                "sslmode=verify-ca does not look at the server's name; use verify-full".to_owned(),
            )),
            Some(_) => Err(Error::Url("sslmode is one of disable, require and verify-full".to_owned())),
        }
    }
}

fn is_local(config: &postgres::Config) -> bool {
    let local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    };
    config.get_hosts().iter().all(local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// RFC 3986, section 2.1; `None` when it has a mistake.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = behind.get(..2).filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = behind.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

impl FromStr for DatabaseUrl {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        DatabaseUrl::parse(text)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Target::Postgres(server) => {
                let config = &server.config;
                let host = match config.get_hosts().first() {
                    Some(Host::Tcp(name)) => name.clone(),
                    Some(Host::Unix(path)) => path.display().to_string(),
                    None => "localhost".to_owned(),
                };
                write!(f, "postgres://{host}/{}", config.get_dbname().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_the_password() {
        let url = DatabaseUrl::parse("postgres://shop:hunter2@127.0.0.1:5432/ward").unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://127.0.0.1/ward postgres://127.0.0.1/ward");
        let wrong = DatabaseUrl::parse("postgres://shop:hunter2@host:port/ward?x=y").unwrap_err();
        assert!(!wrong.to_string().contains("hunter2"));
    }

    fn encryption(text: &str) -> Result<Encryption, Error> {
        match DatabaseUrl::parse(text)?.0 {
            Target::Postgres(server) => {
                let forced = server.config.get_ssl_mode() == SslMode::Require;
                assert_eq!(forced, server.encryption != Encryption::Plain, "{text}");
                Ok(server.encryption)
            }
            Target::Sqlite(path) => panic!("{}", path.display()),
        }
    }

    #[test]
    fn plain_text_stays_on_the_machine_unless_told() {
        let plain = Ok(Encryption::Plain);
        let verified = Ok(Encryption::Tls(Roots::OfTheMachine));
        let by = |path: &str| Ok(Encryption::Tls(Roots::File(PathBuf::from(path))));
        for (text, expected) in [
            ("postgres://u@localhost/d", plain.clone()),
            ("postgres://u@127.8.9.1/d?connect_timeout=3", plain.clone()),
            ("postgres://u@%2Frun%2Fpostgresql/d", plain.clone()),
            ("postgres://u@db.internal/d?sslmode=disable", plain),
            ("postgres://u@db.internal/d", verified.clone()),
            ("postgres://u@127.0.0.1,10.0.0.1/d", verified.clone()),
            ("postgres://u@localhost/d?hostaddr=10.0.0.1", verified.clone()),
            ("postgres://u@localhost/d?sslmode=require", verified.clone()),
            ("postgres://u@10.0.0.1/d?sslrootcert=system&application_name=x", verified),
            ("postgres://u@localhost/d?sslrootcert=/etc/db.pem", by("/etc/db.pem")),
            ("postgres://u@db/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fa%20b.pem", by("/etc/a b.pem")),
        ] {
            assert_eq!(encryption(text), expected, "{text}");
        }
    }

    #[test]
    fn what_would_weaken_is_refused() {
        for bad in [
            "postgres://u@db.internal/d?sslmode=prefer",
            "postgres://u@localhost/d?sslmode=allow",
            "postgres://u@db.internal/d?sslmode=verify-ca",
            "postgres://u@db.internal/d?sslmode=Disable",
            "postgres://u@db.internal/d?sslmode=",
            "postgres://u@db.internal/d?sslmode=verify-full&sslmode=disable",
            "postgres://u@db.internal/d?sslmode=disable&sslrootcert=/etc/db.pem",
            "postgres://u@db.internal/d?sslrootcert=db.pem",
            "postgres://u@db.internal/d?sslrootcert=%2",
            "postgres://u@db.internal/d?sslrootcert=%ff",
            "postgres://u@db.internal/d?sslrootcert=%+1",
            "postgres://u@db.internal/d?sslcert=/etc/client.pem",
            "mysql://x",
            "sqlite:",
            "sqlite::memory:",
        ] {
            let refused = DatabaseUrl::parse(bad).map(|_| ());
            assert!(matches!(refused, Err(Error::Url(_))), "{bad}: {refused:?}");
        }
    }
}

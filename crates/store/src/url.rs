//! Where the database is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use postgres::config::{Host, SslMode};

use crate::{Engine, Error};

/// `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST:PORT/NAME`. `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct DatabaseUrl(pub(crate) Target);

#[derive(Clone)]
pub(crate) enum Target {
    Sqlite(PathBuf),
    Postgres(Box<postgres::Config>),
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
        // The driver's message may quote the address, and so the password: it is not passed on.
        let config = postgres::Config::from_str(text)
            .map_err(|_| Error::Url("the part behind postgres:// has a mistake".to_owned()))?;
        refuse_plain_text_on_the_network(&config)?;
        Ok(DatabaseUrl(Target::Postgres(Box::new(config))))
    }

    pub fn engine(&self) -> Engine {
        match self.0 {
            Target::Sqlite(_) => Engine::Sqlite,
            Target::Postgres(_) => Engine::Postgres,
        }
    }
}

/// This program speaks no TLS to PostgreSQL yet. Passwords and data in plain text are fine inside one machine; on a
/// network the operator has to say that it is a private one, by `sslmode=disable`.
fn refuse_plain_text_on_the_network(config: &postgres::Config) -> Result<(), Error> {
    let local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    };
    let all_local =
        config.get_hosts().iter().all(local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    match config.get_ssl_mode() {
        SslMode::Disable => Ok(()),
        SslMode::Prefer if all_local => Ok(()),
        _ => Err(Error::Url(
            "TLS to PostgreSQL is not supported yet; use a server on this machine, a tunnel, or, on a private \
             network only, add ?sslmode=disable"
                .to_owned(),
        )),
    }
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
            Target::Postgres(config) => {
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

    #[test]
    fn refuses_plain_text_on_a_network_unless_told() {
        let parse = |text: &str| DatabaseUrl::parse(text).map(|url| url.engine());
        assert_eq!(parse("postgres://u@localhost/d"), Ok(Engine::Postgres));
        assert_eq!(parse("postgres://u@%2Frun%2Fpostgresql/d"), Ok(Engine::Postgres));
        assert_eq!(parse("postgres://u@db.internal/d?sslmode=disable"), Ok(Engine::Postgres));
        for bad in [
            "postgres://u@db.internal/d",
            "postgres://u@127.0.0.1,10.0.0.1/d",
            "postgres://u@localhost/d?sslmode=require",
            "mysql://x",
            "sqlite:",
            "sqlite::memory:",
        ] {
            assert!(matches!(parse(bad), Err(Error::Url(_))), "{bad}");
        }
    }
}

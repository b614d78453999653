//! Where somebody else's database is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use storeward_base::Secret;

use crate::url::{Encryption, Roots, Target, percent_decoded};
use crate::{DatabaseUrl, Error};

/// `mysql://USER:PASSWORD@HOST:PORT/NAME?ssl-mode=…&ssl-ca=…&socket=…`, or what [`DatabaseUrl`] takes. `Debug` and `Display` leave
/// user and password out.
#[derive(Clone)]
pub struct ForeignUrl(pub(super) Place);

#[derive(Clone)]
pub(super) enum Place {
    MySql(Box<Server>),
    Ours(Target),
}

/// What speaks there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignEngine {
    /// MySQL and MariaDB.
    MySql,
    Postgres,
    Sqlite,
}

impl ForeignEngine {
    pub const fn name(self) -> &'static str {
        match self {
            ForeignEngine::MySql => "mysql",
            ForeignEngine::Postgres => "postgres",
            ForeignEngine::Sqlite => "sqlite",
        }
    }
}

/// A MySQL or MariaDB server.
#[derive(Clone)]
pub(super) struct Server {
    pub host: String,
    pub port: u16,
    pub socket: Option<PathBuf>,
    pub user: String,
    pub password: Secret<String>,
    pub database: String,
    pub encryption: Encryption,
}

impl ForeignUrl {
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("mysql://").or_else(|| text.strip_prefix("mariadb://")) {
            Some(rest) => Ok(ForeignUrl(Place::MySql(Box::new(Server::parse(rest)?)))),
            None => Ok(ForeignUrl(Place::Ours(DatabaseUrl::parse(text)?.0))),
        }
    }

    pub fn engine(&self) -> ForeignEngine {
        match &self.0 {
            Place::MySql(_) => ForeignEngine::MySql,
            Place::Ours(Target::Postgres(_)) => ForeignEngine::Postgres,
            Place::Ours(Target::Sqlite(_)) => ForeignEngine::Sqlite,
        }
    }
}

fn wrong(why: &str) -> Error {
    Error::Url(why.to_owned())
}

impl Server {
    /// What stands behind `mysql://`.
    fn parse(text: &str) -> Result<Self, Error> {
        let decoded = |part: &str| percent_decoded(part).ok_or_else(|| wrong("a part of it has a mistake"));
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let (place, database) =
            address.split_once('/').ok_or_else(|| wrong("the database's name is missing"))?;
        let (who, place) = place.rsplit_once('@').ok_or_else(|| wrong("the user's name is missing"))?;
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong("the port is no number"))?)
            }
            _ => (place, 3_306),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (mut mode, mut roots, mut socket) = (None, None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let to = match name {
                "ssl-mode" => &mut mode,
                "ssl-ca" => &mut roots,
                "socket" => &mut socket,
                _ => return Err(wrong("behind ? stand ssl-mode, ssl-ca and socket")),
            };
            if to.replace(decoded(value)?).is_some() {
                return Err(wrong("ssl-mode, ssl-ca and socket stand once at most"));
            }
        }
        let socket = socket.map(PathBuf::from);
        if socket.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(wrong("behind socket stands a path from / on"));
        }
        let database = decoded(database)?;
        if user.is_empty() || database.is_empty() || (host.is_empty() && socket.is_none()) {
            return Err(wrong("it wants a user, a host (or a socket) and a database's name"));
        }
        let is_local =
            socket.is_some() || host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let encryption = encryption(mode.as_deref(), roots, is_local)?;
        if socket.is_some() && encryption != Encryption::Plain {
            return Err(wrong("a socket speaks no TLS"));
        }
        Ok(Server {
            host: host.to_owned(),
            port,
            socket,
            user: decoded(user)?,
            password: Secret::new(decoded(password)?),
            database,
            encryption,
        })
    }
}

/// As [`DatabaseUrl`] decides for PostgreSQL, in MySQL's words: nothing between verified and plain.
fn encryption(mode: Option<&str>, roots: Option<String>, is_local: bool) -> Result<Encryption, Error> {
    let named = roots.is_some();
    let roots = match roots {
        None => Roots::OfTheMachine,
        Some(path) if path.starts_with('/') => Roots::File(PathBuf::from(path)),
        Some(_) => return Err(wrong("behind ssl-ca stands a path from / on")),
    };
    match mode {
        Some("DISABLED") if named => Err(wrong("ssl-ca is of no use with ssl-mode=DISABLED")),
        Some("DISABLED") => Ok(Encryption::Plain),
        None if !named && is_local => Ok(Encryption::Plain),
        None | Some("VERIFY_IDENTITY") => Ok(Encryption::Tls(roots)),
        Some(_) => Err(wrong("ssl-mode is VERIFY_IDENTITY, or DISABLED on a private network")),
    }
}

impl fmt::Display for ForeignUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::MySql(server) => match &server.socket {
                Some(socket) => write!(f, "mysql:{}/{}", socket.display(), server.database),
                None => write!(f, "mysql://{}:{}/{}", server.host, server.port, server.database),
            },
            Place::Ours(target) => fmt::Display::fmt(&DatabaseUrl(target.clone()), f),
        }
    }
}

impl fmt::Debug for ForeignUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_read_and_the_password_is_never_shown() {
        let url = ForeignUrl::parse("mysql://shop:p%40ss%2Fw@127.0.0.1:3307/word%20press").unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "mysql://127.0.0.1:3307/word press ".to_owned() + "mysql://127.0.0.1:3307/word press"
        );
        let Place::MySql(server) = &url.0 else { panic!() };
        assert_eq!((server.user.as_str(), server.password.expose().as_str()), ("shop", "p@ss/w"));
        assert_eq!((server.port, &server.encryption), (3_307, &Encryption::Plain));
        let far = ForeignUrl::parse("mariadb://shop@db.shop.example/w").unwrap();
        let Place::MySql(server) = &far.0 else { panic!() };
        assert_eq!((server.port, &server.encryption), (3_306, &Encryption::Tls(Roots::OfTheMachine)));
        assert_eq!(ForeignUrl::parse("mysql://u@/w?socket=/run/s").unwrap().to_string(), "mysql:/run/s/w");
        for (text, engine) in [("sqlite:/x/shop.sqlite", "sqlite"), ("postgres://u@localhost/d", "postgres")]
        {
            assert_eq!(ForeignUrl::parse(text).unwrap().engine().name(), engine);
        }
    }

    #[test]
    fn what_is_wrong_or_would_weaken_is_refused_without_the_password() {
        for bad in [
            "mysql://u:hunter2@h",
            "mysql://h/d",
            "mysql://:hunter2@h/d",
            "mysql://u:hunter2@h:x/d",
            "mysql://u:hunter2@h/",
            "mysql://u:hunter2@h/d?ssl-mode=PREFERRED",
            "mysql://u:hunter2@h/d?ssl-mode=REQUIRED",
            "mysql://u:hunter2@h/d?ssl-mode=DISABLED&ssl-ca=/x",
            "mysql://u:hunter2@h/d?ssl-ca=x",
            "mysql://u:hunter2@h/d?socket=x",
            "mysql://u:hunter2@h/d?init=DROP",
            "mysql://u:hunter2@h/d?ssl-ca=/a&ssl-ca=/b",
            "mysql://u:%zz@h/d",
            "oracle://u:hunter2@h/d",
        ] {
            let told = ForeignUrl::parse(bad).unwrap_err();
            assert!(matches!(told, Error::Url(_)) && !told.to_string().contains("hunter2"), "{bad}: {told}");
        }
    }
}

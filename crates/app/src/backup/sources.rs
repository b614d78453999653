//! What lies where: the files and databases of a data directory, and of the shop.

use std::path::{Path, PathBuf};

use storeward_backup::{Database, OwnFile, Server, Sources};
use storeward_base::{Secret, percent_decode};
use storeward_store::{DatabaseUrl, copies::schema_of};

use super::ShopSection;
use crate::Done;
use crate::config;
use crate::data::DataDir;
use crate::failure::{Context, Failure};
use crate::ledger_head;
use crate::open::Opened;
use crate::vault::copies;

/// What our own database is called in a backup, and so in what is restored from it, whatever the original's was called.
pub const OWN_SQLITE: &str = "storeward.sqlite";
pub const OWN_DUMP: &str = "storeward.sql";
const SHOP_SQLITE: &str = "shop/database.sqlite";
const SHOP_DUMP: &str = "shop/database.sql";
/// And the key store, where it is a database of a server.
pub const KEYS_DUMP: &str = "vault/keys.sql";

/// Of the data directory, where they are there. `ledger.head` first: what it says is no younger than the copy of the ledger.
const FILES: [&str; 5] =
    [ledger_head::FILE, config::FILE, copies::ROOT_FILE, copies::COPIES_FILE, "bans.json"];
const FOLDERS: [&str; 2] = ["certificates", "local-certificates"];

/// Everything that `[backup]` asks for, or the code of why it cannot be had.
pub fn all(opened: &Opened) -> Result<Sources, (&'static str, Failure)> {
    gather(opened).map_err(|failure| ("backup.setting", failure))
}

fn gather(opened: &Opened) -> Done<Sources> {
    let (data, config) = (&opened.data, &opened.loaded.config);
    let section = super::section(config)?;
    let mut sources = Sources::default();
    let mut names: Vec<String> = FILES.iter().map(|&name| name.to_owned()).collect();
    if let Some(rules) = config.vault.as_ref().and_then(|vault| vault.policy_file.as_ref()) {
        names.extend(inside(rules));
    }
    for folder in FOLDERS {
        names.extend(files_in(data, folder)?);
    }
    sources.files = existing(data, names);
    sources.databases.push(match opened.db.url().file() {
        Some(file) => Database::Sqlite { from: file.to_owned(), name: OWN_SQLITE.to_owned() },
        None => {
            let schema = schema_of(&opened.db).context("the database")?;
            let environment = environment(opened.db.url());
            Database::Server { server: Server::Postgres { environment, schema }, name: OWN_DUMP.to_owned() }
        }
    });
    sources.key_store = key_store(opened)?;
    if section.keys_password_file.is_some() {
        let names = files_in(data, "keys")?.into_iter().filter(|name| is_put_away(name));
        sources.key_files = existing(data, names.collect());
    }
    if let Some(shop) = &section.shop {
        sources.shop_paths.clone_from(&shop.paths);
        sources.shop_database = shop_database(shop)?;
    }
    Ok(sources)
}

fn key_store(opened: &Opened) -> Done<Option<Database>> {
    let Some(section) = &opened.loaded.config.vault else { return Ok(None) };
    let Some(url) = &section.key_store else {
        let from = opened.data.join(copies::KEY_FILE);
        let name = copies::KEY_FILE.to_owned();
        return Ok(from.is_file().then_some(Database::Sqlite { from, name }));
    };
    let url = DatabaseUrl::parse(url.expose()).context("vault.key_store")?;
    Ok(Some(match url.file() {
        Some(file) => Database::Sqlite { from: file.to_owned(), name: copies::KEY_FILE.to_owned() },
        None => Database::Server {
            server: Server::Postgres { environment: environment(&url), schema: None },
            name: KEYS_DUMP.to_owned(),
        },
    }))
}

fn environment(url: &DatabaseUrl) -> Vec<(String, Secret<String>)> {
    url.for_programs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The shop's database, as its address says; `None` where none is named.
pub fn shop_database(shop: &ShopSection) -> Done<Option<Database>> {
    let Some(url) = &shop.database else { return Ok(None) };
    let text = url.expose();
    if let Some(rest) = text.strip_prefix("mysql://").or_else(|| text.strip_prefix("mariadb://")) {
        let server = mariadb(rest).ok_or_else(|| {
            Failure::new(
                "backup.shop.database: mysql://user:password@host:port/name, signs in it percent-encoded",
            )
        })?;
        return Ok(Some(Database::Server { server, name: SHOP_DUMP.to_owned() }));
    }
    let url = DatabaseUrl::parse(text).map_err(|_| {
        Failure::new("backup.shop.database: sqlite:/path, postgres://… or mysql://…; see docs/backup.md")
    })?;
    Ok(Some(match url.file() {
        Some(file) if file.is_absolute() => {
            Database::Sqlite { from: file.to_owned(), name: SHOP_SQLITE.to_owned() }
        }
        Some(_) => return Err(Failure::new("backup.shop.database: behind sqlite: stands a path from / on")),
        None => Database::Server {
            server: Server::Postgres { environment: environment(&url), schema: None },
            name: SHOP_DUMP.to_owned(),
        },
    }))
}

/// `user:password@host:port/name`, or `…/name?socket=/path`.
fn mariadb(rest: &str) -> Option<Server> {
    let decoded = |text: &str| String::from_utf8(percent_decode(text.as_bytes(), b'+')).ok();
    let (address, query) =
        rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
    let (account, place) = address.rsplit_once('@')?;
    let (user, password) = account.split_once(':').unwrap_or((account, ""));
    let (host, database) = place.split_once('/')?;
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (host, None),
    };
    let socket = match query {
        None => None,
        Some(query) => Some(decoded(query.strip_prefix("socket=")?)?),
    };
    let (user, database) = (decoded(user)?, decoded(database)?);
    let clean =
        |text: &str| !text.is_empty() && !text.starts_with('-') && !text.chars().any(char::is_control);
    if !clean(&user) || !clean(&database) {
        return None;
    }
    let host = if host.is_empty() { None } else { Some(decoded(host)?) };
    Some(Server::MariaDb { host, port, socket, user, password: Secret::new(decoded(password)?), database })
}

/// A path below the data directory, as text; nothing where it lies elsewhere.
fn inside(path: &Path) -> Option<String> {
    let is_plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    path.to_str().filter(|_| is_plain).map(str::to_owned)
}

fn existing(data: &DataDir, names: Vec<String>) -> Vec<OwnFile> {
    let file = |name: String| OwnFile { from: data.join(&name), name };
    names.into_iter().map(file).filter(|file| file.from.is_file()).collect()
}

/// What Storeward makes in `keys/`, by name: a passphrase, or what else somebody laid there, is in no backup. The marks `…-bound` say
/// that rows without a tag are believed no more; a copy without them would give such rows their tags.
fn is_put_away(name: &str) -> bool {
    matches!(name, "keys/ledger" | "keys/pseudonym" | "keys/data" | crate::api::REVOKED)
        || name.ends_with("-bound")
        || name.starts_with("keys/dkim-") && name.ends_with(".pem")
}

/// The files of a folder and of the folders in it, as names from the data directory on.
fn files_in(data: &DataDir, folder: &str) -> Done<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let path = data.path().join(&folder);
        if !path.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&path).context(path.display())? {
            let entry = entry.context(path.display())?;
            let kind = entry.file_type().context(path.display())?;
            let name = folder.join(entry.file_name());
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() && name.extension().is_none_or(|ending| ending != "new") {
                found.extend(inside(&name));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_shops_databases_are_read_and_never_shown() {
        let read = |text: &str| {
            let shop = ShopSection { database: Some(Secret::new(text.to_owned())), ..ShopSection::default() };
            shop_database(&shop).map_err(|failure| failure.to_string())
        };
        let Ok(Some(Database::Server {
            server: Server::MariaDb { host, port, user, password, database, .. },
            ..
        })) = read("mysql://shop:p%40ss%2Fword@127.0.0.1:3307/woo")
        else {
            panic!("it is MariaDB's");
        };
        assert_eq!((host.as_deref(), port, user.as_str()), (Some("127.0.0.1"), Some(3307), "shop"));
        assert_eq!((password.expose().as_str(), database.as_str()), ("p@ss/word", "woo"));
        assert!(matches!(read("mysql://shop@/woo?socket=/run/m.sock"), Ok(Some(_))));
        assert!(matches!(read("sqlite:/srv/shop.db"), Ok(Some(Database::Sqlite { .. }))));
        for text in [
            "mysql://shop:hunter2@127.0.0.1",
            "mysql://shop:hunter2@127.0.0.1:x/woo",
            "mysql://-x:hunter2@127.0.0.1/woo",
            "mysql://shop:hunter2@127.0.0.1/-rf",
            "sqlite:shop.db",
            "redis://:hunter2@localhost",
            "postgres://shop:hunter2@:x/",
        ] {
            let told = read(text).map(drop).unwrap_err();
            assert!(told.starts_with("backup.shop.database") && !told.contains("hunter2"), "{text}: {told}");
        }
    }
}

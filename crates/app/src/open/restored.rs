//! A restored directory has the config of the original, and so leads to the original's database, where that is a server's or a file elsewhere:
//! whatever is done there would be done in the live one. Nothing opens it before it names another.

use std::fs;

use storeward_seal::fingerprint::sha256_hex;
use storeward_store::DatabaseUrl;

use crate::Done;
use crate::backup::OWN_SQLITE as OWN;
use crate::config::{self, Config};
use crate::data::{DataDir, write_atomically};
use crate::failure::{Context, Failure};

/// Which database the original's config leads to.
pub const MARK: &str = "restored-database";

/// What of an address says which database it is, whoever asks there; nothing of the file that a restore lays.
fn which(config: &Config) -> Option<String> {
    let text = config.database.url.expose();
    if let Some(path) = text.strip_prefix("sqlite:") {
        let plain: std::path::PathBuf = std::path::Path::new(path).components().collect();
        let is_own = plain.strip_prefix(".").unwrap_or(&plain) == std::path::Path::new(OWN);
        return (!is_own).then(|| sha256_hex(plain.as_os_str().as_encoded_bytes()));
    }
    let Ok(url) = DatabaseUrl::parse(text) else { return Some(ANY.to_owned()) };
    let asked =
        url.for_programs().into_iter().filter(|(name, _)| ["PGHOST", "PGPORT", "PGDATABASE"].contains(name));
    let told: Vec<String> = asked.map(|(name, value)| format!("{name}={}", value.expose())).collect();
    Some(if told.is_empty() { ANY.to_owned() } else { sha256_hex(told.join("\n").as_bytes()) })
}

/// In the place of it where the config says none that this version reads: then it may be any.
const ANY: &str = "any";

/// For a directory that was just restored.
pub fn mark(data: &DataDir) -> Done {
    let text = fs::read_to_string(data.join(config::FILE)).ok();
    let config = text.and_then(|text| Config::parse(&text).ok());
    match config.as_ref().map_or_else(|| Some(ANY.to_owned()), which) {
        Some(which) => write_atomically(&data.join(MARK), which.as_bytes()),
        None => Ok(()),
    }
}

/// Refuses the database of the original.
pub fn leads_elsewhere(data: &DataDir, config: &Config) -> Done {
    let mark = data.join(MARK);
    let original = match fs::read_to_string(&mark) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        read => read.context(mark.display())?,
    };
    if which(config).is_none_or(|which| original != ANY && which != original) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "database.url in {} is still that of the directory that was backed up: nothing is opened, for it would be done in the original's database",
        data.join(config::FILE).display()
    ))
    .hint(format!(
        "where {OWN} lies there: database.url = \"sqlite:{OWN}\"; else load the restored dump into an empty database, and name that one (docs/backup.md, \
         Restore). Only where the original is gone \
         for good and its database is to be gone on with: delete {}",
        mark.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(database: &str) -> Config {
        let text = format!(
            "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:1']\n\
             [certificates]\nsource = 'local'\n[database]\nurl = '{database}'\n"
        );
        Config::parse(&text).unwrap()
    }

    // The first word there wrote into the live database.
    #[test]
    fn a_restored_directory_opens_the_originals_database_by_no_spelling_of_who_asks() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let live = "postgres://ward:secret@db.example:5432/ward";
        write_atomically(&data.join(MARK), which(&config(live)).unwrap().as_bytes()).unwrap();
        for same in [
            live,
            "postgres://other:word@db.example/ward",
            "postgresql://ward@db.example:5432/ward?sslmode=require",
        ] {
            let refused = leads_elsewhere(&data, &config(same)).unwrap_err().to_string();
            assert!(refused.contains("nothing is opened") && !refused.contains("secret"), "{refused}");
        }
        for other in [
            "postgres://ward:secret@db.example:5432/restored",
            "postgres://ward@127.0.0.1/ward",
            "sqlite:storeward.sqlite",
        ] {
            leads_elsewhere(&data, &config(other)).unwrap();
        }
        assert_eq!(which(&config("sqlite:storeward.sqlite")), None);
        assert_eq!(which(&config("sqlite:./storeward.sqlite")), None);
        fs::remove_file(data.join(MARK)).unwrap();
        leads_elsewhere(&data, &config(live)).unwrap();
        // A config that another version wrote: whoever mends it opened the live database.
        fs::write(data.join(config::FILE), "what = 'no word of ours'").unwrap();
        mark(&data).unwrap();
        assert!(leads_elsewhere(&data, &config(live)).is_err());
        leads_elsewhere(&data, &config("sqlite:storeward.sqlite")).unwrap();
    }

    // An import into the copy went into the live database, where that is a file elsewhere; of one with another name the copy opened an empty one.
    #[test]
    fn nor_a_file_of_the_originals() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        for (original, same) in [
            ("sqlite:/srv/db/ward.sqlite", "sqlite:/srv/db//./ward.sqlite"),
            ("sqlite:ward.sqlite", "sqlite:ward.sqlite"),
        ] {
            let text = format!(
                "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:1']\n\
                 [certificates]\nsource = 'local'\n[database]\nurl = '{original}'\n"
            );
            fs::write(data.join(config::FILE), text).unwrap();
            mark(&data).unwrap();
            let refused = leads_elsewhere(&data, &config(same)).unwrap_err();
            assert!(refused.to_string().contains("nothing is opened"), "{refused}");
            for other in [
                "sqlite:storeward.sqlite",
                "sqlite:/srv/restored/ward.sqlite",
                "postgres://ward@127.0.0.1/ward",
            ] {
                leads_elsewhere(&data, &config(other)).unwrap();
            }
            fs::remove_file(data.join(MARK)).unwrap();
        }
        // An address that this version does not read, and that somebody mends, may be any.
        let text = "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:1']\n[database]\nurl = 'other://ward@db.example/ward'\n";
        fs::write(data.join(config::FILE), text).unwrap();
        mark(&data).unwrap();
        assert!(leads_elsewhere(&data, &config("postgres://ward@db.example/ward")).is_err());
        leads_elsewhere(&data, &config("sqlite:storeward.sqlite")).unwrap();
        fs::remove_file(data.join(MARK)).unwrap();
        // The usual one is the copy's own.
        fs::write(data.join(config::FILE), "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:1']\n").unwrap();
        mark(&data).unwrap();
        assert!(!data.join(MARK).exists());
    }
}

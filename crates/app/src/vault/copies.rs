//! A restored copy of the vault: opened by its own folder, and told of what was erased since.

use std::path::Path;

use storeward_base::{Actor, Timestamp};
use storeward_seal::{LogKey, Origin, PseudonymKey};
use storeward_store::{DatabaseUrl, Db, OpenOptions};
use storeward_vault::{KEY_MIGRATIONS, KeyStore, KeyStoreParts, Shelf};

use super::root::root;
use super::{KEYS, Standing, VaultSection, shelf};
use crate::Done;
use crate::config::Config;
use crate::data::DataDir;
use crate::failure::{Context, Failure};
use crate::oidc::finished;
use crate::open::Opened;

/// The file of the key store in a data directory.
pub const KEY_FILE: &str = KEYS;
pub const SHELF_FILE: &str = super::SHELF;
pub const ROOT_FILE: &str = super::ROOT;
/// What tells the directory from its copies, where the key store is on a server; in no backup.
pub const ID_FILE: &str = "vault/epochs.id";
/// Where copies of the epochs' keys were put.
pub const COPIES_FILE: &str = "vault/epochs.copies";

/// What is said of an earlier copy of the epochs' keys, and what is to be done about it.
pub fn words(shelf: &Shelf, path: &Path) -> Done<(String, &'static str)> {
    let path_shown = path.display();
    Ok(if shelf.is_lost(path).context("copies of the epochs' keys")? {
        (
            format!(
                "a copy of the epochs' keys that lay at {path_shown} was not there when it was to be replaced: wherever it is, it opens older \
                 backups, and nobody who was erased since is beyond them"
            ),
            "bring it back to its place, where the next backup replaces it; or find and destroy it (not the copy that lies there now), and say \
             so: storeward vault copy-gone PATH",
        )
    } else {
        (
            format!(
                "an earlier copy of the epochs' keys, {path_shown}, still opens older backups, or cannot be read: nobody who was erased since is \
                 beyond backups"
            ),
            "destroy it and say so: storeward vault copy-gone PATH; or name it in backup.epochs_copy again",
        )
    })
}

/// Whoever looks after the machine says that an earlier copy of the epochs' keys is no more.
pub fn gone(standing: &Standing, path: &Path) -> Done<String> {
    let shelf = standing.vault.keys().shelf();
    let earlier = shelf.earlier_copies().context("copies of the epochs' keys")?;
    if !earlier.iter().any(|one| one == path) {
        let known: Vec<String> = earlier.iter().map(|one| one.display().to_string()).collect();
        let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
        return Err(Failure::new(format!("{} is no earlier copy that may open anything", path.display()))
            .hint(format!("those that are known: {known}")));
    }
    let is_lost = shelf.is_lost(path).context("copies of the epochs' keys")?;
    if path.exists() && !is_lost {
        return Err(Failure::new(format!("{} is still there", path.display())).hint(
            "destroy it first (shred -u), and whatever else holds it, such as a snapshot of that disk",
        ));
    }
    let left = u64::try_from(earlier.len().saturating_sub(1)).unwrap_or(u64::MAX);
    finished(standing.vault.tell_copy_gone(Actor::Operator, left))?.context("the ledger")?;
    shelf.forget_copy(path).context("copies of the epochs' keys")?;
    Ok(format!(
        "It counts as destroyed from now on; that you said so is in the ledger. {left} others are known."
    ))
}

/// Whether the epochs' keys that lie in a restored copy have the one that keys of that moment are wrapped in; nothing is said where none lie there.
pub fn has_epoch_of(copy: &DataDir, at: Timestamp) -> Done<bool> {
    let file = copy.join(SHELF_FILE);
    Ok(!file.is_file() || Shelf::at(file).has_epoch_of(at).context("the epochs' keys")?)
}

/// Opens the key store that lies in `data`, with the root key, shelf and passphrase that lie there.
fn key_store(opened: &Opened, data: &DataDir, section: &VaultSection) -> Done<(KeyStore, Db)> {
    let keys = data.keys()?;
    let name = opened.loaded.config.domain.list().first().cloned().unwrap_or_default();
    let db = Db::open(OpenOptions {
        url: DatabaseUrl::parse(&format!("sqlite:{}", data.join(KEYS).display())).context("the key store")?,
        node: "storeward-vault".to_owned(),
        log_key: LogKey::from_seed(&keys.ledger),
        trusted: Vec::new(),
        pseudonym_key: PseudonymKey::from_bytes(keys.pseudonym.clone()),
        origin: Origin::parse(&format!("{name}/storeward-vault")).context("the key store's name")?,
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        migrations: KEY_MIGRATIONS.to_vec(),
        readers: 1,
    })
    .map_err(|error| Failure::new(format!("the vault's key store: {error}")))?;
    let root = root(section, data, opened.entropy.as_ref())?;
    let parts = KeyStoreParts { db: db.clone(), shelf: shelf(data), root, entropy: opened.entropy.clone() };
    match finished(KeyStore::open(parts))?.context("the vault's keys") {
        Ok(store) => Ok((store, db)),
        Err(failure) => {
            db.close();
            Err(failure)
        }
    }
}

/// The section as it holds from another folder: paths that begin in the original's stay there.
pub fn from_elsewhere(config: &Config, original: &DataDir) -> Config {
    let mut config = config.clone();
    if let Some(section) = &mut config.vault {
        let absolute = |path: &std::path::PathBuf| original.path().join(path);
        section.passphrase_file = section.passphrase_file.as_ref().map(absolute);
        section.policy_file = section.policy_file.as_ref().map(absolute);
        section.key_store = None;
        if let Some(token) = &mut section.token {
            token.pin_file = token.pin_file.as_ref().map(absolute);
        }
    }
    config
}

/// Destroys in the copy whatever was destroyed in the original since the copy was made, as of then; how many keys that were. So nobody who was
/// erased comes back, whichever backup is restored. Nothing where that cannot be done: one of both has no key store of its own, or no
/// keys lie beside the copy.
pub fn erase_again(opened: &Opened, copy: &DataDir, original: &DataDir) -> Done<Option<u64>> {
    let is_there = |data: &DataDir| data.join(KEYS).is_file() && data.join("keys/ledger").is_file();
    let in_server = opened.loaded.config.vault.as_ref().is_some_and(|vault| vault.key_store.is_some());
    if in_server || !is_there(copy) || !is_there(original) {
        return Ok(None);
    }
    let config = from_elsewhere(&opened.loaded.config, original);
    let Some(section) = &config.vault else { return Ok(None) };
    let (theirs, their_db) = key_store(opened, original, section)?;
    let told = key_store(opened, copy, section).and_then(|(ours, our_db)| {
        let done = finished(theirs.destroyed_since()).and_then(|found| found.context("the vault's keys"));
        let done = done.and_then(|customers| {
            let mut count = 0;
            for (customer, at) in customers {
                let was = finished(ours.destroy_again(customer, at, Actor::Operator))?;
                let was = was.context("the vault's keys")?;
                count += u64::from(was);
            }
            Ok(Some(count))
        });
        our_db.close();
        done
    });
    their_db.close();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A restore into another folder found no passphrase where `--dir` was relative, and ended before it erased again who was erased since.
    #[test]
    fn paths_of_a_directory_that_was_named_relatively_hold_from_everywhere() {
        let text = "domain = ['localhost']\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:8080']\n\
                    [certificates]\nsource = 'local'\n[vault]\npassphrase_file = 'passphrase'\npolicy_file = 'access.cedar'\n\
                    [vault.token]\nmodule = '/usr/lib/token.so'\ntoken = 'shop'\npin_file = 'pin'\n";
        let config = Config::parse(text).unwrap();
        let original = DataDir::open(std::path::Path::new(".")).unwrap();
        let held = from_elsewhere(&config, &original).vault.unwrap();
        for path in [held.passphrase_file, held.policy_file, held.token.unwrap().pin_file] {
            assert!(path.as_ref().is_some_and(|path| path.is_absolute()), "{path:?}");
        }
    }
}

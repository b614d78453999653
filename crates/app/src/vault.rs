//! Customers' records from `[vault]`: keys, shelf and rules in the data directory, put together; and `storeward vault`.

mod accounts;
pub mod copies;
mod csv;
mod duties;
mod head;
mod import;
pub mod indexes;
pub mod keyless;
mod root;
mod sample;
mod shops;
mod verify;
mod words;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use storeward_base::{Actor, Secret};
use storeward_host::OwnPages;
use storeward_identity::Identity;
use storeward_policy::Policies;
use storeward_seal::{LogKey, Origin, PseudonymKey};
use storeward_store::jobs::Handler;
use storeward_store::{DatabaseUrl, Db, OpenOptions};
use storeward_vault::{
    KEY_MIGRATIONS, KeyStore, KeyStoreParts, OWN_DATA, OwnData, RulesFrom, Shelf, Vault, VaultParts,
};

use crate::Done;
use crate::config::Config;
use crate::data::DataDir;
use crate::failure::{Context, Failure, IoContext};
use crate::oidc::finished;
use crate::open::Opened;
use crate::run::log;

pub use root::{Source, TokenSection, change_passphrase, source};
pub use sample::take_over;
pub use shops::database as shop_database;
pub use verify::unlike_in_words;
pub use words::{Options, status, vault};

/// Holds what protects the records; apart from the data and from what is backed up with it.
const FOLDER: &str = "vault";
const ROOT: &str = "vault/root.json";
const SHELF: &str = "vault/epochs.json";
const KEYS: &str = "vault/keys.sqlite";

/// Said where PostgreSQL does not let the look be done.
pub const NOT_LOOKED_AT: &str = "whether its tables are as Storeward makes them was not looked at: its user may not make a schema there (GRANT CREATE ON DATABASE)";

/// `[vault]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaultSection {
    /// File with the passphrase of the root key. The environment's goes before it.
    pub passphrase_file: Option<PathBuf>,
    /// A shop's own rules in Cedar, in the place of those that it begins with; from the data directory.
    pub policy_file: Option<PathBuf>,
    /// Epochs end after so many days: an erasure reaches every backup of the keys within that time.
    pub rotate_days: u32,
    /// A shop's database that is read from time to time.
    pub import: Option<shops::ImportSection>,
    /// Another database for the keys than the file in the data directory.
    pub key_store: Option<Secret<String>>,
    /// The root key on a token, in the place of one under a passphrase.
    pub token: Option<TokenSection>,
    /// Fields that are found by parts, too, such as `contact.name`; docs/vault.md says what that leaks.
    pub find_by_part: Vec<String>,
}

impl Default for VaultSection {
    fn default() -> Self {
        VaultSection {
            passphrase_file: None,
            policy_file: None,
            rotate_days: 30,
            import: None,
            key_store: None,
            token: None,
            find_by_part: Vec::new(),
        }
    }
}

/// Refuses a section that does not fit.
pub fn check(config: &Config) -> Done {
    let Some(section) = &config.vault else { return Ok(()) };
    if !(1..=30).contains(&section.rotate_days) {
        return Err(Failure::new(
            "vault.rotate_days: 1 to 30; an erasure holds for backups of the keys only then",
        ));
    }
    indexes::by_part(section)?;
    if let Some(url) = &section.key_store {
        DatabaseUrl::parse(url.expose()).context("vault.key_store")?;
        if url.expose() == config.database.url.expose() {
            return Err(Failure::new("vault.key_store is the database of the data: keys lie apart from it"));
        }
    }
    Ok(())
}

/// Whether nothing changed that a running program cannot take over.
pub fn is_same(before: Option<&VaultSection>, after: Option<&VaultSection>) -> bool {
    let fixed = |section: Option<&VaultSection>| {
        section.map(|section| {
            let keys = section.key_store.as_ref().map(|url| url.expose().clone());
            let root = (section.passphrase_file.clone(), section.token.clone());
            (root, section.rotate_days, keys, section.find_by_part.clone(), section.import.clone())
        })
    };
    fixed(before) == fixed(after)
}

/// The vault at work.
#[derive(Clone)]
pub struct Standing {
    pub vault: Vault,
    keys: Db,
    accounts: Arc<accounts::Joined>,
    life: Duration,
    import: Option<shops::ImportSection>,
    dir: PathBuf,
}

impl Standing {
    pub fn handlers(&self) -> Vec<Handler> {
        let mut all = self.vault.handlers(self.life);
        all.extend(self.import.iter().map(|section| shops::handler(&self.vault, section, &self.dir)));
        all
    }

    /// The rules that a changed config asks for. Nothing is in force before [`Standing::take`].
    pub fn rules(&self, config: &Config, data: &DataDir) -> Done<Option<(Policies, RulesFrom)>> {
        let Some(section) = &config.vault else { return Ok(None) };
        if section.policy_file.is_some() {
            return Ok(Some((policies(section, data)?, RulesFrom::File)));
        }
        Ok(Some(saved(&self.vault)?))
    }

    /// Puts rules in force, and tells the ledger where they are others. Where it cannot be written nobody opens anything by them, and they are
    /// told at the next reload or start.
    pub fn take(&self, rules: Option<(Policies, RulesFrom)>) {
        let Some((policies, from)) = rules else { return };
        let told = finished(self.vault.tell_rules(&policies, from, Actor::Operator));
        if let Err(failure) = told.and_then(|told| told.context("the ledger")) {
            log("error", &failure.to_string(), &[]);
        }
        self.vault.set_rules(policies, from);
    }

    /// What a restore left to a start that serves: other words only look, and the config may still lead to the original's database.
    pub fn settle_restored(&self, opened: &Opened) -> Done {
        let Some(section) = &opened.loaded.config.vault else { return Ok(()) };
        indexes::settle_restored(&self.vault, section, &opened.data)
    }

    /// Tells the ledger of rules that were changed while nothing ran. Only of a start that serves: other words only look.
    pub fn tell_rules(&self) -> Done {
        let rules = self.vault.policies();
        finished(self.vault.tell_rules(&rules, self.vault.rules_from(), Actor::System))?
            .context("the rules in force")
    }

    /// Accounts are at work: those of erased people that a crash left, or an older copy of the data brought back, are closed before
    /// anything serves, and from now on an erasure closes the person's own.
    pub fn join(&self, identity: &Identity) -> Done {
        self.accounts.serve(identity.clone());
        let closed = finished(self.vault.close_left_accounts())?.context("accounts of erased people")?;
        if closed > 0 {
            let words = format!(
                "{closed} accounts of erased people were still there, or there again (a stop half-way, or an older copy): they are closed"
            );
            log("warning", &words, &[]);
        }
        Ok(())
    }

    pub fn close(&self) {
        self.keys.clone().close();
    }
}

/// The rules in force: a shop's own, or those that it begins with.
pub fn policies(section: &VaultSection, data: &DataDir) -> Done<Policies> {
    let Some(path) = &section.policy_file else { return Ok(Policies::default_rules()) };
    let path = data.path().join(path);
    let text = fs::read_to_string(&path).context(format!("vault.policy_file {}", path.display()))?;
    Policies::parse(&text).map_err(|why| {
        Failure::new(format!("vault.policy_file {}: {why}", path.display())).hint(
            "`storeward vault policy` prints the rules that a shop begins with; docs/vault.md has the words",
        )
    })
}

/// The rules that were saved at the console, or those that a shop begins with. Saved ones that somebody was at let the owner in
/// and nobody else.
fn saved(vault: &Vault) -> Done<(Policies, RulesFrom)> {
    Ok(match finished(vault.saved_rules())? {
        Ok(None) => (Policies::default_rules(), RulesFrom::Start),
        Ok(Some((saved, rules))) => (rules, RulesFrom::Console(saved.version)),
        Err(storeward_vault::Error::Harmed(_)) => (Policies::owner_only(), RulesFrom::Harmed),
        other @ Err(_) => {
            other.context("the saved rules")?;
            (Policies::owner_only(), RulesFrom::Harmed)
        }
    })
}

/// The folder of the keys, for their owner alone; whoever comes first makes it.
fn make_folder(data: &DataDir) -> Done<PathBuf> {
    let folder = data.join(FOLDER);
    fs::create_dir_all(&folder).doing(format!("cannot make {}", folder.display()))?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
        .doing(format!("cannot protect {}", folder.display()))?;
    Ok(folder)
}

/// The vault; nothing without the section.
pub fn start(opened: &Opened) -> Done<Option<Standing>> {
    let Some(section) = &opened.loaded.config.vault else { return Ok(None) };
    let data = &opened.data;
    // Before anything is made: rules that do not fit end the start.
    let policies = policies(section, data)?;
    make_folder(data)?;
    let root = root::root(section, data, opened.entropy.as_ref())?;
    let keys = key_database(section, opened)?;
    let store = KeyStore::open(KeyStoreParts {
        db: keys.clone(),
        shelf: own_shelf(section, data).with_copy(epochs_copy(&opened.loaded.config)),
        root,
        entropy: opened.entropy.clone(),
    });
    let store = finished(store)?.context("the vault's keys")?;
    let vault = Vault::new(VaultParts {
        db: opened.db.clone(),
        keys: store,
        policies,
        entropy: opened.entropy.clone(),
    });
    let rules = match section.policy_file {
        Some(_) => (crate::vault::policies(section, data)?, RulesFrom::File),
        None => saved(&vault)?,
    };
    vault.set_rules(rules.0, rules.1);
    let accounts = accounts::Joined::new(opened);
    vault.join_accounts(accounts.clone());
    // What a crash left half-way is ended before anything serves: nobody is half erased.
    let ended = match finished(vault.finish_erasures())? {
        // Named there and by `storeward vault verify`; the shop is served on, and nothing is opened of whoever is being erased.
        Err(why @ storeward_vault::Error::Harmed(_)) => {
            log("error", &format!("erasures that were begun do not come to their end: {why}"), &[]);
            0
        }
        done => done.context("erasures that were begun")?,
    };
    if ended > 0 {
        let words = format!(
            "{ended} erasures were not at their end in the data, or undone there (an older copy, a stop half-way, or somebody at the database): \
             they were ended again; vault.erasure_begun in the ledger names them"
        );
        log("warning", &words, &[]);
    }
    indexes::settle(&vault, section, data)?;
    let life = Duration::from_secs(u64::from(section.rotate_days) * 24 * 3_600);
    let (import, dir) = (section.import.clone(), data.path().to_owned());
    Ok(Some(Standing { vault, keys, accounts, life, import, dir }))
}

/// The customers' pages with that of their own data among them; as they were where there is none.
pub fn answer(
    standing: Option<&Standing>,
    identity: Option<&Identity>,
    own: Option<OwnPages>,
) -> Done<Option<OwnPages>> {
    let (Some(standing), Some(identity), Some(pages)) = (standing, identity, own.clone()) else {
        return Ok(own);
    };
    let data = OwnData::new(identity.clone(), standing.vault.clone());
    Ok(Some(pages.with(&[OWN_DATA], data.router().context("vault")?)))
}

/// Where the one copy of the epochs' keys lies.
pub fn epochs_copy(config: &Config) -> Option<PathBuf> {
    config.backup.as_ref().and_then(|section| section.epochs_copy.clone())
}

fn shelf(data: &DataDir) -> Shelf {
    Shelf::at(data.join(SHELF))
}

/// The same beside the key store that the config names.
fn own_shelf(section: &VaultSection, data: &DataDir) -> Shelf {
    if section.key_store.is_some() { shelf(data).of_server() } else { shelf(data) }
}

/// Makes the key store on a server this directory's own: it takes the place of another one that is gone.
pub fn take_key_store(opened: &Opened) -> Done<String> {
    let (data, section) = (&opened.data, opened.loaded.config.vault.as_ref());
    let Some(section) = section.filter(|section| section.key_store.is_some()) else {
        return Err(Failure::new("the key store lies in the data directory: it is nobody else's")
            .hint("this is for vault.key_store, which leads to a server"));
    };
    let _lock = data.lock()?;
    let root = root::root(section, data, opened.entropy.as_ref())?;
    let keys = key_database(section, opened)?;
    let parts = KeyStoreParts {
        db: keys.clone(),
        shelf: own_shelf(section, data),
        root,
        entropy: opened.entropy.clone(),
    };
    let taken = finished(KeyStore::open_taken(parts, Actor::Operator));
    keys.close();
    let (_, was_anothers) = taken?.context("the vault's keys")?;
    Ok(match was_anothers {
        true => "The key store is this directory's own now; it is in its ledger. The other directory opens nothing with it any more.",
        false => "The key store was this directory's own before.",
    }
    .to_owned())
}

fn key_database(section: &VaultSection, opened: &Opened) -> Done<Db> {
    let data = &opened.data;
    let url = match &section.key_store {
        Some(url) => url.expose().clone(),
        None => {
            let path = data.join(KEYS);
            // Made here, so that it is nobody else's from its first byte on.
            let mut options = fs::OpenOptions::new();
            std::os::unix::fs::OpenOptionsExt::mode(options.create(true).append(true), 0o600)
                .open(&path)
                .doing(format!("cannot make {}", path.display()))?;
            format!("sqlite:{}", path.display())
        }
    };
    open_keys(opened, data, &url)
}

/// Opens the key store's database at `url`, with the keys that lie in `data`.
pub fn open_keys(opened: &Opened, data: &DataDir, url: &str) -> Done<Db> {
    let keys = data.keys()?;
    let name = opened.loaded.config.domain.list().first().cloned().unwrap_or_default();
    Db::open(OpenOptions {
        url: DatabaseUrl::parse(url).context("vault.key_store")?,
        node: "storeward-vault".to_owned(),
        log_key: LogKey::from_seed(&keys.ledger),
        trusted: Vec::new(),
        pseudonym_key: PseudonymKey::from_bytes(keys.pseudonym.clone()),
        origin: Origin::parse(&format!("{name}/storeward-vault")).context("the key store's name")?,
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        migrations: KEY_MIGRATIONS.to_vec(),
        readers: 2,
    })
    .map_err(|error| Failure::new(format!("the vault's key store: {error}")))
}

/// Whether there are keys. With a token there is no root key in a file.
pub fn exists(data: &DataDir) -> bool {
    data.join(ROOT).exists() || data.join(SHELF).exists()
}

#[cfg(test)]
mod tests;

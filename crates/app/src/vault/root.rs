//! Where the root key of customers' data is: in a file under a passphrase, or on a PKCS#11 token; and the way from one to the other.
//!
//! Another place, such as a key service's transit engine, is another `RootKey` here: nothing above asks where a root key is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use storeward_base::{Actor, Entropy, Secret};
use storeward_passwords::{Cost, stretch};
use storeward_seal::envelope::{Kdf, RootFile, RootKey, SecretRoot};
use storeward_token::{Error as TokenError, Place, TokenRoot};
use storeward_vault::{KeyStore, KeyStoreParts, Keyless};

use super::{ROOT, VaultSection, exists, key_database, own_shelf, shelf};
use crate::Done;
use crate::data::{DataDir, write_atomically};
use crate::failure::{Context, Failure, IoContext};
use crate::oidc::finished;
use crate::open::Opened;

/// Made where nobody gave a passphrase: better than none for a copy of `vault/`, and no more.
pub(super) const OWN_PASSPHRASE: &str = "keys/vault-passphrase";
const ENVIRONMENT: &str = "STOREWARD_VAULT_PASSPHRASE";
const PIN_ENVIRONMENT: &str = "STOREWARD_VAULT_PIN";
/// Shorter ones fall to guessing, however slow a guess is made.
const LEAST_PASSPHRASE: usize = 16;
/// A token locks itself after a few wrong PINs, so that short ones do.
const LEAST_PIN: usize = 4;
/// A passphrase of our own making has 256 bits: nobody guesses it, so nothing needs to be slow.
const OWN_COST: (u32, u32) = (19_456, 2);
/// How the ids of root keys on tokens begin.
const ON_TOKEN: &str = "pkcs11:";

/// `[vault.token]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSection {
    /// The shared library of the token's maker.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The key's label on it.
    #[serde(default = "usual_label")]
    pub key: String,
    /// File with the PIN. The environment's goes before it.
    pub pin_file: Option<PathBuf>,
}

fn usual_label() -> String {
    "storeward-root".to_owned()
}

/// Which way the keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum To {
    /// To the token that `[vault.token]` names.
    Token,
    /// Back under the passphrase.
    Passphrase,
}

/// The root key, made at the first start.
pub fn root(section: &VaultSection, data: &DataDir, entropy: &dyn Entropy) -> Done<Arc<dyn RootKey>> {
    let under = shelf(data).wrapped_by().context("the vault's keys")?;
    let is_on_token = under.as_ref().map(|root| root.starts_with(ON_TOKEN));
    match (&section.token, is_on_token) {
        (Some(_), Some(false)) => Err(Failure::new("[vault.token] is there, but the customers' keys are under a passphrase")
            .hint("`storeward vault root token` moves them while Storeward stands still (docs/vault.md, \"A token\")")),
        (None, Some(true)) => Err(Failure::new("the customers' keys are on a token, and storeward.toml names none")
            .hint("add [vault.token]; `storeward vault root passphrase` moves them back (docs/vault.md, \"A token\")")),
        (Some(token), known) => Ok(Arc::new(on_token(token, data, known.is_some(), entropy)?)),
        (None, known) => Ok(Arc::new(in_file(section, data, known.is_some(), entropy)?)),
    }
}

/// The key on the token; made where nothing is protected by one yet.
fn on_token(
    section: &TokenSection,
    data: &DataDir,
    is_wanted: bool,
    entropy: &dyn Entropy,
) -> Done<TokenRoot> {
    let place =
        || Place { module: section.module.clone(), token: section.token.clone(), key: section.key.clone() };
    let pin = pin(section, data)?;
    match TokenRoot::open(place(), pin.clone()) {
        Err(TokenError::NoKey(_)) if !is_wanted => {
            TokenRoot::make(place(), pin, entropy).context("the token of the root key")
        }
        Err(why @ TokenError::NoKey(_)) => Err(Failure::new(format!("{why}, but the keys that it protects are there"))
            .hint("is it another token of the same label? without the key nothing of the customers' data can be opened")),
        other => other.context("the token of the root key"),
    }
}

fn pin(section: &TokenSection, data: &DataDir) -> Done<Secret<String>> {
    if let Ok(given) = std::env::var(PIN_ENVIRONMENT) {
        return long_enough(Secret::new(given), PIN_ENVIRONMENT, LEAST_PIN);
    }
    let Some(path) = &section.pin_file else {
        return Err(Failure::new("vault.token: there is no PIN")
            .hint(format!("name a file of mode 600 with vault.token.pin_file, or set {PIN_ENVIRONMENT}")));
    };
    private_text(&data.path().join(path), "vault.token.pin_file", LEAST_PIN)
}

/// Moves the epochs' keys to the other root key, begins a new epoch under it and ends those before, so that no copy from before the
/// move is of any use. Repeated, it goes on where it was.
pub fn move_to(opened: &Opened, to: To) -> Done<String> {
    let section = opened.loaded.config.vault.clone().unwrap_or_default();
    let (data, entropy) = (&opened.data, opened.entropy.as_ref());
    let Some(token) = &section.token else {
        return Err(Failure::new("storeward.toml names no token")
            .hint("add [vault.token]: docs/vault.md, \"A token\""));
    };
    let under = shelf(data).wrapped_by().context("the vault's keys")?;
    let Some(under) = under.filter(|_| exists(data)) else {
        return Err(Failure::new(
            "there are no keys yet: with [vault.token] they are made on the token at the first start",
        ));
    };
    let is_on_token = under.starts_with(ON_TOKEN);
    let on_token: Arc<dyn RootKey> = Arc::new(on_token(token, data, is_on_token, entropy)?);
    // After a move to the token the file is gone, and nothing has to be read from it.
    let is_moved = is_on_token == (to == To::Token);
    let in_file: Option<Arc<dyn RootKey>> = if is_moved && to == To::Token {
        None
    } else {
        Some(Arc::new(in_file(&section, data, !is_on_token, entropy)?))
    };
    let (from, root) = match (to, in_file) {
        (To::Token, from) => (from, on_token),
        (To::Passphrase, in_file) => {
            (Some(on_token), in_file.ok_or_else(|| Failure::new("no root key in a file"))?)
        }
    };
    let keys = key_database(&section, opened)?;
    let parts = KeyStoreParts {
        db: keys.clone(),
        shelf: own_shelf(&section, data),
        root: root.clone(),
        entropy: opened.entropy.clone(),
    };
    let done = finished(async {
        // All epochs end with it.
        let Keyless { customers, without } = storeward_vault::keyless(&opened.db, &keys).await?;
        if !without.is_empty() {
            let count = u64::try_from(without.len()).unwrap_or(u64::MAX);
            return Err(storeward_vault::Error::Keyless { count, customers });
        }
        let store = match &from {
            Some(from) => KeyStore::open_moved(parts, from.as_ref(), Actor::Operator).await?,
            None => KeyStore::open(parts).await?,
        };
        store.rotate(std::time::Duration::ZERO).await?;
        Ok::<_, storeward_vault::Error>(store.current_epoch())
    });
    let epoch = done.and_then(|done| done.context("the vault's keys"));
    keys.close();
    let epoch = epoch?;
    let told = format!("Epoch {epoch} holds now, under {}; the epochs before are gone.", root.id());
    Ok(match to {
        To::Token => {
            wipe(&data.join(ROOT))?;
            format!("{told} {ROOT} is gone, too; destroy its copies.")
        }
        To::Passphrase => format!(
            "{told} Take [vault.token] out of storeward.toml now. The key on the token opens nothing any more; destroy it there."
        ),
    })
}

/// Writes a file over before it takes its name away; what the device keeps beside that, only its owner can say.
fn wipe(path: &std::path::Path) -> Done {
    let Ok(left) = fs::metadata(path) else { return Ok(()) };
    let wiped = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        std::io::Write::write_all(&mut file, &vec![b' '; usize::try_from(left.len()).unwrap_or(0)])?;
        file.sync_all()?;
        fs::remove_file(path)
    };
    wiped().doing(format!("cannot take {} away", path.display()))
}

/// Puts the root key under another passphrase. What it protects stays as it is, and so do copies of the old file: they
/// open with the old passphrase for ever.
pub fn change_passphrase(opened: &Opened, file: &std::path::Path) -> Done {
    let section = opened.loaded.config.vault.clone().unwrap_or_default();
    if !exists(&opened.data) {
        return Err(Failure::new("there is no root key yet: it is made at the first start"));
    }
    if section.token.is_some() {
        return Err(Failure::new("the root key is on a token, which has a PIN and no passphrase"));
    }
    let root = in_file(&section, &opened.data, false, opened.entropy.as_ref())?;
    let new =
        VaultSection { passphrase_file: Some(std::path::absolute(file).context(file.display())?), ..section };
    let passphrase = of_file(&new, &opened.data)?;
    let kdf = Kdf::new(opened.entropy.as_ref());
    let sealed = RootFile::seal(&root, kdf.clone(), &derive(&passphrase, &kdf)?, opened.entropy.as_ref());
    write_atomically(&opened.data.join(ROOT), sealed.to_text().as_bytes())
}

/// Where the passphrase comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Environment,
    File,
    /// Made here, beside what it protects.
    Own,
    /// There is none: the root key is on a token.
    Token,
}

pub fn source(section: &VaultSection) -> Source {
    if section.token.is_some() { Source::Token } else { of_passphrase(section) }
}

/// Where the passphrase is, also while the keys go from it to a token or back.
fn of_passphrase(section: &VaultSection) -> Source {
    match (std::env::var_os(ENVIRONMENT), &section.passphrase_file) {
        (Some(_), _) => Source::Environment,
        (None, Some(_)) => Source::File,
        (None, None) => Source::Own,
    }
}

/// The root key under a passphrase; made where nothing is protected by one yet.
fn in_file(
    section: &VaultSection,
    data: &DataDir,
    is_wanted: bool,
    entropy: &dyn Entropy,
) -> Done<SecretRoot> {
    let path = data.join(ROOT);
    let shown = path.display();
    let is_new = !path.exists();
    if is_new && is_wanted {
        return Err(Failure::new(format!("{shown} is not there, but the keys that it protects are"))
            .hint("restore it from its backup: without it nothing of the customers' data can be opened"));
    }
    let passphrase = passphrase(section, data, is_new, entropy)?;
    if is_new {
        let kdf = match of_passphrase(section) {
            Source::Own => Kdf::with(OWN_COST.0, OWN_COST.1, entropy),
            Source::Environment | Source::File | Source::Token => Kdf::new(entropy),
        };
        let root = SecretRoot::generate(entropy);
        let derived = derive(&passphrase, &kdf)?;
        let file = RootFile::seal(&root, kdf, &derived, entropy);
        write_atomically(&path, file.to_text().as_bytes())?;
        return Ok(root);
    }
    let text = fs::read_to_string(&path).context(&shown)?;
    let file = RootFile::parse(&text)
        .map_err(|_| Failure::new(format!("{shown} is damaged")).hint("restore it from its backup"))?;
    let derived = derive(&passphrase, &file.kdf)?;
    file.open(&derived).map_err(|_| {
        Failure::new(format!("the passphrase does not open {shown}"))
            .hint(format!("give the one it was made with, by vault.passphrase_file or {ENVIRONMENT}"))
    })
}

fn derive(passphrase: &Secret<String>, kdf: &Kdf) -> Done<Secret<[u8; 32]>> {
    let salt = kdf.salt().context("the root key's file")?;
    let cost = Cost { memory_kib: kdf.memory_kib, passes: kdf.passes, lanes: kdf.lanes };
    stretch(passphrase, &salt, cost).context("the root key's passphrase")
}

fn passphrase(
    section: &VaultSection,
    data: &DataDir,
    is_new: bool,
    entropy: &dyn Entropy,
) -> Done<Secret<String>> {
    match of_passphrase(section) {
        Source::Environment => {
            let given = std::env::var(ENVIRONMENT)
                .map_err(|_| Failure::new(format!("{ENVIRONMENT} is no text of UTF-8")))?;
            long_enough(Secret::new(given), ENVIRONMENT, LEAST_PASSPHRASE)
        }
        Source::File | Source::Token => of_file(section, data),
        Source::Own => {
            let path = data.join(OWN_PASSPHRASE);
            if is_new && !path.exists() {
                write_atomically(&path, entropy.token::<32>().as_bytes())?;
            }
            private_text(&path, OWN_PASSPHRASE, LEAST_PASSPHRASE)
        }
    }
}

fn of_file(section: &VaultSection, data: &DataDir) -> Done<Secret<String>> {
    let path = section.passphrase_file.clone().unwrap_or_default();
    private_text(&data.path().join(path), "vault.passphrase_file", LEAST_PASSPHRASE)
}

/// What stands in a file that nobody else can read.
fn private_text(path: &std::path::Path, named: &str, least: usize) -> Done<Secret<String>> {
    let shown = path.display();
    let mode = fs::metadata(path).context(format!("{named} {shown}"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::new(format!("{named} {shown} can be read by others on this machine"))
            .hint(format!("chmod 600 {shown}")));
    }
    let text = fs::read_to_string(path).context(format!("{named} {shown}"))?;
    long_enough(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()), named, least)
}

fn long_enough(secret: Secret<String>, named: &str, least: usize) -> Done<Secret<String>> {
    if secret.expose().chars().count() < least {
        return Err(Failure::new(format!("{named}: fewer than {least} characters"))
            .hint("take six or more words by dice, or `openssl rand -base64 32`"));
    }
    Ok(secret)
}

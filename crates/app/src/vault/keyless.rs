//! Whether the key store has the keys of the customers in the data, before a copy of it is the newest that a restore lays.

use storeward_store::DatabaseUrl;
use storeward_vault::Keyless;

use super::{KEYS, exists, open_keys};
use crate::Done;
use crate::failure::{Context, Failure};
use crate::oidc::finished;
use crate::open::Opened;

/// What the key store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    Whole,
    /// Not all, of so many none, or it cannot be told: why, in words.
    Harmed(String, Option<u64>),
    /// None of any customer: why, in words.
    Lost(String),
}

impl Keys {
    /// Of how many customers it has none, where some of its keys are worth keeping.
    pub fn lacking(&self) -> Option<u64> {
        match self {
            Keys::Harmed(_, lacking) => *lacking,
            Keys::Whole | Keys::Lost(_) => None,
        }
    }

    pub fn words(&self) -> Option<&str> {
        match self {
            Keys::Whole => None,
            Keys::Harmed(words, _) | Keys::Lost(words) => Some(words),
        }
    }
}

/// Looks, without the root key.
pub fn look(opened: &Opened) -> Keys {
    found(opened).unwrap_or_else(|why| {
        let words =
            format!("whether the key store has the keys of all customers cannot be told: {}", why.what());
        Keys::Harmed(words, None)
    })
}

fn found(opened: &Opened) -> Done<Keys> {
    let (data, section) = (&opened.data, opened.loaded.config.vault.as_ref());
    let Some(section) = section else { return Ok(Keys::Whole) };
    let url = match &section.key_store {
        Some(_) if !exists(data) => return Ok(Keys::Whole),
        Some(url) => url.expose().clone(),
        None => format!("sqlite:{}", data.join(KEYS).display()),
    };
    // Opened, a file that is gone or empty would be made anew, whatever else of the folder is there.
    let file = DatabaseUrl::parse(&url).context("vault.key_store")?.file().map(std::path::Path::to_owned);
    if file.is_some_and(|file| !std::fs::metadata(file).is_ok_and(|file| file.len() > 0)) {
        return lost(opened);
    }
    let keys = open_keys(opened, data, &url)?;
    let compared = finished(storeward_vault::keyless(&opened.db, &keys));
    keys.close();
    let Keyless { customers, without } = compared?.context("the key store")?;
    let count = u64::try_from(without.len()).unwrap_or(u64::MAX);
    let Some(first) = without.first() else { return Ok(Keys::Whole) };
    Ok(match count == customers {
        true => {
            Keys::Lost(format!("the key store has a key of none of the {customers} customers in the data"))
        }
        false => {
            let words = format!(
                "the key store has no key of {count} of the {customers} customers in the data, {first} the first of them"
            );
            Keys::Harmed(words, Some(count))
        }
    })
}

/// The file is not there, or nothing is in it.
fn lost(opened: &Opened) -> Done<Keys> {
    Ok(match finished(storeward_vault::has_customers(&opened.db))?.context("customers' records")? {
        false => Keys::Whole,
        true => Keys::Lost(format!(
            "the key store ({KEYS}, or the file that vault.key_store names) is gone or empty"
        )),
    })
}

/// For whoever looks at the vault: what is missing is an error.
pub fn check(opened: &Opened) -> Done {
    match look(opened).words() {
        None => Ok(()),
        Some(words) => Err(Failure::new(words).hint("see docs/vault.md, \"When keys are damaged\"")),
    }
}

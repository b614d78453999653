//! Accounts that a shop brings along: their hashes go on to verify, and are made anew at the next sign-in.
//!
//! A fast hash is wrapped in Argon2id before it is stored (reference/identity.md, decision 6), so whoever steals our
//! database finds nothing weaker in it than what we make ourselves.

use std::collections::HashSet;
use std::sync::Arc;

use storeward_base::{Actor, Clock, CustomerId, Entropy, Language, Secret};
use storeward_events::identity::ShopAccountLinked;
use storeward_passwords::{Hasher, Recipe, StoredHash};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::{Constraint, Db, Reader};

use crate::error::Error;
use crate::marks::{Field, Marks, Vaulted};
use crate::model::{Email, parse_name};
use crate::sql::{self, account::NewAccount};

/// A line of an import, unread.
#[derive(Clone, Debug)]
pub struct ImportedAccount {
    pub address: String,
    /// As the shop stored it.
    pub hash: Secret<String>,
    pub name: Option<String>,
    pub language: Option<Language>,
}

/// Why a line is left out. Says nothing of what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    Address,
    Name,
    /// No form of hash that is known, or a damaged one.
    Hash,
    /// Checking it would take more work or memory than is allowed.
    Cost,
    /// The address has an account already, which stays as it is.
    Known,
}

impl Unfit {
    pub const fn words(self) -> &'static str {
        match self {
            Unfit::Address => "is no e-mail address",
            Unfit::Name => "has a name that cannot be one",
            Unfit::Hash => "has a password hash of no known form",
            Unfit::Cost => "has a password hash that asks for more work than is allowed",
            Unfit::Known => "belongs to somebody who has an account already",
        }
    }
}

/// How a hash is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    AsItIs,
    /// Wrapped in Argon2id.
    Wrapped,
}

/// Takes accounts in, one after the other. For the command line: it blocks.
pub struct Importer {
    db: Db,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    vault: Vaulted,
    marks: Marks,
    hasher: Hasher,
    language: Language,
    /// Addresses of lines before, by their marks.
    seen: HashSet<String>,
}

impl Importer {
    /// `language` is for whoever has none in the file.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        keys: (DataKey, &PseudonymKey),
        language: Language,
    ) -> Self {
        let hasher = Hasher::new(Recipe::default());
        Importer {
            db,
            clock,
            entropy,
            vault: Vaulted(keys.0),
            marks: Marks::new(keys.1),
            hasher,
            language,
            seen: HashSet::new(),
        }
    }

    /// Whether a line fits, and how its hash would be kept. Writes nothing, and wraps nothing.
    pub fn look(&self, line: &ImportedAccount) -> Result<Result<Kept, Unfit>, Error> {
        let (email, stored, _) = match read(line) {
            Ok(read) => read,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let mark = self.marks.email(&email);
        let known =
            self.db.read_blocking(move |reader: &mut Reader<'_>| sql::account::id_by_email(reader, &mark))?;
        let kept = if stored.is_fast() { Kept::Wrapped } else { Kept::AsItIs };
        Ok(if known.is_some() { Err(Unfit::Known) } else { Ok(kept) })
    }

    /// The same of the lines of a file, one after the other: an address that stood there before is known.
    pub fn rehearse(&mut self, line: &ImportedAccount) -> Result<Result<Kept, Unfit>, Error> {
        let kept = match self.look(line)? {
            Ok(kept) => kept,
            unfit => return Ok(unfit),
        };
        let mark = read(line).map(|(email, ..)| self.marks.email(&email));
        let is_first = mark.is_ok_and(|mark| self.seen.insert(mark));
        Ok(if is_first { Ok(kept) } else { Err(Unfit::Known) })
    }

    /// Makes the account. Its address counts as on file in the shop, and as confirmed by nobody.
    pub fn take(&mut self, line: &ImportedAccount) -> Result<Result<Kept, Unfit>, Error> {
        let kept = match self.look(line)? {
            Ok(kept) => kept,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let Ok((email, stored, name)) = read(line) else { return Ok(Err(Unfit::Hash)) };
        let hash = match kept {
            Kept::AsItIs => line.hash.expose().clone(),
            Kept::Wrapped => self.hasher.wrap(&stored, self.entropy.as_ref())?.to_string(),
        };
        let now = self.clock.now();
        let id = CustomerId::at(now, self.entropy.as_ref());
        let seal = |text: &str, field| self.vault.seal_of_account(text, id, field, self.entropy.as_ref());
        let account = NewAccount {
            id,
            email_mark: Some(self.marks.email(&email)),
            email_sealed: Some(seal(email.as_str(), Field::Email)),
            email_confirmed_at: None,
            shop_email_mark: None,
            shop_mark: None,
            shop_subject_sealed: None,
            name_sealed: name.as_deref().map(|name| seal(name, Field::Name)),
            language: line.language.unwrap_or(self.language),
            password_hash: Some(hash),
            created_at: now,
        };
        let written = self.db.write_blocking(move |tx| -> Result<(), Error> {
            sql::account::insert(tx, &account)?;
            tx.append(Actor::Operator, None, ShopAccountLinked { customer: id })?;
            Ok(())
        });
        match written {
            Ok(()) => Ok(Ok(kept)),
            Err(Error::Store(storeward_store::Error::Constraint { kind: Constraint::Unique, .. })) => {
                Ok(Err(Unfit::Known))
            }
            Err(error) => Err(error),
        }
    }
}

type Read = (Email, StoredHash, Option<String>);

fn read(line: &ImportedAccount) -> Result<Read, Unfit> {
    let email = Email::parse(&line.address).map_err(|_| Unfit::Address)?;
    let name = parse_name(line.name.as_deref().unwrap_or_default(), "name").map_err(|_| Unfit::Name)?;
    match StoredHash::parse(line.hash.expose()) {
        Ok(stored) => Ok((email, stored, name)),
        Err(storeward_passwords::Error::Cost) => Err(Unfit::Cost),
        Err(_) => Err(Unfit::Hash),
    }
}

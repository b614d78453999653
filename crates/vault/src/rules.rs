//! Rules that are saved at the console: every version is kept, the last is in force, and a text that does not fit never is.

use std::collections::{BTreeMap, BTreeSet};

use storeward_base::{Actor, CustomerId, StaffId, Timestamp};
use storeward_events::Event;
use storeward_events::vault::RulesChanged;
use storeward_policy::{Fault, Policies, Who};
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::{Reader, Row, ledger, params, statements};

use crate::Error;
use crate::asking::Asker;
use crate::catalogue::FIELDS;
use crate::grants::told::near;
use crate::manifest::{Flaw, Harm};
use crate::records::Vault;

/// The group whose members change rules. No rule gives or takes this: a shop cannot lock itself out.
const OWNER: &str = "owner";
/// As fresh as for opening.
const FRESH_SECONDS: u64 = 600;

statements! {
    INSERT = "INSERT INTO vault_rules (version, at, staff, hash, text) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (version) DO NOTHING";
    LAST = "SELECT version, at, staff, hash, text FROM vault_rules ORDER BY version DESC LIMIT 1";
    FIND = "SELECT version, at, staff, hash, text FROM vault_rules WHERE version = $1";
    ALL = "SELECT version, at, staff, hash, text FROM vault_rules ORDER BY version LIMIT 10000";
    LIST = "SELECT version, at, staff, hash, text FROM vault_rules ORDER BY version DESC LIMIT 50";
}

/// Where the rules in force come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesFrom {
    /// Those that a shop begins with.
    Start,
    /// The file that `vault.policy_file` names: nothing is saved at the console then.
    File,
    /// Saved at the console, in this version.
    Console(u64),
    /// What was saved at the console is not what the ledger says: the owner alone sees anything.
    Harmed,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedRules {
    /// Counts up from 1.
    pub version: u64,
    pub at: Timestamp,
    pub staff: StaffId,
    /// SHA-256 of the text.
    pub hash: String,
    pub text: String,
}

/// Why rules were not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSaved {
    /// The text does not fit.
    Fault(Fault),
    /// Somebody else saved a version since this one was begun.
    Meanwhile,
    /// Only the owner does, with a fresh second factor; or the rules come from a file.
    Denied(&'static str),
    Error(Error),
}

impl From<Error> for NotSaved {
    fn from(error: Error) -> Self {
        NotSaved::Error(error)
    }
}

/// What a text hashes to: what was looked at is what is saved.
pub fn hash(text: &str) -> String {
    sha256_hex(text.as_bytes())
}

/// Rules that somebody writes: over fields, classes and purposes that there are. What was saved before is not held to that: rules that were
/// good do not end with a field that is there no more.
pub fn read(text: &str) -> Result<Policies, Fault> {
    let rules = Policies::parse(text)?;
    let names: Vec<(&str, &str)> = FIELDS.iter().map(|field| (field.class.name(), field.name)).collect();
    rules.check_names(text, &names)?;
    Ok(rules)
}

impl Vault {
    /// The last version that was saved at the console and its rules; nothing where none ever was. Where it is not what the
    /// ledger says was saved, or does not fit any more, it is harmed: no other rules take its place, for they might allow more.
    pub async fn saved_rules(&self) -> Result<Option<(SavedRules, Policies)>, Error> {
        let found = self.0.db.read(|reader| -> Result<_, Error> {
            Ok((told(reader)?, reader.query_optional(LAST, &[], saved)?))
        });
        let harmed = || {
            let (customer, place) = (CustomerId::from_bits(0), "rules".to_owned());
            Error::Harmed(Box::new(Flaw { customer, place, harm: Harm::Rules }))
        };
        let found = match found.await {
            // A column that says nothing.
            Err(Error::Store(storeward_store::Error::Column { .. })) => return Err(harmed()),
            found => found?,
        };
        let (told, last) = match found {
            (None, None) => return Ok(None),
            (told, last) => (told.ok_or_else(harmed)?, last.ok_or_else(harmed)?),
        };
        if told.version != last.version || told.hash != last.hash || hash(&last.text) != last.hash {
            return Err(harmed());
        }
        let rules = Policies::parse(&last.text).map_err(|_| harmed())?;
        Ok(Some((last, rules)))
    }

    /// The last fifty, the newest first.
    pub async fn rule_versions(&self) -> Result<Vec<SavedRules>, Error> {
        self.0.db.read(|reader| -> Result<_, Error> { Ok(reader.query_many(LIST, &[], saved)?) }).await
    }

    pub async fn rule_version(&self, version: u64) -> Result<Option<SavedRules>, Error> {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            Ok(reader.query_optional(FIND, params![version], saved)?)
        });
        found.await
    }

    /// Saves rules as the version behind `begun_from` and puts them in force. Only the owner does. Where they do not fit, or
    /// somebody else was first, nothing changes.
    pub async fn save_rules(&self, by: &Asker, text: &str, begun_from: u64) -> Result<u64, NotSaved> {
        may_change(by).map_err(NotSaved::Denied)?;
        if self.rules_from() == RulesFrom::File {
            return Err(NotSaved::Denied("rules_file"));
        }
        let staff = by.staff_id().ok_or(NotSaved::Denied("no_rule"))?;
        let rules = read(text).map_err(NotSaved::Fault)?;
        let count = u64::try_from(rules.rules().count()).unwrap_or(u64::MAX);
        let (text, hash, actor) = (text.to_owned(), hash(text), by.actor());
        let version = begun_from.saturating_add(1);
        let written = self.0.db.write(move |tx| -> Result<bool, Error> {
            let last: Option<SavedRules> = tx.query_optional(LAST, &[], saved)?;
            let before = Some(before(tx)?);
            let column = i64::try_from(version).unwrap_or(i64::MAX);
            let values = params![column, tx.now(), staff, &hash, &text];
            let is_next = last.map_or(0, |last| last.version) == begun_from;
            if !is_next || tx.execute(INSERT, values)? != 1 {
                tx.commit_silent("somebody else saved rules first");
                return Ok(false);
            }
            tx.append(actor, None, RulesChanged { version, hash: hash.clone(), rules: count, before })?;
            Ok(true)
        });
        if !written.await? {
            return Err(NotSaved::Meanwhile);
        }
        self.set_rules(rules, RulesFrom::Console(version));
        Ok(version)
    }

    /// Tells the ledger of rules that are others than those of which it knows last: a file was changed, took the place of what was saved at
    /// the console, or gave it back. Nothing where they are the same.
    pub async fn tell_rules(&self, rules: &Policies, from: RulesFrom, actor: Actor) -> Result<(), Error> {
        let version = match from {
            RulesFrom::Start | RulesFrom::File => 0,
            RulesFrom::Console(version) => version,
            // That they are not what was saved is told by the look over all records.
            RulesFrom::Harmed => return Ok(()),
        };
        let count = u64::try_from(rules.rules().count()).unwrap_or(u64::MAX);
        let now = hash(rules.text());
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            let (before, hash) = (before(tx)?, now.clone());
            if before == hash {
                tx.commit_silent("the rules are those of which the ledger knows");
                return Ok(());
            }
            tx.append(actor, None, RulesChanged { version, hash, rules: count, before: Some(before) })?;
            Ok(())
        });
        written.await
    }
}

/// Whether somebody may look at and save rules of their own making; the reason where not.
pub fn may_change(by: &Asker) -> Result<(), &'static str> {
    let is_owner = matches!(&by.who, Who::Staff { groups, .. } if groups.iter().any(|group| group == OWNER));
    if !is_owner || !matches!(by.actor, Actor::Staff { .. }) {
        return Err("no_rule");
    }
    match by.factor_age_seconds {
        Some(age) if age <= FRESH_SECONDS => Ok(()),
        _ => Err("factor_too_old"),
    }
}

/// What the ledger says was saved last at the console.
fn told(reader: &mut Reader<'_>) -> Result<Option<RulesChanged>, Error> {
    Ok(all_told(reader)?.into_iter().rfind(|fact| fact.version > 0))
}

/// The hash of the rules of which the ledger knows last; a shop begins with those that are built in.
fn before(reader: &mut Reader<'_>) -> Result<String, Error> {
    let last = all_told(reader)?.pop();
    Ok(last.map_or_else(|| hash(Policies::default_text()), |fact| fact.hash))
}

fn all_told(reader: &mut Reader<'_>) -> Result<Vec<RulesChanged>, Error> {
    let told = ledger::told(reader, &["vault.rules_changed"])?;
    let facts = told.iter().filter_map(|(_, record)| match &record.event {
        Event::RulesChanged(fact) => Some(fact.clone()),
        _ => None,
    });
    Ok(facts.collect())
}

/// Versions that are not what was saved, by whom or when, are there and were not, or are gone.
pub(crate) fn harms(reader: &mut Reader<'_>) -> Result<Vec<Flaw>, Error> {
    let mut told = BTreeMap::new();
    for (_, record) in ledger::told(reader, &["vault.rules_changed"])?.iter() {
        if let Event::RulesChanged(fact) = &record.event
            && fact.version > 0
        {
            // What came into force again later was saved once.
            told.entry(fact.version).or_insert_with(|| (fact.hash.clone(), record.actor, record.at));
        }
    }
    let mut odd: BTreeSet<u64> = BTreeSet::new();
    for (version, row) in reader.query_many(ALL, &[], |row| Ok((row.get(0).unwrap_or(0), saved(row).ok())))? {
        let fits = match (row, told.remove(&version)) {
            (Some(saved), Some((said, actor, at))) => {
                saved.hash == said
                    && hash(&saved.text) == said
                    && actor == (Actor::Staff { id: saved.staff })
                    && near(saved.at, at)
            }
            _ => false,
        };
        if !fits {
            odd.insert(version);
        }
    }
    odd.extend(told.into_keys());
    let flaw = |version| Flaw {
        customer: CustomerId::from_bits(0),
        place: format!("rules.{version}"),
        harm: Harm::Row,
    };
    Ok(odd.into_iter().map(flaw).collect())
}

fn saved(row: &Row<'_>) -> Result<SavedRules, storeward_store::Error> {
    Ok(SavedRules {
        version: row.get(0)?,
        at: row.get(1)?,
        staff: row.get(2)?,
        hash: row.get(3)?,
        text: row.get(4)?,
    })
}

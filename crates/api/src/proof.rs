//! What a key's row is held against: its tag, the ledger, and the file of those that were revoked. A row that somebody wrote into the
//! database opens nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use storeward_base::{Actor, ApiKeyId, PageSize, StaffId};
use storeward_events::Event;
use storeward_events::api::{ApiKeyMade, ApiKeysBound};
use storeward_events::system::RowHarmed;
use storeward_seal::RowKey;
use storeward_seal::encoding::hex;
use storeward_store::ledger::{self, Filter};
use storeward_store::{Error, Reader, Tx};

use crate::gone::Gone;
use crate::key::{Key, Sort};
use crate::keys::MayMake;
use crate::sql;

pub(crate) const TABLE: &str = "api_key";
/// Names the columns and their order.
const LABEL: &str = "api_key/1";

/// A key as it lies there.
pub struct KeyRow {
    pub key: Key,
    /// Acts, roles, purposes, networks, to the letter.
    pub texts: [String; 4],
    /// Of the key's text.
    pub hash: String,
    pub tag: Option<Vec<u8>>,
}

impl KeyRow {
    /// The row of a new key.
    pub fn new(key: Key, hash: String, by: &RowKey) -> Self {
        let lines = |words: Vec<&str>| words.join("\n");
        let networks: Vec<String> = key.networks.entries().collect();
        let texts = [
            lines(key.acts.iter().map(|act| act.name()).collect()),
            key.roles.join("\n"),
            lines(key.purposes.iter().map(|purpose| purpose.name()).collect()),
            networks.join("\n"),
        ];
        let row = KeyRow { key, texts, hash, tag: None };
        KeyRow { tag: Some(row.tag_by(by).to_vec()), ..row }
    }

    pub fn tag_by(&self, by: &RowKey) -> [u8; 16] {
        self.with_columns(|columns| by.tag(LABEL, columns))
    }

    pub fn fits(&self, by: &RowKey) -> bool {
        self.with_columns(|columns| by.fits(self.tag.as_deref(), LABEL, columns))
    }

    fn with_columns<T>(&self, then: impl FnOnce(&[&[u8]]) -> T) -> T {
        let (key, [acts, roles, purposes, networks]) = (&self.key, &self.texts);
        let moment = |at: Option<storeward_base::Timestamp>| {
            at.map_or_else(Vec::new, |at| at.micros().to_be_bytes().to_vec())
        };
        then(&[
            key.id.to_string().as_bytes(),
            key.name.as_bytes(),
            key.handle.as_bytes(),
            self.hash.as_bytes(),
            acts.as_bytes(),
            roles.as_bytes(),
            purposes.as_bytes(),
            networks.as_bytes(),
            key.made_by.as_bytes(),
            &moment(Some(key.created_at)),
            &moment(key.expires_at),
            &moment(key.revoked_at),
        ])
    }
}

/// Which keys the ledger says were revoked: whatever a row says, and also where an old row was put back.
#[derive(Default)]
pub struct Revoked(Mutex<(u64, HashSet<ApiKeyId>)>);

impl Revoked {
    /// Takes what came since the last look, and writes it where it stays. One look at an index where nothing did.
    fn refresh(&self, reader: &mut Reader<'_>, gone: &Gone) -> Result<(), Error> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).0;
        let (mut newest, mut before, mut size) = (known, None, PageSize::new(1));
        let mut found = Vec::new();
        loop {
            let kind_prefix = Some("api.key_revoked".to_owned());
            let page = ledger::believed(reader, &Filter { kind_prefix, before, ..Filter::default() }, size)?;
            let reached = page.rows.iter().any(|(seq, _)| *seq <= known);
            for (seq, record) in page.rows.into_iter().filter(|(seq, _)| *seq > known) {
                newest = newest.max(seq);
                if let Event::ApiKeyRevoked(fact) = record.event {
                    found.push(fact.key);
                }
            }
            (before, size) = (page.next, PageSize::new(PageSize::MAX));
            if reached || before.is_none() {
                break;
            }
        }
        // By `kind`, which whoever writes the database can change: what was seen once is kept where they cannot. Where `keys/` cannot be
        // written, this program knows it until its end, and the next one looks again.
        drop(gone.add(&found));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 = kept.0.max(newest);
        kept.1.extend(found);
        Ok(())
    }

    fn has(&self, id: ApiKeyId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.contains(&id)
    }
}

/// What rows are held against.
#[derive(Clone)]
pub struct Proof {
    pub by: RowKey,
    pub may_make: MayMake,
    pub revoked: Arc<Revoked>,
    pub gone: Arc<Gone>,
}

impl Proof {
    /// Looks up what was revoked.
    pub fn refresh(&self, reader: &mut Reader<'_>) -> Result<(), Error> {
        self.revoked.refresh(reader, &self.gone)
    }

    pub fn is_revoked(&self, id: ApiKeyId) -> Result<bool, Error> {
        Ok(self.revoked.has(id) || self.gone.has(id)?)
    }

    /// The key of a row, with what speaks against it. What was revoked was looked up before.
    pub fn judged(&self, reader: &mut Reader<'_>, row: KeyRow) -> Result<Key, Error> {
        let is_back = row.key.revoked_at.is_none() && self.is_revoked(row.key.id)?;
        let is_ours = row.fits(&self.by) && !is_back;
        let mut key = row.key;
        key.doubt = if !is_ours {
            Some(Sort::Changed)
        } else if key.revoked_at.is_none() && !self.has_maker(reader, &key.made_by)? {
            Some(Sort::Orphaned)
        } else {
            None
        };
        Ok(key)
    }

    /// A key that staff made is good while they may make keys; the operator's stay.
    fn has_maker(&self, reader: &mut Reader<'_>, made_by: &str) -> Result<bool, Error> {
        match made_by.parse::<StaffId>() {
            Ok(staff) => (self.may_make)(reader, staff),
            Err(_) => Ok(true),
        }
    }

    /// Everything that does not fit: rows that are not what was written, and keys that were made and whose rows are gone.
    pub fn look(&self, reader: &mut Reader<'_>) -> Result<Vec<RowHarmed>, Error> {
        self.refresh(reader)?;
        let rows = sql::all(reader)?;
        let there: HashSet<ApiKeyId> = rows.iter().map(|row| row.key.id).collect();
        let harmed = |id: ApiKeyId, harm: &str| RowHarmed {
            table: TABLE.to_owned(),
            row: id.to_string(),
            harm: harm.to_owned(),
        };
        let told = made(reader)?;
        let mut found = Vec::new();
        for row in rows {
            let id = row.key.id;
            let is_known = told.iter().any(|(_, fact)| fact.key == id);
            if self.judged(reader, row)?.doubt == Some(Sort::Changed) {
                found.push(harmed(id, if is_known { "changed" } else { "unknown" }));
            }
        }
        for (_, fact) in told.iter().filter(|(_, fact)| !there.contains(&fact.key)) {
            if !self.is_revoked(fact.key)? {
                found.push(harmed(fact.key, "missing"));
            }
        }
        Ok(found)
    }

    /// Gives rows of an earlier version their tag, once: those that the ledger says were made without one, and that are what it
    /// says. Nothing where there are none.
    pub fn bind(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.commit_silent("no key of an earlier version is to be bound");
        let rows = sql::unbound(tx)?;
        if rows.is_empty() || self.gone.is_bound()? || is_bound(tx)? {
            return Ok(());
        }
        self.refresh(tx)?;
        let told = made(tx)?;
        let mut keys = Vec::new();
        for row in rows {
            let is_old =
                told.iter().any(|(actor, fact)| fact.tag.is_none() && agrees(&row.key, *actor, fact));
            if is_old && self.is_revoked(row.key.id)? == row.key.revoked_at.is_some() {
                sql::bind(tx, row.key.id, &row.tag_by(&self.by))?;
                keys.push(row.key.id);
            }
        }
        // Also where none fitted: it is over with rows that have no tag.
        tx.append(Actor::System, None, ApiKeysBound { keys }).map(drop)
    }
}

/// All keys that were ever made, as the ledger has it; it forgets none of them.
fn made(reader: &mut Reader<'_>) -> Result<Vec<(Actor, ApiKeyMade)>, Error> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let kind_prefix = Some("api.key_made".to_owned());
        let filter = Filter { kind_prefix, before, ..Filter::default() };
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        all.extend(page.rows.into_iter().filter_map(|(_, record)| match record.event {
            Event::ApiKeyMade(fact) => Some((record.actor, fact)),
            _ => None,
        }));
        before = page.next;
        if before.is_none() {
            return Ok(all);
        }
    }
}

fn is_bound(reader: &mut Reader<'_>) -> Result<bool, Error> {
    let kind_prefix = Some("api.keys_bound".to_owned());
    let filter = Filter { kind_prefix, ..Filter::default() };
    Ok(!ledger::believed(reader, &filter, PageSize::new(1))?.rows.is_empty())
}

fn agrees(key: &Key, actor: Actor, fact: &ApiKeyMade) -> bool {
    actor.to_string() == key.made_by && ApiKeyMade { tag: None, ..told(key, &[]) } == *fact
}

/// What the ledger is told of a new key.
pub fn told(key: &Key, tag: &[u8]) -> ApiKeyMade {
    ApiKeyMade {
        key: key.id,
        acts: key.acts.iter().map(|act| act.name().to_owned()).collect(),
        roles: key.roles.clone(),
        purposes: key.purposes.iter().map(|purpose| purpose.name().to_owned()).collect(),
        networks: u32::try_from(key.networks.entries().count()).unwrap_or(u32::MAX),
        expires_at: key.expires_at,
        tag: Some(hex(tag)),
    }
}

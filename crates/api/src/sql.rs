//! All SQL of the interface.

use storeward_base::{AddressList, ApiKeyId, Timestamp};
use storeward_policy::Purpose;
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::key::{Act, Key};

statements! {
    INSERT_KEY = "INSERT INTO api_key (id, name, handle, secret_hash, acts, roles, purposes, networks, made_by, created_at, \
                  expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    BY_HANDLE = "SELECT id, name, handle, acts, roles, purposes, networks, made_by, created_at, expires_at, revoked_at, \
                 last_used_at, secret_hash FROM api_key WHERE handle = $1";
    ALL = "SELECT id, name, handle, acts, roles, purposes, networks, made_by, created_at, expires_at, revoked_at, \
           last_used_at, secret_hash FROM api_key ORDER BY id DESC LIMIT 500";
    COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM api_key WHERE revoked_at IS NULL";
    REVOKE = "UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    USED = "UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)";
    FORGET_KEYS = "DELETE FROM api_key WHERE revoked_at < $1";

    BEGIN = "INSERT INTO api_answer (api_key, mark, fingerprint, begun_at, claimed_at) VALUES ($1, $2, $3, $4, $4) \
             ON CONFLICT (api_key, mark) DO NOTHING";
    FIND = "SELECT fingerprint, begun_at, claimed_at, status, headers, body FROM api_answer WHERE api_key = $1 AND mark = $2";
    CLAIM = "UPDATE api_answer SET claimed_at = $3 WHERE api_key = $1 AND mark = $2 AND status IS NULL";
    ANSWERED = "UPDATE api_answer SET status = $3, headers = $4, body = $5 WHERE api_key = $1 AND mark = $2";
    GIVE_BACK = "UPDATE api_answer SET claimed_at = 0 WHERE api_key = $1 AND mark = $2 AND status IS NULL";
    FORGET_ANSWERS = "DELETE FROM api_answer WHERE begun_at < $1";
}

fn list(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// A key, and the hash of its text.
fn key(row: &Row<'_>) -> Result<(Key, String), Error> {
    let words = |index: usize| -> Result<Vec<String>, Error> { Ok(list(&row.get::<String>(index)?)) };
    let networks = AddressList::parse(&words(6)?)
        .map_err(|_| Error::Column { index: 6, wanted: "networks, one a line" })?;
    let key = Key {
        id: row.get(0)?,
        name: row.get(1)?,
        handle: row.get(2)?,
        acts: words(3)?.iter().filter_map(|name| Act::of_name(name)).collect(),
        roles: words(4)?,
        purposes: words(5)?.iter().filter_map(|name| Purpose::of_name(name)).collect(),
        networks,
        made_by: row.get(7)?,
        created_at: row.get(8)?,
        expires_at: row.get(9)?,
        revoked_at: row.get(10)?,
        last_used_at: row.get(11)?,
    };
    Ok((key, row.get(12)?))
}

pub fn insert(tx: &mut Tx<'_>, key: &Key, hash: &str) -> Result<(), Error> {
    let lines = |words: Vec<&str>| words.join("\n");
    let networks: Vec<String> = key.networks.entries().collect();
    let values = params![
        key.id,
        &key.name,
        &key.handle,
        hash,
        lines(key.acts.iter().map(|act| act.name()).collect()),
        key.roles.join("\n"),
        lines(key.purposes.iter().map(|purpose| purpose.name()).collect()),
        networks.join("\n"),
        &key.made_by,
        key.created_at,
        key.expires_at,
    ];
    tx.execute(INSERT_KEY, values).map(drop)
}

pub fn by_handle(reader: &mut Reader<'_>, handle: &str) -> Result<Option<(Key, String)>, Error> {
    reader.query_optional(BY_HANDLE, params![handle], key)
}

/// The newest first.
pub fn all(reader: &mut Reader<'_>) -> Result<Vec<Key>, Error> {
    Ok(reader.query_many(ALL, &[], key)?.into_iter().map(|(key, _)| key).collect())
}

pub fn count(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(COUNT, &[], |row| row.get(0))
}

pub fn revoke(tx: &mut Tx<'_>, id: ApiKeyId) -> Result<bool, Error> {
    let now = tx.now();
    tx.execute(REVOKE, params![id, now]).map(|rows| rows == 1)
}

/// Written once a minute at most: it says whether somebody uses the key, not how often.
pub fn used(tx: &mut Tx<'_>, id: ApiKeyId) -> Result<(), Error> {
    let now = tx.now();
    let stale = now.minus(std::time::Duration::from_secs(60));
    tx.execute(USED, params![id, now, stale]).map(drop)
}

pub fn forget_keys(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, Error> {
    tx.execute(FORGET_KEYS, params![before])
}

/// What is kept of a request that may be sent again.
#[derive(Clone, Debug)]
pub struct Kept {
    pub fingerprint: String,
    pub begun_at: Timestamp,
    pub claimed_at: Timestamp,
    pub status: Option<u16>,
    pub headers: Option<String>,
    pub body: Option<String>,
}

/// Whether it is the first of its name.
pub fn begin(tx: &mut Tx<'_>, key: ApiKeyId, mark: &str, fingerprint: &str) -> Result<bool, Error> {
    let now = tx.now();
    tx.execute(BEGIN, params![key, mark, fingerprint, now]).map(|rows| rows == 1)
}

pub fn find(reader: &mut Reader<'_>, key: ApiKeyId, mark: &str) -> Result<Option<Kept>, Error> {
    reader.query_optional(FIND, params![key, mark], |row| {
        Ok(Kept {
            fingerprint: row.get(0)?,
            begun_at: row.get(1)?,
            claimed_at: row.get(2)?,
            status: row.get(3)?,
            headers: row.get(4)?,
            body: row.get(5)?,
        })
    })
}

pub fn claim(tx: &mut Tx<'_>, key: ApiKeyId, mark: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(CLAIM, params![key, mark, now]).map(drop)
}

pub fn answered(
    tx: &mut Tx<'_>,
    (key, mark): (ApiKeyId, &str),
    status: u16,
    headers: &str,
    body: &str,
) -> Result<(), Error> {
    tx.execute(ANSWERED, params![key, mark, status, headers, body]).map(drop)
}

pub fn give_back(tx: &mut Tx<'_>, key: ApiKeyId, mark: &str) -> Result<(), Error> {
    tx.execute(GIVE_BACK, params![key, mark]).map(drop)
}

pub fn forget_answers(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, Error> {
    tx.execute(FORGET_ANSWERS, params![before])
}

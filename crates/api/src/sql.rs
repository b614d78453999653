//! All SQL of the interface.

use storeward_base::{AddressList, ApiKeyId, Timestamp};
use storeward_policy::Purpose;
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::key::{Act, Key};
use crate::proof::KeyRow;

statements! {
    INSERT_KEY = "INSERT INTO api_key (id, name, handle, secret_hash, acts, roles, purposes, networks, made_by, created_at, \
                  expires_at, tag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    BY_HANDLE = "SELECT id, name, handle, acts, roles, purposes, networks, made_by, created_at, expires_at, revoked_at, \
                 last_used_at, secret_hash, tag FROM api_key WHERE handle = $1";
    ALL = "SELECT id, name, handle, acts, roles, purposes, networks, made_by, created_at, expires_at, revoked_at, \
           last_used_at, secret_hash, tag FROM api_key ORDER BY id DESC LIMIT 500";
    COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM api_key WHERE revoked_at IS NULL";
    BY_ID = "SELECT id, name, handle, acts, roles, purposes, networks, made_by, created_at, expires_at, revoked_at, \
             last_used_at, secret_hash, tag FROM api_key WHERE id = $1";
    UNBOUND = "SELECT id, name, handle, acts, roles, purposes, networks, made_by, created_at, expires_at, revoked_at, \
               last_used_at, secret_hash, tag FROM api_key WHERE tag IS NULL ORDER BY id LIMIT 500";
    MADE_BY = "SELECT id, roles FROM api_key WHERE made_by = $1 ORDER BY id DESC LIMIT 500";
    BIND = "UPDATE api_key SET tag = $2 WHERE id = $1 AND tag IS NULL";
    REVOKE = "UPDATE api_key SET revoked_at = $2, tag = $3 WHERE id = $1";
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

/// The row as it lies there: what of it is no word of ours is left out of the key, and fits no tag.
fn key(row: &Row<'_>) -> Result<KeyRow, Error> {
    let texts: [String; 4] = [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?];
    let [acts, roles, purposes, networks] = texts.each_ref().map(|text| list(text));
    let key = Key {
        id: row.get(0)?,
        name: row.get(1)?,
        handle: row.get(2)?,
        acts: acts.iter().filter_map(|name| Act::of_name(name)).collect(),
        roles,
        purposes: purposes.iter().filter_map(|name| Purpose::of_name(name)).collect(),
        networks: AddressList::parse(&networks).unwrap_or_default(),
        made_by: row.get(7)?,
        created_at: row.get(8)?,
        expires_at: row.get(9)?,
        revoked_at: row.get(10)?,
        last_used_at: row.get(11)?,
        doubt: None,
    };
    Ok(KeyRow { key, texts, hash: row.get(12)?, tag: row.get(13)? })
}

pub fn insert(tx: &mut Tx<'_>, row: &KeyRow) -> Result<(), Error> {
    let (key, [acts, roles, purposes, networks]) = (&row.key, &row.texts);
    let values = params![
        key.id,
        &key.name,
        &key.handle,
        &row.hash,
        acts,
        roles,
        purposes,
        networks,
        &key.made_by,
        key.created_at,
        key.expires_at,
        row.tag.clone(),
    ];
    tx.execute(INSERT_KEY, values).map(drop)
}

pub fn by_handle(reader: &mut Reader<'_>, handle: &str) -> Result<Option<KeyRow>, Error> {
    reader.query_optional(BY_HANDLE, params![handle], key)
}

pub fn by_id(reader: &mut Reader<'_>, id: ApiKeyId) -> Result<Option<KeyRow>, Error> {
    reader.query_optional(BY_ID, params![id], key)
}

/// The newest first.
pub fn all(reader: &mut Reader<'_>) -> Result<Vec<KeyRow>, Error> {
    reader.query_many(ALL, &[], key)
}

/// Rows without a tag.
pub fn unbound(reader: &mut Reader<'_>) -> Result<Vec<KeyRow>, Error> {
    reader.query_many(UNBOUND, &[], key)
}

/// The keys that somebody made who made this one, in a role that it has, too; but it. The role `shop` opens nothing.
pub fn alike(
    reader: &mut Reader<'_>,
    id: ApiKeyId,
    made_by: &str,
    roles: &[String],
) -> Result<Vec<ApiKeyId>, Error> {
    let made: Vec<(ApiKeyId, String)> =
        reader.query_many(MADE_BY, params![made_by], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_alike =
        |theirs: &str| theirs.lines().any(|role| role != "shop" && roles.iter().any(|own| own == role));
    Ok(made
        .into_iter()
        .filter(|(other, theirs)| *other != id && is_alike(theirs))
        .map(|(id, _)| id)
        .collect())
}

pub fn bind(tx: &mut Tx<'_>, id: ApiKeyId, tag: &[u8]) -> Result<(), Error> {
    tx.execute(BIND, params![id, tag]).map(drop)
}

pub fn count(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(COUNT, &[], |row| row.get(0))
}

pub fn revoke(tx: &mut Tx<'_>, id: ApiKeyId, at: Timestamp, tag: Option<Vec<u8>>) -> Result<(), Error> {
    tx.execute(REVOKE, params![id, at, tag]).map(drop)
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

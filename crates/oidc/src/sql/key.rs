//! The table of signing keys.

use storeward_base::Timestamp;
use storeward_seal::jws::{Algorithm, PublicKey};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::keys::Ring;

statements! {
    INSERT = "INSERT INTO oidc_key (kid, algorithm, private_sealed, public, created_at, signs_from, ring) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    // At most three of each algorithm: the one before, the one that signs, the one that will.
    ALL = "SELECT kid, algorithm, public, created_at, signs_from, ends_at FROM oidc_key \
           WHERE ring = $2 AND (ends_at IS NULL OR ends_at > $1) ORDER BY signs_from DESC, kid LIMIT 50";
    PRIVATE = "SELECT private_sealed FROM oidc_key WHERE kid = $1";
    END_OTHERS = "UPDATE oidc_key SET ends_at = $3 WHERE algorithm = $1 AND kid <> $2 AND ring = $4 \
                  AND (ends_at IS NULL OR ends_at > $3)";
    FORGET = "DELETE FROM oidc_key WHERE ends_at <= $1";
}

/// A key without its secret half.
#[derive(Clone, Debug)]
pub struct KeyRow {
    pub kid: String,
    pub algorithm: Algorithm,
    pub public: PublicKey,
    pub created_at: Timestamp,
    pub signs_from: Timestamp,
    pub ends_at: Option<Timestamp>,
}

fn key(row: &Row<'_>) -> Result<KeyRow, Error> {
    let algorithm: String = row.get(1)?;
    let public: String = row.get(2)?;
    Ok(KeyRow {
        kid: row.get(0)?,
        algorithm: Algorithm::of_name(&algorithm)
            .ok_or(Error::Column { index: 1, wanted: "an algorithm" })?,
        public: serde_json::from_str(&public)
            .map_err(|_| Error::Column { index: 2, wanted: "a public key in JSON" })?,
        created_at: row.get(3)?,
        signs_from: row.get(4)?,
        ends_at: row.get(5)?,
    })
}

pub fn insert(tx: &mut Tx<'_>, ring: Ring, row: &KeyRow, private_sealed: &[u8]) -> Result<(), Error> {
    let public = serde_json::to_string(&row.public).unwrap_or_default();
    let values = params![
        &row.kid,
        row.algorithm.name(),
        private_sealed,
        public,
        row.created_at,
        row.signs_from,
        ring.word()
    ];
    tx.execute(INSERT, values).map(drop)
}

/// Those that are not over, newest first.
pub fn all(reader: &mut Reader<'_>, ring: Ring, now: Timestamp) -> Result<Vec<KeyRow>, Error> {
    reader.query_many(ALL, params![now, ring.word()], key)
}

pub fn private(reader: &mut Reader<'_>, kid: &str) -> Result<Option<Vec<u8>>, Error> {
    reader.query_optional(PRIVATE, params![kid], |row| row.get(0))
}

/// The other keys of this algorithm are believed no longer than until `at`.
pub fn end_others(
    tx: &mut Tx<'_>,
    ring: Ring,
    algorithm: Algorithm,
    but: &str,
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute(END_OTHERS, params![algorithm.name(), but, at, ring.word()]).map(drop)
}

pub fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![now]).map(drop)
}

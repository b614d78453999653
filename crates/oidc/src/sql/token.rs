//! The tables of access and refresh tokens.

use storeward_base::{CustomerId, RelyingId, Timestamp};
use storeward_store::Column::{Number, Text};
use storeward_store::{Bound, Error, Reader, Tx, params, statements};

use crate::model::GrantId;
use crate::protocol::scope::Scopes;

statements! {
    INSERT_ACCESS = "INSERT INTO oidc_access_token (mark, grant_id, scope, created_at, expires_at) \
                     VALUES ($1, $2, $3, $4, $5)";
    ACCESS = "SELECT grant_id, scope, created_at, expires_at FROM oidc_access_token WHERE mark = $1 AND expires_at > $2";
    KINDS = "SELECT DISTINCT scope FROM oidc_access_token WHERE grant_id IN \
             (SELECT id FROM oidc_grant WHERE client = $1) LIMIT 100";
    CUT = "UPDATE oidc_access_token SET scope = $3 WHERE scope = $2 AND grant_id IN \
           (SELECT id FROM oidc_grant WHERE client = $1)";
    DELETE_ACCESS = "DELETE FROM oidc_access_token WHERE mark = $1";
    // The line's next token follows from the one before, so two that renew at once write the same.
    INSERT_REFRESH = "INSERT INTO oidc_refresh_token (mark, grant_id, created_at, expires_at) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT DO NOTHING";
    REFRESH = "SELECT grant_id, created_at, expires_at, used_at FROM oidc_refresh_token WHERE mark = $1";
    USED_FROM = "SELECT used_from FROM oidc_refresh_token WHERE mark = $1 AND used_from IS NOT NULL";
    USE_REFRESH = "UPDATE oidc_refresh_token SET used_at = $2, used_from = $3 WHERE mark = $1 AND used_at IS NULL";
    BOUND_ACCESS = "SELECT mark, grant_id, created_at, expires_at, tag FROM oidc_access_token WHERE mark = $1";
    BIND_ACCESS = "UPDATE oidc_access_token SET tag = $2 WHERE mark = $1";
    PAGE_ACCESS = "SELECT mark FROM oidc_access_token WHERE mark > $1 ORDER BY mark LIMIT 500";
    BOUND_REFRESH = "SELECT mark, grant_id, created_at, expires_at, tag FROM oidc_refresh_token WHERE mark = $1";
    BIND_REFRESH = "UPDATE oidc_refresh_token SET tag = $2 WHERE mark = $1";
    PAGE_REFRESH = "SELECT mark FROM oidc_refresh_token WHERE mark > $1 ORDER BY mark LIMIT 500";
    DELETE_ACCESS_OF = "DELETE FROM oidc_access_token WHERE grant_id IN (SELECT id FROM oidc_grant WHERE customer = $1)";
    DELETE_REFRESH_OF = "DELETE FROM oidc_refresh_token WHERE grant_id IN (SELECT id FROM oidc_grant WHERE customer = $1)";
    FORGET_ACCESS = "DELETE FROM oidc_access_token WHERE expires_at <= $1";
    FORGET_REFRESH = "DELETE FROM oidc_refresh_token WHERE expires_at <= $1";
}

/// Of which grant a token is, and until when it is good: never what somebody wrote there.
pub const ACCESS_TABLE: Bound = Bound {
    table: "oidc_access_token",
    label: "storeward.oidc_access_token/1",
    columns: &[Text, Text, Number, Number],
    find: BOUND_ACCESS,
    bind: BIND_ACCESS,
    page: PAGE_ACCESS,
    parts: None,
};
pub const REFRESH_TABLE: Bound = Bound {
    table: "oidc_refresh_token",
    label: "storeward.oidc_refresh_token/1",
    columns: &[Text, Text, Number, Number],
    find: BOUND_REFRESH,
    bind: BIND_REFRESH,
    page: PAGE_REFRESH,
    parts: None,
};

#[derive(Clone, Debug)]
pub struct AccessRow {
    pub grant: GrantId,
    pub scopes: Scopes,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub struct RefreshRow {
    pub grant: GrantId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// Cuts the access tokens that a client holds to what it may still ask for.
pub fn cut(tx: &mut Tx<'_>, client: RelyingId, scopes: &Scopes) -> Result<(), Error> {
    let kinds: Vec<String> = tx.query_many(KINDS, params![client], |row| row.get(0))?;
    for kind in kinds {
        tx.execute(CUT, params![client, &kind, Scopes::parse(&kind).common(scopes).to_string()])?;
    }
    Ok(())
}

pub fn insert_access(tx: &mut Tx<'_>, mark: &str, row: &AccessRow) -> Result<(), Error> {
    let values = params![mark, row.grant, row.scopes.to_string(), row.created_at, row.expires_at];
    tx.execute(INSERT_ACCESS, values)?;
    ACCESS_TABLE.bind(tx, params![mark])
}

/// One that is good at `now`, as far as this table knows.
pub fn access(reader: &mut Reader<'_>, mark: &str, now: Timestamp) -> Result<Option<AccessRow>, Error> {
    if !ACCESS_TABLE.fits(reader, params![mark])? {
        return Ok(None);
    }
    reader.query_optional(ACCESS, params![mark, now], |row| {
        Ok(AccessRow {
            grant: row.get(0)?,
            scopes: Scopes::parse(&row.get::<String>(1)?),
            created_at: row.get(2)?,
            expires_at: row.get(3)?,
        })
    })
}

pub fn delete_access(tx: &mut Tx<'_>, mark: &str) -> Result<(), Error> {
    tx.execute(DELETE_ACCESS, params![mark]).map(drop)
}

pub fn insert_refresh(tx: &mut Tx<'_>, mark: &str, row: &RefreshRow) -> Result<(), Error> {
    let is_new = tx.execute(INSERT_REFRESH, params![mark, row.grant, row.created_at, row.expires_at])? == 1;
    if is_new { REFRESH_TABLE.bind(tx, params![mark]) } else { Ok(()) }
}

pub fn refresh(reader: &mut Reader<'_>, mark: &str) -> Result<Option<RefreshRow>, Error> {
    if !REFRESH_TABLE.fits(reader, params![mark])? {
        return Ok(None);
    }
    reader.query_optional(REFRESH, params![mark], |row| {
        Ok(RefreshRow {
            grant: row.get(0)?,
            created_at: row.get(1)?,
            expires_at: row.get(2)?,
            used_at: row.get(3)?,
        })
    })
}

/// Whether it was not used before. `network` is the mark of the network that it is used from.
pub fn use_refresh(tx: &mut Tx<'_>, mark: &str, network: &str, now: Timestamp) -> Result<bool, Error> {
    tx.execute(USE_REFRESH, params![mark, now, network]).map(|rows| rows == 1)
}

/// The mark of the network that it was used from.
pub fn used_from(reader: &mut Reader<'_>, mark: &str) -> Result<Option<String>, Error> {
    reader.query_optional(USED_FROM, params![mark], |row| row.get(0))
}

/// While the grants are there.
pub fn delete_of_customer(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(DELETE_ACCESS_OF, params![customer])?;
    tx.execute(DELETE_REFRESH_OF, params![customer]).map(drop)
}

pub fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET_ACCESS, params![now])?;
    tx.execute(FORGET_REFRESH, params![now]).map(drop)
}

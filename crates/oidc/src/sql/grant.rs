//! The table of grants: sign-ins to clients, each with its code.

use storeward_base::{CustomerId, RelyingId, Timestamp};
use storeward_identity::SessionId;
use storeward_store::Column::{Number, Text};
use storeward_store::{Bound, Error, Reader, Row, Tx, params, statements};

use crate::model::GrantId;
use crate::protocol::scope::{Scope, Scopes};

statements! {
    INSERT = "INSERT INTO oidc_grant (id, client, customer, session, scope, acr, amr, authenticated_at, nonce, \
              redirect_uri, challenge, offline_at, code_mark, code_expires_at, created_at, expires_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    BY_CODE = "SELECT id, client, customer, session, scope, acr, amr, authenticated_at, nonce, redirect_uri, challenge, \
               offline_at, code_expires_at, code_used_at, ended_at FROM oidc_grant WHERE code_mark = $1";
    BY_ID = "SELECT id, client, customer, session, scope, acr, amr, authenticated_at, nonce, redirect_uri, challenge, \
             offline_at, code_expires_at, code_used_at, ended_at FROM oidc_grant WHERE id = $1";
    BOUND = "SELECT id, client, customer, session, acr, amr, authenticated_at, nonce, redirect_uri, challenge, offline_at, \
             code_mark, code_expires_at, created_at, tag FROM oidc_grant WHERE id = $1";
    BIND = "UPDATE oidc_grant SET tag = $2 WHERE id = $1";
    // Without those of a version before tags, which only say whom to tell of a logout.
    PAGE = "SELECT id FROM oidc_grant WHERE id > $1 AND (tag IS NOT NULL OR code_expires_at > 0) ORDER BY id LIMIT 500";
    // Compare and set: of two that come at once, one uses the code.
    USE_CODE = "UPDATE oidc_grant SET code_used_at = $2 WHERE id = $1 AND code_used_at IS NULL \
                AND code_expires_at > $2 AND ended_at IS NULL";
    EXTEND = "UPDATE oidc_grant SET expires_at = $2 WHERE id = $1 AND expires_at < $2";
    END = "UPDATE oidc_grant SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    END_OF_CLIENT = "UPDATE oidc_grant SET ended_at = $2 WHERE client = $1 AND ended_at IS NULL";
    END_OF_SESSION = "UPDATE oidc_grant SET ended_at = $2 WHERE session = $1 AND ended_at IS NULL";
    // What the customer agreed to outlives a sign-out.
    END_ONLINE = "UPDATE oidc_grant SET ended_at = $2 WHERE session = $1 AND ended_at IS NULL AND offline_at IS NULL";
    END_OF_CUSTOMER = "UPDATE oidc_grant SET ended_at = $2 WHERE customer = $1 AND ended_at IS NULL";
    END_BUT_SESSION = "UPDATE oidc_grant SET ended_at = $3 WHERE customer = $1 AND session <> $2 \
                       AND ended_at IS NULL";
    CLIENTS_OF_SESSION = "SELECT DISTINCT client FROM oidc_grant WHERE session = $1 AND code_used_at IS NOT NULL LIMIT 200";
    // What a code was used for and nothing has ended: the newest, as many as a page shows.
    STANDING_OF = "SELECT client, scope, created_at FROM oidc_grant WHERE customer = $1 AND ended_at IS NULL \
                   AND code_used_at IS NOT NULL AND expires_at > $2 ORDER BY created_at DESC LIMIT 500";
    SESSIONS_OF = "SELECT DISTINCT session FROM oidc_grant WHERE customer = $1 AND client = $2 AND ended_at IS NULL \
                   AND code_used_at IS NOT NULL LIMIT 200";
    END_OF_ACCESS = "UPDATE oidc_grant SET ended_at = $3 WHERE customer = $1 AND client = $2 AND ended_at IS NULL";
    KINDS = "SELECT DISTINCT scope FROM oidc_grant WHERE client = $1 LIMIT 100";
    CUT = "UPDATE oidc_grant SET scope = $3 WHERE client = $1 AND scope = $2";
    END_OFFLINE = "UPDATE oidc_grant SET ended_at = $2 WHERE client = $1 AND ended_at IS NULL AND offline_at IS NOT NULL";
    DELETE_OF_CUSTOMER = "DELETE FROM oidc_grant WHERE customer = $1";
    FORGET = "DELETE FROM oidc_grant WHERE expires_at <= $1";
}

/// Whose sign-in it is, to whom, with what shown: never what somebody wrote there. The scopes are not among it, which are cut for many at
/// once; whoever widens them sees more of themselves.
pub const TABLE: Bound = Bound {
    table: "oidc_grant",
    label: "storeward.oidc_grant/1",
    columns: &[Text, Text, Text, Text, Text, Text, Number, Text, Text, Text, Number, Text, Number, Number],
    find: BOUND,
    bind: BIND,
    page: PAGE,
    parts: None,
};

/// A sign-in of a customer to a client.
#[derive(Clone, Debug)]
pub struct GrantRow {
    pub id: GrantId,
    pub client: RelyingId,
    pub customer: CustomerId,
    pub session: SessionId,
    pub scopes: Scopes,
    pub acr: String,
    pub amr: String,
    pub authenticated_at: Timestamp,
    pub nonce: Option<String>,
    pub redirect_uri: String,
    pub challenge: Option<String>,
    pub offline_at: Option<Timestamp>,
    pub code_expires_at: Timestamp,
    pub code_used_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

fn grant(row: &Row<'_>) -> Result<GrantRow, Error> {
    Ok(GrantRow {
        id: row.get(0)?,
        client: row.get(1)?,
        customer: row.get(2)?,
        session: row.get(3)?,
        scopes: Scopes::parse(&row.get::<String>(4)?),
        acr: row.get(5)?,
        amr: row.get(6)?,
        authenticated_at: row.get(7)?,
        nonce: row.get(8)?,
        redirect_uri: row.get(9)?,
        challenge: row.get(10)?,
        offline_at: row.get(11)?,
        code_expires_at: row.get(12)?,
        code_used_at: row.get(13)?,
        ended_at: row.get(14)?,
    })
}

pub fn insert(tx: &mut Tx<'_>, row: &GrantRow, code_mark: &str, now: Timestamp) -> Result<(), Error> {
    let values = params![
        row.id,
        row.client,
        row.customer,
        row.session,
        row.scopes.to_string(),
        &row.acr,
        &row.amr,
        row.authenticated_at,
        row.nonce.clone(),
        &row.redirect_uri,
        row.challenge.clone(),
        row.offline_at,
        code_mark,
        row.code_expires_at,
        now,
        row.code_expires_at,
    ];
    tx.execute(INSERT, values)?;
    TABLE.bind(tx, params![row.id])
}

pub fn by_code(reader: &mut Reader<'_>, code_mark: &str) -> Result<Option<GrantRow>, Error> {
    let found = reader.query_optional(BY_CODE, params![code_mark], grant)?;
    good(reader, found)
}

pub fn by_id(reader: &mut Reader<'_>, id: GrantId) -> Result<Option<GrantRow>, Error> {
    let found = reader.query_optional(BY_ID, params![id], grant)?;
    good(reader, found)
}

/// One that somebody changed is as none.
fn good(reader: &mut Reader<'_>, found: Option<GrantRow>) -> Result<Option<GrantRow>, Error> {
    match found {
        Some(row) if TABLE.fits(reader, params![row.id])? => Ok(Some(row)),
        _ => Ok(None),
    }
}

pub fn use_code(tx: &mut Tx<'_>, id: GrantId, now: Timestamp) -> Result<bool, Error> {
    tx.execute(USE_CODE, params![id, now]).map(|rows| rows == 1)
}

/// Something that came from it is good until `until`.
pub fn extend(tx: &mut Tx<'_>, id: GrantId, until: Timestamp) -> Result<(), Error> {
    tx.execute(EXTEND, params![id, until]).map(drop)
}

pub fn end(tx: &mut Tx<'_>, id: GrantId, now: Timestamp) -> Result<bool, Error> {
    tx.execute(END, params![id, now]).map(|rows| rows == 1)
}

pub fn end_of_client(tx: &mut Tx<'_>, client: RelyingId, now: Timestamp) -> Result<(), Error> {
    tx.execute(END_OF_CLIENT, params![client, now]).map(drop)
}

pub fn end_of_session(tx: &mut Tx<'_>, session: SessionId, now: Timestamp) -> Result<(), Error> {
    tx.execute(END_OF_SESSION, params![session, now]).map(drop)
}

pub fn end_online(tx: &mut Tx<'_>, session: SessionId, now: Timestamp) -> Result<(), Error> {
    tx.execute(END_ONLINE, params![session, now]).map(drop)
}

pub fn end_of_customer(tx: &mut Tx<'_>, customer: CustomerId, now: Timestamp) -> Result<(), Error> {
    tx.execute(END_OF_CUSTOMER, params![customer, now]).map(drop)
}

pub fn end_but_session(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    session: SessionId,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(END_BUT_SESSION, params![customer, session, now]).map(drop)
}

/// The clients that know of a session.
pub fn clients_of_session(reader: &mut Reader<'_>, session: SessionId) -> Result<Vec<RelyingId>, Error> {
    reader.query_many(CLIENTS_OF_SESSION, params![session], |row| row.get(0))
}

/// Sign-ins of a customer that stand: to whom, with what, since when.
pub fn standing_of(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    now: Timestamp,
) -> Result<Vec<(RelyingId, Scopes, Timestamp)>, Error> {
    reader.query_many(STANDING_OF, params![customer, now], |row| {
        Ok((row.get(0)?, Scopes::parse(&row.get::<String>(1)?), row.get(2)?))
    })
}

/// The sessions of a customer that a client knows of.
pub fn sessions_of(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    client: RelyingId,
) -> Result<Vec<SessionId>, Error> {
    reader.query_many(SESSIONS_OF, params![customer, client], |row| row.get(0))
}

/// Ends all sign-ins of a customer to a client, codes that nobody has used yet among them; how many.
pub fn end_of_access(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    client: RelyingId,
    now: Timestamp,
) -> Result<u64, Error> {
    tx.execute(END_OF_ACCESS, params![customer, client, now])
}

/// Cuts every sign-in to what the client may still ask for; one that outlives its session ends where that is not among it.
pub fn cut(tx: &mut Tx<'_>, client: RelyingId, scopes: &Scopes, now: Timestamp) -> Result<(), Error> {
    let kinds: Vec<String> = tx.query_many(KINDS, params![client], |row| row.get(0))?;
    for kind in kinds {
        tx.execute(CUT, params![client, &kind, Scopes::parse(&kind).common(scopes).to_string()])?;
    }
    if !scopes.has(Scope::OfflineAccess) {
        tx.execute(END_OFFLINE, params![client, now])?;
    }
    Ok(())
}

/// The account is closed: the grants are gone, with what came from them.
pub fn delete_of_customer(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    super::token::delete_of_customer(tx, customer)?;
    tx.execute(DELETE_OF_CUSTOMER, params![customer]).map(drop)
}

pub fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![now]).map(drop)
}

//! The table of consents.

use storeward_base::{CustomerId, RelyingId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

use crate::protocol::scope::Scopes;

statements! {
    FIND = "SELECT scope FROM oidc_consent WHERE customer = $1 AND client = $2";
    PUT = "INSERT INTO oidc_consent (customer, client, scope, given_at) VALUES ($1, $2, $3, $4) \
           ON CONFLICT (customer, client) DO UPDATE SET scope = EXCLUDED.scope, given_at = EXCLUDED.given_at";
    OF_CUSTOMER = "SELECT client, scope, given_at FROM oidc_consent WHERE customer = $1 ORDER BY given_at DESC LIMIT 200";
    KINDS = "SELECT DISTINCT scope FROM oidc_consent WHERE client = $1 LIMIT 100";
    CUT = "UPDATE oidc_consent SET scope = $3 WHERE client = $1 AND scope = $2";
    DELETE = "DELETE FROM oidc_consent WHERE customer = $1 AND client = $2";
    DELETE_OF_CUSTOMER = "DELETE FROM oidc_consent WHERE customer = $1";
    DELETE_OF_CLIENT = "DELETE FROM oidc_consent WHERE client = $1";
}

pub fn find(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    client: RelyingId,
) -> Result<Option<Scopes>, Error> {
    let found = reader.query_optional(FIND, params![customer, client], |row| row.get::<String>(0))?;
    Ok(found.map(|text| Scopes::parse(&text)))
}

pub fn put(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    client: RelyingId,
    scopes: &Scopes,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(PUT, params![customer, client, scopes.to_string(), now]).map(drop)
}

/// What a customer agreed to, the newest first.
pub fn of_customer(
    reader: &mut Reader<'_>,
    customer: CustomerId,
) -> Result<Vec<(RelyingId, Scopes, Timestamp)>, Error> {
    reader.query_many(OF_CUSTOMER, params![customer], |row| {
        Ok((row.get(0)?, Scopes::parse(&row.get::<String>(1)?), row.get(2)?))
    })
}

/// Whether there was one.
pub fn delete(tx: &mut Tx<'_>, customer: CustomerId, client: RelyingId) -> Result<bool, Error> {
    tx.execute(DELETE, params![customer, client]).map(|rows| rows > 0)
}

pub fn delete_of_customer(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(DELETE_OF_CUSTOMER, params![customer]).map(drop)
}

pub fn delete_of_client(tx: &mut Tx<'_>, client: RelyingId) -> Result<(), Error> {
    tx.execute(DELETE_OF_CLIENT, params![client]).map(drop)
}

/// Cuts what was agreed to to what the client may still ask for: what comes back later is asked about anew.
pub fn cut(tx: &mut Tx<'_>, client: RelyingId, scopes: &Scopes) -> Result<(), Error> {
    let kinds: Vec<String> = tx.query_many(KINDS, params![client], |row| row.get(0))?;
    for kind in kinds {
        tx.execute(CUT, params![client, &kind, Scopes::parse(&kind).common(scopes).to_string()])?;
    }
    Ok(())
}

//! The table of clients.

use storeward_base::{RelyingId, Timestamp};
use storeward_seal::jws::Algorithm;
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::model::{Assured, Client, Consent, Kind};
use crate::protocol::scope::Scopes;

statements! {
    INSERT = "INSERT INTO oidc_client (id, name, preset, secret_mark, pkce, consent, algorithm, id_token, \
              redirect_uris, logout_uris, backchannel_uri, origins, created_at, scopes, answers) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    BY_ID = "SELECT id, name, preset, pkce, consent, algorithm, id_token, redirect_uris, logout_uris, \
             backchannel_uri, origins, created_at, secret_mark, previous_mark, previous_until, scopes, answers \
             FROM oidc_client WHERE id = $1";
    ALL = "SELECT id, name, preset, pkce, consent, algorithm, id_token, redirect_uris, logout_uris, \
           backchannel_uri, origins, created_at, secret_mark, previous_mark, previous_until, scopes, answers \
           FROM oidc_client ORDER BY created_at, id LIMIT 200";
    COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM oidc_client";
    ROTATE = "UPDATE oidc_client SET previous_mark = secret_mark, previous_until = $3, secret_mark = $2 \
              WHERE id = $1 AND secret_mark IS NOT NULL";
    SET_SCOPES = "UPDATE oidc_client SET scopes = $2 WHERE id = $1";
    DELETE = "DELETE FROM oidc_client WHERE id = $1";
}

/// A client with what is kept of its secrets.
#[derive(Clone, Debug)]
pub struct Kept {
    pub client: Client,
    pub secret_mark: Option<String>,
    pub previous_mark: Option<String>,
    pub previous_until: Option<Timestamp>,
}

fn lines(list: &[String]) -> String {
    list.join("\n")
}

fn list(lines: &str) -> Vec<String> {
    lines.lines().map(str::to_owned).collect()
}

fn kept(row: &Row<'_>) -> Result<Kept, Error> {
    let secret_mark: Option<String> = row.get(12)?;
    let algorithm: String = row.get(5)?;
    let kind = if secret_mark.is_some() { Kind::Confidential } else { Kind::Public };
    let redirect_uris = list(&row.get::<String>(7)?);
    // One from before this was refused at the registration.
    let consent = match Assured::of(kind, &redirect_uris) {
        Assured::Nothing => Consent::Asked,
        Assured::BySecret | Assured::ByAddress => row.get(4)?,
    };
    Ok(Kept {
        client: Client {
            id: row.get(0)?,
            name: row.get(1)?,
            preset: row.get(2)?,
            kind,
            pkce: row.get(3)?,
            consent,
            algorithm: Algorithm::of_name(&algorithm)
                .ok_or(Error::Column { index: 5, wanted: "ES256, RS256 or EdDSA" })?,
            id_token: row.get(6)?,
            scopes: Scopes::parse(&row.get::<String>(15)?),
            answers: row.get(16)?,
            redirect_uris,
            logout_uris: list(&row.get::<String>(8)?),
            backchannel_uri: row.get(9)?,
            origins: list(&row.get::<String>(10)?),
            created_at: row.get(11)?,
        },
        secret_mark,
        previous_mark: row.get(13)?,
        previous_until: row.get(14)?,
    })
}

pub fn insert(tx: &mut Tx<'_>, client: &Client, secret_mark: Option<String>) -> Result<(), Error> {
    let values = params![
        client.id,
        &client.name,
        &client.preset,
        secret_mark,
        client.pkce,
        client.consent,
        client.algorithm.name(),
        client.id_token,
        lines(&client.redirect_uris),
        lines(&client.logout_uris),
        client.backchannel_uri.clone(),
        lines(&client.origins),
        client.created_at,
        client.scopes.to_string(),
        client.answers,
    ];
    tx.execute(INSERT, values).map(drop)
}

pub fn by_id(reader: &mut Reader<'_>, id: RelyingId) -> Result<Option<Kept>, Error> {
    reader.query_optional(BY_ID, params![id], kept)
}

pub fn all(reader: &mut Reader<'_>) -> Result<Vec<Kept>, Error> {
    reader.query_many(ALL, &[], kept)
}

pub fn count(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(COUNT, &[], |row| row.get(0))
}

/// Whether there is such a client with a secret.
pub fn rotate(tx: &mut Tx<'_>, id: RelyingId, mark: &str, previous_until: Timestamp) -> Result<bool, Error> {
    tx.execute(ROTATE, params![id, mark, previous_until]).map(|rows| rows == 1)
}

pub fn set_scopes(tx: &mut Tx<'_>, id: RelyingId, scopes: &Scopes) -> Result<(), Error> {
    tx.execute(SET_SCOPES, params![id, scopes.to_string()]).map(drop)
}

pub fn delete(tx: &mut Tx<'_>, id: RelyingId) -> Result<bool, Error> {
    tx.execute(DELETE, params![id]).map(|rows| rows == 1)
}

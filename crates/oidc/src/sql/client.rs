//! The table of clients: each row bears a tag, and one that somebody wrote or changed past Storeward is as none.

use storeward_base::{RelyingId, Timestamp};
use storeward_seal::jws::Algorithm;
use storeward_store::Column::{Number, Text};
use storeward_store::{Bound, Error, Reader, Row, Tx, Value, params, statements};

use crate::model::{Assured, Client, Consent, Kind};
use crate::protocol::scope::Scopes;

statements! {
    INSERT = "INSERT INTO oidc_client (id, name, preset, secret_mark, pkce, consent, algorithm, id_token, \
              redirect_uris, logout_uris, backchannel_uri, origins, created_at, scopes, answers) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    BY_ID = "SELECT id, name, preset, pkce, consent, algorithm, id_token, redirect_uris, logout_uris, \
             backchannel_uri, origins, created_at, secret_mark, previous_mark, previous_until, scopes, answers \
             FROM oidc_client WHERE id = $1";
    ALL = "SELECT id FROM oidc_client ORDER BY created_at, id LIMIT 200";
    BOUND = "SELECT id, name, preset, secret_mark, previous_mark, previous_until, pkce, consent, algorithm, id_token, \
             redirect_uris, logout_uris, backchannel_uri, origins, created_at, scopes, answers, tag \
             FROM oidc_client WHERE id = $1";
    BIND = "UPDATE oidc_client SET tag = $2 WHERE id = $1";
    PAGE = "SELECT id FROM oidc_client WHERE id > $1 ORDER BY id LIMIT 500";
    TAGGED = "SELECT CAST(COUNT(*) AS BIGINT) FROM oidc_client WHERE tag IS NOT NULL";
    COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM oidc_client";
    ROTATE = "UPDATE oidc_client SET previous_mark = secret_mark, previous_until = $3, secret_mark = $2 \
              WHERE id = $1 AND secret_mark IS NOT NULL";
    SET_SCOPES = "UPDATE oidc_client SET scopes = $2 WHERE id = $1";
    DELETE = "DELETE FROM oidc_client WHERE id = $1";
}

/// To whom customers are sent, for what, and by which secret it is known: never what somebody wrote there.
pub const TABLE: Bound = Bound {
    table: "oidc_client",
    label: "storeward.oidc_client/1",
    columns: &[
        Text, Text, Text, Text, Text, Number, Text, Text, Text, Text, Text, Text, Text, Text, Number, Text,
        Text,
    ],
    find: BOUND,
    bind: BIND,
    page: PAGE,
    parts: None,
};

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
    tx.execute(INSERT, values)?;
    TABLE.bind(tx, params![client.id])
}

/// Binds those of a version that bound none.
pub fn bind_old(tx: &mut Tx<'_>) -> Result<u64, Error> {
    let tagged: u64 = tx.query_one(TAGGED, &[], |row| row.get(0))?;
    if tagged > 0 { Ok(0) } else { TABLE.bind_all(tx) }
}

pub fn by_id(reader: &mut Reader<'_>, id: RelyingId) -> Result<Option<Kept>, Error> {
    good(reader, params![id])
}

pub fn all(reader: &mut Reader<'_>) -> Result<Vec<Kept>, Error> {
    let ids: Vec<String> = reader.query_many(ALL, &[], |row| row.get(0))?;
    let mut all = Vec::new();
    for id in ids {
        all.extend(good(reader, params![id])?);
    }
    Ok(all)
}

/// Its columns are read only where they are what was written.
fn good(reader: &mut Reader<'_>, id: &[Value]) -> Result<Option<Kept>, Error> {
    if !TABLE.fits(reader, id)? {
        return Ok(None);
    }
    reader.query_optional(BY_ID, id, kept)
}

pub fn count(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(COUNT, &[], |row| row.get(0))
}

/// Whether there is such a client with a secret.
pub fn rotate(tx: &mut Tx<'_>, id: RelyingId, mark: &str, previous_until: Timestamp) -> Result<bool, Error> {
    if !TABLE.fits(tx, params![id])? || tx.execute(ROTATE, params![id, mark, previous_until])? != 1 {
        return Ok(false);
    }
    TABLE.bind(tx, params![id]).map(|()| true)
}

pub fn set_scopes(tx: &mut Tx<'_>, id: RelyingId, scopes: &Scopes) -> Result<(), Error> {
    TABLE.change(tx, params![id], |tx| tx.execute(SET_SCOPES, params![id, scopes.to_string()]).map(drop))
}

pub fn delete(tx: &mut Tx<'_>, id: RelyingId) -> Result<bool, Error> {
    tx.execute(DELETE, params![id]).map(|rows| rows == 1)
}

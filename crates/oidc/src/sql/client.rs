//! The table of clients: each row bears a tag, and one that somebody wrote or changed past Storeward is as none.

use storeward_base::{RelyingId, Timestamp};
use storeward_seal::jws::Algorithm;
use storeward_store::Column::{Bytes, Number, Text};
use storeward_store::{Bound, Column, Error, Reader, Row, Tx, Value, params, statements};

use crate::model::{Assured, Client, Consent, Kind};
use crate::protocol::scope::Scopes;

statements! {
    INSERT = "INSERT INTO oidc_client (id, name, preset, secret_mark, pkce, consent, algorithm, id_token, \
              redirect_uris, logout_uris, backchannel_uri, origins, created_at, scopes, answers) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
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

/// Where they stand in [`TABLE`].
const MARK: usize = 3;
const PREVIOUS_MARK: usize = 4;
const PREVIOUS_UNTIL: usize = 5;
const SCOPES: usize = 15;

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

/// As [`BOUND`] has them.
fn kept(row: &Row<'_>) -> Result<Kept, Error> {
    let secret_mark: Option<String> = row.get(MARK)?;
    let algorithm: String = row.get(8)?;
    let kind = if secret_mark.is_some() { Kind::Confidential } else { Kind::Public };
    let redirect_uris = list(&row.get::<String>(10)?);
    // One from before this was refused at the registration.
    let consent = match Assured::of(kind, &redirect_uris) {
        Assured::Nothing => Consent::Asked,
        Assured::BySecret | Assured::ByAddress => row.get(7)?,
    };
    Ok(Kept {
        client: Client {
            id: row.get(0)?,
            name: row.get(1)?,
            preset: row.get(2)?,
            kind,
            pkce: row.get(6)?,
            consent,
            algorithm: Algorithm::of_name(&algorithm)
                .ok_or(Error::Column { index: 8, wanted: "ES256, RS256 or EdDSA" })?,
            id_token: row.get(9)?,
            scopes: Scopes::parse(&row.get::<String>(SCOPES)?),
            answers: row.get(16)?,
            redirect_uris,
            logout_uris: list(&row.get::<String>(11)?),
            backchannel_uri: row.get(12)?,
            origins: list(&row.get::<String>(13)?),
            created_at: row.get(14)?,
        },
        secret_mark,
        previous_mark: row.get(PREVIOUS_MARK)?,
        previous_until: row.get(PREVIOUS_UNTIL)?,
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
    // As the table has them: the secret of before and its end are behind the secret.
    let (ahead, behind) = values.split_at(PREVIOUS_MARK);
    bind(tx, client.id, &[ahead, &[Value::Null, Value::Null], behind].concat())
}

/// Binds what was to be written, never what lies there then: a trigger or another session may have put something of its own in between.
fn bind(tx: &mut Tx<'_>, id: RelyingId, values: &[Value]) -> Result<(), Error> {
    let tag = TABLE.tag_of(tx, values)?;
    tx.execute(BIND, params![id, tag])?;
    // Nothing of it is written then.
    if TABLE.fits(tx, params![id])? { Ok(()) } else { Err(Error::NoRow) }
}

/// A row's columns and what they say, where the tag beside them is theirs: read in one go, so that nobody comes between the look and
/// the reading.
fn good(reader: &mut Reader<'_>, id: &[Value]) -> Result<Option<(Vec<Value>, Kept)>, Error> {
    let read = reader.query_optional(BOUND, id, |row| {
        let value = |(at, column): (usize, &Column)| match column {
            Number => row.get::<Option<i64>>(at).map(Value::from),
            Text | Bytes => row.get::<Option<String>>(at).map(Value::from),
        };
        let values = TABLE.columns.iter().enumerate().map(value).collect::<Result<Vec<Value>, Error>>()?;
        // What it says is nothing to fail at before the tag is seen to be its own.
        Ok((values, row.get::<Option<Vec<u8>>>(TABLE.columns.len())?, kept(row)))
    });
    let found = match read {
        Ok(None) => return Ok(None),
        Ok(Some((values, tag, kept))) => {
            let is_own = tag.is_some() && TABLE.tag_of(reader, &values)? == Value::from(tag);
            if is_own { Some((values, kept?)) } else { None }
        }
        Err(Error::Column { .. }) => None,
        Err(why) => return Err(why),
    };
    if found.is_none() {
        // Tells of it, unless it is right again by now; nothing was read from it.
        TABLE.fits(reader, id)?;
    }
    Ok(found)
}

/// Whether there are clients and none has a tag.
pub fn are_old(reader: &mut Reader<'_>) -> Result<bool, Error> {
    let tagged: u64 = reader.query_one(TAGGED, &[], |row| row.get(0))?;
    Ok(tagged == 0 && count(reader)? > 0)
}

/// Binds those of a version that bound none.
pub fn bind_old(tx: &mut Tx<'_>) -> Result<u64, Error> {
    if are_old(tx)? { TABLE.bind_all(tx) } else { Ok(0) }
}

pub fn by_id(reader: &mut Reader<'_>, id: RelyingId) -> Result<Option<Kept>, Error> {
    Ok(good(reader, params![id])?.map(|(_, kept)| kept))
}

pub fn all(reader: &mut Reader<'_>) -> Result<Vec<Kept>, Error> {
    let ids: Vec<String> = reader.query_many(ALL, &[], |row| row.get(0))?;
    let mut all = Vec::new();
    for id in ids {
        all.extend(good(reader, params![id])?.map(|(_, kept)| kept));
    }
    Ok(all)
}

pub fn count(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(COUNT, &[], |row| row.get(0))
}

/// Whether there is such a client with a secret.
pub fn rotate(tx: &mut Tx<'_>, id: RelyingId, mark: &str, previous_until: Timestamp) -> Result<bool, Error> {
    let Some((mut values, _)) = good(tx, params![id])? else { return Ok(false) };
    if tx.execute(ROTATE, params![id, mark, previous_until])? != 1 {
        return Ok(false);
    }
    // The secret of before is the one that was read, whatever the statement found.
    let before = values.get(MARK).cloned().ok_or(Error::NoRow)?;
    values.splice(MARK..=PREVIOUS_UNTIL, [mark.into(), before, previous_until.into()]);
    bind(tx, id, &values).map(|()| true)
}

/// Whether there is such a client.
pub fn set_scopes(tx: &mut Tx<'_>, id: RelyingId, scopes: &Scopes) -> Result<bool, Error> {
    let Some((mut values, _)) = good(tx, params![id])? else { return Ok(false) };
    tx.execute(SET_SCOPES, params![id, scopes.to_string()])?;
    values.splice(SCOPES..=SCOPES, [scopes.to_string().into()]);
    bind(tx, id, &values).map(|()| true)
}

pub fn delete(tx: &mut Tx<'_>, id: RelyingId) -> Result<bool, Error> {
    tx.execute(DELETE, params![id]).map(|rows| rows == 1)
}

//! A refresh token for the next one, and reuse found out (RFC 9700 section 4.14.2).

use std::time::Duration;

use serde_json::Value;
use storeward_base::{Actor, ClientIp, Secret, Timestamp};
use storeward_events::oidc::RefreshTokenReused;
use storeward_store::{Reader, Tx};

use super::Fault;
use crate::error::Error;
use crate::model::{Client, Kind};
use crate::protocol::refusal::Refused;
use crate::protocol::scope::Scopes;
use crate::provider::Shared;
use crate::sql;
use crate::sql::grant::GrantRow;
use crate::sql::token::{AccessRow, RefreshRow};

/// A request whose answer was lost is sent again from the same network within this, and gets the same answer, unless the
/// answer was used meanwhile. A client without a secret has shown nothing that a thief has not, so it has time for one retry
/// only; all else is a copy.
const fn grace(kind: Kind) -> Duration {
    match kind {
        Kind::Confidential => Duration::from_secs(30),
        Kind::Public => Duration::from_secs(5),
    }
}

const NOT_GOOD: Refused = Refused::invalid_grant("the refresh token is not good, or not any more");

/// What became of a token in the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turned {
    /// The next one is in force.
    Next,
    /// It came back after it was replaced.
    Reused,
}

/// What is written when a token is turned.
#[derive(Clone)]
struct Turn {
    mark: String,
    next_mark: String,
    next: RefreshRow,
    access_mark: String,
    access: AccessRow,
    /// The mark of the caller's network.
    network: String,
    grace: Duration,
    now: Timestamp,
}

impl Shared {
    pub async fn refresh(
        &self,
        client: &Client,
        caller: ClientIp,
        token: Secret<String>,
        wanted: Option<Scopes>,
    ) -> Result<Value, Fault> {
        let mark = self.marks.refresh(token.expose());
        let (row, grant) = self.refresh_token(mark.clone()).await?.ok_or(NOT_GOOD)?;
        if grant.client != client.id {
            return Err(NOT_GOOD.into());
        }
        let now = self.now();
        if row.expires_at <= now {
            return Err(NOT_GOOD.into());
        }
        // Libraries name all that they once asked for: what the client may not have is passed over here as it was there.
        let wanted = wanted.map(|wanted| wanted.common(&client.scopes));
        let scopes = wanted.unwrap_or_else(|| grant.scopes.clone());
        if !scopes.is_within(&grant.scopes) {
            return Err(Refused::new("invalid_scope", "more than the customer agreed to").into());
        }
        let person = self.standing(&grant).await?.ok_or(NOT_GOOD)?;
        let next = self.marks.next_refresh(token.expose());
        let access = self.new_access(&grant, scopes, now);
        let turn = Turn {
            next_mark: self.marks.refresh(next.expose()),
            next: self.refresh_row(&grant, now),
            access_mark: access.mark.clone(),
            access: access.row.clone(),
            network: self.marks.network(caller),
            grace: grace(client.kind),
            mark,
            now,
        };
        let owner = grant.clone();
        let turned = self.db.write(move |tx| turn.write(tx, &owner)).await?;
        if turned == Turned::Reused {
            return Err(NOT_GOOD.into());
        }
        Ok(self.answer(client, &grant, &person, &access, &next, None).await?)
    }

    /// A refresh token with its grant.
    pub async fn refresh_token(&self, mark: String) -> Result<Option<(RefreshRow, GrantRow)>, Error> {
        let found = self.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            let Some(row) = sql::token::refresh(reader, &mark)? else { return Ok(None) };
            Ok(sql::grant::by_id(reader, row.grant)?.map(|grant| (row, grant)))
        });
        found.await
    }
}

impl Turn {
    fn write(&self, tx: &mut Tx<'_>, grant: &GrantRow) -> Result<Turned, Error> {
        tx.commit_silent("that the customer signed in to the client was told with the code");
        if !sql::token::use_refresh(tx, &self.mark, &self.network, self.now)? && !self.is_sent_again(tx)? {
            let (client, customer) = (grant.client, grant.customer);
            if sql::grant::end(tx, grant.id, self.now)? {
                tx.append(Actor::System, None, RefreshTokenReused { client, customer })?;
            }
            return Ok(Turned::Reused);
        }
        sql::token::insert_refresh(tx, &self.next_mark, &self.next)?;
        sql::token::insert_access(tx, &self.access_mark, &self.access)?;
        sql::grant::extend(tx, grant.id, self.next.expires_at.max(self.access.expires_at))?;
        Ok(Turned::Next)
    }

    /// Whether it was replaced just now from the same network, and nobody has used what replaced it.
    fn is_sent_again(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let used_at = sql::token::refresh(tx, &self.mark)?.and_then(|row| row.used_at);
        let just_now = used_at.is_some_and(|at| self.now.since(at) < self.grace);
        let same_network = sql::token::used_from(tx, &self.mark)?.is_some_and(|from| from == self.network);
        let next = sql::token::refresh(tx, &self.next_mark)?;
        Ok(just_now && same_network && next.is_some_and(|next| next.used_at.is_none()))
    }
}

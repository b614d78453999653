//! A code for tokens, once.

use serde_json::Value;
use storeward_base::{Actor, Secret};
use storeward_events::oidc::CodeReused;
use storeward_store::Reader;

use super::Fault;
use crate::error::Error;
use crate::marks::fresh_refresh;
use crate::model::Client;
use crate::protocol::refusal::Refused;
use crate::protocol::token::verifier_fits;
use crate::provider::Shared;
use crate::sql::{self, grant::GrantRow};

/// What a client sends with its code.
pub struct Exchange {
    pub code: Secret<String>,
    pub redirect_uri: Option<String>,
    pub verifier: Option<Secret<String>>,
}

const NOT_GOOD: Refused = Refused::invalid_grant("the code is not good: used, too old, or another client's");

impl Shared {
    pub async fn exchange(&self, client: &Client, given: Exchange) -> Result<Value, Fault> {
        let mark = self.marks.code(given.code.expose());
        let found = self.db.read(move |reader: &mut Reader<'_>| sql::grant::by_code(reader, &mark)).await?;
        let grant = found.filter(|grant| grant.client == client.id).ok_or(NOT_GOOD)?;
        if grant.code_used_at.is_some() {
            self.end_reused(&grant).await?;
            return Err(NOT_GOOD.into());
        }
        if given.redirect_uri.as_deref() != Some(grant.redirect_uri.as_str()) {
            return Err(Refused::invalid_grant("redirect_uri is not the one of the request").into());
        }
        if !verifier_fits(grant.challenge.as_deref(), given.verifier.as_ref()) {
            return Err(Refused::invalid_grant("code_verifier does not fit").into());
        }
        let person = self.standing(&grant).await?.ok_or(NOT_GOOD)?;
        let now = self.now();
        let access = self.new_access(&grant, grant.scopes.clone(), now);
        let refresh = fresh_refresh(&*self.entropy);
        let (access_mark, access_row) = (access.mark.clone(), access.row.clone());
        let (refresh_mark, refresh_row) =
            (self.marks.refresh(refresh.expose()), self.refresh_row(&grant, now));
        let id = grant.id;
        let used = self.db.write(move |tx| -> Result<bool, Error> {
            tx.commit_silent("that the customer signed in to the client was told with the code");
            if !sql::grant::use_code(tx, id, now)? {
                return Ok(false);
            }
            sql::token::insert_access(tx, &access_mark, &access_row)?;
            sql::token::insert_refresh(tx, &refresh_mark, &refresh_row)?;
            sql::grant::extend(tx, id, refresh_row.expires_at.max(access_row.expires_at))?;
            Ok(true)
        });
        if !used.await? {
            return Err(self.overtaken(&grant).await?);
        }
        let nonce = grant.nonce.clone();
        Ok(self.answer(client, &grant, &person, &access, &refresh, nonce).await?)
    }

    /// The code was good a moment ago: it ran out, or a second request with it came first.
    async fn overtaken(&self, grant: &GrantRow) -> Result<Fault, Error> {
        let id = grant.id;
        let now = self.db.read(move |reader: &mut Reader<'_>| sql::grant::by_id(reader, id)).await?;
        if now.is_some_and(|grant| grant.code_used_at.is_some()) {
            self.end_reused(grant).await?;
        }
        Ok(NOT_GOOD.into())
    }

    /// Two hold the code, and one of them should not: what came from it ends (RFC 6749 section 4.1.2, ASVS 5.0 10.4.2).
    async fn end_reused(&self, grant: &GrantRow) -> Result<(), Error> {
        let (id, client, customer, now) = (grant.id, grant.client, grant.customer, self.now());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if sql::grant::end(tx, id, now)? {
                tx.append(Actor::System, None, CodeReused { client, customer })?;
            } else {
                tx.commit_silent("what came from the code was ended before");
            }
            Ok(())
        });
        written.await
    }
}

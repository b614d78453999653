//! What a token is good for (RFC 7662), and giving it back (RFC 7009). A client learns of its own tokens only.

use serde_json::{Value, json};
use storeward_base::Actor;
use storeward_events::oidc::TokensRevoked;

use super::Fault;
use crate::error::Error;
use crate::marks::subject;
use crate::model::{Client, Kind};
use crate::protocol::refusal::Refused;
use crate::provider::Shared;
use crate::sql::{self, grant::GrantRow};

impl Shared {
    pub async fn introspect(&self, client: &Client, token: &str) -> Result<Value, Fault> {
        if client.kind == Kind::Public {
            return Err(Refused::invalid_client("only a client with a secret may ask").into());
        }
        if let Some((row, grant)) = self.access_token(token).await? {
            let more = json!({ "token_type": "Bearer", "scope": row.scopes.to_string(),
                "iat": row.created_at.seconds(), "exp": row.expires_at.seconds() });
            return Ok(self.described(client, &grant, more).await?);
        }
        let now = self.now();
        if let Some((row, grant)) = self.refresh_token(self.marks.refresh(token)).await?
            && row.used_at.is_none()
            && row.expires_at > now
        {
            let more = json!({ "scope": grant.scopes.to_string(),
                "iat": row.created_at.seconds(), "exp": row.expires_at.seconds() });
            return Ok(self.described(client, &grant, more).await?);
        }
        Ok(json!({ "active": false }))
    }

    async fn described(&self, client: &Client, grant: &GrantRow, mut more: Value) -> Result<Value, Error> {
        if grant.client != client.id || self.standing(grant).await?.is_none() {
            return Ok(json!({ "active": false }));
        }
        let rest = [
            ("active", json!(true)),
            ("client_id", json!(client.id.to_string())),
            ("aud", json!(client.id.to_string())),
            ("iss", json!(self.issuer())),
            ("sub", json!(subject(grant.customer))),
            ("acr", json!(grant.acr)),
            ("auth_time", json!(grant.authenticated_at.seconds())),
        ];
        if let Some(claims) = more.as_object_mut() {
            claims.extend(rest.map(|(name, value)| (name.to_owned(), value)));
        }
        Ok(more)
    }

    /// Ends a token. A refresh token takes its whole line along; what is not known is no fault (RFC 7009 section 2.2).
    pub async fn revoke(&self, client: &Client, token: &str) -> Result<(), Fault> {
        if let Some((_, grant)) = self.refresh_token(self.marks.refresh(token)).await? {
            if grant.client == client.id {
                self.end_given_back(&grant).await?;
            }
            return Ok(());
        }
        let Some((_, grant)) = self.access_token(token).await? else { return Ok(()) };
        if grant.client == client.id {
            let mark = self.marks.access(token);
            let written = self.db.write(move |tx| -> Result<(), Error> {
                tx.commit_silent("one access token less; its line goes on");
                Ok(sql::token::delete_access(tx, &mark)?)
            });
            written.await?;
        }
        Ok(())
    }

    async fn end_given_back(&self, grant: &GrantRow) -> Result<(), Error> {
        let (id, client, customer, now) = (grant.id, grant.client, grant.customer, self.now());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if sql::grant::end(tx, id, now)? {
                tx.append(Actor::System, None, TokensRevoked { client, customer })?;
            } else {
                tx.commit_silent("the line was ended before");
            }
            Ok(())
        });
        written.await
    }
}

//! Who somebody is, for whoever holds an access token (OpenID Connect Core section 5.3).

use serde_json::{Value, json};
use storeward_store::Reader;

use super::Fault;
use crate::error::Error;
use crate::marks::subject;
use crate::model::Client;
use crate::protocol::claims::profile;
use crate::protocol::refusal::Refused;
use crate::provider::Shared;
use crate::sql::grant::GrantRow;
use crate::sql::{self, token::AccessRow};

impl Shared {
    /// The claims, and the client whose token it is.
    pub async fn userinfo(&self, token: &str) -> Result<(Value, Client), Fault> {
        let (access, grant) = self.access_token(token).await?.ok_or(Refused::invalid_token())?;
        let client = self.client(grant.client).await?.ok_or(Refused::invalid_token())?;
        let person = self.standing(&grant).await?.ok_or(Refused::invalid_token())?;
        let mut claims = profile(&person, &access.scopes);
        claims.insert("sub".to_owned(), json!(subject(grant.customer)));
        Ok((Value::Object(claims), client))
    }

    /// An access token that has not run out, with its grant, which may have ended.
    pub async fn access_token(&self, token: &str) -> Result<Option<(AccessRow, GrantRow)>, Error> {
        let (mark, now) = (self.marks.access(token), self.now());
        let found = self.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            let Some(row) = sql::token::access(reader, &mark, now)? else { return Ok(None) };
            Ok(sql::grant::by_id(reader, row.grant)?.map(|grant| (row, grant)))
        });
        found.await
    }
}

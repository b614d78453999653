//! What a token answer holds: an access token, an ID token, the next refresh token (RFC 6749 section 5.1, OpenID Connect Core section
//! 3.1.3.3).

use serde_json::{Map, Value, json};
use storeward_base::{Secret, Timestamp};
use storeward_identity::Person;

use crate::error::Error;
use crate::marks::{fresh_access, subject};
use crate::model::{Client, IdToken};
use crate::protocol::claims::{ID_TOKEN, Occasion, profile};
use crate::protocol::scope::Scopes;
use crate::provider::Shared;
use crate::sql::grant::GrantRow;
use crate::sql::token::{AccessRow, RefreshRow};

/// An access token that is made and not yet written down.
pub struct NewAccess {
    pub text: Secret<String>,
    pub mark: String,
    pub row: AccessRow,
}

impl Shared {
    pub fn new_access(&self, grant: &GrantRow, scopes: Scopes, now: Timestamp) -> NewAccess {
        let text = fresh_access(&*self.entropy);
        let mark = self.marks.access(text.expose());
        let expires_at = now.plus(self.section.access_token());
        NewAccess { text, mark, row: AccessRow { grant: grant.id, scopes, created_at: now, expires_at } }
    }

    pub fn refresh_row(&self, grant: &GrantRow, now: Timestamp) -> RefreshRow {
        let unused = now.plus(self.section.refresh_token());
        let expires_at = self.offline_end(grant).map_or(unused, |end| end.min(unused));
        RefreshRow { grant: grant.id, created_at: now, expires_at, used_at: None }
    }

    /// The answer. `nonce` goes along at the first time only (OpenID Connect Core section 12.2).
    pub async fn answer(
        &self,
        client: &Client,
        grant: &GrantRow,
        person: &Person,
        access: &NewAccess,
        refresh: &Secret<String>,
        nonce: Option<String>,
    ) -> Result<Value, Error> {
        let claims = match client.id_token {
            IdToken::Plain => Map::new(),
            IdToken::WithProfile => profile(person, &access.row.scopes),
        };
        let occasion = Occasion {
            issuer: self.issuer(),
            subject: subject(grant.customer),
            client: client.id,
            sid: self.marks.sid(client.id, grant.session),
            acr: grant.acr.clone(),
            amr: grant.amr.split_whitespace().map(str::to_owned).collect(),
            authenticated_at: grant.authenticated_at,
            nonce,
        };
        let now = self.now();
        let claims = occasion.id_token(now, client.algorithm, access.text.expose(), claims);
        let id_token = self.keys.sign(client.algorithm, ID_TOKEN, &claims).await?;
        Ok(json!({
            "access_token": access.text.expose(),
            "token_type": "Bearer",
            "expires_in": self.section.access_token().as_secs(),
            "refresh_token": refresh.expose(),
            "id_token": id_token,
            "scope": access.row.scopes.to_string(),
        }))
    }
}

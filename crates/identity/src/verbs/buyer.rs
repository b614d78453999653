//! Who is signed in at the till, and how sure that is: for those who judge an attempt to pay.

use std::time::Duration;

use storeward_base::{ClientIp, CustomerId, Timestamp};
use storeward_store::Reader;
use storeward_web::http::HeaderMap;

use super::Identity;
use super::devices::Known;
use crate::error::Error;
use crate::sql;
use crate::visit::Visit;

/// What happened to an account that a thief does first.
const CHANGES: [&str; 2] = ["password_changed", "address_changed"];
const LINES: u32 = 50;

/// Somebody who is signed in with us.
#[derive(Clone, Debug)]
pub struct AtTheTill {
    pub customer: CustomerId,
    pub account_age: Duration,
    pub session_age: Duration,
    /// The device that the account trusts; `None` where this one is none of them.
    pub device: Option<String>,
    /// Points of the risk engine (natural logarithm of odds), as it would judge a sign-in from here now.
    pub points: f64,
    /// Since password or address were changed.
    pub credentials_changed: Option<Duration>,
}

impl Identity {
    /// Who is signed in in the browser that sent these headers; nothing where nobody is. It is no activity.
    pub async fn at_the_till(
        &self,
        client: ClientIp,
        headers: &HeaderMap,
    ) -> Result<Option<AtTheTill>, Error> {
        let visit = Visit::new(client, headers);
        let Some(token) = &visit.session else { return Ok(None) };
        let shared = &self.0;
        let (hash, now) = (token.hash(), shared.now());
        let idle_since = now.minus(shared.policy().idle());
        let read = shared.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            let Some(row) = sql::session::by_token(reader, &hash, now, idle_since)? else { return Ok(None) };
            let lines = sql::activity::of_customer(reader, row.customer, LINES)?;
            Ok(Some((row, lines)))
        });
        let Some((row, lines)) = read.await? else { return Ok(None) };
        let account = shared.account(row.customer).await?.filter(|account| account.locked_at.is_none());
        let Some(account) = account else { return Ok(None) };
        let device = shared.seen_device(&visit, &account).await?;
        let means = shared.means(account.id).await?;
        let changed = lines.iter().filter(|line| CHANGES.contains(&line.what.as_str())).map(|line| line.at);
        let since = |at: Timestamp| now.since(at);
        Ok(Some(AtTheTill {
            customer: account.id,
            account_age: since(account.created_at),
            session_age: since(row.created_at),
            points: shared.points(&visit, &means, &device).await?,
            credentials_changed: changed.max().map(since),
            device: match &device {
                Known::Yes(device) | Known::JustNow(device) => Some(device.id.to_string()),
                Known::Elsewhere(_) | Known::Copied | Known::No => None,
            },
        }))
    }

    /// The country of a client's network in two letters, where the owner's files say.
    pub fn country_of(&self, client: ClientIp) -> Option<String> {
        self.0.place(client).country()
    }
}

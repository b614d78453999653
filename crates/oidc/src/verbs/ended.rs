//! A session is over: what was given out for it ends, and the clients are told (Back-Channel Logout 1.0).

use serde::{Deserialize, Serialize};
use storeward_base::{Actor, CustomerId, RelyingId};
use storeward_events::oidc::LogoutTold;
use storeward_identity::{Closed, Ended, EndedWhat, Identity, SessionId};
use storeward_outbound::{Client as Caller, Limits, Options, Request};
use storeward_store::jobs::{self, Claim, Failed, Job, NewJob};
use storeward_store::{Reader, Tx};

use crate::error::Error;
use crate::marks::subject;
use crate::protocol::claims::{LOGOUT_TOKEN, logout_token};
use crate::protocol::fields::encode;
use crate::provider::Shared;
use crate::sql;

/// The kind of the job that tells one client of one session.
pub const TELL_JOB: &str = "oidc.tell_logout";

/// So many at a time.
const PAGE: u32 = 200;

/// Whom to tell of what: ids only.
#[derive(Debug, Serialize, Deserialize)]
struct News {
    client: RelyingId,
    customer: CustomerId,
    session: SessionId,
}

impl Shared {
    /// Does what is due about sessions that ended, and finishes the job with the last of it.
    pub async fn settle_ended(&self, claim: Claim) -> Result<(), Failed> {
        loop {
            let settled = self.db.write(move |tx| -> Result<u32, Error> {
                tx.commit_silent("that the sessions ended was told when they did");
                let ended = Identity::take_ended(tx, PAGE)?;
                for one in &ended {
                    settle(tx, *one)?;
                }
                let count = u32::try_from(ended.len()).unwrap_or(PAGE);
                if count < PAGE {
                    claim.finish(tx)?;
                }
                Ok(count)
            });
            if settled.await? < PAGE {
                return Ok(());
            }
        }
    }

    /// Tells one client. Taken is what answers 200 or 204; all else is tried again.
    pub async fn tell(&self, job: Job) -> Result<(), Failed> {
        let news: News =
            serde_json::from_slice(job.payload()).map_err(|_| Failed::for_good("oidc.unreadable_news"))?;
        let client = self.client(news.client).await?;
        let Some((client, uri)) =
            client.and_then(|client| client.backchannel_uri.clone().map(|uri| (client, uri)))
        else {
            // It was removed, or wants to know no more.
            return Ok(self.done(&job, None).await?);
        };
        let sid = self.marks.sid(client.id, news.session);
        let claims = logout_token(
            &self.issuer(),
            &subject(news.customer),
            client.id,
            &sid,
            &job.id().to_string(),
            self.now(),
        );
        let token = self.keys.sign(client.algorithm, LOGOUT_TOKEN, &claims).await?;
        let body = format!("logout_token={}", encode(&token));
        let mut options = Options::default().limits(Limits { body_bytes: 16 * 1024, ..Limits::default() });
        if let Some(roots) = &self.roots {
            options = options.trust_pem(roots)?;
        }
        let caller = Caller::new(self.section.allow(&uri)?, options)?;
        let request = Request::post(&uri, "application/x-www-form-urlencoded", body)?.cut_body();
        match caller.send(request).await?.status.as_u16() {
            200 | 204 => Ok(self.done(&job, Some(&news)).await?),
            400 => Err(Failed::later("oidc.logout_refused")),
            _ => Err(Failed::later("oidc.logout_not_taken")),
        }
    }

    async fn done(&self, job: &Job, told: Option<&News>) -> Result<(), Error> {
        let (claim, attempts) = (job.claim(), job.attempt());
        let told = told.map(|news| LogoutTold { client: news.client, customer: news.customer, attempts });
        let written = self.db.write(move |tx| -> Result<(), Error> {
            match &told {
                Some(fact) => drop(tx.append(Actor::System, None, fact.clone())?),
                None => tx.commit_silent("there is nobody to tell any more"),
            }
            Ok(claim.finish(tx)?)
        });
        written.await
    }

    /// Forgets what is over.
    pub async fn forget(&self, claim: Claim) -> Result<(), Error> {
        let now = self.now();
        let written = self.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("codes and tokens that ran out are forgotten");
            sql::token::forget(tx, now)?;
            sql::grant::forget(tx, now)?;
            Ok(claim.finish(tx)?)
        });
        written.await
    }
}

fn settle(tx: &mut Tx<'_>, ended: Ended) -> Result<(), Error> {
    let (customer, now) = (ended.customer, tx.now());
    match ended.what {
        EndedWhat::SignedOut(session) => {
            tell_later(tx, customer, session)?;
            sql::grant::end_online(tx, session, now)?;
        }
        EndedWhat::Revoked(session) => {
            tell_later(tx, customer, session)?;
            sql::grant::end_of_session(tx, session, now)?;
        }
        EndedWhat::AllBut(session) => sql::grant::end_but_session(tx, customer, session, now)?,
        EndedWhat::Everything => sql::grant::end_of_customer(tx, customer, now)?,
    }
    Ok(())
}

/// The account is closed: the clients that know of its sessions are told, and all that was given out for it is gone.
pub fn leave(tx: &mut Tx<'_>, closed: &Closed) -> Result<(), Error> {
    for session in &closed.sessions {
        tell_later(tx, closed.customer, *session)?;
    }
    sql::grant::delete_of_customer(tx, closed.customer)?;
    Ok(sql::consent::delete_of_customer(tx, closed.customer)?)
}

/// Promises the news to each client that knows of the session and wants to hear.
fn tell_later(tx: &mut Tx<'_>, customer: CustomerId, session: SessionId) -> Result<(), Error> {
    let reader: &mut Reader<'_> = tx;
    let clients = sql::grant::clients_of_session(reader, session)?;
    for client in clients {
        let wants = sql::client::by_id(tx, client)?.is_some_and(|kept| kept.client.backchannel_uri.is_some());
        if !wants {
            continue;
        }
        enqueue(tx, News { client, customer, session })?;
    }
    Ok(())
}

/// The same for one client, whose access to a session is over while the session goes on.
pub fn promise_news(
    tx: &mut Tx<'_>,
    client: RelyingId,
    customer: CustomerId,
    session: SessionId,
) -> Result<(), Error> {
    let wants = sql::client::by_id(tx, client)?.is_some_and(|kept| kept.client.backchannel_uri.is_some());
    if wants { enqueue(tx, News { client, customer, session }) } else { Ok(()) }
}

fn enqueue(tx: &mut Tx<'_>, news: News) -> Result<(), Error> {
    let name = format!("{} {}", news.client, news.session);
    let payload = serde_json::to_vec(&news).map_err(|_| Error::Form("news of a logout have no JSON form"))?;
    jobs::enqueue(tx, &NewJob::new(TELL_JOB, payload).unique(name))?;
    Ok(())
}

//! From a request to a code, by way of whatever pages it needs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::{Actor, Timestamp};
use storeward_events::oidc::{ConsentGiven, SignedInTo};
use storeward_identity::CurrentSession;
use storeward_seal::encoding::{base64_url, decode_base64_url};
use storeward_seal::fingerprint::equal;
use storeward_store::Reader;

use crate::browser::BrowserToken;
use crate::error::Error;
use crate::marks::fresh_code;
use crate::model::{Client, GrantId};
use crate::protocol::answer::Answer;
use crate::protocol::authorize::{Asked, Request};
use crate::protocol::decide::{Agreed, Decision, Situation, Standing, decide};
use crate::protocol::refusal::Here;
use crate::protocol::scope::Scope;
use crate::provider::Shared;
use crate::sql::{self, grant::GrantRow};

/// A code is good for so long (RFC 6749 section 4.1.2: ten minutes at most; a browser needs seconds).
const CODE: Duration = Duration::from_secs(60);
/// A person may take so long to sign in, or to open an account.
pub const CARRIED: Duration = Duration::from_secs(3_600);
/// Longest sealed request that fits into the address of a page ([`storeward_identity::ReturnTo`]).
pub const MOST_CARRIED: usize = 3_900;

/// A request while the person is on our pages: sealed, so that nobody changes it on the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Carried {
    pub request: Request,
    /// When it came, in microseconds.
    pub asked_at: Timestamp,
    /// The hash of the token of the browser that it came from. In another browser it leads nowhere: whoever sends somebody a
    /// link to a request that they began would have them sign in and agree to it.
    #[serde(default)]
    pub browser: String,
}

/// Where a request leads.
#[derive(Debug)]
pub enum Outcome {
    /// Back to the client.
    Back(Answer),
    /// To a page of ours, and then on with this.
    Page { decision: Decision, carried: Box<Carried>, client: Box<Client> },
    /// Nowhere.
    Here(Here),
}

impl Shared {
    /// A request as it came from a client.
    pub async fn authorize(
        &self,
        text: &[u8],
        browser: &BrowserToken,
        session: Option<&CurrentSession>,
    ) -> Result<Outcome, Error> {
        let asked = match Asked::parse(text) {
            Ok(asked) => asked,
            Err(here) => return Ok(Outcome::Here(here)),
        };
        let id = match asked.client() {
            Ok(id) => id,
            Err(here) => return Ok(Outcome::Here(here)),
        };
        let Some(client) = self.client(id).await? else { return Ok(Outcome::Here(Here::UnknownClient)) };
        let subject = match asked.id_token_hint() {
            None => Ok(None),
            Some(token) => match self.hint(token).await? {
                Some(hint) if hint.audience == client.id.to_string() => Ok(Some(hint.subject)),
                Some(_) | None => Err(()),
            },
        };
        match asked.fit(&client, subject) {
            Err(here) => Ok(Outcome::Here(here)),
            Ok(Err(misfit)) => Ok(Outcome::Back(Answer::misfit(misfit, &self.issuer()))),
            Ok(Ok(request)) => self.go_on(client, request, browser, None, session, Agreed::No).await,
        }
    }

    /// The same request in the same browser, after the person was on our pages. The client is asked for anew: it may be gone, or its
    /// address.
    pub async fn resume(
        &self,
        sealed: &str,
        browser: &BrowserToken,
        session: Option<&CurrentSession>,
        agreed: Agreed,
    ) -> Result<Outcome, Error> {
        let Some(carried) = self.open_carried(sealed, browser) else { return Ok(Outcome::Here(Here::Over)) };
        let Some(client) = self.client(carried.request.client).await? else {
            return Ok(Outcome::Here(Here::UnknownClient));
        };
        if !client.redirect_uris.contains(&carried.request.redirect_uri) {
            return Ok(Outcome::Here(Here::RedirectUri));
        }
        let mut carried = carried;
        carried.request.scopes = carried.request.scopes.common(&client.scopes);
        self.go_on(client, carried.request, browser, Some(carried.asked_at), session, agreed).await
    }

    async fn go_on(
        &self,
        client: Client,
        request: Request,
        browser: &BrowserToken,
        asked_at: Option<Timestamp>,
        session: Option<&CurrentSession>,
        agreed: Agreed,
    ) -> Result<Outcome, Error> {
        let agreed = match (agreed, session) {
            (Agreed::No, Some(session)) => self.agreed_before(session, &client, &request).await?,
            (agreed, _) => agreed,
        };
        let now = self.now();
        let situation = Situation {
            now,
            asked_at,
            standing: session.map(|session| Standing {
                customer: session.customer,
                level: session.level,
                authenticated_at: session.authenticated_at,
            }),
            consent: client.consent,
            assured: client.assured(),
            agreed,
        };
        match (decide(&request, &situation), session) {
            (Decision::Grant, Some(session)) => {
                self.grant(&client, request, session, agreed).await.map(Outcome::Back)
            }
            (Decision::Refuse(back), _) => Ok(Outcome::Back(Answer::refusal(&request, &self.issuer(), back))),
            (decision, _) => {
                let carried = Carried { request, asked_at: asked_at.unwrap_or(now), browser: browser.hash() };
                Ok(Outcome::Page { decision, carried: Box::new(carried), client: Box::new(client) })
            }
        }
    }

    async fn agreed_before(
        &self,
        session: &CurrentSession,
        client: &Client,
        request: &Request,
    ) -> Result<Agreed, Error> {
        let (customer, id) = (session.customer, client.id);
        let found =
            self.db.read(move |reader: &mut Reader<'_>| sql::consent::find(reader, customer, id)).await?;
        let covers = found.is_some_and(|given| request.scopes.is_within(&given));
        Ok(if covers { Agreed::Before } else { Agreed::No })
    }

    async fn grant(
        &self,
        client: &Client,
        request: Request,
        session: &CurrentSession,
        agreed: Agreed,
    ) -> Result<Answer, Error> {
        let now = self.now();
        let code = fresh_code(&*self.entropy);
        let mark = self.marks.code(code.expose());
        let row = GrantRow {
            id: GrantId::at(now, &*self.entropy),
            client: client.id,
            customer: session.customer,
            session: session.id,
            scopes: request.scopes.clone(),
            acr: session.acr().to_owned(),
            amr: session.amr().join(" "),
            authenticated_at: session.authenticated_at,
            nonce: request.nonce.clone(),
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            offline_at: request.scopes.has(Scope::OfflineAccess).then_some(now),
            code_expires_at: now.plus(CODE),
            code_used_at: None,
            ended_at: None,
        };
        let (actor, on_behalf) = (Actor::Customer { id: session.customer }, session.clone());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            let (client, customer) = (row.client, row.customer);
            // What ended the session a moment ago has ended what it had led to, and would know nothing of this.
            storeward_identity::still_signed_in(tx, &on_behalf).map_err(Error::Identity)?;
            let kept = sql::client::by_id(tx, client)?.ok_or(Error::NoClient)?;
            if !row.scopes.is_within(&kept.client.scopes) {
                // It was limited while this was on its way.
                return Err(Error::Identity(storeward_identity::Error::Overtaken));
            }
            let before = sql::consent::find(tx, customer, client)?.unwrap_or_default();
            if agreed == Agreed::Before && !row.scopes.is_within(&before) {
                // Its access was taken away meanwhile: what is given now would outlive that.
                return Err(Error::Identity(storeward_identity::Error::Overtaken));
            }
            if agreed == Agreed::JustNow {
                let scopes = before.union(&row.scopes);
                sql::consent::put(tx, customer, client, &scopes, now)?;
                tx.append(actor, None, ConsentGiven { client, customer, scopes: scopes.names() })?;
            }
            sql::grant::insert(tx, &row, &mark, now)?;
            tx.append(actor, None, SignedInTo { client, customer, acr: row.acr.clone() })?;
            Ok(())
        });
        written.await?;
        Ok(Answer::code(&request, &self.issuer(), code.expose()))
    }

    /// The client of this id.
    pub async fn client(&self, id: storeward_base::RelyingId) -> Result<Option<Client>, Error> {
        let found = self.db.read(move |reader: &mut Reader<'_>| sql::client::by_id(reader, id)).await?;
        Ok(found.map(|kept| kept.client))
    }

    /// `None` when it is too long to be carried.
    pub fn seal_carried(&self, carried: &Carried) -> Option<String> {
        let plain = serde_json::to_vec(carried).ok()?;
        let sealed = base64_url(&self.data_key.seal(&plain, CARRIED_PLACE, &*self.entropy));
        (sealed.len() <= MOST_CARRIED).then_some(sealed)
    }

    /// What was carried, in the browser that it was carried in.
    pub fn open_carried(&self, sealed: &str, browser: &BrowserToken) -> Option<Carried> {
        let sealed = decode_base64_url(sealed.get(..MOST_CARRIED).unwrap_or(sealed))?;
        let plain = self.data_key.open(&sealed, CARRIED_PLACE).ok()?;
        let carried: Carried = serde_json::from_slice(plain.expose()).ok()?;
        let is_own = equal(carried.browser.as_bytes(), browser.hash().as_bytes());
        (is_own && self.now().since(carried.asked_at) < CARRIED).then_some(carried)
    }
}

const CARRIED_PLACE: &str = "oidc/request";

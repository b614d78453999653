//! One order from its first request to the certificate (RFC 8555 section 7.4), taken up again wherever it stopped.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, CertificateIdentifier, ChallengeStatus, ChallengeType,
    Error, Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::failure::{Failure, Next, explain};
use super::http::AcmeHttp;
use super::kept::{KeptOrder, Shelf, Wanted};
use crate::certificates::challenges::Answer;
use crate::certificates::slot::Slot;
use crate::certificates::{CertificateError, Challenge, HttpChallenges};

/// `Retry-After` of the CA goes before this (instant-acme heeds it).
const POLLING: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// What one try at an order works with.
pub(super) struct Attempt<'a> {
    pub account: &'a Account,
    pub http: &'a AcmeHttp,
    pub shelf: &'a Shelf,
    pub slot: &'a Slot,
    pub challenges: &'a Arc<HttpChallenges>,
    pub wanted: &'a Wanted,
    /// `Http` or `TlsAlpn`; for `Auto` the caller chose one.
    pub challenge: Challenge,
    /// The certificate that the new one takes the place of.
    pub replaces: Option<CertificateIdentifier<'static>>,
    /// The order that the certificate at hand came from.
    pub done: Option<&'a str>,
}

impl Attempt<'_> {
    /// Leads an order to its end and gives back what to keep of it, and the chain in PEM.
    pub async fn run(&self) -> Result<(KeptOrder, String), Failure> {
        let (mut order, kept) = match self.resumed().await? {
            Some(pair) => pair,
            None => self.placed().await?,
        };
        // An order moves on at each round; more rounds than states there are means that it does not.
        for _ in 0..8 {
            match order.state().status {
                OrderStatus::Pending => self.authorize(&mut order).await?,
                OrderStatus::Ready => {
                    let request = signing_request(&kept)?;
                    order.finalize_csr(&request).await.map_err(|e| self.failure(&e))?;
                }
                OrderStatus::Processing => {
                    let pem = order.poll_certificate(&POLLING).await.map_err(|e| self.failure(&e))?;
                    return Ok((kept, pem));
                }
                OrderStatus::Valid => {
                    let pem = order.certificate().await.map_err(|e| self.failure(&e))?;
                    return pem
                        .map(|pem| (kept, pem))
                        .ok_or_else(|| Failure::resume("the CA gave no certificate"));
                }
                OrderStatus::Invalid => return Err(self.refusal(&mut order).await),
            }
        }
        Err(Failure::anew("the order does not move on"))
    }

    fn failure(&self, error: &Error) -> Failure {
        Failure::of(error, &self.http.last(), self.slot.now())
    }

    /// The order that a crash or a failure left behind, if it still leads where we want to go.
    async fn resumed(&self) -> Result<Option<(Order, KeptOrder)>, Failure> {
        // One that cannot be read is given up: it must not stand in the way of a certificate.
        let Some(kept) = self.shelf.order().unwrap_or_default() else { return Ok(None) };
        if !kept.serves(self.wanted, self.slot.now()) || self.done == Some(kept.url.as_str()) {
            self.shelf.drop_order()?;
            return Ok(None);
        }
        match self.account.order(kept.url.clone()).await {
            Ok(mut order) => {
                if order.state().status != OrderStatus::Invalid {
                    return Ok(Some((order, kept)));
                }
                self.shelf.drop_order()?;
                Ok(None)
            }
            Err(e) => {
                let failure = self.failure(&e);
                if failure.next != Next::Anew {
                    return Err(failure);
                }
                // The CA has forgotten it, or it belongs to another account.
                self.shelf.drop_order()?;
                Ok(None)
            }
        }
    }

    /// Makes a new order. It is on disk, with the key for its certificate, before anything is done with it.
    async fn placed(&self) -> Result<(Order, KeptOrder), Failure> {
        self.check_profile()?;
        let key = KeyPair::generate().map_err(CertificateError::making)?;
        let identifiers: Vec<Identifier> = self.wanted.names.iter().map(|name| identifier(name)).collect();
        let plain = || {
            let order = NewOrder::new(&identifiers);
            match &self.wanted.profile {
                Some(profile) => order.profile(profile),
                None => order,
            }
        };
        let order = match &self.replaces {
            Some(old) => match self.account.new_order(&plain().replaces(old.clone())).await {
                Ok(order) => Ok(order),
                // Saying what is replaced is a courtesy (RFC 9773 section 5). A CA that does not offer it, or has
                // seen it before (`alreadyReplaced`), must not keep us from the certificate.
                Err(e) if self.minds_replaces(&e) => self.account.new_order(&plain()).await,
                Err(e) => Err(e),
            },
            None => self.account.new_order(&plain()).await,
        }
        .map_err(|e| self.failure(&e))?;
        let kept = KeptOrder::new(self.wanted, order.url(), key.serialize_pem(), self.slot.now());
        self.shelf.put_order(&kept)?;
        Ok((order, kept))
    }

    fn minds_replaces(&self, error: &Error) -> bool {
        match error {
            Error::Api(_) => self.failure(error).next == Next::Anew,
            Error::Unsupported(_) => true,
            // instant-acme's words for an answer that does not repeat `replaces`.
            Error::Other(e) => e.to_string().contains("replaces field mismatch"),
            _ => false,
        }
    }

    fn check_profile(&self) -> Result<(), Failure> {
        let Some(wanted) = &self.wanted.profile else { return Ok(()) };
        let offered: Vec<&str> = self.account.profiles().map(|profile| profile.name).collect();
        if offered.contains(&wanted.as_str()) {
            return Ok(());
        }
        let offer = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
        Err(Failure::anew(format!(
            "the CA does not offer the profile `{wanted}` (it offers: {offer}); change certificate.profile"
        )))
    }

    /// Places the answers, tells the CA, and waits until it has looked. The answers go when this ends.
    async fn authorize(&self, order: &mut Order) -> Result<(), Failure> {
        let mut answers = Vec::new();
        let mut refused = None;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let authorization = authorization.map_err(|e| self.failure(&e))?;
            match authorization.status {
                AuthorizationStatus::Pending => match self.answer(authorization).await {
                    Ok(answer) => answers.push(answer),
                    Err(failure) => refused = Some(failure),
                },
                AuthorizationStatus::Valid => {}
                _ => return Err(self.refusal(order).await),
            }
        }
        // After a restart the CA may look, and find what it wants, between its list and our word.
        if let Some(failure) = refused
            && !Self::is_proven(order).await
        {
            return Err(failure);
        }
        match order.poll_ready(&POLLING).await {
            Ok(OrderStatus::Invalid) | Err(Error::Api(_)) if order.state().status == OrderStatus::Invalid => {
                Err(self.refusal(order).await)
            }
            Ok(_) => Ok(()),
            Err(e) => Err(self.failure(&e)),
        }
    }

    /// Whether the CA has seen all that it asked for.
    async fn is_proven(order: &mut Order) -> bool {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let Ok(mut authorization) = authorization else { return false };
            let Ok(now) = authorization.refresh().await else { return false };
            if now.status != AuthorizationStatus::Valid {
                return false;
            }
        }
        true
    }

    async fn answer(&self, mut authorization: AuthorizationHandle<'_>) -> Result<Answer, Failure> {
        let kind = self.choose(&authorization);
        let name = authorization.identifier().to_string();
        let Some(mut challenge) = authorization.challenge(kind.clone()) else {
            return Err(Failure::anew(format!(
                "the CA does not offer {} for {name}; change certificate.challenge",
                kind_name(&kind)
            )));
        };
        let proof = challenge.key_authorization();
        let answer = match kind {
            ChallengeType::TlsAlpn01 => Answer::by_tls(&self.slot.store, &name, proof.digest().as_ref())?,
            _ => Answer::by_http(self.challenges, &challenge.token, proof.as_str()),
        };
        // After a restart the CA may be looking already; telling it again would be an error.
        if challenge.status == ChallengeStatus::Pending {
            challenge.set_ready().await.map_err(|e| self.failure(&e))?;
        }
        Ok(answer)
    }

    /// The kind that is wanted, unless the CA already looks for another: then an earlier try told it so.
    fn choose(&self, authorization: &AuthorizationHandle<'_>) -> ChallengeType {
        let under_way = authorization.challenges.iter().find(|challenge| {
            challenge.status == ChallengeStatus::Processing
                && matches!(challenge.r#type, ChallengeType::Http01 | ChallengeType::TlsAlpn01)
        });
        match (under_way, self.challenge) {
            (Some(challenge), _) => challenge.r#type.clone(),
            (None, Challenge::TlsAlpn) => ChallengeType::TlsAlpn01,
            (None, Challenge::Http | Challenge::Auto) => ChallengeType::Http01,
        }
    }

    /// Why the CA refused, name by name: the order itself says little, its challenges say it all.
    async fn refusal(&self, order: &mut Order) -> Failure {
        let mut reasons = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            if authorization.refresh().await.is_err() {
                continue;
            }
            let name = authorization.identifier().to_string();
            let problems = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
            reasons.extend(problems.map(|problem| format!("{name}: {}", explain(problem))));
        }
        if let Some(problem) = order.state().error.as_ref().filter(|_| reasons.is_empty()) {
            reasons.push(explain(problem));
        }
        if reasons.is_empty() {
            reasons.push("the CA ended the order without a reason".to_owned());
        }
        Failure::anew(reasons.join("; "))
    }
}

fn identifier(name: &str) -> Identifier {
    name.parse().map_or_else(|_| Identifier::Dns(name.to_owned()), Identifier::Ip)
}

fn kind_name(kind: &ChallengeType) -> &'static str {
    match kind {
        ChallengeType::TlsAlpn01 => "tls-alpn-01",
        _ => "http-01",
    }
}

/// No common name: clients have ignored it since RFC 6125, and short-lived profiles refuse it.
fn signing_request(order: &KeptOrder) -> Result<Vec<u8>, Failure> {
    let make = || {
        let key = KeyPair::from_pem(&order.key_pem)?;
        let mut params = CertificateParams::new(order.names.clone())?;
        params.distinguished_name = DistinguishedName::new();
        params.serialize_request(&key).map(|request| request.der().to_vec())
    };
    make().map_err(|e: rcgen::Error| Failure::anew(format!("the signing request cannot be made: {e}")))
}

//! Who is at the page, and what whoever is refused reads: what they can do, and how they reach a person; nothing that tells one
//! stolen card from another.

use std::convert::Infallible;

use storeward_base::{ClientIp, Language};
use storeward_web::axum::extract::{Extension, FromRequestParts};
use storeward_web::axum::response::{Html, Response};
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderMap, StatusCode};
use storeward_web::{CsrfToken, Failure, explained, render};

use super::texts::Text;
use super::{Pages, say};
use crate::judge::Front;
use crate::model::Payment;
use crate::payments::Payments;

/// A buyer's browser, as the listener saw it. Nothing of it comes from the form.
pub(super) struct Buyer {
    client: Option<ClientIp>,
    /// The browser's own mark, which its forms repeat.
    visit: Option<CsrfToken>,
    pub headers: HeaderMap,
}

impl<S: Sync> FromRequestParts<S> for Buyer {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Buyer {
            client: parts.extensions.get::<ClientIp>().copied(),
            visit: parts.extensions.get::<CsrfToken>().cloned(),
            headers: parts.headers.clone(),
        })
    }
}

impl Buyer {
    pub async fn front(&self, payments: &Payments) -> Front {
        payments.front(self.client, &self.headers, self.visit.as_ref().map(CsrfToken::as_str)).await
    }
}

impl Pages {
    /// Counts that a page of this order was opened.
    pub(super) fn opened(&self, client: Option<Extension<ClientIp>>, order: &str) {
        let payments = &self.0.payments;
        payments.0.judge.opened(client.map(|Extension(client)| client), order, payments.0.now());
    }

    pub(super) async fn stopped(
        &self,
        payment: &Payment,
        language: Language,
        category: &'static str,
    ) -> Result<Response, Failure> {
        let (back_to, _) = self.0.payments.told(payment.id).await?;
        let label = say(language, Text::BackToShop, &[("shop", &self.0.look.name)]);
        let (words, status) = match category {
            "too_often" => (Text::StoppedTooOften, StatusCode::TOO_MANY_REQUESTS),
            "looked_at" => (Text::StoppedLookedAt, StatusCode::FORBIDDEN),
            _ => (Text::StoppedOtherMethod, StatusCode::FORBIDDEN),
        };
        let mut page = self.stands(payment, language, words, Some((back_to, label)));
        page.person = Some(say(
            language,
            Text::StoppedPerson,
            &[("shop", &self.0.look.name), ("order", &payment.order)],
        ));
        page.reach = Some(self.reach(language));
        Ok(explained(status, Html(render(&page)?)))
    }
}

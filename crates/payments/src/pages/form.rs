//! The page that holds Stripe's form in a frame: nothing else of another site's runs there.

use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::http::header;
use storeward_web::{CsrfToken, Failure, Hosts, Nonce, redirect, render};

use crate::error::Error;
use crate::model::{Payment, Presentation, Provider, Saving, Strength, Terms};
use crate::provider::Gateway;

use super::stopped::Buyer;
use super::texts::Text;
use super::{Frame, Pages, language, say};

const SCRIPT: &str = include_str!("form.js");

#[derive(Template)]
#[template(path = "form.html", askama = storeward_web::askama)]
struct FormPage {
    frame: Frame,
    order: String,
    total: String,
    nonce: String,
    script: String,
    own_script: String,
    key: String,
    /// What opens the form: of this payment and no other, and good once.
    opens: String,
    loading: String,
    failed: String,
    /// The same on Stripe's own page.
    action: String,
    csrf: String,
    keeps: bool,
    elsewhere: String,
    other: String,
    other_to: String,
}

impl Pages {
    /// Whether a way to pay that was chosen is shown in a frame on our own page.
    pub(super) async fn is_embedded(&self, payment: &Payment, provider: Provider) -> Result<bool, Failure> {
        let wanted = self.0.payments.presentation(payment.id).await?;
        Ok(provider == Provider::Stripe && wanted == Presentation::Embedded)
    }

    /// Its address, by which it can be loaded again.
    pub(super) fn form_path(&self, payment: &Payment) -> String {
        format!("{}/form", self.0.payments.page_path(payment.id))
    }
}

/// Whether the buyer said that what they pay with may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreed {
    /// In the form on the page before, just now.
    ByForm,
    No,
}

pub(super) async fn show(
    State(pages): State<Pages>,
    Path(part): Path<String>,
    nonce: Nonce,
    csrf: CsrfToken,
    buyer: Buyer,
) -> Result<Response, Failure> {
    shown(&pages, &part, Agreed::No, (&nonce, &csrf), &buyer).await
}

pub(super) async fn shown(
    pages: &Pages,
    part: &str,
    agreed: Agreed,
    (nonce, csrf): (&Nonce, &CsrfToken),
    buyer: &Buyer,
) -> Result<Response, Failure> {
    let language = language(&buyer.headers);
    let payment = pages.payment(part).await?;
    let back = pages.0.payments.page_path(payment.id);
    let stripe = match pages.0.payments.0.gateway(Provider::Stripe) {
        Ok(Gateway::Stripe(stripe)) => stripe,
        _ => return Ok(redirect(&back)),
    };
    let Some(form) = stripe.form().filter(|_| payment.is_open()) else { return Ok(redirect(&back)) };
    if !pages.is_embedded(&payment, Provider::Stripe).await? {
        return Ok(redirect(&back));
    }
    let saves = match pages.0.payments.saving(payment.id).await? {
        Saving::No => false,
        Saving::Ask => agreed == Agreed::ByForm,
        Saving::Yes => true,
    };
    let terms = Terms { saves, embedded: true, ..Terms::of(Provider::Stripe, Strength::Usual) };
    let front = buyer.front(&pages.0.payments).await;
    let begun = match pages.0.payments.begin_as(payment.id, terms, &front).await {
        Ok(begun) => begun,
        Err(Error::Stopped { category }) => return pages.stopped(&payment, language, category).await,
        // The page says how it stands, and offers the ways again.
        Err(
            Error::Unsure | Error::State(_) | Error::Raced | Error::Refused { .. } | Error::NotReached { .. },
        ) => {
            return Ok(redirect(&back));
        }
        Err(other) => return Err(other.into()),
    };
    let origins: Vec<&str> = form.origins.iter().map(String::as_str).collect();
    let hosts = Hosts::new(&form.script, &origins).ok_or_else(|| Failure::broken("payments.form_origins"))?;
    let page = FormPage {
        keeps: saves,
        frame: pages.frame(language, Text::Title),
        order: say(language, Text::Order, &[("order", &payment.order)]),
        total: payment.amount.to_string(),
        nonce: nonce.as_str().to_owned(),
        script: form.script.clone(),
        own_script: format!("{}/form.js", crate::PAGES),
        key: form.key.clone(),
        opens: begun.address,
        loading: say(language, Text::FormLoads, &[]),
        failed: say(language, Text::FormFailed, &[]),
        action: format!("{back}/begin"),
        csrf: csrf.as_str().to_owned(),
        elsewhere: say(language, Text::OnTheirPage, &[]),
        other: say(language, Text::OtherWay, &[]),
        other_to: back,
    };
    Ok(hosts.mark(Html(render(&page)?).into_response()))
}

pub(super) async fn script() -> Response {
    let head = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (head, SCRIPT).into_response()
}

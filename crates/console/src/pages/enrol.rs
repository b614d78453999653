//! Taking up an enrolment link.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_web::askama::Template;
use storeward_web::axum::Extension;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{CsrfToken, Failure, Form, Moment, Nonce, Shell, assets, qr, redirect};

use super::sign_in::with_session;
use super::view::icons;
use crate::accounts::{Caller, EnrolError, EnrolForm, Misfit, OpenOffer};
use crate::app::App;

#[derive(Deserialize)]
pub struct Fields {
    name: String,
    email: String,
    password: Secret<String>,
    repeated: Secret<String>,
    code: String,
}

#[derive(Template)]
#[template(path = "enrol.html", askama = storeward_web::askama)]
struct EnrolPage<'a> {
    action: String,
    csrf: &'a str,
    expires: Moment,
    fault: Option<&'a str>,
    bad: &'a str,
    name: &'a str,
    email: &'a str,
    qr: String,
    /// In groups of four, to be typed.
    secret: String,
    secret_plain: &'a str,
    icons: &'a str,
}

pub async fn page(
    State(app): State<App>,
    Path(token): Path<String>,
    Extension(offer): Extension<OpenOffer>,
    nonce: Nonce,
    csrf: CsrfToken,
) -> Result<Response, Failure> {
    let sheet = Sheet { app: &app, token: &token, offer: &offer, csrf: &csrf, name: "", email: "" };
    sheet.write(&nonce, None)
}

pub async fn enrol(
    State(app): State<App>,
    Path(token): Path<String>,
    Extension(offer): Extension<OpenOffer>,
    nonce: Nonce,
    csrf: CsrfToken,
    caller: Caller,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let form = EnrolForm {
        name: fields.name.clone(),
        email: fields.email.clone(),
        password: fields.password,
        repeated: fields.repeated,
        code: fields.code,
    };
    let misfit = match app.accounts.enrol(&offer, form, &caller).await {
        Ok(session) => return with_session(redirect("/"), &session),
        Err(EnrolError::Misfit(misfit)) => misfit,
        Err(EnrolError::Failed(error)) => return Err(error.into()),
    };
    let sheet = Sheet {
        app: &app,
        token: &token,
        offer: &offer,
        csrf: &csrf,
        name: &fields.name,
        email: &fields.email,
    };
    sheet.write(&nonce, Some(misfit))
}

/// What the page is made of.
struct Sheet<'a> {
    app: &'a App,
    token: &'a str,
    offer: &'a OpenOffer,
    csrf: &'a CsrfToken,
    name: &'a str,
    email: &'a str,
}

impl Sheet<'_> {
    fn write(&self, nonce: &Nonce, misfit: Option<Misfit>) -> Result<Response, Failure> {
        let secret = self.offer.secret.base32();
        let shop = self.app.status().shop_names.into_iter().next();
        let issuer = format!("Storeward {}", shop.unwrap_or_default());
        let account = if self.email.is_empty() { "staff" } else { self.email };
        let uri = self.offer.secret.otpauth_uri(issuer.trim(), account);
        let page = EnrolPage {
            action: format!("/enrol/{}", self.token),
            csrf: self.csrf.as_str(),
            expires: Moment(self.offer.expires_at),
            fault: misfit.as_ref().map(|m| m.words.as_ref()),
            bad: misfit.as_ref().map_or("", |m| m.field),
            name: self.name,
            email: self.email,
            qr: qr::svg(&uri, "Square to scan with an authenticator app").unwrap_or_default(),
            secret: grouped(secret.expose()),
            secret_plain: secret.expose(),
            icons: icons(),
        };
        let shell = Shell {
            title: "Set up your account",
            nav: &[],
            here: "",
            nonce,
            signed_in: None,
            script: Some(&assets::METER),
        };
        match misfit {
            None => shell.page(&page),
            Some(_) => shell.page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page),
        }
    }
}

fn grouped(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

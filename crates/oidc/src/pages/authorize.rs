//! Where customers come from a client: straight back, to the sign-in, or to the question whether they agree.

use serde::Deserialize;
use storeward_identity::ReturnTo;
use storeward_web::askama::Template;
use storeward_web::axum::extract::{RawQuery, State};
use storeward_web::axum::response::Response;
use storeward_web::http::{HeaderValue, header};
use storeward_web::{Failure, Form, LeadsTo, Query, redirect, redirect_away};

use super::PREFIX;
use super::view::View;
use crate::model::Client;
use crate::protocol::answer::Answer;
use crate::protocol::authorize::ResponseMode;
use crate::protocol::decide::{Agreed, Decision};
use crate::protocol::fields::encode;
use crate::protocol::refusal::{Back, Here};
use crate::protocol::scope::Scope;
use crate::provider::Provider;
use crate::texts::Text;
use crate::verbs::authorize::{Carried, Outcome};

const DENIED: Back = Back::new("access_denied", "the customer did not agree");
const TOO_LONG: Back =
    Back::new("invalid_request", "the request is too long to be carried through the sign-in");

/// How somebody gets back to the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By a redirect.
    Straight,
    /// By a page: the sign-in's form led here, and browsers hold a form's redirects against the policy of the form's page,
    /// which allows this host only (CSP Level 3 section 6.5.1).
    ByPage,
}

pub async fn authorize(
    State(provider): State<Provider>,
    mut view: View,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    let outcome = provider.0.authorize(query.as_bytes(), &view.browser, view.session.as_ref()).await?;
    follow(&provider, &mut view, outcome, Way::Straight).await
}

/// A request may come as a form (OpenID Connect Core section 3.1.2.1). It is made one by address: only then does the browser send
/// its cookies along, and only what changes nothing by itself is taken from elsewhere.
pub async fn relay(form: String) -> Result<Response, Failure> {
    relay_to("/authorize", &form)
}

pub fn relay_to(path: &str, form: &str) -> Result<Response, Failure> {
    let plain = form.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\'));
    if !plain || form.len() > crate::protocol::fields::MOST_BYTES {
        return Err(Failure::invalid("oidc.request", "The request is no form, or too long."));
    }
    Ok(redirect(&format!("{PREFIX}{path}?{form}")))
}

#[derive(Deserialize)]
pub struct Resumed {
    r: String,
}

/// After the sign-in, or whatever else of ours was in between.
pub async fn go_on(
    State(provider): State<Provider>,
    mut view: View,
    Query(resumed): Query<Resumed>,
) -> Result<Response, Failure> {
    let outcome = provider.0.resume(&resumed.r, &view.browser, view.session.as_ref(), Agreed::No).await?;
    follow(&provider, &mut view, outcome, Way::ByPage).await
}

#[derive(Deserialize)]
pub struct Agreement {
    r: String,
    answer: String,
}

pub async fn consent(
    State(provider): State<Provider>,
    mut view: View,
    Form(agreement): Form<Agreement>,
) -> Result<Response, Failure> {
    let agreed = if agreement.answer == "allow" { Agreed::JustNow } else { Agreed::No };
    if agreed == Agreed::No {
        let Some(carried) = provider.0.open_carried(&agreement.r, &view.browser) else {
            return here(&provider, &view, Here::Over);
        };
        let answer = Answer::refusal(&carried.request, &provider.issuer(), DENIED);
        return back(&provider, &view, answer, Way::Straight).await;
    }
    let outcome = provider.0.resume(&agreement.r, &view.browser, view.session.as_ref(), agreed).await?;
    follow(&provider, &mut view, outcome, Way::Straight).await
}

async fn follow(
    provider: &Provider,
    view: &mut View,
    outcome: Outcome,
    way: Way,
) -> Result<Response, Failure> {
    let (decision, carried, client) = match outcome {
        Outcome::Back(answer) => return back(provider, view, answer, way).await,
        Outcome::Here(why) => return here(provider, view, why),
        Outcome::Page { decision, carried, client } => (decision, carried, client),
    };
    view.speak(provider, carried.request.language);
    let Some(sealed) = provider.0.seal_carried(&carried) else {
        let answer = Answer::refusal(&carried.request, &provider.issuer(), TOO_LONG);
        return back(provider, view, answer, way).await;
    };
    let to = ReturnTo::parse(&format!("{PREFIX}/continue?r={sealed}"));
    let to = to.ok_or_else(|| Failure::broken("oidc.return"))?;
    let identity = &provider.0.identity;
    let mut response = match decision {
        Decision::StepUp => redirect(&identity.step_up_address(&to)),
        Decision::AskConsent => ask(provider, view, &carried, &client, sealed, &to)?,
        Decision::SignIn | Decision::Grant | Decision::Refuse(_) => {
            let hint = carried.request.login_hint.as_deref();
            let hint = hint.map_or_else(String::new, |hint| format!("&hint={}", encode(hint)));
            redirect(&format!("{}{hint}", identity.sign_in_address(&to)))
        }
    };
    let line = view.browser.line().ok_or_else(|| Failure::broken("oidc.browser"))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(response)
}

/// What a client learns by a scope.
pub const fn words_of(scope: Scope) -> Text {
    match scope {
        Scope::Openid => Text::ScopeOpenid,
        Scope::Profile => Text::ScopeProfile,
        Scope::Email => Text::ScopeEmail,
        Scope::OfflineAccess => Text::ScopeOffline,
    }
}

fn here(provider: &Provider, view: &View, why: Here) -> Result<Response, Failure> {
    let text = match why {
        Here::Form => Text::RefusedForm,
        Here::UnknownClient => Text::RefusedClient,
        Here::RedirectUri => Text::RefusedRedirect,
        Here::Over => Text::RefusedOver,
    };
    view.refused(provider, text, why.code())
}

#[derive(Template)]
#[template(path = "consent.html", askama = storeward_web::askama)]
struct ConsentPage {
    title: String,
    signed_in_as: Option<String>,
    learns: String,
    scopes: Vec<String>,
    goes_on: String,
    allow: String,
    deny: String,
    other: String,
    other_href: String,
    action: String,
    csrf: String,
    sealed: String,
}

fn ask(
    provider: &Provider,
    view: &View,
    carried: &Carried,
    client: &Client,
    sealed: String,
    to: &ReturnTo,
) -> Result<Response, Failure> {
    let redirect_uri = &carried.request.redirect_uri;
    let title = view.say(Text::ConsentTitle, &[("client", &client.name)]);
    let scope = |scope| view.say(words_of(scope), &[]);
    let email = view.session.as_ref().and_then(|session| session.email.clone());
    let page = ConsentPage {
        title: title.clone(),
        signed_in_as: email.map(|email| view.say(Text::ConsentAs, &[("address", &email)])),
        learns: view.say(Text::ConsentLearns, &[("client", &client.name)]),
        scopes: carried.request.scopes.iter().map(scope).collect(),
        goes_on: view.say(Text::ConsentGoes, &[("place", place(redirect_uri))]),
        allow: view.say(Text::ConsentAllow, &[]),
        deny: view.say(Text::ConsentDeny, &[]),
        other: view.say(Text::ConsentOther, &[]),
        other_href: provider.0.identity.sign_in_address(to),
        action: format!("{PREFIX}/consent"),
        csrf: view.csrf().to_owned(),
        sealed,
    };
    Ok(leading(view.page(provider, title, &page)?, redirect_uri))
}

/// Where an address leads, for a person to read: its host, or an app's own scheme.
fn place(uri: &str) -> &str {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    match rest.strip_prefix("//") {
        Some(rest) => rest.split(['/', '?']).next().unwrap_or(rest),
        None => scheme,
    }
}

fn leading(response: Response, uri: &str) -> Response {
    match LeadsTo::new(uri) {
        Some(to) => to.mark(response),
        None => response,
    }
}

#[derive(Template)]
#[template(path = "back.html", askama = storeward_web::askama)]
struct BackPage {
    title: String,
    words: String,
    button: String,
    /// By address …
    url: String,
    /// … or by form.
    form: Option<PostedForm>,
}

struct PostedForm {
    action: String,
    fields: Vec<(&'static str, String)>,
    nonce: String,
}

async fn back(provider: &Provider, view: &View, answer: Answer, way: Way) -> Result<Response, Failure> {
    let url = answer.url();
    if answer.mode == ResponseMode::Query && way == Way::Straight {
        return redirect_away(&url).ok_or_else(|| Failure::broken("oidc.redirect"));
    }
    let title = view.say(Text::BackTitle, &[("place", place(&answer.redirect_uri))]);
    let form = (answer.mode == ResponseMode::FormPost).then(|| PostedForm {
        action: answer.redirect_uri.clone(),
        fields: answer.pairs.clone(),
        nonce: view.nonce.as_str().to_owned(),
    });
    let page = BackPage {
        title: title.clone(),
        words: view.say(Text::BackIntro, &[]),
        button: view.say(Text::BackButton, &[]),
        url: url.clone(),
        form,
    };
    let mut response = view.page(provider, title, &page)?;
    if answer.mode == ResponseMode::Query {
        // A navigation of the page's own, to which the policy of the form does not apply; without script (HTML, section 7.4.6).
        let line =
            HeaderValue::try_from(format!("0; url={url}")).map_err(|_| Failure::broken("oidc.redirect"))?;
        response.headers_mut().insert(header::REFRESH, line);
        return Ok(response);
    }
    Ok(leading(response, &answer.redirect_uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_where_they_go() {
        assert_eq!(place("https://shop.example:8443/cb?x=1"), "shop.example:8443");
        assert_eq!(place("https://shop.example?x=1"), "shop.example");
        assert_eq!(place("com.example.app:/cb"), "com.example.app");
    }

    #[test]
    fn a_form_is_passed_on_as_it_is_or_not_at_all() {
        assert!(relay_to("/authorize", "a=b&c=%20d+e").is_ok());
        for bad in ["a=b\r\nset-cookie: x=y", "a=b c", "a=\u{e4}", "a=#"] {
            assert!(relay_to("/authorize", bad).is_err(), "{bad}");
        }
        assert!(relay_to("/authorize", &"a".repeat(20_000)).is_err());
    }
}

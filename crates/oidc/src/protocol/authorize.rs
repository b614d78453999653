//! The authorization request (OpenID Connect Core section 3.1.2.1, RFC 6749 section 4.1.1, RFC 7636 section 4.3): read, and held
//! against what the client may.

use serde::{Deserialize, Serialize};
use storeward_base::{Language, RelyingId};
use storeward_identity::Level;

use super::fields::Fields;
use super::refusal::{Back, Here};
use super::scope::{Scope, Scopes};
use crate::model::{Answers, Client, Pkce};

/// How the answer reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    Query,
    /// A form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// Which pages the client wants shown, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    pub none: bool,
    pub login: bool,
    pub consent: bool,
    pub select_account: bool,
}

/// A request as it came, before anything is believed. (A pushed request, RFC 9126, would be one of these too.)
#[derive(Clone)]
pub struct Asked(Fields);

/// A request that fits its client. It is carried, sealed, while the person signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub client: RelyingId,
    pub redirect_uri: String,
    pub mode: ResponseMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    pub scopes: Scopes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Of PKCE, S256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    #[serde(default)]
    pub prompt: Prompt,
    /// Seconds since the person last showed who they are, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// `acr` values, best first; those that are not known are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr: Vec<String>,
    /// What the person is called here, the client believes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// `sub` of the ID token that the client showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// A request that does not fit, and what of it is known to go back with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub redirect_uri: String,
    pub mode: ResponseMode,
    pub state: Option<String>,
    pub back: Back,
}

/// Longest `state` and `nonce`: clients put a random number there, some a small signed token.
const MOST_OPAQUE: usize = 1_024;

impl Asked {
    pub fn parse(text: &[u8]) -> Result<Self, Here> {
        Fields::parse(text).map(Asked).map_err(|_| Here::Form)
    }

    /// Who asks; to be looked up before [`Asked::fit`].
    pub fn client(&self) -> Result<RelyingId, Here> {
        if self.0.is_repeated("client_id") {
            return Err(Here::Form);
        }
        let id = self.0.get("client_id").ok_or(Here::UnknownClient)?;
        id.parse().map_err(|_| Here::UnknownClient)
    }

    /// An ID token that says for whom the client asks; to be checked by the caller.
    pub fn id_token_hint(&self) -> Option<&str> {
        self.0.get("id_token_hint")
    }

    /// The address to go back to: one of the client's, character for character (RFC 9700 section 4.1.3, ASVS 5.0 10.4.1).
    fn redirect_uri(&self, client: &Client) -> Result<String, Here> {
        let uri = self.0.get("redirect_uri").filter(|_| !self.0.is_repeated("redirect_uri"));
        let uri = uri.filter(|uri| client.redirect_uris.iter().any(|own| own == uri));
        uri.map(str::to_owned).ok_or(Here::RedirectUri)
    }

    /// The request as this client may make it. `subject` is that of the ID token it showed, where that is ours and the
    /// client's; `Err(())` where it is not.
    pub fn fit(
        &self,
        client: &Client,
        subject: Result<Option<String>, ()>,
    ) -> Result<Result<Request, Misfit>, Here> {
        let redirect_uri = self.redirect_uri(client)?;
        let asked = |name: &str| self.0.get(name);
        let mode = self.mode(client).unwrap_or_else(|instead| instead);
        let state = asked("state").filter(|state| state.len() <= MOST_OPAQUE).map(str::to_owned);
        let fitted = self.fitted(client, subject).map(|request| Request {
            redirect_uri: redirect_uri.clone(),
            mode,
            state: state.clone(),
            ..request
        });
        Ok(fitted.map_err(|back| Misfit { redirect_uri, mode, state, back }))
    }

    fn fitted(&self, client: &Client, subject: Result<Option<String>, ()>) -> Result<Request, Back> {
        let asked = |name: &str| self.0.get(name);
        self.refuse_what_is_not_done()?;
        if self.mode(client).is_err() {
            return Err(Back::new("invalid_request", "response_mode is not the one of this client"));
        }
        // What it may not have is passed over, and the answer says what was given (RFC 6749 section 3.3).
        let scopes = Scopes::parse(asked("scope").unwrap_or("")).common(&client.scopes);
        if !scopes.has(Scope::Openid) {
            return Err(Back::new("invalid_scope", "the scope openid is missing"));
        }
        let prompt = prompt(asked("prompt"))?;
        let max_age = match asked("max_age") {
            None => None,
            Some(text) => Some(
                text.parse().map_err(|_| Back::new("invalid_request", "max_age is a number of seconds"))?,
            ),
        };
        let acr = asked("acr_values").unwrap_or("").split(' ');
        let language = asked("ui_locales").and_then(|tags| tags.split(' ').find_map(Language::parse));
        let subject =
            subject.map_err(|()| Back::new("invalid_request", "the id_token_hint is none of ours"))?;
        Ok(Request {
            client: client.id,
            redirect_uri: String::new(),
            mode: ResponseMode::Query,
            state: None,
            scopes,
            nonce: asked("nonce").map(str::to_owned),
            challenge: self.challenge(client)?,
            prompt,
            max_age,
            acr: acr.filter(|acr| Level::of_acr(acr).is_some()).map(str::to_owned).collect(),
            login_hint: asked("login_hint").filter(|hint| hint.len() <= 254).map(str::to_owned),
            subject,
            language,
        })
    }

    /// How the answer goes back: as it is asked for, if this client may be answered so; without a word as codes always did
    /// (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1). `Err` says how the refusal goes instead.
    fn mode(&self, client: &Client) -> Result<ResponseMode, ResponseMode> {
        let asked = match self.0.get("response_mode") {
            Some("form_post") => ResponseMode::FormPost,
            Some(_) | None => ResponseMode::Query,
        };
        match (client.answers, asked) {
            (Answers::Either, mode) => Ok(mode),
            (Answers::Query, ResponseMode::Query) | (Answers::FormPost, ResponseMode::FormPost) => Ok(asked),
            (Answers::Query, ResponseMode::FormPost) => Err(ResponseMode::Query),
            (Answers::FormPost, ResponseMode::Query) => Err(ResponseMode::FormPost),
        }
    }

    fn refuse_what_is_not_done(&self) -> Result<(), Back> {
        let asked = |name: &str| self.0.get(name);
        if self.0.has_repeated() {
            return Err(Back::new("invalid_request", "a parameter stands there twice"));
        }
        if asked("request").is_some() {
            return Err(Back::new("request_not_supported", "request objects are not taken"));
        }
        if asked("request_uri").is_some() {
            return Err(Back::new("request_uri_not_supported", "request objects are not taken"));
        }
        if asked("registration").is_some() {
            return Err(Back::new("registration_not_supported", "clients do not register themselves"));
        }
        match asked("response_type") {
            Some("code") => {}
            None => return Err(Back::new("invalid_request", "response_type is missing")),
            Some(_) => return Err(Back::new("unsupported_response_type", "only response_type=code is done")),
        }
        if !matches!(asked("response_mode"), None | Some("query" | "form_post")) {
            return Err(Back::new("invalid_request", "response_mode is query or form_post"));
        }
        for opaque in ["state", "nonce"] {
            if asked(opaque).is_some_and(|text| text.len() > MOST_OPAQUE) {
                return Err(Back::new("invalid_request", "state and nonce have at most 1,024 bytes"));
            }
        }
        Ok(())
    }

    fn challenge(&self, client: &Client) -> Result<Option<String>, Back> {
        let method = self.0.get("code_challenge_method");
        let Some(challenge) = self.0.get("code_challenge") else {
            let missing = Back::new(
                "invalid_request",
                "code_challenge is missing: this client has to use PKCE with S256",
            );
            return match client.pkce {
                Pkce::Required => Err(missing),
                Pkce::Waived if method.is_some() => Err(missing),
                Pkce::Waived => Ok(None),
            };
        };
        if method != Some("S256") {
            return Err(Back::new("invalid_request", "code_challenge_method has to be S256"));
        }
        // SHA-256 in base 64 for addresses: 43 characters.
        let fits = challenge.len() == 43
            && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !fits {
            return Err(Back::new("invalid_request", "code_challenge is no SHA-256 in base64url"));
        }
        Ok(Some(challenge.to_owned()))
    }
}

fn prompt(text: Option<&str>) -> Result<Prompt, Back> {
    let mut prompt = Prompt::default();
    for word in text.unwrap_or("").split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            _ => return Err(Back::new("invalid_request", "prompt has a word that is not known")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
        return Err(Back::new("invalid_request", "prompt=none stands alone"));
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests;

//! `[sms]`: the gateway, described.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use storeward_base::Secret;
use storeward_seal::encoding::base64;

use super::gateway::{Content, Gateway, Parts, Success, Verb};
use super::number::PhoneNumber;
use super::template;
use crate::allow::{AllowList, Destination, Reach};
use crate::client::{Client, Options};
use crate::request::{Limits, Request};
use crate::settings::{SettingError, read_private};

/// `[sms]`. With a preset, the account, its secret and the sender are enough.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmsSection {
    pub preset: Option<Preset>,
    /// For presets: the account's id; without one, the user name of basic authentication.
    pub account: Option<String>,
    /// A file that only its owner can read, with the account's secret in one line. It fills `{secret}`.
    pub secret_file: Option<PathBuf>,
    /// For presets: the sender's number or name.
    pub from: Option<String>,
    /// Where the request goes; `{to}`, `{text}`, `{id}` and `{secret}` are filled behind the host.
    pub url: Option<String>,
    /// `GET`, `POST` (when left out) or `PUT`.
    pub method: Option<String>,
    pub headers: BTreeMap<String, Secret<String>>,
    /// The body as a form.
    pub form: Option<BTreeMap<String, String>>,
    /// The body as JSON.
    pub json: Option<Value>,
    pub success: SuccessSection,
    /// The gateway stands in the operator's own network.
    pub internal: bool,
    /// PEM file with an authority that is trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl PartialEq for SmsSection {
    /// Whether a reload leaves it as it is; headers are compared by what they hold.
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.headers.iter().zip(&other.headers);
        let same_headers = self.headers.len() == other.headers.len()
            && pairs.all(|((a, x), (b, y))| a == b && x.expose() == y.expose());
        same_headers && format!("{self:?}") == format!("{other:?}")
    }
}

/// `[sms.success]`: how the gateway says yes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SuccessSection {
    /// 200 to 299 when empty.
    pub status: Vec<u16>,
    /// A JSON pointer into the answer, such as `/messages/0/status`.
    pub pointer: Option<String>,
    /// What stands there; anything but null when empty.
    pub equals: Vec<Value>,
}

/// Gateways that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Twilio's `Messages.json`, which others speak too; `url` replaces its host.
    Twilio,
}

const TWILIO: &str = "https://api.twilio.com";

/// A gateway answers at once: it queues the message and does not wait for the telephone.
const LIMITS: Limits = Limits {
    connect: std::time::Duration::from_secs(5),
    head: std::time::Duration::from_secs(20),
    body: std::time::Duration::from_secs(10),
    body_bytes: 64 * 1024,
};

impl SmsSection {
    /// Reads the files, checks every value and builds the gateway, without a word to it.
    pub fn gateway(&self) -> Result<Gateway, SettingError> {
        let secret = match &self.secret_file {
            Some(path) => read_private("sms.secret_file", path, 4_096)?,
            None => Secret::new(String::new()),
        };
        let (url, content) = match self.preset {
            Some(Preset::Twilio) => self.twilio()?,
            None => self.described()?,
        };
        self.check_places(&url, &content)?;
        let success = Success {
            statuses: self.success.status.clone(),
            pointer: self.pointer()?,
            values: self.success.equals.clone(),
        };
        let headers = self.headers(&secret)?;
        Ok(Gateway::new(Parts {
            client: self.client(&url)?,
            verb: self.verb()?,
            url,
            headers,
            content,
            secret,
            success,
        }))
    }

    /// `POST /2010-04-01/Accounts/{account}/Messages.json` with a form and basic authentication.
    fn twilio(&self) -> Result<(String, Content), SettingError> {
        let needed = |key: &'static str, value: &Option<String>| {
            value.clone().filter(|v| !v.is_empty()).ok_or_else(|| {
                SettingError::new(key, "the preset needs account, secret_file and from".to_owned())
            })
        };
        let account = needed("sms.account", &self.account)?;
        let from = needed("sms.from", &self.from)?;
        if self.secret_file.is_none() {
            return Err(SettingError::new(
                "sms.secret_file",
                "put the account's auth token into a file".to_owned(),
            ));
        }
        if self.form.is_some() || self.json.is_some() || self.method.is_some() {
            let todo = "the preset says how the request looks: leave method, form and json out";
            return Err(SettingError::new("sms.preset", todo.to_owned()));
        }
        let host = self.url.as_deref().unwrap_or(TWILIO).trim_end_matches('/');
        let url = format!("{host}/2010-04-01/Accounts/{}/Messages.json", template::percent(&account));
        // Long numbers and names of senders are the account's own; a messaging service stands in another field.
        let sender = if from.starts_with("MG") && from.len() == 34 { "MessagingServiceSid" } else { "From" };
        let from = PhoneNumber::parse(&from).map_or(from, |number| number.expose().to_owned());
        let fields = [("To", "{to}"), (sender, from.as_str()), ("Body", "{text}")];
        let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok((url, Content::Form(fields.to_vec())))
    }

    fn described(&self) -> Result<(String, Content), SettingError> {
        let url = self.url.clone().ok_or_else(|| {
            SettingError::new("sms.url", "give the gateway's URL, or a preset such as \"twilio\"".to_owned())
        })?;
        let content = match (&self.form, &self.json) {
            (Some(_), Some(_)) => {
                return Err(SettingError::new("sms.json", "a body is a form or JSON, not both".to_owned()));
            }
            (Some(form), None) => Content::Form(form.clone().into_iter().collect()),
            (None, Some(json)) => Content::Json(json.clone()),
            (None, None) => Content::Nothing,
        };
        if self.verb()? == Verb::Get && content != Content::Nothing {
            return Err(SettingError::new(
                "sms.method",
                "GET has no body; use POST, or put it into the URL".to_owned(),
            ));
        }
        Ok((url, content))
    }

    /// Every place is known, the number and the text have one, and none stands in the host.
    fn check_places(&self, url: &str, content: &Content) -> Result<(), SettingError> {
        let mut templates = vec![url];
        match content {
            Content::Nothing => {}
            Content::Form(fields) => templates.extend(fields.iter().map(|(_, value)| value.as_str())),
            Content::Json(json) => template::strings(json, &mut templates),
        }
        templates.extend(self.headers.values().map(|value| value.expose().as_str()));
        let mut found = Vec::new();
        for text in templates {
            found.extend(template::places(text).map_err(|_| {
                let todo = "places are {to}, {text}, {id} and {secret}; another one is there";
                SettingError::new("sms", todo.to_owned())
            })?);
        }
        for place in ["to", "text"] {
            if !found.contains(&place) {
                let todo = format!("{{{place}}} stands nowhere in url, headers, form or json");
                return Err(SettingError::new("sms", todo));
            }
        }
        if found.contains(&"secret") && self.secret_file.is_none() {
            return Err(SettingError::new(
                "sms.secret_file",
                "{secret} is used, so name a file with it".to_owned(),
            ));
        }
        Ok(())
    }

    fn verb(&self) -> Result<Verb, SettingError> {
        match self.method.as_deref().unwrap_or("POST") {
            "GET" => Ok(Verb::Get),
            "POST" => Ok(Verb::Post),
            "PUT" => Ok(Verb::Put),
            _ => Err(SettingError::new("sms.method", "it is GET, POST or PUT".to_owned())),
        }
    }

    fn pointer(&self) -> Result<Option<String>, SettingError> {
        match &self.success.pointer {
            Some(pointer) if !pointer.is_empty() && !pointer.starts_with('/') => {
                Err(SettingError::new("sms.success.pointer", "it looks like /messages/0/status".to_owned()))
            }
            None if !self.success.equals.is_empty() => {
                Err(SettingError::new("sms.success.equals", "say with pointer where it stands".to_owned()))
            }
            pointer => Ok(pointer.clone()),
        }
    }

    /// Those of the config, and basic authentication (RFC 7617) where there is an account.
    fn headers(&self, secret: &Secret<String>) -> Result<Vec<(String, Secret<String>)>, SettingError> {
        let mut headers: Vec<_> = self.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        if let Some(account) = &self.account {
            if self.secret_file.is_none() || account.contains(':') {
                let todo = "an account goes together with secret_file and has no colon";
                return Err(SettingError::new("sms.account", todo.to_owned()));
            }
            let both = Secret::new(format!("{account}:{}", secret.expose()));
            headers.push((
                "authorization".to_owned(),
                Secret::new(format!("Basic {}", base64(both.expose().as_bytes()))),
            ));
        }
        for (name, value) in &headers {
            let probe = Request::get("http://a.invalid/").and_then(|r| r.header(name, value.expose()));
            probe.map_err(|e| SettingError::new("sms.headers", e.to_string()))?;
        }
        Ok(headers)
    }

    fn client(&self, url: &str) -> Result<Client, SettingError> {
        let wrong = |why: String| SettingError::new("sms.url", why);
        // Braces cannot stand in a host, so a place there is refused here.
        let filled = template::fill(
            url,
            template::Values { to: "0", text: "0", id: "0", secret: "0" },
            template::percent,
        );
        let destination = Destination::of_url(&filled).map_err(|e| wrong(e.to_string()))?;
        let authority =
            url.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
        if authority.contains(['{', '}']) {
            return Err(wrong("the host is the same for every message: no place stands in it".to_owned()));
        }
        let is_here = destination.ip().map_or(destination.host() == "localhost", |ip| ip.is_loopback());
        if !destination.is_https() && !is_here {
            return Err(wrong("it begins with https://, since numbers and codes are in it".to_owned()));
        }
        let reach = if self.internal || is_here { Reach::Internal } else { Reach::Public };
        let mut options = Options::default().limits(LIMITS);
        if let Some(path) = &self.ca_file {
            let shown = path.display();
            let pem = std::fs::read(path)
                .map_err(|e| SettingError::new("sms.ca_file", format!("{shown} cannot be read: {e}")))?;
            options = options.trust_pem(&pem).map_err(|e| SettingError::new("sms.ca_file", e.to_string()))?;
        }
        Client::new(AllowList::new().with(destination, reach), options).map_err(|e| wrong(e.to_string()))
    }
}

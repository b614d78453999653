//! `[mail]`: the operator's mail server, and whom mail is from.

use std::path::PathBuf;

use serde::Deserialize;
use storeward_base::Secret;
use storeward_seal::dkim::{LARGEST_PEM_BYTES, MailKey};

use super::address::Mailbox;
use super::dkim::Signer;
use super::mailer::{Mailer, MailerOptions, Security, is_loopback};
use super::message::Sender;
use super::smtp::Credentials;
use crate::address::{Place, place_of};
use crate::allow::{AllowList, Destination, Reach, Scheme};
use crate::settings::{SettingError, read_private};

/// `[mail]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSection {
    /// The mail server's name or address.
    pub server: String,
    /// 587 with STARTTLS, 465 with TLS, 25 without, when left out.
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    pub security: SecurityName,
    /// The server's name leads to an address of the operator's own network.
    #[serde(default)]
    pub internal: bool,
    #[serde(default)]
    pub username: Option<String>,
    /// A file that only its owner can read, with the password in one line.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// PEM file with an authority that is trusted beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// `service@shop.example`, or `The shop <service@shop.example>`.
    pub from: String,
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Each signs every mail; two at most, one of each kind.
    #[serde(default)]
    pub dkim: Vec<DkimSection>,
}

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecurityName {
    #[default]
    StartTls,
    Tls,
    None,
}

/// `[[mail.dkim]]`: one key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DkimSection {
    pub selector: String,
    /// That of `mail.from` when left out.
    #[serde(default)]
    pub domain: Option<String>,
    /// PKCS#8 in PEM, readable by its owner only.
    pub key_file: PathBuf,
}

impl MailSection {
    /// Reads the files, checks every value and builds the mailer, without a word to the server.
    pub fn mailer(&self) -> Result<Mailer, SettingError> {
        let (allow, server) = self.destination()?;
        let mut options = MailerOptions::new(self.sender()?, self.security());
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path).map_err(|e| {
                SettingError::new("mail.ca_file", format!("{} cannot be read: {e}", path.display()))
            })?;
            options =
                options.trust_pem(&pem).map_err(|e| SettingError::new("mail.ca_file", e.to_string()))?;
        }
        if let Some(credentials) = self.credentials()? {
            options = options.credentials(credentials);
        }
        for signer in self.signers()? {
            options = options.sign_with(signer);
        }
        Mailer::new(allow, server, options).map_err(|e| SettingError::new("mail.server", e.to_string()))
    }

    fn security(&self) -> Security {
        match self.security {
            SecurityName::StartTls => Security::StartTls,
            SecurityName::Tls => Security::Tls,
            SecurityName::None => Security::Loopback,
        }
    }

    /// The one destination. An address inside that is written down as such is meant; a name must be said to lead inside.
    fn destination(&self) -> Result<(AllowList, Destination), SettingError> {
        let (scheme, port) = match self.security {
            SecurityName::StartTls => (Scheme::Smtp, self.port),
            SecurityName::Tls => (Scheme::Smtps, self.port),
            SecurityName::None => (Scheme::Smtp, self.port.or(Some(25))),
        };
        let wrong = |why: String| SettingError::new("mail.server", why);
        let server = Destination::mail(scheme, &self.server, port).map_err(|_| {
            wrong("write the mail server's name or address alone, such as smtp.example.com, and its port as mail.port".to_owned())
        })?;
        if self.security == SecurityName::None && !is_loopback(&server) {
            let todo = "security = \"none\" sends mail in the clear and is for a server on this machine (127.0.0.1) only; \
                        use \"starttls\" or \"tls\"";
            return Err(SettingError::new("mail.security", todo.to_owned()));
        }
        let is_written = server.ip().is_some_and(|ip| place_of(ip) == Place::Inside) || is_loopback(&server);
        let reach = if self.internal || is_written { Reach::Internal } else { Reach::Public };
        Ok((AllowList::new().with(server.clone(), reach), server))
    }

    fn sender(&self) -> Result<Sender, SettingError> {
        let read = |key: &'static str, text: &str| {
            Mailbox::parse(text)
                .map_err(|e| SettingError::new(key, format!("{e}, or: The shop <name@shop.example>")))
        };
        let from = read("mail.from", &self.from)?;
        let reply_to = self.reply_to.as_deref().map(|text| read("mail.reply_to", text)).transpose()?;
        Ok(Sender { from, reply_to })
    }

    fn credentials(&self) -> Result<Option<Credentials>, SettingError> {
        let (username, path) = match (&self.username, &self.password_file) {
            (None, None) => return Ok(None),
            (Some(username), Some(path)) => (username, path),
            _ => {
                let todo = "username and password_file go together: give both, or neither";
                return Err(SettingError::new("mail.username", todo.to_owned()));
            }
        };
        if self.security == SecurityName::None {
            let todo = "a password is not sent in the clear; use security = \"starttls\" or \"tls\"";
            return Err(SettingError::new("mail.username", todo.to_owned()));
        }
        if username.chars().any(char::is_control) || username.is_empty() {
            let todo = "it is empty or has a character that cannot be sent";
            return Err(SettingError::new("mail.username", todo.to_owned()));
        }
        let password = read_private("mail.password_file", path, 4_096)?;
        Ok(Some(Credentials { username: username.clone(), password }))
    }

    fn signers(&self) -> Result<Vec<Signer>, SettingError> {
        if self.dkim.len() > 2 {
            return Err(SettingError::new(
                "mail.dkim",
                "two keys are enough: one rsa, one ed25519".to_owned(),
            ));
        }
        self.dkim.iter().map(|section| self.signer(section)).collect()
    }

    fn signer(&self, section: &DkimSection) -> Result<Signer, SettingError> {
        let from = self.sender()?.from.address;
        let domain = section.domain.as_deref().unwrap_or(from.domain());
        // Relaxed alignment (RFC 7489 section 3.1.1): another domain's signature is no proof of ours.
        let is_aligned = from.domain() == domain
            || from.domain().strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        if !is_aligned {
            let todo = "it is not the domain of mail.from or one above it, so receivers would not count the signature";
            return Err(SettingError::new("mail.dkim.domain", todo.to_owned()));
        }
        let pem: Secret<String> = read_private("mail.dkim.key_file", &section.key_file, LARGEST_PEM_BYTES)?;
        let key = MailKey::from_pem(pem.expose()).map_err(|e| {
            SettingError::new("mail.dkim.key_file", format!("{}: {e}", section.key_file.display()))
        })?;
        Signer::new(domain, &section.selector, key).ok_or_else(|| {
            let todo = "domain and selector are names such as shop.example and s1 (letters, digits, hyphens)";
            SettingError::new("mail.dkim.selector", todo.to_owned())
        })
    }
}

#[cfg(test)]
mod tests;

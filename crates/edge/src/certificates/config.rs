//! The `certificate` part of the config: read once, checked once.

use std::net::IpAddr;
use std::path::PathBuf;

use rustls::pki_types::DnsName;
use serde::Deserialize;
use storeward_base::Secret;

use super::CertificateError;

/// One certificate and where it comes from. `names` may be left out of the file: the app fills them in from the
/// shop's domain with [`CertificateConfig::with_names`].
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub struct CertificateConfig {
    pub names: Vec<String>,
    pub source: Source,
}

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A certificate authority that speaks ACME (RFC 8555), such as Let's Encrypt.
    Acme(Box<AcmeConfig>),
    /// Files that somebody else renews.
    Files(FilesConfig),
    /// A CA of this machine's own, for development.
    Local,
}

#[derive(Clone, Debug)]
pub struct AcmeConfig {
    /// URL of the CA's directory.
    pub directory: String,
    /// E-mail address for the CA.
    pub contact: Option<String>,
    pub challenge: Challenge,
    /// A profile that the CA offers, such as `shortlived`.
    pub profile: Option<String>,
    /// PEM of a root to trust for the CA's own HTTPS, beside the system's: for private CAs.
    pub ca_file: Option<PathBuf>,
    pub external_account: Option<ExternalAccount>,
}

/// How the CA checks that a name is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Challenge {
    /// By plain HTTP on port 80.
    #[serde(rename = "http-01")]
    Http,
    /// By TLS on port 443.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn,
    /// By HTTP, and by TLS after that failed, in turns.
    #[default]
    #[serde(rename = "auto")]
    Auto,
}

/// What the CA gave to tie our ACME account to an account there (RFC 8555 section 7.3.4).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalAccount {
    pub key_id: String,
    /// Base64url, as the CA shows it.
    pub hmac_key: Secret<String>,
}

#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// PEM, the leaf first, then the intermediates.
    pub certificate: PathBuf,
    /// PEM, not encrypted.
    pub key: PathBuf,
}

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// More names than a CA puts into one certificate (Let's Encrypt: 100).
const MOST_NAMES: usize = 100;

impl CertificateConfig {
    /// What fits without a word of config: ACME for public names, the development CA for names that only this
    /// machine or network knows.
    pub fn for_names(names: Vec<String>) -> Result<Self, CertificateError> {
        let source = if names.iter().all(|name| is_private(name)) {
            Source::Local
        } else {
            Source::Acme(Box::new(AcmeConfig {
                directory: LETS_ENCRYPT.to_owned(),
                contact: None,
                challenge: Challenge::Auto,
                profile: None,
                ca_file: None,
                external_account: None,
            }))
        };
        CertificateConfig { names: Vec::new(), source }.with_names(names)
    }

    /// Checks and sets the names. The first one is served to clients that name none.
    pub fn with_names(self, names: Vec<String>) -> Result<Self, CertificateError> {
        if names.is_empty() || names.len() > MOST_NAMES {
            return Err(CertificateError::setting(
                "names",
                format!("{} names given; give 1 to {MOST_NAMES}", names.len()),
            ));
        }
        let mut checked = Vec::with_capacity(names.len());
        for name in &names {
            let name = check_name(name, &self.source)?;
            if !checked.contains(&name) {
                checked.push(name);
            }
        }
        Ok(CertificateConfig { names: checked, ..self })
    }
}

impl Source {
    /// As facts and status name it.
    pub const fn name(&self) -> &'static str {
        match self {
            Source::Acme(_) => "acme",
            Source::Files(_) => "files",
            Source::Local => "local",
        }
    }
}

impl ExternalAccount {
    pub(crate) fn hmac_bytes(&self) -> Result<Secret<Vec<u8>>, CertificateError> {
        base64url(self.hmac_key.expose()).map(Secret::new).ok_or_else(|| {
            CertificateError::setting(
                "external_account.hmac_key",
                "not base64url; copy it as the CA shows it",
            )
        })
    }
}

/// Reserved for use on one machine or in one network: RFC 6761 (`localhost`, `test`), ICANN's `internal`, and
/// addresses that are not routed in public.
pub(crate) fn is_private(name: &str) -> bool {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => {
            let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
            ["localhost", "test", "internal"].iter().any(|zone| last.eq_ignore_ascii_case(zone))
        }
    }
}

fn check_name(written: &str, source: &Source) -> Result<String, CertificateError> {
    let refuse = |reason: &str| Err(CertificateError::setting("names", format!("`{written}`: {reason}")));
    if let Ok(ip) = written.parse::<IpAddr>() {
        return Ok(ip.to_canonical().to_string());
    }
    let name = written.trim_end_matches('.').to_ascii_lowercase();
    let wildcard = name.strip_prefix("*.");
    if DnsName::try_from(wildcard.unwrap_or(&name)).is_err() {
        return refuse(
            "no DNS name or IP address; write it as in `shop.example`, without scheme, port or path",
        );
    }
    if matches!(source, Source::Acme(_)) && wildcard.is_some() {
        return refuse(
            "a CA gives wildcards only by dns-01, which needs your DNS provider's key; list the names, or use \
             source = \"files\"",
        );
    }
    if matches!(source, Source::Acme(_)) && !name.contains('.') {
        return refuse("no CA knows this name; use source = \"local\"");
    }
    Ok(name)
}

/// The config as it is written, before it is known which settings belong to the source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    source: SourceName,
    #[serde(default)]
    names: Vec<String>,
    directory: Option<String>,
    contact: Option<String>,
    challenge: Option<Challenge>,
    profile: Option<String>,
    ca_file: Option<PathBuf>,
    external_account: Option<ExternalAccount>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum SourceName {
    Acme,
    Files,
    Local,
}

impl TryFrom<Written> for CertificateConfig {
    type Error = CertificateError;

    fn try_from(written: Written) -> Result<Self, CertificateError> {
        written.refuse_foreign_settings()?;
        let names = written.names.clone();
        let source = match written.source {
            SourceName::Acme => Source::Acme(Box::new(written.acme()?)),
            SourceName::Files => Source::Files(written.files()?),
            SourceName::Local => Source::Local,
        };
        let config = CertificateConfig { names: Vec::new(), source };
        if names.is_empty() { Ok(config) } else { config.with_names(names) }
    }
}

impl Written {
    fn refuse_foreign_settings(&self) -> Result<(), CertificateError> {
        let settings = [
            ("directory", SourceName::Acme, self.directory.is_some()),
            ("contact", SourceName::Acme, self.contact.is_some()),
            ("challenge", SourceName::Acme, self.challenge.is_some()),
            ("profile", SourceName::Acme, self.profile.is_some()),
            ("ca_file", SourceName::Acme, self.ca_file.is_some()),
            ("external_account", SourceName::Acme, self.external_account.is_some()),
            ("certificate", SourceName::Files, self.certificate.is_some()),
            ("key", SourceName::Files, self.key.is_some()),
        ];
        match settings.into_iter().find(|(_, owner, given)| *given && *owner != self.source) {
            None => Ok(()),
            Some((setting, SourceName::Files, _)) => {
                Err(CertificateError::setting(setting, "only for source = \"files\"; remove it"))
            }
            Some((setting, _, _)) => {
                Err(CertificateError::setting(setting, "only for source = \"acme\"; remove it"))
            }
        }
    }

    fn acme(self) -> Result<AcmeConfig, CertificateError> {
        let directory = self.directory.unwrap_or_else(|| LETS_ENCRYPT.to_owned());
        let is_url = directory
            .parse::<http::Uri>()
            .is_ok_and(|url| url.scheme_str() == Some("https") && url.host().is_some());
        if !is_url {
            // Without TLS whoever sits on the line chooses the certificate (RFC 8555 section 6.1).
            return Err(CertificateError::setting(
                "directory",
                "must be an https:// URL of an ACME directory",
            ));
        }
        let contact = self.contact.map(|c| c.trim().trim_start_matches("mailto:").to_owned());
        if contact.as_ref().is_some_and(|c| !c.contains('@') || c.contains([' ', ','])) {
            return Err(CertificateError::setting("contact", "must be one e-mail address"));
        }
        if let Some(external) = &self.external_account {
            external.hmac_bytes()?;
        }
        Ok(AcmeConfig {
            directory,
            contact,
            challenge: self.challenge.unwrap_or_default(),
            profile: self.profile.filter(|p| !p.is_empty()),
            ca_file: self.ca_file,
            external_account: self.external_account,
        })
    }

    fn files(self) -> Result<FilesConfig, CertificateError> {
        let missing = |setting| CertificateError::setting(setting, "source = \"files\" needs this path");
        Ok(FilesConfig {
            certificate: self.certificate.ok_or_else(|| missing("certificate"))?,
            key: self.key.ok_or_else(|| missing("key"))?,
        })
    }
}

/// Decodes base64url (RFC 4648 section 5), with or without padding; also the plain alphabet, which some CAs show.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u8);
    for c in text.trim().trim_end_matches('=').bytes() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    (held < 6 && !bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<CertificateConfig, String> {
        serde_json::from_value(value).map_err(|e| e.to_string())
    }

    #[test]
    fn one_line_is_enough() {
        let config = read(json!({"source": "acme"})).unwrap();
        let Source::Acme(acme) = config.source else { panic!("acme") };
        assert_eq!((acme.directory.as_str(), acme.challenge), (LETS_ENCRYPT, Challenge::Auto));
        let config =
            CertificateConfig::for_names(vec!["Shop.Localhost.".into(), "127.0.0.1".into()]).unwrap();
        assert_eq!(config.source.name(), "local");
        assert_eq!(config.names, ["shop.localhost", "127.0.0.1"]);
        assert_eq!(CertificateConfig::for_names(vec!["shop.example".into()]).unwrap().source.name(), "acme");
    }

    #[test]
    fn a_wrong_setting_says_what_to_do() {
        let check = |value, expected: &str| {
            let error = read(value).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(json!({}), "missing field `source`");
        check(json!({"source": "dns"}), "unknown variant `dns`");
        check(json!({"source": "local", "dir": 1}), "unknown field `dir`");
        check(json!({"source": "files", "certificate": "a"}), "certificate.key: source = \"files\" needs");
        check(json!({"source": "local", "key": "a"}), "certificate.key: only for source = \"files\"");
        check(json!({"source": "files", "profile": "x"}), "certificate.profile: only for source = \"acme\"");
        check(json!({"source": "acme", "directory": "http://ca.test/d"}), "must be an https:// URL");
        check(json!({"source": "acme", "contact": "me"}), "must be one e-mail address");
        check(json!({"source": "acme", "challenge": "dns-01"}), "unknown variant `dns-01`");
        check(json!({"source": "acme", "names": ["*.shop.test"]}), "a CA gives wildcards only by dns-01");
        check(json!({"source": "acme", "names": ["intranet"]}), "use source = \"local\"");
        check(json!({"source": "local", "names": ["https://shop.test/"]}), "without scheme, port or path");
        let external = json!({"key_id": "k", "hmac_key": "s3cr3t!"});
        check(json!({"source": "acme", "external_account": external}), "not base64url");
    }

    #[test]
    fn the_hmac_key_does_not_print() {
        let external = json!({"key_id": "kid-1", "hmac_key": "zWNDZM6eQGHWpSRTPal5eA"});
        let config = read(json!({"source": "acme", "external_account": external})).unwrap();
        assert!(!format!("{config:?}").contains("zWND"));
    }

    #[test]
    fn decodes_base64url() {
        assert_eq!(base64url("Zm9vYmFy").unwrap(), b"foobar");
        assert_eq!(base64url("Zm9vYg==").unwrap(), b"foob");
        assert_eq!(base64url("-_8").unwrap(), [0xfb, 0xff]);
        assert_eq!((base64url("Z"), base64url("a b"), base64url("")), (None, None, None));
    }
}

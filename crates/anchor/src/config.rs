//! `[[anchor]]`: a place that gets the ledger's checkpoint.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use storeward_outbound::mail::Mailbox;
use storeward_outbound::{AllowList, Client, Destination, Options, Reach, read_private};

use crate::place::{Place, Way};
use crate::s3::{Bucket, Lock};
use crate::stamping::{self, Authority};
use crate::webhook::Hook;

/// How often a place gets a checkpoint, where the section does not say.
const EVERY_HOURS: u32 = 24;
/// Longest secret in a file.
const SECRET_BYTES: usize = 4096;

/// One place. Which keys it has depends on `kind`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorSection {
    /// Small letters, digits and `-`; stands in events and receipts.
    pub name: String,
    pub kind: Kind,
    pub every_hours: Option<u32>,
    /// `mail`: whom to write to.
    pub to: Option<String>,
    /// `webhook`, `rfc3161`: where to; `s3`: the endpoint.
    pub url: Option<String>,
    /// `webhook`: the shared secret; `s3`: the secret access key. One line, mode 0600.
    pub secret_file: Option<PathBuf>,
    /// The place lies in this machine's own network.
    #[serde(default)]
    pub internal: bool,
    /// Roots to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    pub bucket: Option<String>,
    pub region: Option<String>,
    pub access_key: Option<String>,
    /// Before the object's name.
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub lock: Lock,
    /// `s3`: how long the object stays locked.
    pub keep_days: Option<u32>,
    /// `rfc3161`: whose certificates are believed, PEM.
    pub roots_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Mail,
    Webhook,
    S3,
    Rfc3161,
}

/// What is wrong with a section. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub place: String,
    pub why: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[[anchor]] {}: {}", self.place, self.why)
    }
}

impl std::error::Error for ConfigFault {}

impl AnchorSection {
    /// The place that it describes. Relative files lie in `folder`.
    pub fn place(&self, folder: &Path) -> Result<Place, ConfigFault> {
        let every = self.every_hours.unwrap_or(EVERY_HOURS);
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(is_name) {
            return Err(self.fault("name has 1 to 40 small letters, digits and hyphens"));
        }
        if !(1..=24 * 31).contains(&every) {
            return Err(self.fault("every_hours is a number from 1 to 744"));
        }
        let way = match self.kind {
            Kind::Mail => Way::Mail(self.mailbox()?),
            Kind::Webhook => Way::Webhook(self.hook(folder)?),
            Kind::S3 => Way::S3(self.bucket(folder)?),
            Kind::Rfc3161 => Way::Stamp(self.authority(folder)?),
        };
        Ok(Place { name: self.name.clone(), every: Duration::from_secs(u64::from(every) * 3600), way })
    }

    fn fault(&self, why: impl Into<String>) -> ConfigFault {
        ConfigFault {
            place: self.name.chars().filter(|c| !c.is_control()).take(60).collect(),
            why: why.into(),
        }
    }

    fn needs<'a, T>(&self, value: &'a Option<T>, key: &str) -> Result<&'a T, ConfigFault> {
        value.as_ref().ok_or_else(|| self.fault(format!("{key} is missing")))
    }

    fn mailbox(&self) -> Result<Mailbox, ConfigFault> {
        Mailbox::parse(self.needs(&self.to, "to")?).map_err(|why| self.fault(format!("to: {why}")))
    }

    fn client(&self, folder: &Path) -> Result<(String, Client), ConfigFault> {
        let url = self.needs(&self.url, "url")?.trim_end_matches('/').to_owned();
        let wrong = |why: storeward_outbound::OutboundError| self.fault(format!("url: {why}"));
        let destination = Destination::of_url(&url).map_err(wrong)?;
        if !destination.is_https() && !self.internal {
            return Err(self.fault("url must begin with https:// unless the place is internal"));
        }
        let reach = if self.internal { Reach::Internal } else { Reach::Public };
        let mut options = Options::default();
        if let Some(file) = &self.ca_file {
            let path = folder.join(file);
            let pem = std::fs::read(&path).map_err(|why| self.fault(format!("{}: {why}", path.display())))?;
            options = options.trust_pem(&pem).map_err(wrong)?;
        }
        let client = Client::new(AllowList::new().with(destination, reach), options).map_err(wrong)?;
        Ok((url, client))
    }

    fn secret(&self, folder: &Path) -> Result<storeward_base::Secret<String>, ConfigFault> {
        let file = folder.join(self.needs(&self.secret_file, "secret_file")?);
        read_private("secret_file", &file, SECRET_BYTES).map_err(|why| self.fault(why.to_string()))
    }

    fn hook(&self, folder: &Path) -> Result<Hook, ConfigFault> {
        let (url, client) = self.client(folder)?;
        Ok(Hook { url, client, secret: self.secret(folder)? })
    }

    fn bucket(&self, folder: &Path) -> Result<Bucket, ConfigFault> {
        let (endpoint, client) = self.client(folder)?;
        let bucket = self.needs(&self.bucket, "bucket")?.clone();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
        if bucket.contains('/') || ![&bucket, &self.prefix].into_iter().all(|text| text.chars().all(is_plain))
        {
            return Err(
                self.fault("bucket and prefix have letters, digits, '-', '.', '_' and, in prefix, '/'")
            );
        }
        let keep_days = *self.needs(&self.keep_days, "keep_days")?;
        if !(1..=36_500).contains(&keep_days) {
            return Err(self.fault("keep_days is a number from 1 to 36500"));
        }
        Ok(Bucket {
            client,
            endpoint,
            bucket,
            region: self.needs(&self.region, "region")?.clone(),
            prefix: self.prefix.trim_matches('/').to_owned(),
            access_key: self.needs(&self.access_key, "access_key")?.clone(),
            secret: self.secret(folder)?,
            lock: self.lock,
            keep: Duration::from_secs(u64::from(keep_days) * 86_400),
        })
    }

    fn authority(&self, folder: &Path) -> Result<Authority, ConfigFault> {
        let path = folder.join(self.needs(&self.roots_file, "roots_file")?);
        let pem = std::fs::read(&path).map_err(|why| self.fault(format!("{}: {why}", path.display())))?;
        let roots = stamping::roots_of(&pem);
        if roots.is_empty() {
            return Err(self.fault(format!("{} holds no certificate", path.display())));
        }
        let (url, client) = self.client(folder)?;
        Ok(Authority { url, client, roots })
    }
}

//! What the ACME client keeps on disk: account, order under way, certificate. Each file carries a version.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

use crate::certificates::chain::sha256_hex;
use crate::certificates::{CertificateError, disk};

/// The account's key, and what the CA gave for it once it is registered.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptAccount {
    v: u16,
    pub directory: String,
    pub contact: Option<String>,
    pub key_pem: String,
    pub credentials: Option<serde_json::Value>,
}

/// An order under way and the key for its certificate.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeptOrder {
    v: u16,
    pub directory: String,
    pub names: Vec<String>,
    pub profile: Option<String>,
    pub url: String,
    pub key_pem: String,
    pub made_at: Timestamp,
}

/// The certificate with its key: one file, so that the two can never fail to fit.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptCertificate {
    v: u16,
    pub directory: String,
    pub names: Vec<String>,
    pub profile: Option<String>,
    /// URL of the order it came from.
    pub order: String,
    pub key_pem: String,
    pub chain_pem: String,
}

const VERSION: u16 = 1;

/// An older order is not taken up again: its certificate, if there is one, has lost too much of its life.
const OLDEST_ORDER: std::time::Duration = std::time::Duration::from_secs(86_400);

impl KeptAccount {
    pub fn new(directory: &str, contact: Option<&String>, key_pem: String) -> Self {
        let (directory, contact) = (directory.to_owned(), contact.cloned());
        KeptAccount { v: VERSION, directory, contact, key_pem, credentials: None }
    }
}

impl KeptOrder {
    pub fn new(wanted: &Wanted, url: &str, key_pem: String, made_at: Timestamp) -> Self {
        let Wanted { directory, names, profile } = wanted.clone();
        KeptOrder { v: VERSION, directory, names, profile, url: url.to_owned(), key_pem, made_at }
    }

    /// Whether it leads to the certificate that is wanted now.
    pub fn serves(&self, wanted: &Wanted, now: Timestamp) -> bool {
        let same = self.directory == wanted.directory
            && self.names == wanted.names
            && self.profile == wanted.profile;
        same && now.since(self.made_at) < OLDEST_ORDER
    }
}

impl KeptCertificate {
    pub fn new(order: KeptOrder, chain_pem: String) -> Self {
        let KeptOrder { directory, names, profile, url, key_pem, .. } = order;
        KeptCertificate { v: VERSION, directory, names, profile, order: url, key_pem, chain_pem }
    }

    pub fn is(&self, wanted: &Wanted) -> bool {
        self.directory == wanted.directory && self.names == wanted.names && self.profile == wanted.profile
    }
}

/// What the config asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub directory: String,
    pub names: Vec<String>,
    pub profile: Option<String>,
}

/// The files, in a directory of mode 0700.
pub(super) struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    pub fn open(dir: PathBuf) -> Result<Self, CertificateError> {
        disk::private_dir(&dir)?;
        Ok(Shelf { dir })
    }

    /// One account for each CA, so that changing the CA and back makes no new one.
    pub fn account(&self, directory: &str) -> Result<Option<KeptAccount>, CertificateError> {
        let account: Option<KeptAccount> = self.read(&self.account_path(directory))?;
        Ok(account.filter(|a| a.v == VERSION && a.directory == directory))
    }

    pub fn put_account(&self, account: &KeptAccount) -> Result<(), CertificateError> {
        self.write(&self.account_path(&account.directory), account)
    }

    pub fn order(&self) -> Result<Option<KeptOrder>, CertificateError> {
        let order: Option<KeptOrder> = self.read(&self.dir.join("order.json"))?;
        Ok(order.filter(|o| o.v == VERSION))
    }

    pub fn put_order(&self, order: &KeptOrder) -> Result<(), CertificateError> {
        self.write(&self.dir.join("order.json"), order)
    }

    pub fn drop_order(&self) -> Result<(), CertificateError> {
        disk::remove(&self.dir.join("order.json"))
    }

    pub fn certificate(&self) -> Result<Option<KeptCertificate>, CertificateError> {
        let certificate: Option<KeptCertificate> = self.read(&self.dir.join("certificate.json"))?;
        Ok(certificate.filter(|c| c.v == VERSION))
    }

    pub fn put_certificate(&self, certificate: &KeptCertificate) -> Result<(), CertificateError> {
        self.write(&self.dir.join("certificate.json"), certificate)
    }

    fn account_path(&self, directory: &str) -> PathBuf {
        let tag: String = sha256_hex(directory.as_bytes()).chars().take(8).collect();
        self.dir.join(format!("account-{tag}.json"))
    }

    fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, CertificateError> {
        let Some(bytes) = disk::read_if_there(path)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| CertificateError::File {
            path: path.to_owned(),
            reason: format!("cannot be read ({e}); restore it from a backup, or delete it to begin anew"),
        })
    }

    fn write<T: Serialize>(&self, path: &Path, value: &T) -> Result<(), CertificateError> {
        let json = serde_json::to_vec(value).map_err(CertificateError::making)?;
        disk::write_private(path, &json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ACCOUNT: &str = include_str!("../../../tests/certificates/samples/account-v1.json");
    const ORDER: &str = include_str!("../../../tests/certificates/samples/order-v1.json");
    const CERTIFICATE: &str = include_str!("../../../tests/certificates/samples/certificate-v1.json");

    fn read<T: Serialize + DeserializeOwned>(sample: &str) -> T {
        let value: serde_json::Value = serde_json::from_str(sample).unwrap();
        let read: T = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            value,
            "what version 1 wrote is written and read for ever"
        );
        read
    }

    #[test]
    fn version_1_is_read_for_ever() {
        let account: KeptAccount = read(ACCOUNT);
        assert_eq!(account.contact.as_deref(), Some("ops@shop.test"));
        rcgen::KeyPair::from_pem(&account.key_pem).unwrap();
        let credentials = account.credentials.unwrap();
        let _ = serde_json::from_value::<instant_acme::AccountCredentials>(credentials).unwrap();

        let order: KeptOrder = read(ORDER);
        let wanted =
            Wanted { directory: order.directory.clone(), names: vec!["shop.test".to_owned()], profile: None };
        assert!(order.serves(&wanted, order.made_at.plus(OLDEST_ORDER - Duration::from_secs(1))));
        assert!(!order.serves(&wanted, order.made_at.plus(OLDEST_ORDER)));
        let other = Wanted { profile: Some("shortlived".to_owned()), ..wanted };
        assert!(!order.serves(&other, order.made_at));

        let certificate: KeptCertificate = read(CERTIFICATE);
        let (chain, key) = (certificate.chain_pem.as_bytes(), certificate.key_pem.as_bytes());
        let chain = crate::certificates::chain::Chain::from_pem(chain, key).unwrap();
        assert_eq!(chain.names, certificate.names);
    }
}

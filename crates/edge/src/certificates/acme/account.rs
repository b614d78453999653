//! The account at the CA: its key is on disk before the CA hears of it, so that a crash makes no second account.

use instant_acme::{Account, AccountCredentials, ExternalAccountKey, Key, NewAccount};
use rcgen::KeyPair;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::failure::Failure;
use super::http::AcmeHttp;
use super::kept::{KeptAccount, Shelf};
use crate::certificates::{AcmeConfig, CertificateError};

/// Why a step of the account failed: on our side or on the CA's.
pub(super) enum AccountError {
    Own(Failure),
    Authority(instant_acme::Error),
}

impl From<CertificateError> for AccountError {
    fn from(error: CertificateError) -> Self {
        AccountError::Own(error.into())
    }
}

impl From<instant_acme::Error> for AccountError {
    fn from(error: instant_acme::Error) -> Self {
        AccountError::Authority(error)
    }
}

/// The account that is kept for the configured CA; registers one when there is none.
pub(super) async fn open(
    config: &AcmeConfig,
    shelf: &Shelf,
    http: &AcmeHttp,
) -> Result<Account, AccountError> {
    let builder = || Account::builder_with_http(Box::new(http.clone()));
    let mut kept = match shelf.account(&config.directory)? {
        Some(kept) => kept,
        None => {
            let key = KeyPair::generate().map_err(CertificateError::making)?;
            let kept = KeptAccount::new(&config.directory, config.contact.as_ref(), key.serialize_pem());
            shelf.put_account(&kept)?;
            kept
        }
    };
    if let Some(credentials) = kept.credentials.clone() {
        let credentials: AccountCredentials =
            serde_json::from_value(credentials).map_err(CertificateError::making)?;
        let account = builder().from_credentials(credentials).await?;
        if kept.contact != config.contact {
            tell_contact(&account, config).await?;
            kept.contact = config.contact.clone();
            shelf.put_account(&kept)?;
        }
        return Ok(account);
    }
    let (account, credentials) = match &config.external_account {
        None => {
            let pair = KeyPair::from_pem(&kept.key_pem).map_err(CertificateError::making)?;
            let der = PrivatePkcs8KeyDer::from(pair.serialize_der());
            let key = Key::from_pkcs8_der(der.clone_key())?;
            // With a key that the CA knows this gives the account that is there (RFC 8555 section 7.3.1).
            builder().create_from_key((key, PrivateKeyDer::Pkcs8(der)), config.directory.clone()).await?
        }
        // instant-acme binds an external account only to a key that it makes itself. A crash between the CA's answer
        // and the next line costs a second account, which CAs that bind accounts allow.
        Some(external) => {
            let hmac = external.hmac_bytes()?;
            let binding = ExternalAccountKey::new(external.key_id.clone(), hmac.expose());
            let new = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
            builder().create(&new, config.directory.clone(), Some(&binding)).await?
        }
    };
    kept.credentials = Some(serde_json::to_value(&credentials).map_err(CertificateError::making)?);
    kept.contact = None;
    shelf.put_account(&kept)?;
    if config.contact.is_some() {
        tell_contact(&account, config).await?;
        kept.contact = config.contact.clone();
        shelf.put_account(&kept)?;
    }
    Ok(account)
}

/// Forgets what the CA gave, not the key: the next [`open`] registers again.
pub(super) fn forget_registration(config: &AcmeConfig, shelf: &Shelf) -> Result<(), CertificateError> {
    if let Some(mut kept) = shelf.account(&config.directory)? {
        kept.credentials = None;
        shelf.put_account(&kept)?;
    }
    Ok(())
}

async fn tell_contact(account: &Account, config: &AcmeConfig) -> Result<(), instant_acme::Error> {
    let url = config.contact.as_ref().map(|address| format!("mailto:{address}"));
    let urls: Vec<&str> = url.iter().map(String::as_str).collect();
    account.update_contacts(&urls).await
}

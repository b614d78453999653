//! Certificates that somebody else renews: two files, watched for change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use storeward_base::Timestamp;

use super::chain::Chain;
use super::slot::Slot;
use super::{CertificateError, FilesConfig, disk};

/// What tells one state of a file from another. Renaming a new file into place changes the inode, writing into the
/// old one its times or size.
pub(crate) type Stamp = (u64, u64, i64, i64);

/// What was found at a certificate that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub names: Vec<String>,
    pub not_after: Timestamp,
    /// What a person should know of it although it can be served.
    pub note: Option<String>,
}

impl From<&Chain> for Found {
    fn from(chain: &Chain) -> Self {
        Found { names: chain.names.clone(), not_after: chain.not_after, note: chain.note.clone() }
    }
}

/// Reads the two files as the keeper would, and checks that they fit each other, the names and the time.
pub fn look_at(files: &FilesConfig, names: &[String], now: Timestamp) -> Result<Found, CertificateError> {
    let chain = Chain::from_pem(&disk::read(&files.certificate)?, &disk::read(&files.key)?)?;
    chain.check(names, now)?;
    Ok(Found::from(&chain))
}

pub(crate) struct Files {
    config: FilesConfig,
    /// The stamps of the two files when they were last looked at.
    seen: Option<[Option<Stamp>; 2]>,
    /// A change that could not be used when it was first seen: it may have been half-way.
    doubtful: bool,
    chain: Option<Chain>,
}

impl Files {
    pub fn open(config: FilesConfig, slot: &Slot) -> Self {
        let mut files = Files { config, seen: None, doubtful: false, chain: None };
        files.seen = Some(files.stamps());
        match files.load(slot) {
            Ok(chain) => files.take(chain, slot),
            Err(e) => slot.failed(&files.complaint(&e, slot), None),
        }
        files
    }

    pub fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// Looks whether the files changed. Called every few seconds.
    pub fn tick(&mut self, slot: &Slot) {
        let stamps = Some(self.stamps());
        let changed = stamps != self.seen;
        if !changed && !self.doubtful {
            return;
        }
        self.seen = stamps;
        match self.load(slot) {
            Ok(chain) => {
                self.doubtful = false;
                let is_new = self.chain.as_ref().is_none_or(|held| held.fingerprint != chain.fingerprint);
                self.take(chain.clone(), slot);
                if is_new {
                    slot.issued(&chain);
                }
            }
            // Key and certificate are two files: between the two writes they do not fit. Only what still does not
            // fit when nothing moved since the last look is a failure.
            Err(_) if changed => self.doubtful = true,
            Err(e) => {
                self.doubtful = false;
                slot.failed(&self.complaint(&e, slot), None);
            }
        }
    }

    fn take(&mut self, chain: Chain, slot: &Slot) {
        slot.serve(&chain, None);
        self.chain = Some(chain);
    }

    fn load(&self, slot: &Slot) -> Result<Chain, CertificateError> {
        let (certificate, key) = (disk::read(&self.config.certificate)?, disk::read(&self.config.key)?);
        let chain = Chain::from_pem(&certificate, &key)?;
        chain.check(&slot.names, slot.now())?;
        Ok(chain)
    }

    fn complaint(&self, error: &CertificateError, slot: &Slot) -> String {
        let consequence = match (&self.chain, slot.status().is_some_and(|s| !s.placeholder)) {
            (None, false) => "a self-signed certificate stands in",
            _ => "the one before is still served",
        };
        let file = match error {
            CertificateError::Unusable { .. } => format!("{}: ", self.config.certificate.display()),
            _ => String::new(),
        };
        format!("{file}{error}; {consequence}")
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [stamp(&self.config.certificate), stamp(&self.config.key)]
    }
}

pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    // Follows symbolic links, so a changed link target (Kubernetes, certbot) is a change.
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

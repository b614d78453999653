//! What can be wrong with a certificate, its settings or its files.

use std::fmt;
use std::path::{Path, PathBuf};

use storeward_base::{Blame, Fault, FaultKind};

/// Each variant says what happened and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// A setting does not fit.
    Setting { setting: &'static str, reason: String },
    /// A file or directory cannot be read or written.
    File { path: PathBuf, reason: String },
    /// A certificate or key is there, but cannot be served.
    Unusable { reason: String },
    /// Making a key or certificate failed on this machine.
    Making { reason: String },
}

impl CertificateError {
    pub(crate) fn setting(setting: &'static str, reason: impl Into<String>) -> Self {
        CertificateError::Setting { setting, reason: reason.into() }
    }

    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        CertificateError::File { path: path.to_owned(), reason: error.to_string() }
    }

    pub(crate) fn unusable(reason: impl Into<String>) -> Self {
        CertificateError::Unusable { reason: reason.into() }
    }

    pub(crate) fn making(error: impl fmt::Display) -> Self {
        CertificateError::Making { reason: error.to_string() }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateError::Setting { setting, reason } => write!(f, "certificate.{setting}: {reason}"),
            CertificateError::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            CertificateError::Unusable { reason } => f.write_str(reason),
            CertificateError::Making { reason } => write!(f, "a key or certificate cannot be made: {reason}"),
        }
    }
}

impl std::error::Error for CertificateError {}

impl Fault for CertificateError {
    fn kind(&self) -> FaultKind {
        match self {
            CertificateError::Setting { .. } | CertificateError::Unusable { .. } => FaultKind::Invalid,
            CertificateError::File { .. } | CertificateError::Making { .. } => FaultKind::Broken,
        }
    }

    fn blame(&self) -> Blame {
        Blame::Us
    }

    fn code(&self) -> &'static str {
        match self {
            CertificateError::Setting { .. } => "certificates.setting",
            CertificateError::File { .. } => "certificates.file",
            CertificateError::Unusable { .. } => "certificates.unusable",
            CertificateError::Making { .. } => "certificates.making",
        }
    }
}

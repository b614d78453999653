//! What the health page, the console and `storeward check` show of a certificate.

use serde::Serialize;
use storeward_base::Timestamp;

/// One certificate as it is served now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateStatus {
    /// The names of the config that it is served for.
    pub names: Vec<String>,
    /// `acme`, `files` or `local`.
    pub source: &'static str,
    /// True while no real certificate is at hand and a self-signed one stands in: browsers warn.
    pub placeholder: bool,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// SHA-256 of the leaf, lower-case hexadecimal.
    pub fingerprint: String,
    /// When the next certificate is to be had; none for files, which somebody else renews.
    pub next_renewal_at: Option<Timestamp>,
    /// What a person should know of it although it is served, such as a missing intermediate certificate.
    pub note: Option<String>,
    /// The last failure since the last success, in words.
    pub last_error: Option<String>,
    pub last_error_at: Option<Timestamp>,
    /// After a failure: not tried again before this moment.
    pub next_attempt_at: Option<Timestamp>,
}

//! Certificates: where they come from, when they are renewed and how they are shown to clients.
//!
//! A [`Keeper`] runs for each [`CertificateConfig`]: it loads what is on disk, orders, renews and watches, and puts the
//! result into the [`CertificateStore`], which TLS ([`tls`]) asks at each handshake. What happened is stated as
//! `CertificateIssued`, `CertificateExpiring` and `CertificateFailed`. Nothing here ever stops the program or its start.

mod acme;
mod chain;
mod challenges;
mod config;
mod disk;
mod error;
mod files;
mod keeper;
mod local;
mod schedule;
mod slot;
mod status;
mod store;
pub mod tls;
pub mod trust;

pub use acme::kept_at;
pub(crate) use disk::replace;

pub use challenges::HttpChallenges;
pub use config::{AcmeConfig, CertificateConfig, Challenge, ExternalAccount, FilesConfig, Source};
pub use error::CertificateError;
pub use files::{Found, look_at};
pub use keeper::{Keeper, KeeperParts, Pace};
pub use local::{Issued, LocalCa};
pub use schedule::{Window, renew_at};
pub use status::CertificateStatus;
pub use store::CertificateStore;

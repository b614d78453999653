//! HTTP serving for our own pages.
//!
//! **Owns** the router ([`Routes`]), security headers and nonces, cross-site request forgery defence, [`Failure`] (the
//! one place where a fault becomes a status), cookies, embedded assets, server-sent events, the page [`Shell`], charts, QR codes.
//! **Holds** a route cannot be built without an [`Access`] rule; whatever leaves carries the security headers; an
//! unsafe method is served only when it comes from our own origin with the visitor's token in its form; pages carry no
//! inline style and no inline script without the response's nonce, and work without script.
//! **Never** a use case, SQL, a cipher, a session's storage, a word of any domain.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod access;
pub mod agent;
pub mod assets;
pub mod charts;
mod cookie;
mod csrf;
mod failure;
mod form;
mod frame;
mod headers;
mod moment;
mod origin;
pub mod qr;
mod routes;
mod shell;
pub mod sse;
mod upload;

pub use access::{Access, Gate, NoGate, Nobody};
pub use cookie::{Cookie, SameSite};
pub use csrf::CsrfToken;
pub use failure::{Failure, WantsPage};
pub use form::{Form, Query};
pub use frame::{Dress, Site, explained};
pub use headers::{Hosts, LeadsTo, Nonce, page_policy};
pub use moment::{Local, Moment, Woven};
pub use origin::{HostNames, HostNamesError, host_of_request};
pub use routes::{AccessRow, Routes};
pub use shell::{NavItem, Shell, SignedIn, redirect, redirect_away, render};
pub use upload::{Upload, UploadedFile};

// The crates that build on this one name no HTTP or template library of their own.
pub use {askama, axum, http};

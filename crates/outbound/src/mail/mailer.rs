//! Hands mail in at the operator's server.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use storeward_base::Timestamp;

use super::dkim::Signer;
use super::error::MailError;
use super::message::{LARGEST_BYTES, Message, Sender};
use super::smtp::{Credentials, Patience, Talk};
use crate::allow::{AllowList, Destination, Scheme};
use crate::connect;
use crate::error::{OutboundError, Phase};
use crate::names::{Names, SystemNames};
use crate::tls;

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS before anything is told; a server without it gets nothing.
    StartTls,
    /// In the clear. Only where the mail server is on this machine.
    Loopback,
}

/// What a mailer is made of beside its list.
pub struct MailerOptions {
    pub sender: Sender,
    pub security: Security,
    pub credentials: Option<Credentials>,
    pub signers: Vec<Signer>,
    pub patience: Patience,
    names: Arc<dyn Names>,
    roots: Vec<CertificateDer<'static>>,
}

impl MailerOptions {
    pub fn new(sender: Sender, security: Security) -> Self {
        MailerOptions {
            sender,
            security,
            credentials: None,
            signers: Vec::new(),
            patience: Patience::default(),
            names: Arc::new(SystemNames),
            roots: Vec::new(),
        }
    }

    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    #[must_use]
    pub fn sign_with(mut self, signer: Signer) -> Self {
        self.signers.push(signer);
        self
    }

    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Trusts the certificates of a PEM text beside the system's roots.
    pub fn trust_pem(mut self, pem: &[u8]) -> Result<Self, OutboundError> {
        self.roots.extend(tls::read_pem(pem)?);
        Ok(self)
    }

    /// Resolves names otherwise than the machine does.
    #[must_use]
    pub fn names(mut self, names: impl Names + 'static) -> Self {
        self.names = Arc::new(names);
        self
    }
}

/// Hands mail in. Cheap to clone. One connection for each mail: the address of each is checked anew.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    allow: AllowList,
    server: Destination,
    options: MailerOptions,
    tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("server", &self.0.server).finish_non_exhaustive()
    }
}

/// What a server was found to be, without a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub is_secure: bool,
    pub is_signed_in: bool,
    /// It takes addresses beyond ASCII.
    pub takes_utf8: bool,
}

impl Mailer {
    /// `server` must be on the list; only [`Security::Loopback`] goes without TLS, and then only to an address of this
    /// machine, written as such.
    pub fn new(allow: AllowList, server: Destination, options: MailerOptions) -> Result<Self, OutboundError> {
        let wanted = match options.security {
            Security::Tls => Scheme::Smtps,
            Security::StartTls | Security::Loopback => Scheme::Smtp,
        };
        if server.scheme() != wanted {
            return Err(OutboundError::url("it is no mail server's, or of another kind of TLS"));
        }
        let tls = match options.security {
            Security::Tls | Security::StartTls => {
                Some(tls::client_config(&options.roots, tls::Inside::Mail)?)
            }
            Security::Loopback if is_loopback(&server) => None,
            Security::Loopback => {
                return Err(OutboundError::url("mail goes in the clear to this machine only"));
            }
        };
        Ok(Mailer(Arc::new(Inner { allow, server, options, tls })))
    }

    /// Whom all mail is from.
    pub fn sender(&self) -> &Sender {
        &self.0.options.sender
    }

    pub fn signers(&self) -> &[Signer] {
        &self.0.options.signers
    }

    /// Composes, signs and hands in. When it says yes, the server has taken the mail over. When it says
    /// [`MailError::Silent`] or [`MailError::Broken`] at the content, the server may have taken it all the same; sending
    /// the same message again is safe, since it bears the same id. Safe to cancel.
    pub async fn send(&self, message: &Message, now: Timestamp) -> Result<(), MailError> {
        let inner = &self.0;
        let mail = self.sign(&message.compose(&inner.options.sender), now)?;
        if mail.len() > LARGEST_BYTES {
            return Err(MailError::TooLarge {
                limit_bytes: u64::try_from(LARGEST_BYTES).unwrap_or(u64::MAX),
            });
        }
        let mut talk = self.open().await?;
        let (from, to) = (inner.options.sender.from.address.expose(), message.to.address.expose());
        talk.hand_in(from, to, &mail).await?;
        talk.quit().await;
        Ok(())
    }

    /// Goes as far as the sign-in and sends nothing.
    pub async fn probe(&self) -> Result<Probe, MailError> {
        let talk = self.open().await?;
        let takes_utf8 = talk.can.utf8;
        talk.quit().await;
        Ok(Probe {
            is_secure: self.0.options.security != Security::Loopback,
            is_signed_in: self.0.options.credentials.is_some(),
            takes_utf8,
        })
    }

    /// The mail with a signature of each key before it.
    fn sign(&self, mail: &str, now: Timestamp) -> Result<String, MailError> {
        let mut signed = String::with_capacity(mail.len() + 2_048);
        for signer in &self.0.options.signers {
            signed.push_str(&signer.sign(mail, now)?);
        }
        signed.push_str(mail);
        Ok(signed)
    }

    /// List, address, connection, TLS, greeting, EHLO, sign-in, in this order.
    async fn open(&self) -> Result<Talk, MailError> {
        let Inner { allow, server, options, tls } = &*self.0;
        let Some(reach) = allow.reach(server) else {
            return Err(OutboundError::NotListed { destination: server.clone() }.into());
        };
        let opening = connect::open(server, reach, options.names.as_ref(), tls.as_ref());
        let late = |_| OutboundError::Timeout { destination: server.clone(), phase: Phase::Connect };
        let stream = tokio::time::timeout(options.patience.connect, opening).await.map_err(late)??;
        let mut talk = Talk::begin(stream, options.patience).await?;
        // We are called by the domain that mail is from (RFC 5321 section 4.1.4 asks for a name, and gives no use to it).
        let name = options.sender.from.address.domain();
        talk.hello(name).await?;
        if options.security == Security::StartTls {
            talk.start_tls(server, tls.as_ref()).await?;
            talk.hello(name).await?;
        }
        if let Some(credentials) = &options.credentials {
            talk.sign_in(credentials).await?;
        }
        Ok(talk)
    }
}

/// By the very address, or by the one name that means it (RFC 6761 section 6.3).
pub(super) fn is_loopback(server: &Destination) -> bool {
    server.ip().map_or(server.host() == "localhost", |ip| ip.is_loopback())
}

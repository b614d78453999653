//! PayPal's signature: RSA with SHA-256 over `transmission id|time|webhook id|CRC-32 of the body`, by a certificate that its
//! own header names. So where that certificate may lie is decided here and not there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_outbound::{Client, Limits, Request};
use storeward_seal::certificate::{self, Roots};
use storeward_seal::encoding::decode_base64;

use super::{Refusal, crc32};

const ALGORITHM: &str = "SHA256withRSA";
const FOLDER: &str = "/v1/notifications/certs/";
/// PayPal sends again for three days, under the same signature. Twice does not matter: each transmission is taken once.
const OLDEST: Duration = Duration::from_secs(4 * 24 * 3600);
const AHEAD: Duration = Duration::from_secs(300);
/// So many certificates are kept, and so many addresses of them are known over a start.
pub(crate) const MOST_SIGNERS: u32 = 16;
const MOST_KEPT: usize = 16;
/// Whoever invents certificates makes us ask for this many a minute at most,
const MOST_ASKED: usize = 10;
/// and for this many once one is known: PayPal changes its own seldom, and sends again what waits for the new one.
const MOST_ASKED_BESIDE: usize = 2;
/// Those that signed a message before are asked for beside all that.
const MOST_ASKED_KNOWN: usize = 20;
/// RSA of 2048 to 4096 bits: what is shorter or longer fits no certificate, and none is fetched for it.
const SIGNATURE_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
const MINUTE: Duration = Duration::from_secs(60);

/// The certificates of one host, once they were fetched.
#[derive(Clone)]
pub struct Certificates(Arc<Inner>);

struct Inner {
    client: Client,
    /// Scheme and host (and port, for a stand-in).
    origin: String,
    roots: Roots,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    chains: BTreeMap<String, Vec<u8>>,
    /// When certificates were asked for that nobody knew, and when those that signed a message before.
    asked: VecDeque<Timestamp>,
    asked_known: VecDeque<Timestamp>,
    /// Where those lie that signed a message since the start; those of before, once they were read; and what is not written down yet.
    believed: BTreeSet<String>,
    recalled: Option<BTreeSet<String>>,
    unwritten: BTreeSet<String>,
}

impl Kept {
    fn is_known(&self, url: &str) -> bool {
        self.believed.contains(url) || self.recalled.as_ref().is_some_and(|known| known.contains(url))
    }

    fn is_any_known(&self) -> bool {
        !self.believed.is_empty() || self.recalled.as_ref().is_some_and(|known| !known.is_empty())
    }

    /// Whether another one may be asked for now. Whoever names a known one with a signature of their own has it fetched once: it is kept
    /// then.
    fn may_ask(&mut self, url: &str, now: Timestamp) -> bool {
        let is_known = self.is_known(url);
        let most = match (is_known, self.is_any_known()) {
            (true, _) => MOST_ASKED_KNOWN,
            (false, true) => MOST_ASKED_BESIDE,
            (false, false) => MOST_ASKED,
        };
        let asked = if is_known { &mut self.asked_known } else { &mut self.asked };
        while asked.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            asked.pop_front();
        }
        let has_room = asked.len() < most;
        if has_room {
            asked.push_back(now);
        }
        has_room
    }

    fn keep(&mut self, url: &str, chain: Vec<u8>) {
        if self.chains.len() >= MOST_KEPT {
            self.chains.clear();
        }
        self.chains.insert(url.to_owned(), chain);
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

impl Certificates {
    pub(crate) fn new(client: Client, origin: String, roots: Roots) -> Self {
        Certificates(Arc::new(Inner { client, origin, roots, kept: Mutex::default() }))
    }

    /// Whether a certificate may lie there: the one host, its folder, a plain name, nothing behind it.
    fn is_ours(&self, url: &str) -> bool {
        let name = url.strip_prefix(&self.0.origin).and_then(|rest| rest.strip_prefix(FOLDER));
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        name.is_some_and(|name| (1..=128).contains(&name.len()) && name.bytes().all(is_plain))
    }

    /// The chain at an address that is ours. No redirect is followed.
    async fn chain(&self, url: &str, now: Timestamp) -> Result<Vec<u8>, Refusal> {
        {
            let mut kept = self.kept();
            if let Some(chain) = kept.chains.get(url) {
                return Ok(chain.clone());
            }
            if !kept.may_ask(url, now) {
                return Err(Refusal::CertificateLater);
            }
        }
        let limits = Limits { body_bytes: certificate::MAX_CHAIN_BYTES, ..Limits::default() };
        let request = Request::get(url).map_err(|_| Refusal::Certificate)?.limits(limits);
        let reply = self.0.client.send(request).await.map_err(|_| Refusal::CertificateLater)?;
        match reply.status.as_u16() {
            200 => Ok(reply.body.to_vec()),
            500..=599 => Err(Refusal::CertificateLater),
            _ => Err(Refusal::Certificate),
        }
    }

    /// A message was believed by it. Only such a chain is kept, so that nobody fills this.
    fn believe(&self, url: &str, chain: Vec<u8>) {
        let mut kept = self.kept();
        kept.keep(url, chain);
        if kept.believed.contains(url) {
            return;
        }
        if kept.believed.len() >= MOST_KEPT {
            kept.believed.clear();
        }
        kept.believed.insert(url.to_owned());
        kept.unwritten.insert(url.to_owned());
    }

    /// It is good, and the message is not signed by it: kept where it signed one before, whoever had it fetched.
    fn keep_known(&self, url: &str, chain: Vec<u8>) {
        let mut kept = self.kept();
        if kept.is_known(url) && !kept.chains.contains_key(url) {
            kept.keep(url, chain);
        }
    }

    pub(crate) fn are_recalled(&self) -> bool {
        self.kept().recalled.is_some()
    }

    /// Where those lie that signed a message before the start. What lies elsewhere (of the other mode) is none.
    pub(crate) fn recall(&self, addresses: Vec<String>) {
        let ours = addresses.into_iter().filter(|url| self.is_ours(url)).collect();
        self.kept().recalled = Some(ours);
    }

    /// What was believed and is not written down.
    pub(crate) fn unwritten(&self) -> Vec<String> {
        self.kept().unwritten.iter().cloned().collect()
    }

    pub(crate) fn wrote(&self, addresses: &[String]) {
        self.kept().unwritten.retain(|url| !addresses.contains(url));
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `messageverificationcerts.paypal.com`, `messageverificationcerts.sandbox.paypal.com`.
fn is_signer(name: &str) -> bool {
    let middle =
        name.strip_prefix("messageverificationcerts").and_then(|rest| rest.strip_suffix(".paypal.com"));
    middle.is_some_and(|middle| {
        middle.is_empty()
            || (middle.starts_with('.') && middle.bytes().all(|b| b.is_ascii_lowercase() || b == b'.'))
    })
}

/// What the headers say.
pub(crate) struct Signed {
    transmission: String,
    time: String,
    signature: Vec<u8>,
    url: String,
}

impl Signed {
    pub(crate) fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Refusal> {
        let get = |name: &str| header(name).ok_or(Refusal::NoSignature);
        if get("paypal-auth-algo")? != ALGORITHM {
            return Err(Refusal::Algorithm);
        }
        let transmission = get("paypal-transmission-id")?;
        // The bar parts what is signed.
        if !crate::stripe::is_id(transmission) {
            return Err(Refusal::NoSignature);
        }
        let signature = decode_base64(get("paypal-transmission-sig")?).ok_or(Refusal::NoSignature)?;
        if !SIGNATURE_BYTES.contains(&signature.len()) {
            return Err(Refusal::Signature);
        }
        Ok(Signed {
            transmission: transmission.to_owned(),
            time: get("paypal-transmission-time")?.to_owned(),
            signature,
            url: get("paypal-cert-url")?.to_owned(),
        })
    }

    pub(crate) fn transmission(&self) -> &str {
        &self.transmission
    }

    pub(crate) async fn verify(
        &self,
        certificates: &Certificates,
        webhook_id: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.look(certificates, now)?;
        let chain = certificates.chain(&self.url, now).await?;
        let judged = self.judge(&certificates.0.roots, &chain, webhook_id, body, now);
        match judged {
            Ok(()) => certificates.believe(&self.url, chain),
            // Whether the certificate is good is looked at before the signature.
            Err(Refusal::Signature) => certificates.keep_known(&self.url, chain),
            Err(_) => {}
        }
        judged
    }

    /// All of it over a chain that is at hand.
    #[cfg(test)]
    pub(super) fn judged(
        &self,
        certificates: &Certificates,
        chain: &[u8],
        webhook_id: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.look(certificates, now)?;
        self.judge(&certificates.0.roots, chain, webhook_id, body, now)
    }

    /// What can be said before anything is fetched.
    fn look(&self, certificates: &Certificates, now: Timestamp) -> Result<(), Refusal> {
        let at = Timestamp::parse_rfc3339(&self.time).ok_or(Refusal::NoSignature)?;
        if now.since(at) > OLDEST || at.since(now) > AHEAD {
            return Err(Refusal::Time);
        }
        if certificates.is_ours(&self.url) { Ok(()) } else { Err(Refusal::Certificate) }
    }

    fn judge(
        &self,
        roots: &Roots,
        chain: &[u8],
        webhook_id: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        // The id of the webhook as it is configured, never one that the message brings.
        let message = format!("{}|{}|{webhook_id}|{}", self.transmission, self.time, crc32(body));
        certificate::verify(chain, roots, is_signer, now, message.as_bytes(), &self.signature).map_err(
            |why| match why {
                storeward_seal::Error::Signature => Refusal::Signature,
                _ => Refusal::Certificate,
            },
        )
    }
}

#[cfg(test)]
mod tests;

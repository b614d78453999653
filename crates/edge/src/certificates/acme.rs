//! Certificates from a CA that speaks ACME (RFC 8555): ordered, renewed when the CA advises (RFC 9773) or by age.

mod account;
mod failure;
mod http;
mod kept;
mod order;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{Account, CertificateIdentifier};
use storeward_base::Timestamp;

use self::account::AccountError;
use self::failure::{Failure, Next};
use self::http::AcmeHttp;
use self::kept::{KeptCertificate, KeptOrder, Shelf, Wanted};
use self::order::Attempt;
use super::chain::Chain;
use super::schedule::{self, Window};
use super::slot::{Slot, life};
use super::{AcmeConfig, CertificateError, Challenge, HttpChallenges, Pace};

/// RFC 9773 section 4.3.3: polling intervals under a minute and over a day are taken as those.
const ARI_SOONEST: Duration = Duration::from_secs(60);
const ARI_LATEST: Duration = Duration::from_secs(86_400);
/// After a question that failed.
const ARI_AGAIN: Duration = Duration::from_secs(3600);
/// After the CA did not like our nonce three times in a row.
const NONCE_AGAIN: Duration = Duration::from_millis(500);
const NONCE_TRIES: u32 = 10;

/// The certificate that was ordered earlier and lies in `certificates/`, if there is one that can be read.
pub fn kept_at(directory: &Path) -> Result<Option<super::Found>, CertificateError> {
    if !directory.is_dir() {
        return Ok(None);
    }
    let Some(kept) = Shelf::open(directory.to_owned())?.certificate()? else { return Ok(None) };
    let chain = Chain::from_pem(kept.chain_pem.as_bytes(), kept.key_pem.as_bytes())?;
    Ok(Some(super::Found::from(&chain)))
}

pub(super) struct Acme {
    config: AcmeConfig,
    wanted: Wanted,
    shelf: Shelf,
    challenges: Arc<HttpChallenges>,
    /// Made at the first use: reading the system's roots takes a while.
    http: Option<AcmeHttp>,
    held: Option<Held>,
    pace: Pace,
    failures: u32,
    nonce_failures: u32,
    next_attempt_at: Timestamp,
}

/// The certificate at hand.
struct Held {
    chain: Chain,
    /// The order that it came from.
    order: String,
    /// Whether it is what the config wants: CA, names and profile.
    fits: bool,
    window: Option<Window>,
    /// Where in the window, or around two thirds of the life, this certificate is renewed.
    jitter: u32,
    ask_ari_at: Timestamp,
}

impl Acme {
    pub fn open(
        config: AcmeConfig,
        dir: &Path,
        challenges: Arc<HttpChallenges>,
        pace: Pace,
        slot: &Slot,
    ) -> Result<Self, CertificateError> {
        let wanted = Wanted {
            directory: config.directory.clone(),
            names: slot.names.clone(),
            profile: config.profile.clone(),
        };
        let mut acme = Acme {
            config,
            wanted,
            shelf: Shelf::open(dir.join("acme"))?,
            challenges,
            http: None,
            held: None,
            pace,
            failures: 0,
            nonce_failures: 0,
            next_attempt_at: slot.now(),
        };
        // A file that cannot be read is stated and does not stop the start: a new certificate will be ordered.
        match acme.load(slot) {
            Ok(held) => acme.held = held,
            Err(e) => slot.failed(&e.to_string(), None),
        }
        if let Some(held) = &acme.held {
            slot.serve(&held.chain, Some(acme.renew_at(slot.now())));
        }
        Ok(acme)
    }

    pub fn chain(&self) -> Option<&Chain> {
        self.held.as_ref().map(|held| &held.chain)
    }

    /// Does what is due. Ends only when it is done: an order may take minutes.
    pub async fn tick(&mut self, slot: &Slot) {
        let now = slot.now();
        if self.held.as_ref().is_some_and(|held| held.fits && now >= held.ask_ari_at) {
            self.ask_ari(slot).await;
        }
        let now = slot.now();
        if now < self.next_attempt_at || now < self.renew_at(now) {
            return;
        }
        let attempt = tokio::time::timeout(self.pace.attempt, self.obtain(slot)).await;
        let patience = self.pace.attempt.as_secs();
        match attempt {
            Ok(Ok(held)) => self.succeeded(held, slot),
            Ok(Err(failure)) => self.failed(&failure, slot),
            Err(_) => self.failed(&Failure::resume(format!("no certificate within {patience} s")), slot),
        }
    }

    /// The moment for the next order; with no fitting certificate that is now.
    fn renew_at(&self, now: Timestamp) -> Timestamp {
        match self.held.as_ref().filter(|held| held.fits) {
            Some(Held { chain, window, jitter, .. }) => {
                schedule::renew_at(chain.not_before, chain.not_after, *window, now, *jitter)
            }
            None => now,
        }
    }

    fn load(&self, slot: &Slot) -> Result<Option<Held>, CertificateError> {
        let Some(kept) = self.shelf.certificate()? else { return Ok(None) };
        let chain = Chain::from_pem(kept.chain_pem.as_bytes(), kept.key_pem.as_bytes())?;
        // Of no use for any of our names, or ended: the stand-in is no worse.
        let is_of_use = chain.not_after > slot.now() && slot.names.iter().any(|name| chain.covers(name));
        Ok(is_of_use.then(|| Held::new(chain, &kept, &self.wanted, slot)))
    }

    async fn obtain(&mut self, slot: &Slot) -> Result<Held, Failure> {
        let http = self.http()?;
        let account = self.account(&http, slot).await?;
        let replaces = self.held.as_ref().filter(|held| held.fits).and_then(|held| held.identifier());
        let attempt = Attempt {
            account: &account,
            http: &http,
            shelf: &self.shelf,
            slot,
            challenges: &self.challenges,
            wanted: &self.wanted,
            challenge: match self.config.challenge {
                Challenge::Auto if self.failures % 2 == 1 => Challenge::TlsAlpn,
                Challenge::Auto => Challenge::Http,
                chosen => chosen,
            },
            replaces,
            done: self.held.as_ref().map(|held| held.order.as_str()),
        };
        let (order, pem) = attempt.run().await?;
        self.accept(order, pem, slot)
    }

    /// Looks at what the CA gave, and keeps it before it is served.
    fn accept(&self, order: KeptOrder, pem: String, slot: &Slot) -> Result<Held, Failure> {
        let chain = Chain::from_pem(pem.as_bytes(), order.key_pem.as_bytes())
            .and_then(|chain| chain.check(&self.wanted.names, slot.now()).map(|()| chain))
            .map_err(|e| Failure::anew(format!("the CA's certificate cannot be used: {e}")))?;
        let kept = KeptCertificate::new(order, pem);
        self.shelf.put_certificate(&kept)?;
        // From here on the order is history; if removing it fails, its URL in the certificate's file tells so.
        let _ = self.shelf.drop_order();
        Ok(Held::new(chain, &kept, &self.wanted, slot))
    }

    fn succeeded(&mut self, held: Held, slot: &Slot) {
        let now = slot.now();
        (self.failures, self.nonce_failures) = (0, 0);
        self.next_attempt_at = now.plus(Self::rest_after(&held.chain, now));
        self.held = Some(held);
        let renew_at = self.renew_at(now);
        if let Some(chain) = self.chain() {
            slot.serve(chain, Some(renew_at));
            slot.issued(chain);
        }
    }

    /// How long a new certificate is left alone. With a clock that is wrong by months it is due by age at once, again
    /// and again; a CA's window can be as wrong. CAs count orders. A window in the past that is meant (the CA has to
    /// revoke) is heeded after an hour.
    fn rest_after(chain: &Chain, now: Timestamp) -> Duration {
        let is_due_by_age = schedule::renew_at(chain.not_before, chain.not_after, None, now, 0) <= now;
        let longest = if is_due_by_age { Duration::MAX } else { Duration::from_secs(3600) };
        (life(chain) / 10).min(longest).max(Duration::from_secs(1))
    }

    fn failed(&mut self, failure: &Failure, slot: &Slot) {
        let settled = match failure.next {
            Next::Again if self.nonce_failures < NONCE_TRIES => {
                self.nonce_failures += 1;
                self.next_attempt_at = slot.now().plus(NONCE_AGAIN);
                return;
            }
            Next::Again | Next::Resume => Ok(()),
            Next::Anew => self.shelf.drop_order(),
            Next::Register => {
                self.shelf.drop_order().and_then(|()| account::forget_registration(&self.config, &self.shelf))
            }
        };
        self.nonce_failures = 0;
        self.failures = self.failures.saturating_add(1);
        let (first, jitter) = (self.pace.first_retry, slot.jitter());
        let wait = schedule::back_off(self.failures, first, jitter, failure.retry_after);
        self.next_attempt_at = slot.now().plus(wait);
        let also = settled.err().map(|e| format!("; {e}")).unwrap_or_default();
        slot.failed(&format!("{failure}{also}"), Some(self.next_attempt_at));
    }

    /// Asks the CA when it wants this certificate renewed. Failing is no matter: age decides then.
    async fn ask_ari(&mut self, slot: &Slot) {
        let answer = tokio::time::timeout(self.pace.attempt, self.renewal_info(slot)).await;
        let Some(held) = &mut self.held else { return };
        let now = slot.now();
        match answer {
            Ok(Some((window, again))) => {
                if window != held.window {
                    held.window = window;
                    held.jitter = slot.jitter();
                }
                held.ask_ari_at = now.plus(again.clamp(ARI_SOONEST, ARI_LATEST));
            }
            _ => held.ask_ari_at = now.plus(ARI_AGAIN),
        }
        slot.renews_at(Some(self.renew_at(now)));
    }

    async fn renewal_info(&mut self, slot: &Slot) -> Option<(Option<Window>, Duration)> {
        let id = self.held.as_ref()?.identifier()?;
        let http = self.http().ok()?;
        let account = self.account(&http, slot).await.ok()?;
        match account.renewal_info(&id).await {
            Ok((info, again)) => {
                let moment = |nanos: i128| i64::try_from(nanos / 1000).ok().map(Timestamp::from_micros);
                let start = moment(info.suggested_window.start.unix_timestamp_nanos())?;
                let end = moment(info.suggested_window.end.unix_timestamp_nanos())?;
                Some((Window::new(start, end), again))
            }
            Err(instant_acme::Error::Unsupported(_)) => Some((None, ARI_LATEST)),
            Err(_) => None,
        }
    }

    fn http(&mut self) -> Result<AcmeHttp, CertificateError> {
        match &self.http {
            Some(http) => Ok(http.clone()),
            None => {
                let http = AcmeHttp::new(self.config.ca_file.as_deref())?;
                Ok(self.http.insert(http).clone())
            }
        }
    }

    async fn account(&self, http: &AcmeHttp, slot: &Slot) -> Result<Account, Failure> {
        account::open(&self.config, &self.shelf, http).await.map_err(|e| match e {
            AccountError::Own(failure) => failure,
            AccountError::Authority(e) => {
                let failure = Failure::of(&e, &http.last(), slot.now());
                // What the CA says of the account decides nothing about an order under way.
                let next = if failure.next == Next::Anew { Next::Resume } else { failure.next };
                Failure { next, ..failure }
            }
        })
    }
}

impl Held {
    fn new(chain: Chain, kept: &KeptCertificate, wanted: &Wanted, slot: &Slot) -> Self {
        Held {
            fits: kept.is(wanted),
            order: kept.order.clone(),
            window: None,
            jitter: slot.jitter(),
            ask_ari_at: slot.now(),
            chain,
        }
    }

    /// By what the CA knows it (RFC 9773 section 4.1); none for a certificate without an issuer's key id.
    fn identifier(&self) -> Option<CertificateIdentifier<'static>> {
        CertificateIdentifier::try_from(self.chain.leaf()?).ok().map(CertificateIdentifier::into_owned)
    }
}

//! Guidance put together: what it needs, what everything in it shares.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use storeward_base::{Clock, Entropy, Timestamp};
use storeward_identity::Identity;
use storeward_post::Outbox;
use storeward_seal::{DataKey, MarkKey, PseudonymKey};
use storeward_store::Db;

use crate::config::Policy;
use crate::lookalike::Names;
use crate::pace::{Throttled, throttle};
use crate::pages::Counted;
use crate::sql;
use crate::trust::TrustSource;

/// What the app hands over.
pub struct GuideParts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Seals what people pasted.
    pub data_key: DataKey,
    /// Makes the marks of who is held back.
    pub pseudonym_key: PseudonymKey,
    pub identity: Identity,
    pub outbox: Outbox,
    pub policy: Policy,
    /// Whom our mails are from, as people see it.
    pub sender: Option<String>,
    pub trust: TrustSource,
}

/// Guidance. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Guide(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    pub group: MarkKey,
    /// Marks networks that reports came from.
    pub network: MarkKey,
    pub identity: Identity,
    pub outbox: Outbox,
    pub policy: ArcSwap<Policy>,
    pub sender: Option<String>,
    pub trust: TrustSource,
    pub throttle: Throttled,
    /// Figures of the public page, kept for a moment.
    pub counted: Mutex<Option<Counted>>,
}

impl Guide {
    pub fn new(parts: GuideParts) -> Self {
        let shared = Shared {
            db: parts.db,
            clock: parts.clock,
            entropy: parts.entropy,
            data_key: parts.data_key,
            group: parts.pseudonym_key.mark_key("guide.group"),
            network: parts.pseudonym_key.mark_key("guide.network"),
            identity: parts.identity,
            outbox: parts.outbox,
            policy: ArcSwap::from_pointee(parts.policy),
            sender: parts.sender,
            trust: parts.trust,
            throttle: throttle(),
            counted: Mutex::default(),
        };
        shared.identity.add_leaving(|tx, closed| {
            sql::person::forget_customer(tx, closed.customer)?;
            sql::lesson::forget_customer(tx, closed.customer)?;
            sql::reminder::forget_customer(tx, closed.customer)?;
            Ok(sql::report::forget_customer(tx, closed.customer)?)
        });
        shared.identity.accompany(Arc::new(crate::companion::Beside(shared.db.clone())));
        Guide(Arc::new(shared))
    }

    /// Tells the outbox where codes of messages are looked up, once the shop's address is known.
    pub fn announce(&self) {
        let origin = self.0.identity.address();
        let plain = origin.strip_prefix("https://").unwrap_or(&origin);
        self.0.outbox.set_check_page(&format!("{plain}{}", crate::pages::own("/messages")));
    }

    /// Takes a changed policy; what is under way keeps the one it began with.
    pub fn set_policy(&self, policy: Policy) {
        self.0.policy.store(Arc::new(policy));
    }
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// The name that examples use in the place of the shop's, where that is none of the web yet, such as `localhost`.
    pub fn stand_in_host(&self) -> Option<String> {
        let (host, names) = (self.identity.host(), self.names());
        (host.trim_start_matches("www.") != names.host).then_some(names.host)
    }

    /// What the addresses in our letters and in the browser end in: a customer may see each of the shop's names, and the host of our own
    /// pages, which need not lie below one of them.
    pub fn endings(&self) -> Vec<String> {
        let mut all = vec![self.names().host];
        if self.stand_in_host().is_some() {
            return all;
        }
        for address in self.identity.addresses() {
            let host = address.split_once("://").map_or(address.as_str(), |(_, host)| host);
            let host = host.split(':').next().unwrap_or(host).trim_start_matches("www.");
            let is_below = |one: &String| host == one || host.ends_with(&format!(".{one}"));
            if !all.iter().any(is_below) {
                all.push(host.to_owned());
            }
        }
        all
    }

    /// Real and false names for examples.
    pub fn names(&self) -> Names {
        let host = self.identity.host();
        let is_real = host.contains('.') && host.parse::<std::net::IpAddr>().is_err();
        // A shop on one machine only has no name of the web yet; its mails have.
        let sender = self.sender.as_deref().and_then(|sender| sender.split_once('@'));
        let host = sender.filter(|_| !is_real).map_or(host.clone(), |(_, domain)| domain.to_owned());
        Names::of(&host, &self.identity.shop_name())
    }
}

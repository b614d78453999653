//! What TLS asks at each handshake: the certificates by name, and those of pending tls-alpn-01 challenges.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::CertificateStatus;
use super::tls::{ACME_TLS, HTTP_1, HTTP_2};

/// All certificates that are served. Handshakes read it without a lock; keepers change it as a whole.
#[derive(Default)]
pub struct CertificateStore {
    active: ArcSwap<Active>,
    challenges: ArcSwap<HashMap<String, Arc<CertifiedKey>>>,
    entries: Mutex<Vec<Entry>>,
}

/// One certificate and the names of the config it is served for.
#[derive(Clone)]
pub(crate) struct Entry {
    pub key: Arc<CertifiedKey>,
    pub status: CertificateStatus,
}

/// The index that handshakes read, made anew from the entries at each change.
#[derive(Default)]
struct Active {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By the part after `*.`.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    fallback: Option<Arc<CertifiedKey>>,
}

impl CertificateStore {
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Every certificate as it is served now, in the order in which the config named them.
    pub fn status(&self) -> Vec<CertificateStatus> {
        self.entries().iter().map(|entry| entry.status.clone()).collect()
    }

    /// Stops serving every certificate whose first name is not among `first_names`: for a changed config, after the
    /// new keepers were opened and the old ones stopped.
    pub fn keep_only(&self, first_names: &[String]) {
        let mut entries = self.entries();
        entries.retain(|entry| entry.status.names.first().is_some_and(|name| first_names.contains(name)));
        self.active.store(Arc::new(Active::of(&entries)));
    }

    /// Serves `entry` in place of the one with the same first name.
    pub(crate) fn put(&self, entry: Entry) {
        let mut entries = self.entries();
        match entries.iter_mut().find(|e| e.status.names.first() == entry.status.names.first()) {
            Some(place) => *place = entry,
            None => entries.push(entry),
        }
        self.active.store(Arc::new(Active::of(&entries)));
    }

    /// The entry that [`CertificateStore::put`] would replace.
    pub(crate) fn get(&self, first_name: Option<&String>) -> Option<Entry> {
        self.entries().iter().find(|e| e.status.names.first() == first_name).cloned()
    }

    /// Changes what is said of a certificate, not which one is served.
    pub(crate) fn amend(&self, first_name: Option<&String>, change: impl FnOnce(&mut CertificateStatus)) {
        if let Some(entry) = self.entries().iter_mut().find(|e| e.status.names.first() == first_name) {
            change(&mut entry.status);
        }
    }

    pub(crate) fn put_challenge(&self, sni: &str, key: Arc<CertifiedKey>) {
        self.challenges.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(sni.to_owned(), Arc::clone(&key));
            all
        });
    }

    pub(crate) fn remove_challenge(&self, sni: &str) {
        self.challenges.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.remove(sni);
            all
        });
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Active {
    fn of(entries: &[Entry]) -> Self {
        let mut active = Active::default();
        for entry in entries {
            for name in &entry.status.names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut active.wildcard, parent),
                    None => (&mut active.exact, name.as_str()),
                };
                map.entry(name.to_owned()).or_insert_with(|| Arc::clone(&entry.key));
            }
        }
        active.fallback = entries.first().map(|entry| Arc::clone(&entry.key));
        active
    }

    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        self.exact.get(name).or_else(|| self.wildcard.get(name.split_once('.')?.1))
    }
}

impl ResolvesServerCert for CertificateStore {
    /// `None` ends the handshake: for a name that is not ours there is no certificate that would not mislead. A
    /// client that names no host (it dialled an address: RFC 6066 section 3 has no SNI for those) gets the first.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls hands the name over in lower case.
        let name = hello.server_name();
        if asks_for_challenge(&hello) {
            return self.challenges.load().get(name?).cloned();
        }
        let active = self.active.load();
        match name {
            Some(name) => active.find(name).cloned(),
            None => active.fallback.clone(),
        }
    }
}

/// Whether the connection could end up speaking `acme-tls/1`. Such a one never sees a real certificate, and one that
/// could end up with HTTP never sees that of a challenge.
fn asks_for_challenge(hello: &ClientHello<'_>) -> bool {
    let offers = |protocol: &[u8]| hello.alpn().is_some_and(|mut all| all.any(|p| p == protocol));
    offers(ACME_TLS) && !offers(HTTP_2) && !offers(HTTP_1)
}

impl fmt::Debug for CertificateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status();
        f.debug_list().entries(status.iter().map(|s| (&s.names, s.source, &s.fingerprint))).finish()
    }
}

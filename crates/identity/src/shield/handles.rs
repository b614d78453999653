//! Handles: what browsers hold, and the jars behind them. In memory, with the database behind it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_seal::fingerprint::token_hash;
use storeward_store::Reader;
use storeward_web::{Cookie, SameSite};

use super::crossing::SUSPECT;
use super::harmless::Harmless;
use super::jar::{Jar, Phase};
use crate::error::Error;
use crate::marks::Field;
use crate::sql::{self, shop_session::KeptJar};
use crate::verbs::{Identity, Shared};

/// What a browser gets in place of the shop's session: 256 random bits in hexadecimal, and nothing else.
pub const HANDLE_COOKIE: Cookie = Cookie { name: "__Host-storeward-shop", same_site: SameSite::Lax };

const SHARDS: usize = 64;
/// Jars in memory. One of an anonymous visitor weighs about half a kilobyte.
const MOST: usize = 100_000;
/// A handle that was exchanged for another is remembered for so long: what was under way with it must neither get the
/// new session nor replace the new handle.
const MOVED: Duration = Duration::from_secs(120);
const ASKED_AGAIN: Duration = Duration::from_secs(2);
/// After a start nothing is changed for so long in a session from before: a sign-in that was at the shop comes to its end meanwhile.
pub(super) const CALM: Duration = Duration::from_secs(10);
/// Nor, for so long, after a client said something in a tunnel.
pub(super) const QUIET: Duration = Duration::from_secs(2);
/// So long each page is asked about after a client said something in a tunnel.
pub(super) const HEARD: Duration = Duration::from_secs(10);
/// "Seen" is written down this often.
const SEEN_STEP: Duration = Duration::from_secs(10 * 60);
/// Jars that wait to be written; further changes of anonymous ones stay in memory only.
const DIRTY_MOST: usize = 10_000;

/// A jar in use. Whoever decides about it holds `deciding`; whoever may be signing in with it holds `underway`, alone, so
/// that nothing is done beside it in a session that is just being signed in.
pub struct Entry {
    inner: Mutex<Inner>,
    pub deciding: tokio::sync::Mutex<()>,
    pub underway: Arc<tokio::sync::RwLock<()>>,
    /// What is at the shop and is no act holds it, with others.
    pub looks: Arc<tokio::sync::RwLock<()>>,
    /// Acts that did not wait for those.
    overtaken: AtomicU64,
    /// How often a client said something in a tunnel.
    words: AtomicU64,
    /// Until when a request that nobody waited for may still be signing in at the shop, in microseconds since 1970.
    suspect_until: AtomicI64,
    /// How often.
    suspicions: AtomicU64,
    /// Until then nothing is changed in the shop, right behind such a request.
    barred_until: AtomicI64,
    /// Until when the shop may be at an act from before the start of the program, or at what a client said in a tunnel.
    doubted_until: AtomicI64,
    /// Until then acts wait for that.
    calm_at: AtomicI64,
    /// When the shop was asked last who is signed in.
    questioned_at: AtomicI64,
    /// Until when the shop may be at a page that nobody waited for, and of which it was not seen how it ended.
    lost_look_until: AtomicI64,
    /// When the account's own session was last found good, in microseconds since 1970.
    pub verified_at: AtomicI64,
    /// The browser came back with it once: before that it is not worth a row.
    returned: AtomicBool,
    written_at: AtomicI64,
    /// Answers of the shop that were there to be decided about.
    answers: AtomicU64,
}

pub struct Inner {
    pub hash: String,
    pub jar: Jar,
    /// A mark of the browser's other cookies, by which the shop knew nobody when it was asked.
    pub harmless: Option<String>,
    pub seen: Harmless,
    /// Who is signed in was asked when so many answers were there, and whether the shop said it.
    asked_at: Option<(u64, bool)>,
}

impl Entry {
    pub fn new(hash: String, jar: Jar) -> Arc<Self> {
        Arc::new(Entry {
            inner: Mutex::new(Inner { hash, jar, harmless: None, seen: Harmless::default(), asked_at: None }),
            deciding: tokio::sync::Mutex::new(()),
            underway: Arc::default(),
            looks: Arc::default(),
            overtaken: AtomicU64::new(0),
            words: AtomicU64::new(0),
            suspect_until: AtomicI64::new(0),
            suspicions: AtomicU64::new(0),
            barred_until: AtomicI64::new(0),
            doubted_until: AtomicI64::new(0),
            calm_at: AtomicI64::new(0),
            questioned_at: AtomicI64::new(0),
            lost_look_until: AtomicI64::new(0),
            verified_at: AtomicI64::new(0),
            returned: AtomicBool::new(false),
            written_at: AtomicI64::new(0),
            answers: AtomicU64::new(0),
        })
    }

    /// One more answer is there, and what it set is in the jar. Its number.
    pub fn note_answer(&self) -> u64 {
        self.answers.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The answers that are there now: a question that is asked from here on covers them.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::SeqCst)
    }

    /// Who is signed in was asked when so many answers were there. For whoever holds `deciding`.
    pub fn note_question(&self, answers: u64) {
        let mut inner = self.lock();
        inner.asked_at = Some((answers, inner.jar.is_known));
    }

    /// Whether somebody asked since this answer was there, and whether the shop said who is signed in.
    pub fn was_asked_since(&self, answer: u64) -> Option<bool> {
        self.lock().asked_at.filter(|(covered, _)| *covered >= answer).map(|(_, is_clear)| is_clear)
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn hash(&self) -> String {
        self.lock().hash.clone()
    }

    pub fn suspect(&self, until: Timestamp) {
        self.suspect_until.fetch_max(until.micros(), Ordering::SeqCst);
        self.note_doubt();
    }

    /// It could not be told who is signed in: what was begun before ends.
    pub fn note_doubt(&self) {
        self.suspicions.fetch_add(1, Ordering::SeqCst);
    }

    /// How often it was not known whether somebody had been signed in.
    pub fn suspicions(&self) -> u64 {
        self.suspicions.load(Ordering::SeqCst)
    }

    /// An act goes to the shop, which is at something else still.
    pub fn note_overtaken(&self) {
        self.overtaken.fetch_add(1, Ordering::SeqCst);
    }

    pub fn words(&self) -> u64 {
        self.words.load(Ordering::SeqCst)
    }

    pub fn overtaken(&self) -> u64 {
        self.overtaken.load(Ordering::SeqCst)
    }

    pub fn lose_look(&self, until: Timestamp) {
        self.lost_look_until.fetch_max(until.micros(), Ordering::SeqCst);
    }

    pub fn has_lost_look(&self, now: Timestamp) -> bool {
        self.lost_look_until.load(Ordering::SeqCst) > now.micros()
    }

    pub fn bar(&self, until: Timestamp) {
        self.barred_until.fetch_max(until.micros(), Ordering::SeqCst);
    }

    pub fn is_barred(&self, now: Timestamp) -> bool {
        self.barred_until.load(Ordering::SeqCst) > now.micros()
    }

    pub fn note_questioned(&self, at: Timestamp) {
        self.questioned_at.fetch_max(at.micros(), Ordering::SeqCst);
    }

    /// Whether what the shop said holds no more: where somebody may be signed in by no request that is known, it is asked every other second
    /// before a page goes.
    pub fn is_doubted(&self, now: Timestamp) -> bool {
        let asked = Timestamp::from_micros(self.questioned_at.load(Ordering::SeqCst));
        self.is_uneasy(now) && now.since(asked) >= ASKED_AGAIN
    }

    /// Whether somebody may be signed in by no request that is known: each page is asked about after it came, and each act before it goes.
    pub fn is_uneasy(&self, now: Timestamp) -> bool {
        self.doubted_until.load(Ordering::SeqCst) > now.micros()
    }

    /// For how long that is so.
    pub fn uneasy_for(&self, now: Timestamp) -> Duration {
        Timestamp::from_micros(self.doubted_until.load(Ordering::SeqCst)).since(now)
    }

    /// How long an act has to wait.
    pub fn calm_in(&self, now: Timestamp) -> Duration {
        Timestamp::from_micros(self.calm_at.load(Ordering::SeqCst)).since(now)
    }

    fn doubt(&self, until: Timestamp, calm_at: Timestamp) {
        self.doubted_until.fetch_max(until.micros(), Ordering::SeqCst);
        self.calm_at.fetch_max(calm_at.micros(), Ordering::SeqCst);
    }

    /// A client says something to the shop in a tunnel: some shops sign people in by words of their own.
    pub fn note_words(&self, now: Timestamp) {
        self.words.fetch_add(1, Ordering::SeqCst);
        self.doubt(now.plus(HEARD), now.plus(QUIET));
        self.lock().jar.leave_open("/", now.plus(HEARD));
    }

    pub fn is_suspect(&self, now: Timestamp) -> bool {
        self.suspect_until.load(Ordering::SeqCst) > now.micros()
    }

    /// Whether the shop may be at a sign-in still of which nobody knows: whom it tells now need not be who did what goes to it.
    pub fn may_be_anothers(&self, host: &str, now: Timestamp) -> bool {
        self.is_suspect(now) || self.is_uneasy(now) || self.lock().jar.has_open_acts(host, now)
    }
}

enum Slot {
    Live(Arc<Entry>),
    Moved { until: Timestamp },
}

/// What a token leads to.
pub enum Held {
    Nothing,
    /// It was exchanged for another a moment ago.
    Moved,
    Jar(Arc<Entry>),
}

pub struct Handles {
    shards: Vec<Mutex<HashMap<String, Slot>>>,
    dirty: Mutex<HashMap<String, Arc<Entry>>>,
    identity: Identity,
    started_at: Timestamp,
}

impl Handles {
    pub fn new(identity: Identity) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let started_at = identity.0.now();
        Handles { shards, dirty: Mutex::default(), identity, started_at }
    }

    fn shared(&self) -> &Shared {
        &self.identity.0
    }

    fn shard(&self, hash: &str) -> MutexGuard<'_, HashMap<String, Slot>> {
        let at = u8::from_str_radix(hash.get(..2).unwrap_or("0"), 16).unwrap_or(0);
        let shard = self.shards.get(usize::from(at) % SHARDS).expect("the index is taken modulo the length");
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jar behind a browser's token. `elevates`: the shop signs people in within the session that they have.
    pub async fn find(&self, token: &str, elevates: bool) -> Result<Held, Error> {
        let (hash, now) = (token_hash(token), self.shared().now());
        match self.shard(&hash).get(&hash) {
            Some(Slot::Moved { until }) if *until > now => return Ok(Held::Moved),
            Some(Slot::Live(entry)) => {
                let entry = entry.clone();
                return Ok(if self.is_over(&entry.lock().jar, now) {
                    Held::Nothing
                } else {
                    Held::Jar(entry)
                });
            }
            Some(Slot::Moved { .. }) | None => {}
        }
        self.load(hash, now, elevates).await
    }

    fn open_jar(&self, sealed: &[u8], hash: &str) -> Result<Jar, Error> {
        let opened = self.shared().vault.open(sealed, hash, Field::Jar)?;
        serde_json::from_slice(opened.expose()).map_err(|_| Error::Form("a kept jar cannot be read"))
    }

    async fn load(&self, hash: String, now: Timestamp, elevates: bool) -> Result<Held, Error> {
        let (key, idle_since) = (hash.clone(), now.minus(self.shared().policy().idle()));
        let read = move |reader: &mut Reader<'_>| sql::shop_session::find(reader, &key, now, idle_since);
        let Some(sealed) = self.shared().db.read(read).await? else { return Ok(Held::Nothing) };
        let mut jar = self.open_jar(&sealed, &hash)?;
        // Something may have been under way when the program ended, or when there was no more room for it here.
        if !matches!(jar.phase, Phase::Ended) {
            jar.is_known &= matches!(jar.phase, Phase::Pending { .. });
            jar.leave_open("/", now.plus(SUSPECT));
        }
        let may_be_acted_in = matches!(jar.phase, Phase::Anonymous | Phase::Active { .. });
        let entry = Entry::new(hash.clone(), jar);
        if elevates && may_be_acted_in {
            // The shop may be at an act from before the start.
            entry.doubt(self.started_at.plus(SUSPECT), self.started_at.plus(CALM));
        }
        entry.returned.store(true, Ordering::Relaxed);
        let mut shard = self.shard(&hash);
        // Two requests at once: the first to come back wins.
        match shard.get(&hash) {
            Some(Slot::Live(known)) => return Ok(Held::Jar(known.clone())),
            Some(Slot::Moved { until }) if *until > now => return Ok(Held::Moved),
            Some(Slot::Moved { .. }) | None => {}
        }
        make_room(&mut shard, now);
        shard.insert(hash, Slot::Live(entry.clone()));
        Ok(Held::Jar(entry))
    }

    fn is_over(&self, jar: &Jar, now: Timestamp) -> bool {
        let policy = self.shared().policy();
        now.since(jar.seen_at) >= policy.idle() || now.since(jar.made_at) >= policy.absolute()
    }

    /// A new handle and its empty jar.
    pub fn open(&self) -> (String, Arc<Entry>) {
        let (token, now) = (self.shared().entropy.token::<32>(), self.shared().now());
        let hash = token_hash(&token);
        let entry = Entry::new(hash.clone(), Jar::new(now));
        let mut shard = self.shard(&hash);
        make_room(&mut shard, now);
        shard.insert(hash, Slot::Live(entry.clone()));
        (token, entry)
    }

    /// The browser came with it.
    pub fn saw(&self, entry: &Arc<Entry>) {
        let now = self.shared().now();
        entry.lock().jar.seen_at = now;
        let first = !entry.returned.swap(true, Ordering::Relaxed);
        let written = Timestamp::from_micros(entry.written_at.load(Ordering::Relaxed));
        if first || now.since(written) >= SEEN_STEP {
            self.note_change(entry);
        }
    }

    /// Something changed that may be written a little later.
    pub fn note_change(&self, entry: &Arc<Entry>) {
        if entry.returned.load(Ordering::Relaxed) {
            let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
            if dirty.len() < DIRTY_MOST {
                dirty.insert(entry.hash(), entry.clone());
            }
        }
    }

    fn row(&self, entry: &Entry) -> Result<KeptJar, Error> {
        let (hash, jar) = {
            let inner = entry.lock();
            (inner.hash.clone(), inner.jar.clone())
        };
        let bytes = serde_json::to_vec(&jar).map_err(|_| Error::Form("a jar cannot be written"))?;
        let shared = self.shared();
        entry.written_at.store(shared.now().micros(), Ordering::Relaxed);
        Ok(KeptJar {
            sealed: shared.vault.seal(&bytes, &hash, Field::Jar, &*shared.entropy),
            handle_hash: hash,
            pending_at: jar.pending_since(),
            seen_at: jar.seen_at,
            expires_at: jar.made_at.plus(shared.policy().absolute()),
            session: jar.session(),
        })
    }

    /// Writes a jar down at once.
    pub async fn keep(&self, entry: &Arc<Entry>) -> Result<(), Error> {
        entry.returned.store(true, Ordering::Relaxed);
        let row = self.row(entry)?;
        let written = self.shared().db.write(move |tx| -> Result<(), Error> {
            sql::shop_session::keep(tx, &row)?;
            tx.commit_silent("what a session of the shop holds is no fact; who signed in is told elsewhere");
            Ok(())
        });
        written.await
    }

    /// Gives the jar a new handle, which is returned; the old one leads nowhere from now on.
    pub async fn rotate(&self, entry: &Arc<Entry>) -> Result<String, Error> {
        let shared = self.shared();
        let token = shared.entropy.token::<32>();
        let (new, now) = (token_hash(&token), shared.now());
        let old = std::mem::replace(&mut entry.lock().hash, new.clone());
        self.shard(&old).insert(old.clone(), Slot::Moved { until: now.plus(MOVED) });
        self.shard(&new).insert(new, Slot::Live(entry.clone()));
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner).remove(&old);
        entry.returned.store(true, Ordering::Relaxed);
        let row = self.row(entry)?;
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            sql::shop_session::delete(tx, &old)?;
            sql::shop_session::keep(tx, &row)?;
            tx.commit_silent("a handle was exchanged; who signed in is told elsewhere");
            Ok(())
        });
        written.await?;
        Ok(token)
    }

    /// Forgets a jar and its handle.
    pub async fn drop_jar(&self, entry: &Arc<Entry>) -> Result<(), Error> {
        let hash = entry.hash();
        let until = self.shared().now().plus(MOVED);
        self.shard(&hash).insert(hash.clone(), Slot::Moved { until });
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash);
        let written = self.shared().db.write(move |tx| -> Result<(), Error> {
            sql::shop_session::delete(tx, &hash)?;
            tx.commit_silent("a session of the shop is over; why is told elsewhere");
            Ok(())
        });
        written.await
    }

    /// Writes what changed, in portions.
    pub async fn flush(&self) -> Result<(), Error> {
        let dirty = std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner));
        let entries: Vec<_> = dirty.into_values().collect();
        // What has ended meanwhile is deleted already.
        let is_over = |entry: &Arc<Entry>| matches!(entry.lock().jar.phase, Phase::Ended);
        for portion in entries.chunks(200) {
            let kept = portion.iter().filter(|entry| !is_over(entry));
            let rows = kept.map(|entry| self.row(entry)).collect::<Result<Vec<_>, _>>()?;
            let written = self.shared().db.write(move |tx| -> Result<(), Error> {
                rows.iter().try_for_each(|row| sql::shop_session::keep(tx, row))?;
                tx.commit_silent("what sessions of the shop hold is no fact");
                Ok(())
            });
            written.await?;
        }
        Ok(())
    }

    /// The jars that have waited for a second factor since `since` or longer: in memory and in the database.
    pub async fn waiting_since(&self, since: Timestamp) -> Result<Vec<Arc<Entry>>, Error> {
        let read = move |reader: &mut Reader<'_>| sql::shop_session::pending_since(reader, since);
        let hashes = self.shared().db.read(read).await?;
        let now = self.shared().now();
        let mut found = Vec::new();
        for hash in hashes {
            let live = match self.shard(&hash).get(&hash) {
                Some(Slot::Live(entry)) => Some(entry.clone()),
                Some(Slot::Moved { .. }) | None => None,
            };
            let entry = match live {
                Some(entry) => Some(entry),
                None => match self.load(hash, now, false).await? {
                    Held::Jar(entry) => Some(entry),
                    Held::Moved | Held::Nothing => None,
                },
            };
            found.extend(entry.filter(|e| e.lock().jar.pending_since().is_some_and(|at| at <= since)));
        }
        Ok(found)
    }

    /// The jars of people whose account's session has ended, with or without a browser that still comes.
    pub async fn abandoned(&self) -> Result<Vec<Arc<Entry>>, Error> {
        let (now, idle_since) =
            (self.shared().now(), self.shared().now().minus(self.shared().policy().idle()));
        let read = move |reader: &mut Reader<'_>| sql::shop_session::abandoned(reader, now, idle_since);
        let rows = self.shared().db.read(read).await?;
        let mut found = Vec::new();
        for (hash, sealed) in rows {
            let live = match self.shard(&hash).get(&hash) {
                Some(Slot::Live(entry)) => Some(entry.clone()),
                Some(Slot::Moved { .. }) | None => None,
            };
            match live {
                Some(entry) => found.push(entry),
                // One that does not open any more leaves the others their turn; it is forgotten in its time.
                None => found.extend(self.open_jar(&sealed, &hash).map(|jar| Entry::new(hash.clone(), jar))),
            }
        }
        Ok(found)
    }

    /// Forgets what is over, in memory and in the database.
    pub async fn forget(&self) -> Result<(), Error> {
        let (now, policy) = (self.shared().now(), self.shared().policy());
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, slot| match slot {
                Slot::Live(entry) => !self.is_over(&entry.lock().jar, now),
                Slot::Moved { until } => *until > now,
            });
        }
        let idle_since = now.minus(policy.idle());
        let written = self.shared().db.write(move |tx| -> Result<(), Error> {
            sql::shop_session::forget(tx, now, idle_since)?;
            tx.commit_silent("sessions that ran out are no fact");
            Ok(())
        });
        written.await
    }
}

/// A full shard forgets one of a few: an exchanged handle, else the one that was used longest ago, anonymous ones first.
/// What is in the database is read again when it comes back.
fn make_room(shard: &mut HashMap<String, Slot>, now: Timestamp) {
    if shard.len() < MOST / SHARDS {
        return;
    }
    let worth = |slot: &Slot| match slot {
        Slot::Moved { until } if *until <= now => (0, 0),
        Slot::Live(entry) => {
            let known = entry.returned.load(Ordering::Relaxed);
            (if known { 2 } else { 1 }, entry.lock().jar.seen_at.micros())
        }
        Slot::Moved { .. } => (3, 0),
    };
    // What a request or a tunnel holds would be read anew beside it, and what is noted in the one were not seen in the other.
    let is_free = |(_, slot): &(&String, &Slot)| match slot {
        Slot::Live(entry) => Arc::strong_count(entry) == 1,
        Slot::Moved { .. } => true,
    };
    let some = shard.iter().filter(is_free).take(16);
    let least = some.min_by_key(|(_, slot)| worth(slot)).map(|(hash, _)| hash.clone());
    if let Some(hash) = least {
        shard.remove(&hash);
    }
}

//! What was seen and heard, until it is written: in memory, each thing once with its count, and no more than fits.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use storeward_base::{ClientIp, WiderNetwork};
use tokio::sync::Notify;

use crate::model::{Kind, ScriptId, Source};
use crate::policy::Known;
use crate::report::Heard;
use crate::rewrite::Noted;
use crate::shape;
use crate::sql::Counting;

mod hearing;

use hearing::{Hearing, Reporters};

/// Things that wait to be written. What Storeward saw itself has its own rooms, so that nobody's reports push it out; files have theirs,
/// so that code that is another one with each view does not.
const MOST_FILES: usize = 300;
const MOST_CODE: usize = 300;
const MOST_HEARD: usize = 200;
/// What was heard of rows that are there already has a room of its own: it comes again and again, and would leave the others none.
const MOST_RENEWED: usize = 500;
/// Code that scripts put in, known or not: it keeps no file out, and no file keeps it out.
const MOST_PUT_IN: usize = 400;
const MOST_COUNTS: usize = 500;
const MOST_PAGES: usize = 50;
/// Networks that have to see the same where one client alone may have brought it about, and things of which that is counted.
const NETWORKS: usize = 3;
const MOST_COUNTED: usize = 2_000;
/// Ways to begin that are remembered of pages.
const MOST_BEGUN: usize = 5_000;

/// How code begins that stood in pages as they went out, whether it was written already or not.
#[derive(Debug, Default)]
struct Views {
    begins: HashSet<String>,
    /// Pages that were looked at, and those of them that were not read whole: which of their code is their own nobody can tell.
    pages: HashSet<String>,
    unread: HashSet<String>,
}

impl Views {
    fn note(&mut self, page: &str, noted: &[Noted]) {
        if self.begins.len() >= MOST_BEGUN {
            self.begins.clear();
        }
        let all = noted.iter().flat_map(|one| one.begins.split(' ')).filter(|begins| !begins.is_empty());
        for begins in all {
            if !self.begins.contains(begins) {
                self.begins.insert(begins.to_owned());
            }
        }
        if !self.pages.contains(page) {
            self.pages.insert(page.to_owned());
        }
    }

    fn is_read(&self, page: &str) -> bool {
        self.pages.contains(page) && !self.unread.contains(page)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Intake {
    state: Mutex<Waiting>,
    networks: Mutex<HashMap<String, Vec<WiderNetwork>>>,
    reporters: Mutex<Reporters>,
    views: Mutex<Views>,
    /// Something that nobody knew has come.
    pub wake: Notify,
}

/// What waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    pub files: HashMap<ScriptId, Seen>,
    pub code: HashMap<ScriptId, Seen>,
    pub heard: HashMap<ScriptId, Seen>,
    pub renewed: HashMap<ScriptId, Seen>,
    /// Code that scripts put in, and how it begins.
    pub put_in: HashMap<ScriptId, Seen>,
    pub put_in_begins: HashSet<String>,
    /// Hashes that browsers reported, by the file's row, and whether those of several networks did.
    pub hashes: HashMap<(ScriptId, String), bool>,
    pub counts: HashMap<Counting, i64>,
    pub headers: HashMap<String, Headers>,
    pub unguarded: HashMap<(String, &'static str), Unguarded>,
    /// Reports, and what was seen, that found no room.
    pub dropped: u64,
    pub noise: u64,
}

/// Who asked for a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    network: Option<WiderNetwork>,
    /// Nothing of the request but its path may stand in the answer.
    is_plain: bool,
}

impl Asker {
    pub(crate) fn new(client: ClientIp, is_plain: bool) -> Self {
        Asker { network: client.block().wider().pop(), is_plain }
    }
}

/// A page that went out without the guard, or was not read whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unguarded {
    pub count: i64,
    pub may_arm: bool,
}

/// Each name with its value.
pub(crate) type Lines = Vec<(&'static str, Option<String>)>;

/// The headers of a page as it went out last, and how often it did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    pub found: Lines,
    pub served: i64,
}

/// Something of a page.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub kind: Kind,
    pub address: String,
    pub sample: String,
    pub hash: Option<String>,
    pub page: String,
    pub initiator: Option<String>,
    pub source: Source,
    pub count: i64,
    /// Whether it may take pages to their last good state: the request of one client alone did not bring it about.
    pub may_arm: bool,
    /// Of code, how long it is.
    pub bytes: Option<u64>,
    pub place: Option<Place>,
    /// Of code, fingerprints of how it begins.
    pub begins: String,
}

/// Where code stands that nobody knows yet.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// A fingerprint of how it begins; what stands there may be somebody's.
    pub mark: String,
    /// Which one of those of the view that begin so, from 0.
    pub of_mark: usize,
    /// Which one of all of the view, from 0.
    pub of_view: usize,
    pub has_shape: bool,
}

/// The code of one view that nobody knows, counted.
#[derive(Default)]
struct Unknown {
    all: usize,
    marks: HashMap<String, usize>,
}

impl Unknown {
    fn place(&mut self, kind: Kind, beginning: &str, has_shape: bool) -> Place {
        let mark = ScriptId::of(kind, beginning).to_string();
        let so_far = self.marks.entry(mark.clone()).or_default();
        let place = Place { mark, of_mark: *so_far, of_view: self.all, has_shape };
        *so_far += 1;
        self.all += 1;
        place
    }
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.code.is_empty()
            && self.heard.is_empty()
            && self.renewed.is_empty()
            && self.put_in.is_empty()
            && self.hashes.is_empty()
            && self.counts.is_empty()
            && self.headers.is_empty()
            && self.unguarded.is_empty()
            && self.dropped == 0
    }
}

impl Intake {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_views(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that waits.
    pub(crate) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.lock())
    }

    /// Whether clients of several networks were shown the same: what one client sent the shop may show again to that one.
    fn is_of_several(&self, what: &str, asker: Asker) -> bool {
        let mut all = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_COUNTED && !all.contains_key(what) {
            // What one network alone was shown goes first, so that nobody by themselves keeps what several see from being counted.
            all.retain(|_, networks| networks.len() > 1);
            if all.len() >= MOST_COUNTED {
                all.clear();
            }
        }
        let networks = all.entry(what.to_owned()).or_default();
        match asker.network {
            Some(network) if networks.len() < NETWORKS && !networks.contains(&network) => {
                networks.push(network);
            }
            _ => {}
        }
        networks.len() >= NETWORKS
    }

    /// What ran in a page as it went out.
    pub(crate) fn page(&self, page: &str, noted: Vec<Noted>, asker: Asker, known: &Known) {
        let mut is_new = false;
        let mut unknown = Unknown::default();
        self.lock_views().note(page, &noted);
        let mut waiting = self.lock();
        for one in noted {
            let what = match (&one.shape, &one.hash) {
                (Some(shape), _) => shape.as_str(),
                (None, Some(hash)) => hash.as_str(),
                (None, None) => one.address.as_str(),
            };
            let id = ScriptId::of(one.kind, what);
            is_new |= match known.rows.get(&id) {
                None => true,
                // A file's hash is found by fetching it.
                Some(hash) => one.hash.is_some() && *hash != one.hash && one.shape.is_none(),
            };
            let place = match (&one.beginning, known.rows.contains_key(&id)) {
                (Some(beginning), false) => Some(unknown.place(one.kind, beginning, one.shape.is_some())),
                _ => None,
            };
            // What has another address for each visitor is counted by its kind.
            let is_unknown = !known.rows.contains_key(&id);
            let of_kind = || is_unknown && self.is_of_several(&format!("{page}\n{:?}", one.kind), asker);
            let may_arm = asker.is_plain || self.is_of_several(id.as_str(), asker) || of_kind();
            let (room, most) = match one.kind {
                Kind::Inline | Kind::Handler => (&mut waiting.code, MOST_CODE),
                _ => (&mut waiting.files, MOST_FILES),
            };
            if let Some(seen) = room.get_mut(&id) {
                seen.count += 1;
                seen.may_arm |= may_arm;
                seen.hash = one.hash.or(seen.hash.take());
            } else if room.len() < most {
                let sample = one.shape.as_deref().map(shape::sample).unwrap_or_default();
                let seen = Seen {
                    kind: one.kind,
                    address: one.address,
                    sample,
                    hash: one.hash,
                    page: page.to_owned(),
                    initiator: None,
                    source: Source::Page,
                    count: 1,
                    may_arm,
                    bytes: one.bytes.and_then(|bytes| u64::try_from(bytes).ok()),
                    place,
                    begins: one.begins,
                };
                room.insert(id, seen);
            } else {
                waiting.dropped += 1;
            }
        }
        drop(waiting);
        if is_new {
            self.wake.notify_one();
        }
    }

    /// A file that asks to run beside all pages of the shop.
    pub(crate) fn worker(&self, page: &str, address: String, known: &Known) {
        let id = ScriptId::of(Kind::Worker, &address);
        let is_new = !known.rows.contains_key(&id);
        let mut waiting = self.lock();
        waiting.hear((id, !is_new), Kind::Worker, address, (page, None));
        drop(waiting);
        if is_new {
            self.wake.notify_one();
        }
    }

    /// Where a form's answer leads on to. What one client sent the shop may have brought it about.
    pub(crate) fn leads(&self, page: &str, address: String, (asker, day): (Asker, i64), known: &Known) {
        let id = ScriptId::of(Kind::Navigate, &address);
        let is_known = known.rows.contains_key(&id);
        let mut reporters = self.reporters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.lock();
        if waiting.may_hear(is_known || reporters.takes(asker.network, day, &id)) {
            waiting.hear((id, is_known), Kind::Navigate, address, (page, None));
        }
        drop(waiting);
        if !is_known {
            self.wake.notify_one();
        }
    }

    pub(crate) fn headers(&self, page: &str, found: Lines) {
        let mut waiting = self.lock();
        if waiting.headers.len() < MOST_PAGES || waiting.headers.contains_key(page) {
            let kept = waiting.headers.entry(page.to_owned()).or_default();
            *kept = Headers { found, served: kept.served + 1 };
        }
    }

    /// A page that went out without the guard, or whose inventory is not whole; the reason says which.
    pub(crate) fn unguarded(&self, page: &str, reason: &'static str, asker: Asker) {
        // Whoever sends the shop enough may see these, also in what they ask for afterwards.
        let is_of_size = matches!(reason, "unread.unreadable" | "unread.too_many" | "unread.encoding");
        let is_of_page = asker.is_plain && !is_of_size;
        let may_arm = is_of_page || self.is_of_several(&format!("{page}\n{reason}"), asker);
        if may_arm && reason.starts_with("unread.") {
            self.lock_views().unread.insert(page.to_owned());
        }
        let mut waiting = self.lock();
        if waiting.unguarded.len() < MOST_PAGES {
            let unguarded = waiting.unguarded.entry((page.to_owned(), reason)).or_default();
            unguarded.count += 1;
            unguarded.may_arm |= may_arm;
        }
    }

    /// Messages that were not read: too many came.
    pub(crate) fn dropped(&self, count: u64) {
        self.lock().dropped += count;
    }

    /// What a message said about a page, by a client, on a day.
    pub(crate) fn heard(&self, page: &str, heard: Heard, (client, day): (ClientIp, i64), known: &Known) {
        let network = client.block().wider().pop();
        let mut reporters = self.reporters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.lock();
        waiting.noise += heard.noise;
        waiting.dropped += heard.dropped;
        let mut hearing = Hearing {
            intake: self,
            waiting: &mut waiting,
            reporters: &mut reporters,
            known,
            page,
            network,
            day,
            is_new: false,
        };
        for said in heard.said {
            hearing.take(said);
        }
        let is_new = hearing.is_new;
        drop(waiting);
        if is_new {
            self.wake.notify_one();
        }
    }
}

impl Waiting {
    fn count(&mut self, what: Counting) {
        if let Some(count) = self.counts.get_mut(&what) {
            *count += 1;
        } else if self.counts.len() < MOST_COUNTS {
            self.counts.insert(what, 1);
        } else {
            self.dropped += 1;
        }
    }

    fn hash(&mut self, what: (ScriptId, String), is_of_several: bool) {
        if let Some(of_several) = self.hashes.get_mut(&what) {
            *of_several |= is_of_several;
        } else if self.hashes.len() < MOST_HEARD {
            self.hashes.insert(what, is_of_several);
        } else {
            self.dropped += 1;
        }
    }

    /// What whoever reports it has no room for is left out.
    fn may_hear(&mut self, may: bool) -> bool {
        self.dropped += u64::from(!may);
        may
    }

    fn hear(
        &mut self,
        (id, is_known): (ScriptId, bool),
        kind: Kind,
        address: String,
        (page, initiator): (&str, Option<String>),
    ) {
        let (room, most) = match is_known {
            true => (&mut self.renewed, MOST_RENEWED),
            false => (&mut self.heard, MOST_HEARD),
        };
        let seen = Seen::heard(kind, address, (page, initiator), String::new());
        self.dropped += u64::from(!again_or_new(room, most, id, seen));
    }

    /// Code that a script put in: how it begins, nothing where that tells it from no other.
    fn hear_code(
        &mut self,
        (id, begins): (ScriptId, String),
        kind: Kind,
        address: String,
        (page, initiator): (&str, Option<String>),
    ) {
        let seen = Seen::heard(kind, address, (page, initiator), begins.clone());
        if !again_or_new(&mut self.put_in, MOST_PUT_IN, id, seen) {
            self.dropped += 1;
        } else if !begins.is_empty() {
            self.put_in_begins.insert(begins);
        }
    }
}

/// False where there is no room for it.
fn again_or_new(room: &mut HashMap<ScriptId, Seen>, most: usize, id: ScriptId, seen: Seen) -> bool {
    if let Some(before) = room.get_mut(&id) {
        before.count += 1;
        return true;
    }
    let has_room = room.len() < most;
    if has_room {
        room.insert(id, seen);
    }
    has_room
}

impl Seen {
    /// What somebody said.
    fn heard(kind: Kind, address: String, (page, initiator): (&str, Option<String>), begins: String) -> Seen {
        Seen {
            kind,
            address,
            sample: String::new(),
            hash: None,
            page: page.to_owned(),
            initiator,
            source: Source::Report,
            count: 1,
            may_arm: true,
            bytes: None,
            place: None,
            begins,
        }
    }
}

//! Storeward is taught a shop's sign-in: a member of staff signs in at the shop with a test account, and it looks on.
//!
//! It looks at the requests of one browser alone: the one in which the member, signed in at the console, said so. That browser holds
//! a secret, its hash goes to the console and comes back with a code that only the console gives, so a link that somebody is sent
//! makes nobody watched. Of what passes only shapes are kept (names of fields and cookies, forms, where a page names the test
//! account): nothing that is typed, no value of a cookie, no page of the account's (of what a visitor sees, a
//! copy). All of it is in memory, for half an hour at most.

mod kept;
mod lesson;
mod pages;
mod stage;
mod tried;
mod words;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use storeward_adapter::learn::{Learnt, SentJson, Sight};
use storeward_base::{Actor, Secret, StaffId, Timestamp};
use storeward_events::identity::{AdapterSaved, ShopWatchBegun};
use storeward_host::AskShop;
use storeward_web::{Cookie, SameSite};

pub use crate::error::Error;
pub use kept::{KeptFile, Withdrawn};
pub use lesson::{Chosen, Step, spelled};
pub use pages::PREFIX;
pub use storeward_adapter::learn::{Answered, Choice, CookieSeen, DoorFound, Doubt, Out, Proposal, Sent};
pub use tried::Tried;
pub use words::Learning;

use crate::verbs::Identity;
use lesson::{Lesson, Phase};

/// Of the browser that is watched. Lax: it comes back from the console by a redirect.
pub const TEACH_COOKIE: Cookie = Cookie { name: "__Host-storeward-teach", same_site: SameSite::Lax };

/// A lesson is over after this in any case.
pub const LIFE: Duration = Duration::from_secs(30 * 60);
/// A code is good for so long.
const CODE_LIFE: Duration = Duration::from_secs(60);

/// How a file gets into the data directory: laid down beside its place first, and put there once the ledger has it. Both say `false`
/// when there is one of that name already.
#[derive(Clone)]
pub struct Keep {
    pub lay: Arc<Lay>,
    pub place: Arc<Place>,
    /// Names and first lines of the files that lie there.
    pub list: Arc<List>,
    /// Deletes one; `false` when there is none of that name.
    pub take: Arc<Place>,
}

/// A file's name and its text.
pub type Lay = dyn Fn(&str, &str) -> std::io::Result<bool> + Send + Sync;
pub type List = dyn Fn() -> std::io::Result<Vec<(String, String)>> + Send + Sync;
/// A file's name.
pub type Place = dyn Fn(&str) -> std::io::Result<bool> + Send + Sync;

/// What the app hands over.
pub struct TeachParts {
    pub identity: Identity,
    pub shop: Arc<dyn AskShop>,
    pub keep: Keep,
    /// The adapter's name in `[shield]`, where there is that section.
    pub in_force: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

/// Clones share everything.
#[derive(Clone)]
pub struct Teach(Arc<Shared>);

struct Shared {
    identity: Identity,
    shop: Arc<dyn AskShop>,
    keep: Keep,
    in_force: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    lesson: Mutex<Option<Lesson>>,
    /// Lessons so far: what an earlier one asked for is none of the next one's.
    lessons: AtomicU64,
    /// Whether a browser is watched: no request is looked at otherwise.
    watches: AtomicBool,
    port: AtomicU16,
    console: OnceLock<String>,
}

/// How a lesson stands, for the console.
#[derive(Clone, Debug)]
pub struct Standing {
    pub by: StaffId,
    pub began_at: Timestamp,
    /// The test account's name. Personal data where it is an address.
    pub user: String,
    /// A browser is watched; before that nothing is seen.
    pub is_watching: bool,
    pub steps: Vec<Step>,
    pub learnt: Learnt,
}

/// Why a lesson does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Another member of staff is at it.
    Taken(StaffId),
    /// The test account's name is empty or longer than 200 characters.
    Name,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    Written,
    /// There is a file of that name.
    There,
    /// The name does not fit, or what was tried is not what would be saved.
    Refused,
}

impl Teach {
    pub fn new(parts: TeachParts) -> Self {
        let TeachParts { identity, shop, keep, in_force } = parts;
        Teach(Arc::new(Shared {
            identity,
            shop,
            keep,
            in_force,
            lesson: Mutex::new(None),
            lessons: AtomicU64::new(0),
            watches: AtomicBool::new(false),
            port: AtomicU16::new(443),
            console: OnceLock::new(),
        }))
    }

    /// Everything serves: the port that clients use, the console's origin.
    pub fn began(&self, port: u16, console: &str) {
        self.0.port.store(port, Ordering::Relaxed);
        // A second call changes nothing.
        let _ = self.0.console.set(console.to_owned());
    }

    /// The adapter that guards the shop's sign-in now, by the name in the config.
    pub fn in_force(&self) -> Option<String> {
        (self.0.in_force)()
    }

    /// `https://` and the shop's name as clients open it.
    pub fn shop_origin(&self) -> String {
        let host = self.0.identity.0.shop_names.first().map_or("", String::as_str);
        match self.0.port.load(Ordering::Relaxed) {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    }

    /// Where the browser that will be watched begins.
    pub fn start_address(&self) -> String {
        format!("{}{PREFIX}/start", self.shop_origin())
    }

    /// Where it comes back to with the console's code.
    pub fn take_address(&self) -> String {
        format!("{}{PREFIX}/take", self.shop_origin())
    }

    /// The file that this member had tried last and that works.
    pub fn works(&self, staff: StaffId) -> Option<String> {
        self.lesson().as_ref().filter(|lesson| lesson.by == staff).and_then(Lesson::works)
    }

    /// Begins a lesson; the member's own earlier one ends.
    pub async fn begin(&self, staff: StaffId, user: &str) -> Result<Result<(), Unfit>, Error> {
        let user = user.trim();
        if user.is_empty() || user.chars().count() > 200 || user.chars().any(char::is_control) {
            return Ok(Err(Unfit::Name));
        }
        if let Some(other) = self.lesson().as_ref().filter(|lesson| lesson.by != staff) {
            return Ok(Err(Unfit::Taken(other.by)));
        }
        let db = self.0.identity.0.db.clone();
        let actor = Actor::Staff { id: staff };
        db.write(move |tx| -> Result<(), Error> { Ok(tx.append(actor, None, ShopWatchBegun {}).map(drop)?) })
            .await?;
        let mut lesson = self.lesson();
        // Somebody else may have begun while this was written down.
        if let Some(other) = lesson.as_ref().filter(|lesson| lesson.by != staff) {
            return Ok(Err(Unfit::Taken(other.by)));
        }
        let number = self.0.lessons.fetch_add(1, Ordering::SeqCst);
        *lesson = Some(Lesson::new(number, staff, Secret::new(user.to_owned()), self.now()));
        self.0.watches.store(false, Ordering::SeqCst);
        Ok(Ok(()))
    }

    /// Ends the member's own lesson: nothing is watched any more, and what was learnt is forgotten. Nobody ends another one's, which
    /// is over within half an hour.
    pub fn end(&self, staff: StaffId) -> bool {
        self.end_where(|lesson| lesson.by == staff)
    }

    fn end_where(&self, is_meant: impl Fn(&Lesson) -> bool) -> bool {
        let mut lesson = self.lesson();
        let ends = lesson.as_ref().is_some_and(is_meant);
        if ends {
            *lesson = None;
            self.0.watches.store(false, Ordering::SeqCst);
        }
        ends
    }

    /// How the member's own lesson stands. What passes in it is theirs alone to see: they may have typed something into an address.
    pub fn standing(&self, staff: StaffId) -> Option<Standing> {
        self.lesson().as_ref().filter(|lesson| lesson.by == staff).map(Lesson::standing)
    }

    /// Who is at it, and since when.
    pub fn under_way(&self) -> Option<(StaffId, Timestamp)> {
        self.lesson().as_ref().map(|lesson| (lesson.by, lesson.began_at))
    }

    /// The member says at the console that the browser whose secret has this hash is theirs. The code is for that browser alone.
    pub fn join(&self, staff: StaffId, challenge: &str) -> Option<Secret<String>> {
        let code = Secret::new(self.0.identity.0.entropy.token::<32>());
        let until = self.now().plus(CODE_LIFE);
        let mut lesson = self.lesson();
        let own = lesson.as_mut().filter(|lesson| lesson.by == staff && is_hash(challenge))?;
        own.ask(challenge, &code, until);
        Some(code)
    }

    /// Whether there is a lesson that waits for its browser.
    fn is_open(&self) -> bool {
        self.lesson().as_ref().is_some_and(|lesson| !matches!(lesson.phase, Phase::Watching { .. }))
    }

    /// The browser with this secret brings the code: from now on it is watched.
    fn take(&self, secret: &str, code: &str) -> bool {
        let now = self.now();
        let taken = self.lesson().as_mut().is_some_and(|lesson| lesson.take(secret, code, now));
        if taken {
            self.0.watches.store(true, Ordering::SeqCst);
        }
        taken
    }

    /// The lesson in which this is the browser that is watched.
    fn watched_in(&self, secret: &str) -> Option<u64> {
        if !self.0.watches.load(Ordering::SeqCst) {
            return None;
        }
        self.lesson().as_ref().filter(|lesson| lesson.watches(secret)).map(|lesson| lesson.number)
    }

    /// What a body in JSON says of a sign-in: where its texts stand, and which of them is the test account's name.
    fn read_json(&self, number: u64, content_type: &str, bytes: &[u8]) -> Option<SentJson> {
        let lesson = self.lesson();
        let own = lesson.as_ref().filter(|lesson| lesson.number == number)?;
        SentJson::read(content_type, bytes, own.user.expose())
    }

    /// What passed in this lesson, while it is the one under way.
    fn note(&self, number: u64, sight: &Sight<'_>) {
        if let Some(lesson) = self.lesson().as_mut().filter(|lesson| lesson.number == number) {
            lesson.note(sight);
        }
    }

    /// Writes the file that was tried and works. The ledger has it first: no file lies there that nobody knows of.
    pub async fn save(&self, staff: StaffId, name: &str) -> Result<Saved, Error> {
        let Some(text) = self.works(staff).filter(|_| is_file_name(name)) else { return Ok(Saved::Refused) };
        let keep = self.0.keep.clone();
        let head = kept::head(self.0.lessons.load(Ordering::SeqCst), self.now());
        let (file, named) = (format!("{name}.toml"), kept::headed(&lesson::renamed(&text, name), &head));
        let (lay, laid) = (keep.lay.clone(), file.clone());
        if !on_disk(move || lay(&laid, &named)).await? {
            return Ok(Saved::There);
        }
        let (actor, adapter) = (Actor::Staff { id: staff }, name.to_owned());
        let db = self.0.identity.0.db.clone();
        db.write(move |tx| -> Result<(), Error> {
            let fact = AdapterSaved { adapter: adapter.clone() };
            Ok(tx.append(actor, None, fact).map(drop)?)
        })
        .await?;
        let is_placed = on_disk(move || (keep.place)(&file)).await?;
        Ok(if is_placed { Saved::Written } else { Saved::There })
    }

    fn now(&self) -> Timestamp {
        self.0.identity.0.now()
    }

    /// The lesson under way; what is over is forgotten here.
    fn lesson(&self) -> MutexGuard<'_, Option<Lesson>> {
        let now = self.0.identity.0.now();
        let mut lesson = self.0.lesson.lock().unwrap_or_else(PoisonError::into_inner);
        if lesson.as_ref().is_some_and(|lesson| now.since(lesson.began_at) >= LIFE) {
            *lesson = None;
            self.0.watches.store(false, Ordering::SeqCst);
        }
        lesson
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(Error::Form("the file could not be written")),
    }
}

/// Whether it can be the hash of a browser's secret.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Names that files of adapters may have; none that one of ours has, or that means something else.
pub fn is_file_name(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let is_taken = storeward_adapter::by_name(name).is_some() || matches!(name, "auto" | "storeward");
    plain && (1..=40).contains(&name.len()) && !is_taken
}

impl fmt::Debug for Teach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teach").finish_non_exhaustive()
    }
}

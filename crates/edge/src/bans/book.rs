//! The book of bans: a look-up that takes no lock, changes under one, a file behind it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use storeward_base::{
    Actor, AddressBlock, AddressList, Blame, ClientIp, Clock, Fault, FaultKind, Page, PageSize, Timestamp,
};
use storeward_events::Event;
use storeward_events::detection::{BanLifted, ClientBanned, ClientChallenged};
use storeward_host::{Emission, Emit};

use super::journal::{Journal, Loaded, Operator, Remembered, Saved};
use super::model::{ActiveBan, Ban, BanKey, BanRefusal, BanStats, Ended, Entry, NotBanned, PastBan, PastKey};
use super::options::BanOptions;
use super::state::{Changed, State};
use super::timed::{self, Timed};

/// A change copies one shard: the more shards, the less a change costs.
const SHARDS: usize = 128;
/// How often leases are looked at and the file is written where something changed.
const TICK: Duration = Duration::from_secs(1);
/// Counts of requests turned away are worth a write each so many ticks.
const SAVE_COUNTS_EVERY: u32 = 60;

type Shard = HashMap<AddressBlock, Arc<Entry>>;

/// Who is banned. Shared by all cores.
pub struct BanBook {
    clock: Arc<dyn Clock>,
    emit: Arc<dyn Emit>,
    active: AtomicUsize,
    shards: Vec<ArcSwap<Shard>>,
    hashing: RandomState,
    exempt: ArcSwap<Exempt>,
    foreign: Timed,
    challenged: Timed,
    options: Mutex<BanOptions>,
    state: Mutex<State>,
    journal: Mutex<Option<Journal>>,
    bell: Option<SyncSender<()>>,
    write_errors: AtomicU64,
    journal_was_unreadable: AtomicBool,
}

/// Whom no ban hits, for the look-up.
#[derive(Debug, Default)]
struct Exempt {
    never_block: AddressList,
    operators: Vec<(AddressBlock, Timestamp)>,
}

impl Exempt {
    fn holds(&self, client: ClientIp, now: Timestamp) -> bool {
        let block = client.block();
        self.operators.iter().any(|(operator, until)| *operator == block && now < *until)
            || self.never_block.contains(client.get())
    }
}

impl fmt::Debug for BanBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BanBook").field("active", &self.active).finish_non_exhaustive()
    }
}

/// The book could not be opened.
#[derive(Debug)]
pub struct BansError(std::io::Error);

impl fmt::Display for BansError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the list of bans cannot be opened: {}", self.0)
    }
}

impl std::error::Error for BansError {}

impl Fault for BansError {
    fn kind(&self) -> FaultKind {
        FaultKind::Broken
    }
    fn blame(&self) -> Blame {
        Blame::Us
    }
    fn code(&self) -> &'static str {
        "bans.file"
    }
}

impl BanBook {
    /// A book that forgets with the program.
    pub fn in_memory(options: BanOptions, clock: Arc<dyn Clock>, emit: Arc<dyn Emit>) -> Arc<Self> {
        Arc::new(Self::build(options, clock, emit, None, None))
    }

    /// Reads `<dir>/bans.json` and keeps it up to date from a background thread that ends with the book. A ban is on
    /// disk at most about a second after it was laid; [`BanBook::save`] waits for it.
    pub fn open(
        dir: &Path,
        options: BanOptions,
        clock: Arc<dyn Clock>,
        emit: Arc<dyn Emit>,
    ) -> Result<Arc<Self>, BansError> {
        let (journal, loaded) = Journal::open(dir).map_err(BansError)?;
        let (bell, rung) = sync_channel(1);
        let book = Arc::new(Self::build(options, clock, emit, Some(journal), Some(bell)));
        match loaded {
            Loaded::Nothing => {}
            Loaded::Saved(saved) => book.take_up(*saved),
            Loaded::Unreadable => book.journal_was_unreadable.store(true, Ordering::Relaxed),
        }
        let weak = Arc::downgrade(&book);
        std::thread::Builder::new()
            .name("bans".to_owned())
            .spawn(move || keep_up(&weak, &rung))
            .map_err(BansError)?;
        Ok(book)
    }

    fn build(
        options: BanOptions,
        clock: Arc<dyn Clock>,
        emit: Arc<dyn Emit>,
        journal: Option<Journal>,
        bell: Option<SyncSender<()>>,
    ) -> Self {
        let empty: Arc<Shard> = Arc::default();
        BanBook {
            clock,
            emit,
            active: AtomicUsize::new(0),
            shards: (0..SHARDS).map(|_| ArcSwap::new(Arc::clone(&empty))).collect(),
            hashing: RandomState::new(),
            exempt: ArcSwap::from_pointee(Exempt {
                never_block: options.never_block.clone(),
                operators: Vec::new(),
            }),
            foreign: Timed::default(),
            challenged: Timed::default(),
            options: Mutex::new(options),
            state: Mutex::default(),
            journal: Mutex::new(journal),
            bell,
            write_errors: AtomicU64::new(0),
            journal_was_unreadable: AtomicBool::new(false),
        }
    }

    /// Whether the client may not come in; counts the request as turned away. For the hot path: takes no lock, and
    /// costs one atomic load while nobody is banned.
    pub fn check(&self, client: ClientIp) -> Option<ActiveBan> {
        if self.active.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let block = client.block();
        let shard = self.shard(block).load();
        let entry = shard.get(&block)?;
        // The list and signed-in staff beat a ban even while it runs.
        let now = self.clock.now();
        if now >= entry.until || self.exempt.load().holds(client, now) {
            return None;
        }
        entry.turned_away.fetch_add(1, Ordering::Relaxed);
        Some(ActiveBan { until: entry.until, level: entry.level, reason: Arc::clone(&entry.reason) })
    }

    /// Whether nothing is ever held against this client: it is on the never-block list, or staff are signed in there.
    pub fn spares(&self, client: ClientIp) -> bool {
        self.exempt.load().holds(client, self.clock.now())
    }

    /// Refuses for so long what pages of other sites make this client's browser send. Not written to the file, not
    /// escalating, and no offence of the client.
    pub fn refuse_foreign(&self, client: ClientIp, length: Duration) {
        let _ends = self.foreign.add(client.block(), self.clock.now(), length);
    }

    /// Whether requests that a page of another site makes this client's browser send are refused now.
    pub fn refuses_foreign(&self, client: ClientIp) -> bool {
        let now = self.clock.now();
        self.foreign.holds(client.block(), now) && !self.exempt.load().holds(client, now)
    }

    /// Asks whoever comes from this client's block for a solved puzzle, for an hour from now. Not written to the file.
    pub fn challenge(&self, client: ClientIp, reason: &str) -> Timestamp {
        let now = self.clock.now();
        let was = self.challenged.holds(client.block(), now);
        let until = self.challenged.add(client.block(), now, timed::CHALLENGE);
        if !was {
            let fact = ClientChallenged { client: self.emit.client_ref(client), reason: code(reason), until };
            self.state_fact(now, Actor::System, client, fact.into());
        }
        until
    }

    /// Whether a puzzle is asked of this client now.
    pub fn challenges(&self, client: ClientIp) -> bool {
        let now = self.clock.now();
        self.challenged.holds(client.block(), now) && !self.exempt.load().holds(client, now)
    }

    /// Bans the client's block for as long as its level says. A block that is banned already stays as it is.
    pub fn ban(&self, client: ClientIp, reason: &str, by: Actor) -> Result<Ban, BanRefusal> {
        self.lay(client, reason, by, None)
    }

    /// Bans the client's block for `length`, in place of a ban that may be in force. For staff.
    pub fn ban_for(
        &self,
        client: ClientIp,
        length: Duration,
        reason: &str,
        by: Actor,
    ) -> Result<Ban, BanRefusal> {
        self.lay(client, reason, by, Some(length))
    }

    fn lay(
        &self,
        client: ClientIp,
        reason: &str,
        by: Actor,
        length: Option<Duration>,
    ) -> Result<Ban, BanRefusal> {
        let (block, now) = (client.block(), self.clock.now());
        let options = self.options().clone();
        let mut state = self.state();
        let mut changed = state.settle(now);
        if state.is_operator(block) {
            self.publish(&mut state, &changed);
            return Err(BanRefusal::Operator);
        }
        if options.never_block.contains(block.first()) || options.never_block.contains(client.get()) {
            self.publish(&mut state, &changed);
            return Err(BanRefusal::NeverBlocked);
        }
        let running = state.active.get(&block).map(|entry| (entry.until, entry.level));
        if let (Some((until, _)), None) = (running, length) {
            self.publish(&mut state, &changed);
            return Err(BanRefusal::AlreadyBanned { until });
        }
        state.end(block, now, Ended::Replaced);
        // A ban in another's place is not the client's next offence.
        let level = running.map_or_else(|| state.next_level(block), |(_, level)| level);
        let entry = Entry {
            client,
            reason: code(reason).into(),
            by,
            level,
            since: now,
            until: now.plus(length.unwrap_or_else(|| options.length(level))),
            turned_away: Arc::default(),
        };
        let ban = entry.view();
        changed.extend(state.add(entry, options.memory, options.max_bans));
        self.publish(&mut state, &changed);
        drop(state);
        self.ring();
        let fact = ClientBanned {
            client: self.emit.client_ref(client),
            reason: ban.reason.clone(),
            level,
            until: ban.until,
        };
        self.state_fact(now, by, client, fact.into());
        Ok(ban)
    }

    /// Ends a ban at once; earlier bans of the block count no more, for lifting says that it was a mistake.
    pub fn lift(&self, block: AddressBlock, by: Actor) -> Result<Ban, NotBanned> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut changed = state.settle(now);
        let ended = state.end(block, now, Ended::Lifted { by });
        if ended.is_some() {
            state.forget(block);
            changed.push(block);
        }
        self.publish(&mut state, &changed);
        drop(state);
        let entry = ended.ok_or(NotBanned)?;
        self.ring();
        let fact = BanLifted { client: self.emit.client_ref(entry.client) };
        self.state_fact(now, by, entry.client, fact.into());
        Ok(entry.view())
    }

    /// Staff are signed in from this address: it is not banned from now on, and a ban in force ends. Cheap to call on
    /// each of their requests.
    pub fn note_operator(&self, client: ClientIp) {
        let now = self.clock.now();
        let until = now.plus(self.options().operator_lease);
        let mut state = self.state();
        let known = state.operators.get(&client).copied();
        // A lease is renewed once a minute at most: it would be written to the file each time.
        if known.is_some_and(|known| known > now && until.since(known) < Duration::from_secs(60)) {
            return;
        }
        let mut changed = state.settle(now);
        state.note_operator(client, until);
        let ended = state.end(client.block(), now, Ended::Exempted);
        changed.extend(ended.iter().map(|entry| entry.client.block()));
        self.publish(&mut state, &changed);
        drop(state);
        self.ring();
        self.tell_exempted(now, &ended.into_iter().collect::<Vec<_>>());
    }

    /// Puts changed options in force: new lengths hold for new bans; bans on addresses that are now on the never-block
    /// list end.
    pub fn set_options(&self, options: BanOptions) {
        let now = self.clock.now();
        let mut state = self.state();
        let mut changed = state.settle(now);
        let spared: Vec<AddressBlock> = state
            .active
            .values()
            .filter(|entry| {
                options.never_block.contains(entry.client.get())
                    || options.never_block.contains(entry.client.block().first())
            })
            .map(|entry| entry.client.block())
            .collect();
        *self.options() = options;
        self.publish_exempt(&state);
        let ended: Vec<_> =
            spared.iter().filter_map(|block| state.end(*block, now, Ended::Exempted)).collect();
        changed.extend(spared);
        self.publish(&mut state, &changed);
        drop(state);
        self.ring();
        self.tell_exempted(now, &ended);
    }

    /// Bans in force, newest first.
    pub fn active(&self, size: PageSize, before: Option<BanKey>) -> Page<Ban, BanKey> {
        let mut state = self.state();
        let changed = state.settle(self.clock.now());
        self.publish(&mut state, &changed);
        let mut entries: Vec<Arc<Entry>> = state.active.values().map(Arc::clone).collect();
        drop(state);
        entries.retain(|entry| before.is_none_or(|before| entry.key() < before));
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.key()));
        let most = usize::from(size.get());
        let next = entries.get(most).and(entries.get(most - 1)).map(|entry| entry.key());
        entries.truncate(most);
        Page { rows: entries.iter().map(|entry| entry.view()).collect(), next }
    }

    /// The ban in force on a block.
    pub fn get(&self, block: AddressBlock) -> Option<Ban> {
        let mut state = self.state();
        let changed = state.settle(self.clock.now());
        self.publish(&mut state, &changed);
        state.active.get(&block).map(|entry| entry.view())
    }

    /// Bans that ended, the latest first; the last 1,000 are kept.
    pub fn history(&self, size: PageSize, before: Option<PastKey>) -> Page<PastBan, PastKey> {
        let mut state = self.state();
        let changed = state.settle(self.clock.now());
        self.publish(&mut state, &changed);
        let older = state.history.iter().rev().filter(|(n, _)| before.is_none_or(|before| *n < before.0));
        let mut rows: Vec<_> = older.take(usize::from(size.get()) + 1).cloned().collect();
        let more = rows.len() > usize::from(size.get());
        rows.truncate(usize::from(size.get()));
        let next = rows.last().filter(|_| more).map(|(number, _)| PastKey(*number));
        Page { rows: rows.into_iter().map(|(_, past)| past).collect(), next }
    }

    pub fn stats(&self) -> BanStats {
        let state = self.state();
        BanStats {
            active: state.active.len(),
            remembered: state.remembered(),
            operators: state.operators.len(),
            made_room: state.made_room,
            clock_resets: state.clock_resets,
            write_errors: self.write_errors.load(Ordering::Relaxed),
            journal_was_unreadable: self.journal_was_unreadable.load(Ordering::Relaxed),
        }
    }

    /// Ends what is over and follows the clock. The background thread calls it; a book in memory settles by itself
    /// whenever it is changed or listed, and its look-ups mind the end of a ban in any case.
    pub fn settle(&self) {
        let mut state = self.state();
        let changed = state.settle(self.clock.now());
        self.publish(&mut state, &changed);
    }

    /// Writes the file now and waits until it is on disk. Nothing to do for a book in memory.
    pub fn save(&self) -> std::io::Result<()> {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &*journal else { return Ok(()) };
        let saved = {
            let mut state = self.state();
            state.unsaved = false;
            self.to_saved(&state)
        };
        let result = file.save(&saved);
        if result.is_err() {
            self.write_errors.fetch_add(1, Ordering::Relaxed);
            self.state().unsaved = true;
        }
        result
    }

    fn to_saved(&self, state: &State) -> Saved {
        Saved {
            v: Saved::VERSION,
            saved_at: self.clock.now(),
            bans: state.active.values().map(|entry| entry.view()).collect(),
            memory: state.memory().map(|(block, level, until)| Remembered { block, level, until }).collect(),
            operators: state
                .operators
                .iter()
                .map(|(client, until)| Operator { client: *client, until: *until })
                .collect(),
            history: state.history.iter().map(|(_, past)| past.clone()).collect(),
        }
    }

    fn take_up(&self, saved: Saved) {
        let options = self.options().clone();
        let mut state = self.state();
        state.begin(saved.saved_at);
        for past in saved.history {
            state.keep_past(past);
        }
        for one in saved.memory {
            state.remember(one.block, one.level, one.until, options.max_bans.saturating_mul(2));
        }
        for one in saved.operators {
            state.note_operator(one.client, one.until);
        }
        let mut changed: Changed = Vec::new();
        for ban in &saved.bans {
            // The config may have changed while the program did not run.
            let spared = state.is_operator(ban.block)
                || options.never_block.contains(ban.client.get())
                || options.never_block.contains(ban.block.first());
            if !spared {
                changed.extend(state.add(Entry::from_view(ban), options.memory, options.max_bans));
            }
        }
        changed.extend(state.settle(self.clock.now()));
        self.publish(&mut state, &changed);
    }

    /// Brings the look-up in line with the state for the blocks that changed.
    fn publish(&self, state: &mut State, changed: &[AddressBlock]) {
        let mut by_shard: HashMap<usize, Vec<AddressBlock>> = HashMap::new();
        for block in changed {
            by_shard.entry(self.shard_number(*block)).or_default().push(*block);
        }
        for (number, blocks) in by_shard {
            let Some(shard) = self.shards.get(number) else { continue };
            let mut next = Shard::clone(&shard.load());
            for block in blocks {
                match state.active.get(&block) {
                    Some(entry) => next.insert(block, Arc::clone(entry)),
                    None => next.remove(&block),
                };
            }
            shard.store(Arc::new(next));
        }
        self.active.store(state.active.len(), Ordering::Relaxed);
        if std::mem::take(&mut state.operators_changed) {
            self.publish_exempt(state);
        }
    }

    fn publish_exempt(&self, state: &State) {
        let operators = state.operators.iter().map(|(client, until)| (client.block(), *until)).collect();
        let never_block = self.options().never_block.clone();
        self.exempt.store(Arc::new(Exempt { never_block, operators }));
    }

    fn shard_number(&self, block: AddressBlock) -> usize {
        let hash = self.hashing.hash_one(block);
        usize::try_from(hash % u64::try_from(SHARDS).unwrap_or(1)).unwrap_or(0)
    }

    fn shard(&self, block: AddressBlock) -> &ArcSwap<Shard> {
        &self.shards[self.shard_number(block)]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn options(&self) -> MutexGuard<'_, BanOptions> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        if let Some(bell) = &self.bell {
            // Full means that it rings already.
            let _ = bell.try_send(());
        }
    }

    fn tell_exempted(&self, now: Timestamp, ended: &[Arc<Entry>]) {
        for entry in ended {
            let fact = BanLifted { client: self.emit.client_ref(entry.client) };
            self.state_fact(now, Actor::System, entry.client, fact.into());
        }
    }

    fn state_fact(&self, at: Timestamp, by: Actor, client: ClientIp, event: Event) {
        self.emit.emit_by(by, Emission { at, request: None, client: Some(client), event });
    }
}

impl Drop for BanBook {
    fn drop(&mut self) {
        // Nobody is left to tell; `save` counted the error.
        let _ = self.save();
    }
}

/// The background thread: writes what changed, ends what is over, until the book is gone.
fn keep_up(book: &Weak<BanBook>, rung: &Receiver<()>) {
    let mut ticks = 0;
    loop {
        let rang = match rung.recv_timeout(TICK) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let Some(book) = book.upgrade() else { return };
        book.settle();
        ticks += 1;
        let counts_are_due = ticks % SAVE_COUNTS_EVERY == 0 && book.active.load(Ordering::Relaxed) > 0;
        if book.state().unsaved || counts_are_due {
            // Counted by `save` and tried again with the next tick.
            let _ = book.save();
        }
        drop(book);
        if rang {
            // Many bans in a row cost few writes.
            std::thread::sleep(TICK / 5);
        }
    }
}

/// A reason code as it stands in events: short, and nothing that could be a person's data.
fn code(reason: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    reason.chars().take(64).map(|c| if fits(c) { c } else { '_' }).collect()
}

//! The fold: observations in, findings out, with bounded memory.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde::Serialize;
use storeward_base::{AddressBlock, Timestamp};

use crate::bucket::{Bucket, Poured, Share};
use crate::scenario::Context;
use crate::{Finding, Group, Initiator, Observation, Outcome, Response, Scenario, words};

/// How much the detector may remember. When one of the figures is reached, the client whose buckets are empty
/// soonest is forgotten, and the loss is counted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_clients: usize,
    /// Over all clients.
    pub max_buckets: usize,
    /// Hashes of distinct paths and the like over all buckets, 8 bytes each.
    pub max_keys: usize,
    /// Keys the hashes, so that nobody can choose paths that collide. Any secret number; equal seeds repeat.
    pub seed: u64,
}

impl Default for Limits {
    /// At most some 40 MB when full.
    fn default() -> Self {
        Limits { max_clients: 50_000, max_buckets: 150_000, max_keys: 1_000_000, seed: 0 }
    }
}

/// Buckets of one client at most; hosts are the client's to choose.
const MAX_BUCKETS_PER_CLIENT: usize = 64;
/// How long a client is remembered after its buckets are empty: its share of bad requests is still of use.
const LINGER: Duration = Duration::from_secs(120);
/// How long a block counts for [`crate::Condition::AfterBlock`].
const AFTER_BLOCK: Duration = Duration::from_secs(600);
/// Observations may come out of order by this much.
const OUT_OF_ORDER: Duration = Duration::from_secs(60);
/// So many in a row from before that: the clock was set back. One alone may be a straggler.
const STRAGGLERS: u32 = 16;
/// User agents remembered; one that falls on another's place takes it.
const AGENTS: usize = 1_024;
/// Clients whose time is over that one observation clears away at most: keeps its cost flat.
const SWEEP: usize = 16;

/// What the detector holds and what it lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DetectorStats {
    pub clients: usize,
    pub buckets: usize,
    pub keys: usize,
    pub observed: u64,
    pub findings: u64,
    /// Clients forgotten before their buckets were empty, for want of room.
    pub evicted_clients: u64,
    /// Buckets forgotten before they were empty, because one client had too many.
    pub evicted_buckets: u64,
    /// Times the clock was set back and everything was forgotten.
    pub clock_resets: u64,
}

/// Judges a stream of observations by scenarios.
#[derive(Debug)]
pub struct Detector {
    scenarios: Vec<Scenario>,
    limits: Limits,
    hashing: Seeded,
    clients: HashMap<AddressBlock, Client, Seeded>,
    /// By when the client may be forgotten: the first is the emptiest.
    by_end: BTreeSet<(Timestamp, AddressBlock)>,
    latest: Timestamp,
    behind: u32,
    /// What was lately found of user agents, by their hash: there are few, and looking through one is dear.
    agents: Box<[(u64, bool); AGENTS]>,
    stats: DetectorStats,
}

#[derive(Debug)]
struct Client {
    keep_until: Timestamp,
    blocked_at: Option<Timestamp>,
    share: Share,
    buckets: Vec<Bucket>,
}

/// SipHash with the seed mixed in first.
#[derive(Clone, Copy, Debug)]
struct Seeded(u64);

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;
    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

impl Detector {
    pub fn new(mut scenarios: Vec<Scenario>, limits: Limits) -> Self {
        scenarios.truncate(usize::from(u16::MAX));
        let limits = Limits {
            max_clients: limits.max_clients.max(1),
            max_buckets: limits.max_buckets.max(MAX_BUCKETS_PER_CLIENT),
            max_keys: limits.max_keys.max(MAX_BUCKETS_PER_CLIENT * crate::bucket::MAX_KEYS),
            seed: limits.seed,
        };
        let hashing = Seeded(limits.seed);
        Detector {
            scenarios,
            limits,
            hashing,
            clients: HashMap::with_hasher(hashing),
            by_end: BTreeSet::new(),
            latest: Timestamp::from_micros(i64::MIN),
            behind: 0,
            agents: Box::new([(0, false); AGENTS]),
            stats: DetectorStats::default(),
        }
    }

    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    pub fn stats(&self) -> DetectorStats {
        DetectorStats { clients: self.clients.len(), ..self.stats }
    }

    /// Takes one request into account. Nearly always returns an empty list, which costs no allocation.
    pub fn observe(&mut self, seen: &Observation<'_>) -> Vec<Finding> {
        if seen.outcome == Outcome::Banned {
            return Vec::new();
        }
        self.stats.observed += 1;
        let now = self.advance(seen.at);
        self.forget_the_finished(now);
        let is_static = words::is_static(seen.path);
        if is_static && seen.outcome == Outcome::Passed && !seen.auth_failed {
            // The bulk of a page's requests: only scenarios about paths could care, and none does about these.
            return Vec::new();
        }
        let block = seen.client.block();
        let mut client = match self.clients.remove(&block) {
            Some(client) => {
                self.by_end.remove(&(client.keep_until, block));
                client
            }
            None => Client::new(now),
        };
        let (buckets, keys) = client.size();
        let findings = self.judge(seen, now, is_static, &mut client);
        client.keep_until = client.ends_at(now).plus(LINGER);
        let (buckets_now, keys_now) = client.size();
        self.stats.buckets = (self.stats.buckets + buckets_now).saturating_sub(buckets);
        self.stats.keys = (self.stats.keys + keys_now).saturating_sub(keys);
        self.stats.findings += u64::try_from(findings.len()).unwrap_or(0);
        self.by_end.insert((client.keep_until, block));
        self.clients.insert(block, client);
        self.evict_the_emptiest(now);
        findings
    }

    fn judge(
        &mut self,
        seen: &Observation<'_>,
        now: Timestamp,
        is_static: bool,
        client: &mut Client,
    ) -> Vec<Finding> {
        let seen = &Observation { initiator: seen.charged_to(), ..*seen };
        let own = seen.initiator == Initiator::Own;
        if !is_static && own {
            client.share.count(now, seen.is_bad());
        }
        let is_scanner = self.is_scanner(seen.user_agent);
        let context = Context { is_static, is_scanner, after_block: client.was_blocked(now) };
        if seen.outcome == Outcome::Blocked && own {
            client.blocked_at = Some(now);
        }
        client.buckets.retain(|bucket| bucket.empty_at() > now);
        let mut findings = Vec::new();
        for (index, scenario) in self.scenarios.iter().enumerate() {
            if !scenario.matches(seen, context) {
                continue;
            }
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            let host = match scenario.group {
                Group::Client => 0,
                Group::ClientAndHost => self.hashing.hash_one(seen.host),
            };
            let key = scenario.key(seen).map(|(text, number)| {
                let mut hasher = self.hashing.build_hasher();
                text.hash(&mut hasher);
                hasher.write_u32(number);
                hasher.finish()
            });
            let (bucket, evicted) = client.bucket(index, host, now);
            self.stats.evicted_buckets += u64::from(evicted);
            if bucket.pour(scenario, now, key) == Poured::Overflowed {
                findings.extend(overflow(scenario, seen, now, index, host, client));
            }
        }
        findings
    }

    fn is_scanner(&mut self, agent: &str) -> bool {
        if agent.is_empty() {
            return false;
        }
        let hash = self.hashing.hash_one(agent);
        let place = usize::try_from(hash >> 32).unwrap_or(0) % AGENTS;
        match self.agents.get_mut(place) {
            Some((known, answer)) if *known == hash => *answer,
            Some(slot) => {
                let answer = words::is_scanner(agent);
                *slot = (hash, answer);
                answer
            }
            None => words::is_scanner(agent),
        }
    }

    /// The time that counts: never before the latest seen, unless the clock was plainly set back.
    fn advance(&mut self, at: Timestamp) -> Timestamp {
        if at.plus(OUT_OF_ORDER) >= self.latest {
            self.behind = 0;
            self.latest = self.latest.max(at);
        } else {
            self.behind += 1;
            if self.behind >= STRAGGLERS {
                self.forget_everything();
                self.latest = at;
            }
        }
        self.latest
    }

    fn forget_everything(&mut self) {
        self.clients.clear();
        self.by_end.clear();
        self.behind = 0;
        self.stats.buckets = 0;
        self.stats.keys = 0;
        self.stats.clock_resets += 1;
    }

    fn forget_the_finished(&mut self, now: Timestamp) {
        for _ in 0..SWEEP {
            match self.by_end.first() {
                Some((end, _)) if *end <= now => self.forget_first(),
                _ => return,
            }
        }
    }

    fn evict_the_emptiest(&mut self, now: Timestamp) {
        while self.clients.len() > self.limits.max_clients
            || self.stats.buckets > self.limits.max_buckets
            || self.stats.keys > self.limits.max_keys
        {
            let Some((end, _)) = self.by_end.first() else { return };
            if *end > now {
                self.stats.evicted_clients += 1;
            }
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, block)) = self.by_end.pop_first()
            && let Some(client) = self.clients.remove(&block)
        {
            let (buckets, keys) = client.size();
            self.stats.buckets = self.stats.buckets.saturating_sub(buckets);
            self.stats.keys = self.stats.keys.saturating_sub(keys);
        }
    }
}

/// Settles an overflow: a finding and silence; or, where a ban would hit a crowd, a note once and watchfulness.
fn overflow(
    scenario: &Scenario,
    seen: &Observation<'_>,
    now: Timestamp,
    index: u16,
    host: u64,
    client: &mut Client,
) -> Option<Finding> {
    let is_measure = matches!(scenario.response, Response::Ban | Response::Challenge);
    let held_back = is_measure && client.share.bad_percent() < scenario.min_bad_percent;
    let bucket = client.buckets.iter_mut().find(|b| b.scenario == index && b.host == host)?;
    let finding = Finding {
        scenario: scenario.name,
        title: scenario.title,
        client: seen.client,
        block: seen.client.block(),
        request: seen.request,
        observations: bucket.observations,
        first_at: bucket.first_at,
        at: now,
        response: if held_back { scenario.held_back } else { scenario.response },
        held_back,
        host: (scenario.group == Group::ClientAndHost).then(|| head(seen.host, 100)),
        path: head(seen.path, 200),
    };
    if !held_back {
        bucket.mute(now, scenario.mute);
        return Some(finding);
    }
    bucket.stay_full(scenario);
    bucket.note(now, scenario.mute).then_some(finding)
}

/// The first `most` bytes, cut at a character.
fn head(text: &str, most: usize) -> Box<str> {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text).into()
}

impl Client {
    fn new(now: Timestamp) -> Self {
        Client { keep_until: now, blocked_at: None, share: Share::default(), buckets: Vec::new() }
    }

    fn was_blocked(&self, now: Timestamp) -> bool {
        self.blocked_at.is_some_and(|at| now.since(at) < AFTER_BLOCK)
    }

    /// Buckets and keys.
    fn size(&self) -> (usize, usize) {
        (self.buckets.len(), self.buckets.iter().map(Bucket::key_count).sum())
    }

    fn ends_at(&self, now: Timestamp) -> Timestamp {
        let block_ends = self.blocked_at.map_or(now, |at| at.plus(AFTER_BLOCK));
        self.buckets.iter().map(Bucket::empty_at).fold(now.max(block_ends), Timestamp::max)
    }

    /// The bucket, made where missing, and whether another had to go that was not empty.
    fn bucket(&mut self, scenario: u16, host: u64, now: Timestamp) -> (&mut Bucket, bool) {
        let at = self.buckets.iter().position(|b| b.scenario == scenario && b.host == host);
        if let Some(at) = at {
            return (&mut self.buckets[at], false);
        }
        let full = self.buckets.len() >= MAX_BUCKETS_PER_CLIENT;
        let emptiest = self.buckets.iter().enumerate().min_by_key(|(_, b)| b.empty_at()).map(|(at, _)| at);
        if full && let Some(at) = emptiest {
            self.buckets.swap_remove(at);
        }
        // Most clients have one: a flood from many addresses shall not make room for four of each.
        self.buckets.reserve_exact(1);
        self.buckets.push(Bucket::new(scenario, host, now));
        let last = self.buckets.len() - 1;
        (&mut self.buckets[last], full)
    }
}

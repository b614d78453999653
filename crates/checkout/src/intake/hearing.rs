//! What reports bring: what is known costs nothing, what is new has rooms.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::mem;

use storeward_base::WiderNetwork;

use super::{Intake, NETWORKS, Waiting};
use crate::address;
use crate::model::{Kind, ScriptId};
use crate::policy::Known;
use crate::report::{PRECONNECT, Said};
use crate::sql::Counting;

/// What reports of one network may bring in a day that nobody had brought on it, and beside it code that scripts put in, hashes of files
/// that are known, and what may be an addition's of the browser; and networks of which that is counted; beyond them all others are one.
const MOST_OF_NETWORK: u32 = 100;
const MOST_REPORTERS: usize = 4_096;
/// Rows of what one script puts into one page; what is more has one, which is told again each day.
const MOST_PUT_IN: usize = 20;

/// A message under way. What is known, and what came on that day already, costs nobody's room.
pub(super) struct Hearing<'a> {
    pub intake: &'a Intake,
    pub waiting: &'a mut Waiting,
    pub reporters: &'a mut Reporters,
    pub known: &'a Known,
    pub page: &'a str,
    pub network: Option<WiderNetwork>,
    pub day: i64,
    /// Whether something of it was.
    pub is_new: bool,
}

/// As the inventory has it, without the scheme: it is no address.
fn put_in(by: &str, begins: &str) -> String {
    let by = by.split_once("://").map_or("a script", |(_, place)| place);
    let which = if begins.is_empty() { "any other code" } else { "code" };
    format!("{which} that {by} puts in (cannot be approved)")
}

/// The last two parts of a host's name, or what stands in an address's place.
fn domain(address: &str) -> &str {
    match address::host(address) {
        "" => address,
        host => {
            let dots = host.rmatch_indices('.').nth(1);
            dots.and_then(|(at, _)| host.get(at + 1..)).unwrap_or(host)
        }
    }
}

impl Hearing<'_> {
    pub fn take(&mut self, said: Said) {
        match said {
            Said::Doubted(said) if self.is_of_several(&said) => self.hear(*said, true),
            Said::Doubted(_) => self.waiting.noise += 1,
            said => self.hear(said, false),
        }
    }

    /// Whether clients of several networks said the same: an addition is one visitor's, and what was put into the page is everybody's.
    fn is_of_several(&mut self, said: &Said) -> bool {
        let what = match said {
            // Another name of one's own domain for each visitor costs nothing.
            Said::Violation { kind, address, .. } => format!("{kind:?}\n{}", domain(address)),
            Said::Code { kind, begins, .. } => format!("{kind:?}\n\n{}", begins.as_deref().unwrap_or("")),
            Said::Hash { .. } | Said::Guard { .. } | Said::Doubted(_) => return false,
        };
        let what = format!("doubted\n{}\n{what}", self.page);
        self.reporters.takes_doubted(self.network, self.day, &what)
            && self.reporters.is_of_several(self.network, &what)
    }

    fn hear(&mut self, said: Said, is_doubted: bool) {
        match said {
            Said::Violation { kind, address, initiator, is_enforced } => {
                self.violation((kind, address), initiator, is_enforced);
            }
            Said::Code { kind, initiator, begins, is_enforced } => {
                let how = if is_enforced { "blocked" } else { "seen" };
                self.waiting.count(Counting::of_violation(how, kind, "inline"));
                let is_put_in = is_doubted || initiator.is_some();
                self.code(kind, (initiator, is_put_in), begins);
            }
            Said::Hash { address, hash } => self.hash(address, hash),
            Said::Guard { how, channel, host, path } => {
                // A hint for a host that the page may speak to tells nobody anything.
                if channel == PRECONNECT && self.known.speaks_to(self.page, &host) {
                    return;
                }
                let counting = Counting { how: how.word(), channel: channel.to_owned(), host, path };
                if self.may_hear(&counting) {
                    self.is_new = true;
                    self.waiting.count(counting);
                }
            }
            // Of a doubt there is none.
            Said::Doubted(_) => {}
        }
    }

    fn may_hear(&mut self, what: &impl Hash) -> bool {
        let may = self.reporters.takes(self.network, self.day, what);
        self.waiting.may_hear(may)
    }

    fn violation(&mut self, (kind, address): (Kind, String), initiator: Option<String>, is_enforced: bool) {
        let how = if is_enforced { "blocked" } else { "seen" };
        let counting = Counting::of_violation(how, kind, &address);
        let id = ScriptId::of(kind, &address);
        let is_known = self.known.rows.contains_key(&id) || self.waiting.files.contains_key(&id);
        if is_known || self.may_hear(&id) {
            self.is_new |= !is_known;
            self.waiting.count(counting);
            self.waiting.hear((id, is_known), kind, address, (self.page, initiator));
        }
    }

    /// Code that stood in the page the page itself tells; what a script puts into it nobody but browsers.
    fn code(&mut self, kind: Kind, (initiator, is_put_in): (Option<String>, bool), begins: Option<String>) {
        if begins.as_ref().is_some_and(|begins| self.is_of_page(begins)) {
            return;
        }
        let by = initiator.clone().unwrap_or_default();
        let id_of = |mark: &str| ScriptId::of(kind, &format!("put in\n{}\n{by}\n{mark}", self.page));
        let mut mark = begins.clone().unwrap_or_default();
        let mut id = id_of(&mark);
        let rows = self.known.puts_in.get(&(self.page.to_owned(), by.clone()));
        if rows.is_some_and(|rows| *rows >= MOST_PUT_IN) && !self.known.rows.contains_key(&id) {
            mark.clear();
            id = id_of(&mark);
        }
        let is_known = self.known.rows.contains_key(&id);
        let has_come = is_known || self.waiting.put_in.contains_key(&id);
        let is_told = has_come || is_put_in || begins.is_some_and(|begins| self.is_another(&begins));
        if !is_told || !(has_come || self.may_hear_code(&id)) {
            return;
        }
        self.is_new |= !is_known;
        let address = put_in(&by, &mark);
        self.waiting.hear_code((id, mark), kind, address, (self.page, initiator));
    }

    fn may_hear_code(&mut self, id: &ScriptId) -> bool {
        let may = self.reporters.takes_code(self.network, self.day, id);
        self.waiting.may_hear(may)
    }

    fn is_of_page(&self, begins: &str) -> bool {
        self.known.begins.contains(begins) || self.intake.lock_views().begins.contains(begins)
    }

    /// Whether code of which no file is told is neither the page's own nor what a script is known to put in: once that stands in the page,
    /// browsers tell it as the page's.
    fn is_another(&self, begins: &str) -> bool {
        !self.known.put_in.contains(begins)
            && !self.waiting.put_in_begins.contains(begins)
            && self.intake.lock_views().is_read(self.page)
    }

    fn hash(&mut self, address: String, hash: Option<String>) {
        let id = ScriptId::of(Kind::Script, &address);
        let Some(held) = self.known.rows.get(&id) else {
            if !self.waiting.files.contains_key(&id) && self.may_hear(&id) {
                self.is_new = true;
                self.waiting.hear((id, false), Kind::Script, address, (self.page, None));
            }
            return;
        };
        let Some(hash) = hash.filter(|hash| held.as_deref() != Some(hash.as_str())) else { return };
        let may = self.reporters.takes_hash(self.network, self.day, &(&id, &hash));
        if self.waiting.may_hear(may) {
            self.is_new = true;
            let is_of_several = self.reporters.is_of_several(self.network, &(&id, &hash));
            self.waiting.hash((id, hash), is_of_several);
        }
    }
}

/// What came on a day, and how much of it the reports of each network brought.
#[derive(Debug, Default)]
pub(super) struct Reporters {
    day: i64,
    brought: HashMap<Option<WiderNetwork>, Brought>,
    /// Digests of it. Each took of the room of a network, so that there is an end to them, and nobody's goes for another's.
    came: HashSet<u64>,
    /// Who said them, of what counts only once several did: on that day, and on the day before it.
    said: HashMap<u64, Sayers>,
    said_before: HashMap<u64, Sayers>,
    digests: RandomState,
}

/// Digests of networks.
type Sayers = [Option<u64>; NETWORKS];

/// How much of the room of a network is taken.
#[derive(Debug, Default)]
struct Brought {
    things: u32,
    /// A script that puts much into a page leaves what else the page does its room.
    code: u32,
    /// A page with many files that were not fetched yet leaves what else it does its room.
    hashes: u32,
    /// What may be the browser's own addition's is much, and is new with each of them.
    doubted: u32,
}

impl Reporters {
    /// Whether a network may bring it: what came on that day already anybody may.
    pub fn takes(&mut self, network: Option<WiderNetwork>, day: i64, what: &impl Hash) -> bool {
        self.takes_of((network, day), what, |brought| &mut brought.things)
    }

    /// The same of code that a script puts in.
    fn takes_code(&mut self, network: Option<WiderNetwork>, day: i64, what: &ScriptId) -> bool {
        self.takes_of((network, day), what, |brought| &mut brought.code)
    }

    /// The same of the hash of a file that is known.
    fn takes_hash(&mut self, network: Option<WiderNetwork>, day: i64, what: &impl Hash) -> bool {
        self.takes_of((network, day), what, |brought| &mut brought.hashes)
    }

    /// The same of what may be the browser's own addition's.
    fn takes_doubted(&mut self, network: Option<WiderNetwork>, day: i64, what: &impl Hash) -> bool {
        self.takes_of((network, day), what, |brought| &mut brought.doubted)
    }

    /// Whether reports of several networks said it, once one more did that had room for it.
    fn is_of_several(&mut self, network: Option<WiderNetwork>, what: &impl Hash) -> bool {
        let digest = self.digests.hash_one(what);
        let before = self.said_before.get(&digest).copied().unwrap_or_default();
        let sayers = self.said.entry(digest).or_insert(before);
        let one = network.map(|network| self.digests.hash_one(network));
        if let Some(free) = sayers.iter_mut().find(|said| said.is_none() || **said == one) {
            *free = one;
        }
        sayers.iter().all(Option::is_some)
    }

    fn takes_of(
        &mut self,
        (network, day): (Option<WiderNetwork>, i64),
        what: &impl Hash,
        room: fn(&mut Brought) -> &mut u32,
    ) -> bool {
        if self.day != day {
            let is_next = self.day.checked_add(1) == Some(day);
            let said_before = if is_next { mem::take(&mut self.said) } else { HashMap::new() };
            let digests = self.digests.clone();
            *self = Reporters { day, said_before, digests, ..Reporters::default() };
        }
        let digest = self.digests.hash_one(what);
        if self.came.contains(&digest) {
            return true;
        }
        let is_counted = self.brought.len() < MOST_REPORTERS || self.brought.contains_key(&network);
        let brought = room(self.brought.entry(network.filter(|_| is_counted)).or_default());
        *brought = brought.saturating_add(1);
        let takes = *brought <= MOST_OF_NETWORK;
        if takes {
            self.came.insert(digest);
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use storeward_base::ClientIp;

    use super::*;

    fn network(n: u32) -> Option<WiderNetwork> {
        ClientIp::new(std::net::Ipv4Addr::from(0x0a00_0000 + (n << 8)).into()).block().wider().pop()
    }

    fn says(reporters: &mut Reporters, (n, day): (u32, i64), what: &str) -> bool {
        reporters.takes_doubted(network(n), day, &what) && reporters.is_of_several(network(n), &what)
    }

    // Twenty networks filled the table once, and from then on one address emptied it behind each visitor: what a script did was said by no three.
    #[test]
    fn what_strangers_say_makes_nobody_forget_what_visitors_said() {
        let mut reporters = Reporters::default();
        let floods: Vec<String> = (0..2_000).map(|n| format!("made up {n}")).collect();
        for (n, what) in (0..).zip(&floods) {
            assert!(!says(&mut reporters, (n / 100, 1), what));
        }
        for (visitor, is_heard) in [(100, false), (100, false), (101, false), (102, true), (103, true)] {
            assert_eq!(says(&mut reporters, (visitor, 1), "a skimmer's"), is_heard, "{visitor}");
            for what in &floods {
                says(&mut reporters, (0, 1), what);
            }
        }
        // What two said in the evening one more says in the morning.
        assert!(!says(&mut reporters, (100, 1), "another's") && !says(&mut reporters, (101, 1), "another's"));
        assert!(says(&mut reporters, (102, 2), "another's"));
        assert!(
            !says(&mut reporters, (100, 3), "a third one's")
                && !says(&mut reporters, (101, 5), "a third one's")
        );
        assert!(!says(&mut reporters, (102, 5), "a third one's"), "days ago");
    }
}

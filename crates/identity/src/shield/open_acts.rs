//! Acts of which nobody knows whether they signed somebody in: nobody waited for the answer, or the shop did not say. The shop may come to its end
//! with one after it was asked who is signed in, and it may know somebody at another of its hosts, or in the folder of that act alone. So each host
//! is asked once more when the act is over, and in that folder, too, before a page of it counts as known.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;
use storeward_web::http::header;

use super::Guard;
use super::handles::Entry;
use super::jar::{EVERYWHERE, Jar};
use super::shop::{Asker, Who};
use super::storefronts::above;

/// Of one session. Where there are more, of the oldest only that much is kept that nothing counts as known any more.
const MOST: usize = 8;
/// Bytes of a folder: a longer one is no storefront's.
const LONGEST: usize = 512;
/// Hosts that are remembered of one act; at more it is asked each time.
const HOSTS: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAct {
    /// Of its page, with a slash at the end.
    pub folder: String,
    /// The shop may be at it until then.
    pub until: Timestamp,
    /// Where the shop was asked since.
    pub asked: Vec<String>,
}

impl OpenAct {
    fn is_open_at(&self, host: &str, now: Timestamp) -> bool {
        self.until <= now && !self.asked.iter().any(|asked| asked == host)
    }
}

/// The same name, however it is written.
fn plain(host: &str) -> String {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name.trim_end_matches('.').to_ascii_lowercase()
}

impl Jar {
    /// An act at this page is left open: the shop may be at it until then.
    pub fn leave_open(&mut self, page: &str, until: Timestamp) {
        let mut folder = above(page).pop().unwrap_or_default();
        folder.truncate(folder.floor_char_boundary(LONGEST));
        folder.push('/');
        if let Some(known) = self.open_acts.iter_mut().find(|act| act.folder == folder) {
            known.until = known.until.max(until);
            known.asked.clear();
            return;
        }
        if self.open_acts.len() >= MOST {
            self.open_acts.remove(0);
            if !self.unsaid.iter().any(|folder| folder == EVERYWHERE) {
                self.unsaid.push(EVERYWHERE.to_owned());
            }
        }
        self.open_acts.push(OpenAct { folder, until, asked: Vec::new() });
    }

    /// Whether the shop has come to the end of one of them, and was not asked at this host since.
    pub fn has_open_acts(&self, host: &str, now: Timestamp) -> bool {
        let host = plain(host);
        self.open_acts.iter().any(|act| act.is_open_at(&host, now))
    }

    /// The folders of those: a storefront there is asked, too.
    pub(super) fn folders_of_acts(&self, host: &str, now: Timestamp) -> Vec<String> {
        let host = plain(host);
        let open = self.open_acts.iter().filter(|act| act.is_open_at(&host, now));
        open.flat_map(|act| above(&act.folder)).collect()
    }

    /// The shop said at this host, asked at that moment, who is signed in.
    fn note_asked(&mut self, host: &str, at: Timestamp, hosts: usize) {
        for act in self.open_acts.iter_mut().filter(|act| act.is_open_at(host, at)) {
            if act.asked.len() < HOSTS {
                act.asked.push(host.to_owned());
            }
        }
        self.open_acts.retain(|act| act.until > at || act.asked.len() < hosts.max(1));
    }
}

impl Guard {
    /// Whose session it is, asked after acts that were left open, too.
    pub(super) async fn who_after_acts(&self, entry: &Arc<Entry>, asker: &Asker) -> Who {
        let begun = self.identity.0.now();
        let host = asker.headers.get(header::HOST).and_then(|line| line.to_str().ok());
        let host = plain(host.unwrap_or_default());
        let is_open = entry.lock().jar.has_open_acts(&host, begun);
        let who = self.who(entry, asker).await;
        entry.note_questioned(begun);
        if is_open && who != Who::Unclear {
            entry.lock().jar.note_asked(&host, begun, self.identity.0.shop_names.len());
            self.handles.note_change(entry);
        }
        who
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn each_host_is_asked_once_after_an_act() {
        let mut jar = Jar::new(at(0));
        jar.leave_open("/b2b/login", at(60));
        assert!(!jar.has_open_acts("shop.example", at(59)), "the shop may be at it still");
        for host in ["shop.example", "SHOP.example:8443", "other.example"] {
            assert!(jar.has_open_acts(host, at(60)), "{host}");
        }
        assert_eq!(jar.folders_of_acts("shop.example", at(60)), ["/b2b"]);
        assert!(!jar.is_known_at("shop.example", "/", at(60)));
        jar.note_asked("shop.example", at(60), 2);
        for host in ["shop.example", "SHOP.example.", "shop.example:8443"] {
            assert!(!jar.has_open_acts(host, at(70)), "{host}");
        }
        assert!(jar.has_open_acts("other.example", at(70)));
        jar.note_asked("other.example", at(70), 2);
        assert!(jar.open_acts.is_empty());
        // A question of before the end is none.
        jar.leave_open("/login", at(160));
        jar.note_asked("shop.example", at(150), 1);
        assert!(jar.has_open_acts("shop.example", at(160)));
    }

    #[test]
    fn of_too_many_nothing_counts_as_known() {
        let mut jar = Jar::new(at(0));
        for n in 0..MOST {
            jar.leave_open(&format!("/{n}{}/x", "\u{e4}".repeat(400)), at(0));
        }
        jar.note_asked("shop.example", at(0), 9);
        assert!(jar.is_known_at("shop.example", "/", at(0)));
        assert!(jar.open_acts.iter().all(|act| act.folder.len() <= LONGEST + 1));
        jar.leave_open("/one-more/x", at(0));
        jar.note_asked("shop.example", at(0), 9);
        assert_eq!(jar.open_acts.len(), MOST);
        assert!(!jar.is_known_at("shop.example", "/", at(0)));
        // It is written down with each of them, and was there once more each time.
        for n in 0..20 {
            jar.leave_open(&format!("/shelf-{n}/x"), at(0));
        }
        assert_eq!((jar.open_acts.len(), jar.unsaid.as_slice()), (MOST, &[EVERYWHERE.to_owned()][..]));
    }
}

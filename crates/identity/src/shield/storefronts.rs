//! Further storefronts of the shop below folders of the same host: Magento's websites, PrestaShop's shops, one installation beside another.
//!
//! Each may know its own customers by a session that says nothing to the others, so that the page which the adapter's file names answers as to a
//! visitor while somebody is signed in next door. A folder counts as a storefront when that page, laid below it, tells a visitor in the file's own words
//! that nobody is signed in; what is no storefront mostly answers that there is no such page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_adapter::{Adapter, ProbeAnswer};
use storeward_base::Timestamp;
use storeward_web::http::{HeaderMap, StatusCode, header};

use super::Guard;
use super::handles::Entry;
use super::jar::{EVERYWHERE, lies_in};
use super::shop::{Asker, Who, With};

/// Folders above a request that are looked at.
const DEEPEST: usize = 3;
/// Bytes of a folder.
const LONGEST: usize = 255;
/// Folders that are remembered. When there are more, those that are none are forgotten.
const MOST: usize = 1_024;
/// A folder that is none is looked at again after this.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Of one session. More are nobody's, and then nobody can tell whose the session is.
const OF_SESSION: usize = 32;

/// What is known of folders, by the host that was asked and the folder.
#[derive(Default)]
pub struct Storefronts(Mutex<HashMap<(String, String), Known>>);

#[derive(Clone)]
enum Known {
    /// The shop's file, laid there.
    Lies(Arc<Adapter>),
    Not(Timestamp),
}

/// What the folder is to whoever asks now.
enum Found {
    Storefront(Arc<Adapter>),
    Nothing,
    /// The shop does not answer there at the moment.
    Unclear,
}

/// The folders above a path, the outermost first: `/b2b` and `/b2b/customer` above `/b2b/customer/login`. As servlets read it: without parameters
/// (`;…`), and without parts that are nothing else.
pub fn above(path: &str) -> Vec<String> {
    let (parts, _) = path.rsplit_once('/').unwrap_or_default();
    let named = parts.split('/').filter_map(|part| part.split(';').next()).filter(|part| !part.is_empty());
    let mut folder = String::new();
    let grow = |part: &str| {
        folder.push('/');
        folder.push_str(part);
        folder.clone()
    };
    named.take(DEEPEST).map(grow).collect()
}

impl Storefronts {
    fn get(&self, key: &(String, String), now: Timestamp) -> Option<Known> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |known: &&Known| match known {
            Known::Lies(_) => true,
            Known::Not(at) => now.since(*at) < REMEMBERED,
        };
        known.get(key).filter(is_good).cloned()
    }

    fn note(&self, key: (String, String), what: Known) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, what| matches!(what, Known::Lies(_)));
        }
        if known.len() < MOST {
            known.insert(key, what);
        }
    }
}

impl Guard {
    /// Whose session it is at every storefront that it may be one of: what the first one `said`, the folders above this request and those
    /// of the cookies, and where it was asked before. Two storefronts that name two people say nothing together. One that does not say
    /// leaves it open for its own pages; for the others, too, where they share a session with it.
    pub(super) async fn at_storefronts(&self, said: Who, asker: &Asker, with: &With<'_>) -> Who {
        let above = above(&asker.page);
        let mut folders = above.clone();
        let (mut of_cookies, mut unsaid) = (Vec::new(), Vec::new());
        if let With::Jar(entry) = with {
            let inner = entry.lock();
            of_cookies = inner.jar.folders_of_cookies();
            let host =
                asker.headers.get(header::HOST).and_then(|line| line.to_str().ok()).unwrap_or_default();
            folders.extend(inner.jar.folders_of_acts(host, self.identity.0.now()));
            folders.extend(inner.jar.storefronts.iter().chain(&of_cookies).cloned());
            // What was never seen to be a storefront is asked for its own pages alone, and stays open until then.
            let left =
                inner.jar.unsaid.iter().filter(|folder| *folder != EVERYWHERE && !folders.contains(folder));
            let (here, elsewhere): (Vec<_>, Vec<_>) =
                left.cloned().partition(|folder| lies_in(folder, &asker.page));
            folders.extend(here);
            unsaid = elsewhere;
        }
        folders.sort_unstable();
        folders.dedup();
        let mut who = said;
        for folder in folders {
            // No further answer changes it, and each may take ten seconds: what is not asked stays open.
            if who == Who::Unclear {
                unsaid.extend((folder.len() <= LONGEST && !self.is_none(&folder, asker)).then_some(folder));
                continue;
            }
            let Some(there) = self.who_at(&folder, asker, with).await else { continue };
            // A cookie for a folder goes along to no other page, and what was never seen to be a storefront has no session with others.
            let is_one = matches!(with, With::Jar(entry) if entry.lock().jar.storefronts.contains(&folder));
            let is_apart = !is_one || of_cookies.contains(&folder);
            let is_elsewhere = !above.contains(&folder) && !lies_in(&folder, &asker.page);
            let is_open = there == Who::Unclear;
            if !(is_open && is_apart && is_elsewhere) {
                who = both(who, there);
            }
            // One that is too long is remembered nowhere.
            unsaid.extend((is_open && folder.len() <= LONGEST).then_some(folder));
        }
        if let With::Jar(entry) = with {
            let is_other = entry.lock().jar.note_unsaid(unsaid);
            if is_other {
                self.handles.note_change(entry);
            }
        }
        who
    }

    /// Whose session it is at this folder; `None` where that is no storefront.
    async fn who_at(&self, folder: &str, asker: &Asker, with: &With<'_>) -> Option<Who> {
        let there = match self.storefront(folder, asker).await {
            Found::Nothing => return None,
            Found::Unclear => return Some(Who::Unclear),
            Found::Storefront(adapter) => adapter,
        };
        let probe = there.signed_in.probe.as_ref()?;
        let heard = self.told_to(&there, probe, asker, with, None).await;
        // A guard that asks who it is before it looks told the visitor so: the folder has no such page.
        let has_none = matches!(heard.status, Some(StatusCode::NOT_FOUND | StatusCode::GONE));
        if has_none && heard.says == ProbeAnswer::Unclear {
            return None;
        }
        if let With::Jar(entry) = with
            && !note_storefront(entry, folder)
        {
            return Some(Who::Unclear);
        }
        Some(heard.says.into())
    }

    /// Whether it is known that a folder is no storefront.
    fn is_none(&self, folder: &str, asker: &Asker) -> bool {
        let host = asker.headers.get(header::HOST).and_then(|line| line.to_str().ok()).unwrap_or_default();
        let key = (host.to_owned(), folder.to_owned());
        matches!(self.storefronts.get(&key, self.identity.0.now()), Some(Known::Not(_)))
    }

    async fn storefront(&self, folder: &str, asker: &Asker) -> Found {
        // Longer than any shop's: nothing is remembered of it.
        if folder.len() > LONGEST {
            return Found::Unclear;
        }
        let host = asker.headers.get(header::HOST).and_then(|line| line.to_str().ok()).unwrap_or_default();
        let key = (host.to_owned(), folder.to_owned());
        let now = self.identity.0.now();
        match self.storefronts.get(&key, now) {
            Some(Known::Lies(adapter)) => return Found::Storefront(adapter),
            Some(Known::Not(_)) => return Found::Nothing,
            None => {}
        }
        let Ok(adapter) = self.adapter.clone().in_folder(folder) else { return Found::Nothing };
        let Some(probe) = &adapter.signed_in.probe else { return Found::Nothing };
        // What is remembered for all is asked in nobody's words: whoever asks could bring about another answer by theirs.
        let plain = Asker::of(asker.client, asker.id, host, &HeaderMap::new()).in_nobodys_words();
        let heard = self.told_to(&adapter, probe, &plain, &With::Cookies(""), None).await;
        // Where visitors are led to a sign-in outside of the folder, its customers are those of that one.
        let is_here = |to: &String| to.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        match (heard.says, heard.status) {
            (ProbeAnswer::SignedOut, _) if heard.led_to.as_ref().is_none_or(is_here) => {
                let adapter = Arc::new(adapter);
                self.storefronts.note(key, Known::Lies(adapter.clone()));
                Found::Storefront(adapter)
            }
            (_, None | Some(StatusCode::TOO_MANY_REQUESTS)) => Found::Unclear,
            (_, Some(status)) if status.is_server_error() => Found::Unclear,
            // Of a folder that is shut to all nothing is known; nor is it remembered, in case somebody has brought it about.
            (_, Some(StatusCode::FORBIDDEN)) => Found::Nothing,
            (_, Some(_)) => {
                self.storefronts.note(key, Known::Not(now));
                Found::Nothing
            }
        }
    }
}

/// Remembers that a session may be one of this storefront's. False where it is of too many.
fn note_storefront(entry: &Entry, folder: &str) -> bool {
    let known = &mut entry.lock().jar.storefronts;
    if !known.iter().any(|known| known == folder) {
        if known.len() >= OF_SESSION {
            return false;
        }
        known.push(folder.to_owned());
    }
    true
}

fn both(one: Who, other: Who) -> Who {
    match (one, other) {
        (Who::Unclear, _) | (_, Who::Unclear) => Who::Unclear,
        (Who::Nobody, who) | (who, Who::Nobody) => who,
        (Who::Somebody { subject, email }, Who::Somebody { subject: there, email: told })
            if subject.may_be(&there) =>
        {
            Who::Somebody { subject, email: email.or(told) }
        }
        (Who::Somebody { .. }, Who::Somebody { .. }) => Who::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::super::jar::ShopName;
    use super::*;

    #[test]
    fn folders_above_a_path_are_few() {
        assert_eq!(above("/login"), Vec::<String>::new());
        assert_eq!(above("/b2b/"), ["/b2b"]);
        assert_eq!(above("/b2b/customer/login"), ["/b2b", "/b2b/customer"]);
        assert_eq!(above("/a/b/c/d/e"), ["/a", "/a/b", "/a/b/c"]);
        assert_eq!(above("/;a/;b/;c/b2b;x=1/login"), ["/b2b"]);
    }

    #[test]
    fn two_storefronts_say_together_what_each_says() {
        let somebody = |name: &str| Who::Somebody { subject: ShopName::told(name.to_owned()), email: None };
        for (one, other, together) in [
            (Who::Nobody, Who::Nobody, Who::Nobody),
            (Who::Nobody, somebody("ella"), somebody("ella")),
            (somebody("ella"), Who::Nobody, somebody("ella")),
            (somebody("ella"), somebody("ella"), somebody("ella")),
            (somebody("ella"), somebody("ida"), Who::Unclear),
            (Who::Nobody, Who::Unclear, Who::Unclear),
            (Who::Unclear, somebody("ella"), Who::Unclear),
        ] {
            assert_eq!(both(one, other), together);
        }
    }

    #[test]
    fn what_is_known_of_folders_is_bounded_and_what_is_none_is_looked_at_again() {
        let known = Storefronts::default();
        let key = |n: usize| (String::from("shop.example"), format!("/{n}"));
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let file = "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\nsubject = { json = '/id' }\n";
        let adapter = Arc::new(Adapter::parse(file).unwrap());
        known.note(key(0), Known::Lies(adapter));
        for n in 1..3 * MOST {
            known.note(key(n), Known::Not(now));
            assert!(known.0.lock().unwrap().len() <= MOST);
        }
        let last = key(3 * MOST - 1);
        assert!(matches!(known.get(&last, now), Some(Known::Not(_))));
        assert!(known.get(&last, now.plus(REMEMBERED)).is_none());
        assert!(matches!(known.get(&key(0), now.plus(10 * REMEMBERED)), Some(Known::Lies(_))));
    }
}

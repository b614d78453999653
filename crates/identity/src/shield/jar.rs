//! What stands behind one handle: the shop's cookies and how far the sign-in has come.

use serde::{Deserialize, Serialize};
use storeward_adapter::CookieLine;
use storeward_base::{CustomerId, Timestamp};

use super::open_acts::OpenAct;
use crate::model::SessionId;

/// Cookies of one browser, and the bytes of one: more than any shop sets, less than a flood.
const COOKIES_MOST: usize = 40;
const COOKIE_BYTES: usize = 4_096;
/// Folders of which it is remembered that they did not say whose session it is: each is asked about again with its own pages.
const UNSAID_MOST: usize = 64;
/// The folder that every page lies in.
pub const EVERYWHERE: &str = "";

/// One cookie of the shop that no browser sees.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub name: String,
    pub value: String,
    pub path: String,
    /// The shop meant it to outlive the browser's end. Jars of before do not say it.
    #[serde(default = "yes")]
    pub is_lasting: bool,
}

const fn yes() -> bool {
    true
}

/// The name that the shop has for somebody. Personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopName {
    #[serde(rename = "subject")]
    pub name: String,
    /// Which of the shop's cookies says so, where one does. Where several installations share a host, the same name is somebody else at each.
    #[serde(default, rename = "said_by", skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
}

impl ShopName {
    /// The name that the shop answers when it is asked.
    pub fn told(name: String) -> Self {
        ShopName { name, cookie: None }
    }

    /// Whether it may be the same person: the name is the same, and no two cookies say it.
    pub fn may_be(&self, other: &ShopName) -> bool {
        let is_twice = self.cookie.is_some() && other.cookie.is_some() && self.cookie != other.cookie;
        self.name == other.name && !is_twice
    }
}

/// Whose session of the shop it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    Anonymous,
    /// Signed in at the shop, and not through here yet.
    Pending {
        since: Timestamp,
        flow: String,
        #[serde(flatten)]
        subject: ShopName,
    },
    Active {
        customer: CustomerId,
        session: SessionId,
        #[serde(flatten)]
        subject: ShopName,
    },
    /// Nothing of it may be used any more.
    Ended,
}

/// Whether whoever is signed in has rights in the back office.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rights {
    /// Nobody asked yet.
    #[default]
    Unknown,
    Customer,
    /// Every page takes what the back office takes.
    Staff,
}

/// Version 1 of the stored form.
#[derive(Clone, Serialize, Deserialize)]
pub struct Jar {
    pub version: u8,
    pub cookies: Vec<Kept>,
    pub phase: Phase,
    /// Whether it is known who is signed in with these cookies. Until then they go nowhere unasked.
    pub is_known: bool,
    /// The sign-in was by a token that the browser's scripts hold: the cookies say nothing of it.
    #[serde(default)]
    pub by_token: bool,
    /// Of whoever is signed in. Those of a jar that was kept before this was written down are asked for anew, and so are those
    /// the names of before: `rights`, when any 403 was taken for the shop's word, and `told_rights`, when a page that stayed shut was.
    #[serde(default, rename = "said_rights")]
    pub rights: Rights,
    /// Lines of the shop's that came with a sign-in which is held: whole `Set-Cookie` headers. The browser gets them when it shows
    /// the second factor.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// Folders of further storefronts that were asked whose session it is.
    #[serde(default)]
    pub storefronts: Vec<String>,
    /// Folders that did not say the last time whether they are storefronts, or whose session it is there: of their pages it is not known, and asked
    /// each time. [`EVERYWHERE`] beside them where there were more.
    #[serde(default)]
    pub unsaid: Vec<String>,
    /// The hash of our own session's token when the handle was made: a step-up gives that session another. Empty in a jar that was
    /// kept before this was written down, until the browser first shows a token.
    #[serde(default)]
    pub shown: String,
    /// Acts of which it is not known whether they signed somebody in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_acts: Vec<OpenAct>,
    pub made_at: Timestamp,
    pub seen_at: Timestamp,
}

impl Jar {
    pub fn new(now: Timestamp) -> Self {
        Jar {
            version: 1,
            cookies: Vec::new(),
            phase: Phase::Anonymous,
            is_known: true,
            by_token: false,
            rights: Rights::Unknown,
            waiting: Vec::new(),
            storefronts: Vec::new(),
            unsaid: Vec::new(),
            shown: String::new(),
            open_acts: Vec::new(),
            made_at: now,
            seen_at: now,
        }
    }

    /// Whether it is known who is signed in, as far as this page could show.
    pub fn is_known_at(&self, host: &str, page: &str, now: Timestamp) -> bool {
        self.is_known
            && !self.has_open_acts(host, now)
            && !self.unsaid.iter().any(|folder| lies_in(folder, page))
    }

    /// Whether somebody may be signed in at a storefront that did not say so the last time.
    pub fn may_be_elsewhere(&self) -> bool {
        self.unsaid.iter().any(|folder| self.storefronts.contains(folder))
    }

    /// The folders that cookies are kept for.
    pub fn folders_of_cookies(&self) -> Vec<String> {
        let paths = self.cookies.iter().map(|kept| kept.path.trim_end_matches('/').to_owned());
        paths.filter(|path| !path.is_empty()).collect()
    }

    /// These folders did not say, of those that were asked. True when they are others than before.
    pub fn note_unsaid(&mut self, mut folders: Vec<String>) -> bool {
        let is_more = folders.len() > UNSAID_MOST || self.unsaid.iter().any(|known| known == EVERYWHERE);
        folders.truncate(UNSAID_MOST);
        folders.extend(is_more.then(|| EVERYWHERE.to_owned()));
        let is_other = self.unsaid != folders;
        self.unsaid = folders;
        is_other
    }

    /// Whether the shop meant any of it to outlive the browser's end.
    pub fn is_lasting(&self) -> bool {
        self.cookies.iter().any(|kept| kept.is_lasting)
    }

    pub fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Active { .. })
    }

    /// Takes what the shop set, or took back. True when a cookie has another value than before.
    pub fn take(&mut self, line: &CookieLine<'_>) -> bool {
        let same = |kept: &Kept| kept.name == line.name && kept.path == line.path;
        let at = self.cookies.iter().position(same);
        match (at, line.is_removal) {
            (Some(at), true) => {
                self.cookies.remove(at);
                true
            }
            (None, true) => false,
            (Some(at), false) => {
                let Some(kept) = self.cookies.get_mut(at) else { return false };
                let changed = kept.value != line.value || kept.is_lasting != line.is_lasting;
                kept.is_lasting = line.is_lasting;
                if changed && line.value.len() <= COOKIE_BYTES {
                    line.value.clone_into(&mut kept.value);
                }
                changed
            }
            (None, false) => {
                let fits = self.cookies.len() < COOKIES_MOST
                    && line.name.len() + line.value.len() + line.path.len() <= COOKIE_BYTES;
                if fits {
                    let owned = |text: &str| text.to_owned();
                    let (name, value, path) = (owned(line.name), owned(line.value), owned(line.path));
                    self.cookies.push(Kept { name, value, path, is_lasting: line.is_lasting });
                }
                fits
            }
        }
    }

    /// Keeps a line back until the second factor was shown. More lines, or longer ones, than any shop sets are dropped.
    pub fn wait_with(&mut self, line: &str) {
        if self.waiting.len() < COOKIES_MOST && line.len() <= COOKIE_BYTES {
            self.waiting.push(line.to_owned());
        }
    }

    /// Whether a cookie of this name is here, and so with no browser.
    pub fn has(&self, name: &str) -> bool {
        self.cookies.iter().any(|kept| kept.name == name)
    }

    /// The pairs that go to the shop with a request for `path`, longest path first (RFC 6265 section 5.4).
    pub fn pairs_for(&self, path: &str) -> String {
        let mut fitting: Vec<&Kept> = self.cookies.iter().filter(|kept| covers(&kept.path, path)).collect();
        fitting.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        fitting.iter().map(|kept| format!("{}={}", kept.name, kept.value)).collect::<Vec<_>>().join("; ")
    }

    /// The account's session that it goes with.
    pub fn session(&self) -> Option<SessionId> {
        match self.phase {
            Phase::Active { session, .. } => Some(session),
            Phase::Anonymous | Phase::Pending { .. } | Phase::Ended => None,
        }
    }

    pub fn pending_since(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Pending { since, .. } => Some(since),
            Phase::Anonymous | Phase::Active { .. } | Phase::Ended => None,
        }
    }
}

impl std::fmt::Debug for Jar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jar").field("cookies", &self.cookies.len()).finish_non_exhaustive()
    }
}

/// Whether a page may be one of a folder's. Shops that have one by another way put its name somewhere into the path (`/index.php/b2b/x`), and some
/// read it in whatever case, or with parameters (`/b2b;x=1`).
pub fn lies_in(folder: &str, page: &str) -> bool {
    let Some(name) = folder.rsplit('/').next().filter(|name| !name.is_empty()) else { return true };
    let parts = page.split(['/', '\\']).filter_map(|part| part.split(';').next());
    parts.map(str::to_lowercase).any(|part| part == name.to_lowercase())
}

/// Path matching of RFC 6265 section 5.1.4.
fn covers(cookie: &str, path: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(lines: &[&str]) -> Jar {
        let mut jar = Jar::new(Timestamp::EPOCH);
        for line in lines {
            jar.take(&CookieLine::parse(line).unwrap());
        }
        jar
    }

    #[test]
    fn it_holds_cookies_as_a_browser_would() {
        let jar = jar(&["sid=1; Path=/", "sid=2; Path=/admin", "old=x", "old=; Max-Age=0", "sid=3"]);
        assert_eq!(jar.pairs_for("/"), "sid=3");
        assert_eq!(jar.pairs_for("/admin/users"), "sid=2; sid=3");
        assert_eq!(jar.pairs_for("/administrator"), "sid=3");
    }

    // Those of before said "customer" of whomever nobody had asked about.
    #[test]
    fn rights_in_older_jars_are_not_believed() {
        let mut kept = serde_json::to_value(Jar::new(Timestamp::EPOCH)).unwrap();
        assert!(kept.as_object_mut().unwrap().remove("said_rights").is_some());
        kept["is_staff"] = false.into();
        kept["rights"] = "customer".into();
        kept["told_rights"] = "customer".into();
        let jar: Jar = serde_json::from_value(kept).unwrap();
        assert_eq!(jar.rights, Rights::Unknown);
    }

    // "Stay signed in" of the shop outlives the browser's end, and the handle with it.
    #[test]
    fn it_lasts_as_long_as_the_shop_meant_any_of_it_to() {
        let mut jar = Jar::new(Timestamp::EPOCH);
        for (line, is_lasting) in [
            ("sid=a", false),
            ("stay=b; Max-Age=600", true),
            ("stay=b", false),
            ("stay=b; Max-Age=600", true),
            ("stay=; Max-Age=0", false),
        ] {
            jar.take(&CookieLine::parse(line).unwrap());
            assert_eq!(jar.is_lasting(), is_lasting, "{line}");
        }
    }

    #[test]
    fn a_page_may_lie_in_a_folder_by_whatever_way() {
        for page in
            ["/b2b", "/b2b/", "/B2B/account", "/b2b;x=1/a", "/index.php/b2b/a", "//b2b/a", "/x\\b2b\\a"]
        {
            assert!(lies_in("/b2b", page) && lies_in("/shops/b2b", page), "{page}");
        }
        for page in ["/", "/b2bs/a", "/account", "/a-b2b"] {
            assert!(!lies_in("/b2b", page) && lies_in(EVERYWHERE, page), "{page}");
        }
    }

    #[test]
    fn what_did_not_say_is_bounded_and_then_nothing_is_known() {
        let mut jar = Jar::new(Timestamp::EPOCH);
        let folders = |n: usize| (0..n).map(|n| format!("/f{n}")).collect::<Vec<_>>();
        jar.note_unsaid(folders(UNSAID_MOST));
        assert!(
            jar.is_known_at("", "/", Timestamp::EPOCH) && !jar.is_known_at("", "/f7/a", Timestamp::EPOCH)
        );
        jar.note_unsaid(Vec::new());
        assert!(jar.is_known_at("", "/f7/a", Timestamp::EPOCH));
        jar.note_unsaid(folders(UNSAID_MOST + 1));
        assert_eq!(jar.unsaid.len(), UNSAID_MOST + 1);
        assert!(
            !jar.is_known_at("", "/", Timestamp::EPOCH) && !jar.is_known_at("", "/f99/a", Timestamp::EPOCH)
        );
        // Those that were left out are asked about by nobody, so it stays so.
        jar.note_unsaid(Vec::new());
        assert!(!jar.is_known_at("", "/f8/a", Timestamp::EPOCH));
    }

    #[test]
    fn it_is_bounded() {
        let long = format!("a={}", "x".repeat(5_000));
        let mut jar = jar(&[&long]);
        for n in 0..100 {
            jar.take(&CookieLine::parse(&format!("n{n}=1")).unwrap());
        }
        assert_eq!(jar.cookies.len(), COOKIES_MOST);
    }

    #[test]
    fn a_change_is_another_value_only() {
        let mut jar = jar(&["sid=1"]);
        let mut takes = |line: &str| jar.take(&CookieLine::parse(line).unwrap());
        assert!(!takes("sid=1; HttpOnly") && takes("sid=2") && takes("sid=; Max-Age=0") && !takes("sid="));
    }
}

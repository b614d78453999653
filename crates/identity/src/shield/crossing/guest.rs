//! While the shop does not say who is signed in: whoever is nobody here, and only looks, does so as a guest. Nothing goes to the shop
//! by which it could know them, so that its answer shows no account.

use storeward_adapter::CookieLine;
use storeward_host::{Passage, Seen};
use storeward_seal::fingerprint::token_hash;
use storeward_web::http::{HeaderMap, Method, StatusCode, header};
use storeward_web::{Cookie, SameSite};

use super::token::is_called_page;
use super::{Crossing, Handle, Lines, secret};
use crate::error::Error;
use crate::shield::answers::{Refusal, Wants};
use crate::shield::handles::Held;
use crate::shield::jar::Phase;
use crate::state::ReturnTo;

/// A browser that bears it is taken for nobody, while it is young: its value is when it was made, in seconds since 1970, and behind
/// hyphens the marks of the pages that were shown to nobody. It opens nothing, so whoever likes may have it.
const GUEST_COOKIE: Cookie = Cookie { name: "__Host-storeward-guest", same_site: SameSite::Lax };
/// Then the shop is asked again.
const GUEST_SECONDS: i64 = 10;
/// So long a form that was fetched as a guest may lie open.
const FORM_SECONDS: u64 = 1_800;
/// So many pages are remembered: nobody opens more within ten seconds.
const PAGES: usize = 16;

/// What a browser's cookies say of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Guest {
    /// It was led here to look as a guest.
    pub is_one: bool,
    /// When it was led here, in seconds since 1970: just now, or a while ago, and it has opened no other page since.
    since: Option<i64>,
    /// The pages that it saw as a guest.
    pages: Vec<String>,
    /// It sends cookies, of whomever.
    pub keeps_cookies: bool,
}

impl Crossing {
    pub(super) fn read_guest(&mut self, headers: &HeaderMap) {
        let mut parts = GUEST_COOKIE.read(headers).unwrap_or_default().split('-');
        self.guest.since = parts.next().and_then(|at| at.parse().ok());
        self.guest.pages = parts.take(PAGES).map(str::to_owned).collect();
        let age = self.guest.since.map(|at| self.now_seconds().saturating_sub(at));
        self.guest.is_one = age.is_some_and(|age| (0..GUEST_SECONDS).contains(&age));
        self.guest.keeps_cookies = headers.contains_key(header::COOKIE);
    }

    fn now_seconds(&self) -> i64 {
        self.guard.identity.0.now().seconds()
    }

    /// A form on a page that was fetched as a guest belongs to no session, or to one that nobody kept: the shop would take it for a forged
    /// one. The browser is led to the page once more, and gets its form anew. One of another page, in another tab, goes on as it is.
    pub(super) fn lead_to_form_again(&mut self, headers: &HeaderMap) -> Option<Passage> {
        let is_page = self.wants == Wants::Page && !self.is_part;
        if self.guest.since.is_none() || self.guest.is_one || !is_page || self.is_socket {
            return None;
        }
        if self.method.is_safe() {
            // The next form is one of the session.
            self.cookies.extend(GUEST_COOKIE.clear().filter(|_| self.method == Method::GET));
            return None;
        }
        let Lines { content_type, .. } = Lines::of(headers);
        let page = self.referer.clone().filter(|_| storeward_adapter::is_form(&content_type))?;
        if !self.guest.pages.contains(&mark(&page)) {
            return None;
        }
        self.cookies.extend(GUEST_COOKIE.clear());
        Some(self.instead(&Refusal::held(page.into())))
    }

    /// The jar behind the handle that a browser sent, but for a guest's. `Some` answers in the shop's place.
    pub(super) async fn find_jar(
        &mut self,
        token: Option<String>,
        headers: &mut HeaderMap,
        body: Seen<'_>,
    ) -> Result<Option<Passage>, Error> {
        if let Some(token) = token {
            let guard = self.guard.clone();
            match guard.handles.find(&token, guard.adapter.elevates()).await? {
                Held::Jar(entry) => {
                    guard.handles.saw(&entry);
                    self.held = Some(Handle { token, entry, is_new: false });
                }
                // Its answer could tell whether a password fits.
                Held::Moved if self.is_risky => return Ok(Some(self.again())),
                Held::Moved => self.is_without = true,
                Held::Nothing => {}
            }
        }
        self.guest.is_one &= self.only_looks();
        if self.guest.is_one {
            self.is_without = true;
            self.held = None;
            headers.remove(header::AUTHORIZATION);
            self.note_guest_page();
        }
        let refused = self.other_session(headers, body);
        Ok(refused.map(|refusal| self.instead(&refusal)))
    }

    /// The browser remembers which pages it saw as nobody.
    fn note_guest_page(&mut self) {
        let is_page = self.wants == Wants::Page && !self.is_part;
        let (Some(since), Some(place)) = (self.guest.since, self.own_place().filter(|_| is_page)) else {
            return;
        };
        let page = mark(&place);
        if !self.guest.pages.contains(&page) && self.guest.pages.len() < PAGES {
            self.guest.pages.push(page);
            let value = format!("{since}-{}", self.guest.pages.join("-"));
            self.cookies.extend(GUEST_COOKIE.set(&value, Some(FORM_SECONDS)));
        }
    }

    /// Leads whoever only looks to the same page, as a guest. Once: the answer to a guest is not weighed.
    pub(super) fn lead_as_guest(&mut self) -> Option<Passage> {
        if self.guest.is_one || self.wants != Wants::Page || self.method != Method::GET || !self.only_looks()
        {
            return None;
        }
        let place = self.own_place()?;
        let value = format!("{}-{}", self.now_seconds(), mark(&place));
        self.cookies.extend(GUEST_COOKIE.set(&value, Some(FORM_SECONDS)));
        Some(self.instead(&Refusal::held(place.into())))
    }

    /// What an answer says that opens a session as sign-ins do is not shown to whom nobody looks at: somebody may be signed in by it. Where
    /// it leads to is; there the next answer is one to nobody.
    pub(super) fn hold_answer_back(
        &mut self,
        status: StatusCode,
        headers: &mut HeaderMap,
        kept: &[String],
    ) -> Option<Passage> {
        let opens = kept.iter().any(|line| CookieLine::parse(line).is_some_and(|line| !line.is_removal));
        // Where any visitor gets a session with a page, it says nothing.
        let says_nothing = status.is_success() && !self.bears_secret(status, headers);
        let is_anybodys = says_nothing && self.elevates() && !self.is_risky;
        if self.is_static || is_anybodys || !opens {
            return None;
        }
        // What measures visits has cookies that are called as the shop's are. They go nowhere, and no script sends again what was refused.
        if self.is_beacon() && says_nothing && !is_called_page(headers) {
            headers.remove(header::SET_COOKIE);
            return None;
        }
        let place = headers.get(header::LOCATION).and_then(|line| self.place(line.to_str().ok()?));
        let refusal = match place.filter(|_| self.wants == Wants::Page) {
            Some(place) => Refusal::held(place.into()),
            None => Refusal::unclear(),
        };
        Some(self.instead(&refusal))
    }

    /// Whether scripts send here what they measure, and nothing that signs in as far as is known: who is signed in need not be asked after
    /// each, no other request has to wait for it, and what is too long to be read is no guess.
    pub(super) fn is_beacon(&self) -> bool {
        let is_only_path = self.reading.is_plain() && !self.reading.is_routed();
        let is_other = self.door.is_some() || self.is_socket || self.is_by_gate;
        is_only_path && !is_other && self.guard.section.is_beacon(&self.path)
    }

    /// On, as nobody's.
    pub(super) fn on_alone(&mut self, headers: &mut HeaderMap, body: Seen<'_>) -> Passage {
        self.is_without = true;
        if let Some(refusal) = self.other_session(headers, body) {
            return self.instead(&refusal);
        }
        headers.remove(header::AUTHORIZATION);
        Self::on_without(headers)
    }

    /// Nobody who is signed in, or waits to be, and nothing that changes anything, or could sign somebody in.
    pub(super) fn only_looks(&self) -> bool {
        let is_nobody = |phase: &Phase| matches!(phase, Phase::Anonymous);
        let is_open = self.held.as_ref().is_some_and(|held| !is_nobody(&held.entry.lock().jar.phase));
        let bears_secret = self.query.as_deref().is_some_and(secret::in_query) || secret::in_path(&self.path);
        !(self.is_risky || self.is_socket || self.is_by_gate || is_open || bears_secret)
    }
}

/// What stands for a page in a cookie: by its path alone, as forms are sent from wherever in it.
fn mark(page: &ReturnTo) -> String {
    let path = page.as_str().split('?').next().unwrap_or_default();
    let mut mark = token_hash(path);
    mark.truncate(8);
    mark
}

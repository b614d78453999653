//! While the shop does not say who is signed in: whoever is nobody here, and only looks, does so as a guest. Nothing goes to the shop
//! by which it could know them, so that its answer shows no account.

use storeward_adapter::CookieLine;
use storeward_host::Passage;
use storeward_web::http::{HeaderMap, Method, StatusCode, header};
use storeward_web::{Cookie, SameSite};

use super::{Crossing, Handle, secret};
use crate::error::Error;
use crate::shield::answers::{Refusal, Wants};
use crate::shield::handles::Held;
use crate::shield::jar::Phase;

/// A browser that bears it is taken for nobody. It opens nothing, so whoever likes may have it.
pub(super) const GUEST_COOKIE: Cookie = Cookie { name: "__Host-storeward-guest", same_site: SameSite::Lax };
/// Then the shop is asked again.
const GUEST_SECONDS: u64 = 30;

impl Crossing {
    /// The jar behind the handle that a browser sent, but for a guest's. `Some` answers in the shop's place.
    pub(super) async fn find_jar(
        &mut self,
        token: Option<String>,
        headers: &mut HeaderMap,
    ) -> Result<Option<Passage>, Error> {
        if let Some(token) = token {
            let guard = self.guard.clone();
            match guard.handles.find(&token).await? {
                Held::Jar(entry) => {
                    guard.handles.saw(&entry);
                    self.held = Some(Handle { token, entry });
                }
                // Its answer could tell whether a password fits.
                Held::Moved if self.is_risky => return Ok(Some(self.again())),
                Held::Moved => self.is_without = true,
                Held::Nothing => {}
            }
        }
        self.is_guest &= self.only_looks();
        if self.is_guest {
            self.is_without = true;
            self.held = None;
            headers.remove(header::AUTHORIZATION);
        }
        Ok(None)
    }

    /// Leads whoever only looks to the same page, as a guest. Once: the answer to a guest is not weighed.
    pub(super) fn lead_as_guest(&mut self) -> Option<Passage> {
        if self.is_guest || self.wants != Wants::Page || self.method != Method::GET || !self.only_looks() {
            return None;
        }
        let place = self.own_place()?;
        self.cookies.extend(GUEST_COOKIE.set("1", Some(GUEST_SECONDS)));
        Some(self.instead(&Refusal::held(place.into())))
    }

    /// What an answer says that opens a session as sign-ins do is not shown to whom nobody looks at: somebody may be signed in by it. Where
    /// it leads to is; there the next answer is one to nobody.
    pub(super) fn hold_answer_back(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        kept: &[String],
    ) -> Option<Passage> {
        let opens = kept.iter().any(|line| CookieLine::parse(line).is_some_and(|line| !line.is_removal));
        // Where any visitor gets a session with a page, it says nothing.
        let is_anybodys = status.is_success() && self.elevates() && !self.bears_secret(status, headers);
        if self.is_static || is_anybodys || !opens {
            return None;
        }
        let place = headers.get(header::LOCATION).and_then(|line| self.place(line.to_str().ok()?));
        let title = "The shop cannot sign you in at the moment";
        let refusal = match place.filter(|_| self.wants == Wants::Page) {
            Some(place) => Refusal::held(place.into()),
            None => Refusal::of(StatusCode::SERVICE_UNAVAILABLE, "identity.unclear", title),
        };
        Some(self.instead(&refusal))
    }

    /// Nobody who is signed in, or waits to be, and nothing that changes anything, or could sign somebody in.
    fn only_looks(&self) -> bool {
        let is_nobody = |phase: &Phase| matches!(phase, Phase::Anonymous);
        let is_open = self.held.as_ref().is_some_and(|held| !is_nobody(&held.entry.lock().jar.phase));
        let bears_secret = self.query.as_deref().is_some_and(secret::in_query) || secret::in_path(&self.path);
        !(self.is_risky || self.is_socket || self.is_by_gate || is_open || bears_secret)
    }
}

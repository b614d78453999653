//! The shop's own sign-in is slowed down as ours is: by account, device and address, before the shop hears of it.

use storeward_adapter::Credentials;
use storeward_puzzle::Purpose;
use storeward_web::http::{HeaderMap, StatusCode};

use super::Crossing;
use super::knock::too_long;
use crate::marks::is_rewritten;
use crate::pages::{answer_of, too_often};
use crate::shield::answers::Refusal;
use crate::throttle::{Key, Leave};
use crate::tokens::{SOLVED_COOKIE, SOLVED_HEADER};
use crate::verbs::Way;

/// What of a form was not read, so that a sign-in may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Nothing,
    /// More fields.
    Fields,
    /// One, too, that leads the shop to where programs sign in.
    Door,
}

impl Unread {
    pub(super) fn of(may_hide_a_door: bool) -> Self {
        if may_hide_a_door { Unread::Door } else { Unread::Fields }
    }
}

impl Crossing {
    /// Takes the answer to a puzzle out of the request, where a browser or a script brings one along.
    pub(super) fn take_solved(&mut self, headers: &mut HeaderMap) {
        let in_cookie = SOLVED_COOKIE.read(headers).map(answer_of);
        self.has_solved_cookie = in_cookie.is_some();
        let in_header = headers.remove(SOLVED_HEADER).and_then(|v| v.to_str().ok().map(str::to_owned));
        self.solved = in_header.or(in_cookie);
    }

    /// Counts an attempt at the shop's sign-in; `Some` refuses it. Nothing of it depends on whether there is an account.
    pub(super) async fn try_door(&mut self, credentials: Credentials) -> Option<Refusal> {
        let guard = self.guard.clone();
        let shared = &guard.identity.0;
        let typed = credentials.user.expose();
        let mut strangers = vec![self.network(), Key::Stranger(shared.marks.attempt(typed))];
        let is_rewritten = is_rewritten(typed);
        if is_rewritten {
            strangers.push(Key::Rewritten);
        }
        let keys = match self.known_device(typed).await {
            // Its owner may share an address with whoever guesses there.
            Some(device) => vec![device],
            None => strangers.clone(),
        };
        // Nor do its spellings each have a price of their own.
        let priced = if is_rewritten { "" } else { typed };
        if let Some(refusal) = self.count(keys, strangers, priced).await {
            return Some(refusal);
        }
        self.password = Some(credentials.password);
        self.typed = Some(credentials.user);
        None
    }

    /// Counts a form in which no name and password are found.
    pub(super) async fn try_nobody(&mut self) -> Option<Refusal> {
        let keys = vec![self.network()];
        self.count(keys.clone(), keys, "").await
    }

    /// Counts a form that is too long to be read: by the network, and gently for whoever is signed in, such as a member of
    /// staff who sends pictures.
    /// One that may lead on to where programs sign in is refused, but in the back office, which asks customers for more: there staff save
    /// long pages.
    pub(super) async fn try_unread(&mut self) -> Option<Refusal> {
        let is_in = self.held.as_ref().is_some_and(|held| held.entry.lock().jar.is_active());
        if self.unread == Unread::Door && !(is_in && self.guard.adapter.is_in_office(&self.path)) {
            return Some(too_long());
        }
        let network = if is_in { Key::Unread(self.client.block()) } else { self.network() };
        self.count(vec![network.clone()], vec![network], "").await
    }

    /// A try is had by `keys`; when they have to wait, by a solved puzzle and the counts that `solved` has for those.
    async fn count(&mut self, keys: Vec<Key>, solved: Vec<Key>, typed: &str) -> Option<Refusal> {
        let guard = self.guard.clone();
        let shared = &guard.identity.0;
        let Leave::Wait { mut seconds, first } = shared.throttle.attempt(&keys, shared.now()) else {
            self.counted = keys;
            return None;
        };
        let title = "That was too often. Wait a moment and try again, or solve the puzzle";
        let refusal = Refusal::of(StatusCode::TOO_MANY_REQUESTS, "identity.too_often", title);
        let Some(visit) = self.visit.clone() else { return Some(refusal) };
        if let Some(answer) = self.solved.take() {
            if self.has_solved_cookie {
                // It counts once.
                self.cookies.extend(SOLVED_COOKIE.clear());
            }
            if shared.way(Purpose::SignIn, &visit, &answer, typed) == Way::Solved {
                let keys: Vec<_> = solved.into_iter().map(|key| key.solved(visit.client.block())).collect();
                match shared.throttle.attempt(&keys, shared.now()) {
                    Leave::Granted => {
                        self.counted = keys;
                        return None;
                    }
                    Leave::Wait { seconds: longer, .. } => seconds = longer,
                }
            }
        }
        if first {
            // Told once a wait; the request is refused whether it could be written or not.
            let _ = shared.note_failure(&visit, None, "throttled").await;
        }
        let puzzle = guard.identity.puzzle_now(Purpose::SignIn, &visit, typed);
        let back = self.referer.as_ref().map_or("/", |place| place.as_str());
        Some(Refusal {
            retry_seconds: Some(seconds),
            page: too_often(&guard.identity, visit.language, &puzzle, back, seconds),
            puzzle: Some(puzzle),
            ..refusal
        })
    }

    fn network(&self) -> Key {
        Key::Network(self.client.block())
    }

    /// The shop did not hear of it, so it is no try.
    pub(super) fn take_try_back(&mut self) {
        self.guard.identity.0.throttle.withdraw(&std::mem::take(&mut self.counted));
    }

    /// The shop took the password.
    pub(super) fn was_right(&mut self) {
        self.guard.identity.0.throttle.succeeded(&std::mem::take(&mut self.counted));
    }

    /// The count of a device that signed in before to the account of this name, and of no other: a device of one's own is no
    /// way to guess at somebody else's, and one's own sign-in clears one's own count only.
    async fn known_device(&self, typed: &str) -> Option<Key> {
        let shared = &self.guard.identity.0;
        for device in self.visit.as_ref()?.own_devices(&shared.marks) {
            let Ok(Some(owner)) = shared.owner_of_device(device).await else { continue };
            if shared.is_named(owner, typed).await {
                return Some(Key::KnownDevice(format!("{} {}", device.id, shared.marks.attempt(typed))));
            }
        }
        None
    }
}

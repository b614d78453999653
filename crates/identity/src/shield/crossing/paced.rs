//! The shop's own sign-in is slowed down as ours is: by account, device and address, before the shop hears of it.

use storeward_adapter::Credentials;
use storeward_web::http::StatusCode;

use super::Crossing;
use crate::shield::answers::Refusal;
use crate::throttle::{Key, Leave};

impl Crossing {
    /// Counts an attempt at the shop's sign-in; `Some` refuses it. Nothing of it depends on whether there is an account.
    pub(super) async fn try_door(&mut self, credentials: Credentials) -> Option<Refusal> {
        let guard = self.guard.clone();
        let shared = &guard.identity.0;
        let keys = match self.known_device(credentials.user.expose()).await {
            // Its owner may share an address with whoever guesses there.
            Some(device) => vec![device],
            None => vec![self.network(), Key::Stranger(shared.marks.attempt(credentials.user.expose()))],
        };
        if let Some(refusal) = self.count(keys).await {
            return Some(refusal);
        }
        self.password = shared.passwords.standing(&credentials.password).await;
        self.typed = Some(credentials.user);
        None
    }

    /// Counts a form in which no name and password are found.
    pub(super) async fn try_nobody(&mut self) -> Option<Refusal> {
        let keys = vec![self.network()];
        self.count(keys).await
    }

    async fn count(&mut self, keys: Vec<Key>) -> Option<Refusal> {
        let shared = &self.guard.identity.0;
        if let Leave::Wait { seconds, first } = shared.throttle.attempt(&keys, shared.now()) {
            if first && let Some(visit) = &self.visit {
                // Told once a wait; the request is refused whether it could be written or not.
                let _ = shared.note_failure(visit, None, "throttled").await;
            }
            let title = "That was too often. Wait a moment and try again";
            let refusal = Refusal::of(StatusCode::TOO_MANY_REQUESTS, "identity.too_often", title);
            return Some(Refusal { retry_seconds: Some(seconds), ..refusal });
        }
        self.counted = keys;
        None
    }

    fn network(&self) -> Key {
        Key::Network(self.client.block())
    }

    /// The shop took the password.
    pub(super) fn was_right(&mut self) {
        self.guard.identity.0.throttle.succeeded(&std::mem::take(&mut self.counted));
    }

    /// The count of a device that signed in before to the account of this name, and of no other: a device of one's own is no
    /// way to guess at somebody else's, and one's own sign-in clears one's own count only.
    async fn known_device(&self, typed: &str) -> Option<Key> {
        let shared = &self.guard.identity.0;
        let device = self.visit.as_ref()?.device.as_ref()?;
        let owner = shared.owner_of_device(device).await?;
        let is_own = shared.is_named(owner, typed).await;
        is_own.then(|| Key::KnownDevice(format!("{} {}", device.id, shared.marks.attempt(typed))))
    }
}

//! The shop's own sign-in is slowed down as ours is: by account, device and address, before the shop hears of it.

use storeward_adapter::Credentials;
use storeward_web::http::StatusCode;

use super::Crossing;
use crate::shield::answers::Refusal;
use crate::throttle::{Key, Leave};

impl Crossing {
    /// Counts an attempt at the shop's sign-in; `Some` refuses it. Nothing of it depends on whether there is an account.
    pub(super) async fn try_door(&mut self, credentials: Credentials) -> Option<Refusal> {
        let shared = &self.guard.identity.0;
        let typed = Key::Stranger(shared.marks.attempt(credentials.user.expose()));
        let keys = match self.known_device().await {
            // Its owner may share an address with whoever guesses there.
            Some(device) => vec![device],
            None => vec![Key::Network(self.client.block().to_string()), typed],
        };
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
        self.password = shared.passwords.standing(&credentials.password).await;
        self.typed = Some(credentials.user);
        None
    }

    /// The shop took the password.
    pub(super) fn was_right(&mut self) {
        self.guard.identity.0.throttle.succeeded(&std::mem::take(&mut self.counted));
    }

    async fn known_device(&self) -> Option<Key> {
        let shared = &self.guard.identity.0;
        let device = self.visit.as_ref()?.device.as_ref()?;
        shared.is_device(device).await.then(|| Key::KnownDevice(device.id.to_string()))
    }
}

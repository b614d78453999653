//! Whether the session is in the cookies that stay with us, and in those alone.

use storeward_adapter::ProbeAnswer;
use storeward_host::NoAnswer;

use super::{Entered, Stranger};

impl Stranger<'_> {
    /// Whether the cookies that stay with us sign in, and those that browsers hold do not: an update may have given the session another name.
    pub(super) async fn is_in_by_what_is_kept(&mut self, entered: &Entered) -> Result<bool, NoAnswer> {
        if self.token.is_some() {
            return Ok(true);
        }
        let cookies = &self.guard.adapter.cookies;
        let (kept, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.jar.cookies)
            .into_iter()
            .partition(|cookie| cookies.are_kept(&cookie.name) || entered.held.contains(&cookie.name));
        self.jar.cookies = kept;
        let by_kept = self.who().await;
        // A shop may have given the session another value meanwhile.
        let mut all = std::mem::replace(&mut self.jar.cookies, others.clone());
        let by_others = self.who().await;
        all.retain(|cookie| {
            !others.iter().any(|other| other.name == cookie.name && other.path == cookie.path)
        });
        all.extend(others);
        self.jar.cookies = all;
        let is_in = |told: &ProbeAnswer| matches!(told, ProbeAnswer::SignedIn { .. });
        Ok(is_in(&by_kept?) && !is_in(&by_others?))
    }
}

//! What codes, tokens and secrets are found by, and what follows from them.

use storeward_base::{ClientIp, CustomerId, Entropy, RelyingId, Secret};
use storeward_identity::SessionId;
use storeward_seal::{MarkKey, PseudonymKey};

/// Keyed marks, each kind under a key of its own: who reads the database can use none of them.
#[derive(Clone, Debug)]
pub struct Marks {
    secret: MarkKey,
    code: MarkKey,
    access: MarkKey,
    refresh: MarkKey,
    line: MarkKey,
    sid: MarkKey,
    network: MarkKey,
}

impl Marks {
    pub fn new(key: &PseudonymKey) -> Self {
        Marks {
            secret: key.mark_key("oidc.client_secret"),
            code: key.mark_key("oidc.code"),
            access: key.mark_key("oidc.access_token"),
            refresh: key.mark_key("oidc.refresh_token"),
            line: key.mark_key("oidc.refresh_line"),
            sid: key.mark_key("oidc.sid"),
            network: key.mark_key("oidc.network"),
        }
    }

    pub fn secret(&self, text: &str) -> String {
        self.secret.mark(text)
    }

    pub fn code(&self, text: &str) -> String {
        self.code.mark(text)
    }

    pub fn access(&self, text: &str) -> String {
        self.access.mark(text)
    }

    pub fn refresh(&self, text: &str) -> String {
        self.refresh.mark(text)
    }

    /// The network of whoever calls: the address of IPv4, the /64 of IPv6.
    pub fn network(&self, caller: ClientIp) -> String {
        self.network.mark(&caller.block().to_string())
    }

    /// The refresh token behind this one. It follows from it, so that a request that is sent twice gets one answer; and it
    /// cannot be told from what is stored, not even with the key.
    pub fn next_refresh(&self, text: &str) -> Secret<String> {
        Secret::new(format!("{REFRESH}{}", self.line.mark(text)))
    }

    /// `sid`: one browser's session as one client knows it. Two clients cannot tell by it that they mean the same.
    pub fn sid(&self, client: RelyingId, session: SessionId) -> String {
        self.sid.mark(&format!("{client}\n{session}")).chars().take(32).collect()
    }
}

/// Told apart by their beginnings, for whoever looks for what leaked.
const SECRET: &str = "sws_";
const CODE: &str = "swc_";
const ACCESS: &str = "swa_";
const REFRESH: &str = "swr_";

fn fresh(start: &str, entropy: &dyn Entropy) -> Secret<String> {
    Secret::new(format!("{start}{}", entropy.token::<32>()))
}

pub fn fresh_secret(entropy: &dyn Entropy) -> Secret<String> {
    fresh(SECRET, entropy)
}

pub fn fresh_code(entropy: &dyn Entropy) -> Secret<String> {
    fresh(CODE, entropy)
}

pub fn fresh_access(entropy: &dyn Entropy) -> Secret<String> {
    fresh(ACCESS, entropy)
}

pub fn fresh_refresh(entropy: &dyn Entropy) -> Secret<String> {
    fresh(REFRESH, entropy)
}

/// `sub`: the customer's id. It never changes, is nobody else's ever, and names nobody.
pub fn subject(customer: CustomerId) -> String {
    customer.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::{SystemEntropy, Timestamp};

    #[test]
    fn marks_of_one_kind_are_none_of_another() {
        let marks = Marks::new(&PseudonymKey::generate(&SystemEntropy));
        let token = fresh_refresh(&SystemEntropy);
        let text = token.expose();
        let all = [marks.secret(text), marks.code(text), marks.access(text), marks.refresh(text)];
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other != one));
        }
        let next = marks.next_refresh(text);
        assert_eq!(next.expose(), marks.next_refresh(text).expose());
        assert_ne!(marks.refresh(next.expose()), marks.refresh(text));
        assert_eq!(next.expose().len(), text.len());
        let elsewhere = Marks::new(&PseudonymKey::generate(&SystemEntropy));
        assert_ne!(elsewhere.next_refresh(text).expose(), next.expose());
    }

    #[test]
    fn two_clients_know_a_session_by_two_names() {
        let marks = Marks::new(&PseudonymKey::generate(&SystemEntropy));
        let at = Timestamp::from_seconds(1);
        let (a, b) = (RelyingId::at(at, &SystemEntropy), RelyingId::at(at, &SystemEntropy));
        let session = SessionId::at(at, &SystemEntropy);
        assert_eq!(marks.sid(a, session), marks.sid(a, session));
        assert_ne!(marks.sid(a, session), marks.sid(b, session));
        assert_eq!(marks.sid(a, session).len(), 32);
    }
}

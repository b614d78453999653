//! Before the shop acts: whose the cookies are that came past the handle. A shop that keeps people signed in by a cookie of which the
//! adapter's file knows nothing would act first, and be asked then who that was.

use storeward_host::Passage;
use storeward_seal::fingerprint::token_hash;
use storeward_web::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Crossing;
use crate::shield::answers::Refusal;
use crate::shield::jar::Phase;
use crate::shield::section::WhenUnclear;
use crate::shield::shop::Who;

/// Names of cookies that open nothing anywhere, with `*` for any ending: what measures visits writes them by script (Google, Meta,
/// Matomo, Hotjar, Clarity, Microsoft, TikTok; from their own documents on the cookies that they set), and what frameworks hold
/// against forged forms. They change with every page, and the shop need not be asked about each.
const NOBODYS: [&str; 15] = [
    "_ga",
    "_ga_*",
    "_gid",
    "_gat*",
    "_gcl_*",
    "_fbp",
    "_fbc",
    "_pk_*",
    "_hj*",
    "_clck",
    "_clsk",
    "_uet*",
    "_ttp",
    "XSRF-TOKEN",
    "csrftoken",
];

impl Crossing {
    /// Asks the shop, before a request that may change something, whom it takes the cookies for that are none of the jar's. `others`
    /// is what goes along of them. Whoever has shown nothing here is refused, where the shop would know them by these. Not asked of shops whose
    /// file says that it names all that keeps people signed in (`cookies.names_all`): their other cookies change with each request.
    pub(super) async fn weigh_first(
        &mut self,
        headers: &mut HeaderMap,
        others: &mut Vec<u8>,
    ) -> Option<Passage> {
        self.drop_authorization(headers);
        let guard = self.guard.clone();
        guard.adapter.signed_in.probe.as_ref().filter(|_| !guard.adapter.cookies.names_all)?;
        let is_lane = guard.section.lanes.contains(self.client.get());
        let (free, asked): (Vec<_>, Vec<_>) =
            others.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).partition(|pair| is_nobodys(pair));
        if !(self.is_risky || self.is_socket)
            || self.is_by_gate
            || self.is_without
            || is_lane
            || asked.is_empty()
        {
            return None;
        }
        let line = String::from_utf8_lossy(&asked.join(&b"; "[..])).into_owned();
        let mark = token_hash(&line);
        let entry = self.held.as_ref().map(|held| held.entry.clone());
        if entry.as_ref().is_some_and(|entry| entry.lock().harmless.as_ref() == Some(&mark)) {
            return None;
        }
        let who = guard.who_has(line, self.asker.as_ref()?).await;
        let active = entry.as_ref().and_then(|entry| match &entry.lock().jar.phase {
            Phase::Active { subject, .. } => Some(subject.clone()),
            Phase::Anonymous | Phase::Pending { .. } | Phase::Ended => None,
        });
        let is_open = guard.section.when_unclear == WhenUnclear::Open;
        match who {
            Who::Nobody => {
                if let Some(entry) = &entry {
                    entry.lock().harmless = Some(mark);
                }
                return None;
            }
            Who::Somebody { subject, .. } if active.as_ref().is_some_and(|known| known.may_be(&subject)) => {
                return None;
            }
            Who::Unclear if guard.lets_through().await => return None,
            // The owner chose that customers are let through while nobody can tell who is signed in.
            Who::Somebody { .. } if guard.is_blind() && is_open => return None,
            // Whoever signs in, or is in already, does so without them.
            Who::Somebody { .. } if active.is_none() && self.door.is_none() && !guard.is_blind() => {
                let title = "Sign in at the shop first";
                let mut refusal = Refusal::of(StatusCode::FORBIDDEN, "identity.sign_in_first", title);
                refusal.challenge = guard.adapter.sign_in_page();
                return Some(self.instead(&refusal));
            }
            Who::Somebody { .. } | Who::Unclear => {}
        }
        *others = free.join(&b"; "[..]);
        match HeaderValue::from_bytes(others) {
            Ok(line) if !others.is_empty() => headers.insert(header::COOKIE, line),
            _ => headers.remove(header::COOKIE),
        };
        None
    }
}

/// Whether none of these cookies opens anything.
pub(super) fn are_nobodys(line: &[u8]) -> bool {
    line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).all(is_nobodys)
}

fn is_nobodys(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
    let fits = |known: &&str| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start.as_bytes()),
        None => name == known.as_bytes(),
    };
    pair.is_empty() || NOBODYS.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_measures_visits_is_nobodys() {
        for pair in ["_ga=GA1.1.2", "_ga_K7=GS1", "_gat_UA=1", "_pk_id.1.2=x", "XSRF-TOKEN=a", ""] {
            assert!(is_nobodys(pair.as_bytes()), "{pair}");
        }
        for pair in ["REMEMBERME=a", "jwt=a", "_gaREMEMBERME=a", "ga=a", "_g=a", "=_ga"] {
            assert!(!is_nobodys(pair.as_bytes()), "{pair}");
        }
        assert!(are_nobodys(b"") && are_nobodys(b"_ga=1; _fbp=2") && !are_nobodys(b"_ga=1; REMEMBERME=2"));
    }
}

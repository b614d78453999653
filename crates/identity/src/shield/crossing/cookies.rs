//! Which cookies pass: of ours and of the shop's session none, in neither direction.

use std::sync::Arc;

use storeward_adapter::CookieLine;
use storeward_host::{OWN_COOKIES, Passage};
use storeward_seal::fingerprint::token_hash;
use storeward_web::http::{HeaderMap, HeaderValue, header};

use super::Crossing;
use crate::error::Error;
use crate::shield::handles::Entry;
use crate::shield::jar::Phase;

/// How often it is asked whose session it is before the browser has to ask again.
const ASKS: usize = 4;

impl Crossing {
    /// Takes our cookies and the browser's own copies of the shop's session out of the request. What is left is
    /// returned, and stays in the request.
    pub(super) fn strip(&self, headers: &mut HeaderMap) -> Vec<u8> {
        let mut left = Vec::new();
        for line in headers.get_all(header::COOKIE) {
            for pair in line.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
                let at = pair.iter().position(|byte| *byte == b'=');
                let Some(name) = at.and_then(|at| pair.get(..at)) else { continue };
                if !self.is_held_back(&String::from_utf8_lossy(name)) {
                    left.extend_from_slice(if left.is_empty() { b"" } else { b"; " });
                    // In its own bytes, whatever they are.
                    left.extend_from_slice(pair);
                }
            }
        }
        headers.remove(header::COOKIE);
        if let (false, Ok(line)) = (left.is_empty(), HeaderValue::from_bytes(&left)) {
            headers.insert(header::COOKIE, line);
        }
        left
    }

    /// Some languages read `%73ession` for `session`, and PHP `my.session` for `my_session`: a name in disguise goes nowhere.
    fn is_held_back(&self, name: &str) -> bool {
        let plain = decoded(name);
        let folded = plain.replace(['.', ' ', '[', '+'], "_");
        let is_kept = |name: &str| self.guard.adapter.cookies.are_kept(name);
        let is_ours = [name, plain.as_str()].iter().any(|name| name.starts_with(OWN_COOKIES));
        is_ours || is_kept(name) || is_kept(&plain) || is_kept(&folded)
    }

    /// What is left goes to the shop beside the jar's: nothing that the jar has itself.
    pub(super) fn beside(&self, left: &[u8], entry: &Entry) -> Vec<u8> {
        let inner = entry.lock();
        let is_free = |pair: &&[u8]| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            let name = String::from_utf8_lossy(name);
            !inner.jar.has(name.trim()) && !inner.jar.has(&decoded(&name))
        };
        let pairs: Vec<_> =
            left.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(is_free).collect();
        pairs.join(&b"; "[..])
    }

    /// The shop's session goes along, and what else the browser has of the shop. False, and nothing goes, where it is another's since it was
    /// looked at: somebody may have signed in beside this request.
    pub(super) fn attach(&mut self, entry: &Entry, headers: &mut HeaderMap, others: &[u8]) -> bool {
        let pairs = {
            let inner = entry.lock();
            // Of this page it was asked, where it had to be; of some it is asked each time.
            let is_known = self.is_let_through || inner.jar.is_known;
            let is_same = inner.jar.session() == self.admitted
                && self.held.as_ref().is_some_and(|held| inner.hash == token_hash(&held.token));
            // Whose sign-in waits for a second factor has no session, either.
            let is_open = matches!(inner.jar.phase, Phase::Anonymous | Phase::Active { .. });
            if !is_known || !is_same || !is_open {
                return false;
            }
            inner.jar.pairs_for(&self.path)
        };
        let others = self.beside(others, entry);
        let between: &[u8] = if others.is_empty() || pairs.is_empty() { b"" } else { b"; " };
        let line = [others.as_slice(), between, pairs.as_bytes()].concat();
        match HeaderValue::from_bytes(&line) {
            Ok(line) if !line.is_empty() => headers.insert(header::COOKIE, line),
            _ => headers.remove(header::COOKIE),
        };
        self.is_attached = true;
        true
    }

    /// An answer beside this one may have set the session's cookie anew since it was asked whose it is, as some shops do with each answer: then it
    /// is asked again, and nothing else of the session has to be other than it was.
    pub(super) async fn attach_or_ask(
        &mut self,
        entry: &Arc<Entry>,
        headers: &mut HeaderMap,
        others: &[u8],
    ) -> Result<Passage, Error> {
        let mut asked = 0;
        while !self.attach(entry, headers, others) {
            if asked == ASKS || entry.lock().jar.is_known {
                return Ok(self.again());
            }
            asked += 1;
            if let Some(passage) = self.settle(entry).await? {
                return Ok(passage);
            }
            if self.is_without || self.held.is_none() {
                return Ok(self.again());
            }
        }
        Ok(Passage::On)
    }

    /// On, and nobody looks who the shop takes it for: then nothing goes along by which the shop could.
    pub(super) fn on_without(headers: &mut HeaderMap) -> Passage {
        headers.remove(header::COOKIE);
        Passage::On
    }

    /// Somebody signs in with this answer, and the file may not know all that the shop gives them: a cookie that keeps people
    /// signed in is as good as the session. What no script can read stays here for good, and goes to the shop from here; anything
    /// else waits for the second factor, where that is asked for.
    pub(super) fn hold_lines_back(&self, entry: &Arc<Entry>, headers: &mut HeaderMap, is_held: bool) {
        let lines: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
        headers.remove(header::SET_COOKIE);
        for line in lines {
            let text = String::from_utf8_lossy(line.as_bytes()).into_owned();
            let cookie = CookieLine::parse(&text);
            let is_free = cookie.as_ref().is_some_and(|cookie| {
                cookie.is_removal || self.guard.adapter.cookies.are_let_through(cookie.name)
            });
            match cookie {
                Some(cookie) if !is_free && cookie.is_http_only => {
                    entry.lock().jar.take(&cookie);
                }
                _ if !is_free && is_held => entry.lock().jar.wait_with(&text),
                _ => {
                    headers.append(header::SET_COOKIE, line);
                }
            }
        }
        if !matches!(entry.lock().jar.phase, Phase::Ended) {
            self.guard.handles.note_change(entry);
        }
    }

    /// Takes the shop's session cookies out of the answer, and those that came with a sign-in.
    pub(super) fn take_lines(&self, headers: &mut HeaderMap) -> Vec<String> {
        let (mut kept, mut others) = (Vec::new(), Vec::new());
        for line in headers.get_all(header::SET_COOKIE) {
            let text = String::from_utf8_lossy(line.as_bytes()).into_owned();
            let name = text.split(['=', ';']).next().unwrap_or("").trim().to_owned();
            let is_here = || self.held.as_ref().is_some_and(|held| held.entry.lock().jar.has(&name));
            if self.guard.adapter.cookies.are_kept(&name) || is_here() {
                kept.push(text);
            } else if !name.starts_with(OWN_COOKIES) {
                others.push(line.clone());
            }
        }
        headers.remove(header::SET_COOKIE);
        for line in others {
            headers.append(header::SET_COOKIE, line);
        }
        kept
    }
}

/// What came along by which a shop may know somebody, past what was taken out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CameWith {
    pub cookies: bool,
    pub authorization: bool,
}

impl CameWith {
    pub(super) const fn is_any(self) -> bool {
        self.cookies || self.authorization
    }
}

/// A cookie's name as a lenient shop would read it.
fn decoded(name: &str) -> String {
    let out = storeward_base::percent_decode(name.trim().as_bytes(), b'+');
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_shops_read_them() {
        for (name, read) in [("sid", "sid"), ("%73id", "sid"), ("s%69d", "sid"), ("a%", "a%"), ("%zz", "%zz")]
        {
            assert_eq!(decoded(name), read);
        }
    }
}

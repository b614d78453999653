//! Clients that solve a puzzle first: who is asked, what they are shown, and the pass they get.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use storeward_host::OwnPages;
use storeward_puzzle::{Answer as Solved, PASS_LIFE, PASS_PATH, Purpose, SCRIPT, SCRIPT_PATH};
use storeward_web::{Cookie, SameSite};

use super::{Answer, Exchange, Stopped};
use crate::access::Verdict;
use crate::canonical::Target;
use crate::pages::{self, Again};

/// Lax: whoever has one comes from a search engine, too.
const PASS: Cookie = Cookie { name: "__Host-storeward-pass", same_site: SameSite::Lax };

/// A place of ours on the shop's host.
pub(super) enum OwnPlace<'a> {
    /// The script that solves puzzles.
    Script,
    /// Where a solved one is changed for a pass.
    Pass,
    Pages(&'a OwnPages),
}

impl<'a> Exchange<'a> {
    pub(super) fn own_place(&self, target: &Target) -> Option<OwnPlace<'a>> {
        match target.path.as_str() {
            SCRIPT_PATH => Some(OwnPlace::Script),
            PASS_PATH => Some(OwnPlace::Pass),
            path => {
                let own = self.core.shared.stages.own.as_ref()?;
                own.takes(&target.host, path).then_some(OwnPlace::Pages(own))
            }
        }
    }
}

impl Exchange<'_> {
    pub(super) fn check_pass(&self, headers: &HeaderMap, target: &Target) -> Result<(), Stopped> {
        let is_asked = self.core.shared.bans.challenges(self.client);
        let leads_to_pass = matches!(target.path.as_str(), SCRIPT_PATH | PASS_PATH);
        if !is_asked || leads_to_pass || self.has_pass(headers) {
            return Ok(());
        }
        Err(Stopped::Challenged)
    }

    pub(super) fn has_pass(&self, headers: &HeaderMap) -> bool {
        PASS.read(headers).is_some_and(|pass| self.core.shared.puzzles.holds(self.client, pass))
    }

    /// The page with the puzzle, or the puzzle for a program.
    pub(super) fn challenge(&mut self) -> Response<Bytes> {
        self.ending.record.verdict = Verdict::Challenged;
        if self.ending.record.reason.is_empty() {
            self.ending.record.reason = "challenge".into();
        }
        let puzzle = self.core.shared.puzzles.ask(Purpose::Pass, self.client);
        let repeats = matches!(self.ending.record.method, Method::GET | Method::HEAD);
        let again = if repeats { Again::Reload } else { Again::GoBack };
        pages::challenge(self.form, &self.live.look, self.id, &puzzle, again)
    }

    /// A solved puzzle for a pass; without one, a puzzle for a program.
    pub(super) fn pass(&mut self, parts: &Parts, body: &[u8]) -> Answer {
        let puzzles = &self.core.shared.puzzles;
        let asks = matches!(parts.method, Method::GET | Method::HEAD);
        let answer = form_field(body, "answer").unwrap_or_default();
        let checked = puzzles.check(Purpose::Pass, self.client, Solved(&answer));
        let code = match checked {
            Ok(()) => {
                let pass = puzzles.pass(self.client);
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                if let Some(line) = PASS.set(pass.expose(), Some(PASS_LIFE.as_secs())) {
                    response.headers_mut().insert(header::SET_COOKIE, line);
                }
                return whole(response);
            }
            Err(_) if asks => "challenge",
            Err(wrong) => {
                self.ending.record.verdict = Verdict::Challenged;
                self.ending.record.reason = format!("puzzle.{wrong:?}").to_lowercase().into();
                "challenge.wrong"
            }
        };
        let puzzle = puzzles.ask(Purpose::Pass, self.client);
        let status = if asks { StatusCode::OK } else { StatusCode::FORBIDDEN };
        let mut response = pages::puzzle_problem(self.id, &puzzle, status, code);
        if asks {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        whole(response)
    }
}

pub(super) fn script() -> Answer {
    let mut response = Response::new(Bytes::from_static(SCRIPT.as_bytes()));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A worker has a policy of its own, and needs nothing.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    whole(response)
}

fn whole(response: Response<Bytes>) -> Answer {
    let (mut parts, body) = response.into_parts();
    parts.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    Answer::Whole(parts, body)
}

/// One field of a form as browsers send it. Base 64 needs no more of the encoding than this.
fn form_field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let pair = text.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?;
    let value = pair.1.replace('+', " ");
    let mut out = String::with_capacity(value.len());
    let mut rest = value.as_str();
    while let Some((plain, coded)) = rest.split_once('%') {
        out.push_str(plain);
        let pair = coded.get(..2).filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(pair, 16).ok().filter(u8::is_ascii)?;
        out.push(char::from(byte));
        rest = coded.get(2..)?;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_as_browsers_write_it() {
        for (body, value) in [
            ("answer=abc", Some("abc")),
            ("x=1&answer=a%2Bb%3D%3d", Some("a+b==")),
            ("answer=", Some("")),
            ("answer=%", None),
            ("answer=%f", None),
            ("answer=%+5", None),
            ("answer=%ff", None),
            ("answers=a", None),
            ("", None),
        ] {
            assert_eq!(form_field(body.as_bytes(), "answer").as_deref(), value, "{body}");
        }
    }
}

//! Which cookies pass: of ours and of the shop's session none, in neither direction.

use storeward_host::OWN_COOKIES;
use storeward_web::http::{HeaderMap, HeaderValue, header};

use super::Crossing;

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

    /// Takes the shop's session cookies out of the answer.
    pub(super) fn take_lines(&self, headers: &mut HeaderMap) -> Vec<String> {
        let (mut kept, mut others) = (Vec::new(), Vec::new());
        for line in headers.get_all(header::SET_COOKIE) {
            let text = String::from_utf8_lossy(line.as_bytes()).into_owned();
            let name = text.split(['=', ';']).next().unwrap_or("").trim().to_owned();
            if self.guard.adapter.cookies.are_kept(&name) {
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

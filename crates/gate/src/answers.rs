//! What the gate answers in the shop's place.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// An answer in the shop's place.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub status: StatusCode,
    /// Stable, for programs.
    pub code: &'static str,
    pub title: &'static str,
}

pub const SIGN_IN: Held = Held {
    status: StatusCode::UNAUTHORIZED,
    code: "gate.sign_in",
    title: "This is for staff: sign in first",
};
pub const FRESH: Held = Held {
    status: StatusCode::FORBIDDEN,
    code: "gate.fresh_factor",
    title: "Show your second factor once more",
};
pub const FACTOR: Held =
    Held { status: StatusCode::FORBIDDEN, code: "gate.factor", title: "This gate takes passkeys only" };
pub const GROUP: Held =
    Held { status: StatusCode::FORBIDDEN, code: "gate.group", title: "You may not pass this gate" };
pub const AMBIGUOUS: Held = Held {
    status: StatusCode::BAD_REQUEST,
    code: "gate.ambiguous",
    title: "This address can be read in two ways",
};
pub const FOREIGN: Held =
    Held { status: StatusCode::FORBIDDEN, code: "gate.foreign", title: "Another site asked for this" };
pub const UNAVAILABLE: Held = Held {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "gate.unavailable",
    title: "Nobody can be let through for the moment",
};

impl Held {
    /// A program is told (RFC 9457), with the address where a person can go on.
    pub fn problem(self, sign_in: Option<&str>) -> Response<Bytes> {
        let mut problem = serde_json::json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "code": self.code,
        });
        if let (Some(place), Some(fields)) = (sign_in, problem.as_object_mut()) {
            fields.insert("sign_in".to_owned(), place.into());
        }
        let mut answer = Response::new(Bytes::from(problem.to_string()));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        uncached(headers);
        answer
    }
}

/// A person is led on: 303, so that what they sent is not sent again.
pub fn lead(place: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(place) = HeaderValue::try_from(place) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    uncached(answer.headers_mut());
    answer
}

fn uncached(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
}

/// What passed a gate is for whoever passed it: no cache on the way may keep it for others.
pub fn keep_private(headers: &mut HeaderMap) {
    for name in ["cdn-cache-control", "surrogate-control", "x-accel-expires"] {
        headers.remove(name);
    }
    let lines: Vec<&str> =
        headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok()).collect();
    let words = lines.iter().flat_map(|line| line.split(',')).map(str::trim).filter(|word| !word.is_empty());
    let mut kept: Vec<&str> = Vec::new();
    let mut is_private = false;
    for word in words {
        let name = word.split('=').next().unwrap_or("").trim();
        is_private |= word.eq_ignore_ascii_case("private") || name.eq_ignore_ascii_case("no-store");
        if !["public", "s-maxage"].iter().any(|open| name.eq_ignore_ascii_case(open)) {
            kept.push(word);
        }
    }
    if !is_private {
        kept.push("private");
    }
    if let Ok(line) = HeaderValue::try_from(kept.join(", ")) {
        headers.insert(header::CACHE_CONTROL, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cache_on_the_way_keeps_what_passed() {
        for (lines, kept) in [
            (&[][..], "private"),
            (&["public, max-age=60, s-maxage=600"], "max-age=60, private"),
            (&["max-age=60", "public"], "max-age=60, private"),
            (&["no-store"], "no-store"),
            (&["Private, max-age=1"], "Private, max-age=1"),
            (&["private=\"set-cookie\", max-age=1"], "private=\"set-cookie\", max-age=1, private"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("surrogate-control", HeaderValue::from_static("max-age=60"));
            for line in lines {
                headers.append(header::CACHE_CONTROL, HeaderValue::from_static(line));
            }
            keep_private(&mut headers);
            let found: Vec<_> = headers.get_all(header::CACHE_CONTROL).iter().collect();
            assert_eq!(found, [kept], "{lines:?}");
            assert!(!headers.contains_key("surrogate-control"));
        }
    }
}

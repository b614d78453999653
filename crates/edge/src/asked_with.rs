//! The fields of a request that tell of its sender, gathered in one pass: reading the few there are costs less than asking
//! the map for each.

use http::header::{self, HeaderMap, HeaderValue};

/// The first line of each; most requests lack most.
#[derive(Clone, Copy, Debug, Default)]
pub struct AskedWith<'h> {
    pub accept: Option<&'h HeaderValue>,
    pub accept_language: Option<&'h HeaderValue>,
    pub content_type: Option<&'h HeaderValue>,
    pub user_agent: Option<&'h HeaderValue>,
    pub referer: Option<&'h HeaderValue>,
    pub origin: Option<&'h HeaderValue>,
    pub requested_with: Option<&'h HeaderValue>,
    pub fetch_site: Option<&'h HeaderValue>,
    pub fetch_mode: Option<&'h HeaderValue>,
    pub fetch_dest: Option<&'h HeaderValue>,
    pub fetch_user: Option<&'h HeaderValue>,
    /// Why a browser asks ahead of its person: `Sec-Purpose`, and what it was called before.
    pub purpose: Option<&'h HeaderValue>,
    /// What a mark on a picture or a link makes Chrome ask for by itself.
    pub attribution: Option<&'h HeaderValue>,
}

impl<'h> From<&'h HeaderMap> for AskedWith<'h> {
    fn from(headers: &'h HeaderMap) -> Self {
        let mut asked = AskedWith::default();
        for (name, value) in headers {
            let place = match *name {
                header::ACCEPT => &mut asked.accept,
                header::ACCEPT_LANGUAGE => &mut asked.accept_language,
                header::CONTENT_TYPE => &mut asked.content_type,
                header::USER_AGENT => &mut asked.user_agent,
                header::REFERER => &mut asked.referer,
                header::ORIGIN => &mut asked.origin,
                ref other => match other.as_str() {
                    "x-requested-with" => &mut asked.requested_with,
                    "sec-fetch-site" => &mut asked.fetch_site,
                    "sec-fetch-mode" => &mut asked.fetch_mode,
                    "sec-fetch-dest" => &mut asked.fetch_dest,
                    "sec-fetch-user" => &mut asked.fetch_user,
                    "sec-purpose" | "purpose" | "x-purpose" | "x-moz" => &mut asked.purpose,
                    "attribution-reporting-eligible" => &mut asked.attribution,
                    _ => continue,
                },
            };
            place.get_or_insert(value);
        }
        asked
    }
}

/// The value as text, where it is one.
pub fn told(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| value.to_str().ok())
}

/// The value as text; nothing where it is missing or none.
pub fn text(value: Option<&HeaderValue>) -> &str {
    told(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the map would have said.
    #[test]
    fn the_first_line_counts() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-requested-with", "XMLHttpRequest"),
            ("origin", "https://a.example"),
            ("accept", "text/html"),
            ("origin", "https://b.example"),
            ("accept", "application/json"),
            ("sec-fetch-mode", "cors"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let asked = AskedWith::from(&headers);
        assert_eq!(asked.accept, headers.get("accept"));
        assert_eq!(asked.origin, headers.get("origin"));
        assert_eq!(asked.requested_with, headers.get("x-requested-with"));
        assert_eq!(asked.fetch_mode, headers.get("sec-fetch-mode"));
        assert_eq!((asked.user_agent, asked.fetch_user), (None, None));
    }
}

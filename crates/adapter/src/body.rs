//! The credentials in a request's body.

use serde_json::Value;
use storeward_base::Secret;

use crate::door::Asked;
use crate::json::Tree;
use crate::kind::Kind;
use crate::model::{BodyKind, Door};
use crate::{multipart, text};

/// What somebody typed, or a program sent. `Debug` shows neither.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account's name as typed: an e-mail address, a user name. Personal data.
    pub user: Secret<String>,
    pub password: Secret<String>,
}

/// Why a body is not read. The door decides what that means: closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A field is missing or empty.
    Fields,
    /// The name or the password is there twice, in whatever spelling: the shop may read the other one.
    Twice,
    /// Not of the announced form.
    Form,
}

/// Whether shops could read a form in two ways, by what announces it or by itself.
pub fn is_doubtful(content_type: &str, body: &[u8], is_whole: bool) -> bool {
    match Kind::of(content_type) {
        Kind::Pairs | Kind::Other => false,
        Kind::Doubtful => true,
        Kind::Parts(boundary) => {
            multipart::fields(boundary, body).is_none() || (is_whole && !multipart::is_closed(boundary, body))
        }
    }
}

/// A whole form in parts without what its files hold, where that is beyond doubt and not longer than `most`: it has the same fields.
pub fn outline(content_type: &str, body: &[u8], most: usize) -> Option<Vec<u8>> {
    match Kind::of(content_type) {
        Kind::Parts(boundary) => multipart::outline(boundary, body, most),
        Kind::Pairs | Kind::Other | Kind::Doubtful => None,
    }
}

/// What stands before the last field of a form that was cut: the boundary has to be there whole, for a field may hold lines of dashes.
pub fn before_last_field<'b>(content_type: &str, body: &'b [u8]) -> &'b [u8] {
    let at = match Kind::of(content_type) {
        Kind::Parts(boundary) => memchr::memmem::rfind(body, format!("\r\n--{boundary}").as_bytes()),
        Kind::Pairs | Kind::Other | Kind::Doubtful => memchr::memrchr(b'&', body),
    };
    at.and_then(|at| body.get(..at)).unwrap_or_default()
}

/// The fields of a form, of which the end may be missing; nothing where it is in doubt. Frameworks that take JSON for a form find
/// its fields there, too.
pub(crate) fn fields(content_type: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    match Kind::of(content_type) {
        Kind::Doubtful => None,
        Kind::Parts(boundary) => multipart::fields(boundary, body),
        Kind::Pairs => Some(text::form_fields(body).collect()),
        Kind::Other => match parsed(body) {
            Ok(Value::Object(fields)) => {
                let texts = fields.into_iter().filter_map(|(name, value)| match value {
                    Value::String(text) => Some((name, text)),
                    _ => None,
                });
                Some(texts.collect())
            }
            Ok(_) | Err(_) => Some(text::form_fields(body).collect()),
        },
    }
}

/// The fields of a form, and those of the query, which some shops take where the form has none of that name (PrestaShop).
struct Typed {
    body: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Typed {
    fn of(asked: &Asked<'_>, body: &[u8]) -> Option<Self> {
        let query = text::form_fields(asked.query.unwrap_or_default().as_bytes());
        let body = if body.is_empty() { Vec::new() } else { fields(asked.content_type, body)? };
        Some(Typed { body, query: query.collect() })
    }

    /// What stands in the fields of these names.
    fn values(&self, names: &[String]) -> Vec<&String> {
        let is_one = |(name, _): &&(String, String)| names.iter().any(|wanted| text::is_field(name, wanted));
        let in_body: Vec<_> = self.body.iter().filter(is_one).collect();
        let found = if in_body.is_empty() { self.query.iter().filter(is_one).collect() } else { in_body };
        found.into_iter().map(|(_, value)| value).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.body.iter().chain(&self.query).any(|(known, _)| text::is_mark(known, name))
    }
}

/// The account's name, where it stands there once. Shops guess at bytes that are no text (WordPress: as Latin 1), each in its own way.
fn only_name(values: &[&String]) -> Result<Secret<String>, Unreadable> {
    match values {
        // The shop may read the last of two, and we the first: then neither is the one.
        [_, _, ..] => Err(Unreadable::Twice),
        [name] if name.contains('\u{fffd}') => Err(Unreadable::Form),
        [name] if !name.is_empty() => Ok(Secret::new((*name).clone())),
        [_] | [] => Err(Unreadable::Fields),
    }
}

impl Door {
    /// Reads the credentials of a whole body, or of the `Authorization` header where the door is of that kind.
    pub fn credentials(&self, asked: &Asked<'_>, body: &[u8]) -> Result<Credentials, Unreadable> {
        match self.body {
            BodyKind::Form => {
                let typed = Typed::of(asked, body).ok_or(Unreadable::Form)?;
                let user = only_name(&typed.values(&self.user))?;
                match typed.values(&self.password).as_slice() {
                    [_, _, ..] => Err(Unreadable::Twice),
                    [password] if !password.is_empty() => {
                        Ok(Credentials { user, password: Secret::new((*password).clone()) })
                    }
                    [_] | [] => Err(Unreadable::Fields),
                }
            }
            BodyKind::Json => self.credentials_in_json(asked, body),
            BodyKind::Graphql => self.graphql(&Tree::parse(body)?),
            BodyKind::XmlRpc => xml_rpc(body),
            BodyKind::Basic => basic(asked.authorization.ok_or(Unreadable::Fields)?),
        }
    }

    /// Reads a form that signs in as this door's does, on whatever page: `None` where a name, a password or the mark of the form is
    /// missing. Two passwords are none the less one guess at the name.
    pub(crate) fn credentials_elsewhere(
        &self,
        asked: &Asked<'_>,
        body: &[u8],
    ) -> Option<Result<Credentials, Unreadable>> {
        if self.user.is_empty() || self.password.is_empty() {
            return None;
        }
        let typed = Typed::of(asked, body)?;
        if self.marker.as_ref().is_some_and(|marker| !typed.has(marker)) {
            return None;
        }
        let password = typed.values(&self.password).into_iter().find(|password| !password.is_empty())?;
        match only_name(&typed.values(&self.user)) {
            Err(Unreadable::Fields) => None,
            name => Some(name.map(|user| Credentials { user, password: Secret::new(password.clone()) })),
        }
    }

    /// Whether the field that tells this form from others of the same address is there.
    pub(crate) fn has_marker(&self, content_type: &str, body: &[u8]) -> bool {
        let Some(marker) = &self.marker else { return true };
        has_field(content_type, body, |name| text::is_mark(name, marker))
    }

    /// Whether the form has the field of this door's password.
    pub(crate) fn holds_password(&self, content_type: &str, body: &[u8]) -> bool {
        has_field(content_type, body, |name| self.password.iter().any(|wanted| text::is_field(name, wanted)))
    }

    /// Whether a JSON body, or a call of a batch in it, has what tells this door from others of the same address. What cannot be read
    /// may have it.
    pub(crate) fn has_pointed(&self, body: &[u8]) -> bool {
        let Some(marker) = &self.marker else { return true };
        Tree::parse(body).map_or(true, |tree| tree.calls().iter().any(|call| !call.all_at(marker).is_empty()))
    }
}

fn has_field(content_type: &str, body: &[u8], is_one: impl Fn(&str) -> bool) -> bool {
    fields(content_type, body).is_some_and(|all| all.iter().any(|(name, _)| is_one(name)))
}

fn parsed(body: &[u8]) -> Result<Value, Unreadable> {
    serde_json::from_slice(body).map_err(|_| Unreadable::Form)
}

/// The first two strings among the call's parameters. WordPress puts a blog's number before them in some calls.
fn xml_rpc(body: &[u8]) -> Result<Credentials, Unreadable> {
    let page = std::str::from_utf8(body).map_err(|_| Unreadable::Form)?;
    let (_, params) = page.split_once("<params>").ok_or(Unreadable::Form)?;
    let mut strings = params.split("<value>").skip(1).filter_map(|value| {
        let value = value.split("</value>").next()?.trim();
        let inner = match value.strip_prefix("<string>") {
            Some(typed) => typed.split("</string>").next()?,
            None if value.starts_with('<') => return None,
            None => value,
        };
        let inner = inner.strip_prefix("<![CDATA[").and_then(|t| t.strip_suffix("]]>")).unwrap_or(inner);
        Some(text::unescape(inner)).filter(|t| !t.is_empty())
    });
    match (strings.next(), strings.next()) {
        (Some(user), Some(password)) => {
            Ok(Credentials { user: Secret::new(user), password: Secret::new(password) })
        }
        _ => Err(Unreadable::Fields),
    }
}

/// RFC 7617.
fn basic(header: &str) -> Result<Credentials, Unreadable> {
    let (scheme, encoded) = header.trim().split_once(' ').ok_or(Unreadable::Form)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Unreadable::Form);
    }
    let bytes = decode_base64(encoded.trim()).ok_or(Unreadable::Form)?;
    let pair = String::from_utf8(bytes).map_err(|_| Unreadable::Form)?;
    let (user, password) = pair.split_once(':').ok_or(Unreadable::Form)?;
    if user.is_empty() || password.is_empty() {
        return Err(Unreadable::Fields);
    }
    Ok(Credentials { user: Secret::new(user.to_owned()), password: Secret::new(password.to_owned()) })
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xFF).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;

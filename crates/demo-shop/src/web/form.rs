//! Posted forms: read within limits, and only with the CSRF token of the visitor's own session.

use std::collections::HashMap;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::StatusCode;

use crate::web::fail::Fail;
use crate::web::visitor::Visitor;

/// A form whose CSRF token was right.
pub struct Posted {
    pub visitor: Visitor,
    pub fields: Fields,
}

pub struct Fields(HashMap<String, String>);

impl Fields {
    /// A field without the blanks around it; empty if it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    /// As typed: blanks belong to a password.
    pub fn password(&self) -> &str {
        self.0.get("password").map_or("", String::as_str)
    }

    /// One line of 1 to `most` characters, or nothing.
    pub fn line(&self, name: &str, most: usize) -> Option<String> {
        let value = self.get(name);
        let fits = (1..=most).contains(&value.chars().count()) && !value.chars().any(char::is_control);
        fits.then(|| value.to_owned())
    }

    /// Several lines of 1 to `most` characters in all, or nothing.
    pub fn text(&self, name: &str, most: usize) -> Option<String> {
        let value = self.get(name);
        (1..=most).contains(&value.chars().count()).then(|| value.to_owned())
    }

    /// A whole number in this range, or nothing.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        self.get(name).parse().ok().filter(|number| range.contains(number))
    }
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Fail;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fail> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, state).await?;
        let form =
            Form::<HashMap<String, String>>::from_request(Request::from_parts(parts, body), state).await;
        let Form(fields) = form.map_err(|cause| refusal(&cause))?;
        let fields = Fields(fields);
        visitor.check_csrf(fields.get("csrf"))?;
        Ok(Posted { visitor, fields })
    }
}

fn refusal(cause: &FormRejection) -> Fail {
    if cause.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fail::TooLarge;
    }
    Fail::Invalid("The form could not be read. Please go back and send it again.")
}

/// Good enough to catch a slip of the finger; only a message sent there could prove more.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', '<', '>', '"', ',']);
    plain(local)
        && plain(domain)
        && domain.contains('.')
        && text.len() <= 200
        && !text.contains(char::is_whitespace)
}

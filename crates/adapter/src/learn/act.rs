//! Acts that the owner did while they were looked at: a change of the address, of the password.

use super::door::{attempts, signed_in};
use super::script::is_secret;
use super::{By, Watched, is_out};

/// A request that changes what an account is opened by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActSeen {
    pub method: String,
    /// Parts of it that are a number or a key stand as `{any}`: they are this account's alone.
    pub path: String,
    /// Of a GraphQL call.
    pub operation: Option<String>,
    pub address: Option<AddressIn>,
}

/// Where a text stands that is called as addresses are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressIn {
    /// In this field of a form.
    Field(String),
    /// In what a script sends.
    Script,
}

/// More of them than any account has.
const MOST: usize = 20;

/// What was sent behind the sign-in with a password or an address in it, and was neither a sign-in nor a way out.
pub(super) fn acts(watched: &[Watched]) -> Vec<ActSeen> {
    let Some(first) = signed_in(watched) else { return Vec::new() };
    let tries: Vec<_> = attempts(watched).into_iter().map(|attempt| attempt.at).collect();
    let mut found: Vec<ActSeen> = Vec::new();
    for (at, seen) in watched.iter().enumerate().skip(first.at + 1) {
        let changes = ["POST", "PUT", "PATCH", "DELETE"].contains(&seen.method.as_str());
        if seen.by != By::Owner || !changes || tries.contains(&at) || is_out(&seen.path) || seen.status >= 400
        {
            continue;
        }
        let calls = seen.json.as_ref().filter(|json| json.is_graphql());
        let operation = calls.map(|json| json.plain().map(|(operation, _)| operation.to_owned()));
        let names = seen.json.iter().flat_map(|json| &json.texts).chain(&seen.fields);
        // A call that names its values itself says nothing of them, and cannot be told from others.
        if !names.into_iter().any(|name| is_telling(name)) || operation == Some(None) {
            continue;
        }
        let act = ActSeen {
            method: seen.method.clone(),
            path: general(&seen.path),
            operation: operation.flatten(),
            address: match &seen.json {
                Some(json) => json.texts.iter().any(|name| is_mail(name)).then_some(AddressIn::Script),
                None if seen.method == "POST" => mail_field(&seen.fields).map(AddressIn::Field),
                None => None,
            },
        };
        if !found.contains(&act) && found.len() < MOST {
            found.push(act);
        }
    }
    found
}

fn is_telling(name: &str) -> bool {
    is_secret(name) || is_mail(name)
}

fn is_mail(name: &str) -> bool {
    name.to_lowercase().contains("mail")
}

/// The one beside it repeats the address, and is called longer.
fn mail_field(fields: &[String]) -> Option<String> {
    fields.iter().filter(|name| is_mail(name)).min_by_key(|name| name.len()).cloned()
}

fn general(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let is_key = |part: &str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let hex = part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        digits > 0 && (digits == part.len() || (hex && part.len() >= 16))
    };
    let parts: Vec<_> = path.split('/').map(|part| if is_key(part) { "{any}" } else { part }).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_this_accounts_alone_stands_for_all() {
        for (path, expected) in [
            ("/account/email", "/account/email"),
            ("/users/42/email", "/users/{any}/email"),
            ("/u/0f8fad5b-d9cb-469f-a165-70867728950e", "/u/{any}"),
            ("/v2/me?x=1", "/v2/me"),
            ("/deadbeef", "/deadbeef"),
        ] {
            assert_eq!(general(path), expected);
        }
    }
}

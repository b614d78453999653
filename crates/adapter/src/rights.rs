//! What the shop itself says of the rights of whoever is signed in. A page that stays shut says little: a plugin may have shut it, or
//! it takes a right that this member of staff does not have.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::error::AdapterError;
use crate::model::{Adapter, Rights, check_path};
use crate::place;

/// Where the shop tells it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldRights {
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    #[serde(default)]
    pub nonce: Option<Nonce>,
    /// A JSON pointer (RFC 6901): a list of rights, or an object of rights that counts those that are not `false`.
    pub rights: String,
    /// All that customers have. Whoever has another one is staff.
    pub customer: Vec<String>,
}

/// What the question has to bear, as the shop's own scripts send it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nonce {
    /// It is the whole answer there.
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    pub header: String,
}

/// The most that a nonce may be long.
const MOST_NONCE: usize = 100;

impl ToldRights {
    pub fn target(&self) -> String {
        place::target(&self.path, &self.query)
    }

    /// A customer only by a plain word.
    pub fn read(&self, status: u16, body: &[u8]) -> Rights {
        let told = (status == 200).then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
        let Some(rights) = told.as_ref().and_then(|told| told.pointer(&self.rights)) else {
            return Rights::Unsaid;
        };
        let is_customers = |name: &str| self.customer.iter().any(|known| known == name);
        let only_customers = match rights {
            Value::Object(rights) => rights
                .iter()
                .filter(|(_, has)| **has != Value::Bool(false))
                .all(|(name, _)| is_customers(name)),
            Value::Array(rights) => rights.iter().all(|name| name.as_str().is_some_and(is_customers)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Rights::Unsaid,
        };
        if only_customers { Rights::Customer } else { Rights::Staff }
    }
}

impl ToldRights {
    pub(crate) fn check(&self) -> Result<(), AdapterError> {
        let misfit = |field: &str, what: String| AdapterError::new(format!("staff.probe.told.{field}"), what);
        check_path(&self.path).map_err(|what| misfit("path", what))?;
        if !self.rights.starts_with('/') {
            return Err(misfit("rights", "a JSON pointer begins with /".to_owned()));
        }
        if let Some(nonce) = &self.nonce {
            check_path(&nonce.path).map_err(|what| misfit("nonce.path", what))?;
        }
        Ok(())
    }
}

impl Adapter {
    /// The same shop, whose customers have these rights besides: a forum's, a club's.
    pub fn with_customer_rights(mut self, more: &[String]) -> Self {
        if let Some(told) = self.staff.probe.as_mut().and_then(|probe| probe.told.as_mut()) {
            told.customer.extend(more.iter().cloned());
        }
        self
    }
}

impl Nonce {
    pub fn target(&self) -> String {
        place::target(&self.path, &self.query)
    }

    pub fn read(&self, status: u16, body: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(body).ok()?.trim();
        let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (status == 200 && is_plain && (4..=MOST_NONCE).contains(&text.len())).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use crate::by_name;

    use super::*;

    fn wordpress() -> ToldRights {
        by_name("wordpress").unwrap().staff.probe.unwrap().told.unwrap()
    }

    // A plugin's own refusal, or a role without the one right that was asked after, made the owner a customer.
    #[test]
    fn a_customer_is_who_has_a_customers_rights_and_no_other() {
        let told = wordpress();
        for (status, body, rights) in [
            (
                200,
                r#"{"roles":["subscriber"],"capabilities":{"read":true,"level_0":true,"subscriber":true}}"#,
                Rights::Customer,
            ),
            (200, r#"{"roles":["customer"],"capabilities":{"read":true,"customer":true}}"#, Rights::Customer),
            (200, r#"{"capabilities":{"read":true,"edit_posts":false}}"#, Rights::Customer),
            (200, r#"{"roles":[],"capabilities":{}}"#, Rights::Customer),
            (200, r#"{"roles":[],"capabilities":[]}"#, Rights::Customer),
            // Somebody's own role for the packers.
            (
                200,
                r#"{"roles":["packer"],"capabilities":{"read":true,"list_users":true,"packer":true}}"#,
                Rights::Staff,
            ),
            (200, r#"{"capabilities":{"read":true,"moderate_comments":1}}"#, Rights::Staff),
            (200, r#"{"capabilities":["read","manage_options"]}"#, Rights::Staff),
            (200, r#"{"capabilities":["read",7]}"#, Rights::Staff),
            (200, r#"{"capabilities":"read"}"#, Rights::Unsaid),
            (200, r#"{"roles":["customer"]}"#, Rights::Unsaid),
            (200, "<p>only for members", Rights::Unsaid),
            (200, "", Rights::Unsaid),
            (401, r#"{"capabilities":{"read":true}}"#, Rights::Unsaid),
            (403, r#"{"code":"rest_disabled"}"#, Rights::Unsaid),
        ] {
            assert_eq!(told.read(status, body.as_bytes()), rights, "{status} {body}");
        }
    }

    #[test]
    fn it_is_asked_as_the_shops_own_scripts_ask() {
        let told = wordpress();
        let target = "/index.php?_fields=roles,capabilities&context=edit&rest_route=/wp/v2/users/me";
        assert_eq!(told.target(), target);
        let nonce = told.nonce.unwrap();
        assert_eq!(nonce.target(), "/wp-admin/admin-ajax.php?action=rest-nonce");
        assert_eq!(nonce.read(200, b"3f0c8a91d2").as_deref(), Some("3f0c8a91d2"));
        for (status, body) in [
            (200, &b"0"[..]),
            (400, b"0123456789"),
            (200, b"<p>Blocked</p>"),
            (200, b""),
            (200, b"a\r\nb: c"),
        ] {
            assert_eq!(nonce.read(status, body), None);
        }
        let folder =
            by_name("wordpress").unwrap().in_folder("/blog").unwrap().staff.probe.unwrap().told.unwrap();
        assert!(folder.target().starts_with("/blog/index.php?"));
        assert!(folder.nonce.unwrap().target().starts_with("/blog/wp-admin/"));
        let shop = by_name("wordpress").unwrap().with_customer_rights(&["participate".to_owned()]);
        let told = shop.staff.probe.unwrap().told.unwrap();
        assert_eq!(told.read(200, br#"{"capabilities":{"read":true,"participate":true}}"#), Rights::Customer);
    }
}

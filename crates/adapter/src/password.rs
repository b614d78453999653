//! The shop's own password: where people change it, and what the shop answers when they have.

use serde::Deserialize;

use crate::body::{self, is_doubtful};
use crate::door::Asked;
use crate::error::AdapterError;
use crate::model::{Adapter, check_path};
use crate::{place, text};

/// Where the shop's own password is changed or recovered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// The page that people are led to, signed in or not. Without it: the page where they sign in.
    #[serde(default)]
    pub page: Option<String>,
    /// The forms by which whoever is signed in changes it.
    #[serde(default, rename = "form")]
    pub forms: Vec<PasswordForm>,
}

/// A form by which whoever is signed in changes their password. A shop says that it took one by leading on (301, 302, 303).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    /// Where it is sent to.
    pub path: String,
    /// The field of the new password.
    pub field: String,
    /// A field without which the shop passes over the new password: a box to tick.
    #[serde(default)]
    pub ticked: Option<String>,
    /// Where the shop leads when it took it, if it leads on when it did not, too. Never counted: where people sign in.
    #[serde(default)]
    pub leads_to: Vec<String>,
}

impl Password {
    pub(crate) fn check(&self) -> Result<(), AdapterError> {
        if let Some(page) = &self.page {
            let path = page.split('?').next().unwrap_or_default();
            check_path(path).map_err(|what| AdapterError::new("password.page", what))?;
        }
        for (at, form) in self.forms.iter().enumerate() {
            for path in form.leads_to.iter().chain([&form.path]) {
                check_path(path).map_err(|what| AdapterError::new(format!("password.form[{at}]"), what))?;
            }
            if form.field.is_empty() {
                let what = "name the field of the new password";
                return Err(AdapterError::new(format!("password.form[{at}].field"), what));
            }
        }
        Ok(())
    }

    pub(crate) fn paths(&mut self) -> impl Iterator<Item = &mut String> {
        let forms = self.forms.iter_mut().flat_map(|form| form.leads_to.iter_mut().chain([&mut form.path]));
        self.page.iter_mut().chain(forms)
    }
}

impl Adapter {
    /// Where people change or recover the shop's own password.
    pub fn password_page(&self) -> Option<String> {
        self.password.page.clone().or_else(|| self.sign_in_page())
    }

    fn password_form(&self, asked: &Asked<'_>) -> Option<&PasswordForm> {
        let is_form = asked.method.eq_ignore_ascii_case("POST") && asked.authorization.is_none();
        self.password.forms.iter().find(|form| is_form && place::is(&form.path, asked.path))
    }

    /// Whether a form may be one by which a password is changed.
    pub fn is_password_form(&self, asked: &Asked<'_>) -> bool {
        self.password_form(asked).is_some()
    }

    /// The form by which a new password is chosen, where this is one, whole and read in one way only.
    pub fn new_password(&self, asked: &Asked<'_>, body: &[u8]) -> Option<&PasswordForm> {
        let form = self.password_form(asked)?;
        let fields = body::fields(asked.content_type, body)
            .filter(|_| !is_doubtful(asked.content_type, body, true))?;
        // PHP takes an empty text and `0` for no.
        let is_yes = |value: &String| !matches!(value.as_str(), "" | "0");
        let is_ticked =
            |field: &String| fields.iter().any(|(name, value)| text::is_field(name, field) && is_yes(value));
        if !form.ticked.iter().all(is_ticked) {
            return None;
        }
        let mut values = fields.iter().filter(|(name, _)| text::is_field(name, &form.field));
        match (values.next(), values.next()) {
            (Some((_, value)), None) if !value.is_empty() => Some(form),
            _ => None,
        }
    }

    /// Whether the shop's answer to such a form says that it took the new password. `leads_to` is the path that it leads to.
    pub fn took_password(&self, form: &PasswordForm, status: u16, leads_to: Option<&str>) -> bool {
        let (true, Some(path)) = (matches!(status, 301..=303), leads_to) else { return false };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        // Whoever is signed in no more is led there, and nothing was changed.
        !self.is_sign_in_page(path)
            && (form.leads_to.is_empty() || form.leads_to.iter().any(|to| place::is(to, path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::by_name;

    fn asked<'a>(method: &'a str, path: &'a str) -> Asked<'a> {
        let content_type = "application/x-www-form-urlencoded";
        Asked { method, path, query: None, content_type, authorization: None }
    }

    #[test]
    fn a_new_password_is_one_when_the_shop_took_it() {
        let took = |shop: &str, path: &str, body: &str, status, to| {
            let shop = by_name(shop).unwrap();
            let form = shop.new_password(&asked("POST", path), body.as_bytes())?;
            Some(shop.took_password(form, status, to))
        };
        let django = "old_password=a&new_password1=b&new_password2=b";
        let path = "/en-gb/accounts/change-password/";
        for (status, to, expected) in [
            (302, Some("/en-gb/accounts/profile/"), true),
            (200, None, false),
            (403, Some("/en-gb/accounts/profile/"), false),
            // The shop's session was over.
            (302, Some("/en-gb/accounts/login/?next=/en-gb/accounts/change-password/"), false),
            (302, None, false),
        ] {
            assert_eq!(took("django-oscar", path, django, status, to), Some(expected), "{status} {to:?}");
        }
        // No password is chosen.
        for body in ["new_password1=", "old_password=a", "new_password1=a&new_password1=b", ""] {
            assert_eq!(took("django-oscar", path, body, 302, Some("/en-gb/accounts/profile/")), None);
        }
        let details = "account_email=a%40b.example&password_1=new&password_2=new";
        let woo = "/shop/my-account/edit-account/";
        assert_eq!(took("wordpress", woo, details, 302, Some("/shop/my-account/")), Some(true));
        assert_eq!(took("wordpress", woo, "account_email=x&password_1=", 302, Some("/")), None);
        assert_eq!(took("wordpress", woo, details, 302, Some("/wp-login.php")), Some(false));
        // Magento leads on in any case.
        let edit = "/customer/account/editPost/";
        let new = "change_password=1&password=new";
        assert_eq!(took("magento", edit, new, 302, Some("/customer/account/")), Some(true));
        assert_eq!(took("magento", edit, new, 302, Some("/customer/account/edit/")), Some(false));
        // A browser fills the field in by itself, and Magento passes over it: the stolen password was taken for a new one.
        for body in ["password=new", "change_password=0&password=new", "change_password=&password=new"] {
            assert_eq!(took("magento", edit, body, 302, Some("/customer/account/")), None, "{body}");
        }
    }

    #[test]
    fn people_are_led_to_where_it_is_changed() {
        for (shop, page) in [
            ("wordpress", "/wp-login.php?action=lostpassword"),
            ("django-oscar", "/accounts/change-password/"),
            ("prestashop", "/identity"),
            ("magento", "/customer/account/edit/changepass/1/"),
            ("larkmoor", "/account/sign-in"),
        ] {
            assert_eq!(by_name(shop).unwrap().password_page().as_deref(), Some(page), "{shop}");
        }
        let blog = by_name("wordpress").unwrap().in_folder("/blog").unwrap();
        assert_eq!(blog.password_page().as_deref(), Some("/blog/wp-login.php?action=lostpassword"));
    }
}

//! The back office beyond its paths: sessions of its own, who counts as staff, and by what form a person's address changes.

use crate::body::{self, is_doubtful};
use crate::door::Asked;
use crate::model::{Adapter, BodyKind, Door, DoorKind, Rights, Shown, StaffProbe, StaffSessions};
use crate::{place, text};

impl Adapter {
    /// Whether a path begins as the back office's does. Its end was made up at the installation.
    pub fn is_like_office(&self, path: &str) -> bool {
        let path = place::folded(path);
        // Behind the script that finds its path itself.
        let behind = path.split_once("/index.php").map_or("", |(_, rest)| rest);
        self.staff.like.iter().map(|like| place::folded(like)).any(|like| {
            let begins = |path: &str| path.starts_with(like.as_str());
            begins(&path) || begins(behind)
        })
    }

    /// Whether a second factor of a customer's session says nothing of who is in the back office.
    pub fn has_own_office(&self) -> bool {
        self.staff.sessions == StaffSessions::Own
    }

    /// The page of the shop where people sign in, at its plain address.
    pub fn sign_in_page(&self) -> Option<String> {
        let is_page = |door: &&Door| door.kind == DoorKind::SignIn && door.body == BodyKind::Form;
        let mut paths = self.doors.iter().filter(is_page).flat_map(|door| &door.place.paths);
        let path = paths.find(|path| *path != place::ANYWHERE)?;
        Some(place::plain(path))
    }

    /// Whether people sign in here.
    pub fn is_sign_in_page(&self, path: &str) -> bool {
        let is_here = |p: &String| *p != place::ANYWHERE && place::is(p, path);
        let mut doors = self.doors.iter().filter(|door| door.kind == DoorKind::SignIn);
        doors.any(|door| door.place.paths.iter().any(is_here))
    }

    /// Whether a form goes to where people change the address that the shop names them by.
    pub fn is_address_form(&self, asked: &Asked<'_>) -> bool {
        let form = self.signed_in.renamed.as_ref();
        let is_there = form.is_some_and(|form| place::is(&form.path, asked.path));
        is_there && asked.method.eq_ignore_ascii_case("POST") && asked.authorization.is_none()
    }

    /// The new address that such a form names. `None` where it is anything else besides: no form that could sign in moves an
    /// account to another name.
    pub fn renamed_to(&self, asked: &Asked<'_>, body: &[u8]) -> Option<String> {
        let form = self.signed_in.renamed.as_ref().filter(|_| self.is_address_form(asked))?;
        let fields = body::fields(asked.content_type, body)
            .filter(|_| !is_doubtful(asked.content_type, body, true))?;
        let in_query = text::form_fields(asked.query.unwrap_or_default().as_bytes());
        let all: Vec<(String, String)> = in_query.chain(fields).collect();
        let is_named = |wanted: &String| all.iter().any(|(name, _)| text::is_field(name, wanted));
        let signs_in = |door: &Door| match &door.marker {
            Some(marker) => all.iter().any(|(name, _)| text::is_mark(name, marker)),
            None => door.user.iter().any(is_named) && door.password.iter().any(is_named),
        };
        let mut doors = self.doors.iter().filter(|door| door.kind == DoorKind::SignIn);
        if doors.any(signs_in) {
            return None;
        }
        let mut values = all.iter().filter(|(name, _)| text::is_field(name, &form.field));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.trim().to_owned()),
            _ => None,
        }
    }

    /// What the answer of `staff.probe` says. A customer is told by what the shop itself says of the session: [`Rights::Customer`]
    /// counts only where [`Shown::is_of_session`] says so of what it tells somebody without one.
    pub fn rights(&self, probe: &StaffProbe, shown: Shown<'_>) -> Rights {
        let Shown { status, location, body } = shown;
        let is_office = |path: &str| {
            let is_door =
                |door: &Door| door.place.paths.iter().any(|p| p != place::ANYWHERE && place::is(p, path));
            let asked = Asked { method: "GET", path, query: None, content_type: "", authorization: None };
            self.is_back_office(&self.reading(&asked, &[])) || self.doors.iter().any(is_door)
        };
        let leads_away = probe.leads_customers_away
            && (300..400).contains(&status)
            && location.is_some_and(|path| !is_office(path));
        if status == probe.status || !(leads_away || probe.customer.contains(&status)) {
            return Rights::Staff;
        }
        let page = String::from_utf8_lossy(body);
        let is_own = leads_away
            || probe.customer_page.is_empty()
            || probe.customer_page.iter().any(|text| page.contains(text.as_str()));
        if is_own { Rights::Customer } else { Rights::Unsaid }
    }
}

impl Shown<'_> {
    /// Whether the shop tells this session something else than `nobody`, who has none: what stands before the shop, such as a web
    /// server that opens the back office to some networks only, tells both the same.
    pub fn is_of_session(&self, nobody: &Shown<'_>) -> bool {
        (self.status, self.location) != (nobody.status, nobody.location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::by_name;

    const FORM: &str = "application/x-www-form-urlencoded";

    fn posted<'a>(path: &'a str, query: Option<&'a str>) -> Asked<'a> {
        Asked { method: "POST", path, query, content_type: FORM, authorization: None }
    }

    #[test]
    fn what_the_probe_does_not_say_is_staff() {
        let wordpress = by_name("wordpress").unwrap();
        let probe = wordpress.staff.probe.clone().unwrap();
        let own = "<body id=\"error-page\"><div class=\"wp-die-message\">Nein</div>";
        for (status, location, rights) in [
            (200, None, Rights::Staff),
            (403, None, Rights::Customer),
            (404, None, Rights::Customer),
            // WooCommerce's customers.
            (302, Some("/my-account/"), Rights::Customer),
            // The database wants its update; the session is none of the back office's; a plugin.
            (302, Some("/wp-admin/upgrade.php"), Rights::Staff),
            (302, Some("/wp-login.php"), Rights::Staff),
            (302, Some("/blog/wp-login.php"), Rights::Staff),
            (302, None, Rights::Staff),
            (401, None, Rights::Staff),
            (429, None, Rights::Staff),
        ] {
            let shown = |body: &'static str| Shown { status, location, body: body.as_bytes() };
            assert_eq!(wordpress.rights(&probe, shown(own)), rights, "{status} {location:?}");
            // A web server's page is not the shop's word.
            let unsaid =
                if location.is_none() && rights == Rights::Customer { Rights::Unsaid } else { rights };
            assert_eq!(
                wordpress.rights(&probe, shown("<h1>403 Forbidden</h1>")),
                unsaid,
                "{status} {location:?}"
            );
        }
        let shown = |status, location| Shown { status, location, body: b"" };
        let (refused, led) = (shown(403, None), shown(302, Some("/my-account/")));
        for nobody in [shown(302, Some("/wp-login.php")), shown(401, None), shown(200, None)] {
            assert!(refused.is_of_session(&nobody) && led.is_of_session(&nobody));
        }
        assert!(!refused.is_of_session(&refused) && !led.is_of_session(&led));
        let oscar = by_name("django-oscar").unwrap();
        let probe = oscar.staff.probe.clone().unwrap();
        assert_eq!(
            oscar.rights(&probe, shown(302, Some("/"))),
            Rights::Staff,
            "it does not lead customers away"
        );
        assert_eq!(oscar.rights(&probe, shown(403, None)), Rights::Customer);
    }

    // A request that was sensitive and a sign-in at once moved the thief's account to the victim's name.
    #[test]
    fn only_the_form_of_the_address_renames() {
        for (name, path, body, query, expected) in [
            (
                "django-oscar",
                "/accounts/profile/edit/",
                "first_name=a&email=new%40x.example",
                None,
                Some("new@x.example"),
            ),
            ("django-oscar", "/accounts/profile/edit/", "email=v%40x.example&login_submit=1", None, None),
            ("django-oscar", "/accounts/profile/edit/", "email=v%40x.example", Some("login_submit=1"), None),
            (
                "django-oscar",
                "/accounts/profile/edit/",
                "email=v%40x.example&username=v&password=g",
                None,
                None,
            ),
            (
                "django-oscar",
                "/accounts/profile/edit/",
                "email=v%40x.example&email=w%40x.example",
                None,
                None,
            ),
            ("django-oscar", "/accounts/change-password/", "email=v%40x.example", None, None),
            ("django-oscar", "/accounts/login/", "email=v%40x.example", None, None),
            (
                "magento",
                "/customer/account/editPost",
                "email=v%40x.example&current_password=g",
                None,
                Some("v@x.example"),
            ),
            (
                "magento",
                "/customer/account/editPost",
                "email=v%40x.example&login[username]=v&login[password]=g",
                None,
                None,
            ),
            (
                "prestashop",
                "/identity",
                "email=v%40x.example&password=g&submitCreate=1",
                None,
                Some("v@x.example"),
            ),
            ("prestashop", "/identity", "email=v%40x.example&password=g&submitLogin=1", None, None),
            ("prestashop", "/en/identity", "email=v%40x.example&password=g", None, Some("v@x.example")),
            // With the store's code, and where the web server writes no addresses anew.
            ("magento", "/de/customer/account/editPost/", "email=v%40x.example", None, Some("v@x.example")),
            (
                "magento",
                "/index.php/customer/account/editPost",
                "email=v%40x.example",
                None,
                Some("v@x.example"),
            ),
            // Names that never change.
            ("wordpress", "/my-account/edit-account/", "account_email=v%40x.example", None, None),
        ] {
            let adapter = by_name(name).unwrap();
            let found = adapter.renamed_to(&posted(path, query), body.as_bytes());
            assert_eq!(found.as_deref(), expected, "{name} {path} {body}");
            let with = Asked { authorization: Some("Basic ZWxsYTpw"), ..posted(path, query) };
            assert_eq!(adapter.renamed_to(&with, body.as_bytes()), None);
        }
    }

    #[test]
    fn offices_with_made_up_names_are_known_by_their_beginning() {
        let shop = by_name("prestashop").unwrap();
        for (path, expected) in [
            ("/admin123abc/index.php", true),
            ("/Admin4f/index.php/sell/orders", true),
            ("/index.php/admin4f", true),
            ("/login", false),
            ("/3-clothes", false),
        ] {
            assert_eq!(shop.is_like_office(path), expected, "{path}");
        }
        let shop = shop.in_folder("/shop").unwrap();
        assert!(shop.is_like_office("/shop/admin123") && !shop.is_like_office("/admin123"));
        assert!(shop.has_own_office() && !by_name("wordpress").unwrap().has_own_office());
        assert_eq!(by_name("wordpress").unwrap().sign_in_page().as_deref(), Some("/wp-login.php"));
        assert_eq!(by_name("django-oscar").unwrap().sign_in_page().as_deref(), Some("/accounts/login"));
    }
}

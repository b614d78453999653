//! The back office beyond its paths: sessions of its own, and who counts as staff.

use crate::door::Asked;
use crate::model::{Adapter, BodyKind, Door, DoorKind, Rights, Shown, StaffProbe, StaffSessions};
use crate::place;

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

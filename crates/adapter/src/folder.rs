//! Where on its host a shop lies: at the root, or in a folder such as `/shop`.

use crate::error::AdapterError;
use crate::model::{Adapter, check_path};
use crate::place::{self, ANYWHERE, Place};

impl Adapter {
    /// The same shop in a folder: everything that the file names lies below it. Places that are looked for everywhere stay.
    pub fn in_folder(mut self, folder: &str) -> Result<Self, AdapterError> {
        let folder = folder.trim_end_matches('/');
        if folder.is_empty() {
            return Ok(self);
        }
        check_path(folder).map_err(|what| AdapterError::new("folder", what))?;
        let lay = |path: &mut String| {
            if path != "/" && !path.starts_with(ANYWHERE) {
                path.insert_str(0, folder);
            }
        };
        for door in &mut self.doors {
            door.place.paths.iter_mut().for_each(lay);
            if let Some(probe) = &mut door.bearer {
                lay(&mut probe.path);
            }
        }
        if let Some(probe) = &mut self.signed_in.probe {
            lay(&mut probe.path);
        }
        for page in &mut self.signed_in.address {
            lay(&mut page.path);
            page.nonce.iter_mut().for_each(|nonce| lay(&mut nonce.path));
        }
        if let Some(form) = &mut self.signed_in.renamed {
            form.paths.iter_mut().chain(form.scripts.iter_mut().map(|script| &mut script.path)).for_each(lay);
        }
        self.password.paths().for_each(lay);
        if let Some(out) = &mut self.sign_out {
            lay(&mut out.path);
            out.form_page.iter_mut().for_each(lay);
        }
        self.staff.paths.iter_mut().chain(&mut self.staff.except).chain(&mut self.staff.like).for_each(lay);
        if let Some(probe) = &mut self.staff.probe {
            lay(&mut probe.path);
            if let Some(told) = &mut probe.told {
                lay(&mut told.path);
                told.nonce.iter_mut().for_each(|nonce| lay(&mut nonce.path));
            }
        }
        self.staff.acts.iter_mut().chain(&mut self.sensitive).for_each(|place| lay(&mut place.path));
        self.routed.iter_mut().for_each(|routed| lay(&mut routed.path));
        self.static_paths.iter_mut().chain(&mut self.uploads).for_each(lay);
        Ok(self)
    }

    /// The same with the back office under further names, such as the one that Magento and PrestaShop make up when they are
    /// installed: its own door lies there, too.
    pub fn with_back_office(mut self, names: &[String]) -> Result<Self, AdapterError> {
        let known = self.staff.paths.clone();
        for name in names {
            let name = name.trim_end_matches('/');
            check_path(name).map_err(|what| AdapterError::new("back_office", what))?;
            if name.len() < 2 {
                return Err(AdapterError::new("back_office", "the whole shop is no back office"));
            }
            let under = |path: &String| {
                let is_plain = |office: &&String| !office.contains('{');
                let found = known.iter().filter(is_plain).find(|office| place::below(office, path))?;
                path.get(found.len()..).map(|rest| format!("{name}{rest}"))
            };
            for door in &mut self.doors {
                let more: Vec<_> = door.place.paths.iter().filter_map(under).collect();
                door.place.paths.extend(more);
            }
            let more: Vec<_> = self.staff.except.iter().filter_map(under).collect();
            self.staff.except.extend(more);
            let there = |act: &Place| Some(Place { path: under(&act.path)?, ..act.clone() });
            let more: Vec<_> = self.staff.acts.iter().filter_map(there).collect();
            self.staff.acts.extend(more);
            self.staff.paths.push(name.to_owned());
            if let Some((before, last)) = name.rsplit_once('/').filter(|_| self.has_own_office()) {
                self.staff.paths.push(format!("{before}{}/{last}", place::ANY_PART));
            }
        }
        Ok(self)
    }

    /// The folder that a page of the shop gives away: what its addresses have before one of `folder_signs`, most often.
    /// `None` where it names none; empty for the root.
    pub fn folder_of(&self, page: &str) -> Option<String> {
        let mut counts: Vec<(String, usize)> = Vec::new();
        for sign in &self.folder_signs {
            for (at, _) in page.match_indices(sign.as_str()) {
                let Some(folder) = folder_before(page.get(..at).unwrap_or_default()) else { continue };
                match counts.iter_mut().find(|(known, _)| *known == folder) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((folder, 1)),
                }
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(folder, _)| folder)
    }
}

/// The path of the address that ends here.
fn folder_before(page: &str) -> Option<String> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | '=' | '<' | '>' | ',' | '\\');
    let start = page.rfind(ends).map_or(0, |at| at + 1);
    let address = page.get(start..)?;
    let path = match address.split_once("//") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => address,
    };
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~');
    let fits = (path.is_empty() || path.starts_with('/')) && path.len() <= 200 && path.bytes().all(is_plain);
    (fits && !path.contains("..")).then(|| path.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use crate::door::Asked;
    use crate::{Login, by_name};

    fn asked<'a>(method: &'a str, path: &'a str) -> Asked<'a> {
        let content_type = "application/x-www-form-urlencoded";
        Asked { method, path, query: None, content_type, authorization: None }
    }

    #[test]
    fn a_shop_in_a_folder_has_its_doors_there() {
        let shop = by_name("larkmoor").unwrap().in_folder("/shop/").unwrap();
        assert!(matches!(shop.knock(&asked("POST", "/shop/account/sign-in")), Login::At(_)));
        assert!(matches!(shop.knock(&asked("POST", "/account/sign-in")), Login::None));
        assert!(shop.is_sign_out(&asked("POST", "/shop/account/sign-out")));
        assert!(shop.is_static("/shop/img/1.png") && !shop.is_static("/img/1.png"));
        let office = |path| shop.is_back_office(&shop.reading(&asked("GET", path), &[]));
        assert!(office("/shop/admin/users") && office("/Shop//Admin") && !office("/shop/catalogue"));
        assert!(shop.is_sensitive(&shop.reading(&asked("POST", "/shop/account/addresses"), &[])));
        assert_eq!(shop.signed_in.probe.unwrap().path, "/shop/account");
        assert_eq!(by_name("larkmoor").unwrap().in_folder("/").unwrap().staff.paths, ["/admin"]);
        for bad in ["shop", "/a?b", "/a//b", "/%61"] {
            assert!(by_name("larkmoor").unwrap().in_folder(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wordpress_is_guarded_in_whatever_folder_also_where_nobody_said_so() {
        for shop in [by_name("wordpress").unwrap(), by_name("wordpress").unwrap().in_folder("/blog").unwrap()]
        {
            for path in
                ["/blog/wp-login.php", "/wp-login.php", "/a/b/WP-login.php/x", "/blog//wp-login.php;v=1"]
            {
                let door = shop.door(&asked("POST", path), b"log=a&pwd=b").map(|door| door.name.clone());
                assert_eq!(door.as_deref(), Some("wp-login"), "{path}");
                assert!(!matches!(shop.knock(&asked("POST", path)), Login::None), "{path}");
            }
            let office = |method, path| shop.is_back_office(&shop.reading(&asked(method, path), &[]));
            for path in [
                "/blog/wp-admin/users.php",
                "/wp-admin/",
                "/a/b/wp-json/wp/v2/users",
                "/blog/index.php/wp-json/wp/v2/settings",
                "/wc-auth/v1/authorize/",
                "/wp-admin/users.php/wp-admin/admin-ajax.php",
            ] {
                assert!(office("GET", path), "{path}");
            }
            for path in
                ["/blog/wp-admin/admin-ajax.php", "/wp-admin/css/x.css", "/blog/wp-json/wp/v2/users/me"]
            {
                assert!(!office("GET", path), "{path}");
            }
            assert!(office("DELETE", "/blog/wp-json/wp/v2/categories/3"));
            assert!(shop.is_static("/blog/wp-content/x.css") && shop.is_static("/wp-includes/x.js"));
        }
        let blog = by_name("wordpress").unwrap().in_folder("/blog").unwrap();
        assert_eq!(blog.sign_out.unwrap().path, "/blog/wp-login.php");
        let [told, shown, ..] = &blog.signed_in.address[..] else { panic!("it has pages") };
        assert!(told.target().starts_with("/blog/index.php?"));
        assert_eq!(told.nonce.as_ref().unwrap().path, "/blog/wp-admin/admin-ajax.php");
        assert_eq!(shown.path, "/blog/my-account/edit-account/");
    }

    #[test]
    fn a_back_office_has_the_name_that_the_owner_gave_it() {
        let shop = by_name("magento").unwrap().with_back_office(&["/backend_x7/".to_owned()]).unwrap();
        let shop = shop.in_folder("/store").unwrap();
        let office = |path| shop.is_back_office(&shop.reading(&asked("GET", path), &[]));
        assert!(office("/store/backend_x7/sales/order") && office("/store/index.php/backend_x7"));
        assert!(office("/store/admin") && !office("/store/backend"));
        // A store's code, whatever it is.
        for path in
            ["/store/default/admin/", "/store/index.php/english/admin", "/store/default/backend_x7/sales"]
        {
            assert!(office(path), "{path}");
        }
        let body = b"login[username]=a&login[password]=b";
        for path in ["/store/backend_x7", "/store/backend_x7/admin/index/index", "/store/admin"] {
            assert_eq!(shop.door(&asked("POST", path), body).unwrap().name, "back-office", "{path}");
        }
        let presta = by_name("prestashop").unwrap().with_back_office(&["/admin123".to_owned()]).unwrap();
        assert!(presta.is_back_office(&presta.reading(&asked("GET", "/admin123/index.php"), &[])));
        // What an exception leaves out is left out there, too.
        let wordpress = by_name("wordpress").unwrap().with_back_office(&["/backend".to_owned()]).unwrap();
        for (query, expected) in [(None, false), (Some("page=wc-settings"), true)] {
            let profile = Asked { query, ..asked("GET", "/backend/profile.php") };
            assert_eq!(wordpress.is_back_office(&wordpress.reading(&profile, &[])), expected, "{query:?}");
        }
        for bad in ["/", "", "admin", "/a b?"] {
            assert!(by_name("magento").unwrap().with_back_office(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_tells_the_folder() {
        let wordpress = by_name("wordpress").unwrap();
        for (page, folder) in [
            (
                "<link href=\"https://shop.example/blog/wp-content/a.css\"> '/blog/wp-includes/b.js'",
                Some("/blog"),
            ),
            ("<link href='/wp-content/a.css'>", Some("")),
            ("<link href='//shop.example/wp-content/a.css'>", Some("")),
            ("url(/shop/de/wp-content/x.png) src=/shop/de/wp-includes/y.js", Some("/shop/de")),
            ("<p>wp-content is a word", None),
            ("\"https:\\/\\/shop.example\\/blog\\/wp-content\\/\"", None),
            ("<a href='/../wp-content/'>", None),
        ] {
            assert_eq!(wordpress.folder_of(page).as_deref(), folder, "{page}");
        }
    }
}

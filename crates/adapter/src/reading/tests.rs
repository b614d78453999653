use super::*;
use crate::by_name;

const FORM: &str = "application/x-www-form-urlencoded";

/// Whether it is sensitive, and whether it is the staff's.
fn judged(method: &str, target: &str, overrides: &[&str], form: &str) -> (bool, bool) {
    let wordpress = by_name("wordpress").unwrap();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let asked = Asked { method, path, query, content_type: FORM, authorization: None };
    let mut reading = wordpress.reading(&asked, overrides);
    if !form.is_empty() {
        wordpress.read_form(&mut reading, FORM, form.as_bytes(), true);
    }
    (wordpress.is_sensitive(&reading), wordpress.is_back_office(&reading))
}

#[test]
fn an_own_account_is_changed_by_no_other_spelling() {
    for (method, target, overrides, form) in [
        ("POST", "/wp-json/wp/v2/users/me", &[][..], ""),
        ("POST", "/index.php/wp-json/wp/v2/users/me", &[], ""),
        ("POST", "/shop/index.php/WP-JSON/wp/v2/Users/me", &[], ""),
        ("POST", "/?rest_route=/WP/v2/users/me", &[], ""),
        ("POST", "/?rest.route=/wp/v2/users/me", &[], ""),
        ("POST", "/", &[], "rest_route=/wp/v2/users/me&email=x"),
        ("POST", "/cart", &[], "%20rest%5Froute=%2Fwp%2Fv2%2Fusers%2Fme"),
        ("GET", "/wp-json/wp/v2/users/me?_method=PUT&email=x", &[], ""),
        ("GET", "/wp-json/wp/v2/users/me?_method=put", &[], ""),
        ("GET", "/wp-json/wp/v2/users/me/application-passwords?.method=POST", &[], ""),
        ("GET", "/wp-json/wp/v2/users/me", &["POST"], ""),
        ("POST", "/any/page", &[], "action=save_account_details&account_email=x"),
        ("POST", "/wp-admin/profile.php", &[], "email=x"),
    ] {
        assert!(judged(method, target, overrides, form).0, "{method} {target} {form}");
    }
    for (method, target, form) in [
        ("GET", "/wp-json/wp/v2/users/me?context=edit", ""),
        ("GET", "/?rest_route=/wp/v2/users/me", ""),
        ("POST", "/wp-json/wc/store/v1/cart/add-item", ""),
        ("POST", "/?wc-ajax=add_to_cart", "product_id=1&action=other"),
        ("POST", "/wp-json/wp/v2/comments", ""),
        // Where WordPress leads customers who signed in.
        ("GET", "/wp-admin/profile.php", ""),
        ("GET", "/shop/wp-admin/profile.php?updated=1", ""),
        ("GET", "/wp-admin/profile.php?newuseremail=9f86d081884c7d65", ""),
        ("POST", "/wp-admin/admin-ajax.php?page=2", "action=load_more&page=2"),
        // Forms of the shop's own pages: a newsletter's, a gift's.
        ("POST", "/wp-admin/admin-post.php", "action=subscribe&email=x"),
        ("GET", "/mugs?page=2", ""),
    ] {
        assert_eq!(judged(method, target, &[], form), (false, false), "{method} {target} {form}");
    }
    // The profile's own form.
    assert!(!judged("POST", "/wp-admin/profile.php", &[], "action=update&email=x").1);
    // It names whom it changes. Where nobody can tell who is of the staff, that may be anybody.
    let wordpress = by_name("wordpress").unwrap();
    let unsure = |method, path, query| {
        let asked = Asked { method, path, query, content_type: FORM, authorization: None };
        wordpress.may_be_back_office(&wordpress.reading(&asked, &[]))
    };
    assert!(unsure("POST", "/wp-admin/profile.php", None) && unsure("GET", "/wp-admin/users.php", None));
    for (method, path, query) in [
        ("GET", "/wp-admin/profile.php", None),
        ("POST", "/wp-admin/admin-ajax.php", None),
        ("POST", "/my-account/edit-account/", None),
        ("POST", "/", Some("wc-ajax=add_to_cart")),
    ] {
        assert!(!unsure(method, path, query), "{method} {path}");
    }
}

#[test]
fn what_only_staff_may_is_guarded_in_the_rest_interface_too() {
    for (method, target, overrides, form) in [
        ("GET", "/wp-admin/users.php", &[][..], ""),
        ("GET", "/wp-admin/network/profile.php", &[], ""),
        // WordPress opens any page of a plugin's by any of its own, and does any act of one.
        ("GET", "/wp-admin/profile.php?page=wc-settings", &[], ""),
        ("GET", "/shop/WP-Admin/Profile.php?%70age=wc-settings&updated=1", &[], ""),
        ("POST", "/wp-admin/profile.php?page=wc-settings", &[], "save=1"),
        ("GET", "/wp-admin/profile.php?import=wordpress", &[], ""),
        ("GET", "/wp-admin/profile.php?user_id=2", &[], ""),
        ("GET", "/wp-admin/profile.php?action=duplicate_post", &[], ""),
        ("GET", "/wp-json/wp/v2/users?context=edit", &[], ""),
        ("GET", "/index.php/wp-json/wp/v2/users?context=edit", &[], ""),
        ("GET", "/?rest_route=/wp/v2/users&context=edit", &[], ""),
        ("POST", "/wp-json/wp/v2/settings", &[], ""),
        ("GET", "/wp-json/wp/v2/plugins", &[], ""),
        ("GET", "/wp-json/wp/v2/themes", &[], ""),
        ("POST", "/", &[], "rest_route=/wp/v2/users&username=backdoor"),
        ("DELETE", "/wp-json/wp/v2/users/7", &[], ""),
        ("GET", "/wp-json/wp/v2/comments?context=edit", &[], ""),
        ("GET", "/wp-json/wp/v2/posts?_method=DELETE", &[], ""),
        ("GET", "/wp-json/wp/v2/posts/1", &["DELETE"], ""),
        ("POST", "/wp-json/batch/v1", &[], ""),
        ("GET", "/wp-json/wc/v3/customers", &[], ""),
        ("POST", "/wp-json/wp/v2/users/me", &[], "rest_route=/wp/v2/users/1"),
    ] {
        assert!(judged(method, target, overrides, form).1, "{method} {target} {form}");
    }
}

// WordPress takes a backslash off the end of a route, and its rules end before a line end.
#[test]
fn a_route_with_odd_signs_may_be_any_route() {
    for route in [
        "/wp/v2/users%5C",
        "/wp/v2/users%0A",
        "/wp/v2/users%20",
        "/wp/v2/users%00",
        "%5Cwp/v2/users",
        "/wp/v2/users/%5C%5C",
        "/wp/v2/users%C2%A0",
    ] {
        for form in [format!("rest_route={route}&username=x"), format!("a=b&%20rest.route={route}")] {
            assert_eq!(judged("POST", "/", &[], &form), (true, true), "{form}");
        }
        let target = format!("/?rest_route={route}");
        assert!(judged("GET", &target, &[], "").1, "{target}");
    }
    for route in
        ["/wc/store/v1/cart/add-item", "/oembed/1.0/embed", "/contact-form-7/v1/contact-forms/12/feedback"]
    {
        assert_eq!(judged("POST", "/", &[], &format!("rest_route={route}")), (false, false), "{route}");
    }
}

// Sixteen fields of one name, and a form of the shop's was a sign-in of programs, refused to everybody.
#[test]
fn many_fields_of_a_name_are_no_more_than_what_they_say() {
    for name in ["user_id%5B%5D", "page%5B0%5D%5Bx%5D", "import[]", "action"] {
        let form = format!("{name}=7&").repeat(99);
        let wordpress = by_name("wordpress").unwrap();
        let asked = Asked {
            method: "POST",
            path: "/peat-mug/",
            query: None,
            content_type: FORM,
            authorization: None,
        };
        let mut reading = wordpress.reading(&asked, &[]);
        wordpress.read_form(&mut reading, FORM, form.as_bytes(), true);
        assert!(!reading.is_routed() && !reading.is_crowded(), "{name}");
        assert_eq!(judged("POST", "/peat-mug/", &[], &form), (false, false), "{name}");
        // The one that says something counts, wherever it stands.
        let last = format!("{form}action=save_account_details");
        assert!(judged("POST", "/any/page", &[], &last).0, "{name}");
    }
}

#[test]
fn what_was_not_read_may_be_anything() {
    let wordpress = by_name("wordpress").unwrap();
    let asked = Asked { method: "POST", path: "/", query: None, content_type: FORM, authorization: None };
    let mut long = wordpress.reading(&asked, &[]);
    wordpress.read_form(&mut long, FORM, b"a=b", false);
    assert!(wordpress.is_sensitive(&long) && wordpress.is_back_office(&long));
    let mut crowded = wordpress.reading(&asked, &[]);
    wordpress.read_form(&mut crowded, FORM, "_method=GET&".repeat(99).as_bytes(), true);
    assert!(wordpress.is_back_office(&crowded));
    let mut parts = wordpress.reading(&asked, &[]);
    let form = "--b\r\nContent-Disposition: form-data; name=\"rest_route\"\r\n\r\n/wp/v2/users\r\n--b--\r\n";
    wordpress.read_form(&mut parts, "multipart/form-data; boundary=b", form.as_bytes(), true);
    assert!(wordpress.is_back_office(&parts));
    for (kind, name) in [
        ("boundary=b,x", "\"rest_route\""),
        ("boundary=b", "'rest_route'"),
        ("boundary=b", "\"x\"; name=\"rest_route\""),
    ] {
        let form =
            format!("--b\r\nContent-Disposition: form-data; name={name}\r\n\r\n/wp/v2/users\r\n--b--\r\n");
        let mut odd = wordpress.reading(&asked, &[]);
        wordpress.read_form(&mut odd, &format!("multipart/form-data; {kind}"), form.as_bytes(), true);
        assert!(wordpress.is_back_office(&odd) && wordpress.is_sensitive(&odd), "{kind} {name}");
    }
    let mut unreadable = wordpress.reading(&asked, &[]);
    wordpress.read_form(&mut unreadable, &format!("{FORM};\u{fffd}"), b"rest_route=/wp/v2/users", true);
    assert!(wordpress.is_back_office(&unreadable) && wordpress.is_sensitive(&unreadable));
    // A shop without such an interface has its forms pass unread.
    assert!(!by_name("larkmoor").unwrap().reads_forms());
}

// Staff who sent a picture of more than 256 KiB were asked for a fresh factor each time, since the rest of the form could have said
// anything.
#[test]
fn a_place_for_files_makes_nothing_else_of_a_form() {
    let wordpress = by_name("wordpress").unwrap();
    let takes = |method: &str, target: &str, overrides: &[&str]| {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let asked = Asked { method, path, query, content_type: "multipart/form-data", authorization: None };
        wordpress.takes_files(&wordpress.reading(&asked, overrides), path)
    };
    assert!(takes("POST", "/wp-admin/async-upload.php", &[]));
    assert!(takes("POST", "/blog/wp-admin/async-upload.php/x?short=1", &[]));
    for (target, overrides) in [
        ("/wp-admin/async-upload.php?rest_route=/wp/v2/users/me", &[][..]),
        ("/wp-admin/async-upload.php?_method=PUT", &[]),
        ("/wp-admin/async-upload.php?action=save_account_details", &[]),
        ("/wp-admin/async-upload.php", &["PUT"]),
        ("/index.php/wp-admin/async-upload.php", &[]),
        ("/wp-admin/upload.php", &[]),
        ("/wp-admin/admin-ajax.php", &[]),
        ("/wp-json/wp/v2/media", &[]),
        ("/?rest_route=/wp/v2/media", &[]),
        ("/cart", &[]),
    ] {
        assert!(!takes("POST", target, overrides), "{target}");
    }
}

//! Which page is which, and what a file may say.

use super::*;

#[test]
fn every_file_that_is_built_in_can_be_read() {
    for name in ShopPages::names() {
        assert_eq!(ShopPages::built_in(name).unwrap().name(), name);
    }
    assert!(ShopPages::built_in("other").is_none());
}

#[test]
fn pages_are_known_by_any_spelling_of_their_path() {
    let shop = ShopPages::built_in("larkmoor").unwrap();
    for path in ["/admin", "/admin/", "/Admin/customers", "/admin;x/customers", "/admin//customers"] {
        assert!(shop.covers(path), "{path}");
    }
    for path in ["/", "/administrator", "/product/admin"] {
        assert!(!shop.covers(path), "{path}");
    }
    let name = |path: &str| shop.page(path).map(|page| page.name);
    assert_eq!(name("/admin/orders/LM-1").as_deref(), Some("order"));
    assert_eq!(name("/admin/orders").as_deref(), Some("orders"));
    assert_eq!(name("/admin/customers").as_deref(), Some("customers"));
    let wordpress = ShopPages::built_in("wordpress").unwrap();
    assert!(wordpress.covers("/shop/wp-admin/users.php") && wordpress.covers("/wp-json/wc/v3/orders"));
    assert!(wordpress.covers("/wc-api/v3/customers") && wordpress.covers("/shop/wc-api/v1/orders"));
    assert!(
        !wordpress.covers("/wc-api/vivawallet") && !wordpress.covers("/wc-api/wc_gateway_paypal"),
        "where providers send their messages"
    );
    assert!(!wordpress.covers("/wp-content/uploads/a.png"));
    for query in [
        "rest_route=/wc/v3/orders",
        "a=1&rest_route=%2Fwc%2fv3/orders&b",
        "REST_ROUTE=wc/v3",
        "%72est_route=/wp/v2/users/1",
        "rest.route=/wc-analytics/customers",
        "+rest%5broute=/wc/v3/orders",
        "rest_route%00x=/wc/v3/orders",
        "rest_route=/batch/v1",
        "wc-api-version=3&wc-api-route=/customers",
    ] {
        assert!(wordpress.place("/", query).is_some(), "{query}");
    }
    for query in ["", "rest_route=/wp/v2/posts", "q=rest_route=/wc", "rest_route"] {
        assert_eq!(wordpress.place("/", query), None, "{query}");
    }
}

/// Web servers run the first script of a path and give it the rest, which the person chooses.
#[test]
fn what_stands_behind_a_script_chooses_no_page() {
    let shop = ShopPages::built_in("wordpress").unwrap();
    let page = |path: &str| shop.page(path);
    for path in
        ["/wp-admin/users.php", "/wp-admin/users.php/wp-admin/post.php", "/x/wp-admin/Users.PHP/post.php"]
    {
        let page = page(path).unwrap();
        assert_eq!((page.name.as_str(), page.assigned), ("users", Flag::No), "{path}");
        assert!(!page.elements.is_empty());
    }
    assert!(page("/index.php/wp-admin/post.php").is_none());
    assert_eq!(page("/wp-admin/post.php/wp-admin/users.php").unwrap().name, "order");
    let both = "format = 1\nname = 'a'\narea = ['/a']\n[[page]]\nname = 'p'\npaths = ['/a/*']\nassigned = true\nelements = { b = 'contact.name' }\n\
                [[page]]\nname = 'q'\npaths = ['/a/x']\nexport = true\nelements = { i = 'contact.name' }";
    let page = ShopPages::parse(both).unwrap().page("/a/x").unwrap();
    assert_eq!((page.assigned, page.export, page.elements.len()), (Flag::No, Flag::Yes, 2));
}

#[test]
fn forms_lead_to_pages_and_customers_own_interface_is_none() {
    let shop = ShopPages::built_in("wordpress").unwrap();
    for form in [
        "a=1&rest_route=/wc/v3/orders",
        "--b\r\nContent-Disposition: form-data; name=\"rest_route\"\r\n\r\n/wc/v3/orders\r\n--b--",
        "--b\r\ncontent-disposition: form-data; name=Rest.Route\r\n\r\n/wc/v3/orders\r\n--b--",
    ] {
        assert!(shop.place_of_form(form.as_bytes()).is_some(), "{form}");
    }
    assert_eq!(shop.place_of_form(b"quantity=1&add-to-cart=7"), None);
    for path in [
        "/wp-json/wc/v3/x",
        "/wp-json/wc-analytics/customers",
        "/index.php/wp-json/wc-admin/x",
        "/blog/wp-json/batch/v1",
        "/xmlrpc.php",
    ] {
        assert!(shop.covers(path), "{path}");
    }
    assert!(!shop.covers("/wp-json/wc/store/v1/cart"), "customers see their own cart whole");
    for (path, is) in [
        ("/wp-admin/load-scripts.php", true),
        ("/wp-admin/js/a.js", true),
        ("/wp-admin/admin-ajax.php/a.js", false),
        ("/index.php/wp-admin/load-scripts.php", false),
    ] {
        assert_eq!(shop.is_fixed(path), is, "{path}");
    }
}

#[test]
fn a_file_that_does_not_fit_says_why() {
    let check = |text: &str, expected: &str| {
        let why = ShopPages::parse(text).unwrap_err().to_string();
        assert!(why.contains(expected), "{text}: {why}");
    };
    check("format = 2\nname = 'a'\narea = ['/a']", "format 2");
    check("format = 1\nname = 'a'\narea = []", "area");
    check("format = 1\nname = 'a'\narea = ['/']", "area");
    check("format = 1\nname = 'a'\narea = ['/a']\n[fields]\nx = 'contact.nose'", "no field contact.nose");
    check(
        "format = 1\nname = 'a'\narea = ['/a']\n[[page]]\nname = 'p'\npaths = []\npurpose = 'fun'",
        "no purpose fun",
    );
    check(
        "format = 1\nname = 'a'\narea = ['/a']\n[[page]]\nname = 'p'\npaths = []\nelements = { '' = 'contact.name' }",
        "selects",
    );
}

/// WooCommerce's orders in tables of their own lie at one script: which of its pages it is says the query.
#[test]
fn a_query_tells_one_order_from_the_list() {
    let shop = ShopPages::built_in("wordpress").unwrap();
    let page = |query: &str| {
        let page = shop.page_at("/wp-admin/admin.php", query).unwrap();
        assert!(!page.elements.is_empty(), "{query}");
        (page.name, page.assigned)
    };
    let order = ("order".to_owned(), Flag::Yes);
    for query in [
        "page=wc-orders&action=edit&id=101",
        "action=edit&id=101&x=y&page=wc-orders",
        "p%61ge=wc-orders&action=edit&id=101",
    ] {
        assert_eq!(page(query), order, "{query}");
    }
    // Which of two a shop reads, nobody knows: nothing that may be the list is one order.
    for query in [
        "page=wc-orders",
        "page=wc-orders&action=edit",
        "page=wc-orders&action=edit&id=x",
        "page=wc-orders&action=edit&id=101&action=list",
        "page=wc-orders&action=edit&id=101&page=wc-customers",
        "page=wc-orders&action=edit&id=101&id[]=7",
        "page=wc-orders&action=edit&id=101&id%5B0%5D=7",
        "page=wc-orders&action=edit&id=101&action%00=list",
        "page=wc-admin&action=edit&id=101",
        "",
    ] {
        assert_eq!(page(query).1, Flag::No, "{query}");
    }
}

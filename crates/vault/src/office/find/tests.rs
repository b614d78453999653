//! Pages as the shops write them, and pages that want to be read otherwise.

use super::*;

mod choices;

fn shown(shop: &str, path: &str, form: Form, body: &str) -> Vec<String> {
    let shop = ShopPages::built_in(shop).unwrap();
    let found = values(body, form, &shop, shop.page(path).as_ref());
    found
        .iter()
        .map(|one| format!("{} {}", one.field.full_name(), plain(&body[one.range.clone()], form)))
        .collect()
}

fn hidden(shop: &str, path: &str, form: Form, body: &str) -> String {
    let shop = ShopPages::built_in(shop).unwrap();
    let found = values(body, form, &shop, shop.page(path).as_ref());
    masked(body, form, &found, |_| Mask::Part).0
}

const CUSTOMERS: &str = "<table class=\"wide\"><thead><tr><th scope=\"col\">Name</th><th>E-mail</th><th>Telephone</th>\
    <th>Address</th><th>Since</th></tr></thead><tbody><tr><td>Ada O&#39;Hara</td><td>ada@shop.example</td>\
    <td>020 7946 0018</td><td>12 St James&#39;s Square</td><td>1 May 2026</td></tr></tbody></table>";

#[test]
fn a_table_is_read_by_its_heads() {
    let found = shown("larkmoor", "/admin/customers", Form::Html, CUSTOMERS);
    assert_eq!(
        found,
        [
            "contact.name Ada O'Hara",
            "contact.email ada@shop.example",
            "contact.phone 020 7946 0018",
            "address.street 12 St James's Square"
        ]
    );
    let masked = hidden("larkmoor", "/admin/customers", Form::Html, CUSTOMERS);
    for gone in ["Ada", "Hara", "ada@", "7946", "James", "Square"] {
        assert!(!masked.contains(gone), "{gone}: {masked}");
    }
    for kept in ["<th scope=\"col\">Name</th>", "1 May 2026", "a•••@s•••.example"] {
        assert!(masked.contains(kept), "{kept}: {masked}");
    }
}

#[test]
fn elements_and_their_surroundings() {
    let order = "<section><address>Ada Lovelace<br>12 St James<br/>SW1Y London<br>+44 20 7946 0018</address><p>Card</p></section>";
    assert_eq!(shown("larkmoor", "/admin/orders/LM-1", Form::Html, order).len(), 4);
    let message = "<p class=\"muted small\">Not a message</p><article class=panel><h3>Help</h3>\
                   <p class='muted small'>Ada, ada@shop.example, today</p></article>";
    let masked = hidden("larkmoor", "/admin", Form::Html, message);
    assert!(
        masked.contains("Not a message") && !masked.contains("Ada") && !masked.contains("ada@"),
        "{masked}"
    );
}

// The sign-in name stood there in another spelling.
#[test]
fn what_wordpress_makes_of_a_sign_in_name_is_masked_where_it_answers_for_users_alone() {
    let user = "[{\"id\":7,\"name\":\"Ada Lovelace\",\"link\":\"https://shop.example/author/ada-lovelace/\",\"slug\":\"ada-lovelace\"}]";
    for path in ["/wp-json/wp/v2/users", "/shop/wp-json/wp/v2/users/7", "/wp-json/batch/v1"] {
        let masked = hidden("wordpress", path, Form::Json, user);
        assert!(!masked.contains("lovelace") && !masked.contains("Lovelace"), "{path}: {masked}");
    }
    let goods = "{\"id\":9,\"slug\":\"moss-teapot\"}";
    assert_eq!(hidden("wordpress", "/wp-json/wc/v3/products/9", Form::Json, goods), goods);
}

// Of the box of custom fields below an order whoever saw a part of it read the whole.
#[test]
fn a_pair_of_a_form_is_what_its_key_says() {
    let pair = |number: u32, key: &str, value: &str| {
        format!(
            "<tr><td><input name='meta[{number}][key]' value='{key}'></td>\
             <td><textarea name='meta[{number}][value]'>{value}</textarea></td></tr>"
        )
    };
    let form = format!(
        "{}{}{}<textarea name='meta[3][value]'>Hyde Park</textarea>",
        pair(1, "gift_recipient", "Grace Hopper"),
        pair(2, "colour", "moss green"),
        pair(3, "_billing_city", "London")
    );
    let found = shown("wordpress", "/wp-admin/post.php", Form::Html, &form);
    assert_eq!(found, ["contact.name Grace Hopper", "address.city London", "address.city Hyde Park"]);
    let form = "<input name='meta[1][key]' value='phone'><input name='meta[2][value]' value='12'>\
                <input name='meta[1][value]' value='12-34'>";
    let found = shown("wordpress", "/wp-admin/admin.php", Form::Html, form);
    assert_eq!(found, ["contact.phone 12-34"]);
}

#[test]
fn woocommerce_lists_forms_and_its_api() {
    let users = "<tr><td class='username column-username'><img src=x><strong><a href='user-edit.php?user_id=2'>ada</a></strong></td>\
                 <td class='name column-name' data-colname='Name'>Ada Lovelace</td>\
                 <td class='email column-email'><a href='mailto:ada@shop.example'>ada@shop.example</a></td></tr>";
    let masked = hidden("wordpress", "/wp-admin/users.php", Form::Html, users);
    assert!(!masked.contains("Ada") && !masked.contains("ada@") && masked.contains("user_id=2"), "{masked}");
    let form = "<input type=\"text\" name=\"_billing_first_name\" value=\"Ada\"><input name=_billing_city value=London>\
                <textarea name='customer_note' id='excerpt'>ring twice</textarea><input name='post_title' value='Order'>";
    assert_eq!(
        shown("wordpress", "/wp-admin/post.php", Form::Html, form),
        ["address.name Ada", "address.city London", "note.text ring twice"]
    );
    let api = "{\"id\":7,\"total\":\"1.10\",\"billing\":{\"first_name\":\"Ad\\u0061\",\"address_1\":\"12 \\\"The\\\" Square\",\
               \"email\":\"ada@shop.example\"},\"meta_data\":[{\"key\":\"x\",\"value\":\"call +44 20 7946 0018\"}],\"n\":1.10}";
    let masked = hidden("wordpress", "/wp-json/wc/v3/orders", Form::Json, api);
    let read: serde_json::Value = serde_json::from_str(&masked).unwrap();
    assert_eq!(read["billing"]["first_name"], "A•••");
    assert_eq!(read["billing"]["email"], "a•••@s•••.example");
    assert!(!masked.contains("7946") && !masked.contains("Square"), "{masked}");
    assert!(masked.ends_with("\"n\":1.10}"), "what is no value stays as it was");
}

// An order of the REST interface, and the same in the preview of the list, named the customer in what extensions keep beside it.
#[test]
fn what_extensions_keep_beside_an_order_is_masked() {
    let order = "{\"id\":7,\"customer_ip_address\":\"203.0.113.9\",\"customer_user_agent\":\"Mozilla Analytical\",\
         \"meta_data\":[{\"id\":1,\"key\":\"_vatHolderName\",\"value\":\"Ada Lovelace\"},\
         {\"id\":2,\"value\":\"020 7946 0018\",\"key\":\"gift-recipient-tel\"},\
         {\"id\":3,\"key\":\"_pickup\",\"value\":{\"contactName\":\"Ada Lovelace\",\"where\":{\"street_line\":\"12 Square\"},\"slot\":\"noon\"}},\
         {\"id\":4,\"key\":\"recipients\",\"value\":\"Heavy\"},{\"id\":5,\"key\":\"recipient\",\"value\":[\"Ada\",\"Lovelace\"]},\
         {\"id\":6,\"key\":\"_dob\",\"value\":\"1815-12-10\"},{\"id\":7,\"key\":\"dedication\",\"value\":\"For Ada\"}],\
         \"line_items\":[{\"sku\":\"M-1\",\"meta_data\":[{\"key\":\"Engraving name\",\"value\":\"Ada\",\"display_value\":\"Ada\"}]}],\"total\":\"1.10\"}";
    let preview = format!("{{\"success\":true,\"data\":{{\"data\":{order}}}}}");
    for (path, body) in [
        ("/wp-json/wc/v3/orders/7", order.to_owned()),
        ("/wp-json/wc/v3/orders", format!("[{order}]")),
        ("/wp-admin/admin-ajax.php", preview),
    ] {
        let masked = hidden("wordpress", path, Form::Json, &body);
        serde_json::from_str::<serde_json::Value>(&masked).unwrap();
        for gone in ["203.0", "Analytical", "Ada", "Lovelace", "7946", "Square", "1815-12-10"] {
            assert!(!masked.contains(gone), "{path} {gone}: {masked}");
        }
        for stays in ["\"noon\"", "\"Heavy\"", "\"M-1\"", "\"total\":\"1.10\"", "\"id\":7"] {
            assert!(masked.contains(stays), "{path} {stays}: {masked}");
        }
    }
    // The same words mean nothing elsewhere.
    let settings = "{\"key\":\"recipient\",\"value\":\"Heavy\"}";
    assert_eq!(hidden("wordpress", "/wp-json/wc/v3/settings", Form::Json, settings), settings);
    let page = "Customer IP: <span class=\"woocommerce-Order-customerIP\">203.0.113.9</span>";
    for path in ["/wp-admin/post.php", "/wp-admin/admin.php"] {
        assert!(!hidden("wordpress", path, Form::Html, page).contains("203.0"));
    }
}

#[test]
fn addresses_are_found_however_they_are_written() {
    for text in [
        "write to ada@shop.example.",
        "<a href=\"mailto:ada@shop.example\">mail</a>",
        "<script>var user = {mail: 'ada@shop.example'};</script>",
        "<b data-mail=\"ada&#64;shop.example\"></b>",
        "<b>ada&#x40;shop.example</b>",
        "<!-- ada@shop.example -->",
        "<a href='/u?mail=ada%40shop.example'>",
        "{\"other\": \"ada\\u0040shop.example\"}",
        "<td title='x' data-x='>ada@shop.example'>",
        "<td>adaé@shop.example</td>",
        "<b>ada&#064;shop.example</b>",
        "<b>ada&#0000064shop.example</b>",
        "<b>&#97;d&#97;@sh&#111;p.ex&#97;mple</b>",
        "<b>&#x61;&#x064;a&#X40;shop&period;example</b>",
        "<mark>ada</mark>@shop.example",
        "<b>ad<span class=x>a@sh</span>op<!-- -->.example</b>",
        "<a href='/u?mail=%61da%40shop%2Eexample'>",
        "{\"other\": \"\\u0061da\\u0040shop.example\"}",
    ] {
        let masked = hidden("larkmoor", "/admin/products", Form::Html, text);
        assert!(!masked.contains("shop.example") && masked.contains("a•••@s•••.example"), "{text}: {masked}");
        assert_eq!(
            masked.matches('<').count(),
            text.replace("<!-- -->", "").matches('<').count() + text.matches("<!-- -->").count()
        );
    }
    for text in [
        "@media print{}",
        "icon@2x.png",
        "a @ b.example",
        "x@localhost",
        "<input value='+1'>",
        "1 + 2345678901",
    ] {
        assert_eq!(hidden("larkmoor", "/admin/products", Form::Html, text), text);
    }
}

/// What stood in the clear on a page of a member of staff without a role.
#[test]
fn addresses_and_numbers_of_rare_signs_are_found_whole() {
    for text in [
        "zed@firma.xn--vermgensberatung-pwb",
        "zed@[192.0.2.1]",
        "zed@[IPv6:2001:db8::1]",
        "\"zed quill\"@firma.example",
        "&quot;zed quill&quot;@firma.example",
        "z'zed@firma.example",
        "z&#39;zed@firma.example",
        "z!z$z*z^z`z{z|z}z~zed@firma.example",
        "z/zed@firma.example",
        "zed/zed/zed@firma.example",
        "z|zed@firma.example|z'zed@firma.example",
    ] {
        for body in [
            format!("<p>{text}</p>"),
            format!("<p>to {text}, and</p>"),
            format!("<b title=\"{}\">", text.replace('"', "&quot;")),
        ] {
            let masked = hidden("larkmoor", "/admin/products", Form::Html, &body);
            for gone in ["zed", "firma", "192", "2001", "z'", "z&#39;", "z!", "z/", "z|"] {
                assert!(!masked.contains(gone), "{gone}: {body}: {masked}");
            }
        }
    }
    let json = "{\"a\":\"\\\"zed quill\\\"@firma.example\",\"b\":\"o'zed@firma.example\",\"c\":1}";
    let masked = hidden("larkmoor", "/admin/products", Form::Json, json);
    let read: serde_json::Value =
        serde_json::from_str(&masked).unwrap_or_else(|why| panic!("{why}: {masked}"));
    assert_eq!(read["c"], 1);
    assert!(!masked.contains("zed") && !masked.contains("o'"), "{masked}");
    for number in [
        "+44\u{a0}7700\u{a0}900123",
        "+44\u{2011}7700\u{2011}900123",
        "+44&nbsp;7700&#160;900123",
        "+44&#8209;7700&#x2011;900123",
        "&#43;44 7700\u{202f}900123",
        "%2B44%207700%20900123",
        "+44\u{2009}7700\u{2013}900123",
    ] {
        let masked = hidden("larkmoor", "/admin/products", Form::Html, &format!("<p>{number}</p>"));
        assert!(!masked.contains("7700") && !masked.contains("9001"), "{number}: {masked}");
    }
    // What a script and an address of the web divide by stays.
    for (body, kept) in [
        ("<script>f(x?'a':'ada@shop.example');</script>", "f(x?'a':'a•••@s•••.example');"),
        ("<script>return'ada@shop.example';</script>", "return'a•••@s•••.example';"),
        ("<script>a=`ada@shop.example`</script>", "a=`a•••@s•••.example`"),
        ("<a href='/u/ada@shop.example?x=1'>", "'/u/a•••@s•••.example?x=1'"),
        ("<a href='/u?mail=ada@shop.example&y=2'>", "'/u?mail=a•••@s•••.example&y=2'"),
        ("<span>+1</span> <span>2026-11-27 10:00</span>", "<span>+1</span> <span>2026-11-27 10:00</span>"),
        ("ada@shop.example,bob@shop.example", "a•••@s•••.example,b•••@s•••.example"),
    ] {
        let masked = hidden("larkmoor", "/admin/products", Form::Html, body);
        assert!(masked.contains(kept), "{masked}");
    }
}

#[test]
fn woocommerce_s_analytics_searches_and_pairs() {
    let read = |path: &str, body: &str| hidden("wordpress", path, Form::Json, body);
    let customers = "[{\"id\":12,\"name\":\"Ada Lovelace\",\"user_email\":\"ada@shop.example\",\"city\":\"London\",\"postcode\":\"SW1Y 4JH\",\
                     \"company\":\"Engines\",\"phone\":442079460018,\"orders_count\":7}]";
    let masked = read("/wp-json/wc-analytics/reports/customers", customers);
    let rows: serde_json::Value = serde_json::from_str(&masked).unwrap();
    assert_eq!(rows[0]["orders_count"], 7);
    assert_eq!(rows[0]["phone"], "442 ••• 18");
    for gone in ["Ada", "ada@", "London", "SW1Y", "Engines", "7946"] {
        assert!(!masked.contains(gone), "{gone}: {masked}");
    }
    let search = "{\"12\":\"Ada Lovelace (#12 &ndash; ada@shop.example)\",\"7\":\"Mug (#7)\"}";
    let masked = read("/wp-admin/admin-ajax.php", search);
    assert!(
        !masked.contains("Ada Lovelace") && !masked.contains("ada@") && masked.contains("Mug (#7)"),
        "{masked}"
    );
    let pairs = "{\"meta_data\":[{\"id\":1,\"key\":\"_billing_first_name\",\"value\":\"Ada\"},{\"value\":\"Lovelace\",\"key\":\"_billing_last_name\"},\
                 {\"id\":2,\"key\":\"_weight\",\"value\":\"Heavy\"}]}";
    let masked = read("/wp-json/wc/v3/orders", pairs);
    serde_json::from_str::<serde_json::Value>(&masked).unwrap();
    assert!(!masked.contains("Ada") && !masked.contains("Lovelace") && masked.contains("Heavy"), "{masked}");
    let order = "<select class=\"wc-customer-search\" name=customer_user><option value=2 selected>Ada Lovelace (#2 &ndash; ada@shop.example)</option></select>\
                 <li class=note><div class=note_content><p>Ada rang</p></div></li>";
    for path in ["/wp-admin/post.php", "/wp-admin/admin.php"] {
        let masked = hidden("wordpress", path, Form::Html, order);
        assert!(!masked.contains("Ada") && masked.contains("value=2 selected"), "{masked}");
    }
    // As WordPress answers where a name is asked to be written before it (JSONP).
    let masked = read("/wp-json/wc/v3/customers", "/**/cb([{\"first_name\":\"Ada\"}])");
    assert_eq!(masked, "/**/cb([{\"first_name\":\"A•••\"}])");
}

/// What a customer wrote must not make the page say more than the shop wrote.
#[test]
fn a_mask_brings_no_markup() {
    let name = "<script>x</script> \"y\" 'z' &";
    let cell =
        "<table><tr><th>Name</th></tr><tr><td>&lt;script&gt;x&lt;/script&gt; &quot;y</td></tr></table>";
    let masked = hidden("larkmoor", "/admin/customers", Form::Html, cell);
    assert!(!masked.contains("<script>"), "{masked}");
    for form in [Form::Html, Form::Text] {
        let text = written(name, form);
        assert!(!text.contains(['<', '>', '"', '\'']), "{text}");
    }
    assert_eq!(written("a\"b\\", Form::Json), "a\\\"b\\\\");
}

proptest::proptest! {
    #[test]
    fn whatever_a_page_holds_it_is_read_to_its_end(body in "[<>/a-z@.=\"' &;#+0-9!\\-{}\\[\\]:,\\\\é]{0,300}") {
        for (shop, path) in [("larkmoor", "/admin/customers"), ("wordpress", "/wp-admin/post.php")] {
            for form in [Form::Html, Form::Json, Form::Text] {
                let shop = ShopPages::built_in(shop).unwrap();
                let found = values(&body, form, &shop, shop.page(path).as_ref());
                for pair in found.windows(2) {
                    proptest::prop_assert!(pair[0].range.end <= pair[1].range.start);
                }
                let (same, count) = masked(&body, form, &found, |_| Mask::Whole);
                proptest::prop_assert_eq!((same, count), (body.clone(), 0));
                masked(&body, form, &found, |_| Mask::Part);
            }
        }
    }
}

/// What WordPress 6's own pages showed past the masks: names in what is read aloud, in the title, in a choice.
#[test]
fn a_name_that_is_known_is_found_again_where_people_read_and_never_in_a_script() {
    let shop = ShopPages::built_in("wordpress").unwrap();
    let read = |path: &str, html: &str| -> Vec<String> {
        let found = values(html, Form::Html, &shop, shop.page(path).as_ref());
        found.iter().map(|one| html[one.range.clone()].to_owned()).collect()
    };
    let table = "<title>Ada Lovelace at the shop</title><script>var x = 'Ada Lovelace';</script><style>Ada Lovelace</style>\
                 <td class='name column-name'>Ada Lovelace</td><p title=\"See Ada Lovelace's orders\">of Ada Lovelace, and ada</p>\
                 <span class='view'><a href='/author/ida/' aria-label='View posts by Ida of Salt Lane'>View</a></span>";
    assert_eq!(
        read("/wp-admin/users.php", table),
        ["Ada Lovelace", "Ada Lovelace", "Ada Lovelace", "Ada Lovelace", "View posts by Ida of Salt Lane"]
    );
    // One word may be any word of the page.
    assert_eq!(read("/wp-admin/users.php", "<td class='column-name'>View</td><p>View</p>"), ["View"]);
    let choice = "<title>Edit User Ada Lovelace</title><select name=\"display_name\"><option>ada</option><option>Ada Lovelace</option></select>";
    assert_eq!(read("/wp-admin/user-edit.php", choice), ["Edit User Ada Lovelace", "ada", "Ada Lovelace"]);
}

/// django-oscar 4's own pages, as they stand: addresses line by line beside a head, within a tab, in a box.
#[test]
fn oscars_addresses_notes_and_reviewers_are_found() {
    let address = "Ella Kiln<br/>4 Slate Roof Lane<br/>Thornbeck<br/>";
    let order = format!(
        "<table><tbody><tr><th>Charge (incl tax)</th><td>£0.00</td></tr><tr><th>Address</th><td>{address}</td></tr>\
         <tr><th>Instructions</th><td><p>Ring twice</p></td></tr></tbody></table>\
         <div class=\"tab-pane\" id=\"payment\"><h3>Billing address</h3><p>{address}</p></div>\
         <div id=\"notes\"><table><thead><tr><th>Date</th><th>Message</th></tr></thead><tr><td>today</td><td><p>She rang</p></td></tr></table></div>"
    );
    let read = shown("django-oscar", "/dashboard/orders/100021/", Form::Html, &order);
    let street = ["address.street Ella Kiln", "address.street 4 Slate Roof Lane", "address.street Thornbeck"];
    let wanted: Vec<&str> =
        [&street[..], &["note.text Ring twice"], &street[..], &["note.text She rang"]].concat();
    assert_eq!(read, wanted);
    let user = format!("<div class=\"card card-body bg-info\">{address}</div>");
    assert_eq!(shown("django-oscar", "/dashboard/users/4/", Form::Html, &user), street);
    let reviews = "<table><thead><tr><th>Title</th><th>User</th></tr></thead><tr><td>Warm</td><td>Greta Gast</td></tr></table>";
    assert_eq!(
        shown("django-oscar", "/dashboard/reviews/", Form::Html, reviews),
        ["contact.name Greta Gast"]
    );
}

// The address stands in the cell's link to a map as well, and WooCommerce before 9.0 has an interface of its own beside the REST one.
#[test]
fn woocommerces_other_places_of_an_address() {
    let map = "https://maps.google.com/maps?&amp;q=12%20Kiln%20Lane%2C%20Ambleside%2C%20LA22%209AN&amp;z=16";
    let row = format!(
        "<table><tr><td class=\"shipping_address column-shipping_address\"><a target=\"_blank\" href=\"{map}\">Ada Quill, 12 Kiln Lane, \
         Ambleside</a><span class=\"description\">via Flat rate</span></td></tr></table>"
    );
    for path in ["/wp-admin/admin.php", "/wp-admin/edit.php"] {
        let masked = hidden("wordpress", path, Form::Html, &row);
        assert!(!masked.contains("Kiln") && !masked.contains("LA22"), "{masked}");
    }
    let preview = r#"{"data":{"shipping_address_map_url":"https://maps.google.com/maps?&q=12%20Kiln%20Lane&z=16","order_number":"7"}}"#;
    let masked = hidden("wordpress", "/wp-admin/admin-ajax.php", Form::Json, preview);
    assert!(!masked.contains("Kiln") && masked.contains("order_number"), "{masked}");
    let old = r#"{"customers":[{"id":7,"email":"zed@quill.example","first_name":"Zed","billing_address":{"address_1":"12 Kiln Lane"}}]}"#;
    let masked = hidden("wordpress", "/wc-api/v3/customers", Form::Json, old);
    assert!(!masked.contains("zed@") && !masked.contains("Zed") && !masked.contains("Kiln"), "{masked}");
}

/// django-oscar's pages in the language that the member of staff's browser asks for: everything went by English heads, and all was shown.
#[test]
fn oscars_pages_show_nobody_in_whatever_language() {
    let orders = |heads: [&str; 6]| {
        let [order, total, status, customer, shipping, billing] = heads;
        format!(
            "<form id=\"orders_form\"><table><thead><tr><th></th><th><a href=\"?sort=number\">{order}</a></th><th>{total}</th><th>n</th>\
             <th>{status}</th><th>{customer}</th><th>{shipping}</th><th>{billing}</th><th>x</th><th></th></tr></thead><tbody><tr>\
             <td><input type=\"checkbox\" value=\"1\"/></td><td><a href=\"/dashboard/orders/100021/\">100021</a></td><td>9,60 €</td><td>1</td>\
             <td>Neu</td><td><a href=\"/dashboard/users/4/\">Ella Kiln</a></td><td>Ella Kiln, 4 Slate Roof Lane</td>\
             <td>Ella Kiln, 4 Slate Roof Lane</td><td>heute</td><td><a href=\"/dashboard/orders/100021/\">Zeigen</a></td></tr></tbody></table></form>"
        )
    };
    for heads in [
        ["Bestellnummer", "Summe", "Status", "Kunde", "Lieferadresse", "Rechnungsadresse"],
        ["Numéro", "Total", "État", "Client", "Livraison", "Facturation"],
        ["Order number", "Total inc tax", "Status", "Customer", "Shipping address", "Billing address"],
    ] {
        let page = orders(heads);
        let masked = hidden("django-oscar", "/dashboard/orders/", Form::Html, &page);
        for gone in ["Ella", "Kiln", "Slate"] {
            assert!(!masked.contains(gone), "{gone}: {masked}");
        }
        for kept in ["100021</a>", "9,60 €", ">Neu<", ">heute<", "Zeigen", "E••• K•••"] {
            assert!(masked.contains(kept), "{kept}: {masked}");
        }
    }
    let shipping = "<div class=\"page-content\"><table><tr><th>Nom</th><th>Courriel</th></tr><tr><td>Ella Kiln</td><td>-</td></tr></table>\
        <div id=\"shipping\"><table><tbody><tr><th>Méthode</th><td>Post</td></tr><tr><th>Code</th><td>P</td></tr><tr><th>A</th><td>1,00</td></tr>\
        <tr><th>B</th><td>1,00</td></tr><tr><th>Adresse</th><td>4 Slate Roof Lane<br/></td></tr><tr><th>Téléphone</th><td>01632 960123</td></tr>\
        <tr><th>Consignes</th><td><p>Ring twice</p></td></tr></tbody></table></div>\
        <div id=\"notes\"><table><tr><th>Date</th><th>Utilisateur</th><th>Type</th><th>Texte</th><th>Admin</th></tr>\
        <tr><td>hier</td><td>Bea</td><td>N</td><td>She rang</td><td></td></tr></table></div></div>";
    assert_eq!(
        shown("django-oscar", "/dashboard/orders/100021/", Form::Html, shipping),
        [
            "contact.name Ella Kiln",
            "address.street 4 Slate Roof Lane",
            "contact.phone 01632 960123",
            "note.text Ring twice",
            "contact.name Bea",
            "note.text She rang"
        ]
    );
    let reviews = "<form id=\"update_reviews_form\"><table><tr><th></th><th>Titre</th><th>Produit</th><th>Auteur</th><th>Note</th><th>Votes</th>\
        <th>État</th><th>Créé</th><th></th></tr><tr><td></td><td>Chaud</td><td>Pot</td><td>Greta Gast</td><td>5</td><td>0</td><td>ok</td><td>hier</td>\
        <td>x</td></tr></table></form>";
    assert_eq!(
        shown("django-oscar", "/dashboard/reviews/", Form::Html, reviews),
        ["contact.name Greta Gast"]
    );
}

/// A shop that changed its templates, in a language that the file does not speak: what is not known is hidden, never shown.
#[test]
fn what_a_known_table_calls_otherwise_is_hidden() {
    let unknown = |path: &str, page: &str| -> String {
        shown("django-oscar", path, Form::Html, page)
            .iter()
            .filter_map(|one| one.strip_prefix("note.unknown "))
            .collect::<Vec<_>>()
            .join("|")
    };
    for (path, page, wanted) in [
        // One column more than Oscar's own table has.
        (
            "/dashboard/orders/",
            "<form id=orders_form><table><tr><th>Kunde</th><th>Status</th></tr><tr><td>Ella Kiln</td><td>Neu</td></tr></table></form>",
            "Ella Kiln",
        ),
        (
            "/dashboard/users/4/",
            "<table><tr><th>Nom</th><td>Ella Kiln</td></tr><tr><th>Ville</th><td>Thornbeck</td></tr></table>",
            "Ella Kiln|Thornbeck",
        ),
        (
            "/dashboard/users/4/",
            "<dl><dt>Nom</dt><dd>Ella</dd><dd>Kiln</dd><dt>Status</dt><dd>x</dd></dl>",
            "Ella|Kiln",
        ),
        // Heads that are not closed, cells without a head, labels within a row, cells that reach into the next row.
        ("/dashboard/orders/", "<table><tr><th>Kunde<th>Status<tr><td>Ella<td>Neu</table>", "Ella"),
        (
            "/dashboard/orders/",
            "<table><tr><th>Status</th><th>Date</th></tr><tr><td>Neu</td><td>x</td><td>Ella</td></tr></table>",
            "Ella",
        ),
        (
            "/dashboard/orders/",
            "<table><tr><th>Status</th><th>Kunde</th></tr><tr><td rowspan=2>Neu</td><td>Ella</td></tr><tr><td>Bob</td></tr></table>",
            "Neu|Ella|Bob",
        ),
        (
            "/dashboard/orders/",
            "<table><tr><th>Status</th><td>Neu</td><th>Kunde</th><td>Ella</td></tr><tr><td>Bob</td></tr></table>",
            "Ella|Bob",
        ),
        (
            "/dashboard/orders/",
            "<table><thead><tr><td>Kunde</td></tr></thead><tr><th>Ella</th></tr></table>",
            "Ella",
        ),
        ("/dashboard/orders/", "<table><thead><tr><th>Kunde<tbody><tr><td>Ella</table>", "Ella"),
        ("/dashboard/orders/", "<table><thead><tr><td>Kunde<tr><td>Ella</table>", "Ella"),
        (
            "/dashboard/orders/",
            "<table><thead><tr><td>Kunde</td></tr><tr><td>Ella</td></tr></thead></table>",
            "Ella",
        ),
    ] {
        assert_eq!(unknown(path, page), wanted, "{page}");
    }
    // Pages of goods are none of these.
    let goods = "<table><tr><th>Titel</th></tr><tr><td>Pot</td></tr></table>";
    assert_eq!(shown("django-oscar", "/dashboard/catalogue/", Form::Html, goods), [""; 0]);
    // A column that a plugin adds to WooCommerce's list, whatever its name; WordPress's own words change with the language, its classes do not.
    let list = "<table class=\"wp-list-table orders\"><tr><td class=\"order_number column-order_number\"><a class=\"order-view\"><strong>#101 Vera \
                Victim</strong></a></td><td class=\"column-order_total\">9,60</td><td class=\"column-gift\">For Ella</td></tr></table>";
    let found = |path: &str, query: &str| -> Vec<String> {
        let shop = ShopPages::built_in("wordpress").unwrap();
        let found = values(list, Form::Html, &shop, shop.page_at(path, query).as_ref());
        found.iter().map(|one| format!("{} {}", one.field.name, &list[one.range.clone()])).collect()
    };
    let wanted = ["name #101 Vera Victim", "unknown For Ella"];
    assert_eq!(found("/wp-admin/admin.php", "page=wc-orders"), wanted);
    assert_eq!(found("/wp-admin/edit.php", "post_type=shop_order"), wanted);
    assert_eq!(found("/wp-admin/edit.php", "post_type=product"), wanted[..1]);
    let comment = "<table class=\"form-table comment-ays\"><tr><th scope=row>Auteur</th><td>Greta Gast</td></tr></table>";
    assert_eq!(shown("wordpress", "/wp-admin/comment.php", Form::Html, comment), ["contact.name Greta Gast"]);
}

/// The place `div.address p` was whole for whoever packs, and so were the e-mail address and the number in it.
#[test]
fn an_address_in_a_place_has_its_own_mask_too() {
    let page = "<div class=\"address\"><p>Vera Victim<br/>9 Secret Lane</p><p><strong>E-Mail-Adresse:</strong> <a href=\"mailto:vera@victim.example\">\
                vera@victim.example</a></p><p>Ring +44 1539 720001 or <a href=\"tel:01539720002\">01539 720002</a></p></div>";
    let shop = ShopPages::built_in("wordpress").unwrap();
    let found = values(page, Form::Html, &shop, shop.page("/wp-admin/post.php").as_ref());
    let packs = |field: &'static Field| match field.full_name().as_str() {
        "contact.email" | "contact.phone" => Mask::Part,
        _ => Mask::Whole,
    };
    let (seen, _) = masked(page, Form::Html, &found, packs);
    for gone in ["vera@", "720001", "720002"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    for kept in ["9 Secret Lane", "<strong>E-Mail-Adresse:</strong>", "Ring "] {
        assert!(seen.contains(kept), "{kept}: {seen}");
    }
    // And the other way round: a place that is hidden hides what stands in it.
    let (seen, _) =
        masked(page, Form::Html, &found, |field| if *field == **EMAIL { Mask::Whole } else { Mask::Hidden });
    assert!(!seen.contains(">vera@") && !seen.contains("\nvera@") && !seen.contains("Ring"), "{seen}");
}

/// What WooCommerce's own pages showed whole to people who see masks only.
#[test]
fn woocommerce_s_notes_reviews_refunds_and_companies_are_found() {
    let shop = ShopPages::built_in("wordpress").unwrap();
    let order = "<textarea rows=1 name=\"customer_note\" id=\"excerpt\">The key is under the mat</textarea>\
                 <input name='_shipping_company' value='Victim & Sons'><input name='_billing_state' value='Kent'>\
                 <td class='name'><a href='post.php?post=3' class='wc-order-item-name'>Truss</a></td>";
    let query = "page=wc-orders&action=edit&id=7";
    for (path, query) in [("/wp-admin/post.php", "post=7&action=edit"), ("/wp-admin/admin.php", query)] {
        let found = values(order, Form::Html, &shop, shop.page_at(path, query).as_ref());
        let text = masked(order, Form::Html, &found, |_| Mask::Part).0;
        for gone in ["mat", "Victim", "Kent", "Truss"] {
            assert!(!text.contains(gone), "{path} {gone}: {text}");
        }
    }
    let user = "<input name=shipping_phone value='07700 900'><input name=shipping_company value=Victims><input name=billing_state value=Kent>";
    let text = hidden("wordpress", "/wp-admin/user-edit.php", Form::Html, user);
    for gone in ["07700 900", "Victims", "Kent"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    // WooCommerce makes the sign-in name of the first and last one.
    let user = "<title>Edit User vera.victim</title><h1 class=\"wp-heading-inline\">Edit User vera.victim</h1><input name=\"user_login\" \
                value=\"vera.victim\" disabled>";
    let row = "<th scope='row' class='check-column'><label for='user_7'><span class='screen-reader-text'>Select vera.victim</span></label></th>";
    for (path, body) in [("/wp-admin/user-edit.php", user), ("/wp-admin/users.php", row)] {
        let text = hidden("wordpress", path, Form::Html, body);
        assert!(!text.contains("victim"), "{path}: {text}");
    }
    let refund =
        "<tr class='refund'><td class='name'>Refund - #3 <p class='description'>Vera rang</p></td></tr>";
    assert!(!hidden("wordpress", "/wp-admin/post.php", Form::Html, refund).contains("Vera"));
    let reviews = "<table class='wp-list-table widefat'><tbody><tr><td class='author column-author'><strong><img src=x> Vera Victim</strong></td>\
                   <td class='comment column-comment'><div class='author'><strong>Vera Victim</strong></div>Good mug</td>\
                   <td class='note column-of-a-plugin'>Vera again</td></tr></tbody></table>";
    let page = shop.page_at("/wp-admin/edit.php", "post_type=product&page=product-reviews");
    let found = values(reviews, Form::Html, &shop, page.as_ref());
    let text = masked(reviews, Form::Html, &found, |_| Mask::Part).0;
    assert!(!text.contains("Vera") && text.contains("Good mug"), "{text}");
    for (path, body) in [
        ("/wp-json/wc/v3/orders/7/notes", r#"[{"id":1,"note":"key under the mat of Vera Victim"}]"#),
        ("/wp-json/wc/v3/products/reviews", r#"[{"id":1,"reviewer":"Vera Victim","rating":5}]"#),
        ("/wp-json/wc/v3/orders/7/refunds", r#"[{"id":1,"reason":"Vera rang","amount":"1.00"}]"#),
        ("/wp-json/wc/v3/orders/7", r#"{"billing":{"state":"Vera County"}}"#),
        ("/wp-json/wc-analytics/reports/downloads", r#"[{"ip_address":"Vera's"}]"#),
    ] {
        assert!(!hidden("wordpress", path, Form::Json, body).contains("Vera"), "{path}");
    }
}

//! What says by its place, and by no name of its own, whose it is or which it is.

use super::*;

// The leaderboard named the best customers to whoever sees nobody's name: its cells say by no name of their own what they hold.
#[test]
fn woocommerces_leaderboard_of_customers_names_nobody() {
    let cell = |filter: &str, name: &str| {
        format!(
            "[{{\"display\":\"<a href='https:\\/\\/shop.example\\/wp-admin\\/admin.php?page=wc-admin&path=\\/analytics\\/x&{filter}'>{name}<\\/a>\",\
             \"value\":\"{name}\"}},{{\"display\":\"3\",\"value\":3,\"format\":\"number\"}}]"
        )
    };
    let customers = cell("filter=single_customer&customers=7", "Ada \\u0141ovelace");
    let products = cell("filter=single_product&products=9", "Peat mug");
    let board = format!(
        "[{{\"id\":\"customers\",\"label\":\"Top Customers\",\"headers\":[{{\"label\":\"Customer Name\"}}],\"rows\":[{customers}]}},\
         {{\"id\":\"products\",\"rows\":[{products}]}}]"
    );
    for path in ["/wp-json/wc-analytics/leaderboards", "/wp-json/wc-analytics/leaderboards/customers"] {
        assert_eq!(
            shown("wordpress", path, Form::Json, &board),
            ["contact.name Ada Łovelace", "contact.name Ada Łovelace"]
        );
        let masked = hidden("wordpress", path, Form::Json, &board);
        let read: serde_json::Value = serde_json::from_str(&masked).unwrap();
        let first = &read[0]["rows"][0][0];
        assert_eq!(first["value"], "A••• Ł•••");
        assert!(first["display"].as_str().unwrap().ends_with("customers=7'>A••• Ł•••</a>"), "{first}");
        assert_eq!(read[1]["rows"][0][0]["value"], "Peat mug");
        assert!(masked.contains(&products) && !masked.contains("Ada"), "{masked}");
    }
    // The other way round, and without escapes.
    let turned = "{\"value\":\"Ada\",\"display\":\"<a href='?filter=single_customer&customers=7'>Ada</a>\"}";
    assert_eq!(
        hidden("wordpress", "/wp-json/wc-analytics/leaderboards", Form::Json, turned),
        "{\"value\":\"A•••\",\"display\":\"<a href='?filter=single_customer&customers=7'>A•••</a>\"}"
    );
    // As it is, where nothing is masked.
    let found = values(&board, Form::Json, &ShopPages::built_in("wordpress").unwrap(), None);
    assert_eq!(masked(&board, Form::Json, &found, |_| Mask::Whole), (board, 0));
}

// The text of a choice was masked; its value, and the mark of the chosen one, said which it is.
#[test]
fn what_is_chosen_of_states_and_countries_is_not_told_by_its_place_either() {
    // As `woocommerce_wp_select` and the user's page write it.
    let select = |name: &str, chosen: &str| {
        format!(
            "<select style=\"\" id=\"{name}\" name=\"{name}\" class=\"js_field-state select short\"><option value=\"\">Select&hellip;</option>\
             <option value=\"CA\" selected='selected'>California</option><option value=\"NV\"{chosen}>Nevada</option></select>"
        )
    };
    for (shop, path, state, country) in [
        ("wordpress", "/wp-admin/post.php", "_billing_state", "_billing_country"),
        ("wordpress", "/wp-admin/admin.php", "_shipping_state", "_shipping_country"),
        ("wordpress", "/wp-admin/user-edit.php", "billing_state", "shipping_country"),
        ("django-oscar", "/dashboard/orders/100021/shipping-address/", "state", "country"),
    ] {
        let pages = ShopPages::built_in(shop).unwrap();
        let shown_by = |body: &str, mask: Mask| {
            let found = values(body, Form::Html, &pages, pages.page(path).as_ref());
            masked(body, Form::Html, &found, |_| mask).0
        };
        for page in [select(state, ""), select(country, " SELECTED"), select(state, " selected=\"\"")] {
            let none = shown_by(&page, Mask::Hidden);
            for gone in ["selected", "SELECTED", "CA", "NV", "California", "Nevada"] {
                assert!(!none.contains(gone), "{path} {gone}: {none}");
            }
            // Nothing is left at the place of the chosen one, and what is sent back holds the dots that are refused.
            assert!(none.ends_with(&format!(">{}</select>", "<option>•••</option>".repeat(3))), "{none}");
            assert_eq!(shown_by(&page, Mask::Whole), page);
        }
        let part = shown_by(&select(state, ""), Mask::Part);
        assert!(part.ends_with("<option>C•••</option><option>N•••</option></select>"), "{path}: {part}");
        // A part of a country is the country: many share it.
        assert_eq!(shown_by(&select(country, ""), Mask::Part), select(country, "").replace("&hellip;", "…"));
    }
    let other =
        "<select name=\"_payment_method\"><option value=\"cod\" selected='selected'>Cash</option></select>";
    assert_eq!(hidden("wordpress", "/wp-admin/post.php", Form::Html, other), other);
}

//! What each role sees of one order and of a list, by purpose and by the factor's age, and who stands on record where a page names nobody
//! by address.

use storeward_base::Clock as _;
use storeward_policy::Policies;

use super::*;

const ORDER: &str = "<h2>Order #101</h2><div class=\"address\"><p>Ada Lovelace<br/>12 Square</p><p><strong>Courriel :</strong> \
    <a href=\"mailto:ada@shop.example\">ada@shop.example</a></p><p><strong>Tel:</strong> <a href=\"tel:+442079460018\">+44 20 7946 0018</a></p></div>";

const LIST: &str = "<table><thead><tr><th>Order</th><th>Customer</th><th>Notiz</th></tr></thead><tbody>\
    <tr><td><a href=\"/admin/orders/LM-7\">LM-7</a></td><td>Ada Lovelace</td><td>rings twice</td></tr></tbody></table>";

async fn order_of_ada(vault: &Vault, number: &str) {
    ada_is_kept(vault).await;
    vault.write(staff(), ada(), item("order", &[("order.number", number)])).await.unwrap();
}

// Whoever packs saw e-mail address and number whole within the address; on WooCommerce's own tables nothing; the accountant nothing anywhere.
both_engines!(each_role_works_on_woocommerces_order_page, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office_of("wordpress", &vault, &db);
    for (path, query) in [
        ("/wp-admin/post.php", "post=101&action=edit"),
        ("/wp-admin/admin.php", "page=wc-orders&action=edit&id=101"),
    ] {
        let see = async |groups| {
            Way { query: Some(query), ..Way::get(path, Some(groups), ORDER) }.go(&office).await.unwrap().body
        };
        let packs = see(&["fulfilment"][..]).await;
        assert!(packs.contains("Ada Lovelace") && packs.contains("12 Square"), "{path}: {packs}");
        assert!(!packs.contains("ada@") && !packs.contains("7946"), "{path}: {packs}");
        assert!(packs.contains("<strong>Courriel :</strong>"), "{packs}");
        let books = see(&["accountant"][..]).await;
        assert!(books.contains("12 Square") && !books.contains("ada@") && !books.contains("7946"), "{books}");
        assert!(see(&["support"][..]).await.contains("ada@shop.example"));
        let nobody = see(&[][..]).await;
        assert!(
            !nobody.contains("Ada") && !nobody.contains("Square") && !nobody.contains("ada@"),
            "{nobody}"
        );
    }
    // A form may say otherwise than the query: nothing that it is answered by is one order.
    let posted = Way {
        query: Some("page=wc-orders&action=edit&id=101"),
        groups: Some(&["fulfilment"]),
        body: ORDER.as_bytes(),
        ..Way::post("/wp-admin/admin.php", "action=list")
    };
    assert!(!posted.go(&office).await.unwrap().body.contains("Square"));
});

// The factor counted as just shown all day long.
both_engines!(a_rule_of_the_shops_own_about_the_factor_holds_on_its_pages, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    let now = db.clock.now();
    let ago = |seconds| now.minus(std::time::Duration::from_secs(seconds));
    let see = async |seconds| {
        let groups = Some(&["owner"][..]);
        let way = Way { confirmed_at: ago(seconds), ..Way::get("/admin/customers", groups, CUSTOMERS) };
        way.go(&office).await.unwrap().body.contains("ada@shop.example")
    };
    let take = async |seconds| {
        let groups = Some(&["owner"][..]);
        let page = Way { kind: "text/csv", ..Way::get("/admin/export.csv", groups, CUSTOMERS) };
        Way { confirmed_at: ago(seconds), ..page }.go(&office).await.unwrap().status
    };
    // Pages stay open for as long as the gate's session; files ask for a factor of these ten minutes.
    assert!(see(60).await && see(8 * 3600).await);
    assert_eq!((take(60).await, take(601).await), (StatusCode::OK, StatusCode::FORBIDDEN));
    let hour = "@id(\"an_hour\")\nforbid (principal, action == Action::\"open\", resource) when { context.factor_age > 3600 };";
    vault.set_policies(Policies::parse(&format!("{}\n{hour}", Policies::default_text())).unwrap());
    assert!(see(3600).await && !see(3601).await);
});

// A rule that lets somebody take e-mail addresses gave out every file of the shop's pages.
both_engines!(a_file_needs_all_that_it_may_hold, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    let take = async |rule: &str| {
        let rules = format!(
            "{}\n@id(\"lists\")\npermit (principal is Staff in Role::\"marketing\", action == Action::\"export\", {rule});",
            Policies::default_text()
        );
        vault.set_policies(Policies::parse(&rules).unwrap());
        let groups = Some(&["marketing"][..]);
        let page = Way { kind: "application/pdf", ..Way::get("/admin/orders/LM-7", groups, CUSTOMERS) };
        page.go(&office).await.unwrap().status
    };
    assert_eq!(take("resource == Field::\"contact.email\"").await, StatusCode::FORBIDDEN);
    assert_eq!(take("resource in Class::\"contact\"").await, StatusCode::FORBIDDEN);
    assert_eq!(take("resource").await, StatusCode::OK);
});

// Lists with names only named nobody whose record is kept; a message's writer was swallowed by its line.
both_engines!(who_was_shown_is_joined_by_orders_links_and_addresses_in_lines, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    order_of_ada(&vault, "LM-7").await;
    let office = office(&vault, &db);
    let message = "<article><p class=muted>Ada Lovelace, ada@shop.example, 1 May</p></article>";
    let address = "<address>Ada Lovelace<br>12 Square</address>";
    for (path, page) in [("/admin/orders", LIST), ("/admin/orders/LM-7", address), ("/admin", message)] {
        let before = events(&db).await.len();
        Way::get(path, Some(&["support"]), page).go(&office).await.unwrap();
        let told = events(&db).await;
        let (_, Event::CustomersShown(fact)) = &told[before] else { panic!("{path}: {told:?}") };
        assert_eq!(fact.customers, [ada()], "{path}");
        // The line's date is no name: the same person is the same one on each page.
        assert!(fact.others.len() <= 1, "{path}: {fact:?}");
    }
    // Goods' numbers on an order's page are no orders.
    let goods = "<address>Bob Bobson</address><a href=\"/admin/orders/LM-7\">another</a>";
    Way::get("/admin/orders/LM-9", Some(&["support"]), goods).go(&office).await.unwrap();
    let told = events(&db).await;
    assert!(
        matches!(&told.last().unwrap().1, Event::CustomersShown(fact) if fact.customers.is_empty()),
        "{told:?}"
    );
});

// A column that the file does not know, whatever the language.
both_engines!(an_unknown_column_is_whole_only_for_who_sees_the_page_whole, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    for (groups, sees) in
        [(&["owner"][..], true), (&["support"], false), (&["accountant"], false), (&[], false)]
    {
        let page = Way::get("/admin/orders", Some(groups), LIST).go(&office).await.unwrap().body;
        assert_eq!(page.contains("rings twice"), sees, "{groups:?}: {page}");
        assert!(page.contains(">LM-7<"), "{page}");
    }
});

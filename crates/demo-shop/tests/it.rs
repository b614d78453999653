//! The shop from outside: its journey, its rules, and its three deliberate holes, open and closed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod browser;

use browser::{Browser, TestShop, encode};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use storeward_demo_shop::{Holes, demo_credentials};

const INJECTION: &str = "zzz%' UNION SELECT email, email, password_hash, 0, 0 FROM customers --";
const SCRIPT: &str = "Lovely. <script>document.title='owned'</script>";

async fn checkout(browser: &mut Browser, extra: &[(&str, &str)]) -> browser::Answer {
    let mut fields = vec![
        ("address", "new"),
        ("recipient", "Ella Fairley"),
        ("street", "7 Fellside Cottages"),
        ("postcode", "ZZ91 4QT"),
        ("city", "Thornbeck"),
        ("country", "United Kingdom"),
        ("delivery", "standard"),
        ("payment", "invoice"),
    ];
    fields.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
    fields.extend_from_slice(extra);
    browser.post("/checkout", &fields).await
}

async fn stock_of(browser: &mut Browser, slug: &str) -> i64 {
    let products: serde_json::Value =
        serde_json::from_slice(&browser.get("/api/products").await.body).unwrap();
    let product = products["products"].as_array().unwrap().iter().find(|one| one["slug"] == slug).unwrap();
    product["stock"].as_i64().unwrap()
}

#[tokio::test]
async fn search_leaks_sign_ins_only_with_holes() {
    for (holes, leaks) in [(Holes::On, true), (Holes::Off, false)] {
        let shop = TestShop::open(holes).await;
        let answer = shop.browser().get(&format!("/search?q={}", encode(INJECTION))).await;
        assert_eq!(answer.status, StatusCode::OK);
        let page = answer.text();
        assert_eq!(page.contains("$argon2id$"), leaks);
        assert_eq!(page.contains("maeve.corrigan@example.net"), leaks);
        // Ordinary words work either way, and the search cannot write.
        assert!(shop.browser().get("/search?q=linen").await.text().contains("Linen napkins"));
        shop.browser().get(&format!("/search?q={}", encode("'; DELETE FROM customers --"))).await;
        shop.browser().sign_in(demo_credentials().customer).await;
        shop.close().await;
    }
}

/// A visitor's first words in the demo may well have one: an honest apostrophe finds what there is, with the hole and without.
#[tokio::test]
async fn an_honest_apostrophe_breaks_nothing() {
    for holes in [Holes::On, Holes::Off] {
        let shop = TestShop::open(holes).await;
        for words in [
            "potter's",
            "men's socks",
            "what's new?",
            "rock 'n' roll mug",
            "where's wally",
            "'",
            "\"it's\"",
            "d' or -- bague",
            "Chris' in Berlin -- nicht da",
        ] {
            let answer = shop.browser().get(&format!("/search?q={}", encode(words))).await;
            assert_eq!(answer.status, StatusCode::OK, "{words}");
            assert!(!answer.text().contains("syntax"), "the database's words stay inside");
        }
        let found = shop.browser().get("/search?q=linen").await;
        assert!(found.text().contains("/product/"));
        shop.close().await;
    }
}

#[tokio::test]
async fn an_endless_query_put_in_through_the_search_is_broken_off() {
    let shop = TestShop::open(Holes::On).await;
    let endless = "zzz%' UNION SELECT '', '', '', n, 0 FROM (WITH RECURSIVE c(n) AS \
                   (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT MAX(n) AS n FROM c) --";
    assert_eq!(shop.browser().get(&format!("/search?q={}", encode(endless))).await.status, 500);
    assert_eq!(shop.browser().get("/search?q=linen").await.status, StatusCode::OK);
    shop.close().await;
}

#[tokio::test]
async fn reviews_carry_scripts_only_with_holes() {
    for (holes, runs) in [(Holes::On, true), (Holes::Off, false)] {
        let shop = TestShop::open(holes).await;
        let mut browser = shop.browser();
        browser.sign_in(demo_credentials().customer).await;
        let fields = [("rating", "5"), ("title", "So good"), ("text", SCRIPT)];
        let answer = browser.post("/product/peat-mug/reviews", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let page = shop.browser().get("/product/peat-mug").await.text();
        assert_eq!(page.contains("<script>document.title"), runs);
        assert_eq!(page.contains("&lt;script&gt;document.title"), !runs);
        shop.close().await;
    }
}

#[tokio::test]
async fn export_is_open_only_with_holes() {
    for (holes, open) in [(Holes::On, true), (Holes::Off, false)] {
        let shop = TestShop::open(holes).await;
        let stranger = shop.browser().get("/admin/export.csv").await;
        assert_eq!(stranger.text().contains("maeve.corrigan@example.net"), open);
        assert_eq!(stranger.status, if open { StatusCode::OK } else { StatusCode::SEE_OTHER });
        let mut office = shop.browser();
        office.sign_in(demo_credentials().admin).await;
        let export = office.get("/admin/export.csv").await;
        assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(export.text().lines().count(), 40, "a heading and 39 customers");
        shop.close().await;
    }
}

#[tokio::test]
async fn the_whole_journey() {
    let shop = TestShop::open(Holes::Off).await;
    let mut browser = shop.browser();
    for path in ["/", "/category/tableware?sort=price&stock=1&max=40&page=1", "/product/peat-mug", "/contact"]
    {
        assert_eq!(browser.get(path).await.status, StatusCode::OK, "{path}");
    }
    let before = stock_of(&mut browser, "peat-mug").await;
    let answer = browser.post("/cart/add", &[("slug", "peat-mug"), ("quantity", "2")]).await;
    assert_eq!(answer.header("location"), "/cart");
    assert_eq!(browser.get("/checkout").await.header("location"), "/account/sign-in?next=/checkout");

    let anonymous = browser.cookie.clone();
    browser.sign_in(demo_credentials().customer).await;
    assert_ne!(browser.cookie, anonymous, "a session known before sign-in is worth nothing after");
    assert!(browser.get("/checkout").await.text().contains("2 × Peat mug"), "the cart survives the sign-in");

    let answer = checkout(&mut browser, &[]).await;
    let number = answer.header("location").strip_prefix("/checkout/done/").unwrap().to_owned();
    let thanks = browser.get(&format!("/checkout/done/{number}")).await.text();
    assert!(thanks.contains("Thank you") && thanks.contains("€52.90"), "2 × 24.00 + 4.90");
    assert!(browser.get("/account/orders").await.text().contains(&number));
    assert!(browser.get(&format!("/account/orders/{number}")).await.text().contains("Peat mug"));
    assert_eq!(stock_of(&mut browser, "peat-mug").await, before - 2);
    let cart = browser.get("/api/cart").await.text();
    assert!(cart.contains("\"count\":0"), "{cart}");

    browser.post("/account/sign-out", &[]).await;
    assert_eq!(browser.get("/account").await.header("location"), "/account/sign-in?next=/account");
    shop.close().await;
}

#[tokio::test]
async fn a_new_customer_signs_up_and_keeps_addresses() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    let fields = [("name", "Nora Test"), ("email", "nora@example.com"), ("password", "four words make one")];
    assert_eq!(browser.post("/account/sign-up", &fields).await.header("location"), "/account");
    assert_eq!(shop.browser().post("/account/sign-up", &fields).await.status, 422, "the address is taken");
    let short = [("name", "X"), ("email", "x@example.com"), ("password", "short")];
    assert_eq!(shop.browser().post("/account/sign-up", &short).await.status, 422);

    let address = [
        ("recipient", "Nora <b>"),
        ("street", "Way 1"),
        ("postcode", "1"),
        ("city", "Town"),
        ("country", "Ireland"),
    ];
    browser.post("/account/addresses", &address).await;
    let book = browser.get("/account/addresses").await.text();
    assert!(book.contains("Nora &#60;b&#62;"), "pages escape what people type");
    let id = book.split("/account/addresses/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let changed = [&address[..4], &[("country", "France")]].concat();
    browser.post(&format!("/account/addresses/{id}"), &changed).await;
    assert!(browser.get("/account/addresses").await.text().contains("France"));

    let mut other = shop.browser();
    other.sign_in(demo_credentials().customer).await;
    assert_eq!(other.get(&format!("/account/addresses/{id}")).await.status, 404);
    assert_eq!(other.post(&format!("/account/addresses/{id}/delete"), &[]).await.status, 404);
    assert_eq!(browser.post(&format!("/account/addresses/{id}/delete"), &[]).await.status, 303);
    shop.close().await;
}

#[tokio::test]
async fn wrong_passwords_get_401_and_the_form_again() {
    let shop = TestShop::open(Holes::On).await;
    let email = demo_credentials().customer.email;
    for email in [email, "nobody@example.com"] {
        let fields = [("email", email), ("password", "wrong")];
        let answer = shop.browser().post("/account/sign-in", &fields).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text().contains("name=\"password\""));
    }
    let account = demo_credentials().customer;
    let away = [("email", account.email), ("password", account.password), ("next", "//evil.example")];
    assert_eq!(shop.browser().post("/account/sign-in", &away).await.header("location"), "/account");
    shop.close().await;
}

#[tokio::test]
async fn forms_without_the_right_token_are_refused() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    browser.sign_in(demo_credentials().customer).await;
    let foreign = shop.browser().csrf().await;
    for token in ["", "0000", foreign.as_str()] {
        let fields = [("slug", "peat-mug"), ("quantity", "1")];
        assert_eq!(browser.post_with("/cart/add", token, &fields).await.status, StatusCode::FORBIDDEN);
        assert_eq!(browser.post_with("/account/sign-out", token, &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(browser.upload(token, b"\x89PNG\r\n\x1a\n").await.status, StatusCode::FORBIDDEN);
    }
    let request = Request::post("/api/cart").header("content-type", "application/json");
    let answer = browser.send(request, r#"{"slug":"peat-mug","quantity":1}"#).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(browser.get("/api/cart").await.text().contains("\"count\":0"));
    shop.close().await;
}

#[tokio::test]
async fn the_json_cart_counts() {
    let shop = TestShop::open(Holes::Off).await;
    let mut browser = shop.browser();
    let csrf = browser.csrf().await;
    let post = || {
        Request::post("/api/cart").header("content-type", "application/json").header("x-csrf-token", &csrf)
    };
    assert!(browser.send(post(), r#"{"slug":"peat-mug","quantity":3}"#).await.text().contains("\"count\":3"));
    assert_eq!(browser.send(post(), r#"{"slug":"peat-mug","quantity":-3}"#).await.status, 400);
    assert_eq!(browser.send(post(), r#"{"slug":"nothing","quantity":1}"#).await.status, 404);
    assert!(browser.get("/api/cart").await.text().contains("\"total_cents\":7200"));
    shop.close().await;
}

#[tokio::test]
async fn prices_and_quantities_cannot_be_bent() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    browser.sign_in(demo_credentials().customer).await;
    for quantity in ["0", "-1", "100", "1.5", "", "99999999999999999999"] {
        let answer = browser.post("/cart/add", &[("slug", "peat-mug"), ("quantity", quantity)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{quantity:?}");
    }
    let bent = [("slug", "moor-blanket"), ("quantity", "1"), ("price", "1"), ("price_cents", "1")];
    browser.post("/cart/add", &bent).await;
    let bent = [("price_cents", "1"), ("total_cents", "1"), ("delivery_cents", "0")];
    let answer = checkout(&mut browser, &bent).await;
    let page = browser.get(answer.header("location")).await.text();
    assert!(page.contains("€133.90"), "129.00 + 4.90");

    // More than there is: the order is not placed.
    browser.post("/cart/add", &[("slug", "bird-house"), ("quantity", "4")]).await;
    assert_eq!(checkout(&mut browser, &[]).await.header("location"), "/cart");
    assert_eq!(stock_of(&mut browser, "bird-house").await, 3);
    shop.close().await;
}

#[tokio::test]
async fn only_test_cards_are_taken_and_four_digits_kept() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    browser.sign_in(demo_credentials().customer).await;
    browser.post("/cart/add", &[("slug", "spoon-trio"), ("quantity", "1")]).await;
    let card = |number| {
        [
            ("payment", "card"),
            ("card_name", "E Fairley"),
            ("card_number", number),
            ("card_expiry", "12/30"),
            ("card_cvc", "737"),
        ]
    };
    let declined = checkout(&mut browser, &card("4000 0000 0000 0002")).await;
    assert_eq!(declined.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!declined.text().contains("4000 0000 0000 0002"), "a card number is never shown again");
    let answer = checkout(&mut browser, &card("5555 5555 5555 4444")).await;
    assert!(browser.get(answer.header("location")).await.text().contains("Card ending in 4444"));
    let folder = shop.folder.path().to_owned();
    for file in ["shop.sqlite", "shop.sqlite-wal"] {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        assert!(!bytes.windows(16).any(|window| window == b"5555555555554444"), "{file}");
    }
    shop.close().await;
}

#[tokio::test]
async fn orders_and_the_back_office_are_closed_to_others() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    browser.sign_in(demo_credentials().customer).await;
    assert!(browser.get("/account/orders").await.text().contains("/account/orders/LM-10246"));
    assert_eq!(browser.get("/account/orders/LM-10246").await.status, StatusCode::OK);
    assert_eq!(browser.get("/account/orders/LM-10247").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/checkout/done/LM-10247").await.status, StatusCode::NOT_FOUND);
    for path in ["/admin", "/admin/orders", "/admin/orders/LM-10247", "/admin/customers", "/admin/products"] {
        assert_eq!(browser.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(shop.browser().get(path).await.header("location"), "/account/sign-in?next=/admin");
    }
    assert_eq!(browser.post("/admin/products/peat-mug/stock", &[("stock", "1")]).await.status, 403);

    let mut office = shop.browser();
    office.sign_in(demo_credentials().admin).await;
    for path in ["/admin", "/admin/orders?before=30", "/admin/orders/LM-10247", "/admin/customers?after=25"] {
        assert_eq!(office.get(path).await.status, StatusCode::OK, "{path}");
    }
    office.post("/admin/products/peat-mug/stock", &[("stock", "7")]).await;
    assert_eq!(stock_of(&mut office, "peat-mug").await, 7);
    shop.close().await;
}

#[tokio::test]
async fn pictures_are_checked_and_stored() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    browser.sign_in(demo_credentials().customer).await;
    let csrf = browser.csrf().await;
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    picture.resize(3 * 1024 * 1024, 7);
    assert_eq!(browser.upload(&csrf, &picture).await.status, StatusCode::SEE_OTHER);
    let page = browser.get("/account").await.text();
    let path = format!("/pictures/{}", page.split("/pictures/").nth(1).unwrap().split('"').next().unwrap());
    let stored = browser.get(&path).await;
    assert_eq!((stored.header("content-type"), stored.body.as_ref()), ("image/png", picture.as_slice()));

    picture.resize(5 * 1024 * 1024 + 1, 7);
    assert_eq!(browser.upload(&csrf, &picture).await.status, StatusCode::PAYLOAD_TOO_LARGE, "just too large");
    picture.resize(9 * 1024 * 1024, 7);
    assert_eq!(browser.upload(&csrf, &picture).await.status, StatusCode::PAYLOAD_TOO_LARGE, "far too large");
    let page = browser.upload(&csrf, b"<svg onload=alert(1)> and more").await;
    assert_eq!(page.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let kept = std::fs::read_dir(shop.folder.path().join("shop-pictures")).unwrap().count();
    assert_eq!(kept, 1, "refused uploads leave nothing behind");
    assert_eq!(browser.get("/pictures/..%2Fshop.sqlite").await.status, StatusCode::NOT_FOUND);

    let long = "x".repeat(70 * 1024);
    let fields = [("name", "N"), ("email", "n@example.com"), ("topic", "t"), ("text", long.as_str())];
    assert_eq!(browser.post("/contact", &fields).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    shop.close().await;
}

#[tokio::test]
async fn ranges_and_conditional_requests() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    let whole = browser.get("/downloads/care-guide.pdf").await;
    assert!(whole.body.starts_with(b"%PDF-1.4"));
    let part = |range| Request::get("/downloads/care-guide.pdf").header("range", range);
    let first = browser.send(part("bytes=0-7"), "").await;
    assert_eq!((first.status, first.body.as_ref()), (StatusCode::PARTIAL_CONTENT, b"%PDF-1.4".as_slice()));
    assert_eq!(first.header("content-range"), format!("bytes 0-7/{}", whole.body.len()));
    assert_eq!(browser.send(part("bytes=999999-"), "").await.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let stale = browser.send(part("bytes=0-7").header("if-range", "\"old\""), "").await;
    assert_eq!(stale.body.len(), whole.body.len());

    let picture = browser.get("/img/peat-mug.svg").await;
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert!(picture.header("cache-control").contains("max-age"));
    let again = Request::get("/img/peat-mug.svg").header("if-none-match", picture.header("etag"));
    let again = browser.send(again, "").await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    shop.close().await;
}

#[tokio::test]
async fn stock_changes_are_announced_and_streams_end_with_the_shop() {
    let shop = TestShop::open(Holes::On).await;
    let mut stream = shop.browser().open(Request::get("/events"), "").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let hello = stream.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(hello.starts_with(b"retry:"));

    let mut browser = shop.browser();
    browser.sign_in(demo_credentials().customer).await;
    browser.post("/cart/add", &[("slug", "garden-twine"), ("quantity", "1")]).await;
    checkout(&mut browser, &[("delivery", "pick-up"), ("payment", "cash")]).await;
    let mut heard = String::new();
    while !heard.contains("\"garden-twine\",\"stock\":47") {
        let frame = stream.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        heard.push_str(std::str::from_utf8(&frame).unwrap());
    }
    shop.close().await;
}

#[tokio::test]
async fn every_product_has_a_page_and_a_picture_and_errors_look_like_the_shop() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    let products: serde_json::Value =
        serde_json::from_slice(&browser.get("/api/products").await.body).unwrap();
    let products = products["products"].as_array().unwrap();
    assert_eq!(products.len(), 24);
    for product in products {
        for link in ["url", "image"] {
            let path = product[link].as_str().unwrap();
            assert_eq!(browser.get(path).await.status, StatusCode::OK, "{path}");
        }
    }
    let missing = browser.get("/no/such/page").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("Larkmoor"));
    let wrong = browser.send(Request::delete("/cart"), "").await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.text().contains("Larkmoor"));

    let home = shop.browser().get("/").await;
    let cookie = home.header("set-cookie");
    assert!(
        cookie.starts_with("shop_session=") && !cookie.contains("Secure") && !cookie.contains("SameSite")
    );
    assert!(!home.header("server").is_empty() && !home.header("x-powered-by").is_empty());
    assert!(
        !home.text().contains("<style")
            && !home.text().contains("style=")
            && !home.text().contains("http://")
    );
    shop.close().await;
}

#[tokio::test]
async fn the_data_outlives_the_shop() {
    let shop = TestShop::open(Holes::On).await;
    let mut browser = shop.browser();
    browser.sign_in(demo_credentials().customer).await;
    let cookie = browser.cookie.clone();
    let database = shop.folder.path().join("shop.sqlite");
    let options = storeward_demo_shop::ShopOptions { database, holes: Holes::Off, pay: None };
    let again = storeward_demo_shop::Shop::open(options).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut visitor = Browser { address: listener.local_addr().unwrap(), cookie };
    let _serving = tokio::spawn(again.serve(listener, std::future::pending()));
    assert_eq!(visitor.get("/account").await.status, StatusCode::OK);
    shop.close().await;
}

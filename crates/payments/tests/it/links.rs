//! The signed link, as a browser goes through it: what the shop signed is what is paid, also where the order changes on the way.

use http_body_util::BodyExt;
use storeward_base::{Actor, Clock};
use storeward_payments::pages::{Look, Pages};
use storeward_payments::{MIGRATIONS, NewPayment, Presentation, Provider, Saving, State};
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::hmac_sha256;
use storeward_store::testing::TestDb;
use storeward_store::{both_engines, params};
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use storeward_web::http::Request;
use tower::ServiceExt;

use crate::support::{Shop, private};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub struct Stand {
    pub shop: Shop,
    router: Router,
}

pub struct Page {
    pub status: u16,
    location: String,
    cookie: String,
    pub refresh: String,
    pub text: String,
}

pub async fn stand(db: &TestDb) -> Stand {
    let shop =
        Shop::prepared(db, "link_secret_files = ['link']", |folder| private(folder, "link", SECRET)).await;
    let look = Look::new("The shop", None).with_contact(Some("help@shop.example"));
    let router = Pages::new(shop.payments.clone(), look).router(&["shop.example".to_owned()]).unwrap();
    Stand { shop, router }
}

fn link(db: &TestDb, order: &str, amount: i64) -> String {
    let expires = (db.clock.now().seconds() + 3600).to_string();
    let (amount, back) = (amount.to_string(), "https://shop.example/orders");
    let text = ["storeward-pay-1", order, &amount, "EUR", back, &expires, ""].join("\n");
    let mark = hex(&hmac_sha256(SECRET.as_bytes(), text.as_bytes()));
    format!(
        "order={order}&amount={amount}&currency=EUR&return=https%3A%2F%2Fshop.example%2Forders&expires={expires}&customer=&signature={mark}"
    )
}

impl Stand {
    pub async fn ask(&self, method: &str, path: &str, cookie: &str, form: Option<String>) -> Page {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop.example")
            .header("accept-language", "en");
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        let body = match form {
            Some(form) => {
                request = request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .header("origin", "https://shop.example")
                    .header("sec-fetch-site", "same-origin");
                Body::from(form)
            }
            None => Body::empty(),
        };
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let line = |name: &str| {
            answer.headers().get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        };
        let cookie = line("set-cookie").split(';').next().unwrap_or_default().to_owned();
        let (status, location, refresh) = (answer.status().as_u16(), line("location"), line("refresh"));
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Page { status, location, cookie, refresh, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// A page as somebody of this language reads it.
    async fn read_in(&self, path: &str, language: &str) -> String {
        let request = Request::get(path).header("host", "shop.example").header("accept-language", language);
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Opens a payment's page and chooses.
    pub async fn presses(&self, path: &str, way: &str) -> Page {
        let page = self.ask("GET", path, "", None).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let form = format!("csrf={}&way={way}", hidden(&page, "csrf").unwrap());
        self.ask("POST", &format!("{path}/begin"), &page.cookie, Some(form)).await
    }

    /// Opens the link and chooses.
    async fn chooses(&self, link: &str, way: &str) -> Page {
        let page = self.ask("GET", &format!("/.storeward/pay/link?{link}"), "", None).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let csrf = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let form = format!("csrf={csrf}&way={way}&{link}");
        self.ask("POST", "/.storeward/pay/link", &page.cookie, Some(form)).await
    }
}

// An order was created by a link under a card's number, and stood in the table in clear.
both_engines!(no_link_makes_an_order_of_a_card_number, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    for order in ["4242424242424242", "Karte4242424242424242"] {
        let seen =
            stand.ask("GET", &format!("/.storeward/pay/link?{}", link(&db, order, 1999)), "", None).await;
        assert_eq!(seen.status, 400, "{}", seen.text);
        assert!(!seen.text.contains(order), "{}", seen.text);
        assert!(stand.shop.payments.of_order(order).await.unwrap().is_empty(), "{order}");
    }
});

// The page stood in German around a sentence in English.
both_engines!(what_is_wrong_with_a_link_is_said_in_the_buyers_language, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let tampered = link(&db, "L-8", 1999).replace("amount=1999", "amount=1");
    let told = async |path: String, language: &str| {
        let request = Request::get(path)
            .header("host", "shop.example")
            .header("accept", "text/html")
            .header("accept-language", language);
        let answer = stand.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let bad = || format!("/.storeward/pay/link?{tampered}");
    for (language, words) in [
        ("de", "ungültig oder abgelaufen"),
        ("fr", "pas valable"),
        ("es", "no es válido"),
        ("en", "not whole"),
    ] {
        let text = told(bad(), language).await;
        assert!(text.contains(words), "{language}: {text}");
        assert_eq!(text.contains("not whole"), language == "en", "{text}");
        assert_eq!(text.contains("This link to pay is not good"), language == "en", "{text}");
    }
    let nothing = told("/.storeward/pay/nothing".to_owned(), "de").await;
    assert!(nothing.contains("gibt es keine Zahlung"), "{nothing}");
});

both_engines!(an_order_that_changed_after_the_click_is_paid_as_it_is_now, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let first = stand.chooses(&link(&db, "L-1", 1999), "stripe").await;
    assert_eq!(first.status, 200, "{}", first.text);
    db.clock.advance(std::time::Duration::from_secs(1));
    // The buyer comes back with more in the basket: what nobody paid is ended, what the shop signed now is asked for.
    let second = stand.chooses(&link(&db, "L-1", 2500), "paypal").await;
    assert_eq!(second.status, 200, "{}", second.text);
    let all = stand.shop.payments.of_order("L-1").await.unwrap();
    let mut states: Vec<_> = all.iter().map(|one| (one.amount.minor, one.state)).collect();
    states.sort_unstable_by_key(|(minor, _)| *minor);
    assert_eq!(states[0], (1999, State::Voided));
    assert!(states[1].0 == 2500 && states.len() == 2, "{states:?}");
});

// A buyer kept the link of when the order cost little: it took the place of the later one, and was paid.
both_engines!(a_link_of_before_takes_no_later_ones_place, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let second = || db.clock.advance(std::time::Duration::from_secs(1));
    let cheap = link(&db, "L-9", 100);
    second();
    let dear = link(&db, "L-9", 50_000);
    let as_late = link(&db, "L-9", 200);
    assert_eq!(stand.chooses(&dear, "stripe").await.status, 200);
    for older in [&cheap, &as_late] {
        let page = stand.ask("GET", &format!("/.storeward/pay/link?{older}"), "", None).await;
        assert_eq!(page.status, 409, "{}", page.text);
        assert!(page.text.contains("from before the order changed"), "{}", page.text);
    }
    // It is used again, by a link that was signed later still: one from between the two is too old as well.
    second();
    let between = link(&db, "L-9", 300);
    second();
    let again = link(&db, "L-9", 50_000);
    let known = stand.ask("GET", &format!("/.storeward/pay/link?{again}"), "", None).await;
    assert_eq!(known.status, 303);
    let page = stand.ask("GET", &format!("/.storeward/pay/link?{between}"), "", None).await;
    assert_eq!(page.status, 409, "{}", page.text);
    let all = stand.shop.payments.of_order("L-9").await.unwrap();
    assert!(all.len() == 1 && all[0].amount.minor == 50_000 && all[0].state != State::Voided, "{all:?}");
    assert!(all[0].is_open());
});

// A cheaper link that is still good voided what the shop's program asked for, and was paid.
both_engines!(a_link_ends_nothing_that_a_program_asked_for, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    for (order, is_begun) in [("L-11", false), ("L-12", true)] {
        let asked = stand.shop.create(order, 50_000).await;
        // One over the same amount leads there, and makes it no link's.
        let same =
            stand.ask("GET", &format!("/.storeward/pay/link?{}", link(&db, order, 50_000)), "", None).await;
        assert_eq!((same.status, same.location), (303, stand.shop.payments.page_path(asked.id)));
        if is_begun {
            stand.shop.begin(&asked, Provider::Stripe).await;
        }
        db.clock.advance(std::time::Duration::from_secs(1));
        let page = stand.chooses(&link(&db, order, 100), "stripe").await;
        assert_eq!(page.status, 409, "{}", page.text);
        let all = stand.shop.payments.of_order(order).await.unwrap();
        assert!(all.len() == 1 && all[0].amount.minor == 50_000 && all[0].is_open(), "{all:?}");
    }
    // What a link made first and a program asked for then is the program's.
    stand.chooses(&link(&db, "L-13", 50_000), "stripe").await;
    stand.shop.create("L-13", 50_000).await;
    db.clock.advance(std::time::Duration::from_secs(1));
    let page = stand.chooses(&link(&db, "L-13", 100), "stripe").await;
    assert_eq!(page.status, 409, "{}", page.text);
    let all = stand.shop.payments.of_order("L-13").await.unwrap();
    assert!(all.len() == 1 && all[0].is_open(), "{all:?}");
});

// A program that asks for the same over again let an older, cheaper link in, once the payment was voided.
both_engines!(a_program_makes_no_older_link_good, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let old = link(&db, "L-17", 100);
    db.clock.advance(std::time::Duration::from_secs(1));
    stand.chooses(&link(&db, "L-17", 50_000), "stripe").await;
    let asked = stand.shop.create("L-17", 50_000).await;
    stand.shop.payments.void(asked.id, crate::support::wish(None)).await.unwrap();
    let page = stand.ask("GET", &format!("/.storeward/pay/link?{old}"), "", None).await;
    assert_eq!(page.status, 409, "{}", page.text);
    assert_eq!(stand.shop.payments.of_order("L-17").await.unwrap().len(), 1);
});

// Lines that Stripe's form cannot say, of a sum that it can: the buyer read that Stripe cannot be reached, for ever.
both_engines!(lines_that_do_not_fit_are_one, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let line =
        |quantity, unit_amount| storeward_payments::Line { name: "Tea".to_owned(), quantity, unit_amount };
    let new = NewPayment {
        lines: vec![line(2, 335), line(1, 330)],
        ..crate::support::order_of("L-14", 1000, "KWD")
    };
    let payment = stand.shop.payments.create(Actor::System, new).await.unwrap();
    assert_eq!(stand.shop.payments.ways(&payment), [Provider::Stripe]);
    assert!(!stand.shop.begin(&payment, Provider::Stripe).await.is_empty());
    // What is too little or too much for Stripe is not offered there.
    for (order, minor, currency) in [("L-15", 1, "USD"), ("L-16", 999_999_999_999, "EUR")] {
        let new = crate::support::order_of(order, minor, currency);
        let payment = stand.shop.payments.create(Actor::System, new).await.unwrap();
        assert_eq!(stand.shop.payments.ways(&payment), [Provider::PayPal], "{minor} {currency}");
    }
});

// A coupon that is put in and taken out again: the order costs what it cost before, and the buyer read that it was over.
both_engines!(an_order_that_costs_again_what_it_did_is_paid, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    for (at, amount) in [50_000, 45_000, 50_000, 45_000].into_iter().enumerate() {
        db.clock.advance(std::time::Duration::from_secs(1));
        let page = stand.chooses(&link(&db, "L-10", amount), "stripe").await;
        assert_eq!(page.status, 200, "{}", page.text);
        let all = stand.shop.payments.of_order("L-10").await.unwrap();
        let open: Vec<_> = all.iter().filter(|one| one.is_open()).map(|one| one.amount.minor).collect();
        assert_eq!((open, all.len()), (vec![amount], at + 1));
    }
    // What staff set free stays so.
    let open = stand.shop.payments.of_order("L-10").await.unwrap().remove(0);
    let wish = storeward_payments::Wish { actor: Actor::System, amount: None, name: None };
    stand.shop.payments.void(open.id, wish).await.unwrap();
    db.clock.advance(std::time::Duration::from_secs(1));
    let page =
        stand.ask("GET", &format!("/.storeward/pay/link?{}", link(&db, "L-10", 45_000)), "", None).await;
    assert_eq!((page.status, page.location), (303, stand.shop.payments.page_path(open.id)));
    // The buyer read for ever that they should begin again in the shop, which led here.
    let path = stand.shop.payments.page_path(open.id);
    for (language, words) in [
        ("en", "The shop closed the payment of this order. Nothing was charged."),
        ("de", "The shop hat die Zahlung dieser Bestellung geschlossen."),
        ("fr", "The shop a clos le paiement de cette commande."),
        ("es", "The shop ha cerrado el pago de este pedido."),
    ] {
        let text = stand.read_in(&path, language).await;
        assert!(text.contains(words), "{language}: {text}");
        assert!(text.contains("href=\"mailto:help@shop.example\""), "{language}: {text}");
    }
    // One whose place another took is over, and the order is paid anew.
    let displaced = stand.shop.payments.of_order("L-10").await.unwrap().pop().unwrap();
    let text = stand.read_in(&stand.shop.payments.page_path(displaced.id), "en").await;
    assert!(text.contains("begin again in the shop") && !text.contains("mailto:"), "{text}");
});

// Nobody decided in time, and so nobody said no: a later link led to what was over, for ever.
both_engines!(what_nobody_decided_about_is_paid_by_a_later_link, MIGRATIONS, async |db| {
    use crate::judge::{far, let_act, past};
    let stand = stand(&db).await;
    past(&db, &stand.shop).await;
    let_act(&stand.shop, storeward_fraud::RuleId::AttemptsPerEmail, &[0.0]).await;
    let of = |order: &str| NewPayment {
        customer: None,
        email: Some("ada@mail.example".to_owned()),
        ..crate::support::order_of(order, 2000, "EUR")
    };
    let waiting = crate::judge::waiting_for(&stand.shop, of("L-20"), &far(77)).await;
    let voided = crate::judge::waiting_for(&stand.shop, of("L-21"), &far(78)).await;
    assert_eq!((waiting.state, voided.state), (State::Authorized, State::Authorized));
    // What a program set free waits for no decision any more.
    stand.shop.payments.void(voided.id, crate::support::wish(None)).await.unwrap();
    let open = stand.shop.payments.reviews(10).await.unwrap();
    assert_eq!(open.iter().map(|one| one.payment).collect::<Vec<_>>(), [waiting.id]);
    let review = stand.shop.payments.review_of(voided.id).await.unwrap().unwrap();
    assert_eq!((review.state.as_str(), review.is_owed), ("voided", false));
    assert!(crate::support::ledger_text(&db).await.contains("\"outcome\":\"voided\""));
    crate::judge::later(&db, &stand.shop, 6 * 24 * 3600 + 60);
    for _ in 0..2 {
        stand.shop.payments.round().await.unwrap();
    }
    let over = stand.shop.payments.find(waiting.id).await.unwrap().unwrap();
    assert_eq!(over.state, State::Voided);
    let text = stand.read_in(&stand.shop.payments.page_path(waiting.id), "en").await;
    assert!(text.contains("begin again in the shop"), "{text}");
    let page = stand.chooses(&link(&db, "L-20", 2000), "stripe").await;
    assert_ne!(page.status, 303, "{}", page.text);
    let all = stand.shop.payments.of_order("L-20").await.unwrap();
    assert!(all.len() == 2 && all[0].is_open() && all[1].id == waiting.id, "{all:?}");
    // What the shop set free stays so.
    let page = stand.ask("GET", &format!("/.storeward/pay/link?{}", link(&db, "L-21", 2000)), "", None).await;
    assert_eq!((page.status, page.location), (303, stand.shop.payments.page_path(voided.id)));
});

// The page of a review that ran out said to begin again in the shop, although a later link had paid.
both_engines!(what_is_over_says_that_the_order_is_paid, MIGRATIONS, async |db| {
    use crate::judge::{far, let_act, past};
    let stand = stand(&db).await;
    past(&db, &stand.shop).await;
    let_act(&stand.shop, storeward_fraud::RuleId::AttemptsPerEmail, &[0.0]).await;
    let of = NewPayment {
        customer: None,
        email: Some("ada@mail.example".to_owned()),
        ..crate::support::order_of("L-24", 2000, "EUR")
    };
    let waiting = crate::judge::waiting_for(&stand.shop, of, &far(77)).await;
    crate::judge::later(&db, &stand.shop, 6 * 24 * 3600 + 60);
    for _ in 0..2 {
        stand.shop.payments.round().await.unwrap();
    }
    let path = stand.shop.payments.page_path(waiting.id);
    assert_eq!(stand.chooses(&link(&db, "L-24", 2000), "paypal").await.status, 200);
    let text = stand.read_in(&path, "en").await;
    assert!(text.contains("begin again in the shop"), "nobody has paid: {text}");
    let second = stand.shop.payments.of_order("L-24").await.unwrap().remove(0);
    let page = stand.shop.begin(&second, Provider::PayPal).await;
    stand.shop.pay(Provider::PayPal, &page).await;
    let paid = stand.shop.payments.look(second.id).await.unwrap();
    assert!(paid.id != waiting.id && paid.authorized > 0, "{paid:?}");
    for (language, words) in [
        ("en", "The order is paid by another payment."),
        ("de", "Die Bestellung ist mit einer anderen Zahlung bezahlt."),
        ("fr", "La commande est payée par un autre paiement."),
        ("es", "El pedido está pagado con otro pago."),
    ] {
        let text = stand.read_in(&path, language).await;
        assert!(text.contains(words), "{language}: {text}");
    }
});

// Somebody said no at the console, the basket changed by a cent, and the page to pay was open again.
both_engines!(what_the_shop_said_no_to_stays_closed_whatever_it_costs, MIGRATIONS, async |db| {
    use crate::judge::{far, let_act, past};
    let stand = stand(&db).await;
    past(&db, &stand.shop).await;
    let_act(&stand.shop, storeward_fraud::RuleId::AttemptsPerEmail, &[0.0]).await;
    let of = NewPayment {
        customer: None,
        email: Some("ada@mail.example".to_owned()),
        ..crate::support::order_of("L-25", 2000, "EUR")
    };
    let waiting = crate::judge::waiting_for(&stand.shop, of, &far(77)).await;
    let staff = Actor::Staff { id: storeward_base::StaffId::from_bits(7) };
    stand.shop.payments.decide(waiting.id, storeward_payments::Verdict::Decline, staff).await.unwrap();
    // What nobody paid, and a program set free.
    stand.chooses(&link(&db, "L-26", 1999), "stripe").await;
    let open = stand.shop.payments.of_order("L-26").await.unwrap().remove(0);
    stand.shop.payments.void(open.id, crate::support::wish(None)).await.unwrap();
    for (order, closed) in [("L-25", waiting.id), ("L-26", open.id)] {
        db.clock.advance(std::time::Duration::from_secs(1));
        let later = link(&db, order, 2001);
        let page = stand.ask("GET", &format!("/.storeward/pay/link?{later}"), "", None).await;
        let path = stand.shop.payments.page_path(closed);
        assert_eq!((page.status, page.location), (303, path.clone()), "{}", page.text);
        assert!(stand.read_in(&path, "en").await.contains("closed the payment of this order"));
        // Nor by a form that stood open while it was decided.
        let other =
            stand.ask("GET", &format!("/.storeward/pay/link?{}", link(&db, "L-27", 1)), "", None).await;
        let form = format!("csrf={}&way=stripe&{later}", hidden(&other, "csrf").unwrap());
        let chosen = stand.ask("POST", "/.storeward/pay/link", &other.cookie, Some(form)).await;
        assert_eq!((chosen.status, chosen.location), (303, path));
        assert_eq!(stand.shop.payments.of_order(order).await.unwrap().len(), 1);
        // A program of the shop opens another one, and links lead there from then on.
        let asked = stand.shop.create(order, 2001).await;
        let page = stand.ask("GET", &format!("/.storeward/pay/link?{later}"), "", None).await;
        assert_eq!((page.status, page.location), (303, stand.shop.payments.page_path(asked.id)));
    }
});

// The other one could not be written: what gave way for it is nobody's decision, and the buyer tries again.
both_engines!(what_gave_way_for_a_link_is_no_decision, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    assert_eq!(stand.chooses(&link(&db, "L-28", 1999), "stripe").await.status, 200);
    db.clock.advance(std::time::Duration::from_secs(1));
    let later = link(&db, "L-28", 2500);
    let (full, free) = match db.engine() {
        storeward_store::Engine::Sqlite => (
            "CREATE TRIGGER no_room BEFORE INSERT ON payment BEGIN SELECT RAISE(ABORT, 'no room'); END",
            "DROP TRIGGER no_room",
        ),
        storeward_store::Engine::Postgres => (
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$; \
             CREATE TRIGGER no_room BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION no_room()",
            "DROP FUNCTION no_room() CASCADE",
        ),
    };
    db.raw(full);
    assert_ne!(stand.chooses(&later, "stripe").await.status, 200);
    db.raw(free);
    let all = stand.shop.payments.of_order("L-28").await.unwrap();
    assert_eq!(all.iter().map(|one| one.state).collect::<Vec<_>>(), [State::Voided]);
    assert_eq!(stand.chooses(&later, "stripe").await.status, 200);
    assert_eq!(stand.shop.payments.of_order("L-28").await.unwrap().len(), 2);
});

// It was ended, and that it was for a link was written afterwards: a stop in between read as the shop's no to every later link.
both_engines!(what_gives_way_bears_the_mark_or_is_not_ended, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    assert_eq!(stand.chooses(&link(&db, "L-29", 1999), "paypal").await.status, 200);
    db.clock.advance(std::time::Duration::from_secs(1));
    let later = link(&db, "L-29", 2500);
    let (full, free) = match db.engine() {
        storeward_store::Engine::Sqlite => (
            "CREATE TRIGGER no_mark BEFORE UPDATE OF details ON payment BEGIN SELECT RAISE(ABORT, 'no room'); END",
            "DROP TRIGGER no_mark",
        ),
        storeward_store::Engine::Postgres => (
            "CREATE FUNCTION no_mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$; \
             CREATE TRIGGER no_mark BEFORE UPDATE OF details ON payment FOR EACH ROW EXECUTE FUNCTION no_mark()",
            "DROP FUNCTION no_mark() CASCADE",
        ),
    };
    db.raw(full);
    assert_ne!(stand.chooses(&later, "paypal").await.status, 200);
    db.raw(free);
    let all = stand.shop.payments.of_order("L-29").await.unwrap();
    assert!(all.iter().all(|one| one.state != State::Voided), "{all:?}");
    assert_eq!(stand.chooses(&later, "paypal").await.status, 200);
    let all = stand.shop.payments.of_order("L-29").await.unwrap();
    assert_eq!(all.iter().map(|one| one.amount.minor).collect::<Vec<_>>(), [2500, 1999]);
});

// The page said to write to or call the shop, and not how.
both_engines!(whoever_is_stopped_reads_how_to_reach_a_person, MIGRATIONS, async |db| {
    use crate::judge::{begin, create, far, guest, let_act, past};
    let stand = stand(&db).await;
    past(&db, &stand.shop).await;
    let_act(&stand.shop, storeward_fraud::RuleId::AttemptsPerAddress, &[1.0]).await;
    begin(&stand.shop, &create(&stand.shop, guest("L-22")).await, &far(7)).await.unwrap();
    let stopped = create(&stand.shop, guest("L-23")).await;
    assert!(begin(&stand.shop, &stopped, &far(7)).await.is_err());
    let path = stand.shop.payments.page_path(stopped.id);
    let page = stand.presses(&path, "stripe").await;
    assert_eq!(page.status, 429, "{}", page.text);
    let reached = "How to reach The shop: <a href=\"mailto:help@shop.example\">help@shop.example</a>";
    assert!(page.text.contains("name order L-23") && page.text.contains(reached), "{}", page.text);
    // Without a contact in the config it is where the shop is.
    let pages = Pages::new(stand.shop.payments.clone(), Look::new("The shop", None));
    let bare = Stand { router: pages.router(&["shop.example".to_owned()]).unwrap(), ..stand };
    let page = bare.presses(&path, "stripe").await;
    let place = "The shop is at <a href=\"https://shop.example/\">shop.example</a>";
    assert!(page.text.contains("name order L-23") && page.text.contains(place), "{}", page.text);
});

// A newer link of another amount showed ways to pay, until somebody chose one.
both_engines!(an_order_that_is_paid_with_another_amount_is_a_page, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let later = link(&db, "L-2", 2500);
    let open = stand.ask("GET", &format!("/.storeward/pay/link?{later}"), "", None).await;
    let form = format!("csrf={}&way=stripe&{later}", hidden(&open, "csrf").unwrap());
    let paid = stand.shop.paid("L-2", 1999, Provider::Stripe).await;
    db.clock.advance(std::time::Duration::from_secs(1));
    let newest = link(&db, "L-2", 2500);
    for page in [
        stand.ask("GET", &format!("/.storeward/pay/link?{newest}"), "", None).await,
        // Opened before it was paid.
        stand.ask("POST", "/.storeward/pay/link", &open.cookie, Some(form)).await,
    ] {
        assert_eq!(page.status, 409, "{}", page.text);
        assert!(page.text.contains("has been paid already, with another amount"), "{}", page.text);
        assert!(page.text.contains(&stand.shop.payments.page_path(paid.id)), "and where it stands");
        assert_eq!(hidden(&page, "csrf"), None, "no way to pay");
    }
    assert_eq!(stand.shop.payments.of_order("L-2").await.unwrap().len(), 1, "nothing else was made");
    assert_eq!(stand.shop.effects("capture").len(), 1);
    // What went back is owed again.
    stand.shop.payments.refund(paid.id, crate::support::wish(None)).await.unwrap();
    assert_eq!(stand.chooses(&newest, "stripe").await.status, 200);
});

// Nobody knows what became of the first one: it is not ended, and none is made beside it.
both_engines!(an_order_whose_payment_is_unknown_waits, MIGRATIONS, async |db| {
    use storeward_emulators::{Fault, Provider as At, What};
    let stand = stand(&db).await;
    stand.shop.emulators.control.fault(Fault::once(At::Stripe, What::DropAfter, "/v1/checkout/sessions"));
    stand.chooses(&link(&db, "L-3", 1999), "stripe").await;
    assert!(stand.shop.payments.of_order("L-3").await.unwrap()[0].is_unsure);
    db.clock.advance(std::time::Duration::from_secs(1));
    let page = stand.chooses(&link(&db, "L-3", 2500), "stripe").await;
    assert_eq!(page.status, 409);
    assert!(page.text.contains("has changed since you began to pay"), "{}", page.text);
    assert_eq!(stand.shop.payments.of_order("L-3").await.unwrap().len(), 1);
});

// How a link may be bent on its way: nothing is shown, and nothing is made.
both_engines!(a_link_that_was_changed_leads_nowhere, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let good = link(&db, "L-4", 1999);
    for (from, to) in
        [("amount=1999", "amount=1"), ("order=L-4", "order=L-5"), ("EUR", "JPY"), ("expires=1", "expires=2")]
    {
        let bent = good.replace(from, to);
        assert_ne!(bent, good);
        let page = stand.ask("GET", &format!("/.storeward/pay/link?{bent}"), "", None).await;
        assert_eq!(page.status, 403, "{to}: {}", page.text);
        assert!(page.location.is_empty());
    }
    assert_eq!(stand.shop.payments.of_order("L-4").await.unwrap().len(), 0);
});

/// The value of a hidden field.
fn hidden<'a>(page: &'a Page, name: &str) -> Option<&'a str> {
    page.text.split(&format!("name=\"{name}\" value=\"")).nth(1)?.split('"').next()
}

// That it may be kept is the buyer's own word, in a form of ours: no address gives it for them, and no other site's form.
both_engines!(nobody_agrees_for_the_buyer_by_an_address, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let new = NewPayment {
        saving: Saving::Ask,
        presentation: Presentation::Embedded,
        ..crate::support::order_of("K-1", 1999, "EUR")
    };
    let payment = stand.shop.payments.create(Actor::System, new).await.unwrap();
    let path = stand.shop.payments.page_path(payment.id);
    let saves = async || {
        let id = payment.id.to_string();
        let found = db.read(move |reader| {
            let read = "SELECT saves FROM payment_attempt WHERE payment = $1 ORDER BY number";
            reader.query_many(read, params![&id], |row| row.get::<bool>(0))
        });
        found.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"))
    };
    let gone = stand.ask("GET", &format!("{path}/form-keep"), "", None).await;
    assert_eq!(gone.status, 404, "{}", gone.text);
    for query in ["?keep=1", "?agreed=1&keep=1"] {
        let page = stand.ask("GET", &format!("{path}/form{query}"), "", None).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(hidden(&page, "keep"), None);
    }
    assert_eq!(saves().await, [false]);
    let page = stand.ask("GET", &path, "", None).await;
    assert!(page.text.contains("name=\"keep\""), "the page asks: {}", page.text);
    let csrf = hidden(&page, "csrf").unwrap().to_owned();
    for (cookie, token) in [("", csrf.as_str()), (page.cookie.as_str(), "00"), (page.cookie.as_str(), "")] {
        let form = format!("csrf={token}&way=stripe&keep=1");
        let refused = stand.ask("POST", &format!("{path}/begin"), cookie, Some(form)).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    assert_eq!(saves().await, [false]);
    let form = format!("csrf={csrf}&way=stripe&keep=1");
    let shown = stand.ask("POST", &format!("{path}/begin"), &page.cookie, Some(form)).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.text.contains("data-opens=\"cs_test_"), "the form is there: {}", shown.text);
    // Whoever goes on to Stripe's own page takes their word along.
    assert_eq!(hidden(&shown, "keep"), Some("1"));
    assert_eq!(saves().await, [false, true]);
    // Without the box it is an address, and nothing is kept.
    let form = format!("csrf={csrf}&way=stripe");
    let led = stand.ask("POST", &format!("{path}/begin"), &page.cookie, Some(form)).await;
    assert_eq!((led.status, led.location), (303, format!("{path}/form")));
});

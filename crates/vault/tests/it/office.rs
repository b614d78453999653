//! The shop's own staff pages through the stage: whose data went to whom, masked by role, and nothing written back.

use std::net::Ipv4Addr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use storeward_base::{Actor, ClientIp, RequestId, Secret, StaffId, Timestamp};
use storeward_events::Event;
use storeward_host::{ASSERTION, Passage, RequestHead, Seen, SessionStage};
use storeward_policy::Purpose;
use storeward_seal::PseudonymKey;
use storeward_seal::encoding::base64_url;
use storeward_store::testing::TestDb;
use storeward_store::{Error, Migration, both_engines, ledger};
use storeward_vault::office::{self, Office, OfficeParts, ShopPages, ShownFilter};
use storeward_vault::{MIGRATIONS, Vault};

use crate::support::{ada, both, item, staff};

mod roles;

fn tables() -> Vec<Migration> {
    [MIGRATIONS, office::MIGRATIONS].concat()
}

const CUSTOMERS: &str = "<!doctype html><html><body><table><thead><tr><th>Name</th><th>E-mail</th><th>Telephone</th></tr></thead>\
    <tbody><tr><td>Ada Lovelace</td><td>ada@shop.example</td><td>020 7946 0018</td></tr>\
    <tr><td>Bob Bobson</td><td>bob@shop.example</td><td>020 7946 0019</td></tr></tbody></table></body></html>";

fn office(vault: &Vault, db: &TestDb) -> Office {
    office_of("larkmoor", vault, db)
}

fn office_of(shop: &str, vault: &Vault, db: &TestDb) -> Office {
    Office::new(OfficeParts {
        vault: vault.clone(),
        pages: ShopPages::built_in(shop).unwrap(),
        purpose: Purpose::Support,
        purposes: office::usual_purposes(),
        own: vec!["service@shop.example".to_owned()],
        marks: PseudonymKey::from_bytes(Secret::new([7; 32])).mark_key("office"),
        clock: Arc::clone(&db.clock) as _,
    })
}

/// As the gate writes it; `None`: somebody who came past no gate.
fn assertion(groups: Option<&[&str]>, confirmed_at: Timestamp) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(groups) = groups else { return headers };
    let staff = StaffId::from_bits(7).to_string();
    let claims = serde_json::json!({"sub": staff, "groups": groups, "email": "Me@shop.example",
        "auth_time": confirmed_at.seconds()})
    .to_string();
    let token = format!("e30.{}.sig", base64_url(claims.as_bytes()));
    headers.insert(ASSERTION, HeaderValue::from_str(&token).unwrap());
    headers
}

/// What the shop was asked with, and what the client got.
struct Went {
    asked: HeaderMap,
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

struct Way<'a> {
    method: Method,
    path: &'a str,
    query: Option<&'a str>,
    form: &'a str,
    groups: Option<&'a [&'a str]>,
    kind: &'a str,
    body: &'a [u8],
    complete: bool,
    /// Fields of the request and of the answer.
    sent: &'a [(&'static str, &'static str)],
    fields: &'a [(&'static str, &'static str)],
    form_complete: bool,
    /// When they last showed a factor.
    confirmed_at: Timestamp,
}

impl<'a> Way<'a> {
    fn get(path: &'a str, groups: Option<&'a [&'a str]>, body: &'a str) -> Self {
        let (method, kind) = (Method::GET, "text/html; charset=utf-8");
        Way {
            method,
            path,
            query: None,
            form: "",
            groups,
            kind,
            body: body.as_bytes(),
            complete: true,
            sent: &[],
            fields: &[],
            form_complete: true,
            confirmed_at: Timestamp::from_seconds(9_000_000_000),
        }
    }

    fn post(path: &'a str, form: &'a str) -> Self {
        Way { method: Method::POST, form, ..Way::get(path, Some(&["support"]), "saved") }
    }

    async fn go(self, office: &Office) -> Option<Went> {
        let mut asked = assertion(self.groups, self.confirmed_at);
        asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, br"));
        asked.insert(header::RANGE, HeaderValue::from_static("bytes=0-10"));
        for (name, value) in self.sent {
            asked.insert(*name, HeaderValue::from_static(value));
        }
        let shown = asked.clone();
        let head = RequestHead {
            id: RequestId::from_bits(1),
            at: Timestamp::from_seconds(1),
            client: ClientIp::new(Ipv4Addr::LOCALHOST.into()),
            method: &self.method,
            path: self.path,
            written: self.path,
            query: self.query,
            host: "shop.example",
            authority: "shop.example",
            wants_problem: false,
            headers: &shown,
        };
        let mut exchange = office.enter(&head)?;
        let seen = match exchange.request_body_bytes() {
            Some(_) => Seen { bytes: self.form.as_bytes(), complete: self.form_complete },
            None => Seen::default(),
        };
        if let Passage::Instead(answer) = exchange.request(&mut asked, seen).await {
            let (parts, body) = answer.into_parts();
            let body = String::from_utf8(body.to_vec()).unwrap();
            return Some(Went { asked, status: parts.status, headers: parts.headers, body });
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(self.kind).unwrap());
        headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
        for (name, value) in self.fields {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let seen = match exchange.response_body_bytes(StatusCode::OK, &headers) {
            Some(_) => Seen { bytes: self.body, complete: self.complete },
            None => Seen::default(),
        };
        let passage = exchange.response(StatusCode::OK, &mut headers, seen).await;
        let (status, headers, body) = match passage {
            Passage::On => (StatusCode::OK, headers, self.body.to_vec()),
            Passage::Body(bytes) => (StatusCode::OK, headers, bytes.to_vec()),
            Passage::Instead(answer) => {
                let (parts, body) = answer.into_parts();
                (parts.status, parts.headers, body.to_vec())
            }
            Passage::Through(_) => unreachable!("no stage here changes a body on its way"),
        };
        Some(Went { asked, status, headers, body: String::from_utf8(body).unwrap() })
    }
}

async fn events(db: &TestDb) -> Vec<(Actor, Event)> {
    let page = db.read(|r| ledger::read_after(r, 0, 1000)).await.unwrap_or_else(|why: Error| panic!("{why}"));
    let of_office = |event: &Event| event.kind().starts_with("office.");
    page.into_iter().filter(|(_, one)| of_office(&one.event)).map(|(_, one)| (one.actor, one.event)).collect()
}

async fn ada_is_kept(vault: &Vault) {
    let contact = [("contact.name", "Ada Lovelace"), ("contact.email", "ada@shop.example")];
    vault.write(staff(), ada(), item("own", &contact)).await.unwrap();
}

both_engines!(each_role_sees_the_shop_s_page_as_far_as_the_rules_go, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    let page = |groups| Way::get("/admin/customers", groups, CUSTOMERS);
    let owner = page(Some(&["owner"])).go(&office).await.unwrap();
    assert_eq!(owner.body, CUSTOMERS, "the owner sees the page as the shop wrote it");
    let support = page(Some(&["support"])).go(&office).await.unwrap().body;
    assert!(support.contains("A••• L•••") && support.contains("a•••@s•••.example"), "{support}");
    for groups in [None, Some(&[][..]), Some(&["admin"][..])] {
        let nobody = page(groups).go(&office).await.unwrap();
        for gone in ["Ada", "Lovelace", "Bob", "shop.example", "7946"] {
            assert!(!nobody.body.contains(gone), "{groups:?} {gone}: {}", nobody.body);
        }
        assert!(nobody.body.contains("<th>Name</th>"));
        assert_eq!(nobody.headers[header::CACHE_CONTROL], "private, no-store");
        assert!(!nobody.headers.contains_key(header::ETAG), "no copy of one role's page is another's");
        assert_eq!(nobody.asked[header::ACCEPT_ENCODING], "identity");
        assert!(!nobody.asked.contains_key(header::RANGE), "no part of a page goes unread");
    }
});

both_engines!(whose_data_went_to_whom_is_on_record_without_a_name, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    ada_is_kept(&vault).await;
    let office = office(&vault, &db);
    Way::get("/admin/customers", Some(&["support"]), CUSTOMERS).go(&office).await.unwrap();
    Way::get("/admin/customers", None, CUSTOMERS).go(&office).await.unwrap();
    let told = events(&db).await;
    let (Actor::Staff { id }, Event::CustomersShown(fact)) = &told[0] else { panic!("{told:?}") };
    assert_eq!(*id, StaffId::from_bits(7));
    assert_eq!(
        (fact.customers.as_slice(), fact.others.len()),
        (&[ada()][..], 3),
        "Bob's record is not kept; names stand beside"
    );
    assert_eq!((fact.page.as_str(), fact.masked), ("customers", 6));
    assert!(matches!(told[1].0, Actor::Client { .. }));
    let text = serde_json::to_string(&told.iter().map(|(_, event)| event).collect::<Vec<_>>()).unwrap();
    for word in ["ada", "bob", "lovelace", "7946", "shop.example"] {
        assert!(!text.to_lowercase().contains(word), "{word}: {text}");
    }
    let filter = ShownFilter {
        subject: Some(ada().to_string()),
        actor: None,
        from: Timestamp::EPOCH,
        until: Timestamp::from_seconds(9_000_000_000),
        before: None,
    };
    let found = db.read(move |r| office::shown(r, &filter, 10)).await.unwrap();
    assert_eq!(found.len(), 2, "Ada is found by her id");
    // What erases her leaves the ledger whole (the harness verifies it) and nothing that says who she was.
    vault.erase(&crate::support::asks(ada(), Purpose::RightsRequest)).await.unwrap();
});

both_engines!(a_form_with_masks_is_held_back, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    for form in [
        "name=A%E2%80%A2%E2%80%A2%E2%80%A2&stock=4",
        "name=A•••",
        "{\"name\": \"A\\u2022\\u2022\\u2022\"}",
        "{\"name\": \"A•••\"}",
        "name=%e2%80%a2%E2%80%a2%e2%80%A2",
        "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\na•••@s•••.example\r\n--b--",
        "name=&bull;&bull;&bull;",
        "data=%7B%22name%22%3A%22A%5Cu2022%5Cu2022%5Cu2022%22%7D",
        "data=%7B%22name%22%3A%22A%5C%5Cu2022%5C%5Cu2022%5C%5Cu2022%22%7D",
        "data=A%25e2%2580%25a2%25e2%2580%25a2%25e2%2580%25a2",
        "name=A%26%238226%3B%26%2308226%3B%26%23x2022%3B",
        "birthday=1815-%E2%80%A2%E2%80%A2%E2%80%A2-%E2%80%A2%E2%80%A2%E2%80%A2",
    ] {
        let went = Way::post("/admin/products/x", form).go(&office).await.unwrap();
        assert_eq!(went.status, StatusCode::CONFLICT, "{form}");
        assert!(went.body.contains("Nothing was saved"));
    }
    let mut by_query = Way::get("/admin/customers", Some(&["support"]), "saved");
    by_query.query = Some("name=%E2%80%A2%E2%80%A2%E2%80%A2");
    assert_eq!(by_query.go(&office).await.unwrap().status, StatusCode::CONFLICT);
    assert!(events(&db).await.iter().all(|(_, event)| matches!(event, Event::MaskRefused(_))));
    for form in ["name=Ada&stock=4", "text=one%20%E2%80%A2%20two", "text=%E2%80%A2%E2%80%A2"] {
        assert_eq!(Way::post("/admin/products/x", form).go(&office).await.unwrap().body, "saved", "{form}");
    }
});

both_engines!(a_form_too_long_to_be_read_goes_no_further_but_a_file_does, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    let long = |form| Way { form_complete: false, ..Way::post("/admin/products/x", form) };
    assert_eq!(long("name=Ada").go(&office).await.unwrap().status, StatusCode::PAYLOAD_TOO_LARGE);
    let upload = "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\nPNG";
    assert_eq!(long(upload).go(&office).await.unwrap().body, "saved");
    let field = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nfilename=";
    assert_eq!(long(field).go(&office).await.unwrap().status, StatusCode::PAYLOAD_TOO_LARGE);
});

// WordPress takes the place from a form before it takes it from the query.
both_engines!(a_form_leads_to_no_page_past_the_masks, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office_of("wordpress", &vault, &db);
    let json = "{\"first_name\":\"Ada\",\"email\":\"ada@shop.example\"}";
    let sent = &[("content-type", "application/x-www-form-urlencoded")][..];
    let post = |form, kind| Way { sent, kind, groups: None, body: json.as_bytes(), ..Way::post("/", form) };
    for kind in ["application/json", "application/javascript", "text/html"] {
        let went = post("rest_route=/wc/v3/orders", kind).go(&office).await.unwrap();
        assert!(!went.body.contains("ada@"), "{kind}: {}", went.body);
        assert!(kind == "text/html" || !went.body.contains("Ada"), "{kind}: {}", went.body);
    }
    let long = Way { form_complete: false, ..post("a=1", "application/json") };
    assert!(!long.go(&office).await.unwrap().body.contains("Ada"), "what was not read may lead there");
    let honest = post("quantity=1", "application/json").go(&office).await.unwrap();
    assert_eq!(honest.body, json, "a customer's own form");
    assert_eq!(honest.asked[header::ACCEPT_ENCODING], "gzip, br");
    // A path that is no file is WordPress's own, and it reads the parameter there, too: as a program's, or as one order.
    let (body, groups) = (json.as_bytes(), Some(&["support"][..]));
    let one = || Way {
        sent,
        groups,
        body,
        kind: "application/javascript",
        ..Way::get("/x/wp-admin/post.php", None, "")
    };
    let as_order = Way { kind: "application/json", ..one() }.go(&office).await.unwrap().body;
    let as_list = Way { path: "/wp-json/wc/v3/orders", ..one() }.go(&office).await.unwrap().body;
    for path in ["/wp-admin/no.js", "/x/wp-admin/post.php"] {
        let by_query = Way { path, query: Some("rest_route=/wc/v3/orders&_jsonp=x"), ..one() }
            .go(&office)
            .await
            .unwrap();
        let form = "rest_route=/wc/v3/orders&_jsonp=x";
        let by_form = Way { path, method: Method::POST, form, ..one() }.go(&office).await.unwrap();
        assert_eq!(
            (by_query.body.as_str(), by_form.body.as_str()),
            (as_list.as_str(), as_list.as_str()),
            "{path}"
        );
    }
    assert!(as_list.contains("A•••") && !as_list.contains("ada@"), "{as_list} {as_order}");
    let told = events(&db).await;
    assert!(told.len() >= 3 && matches!(told[0].1, Event::CustomersShown(_)), "{told:?}");
});

// The address that was searched for stands on the page, and takes nobody off the record.
both_engines!(an_address_on_the_page_takes_no_name_off_the_record, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    let page = "<input name=s value='x@y.example'><table><tr><th>Customer</th></tr><tr><td>Ada Lovelace</td></tr>\
                <tr><td>Bob Bobson</td></tr></table>";
    Way::get("/admin/orders", None, page).go(&office).await.unwrap();
    let told = events(&db).await;
    let (_, Event::CustomersShown(fact)) = &told[0] else { panic!("{told:?}") };
    assert_eq!(fact.others.len(), 3);
});

both_engines!(fields_of_answers_show_no_address, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    let fields = &[
        ("location", "/admin/customers?mail=ada%40shop.example&n=1"),
        ("x-customer", "ada@shop.example"),
    ][..];
    let went = Way { fields, ..Way::get("/admin/customers", None, "") }.go(&office).await.unwrap();
    assert_eq!(went.headers[header::LOCATION], "/admin/customers?mail=hidden&n=1");
    assert_eq!(went.headers["x-customer"], "hidden");
    let mut searched = Way { fields, ..Way::get("/admin/customers", None, "") };
    searched.query = Some("s=ada%40shop.example");
    assert_eq!(
        searched.go(&office).await.unwrap().headers["x-customer"],
        "ada@shop.example",
        "they wrote it themselves"
    );
});

both_engines!(what_cannot_be_looked_through_is_held_back, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    let check = async |way: Way<'_>, status: u16, reason: &str| {
        let went = way.go(&office).await.unwrap();
        assert_eq!(went.status.as_u16(), status, "{reason}");
        assert!(!went.body.contains("ada@"), "{}", went.body);
        let told = events(&db).await;
        let Some((_, Event::PageWithheld(fact))) = told.last() else { panic!("{told:?}") };
        assert_eq!(fact.reason, reason);
    };
    let page = |kind| Way { kind, ..Way::get("/admin/customers", Some(&["support"]), CUSTOMERS) };
    check(Way { complete: false, ..page("text/html") }, 502, "broken").await;
    let large = "x".repeat(4 * 1024 * 1024);
    check(Way { complete: false, body: large.as_bytes(), ..page("text/html") }, 502, "too_large").await;
    check(page("text/html; charset=iso-8859-1"), 502, "encoded").await;
    check(Way { body: b"ada@shop.example \xff", ..page("text/html") }, 502, "encoded").await;
    check(Way { path: "/admin/export.csv", ..page("text/csv") }, 403, "export").await;
    // A list under another name and another type; UTF-16 that does not say so.
    check(page("application/octet-stream"), 403, "export").await;
    check(Way { path: "/admin/list", ..page("application/vnd.ms-excel") }, 403, "export").await;
    let wide: Vec<u8> = CUSTOMERS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(Way { body: &wide, ..page("text/html") }, 502, "encoded").await;
    let owner = Way { path: "/admin/export.csv", groups: Some(&["owner"]), ..page("text/csv") };
    assert_eq!(owner.go(&office).await.unwrap().body, CUSTOMERS);
    // What is not known as harmless is a file, by whatever name; so is a page that is to be saved.
    for kind in [
        "application/gzip",
        "application/msexcel",
        "application/x-sql",
        "application/pdf",
        "binary/octet-stream",
        "multipart/mixed",
        "x",
    ] {
        check(page(kind), 403, "export").await;
    }
    let saved = &[("content-disposition", "attachment; filename=customers.csv")][..];
    check(Way { fields: saved, ..page("text/plain") }, 403, "export").await;
    // A picture is none of this.
    let picture = Way { body: b"ada@shop.example", ..page("image/png") };
    assert_eq!(picture.go(&office).await.unwrap().status, StatusCode::OK);
    assert!(Way::get("/product/x", None, CUSTOMERS).go(&office).await.is_none());
});

both_engines!(no_page_goes_where_who_sees_it_cannot_be_written_down, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    ada_is_kept(&vault).await;
    let office = office(&vault, &db);
    db.no_room_to_change("ledger_head");
    for groups in [Some(&["owner"][..]), Some(&["support"][..])] {
        let went = Way::get("/admin/customers", groups, CUSTOMERS).go(&office).await.unwrap();
        assert_eq!(went.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!went.body.contains("Ada"), "{}", went.body);
    }
});

both_engines!(nothing_of_the_vault_opens_where_that_cannot_be_written_down, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    ada_is_kept(&vault).await;
    assert_eq!(
        crate::support::shown(&vault, ada(), &["contact.email"]).await,
        ["own email ada@shop.example"]
    );
    db.no_room_to_change("ledger_head");
    let refused = crate::support::open(&vault, ada(), &["contact.email"]).await;
    assert!(refused.is_err(), "an opening without its entry");
    let of_all = vault.open(&crate::support::own(ada()), &[crate::support::field("contact.name")]).await;
    assert!(of_all.is_err(), "not even for the customer");
});

// No dots of ours were ever shown to whoever sees everything: a product's text with dots in it is theirs.
both_engines!(whoever_sees_everything_may_save_dots, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    for shop in ["larkmoor", "wordpress", "django-oscar"] {
        let office = office_of(shop, &vault, &db);
        let path = match shop {
            "larkmoor" => "/admin/products/x",
            "wordpress" => "/wp-admin/options.php",
            _ => "/dashboard/catalogue/products/1/",
        };
        let form = "key=%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A21234";
        for (groups, status) in [
            (Some(&["owner"][..]), StatusCode::OK),
            (Some(&["support"]), StatusCode::CONFLICT),
            (Some(&["fulfilment", "accountant"]), StatusCode::CONFLICT),
            (Some(&[]), StatusCode::CONFLICT),
            (None, StatusCode::CONFLICT),
        ] {
            let mut way = Way::post(path, form);
            way.groups = groups;
            assert_eq!(way.go(&office).await.unwrap().status, status, "{shop} {groups:?}");
        }
    }
});

// WordPress runs other routes in one (batch/v1) and has an older interface beside (xmlrpc.php): both answer with people.
both_engines!(wordpresss_other_interfaces_are_masked_and_on_record, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office_of("wordpress", &vault, &db);
    let json =
        r#"{"responses":[{"body":{"id":12,"first_name":"Ada","email":"ada@shop.example"},"status":200}]}"#;
    let xml = "<?xml version=\"1.0\"?><methodResponse><params><param><value><array><data><value><struct>\
               <member><name>user_id</name><value><string>12</string></value></member>\
               <member><name>first_name</name><value><string>Ada</string></value></member>\
               <member><name>email</name><value><string>ada@shop.example</string></value></member>\
               </struct></value></data></array></value></param></params></methodResponse>";
    for (path, query, kind, body) in [
        ("/wp-json/batch/v1", None, "application/json", json),
        ("/blog/index.php/wp-json/batch/v1", None, "application/json", json),
        ("/", Some("rest_route=/batch/v1"), "application/json", json),
        ("/xmlrpc.php", None, "text/xml; charset=UTF-8", xml),
        ("/blog/xmlrpc.php", Some("rsd"), "text/xml", xml),
    ] {
        let before = events(&db).await.len();
        let went =
            Way { query, kind, body: body.as_bytes(), ..Way::post(path, "{}") }.go(&office).await.unwrap();
        assert!(
            !went.body.contains("ada@") && !went.body.contains("Ada<") && !went.body.contains("\"Ada\""),
            "{path}: {}",
            went.body
        );
        assert!(went.body.contains("12") && went.body.contains("•••"), "{}", went.body);
        let told = events(&db).await;
        assert!(matches!(told[before].1, Event::CustomersShown(_)), "{path}");
    }
    // Customers' own basket goes by another batch.
    let own = Way {
        kind: "application/json",
        body: json.as_bytes(),
        ..Way::post("/wp-json/wc/store/v1/batch", "{}")
    };
    assert!(own.go(&office).await.is_none());
});

both_engines!(a_page_with_more_people_than_can_be_written_down_is_held_back, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    let office = office(&vault, &db);
    let body: String = (0..20_001).map(|number| format!("a{number}@x.de ")).collect();
    let went = Way::get("/admin/customers", Some(&["owner"]), &body).go(&office).await.unwrap();
    assert_eq!(went.status, StatusCode::BAD_GATEWAY);
    assert!(!went.body.contains("@x.de"));
    assert!(matches!(&events(&db).await[0].1, Event::PageWithheld(fact) if fact.reason == "too_large"));
});

/// What the look over the rows names: without the entry's id, which comes by chance.
async fn named(db: &TestDb) -> Vec<String> {
    let found = office::harmed(db).await.unwrap();
    assert!(found.iter().all(|one| one.table == "office_shown"), "{found:?}");
    let mut named: Vec<String> = found
        .into_iter()
        .map(|one| format!("{} {}", one.row.split_once(' ').map_or("", |(_, whom)| whom), one.harm))
        .collect();
    named.sort();
    named
}

// Who had looked took the row away, and nobody was the wiser.
both_engines!(who_looked_takes_no_row_away_unseen, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    ada_is_kept(&vault).await;
    let office = office(&vault, &db);
    Way::get("/admin/customers", Some(&["owner"]), CUSTOMERS).go(&office).await.unwrap();
    db.clock.advance(std::time::Duration::from_secs(60));
    Way::get("/admin/customers", Some(&["support"]), CUSTOMERS).go(&office).await.unwrap();
    assert_eq!(named(&db).await, [""; 0]);
    db.tamper("CREATE TABLE kept AS SELECT * FROM office_shown");
    let (ada, first) = (ada().to_string(), "event = (SELECT MIN(event) FROM kept)");
    let other = "staff_00000000000000000000000009";
    for (harm, wanted) in [
        (
            format!("DELETE FROM office_shown WHERE {first} AND subject = '{ada}'"),
            vec![format!("{ada} missing")],
        ),
        (format!("DELETE FROM office_shown WHERE {first}"), vec![" missing".to_owned()]),
        ("DELETE FROM office_shown".to_owned(), vec![" missing".to_owned(); 2]),
        (
            format!("UPDATE office_shown SET actor = '{other}' WHERE {first} AND subject = '{ada}'"),
            vec![format!("{ada} changed")],
        ),
        (
            format!("UPDATE office_shown SET at = at - 34560000000000 WHERE {first} AND subject = '{ada}'"),
            vec![format!("{ada} changed")],
        ),
        (
            format!("UPDATE office_shown SET page = 'help' WHERE {first} AND subject = '{ada}'"),
            vec![format!("{ada} changed")],
        ),
        // It would no longer count among what somebody read.
        (format!("UPDATE office_shown SET shown = 0 WHERE {first}"), vec![" changed".to_owned()]),
        (
            format!("UPDATE office_shown SET subject = 'seen_0' WHERE {first} AND subject = '{ada}'"),
            vec![format!("{ada} missing"), "seen_0 unknown".to_owned()],
        ),
        // A page that nobody looked at.
        (
            format!(
                "INSERT INTO office_shown SELECT 'evt_00000000000000000000000009', subject, at, '{other}', page, shown FROM kept \
                 WHERE {first} AND subject = '{ada}'"
            ),
            vec![" unknown".to_owned()],
        ),
    ] {
        db.tamper(&harm);
        assert_eq!(named(&db).await, wanted, "{harm}");
        db.tamper("DELETE FROM office_shown");
        db.tamper("INSERT INTO office_shown SELECT * FROM kept");
    }
    assert_eq!(named(&db).await, [""; 0]);
    // What is about to be forgotten on both sides is not missed.
    db.clock.advance(std::time::Duration::from_secs(391 * 24 * 3600));
    db.tamper("DELETE FROM office_shown");
    assert_eq!(named(&db).await, [""; 0]);
});

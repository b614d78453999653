//! The sample shop's own staff pages, with no change to the shop: whose data they show is on record, and masked.

use storeward_events::Event;
use storeward_store::{Error, ledger};

use super::{Demo, demo_credentials, encode};

const OFFICE: &str = "\n[office]\npages = \"larkmoor\"\n";

/// Names and addresses in the first two cells of each row.
fn people(page: &str) -> Vec<String> {
    let rows = page.split("<tr><td>").skip(1);
    let cells = rows.flat_map(|row| row.split("</td><td>").take(2).map(str::to_owned).collect::<Vec<_>>());
    cells.filter(|cell| cell.len() > 3).collect()
}

#[test]
fn the_shop_s_staff_pages_show_masks_and_whom_they_showed_is_on_record() {
    let demo = Demo::start_with(OFFICE);
    let (mut straight, mut through) = (demo.straight(), demo.through());
    let admin = demo_credentials().admin;
    straight.sign_in_as(admin.email, admin.password);
    through.sign_in_as(admin.email, admin.password);
    let open = straight.send("GET", "/admin/customers", None);
    let people = people(&open.body);
    assert!(people.len() > 20 && open.body.contains("@example."), "{}", open.status);
    for spelling in
        ["/admin/customers", "/admin/customers?after=0", "/admin/%63ustomers", "/admin//customers"]
    {
        let masked = through.send("GET", spelling, None);
        for person in &people {
            assert!(!masked.body.contains(person.as_str()), "{spelling} shows {person}");
        }
        assert!(!masked.body.contains("@example."), "{spelling}");
    }
    let masked = through.send("GET", "/admin/customers", None);
    assert_eq!(masked.status, 200);
    assert!(masked.body.contains("<th scope=\"col\">Name</th>") && masked.body.contains("<td>•••</td>"));
    let head = masked.head.to_ascii_lowercase();
    assert!(
        head.contains("cache-control: private, no-store") && head.contains("x-content-type-options: nosniff"),
        "{head}"
    );
    let orders = straight.send("GET", "/admin/orders", None).body;
    let order = orders.split("href=\"/admin/orders/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for target in ["/admin", "/admin/orders", &format!("/admin/orders/{order}")] {
        let (open, masked) = (straight.send("GET", target, None), through.send("GET", target, None));
        assert_eq!((open.status, masked.status), (200, 200), "{target}");
        let address = open.body.split("<address>").nth(1).and_then(|rest| rest.split('<').next());
        for person in people.iter().map(String::as_str).chain(address) {
            assert!(!masked.body.contains(person), "{target} shows {person}");
        }
        assert!(masked.body.contains("•••"), "{target}");
    }
    // What is no staff page is as the shop wrote it.
    assert_eq!(through.send("GET", "/", None).status, 200);
    let db = demo.running.as_ref().unwrap().db();
    let page =
        db.read_blocking(|r| ledger::read_after(r, 0, 1000)).unwrap_or_else(|why: Error| panic!("{why}"));
    let shown: Vec<_> = page
        .iter()
        .filter_map(|(_, record)| match &record.event {
            Event::CustomersShown(fact) if fact.page == "customers" => Some(fact.clone()),
            _ => None,
        })
        .collect();
    assert!(shown.len() >= 2 && shown[0].others.len() > 10, "{shown:?}");
    let told = serde_json::to_string(&shown).unwrap();
    assert!(!told.contains('@') && people.iter().all(|person| !told.contains(person.as_str())));
    demo.end();
}

/// A form that was filled from a masked page would overwrite what the dots stand for.
#[test]
fn masks_never_reach_the_shop() {
    let demo = Demo::start_with(OFFICE);
    let mut through = demo.through();
    let admin = demo_credentials().admin;
    through.sign_in_as(admin.email, admin.password);
    let page = through.send("GET", "/admin/products", None).body;
    let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut post = |fields: &str| {
        through.send(
            "POST",
            "/admin/products/peat-mug/stock",
            Some(&format!("csrf={}&{fields}", encode(&token))),
        )
    };
    let held = post(&format!("stock=7&note={}", encode("A•••")));
    assert_eq!(held.status, 409, "{}", held.head);
    assert!(held.body.contains("Nothing was saved"));
    assert_eq!(post("stock=7").status, 303, "an honest form goes on");
    demo.end();
}

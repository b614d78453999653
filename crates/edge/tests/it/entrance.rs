//! Routes that are closed, or open to some addresses only.

use storeward_edge::access::Verdict;
use storeward_events::Event;
use storeward_testkit::{FakeShop, Reply};

use crate::harness::TestEdge;

const CLOSED: &str = "[[route]]\npath = '/admin/export.csv'\nclosed = true\n";
const OFFICE: &str = "[[route]]\npath = '/admin'\nonly_from = ['192.0.2.0/24', '2001:db8::7']\n";

fn from(client: &str, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: {client}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_into_a_closed_route_however_it_is_spelt() {
    let shop = FakeShop::start(|_| Reply::ok("name,email")).await;
    let edge = TestEdge::start(&[shop.url()], CLOSED);
    let spellings = [
        "/admin/export.csv",
        "/admin/export.csv?x=1",
        "/admin/%65xport.csv",
        "/admin/export%2ecsv",
        "/ADMIN/Export.CSV",
        "/admin/export.csv/",
        "/admin/export.csv;a=b",
        "/admin;x/export.csv",
        "/admin//export.csv",
        "/admin/./export.csv",
        "/x/../admin/export.csv",
        "/admin/export.csv/more",
    ];
    for target in spellings {
        for method in ["GET", "HEAD", "POST", "OPTIONS"] {
            let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
            let ask = format!("{method} {target} HTTP/1.1\r\nHost: shop.test\r\n{length}\r\n");
            let answer = edge.ask(&ask).await;
            assert!(matches!(answer.status, 400 | 403), "{method} {target}: {}", answer.status);
        }
    }
    assert_eq!(edge.get("/admin").await.status, 200);
    assert_eq!(edge.get("/admin/export.csv.html").await.status, 200);
    assert_eq!(shop.asked().len(), 2, "{:?}", shop.asked());
    edge.stop();
}

/// Shops with a front controller serve a closed path under other names as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_front_controller_s_spellings_are_closed_too() {
    let shop = FakeShop::start(|_| Reply::ok("name,email")).await;
    let routes = "[[route]]\npath = '/admin'\nclosed = true\n[[route]]\npath = '/admin/help'\n\
                  [[route]]\npath = '/wp-json/wp/v2/users'\nonly_from = ['192.0.2.0/24']\npath_parameters = ['seite']\n\
                  [[route]]\npath = '/editor'\ninspect = 'off'\n";
    let edge = TestEdge::start(&[shop.url()], routes);
    let closed = [
        "/admin",
        "/index.php/admin",
        "/index.php/admin/users?page=2",
        "/INDEX.php/Admin",
        "/index%2ephp/admin",
        "/index.php;x=1/admin",
        "/index.php//admin",
        "/app.php/index.php/admin",
        "/shop/index.php/admin",
        "/admin.json",
        "/admin%2Ejson",
        "/admin.xml/",
        "/index.php/admin.json",
        "/admin./users",
        "/admin%20/users",
        "/index.php?_route_=admin",
        "/?route=admin/user",
        "/index.php?r=admin/default/index",
        "/?q=/admin/people",
        "/shop/?q=%2Fadmin",
        "/index.php?s=/Admin/index",
        "/catalogue?seite=admin",
        "/?rest_route=/wp/v2/users",
        "/?rest_route=%2Fwp%2Fv2%2Fusers%2F1",
        "/?x=1&rest%5froute=/wp/v2/users",
        "/?rest.route=/wp/v2/users",
        "/index.php?rest_route=/wp/v2/users",
        "/index.php/wp-json/wp/v2/users",
        "/wp-json/wp/v2/users.json",
    ];
    for target in closed {
        let answer = edge.get(target).await;
        assert_eq!(answer.status, 403, "{target}");
        assert!(answer.text().contains("This page is closed"), "{target}: {}", answer.text());
    }
    let open = [
        "/administration",
        "/index.php",
        "/index.php/cart",
        "/admin/help",
        "/index.php/admin/help",
        "/search?q=admin",
        "/search?q=/admin",
        "/?q=admin",
        "/?q=/administration",
        "/?rest_route=/wp/v2/posts",
        "/wp-json/wp/v2/posts",
        "/administration.json",
    ];
    for target in open {
        assert_eq!(edge.get(target).await.status, 200, "{target}");
    }
    assert_eq!(shop.asked().len(), open.len());
    // A route that lets more pass is not reached in this way.
    let attack = "/index.php/editor?q=1%27+UNION+SELECT+email,password+FROM+users--";
    assert_eq!(edge.get(attack).await.status, 403);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_route_says_so_and_is_told() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], CLOSED);
    let page = edge.get("/admin/export.csv").await;
    assert_eq!((page.status, page.header("content-type")), (403, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("This page is closed"), "{}", page.text());
    let ask = "GET /admin/export.csv HTTP/1.1\r\nHost: shop.test\r\nAccept: application/json\r\n\r\n";
    let problem = edge.ask(ask).await;
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert!(problem.text().contains("\"route.closed\""), "{}", problem.text());
    let events = edge.emitted.of_kind("edge.request_blocked");
    assert_eq!(events.len(), 2);
    for told in events {
        let Event::RequestBlocked(blocked) = told.event else { panic!("{told:?}") };
        assert_eq!((blocked.stage.as_str(), blocked.category.as_str()), ("route", "route.closed"));
        let record = edge.records().into_iter().find(|r| Some(r.id) == told.request).unwrap();
        assert_eq!((record.verdict, &*record.reason), (Verdict::Blocked, "route.closed"));
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_listed_addresses_get_in_and_nobody_names_themselves() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    // Behind a listed proxy its word on the client counts.
    let edge = TestEdge::listening("trusted_proxies = ['127.0.0.1']", &[shop.url()], OFFICE);
    for (client, status) in [
        ("192.0.2.9", 200),
        ("::ffff:192.0.2.9", 200),
        ("2001:db8::7", 200),
        ("2001:db8::8", 403),
        ("198.51.100.1", 403),
        ("192.0.2.9, 198.51.100.1", 403),
    ] {
        assert_eq!(edge.ask(&from(client, "/admin/orders")).await.status, status, "{client}");
        assert_eq!(edge.ask(&from(client, "/")).await.status, 200, "{client}");
    }
    edge.stop();
    // Without one, a client that names an office's address is who it is.
    let edge = TestEdge::start(&[shop.url()], OFFICE);
    assert_eq!(edge.ask(&from("192.0.2.9", "/admin")).await.status, 403);
    // And a reload opens it.
    edge.reload("'192.0.2.0/24'", "'127.0.0.0/8'");
    assert_eq!(edge.get("/admin").await.status, 200);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_visit_bans_nobody_and_knocking_on_does() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], &format!("{CLOSED}[bans]\nnever_block = []\n"));
    for _ in 0..5 {
        assert_eq!(edge.get("/admin/export.csv").await.status, 403);
    }
    edge.access.flush();
    assert_eq!(edge.get("/").await.status, 200);
    for _ in 0..10 {
        edge.get("/admin/export.csv").await;
    }
    edge.access.flush();
    let paused = edge.get("/").await;
    assert_eq!(paused.status, 403);
    assert!(paused.text().contains("Access is paused"), "{}", paused.text());
    edge.stop();
}

//! Bans as a weapon, and bans that are evaded: what other sites make a browser send, and padding.

use storeward_base::ClientIp;
use storeward_testkit::{FakeShop, Reply};

use crate::harness::TestEdge;

const BROWSER: &str =
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n";
const IMAGE: &str = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n\
                     Referer: https://evil.example/\r\n";
const FORM: &str = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\
                    Origin: https://evil.example\r\n";
const ATTACKS: [&str; 8] = [
    "/search?q=%27%20UNION%20SELECT%20email%20FROM%20customers--",
    "/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/search?q=../../../../etc/passwd",
    "/search?q=$%7Bjndi:ldap://x/a%7D",
    "/?a=;cat%20/etc/passwd",
    "/search?q=%27%20or%201=1--",
    "/search?q=%7B%7B7*7%7D%7D",
    "/?a=%3C?php%20system(1)",
];
const JUDGED: &str = "[bans]\nnever_block = []\n";

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\n{headers}\r\n")
}

fn sign_in(headers: &str) -> String {
    let body = "email=a%40b.example&password=x";
    format!(
        "POST /account/sign-in HTTP/1.1\r\nHost: shop.test\r\n{headers}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn shop() -> FakeShop {
    FakeShop::start(|asked| match asked.head.starts_with("POST") {
        true => Reply::Bytes(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_vec()),
        false => Reply::ok("x"),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_cannot_get_its_visitors_banned() {
    let shop = shop().await;
    let edge = TestEdge::start(&[shop.url()], JUDGED);
    let image = format!("{BROWSER}{IMAGE}");
    for target in ATTACKS.iter().cycle().take(30) {
        assert_eq!(edge.ask(&get(target, &image)).await.status, 403, "{target}");
    }
    for _ in 0..30 {
        assert_eq!(edge.ask(&sign_in(&format!("{BROWSER}{FORM}"))).await.status, 403);
    }
    edge.access.flush();
    // The visitor themselves goes on as if nothing was.
    let own = "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-User: ?1\r\n";
    assert_eq!(edge.ask(&get("/", &format!("{BROWSER}{own}"))).await.status, 200);
    assert_eq!(edge.get("/").await.status, 200);
    assert!(edge.emitted.of_kind("detection.client_banned").is_empty());
    // What the page sends is refused by now, good or bad, and a click on a link is still the visitor's own.
    assert!(!edge.emitted.of_kind("detection.finding_raised").is_empty());
    assert_eq!(edge.ask(&get("/", &image)).await.status, 403);
    let click = own.replace("none", "cross-site");
    assert_eq!(edge.ask(&get("/", &format!("{BROWSER}{click}"))).await.status, 200);
    edge.stop();
}

/// Whoever may write a review could lock all its readers out: pictures of `/.env`, attacks as pictures, reports.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_shop_cannot_get_its_readers_banned() {
    let shop = shop().await;
    let edge = TestEdge::start(&[shop.url()], JUDGED);
    let part = format!(
        "{BROWSER}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n\
         Referer: https://shop.test/product/peat-mug\r\n"
    );
    for _ in 0..14 {
        edge.get("/").await;
    }
    for target in
        ["/.env", "/.git/config", "/backup.sql", "/dump.sql", "/.htpasswd", "/c99.php", "/shell.php"]
            .iter()
            .chain(&ATTACKS)
    {
        edge.ask(&get(target, &part)).await;
    }
    edge.access.flush();
    assert_eq!(edge.get("/").await.status, 200, "the reader goes on");
    assert!(edge.emitted.of_kind("detection.client_banned").is_empty());
    // Whoever only claims to be such a browser has to solve a puzzle before long, and is never banned by it.
    for target in ATTACKS.iter().cycle().take(40) {
        edge.ask(&get(target, &part)).await;
    }
    edge.access.flush();
    assert_eq!(edge.get("/").await.status, 429);
    assert!(edge.emitted.of_kind("detection.client_banned").is_empty());
    edge.stop();
}

/// Banned without a click by any page in the world, by one click on any, and by pictures in browsers of before 2023.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_banned_for_what_they_did_not_choose() {
    let old = "User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
               Version/15.6.1 Safari/605.1.15\r\nReferer: https://shop.test/product/peat-mug\r\n";
    let navigates = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    let frames = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\nSec-Fetch-User: ?1\r\n";
    for (what, headers) in [
        (
            "rules of speculation",
            format!("{BROWSER}Sec-Fetch-Site: none\r\n{navigates}Sec-Purpose: prefetch\r\n"),
        ),
        (
            "prerendering",
            format!("{BROWSER}Sec-Fetch-Site: none\r\n{navigates}Sec-Purpose: prefetch;prerender\r\n"),
        ),
        ("frames within a click", format!("{BROWSER}Sec-Fetch-Site: cross-site\r\n{frames}")),
        (
            "clicks in a game",
            format!("{BROWSER}Sec-Fetch-Site: cross-site\r\n{navigates}Sec-Fetch-User: ?1\r\n"),
        ),
        (
            "the shop's own prefetches",
            format!("{BROWSER}Sec-Fetch-Site: same-origin\r\n{navigates}Sec-Purpose: prefetch\r\n"),
        ),
        ("a redirect of a page of the shop", format!("{BROWSER}Sec-Fetch-Site: same-origin\r\n{navigates}")),
        ("pictures in an old browser", old.to_owned()),
    ] {
        let shop = shop().await;
        let edge = TestEdge::start(&[shop.url()], JUDGED);
        for target in
            ["/.env", "/.git/config", "/backup.sql", "/dump.sql", "/.htpasswd", "/c99.php", "/shell.php"]
                .iter()
                .chain(&ATTACKS)
        {
            edge.ask(&get(target, &headers)).await;
        }
        edge.access.flush();
        assert!(edge.emitted.of_kind("detection.client_banned").is_empty(), "{what}");
        assert_eq!(edge.get("/").await.status, 200, "{what}");
        edge.stop();
    }
    // What nobody but the person did, or no browser: typed, clicked on the shop's own page, a browser that should have said.
    let click = "Sec-Fetch-User: ?1\r\n";
    for headers in [
        format!("{BROWSER}Sec-Fetch-Site: none\r\n{navigates}{click}"),
        format!("{BROWSER}Sec-Fetch-Site: same-origin\r\n{navigates}{click}"),
        BROWSER.to_owned(),
        "User-Agent: curl/8.5\r\nSec-Purpose: prefetch\r\n".to_owned(),
    ] {
        let shop = shop().await;
        let edge = TestEdge::start(&[shop.url()], JUDGED);
        for target in ["/.env", "/.git/config", "/backup.sql", "/dump.sql", "/.htpasswd", "/id_rsa"] {
            edge.ask(&get(target, &headers)).await;
        }
        edge.access.flush();
        assert_eq!(edge.emitted.of_kind("detection.client_banned").len(), 1, "{headers}");
        edge.stop();
    }
}

/// Browsers send these as they stand in a page.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_a_foreign_page_that_are_refused_ban_nobody() {
    const REFUSED: [&str; 5] = ["/a%00", "/a%0a", "/%zz", "/..%2fa", "/a/%2e%2e%5cb"];
    let shop = shop().await;
    let edge = TestEdge::start(&[shop.url()], JUDGED);
    let image = format!("{BROWSER}{IMAGE}");
    for target in REFUSED.iter().cycle().take(30) {
        // Once the page's bucket is full, its requests are not even read.
        let status = edge.ask(&get(target, &image)).await.status;
        assert!(matches!(status, 400 | 403), "{target}: {status}");
    }
    edge.access.flush();
    assert_eq!(edge.get("/").await.status, 200);
    assert!(edge.emitted.of_kind("detection.client_banned").is_empty());
    assert!(!edge.emitted.of_kind("detection.finding_raised").is_empty());
    // The same without the mark, and with it what no browser sends.
    for target in REFUSED {
        edge.ask(&get(target, BROWSER)).await;
    }
    edge.access.flush();
    assert_eq!(edge.get("/").await.status, 403);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_mark_does_not_shield_an_attacker() {
    let shop = shop().await;
    // Nothing that a page can make a browser send: no name of a browser, an attack in a cookie, a half mark.
    for headers in [
        format!("User-Agent: curl/8.5\r\n{IMAGE}"),
        format!("{BROWSER}Sec-Fetch-Site: cross-site\r\n"),
        format!("{BROWSER}{IMAGE}Cookie: a=%27%20UNION%20SELECT%20email%20FROM%20customers--\r\n"),
    ] {
        let edge = TestEdge::start(&[shop.url()], JUDGED);
        let in_cookie = headers.contains("Cookie");
        for target in ATTACKS.iter().cycle().take(24) {
            edge.ask(&get(if in_cookie { "/" } else { target }, &headers)).await;
        }
        edge.access.flush();
        assert_eq!(edge.emitted.of_kind("detection.client_banned").len(), 1, "{headers}");
        assert_eq!(edge.get("/").await.status, 403, "{headers}");
        edge.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn padding_with_good_requests_does_not_keep_a_ban_away() {
    let shop = shop().await;
    let edge = TestEdge::start(&[shop.url()], JUDGED);
    let mut client = edge.connect().await;
    let mut good = 0;
    for _ in 0..120 {
        client.send(&get("/robots.txt", "")).await;
        good += u32::from(client.response(false).await.status == 200);
    }
    assert_eq!(good, 120);
    // Padding makes it look like a crowd, which is asked for a solved puzzle; the attacker solves it and goes on.
    let me = ClientIp::new("127.0.0.1".parse().unwrap());
    let pass = format!("Cookie: __Host-storeward-pass={}\r\n", edge.shared.puzzles.pass(me).expose());
    for target in ATTACKS.iter().cycle().take(40) {
        client.send(&get(target, &pass)).await;
        assert_eq!(client.response(false).await.status, 403);
        for _ in 0..10 {
            client.send(&get("/robots.txt", &pass)).await;
            client.response(false).await;
        }
        edge.access.flush();
    }
    assert_eq!(edge.emitted.of_kind("detection.client_banned").len(), 1);
    assert_eq!(edge.get("/").await.status, 403);
    edge.stop();
}

//! The guard of paying pages before the sample shop, which has a hole for scripts in reviews: the page that shows them is guarded here
//! like a paying one.

use std::time::{Duration, Instant};

use storeward_base::Actor;
use storeward_checkout::desk::{Checkout, Kind, NewApproval, Scope, Script};

use super::Demo;

const GUARDED: &str = "\n[checkout]\nmode = \"enforce\"\npages = [\"/checkout\", \"/product\"]\n";
const STOLEN: &str = "<script>document.title='stolen'</script>";

/// Waits until the inventory has a row.
fn row(checkout: &Checkout, runtime: &tokio::runtime::Handle, is: impl Fn(&Script) -> bool) -> Script {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let rows = runtime.block_on(checkout.scripts(None, 500)).unwrap();
        if let Some(row) = rows.iter().find(|row| is(row)) {
            return row.clone();
        }
        assert!(Instant::now() < until, "not within a minute: {rows:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whatever runs has to pass both: the one that keeps a nonce from loading a file from elsewhere, and the one that is given here.
fn policy(head: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let found: Vec<&str> = lines
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-security-policy"))
        .map(|(_, value)| value)
        .collect();
    assert_eq!(found.len(), 2, "{head}");
    assert!(
        found[0].starts_with("script-src-elem 'unsafe-inline' ") && !found[0].contains("default-src"),
        "{head}"
    );
    assert!(found[1].starts_with("default-src 'none'; "), "{head}");
    found[1].to_owned()
}

#[test]
fn a_script_in_a_review_does_not_run_where_the_guard_stands() {
    let demo = Demo::start_with(GUARDED);
    let (mut straight, mut through) = (demo.straight(), demo.through());
    straight.sign_in();
    assert_eq!(straight.review(STOLEN), 303);
    let page = through.send("GET", "/product/peat-mug", None);
    assert!(page.status == 200 && page.body.contains(STOLEN), "no longer a hole");
    let guard = page.body.split("<script src=\"/.storeward/checkout/guard.js").nth(1).unwrap();
    assert!(guard.contains("data-mode=\"enforce\""), "{guard:.200}");
    let first = page.body.find("<script").unwrap();
    assert!(page.body[first..].starts_with("<script src=\"/.storeward/checkout/guard.js"), "it comes first");
    let says = policy(&page.head);
    let scripts = says.split(';').find(|part| part.trim().starts_with("script-src ")).unwrap();
    assert!(
        !scripts.contains("unsafe-inline") && !scripts.contains("'sha256-") && !scripts.contains("'self'"),
        "{scripts}"
    );
    // The script that the page names is served, and by its address it is the one that was hashed.
    let address = page.body.split("src=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let script = through.send("GET", &address, None);
    assert!(
        script.status == 200 && script.head.to_ascii_lowercase().contains("content-type: text/javascript"),
        "{}",
        script.head
    );
    // What was seen is in the inventory; what staff approve runs with the next page, and the review's does not.
    let (checkout, runtime) = {
        let running = demo.running.as_ref().unwrap();
        (running.checkout().unwrap(), running.runtime_handle().clone())
    };
    let own =
        row(&checkout, &runtime, |row| row.kind == Kind::Script && row.address.ends_with("/assets/shop.js"));
    let put_in = row(&checkout, &runtime, |row| row.kind == Kind::Inline);
    let because = NewApproval {
        scope: Scope::Address,
        owner: "the shop".to_owned(),
        justification: "opens and closes the form's parts".to_owned(),
        days: 30,
        hash: None,
    };
    runtime.block_on(checkout.approve(&own.id, because, Actor::Operator)).unwrap();
    let says = policy(&through.send("GET", "/product/peat-mug", None).head);
    assert!(says.contains(&own.address), "{says}");
    let hash = put_in.hash.unwrap();
    assert!(!says.contains(&hash), "{says}");
    // Its own bytes are fetched from the shop and hashed.
    assert!(runtime.block_on(checkout.fetch_due()).is_ok());
    let fetched = row(&checkout, &runtime, |row| row.id == own.id && row.hash.is_some());
    assert_eq!(fetched.fetch_code, None);
    // What is no paying page is left alone.
    assert!(!through.send("GET", "/", None).body.contains("guard.js"));
    demo.end();
}

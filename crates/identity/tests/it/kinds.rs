//! Bodies and cookies in bytes that some shops read and we did not, on both engines.

use storeward_identity::{MIGRATIONS, SecondFactor};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SECRET, SHOP_PASSWORD, Visitor};

const FORM: &str = "application/x-www-form-urlencoded";
const PART: &str = "--AAA\r\nContent-Disposition: form-data; name=";

/// In each of these some shop reads a form: PHP cuts at `;`, `,` and blanks and takes the first boundary that it finds, others
/// decode by the charset, or take the last of two lines.
const KINDS: [&[&str]; 13] = [
    &["application/x-www-form-urlencoded;\u{ff}"],
    &["application/x-www-form-urlencoded; charset=utf-8\u{80}"],
    &["application/x-www-form-urlencoded,\u{e9}"],
    &["application/x-www-form-urlencoded\t"],
    &["application/x-www-form-urlencoded; charset=utf-7"],
    &["application/x-www-form-urlencoded; charset=utf-8; charset=utf-16"],
    &["application/json", FORM],
    &[FORM, "application/json"],
    &["application/json, application/x-www-form-urlencoded"],
    &["multipart/form-data; x=\u{ff}; boundary=AAA"],
    &["multipart/form-data; charset=boundary; charset=BBB; boundary=AAA"],
    &["multipart/form-data; Boundary=AAA; charset=boundary; charset=BBB"],
    &["multipart/form-data; boundary=BBB\u{a0}; boundary=AAA"],
];

fn lines(kind: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    let kinds = kind.iter().map(|kind| ("content-type", *kind));
    [("accept", "application/json")].into_iter().chain(kinds).collect()
}

/// The same fields, in the form that the line announces; in parts, with a whole form of the other boundary in the first value.
fn body(kind: &[&str], fields: &[(&str, &str)]) -> String {
    if !kind[0].contains("multipart") {
        return fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    }
    let parts = |boundary: &str| -> String {
        let one = |(name, value): &(&str, &str)| {
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        format!("{}--{boundary}--\r\n", fields.iter().map(one).collect::<String>())
    };
    if kind[0].contains("BBB") {
        format!("{PART}\"note\"\r\n\r\n{}\r\n--AAA--\r\n", parts("BBB"))
    } else {
        parts("AAA")
    }
}

async fn codes(visitor: &mut Visitor<'_>, path: &str, fields: &[(&str, &str)]) -> Vec<u16> {
    let mut seen = Vec::new();
    for kind in KINDS {
        seen.push(visitor.send("POST", path, &lines(kind), &body(kind, fields)).await.status.as_u16());
    }
    seen
}

// One byte that is no ASCII, and a guess was counted for nobody.
both_engines!(a_form_that_only_the_shop_can_read_is_no_way_to_guess, MIGRATIONS, async |db| {
    let everywhere = |file: &str| {
        file.replace("paths = [\"/login.php\"]", "paths = [\"/login.php\", \"/**\"]\nmarker = \"user\"")
    };
    let behind = Behind::with_file(db, SecondFactor::Required, everywhere);
    let mut thief = behind.browser();
    for path in ["/login.php", "/", "/checkout?x=1"] {
        for password in ["wrong", SHOP_PASSWORD] {
            let seen = codes(&mut thief, path, &[("user", ADDRESS), ("password", password)]).await;
            assert_eq!(seen, [400; KINDS.len()], "{path}");
        }
    }
    // Packed, as some servers unpack it.
    for (path, coding) in [("/login.php", "gzip"), ("/", "deflate"), ("/", "x-\u{ff}")] {
        let packed = [("accept", "application/json"), ("content-type", FORM), ("content-encoding", coding)];
        assert_eq!(thief.send("POST", path, &packed, "packed").await.status, 400, "{path} {coding}");
    }
    assert!(behind.shop.asked().is_empty(), "the shop heard of none: {:?}", behind.shop.asked());
    // What libraries send is read.
    let form = [
        ("accept", "application/json"),
        ("content-type", "application/x-www-form-urlencoded; charset=ISO-8859-1"),
    ];
    let told = thief.send("POST", "/cart", &form, "product=1").await;
    assert_eq!(told.status, 200);
});

// By the same byte an address was changed, and a member of staff made, without a second factor.
both_engines!(a_form_that_only_the_shop_can_read_is_no_plain_act, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    behind.bench.advance(3_600);
    assert!(owner.sees_account().await);
    let before = behind.shop.asked().len();
    for fields in [
        [("rest_route", "/users/me"), ("email", "thief@people.example")],
        [("rest_route", "/users"), ("username", "backdoor")],
        [("_method", "PUT"), ("email", "thief@people.example")],
    ] {
        for path in ["/", "/cart", "/account/email"] {
            let seen = codes(&mut owner, path, &fields).await;
            assert!(seen.iter().all(|code| matches!(code, 400 | 403)), "{path} {fields:?}: {seen:?}");
        }
    }
    assert_eq!(behind.shop.asked().len(), before, "the shop heard of none");
    assert_eq!(behind.shop.email_of("42"), ADDRESS);
    assert!(owner.sees_account().await);
});

// A shop's script wrote a name into a cookie, and nobody could sign in any more.
both_engines!(a_cookie_of_the_shop_in_whatever_bytes_signs_nobody_out, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    let plant = |owner: &mut Visitor<'_>| {
        for (name, value) in [("visitor", "Zo\u{eb}"), ("a", "\u{fc}")] {
            owner.browser.cookies.retain(|(known, _)| known != name);
            owner.browser.cookies.insert(0, (name.to_owned(), value.to_owned()));
        }
    };
    plant(&mut owner);
    owner.sign_in_with_code("yes").await;
    plant(&mut owner);
    assert!(
        owner.get("/account").await.body.contains(SECRET),
        "the handle, the challenge and the session are read"
    );
    assert_eq!(owner.browser.get("/.storeward/account").await.status, 200, "so is our own session");
    let last = behind.shop.asked().into_iter().rfind(|line| line.starts_with("GET /account ")).unwrap();
    assert!(last.contains("visitor=Zo\u{eb}") && last.contains("a=\u{fc}"), "the shop gets its own: {last}");
    owner.post("/logout", &[]).await;
    plant(&mut owner);
    owner.sign_in("ella").await.leads_to("/account");
});

//! What answers give away.

use storeward_inspect::{BodyEnd, BodyPlan, Category, Policy, ResponseHead, Verdict};

use crate::exchange::ENGINE;

fn answer(content_type: &str, body: &str) -> (Verdict, Vec<u32>) {
    let policy = Policy::default();
    let mut tx = ENGINE.transaction(&policy);
    let headers = [("Content-Type", content_type)];
    assert_eq!(tx.response_head(&ResponseHead { status: 200, headers: &headers }), Verdict::Pass);
    if tx.response_body_plan() == BodyPlan::Skip {
        return (Verdict::Pass, Vec::new());
    }
    let verdict = tx.response_body(body.as_bytes(), BodyEnd::Complete);
    assert!(tx.matches().iter().all(|found| found.category == Category::Leak));
    (verdict, tx.matches().iter().map(|found| found.rule_id).collect())
}

#[test]
fn a_private_key_never_leaves() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAabcdefgh0123456789\n";
    assert!(answer("text/plain", key).0.is_block());
    for (kind, text) in [
        (
            "application/json",
            r#"{"private_key":"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF"}"#,
        ),
        ("text/plain", r#"KEY="-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAabcdefgh0123456789\n"#),
        ("text/html", "-----BEGIN PRIVATE KEY-----<br />MIIEvQIBADANBgkqhkiG9w0BAQEF<br />"),
        ("text/html", "-----BEGIN EC PRIVATE KEY-----&#10;MHcCAQEEIIEvQIBADANBgkqhkiG9w0"),
        ("text/javascript", "k='-----BEGIN PRIVATE KEY-----'+\n'MIIEvQIBADANBgkqhkiG9w0BAQEF'"),
        ("text/plain", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256"),
    ] {
        assert!(answer(kind, text).0.is_block(), "{text}");
    }
    // In UTF-16, as a spreadsheet or an editor of Windows saves it.
    let policy = Policy::default();
    let mut tx = ENGINE.transaction(&policy);
    tx.response_head(&ResponseHead { status: 200, headers: &[("Content-Type", "text/plain")] });
    let wide: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(tx.response_body(&wide, BodyEnd::Complete).is_block());
    let named = "A file begins with -----BEGIN PRIVATE KEY----- and nobody shows it.";
    assert_eq!(answer("text/html", named), (Verdict::Pass, Vec::new()));
}

#[test]
fn leaks_are_reported_and_pass() {
    let cases = [
        ("You have an error in your SQL syntax; check the manual", 27_110),
        ("SQLSTATE[42S02]: Base table not found", 27_110),
        ("Traceback (most recent call last):\n  File \"app.py\"", 27_120),
        ("at com.example.Shop.buy(Shop.java:12)", 27_120),
        ("Error: no\n    at Object.<anonymous> (/srv/shop/app.js:12:34)", 27_121),
        ("TypeError: x\n  at buy (node:internal/main:1:2)", 27_121),
        ("<b>Warning</b>:  mysqli_connect() in <b>/var/www/x.php</b> on line", 27_130),
        ("<title>Index of /backup</title>", 27_140),
        ("key AKIAABCDEFGHIJKLMNOP", 27_150),
    ];
    for (body, id) in cases {
        let (verdict, ids) = answer("text/html; charset=utf-8", body);
        assert_eq!(verdict, Verdict::Pass, "{body}");
        assert!(ids.contains(&id), "{body}: {ids:?}");
    }
}

#[test]
fn an_ordinary_page_gives_nothing_away() {
    let page = "<html><head><title>Lamps</title></head><body><script>var a=1;</script><p>Warning: may contain nuts; \
                index of refraction; private key ring</p></body></html>";
    assert_eq!(answer("text/html", page), (Verdict::Pass, Vec::new()));
}

#[test]
fn pictures_are_not_buffered() {
    let policy = Policy::default();
    let mut tx = ENGINE.transaction(&policy);
    tx.response_head(&ResponseHead { status: 200, headers: &[("content-type", "image/png")] });
    assert_eq!(tx.response_body_plan(), BodyPlan::Skip);
}

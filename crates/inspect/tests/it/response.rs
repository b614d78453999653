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
    for named in [
        "A file begins with -----BEGIN PRIVATE KEY----- and nobody shows it.",
        "The line -----BEGIN PRIVATE KEY-----, then MIIE… and so on, is what a key begins with.",
        "var head='-----BEGIN RSA PRIVATE KEY-----\\n';return head+PEMEncodedPrivateKeyInformation(MISUNDERSTANDINGS)",
        "<h2>BEGIN PRIVATE KEY</h2><p>Internationalisierungsdokumentation</p>",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUQ",
    ] {
        assert_eq!(answer("text/html", named), (Verdict::Pass, Vec::new()), "{named}");
    }
}

/// Went out: a key whose lines end in another way than those of a file.
#[test]
fn a_private_key_is_known_whatever_its_lines_end_in() {
    let keys = [
        // PKCS#1, PKCS#8, short forms of length, encrypted, OpenSSH.
        ("RSA PRIVATE KEY", "MIIEowIBAAKCAQEAabcdefgh"),
        ("PRIVATE KEY", "MIIEvQIBADANBgkqhkiG9w0BAQEF"),
        ("PRIVATE KEY", "MIGHAgEAMBMGByqGSM49AgEGCCqG"),
        ("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIGFiY2Rl"),
        ("EC PRIVATE KEY", "MHcCAQEEIGFiY2RlZmdoaWprbG1u"),
        ("ENCRYPTED PRIVATE KEY", "MIIFLTBXBgkqhkiG9w0BBQ0wSjAp"),
        ("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAABG5v"),
    ];
    let ends = [
        "\n",
        "\r\n\r\n",
        r"\n",
        r"\r\n",
        r"\\n",
        r"\\\\n",
        r"\u000a",
        r"\u000D\u000A",
        r"\x0a",
        "%0A",
        "%0d%0a",
        "<br>",
        "</p><p>",
        "</p>\n  <p class=\"line of-a-key\">",
        "</td></tr>\n<tr><td>2</td><td>",
        "</span><span style=\"color: #333333\">",
        "&#10;",
        "&#x0A;",
        "' +\n    '",
        "\",\n    \"",
        " ",
        "\n> ",
        "\n1\n2\n",
        "\n# a remark of somebody\n",
    ];
    for (name, body) in keys {
        for end in ends {
            for text in [
                format!("-----BEGIN {name}-----{end}{body}{end}"),
                format!("x-----BEGIN {}-----{end}{body}", name.replace(' ', "%20")),
                format!("k=-----BEGIN+{}-----{end}{body}", name.replace(' ', "+")),
                format!("-----BEGIN&nbsp;{}-----{end}{body}", name.replace(' ', "&nbsp;")),
            ] {
                assert!(answer("text/html", &text).0.is_block(), "{text}");
            }
        }
    }
    for text in [
        "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nPrivate-Lines: 14\nAAABAQCabcdefgh0123456789\n",
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAAAgIAAAAmZGwtbW9kcC\n",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBFabcdefgh0123456789\n",
        "tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2UUlCQURBTg",
        "tls.key: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVB",
        "tls.key: LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0NBUUVFSUdGaVky",
        "tls.key: LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS0KYjNCbGJuTnphQzFyWlhr",
        "tls.key: LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRVktLS0tLQpNSUlFYUJjRGVm",
    ] {
        assert!(answer("application/json", text).0.is_block(), "{text}");
    }
}

/// Went out as `application/octet-stream`: what PowerShell's `openssl genrsa > key.pem` writes.
#[test]
fn a_private_key_is_known_in_any_width() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\r\nMIIEowIBAAKCAQEAabcdefgh0123456789\r\n";
    let wide = |text: &str, width: usize, big: bool| -> Vec<u8> {
        let unit = |letter: char| {
            let mut bytes = u32::from(letter).to_be_bytes().to_vec().split_off(4 - width);
            if !big {
                bytes.reverse();
            }
            bytes
        };
        text.chars().flat_map(unit).collect()
    };
    for (width, big) in [(2, false), (2, true), (4, false), (4, true)] {
        for before in ["", "\u{feff}", "\u{feff}ключ\r\n", "ключ: ", "日本"] {
            let body = wide(&format!("{before}{key}"), width, big);
            for at in [Vec::new(), b"in a text of one byte each\n".to_vec()] {
                let policy = Policy::default();
                let mut tx = ENGINE.transaction(&policy);
                tx.response_head(&ResponseHead { status: 200, headers: &[("Content-Type", "text/plain")] });
                let body = [at, body.clone()].concat();
                assert!(storeward_inspect::keys::named_in(&body));
                assert!(tx.response_body(&body, BodyEnd::Complete).is_block(), "{width} {big} {before}");
            }
        }
    }
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

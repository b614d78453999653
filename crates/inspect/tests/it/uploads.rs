//! Parts of a form: what one reader takes for a file and another for a field is looked at; the pictures that ordinary
//! programs send are not mistaken for attacks.

use storeward_inspect::{Policy, Verdict};

use crate::exchange::{ENGINE, Exchange};

const ATTACK: &str = "%' UNION SELECT email,password FROM customers--";
/// The attack in base 64.
const ENCODED: &str = "JScgVU5JT04gU0VMRUNUIGVtYWlsLHBhc3N3b3JkIEZST00gY3VzdG9tZXJzLS0=";

fn form(parts: &[(&str, &[u8])]) -> Exchange {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(format!("--BB\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--BB--\r\n");
    Exchange::post("multipart/form-data; boundary=BB", body)
}

/// Bytes as a picture has them: every value, no order, from a small generator.
fn picture(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let noise = (0..60_000).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state >> 32 & 0xFF).unwrap()
    });
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".iter().copied().chain(noise).collect()
}

#[test]
fn what_ordinary_programs_send_passes() {
    let heads = [
        "Content-Disposition: form-data; name=\"f\"; filename=\"photo.jpg\"",
        // .NET's HttpClient
        "Content-Disposition: form-data; name=f; filename=photo.jpg; filename*=utf-8''photo.jpg",
        // Apache HttpClient, OkHttp, Ruby
        "Content-Disposition: form-data; name=\"f\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: binary",
        "Content-Disposition: form-data; name=\"f\"; filename=\"photo.jpg\"\r\nContent-Transfer-Encoding: 8bit",
        // Python's requests, for a name beyond ASCII
        "Content-Disposition: form-data; name=\"f\"; filename*=utf-8''bl%C3%BCte.jpg",
        // curl, for a name with a quote
        "Content-Disposition: form-data; name=\"f\"; filename=\"a\\\"b.jpg\"",
        "Content-Disposition: form-data; filename=\"photo.jpg\"; name=\"f\"",
        "Content-Disposition: form-data;name=\"f\";filename=\"photo.jpg\"",
    ];
    for head in heads {
        for seed in 1..=12 {
            let verdict = form(&[(head, &picture(seed))]).verdict();
            assert_eq!(verdict, Verdict::Pass, "{head}, picture {seed}");
        }
    }
}

#[test]
fn no_spelling_of_a_part_hides_a_field() {
    let binary_first = [b"\x01\xff\xfe".as_slice(), ATTACK.as_bytes()].concat();
    let dashed: String = ENCODED.chars().flat_map(|c| [c, '-']).collect();
    let cases: [(&str, &[u8]); 12] = [
        ("Content-Disposition: form-data; name=\"q\"", ATTACK.as_bytes()),
        ("Content-Disposition: form-data; name=\"q\"; filename*=utf-8''a", ATTACK.as_bytes()),
        ("Content-Disposition: form-data; name=\"q\"; filename=\"a\"; filename*=", ATTACK.as_bytes()),
        ("Content-Disposition: form-data; name=\"q\"; filename=\"a\"; filename*=utf-8''", ATTACK.as_bytes()),
        ("Content-Disposition: form-data; name=\"q\"; filename = \"a\"", ATTACK.as_bytes()),
        ("Content-Disposition: form-data; name=\"q\"; filename=\"\"", ATTACK.as_bytes()),
        ("Content-Disposition: form-data; name=\"q\"; x=\\\"; filename=a", ATTACK.as_bytes()),
        // PHP knows no `filename*`: for it this is a field, whatever its first bytes are.
        ("Content-Disposition: form-data; name=\"q\"; filename*=utf-8''a", &binary_first),
        (
            "Content-Disposition: form-data; name=\"q\"\r\nContent-Transfer-Encoding: base64; a=b",
            ENCODED.as_bytes(),
        ),
        (
            "Content-Disposition: form-data; name=\"q\"\r\nContent-Transfer-Encoding: base64",
            dashed.as_bytes(),
        ),
        ("Content-Disposition: form-data; name=\"q\"\r\nContent-Transfer-Encoding: quoted-printable", b"=41"),
        ("Content-Disposition : form-data; name=\"q\"; filename=\"a\"", ATTACK.as_bytes()),
    ];
    for (head, content) in cases {
        assert!(form(&[(head, content)]).verdict().is_block(), "{head}");
    }
    // Django finds the boundary in the middle of a line, Werkzeug behind a lone CR.
    for glue in ["xx", "xx\r"] {
        let inside = format!("{glue}--BB\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n{ATTACK}");
        let head = "Content-Disposition: form-data; name=\"f\"; filename=\"a\"";
        assert!(form(&[(head, inside.as_bytes())]).verdict().is_block(), "{glue:?}");
    }
}

/// A byte that is no text cuts what was looked at into pieces; as a field the whole is read by PHP, Django, Werkzeug, multer.
#[test]
fn bytes_that_are_no_text_hide_nothing_in_a_part_that_some_take_for_a_field() {
    const CUT: &[u8] =
        b"\xff%'/*\xff*/UNION/*\xff*/SELECT/*\xff*/email,password/*\xff*/FROM/*\xff*/customers-- ";
    const NAMED: &[u8] = b"\xff%' union select email \xff,password \xff\xff from customers \xff-- ";
    const BLIND: &[u8] = b"\xff%' or email like 'a%";
    let png = |attack: &[u8]| [b"\x89PNG\r\n\x1a\n".as_slice(), &[0xFF; 70_000], attack].concat();
    for attack in [CUT, NAMED, BLIND] {
        for head in [
            "Content-Disposition: form-data; name=\"q\"; filename=\"\"",
            "Content-Disposition: form-data; name=\"q\"; filename*=utf-8''a",
            "Content-Disposition: form-data; name=\"q\"; filename = \"a\"",
            "Content-Disposition: form-data; name=\"q\"; x='; filename=\"a\"'",
            "Content-Disposition: form-data; name=\"q\"; filename=\"a\\\"b\"",
        ] {
            assert!(
                form(&[(head, attack)]).verdict().is_block(),
                "{head}: {}",
                String::from_utf8_lossy(attack)
            );
        }
    }
    // No run of text in it is long.
    const SHORT: &[u8] = b"\xff%'--\xff\nor--\xff\nglob('e*',email)--";
    for attack in [CUT, NAMED, SHORT] {
        let head = "Content-Disposition: form-data; name=\"q\"; filename*=utf-8''a";
        assert!(form(&[(head, &png(attack))]).verdict().is_block(), "behind a picture's mark");
    }
    // The type with a tab, and those that Rack takes for forms, too.
    for kind in [
        "multipart/form-data\t; boundary=BB",
        "multipart/mixed; boundary=BB",
        "multipart/related;boundary=BB",
    ] {
        let body = "--BB\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nit's\r\n--BB\r\n\
                    Content-Disposition: form-data; name=\"q\"\r\n\r\n%' or glob('e*',email)--\r\n--BB--\r\n";
        assert!(Exchange::post(kind, body.as_bytes().to_vec()).verdict().is_block(), "{kind}");
    }
}

/// Python's and Node's readers of JSON take what is no UTF-8, whatever the type says.
#[test]
fn no_coding_hides_a_body_that_calls_itself_a_picture() {
    let attack = "{\"q\":\"%' UNION SELECT email,password FROM customers--\"}";
    let utf_16: Vec<u8> = attack.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf_16_marked =
        [b"\xfe\xff".to_vec(), attack.encode_utf16().flat_map(u16::to_be_bytes).collect()].concat();
    let utf_32: Vec<u8> = attack.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let broken = [b"{\"a\":\"\xff\",".as_slice(), attack.as_bytes().get(1..).unwrap()].concat();
    let control = b"a=\x01&q=%27+UNION+SELECT+email,password+FROM+customers--".to_vec();
    let long = [utf_16.clone(), [b' ', 0].repeat(100_000)].concat();
    for kind in ["image/png", "application/octet-stream", "application/pdf", "font/woff2"] {
        for body in [&utf_16, &utf_16_marked, &utf_32, &broken, &control, &long] {
            assert!(Exchange::post(kind, body.clone()).verdict().is_block(), "{kind} {:?}", body.get(..8));
        }
        assert_eq!(Exchange::post(kind, picture(7)).verdict(), Verdict::Pass, "{kind}");
    }
}

#[test]
fn a_part_that_names_its_encoding_often_is_decoded_once() {
    let heads = "Content-Transfer-Encoding: base64\r\n".repeat(1_500);
    let head = format!("Content-Disposition: form-data; name=\"q\"\r\n{}", heads.trim_end());
    let content = "QUFB".repeat(15_000);
    let exchange = form(&[(&head, content.as_bytes())]);
    // 45 KB of letters, each looked at by the rules that cover them: thousands of times that is what it was.
    let work = exchange.run(&ENGINE, &Policy::default()).1.work_bytes();
    assert!(work < 50_000_000, "{work}");
}

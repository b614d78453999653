//! Bodies longer than what is read ahead: every field is judged however late it stands, and an attack never reaches the
//! shop as a whole request.

use storeward_edge::access::Verdict;
use storeward_testkit::{FakeShop, Reply};

use crate::harness::{TestEdge, wait_for};

const ATTACK: &str = "x' UNION SELECT email,password FROM users-- ";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=BB";

fn part(name: &str, value: &str) -> String {
    format!("--BB\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(name: &str, size: usize) -> String {
    let bytes = "\u{1}binary\n".repeat(size / 8);
    format!(
        "--BB\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\n{bytes}\r\n"
    )
}

fn pairs(bytes: usize) -> String {
    "note=a+plain+word+or+two&".repeat(bytes / 25 + 1)
}

fn items(bytes: usize) -> String {
    "{\"name\":\"Blue mug\",\"note\":\"it's fine, \\\"really\\\"\"},".repeat(bytes / 53 + 1)
}

fn encoded(attack: &str) -> String {
    attack.replace(' ', "+").replace('\'', "%27")
}

/// More than is read ahead, and more than one window beyond that.
const LONG: usize = 220 * 1024;

/// What it is, its type, its body; the attack stands beyond the first 128 KiB.
fn attacks() -> Vec<(&'static str, &'static str, String)> {
    let q = encoded(ATTACK);
    let parts = |count: usize| -> String {
        (0..count).map(|n| part(&format!("n{n}"), &"plain words ".repeat(600))).collect()
    };
    let split = 3 * 65_536 - 3_000;
    vec![
        ("form, 129 KiB", FORM, format!("pad={}&q={q}", "a".repeat(129 * 1024))),
        ("form, pairs and 129 KiB", FORM, format!("{}q={q}", pairs(129 * 1024))),
        ("form, 1 MiB", FORM, format!("{}q={q}&z=1", pairs(1 << 20))),
        ("inside of one long field", FORM, format!("q={}{q}{}", "a+".repeat(70_000), "+b".repeat(40_000))),
        ("across two windows of one field", FORM, format!("q={}{q}", "a+".repeat(split / 2))),
        ("a name", FORM, format!("{}{q}=1", pairs(LONG))),
        ("the 50th part", MULTIPART, format!("{}{}--BB--\r\n", parts(49), part("q", ATTACK))),
        ("behind a file", MULTIPART, format!("{}{}--BB--\r\n", file("f", 3 << 20), part("q", ATTACK))),
        (
            "between two files",
            MULTIPART,
            format!("{}{}{}--BB--\r\n", file("f", LONG), part("q", ATTACK), file("g", LONG)),
        ),
        (
            "in a long part",
            MULTIPART,
            format!("{}--BB--\r\n", part("q", &format!("{}{ATTACK}", "words ".repeat(25_000)))),
        ),
        (
            "in a file that is none for everybody",
            MULTIPART,
            format!("{}--BB--\r\n", file("f", LONG).replace("filename=", "filename*=utf-8''a; x="))
                .replace("binary", ATTACK),
        ),
        (
            "a boundary inside of a line",
            MULTIPART,
            file("f", LONG).trim_end().to_owned() + &part("q", ATTACK) + "--BB--\r\n",
        ),
        (
            "behind the closing delimiter",
            MULTIPART,
            format!("{}--BB--\r\n{}--BB--\r\n", file("f", LONG), part("q", ATTACK)),
        ),
        (
            "a file's name",
            MULTIPART,
            format!("{}{}--BB--\r\n", file("f", LONG), file("g", LONG).replace("a.jpg", "../../shell.php")),
        ),
        ("a body that never closes", MULTIPART, file("f", LONG)),
        ("JSON", "application/json", format!("[{}{{\"q\":\"{ATTACK}\"}}]", items(LONG))),
        (
            "JSON, escaped",
            "application/json",
            format!("[{}{{\"q\":\"{}\"}}]", items(LONG), ATTACK.replace('\'', "\\u0027")),
        ),
        (
            "JSON, one long text",
            "application/json",
            format!("{{\"q\":\"{}{ATTACK}\"}}", "it is \\\"fine\\\", ".repeat(10_000)),
        ),
        ("XML", "application/xml", format!("<a>{}<q>{ATTACK}</q></a>", "<n>plain</n>".repeat(12_000))),
        ("no type", "", format!("{}{ATTACK}", "plain words and more ".repeat(8_000))),
        ("a form that calls itself a picture", "image/png", format!("{}q={q}", pairs(LONG))),
        (
            "a list over one name",
            FORM,
            format!("{}q[]=%27+UNION/*&q[]=*/SELECT+email/*&q[]=*/FROM+users--+", pairs(LONG)),
        ),
        ("no type, a form", "", format!("{}q={q}", pairs(LONG))),
    ]
}

/// Sends a request piece by piece; the answer's status and text.
async fn send(edge: &TestEdge, kind: &str, framing: &str, body: &str, piece: usize) -> (u16, String) {
    let mut client = edge.connect().await;
    let chunks = framing == "chunked";
    let length = match chunks {
        true => "Transfer-Encoding: chunked".to_owned(),
        false => format!("Content-Length: {}", body.len()),
    };
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    client.send(format!("POST /import HTTP/1.1\r\nHost: shop.test\r\n{kind}{length}\r\n\r\n")).await;
    for bytes in body.as_bytes().chunks(piece) {
        match chunks {
            true => {
                let head = format!("{:x}\r\n", bytes.len());
                client.send([head.as_bytes(), bytes, b"\r\n"].concat()).await;
            }
            false => client.send(bytes).await,
        }
    }
    if chunks {
        client.send("0\r\n\r\n").await;
    }
    let response = client.response(false).await;
    (response.status, response.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_is_found_however_late_it_stands() {
    let shop = FakeShop::start(|asked| Reply::ok(&asked.body.len().to_string())).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut sent = 0;
    for (what, kind, body) in attacks() {
        assert!(body.len() > 129 * 1024, "{what}");
        let framings: &[&str] = if what.len() % 3 == 0 { &["length", "chunked"] } else { &["length"] };
        sent += framings.len();
        for framing in framings {
            let (status, page) = send(&edge, kind, framing, &body, 40_000).await;
            assert_eq!(status, 403, "{what}, {framing}: {page}");
        }
    }
    // What reached the shop was never whole.
    let count = edge.records().iter().filter(|r| r.verdict == Verdict::Blocked && r.rule_id > 0).count();
    assert_eq!(count, sent);
    assert!(edge.records().iter().all(|r| r.rule_id != 25_105), "not for the number of its fields");
    wait_for(|| (shop.open() == 0).then_some(())).await;
    for asked in shop.asked() {
        assert!(asked.broken, "a whole request of {} bytes", asked.body.len());
        let text = String::from_utf8_lossy(&asked.body).into_owned();
        assert!(!text.contains("UNION"), "the shop has read the attack");
    }
    assert_eq!(edge.emitted.of_kind("edge.request_blocked").len(), sent);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_split_anywhere_is_found() {
    let shop = FakeShop::start(|asked| Reply::ok(&asked.body.len().to_string())).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let body = format!("{}{}--BB--\r\n", file("f", 140_000), part("q", ATTACK));
    let at = body.find("\r\n--BB\r\nContent-Disposition: form-data; name=\"q\"").unwrap();
    // Each cut falls at another byte of delimiter, head or value.
    for cut in (0..body.len() - at - 2).step_by(7) {
        let (head, tail) = body.split_at(at + cut);
        let mut client = edge.connect().await;
        let length = body.len();
        client
            .send(format!(
                "POST /x HTTP/1.1\r\nHost: shop.test\r\nContent-Type: {MULTIPART}\r\nContent-Length: {length}\r\n\r\n{head}"
            ))
            .await;
        // The first piece is on its way to the shop before the second one comes.
        let asked = |edge: &TestEdge| edge.in_flight() == 1;
        wait_for(|| asked(&edge).then_some(())).await;
        client.send(tail).await;
        assert_eq!(client.response(false).await.status, 403, "cut at {cut}");
        wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    }
    edge.stop();
}

fn sum(body: &[u8]) -> u64 {
    // Short: a long number would be masked as a card's.
    body.iter().fold(0, |sum: u64, byte| (sum * 31 + u64::from(*byte)) % 1_000_003)
}

fn unchunked(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&raw[end + 2..end + 2 + size]);
        raw = &raw[end + size + 4..];
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_bodies_of_every_kind_pass_byte_for_byte() {
    let shop = FakeShop::start(|asked| {
        let chunked = !asked.header("transfer-encoding").is_empty();
        let body = if chunked { unchunked(&asked.body) } else { asked.body.clone() };
        Reply::ok(&format!("{} {}", body.len(), sum(&body)))
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let parts: String =
        (0..90).map(|n| part(&format!("field{n}"), &"some plain words ".repeat(150))).collect();
    let bodies = [
        (FORM, format!("{}z=1", pairs(LONG))),
        (FORM, format!("photo={}&z=1", "QUJDREVGR0hJSktMTU5P".repeat(9_000))),
        (
            MULTIPART,
            format!("{parts}{}{}{}--BB--\r\n", file("f", LONG), part("q", "blue mug"), file("g", LONG)),
        ),
        (MULTIPART, format!("{}--BB--", part("story", &"it was a long day, and then ".repeat(6_000)))),
        ("application/json", format!("[{}{{\"q\":\"blue mug\"}}]", items(LONG))),
        (
            "application/json",
            format!("{{\"text\":\"{}\"}}", "she said \\\"yes\\\", and left. ".repeat(6_000)),
        ),
        ("application/xml", format!("<a>{}</a>", "<n b=\"c\">plain</n>".repeat(9_000))),
        ("text/plain", "plain words and more ".repeat(8_000)),
        ("image/png", "\u{1}\u{2}binary".repeat(40_000)),
    ];
    for (kind, body) in bodies {
        let sum = sum(body.as_bytes());
        for (framing, piece) in [("length", 7_001), ("chunked", 100_000)] {
            let (status, text) = send(&edge, kind, framing, &body, piece).await;
            assert_eq!((status, text), (200, format!("{} {sum}", body.len())), "{kind}, {framing}");
        }
    }
    assert!(edge.records().iter().all(|r| r.verdict == Verdict::Pass));
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_that_detect_or_except_hold_for_the_rest_too() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(
        &[shop.url()],
        "[[route]]\npath = '/import'\ninspect = 'detect'\n[[route]]\npath = '/editor'\nexceptions = [{ parameter = 'q' }]\n",
    );
    let body = format!("{}q={}", pairs(LONG), encoded(ATTACK));
    assert_eq!(send(&edge, FORM, "length", &body, 50_000).await.0, 200);
    let told = wait_for(|| edge.emitted.of_kind("edge.request_flagged").first().cloned()).await;
    let record = wait_for(|| edge.records().into_iter().find(|r| r.verdict == Verdict::Flagged)).await;
    assert_eq!((told.request, record.status), (Some(record.id), 200));
    let mut client = edge.connect().await;
    let length = body.len();
    client
        .send(format!(
            "POST /editor HTTP/1.1\r\nHost: shop.test\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await;
    assert_eq!(client.response(false).await.status, 200);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_answers_early_does_not_get_the_rest_of_an_attack() {
    // It answers as soon as it has the head, and goes on reading.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let read = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            let mut piece = [0u8; 8_192];
            while !all.windows(4).any(|w| w == b"\r\n\r\n") {
                let count = tcp.read(&mut piece).await.unwrap();
                all.extend_from_slice(&piece[..count]);
            }
            if all.windows(17).any(|w| w == b"Storeward-health/")
                || all.starts_with(b"HEAD")
                || all.starts_with(b"GET")
            {
                let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                continue;
            }
            tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun").await.unwrap();
            while let Ok(count) = tcp.read(&mut piece).await {
                if count == 0 {
                    break;
                }
                all.extend_from_slice(&piece[..count]);
            }
            return all;
        }
    });
    let edge = TestEdge::start(&[format!("http://{address}")], "");
    let mut client = edge.connect().await;
    let body = format!("{}{}--BB--\r\n", file("f", 300_000), part("q", ATTACK));
    let (head, tail) = body.split_at(280_000);
    let length = body.len();
    client
        .send(format!(
            "POST /x HTTP/1.1\r\nHost: shop.test\r\nContent-Type: {MULTIPART}\r\nContent-Length: {length}\r\n\r\n{head}"
        ))
        .await;
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 200"));
    client.send(tail).await;
    assert!(client.is_closed().await);
    let seen = read.await.unwrap();
    assert!(!String::from_utf8_lossy(&seen).contains("UNION"));
    let record = wait_for(|| edge.records().into_iter().find(|r| r.verdict == Verdict::Blocked)).await;
    assert!(record.rule_id > 0);
    assert_eq!(edge.emitted.of_kind("edge.request_blocked").len(), 1);
    edge.stop();
}

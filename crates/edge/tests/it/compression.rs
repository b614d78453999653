//! Pages that go out compressed, after card masking, and everything that must stay as it is.

use std::io::Read as _;

use storeward_testkit::{FakeShop, Reply};
use tokio::io::AsyncReadExt;

use crate::harness::{Response, TestEdge, wait_for};

const CARD: &str = "4111 1111 1111 1111";
const MASKED: &str = "**** **** **** 1111";

/// Text that is no repetition of itself, with a card number in the middle.
fn page(words: u32) -> String {
    let word = |i: u32| format!("{:x} ", i.wrapping_mul(2_654_435_761) ^ (i << 7));
    let half: String = (0..words / 2).map(word).collect();
    format!("<p>{half} {CARD} {half}</p>")
}

fn unpacked(response: &Response) -> String {
    assert_eq!(response.header("content-encoding"), Some("gzip"), "{}", response.head);
    unzip(&response.body)
}

fn unzip(body: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut text).unwrap();
    text
}

fn asking(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\nAccept-Encoding: gzip, deflate, br\r\n{more}\r\n")
}

const HTML: &str = "Content-Type: text/html\r\nETag: \"1\"\r\nAccept-Ranges: bytes\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_masked_and_then_compressed() {
    let (short, long) = (page(200), page(60_000));
    let (short_shown, long_shown) = (short.replace(CARD, MASKED), long.replace(CARD, MASKED));
    let long_length = long.len();
    let shop = FakeShop::start(move |asked| match asked.target() {
        "/long" => Reply::with(HTML, &long),
        _ => Reply::with(HTML, &short),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut client = edge.connect().await;
    // Several on one connection: a wrong length would garble the next.
    for _ in 0..2 {
        client.send(asking("/short", "")).await;
        let answer = client.response(false).await;
        assert_eq!(unpacked(&answer), short_shown);
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        assert_eq!(
            (answer.header("etag"), answer.header("vary")),
            (Some("W/\"1\""), Some("Accept-Encoding"))
        );
        assert_eq!(answer.header("accept-ranges"), None);
        client.send(asking("/long", "")).await;
        let answer = client.response(false).await;
        assert_eq!(unpacked(&answer), long_shown);
        assert!(!answer.cut && answer.body.len() < long_length * 3 / 4, "{}", answer.body.len());
    }
    assert!(shop.asked().iter().all(|asked| asked.header("accept-encoding") == ["identity"]));
    let plain = edge.get("/short").await;
    assert_eq!((plain.text(), plain.header("content-encoding")), (short_shown.clone(), None));
    assert_eq!((plain.header("etag"), plain.header("vary")), (Some("\"1\""), Some("Accept-Encoding")));
    // What is written down is what went over the wire, and nobody has left.
    let record = wait_for(|| edge.records().into_iter().find(|r| r.path.as_ref() == "/long")).await;
    assert_eq!(record.reason.as_ref(), "");
    assert!(record.response_bytes > 1_000 && record.response_bytes < long_length as u64 * 3 / 4);
    let mut sender = crate::http2::client(&edge).await;
    for (target, shown) in [("/short", &short_shown), ("/long", &long_shown)] {
        let request = crate::http2::request("GET", target).header("accept-encoding", "gzip");
        let answer = crate::http2::ask(&mut sender, request, None).await;
        assert_eq!(answer.headers["content-encoding"], "gzip");
        assert_eq!(&unzip(&answer.body), shown);
    }
    assert_eq!(edge.emitted.of_kind("edge.card_number_masked").len(), 7);
    edge.stop();
}

fn pieces(kind: &str, chunks: &[&str], end: &str, pause_ms: u64) -> Reply {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    );
    let mut pieces = vec![head.into_bytes()];
    pieces.extend(chunks.iter().map(|c| format!("{:x}\r\n{c}\r\n", c.len()).into_bytes()));
    pieces.push(end.as_bytes().to_vec());
    Reply::Pieces(pieces, pause_ms)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_comes_in_pieces_is_seen_in_pieces() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/slow" => pieces("text/html", &["<h1>Kiln</h1>", "<p>late</p>"], "0\r\n\r\n", 2_000),
        "/trailers" => pieces("text/html", &["4111 1111", " 1111 1111."], "0\r\nX-Sum: 7\r\n\r\n", 150),
        "/cut" => Reply::Last(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
                .to_vec(),
        ),
        _ => Reply::ok("x"),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "[inspect]\nmode = 'off'\n");
    let mut client = edge.connect().await;
    client.send(asking("/trailers", "TE: trailers\r\nConnection: te\r\n")).await;
    let trailed = client.response(false).await;
    assert_eq!((unpacked(&trailed).as_str(), trailed.header("x-sum")), ("**** **** **** 1111.", Some("7")));
    client.send(asking("/cut", "")).await;
    let broken = client.response(false).await;
    assert!(broken.cut || broken.none, "a page that broke off must not look whole");
    let mut client = edge.connect().await;
    client.send(asking("/slow", "")).await;
    assert!(client.head().await.unwrap().contains("content-encoding: gzip"));
    let mut coded = Vec::new();
    loop {
        // One chunk at a time: size, data, line end.
        if let Some(at) = client.ahead.windows(2).position(|w| w == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&client.ahead[..at]).unwrap(), 16).unwrap();
            if client.ahead.len() >= at + 2 + size + 2 {
                let chunk: Vec<u8> = client.ahead.drain(..at + 2 + size + 2).collect();
                coded.extend_from_slice(&chunk[at + 2..at + 2 + size]);
            }
        }
        let mut seen = [0u8; 13];
        if flate2::read::GzDecoder::new(coded.as_slice()).read_exact(&mut seen).is_ok() {
            assert_eq!(&seen, b"<h1>Kiln</h1>");
            break;
        }
        assert!(client.stream.read_buf(&mut client.ahead).await.unwrap() > 0);
    }
    let mut late = [0u8; 14];
    assert!(
        flate2::read::GzDecoder::new(coded.as_slice()).read_exact(&mut late).is_err(),
        "it is not held back"
    );
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_stay_as_it_is() {
    let text = page(200);
    let length = text.len();
    let shop = FakeShop::start(move |asked| match asked.target() {
        "/events" => pieces("text/event-stream", &["data: 1\n\n", "data: 2\n\n"], "0\r\n\r\n", 50),
        "/no-transform" => Reply::with(&format!("{HTML}Cache-Control: no-transform\r\n"), &text),
        "/small" => Reply::with(HTML, "<p>small</p>"),
        "/own/gzip" => Reply::with(&format!("{HTML}Content-Encoding: gzip\r\n"), &text),
        _ => Reply::with(HTML, &text),
    })
    .await;
    let edge = TestEdge::start(
        &[shop.url()],
        "[[route]]\npath = '/off'\ncompress = false\n[[route]]\npath = '/own'\nmask_cards = false\n",
    );
    let plain = async |target: &str, more: &str| {
        let answer = edge.ask(&asking(target, more)).await;
        assert_eq!(answer.header("content-encoding"), None, "{target}");
        answer
    };
    let events = plain("/events", "").await;
    assert_eq!((events.text().as_str(), events.header("vary")), ("data: 1\n\ndata: 2\n\n", None));
    assert_eq!(plain("/no-transform", "").await.body.len(), length);
    assert_eq!(plain("/small", "").await.text(), "<p>small</p>");
    assert_eq!(plain("/off/x", "").await.body.len(), length);
    // Here the shop is told what the client likes, and its word stands.
    assert_eq!(plain("/own/plain", "").await.body.len(), length);
    assert_eq!(shop.asked().last().unwrap().header("accept-encoding"), ["gzip, deflate, br"]);
    let own = edge.ask(&asking("/own/gzip", "")).await;
    assert_eq!((own.header("content-encoding"), own.body.len()), (Some("gzip"), length));
    edge.stop();
}

/// HEAD, 304 and 206 spoke of the plain form to clients that got the compressed one: a cache could not freshen with the
/// strong tag what it kept with the weak one, and not knowing of Vary gave one client the other's form.
#[tokio::test(flavor = "multi_thread")]
async fn answers_without_the_whole_page_speak_of_the_same_form() {
    let text = page(200);
    let length = text.len();
    let shop = FakeShop::start(move |asked| {
        let method = asked.head.split(' ').next().unwrap_or_default();
        if !asked.header("if-none-match").is_empty() {
            return Reply::Bytes(b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n".to_vec());
        }
        if !asked.header("range").is_empty() {
            return Reply::Bytes(
                format!(
                    "HTTP/1.1 206 Partial Content\r\n{HTML}Content-Range: bytes 0-9/{length}\r\n\
                     Content-Length: 10\r\n\r\n{}",
                    &text[..10]
                )
                .into_bytes(),
            );
        }
        if method == "HEAD" {
            let head = format!("HTTP/1.1 200 OK\r\n{HTML}Content-Length: {length}\r\n\r\n");
            return Reply::Bytes(head.into_bytes());
        }
        Reply::with(HTML, &text)
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let fields = |answer: &Response| {
        ["etag", "vary", "content-encoding", "accept-ranges"]
            .map(|name| answer.header(name).unwrap_or("-").to_owned())
            .join(" ")
    };
    let mut client = edge.connect().await;
    client.send(asking("/", "")).await;
    let whole = client.response(false).await;
    assert_eq!(fields(&whole), "W/\"1\" Accept-Encoding gzip -");
    client.send(asking("/", "").replace("GET", "HEAD")).await;
    let head = client.response(true).await;
    assert_eq!((fields(&head), head.header("content-length")), (fields(&whole), None));
    assert_eq!(head.header("transfer-encoding"), whole.header("transfer-encoding"));
    // What the client keeps, it asks for by the tag that it got.
    client.send(asking("/", "If-None-Match: W/\"1\"\r\n")).await;
    let unchanged = client.response(true).await;
    assert_eq!((unchanged.status, fields(&unchanged).as_str()), (304, "W/\"1\" Accept-Encoding - -"));
    client.send(asking("/", "Range: bytes=0-9\r\n")).await;
    let piece = client.response(false).await;
    assert_eq!((piece.status, piece.body.len()), (206, 10));
    assert_eq!(fields(&piece), "\"1\" Accept-Encoding - bytes");
    // Who gets the plain form, is told of that one.
    let plain = "GET / HTTP/1.1\r\nHost: shop.test\r\n";
    client.send(format!("{plain}\r\n").replace("GET", "HEAD")).await;
    let head = client.response(true).await;
    assert_eq!(fields(&head), "\"1\" Accept-Encoding - bytes");
    assert_eq!(head.header("content-length"), Some(length.to_string().as_str()));
    client.send(format!("{plain}If-None-Match: \"1\"\r\n\r\n")).await;
    assert_eq!(fields(&client.response(true).await), "\"1\" Accept-Encoding - -");
    edge.stop();
}

/// BREACH: another site makes the visitor's browser ask with guesses, and measures the answers.
#[tokio::test(flavor = "multi_thread")]
async fn another_site_gets_no_length_that_depends_on_the_page() {
    let shop = FakeShop::start(|asked| {
        // A search page that shows the words and holds a secret.
        let words = asked.target().split_once("q=").map_or("", |(_, q)| q).to_owned();
        Reply::with(HTML, &format!("{} csrf=f00dcafe {words}", "<p>kiln</p>".repeat(100)))
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let guess = async |words: &str, more: &str| {
        edge.ask(&asking(&format!("/search?q={words}"), &format!("Cookie: session=1\r\n{more}"))).await
    };
    let cross = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n";
    let (right, wrong) = (guess("csrf=f00dcafe", cross).await, guess("csrf=beefabcd", cross).await);
    assert_eq!((right.status, right.body.len()), (200, wrong.body.len()));
    // The shop's own pages and people's clicks stay fast. The test sees what it guards against: here the lengths differ.
    let own = "Sec-Fetch-Site: same-origin\r\n";
    let (right, wrong) = (guess("csrf=f00dcafe", own).await, guess("csrf=beefabcd", own).await);
    assert!(right.header("content-encoding").is_some() && right.body.len() < wrong.body.len());
    let click = guess("x", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-User: ?1\r\n").await;
    assert_eq!(click.header("content-encoding"), Some("gzip"));
    edge.stop();
}

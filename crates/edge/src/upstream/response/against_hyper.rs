//! What the strict reader takes from a shop, hyper's client reads in the same way: status, and where the body ends. A bounded
//! stand-in for a fuzzer.

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Status and body; the body is `None` when its end did not come.
type Answer = (u16, Option<Vec<u8>>);

/// As the exchange reads it: interim responses are passed over. `None`: refused, not whole, or not comparable.
fn ours(bytes: &[u8]) -> Option<(Answer, Framing)> {
    let mut buffer = BytesMut::from(bytes);
    loop {
        let head = take_head(&mut buffer, false).ok()??;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return None;
        }
        if head.status.is_informational() {
            continue;
        }
        let body = match head.framing {
            Framing::None => Some(Vec::new()),
            Framing::Length(length) => {
                usize::try_from(length).ok().and_then(|length| buffer.get(..length)).map(<[u8]>::to_vec)
            }
            Framing::Close => Some(buffer.to_vec()),
            // Where chunks end is hyper's to say: our reader of chunks is the guard's, which is compared with it there.
            Framing::Chunked => None,
        };
        return Some(((head.status.as_u16(), body), head.framing));
    }
}

async fn by_hyper(bytes: &[u8]) -> Option<Answer> {
    let (client, mut shop) = tokio::io::duplex(1 << 20);
    let shop_answers = async {
        let mut asked = [0; 512];
        drop(shop.read(&mut asked).await);
        drop(shop.write_all(bytes).await);
        drop(shop.shutdown().await);
        shop
    };
    let asking = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(client)).await.expect("nothing was sent yet");
        let request =
            hyper::Request::get("/").header("host", "a").body(Empty::<Bytes>::new()).expect("it is sound");
        let answer = async move {
            let response = sender.send_request(request).await.ok()?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.ok().map(|body| body.to_bytes().to_vec());
            Some((status, body))
        };
        let (answer, ended) = tokio::join!(answer, connection);
        drop(ended);
        answer
    };
    tokio::join!(asking, shop_answers).0
}

fn agree(bytes: &[u8]) -> bool {
    let Some(((status, body), framing)) = ours(bytes) else { return false };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let Some((their_status, their_body)) = runtime.block_on(by_hyper(bytes)) else { return false };
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(status, their_status, "{shown:?}");
    if framing != Framing::Chunked && their_body.is_some() {
        assert_eq!(body, their_body, "{framing:?} of {shown:?}");
    }
    true
}

const FIELDS: [&str; 18] = [
    "Content-Length: 3\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 03\r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: +3\r\n",
    "Content-Length:\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Connection: close\r\n",
    "Connection: Content-Length\r\n",
    "Connection: keep-alive\r\n",
    "Set-Cookie: a=b; Path=/\r\n",
    "X: \u{fc}\r\n",
    " folded: 1\r\n",
    "\n",
];

fn answers() -> impl Strategy<Value = Vec<u8>> {
    let start = select(vec![
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200\r\n",
        "HTTP/1.1 200 \r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 204 No Content\r\n",
        "HTTP/1.1 304 Not Modified\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\n",
        "HTTP/1.1 599 x\r\n",
        "HTTP/1.1 099 x\r\n",
        "HTTP/2.0 200 OK\r\n",
    ]);
    let body = prop_oneof![
        vec(any::<u8>(), 0..8),
        Just(b"3\r\nabc\r\n0\r\n\r\n".to_vec()),
        Just(b"abcHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_vec())
    ];
    let bends = vec((any::<Index>(), any::<u8>()), 0..3);
    (start, vec(select(FIELDS.to_vec()), 0..4), body, bends).prop_map(|(start, fields, body, bends)| {
        let mut bytes = [start.as_bytes(), fields.concat().as_bytes(), b"\r\n", &body].concat();
        for (at, byte) in bends {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_has_one_reading(bytes in answers()) {
        agree(&bytes);
    }
}

#[test]
fn the_comparison_is_not_empty() {
    for sound in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcmore",
        "HTTP/1.0 200 OK\r\n\r\nto the end",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ] {
        assert!(agree(sound.as_bytes()), "{sound:?}");
    }
}

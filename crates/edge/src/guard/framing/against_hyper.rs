//! What the guard lets pass must have one reading: hyper, who reads behind it, sees the same requests with the same bodies.
//! A stand-in for a fuzzer, bounded: pipelines that are sound, bent in a few places by the shapes that smuggling lives on.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const LIMITS: HeadLimits = HeadLimits { size_bytes: 4096, headers: 20 };

/// A request as a reader has it; `body` stays open while its end has not come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    method: String,
    target: String,
    body: Vec<u8>,
    whole: bool,
}

/// Reads byte by byte; gives the requests and how many bytes were passed on before a refusal.
fn by_guard(bytes: &[u8]) -> (Vec<Seen>, usize, Option<Refusal>) {
    let mut framing = Framing::new(LIMITS);
    let mut seen: Vec<Seen> = Vec::new();
    let mut in_head = true;
    for (at, byte) in bytes.iter().enumerate() {
        let is_body = matches!(framing.state, State::Body { .. } | State::ChunkData { .. });
        if let Err((_, refusal)) = framing.read(std::slice::from_ref(byte)) {
            return (seen, at, Some(refusal));
        }
        if is_body && let Some(request) = seen.last_mut() {
            request.body.push(*byte);
        }
        let past_head = !matches!(framing.state, State::RequestLine | State::Header);
        if past_head && in_head {
            let (method, target) = framing.begun().expect("a head that was taken has a request line");
            // hyper tells `http://b` as `http://b/`: the same target.
            let target =
                target.parse::<http::Uri>().map_or_else(|_| target.to_owned(), |uri| uri.to_string());
            let method = method.to_owned();
            seen.push(Seen { method, target, ..Seen::default() });
        }
        in_head = !past_head || framing.state == State::Idle;
        if framing.state == State::Idle
            && let Some(request) = seen.last_mut()
        {
            request.whole = true;
        }
    }
    (seen, bytes.len(), None)
}

/// What hyper's server makes of the bytes, set up as the listener sets it up.
async fn by_hyper(bytes: &[u8]) -> Vec<Seen> {
    let (client, server) = tokio::io::duplex(1 << 20);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let (head, mut body) = request.into_parts();
            let at = seen.borrow().len();
            let (method, target) = (head.method.to_string(), head.uri.to_string());
            seen.borrow_mut().push(Seen { method, target, ..Seen::default() });
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else {
                    return Ok::<_, Infallible>(hyper::Response::new(Empty::<Bytes>::new()));
                };
                if let (Ok(data), Some(request)) = (frame.into_data(), seen.borrow_mut().get_mut(at)) {
                    request.body.extend_from_slice(&data);
                }
            }
            if let Some(request) = seen.borrow_mut().get_mut(at) {
                request.whole = true;
            }
            Ok(hyper::Response::new(Empty::<Bytes>::new()))
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .max_headers(LIMITS.headers)
        .max_header_size(LIMITS.size_bytes * 2)
        // All bytes come at once here, and their end with them; a client that half-closes is not what is looked at.
        .half_close(true)
        .serve_connection(TokioIo::new(server), service);
    let (mut reading, mut writing) = tokio::io::split(client);
    let sending = async {
        // hyper may have closed already.
        drop(writing.write_all(bytes).await);
        drop(writing.shutdown().await);
        let mut answers = Vec::new();
        drop(reading.read_to_end(&mut answers).await);
    };
    let (served, ()) = tokio::join!(serving, sending);
    drop(served);
    seen.take()
}

/// hyper's reading of what the guard passed on is a beginning of the guard's: it may stop (after `Connection: close`, or at
/// what it does not like), but never see another request, another body, or an end where the guard sees none.
fn agree(bytes: &[u8]) {
    let (expected, passed, refusal) = by_guard(bytes);
    let mut whole = Framing::new(LIMITS);
    assert_eq!(whole.read(bytes).err().map(|(_, why)| why), refusal, "the cut of the reads matters");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let got = runtime.block_on(by_hyper(bytes.get(..passed).unwrap_or_default()));
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    assert!(got.len() <= expected.len(), "hyper sees more: {got:?}\nguard: {expected:?}\nof {:?}", shown());
    for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let same_head = (&got.method, &got.target) == (&expected.method, &expected.target);
        assert!(same_head, "{index}: {got:?} instead of {expected:?}\nof {:?}", shown());
        if got.whole {
            assert_eq!(got, expected, "{index} of {:?}", shown());
        } else {
            assert!(expected.body.starts_with(&got.body), "{index}: {got:?}, {expected:?}\nof {:?}", shown());
        }
    }
}

/// One sound request.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec!["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "CONNECT"]);
    let target = select(vec!["/", "/a?b=c", "/%2e%2e/x", "*", "http://a/b", "a:443"]);
    let field = select(vec![
        "Accept: */*\r\n",
        "Expect: 100-continue\r\n",
        "Connection: keep-alive\r\n",
        "Connection: close\r\n",
        "Upgrade: websocket\r\n",
        "X: \r\n",
        "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        "Trailer: X-Sum\r\n",
        "TE: trailers\r\n",
    ]);
    let body = prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 0..20).prop_map(|body| {
            [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
        }),
        (
            vec(vec(any::<u8>(), 1..20), 0..4),
            select(vec!["", ";x=1", ";x=\"y\""]),
            select(vec!["", "X-Sum: 1\r\n"])
        )
            .prop_map(|(chunks, extension, trailer)| {
                let mut out = b"Transfer-Encoding: chunked\r\n\r\n".to_vec();
                for chunk in chunks {
                    out.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(&chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
                out
            }),
    ];
    (method, target, select(vec!["1.1", "1.1", "1.1", "1.0"]), vec(field, 0..4), body).prop_map(
        |(method, target, version, fields, body)| {
            let mut out = format!("{method} {target} HTTP/{version}\r\nHost: a\r\n").into_bytes();
            out.extend_from_slice(fields.concat().as_bytes());
            if body.is_empty() {
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(&body);
            out
        },
    )
}

/// Puts a shape that two readers may read in two ways somewhere, or takes bytes out, or changes one.
#[derive(Clone, Debug)]
enum Bend {
    Insert(prop::sample::Index, &'static [u8]),
    InsertAtLine(prop::sample::Index, &'static [u8]),
    Remove(prop::sample::Index, usize),
    Set(prop::sample::Index, u8),
}

const SHAPES: [&[u8]; 34] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b"\x0b",
    b":",
    b"0\r\n\r\n",
    b"5\r\n",
    b"\xff",
    b"+",
    b"0x",
    b"Content-Length: 0\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 3, 3\r\n",
    b"Content-Length:\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Content-Length : 3\r\n",
    b"content-length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding:\tchunked \r\n",
    b"Transfer-Encoding: \"chunked\"\r\n",
    b" folded: yes\r\n",
    b"Host: b\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"Transfer-Encoding: chunked\n",
    b"fffffffffffffffff\r\n",
    b"3;\r\n",
    b"Connection: Content-Length\r\n",
];

fn bend() -> impl Strategy<Value = Bend> {
    let at = || any::<prop::sample::Index>();
    prop_oneof![
        (at(), select(SHAPES.to_vec())).prop_map(|(at, shape)| Bend::Insert(at, shape)),
        (at(), select(SHAPES.to_vec())).prop_map(|(at, shape)| Bend::InsertAtLine(at, shape)),
        (at(), 1..6_usize).prop_map(|(at, count)| Bend::Remove(at, count)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Bend::Set(at, byte)),
    ]
}

fn bent(mut bytes: Vec<u8>, bends: &[Bend]) -> Vec<u8> {
    for bend in bends {
        let length = bytes.len();
        match bend {
            Bend::Insert(at, shape) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, shape.iter().copied());
            }
            Bend::InsertAtLine(at, shape) => {
                let starts: Vec<usize> = bytes
                    .iter()
                    .enumerate()
                    .filter(|(_, byte)| **byte == b'\n')
                    .map(|(at, _)| at + 1)
                    .collect();
                let at = if starts.is_empty() { 0 } else { starts[at.index(starts.len())] };
                bytes.splice(at..at, shape.iter().copied());
            }
            Bend::Remove(at, count) if length > 0 => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Bend::Set(at, byte) if length > 0 => bytes[at.index(length)] = *byte,
            Bend::Remove(..) | Bend::Set(..) => {}
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn what_the_guard_passes_has_one_reading(
        requests in vec(request(), 1..4), bends in vec(bend(), 0..4),
    ) {
        agree(&bent(requests.concat(), &bends));
    }
}

#[test]
fn the_comparison_is_not_empty() {
    // A sound pipeline is read whole by both; if hyper saw nothing, the property would hold of nothing.
    let bytes = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    let (expected, passed, refusal) = by_guard(bytes);
    assert_eq!((expected.len(), passed, refusal), (2, bytes.len(), None));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(by_hyper(bytes)), expected);
    // And hyper alone does read what the guard refuses: that is why the guard is there.
    let smuggling = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(by_guard(smuggling).2, Some(Refusal::LengthAndEncoding));
    assert!(!runtime.block_on(by_hyper(smuggling)).is_empty());
}

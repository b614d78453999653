//! HTTP/2 floods and broken frames (RFC 9113 10.5): each ends its own connection and nothing else.

use storeward_testkit::{FakeShop, Reply};

use crate::frames::{
    CONTINUATION, DATA, END, END_HEADERS, Frame, GOAWAY, HEADERS, PADDED, PING, PRIORITY, RESET, Raw,
    SETTINGS, WINDOW, block, frame, get, post,
};
use crate::harness::{TestEdge, wait_for};

const CANCEL: u32 = 8;
const REFUSED_STREAM: u32 = 7;

async fn shop_and_edge(more: &str) -> (FakeShop, TestEdge) {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], more);
    (shop, edge)
}

/// The flood is cut, staff see why, and another client is served as before.
async fn check(name: &str, first: &[u8], count: u32, piece: impl Fn(u32) -> Vec<u8>) -> Vec<Frame> {
    let (shop, edge) = shop_and_edge("").await;
    let mut raw = Raw::open(&edge, &[]).await;
    raw.send(first).await;
    let frames = raw.flood(count, piece).await;
    let record = wait_for(|| edge.records().into_iter().find(|r| r.reason.starts_with("h2."))).await;
    assert_eq!(record.verdict, storeward_edge::access::Verdict::Refused, "{name}");
    assert_eq!(edge.get("/other").await.status, 200, "{name}");
    assert!(shop.asked().len() < 500, "{name}: the shop was asked {} times", shop.asked().len());
    wait_for(|| (edge.shared.connections.open() == 0).then_some(())).await;
    edge.stop();
    frames
}

fn odd(at: u32) -> u32 {
    2 * at + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_reset_is_cut() {
    let reset = CANCEL.to_be_bytes();
    check("reset", &[], 20_000, |at| [get(odd(at)), frame(RESET, 0, odd(at), &reset)].concat()).await;
}

/// CVE-2025-8671: the client makes the server reset, so that its own resets never count.
#[tokio::test(flavor = "multi_thread")]
async fn made_you_reset_is_cut() {
    check("window 0", &[], 20_000, |at| [post(odd(at)), frame(WINDOW, 0, odd(at), &[0; 4])].concat()).await;
    let itself = |at: u32| {
        [get(odd(at)), frame(PRIORITY, 0, odd(at), &[odd(at).to_be_bytes().as_slice(), &[1]].concat())]
    };
    check("depends on itself", &[], 20_000, |at| itself(at).concat()).await;
    check("DATA behind the end", &[], 20_000, |at| [get(odd(at)), frame(DATA, 0, odd(at), b"x")].concat())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn header_blocks_without_an_end_are_cut() {
    let open = frame(HEADERS, END, 1, &block(&[(":method", "GET")]));
    check("CONTINUATION", &open, 20_000, |_| frame(CONTINUATION, 0, 1, &block(&[("x-a", "b")]))).await;
    check("empty CONTINUATION", &open, 20_000, |_| frame(CONTINUATION, 0, 1, &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_without_work_are_cut() {
    check("empty DATA", &post(1), 20_000, |_| frame(DATA, 0, 1, &[])).await;
    check("padded empty DATA", &post(1), 20_000, |_| frame(DATA, PADDED, 1, &[0])).await;
    check("SETTINGS", &[], 20_000, |_| frame(SETTINGS, 0, 0, &[])).await;
    check("PING", &[], 20_000, |_| frame(PING, 0, 0, &[0; 8])).await;
    check("PING answers", &[], 20_000, |_| frame(PING, END, 0, &[0; 8])).await;
    check("PRIORITY", &[], 20_000, |_| frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1])).await;
    check("WINDOW_UPDATE", &[], 20_000, |_| frame(WINDOW, 0, 0, &1u32.to_be_bytes())).await;
    check("unknown", &[], 20_000, |_| frame(99, 0, 0, &[])).await;
}

/// 4 KB stored once and repeated by one byte each: 64 MB of headers in 16 KB.
#[tokio::test(flavor = "multi_thread")]
async fn an_hpack_bomb_is_refused() {
    let (shop, edge) = shop_and_edge("").await;
    let mut raw = Raw::open(&edge, &[]).await;
    let mut stored = block(&[("x-bomb", &"y".repeat(3_900))]);
    stored[0] = 0x40;
    let pseudo = block(&crate::frames::GET);
    raw.send(&frame(HEADERS, END | END_HEADERS, 1, &[pseudo.clone(), stored].concat())).await;
    raw.send(&frame(HEADERS, END | END_HEADERS, 3, &[pseudo, vec![0xBE; 16_000]].concat())).await;
    let refused = refusal(&mut raw, 3).await;
    assert!(refused, "the bomb was served");
    assert!(shop.asked().len() <= 1);
    assert_eq!(edge.get("/").await.status, 200);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_list_over_the_limit_is_refused() {
    let (shop, edge) = shop_and_edge("").await;
    let mut raw = Raw::open(&edge, &[]).await;
    let pseudo = block(&crate::frames::GET);
    let more = block(&[("x-large", &"y".repeat(12_000))]);
    raw.send(&frame(HEADERS, END, 1, &[pseudo, more.clone()].concat())).await;
    raw.send(&frame(CONTINUATION, 0, 1, &more)).await;
    raw.send(&frame(CONTINUATION, END_HEADERS, 1, &more)).await;
    assert!(refusal(&mut raw, 1).await);
    assert!(shop.asked().is_empty());
    assert_eq!(edge.get("/").await.status, 200);
    edge.stop();
}

/// Reads until the stream is answered or ended: true unless the answer is 200.
async fn refusal(raw: &mut Raw, stream: u32) -> bool {
    while let Some(frame) = raw.next().await {
        match frame.kind {
            GOAWAY => return true,
            RESET if frame.stream == stream => return true,
            HEADERS if frame.stream == stream => return frame.payload[0] != 0x88,
            _ => {}
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_at_a_time_are_bounded() {
    let (shop, edge) = shop_and_edge("[limits]\nstreams_per_connection = 5\n").await;
    let mut raw = Raw::open(&edge, &[]).await;
    for at in 0..8 {
        raw.send(&post(odd(at))).await;
    }
    let mut refused = 0;
    while refused < 3 {
        let Some(frame) = raw.next().await else { break };
        match frame.kind {
            RESET => {
                assert!(frame.stream > odd(4) && frame.code() == REFUSED_STREAM, "{frame:?}");
                refused += 1;
            }
            GOAWAY => break,
            _ => assert!(frame.kind != HEADERS, "answered before its body"),
        }
    }
    assert!(shop.asked().is_empty());
    assert_eq!(edge.get("/").await.status, 200);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_has_had_its_share_is_drained_and_the_next_goes_on() {
    let (shop, edge) = shop_and_edge("[limits]\nstreams_in_connection_life = 5\n").await;
    let mut raw = Raw::open(&edge, &[]).await;
    for at in 0..5 {
        raw.send(&get(odd(at))).await;
    }
    let frames = raw.until_closed().await;
    let goaway = frames.iter().rfind(|f| f.kind == GOAWAY).expect("a GOAWAY before the end");
    assert_eq!(goaway.code(), 0);
    assert_eq!(frames.iter().filter(|f| f.kind == HEADERS).count(), 5, "every stream is answered");
    let mut next = Raw::open(&edge, &[]).await;
    next.send(&get(1)).await;
    while next.next().await.unwrap().kind != HEADERS {}
    assert_eq!(shop.asked().len(), 6);
    // Whoever goes on after the GOAWAY is cut.
    let deaf = Raw::open(&edge, &[]).await;
    deaf.flood(1_000, |at| get(odd(at))).await;
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_frames_end_their_connection() {
    // No clock closes anything within the test.
    let (shop, edge) = shop_and_edge("[limits]\nhead_seconds = 200\nidle_seconds = 200\n").await;
    let mut long = frame(DATA, 0, 1, &vec![0; 20_000]);
    long.splice(0..0, post(1));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5])),
        ("SETTINGS on a stream", frame(SETTINGS, 0, 1, &[])),
        ("SETTINGS with push 2", frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2])),
        ("SETTINGS with a window of 4 GB", frame(SETTINGS, 0, 0, &[0, 4, 255, 255, 255, 255])),
        ("SETTINGS with frames of 1 byte", frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
        ("an acknowledgement with content", frame(SETTINGS, END, 0, &[0; 6])),
        ("PING of 7 bytes", frame(PING, 0, 0, &[0; 7])),
        ("PING on a stream", frame(PING, 0, 1, &[0; 8])),
        ("DATA on stream 0", frame(DATA, 0, 0, b"x")),
        ("DATA on an idle stream", frame(DATA, 0, 9, b"x")),
        ("HEADERS on stream 0", frame(HEADERS, END | END_HEADERS, 0, &block(&crate::frames::GET))),
        ("HEADERS on stream 2", get(2)),
        ("a stream number that goes back", [get(7), get(5)].concat()),
        ("padding longer than the frame", [post(1), frame(DATA, PADDED, 1, &[9, 0])].concat()),
        ("padding longer than HEADERS", frame(HEADERS, PADDED | END | END_HEADERS, 1, &[200, 0x82])),
        ("a frame over 16 KB", long),
        ("CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, &[])),
        (
            "PING inside of a header block",
            [frame(HEADERS, END, 1, &[0x82]), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
        ("a promise by the client", frame(5, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("RST_STREAM of an idle stream", frame(RESET, 0, 9, &[0; 4])),
        ("RST_STREAM of 3 bytes", [post(1), frame(RESET, 0, 1, &[0; 3])].concat()),
        ("WINDOW_UPDATE of 0", frame(WINDOW, 0, 0, &[0; 4])),
        ("a window over 2 GB", frame(WINDOW, 0, 0, &0x7FFF_FFFFu32.to_be_bytes())),
        ("GOAWAY of 3 bytes", frame(GOAWAY, 0, 0, &[0; 3])),
        ("a field number that does not exist", frame(HEADERS, END | END_HEADERS, 1, &[0xFF, 0xFF, 0x7F])),
        ("a string that ends early", frame(HEADERS, END | END_HEADERS, 1, &[0x00, 0x05, b'a'])),
        ("a table larger than allowed", frame(HEADERS, END | END_HEADERS, 1, &[0x3F, 0xFF, 0xFF, 0x7F])),
    ];
    for (name, bytes) in cases {
        let mut raw = Raw::open(&edge, &[]).await;
        raw.send(&bytes).await;
        let began = std::time::Instant::now();
        let frames = raw.until_closed().await;
        assert!(began.elapsed().as_secs() < 100, "{name}: closed by a clock and not as an error");
        if let Some(goaway) = frames.iter().rfind(|f| f.kind == GOAWAY) {
            assert!(goaway.code() != 0, "{name}");
        }
    }
    let told = wait_for(|| {
        let records = edge.records();
        let told = records.iter().filter(|r| r.reason.starts_with("h2.")).count();
        (told >= 20).then_some(told)
    });
    told.await;
    assert!(shop.asked().len() <= 1, "only the stream before the one that goes back is whole");
    assert_eq!(edge.get("/").await.status, 200);
    edge.stop();
}

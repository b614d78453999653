use super::*;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write as _;

const GUARD: &str = "<script src=\"/.storeward/checkout/guard.js\"></script>";

#[derive(Clone, Default)]
struct Told(Rc<RefCell<Option<Read>>>);

impl Reader for Told {
    fn read(&self, read: Read) {
        assert!(self.0.borrow_mut().replace(read).is_none(), "told once");
    }
}

/// Allows `var a = "";` by shape, pins what is called `pinned.js`.
struct Few;

impl Approvals for Few {
    fn allows_shape(&self, shape: &str) -> bool {
        shape == "var a = \"\";"
    }

    fn pinned(&self, address: &str) -> Option<Pin> {
        address.ends_with("pinned.js").then(|| Pin {
            hash: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
            is_elsewhere: address.starts_with("https://"),
        })
    }

    fn address(&self, source: &str) -> Option<String> {
        (!source.is_empty()).then(|| source.split('?').next().unwrap().to_owned())
    }
}

fn rewrite(encoding: Option<&'static Encoding>, inflate: Option<Inflate>) -> (PageRewrite<Few, Told>, Told) {
    let told = Told::default();
    let inserts = Inserts { guard: GUARD.to_owned(), nonce: "bm9uY2U=".to_owned() };
    (PageRewrite::new(inserts, encoding, inflate, Few, told.clone()), told)
}

fn run(page: &[u8], piece: usize, encoding: Option<&'static Encoding>) -> (Vec<u8>, Read) {
    let (mut rewrite, told) = rewrite(encoding, None);
    let mut out = Vec::new();
    for piece in page.chunks(piece.max(1)) {
        rewrite.push(piece, &mut out).unwrap();
    }
    rewrite.finish(&mut out).unwrap();
    let read = told.0.borrow_mut().take().unwrap();
    (out, read)
}

fn text(page: &str) -> String {
    String::from_utf8(run(page.as_bytes(), page.len(), None).0).unwrap()
}

const INSERTED: [&str; 4] = [
    GUARD,
    " nonce=\"bm9uY2U=\"",
    " integrity=\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"",
    " crossorigin=\"anonymous\"",
];

fn without_insertions(page: &[u8]) -> Vec<u8> {
    let mut page = page.to_vec();
    for piece in INSERTED {
        while let Some(at) = page.windows(piece.len()).position(|window| window == piece.as_bytes()) {
            page.drain(at..at + piece.len());
        }
    }
    page
}

#[test]
fn the_guard_comes_first() {
    for (page, expected) in [
        ("<!doctype html><html><head><title>x", "<!doctype html><html><head>@<title>x"),
        ("<HTML lang=en>\n<HEAD  data-x='>' >\n<script>a", "<HTML lang=en>\n<HEAD  data-x='>' >@\n<script>a"),
        ("<html><script>steal()</script><head>", "<html>@<script>steal()</script><head>"),
        ("<script>steal()</script>", "@<script>steal()</script>"),
        ("<!-- <head> --><p>x", "<!-- <head> -->@<p>x"),
        ("text <b>x", "text @<b>x"),
        ("no element at all", "no element at all"),
        ("", ""),
        ("x", "x"),
        ("<", "<"),
        ("<svg><script href=/x.js/></svg>", "@<svg><script href=/x.js/></svg>"),
        ("\u{feff}<head>", "\u{feff}<head>@"),
    ] {
        assert_eq!(text(page), expected.replace('@', GUARD), "{page}");
    }
}

#[test]
fn only_approved_code_gets_a_nonce() {
    let body = |page: &str| text(&format!("<head>{page}")).replace(GUARD, "").replace("<head>", "");
    for (page, expected) in [
        ("<script>var a = \"x\";</script>", "<script nonce=\"bm9uY2U=\">var a = \"x\";</script>"),
        (
            "<SCRIPT type=module >var a = 'y';</sCript >",
            "<SCRIPT type=module  nonce=\"bm9uY2U=\">var a = 'y';</sCript >",
        ),
        ("<script>var a = \"x\";steal()</script>", "<script>var a = \"x\";steal()</script>"),
        ("<script>steal()</script>", "<script>steal()</script>"),
        // What nobody runs needs none.
        (
            "<script type=application/json>var a = \"x\";</script>",
            "<script type=application/json>var a = \"x\";</script>",
        ),
        // The shop's own policy needs the shop's own nonce.
        ("<script nonce=abc>var a = \"x\";</script>", "<script nonce=abc>var a = \"x\";</script>"),
        // No end, no script.
        ("<script>var a = \"x\";", "<script>var a = \"x\";"),
        // Inside of other things there is none.
        (
            "<textarea><script>var a = \"x\";</script></textarea>",
            "<textarea><script>var a = \"x\";</script></textarea>",
        ),
        ("<!-- <script>var a = \"x\";</script> -->", "<!-- <script>var a = \"x\";</script> -->"),
        ("<p title='<script>var a = \"x\";</script>'>", "<p title='<script>var a = \"x\";</script>'>"),
        // A dangling quote swallows the shop's own tag: what runs is the foreign file.
        (
            "<script src=//evil.example/x.js data-x=\"<script>var a = 'x';</script>",
            "<script src=//evil.example/x.js data-x=\"<script>var a = 'x';</script>",
        ),
        (
            "<script src=/pinned.js?v=1></script>",
            "<script src=/pinned.js?v=1 integrity=\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"></script>",
        ),
        (
            "<script src='https://a.example/pinned.js'/></script>",
            "<script src='https://a.example/pinned.js'/ integrity=\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\" crossorigin=\"anonymous\"></script>",
        ),
        ("<script src=/pinned.js integrity=x></script>", "<script src=/pinned.js integrity=x></script>"),
    ] {
        assert_eq!(body(page), expected, "{page}");
    }
}

const PAGE: &str = "<!doctype html>\r\n<html lang=\"en\"><head>\n<meta charset=\"utf-8\"><title>Kasse · 結帳</title>\
<script src='https://a.example/pinned.js'></script><script>var a = \"caf\u{e9}\";</script>\
<script>\r\nsteal();</script></head><body onload=x()><p class=a  id = b>1 &lt; 2</p><svg><script>x</script></svg>\
<script type=\"application/ld+json\">{\"a\": \"</p>\"}</script><!-- a --><textarea><script></textarea>\
<script>var a = 'the last';</script></body></html>\n";

// The page is what it was, wherever the pieces end.
#[test]
fn nothing_else_changes_at_any_chunk_size() {
    let (whole, read) = run(PAGE.as_bytes(), PAGE.len(), None);
    assert_eq!(without_insertions(&whole), PAGE.as_bytes());
    assert_eq!(whole.windows(8).filter(|w| w == b" nonce=\"").count(), 2);
    for piece in 1..PAGE.len() {
        let (out, again) = run(PAGE.as_bytes(), piece, None);
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole), "pieces of {piece}");
        assert_eq!(again, read, "pieces of {piece}");
    }
}

#[test]
fn what_runs_is_noted() {
    let (_, read) = run(PAGE.as_bytes(), 7, None);
    let noted: Vec<(Kind, &str, Option<&str>)> =
        read.noted.iter().map(|one| (one.kind, one.address.as_str(), one.shape.as_deref())).collect();
    assert_eq!(
        noted,
        [
            (Kind::Script, "https://a.example/pinned.js", None),
            (Kind::Inline, "inline", Some("var a = \"\";")),
            (Kind::Inline, "inline", Some("steal();")),
            (Kind::Handler, "inline", Some("x()")),
            (Kind::Inline, "inline", Some("x")),
            (Kind::Inline, "inline", Some("var a = \"\";")),
        ]
    );
    assert_eq!(read.without_guard, None);
    // As browsers hash it: line ends are one sign (`openssl dgst -sha256` of "\nsteal();").
    let hash = notes::hash_of("\nsteal();");
    assert_eq!(read.noted[2].hash.as_deref(), Some(hash.as_str()));
}

#[test]
fn pages_in_other_encodings() {
    let latin: &[u8] = b"<head><meta charset=iso-8859-1><script>var a = \"caf\xe9\";</script>";
    let (out, read) = run(latin, 3, None);
    assert_eq!(without_insertions(&out), latin);
    assert_eq!(read.noted[0].hash, Some(notes::hash_of("var a = \"caf\u{e9}\";")));
    let sjis: &[u8] = b"<head><script>var a = \"\x83\x5c\";</script><p>\x83\x5c</p>";
    let (out, read) = run(sjis, 1, Some(encoding_rs::SHIFT_JIS));
    assert_eq!(without_insertions(&out), sjis);
    assert_eq!(read.noted[0].hash, Some(notes::hash_of("var a = \"ソ\";")));
    // Two bytes for each sign: nothing can be put in, and nothing is.
    let utf_16: Vec<u8> =
        "\u{feff}<head><script>x</script>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for encoding in [None, Some(encoding_rs::UTF_8), Some(encoding_rs::UTF_16LE)] {
        let (out, read) = run(&utf_16, 5, encoding);
        assert_eq!(out, utf_16);
        assert_eq!(read.without_guard, Some("charset"));
    }
    // From where the page says that its bytes mean something else no code is blessed.
    let hidden = b"<head><meta charset=iso-2022-jp><script>var a = \"x\";</script>";
    let (out, _) = run(hidden, hidden.len(), None);
    assert!(!out.windows(7).any(|w| w == b" nonce="), "{}", String::from_utf8_lossy(&out));
}

#[test]
fn bytes_that_are_no_page_pass() {
    let noise: Vec<u8> =
        (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    for piece in [1, 7, 4096, 200_000] {
        let (out, _) = run(&noise, piece, None);
        assert_eq!(without_insertions(&out), noise);
    }
}

fn packed(coding: Coding, page: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(page).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(page).unwrap();
            encoder.finish().unwrap()
        }
    }
}

#[test]
fn compressed_pages_are_taken_apart() {
    let (whole, _) = run(PAGE.as_bytes(), PAGE.len(), None);
    for coding in [Coding::Gzip, Coding::Deflate] {
        for piece in [1, 13, 100_000] {
            let (mut rewrite, _) = rewrite(None, Some(Inflate::new(coding)));
            let mut out = Vec::new();
            for piece in packed(coding, PAGE.as_bytes()).chunks(piece) {
                rewrite.push(piece, &mut out).unwrap();
            }
            rewrite.finish(&mut out).unwrap();
            assert_eq!(out, whole, "{coding:?} in pieces of {piece}");
        }
    }
    assert_eq!(Coding::of("gzip"), Ok(Some(Coding::Gzip)));
    assert_eq!(Coding::of("identity"), Ok(None));
    assert_eq!(Coding::of("br"), Err(()));
    assert_eq!(Coding::of("gzip, gzip"), Err(()));
}

// A bomb of 64 KiB that becomes 64 MiB: the answer ends.
#[test]
fn a_bomb_ends_the_answer() {
    let bomb = packed(Coding::Gzip, &vec![b' '; 64 * 1024 * 1024]);
    let (mut rewrite, _) = rewrite(None, Some(Inflate::new(Coding::Gzip)));
    let mut out = Vec::new();
    let mut most = 0;
    let ended = bomb.chunks(1024).any(|piece| {
        let failed = rewrite.push(piece, &mut out).is_err();
        most = most.max(out.len());
        out.clear();
        failed
    });
    assert!(ended && most < 8 * 1024 * 1024, "{most}");
    let (mut rewrite, _) = self::rewrite(None, Some(Inflate::new(Coding::Gzip)));
    assert!(rewrite.push(b"no gzip at all", &mut out).is_err() || rewrite.finish(&mut out).is_err());
}

// A tag, an attribute, a comment or code without an end holds back no more than the reader may remember.
#[test]
fn endless_things_are_bounded() {
    for start in ["<head><p title=\"", "<head><p ", "<head><!-- ", "<head><script>", "<head><textarea>"] {
        let (mut rewrite, told) = rewrite(None, None);
        let mut out = Vec::new();
        rewrite.push(start.as_bytes(), &mut out).unwrap();
        let piece = vec![b'x'; 64 * 1024];
        let mut sent = start.len();
        for _ in 0..160 {
            rewrite.push(&piece, &mut out).unwrap();
            sent += piece.len();
            assert!(sent + GUARD.len() - out.len() <= READER_BYTES + 4 * piece.len(), "{start} {sent}");
        }
        rewrite.finish(&mut out).unwrap();
        assert_eq!(out.len(), sent + GUARD.len(), "{start}");
        assert!(told.0.borrow().is_some());
    }
}

// Elements without an end, one inside of the other.
#[test]
fn deep_pages_pass() {
    let page = format!("<head>{}", "<b><i x=y>".repeat(60_000));
    let (out, _) = run(page.as_bytes(), 4096, None);
    assert_eq!(without_insertions(&out), page.as_bytes());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// Whatever the page, its own bytes come out in order, and pieces change nothing.
    #[test]
    fn pages_keep_their_bytes(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "<head>", "<html>", "<script>", "</script>", "<script src=/pinned.js>", "var a = \"x\";", "<!--", "-->", "<p a='", "'>",
                "<svg>", "</svg>", "<![CDATA[", "]]>", "<select>", "<template>", "</", "<", ">", "\"", "&", "\0", "é", "<style>", "</style>",
                "<plaintext>", "<textarea>", "</textarea>", "<noscript>", "<math>", "<meta charset=utf-16>", "<script/>", "</p/>", "<?x>",
            ]),
            0..24,
        ),
        piece in 1usize..40,
    ) {
        let page = parts.concat();
        let (whole, read) = run(page.as_bytes(), page.len(), None);
        let (pieces, again) = run(page.as_bytes(), piece, None);
        proptest::prop_assert_eq!(without_insertions(&whole), page.as_bytes());
        proptest::prop_assert_eq!(without_insertions(&pieces), page.as_bytes());
        let _ = (read, again);
    }
}

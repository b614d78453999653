use super::*;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write as _;

mod drawings;

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

    fn address(&self, base: Option<&str>, source: &str) -> Option<String> {
        let source = source.split('?').next().unwrap();
        (!source.is_empty()).then(|| format!("{}{source}", base.unwrap_or_default()))
    }

    fn base(&self, source: &str) -> Option<(String, bool)> {
        source.contains("//").then(|| (source.to_owned(), true))
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
        // In a template each script of the page could read it.
        (
            "<template><script>var a = \"x\";</script></template>",
            "<template><script>var a = \"x\";</script></template>",
        ),
        (
            "<div><template><template></template></div><script>var a = \"x\";</script>",
            "<div><template><template></template></div><script>var a = \"x\";</script>",
        ),
        (
            "<template shadowrootmode=open></template><script>var a = \"x\";</script>",
            "<template shadowrootmode=open></template><script nonce=\"bm9uY2U=\">var a = \"x\";</script>",
        ),
        (
            "<noscript><script>var a = \"x\";</script></noscript>",
            "<noscript><script>var a = \"x\";</script></noscript>",
        ),
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
            "<script integrity=\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\" src=/pinned.js?v=1></script>",
        ),
        (
            "<script src='https://a.example/pinned.js'/></script>",
            "<script integrity=\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\" crossorigin=\"anonymous\" src='https://a.example/pinned.js'/></script>",
        ),
        // Of two attributes with one name browsers take the first: the page's own holds the file to nothing, or to another hash.
        (
            "<script src=/pinned.js integrity=x></script>",
            "<script integrity=\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\" src=/pinned.js integrity=x></script>",
        ),
        (
            "<SCRIPT/integrity='sha384-b3RoZXI='/src=/pinned.js></SCRIPT>",
            "<SCRIPT integrity=\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"/integrity='sha384-b3RoZXI='/src=/pinned.js></SCRIPT>",
        ),
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
            (Kind::Inline, "inline", None),
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

fn inflated(coding: Coding, body: &[u8], piece: usize) -> Vec<u8> {
    let (mut rewrite, _) = rewrite(None, Some(Inflate::new(coding)));
    let mut out = Vec::new();
    for piece in body.chunks(piece) {
        rewrite.push(piece, &mut out).unwrap();
    }
    rewrite.finish(&mut out).unwrap();
    out
}

// Browsers take `deflate` without its header, and leave out what stands behind the end: such a page is not cut off.
#[test]
fn compressed_pages_are_read_as_browsers_read_them() {
    let (whole, _) = run(PAGE.as_bytes(), PAGE.len(), None);
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(PAGE.as_bytes()).unwrap();
    let raw = raw.finish().unwrap();
    for piece in [1, 13, 100_000] {
        assert_eq!(inflated(Coding::Deflate, &raw, piece), whole, "raw in pieces of {piece}");
        for coding in [Coding::Gzip, Coding::Deflate] {
            let body = packed(coding, PAGE.as_bytes());
            let behind = [body.as_slice(), b"\0\0\0trailing"].concat();
            assert_eq!(inflated(coding, &behind, piece), whole, "{coding:?}, bytes behind, {piece}");
            // Without its last bytes, the sum.
            let cut = body.get(..body.len() - 4).unwrap();
            assert_eq!(inflated(coding, cut, piece), whole, "{coding:?}, cut, {piece}");
        }
    }
}

// What went out before the answer broke off runs, too.
#[test]
fn a_page_that_breaks_off_is_noted() {
    let (mut rewrite, told) = rewrite(None, None);
    let mut out = Vec::new();
    rewrite.push(b"<head><script>x()</script><p>", &mut out).unwrap();
    drop(rewrite);
    assert_eq!(told.0.borrow_mut().take().unwrap().noted.len(), 1);
    let (mut rewrite, told) = self::rewrite(None, Some(Inflate::new(Coding::Gzip)));
    assert!(rewrite.push(b"no gzip at all, whatever its head says", &mut out).is_err());
    drop(rewrite);
    assert_eq!(told.0.borrow_mut().take().unwrap().unread, Some("unread.encoding"));
}

// Code that is too long for a nonce has a hash all the same, wherever the pieces end.
#[test]
fn long_code_is_hashed_while_it_goes() {
    let code = "steal();\r\n// caf\u{e9}\r\0".repeat(40_000);
    let page = format!("<head><script>{code}</script><script>x()</script>");
    let plain = code.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
    assert!(code.len() > CODE_BYTES);
    for piece in [997, 65_536, page.len()] {
        let (out, read) = run(page.as_bytes(), piece, None);
        assert_eq!(without_insertions(&out), page.as_bytes(), "{piece}");
        assert_eq!(read.unread, None);
        let [long, short] = &read.noted[..] else { panic!("{:?}", read.noted) };
        assert_eq!(long.hash, Some(notes::hash_of(&plain)), "{piece}");
        assert_eq!((long.bytes, long.shape.as_deref()), (Some(plain.len()), None));
        assert_eq!(long.beginning.as_deref(), Some("steal();\n"));
        assert_eq!(short.shape.as_deref(), Some("x()"));
    }
    let latin: Vec<u8> = page.chars().map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
    let (_, read) = run(&latin, 4096, None);
    assert_eq!(read.noted[0].hash, Some(notes::hash_of(&plain)), "windows-1252, as short code is");
}

// Where a tag may be left out by a browser, the page is read on, and nothing more is put in.
#[test]
fn what_can_be_read_in_two_ways_is_told_and_read_on() {
    const CODE: &str = "<script>var a = \"x\";</script>";
    for (begin, is_clear) in [
        ("<select><option>a</option><title>x</title></select>", false),
        ("<select><xmp></xmp></select>", false),
        ("<select><template></select></template><title>x</title>", false),
        ("<div><select></div><title>x</title></select>", false),
        ("<select><template><style></style></template></select>", false),
        ("<frameset><frame>", false),
        ("<select><option>a</option></select><title>x</title>", true),
        ("<select><input><title>x</title>", true),
        ("<select><script>y()</script></select>", true),
        ("<div><select><option>a</select></div><textarea></textarea>", true),
    ] {
        let page = format!("<head>{begin}{CODE}");
        for piece in [1, 7, page.len()] {
            let (out, read) = run(page.as_bytes(), piece, None);
            assert_eq!(without_insertions(&out), page.as_bytes());
            assert_eq!(read.unread, (!is_clear).then_some("unread.ambiguous"), "{begin} {piece}");
            let last = read.noted.last().map(|noted| noted.shape.as_deref());
            assert_eq!(last, Some(Some("var a = \"\";")), "{begin} {piece}");
            assert_eq!(String::from_utf8_lossy(&out).contains(" nonce="), is_clear, "{begin} {piece}");
            assert_eq!(read.without_guard, None);
        }
    }
}

// Whatever hides the rest of a page is told, also when the guard is in it already, and wherever the pieces end.
#[test]
fn a_reader_that_gives_up_says_so() {
    let tag = format!("<head><p title='{}'><script>x()</script>", "y".repeat(2_200 * 1024));
    for piece in [4096, 65_536] {
        let (_, read) = run(tag.as_bytes(), piece, None);
        assert_eq!((read.unread, read.without_guard), (Some("unread.unreadable"), None), "{piece}");
    }
    let many: String = (0..400).map(|number| format!("<b onclick=f{number}()>")).collect();
    assert_eq!(run(many.as_bytes(), 64, None).1.unread, Some("unread.too_many"));
}

// A `meta` cannot say UTF-16 in bytes that are none: browsers take it for UTF-8, and only where the head says nothing.
#[test]
fn what_a_meta_says_counts_as_in_browsers() {
    let code = "<script>var a = \"\u{e9}\";</script>";
    for label in ["utf-16", "utf-16le", "utf-16be"] {
        let page = format!("<head><meta charset={label}>{code}");
        for encoding in [None, Some(encoding_rs::UTF_8)] {
            let (_, read) = run(page.as_bytes(), 5, encoding);
            assert_eq!(read.unread, None, "{label}");
            assert_eq!(read.noted[0].hash, Some(notes::hash_of("var a = \"\u{e9}\";")), "{label}");
        }
    }
    let page = format!("<head><meta charset=iso-2022-jp>{code}");
    assert_eq!(run(page.as_bytes(), 5, Some(encoding_rs::UTF_8)).1.unread, None, "the head says otherwise");
    assert_eq!(run(page.as_bytes(), 5, None).1.unread, Some("unread.charset"));
}

// Browsers guess the encoding that nobody declares: what was typed into a page then eats the backslash by which the shop made it harmless.
#[test]
fn code_whose_encoding_is_guessed_gets_no_nonce() {
    let blessed = |page: &[u8], encoding| {
        let (out, read) = run(page, 3, encoding);
        assert_eq!(read.noted.last().unwrap().shape.as_deref(), Some("var a = \"\";"));
        out.windows(7).any(|window| window == b" nonce=")
    };
    let guessed: &[u8] = b"<head><script>var a = \"\xbf\\\";steal()//\";</script>";
    assert!(!blessed(guessed, None), "Chromium takes it for GBK");
    assert!(
        !blessed(b"<head><script>var a = \"\x1b$B!!\";</script>", None),
        "ISO-2022-JP has bytes of ASCII only"
    );
    assert!(blessed(b"<head><script>var a = \"plain\";</script>", None));
    let code = "<script>var a = \"\u{e9}\";</script>";
    assert!(blessed(format!("<head><meta charset=utf-8>{code}").as_bytes(), None));
    assert!(blessed(format!("\u{feff}<head>{code}").as_bytes(), None));
    assert!(blessed(format!("<head>{code}").as_bytes(), Some(encoding_rs::UTF_8)));
    let late = format!("<head><!--{}--><meta charset=utf-8>{code}", "x".repeat(1024));
    assert!(!blessed(late.as_bytes(), None), "not every browser looks so far");
}

// A frame's own code runs as the page's.
#[test]
fn code_that_frames_bring_is_noted() {
    for (page, expected) in [
        ("<head><iframe src='javascript:x()'>", Some(("javascript:", "x()"))),
        ("<head><iframe src=' JAVA&#x9;SCRIPT&colon;x()'>", Some(("javascript:", "x()"))),
        ("<head><frame src=javascript:x()>", Some(("javascript:", "x()"))),
        ("<head><iframe srcdoc='&lt;script>x()&lt;/script>'>", Some(("srcdoc", "<script>x()</script>"))),
        ("<head><iframe src=/javascript:x()>", None),
        ("<head><iframe src='https://a.example/'>", None),
    ] {
        let (_, read) = run(page.as_bytes(), 3, None);
        let noted = read.noted.first().map(|one| (one.kind, one.address.as_str(), one.hash.clone()));
        let expected = expected.map(|(address, code)| (Kind::Frame, address, Some(notes::hash_of(code))));
        assert_eq!(noted, expected, "{page}");
    }
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
                "<plaintext>", "<svg a />", "<math/>", "<textarea>", "</textarea>", "<noscript>", "<math>", "<meta charset=utf-16>", "<script/>", "</p/>", "<?x>",
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

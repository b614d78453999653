//! Drawings and formulas, and what hides in them.

use super::*;

// In a drawing browsers read references in code, and elements within it: what has an approved shape as it is written runs as other code.
#[test]
fn code_in_a_drawing_gets_no_nonce_and_is_noted_as_it_runs() {
    for (code, runs, unread) in [
        ("var a = \"x\";", Some("var a = \"x\";"), false),
        ("var a = \"&quot;;skim();//\";", Some("var a = \"\";skim();//\";"), true),
        ("skim();/*<script>var a = \"x\";</script>*/skim()", None, true),
        ("<![CDATA[skim()]]>", None, true),
    ] {
        for drawing in ["<svg>@</svg>", "<SVG><g>@</g></SVG>", "<math>@</math>", "<svg><desc>@</desc></svg>"]
        {
            let code = format!("<script>{code}</script>");
            let is_nested = code.contains("*/") && drawing.contains("desc");
            let page = format!("<head>{}<script>var a = 'y';</script>", drawing.replace('@', &code));
            for piece in [1, 7, page.len()] {
                let (out, read) = run(page.as_bytes(), piece, None);
                assert_eq!(without_insertions(&out), page.as_bytes());
                let [noted, .., _] = &read.noted[..] else { panic!("{page} {:?}", read.noted) };
                assert_eq!(noted.shape, None, "{page}");
                if let Some(runs) = runs {
                    assert_eq!(noted.hash, Some(notes::hash_of(runs)), "{page}");
                }
                assert!(is_nested || read.unread.is_some() == unread, "{page} {:?}", read.unread);
                // Behind the drawing it is the page's own again.
                let blessed = String::from_utf8_lossy(&out).matches(" nonce=").count();
                assert_eq!(blessed, 1, "{page}");
            }
        }
    }
}

// Where browsers and the reader may not be of one mind whether a drawing goes on, no code behind it gets a nonce, and it is told.
#[test]
fn a_drawing_whose_end_is_not_plain_is_told() {
    const CODE: &str = "<script>var a = \"x\";</script>";
    for (begin, is_clear) in [
        ("<svg><title>Cart</title><path d=x /></svg>", true),
        ("<svg><foreignObject><div><br>x</div></foreignObject></svg>", true),
        ("<svg></svg><math><mi>x</mi></math>", true),
        ("<svg><svg></svg></svg>", false),
        // Browsers end both by `<br>`, the reader one; the other way round what is hidden begins anew.
        ("<svg><svg><br><![CDATA[><svg><svg><svg>]]></svg></svg>", false),
        ("<svg><br></svg>", false),
        // The reader takes `</desc>` for the end of the title, browsers do not.
        ("<svg><title></desc><style></svg></style></title>", false),
        ("<svg><title></desc><![CDATA[><svg><svg>]]></svg>", false),
        ("<svg><title></desc><path></title></svg>", false),
        ("<svg><style>a</style><desc></desc></svg>", true),
        // `</svg>` is left out within what is HTML's.
        ("<svg><foreignObject><div></svg></div></foreignObject>", false),
        ("<svg><desc><b></desc></svg>", false),
        ("<div><svg><desc></div></desc>", false),
        ("<div><svg></div>", false),
        ("<svg><math><mi></mi></math></svg>", false),
        // Icons that close themselves, which browsers take off at once.
        ("<svg/>", true),
        ("<button><SVG class=icon viewBox='0 0 9 9' /></button><math/><svg a='b'/>", true),
        ("<!-- <svg --><svg\n/><style>p { }</style><title>x</title>", true),
        ("<svg/><svg><path d=x /></svg><svg/>", true),
        ("<svg/><![CDATA[><svg>]]><b></b>", false),
        ("<svg><svg/></svg>", false),
        ("<svg a=b/></svg>", true),
        // The reader is not asked behind it.
        ("<svg a='>'/>", false),
        ("<math><annotation-xml encoding='text&#47;html'></annotation-xml></math>", false),
        ("<select><svg></svg></select>", false),
    ] {
        let page = format!("<head>{begin}{CODE}");
        for piece in [1, 7, page.len()] {
            let (out, read) = run(page.as_bytes(), piece, None);
            assert_eq!(without_insertions(&out), page.as_bytes());
            assert_eq!(read.unread, (!is_clear).then_some("unread.ambiguous"), "{begin} {piece}");
            assert_eq!(String::from_utf8_lossy(&out).contains(" nonce="), is_clear, "{begin} {piece}");
        }
    }
    // One that is open still, such as one whose stroke is part of an attribute.
    for begin in ["<svg><p>", "<svg a=b/>", "<svg/ >", "<svg/><svg>", "<svg></svg/><svg>"] {
        let (out, _) = run(format!("<head>{begin}{CODE}").as_bytes(), 7, None);
        assert!(!String::from_utf8_lossy(&out).contains(" nonce="), "{begin}");
    }
}

// The reader was given ends that the page does not have: what is put in behind them stands where it belongs all the same, however much of
// the page is a comment that it holds back.
#[test]
fn what_stands_behind_icons_is_found_where_it_is() {
    let icon = "<b><svg class='icon' viewBox='0 0 9 9'/>x</b>\u{e9}";
    let hidden = format!("<!-- {} -->", icon.repeat(100));
    let tags = "<script src=/pinned.js></script><script>var a = \"x\";</script>";
    let begin = format!("<head><meta charset=utf-8>{}", format!("{hidden}{icon}").repeat(3));
    let page = format!("{begin}{tags}<p onclick=x()>");
    let expected = tags.replace("<script src", &format!("<script{} src", INSERTED[2]));
    let expected = expected.replace("<script>", &format!("<script{}>", INSERTED[1]));
    let expected = format!("{}{expected}<p onclick=x()>", begin.replace("<head>", &format!("<head>{GUARD}")));
    for piece in [1, 7, 4096, page.len()] {
        let (out, read) = run(page.as_bytes(), piece, None);
        assert_eq!((read.unread, read.noted.len()), (None, 3), "{piece}");
        assert_eq!(String::from_utf8_lossy(&out), expected, "{piece}");
    }
    // More of them in one tag, which the reader holds back, than are asked for: told, and read on.
    let page = format!("<head><b title=\"{}\"><svg/>{tags}", icon.repeat(400));
    let (out, read) = run(page.as_bytes(), page.len(), None);
    assert_eq!(without_insertions(&out), page.as_bytes());
    assert_eq!(read.unread, Some("unread.ambiguous"));
}

#[test]
fn addresses_that_a_drawing_sets_are_read_for_code() {
    for (tag, expected) in [
        ("<animate attributeName=href values='#;javascript:steal(1)'/>", Some("steal(1)")),
        ("<animate attributeName=href values=' JAVA&#9;SCRIPT&colon;steal(1);#' />", Some("steal(1)")),
        ("<set attributeName=xlink:href to=javascript:steal(1) />", Some("steal(1)")),
        ("<animate attributeName=href from=javascript:steal(1) by=x />", Some("steal(1)")),
        ("<animate attributeName=d values='M0 0;M1 1' to=x />", None),
    ] {
        let page = format!("<head><svg><a href='#'><text>Pay</text>{tag}</a></svg>");
        let (_, read) = run(page.as_bytes(), 7, None);
        let noted: Vec<_> = read.noted.iter().map(|one| (one.address.as_str(), one.hash.clone())).collect();
        let code = expected.map(|code| (IN_ADDRESS, Some(notes::hash_of(&format!("{IN_ADDRESS}{code}")))));
        assert_eq!(noted, Vec::from_iter(code), "{tag}");
    }
}

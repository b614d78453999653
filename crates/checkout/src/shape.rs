//! The shape of code in a page: the code without what stands in its strings and numbers.
//!
//! Shops write data into their pages as code (`var checkout = {"nonce": "1f2e…"}`), another one each time. No hash of it can be approved;
//! its shape can. Whoever puts a script of their own into the page needs another shape. Where code cannot be read in one way only
//! (regular expressions, templates), it has no shape, and only its very hash can be approved.

use storeward_seal::fingerprint::sha256_hex;

/// Longer code has no shape: data blocks are short, and programs are files.
const MOST_BYTES: usize = 256 * 1024;
/// Of the shape that is kept for staff to look at.
const SAMPLE_CHARS: usize = 400;
/// Of code, to tell that another one stands in its place.
const BEGINNING_CHARS: usize = 64;
/// What a browser reports of code (CSP 3, "report-sample"), in units of UTF-16.
const REPORTED_UNITS: usize = 40;
const MARK_DIGITS: usize = 20;
/// What begins shorter, as `var a = ` does, begins as much else: what stands behind its values tells it, too.
const TELLING_CHARS: usize = 24;

/// The shape; nothing where the code has none.
pub fn of(code: &str) -> Option<String> {
    if code.len() > MOST_BYTES {
        return None;
    }
    let mut shape = String::with_capacity(code.len() / 2);
    let mut signs = code.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' | '\'' => {
                skip_string(&mut signs, sign)?;
                shape.push_str("\"\"");
            }
            // `a/b` or a regular expression: what follows would decide where strings begin.
            '/' => match signs.next()? {
                '/' => skip_line(&mut signs),
                '*' => skip_comment(&mut signs)?,
                _ => return None,
            },
            '`' => return None,
            // `<!--` and `-->` begin comments in scripts (ECMA-262 B.1.1).
            '<' if signs.peek() == Some(&'!') => return None,
            '-' if shape.ends_with('-') && signs.peek() == Some(&'>') => return None,
            digit if digit.is_ascii_digit() && !ends_in_a_word(&shape) => {
                skip_number(&mut signs, digit, shape.ends_with('.'));
                shape.push('0');
            }
            blank if blank.is_whitespace() => {
                if !shape.ends_with(' ') {
                    shape.push(' ');
                }
            }
            // A word that is written by its code points is read as the word.
            '\\' => return None,
            other => shape.push(other),
        }
    }
    Some(shape.trim().to_owned())
}

/// As much of it as staff see.
pub fn sample(shape: &str) -> String {
    shape.chars().take(SAMPLE_CHARS).collect()
}

/// How code begins, up to where a value may stand that is another one with each view.
pub fn beginning(code: &str) -> String {
    let is_value = |sign: char| matches!(sign, '"' | '\'' | '`' | '/') || sign.is_ascii_digit();
    code.trim_start().chars().take_while(|sign| !is_value(*sign)).take(BEGINNING_CHARS).collect()
}

/// Fingerprints of how code begins, as browsers report it and without any value in it: some count the blanks before it, some do not. Empty
/// where nothing but values and comments stands there.
pub fn begins(code: &str) -> String {
    let cut = [first_units(code.trim_start()), first_units(code)];
    let mut marks: Vec<String> = cut.into_iter().filter_map(mark).collect();
    marks.dedup();
    marks.join(" ")
}

/// The one of what a browser reported; nothing where it says too little.
pub fn reported(sample: &str) -> Option<String> {
    // Firefox writes that there is more.
    let sample = sample.strip_suffix('\u{2026}').unwrap_or(sample);
    mark(first_units(sample))
}

fn first_units(code: &str) -> &str {
    let mut units = 0;
    let end = code.char_indices().find(|(_, sign)| {
        units += sign.len_utf16();
        units > REPORTED_UNITS
    });
    end.map_or(code, |(at, _)| &code[..at])
}

fn mark(cut: &str) -> Option<String> {
    let code = cut.trim_start();
    let strict = ["\"use strict\"", "'use strict'"].into_iter().find_map(|words| code.strip_prefix(words));
    let code =
        strict.map_or(code, |rest| rest.trim_start_matches(|sign: char| sign == ';' || sign.is_whitespace()));
    let text = beginning(code);
    let text = if text.trim_end().chars().count() < TELLING_CHARS { without_values(code) } else { text };
    let text = text.trim();
    let says_nothing = text.chars().all(|sign| matches!(sign, '"' | '0' | ';') || sign.is_whitespace());
    (!says_nothing).then(|| sha256_hex(text.as_bytes()).chars().take(MARK_DIGITS).collect())
}

/// What stands beside strings, numbers and comments, also where it is cut off within one. It is compared and never approved, so it need not
/// be read as browsers read it.
fn without_values(code: &str) -> String {
    let mut text = String::new();
    let mut signs = code.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' | '\'' | '`' => {
                text.push('"');
                while let Some(inner) = signs.next().filter(|inner| *inner != sign) {
                    if inner == '\\' {
                        signs.next();
                    }
                }
            }
            '/' if signs.next_if_eq(&'/').is_some() => skip_line(&mut signs),
            '/' if signs.next_if_eq(&'*').is_some() => drop(skip_comment(&mut signs)),
            digit if digit.is_ascii_digit() => {
                text.push('0');
                while signs.next_if(|next| next.is_alphanumeric() || *next == '.').is_some() {}
            }
            blank if blank.is_whitespace() => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            other => text.push(other),
        }
    }
    text
}

fn ends_in_a_word(shape: &str) -> bool {
    shape.chars().next_back().is_some_and(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '$'))
}

type Signs<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// To the end of a string. One that ends nowhere, or in another line, is none.
fn skip_string(signs: &mut Signs<'_>, quote: char) -> Option<()> {
    loop {
        match signs.next()? {
            '\\' => drop(signs.next()?),
            '\n' | '\r' => return None,
            end if end == quote => return Some(()),
            _ => {}
        }
    }
}

/// A number behind its first digit. A point belongs to it where it is a decimal one, and one alone: what stands behind `1.`, `0x1.`,
/// `1e3.` and `01.` otherwise is the name of a property (ECMA-262, 12.9.3).
fn skip_number(signs: &mut Signs<'_>, first: char, is_behind_point: bool) {
    let mut number = String::from(first);
    while let Some(sign) = signs.next_if(char::is_ascii_alphanumeric) {
        number.push(sign);
    }
    let is_decimal = number.bytes().all(|sign| sign.is_ascii_digit());
    let takes_point = is_decimal && (first != '0' || number.len() == 1) && !is_behind_point;
    if takes_point && let Some(point) = signs.next_if_eq(&'.') {
        number.push(point);
        while let Some(sign) = signs.next_if(char::is_ascii_alphanumeric) {
            number.push(sign);
        }
    }
    // A sign belongs to the exponent of a decimal one, and no point behind that.
    let whole = number.strip_suffix(['e', 'E']);
    if whole.is_some_and(|whole| whole.bytes().all(|sign| sign.is_ascii_digit() || sign == b'.')) {
        signs.next_if(|sign| matches!(sign, '+' | '-'));
        while signs.next_if(char::is_ascii_digit).is_some() {}
    }
}

fn skip_line(signs: &mut Signs<'_>) {
    while signs.next_if(|sign| !matches!(sign, '\n' | '\r' | '\u{2028}' | '\u{2029}')).is_some() {}
}

fn skip_comment(signs: &mut Signs<'_>) -> Option<()> {
    loop {
        if signs.next()? == '*' && signs.next_if_eq(&'/').is_some() {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_changes_and_the_shape_stays() {
        let with = |nonce: &str, total: &str| {
            format!("/* <![CDATA[ */\nvar params = {{\"nonce\":\"{nonce}\", 'total': {total}}};\n/* ]]> */")
        };
        let shape = of(&with("1f2e3d", "12.50")).unwrap();
        assert_eq!(shape, "var params = {\"\":\"\", \"\": 0};");
        assert_eq!(of(&with("it\\\"s", "0x1F")), Some(shape.clone()));
        assert_eq!(of(&with("a\\\\", "1e3")), Some(shape));
    }

    #[test]
    fn other_code_has_another_shape() {
        let own = of("var a = {\"b\": \"c\"};").unwrap();
        for code in [
            "var a = {\"b\": \"c\"}; steal();",
            "var a = {\"b\": \"c\" + steal()};",
            "var a = {\"b\": steal(\"c\")};",
            "var b = {\"b\": \"c\"};",
            "var a = [\"b\", \"c\"];",
            "// \u{2028}steal();\nvar a = {\"b\": \"c\"};",
            "var a = {\"b\": \"c\"};/**/steal()",
            "var a1 = {\"b\": \"c\"};",
        ] {
            assert_ne!(of(code).as_deref(), Some(own.as_str()), "{code}");
        }
    }

    // A point behind a number leads on to what is called.
    #[test]
    fn a_number_is_no_way_to_a_property() {
        let own = of("var total = 0;").unwrap();
        for value in ["12.50", "1.", "1.e3", "0.5", "0x1F", "12e3", "1e+21", "1.5E-7", "10n"] {
            assert_eq!(of(&format!("var total = {value};")).as_deref(), Some(own.as_str()), "{value}");
        }
        for number in ["1.", "1.5", "0x1F", "1e3", "1.5e3", "1e+3", "1.e-3", "017", "1n", "0b1"] {
            let shape = of(&format!("var total = {number}.constructor.constructor;")).unwrap();
            assert_eq!(shape, "var total = 0.constructor.constructor;", "{number}");
        }
        assert_eq!(of("var total = .5.constructor;").unwrap(), "var total = .0.constructor;");
        assert_eq!(of("var total = 0x1e+3;").unwrap(), "var total = 0+0;");
    }

    #[test]
    fn a_beginning_ends_before_the_first_value() {
        assert_eq!(beginning(" var nonce = `a1`;"), "var nonce = ");
        assert_eq!(beginning("var nonce = `b2`;"), "var nonce = ");
        assert_eq!(beginning(&"x".repeat(100)).len(), BEGINNING_CHARS);
    }

    #[test]
    fn what_a_browser_reports_is_told_by_how_it_begins() {
        let code = "\n    window.checkout = window.checkout || {}; start(1)";
        let marks = begins(code);
        let is_of = |sample: &str| marks.split(' ').any(|mark| Some(mark) == reported(sample).as_deref());
        for sample in [
            "window.checkout = window.checkout || {}; ",
            "\n    window.checkout = window.checkout ||",
            "\n    window.checkout = window.checkout ||\u{2026}",
        ] {
            assert!(is_of(sample), "{sample}");
        }
        assert!(!is_of("window.checkout = steal() || {}; start()"));
        // Before a value, so that it is the same with each view.
        assert_eq!(
            begins("window.checkoutTokens.first = 'a1';"),
            begins("window.checkoutTokens.first = 12; go()")
        );
        assert_eq!(reported("'use strict';\nsteal()"), reported("steal()"));
        assert_ne!(reported("'use strict'; steal()"), reported("'use strict'; start()"));
        for none in ["", "  ", "// steal()", "4242424242424242", "\"use strict\";", "'a'", "/* steal("] {
            assert_eq!((reported(none), begins(none).as_str()), (None, ""), "{none}");
        }
    }

    // Whatever began with the same word as code in the page was taken for it.
    #[test]
    fn a_word_alone_tells_no_code_from_another() {
        let own = begins("var token = 'a1'; start(1)");
        for (same, sample) in [
            (true, "var token = 'b2'; start(23)"),
            (true, "var token = `it\\`s`; start(0x1F) // go"),
            (false, "var token = 'a1'; steal(1)"),
            (false, "var token = 'a1' + steal(1)"),
            (false, "var tokens = 'a1'; start(1)"),
            (false, "var token = start('a1')"),
        ] {
            assert_eq!(reported(sample).as_deref() == Some(own.as_str()), same, "{sample}");
        }
        assert_ne!(reported("/* the shop's */ start()"), reported("/* the shop's */ steal()"));
        // Of a value nothing is kept.
        assert_eq!(reported("pay('4111111111111111')"), reported("pay('5555555555554444')"));
        assert_eq!(reported("pay(4111111111111111, '12/"), reported("pay(4242, 'ann@example.com"));
    }

    // Two readers could find strings at different places: then there is nothing to be approved.
    #[test]
    fn code_that_can_be_read_in_two_ways_has_no_shape() {
        for code in [
            "var a = b /c/ d; \"",
            "var r = /[\"]/; steal(); var s = \"\";",
            "var t = `${steal()}`;",
            "var a = \"no end",
            "var a = \"two\nlines\";",
            "<!-- \"\nsteal();//\"",
            "x --> \"\nsteal();//\"",
            "\\u0073teal();",
            "/* no end",
        ] {
            assert_eq!(of(code), None, "{code}");
        }
        assert_eq!(of(&"x;".repeat(MOST_BYTES)), None);
    }
}

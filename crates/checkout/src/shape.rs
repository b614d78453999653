//! The shape of code in a page: the code without what stands in its strings and numbers.
//!
//! Shops write data into their pages as code (`var checkout = {"nonce": "1f2e…"}`), another one each time. No hash of it can be approved;
//! its shape can. Whoever puts a script of their own into the page needs another shape. Where code cannot be read in one way only
//! (regular expressions, templates), it has no shape, and only its very hash can be approved.

/// Longer code has no shape: data blocks are short, and programs are files.
const MOST_BYTES: usize = 256 * 1024;
/// Of the shape that is kept for staff to look at.
const SAMPLE_CHARS: usize = 400;

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
                while signs.next_if(|sign| sign.is_ascii_alphanumeric() || *sign == '.').is_some() {}
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

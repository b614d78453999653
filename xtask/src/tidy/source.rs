//! Just enough reading of Rust: which bytes are code, and where functions begin and end.

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// The same text with every comment and the inside of every literal turned to blanks. Line ends stay, and so does
/// every other byte's place.
pub fn blank(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut at = 0;
    while at < out.len() {
        let end = skipped(text.as_bytes(), at);
        if end == at {
            at += 1;
            continue;
        }
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // Only whole comments and literals were replaced, and each by ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// The end of the comment or literal that begins at `at`, or `at` itself when none does.
fn skipped(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    let in_word = at > 0 && is_word(text[at - 1]);
    match rest {
        [b'/', b'/', ..] => at + find(rest, b"\n").unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment(rest),
        [b'"', ..] => at + quoted(rest, 0),
        [b'r', b'"' | b'#', ..] if !in_word => at + raw(rest, 1),
        [b'b' | b'c', b'"', ..] if !in_word => at + quoted(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !in_word => at + raw(rest, 2),
        [b'\'', ..] => at + character(rest),
        _ => at,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn block_comment(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    text.len()
}

/// A string with escapes whose quote stands at `from`.
fn quoted(text: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// A raw string whose hashes begin at `from`; nothing is skipped when it is a raw identifier.
fn raw(text: &[u8], from: usize) -> usize {
    let hashes = text[from..].iter().take_while(|byte| **byte == b'#').count();
    if text.get(from + hashes) != Some(&b'"') {
        return 0;
    }
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    let body = from + hashes + 1;
    find(&text[body..], &end).map_or(text.len(), |at| body + at + end.len())
}

/// A character literal; nothing is skipped when the quote begins a lifetime.
fn character(text: &[u8]) -> usize {
    match text {
        [_, b'\\', ..] => find(&text[3..], b"'").map_or(text.len(), |at| 3 + at + 1),
        [_, first, ..] => {
            let width = match first {
                0..0x80 => 1,
                0x80..0xe0 => 2,
                0xe0..0xf0 => 3,
                _ => 4,
            };
            if text.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        _ => 0,
    }
}

/// One-based line of a byte.
pub fn line(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Every function with a body in blanked `code`, inner ones too.
pub fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if at > 0 && is_word(bytes[at - 1]) {
            continue;
        }
        let name: String =
            code[at + 3..].chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect();
        if name.is_empty() {
            continue;
        }
        if let Some(end) = body_start(bytes, at).and_then(|open| closing(bytes, open)) {
            let first = line(code, at);
            found.push(Function { name, line: first, lines: line(code, end) - first + 1 });
        }
    }
    found
}

/// The brace that opens the body: the first one outside parentheses and brackets, if no `;` comes before it.
fn body_start(code: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The brace that closes the one at `open`.
fn closing(code: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Lines of the inline test module that ends a file, if it has one.
pub fn test_lines(code: &str) -> usize {
    code.find("#[cfg(test)]\nmod tests {").map_or(0, |at| code[at..].lines().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_turn_blank() {
        for (text, left) in [
            ("a // b {\nc", "a c"),
            ("a /* b /* c */ d */ e", "a e"),
            (r#"x("{\"}")"#, "x( )"),
            (r##"r"a\" r#"b"c"# y"##, "y"),
            ("br\"x\" b\"y\" c\"z\" w", "w"),
            ("'{' 'a '\\'' '\\u{7b}' 'é'", "'a"),
            ("r#type", "r#type"),
            ("for\"x\"", "for"),
        ] {
            let blanked = blank(text);
            assert_eq!(blanked.split_whitespace().collect::<Vec<_>>().join(" "), left, "{text}");
            assert_eq!(blanked.len(), text.len(), "{text}");
        }
    }

    #[test]
    fn functions_are_found_with_their_length() {
        let text = "trait T { fn declared(&self) -> [u8; 2]; }\n\
                    pub(crate) async fn long<'a>(x: &'a str, f: fn(u8) -> u8) -> [u8; 4] where T: Fn() {\n\
                    if x == \"}\" {\n    fn inner() {}\n}\n// }\n}\n\
                    macro_rules! m { ($n:ident) => { fn $n() {} } }\n";
        let found = functions(&blank(text));
        let seen: Vec<(&str, usize, usize)> =
            found.iter().map(|one| (one.name.as_str(), one.line, one.lines)).collect();
        assert_eq!(seen, [("long", 2, 6), ("inner", 4, 1)]);
    }

    #[test]
    fn tests_at_the_bottom_are_told_from_the_rest() {
        assert_eq!(test_lines("fn a() {}\n#[cfg(test)]\nmod tests {\n}\n"), 3);
        assert_eq!(test_lines("fn a() {}\n"), 0);
    }
}

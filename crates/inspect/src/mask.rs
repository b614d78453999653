//! How a match is shown. The rule: punctuation, operators and the words of attack languages stay, because they are the
//! attack's shape; every other letter becomes `x`, every digit `9`, control and non-printing bytes `\xHH`, and at most
//! 64 characters are kept. So no name, address, password, token or card number can come through, whatever matched.

/// Characters kept of a match.
const SHOWN: usize = 64;

/// Words that may be shown: they belong to SQL, HTML, shells and other attack languages, and to no person.
const WORDS: &[&str] = &[
    "alert",
    "all",
    "and",
    "applet",
    "bash",
    "benchmark",
    "between",
    "bin",
    "by",
    "cast",
    "cat",
    "char",
    "chr",
    "cmd",
    "concat",
    "confirm",
    "constructor",
    "convert",
    "cookie",
    "count",
    "curl",
    "data",
    "database",
    "declare",
    "delay",
    "delete",
    "doctype",
    "document",
    "drop",
    "dumpfile",
    "echo",
    "embed",
    "entity",
    "env",
    "etc",
    "eval",
    "exec",
    "execute",
    "exists",
    "extractvalue",
    "false",
    "file",
    "ftp",
    "from",
    "fromcharcode",
    "function",
    "git",
    "gopher",
    "group",
    "having",
    "hex",
    "hosts",
    "htaccess",
    "http",
    "https",
    "if",
    "iframe",
    "img",
    "in",
    "include",
    "information_schema",
    "ini",
    "insert",
    "into",
    "is",
    "java",
    "javascript",
    "jndi",
    "ldap",
    "like",
    "limit",
    "load_file",
    "localhost",
    "ne",
    "not",
    "null",
    "object",
    "onclick",
    "onerror",
    "onfocus",
    "onload",
    "onmouseover",
    "or",
    "order",
    "outfile",
    "passwd",
    "php",
    "phpinfo",
    "powershell",
    "prompt",
    "proto",
    "regex",
    "rm",
    "rmi",
    "script",
    "select",
    "set",
    "sh",
    "shadow",
    "shutdown",
    "sleep",
    "src",
    "style",
    "substr",
    "substring",
    "svg",
    "system",
    "table",
    "template",
    "true",
    "union",
    "unhex",
    "unserialize",
    "update",
    "updatexml",
    "user",
    "values",
    "vbscript",
    "version",
    "waitfor",
    "wget",
    "where",
    "whoami",
    "window",
    "xor",
    "xp_cmdshell",
    "xml",
];

/// The shape of a match.
pub(crate) fn shape(matched: &[u8]) -> String {
    let mut out = String::with_capacity(SHOWN + 8);
    let mut shown = 0;
    let mut rest = matched;
    while let Some(first) = rest.first() {
        let length = rest.iter().take_while(|byte| is_word(**byte)).count();
        let (word, after) = rest.split_at(length.max(1));
        rest = after;
        if length == 0 {
            shown += 1;
            plain(*first, &mut out);
        } else {
            shown += show_word(word, SHOWN - shown, &mut out);
        }
        if shown >= SHOWN {
            if !rest.is_empty() {
                out.push('…');
            }
            break;
        }
    }
    out
}

/// A parameter's or header's name: kept while it is one, masked like a value otherwise.
pub(crate) fn name(name: &[u8]) -> String {
    let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]$".contains(byte));
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    match plain && digits < 8 && name.len() <= SHOWN {
        true => String::from_utf8_lossy(name).into_owned(),
        false => shape(name),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn show_word(word: &[u8], room: usize, out: &mut String) -> usize {
    let known = std::str::from_utf8(word)
        .ok()
        .filter(|text| WORDS.iter().any(|known| known.eq_ignore_ascii_case(text)) && text.len() <= room);
    if let Some(text) = known {
        out.push_str(text);
        return text.len();
    }
    // Continuation bytes of UTF-8 are not characters of their own.
    let characters = word.iter().filter(|byte| !(0x80..0xc0).contains(*byte)).take(room);
    let mut shown = 0;
    for byte in characters {
        out.push(match byte {
            b'0'..=b'9' => '9',
            b'_' => '_',
            _ => 'x',
        });
        shown += 1;
    }
    shown.max(1)
}

fn plain(byte: u8, out: &mut String) {
    if byte.is_ascii_graphic() || byte == b' ' {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("\\x{byte:02x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_shape_and_no_secret() {
        let cases = [
            ("' or password='Hunter2!secret'--", "' or xxxxxxxx='xxxxxx9!xxxxxx'--"),
            ("1 union select jane.doe@example.com", "9 union select xxxx.xxx@xxxxxxx.xxx"),
            ("' or 4111111111111111=1", "' or 9999999999999999=9"),
            ("<script>alert('Zażółć')</script>", "<script>alert('xxxxxx')</script>"),
            ("a\r\nSet-Cookie", "x\\x0d\\x0aSet-cookie"),
        ];
        for (input, expected) in cases {
            assert_eq!(shape(input.as_bytes()).to_lowercase(), expected.to_lowercase(), "{input}");
        }
    }

    #[test]
    fn a_long_match_is_cut() {
        assert_eq!(shape(&[b'='; 500]).chars().count(), SHOWN + 1);
        assert!(shape(&[b'a'; 500]).chars().count() <= SHOWN + 1);
        assert!(shape(&[0x80; 500]).chars().count() <= SHOWN + 1);
    }

    #[test]
    fn a_name_that_is_no_name_is_masked() {
        assert_eq!(name(b"json.items.0.q"), "json.items.0.q");
        assert_eq!(name(b"jane@example.com"), "xxxx@xxxxxxx.xxx");
        assert_eq!(name(b"4111111111111111"), "9999999999999999");
    }
}

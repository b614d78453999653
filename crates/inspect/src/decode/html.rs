//! HTML character references (HTML standard, section 13.5), with or without the closing semicolon.

/// The named references that attacks are spelt with; a name not listed stays as it is.
const NAMED: [(&[u8], u8); 38] = [
    (b"amp", b'&'),
    (b"apos", b'\''),
    (b"ast", b'*'),
    (b"bsol", b'\\'),
    (b"bne", b'='),
    (b"colon", b':'),
    (b"comma", b','),
    (b"commat", b'@'),
    (b"dollar", b'$'),
    (b"equals", b'='),
    (b"excl", b'!'),
    (b"grave", b'`'),
    (b"gt", b'>'),
    (b"hat", b'^'),
    (b"lbrace", b'{'),
    (b"lbrack", b'['),
    (b"lcub", b'{'),
    (b"lowbar", b'_'),
    (b"lpar", b'('),
    (b"lsqb", b'['),
    (b"lt", b'<'),
    (b"midast", b'*'),
    (b"nbsp", b' '),
    (b"newline", b'\n'),
    (b"num", b'#'),
    (b"percnt", b'%'),
    (b"period", b'.'),
    (b"plus", b'+'),
    (b"quest", b'?'),
    (b"quot", b'"'),
    (b"rbrace", b'}'),
    (b"rcub", b'}'),
    (b"rpar", b')'),
    (b"rsqb", b']'),
    (b"semi", b';'),
    (b"sol", b'/'),
    (b"tab", b'\t'),
    (b"vert", b'|'),
];

pub(crate) fn html_decode(source: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = source.get(at).copied() {
        let reference = (byte == b'&').then(|| reference_at(source, at + 1)).flatten();
        match reference {
            Some((character, end)) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at = end;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

fn reference_at(source: &[u8], at: usize) -> Option<(char, usize)> {
    let (character, end) =
        if source.get(at) == Some(&b'#') { numeric_at(source, at + 1)? } else { named_at(source, at)? };
    let end = if source.get(end) == Some(&b';') { end + 1 } else { end };
    Some((character, end))
}

fn numeric_at(source: &[u8], at: usize) -> Option<(char, usize)> {
    let hexadecimal = matches!(source.get(at), Some(b'x' | b'X'));
    let (radix, start) = if hexadecimal { (16, at + 1) } else { (10, at) };
    let digits = source.get(start..)?.iter().take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let text = std::str::from_utf8(source.get(start..start + digits)?).ok()?;
    let text = text.trim_start_matches('0');
    let code = if digits == 0 || text.len() > 7 { return None } else { parse_code(text, radix)? };
    Some((char::from_u32(code)?, start + digits))
}

fn parse_code(text: &str, radix: u32) -> Option<u32> {
    if text.is_empty() { Some(0) } else { u32::from_str_radix(text, radix).ok() }
}

fn named_at(source: &[u8], at: usize) -> Option<(char, usize)> {
    let rest = source.get(at..source.len().min(at + 8))?;
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let name = rest.get(..length)?;
    let (known, byte) = NAMED.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).or_else(|| {
        NAMED.iter().find(|(known, _)| {
            matches!(*known, b"lt" | b"gt" | b"quot" | b"amp")
                && name.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known))
        })
    })?;
    Some((char::from(*byte), at + known.len()))
}

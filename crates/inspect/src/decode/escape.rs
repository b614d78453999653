//! Escapes of JavaScript and CSS, and letters that some decoders take for ASCII (overlong UTF-8, full width).

use super::hex_value;

/// Decodes `\xHH`, `\uHHHH`, `\u{H}`, `\OOO` and one-letter escapes (ECMA-262 section 12.9.4).
pub(crate) fn js_decode(source: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = source.get(at).copied() {
        let escape = (byte == b'\\').then(|| js_escape_at(source, at + 1)).flatten();
        match escape {
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

fn js_escape_at(source: &[u8], at: usize) -> Option<(char, usize)> {
    match source.get(at)? {
        b'x' => hex_run(source, at + 1, 2, 2),
        b'u' if source.get(at + 1) == Some(&b'{') => {
            let (character, end) = hex_run(source, at + 2, 1, 6)?;
            (source.get(end) == Some(&b'}')).then_some((character, end + 1))
        }
        b'u' => hex_run(source, at + 1, 4, 4),
        b'0'..=b'7' => {
            let digits = source.get(at..)?.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
            let (code, count) = digits
                .fold((0_u32, 0), |(code, count), digit| (code * 8 + u32::from(digit - b'0'), count + 1));
            Some((char::from_u32(code)?, at + count))
        }
        b'n' => Some(('\n', at + 1)),
        b'r' => Some(('\r', at + 1)),
        b't' => Some(('\t', at + 1)),
        b'\'' => Some(('\'', at + 1)),
        b'"' => Some(('"', at + 1)),
        b'/' => Some(('/', at + 1)),
        _ => None,
    }
}

fn hex_run(source: &[u8], at: usize, least: usize, most: usize) -> Option<(char, usize)> {
    let mut code = 0_u32;
    let mut count = 0;
    while let Some(digit) = source.get(at + count).copied().and_then(hex_value).filter(|_| count < most) {
        code = code << 4 | u32::from(digit);
        count += 1;
    }
    if count < least { None } else { Some((char::from_u32(code)?, at + count)) }
}

/// Decodes `\HHHHHH ` and drops backslashes before other characters (CSS Syntax section 4.3.7).
pub(crate) fn css_decode(source: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = source.get(at).copied() {
        if byte != b'\\' {
            out.push(byte);
            at += 1;
            continue;
        }
        match hex_run(source, at + 1, 1, 6) {
            Some((character, end)) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at = if source.get(end) == Some(&b' ') { end + 1 } else { end };
            }
            None => at += 1,
        }
    }
}

/// Writes overlong UTF-8 and full-width letters as the ASCII they are mistaken for, typographic quotes as plain ones,
/// and odd white space as a space.
pub(crate) fn fold_confusables(source: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = source.get(at).copied() {
        let (folded, length) = match byte {
            0..=0x7f => (Some(byte), 1),
            0xc0 | 0xc1 => overlong_two(source, at),
            0xe0 if source.get(at + 1).is_some_and(|next| (0x80..0xa0).contains(next)) => {
                overlong_three(source, at)
            }
            0xc2 if source.get(at + 1) == Some(&0xa0) => (Some(b' '), 2),
            0xca if source.get(at + 1) == Some(&0xbc) => (Some(b'\''), 2),
            0xe2 | 0xe3 | 0xef => three_bytes(source, at),
            _ => (None, 1),
        };
        match folded {
            Some(ascii) => out.push(ascii),
            None => out.extend_from_slice(source.get(at..at + length).unwrap_or_default()),
        }
        at += length;
    }
}

fn overlong_two(source: &[u8], at: usize) -> (Option<u8>, usize) {
    match (source.get(at), source.get(at + 1)) {
        (Some(first), Some(second)) if (0x80..0xc0).contains(second) => {
            (Some((first & 1) << 6 | (second & 0x3f)), 2)
        }
        _ => (None, 1),
    }
}

fn overlong_three(source: &[u8], at: usize) -> (Option<u8>, usize) {
    match (source.get(at + 1), source.get(at + 2)) {
        (Some(second @ 0x80..=0x81), Some(third @ 0x80..=0xbf)) => {
            (Some((second & 1) << 6 | (third & 0x3f)), 3)
        }
        _ => (None, 1),
    }
}

fn three_bytes(source: &[u8], at: usize) -> (Option<u8>, usize) {
    match source.get(at..at + 3) {
        Some([0xef, 0xbc, third @ 0x81..=0xbf]) => (Some(third - 0x60), 3),
        Some([0xef, 0xbd, third @ 0x80..=0x9e]) => (Some(third - 0x20), 3),
        Some([0xe3, 0x80, 0x80]) => (Some(b' '), 3),
        // Circled digits, which some resolvers read as digits.
        Some([0xe2, 0x91, third @ 0xa0..=0xa8]) => (Some(third - 0xa0 + b'1'), 3),
        Some([0xe2, 0x93, 0xaa]) => (Some(b'0'), 3),
        _ => (None, 1),
    }
}

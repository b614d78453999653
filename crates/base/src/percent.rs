//! Percent-encoding (RFC 3986 section 2.1) undone once, as lenient readers do it: what is no code stays as it is.

/// Decodes each `%` with two hexadecimal digits behind it; `plus` is what `+` stands for: a space in forms, itself elsewhere.
/// A sign before a digit (`%+5`) is no code, though the standard library's reader of numbers would take it.
pub fn percent_decode(source: &[u8], plus: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(source.len());
    let mut rest = source;
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.first_chunk::<2>().filter(|_| *first == b'%').and_then(code);
        rest = match code {
            Some(_) => behind.get(2..).unwrap_or_default(),
            None => behind,
        };
        out.push(code.unwrap_or(if *first == b'+' { plus } else { *first }));
    }
    out
}

fn code([high, low]: &[u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_digits_are_a_code() {
        for (source, plus, decoded) in [
            ("a%20b+c", b' ', "a b c"),
            ("a%20b+c", b'+', "a b+c"),
            ("%41%6a%6A", b' ', "Ajj"),
            ("%+5", b'+', "%+5"),
            ("%-1%", b' ', "%-1%"),
            ("%4", b' ', "%4"),
            ("%%41", b' ', "%A"),
            ("%2541", b' ', "%41"),
            ("", b' ', ""),
        ] {
            assert_eq!(percent_decode(source.as_bytes(), plus), decoded.as_bytes(), "{source}");
        }
    }
}

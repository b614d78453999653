//! Bytes as text: hexadecimal, base 64 and base 32 (RFC 4648). Decoders take the canonical form only, so that one
//! value has one text.

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    encode(bytes, 4, HEX)
}

/// Standard base 64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = base64_unpadded(bytes);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Standard base 64 without padding, as PHC strings use it.
pub fn base64_unpadded(bytes: &[u8]) -> String {
    encode(bytes, 6, BASE64)
}

/// Base 64 for addresses (RFC 4648 section 5) without padding, as WebAuthn and JOSE use it.
pub fn base64_url(bytes: &[u8]) -> String {
    encode(bytes, 6, BASE64_URL)
}

/// Reads what [`base64_url`] writes.
pub fn decode_base64_url(text: &str) -> Option<Vec<u8>> {
    decode(text.as_bytes(), 6, BASE64_URL)
}

/// Base 32 in upper case without padding, as authenticator apps take it.
pub fn base32(bytes: &[u8]) -> String {
    encode(bytes, 5, BASE32)
}

/// Reads lower-case hexadecimal.
pub fn decode_hex(text: &str) -> Option<Vec<u8>> {
    text.len().is_multiple_of(2).then(|| decode(text.as_bytes(), 4, HEX)).flatten()
}

/// Reads what [`base64`] writes.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    decode(digits.as_bytes(), 6, BASE64)
}

/// Reads what [`base64_unpadded`] writes.
pub fn decode_base64_unpadded(text: &str) -> Option<Vec<u8>> {
    decode(text.as_bytes(), 6, BASE64)
}

/// Reads base 32; case, spaces and padding do not matter, since people type it.
pub fn decode_base32(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.bytes().filter(|b| *b != b' ' && *b != b'=').map(|b| b.to_ascii_uppercase()).collect();
    decode(&digits, 5, BASE32)
}

fn encode(bytes: &[u8], width: u32, alphabet: &[u8]) -> String {
    let mask = (1u32 << width) - 1;
    let mut text = String::with_capacity(bytes.len() * 2);
    let (mut held, mut bits) = (0u32, 0u32);
    let mut push = |digit: u32| {
        let digit = usize::try_from(digit & mask).ok().and_then(|d| alphabet.get(d));
        text.push(char::from(*digit.expect("the mask keeps a digit inside its alphabet")));
    };
    for byte in bytes {
        held = (held & 0xFFFF) << 8 | u32::from(*byte);
        bits += 8;
        while bits >= width {
            bits -= width;
            push(held >> bits);
        }
    }
    if bits > 0 {
        push(held << (width - bits));
    }
    text
}

fn decode(digits: &[u8], width: u32, alphabet: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(digits.len());
    let (mut held, mut bits) = (0u32, 0u32);
    for digit in digits {
        let value = u32::try_from(alphabet.iter().position(|a| a == digit)?).ok()?;
        held = (held & 0xFFFF) << width | value;
        bits += width;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xFF).ok()?);
        }
    }
    let rest_is_zero = held & ((1 << bits) - 1) == 0;
    (bits < width && rest_is_zero).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_4648_section_10() {
        let cases = [
            ("", "", ""),
            ("f", "Zg==", "MY"),
            ("fo", "Zm8=", "MZXQ"),
            ("foo", "Zm9v", "MZXW6"),
            ("foob", "Zm9vYg==", "MZXW6YQ"),
            ("fooba", "Zm9vYmE=", "MZXW6YTB"),
            ("foobar", "Zm9vYmFy", "MZXW6YTBOI"),
        ];
        for (plain, b64, b32) in cases {
            assert_eq!(base64(plain.as_bytes()), b64);
            assert_eq!(base32(plain.as_bytes()), b32);
            assert_eq!(decode_base64(b64).unwrap(), plain.as_bytes());
            assert_eq!(decode_base32(b32).unwrap(), plain.as_bytes());
        }
    }

    #[test]
    fn one_value_has_one_text() {
        for bad in ["Zh==", "Zg=", "Zg", "Z===", "Zm9v====", "Zm 9", "=Zg="] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
        assert_eq!(decode_hex("0"), None);
        assert_eq!(decode_hex("0G"), None);
        assert_eq!(decode_hex("AA"), None);
    }

    proptest! {
        #[test]
        fn round_trips(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            prop_assert_eq!(decode_hex(&hex(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decode_base64(&base64(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decode_base64_unpadded(&base64_unpadded(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decode_base64_url(&base64_url(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decode_base32(&base32(&bytes)), Some(bytes));
        }
    }
}

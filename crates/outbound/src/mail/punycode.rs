//! Names of domains beyond ASCII in the form that DNS and every mail server know (RFC 3492, IDNA 2008): `bücher` is
//! `xn--bcher-kva`.

/// A label in ASCII; `None` where its code would not fit. The caller has brought it to lower case and let through letters and
/// digits only: what needs more of IDNA (composed marks, joiners) is refused before.
pub(super) fn to_ascii(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    let coded = format!("xn--{}", encode(label)?);
    (coded.len() <= 63).then_some(coded)
}

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;

/// RFC 3492 section 6.3.
fn encode(label: &str) -> Option<String> {
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    let mut handled = basic;
    if basic > 0 {
        out.push('-');
    }
    let (mut n, mut delta, mut bias) = (128_u32, 0_u32, 72_u32);
    let total = u32::try_from(label.chars().count()).ok()?;
    while handled < total {
        let next = label.chars().map(u32::from).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta = delta.checked_add(1)?;
            }
            if c == n {
                push_integer(&mut out, delta, bias)?;
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(out)
}

/// A number of variable length, least digits first (section 3.3).
fn push_integer(out: &mut String, mut value: u32, bias: u32) -> Option<()> {
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if value < threshold {
            out.push(digit(value)?);
            return Some(());
        }
        out.push(digit(threshold + (value - threshold) % (BASE - threshold))?);
        value = (value - threshold) / (BASE - threshold);
        k += BASE;
    }
}

/// 0 to 25 are letters, 26 to 35 the digits (section 5).
fn digit(value: u32) -> Option<char> {
    let as_base_36 = if value < 26 { value + 10 } else { value.checked_sub(26)? };
    char::from_digit(as_base_36, 36)
}

/// Section 6.1.
fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_in_use() {
        let check =
            |label: &str, expected: &str| assert_eq!(to_ascii(label).as_deref(), Some(expected), "{label}");
        check("shop", "shop");
        check("bücher", "xn--bcher-kva");
        check("münchen", "xn--mnchen-3ya");
        check("straße", "xn--strae-oqa");
        check("почта", "xn--80a1acny");
        check("测试", "xn--0zwm56d");
        assert_eq!(to_ascii(&format!("{}ü", "a".repeat(60))), None);
    }
}

//! Account numbers that are written in groups: a few in a hundred have four groups that pass for a card's.

/// An IBAN has at most so many signs (ISO 13616-1), and at least so many.
const SIGNS: std::ops::RangeInclusive<usize> = 15..=34;
/// How blanks between groups come.
const BLANKS: [&[u8]; 4] = [b" ", b"+", b"%20", b"\xc2\xa0"];
/// Signs of a group, the last may have fewer.
const GROUP: usize = 4;
/// Bytes before a number that decide whether it stands in one: the first four signs, three groups, and the blanks between them.
pub(super) const BEFORE: usize = 4 * (GROUP + 3) + 1;

/// Whether the groups from `start` to `end` are some of an IBAN's, by its form and its check digits (ISO 7064, mod 97-10): another number in
/// such a place passes once in 97.
pub(super) fn holds(bytes: &[u8], start: usize, end: usize) -> bool {
    let mut at = start;
    while start - at < BEFORE {
        let Some(blank) = blank_before(bytes, at) else { return false };
        let group_end = at - blank;
        let before = bytes.get(..group_end).unwrap_or_default();
        let length =
            before.iter().rev().take(GROUP + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if length != GROUP {
            return false;
        }
        at = group_end - length;
        if begins(bytes.get(at..group_end).unwrap_or_default()) {
            return is_valid(bytes, at, end);
        }
    }
    false
}

/// Whether the digits are all of an IBAN but its country, which stands right before them.
pub(super) fn is_glued(bytes: &[u8], start: usize, end: usize) -> bool {
    let country = start.checked_sub(2).and_then(|at| bytes.get(at..start));
    country.is_some_and(|letters| letters.iter().all(u8::is_ascii_alphabetic))
        && is_valid(bytes, start - 2, end)
}

/// The country and two check digits.
fn begins(group: &[u8]) -> bool {
    matches!(group, [a, b, c, d] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit())
}

/// Whether an IBAN that starts at `start` goes on to `end` or beyond.
fn is_valid(bytes: &[u8], start: usize, end: usize) -> bool {
    let mut signs = Vec::with_capacity(*SIGNS.end());
    let mut at = start;
    loop {
        while let Some(sign) = bytes.get(at).filter(|byte| byte.is_ascii_alphanumeric()) {
            signs.push(*sign);
            at += 1;
        }
        if signs.len() > *SIGNS.end() {
            return false;
        }
        if at >= end && SIGNS.contains(&signs.len()) && leaves_one(&signs) {
            return true;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        match BLANKS.iter().find(|blank| rest.starts_with(blank)) {
            Some(blank) if rest.get(blank.len()).is_some_and(u8::is_ascii_alphanumeric) => at += blank.len(),
            _ => return false,
        }
    }
}

/// The first four signs behind the others, letters as 10 to 35.
fn leaves_one(signs: &[u8]) -> bool {
    let (first, rest) = signs.split_at(4.min(signs.len()));
    let left = rest.iter().chain(first).fold(0_u32, |left, sign| match sign {
        b'0'..=b'9' => (left * 10 + u32::from(sign - b'0')) % 97,
        letter => (left * 100 + u32::from(letter.to_ascii_uppercase() - b'A') + 10) % 97,
    });
    left == 1
}

fn blank_before(bytes: &[u8], at: usize) -> Option<usize> {
    let before = bytes.get(..at)?;
    BLANKS.iter().find(|blank| before.ends_with(blank)).map(|blank| blank.len())
}

#[cfg(test)]
mod tests {
    use crate::cards::{StreamMasker, find};

    const IBANS: [&str; 3] =
        ["DE90 4306 0967 3024 0000 00", "FR76 3000 6000 0112 3456 7890 189", "GB29 NWBK 6016 1331 9268 19"];

    /// `DE` with such a number of 18 digits.
    fn iban(account: u64) -> String {
        let basic = format!("43060967{account:010}");
        let check = 98
            - format!("{basic}131400")
                .bytes()
                .fold(0, |left, sign| (left * 10 + u32::from(sign - b'0')) % 97);
        let whole = format!("DE{check:02}{basic}");
        whole.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_account_s_number_in_groups_is_no_card_s() {
        let ours = (0..20_000).map(|account| iban(3_024_000_000 + account * 7));
        for text in IBANS.map(str::to_owned).into_iter().chain(ours) {
            for blank in [" ", "+", "%20", "\u{a0}"] {
                let text = format!("IBAN: {}, thank you", text.replace(' ', blank));
                assert!(find(text.as_bytes()).is_empty(), "{text}");
            }
        }
    }

    #[test]
    fn a_card_s_number_behind_such_a_beginning_is_one() {
        for text in ["DE90 4111 1111 1111 1111", "AB12 4111 1111 1111 1111 00", "XY00 5555 5555 5555 4444 13"]
        {
            assert_eq!(find(text.as_bytes()).len(), 1, "{text}");
        }
        // Behind an IBAN, and in front of one.
        for text in [
            "DE90 4306 0967 3024 0000 00 4111 1111 1111 1111",
            "4111 1111 1111 1111 DE90 4306 0967 3024 0000 00",
        ] {
            assert_eq!(find(text.as_bytes()).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_stream_cut_anywhere_finds_the_same() {
        let text = IBANS.join(", ");
        for cut in 0..=text.len() {
            let (mut masker, mut out) = (StreamMasker::new(), Vec::new());
            let (head, tail) = text.as_bytes().split_at(cut);
            for chunk in [head, tail] {
                match masker.pass(chunk) {
                    Some(count) => {
                        out.extend_from_slice(&chunk[..count]);
                        // The rest is in the masker already.
                    }
                    None => masker.push(chunk, &mut out),
                }
            }
            masker.finish(&mut out);
            assert_eq!(masker.masked(), 0, "{cut}");
        }
    }
}

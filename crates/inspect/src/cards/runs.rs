//! Runs of digits, found sixty-four bytes at a time: the only part of the search that sees every byte of a page.

/// Runs shorter than this begin no card number and stand before none of its separators.
pub(super) const SHORTEST: usize = 4;
const BLOCK: usize = 64;

/// Calls `found` with start and end of each run of [`SHORTEST`] digits and more, in order; one that goes on from before
/// `from` begins there.
pub(super) fn each(bytes: &[u8], from: usize, found: &mut impl FnMut(usize, usize)) {
    let (blocks, rest) = bytes.get(from..).unwrap_or_default().as_chunks::<BLOCK>();
    let mut runs = Runs { at: from, begun: None };
    for block in blocks {
        runs.take(digits_of(block), found);
    }
    let mut last = [0; BLOCK];
    if let Some(room) = last.get_mut(..rest.len()) {
        room.copy_from_slice(rest);
    }
    // What follows the last byte is no digit, so this ends every run.
    runs.take(digits_of(&last), found);
}

/// One bit for each byte, the first lowest.
fn digits_of(block: &[u8; BLOCK]) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(byte.is_ascii_digit());
    }
    let gathered = flags.as_chunks::<8>().0.iter().enumerate();
    gathered.fold(0, |mask, (place, eight)| {
        // Moves the lowest bit of the byte at i to bit 56 + i; no two others meet.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask | bits << (8 * place)
    })
}

struct Runs {
    at: usize,
    /// Start of a run that goes on at the end of what was taken.
    begun: Option<usize>,
}

impl Runs {
    fn take(&mut self, digits: u64, found: &mut impl FnMut(usize, usize)) {
        let at = self.at;
        self.at += BLOCK;
        let mut digits = digits;
        if let Some(start) = self.begun {
            let more = digits.trailing_ones();
            if more == u64::BITS {
                return;
            }
            self.begun = None;
            digits &= u64::MAX << more;
            let end = at + places(more);
            if end - start >= SHORTEST {
                found(start, end);
            }
        }
        let open = digits.leading_ones();
        if open > 0 {
            self.begun = Some(at + BLOCK - places(open));
            digits = digits.checked_shl(open).unwrap_or(0).checked_shr(open).unwrap_or(0);
        }
        let mut long = digits & digits >> 1 & digits >> 2 & digits >> 3;
        while long != 0 {
            let start = long.trailing_zeros();
            let length = (digits >> start).trailing_ones();
            found(at + places(start), at + places(start + length));
            long &= u64::MAX.checked_shl(start + length).unwrap_or(0);
        }
    }
}

fn places(bits: u32) -> usize {
    usize::try_from(bits).unwrap_or(BLOCK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(bytes: &[u8], from: usize) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        each(bytes, from, &mut |start, end| all.push((start, end)));
        all
    }

    fn byte_by_byte(bytes: &[u8], from: usize) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        let mut at = from;
        while at < bytes.len() {
            let end = (at..bytes.len()).find(|place| !bytes[*place].is_ascii_digit()).unwrap_or(bytes.len());
            if end - at >= SHORTEST {
                all.push((at, end));
            }
            at = end + 1;
        }
        all
    }

    #[test]
    fn runs_are_found_across_blocks() {
        for length in 1..200 {
            for before in [0, 1, 60, 61, 63, 64, 127] {
                let text = [vec![b'/'; before], vec![b'7'; length], b":".to_vec()].concat();
                assert_eq!(found(&text, 0), byte_by_byte(&text, 0), "{before} {length}");
                assert_eq!(found(&text[..before + length], 0), byte_by_byte(&text[..before + length], 0));
            }
        }
    }

    proptest! {
        #[test]
        fn no_run_is_missed(text in "[0-9]{0,9}([x/:0-9]{0,7}[0-9]{0,70}){0,12}", from in 0..40_usize) {
            prop_assert_eq!(found(text.as_bytes(), from), byte_by_byte(text.as_bytes(), from));
        }
    }
}

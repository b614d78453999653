//! Cursors: where a list goes on, as a text that only we can have made.

use storeward_seal::MarkKey;
use storeward_seal::encoding::{base64_url, decode_base64_url};
use storeward_seal::fingerprint::equal;

/// Digits of the mark: 128 bits.
const MARK: usize = 32;

/// Makes and reads them. A cursor of one list is none of another.
#[derive(Clone)]
pub struct Cursors(MarkKey);

impl Cursors {
    pub fn new(key: MarkKey) -> Self {
        Cursors(key)
    }

    pub fn make(&self, list: &str, last: &str) -> String {
        base64_url(format!("{}{last}", self.mark(list, last)).as_bytes())
    }

    /// The last entry of the page before; nothing where the cursor is not one of this list.
    pub fn read(&self, list: &str, cursor: &str) -> Option<String> {
        let text = String::from_utf8(decode_base64_url(cursor)?).ok()?;
        let (mark, last) = text.split_at_checked(MARK)?;
        equal(mark.as_bytes(), self.mark(list, last).as_bytes()).then(|| last.to_owned())
    }

    fn mark(&self, list: &str, last: &str) -> String {
        self.0.mark(&format!("{list}\n{last}")).chars().take(MARK).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;
    use storeward_seal::PseudonymKey;

    #[test]
    fn nobody_makes_a_cursor_but_us() {
        let cursors =
            |seed| Cursors::new(PseudonymKey::generate(&SeededEntropy::new(seed)).mark_key("api.cursor"));
        let (ours, theirs) = (cursors(1), cursors(2));
        let cursor = ours.make("listCustomers", "cust_1");
        assert_eq!(ours.read("listCustomers", &cursor).as_deref(), Some("cust_1"));
        assert_eq!(ours.read("listKeys", &cursor), None);
        for wrong in ["", "x", "💥", &theirs.make("listCustomers", "cust_1"), &cursor[1..], "Y3VzdF8x"] {
            assert_eq!(ours.read("listCustomers", wrong), None, "{wrong}");
        }
    }
}

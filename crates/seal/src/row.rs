//! Tags over rows of a database: what is believed as it stands there is bound by a key that is not there. Whoever writes the
//! database and holds no key file can make no such row, and change none unseen.

use std::fmt;

use aws_lc_rs::hmac;
use storeward_base::Secret;

use crate::envelope::framed;
use crate::fingerprint::{equal, hmac_sha256};
use crate::{DataKey, PseudonymKey};

/// Half of HMAC-SHA-256 (RFC 2104 section 5).
pub const TAG_BYTES: usize = 16;

/// Binds the rows of one table.
#[derive(Clone)]
pub struct RowKey(Secret<[u8; 32]>);

impl DataKey {
    /// A key of its own for the rows of one table, such as `api_key`: a row of another table never fits.
    pub fn row_key(&self, table: &str) -> RowKey {
        RowKey(Secret::new(hmac_sha256(self.bytes().expose(), format!("row-key/1\n{table}").as_bytes())))
    }
}

impl PseudonymKey {
    /// As [`DataKey::row_key`], under another of the key files: for rows that are read wherever the database is.
    pub fn row_key(&self, table: &str) -> RowKey {
        RowKey(Secret::new(hmac_sha256(self.bytes().expose(), format!("row-key/1\n{table}").as_bytes())))
    }
}

impl RowKey {
    /// A tag over columns, each with its length before it. `label` names their order, and changes with it.
    pub fn tag(&self, label: &str, columns: &[&[u8]]) -> [u8; TAG_BYTES] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let tag = hmac::sign(&key, &framed(label, columns));
        let mut bytes = [0; TAG_BYTES];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Whether the columns are those that were tagged; never where there is no tag.
    pub fn fits(&self, tag: Option<&[u8]>, label: &str, columns: &[&[u8]]) -> bool {
        tag.is_some_and(|tag| equal(tag, &self.tag(label, columns)))
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    #[test]
    fn a_tag_fits_one_key_one_table_and_these_columns() {
        let data = DataKey::generate(&SeededEntropy::new(1));
        let key = data.row_key("api_key");
        let tag = key.tag("key/1", &[b"ab", b"c"]);
        assert!(key.fits(Some(&tag), "key/1", &[b"ab", b"c"]));
        // A sign that moves from one column to the next is another row.
        assert!(!key.fits(Some(&tag), "key/1", &[b"a", b"bc"]));
        assert!(!key.fits(Some(&tag), "key/1", &[b"ab", b"c", b""]));
        assert!(!key.fits(Some(&tag), "key/2", &[b"ab", b"c"]));
        assert!(!key.fits(None, "key/1", &[b"ab", b"c"]) && !key.fits(Some(b""), "key/1", &[b"ab", b"c"]));
        assert!(!data.row_key("other").fits(Some(&tag), "key/1", &[b"ab", b"c"]));
        let other = DataKey::generate(&SeededEntropy::new(2)).row_key("api_key");
        assert!(!other.fits(Some(&tag), "key/1", &[b"ab", b"c"]));
        assert_eq!(format!("{key:?}"), "RowKey(***)");
    }
}

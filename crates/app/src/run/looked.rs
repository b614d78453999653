//! When the ledger was last looked through, and what was found: a file beside the database, so that nobody who writes there says that
//! it was looked through, or hides that it was not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_console::Concern;

use crate::Done;
use crate::data::write_atomically;

/// In the data directory: microseconds since 1970, entries, faults.
pub const FILE: &str = "ledger.verified";
/// It is looked through each day; a job that somebody put off comes within two.
const TOO_LONG: Duration = Duration::from_secs(3 * 24 * 3_600);

/// One look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    pub at: Timestamp,
    /// Good ones, from the first on.
    pub entries: u64,
    pub faults: u64,
}

impl Looked {
    pub fn save(self, folder: &Path) -> Done {
        let text = format!("{} {} {}\n", self.at.micros(), self.entries, self.faults);
        write_atomically(&folder.join(FILE), text.as_bytes())
    }

    /// Nothing before the first look.
    pub fn last(folder: &Path) -> Option<Looked> {
        let text = fs::read_to_string(folder.join(FILE)).ok()?;
        let mut words = text.split_whitespace();
        let at = Timestamp::from_micros(words.next()?.parse().ok()?);
        Some(Looked { at, entries: words.next()?.parse().ok()?, faults: words.next()?.parse().ok()? })
    }

    /// In words, for whoever checks.
    pub fn in_words(self) -> String {
        let Looked { at, entries, faults } = self;
        match faults {
            0 => format!("looked through {at}: {entries} entries, all good"),
            faults => format!(
                "looked through {at}: faults found: {faults}; the first behind {entries} good entries"
            ),
        }
    }
}

/// What Now says where the last look is too long ago.
pub fn not_looked_through(folder: &Path, now: Timestamp) -> Vec<Concern> {
    let late = Looked::last(folder).filter(|looked| now.since(looked.at) > TOO_LONG);
    let concern = |looked: Looked| {
        Concern {
        what: format!("The ledger was last looked through {}; it should be each day.", looked.at),
        todo: "Run `storeward audit verify`, and see why the jobs do not run: the log, and whether somebody else writes to the database."
            .to_owned(),
    }
    };
    late.map(concern).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_is_too_long_ago_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let at = Timestamp::from_micros(1_795_743_783_000_000);
        assert_eq!((Looked::last(&path), not_looked_through(&path, at).len()), (None, 0));
        let looked = Looked { at, entries: 7, faults: 0 };
        looked.save(&path).unwrap();
        assert_eq!(Looked::last(&path), Some(looked));
        assert!(not_looked_through(&path, at.plus(TOO_LONG)).is_empty());
        assert_eq!(not_looked_through(&path, at.plus(TOO_LONG + Duration::from_secs(1))).len(), 1);
    }
}

//! What a backup holds, signed by the ledger's key: what a drill and a restore hold the copy against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use storeward_base::{BackupId, Timestamp};
use storeward_seal::{LogKey, statement};

use crate::Error;
use crate::repository::Part;

/// The manifest's name beside the files that it is about.
pub const NAME: &str = "backup.json";
const KIND: &str = "backup-manifest";
const VERSION: u16 = 1;
/// A manifest has a line for each of Storeward's own files; no more than this is read.
pub(crate) const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// One file that was put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    /// The repository's folder.
    pub part: String,
    /// From the data directory on.
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

/// A database that was put away, and how many rows its tables had.
pub type Rows = BTreeMap<String, BTreeMap<String, u64>>;

/// What one run put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub v: u16,
    pub run: BackupId,
    pub made_at: Timestamp,
    /// Later runs have higher ones; nothing where it was made before there were numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// How many entries the ledger had when it began; nothing where it was made before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// Of the program that made it.
    pub version: String,
    /// Written into the database just before: the copy must hold it.
    pub heartbeat: String,
    pub files: Vec<FileNote>,
    /// By the file that holds them.
    pub rows: Rows,
    /// The snapshots beside this one, as `folder/id`.
    pub snapshots: Vec<String>,
    /// What is in these, as `folder/tree`: what `restic copy` made of them has another id. None where it was made before this was noted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trees: Vec<String>,
    /// Customers in the data of whom the key store had no key; nothing where it had those of all, none were put away, or nobody could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyless: Option<u64>,
    /// Files of the shop that could not be read, and so are not in it.
    pub unread: u64,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    manifest: String,
    signature: String,
}

impl Manifest {
    pub(crate) fn new(run: BackupId, made_at: Timestamp, heartbeat: &str) -> Self {
        Manifest {
            v: VERSION,
            run,
            made_at,
            number: None,
            entries: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            heartbeat: heartbeat.to_owned(),
            files: Vec::new(),
            rows: Rows::new(),
            snapshots: Vec::new(),
            trees: Vec::new(),
            keyless: None,
            unread: 0,
        }
    }

    /// As it is put away.
    pub(crate) fn sign(&self, key: &LogKey) -> Result<Vec<u8>, Error> {
        let cannot = |why: serde_json::Error| Error::io("the manifest", &why);
        let manifest = serde_json::to_string(self).map_err(cannot)?;
        let signature = statement::sign(key, KIND, &manifest);
        serde_json::to_vec_pretty(&Signed { manifest, signature }).map_err(cannot)
    }

    /// Reads one. With a key, only what that key signed counts: whoever has the backup's password can write snapshots, but not
    /// this.
    pub fn read(bytes: &[u8], key: Option<&LogKey>) -> Result<Self, Error> {
        let damaged = |what: &str| Error::Damaged(format!("the manifest {what}"));
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
            return Err(damaged("is too large"));
        }
        let signed: Signed = serde_json::from_slice(bytes).map_err(|_| damaged("cannot be read"))?;
        if key.is_some_and(|key| !statement::holds(key, KIND, &signed.manifest, &signed.signature)) {
            return Err(damaged("is not signed by the ledger's key that is here"));
        }
        let manifest: Manifest =
            serde_json::from_str(&signed.manifest).map_err(|_| damaged("cannot be read"))?;
        if manifest.v != VERSION {
            return Err(damaged("is of a newer Storeward"));
        }
        Ok(manifest)
    }

    pub fn of_part(&self, part: Part) -> impl Iterator<Item = &FileNote> {
        self.files.iter().filter(move |file| file.part == part.folder())
    }
}

#[cfg(test)]
mod tests {
    use storeward_base::SeededEntropy;

    use super::*;

    #[test]
    fn only_what_the_ledgers_key_signed_counts() {
        let key = LogKey::generate(&SeededEntropy::new(1));
        let manifest = Manifest::new(BackupId::from_bits(7), Timestamp::from_seconds(9), "beat");
        let bytes = manifest.sign(&key).unwrap();
        assert_eq!(Manifest::read(&bytes, Some(&key)).unwrap(), manifest);
        let other = LogKey::generate(&SeededEntropy::new(2));
        assert!(matches!(Manifest::read(&bytes, Some(&other)), Err(Error::Damaged(_))));
        let text = String::from_utf8(bytes).unwrap().replace("beat", "bees");
        assert!(matches!(Manifest::read(text.as_bytes(), Some(&key)), Err(Error::Damaged(_))));
        assert!(matches!(Manifest::read(b"{}", None), Err(Error::Damaged(_))));
    }
}

//! What may come out of a snapshot of Storeward's own. Whoever has the backup's password can write any tree: a link in it would lead what is laid
//! beside it, keys first of all, to a place of theirs, and a file without end would fill the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::manifest::{self, Manifest};
use crate::repository::Part;

/// Customers' keys, where they are a file.
const KEY_STORE: &str = "vault/keys.sqlite";
/// Bytes that it has at most where nothing signed says how many.
const MOST_UNSIGNED: u64 = 4 * 1024 * 1024 * 1024;

/// By what is read out.
#[derive(Clone, Debug)]
pub(crate) enum Allowed {
    /// All that there is: the shop's files.
    All,
    /// What the signed manifest names, and no more bytes of it.
    Named(BTreeMap<PathBuf, u64>),
    /// Where there is no manifest: the key store as a file, and nothing that some program would run or read beside another one.
    Unsigned,
}

impl Allowed {
    pub fn by(manifest: &Manifest, part: Part) -> Self {
        let mut named: BTreeMap<PathBuf, u64> =
            manifest.of_part(part).map(|note| (PathBuf::from(&note.path), note.size)).collect();
        if part == Part::Files {
            named.insert(PathBuf::from(manifest::NAME), manifest::MOST_BYTES);
        }
        Allowed::Named(named)
    }

    pub fn folder(&self, path: &Path) -> Result<(), Error> {
        let is = match self {
            Allowed::All => true,
            Allowed::Unsigned => Path::new(KEY_STORE).starts_with(path) && path != Path::new(KEY_STORE),
            Allowed::Named(named) => {
                named.range(path.to_owned()..).next().is_some_and(|(first, _)| first.starts_with(path))
            }
        };
        if is { Ok(()) } else { Err(strange(path)) }
    }

    /// How many bytes it has at most.
    pub fn file(&self, path: &Path) -> Result<u64, Error> {
        match self {
            Allowed::All => Ok(u64::MAX),
            Allowed::Named(named) => named.get(path).copied().ok_or_else(|| strange(path)),
            Allowed::Unsigned if path == Path::new(KEY_STORE) => Ok(MOST_UNSIGNED),
            Allowed::Unsigned => Err(strange(path)),
        }
    }

    /// A link, or what is neither file nor folder.
    pub fn other(&self, path: &Path) -> Result<(), Error> {
        match self {
            Allowed::All => Ok(()),
            Allowed::Named(_) | Allowed::Unsigned => Err(strange(path)),
        }
    }
}

pub(crate) fn strange(path: &Path) -> Error {
    Error::Damaged(format!("{} does not belong to it", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_its_own_nothing_but_what_is_named_is_laid() {
        let named = [("data/store", 7), ("vault/root.json", 9)].map(|(name, size)| (name.into(), size));
        let signed = Allowed::Named(named.into());
        assert_eq!(signed.file(Path::new("data/store")).unwrap(), 7);
        assert!(signed.folder(Path::new("data")).is_ok() && signed.folder(Path::new("vault")).is_ok());
        for name in ["data", "data/store/x", "keys/ledger", "storeward.sql"] {
            assert!(signed.file(Path::new(name)).is_err(), "{name}");
        }
        for name in ["keys", "dat", "data/s", "vaults"] {
            assert!(signed.folder(Path::new(name)).is_err(), "{name}");
        }
        assert!(signed.other(Path::new("data/store")).is_err());
        let unsigned = Allowed::Unsigned;
        assert!(
            unsigned.file(Path::new("vault/keys.sqlite")).is_ok()
                && unsigned.folder(Path::new("vault")).is_ok()
        );
        // A journal beside a database that is signed would be played back into it.
        for name in ["vault/keys.sql", "vault/keys.sqlite-journal", "storeward.sqlite-journal", "keys/ledger"]
        {
            assert!(unsigned.file(Path::new(name)).is_err(), "{name}");
        }
        assert!(unsigned.folder(Path::new("keys")).is_err());
        assert!(unsigned.other(Path::new("vault/keys.sqlite")).is_err());
        assert!(Allowed::All.other(Path::new("wp-content")).is_ok());
    }
}

//! Files that must survive a crash and must not be read by others: whole or not at all, mode 0600 in 0700.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::Path;

use super::CertificateError;

/// No certificate, key or state file comes near this; more is a mistake or an attack on memory.
const LARGEST_BYTES: u64 = 1024 * 1024;

/// Makes the directory with mode 0700; narrows it when it is there with a wider one.
pub(crate) fn private_dir(path: &Path) -> Result<(), CertificateError> {
    let make = || {
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            if let Some((uid, gid)) = path.parent().and_then(owner_to_keep) {
                let given = lchown(path, Some(uid), Some(gid));
                given.or_else(|why| borne(why, uid, fs::symlink_metadata(path)?.uid(), None))?;
            }
        }
        fs::set_permissions(path, Permissions::from_mode(0o700))
    };
    make().map_err(|e| CertificateError::file(path, &e))
}

/// [`replace`], for what belongs to certificates.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CertificateError> {
    replace(path, bytes).map_err(|e| CertificateError::file(path, &e))
}

/// Puts `bytes` in place of the file at `path`: a reader, or this program after a crash, sees the old file or the
/// new one, never a part. On return it is on the disk. Nobody else reads it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    // A draft left by a crash may have been made with another mode; the mode is only set at creation.
    if let Err(e) = fs::remove_file(&draft)
        && e.kind() != ErrorKind::NotFound
    {
        return Err(e);
    }
    // Of a version before this one, where it crashed.
    let _ = fs::remove_file(path.with_extension("tmp"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    if let Some((uid, gid)) = path.parent().and_then(owner_to_keep) {
        let replaced = fs::symlink_metadata(path).ok().map(|meta| meta.uid());
        let given = fchown(&file, Some(uid), Some(gid));
        given.or_else(|why| borne(why, uid, file.metadata()?.uid(), replaced))?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    // The rename itself is only durable once the directory is.
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// A command under sudo (`storeward ca install`) must not leave files that the service, which is not root, cannot
/// read: what root makes in a directory of somebody else's belongs to that one.
fn owner_to_keep(directory: &Path) -> Option<(u32, u32)> {
    let owner = fs::metadata(directory).ok().filter(|meta| meta.uid() != 0)?;
    rustix::process::geteuid().is_root().then(|| (owner.uid(), owner.gid()))
}

/// A refused change of owner (a mount that has one owner for all, a container whose root may not) is borne where `wanted` owns what was
/// `made` already, or whoever made it owns what it `replaced`: who could read that reads this.
fn borne(why: io::Error, wanted: u32, made: u32, replaced: Option<u32>) -> io::Result<()> {
    if made == wanted || replaced == Some(made) { Ok(()) } else { Err(why) }
}

/// Reads a file of at most [`LARGEST_BYTES`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e: std::io::Error| CertificateError::file(path, &e))?;
    if u64::try_from(bytes.len()).is_ok_and(|n| n <= LARGEST_BYTES) {
        return Ok(bytes);
    }
    Err(CertificateError::File { path: path.to_owned(), reason: "larger than 1 MiB".to_owned() })
}

/// As [`read`], with `None` for a file that is not there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, CertificateError> {
    match path.try_exists() {
        Ok(false) => Ok(None),
        Ok(true) => read(path).map(Some),
        Err(e) => Err(CertificateError::file(path, &e)),
    }
}

/// Removes the file; one that is not there is as good as removed.
pub(crate) fn remove(path: &Path) -> Result<(), CertificateError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(CertificateError::file(path, &e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_root_writes_belongs_to_the_owner_of_the_directory() {
        let dir = std::env::temp_dir().join(format!("storeward-owner-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        let expected = if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&dir, Some(12_345), Some(12_345)).unwrap();
            12_345
        } else {
            fs::metadata(&dir).unwrap().uid()
        };
        private_dir(&dir.join("local-ca")).unwrap();
        write_private(&dir.join("local-ca/root.pem"), b"root").unwrap();
        for path in ["local-ca", "local-ca/root.pem"] {
            assert_eq!(fs::metadata(dir.join(path)).unwrap().uid(), expected, "{path}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    // Renewals failed in a container whose root may not give files away, although nobody but it read them.
    #[test]
    fn a_refused_owner_is_borne_where_it_matters_to_nobody() {
        let refused = |made, replaced| borne(ErrorKind::PermissionDenied.into(), 1_000, made, replaced);
        assert!(refused(1_000, None).is_ok() && refused(1_000, Some(0)).is_ok(), "it is theirs already");
        assert!(refused(0, Some(0)).is_ok(), "root had the file before");
        for (made, replaced) in [(0, None), (0, Some(1_000)), (0, Some(7))] {
            assert!(refused(made, replaced).is_err(), "{made} {replaced:?}: the service could not read it");
        }
    }

    #[test]
    fn what_is_written_is_private_and_whole() {
        let dir = std::env::temp_dir().join(format!("storeward-disk-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        private_dir(&dir).unwrap();
        let path = dir.join("key.json");
        // What an older version, or a crash, left beside it was opened as it was: everybody's to read.
        for file in ["key.json", "key.json.new", "key.tmp"] {
            fs::write(dir.join(file), "longer than what is written now").unwrap();
            fs::set_permissions(dir.join(file), Permissions::from_mode(0o644)).unwrap();
        }
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&path)), (0o700, 0o600));
        assert_eq!(read_if_there(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "no draft stays behind");
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read_if_there(&path).unwrap(), None);
        fs::write(&path, vec![0; 1024 * 1024 + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("larger than 1 MiB"));
        fs::remove_dir_all(&dir).unwrap();
    }
}

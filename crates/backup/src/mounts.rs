//! What is mounted below a folder. It is put away with the folder, as a disk of pictures is meant to be; so nothing may be mounted there that holds
//! the backup itself, or what is in no backup.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder by its file system and number, whatever it is called.
type Identity = (u64, u64);

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()))
}

/// What is mounted below `folder` and is one of these folders, lies in one of them at its top, or holds one of them.
pub(crate) fn that_holds(folder: &Path, apart: &[&Path]) -> Option<PathBuf> {
    let mounted = below(&fs::read("/proc/self/mountinfo").unwrap_or_default(), folder);
    if mounted.is_empty() {
        return None;
    }
    let real: Vec<PathBuf> = apart.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut known: BTreeSet<Identity> =
        real.iter().flat_map(|path| path.ancestors()).filter_map(identity).collect();
    let inner = real.iter().filter_map(|path| fs::read_dir(path).ok()).flatten().filter_map(Result::ok);
    known.extend(inner.filter_map(|entry| identity(&entry.path())));
    mounted.into_iter().find(|mount| identity(mount).is_some_and(|one| known.contains(&one)))
}

/// proc_pid_mountinfo(5): the fifth field of a line is where it is mounted, blanks and backslashes in octal.
fn below(mountinfo: &[u8], folder: &Path) -> Vec<PathBuf> {
    let fields =
        mountinfo.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let places = fields.map(|field| PathBuf::from(OsString::from_vec(plain(field))));
    places.filter(|place| place != folder && place.starts_with(folder)).collect()
}

fn plain(field: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::new(), field);
    while let Some((first, behind)) = rest.split_first() {
        let octal =
            behind.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = behind.get(3..).unwrap_or_default();
            }
            None => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_a_folder_are_read() {
        let text = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:2 / /srv/shop rw - ext4 /dev/sdb1 rw\n\
            31 22 8:3 / /srv/shop/my\\040pictures rw shared:1 - ext4 /dev/sdc1 rw\n32 22 0:5 /x /srv/shop2 rw - tmpfs none rw\n";
        assert_eq!(below(text, Path::new("/srv/shop")), [PathBuf::from("/srv/shop/my pictures")]);
        assert_eq!(below(text, Path::new("/srv")).len(), 3);
        assert_eq!(below(b"", Path::new("/")), Vec::<PathBuf>::new());
        assert_eq!(plain(b"a\\134b\\04"), b"a\\b\\04");
    }
}

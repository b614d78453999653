//! What an attack on the shop's files looks like from one backup to the next: many files that turned into noise, into base64 or into
//! nothing, many that are gone while as many new ones of that kind came, or most of them gone.
//!
//! Measured on 1,221 real source files: entropy 4.8 bits a byte in the middle, 6.5 at the 99th percentile; after encryption 7.6 at the
//! first. Pictures and archives are noise to begin with: those count that no longer begin as such a file does. What goes on unseen:
//! a file of noise whose first bytes were known to nobody before, or that still begins as one of its kind.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Bits a byte; above it a file looks like noise.
const NOISE: f64 = 7.2;
/// Shorter files have too few bytes to tell.
const LEAST_BYTES: u64 = 2_048;
const SAMPLE: usize = 64 * 1024;
/// At least so many files, and the share of all in percent.
const LEAST_FILES: u64 = 20;
const SHARE: u64 = 5;
/// Of so many files, most are gone.
const SHRUNK_OF: u64 = 20;

/// What is remembered of a file from one run to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    pub size: u64,
    /// Microseconds; whoever may write a file may set this back.
    pub changed: i64,
    /// Microseconds; the kernel's own, which nobody sets. 0 where it is of a time before it was remembered: looked at anew.
    #[serde(default)]
    pub touched: i64,
    #[serde(default)]
    pub inode: u64,
    /// Whether its beginning looks like noise.
    pub noise: bool,
    /// Whether it begins as pictures, films, fonts and archives do.
    #[serde(default)]
    pub known: bool,
    /// Whether there is nothing in it but letters of base64 or hexadecimal digits, or one byte alone. None where it is of a time before
    /// it was remembered: looked at anew.
    #[serde(default)]
    pub encoded: Option<bool>,
}

/// First bytes of files that are noise to begin with, and where they stand (the formats' own specifications; `file`'s magic numbers).
const BEGINNINGS: [(usize, &[u8]); 20] = [
    (0, b"\xFF\xD8\xFF"),      // JPEG
    (0, b"\x89PNG\r\n\x1A\n"), // PNG
    (0, b"GIF8"),
    (8, b"WEBP"), // behind RIFF and a length
    (4, b"ftyp"), // AVIF, HEIC, MP4, QuickTime
    (0, b"%PDF-"),
    (0, b"PK\x03\x04"),     // ZIP, and DOCX, XLSX, ODT
    (0, b"\x1F\x8B\x08"),   // gzip
    (0, b"BZh"),            // bzip2
    (0, b"\xFD7zXZ\x00"),   // xz
    (0, b"(\xB5/\xFD"),     // Zstandard
    (0, b"7z\xBC\xAF\x27"), // 7-Zip
    (0, b"Rar!"),
    (0, b"wOFF"),
    (0, b"wOF2"),
    (0, b"OggS"),
    (0, b"fLaC"),
    (0, b"ID3"),           // MP3 with tags
    (0, b"\x1AE\xDF\xA3"), // Matroska, WebM
    (257, b"ustar"),       // tar
];

/// Files by their paths.
pub type Sights = BTreeMap<String, Sight>;

/// What looks like an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub code: &'static str,
    pub changed: u64,
    pub of_files: u64,
}

/// Looks at every file but those in the folders `transient`; those that did not change since `before` are not read again.
pub fn look(paths: &[PathBuf], transient: &[PathBuf], before: &Sights) -> Sights {
    let mut found = Sights::new();
    for path in paths {
        walk(path, transient, before, &mut found);
    }
    found
}

/// Whether a file lies in a folder whose files come and go.
pub fn is_transient(path: &Path, transient: &[PathBuf]) -> bool {
    transient.iter().any(|folder| path.starts_with(folder))
}

fn walk(path: &Path, transient: &[PathBuf], before: &Sights, found: &mut Sights) {
    use std::os::unix::fs::MetadataExt;
    if is_transient(path, transient) {
        return;
    }
    let facts = match std::fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(why) => return unread(path, &why, before, found),
    };
    if facts.is_dir() {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(why) => return unread(path, &why, before, found),
        };
        entries.filter_map(Result::ok).for_each(|entry| walk(&entry.path(), transient, before, found));
    } else if facts.is_file() {
        let micros =
            |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000);
        let (noise, known, encoded) = (false, false, None);
        let new = Sight {
            size: facts.len(),
            changed: micros(facts.mtime(), facts.mtime_nsec()),
            touched: micros(facts.ctime(), facts.ctime_nsec()),
            inode: facts.ino(),
            noise,
            known,
            encoded,
        };
        let name = path.to_string_lossy().into_owned();
        let old = before.get(&name);
        let is_untouched =
            |old: &&Sight| old.encoded.is_some() && Sight { noise, known, encoded, ..**old } == new;
        let sight = old.filter(is_untouched).copied().or_else(|| looked_into(path, new, old));
        found.extend(sight.map(|sight| (name, sight)));
    }
}

/// What lay in a folder that cannot be read, or a file that is there and closed to us, is as it was, and counts as not read.
fn unread(path: &Path, why: &std::io::Error, before: &Sights, found: &mut Sights) {
    if why.kind() == std::io::ErrorKind::NotFound {
        return;
    }
    // By the order of the names: whoever closes each file of a folder is not looked for among all files each time.
    let name = path.to_string_lossy();
    let folder = format!("{}/", name.trim_end_matches('/'));
    let below = before.range(folder.clone()..).take_while(|(name, _)| name.starts_with(&folder));
    let itself = before.get_key_value(name.as_ref());
    let closed = itself.into_iter().chain(below);
    found.extend(closed.map(|(name, old)| (name.clone(), Sight { touched: 0, ..*old })));
}

/// One that cannot be read, which the backup itself tells, is as it was, and read the next time.
fn looked_into(path: &Path, new: Sight, old: Option<&Sight>) -> Option<Sight> {
    let mut sample = Vec::new();
    let most = u64::try_from(SAMPLE).unwrap_or(u64::MAX);
    match File::open(path).and_then(|file| file.take(most).read_to_end(&mut sample)) {
        Ok(_) => Some(Sight {
            noise: new.size >= LEAST_BYTES && entropy(&sample) > NOISE,
            known: is_known(&sample),
            encoded: Some(is_encoded(&sample)),
            ..new
        }),
        Err(_) => old.map(|old| Sight { touched: 0, ..*old }),
    }
}

/// Base64 of either alphabet (RFC 4648, sections 4 and 5) in lines, hexadecimal digits, one byte alone, or nothing.
fn is_encoded(sample: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(byte);
    sample.iter().all(is_letter) || sample.iter().all(|byte| Some(byte) == sample.first())
}

fn is_known(sample: &[u8]) -> bool {
    let begins = |(at, bytes): &(usize, &[u8])| sample.get(*at..).is_some_and(|rest| rest.starts_with(bytes));
    BEGINNINGS.iter().any(begins)
}

/// Bits a byte.
#[expect(clippy::cast_precision_loss, reason = "counts of a sample of 64 KiB are exact in a double")]
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let all = bytes.len().max(1) as f64;
    let part = |count: &u32| {
        let share = f64::from(*count) / all;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(part).sum()
}

/// Compares two runs. Nothing is said of the first.
pub fn compare(before: &Sights, now: &Sights) -> Option<Alarm> {
    let of_files = u64::try_from(before.len()).unwrap_or(u64::MAX);
    if of_files == 0 {
        return None;
    }
    let count = |what: &dyn Fn(&(&String, &Sight)) -> bool, of: &Sights| {
        u64::try_from(of.iter().filter(|entry| what(entry)).count()).unwrap_or(u64::MAX)
    };
    let many = |files: u64| {
        files >= LEAST_FILES.min(of_files.div_ceil(2)).max(5)
            && files.saturating_mul(100) >= of_files.saturating_mul(SHARE)
            || files >= LEAST_FILES * 5
    };
    let is_encoded = |sight: &Sight| sight.encoded == Some(true);
    let is_scrambled = |old: &Sight, now: &Sight| {
        let is_none_any_more = old.known && !now.known;
        let became_noise = now.noise && !old.noise;
        let became_encoded = is_encoded(now) && old.encoded == Some(false);
        old.size >= LEAST_BYTES && (is_none_any_more || became_noise || became_encoded)
    };
    let scrambled = count(&|(path, now)| before.get(*path).is_some_and(|old| is_scrambled(old, now)), now);
    if many(scrambled) {
        return Some(Alarm { code: "backup.scrambled", changed: scrambled, of_files });
    }
    let gone = count(&|(path, _)| !now.contains_key(*path), before);
    let is_ciphertext = |sight: &Sight| sight.noise || (is_encoded(sight) && sight.size >= LEAST_BYTES);
    let new = count(&|(path, sight)| is_ciphertext(sight) && !before.contains_key(*path), now);
    // One that was as ciphertext is before, however short, and began as no picture or archive, is not encrypted by going: so sessions in a
    // cookie's form, which every visitor makes as long as they like, follow each other.
    let counts = |old: &Sight| old.known || !(old.noise || is_encoded(old));
    let plain = count(&|(path, old)| counts(old) && !now.contains_key(*path), before);
    let renamed = plain.min(new);
    if many(renamed) {
        return Some(Alarm { code: "backup.renamed", changed: renamed, of_files });
    }
    // Whoever encrypts may take the right to read away as well: what was read the last time, and cannot be any more.
    let is_closed = |(path, now): &(&String, &Sight)| {
        now.touched == 0 && before.get(*path).is_some_and(|old| old.touched != 0)
    };
    let closed = count(&is_closed, now);
    if many(closed) {
        return Some(Alarm { code: "backup.unreadable", changed: closed, of_files });
    }
    if of_files >= SHRUNK_OF && gone.saturating_mul(2) > of_files {
        return Some(Alarm { code: "backup.shrunk", changed: gone, of_files });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(n: usize) -> Vec<u8> {
        format!("<?php // file {n}\necho 'a line of a shop that a person wrote';\n").repeat(60).into_bytes()
    }

    /// Not random, and as even as what is encrypted.
    fn noise(n: usize) -> Vec<u8> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(n as u64 + 1);
        let mut out = Vec::new();
        for _ in 0..600 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            out.extend(state.to_le_bytes());
        }
        out
    }

    fn shop(files: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("pictures")).unwrap();
        for n in 0..files {
            std::fs::write(folder.path().join(format!("{n}.php")), text(n)).unwrap();
            std::fs::write(folder.path().join(format!("pictures/{n}.jpg")), noise(n)).unwrap();
        }
        folder
    }

    fn seen(folder: &tempfile::TempDir, before: &Sights) -> Sights {
        look(&[folder.path().to_owned()], &[], before)
    }

    #[test]
    fn files_that_turn_into_noise_are_noticed_in_place_and_renamed() {
        for ending in ["php", "php.locked"] {
            let folder = shop(100);
            let before = seen(&folder, &Sights::new());
            assert_eq!(before.len(), 200);
            for n in 0..25 {
                let old = folder.path().join(format!("{n}.php"));
                std::fs::remove_file(&old).unwrap();
                std::fs::write(folder.path().join(format!("{n}.{ending}")), noise(n + 500)).unwrap();
            }
            let alarm = compare(&before, &seen(&folder, &before)).unwrap();
            let code = if ending == "php" { "backup.scrambled" } else { "backup.renamed" };
            assert_eq!(alarm, Alarm { code, changed: 25, of_files: 200 });
        }
    }

    /// Writes over a file in place, sets its time back, and waits until the kernel's clock has gone on.
    fn overwrite(path: &Path, bytes: &[u8]) {
        use std::os::unix::fs::MetadataExt;
        let before = std::fs::metadata(path).unwrap();
        assert_eq!(before.len(), bytes.len() as u64, "as long as it was");
        for _ in 0..10_000 {
            std::fs::write(path, bytes).unwrap();
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(before.modified().unwrap()).unwrap();
            let now = std::fs::metadata(path).unwrap();
            assert_eq!(now.modified().unwrap(), before.modified().unwrap());
            if (now.ctime(), now.ctime_nsec()) != (before.ctime(), before.ctime_nsec()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("the clock stands still");
    }

    /// Ciphers that keep a file's length, and a time that was set back, were taken for files that nobody touched.
    #[test]
    fn files_scrambled_in_place_are_noticed_though_their_time_was_set_back() {
        let folder = shop(30);
        let path = |n: usize| folder.path().join(format!("{n}.php"));
        for n in 0..30 {
            let mut text = text(n).repeat(2);
            text.truncate(noise(n).len());
            std::fs::write(path(n), text).unwrap();
        }
        let before = seen(&folder, &Sights::new());
        for n in 0..25 {
            overwrite(&path(n), &noise(n + 500));
        }
        let alarm = compare(&before, &seen(&folder, &before)).unwrap();
        assert_eq!(alarm, Alarm { code: "backup.scrambled", changed: 25, of_files: 60 });
    }

    /// A folder of pictures, which is noise before and after, could be scrambled as a whole.
    #[test]
    fn pictures_that_are_none_any_more_are_noticed_and_other_pictures_are_not() {
        let heads: [&[u8]; 4] =
            [b"\xFF\xD8\xFF\xE0", b"\x89PNG\r\n\x1A\n", b"RIFF\x10\x10\0\0WEBP", b"%PDF-1.7"];
        let picture = |n: usize, head: &[u8]| [head, &noise(n)].concat();
        let folder = shop(100);
        let path = |n: usize| folder.path().join(format!("pictures/{n}.jpg"));
        for n in 0..100 {
            std::fs::write(path(n), picture(n, heads[n % 4])).unwrap();
        }
        let before = seen(&folder, &Sights::new());
        // Made smaller by a program, in place, some as another kind.
        for n in 0..100 {
            std::fs::write(path(n), picture(n + 300, heads[n % 3])).unwrap();
        }
        let smaller = seen(&folder, &before);
        assert_eq!(compare(&before, &smaller), None);
        for n in 0..25 {
            std::fs::write(path(n), noise(n + 500)).unwrap();
        }
        let alarm = compare(&smaller, &seen(&folder, &smaller)).unwrap();
        assert_eq!(alarm, Alarm { code: "backup.scrambled", changed: 25, of_files: 200 });
        // What was remembered by a version that knew no beginnings says nothing of them.
        let text = serde_json::to_string(&smaller).unwrap();
        assert!(text.contains("\"known\":true"));
        let old: Sights = serde_json::from_str(&text.replace("\"known\":true", "\"older\":true")).unwrap();
        assert_eq!(compare(&old, &seen(&folder, &old)), None);
    }

    /// What programs against web shops write: PHP's own encryption gives base64, which is no noise; and files that were written over.
    #[test]
    fn files_that_are_base64_hex_or_nothing_now_are_noticed_in_place_and_renamed() {
        let letters: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*b"+/").collect();
        let base64 = |n: usize| noise(n).iter().map(|byte| letters[usize::from(byte % 64)]).collect();
        let hex = |n: usize| noise(n).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
        let kinds: [&dyn Fn(usize) -> Vec<u8>; 5] =
            [&base64, &hex, &|_| vec![0; 4_800], &|_| vec![b'x'; 3_000], &|_| Vec::new()];
        for (kind, written) in kinds.into_iter().enumerate() {
            for (name, begins) in
                [("jpg", &b"\xFF\xD8\xFF\xE0"[..]), ("php", b"<?php echo 'a shop''s own file';\n")]
            {
                let folder = shop(50);
                let path = |n: usize| folder.path().join(format!("a{n}.{name}"));
                let body = |n: usize| if name == "jpg" { noise(n) } else { text(n) };
                for n in 0..25 {
                    std::fs::write(path(n), [begins, &body(n)].concat()).unwrap();
                }
                let before = seen(&folder, &Sights::new());
                for n in 0..25 {
                    std::fs::write(path(n), written(n + 500)).unwrap();
                }
                let in_place = seen(&folder, &before);
                let alarm = compare(&before, &in_place);
                let wanted = Alarm { code: "backup.scrambled", changed: 25, of_files: 125 };
                assert_eq!(alarm, Some(wanted), "{name} {kind}");
                assert_eq!(compare(&in_place, &seen(&folder, &in_place)), None, "told once");
                if kind < 2 {
                    for n in 0..25 {
                        std::fs::rename(path(n), path(n).with_extension("locked")).unwrap();
                    }
                    let alarm = compare(&before, &seen(&folder, &before));
                    assert_eq!(alarm, Some(Alarm { code: "backup.renamed", changed: 25, of_files: 125 }));
                }
            }
        }
    }

    /// Pictures of a few hundred bytes are looked into, too; and what was base64 all along stays so.
    #[test]
    fn pictures_that_became_small_and_files_that_were_base64_are_no_attack() {
        let folder = shop(50);
        let path = |n: usize| folder.path().join(format!("pictures/{n}.jpg"));
        let kept = |n: usize| folder.path().join(format!("kept{n}"));
        for n in 0..50 {
            std::fs::write(path(n), [&b"\xFF\xD8\xFF\xE0"[..], &noise(n)].concat()).unwrap();
            std::fs::write(kept(n), format!("kept{n}==").repeat(500)).unwrap();
        }
        let before = seen(&folder, &Sights::new());
        for n in 0..50 {
            std::fs::write(path(n), [&b"\xFF\xD8\xFF\xE0"[..], &noise(n)[..800]].concat()).unwrap();
            std::fs::write(kept(n), format!("kept{n}==").repeat(600)).unwrap();
        }
        assert_eq!(compare(&before, &seen(&folder, &before)), None);
    }

    /// A stranger who opened a hundred sessions a day (Laravel keeps them encrypted, in base64) stopped retention for good.
    #[test]
    fn sessions_that_follow_each_other_are_no_attack_and_hide_none() {
        let folder = shop(150);
        let sessions = folder.path().join("sessions");
        std::fs::create_dir(&sessions).unwrap();
        // Short ones of one day, and long ones of the next: who sends a form decides on their length.
        let open = |day: usize| {
            for n in 0..120 {
                let session = format!("eyJpdiI6{n}SmVkZXI{day}").repeat(if day == 1 { 30 } else { 150 });
                std::fs::write(sessions.join(format!("{day}-{n}")), session).unwrap();
            }
        };
        open(1);
        let before = seen(&folder, &Sights::new());
        for n in 0..120 {
            std::fs::remove_file(sessions.join(format!("1-{n}"))).unwrap();
        }
        open(2);
        assert_eq!(compare(&before, &seen(&folder, &before)), None);
        // Beside them: files of the shop under new names, scripts and pictures.
        let path = |n: usize| folder.path().join(format!("pictures/{n}.jpg"));
        for n in 0..60 {
            std::fs::write(path(n), [&b"\xFF\xD8\xFF\xE0"[..], &noise(n)].concat()).unwrap();
        }
        let before = seen(&folder, &before);
        let gone = |n: usize| if n < 60 { path(n) } else { folder.path().join(format!("{n}.php")) };
        for n in 0..120 {
            std::fs::remove_file(gone(n)).unwrap();
            std::fs::write(folder.path().join(format!("{n}.locked")), noise(n + 900)).unwrap();
        }
        let alarm = compare(&before, &seen(&folder, &before));
        assert_eq!(alarm, Some(Alarm { code: "backup.renamed", changed: 120, of_files: 420 }));
    }

    /// What comes and goes by the thousand, as any visitor likes, looked as if most files were gone.
    #[test]
    fn a_folder_whose_files_come_and_go_counts_for_nothing_and_no_other_does() {
        let folder = shop(30);
        let transient = [folder.path().join("pictures")];
        let paths = [folder.path().to_owned()];
        let before = look(&paths, &transient, &Sights::new());
        assert_eq!(before.len(), 30);
        std::fs::create_dir(folder.path().join("pictures2")).unwrap();
        for n in 0..30 {
            std::fs::write(folder.path().join(format!("pictures/{n}.jpg")), text(n)).unwrap();
            std::fs::write(folder.path().join(format!("pictures2/{n}.jpg")), noise(n)).unwrap();
        }
        let now = look(&paths, &transient, &before);
        assert_eq!(
            (compare(&before, &now), now.len()),
            (None, 60),
            "a name that begins alike is another folder"
        );
        for n in 0..25 {
            std::fs::write(folder.path().join(format!("{n}.php")), noise(n + 500)).unwrap();
        }
        let alarm = compare(&now, &look(&paths, &transient, &now)).unwrap();
        assert_eq!(alarm, Alarm { code: "backup.scrambled", changed: 25, of_files: 60 });
    }

    /// Encrypted, and the right to read taken away: each file counted as it was, for ever.
    #[test]
    fn many_files_that_can_no_longer_be_read_are_an_alarm() {
        let folder = shop(100);
        let before = seen(&folder, &Sights::new());
        let closed = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        // A folder in which nothing can be read; it hides what is in no other, as those whose names begin alike.
        let beside = ["pictures.old/1", "pictures0/1", "pictures-1"].map(|name| folder.path().join(name));
        let beside = beside.map(|path| path.to_string_lossy().into_owned());
        let mut more = before.clone();
        more.extend(beside.map(|name| (name, Sight { touched: 7, ..*before.values().next().unwrap() })));
        let mut now = Sights::new();
        unread(&folder.path().join("pictures"), &closed, &more, &mut now);
        assert_eq!(now.len(), 100);
        let slashed = format!("{}/", folder.path().display());
        let mut all = Sights::new();
        unread(Path::new(&slashed), &closed, &more, &mut all);
        assert_eq!(all.len(), 203, "as it may stand in the config");
        let one = folder.path().join("pictures/7.jpg");
        let mut alone = Sights::new();
        unread(&one, &closed, &more, &mut alone);
        assert_eq!(alone.keys().map(Path::new).collect::<Vec<_>>(), [one.as_path()]);
        now.extend(before.iter().filter(|(name, _)| name.ends_with(".php")).map(|(n, s)| (n.clone(), *s)));
        let alarm = compare(&before, &now).unwrap();
        assert_eq!(alarm, Alarm { code: "backup.unreadable", changed: 100, of_files: 200 });
        assert_eq!(compare(&now, &now), None, "told once");
        // What is in them when they can be read again is held against what they were.
        for n in 0..100 {
            std::fs::write(folder.path().join(format!("pictures/{n}.jpg")), text(n)).unwrap();
        }
        for n in 0..25 {
            std::fs::write(folder.path().join(format!("{n}.php")), noise(n + 500)).unwrap();
        }
        assert_eq!(compare(&now, &seen(&folder, &now)).unwrap().code, "backup.scrambled");
        let mut gone = Sights::new();
        unread(folder.path(), &std::io::Error::from(std::io::ErrorKind::NotFound), &before, &mut gone);
        assert!(gone.is_empty(), "what is not there is not closed");
    }

    /// That the walk itself asks: a folder above that is none any more answers with another error than that nothing is there.
    #[test]
    fn what_cannot_be_looked_at_counts_as_closed_where_files_are_walked_through() {
        let folder = shop(30);
        let pictures = [folder.path().join("pictures")];
        std::fs::create_dir(pictures[0].join("2026")).unwrap();
        for n in 0..30 {
            std::fs::write(pictures[0].join(format!("2026/{n}.jpg")), noise(n)).unwrap();
        }
        let deep = [pictures[0].join("2026")];
        let before = look(&deep, &[], &Sights::new());
        std::fs::remove_dir_all(&pictures[0]).unwrap();
        assert_eq!(look(&deep, &[], &before), Sights::new());
        std::fs::write(&pictures[0], "no folder").unwrap();
        let alarm = compare(&before, &look(&deep, &[], &before)).unwrap();
        assert_eq!(alarm, Alarm { code: "backup.unreadable", changed: 30, of_files: 30 });
    }

    /// A file that could not be read once was taken for one that was no noise, and for scrambled when it could be again.
    #[test]
    fn a_file_that_cannot_be_read_once_counts_as_it_was() {
        let folder = shop(30);
        let before = seen(&folder, &Sights::new());
        let aside: Vec<_> = (0..15).map(|n| folder.path().join(format!("pictures/{n}.jpg"))).collect();
        let mut unread = before.clone();
        for path in &aside {
            let name = path.to_string_lossy().into_owned();
            let new = Sight { touched: 1, noise: false, ..before[&name] };
            // Gone between the listing and the reading: for whoever looks it is as one without the right to.
            std::fs::remove_file(path).unwrap();
            let sight = looked_into(path, new, before.get(&name));
            assert!(looked_into(path, new, None).is_none(), "nothing is known of it");
            unread.insert(name, sight.unwrap());
        }
        assert_eq!(compare(&before, &unread), None);
        for (n, path) in aside.iter().enumerate() {
            std::fs::write(path, noise(n)).unwrap();
        }
        let again = seen(&folder, &unread);
        assert_eq!(compare(&unread, &again), None);
        assert_eq!(again.values().filter(|sight| sight.noise).count(), 30, "they are read again");
    }

    #[test]
    fn most_files_gone_are_noticed() {
        let folder = shop(100);
        let before = seen(&folder, &Sights::new());
        for n in 0..100 {
            std::fs::remove_file(folder.path().join(format!("{n}.php"))).unwrap();
        }
        std::fs::remove_file(folder.path().join("pictures/0.jpg")).unwrap();
        let alarm = compare(&before, &seen(&folder, &before)).unwrap();
        assert_eq!(alarm, Alarm { code: "backup.shrunk", changed: 101, of_files: 200 });
    }

    #[test]
    fn a_days_work_is_no_attack() {
        let folder = shop(100);
        let before = seen(&folder, &Sights::new());
        // An update of a plugin, new pictures, a few archives, some deleted.
        for n in 0..60 {
            std::fs::write(folder.path().join(format!("{n}.php")), text(n + 1_000)).unwrap();
            std::fs::write(folder.path().join(format!("pictures/new-{n}.jpg")), noise(n + 900)).unwrap();
        }
        for n in 0..4 {
            std::fs::write(folder.path().join(format!("{n}.php")), noise(n + 700)).unwrap();
            std::fs::remove_file(folder.path().join(format!("pictures/{n}.jpg"))).unwrap();
        }
        let now = seen(&folder, &before);
        assert_eq!(compare(&before, &now), None);
        assert_eq!(compare(&Sights::new(), &now), None, "the first backup has nothing to compare with");
    }

    #[test]
    fn unchanged_files_are_not_read_again() {
        let folder = shop(3);
        let mut before = seen(&folder, &Sights::new());
        for sight in before.values_mut() {
            sight.noise = !sight.noise;
        }
        assert_eq!(seen(&folder, &before), before);
    }
}

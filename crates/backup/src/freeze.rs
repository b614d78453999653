//! What an attack on the shop's files looks like from one backup to the next: many files that turned into noise, many that are
//! gone while as many new ones came, or most of them gone.
//!
//! Measured on 1,221 real source files: entropy 4.8 bits a byte in the middle, 6.5 at the 99th percentile; after encryption 7.6 at the
//! first. Pictures and archives are noise to begin with, so only files that were none before count.

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
    /// Microseconds.
    pub changed: i64,
    /// Whether its beginning looks like noise.
    pub noise: bool,
}

/// Files by their paths.
pub type Sights = BTreeMap<String, Sight>;

/// What looks like an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub code: &'static str,
    pub changed: u64,
    pub of_files: u64,
}

/// Looks at every file; those that did not change since `before` are not read again.
pub fn look(paths: &[PathBuf], before: &Sights) -> Sights {
    let mut found = Sights::new();
    for path in paths {
        walk(path, before, &mut found);
    }
    found
}

fn walk(path: &Path, before: &Sights, found: &mut Sights) {
    use std::os::unix::fs::MetadataExt;
    let Ok(facts) = std::fs::symlink_metadata(path) else { return };
    if facts.is_dir() {
        let Ok(entries) = std::fs::read_dir(path) else { return };
        entries.filter_map(Result::ok).for_each(|entry| walk(&entry.path(), before, found));
    } else if facts.is_file() {
        let changed = facts.mtime().saturating_mul(1_000_000).saturating_add(facts.mtime_nsec() / 1_000);
        let name = path.to_string_lossy().into_owned();
        let known = before.get(&name).filter(|sight| sight.size == facts.len() && sight.changed == changed);
        let noise = known.map_or_else(|| is_noise(path, facts.len()), |sight| sight.noise);
        found.insert(name, Sight { size: facts.len(), changed, noise });
    }
}

fn is_noise(path: &Path, size: u64) -> bool {
    if size < LEAST_BYTES {
        return false;
    }
    let mut sample = Vec::with_capacity(SAMPLE);
    let most = u64::try_from(SAMPLE).unwrap_or(u64::MAX);
    match File::open(path).and_then(|file| file.take(most).read_to_end(&mut sample)) {
        Ok(_) => entropy(&sample) > NOISE,
        // Told as unread by the backup itself.
        Err(_) => false,
    }
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
    let was_text =
        |path: &String| before.get(path).is_some_and(|sight| !sight.noise && sight.size >= LEAST_BYTES);
    let scrambled = count(&|(path, sight)| sight.noise && was_text(path), now);
    if many(scrambled) {
        return Some(Alarm { code: "backup.scrambled", changed: scrambled, of_files });
    }
    let gone = count(&|(path, _)| !now.contains_key(*path), before);
    let new_noise = count(&|(path, sight)| sight.noise && !before.contains_key(*path), now);
    let renamed = gone.min(new_noise);
    if many(renamed) {
        return Some(Alarm { code: "backup.renamed", changed: renamed, of_files });
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
        look(&[folder.path().to_owned()], before)
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

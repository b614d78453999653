//! Files of a shop before and after.

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
        let alarm = compare(&before, &seen(&folder, &before), Apart::ARun).unwrap();
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
    let alarm = compare(&before, &seen(&folder, &before), Apart::ARun).unwrap();
    assert_eq!(alarm, Alarm { code: "backup.scrambled", changed: 25, of_files: 60 });
}

/// A folder of pictures, which is noise before and after, could be scrambled as a whole.
#[test]
fn pictures_that_are_none_any_more_are_noticed_and_other_pictures_are_not() {
    let heads: [&[u8]; 4] = [b"\xFF\xD8\xFF\xE0", b"\x89PNG\r\n\x1A\n", b"RIFF\x10\x10\0\0WEBP", b"%PDF-1.7"];
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
    assert_eq!(compare(&before, &smaller, Apart::ARun), None);
    for n in 0..25 {
        std::fs::write(path(n), noise(n + 500)).unwrap();
    }
    let alarm = compare(&smaller, &seen(&folder, &smaller), Apart::ARun).unwrap();
    assert_eq!(alarm, Alarm { code: "backup.scrambled", changed: 25, of_files: 200 });
    // What was remembered by a version that knew no beginnings says nothing of them.
    let text = serde_json::to_string(&smaller).unwrap();
    assert!(text.contains("\"known\":true"));
    let old: Sights = serde_json::from_str(&text.replace("\"known\":true", "\"older\":true")).unwrap();
    assert_eq!(compare(&old, &seen(&folder, &old), Apart::ARun), None);
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
            let alarm = compare(&before, &in_place, Apart::ARun);
            let wanted = Alarm { code: "backup.scrambled", changed: 25, of_files: 125 };
            assert_eq!(alarm, Some(wanted), "{name} {kind}");
            assert_eq!(compare(&in_place, &seen(&folder, &in_place), Apart::ARun), None, "told once");
            if kind < 2 {
                for n in 0..25 {
                    std::fs::rename(path(n), path(n).with_extension("locked")).unwrap();
                }
                let alarm = compare(&before, &seen(&folder, &before), Apart::ARun);
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
    assert_eq!(compare(&before, &seen(&folder, &before), Apart::ARun), None);
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
    assert_eq!(compare(&before, &seen(&folder, &before), Apart::ARun), None);
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
    let alarm = compare(&before, &seen(&folder, &before), Apart::ARun);
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
        (compare(&before, &now, Apart::ARun), now.len()),
        (None, 60),
        "a name that begins alike is another folder"
    );
    for n in 0..25 {
        std::fs::write(folder.path().join(format!("{n}.php")), noise(n + 500)).unwrap();
    }
    let alarm = compare(&now, &look(&paths, &transient, &now), Apart::ARun).unwrap();
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
    let alarm = compare(&before, &now, Apart::ARun).unwrap();
    assert_eq!(alarm, Alarm { code: "backup.unreadable", changed: 100, of_files: 200 });
    assert_eq!(compare(&now, &now, Apart::ARun), None, "told once");
    // What is in them when they can be read again is held against what they were.
    for n in 0..100 {
        std::fs::write(folder.path().join(format!("pictures/{n}.jpg")), text(n)).unwrap();
    }
    for n in 0..25 {
        std::fs::write(folder.path().join(format!("{n}.php")), noise(n + 500)).unwrap();
    }
    assert_eq!(compare(&now, &seen(&folder, &now), Apart::ARun).unwrap().code, "backup.scrambled");
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
    let alarm = compare(&before, &look(&deep, &[], &before), Apart::ARun).unwrap();
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
    assert_eq!(compare(&before, &unread, Apart::ARun), None);
    for (n, path) in aside.iter().enumerate() {
        std::fs::write(path, noise(n)).unwrap();
    }
    let again = seen(&folder, &unread);
    assert_eq!(compare(&unread, &again, Apart::ARun), None);
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
    let alarm = compare(&before, &seen(&folder, &before), Apart::ARun).unwrap();
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
    assert_eq!(compare(&before, &now, Apart::ARun), None);
    assert_eq!(
        compare(&Sights::new(), &now, Apart::ARun),
        None,
        "the first backup has nothing to compare with"
    );
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

/// One below what a night shows, night after night: nothing was ever said.
#[test]
fn a_few_files_each_night_are_noticed_within_days() {
    let folder = shop(200);
    let base = seen(&folder, &Sights::new());
    let mut before = base.clone();
    let mut nights = 0;
    for night in 0..10 {
        for n in night * 19..(night + 1) * 19 {
            let path = folder.path().join(format!("{n}.php"));
            // In place, and under other names.
            if n % 2 == 0 {
                std::fs::write(path, noise(n + 500)).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
                std::fs::write(folder.path().join(format!("{n}.locked")), noise(n + 500)).unwrap();
            }
        }
        let now = seen(&folder, &before);
        assert_eq!(compare(&before, &now, Apart::ARun), None);
        nights += 1;
        if let Some(alarm) = compare(&base, &now, Apart::Weeks) {
            assert_eq!((alarm.changed, alarm.of_files), (38, 400));
            break;
        }
        before = now;
    }
    assert_eq!(nights, 2);
}

/// Nineteen of each kind in one night said nothing.
#[test]
fn signs_of_several_kinds_count_together() {
    let folder = shop(50);
    let before = seen(&folder, &Sights::new());
    for n in 0..10 {
        std::fs::write(folder.path().join(format!("{n}.php")), noise(n + 500)).unwrap();
        let old = folder.path().join(format!("{}.php", n + 10));
        std::fs::rename(&old, old.with_extension("locked")).unwrap();
        std::fs::write(old.with_extension("locked"), noise(n + 600)).unwrap();
    }
    let mut now = seen(&folder, &before);
    assert_eq!(compare(&before, &now, Apart::ARun).map(|alarm| alarm.changed), Some(20));
    for n in 0..10 {
        now.remove(&folder.path().join(format!("{}.locked", n + 10)).to_string_lossy().into_owned());
    }
    assert_eq!(compare(&before, &now, Apart::ARun), None, "ten alone");
    // Closed after it was encrypted, or before: each file counts once.
    for (_, sight) in now.iter_mut().take(20) {
        sight.touched = 0;
    }
    let alarm = compare(&before, &now, Apart::ARun).unwrap();
    let scrambled =
        |(path, now): &(&String, &Sight)| before.get(*path).is_some_and(|old| is_scrambled(old, now));
    let closed = now.iter().take(20).filter(|entry| !scrambled(entry)).count() as u64;
    assert_eq!(alarm.changed, 10 + closed);
}

/// What a shop does in weeks: new pictures for old ones, a cache that was emptied, sessions that followed each other.
#[test]
fn a_months_work_is_no_attack() {
    let folder = shop(200);
    let sessions = |month: usize| {
        for n in 0..150 {
            let path = folder.path().join(format!("pictures/session-{month}-{n}"));
            std::fs::write(path, format!("eyJpdiI6{n}SmVkZXI{month}").repeat(150)).unwrap();
        }
    };
    let picture = |n: usize| [&b"\xFF\xD8\xFF\xE0"[..], &noise(n)].concat();
    for n in 0..200 {
        std::fs::write(folder.path().join(format!("pictures/{n}.jpg")), picture(n)).unwrap();
        std::fs::write(folder.path().join(format!("cache-1-{n}")), text(n)).unwrap();
    }
    sessions(1);
    let base = seen(&folder, &Sights::new());
    for n in 0..200 {
        std::fs::remove_file(folder.path().join(format!("cache-1-{n}"))).unwrap();
        std::fs::write(folder.path().join(format!("cache-2-{n}")), text(n)).unwrap();
        std::fs::remove_file(folder.path().join(format!("pictures/{n}.jpg"))).unwrap();
        std::fs::write(folder.path().join(format!("pictures/new-{n}.jpg")), picture(n + 900)).unwrap();
        if n < 150 {
            std::fs::remove_file(folder.path().join(format!("pictures/session-1-{n}"))).unwrap();
        }
        if n >= 100 {
            std::fs::write(folder.path().join(format!("{n}.php")), text(n + 77)).unwrap();
        }
    }
    sessions(2);
    let now = seen(&folder, &base);
    assert_eq!(compare(&base, &now, Apart::Weeks), None);
    assert!(compare(&base, &now, Apart::ARun).is_some(), "in one night it would be another thing");
    let mut fewer = now;
    fewer.retain(|path, _| path.ends_with(".php"));
    assert_eq!(compare(&base, &fewer, Apart::Weeks).map(|alarm| alarm.code), Some("backup.shrunk"));
    let later = |days: i64| Timestamp::from_seconds(9_000_000 + days * 86_400);
    let base = Base { at: later(0), sights: base };
    assert!(!base.is_over(later(29)) && base.is_over(later(30)) && base.is_over(later(-1)));
}

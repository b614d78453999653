//! A shop whose files are encrypted a few at a time.

use super::*;

// Below what a night shows, night after night: the last whole backup went by its age, and nobody had heard of it.
on_both!(what_stays_below_a_nights_threshold_stops_retention_all_the_same, |house: House| {
    let shop = tempfile::tempdir().unwrap();
    let path = |n: usize| shop.path().join(format!("{n}.php"));
    for n in 0..200 {
        let text = format!("<?php // file {n}\necho 'a line that a person wrote';\n").repeat(60);
        std::fs::write(path(n), text).unwrap();
    }
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}[backup.shop]\npaths = ['{}']\n", shop.path().display())).unwrap();
    house.vault(|_| ());
    let is_frozen = || house.with(|opened| opened.db.read_blocking(frozen).unwrap());
    let night = |n: usize| {
        for n in n * 12..(n + 1) * 12 {
            let entropy: &dyn storeward_base::Entropy = &SystemEntropy;
            std::fs::write(path(n), entropy.bytes::<6_000>()).unwrap();
        }
        house.backup();
        is_frozen().map(|row| (row.code, row.changed))
    };
    house.backup();
    assert_eq!(night(0), None);
    assert_eq!(night(1), Some(("backup.scrambled".to_owned(), 24)));
    // Told once: whoever has looked begins with what is there.
    house.with(|opened| {
        finished(storeward_backup::desk::release(&opened.db, Actor::Operator)).unwrap().unwrap()
    });
    assert_eq!(night(2), None);
    assert!(night(3).is_some());
});

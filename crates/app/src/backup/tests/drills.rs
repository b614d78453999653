//! A drill that failed, or is overdue, comes before a backup that was made: for `storeward check` and for the page.

use super::*;

/// What `storeward check` says is to be looked at.
fn looked(house: &House) -> Option<String> {
    let config = house.with(|opened| opened.loaded.config.clone());
    look(&house.dir(), &config).unwrap().err().map(|(says, _)| says)
}

/// What the page says at some moment, and `storeward check` with it: the first of it.
fn worst(house: &House, days: u64) -> (String, Option<String>) {
    house.with(|opened| {
        let now = opened.db.now().plus(Duration::from_secs(days * 24 * 3_600));
        let desk = desk(opened).unwrap().unwrap();
        let standing = finished(desk.standing(now)).unwrap().unwrap();
        let page = standing.troubles.first().map(|trouble| trouble.words().0).unwrap_or_default();
        let found = schedule::worst(opened, section(&opened.loaded.config).unwrap(), now).unwrap();
        (page, found.map(|trouble| trouble.words().0))
    })
}

// It said that the target opens, on the same disk, and nothing of a drill that failed.
#[test]
fn a_drill_that_failed_is_told_beside_a_green_backup() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    assert!(house.drill().has_passed());
    let well = looked(&house).unwrap_or_default();
    assert!(!well.contains("drill"), "{well}");
    assert_eq!(worst(&house, 0), (String::new(), None));
    let packs = files_below(&house.target());
    let packs = packs.into_iter().filter(|path| path.components().any(|part| part.as_os_str() == "data"));
    let whole: Vec<(PathBuf, Vec<u8>)> =
        packs.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    for (pack, bytes) in &whole {
        std::fs::write(pack, &bytes[..bytes.len() / 2]).unwrap();
    }
    assert!(!house.drill().has_passed());
    for (pack, bytes) in &whole {
        std::fs::write(pack, bytes).unwrap();
    }
    house.backup();
    let told = looked(&house).unwrap();
    assert!(told.starts_with("The last drill failed (backup."), "{told}");
    assert_eq!(worst(&house, 0), (told.clone(), Some(told)));
    assert!(house.drill().has_passed());
    assert_eq!(worst(&house, 0), (String::new(), None));
}

// Nobody heard of the drill for as long as the copy lay there.
#[test]
fn a_drill_that_failed_is_told_before_an_earlier_copy_of_the_epochs_and_with_it() {
    let house = House::new(Engine::Sqlite, "");
    let copy = since::with_copy(&house);
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    house.vault(|standing| {
        finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap();
    });
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let other = house.at("second.json").display().to_string();
    std::fs::write(&file, text.replace(&copy.display().to_string(), &other)).unwrap();
    house.backup();
    let told = looked(&house).unwrap();
    assert!(told.starts_with("an earlier copy of the epochs' keys"), "{told}");
    std::fs::rename(house.target().join("files"), house.at("away")).unwrap();
    assert!(!house.drill().has_passed());
    std::fs::rename(house.at("away"), house.target().join("files")).unwrap();
    let told = looked(&house).unwrap();
    assert!(told.starts_with("The last drill failed (backup."), "{told}");
    assert!(told.contains("earlier copy") && told.contains(&copy.display().to_string()), "{told}");
}

#[test]
fn an_overdue_drill_is_told_beside_a_green_backup() {
    let house = House::new(Engine::Sqlite, "every_hours = 168\n");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let (page, check) = worst(&house, 9);
    assert_eq!(page, "No backup was ever restored on trial");
    assert_eq!(check, Some(page));
    assert!(house.drill().has_passed());
    assert_eq!(worst(&house, 7), (String::new(), None));
    let (page, check) = worst(&house, 9);
    assert!(page.starts_with("No drill passed since "), "{page}");
    assert_eq!(check, Some(page));
    // Where the backup is too old as well, the drill comes first.
    let (page, _) = worst(&house, 60);
    assert!(page.starts_with("No drill passed since "), "{page}");
}

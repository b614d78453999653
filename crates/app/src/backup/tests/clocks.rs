//! A clock that was wrong once: which run came last is what the ledger says.

use std::sync::Arc;

use storeward_base::FixedClock;
use storeward_vault::Use;

use super::rows::{copied, harmed};
use super::*;

/// Opens the directory under a clock that is so many hours ahead.
fn ahead<T>(house: &House, hours: u64, work: impl FnOnce(&Opened, &Backups, &Alone) -> T) -> T {
    let mut opened = open::open(&house.dir()).unwrap();
    let shifted = opened.clock.now().plus(Duration::from_secs(hours * 3_600));
    opened.clock = Arc::new(FixedClock::at(shifted));
    let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
    let done = work(&opened, &backups, &backups.alone().unwrap());
    opened.db.close();
    done
}

fn backup_ahead(house: &House, hours: u64) -> BackupId {
    ahead(house, hours, |opened, backups, alone| now(opened, backups, alone).unwrap().0.run)
}

fn read_out(
    house: &House,
    hours: u64,
    (run, to): (Option<BackupId>, &str),
    keys_from: Option<PathBuf>,
) -> Vec<String> {
    let wanted = Wanted { run, to: house.at(to), shop_to: None, keys_from, keys_run: None };
    ahead(house, hours, |opened, backups, alone| {
        restore(&Beside::Opened(opened), backups, alone, &wanted).unwrap()
    })
}

/// On another machine, with the keys of the directory and without its ledger.
fn read_out_away(house: &House, run: Option<BackupId>, to: &str) -> Vec<String> {
    let wanted =
        Wanted { run, to: house.at(to), shop_to: None, keys_from: Some(house.dir()), keys_run: None };
    ahead(house, 0, |_, backups, alone| restore(&Beside::Nothing, backups, alone, &wanted).unwrap())
}

fn has(lines: &[String], words: &str) -> bool {
    lines.iter().any(|line| line.contains(words))
}

// Two hours ahead once: whoever was erased since that run came back from it, and nobody was named.
on_both!(who_was_erased_after_a_run_that_was_dated_ahead_is_named, |house: House| {
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    let first = backup_ahead(&house, 2);
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        finished(standing.vault.restrict(&own(bob()), Use::Restricted)).unwrap().unwrap();
    });
    let last = house.backup();
    let lines = read_out(&house, 0, (Some(first), "ahead"), None);
    assert!(has(&lines, &format!("{}: was erased", ada())), "{lines:?}");
    assert!(has(&lines, &format!("{}: use restricted", bob())), "{lines:?}");
    assert!(has(&lines, &format!("keys are those of {last}, the newest")), "{lines:?}");
    // Once its moment has come, too, the last one is the last.
    for hours in [0, 3] {
        let to = format!("newest-{hours}");
        let lines = read_out(&house, hours, (None, &to), Some(house.dir()));
        assert!(lines[0].contains(&last.to_string()), "{lines:?}");
        assert!(!has(&lines, &first.to_string()) && !has(&lines, "say it again"), "{lines:?}");
        let report = ahead(&house, hours, |opened, backups, alone| {
            trial::drill(opened, backups, alone, None).unwrap()
        });
        assert!(report.has_passed() && report.run == Some(last), "{report:?}");
    }
});

// Each restore laid the keys of the run that was dated ahead: whoever came since opened in none, and the drill passed.
on_both!(the_keys_of_a_run_that_was_dated_ahead_open_no_later_one, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let first = backup_ahead(&house, 2);
    let snapshots = house.target().join("keys/snapshots");
    let before = files_below(&snapshots);
    house.vault(|standing| keep(standing, bob(), "bob@shop.example"));
    let last = house.backup();
    for (to, lines) in [
        ("own", read_out(&house, 0, (None, "own"), Some(house.dir()))),
        ("away", read_out_away(&house, None, "away")),
    ] {
        assert!(lines[0].contains(&last.to_string()), "{lines:?}");
        open_restored(&house.at(to), &house, |_, standing| {
            assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example", "{to}");
        })
        .unwrap();
    }
    // Elsewhere, too, the last one's are the newest.
    let lines = read_out_away(&house, Some(first), "ahead");
    assert!(has(&lines, &format!("keys are those of {last}, the newest")), "{lines:?}");
    assert!(house.drill().has_passed());
    // The keys of the last one are gone: no drill passes where somebody does not open.
    for file in files_below(&snapshots).into_iter().filter(|file| !before.contains(file)) {
        std::fs::remove_file(file).unwrap();
    }
    let report = house.drill();
    let failed: Vec<_> = report.findings.iter().filter(|one| !one.held).collect();
    assert!(failed.iter().map(|one| one.what.as_str()).eq(["keys", "customers"]), "{report:?}");
    assert!(failed[1].says.contains(&bob().to_string()), "{report:?}");
    let lines = read_out(&house, 0, (None, "older"), Some(house.dir()));
    assert!(has(&lines, "older than the data") && !has(&lines, "stays erased"), "{lines:?}");
});

// With what is kept as it comes, three of a clock that was ahead: each backup after them was deleted by the run that made it, `list` named somebody
// who had deleted it, and the drill passed.
on_both!(a_backup_after_three_that_were_dated_ahead_stays, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let first = house.backup();
    for hours in [5, 6, 7] {
        backup_ahead(&house, hours);
    }
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        keep(standing, bob(), "bob@shop.example");
    });
    for _ in 0..2 {
        let last = house.backup();
        let there = house.with(|opened| {
            let made = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
            made.list().unwrap().runs.into_iter().map(|run| run.run).collect::<Vec<_>>()
        });
        assert!(there.len() >= 4 && there.contains(&last), "{there:?} {first}");
        assert_eq!(harmed(&house), [] as [String; 0]);
        let report = house.drill();
        assert!(report.has_passed() && report.run == Some(last), "{report:?}");
    }
    read_out_away(&house, None, "away");
    open_restored(&house.at("away"), &house, |_, standing| {
        assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example");
        assert!(email(standing, ada()).is_err(), "erased");
    })
    .unwrap();
});

// The drill compared dates: the target put back to what was dated ahead passed.
on_both!(no_drill_passes_on_a_target_that_was_put_back_to_a_run_dated_ahead, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    backup_ahead(&house, 2);
    copied(&house.target(), &house.at("older"));
    let last = house.backup();
    assert!(house.drill().has_passed());
    std::fs::remove_dir_all(house.target()).unwrap();
    copied(&house.at("older"), &house.target());
    for hours in [0, 3] {
        let report = ahead(&house, hours, |opened, backups, alone| {
            trial::drill(opened, backups, alone, None).unwrap()
        });
        let failed: Vec<_> = report.findings.iter().filter(|one| !one.held).collect();
        let wanted: &[&str] = if hours == 0 { &["age", "newest"] } else { &["newest"] };
        assert!(failed.iter().map(|one| one.what.as_str()).eq(wanted.iter().copied()), "{report:?}");
        assert!(failed.iter().any(|one| one.says.contains(&last.to_string())), "{report:?}");
    }
});

// A run that was killed behind its manifest, under a clock that was ahead: what it holds was said to be of this moment.
on_both!(no_drill_measures_the_age_of_what_was_dated_ahead, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let ahead = backup_ahead(&house, 3);
    house.with(|opened| {
        write(opened, move |tx| {
            tx.commit_silent("what a kill leaves");
            tx.execute(
                "UPDATE backup_run SET ended_at = NULL, code = NULL WHERE run = $1",
                storeward_store::params![ahead],
            )
            .map(drop)
        })
        .unwrap();
    });
    let report = house.drill();
    assert_eq!((report.run, report.age_ms, report.code.as_str()), (Some(ahead), None, "backup.drill"));
    let failed: Vec<_> = report.findings.iter().filter(|one| !one.held).collect();
    assert!(failed.len() == 1 && failed[0].what == "age", "{report:?}");
    assert!(failed[0].says.contains("ahead by 2 h 59 min"), "{report:?}");
    house.backup();
    assert!(house.drill().has_passed());
});

// The ledger of a directory that was restored has no end of the run that it was restored from: it took the one before that, dated ahead.
on_both!(what_was_restored_from_a_run_after_one_dated_ahead_takes_that_one, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    backup_ahead(&house, 2);
    house.vault(|standing| keep(standing, bob(), "bob@shop.example"));
    let last = house.backup();
    house.restore(None, "restored").unwrap();
    std::fs::copy(house.dir().join("password"), house.at("restored").join("password")).unwrap();
    open_restored(&house.at("restored"), &house, |opened, _| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let report = trial::drill(opened, &backups, &backups.alone().unwrap(), None).unwrap();
        assert!(report.has_passed() && report.run == Some(last), "{report:?}");
    })
    .unwrap();
});

// A directory that was put back to an older state and goes on: its ledger is shorter than that of what was made before, and its runs are the later
// ones all the same.
on_both!(what_a_directory_makes_that_was_put_back_is_later_than_what_was_made_before, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let first = house.backup();
    for _ in 0..2 {
        house.backup();
    }
    house.restore(Some(first), "restored").unwrap();
    std::fs::copy(house.dir().join("password"), house.at("restored").join("password")).unwrap();
    let mine = open_restored(&house.at("restored"), &house, |opened, standing| {
        keep(standing, bob(), "bob@shop.example");
        let made = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let made = made.taking_over();
        now(opened, &made, &made.alone().unwrap()).unwrap().0.run
    });
    let lines = read_out_away(&house, None, "away");
    assert!(lines[0].contains(&mine.unwrap().to_string()), "{lines:?}");
});

// An older state of customers' keys alone: nothing but a restore said so.
on_both!(customers_keys_that_were_put_back_alone_are_told_and_no_drill_passes, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    copied(&house.target().join("keys"), &house.at("older"));
    house.vault(|standing| finished(standing.vault.erase(&own(ada()))).unwrap().unwrap());
    let last = house.backup();
    assert_eq!(harmed(&house), [] as [String; 0]);
    std::fs::remove_dir_all(house.target().join("keys")).unwrap();
    copied(&house.at("older"), &house.target().join("keys"));
    let told = harmed(&house);
    assert!(told.len() == 1 && told[0].contains(&format!("customers' keys of {last}")), "{told:?}");
    let report = house.drill();
    let failed: Vec<_> = report.findings.iter().filter(|one| !one.held).collect();
    assert!(failed.iter().any(|one| one.what == "keys"), "{report:?}");
});

// Where some older ones were left it was told, and of none at all nothing was, before a restore: of a disk of the keys' own that is not mounted, say.
on_both!(customers_keys_that_are_all_gone_are_told_before_the_next_backup_hides_it, |house: House| {
    house.backup();
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    assert_eq!(harmed(&house), [] as [String; 0], "the one of before there were customers had none");
    let last = house.backup();
    assert_eq!(harmed(&house), [] as [String; 0]);
    std::fs::remove_dir_all(house.target().join("keys")).unwrap();
    let told = harmed(&house);
    assert!(told.len() == 1 && told[0].contains(&format!("customers' keys of {last}")), "{told:?}");
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains("this backup is made") && told.contains("nor any others"), "{told}");
    assert_eq!(harmed(&house), [] as [String; 0]);
    house.backup();
});

// A battery that was empty once, after more than a hundred tries: one's own backups were called a copy's, and none was made any more.
on_both!(ones_own_backups_are_known_however_many_tries_bear_a_later_moment, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let kept = house.backup();
    let last = house.backup();
    house.with(|opened| {
        let back = opened.clock.now().minus(Duration::from_secs(12 * 3_600));
        write(opened, move |tx| {
            tx.commit_silent("what a test does");
            for number in 0..120 {
                sql::begin(tx, BackupId::from_bits(number))?;
            }
            let values = storeward_store::params![last, back];
            tx.execute("UPDATE backup_run SET begun_at = $2 WHERE run = $1", values).map(drop)
        })
        .unwrap();
        let known = newest::known(opened).unwrap().unwrap();
        assert!(known.since < opened.clock.now().minus(Duration::from_secs(11 * 3_600)), "{known:?}");
        assert!(known.runs.contains(&kept));
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let listing = backups.list().unwrap();
        let strange = newest::of_a_copy(&backups, &listing, Some(&known), opened.clock.now());
        assert_eq!(strange.unwrap(), None);
    });
    house.backup();
});

//! Backups of a data directory, restored and opened, on both databases.

use std::path::{Path, PathBuf};
use std::time::Duration;

use storeward_backup::Reading;
use storeward_backup::postgres::TrialDatabase;
use storeward_base::{BackupId, CustomerId, SystemEntropy};
use storeward_policy::Purpose;
use storeward_store::ledger::{VerifyOptions, verify};
use storeward_store::{DatabaseUrl, Engine};
use storeward_vault::{Ask, Asker, Field, Item, Provenance};

use super::restore::{Beside, Wanted, restore};
use super::*;
use crate::oidc::finished;
use crate::open;
use crate::vault::Standing;

/// A data directory with customers, a target, and a database that is gone afterwards.
struct House {
    folder: tempfile::TempDir,
    _server: Option<TrialDatabase>,
}

fn fresh() -> String {
    let entropy: &dyn storeward_base::Entropy = &SystemEntropy;
    entropy.token::<6>()
}

/// Runs a test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($name:ident, $test:expr) => {
        mod $name {
            use super::*;
            #[test]
            fn sqlite() {
                $test(House::new(Engine::Sqlite, ""));
            }
            #[test]
            fn postgres() {
                if std::env::var_os("STOREWARD_TEST_SQLITE_ONLY").is_none() {
                    $test(House::new(Engine::Postgres, ""));
                }
            }
        }
    };
}

impl House {
    fn new(engine: Engine, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("data")).unwrap();
        data.ensure_keys(&SystemEntropy).unwrap();
        for (name, secret) in
            [("password", "six words that nobody guesses"), ("other", "six other words, for the keys")]
        {
            write_atomically(&data.join(name), secret.as_bytes()).unwrap();
        }
        let (server, url) = match engine {
            Engine::Sqlite => (None, String::new()),
            Engine::Postgres => {
                let url = std::env::var("STOREWARD_TEST_POSTGRES").expect("STOREWARD_TEST_POSTGRES is set");
                let name = format!("backup_test_{}", fresh());
                let environment = DatabaseUrl::parse(&url).unwrap().for_programs();
                let environment: Vec<_> = environment.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
                let server = TrialDatabase::create(&environment, &name).unwrap();
                let url = trial::with_database(&Secret::new(url), &name).expose().clone();
                (Some(server), format!("[database]\nurl = '{url}'\n"))
            }
        };
        let text = format!(
            "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:1']\n\
             [vault]\n{url}[backup]\ntarget = '{}'\npassword_file = 'password'\n{more}",
            folder.path().join("target").display()
        );
        std::fs::write(data.join(crate::config::FILE), text).unwrap();
        House { folder, _server: server }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens the directory, does something, closes it.
    fn with<T>(&self, work: impl FnOnce(&Opened) -> T) -> T {
        let opened = open::open(&self.dir()).unwrap();
        let done = work(&opened);
        opened.db.close();
        done
    }

    fn vault<T>(&self, work: impl FnOnce(&Standing) -> T) -> T {
        self.with(|opened| {
            let standing = crate::vault::start(opened).unwrap().unwrap();
            let done = work(&standing);
            standing.close();
            done
        })
    }

    fn backup(&self) -> BackupId {
        self.try_backup().unwrap()
    }

    fn try_backup(&self) -> Done<BackupId> {
        self.with(|opened| {
            let backups = backups(&opened.data, section(&opened.loaded.config)?, Bars::none())?;
            let alone = backups.alone().map_err(|error| told(&error))?;
            now(opened, &backups, &alone).map(|(begin, _)| begin.run)
        })
    }

    fn drill(&self) -> storeward_backup::drill::Report {
        self.with(|opened| {
            let backups =
                backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
            let alone = backups.alone().unwrap();
            trial::drill(opened, &backups, &alone, None).unwrap()
        })
    }

    fn restore(&self, run: Option<BackupId>, to: &str) -> Done<Vec<String>> {
        self.with(|opened| {
            let backups = backups(&opened.data, section(&opened.loaded.config)?, Bars::none())?;
            let alone = backups.alone().map_err(|error| told(&error))?;
            let wanted = Wanted {
                run,
                to: self.at(to),
                shop_to: None,
                keys_from: Some(opened.data.path().to_owned()),
                keys_run: None,
            };
            restore(&Beside::Opened(opened), &backups, &alone, &wanted)
        })
    }

    fn verify(&self) -> Vec<String> {
        self.with(|opened| {
            let backups =
                backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
            backups.verify(Reading::All).unwrap()
        })
    }

    fn kinds(&self) -> Vec<String> {
        self.with(|opened| {
            let filter = storeward_store::ledger::Filter {
                kind_prefix: Some("backup.".to_owned()),
                ..storeward_store::ledger::Filter::default()
            };
            let page = opened.db.read_blocking(move |reader| {
                storeward_store::ledger::search(reader, &filter, storeward_base::PageSize::new(50))
            });
            page.unwrap().rows.iter().map(|(_, record)| record.event.kind().to_owned()).collect()
        })
    }
}

fn ada() -> CustomerId {
    CustomerId::from_bits(0xADA)
}

fn bob() -> CustomerId {
    CustomerId::from_bits(0xB0B)
}

fn keep(standing: &Standing, who: CustomerId, email: &str) {
    let item = Item {
        id: "own".to_owned(),
        values: vec![(Field::find("contact.email").unwrap(), Secret::new(email.to_owned()))],
        provenance: Provenance::Import,
        keep_until: None,
    };
    finished(standing.vault.write(Actor::Operator, who, item)).unwrap().unwrap();
}

fn own(who: CustomerId) -> Ask {
    Ask::new(Asker::customer(who), who, Purpose::OwnData)
}

/// What is kept of somebody, or why nothing is.
fn email(standing: &Standing, who: CustomerId) -> Result<String, storeward_vault::Error> {
    let opening =
        finished(standing.vault.open(&own(who), &[Field::find("contact.email").unwrap()])).unwrap()?;
    Ok(opening.values[0].value.expose().clone())
}

/// Opens a restored directory as a start would, whatever database its config names.
fn open_restored<T>(dir: &Path, house: &House, work: impl FnOnce(&Opened, &Standing) -> T) -> Done<T> {
    let data = DataDir::open(dir)?;
    let mut loaded = crate::config::Config::load(dir)?;
    let dump = data.join(sources::OWN_DUMP);
    let server = if dump.is_file() {
        let environment: Vec<_> = house.with(|opened| {
            opened.db.url().for_programs().into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
        });
        let name = format!("backup_test_{}", fresh());
        let server = TrialDatabase::create(&environment, &name).map_err(|error| told(&error))?;
        server.load(&dump, Some("public")).map_err(|error| told(&error))?;
        loaded.config.database.url = trial::with_database(&loaded.config.database.url, &name);
        Some(server)
    } else {
        None
    };
    let opened = open::open_as(dir, loaded)?;
    let standing = crate::vault::start(&opened);
    let done = standing.map(|standing| {
        let standing = standing.unwrap();
        standing.settle_restored(&opened).unwrap();
        let done = work(&opened, &standing);
        standing.close();
        done
    });
    opened.db.close();
    drop(server);
    done
}

on_both!(what_is_restored_opens_and_nothing_is_lost, |house: House| {
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    house.backup();
    house.vault(|standing| keep(standing, CustomerId::from_bits(0xCA), "later@shop.example"));
    let lines = house.restore(None, "restored").unwrap();
    assert!(lines[0].contains("each as it was put away"), "{lines:?}");
    open_restored(&house.at("restored"), &house, |opened, standing| {
        assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example");
        assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example");
        assert!(email(standing, CustomerId::from_bits(0xCA)).is_err(), "it was written later");
        let report = verify(&opened.db, &VerifyOptions::default(), |_, _| {}).unwrap();
        assert_eq!(report.first_fault, None);
    })
    .unwrap();
    let config = std::fs::read(house.at("restored").join("storeward.toml")).unwrap();
    assert_eq!(config, std::fs::read(house.dir().join("storeward.toml")).unwrap());
    // Nothing is written over.
    let again = house.restore(None, "restored").unwrap_err().to_string();
    assert!(again.contains("is not empty"), "{again}");
    assert_eq!(house.kinds(), ["backup.restored", "backup.made"]);
    assert!(!house.dir().join(SCRATCH).exists(), "copies lie about");
});

on_both!(a_customer_who_was_erased_does_not_come_back, |house: House| {
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    let yesterday = house.backup();
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        assert!(email(standing, ada()).is_err());
    });
    // Yesterday's data, and yesterday's keys, which are the newest there are: the epoch lasts still.
    let lines = house.restore(Some(yesterday), "first").unwrap();
    assert!(lines.iter().any(|line| line.starts_with("1 customers who were erased since")), "{lines:?}");
    let gone = |to: &str| {
        open_restored(&house.at(to), &house, |_, standing| {
            assert!(email(standing, ada()).is_err(), "she came back");
            let found =
                finished(standing.vault.find(Field::find("contact.email").unwrap(), "ada@shop.example"));
            assert_eq!(found.unwrap().unwrap(), []);
            let item = Item {
                id: "own".to_owned(),
                values: vec![(Field::find("contact.name").unwrap(), Secret::new("Ada".to_owned()))],
                provenance: Provenance::Import,
                keep_until: None,
            };
            let again = finished(standing.vault.write(Actor::Operator, ada(), item)).unwrap();
            assert_eq!(again.unwrap_err(), storeward_vault::Error::NoCustomer, "a new key for her");
            assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example", "and nothing else is lost");
        })
        .unwrap();
    };
    gone("first");
    // A backup of today: yesterday's data comes with today's keys, in which she is destroyed already.
    house.backup();
    let lines = house.restore(Some(yesterday), "second").unwrap();
    assert!(
        lines.iter().any(|line| line.contains("the newest: who was erased since stays erased")),
        "{lines:?}"
    );
    gone("second");
});

/// Whoever has both old copies, the password and this machine's keys: once the epoch has ended nothing of it opens.
#[test]
fn old_copies_of_data_and_keys_are_dead_once_the_epoch_has_ended() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    house.backup();
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        assert_eq!(finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap().len(), 1);
    });
    // No tombstone comes from this directory: it was not there when the thief read it out.
    let wanted = Wanted {
        run: None,
        to: house.at("theirs"),
        shop_to: None,
        keys_from: Some(house.dir()),
        keys_run: None,
    };
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let alone = backups.alone().unwrap();
        restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap();
    });
    let refused = open_restored(&house.at("theirs"), &house, |_, _| ()).unwrap_err().to_string();
    assert!(refused.contains("gone on purpose"), "{refused}");
    // The shop itself goes on: a backup of now has the keys of now.
    house.backup();
    house.restore(None, "ours").unwrap();
    open_restored(&house.at("ours"), &house, |_, standing| {
        assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example");
        assert!(email(standing, ada()).is_err());
    })
    .unwrap();
}

on_both!(a_drill_passes_and_its_report_is_signed, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let report = house.drill();
    assert!(report.has_passed(), "{report:?}");
    for what in ["checksums", "signature", "ledger", "customers", "heartbeat", "rows"] {
        assert!(
            report.findings.iter().any(|finding| finding.what == what && finding.held),
            "{what}: {report:?}"
        );
    }
    assert!(report.recovery_ms.is_some() && report.age_ms.is_some(), "{report:?}");
    house.with(|opened| {
        let rows = opened.db.read_blocking(|reader| sql::drills(reader, 5)).unwrap();
        let key = LogKey::from_seed(&opened.data.keys().unwrap().ledger);
        let read = storeward_backup::drill::Report::read(&rows[0].report, &rows[0].signature, &key);
        assert_eq!(read, Some(report.clone()));
    });
    assert_eq!(house.kinds(), ["backup.drill_passed", "backup.made"]);
    assert!(!house.dir().join(SCRATCH).exists(), "a restored copy lies about, with the keys beside it");
});

/// Files of a folder and of those in it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn one_flipped_byte_in_any_pack_is_found_and_the_drill_fails() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    assert_eq!(house.verify(), Vec::<String>::new());
    let packs: Vec<PathBuf> = files_below(&house.target())
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "data"))
        .collect();
    assert!(packs.len() >= 5, "{packs:?}");
    let mut drills_failed = 0;
    for pack in &packs {
        let whole = std::fs::read(pack).unwrap();
        let mut bytes = whole.clone();
        let middle = bytes.len() / 3;
        bytes[middle] ^= 1;
        std::fs::write(pack, bytes).unwrap();
        assert!(!house.verify().is_empty(), "a flipped byte in {} was not found", pack.display());
        let report = house.drill();
        drills_failed += usize::from(!report.has_passed());
        assert_eq!(report.has_passed(), report.code.is_empty());
        std::fs::write(pack, whole).unwrap();
    }
    // What the drill does not read (a tree's old copy, the head of a pack) it cannot miss; the rest it must.
    assert!(drills_failed * 2 > packs.len(), "{drills_failed} of {}", packs.len());
    assert!(house.drill().has_passed());
    assert!(house.kinds().contains(&"backup.drill_failed".to_owned()));
}

#[test]
fn an_older_database_in_a_backups_place_does_not_pass() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let old = std::fs::read(house.dir().join("storeward.sqlite")).unwrap();
    house.vault(|standing| keep(standing, bob(), "bob@shop.example"));
    let run = house.backup();
    // Somebody with the password puts the older database where the newer was: the checksum tells.
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let manifest = backups.manifest_of(run, None).unwrap();
        let note = manifest.files.iter().find(|file| file.path == "storeward.sqlite").unwrap();
        assert_ne!(note.sha256, storeward_seal::fingerprint::sha256_hex(&old));
        let other = LogKey::generate(&SystemEntropy);
        assert!(backups.manifest_of(run, Some(&other)).is_err(), "another key's manifest was believed");
    });
}

#[test]
fn neither_epochs_nor_passphrases_nor_keys_are_put_away() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let run = house.backup();
    let names = |house: &House, run| -> Vec<String> {
        house.with(|opened| {
            let backups =
                backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
            let manifest = backups.manifest_of(run, None).unwrap();
            manifest.files.iter().map(|file| format!("{}:{}", file.part, file.path)).collect()
        })
    };
    let found = names(&house, run);
    for wanted in [
        "databases:storeward.sqlite",
        "files:vault/root.json",
        "files:storeward.toml",
        "keys:vault/keys.sqlite",
    ] {
        assert!(found.contains(&wanted.to_owned()), "{wanted}: {found:?}");
    }
    assert!(
        !found.iter().any(|name| name.contains("epochs")
            || name.contains("passphrase")
            || name.contains("keys/")
            || name.contains("password")),
        "{found:?}"
    );
    // With a password of their own all of keys/ is put away but the passphrase.
    let apart = House::new(Engine::Sqlite, "keys_password_file = 'other'\n");
    apart.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    write_atomically(&apart.dir().join("keys/dkim-storeward.pem"), b"a key of mail").unwrap();
    let run = apart.backup();
    let found = names(&apart, run);
    let own = std::fs::read_dir(apart.dir().join("keys")).unwrap();
    let own: Vec<String> = own.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(own.iter().any(|name| name == "rows-bound"), "{own:?}");
    for name in own.iter().filter(|name| *name != "vault-passphrase") {
        assert!(found.contains(&format!("keys:keys/{name}")), "{name}: {found:?}");
    }
    assert!(!found.iter().any(|name| name.contains("epochs") || name.contains("passphrase")), "{found:?}");
    assert!(apart.drill().has_passed());
    // The bytes of none of them lie at the target.
    for name in ["vault/epochs.json", "keys/vault-passphrase", "keys/data"] {
        let secret = std::fs::read(house.dir().join(name)).unwrap();
        for file in files_below(&house.target()) {
            let bytes = std::fs::read(&file).unwrap();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{name} in {}", file.display());
        }
    }
}

#[test]
fn what_is_due_is_done_and_done_once() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    schedule::scheduled(&house.dir()).unwrap();
    assert_eq!(house.kinds(), ["backup.drill_passed", "backup.made"]);
    schedule::scheduled(&house.dir()).unwrap();
    assert_eq!(house.kinds().len(), 2, "nothing was due");
}

#[test]
fn files_that_turn_into_noise_stop_retention_until_somebody_has_looked() {
    let shop = tempfile::tempdir().unwrap();
    for n in 0..40 {
        let text = format!("<?php // file {n}\necho 'a line that a person wrote';\n").repeat(60);
        std::fs::write(shop.path().join(format!("{n}.php")), text).unwrap();
    }
    let more = format!(
        "[backup.keep]\nlast = 1\ndays = 1\nweeks = 0\nmonths = 0\n[backup.shop]\npaths = ['{}']\n",
        shop.path().display()
    );
    let house = House::new(Engine::Sqlite, &more);
    house.vault(|_| ());
    let first = house.backup();
    house.backup();
    let runs = |house: &House| {
        house.with(|opened| {
            backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none())
                .unwrap()
                .list()
                .unwrap()
                .runs
        })
    };
    assert_eq!(runs(&house).len(), 1, "one is kept");
    let words = || house.with(|opened| super::restore::frozen(opened).unwrap());
    assert_eq!(words(), None);
    // What an attack makes of them.
    for n in 0..30 {
        let entropy: &dyn storeward_base::Entropy = &SystemEntropy;
        std::fs::write(shop.path().join(format!("{n}.php")), entropy.bytes::<6_000>()).unwrap();
    }
    house.backup();
    house.backup();
    assert_eq!(runs(&house).len(), 3, "a backup was deleted while retention stands still");
    assert!(house.kinds().contains(&"backup.retention_frozen".to_owned()));
    // `backup now` said nothing of it.
    let said = words().unwrap();
    assert!(said.contains("no old backup is deleted") && said.contains("backup release"), "{said}");
    // The shop's files of before come back.
    let before = runs(&house)[0].run;
    assert_ne!(before, first);
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let alone = backups.alone().unwrap();
        let wanted = Wanted {
            run: Some(before),
            to: house.at("own"),
            shop_to: Some(house.at("shop")),
            keys_from: None,
            keys_run: None,
        };
        restore(&Beside::Opened(opened), &backups, &alone, &wanted).unwrap();
    });
    let back = house.at("shop").join(shop.path().strip_prefix("/").unwrap()).join("7.php");
    assert!(std::fs::read_to_string(back).unwrap().starts_with("<?php // file 7"));
    let was =
        house.with(|opened| finished(storeward_backup::desk::release(&opened.db, Actor::Operator)).unwrap());
    assert!(was.unwrap());
    house.backup();
    assert_eq!(runs(&house).len(), 1);
    assert!(house.drill().has_passed());
}

/// A restore wrote through a link of the shop's into the shop that runs.
#[test]
fn a_restore_follows_no_link_and_what_holds_the_backup_is_no_part_of_it() {
    let shop = tempfile::tempdir().unwrap();
    let releases = shop.path().join("releases");
    std::fs::create_dir_all(releases.join("one")).unwrap();
    std::fs::write(releases.join("one/index.php"), "one").unwrap();
    std::os::unix::fs::symlink(releases.join("one"), shop.path().join("current")).unwrap();
    let house_of =
        |path: &Path| House::new(Engine::Sqlite, &format!("[backup.shop]\npaths = ['{}']\n", path.display()));
    let house = house_of(shop.path());
    house.vault(|_| ());
    house.backup();
    std::fs::remove_file(releases.join("one/index.php")).unwrap();
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let alone = backups.alone().unwrap();
        let shop_to = Some(house.at("shop"));
        let wanted = Wanted { run: None, to: house.at("own"), shop_to, keys_from: None, keys_run: None };
        restore(&Beside::Opened(opened), &backups, &alone, &wanted).unwrap();
    });
    let restored = files_below(&house.at("shop"));
    assert!(restored.iter().any(|path| path.ends_with("releases/one/index.php")), "{restored:?}");
    assert!(!releases.join("one/index.php").exists(), "written through the link");
    // A link by its own name, a folder in Storeward's, and one in another: refused with words.
    let refused = |house: &House| format!("{:?}", house.try_backup().unwrap_err());
    let linked = house_of(&shop.path().join("current"));
    assert!(refused(&linked).contains("is a link"), "{}", refused(&linked));
    let twice = house_of(shop.path());
    let config = twice.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&config).unwrap();
    let both = format!("paths = ['{}', '{}']", shop.path().display(), releases.display());
    let one = format!("paths = ['{}']", shop.path().display());
    std::fs::write(&config, text.replace(&one, &both)).unwrap();
    assert!(refused(&twice).contains("name the outer one"), "{}", refused(&twice));
    let vault = format!("paths = ['{}']", twice.dir().join("vault").display());
    twice.vault(|_| ());
    std::fs::write(&config, text.replace(&one, &vault)).unwrap();
    assert!(refused(&twice).contains("one in the other"), "{}", refused(&twice));
}

mod clocks;
mod drills;
mod keys_apart;
mod lost_keys;
mod marks;
mod old;
mod rows;
mod since;
mod slow;
pub mod stopped;
mod target;

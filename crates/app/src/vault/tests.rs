//! The vault as a data directory has it: files, passphrases, what is refused.

mod accounts;
mod head;

use std::path::Path;

use storeward_base::{Actor, CustomerId, SystemEntropy};
use storeward_vault::{Ask, Asker, Field, Item, Provenance};

use super::root::{OWN_PASSPHRASE, To, move_to};
use super::*;
use crate::open;

fn directory(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    data.ensure_keys(&SystemEntropy).unwrap();
    write_config(folder.path(), more);
    folder
}

fn write_config(dir: &Path, more: &str) {
    let text = format!(
        "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = \
         ['http://127.0.0.1:1']\n[vault]\n{more}"
    );
    fs::write(dir.join(crate::config::FILE), text).unwrap();
}

/// Starts, does something, closes.
fn with<T>(dir: &Path, work: impl FnOnce(&Opened, &Standing) -> T) -> Done<T> {
    let opened = open::open(dir)?;
    let standing = start(&opened);
    let done = standing.map(|standing| {
        let standing = standing.unwrap();
        let done = work(&opened, &standing);
        standing.close();
        done
    });
    opened.db.close();
    done
}

fn ada() -> CustomerId {
    CustomerId::from_bits(0xADA)
}

fn write_ada(standing: &Standing) {
    let item = Item {
        id: "own".to_owned(),
        values: vec![(Field::find("contact.email").unwrap(), Secret::new("ada@shop.example".to_owned()))],
        provenance: Provenance::Import,
        keep_until: None,
    };
    finished(standing.vault.write(Actor::Operator, ada(), item)).unwrap().unwrap();
}

// A restore made it before the start did, and everybody could look into it.
#[test]
fn the_folder_of_keys_is_the_owners_alone_from_its_first_moment() {
    let folder = directory("");
    indexes::make_at_start(&DataDir::open(folder.path()).unwrap()).unwrap();
    assert_eq!(fs::metadata(folder.path().join(FOLDER)).unwrap().permissions().mode() & 0o777, 0o700);
}

fn email_of_ada(standing: &Standing) -> String {
    let ask = Ask::new(Asker::customer(ada()), ada(), storeward_policy::Purpose::OwnData);
    let opening = finished(standing.vault.open(&ask, &[Field::find("contact.email").unwrap()])).unwrap();
    opening.unwrap().values[0].value.expose().clone()
}

#[test]
fn everything_that_protects_is_the_owners_alone_and_opens_again() {
    let folder = directory("");
    with(folder.path(), |_, standing| write_ada(standing)).unwrap();
    for name in [ROOT, SHELF, KEYS, OWN_PASSPHRASE] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(folder.path().join(FOLDER)).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(with(folder.path(), |_, standing| email_of_ada(standing)).unwrap(), "ada@shop.example");
    // No file of the data says it: not the address, nor the passphrase outside of its own file.
    let passphrase = fs::read_to_string(folder.path().join(OWN_PASSPHRASE)).unwrap();
    for name in ["storeward.sqlite", ROOT, SHELF, KEYS] {
        let bytes = fs::read(folder.path().join(name)).unwrap();
        for text in ["ada@shop.example", passphrase.as_str()] {
            assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{name}");
        }
    }
    let told = with(folder.path(), |opened, standing| words::status(opened, standing).unwrap()).unwrap();
    assert!(told.starts_with("1 customers, 1 values, 0 erased\nepoch 1 since "), "{told}");
    assert!(told.contains("beside what it protects") && told.contains("as its ledger says"), "{told}");
}

#[test]
fn a_passphrase_of_ones_own_is_asked_for_each_time() {
    let folder = directory("passphrase_file = 'secret'\n");
    let secret = folder.path().join("secret");
    let write = |text: &str, mode: u32| {
        fs::write(&secret, text).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
    };
    let refused = || with(folder.path(), |_, _| ()).unwrap_err().to_string();
    assert!(refused().contains("vault.passphrase_file"));
    write("too short", 0o600);
    assert!(refused().contains("fewer than 16 characters"));
    write("six words that nobody guesses", 0o644);
    assert!(refused().contains("chmod 600"));
    assert!(!folder.path().join(ROOT).exists(), "a root key was made under a passphrase that was refused");
    write("six words that nobody guesses\n", 0o400);
    with(folder.path(), |_, standing| write_ada(standing)).unwrap();
    assert!(!folder.path().join(OWN_PASSPHRASE).exists());
    assert_eq!(with(folder.path(), |_, standing| email_of_ada(standing)).unwrap(), "ada@shop.example");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    write("six words that somebody guessed", 0o600);
    let told = refused();
    assert!(told.contains("does not open") && !told.contains("guess"), "{told}");
}

#[test]
fn the_passphrase_is_changed_and_the_old_one_opens_nothing() {
    let folder = directory("");
    with(folder.path(), |_, standing| write_ada(standing)).unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "six words that nobody guesses").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    with(folder.path(), |opened, _| change_passphrase(opened, &secret).unwrap()).unwrap();
    assert!(with(folder.path(), |_, _| ()).unwrap_err().to_string().contains("does not open"));
    write_config(folder.path(), "passphrase_file = 'secret'\n");
    assert_eq!(with(folder.path(), |_, standing| email_of_ada(standing)).unwrap(), "ada@shop.example");
}

#[test]
fn a_root_key_that_is_missing_or_damaged_is_told_and_never_made_anew() {
    let folder = directory("");
    with(folder.path(), |_, standing| write_ada(standing)).unwrap();
    let path = folder.path().join(ROOT);
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let told = with(folder.path(), |_, _| ()).unwrap_err().to_string();
    assert!(told.contains("restore it from its backup") && !path.exists(), "{told}");
    fs::write(&path, text.replace("\"version\"", "\"vorsion\"")).unwrap();
    assert!(with(folder.path(), |_, _| ()).unwrap_err().to_string().contains("damaged"));
    fs::write(&path, &text).unwrap();
    assert_eq!(with(folder.path(), |_, standing| email_of_ada(standing)).unwrap(), "ada@shop.example");
}

#[test]
fn a_section_that_does_not_fit_is_refused() {
    for (more, says) in [
        ("rotate_days = 31\n", "vault.rotate_days"),
        ("rotate_days = 0\n", "vault.rotate_days"),
        ("key_store = 'sqlite:storeward.sqlite'\n", "keys lie apart"),
        ("key_store = 'mysql://x'\n", "vault.key_store"),
        ("passphrase = 'in the config'\n", "unknown field"),
    ] {
        let folder = directory(more);
        let told = open::open(folder.path()).map(drop).unwrap_err().to_string();
        assert!(told.contains(says), "{more}: {told}");
    }
}

#[test]
fn a_shops_own_rules_are_taken_whole_or_not_at_all() {
    let folder = directory("policy_file = 'access.cedar'\n");
    let write = |text: &str| fs::write(folder.path().join("access.cedar"), text).unwrap();
    write("permit (principal, action, resource);");
    let told = with(folder.path(), |_, _| ()).unwrap_err().to_string();
    assert!(told.contains("access.cedar") && told.contains("needs a name"), "{told}");
    write("@id(\"all\") permit (principal, action, resource);");
    let config = |opened: &Opened| opened.loaded.config.clone();
    with(folder.path(), |opened, standing| {
        write("@id(\"x\") permit (principal is Nobody, action, resource);");
        assert!(standing.rules(&config(opened), &opened.data).is_err());
        write("@id(\"all\") permit (principal, action, resource);");
        standing.take(standing.rules(&config(opened), &opened.data).unwrap());
        assert_eq!(standing.vault.rules_from(), storeward_vault::RulesFrom::File);
    })
    .unwrap();
}

const MAPPING: &str = "key = 'id'\n[fields]\n'contact.email' = 'mail'\n'address.city' = 'town'\n";

// A rule that let everybody see everything stood in the file, and the ledger said nothing at a reload, nor at a start.
#[test]
fn rules_of_a_changed_file_are_told_at_a_reload_and_at_a_start() {
    let folder = directory("policy_file = 'access.cedar'\n");
    let path = folder.path().join("access.cedar");
    let first = storeward_policy::Policies::default_text();
    let more = |id: &str| format!("{first}\n@id(\"{id}\")\npermit (principal is Staff, action, resource);\n");
    let told = |opened: &Opened| {
        let kinds = &["vault.rules_changed"];
        let found =
            opened.db.read_blocking(move |reader| storeward_store::ledger::told(reader, kinds)).unwrap();
        let line = |record: &storeward_events::Record| match &record.event {
            storeward_events::Event::RulesChanged(fact) => (record.actor, fact.version, fact.hash.clone()),
            other => panic!("{other:?}"),
        };
        found.iter().map(|(_, record)| line(record)).collect::<Vec<_>>()
    };
    let line = |actor, text: &str| (actor, 0, storeward_vault::rules::hash(text));
    fs::write(&path, first).unwrap();
    with(folder.path(), |opened, standing| {
        standing.tell_rules().unwrap();
        assert_eq!(told(opened), [], "a shop begins with these");
        fs::write(&path, more("reloaded")).unwrap();
        for _ in 0..2 {
            standing.take(standing.rules(&opened.loaded.config, &opened.data).unwrap());
        }
        assert_eq!(told(opened), [line(Actor::Operator, &more("reloaded"))]);
    })
    .unwrap();
    fs::write(&path, more("started")).unwrap();
    with(folder.path(), |opened, standing| {
        assert_eq!(told(opened).len(), 1, "whoever only looks tells nothing");
        standing.tell_rules().unwrap();
        let both = [line(Actor::Operator, &more("reloaded")), line(Actor::System, &more("started"))];
        assert_eq!(told(opened), both);
    })
    .unwrap();
}

#[test]
fn a_shops_file_is_looked_at_taken_and_taken_once() {
    let folder = directory("");
    let (file, mapping) = (folder.path().join("customers.csv"), folder.path().join("mapping.toml"));
    let mut text = String::from("id,mail,town\n");
    for number in 1..=300 {
        text.push_str(&format!("{number},customer{number}@shop.example,\"Town, {number}\"\n"));
    }
    text.push_str("301,no address,Paris\n,nobody@shop.example,X\n302,\"open\n");
    fs::write(&file, &text).unwrap();
    fs::write(&mapping, MAPPING).unwrap();
    let run = |run: import::Run| {
        with(folder.path(), |opened, standing| {
            import::import(opened, Some(&standing.vault), &file, &mapping, run).unwrap().told(run)
        })
        .unwrap()
    };
    let dry = run(import::Run::Dry);
    assert!(dry.starts_with("301 rows fit. Nothing was written.\n"), "{dry}");
    assert!(dry.contains("names no customer, or nothing of it fits (line 303)"), "{dry}");
    assert!(dry.contains("1 left out: contact.email is no e-mail address (line 302)"), "{dry}");
    let size = |folder: &Path| with(folder, |_, standing| standing.vault.size_blocking().unwrap()).unwrap();
    assert_eq!(size(folder.path()).customers, 0);
    let real = run(import::Run::Real);
    assert!(real.starts_with("301 customers new, 0 known before\n"), "{real}");
    assert!(
        real.contains("1 left out: a value begins with a quote that nothing closes: of line 304 to the end"),
        "{real}"
    );
    assert!(
        real.contains("1 left out: the line names no customer, or nothing of it fits (line 303)"),
        "{real}"
    );
    for told in [&dry, &real] {
        assert!(!told.contains("no address ") && !told.contains("nobody@"), "{told}");
    }
    assert_eq!(size(folder.path()).customers, 301);
    let again = run(import::Run::Real);
    assert!(again.starts_with("0 customers new, 301 known before\n"), "{again}");
    assert_eq!(
        size(folder.path()),
        storeward_vault::Size { customers: 301, fields: 902, erased: 0, unfinished_erasures: 0 }
    );
}

/// The words end with an error, whatever else was taken: nobody believes that the whole file was.
#[test]
fn a_file_that_cannot_be_read_to_its_end_is_an_error_that_names_the_line() {
    let folder = directory("");
    let (file, mapping) = (folder.path().join("customers.csv"), folder.path().join("mapping.toml"));
    fs::write(&file, "id,mail,town\n1,a@shop.example,X\n2,b@shop.example,\"Y\n3,c@shop.example,Z\n").unwrap();
    fs::write(&mapping, MAPPING).unwrap();
    let word = |more: &[&str]| {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            options: super::words::Options,
        }
        let dir = folder.path().to_str().unwrap();
        let (file, mapping) = (file.to_str().unwrap(), mapping.to_str().unwrap());
        let line = [&["storeward", "import", file, "--mapping", mapping, "--dir", dir], more].concat();
        super::words::vault(&Line::parse_from(line).options).map_err(|why| why.to_string())
    };
    for more in [&["--dry-run"][..], &[]] {
        let told = word(more).unwrap_err();
        assert!(
            told.contains("of line 3 to the end of the file, line 4") && told.contains("in line 3 right"),
            "{told}"
        );
    }
    // A later value in quotes closes it: what stands between is one record that nobody can read.
    fs::write(&file, "id,mail,town\n1,\"a@shop.example,X\n2,b@shop.example,Y\n3,c@shop.example,\"Z\"\n")
        .unwrap();
    let told = word(&[]).unwrap_err();
    assert!(
        told.contains("this record goes from line 2 to line 4") && told.contains("in line 2 right"),
        "{told}"
    );
    fs::write(&file, "id,mail,town\n1,a@shop.example,X\n2,b@shop.example,\"Y\"\n3,c@shop.example,Z\n")
        .unwrap();
    word(&[]).unwrap();
    let size = with(folder.path(), |_, standing| standing.vault.size_blocking().unwrap()).unwrap();
    assert_eq!(size.customers, 3);
}

#[test]
fn a_row_of_other_length_than_the_header_puts_nothing_into_wrong_fields() {
    let folder = directory("");
    let (file, mapping) = (folder.path().join("customers.csv"), folder.path().join("mapping.toml"));
    fs::write(
        &file,
        "id,name,mail,town,note\n1,Smith, John,a@shop.example,X,\n2,Ada,b@shop.example\n3,Bob,c@shop.example,Z\n",
    )
    .unwrap();
    fs::write(&mapping, MAPPING).unwrap();
    let opened = open::open(folder.path()).unwrap();
    let report = import::import(&opened, None, &file, &mapping, import::Run::Dry).unwrap();
    let told = report.told(import::Run::Dry);
    for expected in
        ["1 rows fit", "6 values where the header has 5 (line 2)", "3 values where the header has 5 (line 3)"]
    {
        assert!(told.contains(expected), "{told}");
    }
    assert!(!told.contains("Smith"), "{told}");
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let folder = directory("");
    let (file, mapping) = (folder.path().join("customers.csv"), folder.path().join("mapping.toml"));
    let rows: String = (1..=400).map(|number| format!("{number},c{number}@shop.example,Town\n")).collect();
    fs::write(&file, format!("id,mail,town\n{rows}")).unwrap();
    fs::write(&mapping, MAPPING).unwrap();
    let told = with(folder.path(), |opened, standing| {
        // The key store goes away half-way through.
        let (keys, watch) = (standing.keys.clone(), standing.vault.clone());
        let stop = std::thread::spawn(move || {
            while watch.size_blocking().unwrap().customers < 150 {
                std::thread::sleep(Duration::from_millis(1));
            }
            keys.close();
        });
        let stopped = import::import(opened, Some(&standing.vault), &file, &mapping, import::Run::Real);
        stop.join().unwrap();
        stopped.map(drop).unwrap_err().to_string()
    });
    assert!(told.is_ok());
    let report = with(folder.path(), |opened, standing| {
        import::import(opened, Some(&standing.vault), &file, &mapping, import::Run::Real).unwrap()
    })
    .unwrap();
    assert!(report.resumed_after >= 129, "{report:?}");
    let size = with(folder.path(), |_, standing| standing.vault.size_blocking().unwrap()).unwrap();
    assert_eq!((size.customers, size.fields), (400, 1_200));
}

// Each wrote how far it came into the same place: whichever was slower went on, after a stop, behind what it had not written.
#[test]
fn a_second_import_of_a_file_waits_for_the_first() {
    let folder = directory("");
    let (file, mapping) = (folder.path().join("customers.csv"), folder.path().join("mapping.toml"));
    let other = folder.path().join("other.csv");
    for file in [&file, &other] {
        fs::write(file, "id,mail,town\n1,ada@shop.example,London\n").unwrap();
    }
    fs::write(&mapping, MAPPING).unwrap();
    with(folder.path(), |opened, standing| {
        let run = |file: &Path, run: import::Run| {
            import::import(opened, Some(&standing.vault), file, &mapping, run).map_err(|why| why.to_string())
        };
        let first = fs::File::open(&file).unwrap();
        first.try_lock().unwrap();
        // By another name of the file, too.
        for name in [file.clone(), folder.path().join(".").join("customers.csv")] {
            let told = run(&name, import::Run::Real).unwrap_err();
            assert!(told.contains("another import of ") && told.contains("customers.csv"), "{told}");
        }
        assert_eq!(standing.vault.size_blocking().unwrap().customers, 0);
        run(&file, import::Run::Dry).unwrap();
        run(&other, import::Run::Real).unwrap();
        drop(first);
        assert_eq!(run(&file, import::Run::Real).unwrap().known, 1);
    })
    .unwrap();
}

#[test]
fn what_an_import_lacks_is_named_with_what_to_do() {
    let folder = directory("");
    let (file, missing) = (folder.path().join("customers.csv"), folder.path().join("missing.toml"));
    fs::write(&file, "id,mail,town\n1,ada@shop.example,London\n").unwrap();
    let opened = open::open(folder.path()).unwrap();
    let told = import::import(&opened, None, &file, &missing, import::Run::Dry).unwrap_err().to_string();
    assert!(told.contains("the mapping ") && told.contains("missing.toml cannot be read"), "{told}");
    assert!(told.contains("→ ") && told.contains("docs/vault.md"), "{told}");
    fs::write(&missing, MAPPING).unwrap();
    fs::remove_file(&file).unwrap();
    let told = import::import(&opened, None, &file, &missing, import::Run::Dry).unwrap_err().to_string();
    assert!(told.contains("the file ") && told.contains("customers.csv cannot be read"), "{told}");
    assert!(told.contains("--help"), "{told}");
    // Without words: both ways to use it, and no word that has a value of its own.
    for more in [&[][..], &["--dir", "x"]] {
        use clap::Parser as _;
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            _options: super::words::Options,
        }
        let line = [&["vault", "import"], more].concat();
        let told = Line::try_parse_from(line).unwrap_err().to_string();
        assert!(told.contains("import [OPTIONS] <FILE> --mapping <FILE>"), "{told}");
        assert!(told.contains("import [OPTIONS] --from <SHOP>") && !told.contains("--dir"), "{told}");
    }
}

#[test]
fn a_dry_run_before_the_first_start_makes_no_keys() {
    let folder = directory("");
    let (file, mapping) = (folder.path().join("customers.csv"), folder.path().join("mapping.toml"));
    fs::write(&file, "id,mail,town\n1,ada@shop.example,London\n,x@shop.example,Paris\n").unwrap();
    fs::write(&mapping, MAPPING).unwrap();
    let opened = open::open(folder.path()).unwrap();
    let report = import::import(&opened, None, &file, &mapping, import::Run::Dry).unwrap();
    let told = report.told(import::Run::Dry);
    assert!(told.starts_with("1 rows fit. Nothing was written.\n") && told.contains("(line 3)"), "{told}");
    for made in [ROOT, SHELF, KEYS, OWN_PASSPHRASE, "vault/epochs.lock"] {
        assert!(!folder.path().join(made).exists(), "{made}");
    }
    // What a real run would refuse is no fit.
    fs::write(&mapping, "key = 'id'\n[fields]\n'contact.email@my own' = 'mail'\n").unwrap();
    let refused = import::import(&opened, None, &file, &mapping, import::Run::Dry).unwrap_err().to_string();
    assert!(refused.contains("what stands behind @"), "{refused}");
}

#[test]
fn the_look_over_all_records_and_the_duties_are_told_in_words() {
    let folder = directory("");
    with(folder.path(), |_, standing| {
        write_ada(standing);
        let whole = verify::verify(standing).unwrap();
        assert!(whole.starts_with("1 customers, 1 values: each is what was written last"), "{whole}");
        assert!(verify::accept_older(standing).unwrap().starts_with("Accepted older data of 0 customers"));
        let set = duties::retention(standing, Some("order"), Some("30")).unwrap();
        assert!(set.contains("order: 30 days") && set.contains("note: until it is erased"), "{set}");
        assert!(duties::retention(standing, Some("orders"), Some("30")).is_err());
        assert!(duties::retention(standing, Some("order"), Some("-1")).is_err());
        assert!(duties::due(standing).unwrap().starts_with("0 values are due. Nothing was erased."));
        assert_eq!(duties::sweep(standing).unwrap(), "0 values erased");
        assert!(duties::asked(standing).unwrap().starts_with("0 wait, 0 of them overdue"));
    })
    .unwrap();
}

// The look over the records goes by one index, and whoever looks for a customer by another: one byte there hid a customer, and nothing told.
#[test]
fn a_row_that_an_index_has_lost_is_named() {
    let folder = directory("");
    with(folder.path(), |_, standing| write_ada(standing)).unwrap();
    let sqlite = |sql: &str| {
        let mut program = std::process::Command::new("sqlite3");
        let ended = program.arg(folder.path().join("storeward.sqlite")).arg(sql).output();
        let ended = ended.expect("the shell of SQLite is missing: apt-get install sqlite3");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    };
    sqlite(
        "CREATE TABLE kept AS SELECT * FROM sqlite_schema; CREATE TABLE marks AS SELECT * FROM vault_mark; DELETE FROM vault_mark;",
    );
    sqlite("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'vault_mark_customer';");
    sqlite("INSERT INTO vault_mark SELECT * FROM marks;");
    sqlite(
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM kept WHERE name = 'vault_mark_customer';",
    );
    sqlite("DROP TABLE kept; DROP TABLE marks;");
    let told = with(folder.path(), |_, standing| verify::verify(standing).unwrap_err().to_string()).unwrap();
    assert!(told.contains("the database: row 1 missing from index vault_mark_customer"), "{told}");
}

/// SoftHSM reads its place from the environment and keeps its state for the process, so this runs in a process of its own.
#[test]
fn the_keys_go_to_a_token_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    let config = folder.path().join("softhsm2.conf");
    fs::write(&config, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
    let words = ["--init-token", "--free", "--label", "shop", "--so-pin", "so-pin-1", "--pin", "1234-5678"];
    let made = std::process::Command::new("softhsm2-util").env("SOFTHSM2_CONF", &config).args(words).output();
    let made = made.expect("SoftHSM 2 is missing: apt-get install softhsm2");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let ended = std::process::Command::new(std::env::current_exe().unwrap())
        .env("SOFTHSM2_CONF", &config)
        .env("STOREWARD_TOKEN_INSIDE", "1")
        .args(["--exact", "vault::tests::inside_with_a_token", "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// What a disk lost of the key store.
fn lose_keys(folder: &Path) {
    let opened = open::open(folder).unwrap();
    let url = format!("sqlite:{}", folder.join("vault/keys.sqlite").display());
    let keys = open_keys(&opened, &opened.data, &url).unwrap();
    keys.write_blocking(|tx| {
        tx.commit_silent("what a disk lost");
        tx.execute("DELETE FROM vault_customer_key", &[]).map(drop)
    })
    .unwrap();
    keys.close();
    opened.db.close();
}

/// What the test above runs; by itself it has no token and does nothing.
#[test]
fn inside_with_a_token() {
    if std::env::var_os("STOREWARD_TOKEN_INSIDE").is_none() {
        return;
    }
    let folder = directory("");
    with(folder.path(), |_, standing| write_ada(standing)).unwrap();
    let pin = |text: &str| {
        let path = folder.path().join("keys/token-pin");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    pin("1234-5678\n");
    let token = "[vault.token]\nmodule = '/usr/lib/softhsm/libsofthsm2.so'\ntoken = 'shop'\npin_file = 'keys/token-pin'\n";
    let go = |to: To| {
        let opened = open::open(folder.path()).unwrap();
        let told = move_to(&opened, to);
        opened.db.close();
        told
    };
    let refused = |more: &str, wanted: &str| {
        write_config(folder.path(), more);
        let told = with(folder.path(), |_, _| ()).unwrap_err().to_string();
        assert!(told.contains(wanted), "{told}");
    };
    assert!(go(To::Token).unwrap_err().to_string().contains("names no token"));
    // Nothing is made or moved by a start.
    refused(token, "under a passphrase");
    // All epochs end with a move, and with them every copy of a key that this store lost.
    let (store, shelf) = (folder.path().join("vault/keys.sqlite"), folder.path().join(SHELF));
    let (whole, of_then) = (fs::read(&store).unwrap(), fs::read(&shelf).unwrap());
    lose_keys(folder.path());
    let told = go(To::Token).unwrap_err().to_string();
    assert!(told.contains("no key of 1 of the 1 customers") && told.contains("no epoch ends"), "{told}");
    assert!(fs::read(&shelf).unwrap() == of_then && folder.path().join(ROOT).exists());
    for name in ["-wal", "-shm"] {
        drop(fs::remove_file(folder.path().join(format!("vault/keys.sqlite{name}"))));
    }
    fs::write(&store, whole).unwrap();
    let told = go(To::Token).unwrap();
    assert!(told.contains("Epoch 2 holds now, under pkcs11:"), "{told}");
    assert!(!folder.path().join(ROOT).exists());
    let shelf = fs::read_to_string(folder.path().join(SHELF)).unwrap();
    assert!(!shelf.contains("secret:"), "{shelf}");
    assert_eq!(with(folder.path(), |_, standing| email_of_ada(standing)).unwrap(), "ada@shop.example");
    let status = with(folder.path(), |opened, standing| words::status(opened, standing).unwrap()).unwrap();
    assert!(status.contains("root key: on a token"), "{status}");
    // Once more: nothing is to be done but a new epoch.
    assert!(go(To::Token).unwrap().contains("Epoch 3"));
    pin("9999-9999\n");
    refused(token, "refuses the PIN");
    pin("1234-5678\n");
    refused("", "storeward.toml names none");
    refused(&token.replace("'shop'", "'other'"), "no token is labelled other");
    write_config(folder.path(), token);
    assert!(go(To::Passphrase).unwrap().contains("Epoch 4 holds now, under secret:"));
    refused(token, "under a passphrase");
    write_config(folder.path(), "");
    assert_eq!(with(folder.path(), |_, standing| email_of_ada(standing)).unwrap(), "ada@shop.example");
}

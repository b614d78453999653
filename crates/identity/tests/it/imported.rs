//! Accounts with the hashes of other shops: their passwords go on to work, and become our own at the first sign-in.

use std::sync::Arc;

use storeward_base::{Language, Secret, SystemEntropy};
use storeward_identity::MIGRATIONS;
use storeward_identity::import::{ImportedAccount, Importer, Kept, Unfit};
use storeward_seal::encoding;
use storeward_store::both_engines;

use super::bench::Bench;

/// Made by the programs themselves; see `crates/passwords/tests/vectors`.
const VECTORS: &str = include_str!("../../../passwords/tests/vectors/foreign.tsv");

const KINDS: [&str; 11] = [
    "md5",
    "phpass",
    // With quotes in the password.
    "phpass-form",
    "wordpress-6.8",
    "wordpress-6.8-form",
    "magento-0-1",
    "magento-1",
    "magento-2",
    "django-pbkdf2_sha256",
    "medusa",
    "vendure",
];

/// Those that are wrapped.
const FAST: [&str; 5] = ["md5", "phpass", "phpass-form", "magento-0-1", "magento-1"];

async fn hashes(bench: &Bench) -> Vec<String> {
    let read = bench.db.read(|reader| -> Result<Vec<String>, storeward_store::Error> {
        reader.query_many("SELECT password_hash FROM customer_account", &[], |row| row.get(0))
    });
    read.await.unwrap()
}

both_engines!(passwords_of_other_shops_go_on_to_work_and_become_ours, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (key, pseudonyms) = bench.keys();
    let (db, clock) = ((*bench.db).clone(), bench.clock.clone());
    let vectors: Vec<(String, String, String)> = KINDS
        .iter()
        .map(|kind| {
            let line = VECTORS.lines().find(|line| line.split('\t').next() == Some(kind)).unwrap();
            let fields: Vec<&str> = line.split('\t').collect();
            let password = String::from_utf8(encoding::decode_base64(fields[1]).unwrap()).unwrap();
            ((*kind).to_owned(), password, fields[2].to_owned())
        })
        .collect();
    let taken = vectors.clone();
    let import = move || {
        let mut importer =
            Importer::new(db, clock, Arc::new(SystemEntropy), (key, &pseudonyms), Language::En);
        let of = |kind: &str, hash: &str| ImportedAccount {
            address: format!("{kind}@people.example"),
            hash: Secret::new(hash.to_owned()),
            name: Some("Ada".to_owned()),
            language: None,
        };
        for (kind, _, hash) in &taken {
            let fast = FAST.contains(&kind.as_str());
            let kept = if fast { Kept::Wrapped } else { Kept::AsItIs };
            assert_eq!(importer.look(&of(kind, hash)).unwrap(), Ok(kept), "{kind}");
            assert_eq!(importer.rehearse(&of(kind, hash)).unwrap(), Ok(kept), "{kind}");
            assert_eq!(
                importer.rehearse(&of(kind, hash)).unwrap(),
                Err(Unfit::Known),
                "{kind}: the file's second line"
            );
            assert_eq!(importer.take(&of(kind, hash)).unwrap(), Ok(kept), "{kind}");
            assert_eq!(importer.take(&of(kind, hash)).unwrap(), Err(Unfit::Known), "{kind}");
        }
        let greedy = "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA";
        assert_eq!(importer.take(&of("greedy", greedy)).unwrap(), Err(Unfit::Cost));
        assert_eq!(importer.take(&of("none", "plain")).unwrap(), Err(Unfit::Hash));
    };
    tokio::task::spawn_blocking(import).await.unwrap();
    // Nothing weaker lies in our database than what we make: the fast ones are wrapped.
    let kept = hashes(&bench).await;
    assert_eq!(kept.iter().filter(|hash| hash.starts_with("$wrapped$")).count(), FAST.len(), "{kept:?}");
    for (kind, _, hash) in &vectors {
        let weak = FAST.contains(&kind.as_str());
        assert!(!weak || !kept.contains(hash), "{kind}");
    }
    for (kind, password, _) in &vectors {
        let address = format!("{kind}@people.example");
        let wrong = bench.browser().sign_in(&address, &format!("x{password}")).await;
        assert_eq!(wrong.status, 403, "{kind}");
        bench.browser().sign_in(&address, password).await.leads_to("/.storeward/account");
    }
    let ours = hashes(&bench).await;
    assert!(ours.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")), "{ours:?}");
    for (kind, password, _) in &vectors {
        let address = format!("{kind}@people.example");
        bench.browser().sign_in(&address, password).await.leads_to("/.storeward/account");
        // What is ours is what was typed: WordPress's backslashes are gone with its hash.
        let slashed = password.replace('"', "\\\"").replace('\'', "\\'");
        if slashed != *password {
            assert_eq!(bench.browser().sign_in(&address, &slashed).await.status, 403, "{kind}");
        }
    }
});

async fn import(bench: &Bench, name: &'static str, hash: &'static str) {
    let (key, pseudonyms) = bench.keys();
    let (db, clock) = ((*bench.db).clone(), bench.clock.clone());
    let import = move || {
        let mut importer =
            Importer::new(db, clock, Arc::new(SystemEntropy), (key, &pseudonyms), Language::En);
        for number in 0..8 {
            let line = ImportedAccount {
                address: format!("{name}-{number}@people.example"),
                hash: Secret::new(hash.to_owned()),
                name: None,
                language: None,
            };
            assert_eq!(importer.take(&line).unwrap(), Ok(Kept::AsItIs));
        }
    };
    tokio::task::spawn_blocking(import).await.unwrap();
}

/// Checks made for a wrong password, and what Argon2 wrote for them.
async fn work(bench: &Bench, address: &str) -> (u64, u64) {
    let before = bench.pool.stats();
    assert_eq!(bench.browser().sign_in(address, "some other password").await.status, 403, "{address}");
    let after = bench.pool.stats();
    (after.done - before.done, after.argon2_kib - before.argon2_kib)
}

// Whose account is there and how old its hash is, the work does not say: nobody's address has one of the forms that are stored.
both_engines!(the_work_for_nobody_is_of_the_forms_that_are_stored, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    import(&bench, "old", "$2b$04$abcdefghijklmnopqrstuuAbCdEfGhIjKlMnOpQrStUvWxYz01232").await;
    let bcrypt = work(&bench, "old-1@people.example").await;
    assert_eq!(bcrypt, (1, 0));
    for number in 0..4 {
        assert_eq!(work(&bench, &format!("nobody-{number}@people.example")).await, bcrypt);
    }
    // As many of our own come: of sixteen addresses of nobody's some are as those, some as these.
    let salt_and_tag =
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ";
    bench.advance(1);
    import(&bench, "new", salt_and_tag).await;
    let own = work(&bench, "new-1@people.example").await;
    assert_eq!(own, (1, 2 * 19_456));
    // At once: for a quarter of an hour a slow answer would say whose accounts have just been brought along.
    let mut both = Vec::new();
    for number in 0..16 {
        both.push(work(&bench, &format!("nobody-{number}@people.example")).await);
    }
    assert!(both.contains(&own) && both.contains(&bcrypt), "{both:?}");
    assert!(both.iter().all(|one| *one == own || *one == bcrypt), "{both:?}");
    // Each at every try, however it is written.
    bench.advance(86_400);
    for (number, first) in both.iter().enumerate() {
        assert_eq!(work(&bench, &format!(" Nobody-{number}@PEOPLE.example")).await, *first, "{number}");
    }
});

// The answer that began a recount was of the forms of before: right after an import it told whose hash is of which form.
both_engines!(the_answer_that_begins_a_recount_knows_what_came_since, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    import(&bench, "old", "$2b$04$abcdefghijklmnopqrstuuAbCdEfGhIjKlMnOpQrStUvWxYz01232").await;
    assert_eq!(work(&bench, "nobody@people.example").await, (1, 0));
    bench.advance(86_400);
    let salt_and_tag =
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ";
    // So many that nobody's address takes their form, but for one in forty.
    for name in [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t",
        "u", "v", "w", "x", "y", "z", "aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh", "ii", "jj", "kk", "ll",
        "mm",
    ] {
        import(&bench, name, salt_and_tag).await;
    }
    let first = work(&bench, "nobody@people.example").await;
    assert_eq!(work(&bench, "nobody@people.example").await, first);
});

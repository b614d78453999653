//! The words of `storeward audit` on a ledger of their own.

use super::*;

#[test]
fn only_what_stands_before_a_fault_is_called_sound() {
    assert_eq!(sound_before(121, 116), "the 115 entries before it are sound; ");
    assert_eq!(sound_before(121, 2), "the entry before it is sound; ");
    for (read, fault) in [(121, 1), (0, 121), (0, 0)] {
        assert_eq!(sound_before(read, fault), "", "{read} {fault}");
    }
}

#[test]
fn the_bar_fills() {
    assert_eq!(progress(0, 10).matches('█').count(), 0);
    assert_eq!(progress(5, 10).matches('█').count(), 20);
    assert_eq!(progress(10, 10).matches('·').count(), 0);
    assert_eq!(progress(0, 0).matches('█').count(), 0);
}

mod elsewhere {
    //! What leaves the house is checked without it.

    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::time::Duration;

    use storeward_base::{CustomerId, SeededEntropy};
    use storeward_events::system::Started;
    use storeward_events::vault::FieldsOpened;
    use storeward_seal::encoding::decode_base64;
    use storeward_store::testing::{TestDb, blocking, fresh};
    use storeward_store::{Db, Error, both_engines};

    use super::super::*;

    async fn append(db: &Db, from: u64, count: u64) {
        let wrote = db.write(move |tx| {
            for n in from..from + count {
                tx.append(Actor::System, None, Started { version: format!("1.{n}") })?;
            }
            Ok::<_, Error>(())
        });
        wrote.await.unwrap();
    }

    /// The key and name that `testing::options` opens with.
    fn public() -> Trust {
        let key = LogKey::generate(&SeededEntropy::new(1));
        let origin = storeward_seal::Origin::parse("test.example/storeward").unwrap();
        Trust::Keys(vec![key.verifier(&origin).to_string().parse().unwrap()])
    }

    fn own() -> Trust {
        Trust::Own(Box::new(LogKey::generate(&SeededEntropy::new(1))))
    }

    async fn export(db: &TestDb, folder: &Path) -> Done<export::Exported> {
        let (db, folder) = ((*db).clone(), folder.to_owned());
        blocking(move || export::export(&db, &folder, |_, _| {})).await
    }

    fn files(at: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, into);
            } else {
                into.insert(path.clone(), std::fs::read(&path).unwrap());
            }
        }
    }

    fn all(at: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        files(at, &mut found);
        found
    }

    fn bad(paths: &[&Path]) -> Vec<String> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
        offline::verify(&paths, &public()).bad
    }

    both_engines!(an_export_grows_stays_small_and_is_the_same_each_time, async |db| {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        append(&db, 0, 300).await;
        assert_eq!(export(&db, &one).await.unwrap().entries, 300);
        let names: Vec<String> = all(&one)
            .into_keys()
            .map(|path| path.strip_prefix(&one).unwrap().display().to_string())
            .collect();
        let expected = [
            "checkpoint",
            "tile/0/000",
            "tile/0/001.p/44",
            "tile/1/000.p/1",
            "tile/entries/000",
            "tile/entries/001.p/44",
        ];
        assert_eq!(names, expected);
        assert_eq!(export(&db, &one).await.unwrap().written, 0, "nothing is new");
        append(&db, 300, 300).await;
        // One that was broken off: it is put right.
        std::fs::write(one.join("tile/0/001.new"), b"torn").unwrap();
        std::fs::remove_file(one.join("tile/0/000")).unwrap();
        export(&db, &one).await.unwrap();
        export(&db, &two).await.unwrap();
        let strip = |root: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
            all(root).into_iter().map(|(path, b)| (path.strip_prefix(root).unwrap().to_owned(), b)).collect()
        };
        assert_eq!(strip(&one), strip(&two), "a folder that grew is the one that was written at once");
        assert_eq!(bad(&[&one]), [""; 0]);
    });

    both_engines!(any_changed_missing_or_cut_file_of_an_export_is_named, async |db| {
        let folder = tempfile::tempdir().unwrap();
        append(&db, 0, 270).await;
        export(&db, folder.path()).await.unwrap();
        for (path, bytes) in all(folder.path()) {
            let ends = [0, bytes.len() / 2, bytes.len() - 1];
            for at in ends {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                std::fs::write(&path, &changed).unwrap();
                assert!(!bad(&[folder.path()]).is_empty(), "byte {at} of {}", path.display());
            }
            std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
            assert!(!bad(&[folder.path()]).is_empty(), "cut: {}", path.display());
            std::fs::remove_file(&path).unwrap();
            let found = bad(&[folder.path()]);
            assert!(found[0].contains("cannot be read") || found[0].contains("checkpoint"), "{found:?}");
            std::fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(bad(&[folder.path()]), [""; 0]);
        // Somebody empties an entry and says nothing: its hash stands, and yet it is found.
        let bundle = folder.path().join("tile/entries/001.p/14");
        let bytes = std::fs::read(&bundle).unwrap();
        let mut entries = storeward_seal::tlog::read_bundle(&bytes).unwrap();
        entries[3] = b"";
        std::fs::write(&bundle, storeward_seal::tlog::bundle(entries).unwrap()).unwrap();
        assert_eq!(
            bad(&[folder.path()]),
            [format!(
                "{}: entry 260 is empty, and no entry says that it was forgotten",
                folder.path().display()
            )]
        );
    });

    both_engines!(what_was_forgotten_in_time_leaves_the_export_and_every_proof_whole, async |db| {
        let folder = tempfile::tempdir().unwrap();
        let (tiles, proof) = (folder.path().join("tiles"), folder.path().join("entry.tlog-proof"));
        append(&db, 0, 3).await;
        export(&db, &tiles).await.unwrap();
        let held = (*db).clone();
        let (_, before) =
            blocking(move || prove::inclusion(&held, &own(), "2", prove::Tree::Now)).await.unwrap();
        std::fs::write(&proof, before.to_text()).unwrap();
        db.clock.advance(Duration::from_secs(500 * 24 * 3600));
        let forgot = db.write(|tx| {
            tx.commit_silent("a test");
            ledger::forget(tx)
        });
        assert_eq!(forgot.await, Ok::<_, Error>(3));
        export(&db, &tiles).await.unwrap();
        assert_eq!(bad(&[&tiles, &proof]), [""; 0]);
        let bytes = std::fs::read(tiles.join("tile/entries/000.p/4")).unwrap();
        let entries = storeward_seal::tlog::read_bundle(&bytes).unwrap();
        assert!(entries[..3].iter().all(|entry| entry.is_empty()), "the words are gone from the export, too");
        let held = (*db).clone();
        let (_, after) =
            blocking(move || prove::inclusion(&held, &own(), "2", prove::Tree::Now)).await.unwrap();
        assert!(after.leaf.is_some());
        std::fs::write(&proof, after.to_text()).unwrap();
        assert_eq!(bad(&[&proof]), [""; 0]);
    });

    both_engines!(a_ledger_that_was_written_anew_is_found_by_what_was_kept_elsewhere, async |db| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        append(&db, 0, 20).await;
        let note = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note;
        std::fs::write(at("mailed.checkpoint"), &note).unwrap();
        export(&db, &at("tiles")).await.unwrap();
        // The operator has the key: the same number of entries, and one of them is another.
        let place = fresh(db.engine()).unwrap();
        let other = TestDb::at(place, &[], std::sync::Arc::clone(&db.clock));
        append(&other, 1, 30).await;
        export(&other, &at("anew")).await.unwrap();
        let found = bad(&[&at("mailed.checkpoint"), &at("anew")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("the first 20 entries, and they are others here: the ledger was written anew")
        );
        let refused = export(&other, &at("tiles")).await.unwrap_err();
        assert!(refused.what().contains("the first 20 entries of the ledger are others"), "{refused}");
        assert_eq!(bad(&[&at("mailed.checkpoint"), &at("tiles")]), [""; 0]);
        // Cut back, and signed as if that were all.
        let short = TestDb::at(fresh(db.engine()).unwrap(), &[], std::sync::Arc::clone(&db.clock));
        append(&short, 0, 5).await;
        export(&short, &at("short")).await.unwrap();
        assert!(bad(&[&at("mailed.checkpoint"), &at("short")])[0].contains("its end was cut off"));
        // Two notes of one size that say different things.
        append(&short, 7, 15).await;
        let lie = short.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note;
        std::fs::write(at("lie.checkpoint"), lie).unwrap();
        let found = bad(&[&at("mailed.checkpoint"), &at("lie.checkpoint")]);
        assert!(found[0].contains("different things of the first 20 entries"), "{found:?}");
        let held = (*short).clone();
        let (old, new) = (at("mailed.checkpoint"), at("lie.checkpoint"));
        let no_proof = blocking(move || {
            prove::consistency(&held, &own(), &old.display().to_string(), &new.display().to_string())
        });
        assert!(no_proof.await.unwrap_err().what().contains("written anew"));
    });

    both_engines!(proofs_are_checked_with_the_public_key_alone, async |db| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let opened = FieldsOpened {
            customer: CustomerId::from_bits(0xADA),
            collection: "contact".to_owned(),
            fields: vec!["email".to_owned()],
            purpose: "support".to_owned(),
            rules: vec!["owner".to_owned()],
        };
        let told = db.write(move |tx| tx.append(Actor::Operator, None, opened.clone()).map(|r| r.id));
        let id = told.await.unwrap_or_else(|why: Error| panic!("{why}"));
        append(&db, 0, 10).await;
        let old = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note;
        std::fs::write(at("old"), &old).unwrap();
        append(&db, 10, 10).await;
        let held = (*db).clone();
        let old_path = at("old").display().to_string();
        let made = blocking(move || {
            let (seq, by_id) =
                prove::inclusion(&held, &own(), &id.to_string(), prove::Tree::Note(old)).unwrap();
            assert_eq!(seq, 1);
            let (_, by_number) = prove::inclusion(&held, &own(), "21", prove::Tree::Now).unwrap();
            assert!(prove::inclusion(&held, &own(), "22", prove::Tree::Now).is_err());
            let nearest = prove::inclusion(&held, &own(), "1", prove::Tree::Size(17)).unwrap_err();
            assert!(nearest.what().contains("no checkpoint of 17 entries was kept"), "{nearest}");
            let consistency = prove::consistency(&held, &own(), &old_path, "21").unwrap();
            [by_id.to_text(), by_number.to_text(), consistency.to_text()]
        });
        for (name, text) in ["first", "last", "between"].iter().zip(made.await) {
            std::fs::write(at(name), text).unwrap();
        }
        let paths: Vec<PathBuf> = ["first", "last", "between", "old"].iter().map(|name| at(name)).collect();
        let found = offline::verify(&paths, &public());
        assert_eq!(found.bad, [""; 0]);
        assert!(found.good[0].contains("entry 1 of 11") && found.good[0].contains("vault.fields_opened"));
        // Two that nothing compares are not called good together.
        let apart = bad(&[&at("first"), &at("last")]);
        assert!(apart.len() == 1 && apart[0].contains("NOT compared"), "{apart:?}");
        assert_eq!(bad(&[&at("first"), &at("old")]), [""; 0], "of one tree");
        // Whoever hands a proof out can leave its words away; the tool does not say in its own name that they were forgotten.
        let text = std::fs::read_to_string(at("first")).unwrap();
        let (line, entry) = text
            .lines()
            .find_map(|line| line.strip_prefix("extra ").map(|entry| (line, decode_base64(entry).unwrap())))
            .unwrap();
        let mut empty = b"forgotten ".to_vec();
        empty.extend_from_slice(&storeward_seal::merkle::leaf_hash(&entry));
        let text = text.replace(line, &format!("extra {}", storeward_seal::encoding::base64(&empty)));
        std::fs::write(at("emptied"), text).unwrap();
        let found = offline::verify(&[at("emptied")], &public());
        assert!(found.bad.is_empty() && found.good[0].contains("NOT in this file"), "{found:?}");
        assert!(!found.good[0].contains("was forgotten"), "{found:?}");
        let stranger = Trust::Own(Box::new(LogKey::generate(&SeededEntropy::new(8))));
        assert_eq!(offline::verify(&paths, &stranger).bad.len(), 4);
    });

    #[test]
    fn a_key_is_named_pinned_or_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let refused = trust(&folder.path().join("nothing"), &[]).unwrap_err();
        assert!(refused.what().contains("whose signatures count"), "{refused}");
        let origin = storeward_seal::Origin::parse("test.example/storeward").unwrap();
        let key = LogKey::generate(&SeededEntropy::new(1)).verifier(&origin).to_string();
        let is_it = |trust: Trust| matches!(trust, Trust::Keys(keys) if keys.len() == 1 && keys[0].to_string() == key);
        assert!(is_it(trust(folder.path(), std::slice::from_ref(&key)).unwrap()));
        std::fs::write(folder.path().join(PINNED), format!("# the shop's\n{key}\n")).unwrap();
        assert!(is_it(trust(folder.path(), &[]).unwrap()));
        assert!(trust(folder.path(), &["nonsense".to_owned()]).is_err());
    }
}

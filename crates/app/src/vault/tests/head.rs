//! An older key store in the place of the newer one.

use super::*;

const STORE: [&str; 3] = ["vault/keys.sqlite", "vault/keys.sqlite-wal", "vault/keys.sqlite-shm"];

fn copy(from: &Path, to: &Path) {
    copy_keys(from, to);
    copy_files(&["storeward.sqlite", "storeward.sqlite-wal", "storeward.sqlite-shm"], from, to);
}

fn copy_keys(from: &Path, to: &Path) {
    copy_files(&STORE, from, to);
}

fn copy_files(names: &[&str], from: &Path, to: &Path) {
    for name in names {
        drop(fs::remove_file(to.join(name)));
        if from.join(name).exists() {
            fs::create_dir_all(to.join(name).parent().unwrap()).unwrap();
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

// Its ledger is whole, so are the rows of the data that were put back beside it, and every look said that all was well.
#[test]
fn an_older_key_store_is_named_until_an_operator_accepts_it() {
    let (folder, kept) = (directory(""), tempfile::tempdir().unwrap());
    let dir = folder.path();
    with(dir, |_, standing| {
        write_ada(standing);
        assert!(standing.look_at_head().unwrap().is_none(), "none was kept yet");
        standing.accept_head().unwrap();
    })
    .unwrap();
    copy(dir, kept.path());
    with(dir, |_, standing| {
        let item = Item {
            id: "home".to_owned(),
            values: vec![(Field::find("address.city").unwrap(), Secret::new("London".to_owned()))],
            provenance: Provenance::Import,
            keep_until: None,
        };
        finished(standing.vault.write(Actor::Operator, ada(), item)).unwrap().unwrap();
        finished(standing.vault.verify(Actor::Operator, |_| {})).unwrap().unwrap();
        assert!(standing.look_at_head().unwrap().is_none(), "it only grew");
        standing.accept_head().unwrap();
    })
    .unwrap();
    copy_keys(kept.path(), dir);
    let file = std::fs::read(dir.join(super::super::head::FILE)).unwrap();
    std::fs::remove_file(dir.join(super::super::head::FILE)).unwrap();
    with(dir, |_, standing| {
        let found = verify::verify(standing).unwrap_err().to_string();
        assert!(found.contains("the key store is a"), "the file was taken away: {found}");
    })
    .unwrap();
    let file_again = file.clone();
    std::fs::write(dir.join(super::super::head::FILE), file).unwrap();
    std::fs::write(dir.join(super::super::head::FILE), [0xFF, 0xFE, 0]).unwrap();
    with(dir, |_, standing| {
        let found = verify::verify(standing).unwrap_err().to_string();
        assert!(
            found.contains("is no head of the key store's ledger"),
            "bytes that are no text hid all else: {found}"
        );
    })
    .unwrap();
    std::fs::write(dir.join(super::super::head::FILE), file_again).unwrap();
    copy(kept.path(), dir);
    with(dir, |opened, standing| {
        let found = verify::verify(standing).unwrap_err().to_string();
        // By then a start may have written into it.
        let is_named = ["an older one: its ledger had ", "another one: the first "]
            .iter()
            .any(|words| found.contains(words));
        assert!(is_named && found.contains("the key store is "), "{found}");
        let status = super::super::words::status(opened, standing).unwrap_err().to_string();
        assert!(status.contains("storeward vault accept-older"), "{status}");
        verify::accept_older(standing).unwrap();
        assert!(verify::verify(standing).is_ok());
    })
    .unwrap();
}

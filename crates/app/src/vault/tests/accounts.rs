//! An erasure in the vault and the person's account, put together as a program that serves has them.

use storeward_identity::import::{ImportedAccount, Importer};

use super::*;

const MORE: &str = "[mail]\nserver = 'smtp.example.com'\nfrom = 'a@shop.example'\n[identity]\n";

/// Two customers with accounts.
fn take_accounts(opened: &Opened) {
    let keys = (opened.data_key.clone(), &opened.pseudonym_key);
    let (clock, entropy) = (opened.clock.clone(), opened.entropy.clone());
    let language = storeward_base::Language::En;
    let mut importer = Importer::new(opened.db.clone(), clock, entropy, keys, language);
    for address in ["ada@shop.example", "bob@shop.example"] {
        let hash = Secret::new("7c6a180b36896a0a8c02787eeafb0e4c".to_owned());
        let line = ImportedAccount { address: address.to_owned(), hash, name: None, language: None };
        importer.take(&line).unwrap().unwrap();
    }
}

fn accounts(opened: &Opened, address: &str) -> usize {
    let found = storeward_identity::accounts_of_address(&opened.db, &opened.pseudonym_key, address);
    finished(found).unwrap().unwrap().len()
}

fn identity(opened: &Opened) -> Identity {
    let outbox = crate::mail::outbox(opened).unwrap();
    let passwords = crate::passwords::start(opened).unwrap();
    let puzzles = crate::identity::puzzles(opened);
    crate::identity::start(opened, &outbox, &passwords, &puzzles).unwrap().unwrap().0
}

fn erase_ada(standing: &Standing) {
    let ask = Ask::new(Asker::customer(ada()), ada(), storeward_policy::Purpose::OwnData);
    finished(standing.vault.erase(&ask)).unwrap().unwrap();
}

#[test]
fn whoever_is_erased_has_no_account_any_more() {
    let folder = directory(MORE);
    with(folder.path(), |opened, standing| {
        take_accounts(opened);
        write_ada(standing);
        standing.join(&identity(opened)).unwrap();
        assert_eq!(accounts(opened, "ada@shop.example"), 1);
        erase_ada(standing);
        assert_eq!((accounts(opened, "ada@shop.example"), accounts(opened, "bob@shop.example")), (0, 1));
    })
    .unwrap();
}

// A word on the command line has no accounts at work: what it ends, and what a stop left, the next program that serves closes.
#[test]
fn what_a_word_erased_is_closed_by_the_program_that_serves() {
    let folder = directory(MORE);
    with(folder.path(), |opened, standing| {
        take_accounts(opened);
        write_ada(standing);
        erase_ada(standing);
        assert_eq!(accounts(opened, "ada@shop.example"), 1);
    })
    .unwrap();
    with(folder.path(), |opened, standing| {
        standing.join(&identity(opened)).unwrap();
        assert_eq!((accounts(opened, "ada@shop.example"), accounts(opened, "bob@shop.example")), (0, 1));
    })
    .unwrap();
}

//! Whoever is erased has no account any more: of the record's own address, after a crash in between, and in older copies of the data.

use std::sync::{Arc, Mutex};

use storeward_base::{Actor, ApiKeyId, CustomerId};
use storeward_events::Event;
use storeward_identity::Later;
use storeward_policy::Purpose;
use storeward_store::both_engines;
use storeward_store::testing::{TestDb, blocking};
use storeward_vault::{Accounts, Ask, Asker, Error, Held, KeyStore, MIGRATIONS, Provenance, Vault};

use crate::erasure::open_old;
use crate::support::{Keys, ada, asks, bob, copy_of, item, own, staff, vault};

/// Accounts by address, as a database has them.
#[derive(Clone, Default)]
struct Book {
    open: Arc<Mutex<Vec<(&'static str, CustomerId)>>>,
    with_factor: Vec<CustomerId>,
    closed: Arc<Mutex<Vec<(CustomerId, Actor)>>>,
    is_away: bool,
}

impl Book {
    fn with(accounts: &[(&'static str, CustomerId)]) -> Self {
        let book = Book::default();
        book.open.lock().unwrap().extend(accounts);
        book
    }

    fn left(&self) -> Vec<CustomerId> {
        self.open.lock().unwrap().iter().map(|(_, id)| *id).collect()
    }
}

impl Accounts for Book {
    fn of_address<'a>(&'a self, email: &'a str) -> Later<'a, Result<Vec<Held>, Error>> {
        let open = self.open.lock().unwrap();
        let of_it = open.iter().filter(|(address, _)| *address == email).map(|(_, id)| *id);
        let held = |account| Held { account, has_factor: self.with_factor.contains(&account) };
        let found = of_it.map(held).collect();
        Box::pin(async move { Ok(found) })
    }

    fn close(&self, accounts: Vec<CustomerId>, actor: Actor) -> Later<'_, Result<usize, Error>> {
        Box::pin(async move {
            if self.is_away {
                return Err(Error::Account(storeward_identity::Error::NoPost));
            }
            let mut open = self.open.lock().unwrap();
            let before = open.len();
            open.retain(|(_, id)| !accounts.contains(id));
            let count = before - open.len();
            if count > 0 {
                self.closed.lock().unwrap().extend(accounts.iter().map(|id| (*id, actor)));
            }
            Ok(count)
        })
    }
}

const ADA: &str = "ada@shop.example";

fn account(number: u128) -> CustomerId {
    CustomerId::from_bits(0xACC0_0000 + number)
}

fn eve() -> CustomerId {
    CustomerId::from_bits(0xE7E)
}

fn program() -> Actor {
    Actor::Key { id: ApiKeyId::from_bits(9) }
}

/// A program's question that may erase, as an owner's key has it.
fn by_program(customer: CustomerId) -> Ask {
    let asker = Asker::program(ApiKeyId::from_bits(9), vec!["owner".to_owned()]);
    Ask::new(asker, customer, Purpose::RightsRequest)
}

/// Whose accounts the ledger says were left: of whom, which, and why.
async fn lefts(db: &TestDb) -> Vec<(CustomerId, CustomerId, String)> {
    let all = db.read(|reader| storeward_store::ledger::read_after(reader, 0, 10_000)).await.unwrap();
    let left = |(_, record): (u64, storeward_events::Record)| match record.event {
        Event::AccountLeft(fact) => Some((fact.customer, fact.account, fact.reason)),
        _ => None,
    };
    all.into_iter().filter_map(left).collect()
}

fn beside(db: &TestDb, keys: KeyStore, book: &Book) -> Vault {
    let vault = vault(db, keys);
    vault.join_accounts(Arc::new(book.clone()));
    vault
}

both_engines!(an_erasure_closes_the_persons_account_and_no_others, MIGRATIONS, async |db| {
    let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
    let book = Book::with(&[(ADA, account(1)), (ADA, account(2)), ("bob@shop.example", account(3))]);
    let vault = beside(&db, keys.open().await, &book);
    for (who, email) in [(ada(), ADA), (bob(), "bob@shop.example")] {
        vault.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
    }
    // An address that staff wrote says nothing of whose the record is.
    let mut noted = item("work", &[("contact.email", "bob@shop.example")]);
    noted.provenance = Provenance::Staff;
    vault.write(staff(), ada(), noted).await.unwrap();
    vault.erase(&own(ada())).await.unwrap();
    assert_eq!(book.left(), [account(3)]);
    let actor = Actor::Customer { id: ada() };
    assert_eq!(*book.closed.lock().unwrap(), [(account(1), actor), (account(2), actor)]);
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    assert_eq!(vault.finish_erasures().await.unwrap(), 0);
});

// Of two records of one address it is the last one whose end closes the account: until then their own page shows the other.
both_engines!(an_account_stays_while_another_record_of_its_owner_is_kept, MIGRATIONS, async |db| {
    let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
    let book = Book::with(&[(ADA, account(1))]);
    let vault = beside(&db, keys.open().await, &book);
    for who in [ada(), bob()] {
        vault.write(staff(), who, item("own", &[("contact.email", ADA)])).await.unwrap();
    }
    vault.erase(&own(ada())).await.unwrap();
    assert_eq!(book.left(), [account(1)]);
    vault.erase(&own(bob())).await.unwrap();
    assert_eq!(book.left(), []);
});

// The key is gone, so nothing tells any more whose account it was, but for the note beside it.
both_engines!(an_account_that_a_crash_left_is_closed_later, MIGRATIONS, async |db| {
    let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
    let book = Book::with(&[(ADA, account(1))]);
    let away = Book { is_away: true, ..book.clone() };
    let first = beside(&db, keys.open().await, &away);
    first.write(staff(), ada(), item("own", &[("contact.email", ADA)])).await.unwrap();
    assert!(first.erase(&own(ada())).await.is_err(), "it is not told as done");
    assert_eq!(book.left(), [account(1)]);
    let again = beside(&db, keys.open().await, &book);
    again.finish_erasures().await.unwrap();
    assert_eq!(book.left(), []);
    assert_eq!(book.closed.lock().unwrap().last(), Some(&(account(1), Actor::System)));
    // Before the key was destroyed.
    let book = Book::with(&[("bob@shop.example", account(2))]);
    let key_db = keys.db().await;
    let broken = beside(&db, keys.try_open(key_db.clone()).await.unwrap(), &book);
    broken.write(staff(), bob(), item("own", &[("contact.email", "bob@shop.example")])).await.unwrap();
    blocking(move || key_db.close()).await;
    assert!(broken.erase(&own(bob())).await.is_err());
    let again = beside(&db, keys.open().await, &book);
    assert_eq!(again.finish_erasures().await.unwrap(), 1);
    assert_eq!(book.left(), []);
});

both_engines!(an_account_that_an_older_copy_brings_back_is_closed_again, MIGRATIONS, async |db| {
    let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
    let book = Book::with(&[(ADA, account(1)), ("eve@shop.example", account(2))]);
    let today = beside(&db, keys.open().await, &book);
    today.write(staff(), ada(), item("own", &[("contact.email", ADA)])).await.unwrap();
    let data = copy_of(&db, db.address(), MIGRATIONS, &db.clock).await;
    today.erase(&own(ada())).await.unwrap();
    // By their own page, whichever address the record has.
    today.close_account(account(2)).await.unwrap();
    assert_eq!(book.left(), []);
    let restored = Book::with(&[(ADA, account(1)), ("eve@shop.example", account(2)), (ADA, account(4))]);
    let old_data = open_old(&data, &db.clock).await;
    let old = vault(&old_data, keys.open().await);
    old.join_accounts(Arc::new(restored.clone()));
    old.finish_erasures().await.unwrap();
    assert_eq!(restored.left(), [account(4)], "who came since is somebody new");
});

// Who may write and erase wrote somebody else's address into a fresh record and erased it: the account was gone, with its second factor.
both_engines!(a_program_closes_no_account_by_an_address_that_it_wrote, MIGRATIONS, async |db| {
    let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
    let book = Book::with(&[(ADA, account(1))]);
    let vault = beside(&db, keys.open().await, &book);
    let mut fresh = item("own", &[("contact.email", ADA)]);
    fresh.provenance = Provenance::Shop;
    vault.write(program(), bob(), fresh.clone()).await.unwrap();
    vault.erase(&by_program(bob())).await.unwrap();
    assert_eq!(book.left(), [account(1)]);
    assert_eq!(lefts(&db).await, [(bob(), account(1), "hearsay".to_owned())]);
    // Neither does staff, who cannot know it better.
    vault.write(program(), eve(), fresh.clone()).await.unwrap();
    vault.erase(&asks(eve(), Purpose::RightsRequest)).await.unwrap();
    assert_eq!(book.left(), [account(1)]);
    // On their own page the person who reads the mails of that address closes it.
    vault.write(program(), ada(), fresh).await.unwrap();
    vault.erase(&own(ada())).await.unwrap();
    assert_eq!((book.left(), lefts(&db).await.len()), (vec![], 2));
});

// It was told with the end, which knows no more whose accounts those are: a stop between, and nobody heard of it.
both_engines!(an_account_that_is_left_is_told_once_and_before_the_key_goes, MIGRATIONS, async |db| {
    let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
    let book = Book::with(&[(ADA, account(1))]);
    let book = Book { with_factor: vec![account(1)], ..book };
    let vault = beside(&db, keys.open().await, &book);
    vault.write(staff(), ada(), item("own", &[("contact.email", ADA)])).await.unwrap();
    for _ in 0..2 {
        vault.erase(&by_program(ada())).await.unwrap();
        assert_eq!(lefts(&db).await, [(ada(), account(1), "factor".to_owned())]);
        let erasure = vault.erasure(ada()).await.unwrap().unwrap();
        assert_eq!((erasure.erased_at.is_some(), erasure.accounts_left), (true, 1));
    }
    assert_eq!(book.left(), [account(1)]);
    let all = db.read(|reader| storeward_store::ledger::read_after(reader, 0, 10_000)).await.unwrap();
    let order: Vec<_> = all.iter().map(|(_, record)| record.event.kind()).collect();
    let at = |kind: &str| order.iter().position(|one| *one == kind).unwrap();
    assert!(at("vault.account_left") < at("vault.customer_erased"), "{order:?}");
});

both_engines!(an_account_with_a_factor_is_closed_by_its_owner_or_by_two, MIGRATIONS, async |db| {
    let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
    let book = Book::with(&[(ADA, account(1)), (ADA, account(2)), ("bob@shop.example", account(3))]);
    let book = Book { with_factor: vec![account(1), account(3)], ..book };
    let vault = beside(&db, keys.open().await, &book);
    vault.write(staff(), ada(), item("own", &[("contact.email", ADA)])).await.unwrap();
    vault.erase(&asks(ada(), Purpose::RightsRequest)).await.unwrap();
    assert_eq!(book.left(), [account(1), account(3)]);
    assert_eq!(lefts(&db).await, [(ada(), account(1), "factor".to_owned())]);
    // Nor after a stop, whose end the program itself does: it is told in the name of who asked.
    let away = Book { is_away: true, ..book.clone() };
    let again = beside(&db, keys.open().await, &away);
    again.write(staff(), bob(), item("own", &[("contact.email", "bob@shop.example")])).await.unwrap();
    again.erase(&own(bob())).await.unwrap_err();
    beside(&db, keys.open().await, &book).finish_erasures().await.unwrap();
    assert_eq!((book.left(), lefts(&db).await.len()), (vec![account(1)], 1));
});

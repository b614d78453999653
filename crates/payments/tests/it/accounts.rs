//! Stolen cards behind accounts of Storeward's own: they can be had by the thousand, of any age.

use std::time::Duration;

use storeward_base::CustomerId;
use storeward_fraud::{Answer, RuleId};
use storeward_payments::{Account, Front, MIGRATIONS, Payment, State};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::judge::{begin, create, far, guest, let_act, past, pay};
use crate::support::{CARD, Shop};

const DECLINED: [&str; 6] = [
    "4000000000000002",
    "4000000000009995",
    "4000000000009987",
    "4000000000009979",
    "4000000000000069",
    "4000000000000119",
];

/// Signed in to an account of two months, behind an address of its own, with no cookie of a device.
fn signed_in(account: u128, third: u8) -> Front {
    let account = Account {
        customer: Some(CustomerId::from_bits(account)),
        age: Duration::from_secs(58 * 24 * 3600),
        ..Account::default()
    };
    Front { account: Some(account), ..far(third) }
}

fn later(db: &TestDb, shop: &Shop, seconds: u64) {
    db.clock.advance(Duration::from_secs(seconds));
    shop.emulators.control.advance_s(i64::try_from(seconds).unwrap());
}

/// One order of somebody of whom the shop says no number.
async fn tries(
    shop: &Shop,
    order: &str,
    front: &Front,
    card: &str,
) -> (Payment, Result<(), storeward_payments::Error>) {
    let payment = create(shop, guest(order)).await;
    let begun = match begin(shop, &payment, front).await {
        Ok(begun) => begun,
        Err(why) => return (payment, Err(why)),
    };
    let _ = pay(shop, &begun, card).await;
    (shop.payments.look(payment.id).await.unwrap(), Ok(()))
}

async fn answer(shop: &Shop, payment: &Payment) -> Answer {
    shop.payments.whole(payment.id).await.unwrap().unwrap().judgements[0].answer
}

both_engines!(old_accounts_that_never_paid_are_strangers, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::CardTesting, &[]).await;
    let paid = create(&shop, guest("A-0")).await;
    let begun = begin(&shop, &paid, &signed_in(1, 1)).await.unwrap();
    // Somebody types; at the same moment a restart would tell how it ended before it began.
    later(&db, &shop, 20);
    pay(&shop, &begun, CARD).await.unwrap();
    let paid = shop.payments.look(paid.id).await.unwrap();
    assert_eq!(paid.state, State::Captured);
    later(&db, &shop, 2 * 24 * 3600);
    for (number, card) in DECLINED.iter().enumerate() {
        let third = u8::try_from(number).unwrap() + 10;
        tries(&shop, &format!("A-{third}"), &signed_in(third.into(), third), card).await.1.unwrap();
    }
    // The next of them is asked for more; whoever paid on another day is not, from wherever they come.
    let next = create(&shop, guest("A-90")).await;
    begin(&shop, &next, &signed_in(90, 90)).await.unwrap();
    assert_eq!(answer(&shop, &next).await, Answer::Challenge);
    let known = create(&shop, guest("A-91")).await;
    begin(&shop, &known, &signed_in(1, 91)).await.unwrap();
    assert_eq!(answer(&shop, &known).await, Answer::Allow);
    // The same after a restart.
    let section = crate::support::section(&shop.emulators, shop.folder.path(), &shop.webhook_id, "", "");
    let anew = storeward_payments::Payments::open(crate::support::parts(
        &db,
        section.settings(shop.folder.path()).unwrap(),
    ));
    let shop = Shop { payments: anew, ..shop };
    let known = create(&shop, guest("A-92")).await;
    begin(&shop, &known, &signed_in(1, 92)).await.unwrap();
    assert_eq!(answer(&shop, &known).await, Answer::Allow);
});

both_engines!(cards_of_an_account_count_wherever_it_is_used, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::CardsPerBuyer, &[3.0, 5.0, 8.0]).await;
    for (number, card) in DECLINED[..4].iter().enumerate() {
        let third = u8::try_from(number).unwrap() + 10;
        tries(&shop, &format!("B-{third}"), &signed_in(7, third), card).await.1.unwrap();
    }
    let (_, got) = tries(&shop, "B-90", &signed_in(7, 90), DECLINED[4]).await;
    assert_eq!(got.unwrap_err(), storeward_payments::Error::Stopped { category: "too_often" });
    tries(&shop, "B-91", &signed_in(8, 91), CARD).await.1.unwrap();
    // What was kept of the account goes with it.
    let count = shop.payments.forget_marks(&CustomerId::from_bits(7).to_string()).await.unwrap();
    assert_eq!(count, 5);
});

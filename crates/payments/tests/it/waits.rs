//! What a buyer reads while a provider has not said what became of a payment.

use std::time::Duration;

use storeward_base::Clock;
use storeward_emulators::{Fault, Provider as At, What};
use storeward_payments::MIGRATIONS;
use storeward_store::both_engines;

use crate::links::stand;
use crate::unanswered::later;

// "A few seconds", for up to two and a half minutes and for as long as nobody answered.
both_engines!(the_page_says_what_it_waits_for_and_how_long, MIGRATIONS, async |db| {
    let stand = stand(&db).await;
    let payment = stand.shop.create("W-1", 1999).await;
    let path = stand.shop.payments.page_path(payment.id);
    let began = db.clock.now();
    stand.shop.emulators.control.fault(Fault::once(At::Stripe, What::DropAfter, "/v1/checkout/sessions"));
    assert_eq!(stand.presses(&path, "stripe").await.status, 303);
    let look = async || stand.ask("GET", &path, "", None).await;
    for seconds in [0, 89, 90] {
        later(&stand.shop, &db, seconds);
        let page = look().await;
        assert_eq!((page.status, page.refresh.as_str()), (200, "4"), "{}", page.text);
        assert!(page.text.contains("Stripe has not said yet what became of this payment"), "{}", page.text);
        assert!(page.text.contains("within three minutes") && !page.text.contains("few seconds"));
    }
    later(&stand.shop, &db, 1);
    assert!(db.clock.now().since(began) >= Duration::from_secs(180));
    let page = look().await;
    assert_eq!((page.status, page.refresh.as_str()), (200, "30"));
    assert!(page.text.contains("It takes longer than usual: Stripe still has not said"), "{}", page.text);
    assert!(page.text.contains("mailto:help@shop.example") && page.text.contains("Back to The shop"));
    // Once it is known, the page goes on.
    stand.shop.payments.round().await.unwrap();
    let page = look().await;
    assert_eq!((page.status, page.refresh.as_str()), (200, ""));
    assert!(page.text.contains("Pay by card"), "{}", page.text);
});

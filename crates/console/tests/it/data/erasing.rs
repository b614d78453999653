//! What stands beside the button that erases.

use storeward_base::Actor;
use storeward_store::both_engines;

use super::{TABLES, ada, keep_ada};
use crate::bench::Bench;

// That an import comes first stood in the manual alone, where nobody reads it who is about to erase somebody.
both_engines!(whoever_erases_is_told_when_the_shop_was_read_last, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let here = format!("/data/{}", ada());
    let page = browser.get(&here).await;
    // Of a shop that is not read nothing is said.
    assert!(page.body.contains("Erase for good") && !page.body.contains("was read last"), "{}", page.body);
    let read = bench.db.write(|tx| {
        let fact = storeward_events::vault::ShopImported {
            shop: "woocommerce".to_owned(),
            new: 1,
            known: 0,
            erased: 0,
            left_out: 0,
            present: None,
            gone: 0,
        };
        tx.append(Actor::Operator, None, fact)?;
        Ok::<_, storeward_store::Error>(tx.now())
    });
    let read = storeward_web::Moment(read.await.unwrap()).to_string();
    bench.db.clock.advance(std::time::Duration::from_secs(60));
    let says = format!("the shop's database was read last {read}. Have it read once more first.");
    let refused = {
        let csrf = browser.get(&here).await.csrf();
        browser.post(&format!("{here}/act"), &format!("csrf={csrf}&act=erase&sure=no")).await
    };
    for page in [browser.get(&here).await, refused] {
        assert!(page.body.contains(&says), "{says}: {}", page.body);
    }
});

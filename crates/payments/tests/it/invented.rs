//! A past that is invented, for a shop that is tried out: what is learned of it, and that no money stands behind it.

use std::time::Duration;

use storeward_base::Timestamp;
use storeward_fraud::{Answer, Funding, Label, Mode, Source, Truth};
use storeward_payments::{
    Front, INVENTED_ORDER, Invented, InventedCard, MIGRATIONS, Provider, State, Unsealed, harmed_rows,
};
use storeward_seal::DataKey;
use storeward_store::both_engines;

use crate::judge::{begin, create, far, guest};
use crate::support::{Shop, books, ledger_text};

/// Nearly half a year in which one attempt in twelve was fraud that shows.
fn past(now: Timestamp) -> Vec<Invented> {
    let attempt = |number: u64| {
        let at = now.minus(Duration::from_secs((5_600 - number) * 2_600 + 60));
        let is_fraud = number % 12 == 5;
        let known_at = at.plus(Duration::from_secs(9 * 24 * 3600));
        let cents = if is_fraud { 40_000 + number % 7 * 900 } else { 1_500 + number % 31 * 50 };
        Invented {
            at,
            amount_minor: i64::try_from(cents).unwrap(),
            front: Front { blocked_requests: if is_fraud { 20 } else { 0 }, ..Front::default() },
            card: InventedCard {
                fingerprint: format!("card {number}"),
                funding: Funding::Credit,
                ..InventedCard::default()
            },
            is_approved: true,
            label: (is_fraud && known_at <= now).then_some(Label {
                truth: Truth::Fraud,
                known_at,
                source: Source::Dispute,
            }),
            ..Invented::default()
        }
    };
    (0..5_600).map(attempt).collect()
}

both_engines!(
    of_an_invented_past_a_scorer_is_learned_and_no_money_stands_behind_it,
    MIGRATIONS,
    async |db| {
        let shop = Shop::new(&db).await;
        shop.payments.make_room_for_invented().await.unwrap();
        shop.payments.make_room_for_invented().await.unwrap();
        let [room] = <[_; 1]>::try_from(shop.payments.list(None, 10).await.unwrap()).unwrap();
        assert_eq!((room.order.as_str(), room.state, room.captured), (INVENTED_ORDER, State::Voided, 0));
        // Somebody buys before anything is learned.
        let early = create(&shop, guest("I-1")).await;
        begin(&shop, &early, &far(1)).await.unwrap();
        assert!(shop.payments.learn_of_invented(past).await.unwrap());
        let [scorer] = <[_; 1]>::try_from(shop.payments.scorers().await.unwrap()).unwrap();
        assert!(scorer.is_champion && scorer.mode == Mode::Observe);
        // At once, without a round: each attempt has a score, and what gave most to it.
        let paid = create(&shop, guest("I-2")).await;
        begin(&shop, &paid, &far(2)).await.unwrap();
        let judged = shop.payments.whole(paid.id).await.unwrap().unwrap().judgements.remove(0);
        assert!(
            judged.answer == Answer::Allow && judged.score.is_some_and(|score| score < 0.5),
            "{judged:?}"
        );
        assert!(!judged.weighed.is_empty());
        let tried = shop.payments.try_rules().await.unwrap();
        assert!(tried.attempts() > 500, "{}", tried.attempts());
        // A second time nothing happens.
        assert!(!shop.payments.learn_of_invented(past).await.unwrap());
        // The books know nothing of it, no provider was asked, and nothing of it looks as if somebody had written it beside us.
        assert_eq!(books(&db).await, []);
        let whole = shop.payments.whole(room.id).await.unwrap().unwrap();
        assert!(
            whole.calls.is_empty()
                && whole.captures.is_empty()
                && whole.postings.is_empty()
                && whole.news.is_empty()
        );
        assert!(!ledger_text(&db).await.contains(&room.id.to_string()));
        let data_key = DataKey::from_bytes(storeward_base::Secret::new([3; 32]));
        assert_eq!(harmed_rows(&db, &data_key, Unsealed::Harmed).await.unwrap(), []);
        shop.payments.round().await.unwrap();
        let after = shop.payments.find(room.id).await.unwrap().unwrap();
        assert_eq!((after.state, after.is_open()), (State::Voided, false));
    }
);

both_engines!(a_shop_that_has_payments_gets_no_invented_past, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("I-9", 1999, Provider::Stripe).await;
    shop.payments.make_room_for_invented().await.unwrap();
    assert!(!shop.payments.learn_of_invented(past).await.unwrap());
    let all = shop.payments.list(None, 10).await.unwrap();
    assert_eq!(all.iter().map(|one| one.id).collect::<Vec<_>>(), [paid.id]);
    assert_eq!(shop.payments.scorers().await.unwrap(), []);
});

//! Places: shown where the owner's file knows them, kept sealed, told in the letter about a new device.

use storeward_base::{Clock, Language};
use storeward_detect::sign_in::Networks;
use storeward_detect::testing::{mmdb, town};
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;

use super::bench::{Bench, EMAIL, Options, PASSWORD};

const LEIPZIG: &str = "near Leipzig, Germany";

fn networks() -> Networks {
    let leipzig = town("DE", ["Germany", "Deutschland"], ["Leipzig", "Leipzig"], 20);
    let mut networks = Networks::default();
    networks.read(mmdb("GeoLite2-City", &[("198.51.100.0/24", leipzig)])).unwrap();
    networks.read(b"192.0.2.0/24 country=NO\n".to_vec()).unwrap();
    networks
}

both_engines!(sessions_activity_and_letters_say_where, MIGRATIONS, async |db| {
    let policy = Policy { customers: SecondFactor::Offered, ..Policy::default() };
    let bench = Bench::with_options(db, Options { policy, networks: networks(), ..Options::default() });
    let mut owner = bench.signed_up().await;
    let page = owner.get("/.storeward/account").await;
    assert_eq!(page.body.matches(LEIPZIG).count(), 2, "the session and the line of activity: {}", page.body);
    assert!(page.body.contains("Places are rough"));
    // From a network of which only the country is known, and from one that nobody knows.
    let mut abroad = bench.browser();
    abroad.address = "192.0.2.9".parse().unwrap();
    abroad.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    assert_eq!(bench.letter(LetterKind::NewDevice).parameter("place"), "NO");
    let mut unknown = bench.browser().elsewhere();
    unknown.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    assert_eq!(bench.letter(LetterKind::NewDevice).parameter("place"), "");
    let mut second = bench.browser();
    second.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let letter = bench.letter(LetterKind::NewDevice);
    assert_eq!(letter.parameter("place"), LEIPZIG);
    assert_eq!(letter.parameter("when"), bench.clock.now().in_words(Language::En));
    let page = owner.get("/.storeward/account").await;
    assert_eq!(page.body.matches(LEIPZIG).count(), 4);
    assert_eq!(page.body.matches("<span data-country=\"NO\">NO</span>").count(), 2);
    // Staff see the same, in one line with the network.
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    let places: Vec<&str> = view.sessions.iter().map(|session| session.place.as_str()).collect();
    for place in ["198.51.100.x (near Leipzig, Germany)", "192.0.2.x (NO)", "203.0.113.x"] {
        assert!(places.contains(&place), "{place} is not in {places:?}");
    }
    // Another file does not change what was.
    bench.identity.set_networks(Networks::default());
    assert_eq!(owner.get("/.storeward/account").await.body.matches(LEIPZIG).count(), 4);
    // None of it stands anywhere in the clear.
    let rows = bench.db.read(|reader| {
        let mut all = reader
            .query_many("SELECT place_sealed FROM customer_session", &[], |row| row.get::<Vec<u8>>(0))?;
        all.extend(
            reader
                .query_many("SELECT label_sealed FROM customer_activity", &[], |row| row.get::<Vec<u8>>(0))?,
        );
        Ok::<_, storeward_store::Error>(all)
    });
    let kept = rows.await.unwrap().concat();
    let events = bench.events("").await;
    let told: Vec<u8> = events.iter().flat_map(|record| record.to_bytes()).collect();
    for all in [kept, told] {
        assert!(!String::from_utf8_lossy(&all).contains("Leipzig"));
    }
});

both_engines!(without_a_file_no_place_is_shown, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let page = bench.signed_up().await.get("/.storeward/account").await;
    assert!(!page.body.contains("class=\"place\"") && !page.body.contains("Places are rough"));
    assert!(!page.body.contains("198.51.100"), "the network is for staff");
});

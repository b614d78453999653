//! The registry: what is shown once, what overlaps, what is refused.

use storeward_base::Actor;
use storeward_oidc::Error;
use storeward_oidc::registry::{Kind, PRESETS, Pkce, Warning};
use storeward_store::both_engines;

use super::bench::{Bench, MIGRATIONS, Party, text};

both_engines!(clients_come_and_go, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    assert!(bench.registry.list().await.unwrap().is_empty());
    for preset in &PRESETS {
        let draft = preset.draft("Larkmoor", Some("https://shop.example"));
        let added = bench.registry.add(draft, Actor::Operator).await.unwrap();
        assert_eq!(added.secret.is_some(), preset.kind == Kind::Confidential, "{}", preset.word);
        assert!(format!("{added:?}").contains("secret: ") && !format!("{added:?}").contains("sws_"));
        let found = bench.registry.find(added.client.id).await.unwrap();
        assert_eq!(found, added.client, "{}", preset.word);
        assert_eq!(found.warnings().contains(&Warning::PkceWaived), preset.pkce == Pkce::Waived);
        bench.advance(1);
    }
    let all = bench.registry.list().await.unwrap();
    assert_eq!(all.iter().map(|client| client.preset.as_str()).collect::<Vec<_>>(), PRESETS.map(|p| p.word));
    bench.registry.remove(all[0].id, Actor::Operator).await.unwrap();
    assert_eq!(bench.registry.find(all[0].id).await, Err(Error::NoClient));
    assert_eq!(bench.registry.remove(all[0].id, Actor::Operator).await, Err(Error::NoClient));
    let mut bad = bench.draft("own");
    bad.redirect_uris = vec!["http://shop.example/".to_owned()];
    assert!(matches!(bench.registry.add(bad, Actor::Operator).await, Err(Error::Misfit(_))));
});

both_engines!(a_secret_is_replaced_in_peace_or_at_once, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let works = async |secret: &str| {
        let holder = Party { secret: Some(secret.to_owned()), ..party.clone() };
        bench.post(&holder, "/introspect", &[("token", "x")]).await.status == 200
    };
    let old = party.secret.clone().unwrap();
    let new = bench.registry.rotate_secret(party.id, 24, Actor::Operator).await.unwrap().expose().clone();
    assert!(works(&old).await && works(&new).await);
    bench.advance(24 * 3_600);
    assert!(!works(&old).await && works(&new).await);
    let newest = bench.registry.rotate_secret(party.id, 0, Actor::Operator).await.unwrap().expose().clone();
    assert!(!works(&new).await && works(&newest).await);
    assert!(matches!(
        bench.registry.rotate_secret(party.id, 1_000, Actor::Operator).await,
        Err(Error::Misfit(_))
    ));
    let app = bench.add(bench.draft("browser")).await;
    assert_eq!(bench.registry.rotate_secret(app.id, 0, Actor::Operator).await.unwrap_err(), Error::NoSecret);
    let holder = Party { secret: Some(newest), ..party };
    assert!(!text(&browser.tokens(&holder, &[]).await["id_token"]).is_empty());
});

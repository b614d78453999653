//! Whoever writes the database and holds no key file signs in as nobody else: grants and tokens are what was written.

use storeward_base::Actor;
use storeward_oidc::Error;
use storeward_oidc::registry::Scopes;
use storeward_store::testing::TestDb;
use storeward_store::{Engine, both_engines};

use super::bench::{Bench, MIGRATIONS, Party, text};

// A customer with a sign-in of their own made it another's in the database, and was that one at the shop.
both_engines!(nobody_s_grant_or_token_is_made_another_s, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let more = [("scope", "openid email offline_access")];
    let mut ada = bench.customer().await;
    let hers = ada.tokens(&party, &more).await;
    let victim = bench.userinfo(text(&hers["access_token"])).await.json()["sub"].clone();
    let mut eve = bench.browser();
    eve.sign_up("eve@elsewhere.example").await;
    bench.advance(1);
    bench.db.tamper("CREATE TABLE of_ada AS SELECT * FROM oidc_grant");
    let of_eve = "id NOT IN (SELECT id FROM of_ada)";
    let columns =
        ["customer", "session", "acr", "amr", "client", "offline_at", "authenticated_at", "redirect_uri"];
    let copied: Vec<String> =
        columns.iter().map(|name| format!("{name} = (SELECT {name} FROM of_ada)")).collect();
    for (change, is_of_refresh) in [
        (format!("UPDATE oidc_grant SET customer = (SELECT customer FROM of_ada) WHERE {of_eve}"), true),
        (format!("UPDATE oidc_grant SET {} WHERE {of_eve}", copied.join(", ")), true),
        (
            format!(
                "UPDATE oidc_grant SET {}, tag = (SELECT tag FROM of_ada) WHERE {of_eve}",
                copied.join(", ")
            ),
            true,
        ),
        (format!("UPDATE oidc_grant SET {}, tag = NULL WHERE {of_eve}", copied.join(", ")), true),
        ("UPDATE oidc_access_token SET grant_id = (SELECT id FROM of_ada)".to_owned(), false),
        ("UPDATE oidc_refresh_token SET grant_id = (SELECT id FROM of_ada)".to_owned(), true),
        ("UPDATE oidc_access_token SET expires_at = expires_at + 86400000000".to_owned(), false),
    ] {
        let own = eve.tokens(&party, &more).await;
        let (access, refresh) =
            (text(&own["access_token"]).to_owned(), text(&own["refresh_token"]).to_owned());
        let seen = bench.userinfo(&access).await;
        assert!(seen.status == 200 && seen.json()["sub"] != victim, "{}", seen.body);
        bench.db.tamper(&change);
        if is_of_refresh {
            bench.refresh(&party, &refresh).await.refuses(400, "invalid_grant");
        }
        if !change.contains("oidc_refresh_token") {
            assert_eq!(bench.userinfo(&access).await.status, 401, "{change}");
        }
    }
    // A code as well, before it is used.
    let code = eve.code(&party, &more).await;
    bench.db.tamper(&format!("UPDATE oidc_grant SET {} WHERE {of_eve}", copied.join(", ")));
    bench.exchange(&party, &code).await.refuses(400, "invalid_grant");
    assert_eq!(bench.events("oidc.refresh_token_reused").await.len(), 0);
});

// Such a row was told when it was used only, and by its thief that is the moment when nobody looks.
both_engines!(each_grant_and_token_that_was_changed_is_found, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut ada = bench.customer().await;
    ada.tokens(&party, &[("scope", "openid offline_access")]).await;
    assert_eq!(storeward_oidc::harmed(&bench.db).await.unwrap(), []);
    for (change, back, table) in [
        ("session = 'ses_' || id", "session = of_before", "oidc_grant"),
        ("tag = NULL", "tag = tag_of_before", "oidc_grant"),
        ("expires_at = expires_at + 1", "expires_at = expires_at - 1", "oidc_access_token"),
        ("expires_at = expires_at + 1", "expires_at = expires_at - 1", "oidc_refresh_token"),
    ] {
        if change.starts_with("session") {
            bench.db.tamper(
                "CREATE TABLE kept AS SELECT session AS of_before, tag AS tag_of_before FROM oidc_grant",
            );
        }
        bench.db.tamper(&format!("UPDATE {table} SET {change}"));
        let found = storeward_oidc::harmed(&bench.db).await.unwrap();
        let tables: Vec<&str> = found.iter().map(|fact| fact.table.as_str()).collect();
        assert_eq!(tables, [table], "{change}");
        let back = match back.split_once(" = ") {
            Some((column, kept)) if kept.contains("of_before") => {
                format!("{column} = (SELECT {kept} FROM kept)")
            }
            _ => back.to_owned(),
        };
        bench.db.tamper(&format!("UPDATE {table} SET {back}"));
        assert_eq!(storeward_oidc::harmed(&bench.db).await.unwrap(), [], "{back}");
    }
});

/// Writes an address beside whatever the statement before wrote to these columns.
fn lay_trigger(db: &TestDb, when: &str) {
    let evil = "'https://evil.example/cb'";
    db.tamper(&match db.engine() {
        Engine::Sqlite => format!(
            "CREATE TRIGGER evil AFTER {when} ON oidc_client BEGIN UPDATE oidc_client SET \
             redirect_uris = redirect_uris || char(10) || {evil} WHERE id = NEW.id; END"
        ),
        Engine::Postgres => format!(
            "CREATE FUNCTION evil() RETURNS trigger AS $$ BEGIN NEW.redirect_uris := NEW.redirect_uris || chr(10) || {evil}; \
             RETURN NEW; END $$ LANGUAGE plpgsql; \
             CREATE TRIGGER evil BEFORE {when} ON oidc_client FOR EACH ROW EXECUTE FUNCTION evil()"
        ),
    });
}

fn take_trigger(db: &TestDb) {
    db.tamper(match db.engine() {
        Engine::Sqlite => "DROP TRIGGER evil",
        Engine::Postgres => "DROP TRIGGER evil ON oidc_client; DROP FUNCTION evil()",
    });
}

// The tag was made of what lay there after the write: with it the owner's next word signed an address that a trigger had put in.
both_engines!(no_word_of_the_owners_binds_what_a_trigger_wrote, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let before = bench.registry.find(party.id).await.unwrap();
    lay_trigger(&bench.db, "UPDATE OF scopes, secret_mark");
    assert!(bench.registry.rotate_secret(party.id, 24, Actor::Operator).await.is_err());
    let cut = Scopes::parse("openid");
    assert!(bench.registry.set_scopes(party.id, cut.clone(), Actor::Operator).await.is_err());
    assert_eq!(bench.registry.find(party.id).await.unwrap(), before, "nothing of it was written");
    take_trigger(&bench.db);
    lay_trigger(&bench.db, "INSERT");
    assert!(bench.registry.add(bench.draft("browser"), Actor::Operator).await.is_err());
    assert_eq!(bench.registry.list().await.unwrap(), [before]);
    take_trigger(&bench.db);
    // Without one each word holds.
    bench.registry.rotate_secret(party.id, 24, Actor::Operator).await.unwrap();
    bench.registry.set_scopes(party.id, cut, Actor::Operator).await.unwrap();
    bench.registry.add(bench.draft("browser"), Actor::Operator).await.unwrap();
    assert_eq!(bench.registry.list().await.unwrap().len(), 2);
    assert_eq!(storeward_oidc::harmed(&bench.db).await.unwrap(), []);
});

// Whoever followed a link while signed in gave a code to an address that somebody had written into the database.
both_engines!(no_client_is_another_one_than_was_registered, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let other = bench.add(bench.draft("browser")).await;
    let mut ada = bench.customer().await;
    bench.db.tamper("CREATE TABLE kept AS SELECT * FROM oidc_client");
    let of_other = |column: &str| format!("(SELECT {column} FROM kept WHERE id = '{}')", other.id);
    let evil = ("redirect_uri", "https://evil.example/cb");
    for change in [
        "redirect_uris = redirect_uris || '\nhttps://evil.example/cb'".to_owned(),
        "redirect_uris = 'https://evil.example/cb', tag = NULL".to_owned(),
        format!("tag = {}", of_other("tag")),
        format!("secret_mark = {}", of_other("secret_mark")),
        "previous_mark = secret_mark, previous_until = created_at + 86400000000".to_owned(),
        "scopes = scopes || ' phone'".to_owned(),
        "consent = CASE consent WHEN 'skipped' THEN 'asked' ELSE 'skipped' END".to_owned(),
        "pkce = CASE pkce WHEN 'waived' THEN 'required' ELSE 'waived' END".to_owned(),
        "backchannel_uri = 'https://evil.example/logout'".to_owned(),
        "logout_uris = 'https://evil.example/out'".to_owned(),
        "origins = 'https://evil.example'".to_owned(),
        "name = 'another', algorithm = 'none'".to_owned(),
    ] {
        bench.db.tamper(&format!("UPDATE oidc_client SET {change} WHERE id = '{}'", party.id));
        for more in [&[evil][..], &[]] {
            let answer = ada.get(&party.request(more)).await;
            let went = (answer.given("code"), answer.location().contains("evil"));
            assert_eq!(went, (None, false), "{change}: {}", answer.location());
        }
        assert_eq!(bench.registry.find(party.id).await, Err(Error::NoClient), "{change}");
        let listed: Vec<_> = bench.registry.list().await.unwrap().iter().map(|one| one.id).collect();
        assert_eq!(listed, [other.id], "{change}");
        // No word of ours makes it good again.
        let rotated = bench.registry.rotate_secret(party.id, 0, Actor::Operator).await;
        assert_eq!(rotated.unwrap_err(), Error::NoClient);
        let cut = bench.registry.set_scopes(party.id, Scopes::parse("openid"), Actor::Operator).await;
        assert_eq!(cut, Err(Error::NoClient));
        let found = storeward_oidc::harmed(&bench.db).await.unwrap();
        let found: Vec<(&str, &str)> =
            found.iter().map(|one| (one.table.as_str(), one.row.as_str())).collect();
        assert_eq!(found, [("oidc_client", party.id.to_string().as_str())], "{change}");
        bench.db.tamper(&format!("DELETE FROM oidc_client WHERE id = '{}'", party.id));
        bench.db.tamper(&format!("INSERT INTO oidc_client SELECT * FROM kept WHERE id = '{}'", party.id));
        ada.code(&party, &[]).await;
    }
    // One of their own, with a tag that was good for another.
    let id = "rp_00000000000000000000000009";
    bench.db.tamper("CREATE TABLE theirs AS SELECT * FROM kept WHERE secret_mark IS NULL");
    bench.db.tamper(&format!("UPDATE theirs SET id = '{id}', redirect_uris = 'https://evil.example/cb'"));
    bench.db.tamper("INSERT INTO oidc_client SELECT * FROM theirs");
    let theirs = Party { id: id.parse().unwrap(), secret: None };
    let answer = ada.get(&theirs.request(&[evil])).await;
    assert_eq!((answer.given("code"), answer.location().contains("evil")), (None, false));
    // It gets no tag by a second start either: others have theirs.
    let db = (*bench.db).clone();
    let bound = storeward_store::testing::blocking(move || storeward_oidc::bind_old_blocking(&db)).await;
    assert_eq!(bound.unwrap(), 0);
    // What is changed by our own words stays good.
    bench.registry.set_scopes(party.id, Scopes::parse("openid"), Actor::Operator).await.unwrap();
    bench.registry.rotate_secret(party.id, 1, Actor::Operator).await.unwrap();
    ada.code(&party, &[("scope", "openid")]).await;
});

// The row was looked at by one statement and read by the next: whoever wrote in between chose where people were sent.
both_engines!(a_client_is_read_as_it_was_looked_at, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let evil = match bench.db.engine() {
        Engine::Sqlite => "random() > 0",
        Engine::Postgres => "random() > 0.5",
    };
    // Every statement finds the row as it was written, or with an address more, as the dice fall.
    bench.db.tamper(&format!(
        "ALTER TABLE oidc_client RENAME TO rolled; CREATE VIEW oidc_client AS SELECT id, name, preset, secret_mark, previous_mark, \
         previous_until, pkce, consent, algorithm, id_token, CASE WHEN {evil} THEN 'https://evil.example/cb' ELSE redirect_uris END \
         AS redirect_uris, logout_uris, backchannel_uri, origins, created_at, scopes, answers, tag FROM rolled"
    ));
    let mut found = 0;
    for _ in 0..64 {
        match bench.registry.find(party.id).await {
            Ok(client) => {
                assert!(!client.redirect_uris.iter().any(|uri| uri.contains("evil")));
                found += 1;
            }
            Err(why) => assert_eq!(why, Error::NoClient),
        }
    }
    assert!((1..64).contains(&found), "{found}");
});

//! From nothing to an account, and what it looks like when there is one already.

use storeward_identity::{LetterKind, MIGRATIONS, STATEMENTS};
use storeward_store::both_engines;

use super::bench::{Bench, EMAIL, OTHER_PASSWORD, PASSWORD};

both_engines!(every_statement_is_known_to_the_engine, MIGRATIONS, async |db| {
    for statement in STATEMENTS.iter().flat_map(|table| table.iter()) {
        let checked = db.read(move |reader| reader.check_statement(statement)).await;
        assert_eq!(checked, Ok(()), "{statement}");
    }
});

both_engines!(an_address_that_is_confirmed_becomes_an_account, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.signed_up().await;
    let page = browser.get("/.storeward/account").await;
    assert!(page.body.contains("Security centre") && page.body.contains("a•••@people.example"));
    assert!(page.body.contains("Firefox · Linux") && page.body.contains("Account opened"));
    assert_eq!(bench.facts().await, ["signed_up", "signed_in"]);
    let all: String = bench
        .events("identity.")
        .await
        .iter()
        .map(|record| String::from_utf8(record.to_bytes()).unwrap())
        .collect();
    assert!(!all.contains("ada@") && !all.contains("Ada") && !all.contains("Firefox"), "{all}");
    assert_eq!(bench.kinds(), [LetterKind::SignUpCode], "no notice of a new device to whoever has just come");
});

both_engines!(at_rest_nothing_names_a_person, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let browser = bench.signed_up().await;
    let token = browser.session().unwrap();
    let rows: Vec<String> = bench
        .db
        .read(|reader| {
            let mut all = Vec::new();
            all.extend(reader.query_many(
                "SELECT email_mark, email_sealed, name_sealed, password_hash FROM customer_account",
                &[],
                |row| {
                    let sealed: Vec<u8> = row.get(1)?;
                    let name: Vec<u8> = row.get(2)?;
                    let (mark, hash): (String, String) = (row.get(0)?, row.get(3)?);
                    let bytes = [sealed, name].concat();
                    Ok(format!("{mark} {hash} {}", String::from_utf8_lossy(&bytes)))
                },
            )?);
            all.extend(reader.query_many("SELECT token_hash FROM customer_session", &[], |row| row.get(0))?);
            Ok::<_, storeward_store::Error>(all)
        })
        .await
        .unwrap();
    let all = rows.join("\n");
    assert_eq!(rows.len(), 2);
    for plain in [EMAIL, "people.example", "Ada", PASSWORD, &token] {
        assert!(!all.contains(plain), "{plain} in {all}");
    }
});

both_engines!(a_known_address_is_answered_as_a_new_one, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let mut stranger = bench.browser().elsewhere();
    let known = stranger.sign_up(EMAIL, OTHER_PASSWORD).await;
    let known_page = stranger.get("/.storeward/challenge").await;
    let mut other = bench.browser().elsewhere();
    let new = other.sign_up("abe@people.example", OTHER_PASSWORD).await;
    let new_page = other.get("/.storeward/challenge").await;
    assert_eq!((known.status, known.location()), (new.status, new.location()));
    assert_eq!(known_page.plain(), new_page.plain());
    // The owner learns of it by letter, and no code leads anywhere.
    assert_eq!(bench.letter(LetterKind::AlreadyCustomer).to.expose(), EMAIL);
    let wrong = stranger.prove("mail", "12345678").await;
    let also = other.prove("mail", "12345678").await;
    assert_eq!((wrong.status, wrong.plain()), (also.status, also.plain()));
    assert_eq!(wrong.status, 403);
    // Their password stays theirs.
    assert_eq!(stranger.sign_in(EMAIL, OTHER_PASSWORD).await.status, 403);
    stranger.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
});

both_engines!(what_does_not_fit_is_named, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.browser();
    for (email, password, words) in [
        ("ada", PASSWORD, "e-mail address such as"),
        (EMAIL, "fourteen chars", "at least 15 characters"),
        (EMAIL, "ada@people.example", "not your name, your e-mail"),
        (EMAIL, "121212121212121212", "more different characters"),
    ] {
        let answer = browser.sign_up(email, password).await;
        assert_eq!(answer.status, 422, "{words}");
        assert!(answer.body.contains(words), "{words} not in {}", answer.body);
        assert!(!answer.body.contains(&format!("value=\"{password}\"")) || password == EMAIL);
    }
    assert!(bench.post.all().is_empty());
});

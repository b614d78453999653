//! Parts of names by which customers are found, and what customers said that staff take down.

use storeward_base::CustomerId;
use storeward_store::both_engines;

use super::{TABLES, ada, keep, keep_ada, open, owner, set_groups};
use crate::bench::Bench;

both_engines!(names_are_found_by_parts_where_the_operator_lets_them_be, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let page = browser.get("/data").await;
    let csrf = page.csrf();
    assert!(page.body.contains("Type the whole value.") && !page.body.contains("Part of a name"));
    let find = |by: &str, value: &str| format!("csrf={csrf}&by={by}&value={value}");
    let refused = browser.post("/data/find", &find("contact.name", "lovela")).await;
    assert!(refused.status == 400 || refused.status == 422, "{}", refused.status);
    let vault = bench.vault.clone().unwrap();
    vault.settle_indexes(&[storeward_vault::by_part("contact.name").unwrap()]).await.unwrap();
    vault.make_indexes(|_| {}).await.unwrap();
    let page = browser.get("/data").await;
    assert!(
        page.body.contains("Part of a name") && !page.body.contains("Part of a company"),
        "{}",
        page.body
    );
    let found = browser.post("/data/find", &find("contact.name", "OVELA")).await;
    assert_eq!(found.location(), format!("/data/{}", ada()));
    let short = browser.post("/data/find", &find("contact.name", "lo")).await;
    assert!(short.status == 422 && short.body.contains("three letters or more"), "{}", short.body);
    let none = browser.post("/data/find", &find("contact.name", "babbage")).await;
    assert!(none.status == 422 && none.body.contains("Nobody has these letters"), "{}", none.body);
    let other = browser.post("/data/find", &find("contact.company", "lovela")).await;
    assert!(other.status == 400 || other.status == 422, "{}", other.status);
    let looked = bench.events("vault.customers_found").await;
    assert_eq!(looked.len(), 2, "{looked:?}");
    assert!(!format!("{looked:?}").to_lowercase().contains("ovela"));
    // Whoever may not find anybody finds nobody by parts either.
    let _second = owner(&bench).await;
    set_groups(&bench, &["admin"]).await;
    let denied = browser.post("/data/find", &find("contact.name", "lovela")).await;
    assert!(denied.status == 422 && !denied.body.contains(&ada().to_string()), "{}", denied.body);
});

both_engines!(what_a_customer_said_is_taken_down_by_the_owner_and_by_nobody_else, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let page = format!("/data/{}", ada());
    let csrf = browser.get(&page).await.csrf();
    let say = |what: &str| format!("csrf={csrf}&{what}");
    let without = browser.post(&format!("{page}/said"), &say("purpose=marketing&word=agree")).await;
    assert!(without.status == 422 && without.body.contains("say who asked for it"), "{}", without.body);
    for (purpose, word) in [("own_data", "agree"), ("nothing", "agree"), ("marketing", "perhaps")] {
        let form = say(&format!("purpose={purpose}&word={word}&reason=x"));
        let unfit = browser.post(&format!("{page}/said"), &form).await;
        assert!(unfit.status == 400 || unfit.status == 422, "{purpose} {word}: {}", unfit.status);
    }
    // The last word counts.
    for (word, opens) in [("agree", true), ("object", false)] {
        let form = say(&format!("purpose=marketing&word={word}&reason=by+telephone"));
        let said = browser.post(&format!("{page}/said"), &form).await;
        assert_eq!(said.location(), format!("{page}?done=said"), "{}", said.body);
        bench.clock.advance(std::time::Duration::from_secs(1));
        let opened = open(&mut browser, &csrf, "purpose=marketing&contact=yes").await;
        assert_eq!(opened.status == 200, opens, "{word}: {}", opened.body);
    }
    assert_eq!(bench.events("vault.consent_changed").await.len(), 1);
    assert_eq!(bench.events("vault.objection_changed").await.len(), 1);
    // Both stand there, with the note.
    let opened = open(&mut browser, &csrf, "purpose=rights_request&consent=yes&note=yes").await;
    assert!(opened.body.contains("given at") && opened.body.contains("objected at"), "{}", opened.body);
    assert!(opened.body.contains("by telephone"), "{}", opened.body);
    // Support puts addresses right, and takes no consent down.
    let _second = owner(&bench).await;
    set_groups(&bench, &["support"]).await;
    assert!(!browser.get(&page).await.body.contains("Take down what they agree"));
    let form = say("purpose=marketing&word=agree&reason=x");
    let refused = browser.post(&format!("{page}/said"), &form).await;
    assert!(refused.status == 422 && refused.body.contains("Nothing was taken down"), "{}", refused.body);
    assert_eq!(bench.events("vault.consent_changed").await.len(), 1);
});

// Rules that give a group that is no role, one person, or somebody under another circumstance everything were told as "Nobody sees more or
// less", and the page of who can see what had no word of them.
both_engines!(a_back_door_in_the_rules_is_told_before_it_is_saved_and_after, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    bench.enrolled().await;
    let mut grace = owner(&bench).await;
    set_groups(&bench, &["packers"]).await;
    let csrf = grace.get("/data").await.csrf();
    let encode = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let with = |rule: &str| {
        format!("{}\n@id(\"door\") @says(\"Nothing.\") {rule}", storeward_policy::Policies::default_text())
    };
    let form = |text: &str, act: &str| {
        let hash = storeward_vault::rules::hash(text);
        format!("csrf={csrf}&text={}&begun_from=0&act={act}&seen={hash}", encode(text))
    };
    let warehouse =
        "permit (principal is Staff in Role::\"warehouse\", action == Action::\"open\", resource);";
    let one = "permit (principal == Staff::\"staff_1\", action == Action::\"approve\", resource);";
    for (rule, told) in [
        (
            warehouse,
            [
                "warehouse, Answer the customer: contact email: nothing",
                "are no roles: <code>warehouse</code>",
            ],
        ),
        (
            one,
            [
                "cannot show what these rules",
                "door: Staff &#34;staff_1&#34; may approve; it goes by one person",
            ],
        ),
    ] {
        let look = grace.post("/data/rules/edit", &form(&with(rule), "look")).await;
        assert!(told.iter().all(|one| look.body.contains(one)), "{rule}: {}", look.body);
        assert!(!look.body.contains("Nobody sees more or less"), "{rule}");
    }
    let same =
        grace.post("/data/rules/edit", &form(storeward_policy::Policies::default_text(), "look")).await;
    assert!(same.body.contains("Nobody sees more or less"), "{}", same.body);
    let misspelt = with(
        "forbid (principal is Staff, action == Action::\"open\", resource == Field::\"contact.emial\");",
    );
    let refused = grace.post("/data/rules/edit", &form(&misspelt, "save")).await;
    assert!(refused.status == 422 && refused.body.contains("there is no field"), "{}", refused.body);
    let door = with(
        "permit (principal is Staff in Role::\"marketing\", action, resource) when { context.factor_age > 0 };",
    );
    assert_eq!(
        grace.post("/data/rules/edit", &form(&door, "save")).await.location(),
        "/data/rules?done=saved"
    );
    let page = grace.get("/data/rules").await;
    assert!(
        page.body.contains("may do everything; it goes by factor age") && page.body.contains(">packers<"),
        "{}",
        page.body
    );
});

// That two records have one address stood there for everybody on the staff, whatever their role sees of it.
both_engines!(who_may_not_erase_is_told_of_no_other_record, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let guest = CustomerId::from_bits(0x6E57);
    keep(&bench, guest, "own", &[("contact.email", "Ada@shop.example")]).await;
    let (mut support, _) = bench.enrolled().await;
    set_groups(&bench, &["support"]).await;
    let mut grace = owner(&bench).await;
    let page = format!("/data/{}", ada());
    assert!(grace.get(&page).await.body.contains(&format!("<a href=\"/data/{guest}\">another record</a>")));
    let theirs = support.get(&page).await;
    assert!(theirs.status == 200 && !theirs.body.contains(&guest.to_string()), "{}", theirs.body);
});

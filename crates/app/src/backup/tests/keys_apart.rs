//! A key store that is a database of a server.

use super::*;

// No drill ever passed: nothing loaded the copy of the keys, and the trial looked at an empty key store.
#[test]
fn a_drill_opens_the_copy_of_a_key_store_on_a_server() {
    if std::env::var_os("STOREWARD_TEST_SQLITE_ONLY").is_some() {
        return;
    }
    let house = House::new(Engine::Postgres, "");
    let url = std::env::var("STOREWARD_TEST_POSTGRES").expect("STOREWARD_TEST_POSTGRES is set");
    let name = format!("backup_keys_{}", fresh());
    let environment = DatabaseUrl::parse(&url).unwrap().for_programs();
    let environment: Vec<_> = environment.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    let keys = TrialDatabase::create(&environment, &name).unwrap();
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let url = trial::with_database(&Secret::new(url), &name).expose().clone();
    std::fs::write(&file, text.replace("[vault]\n", &format!("[vault]\nkey_store = '{url}'\n"))).unwrap();
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let report = house.drill();
    assert!(report.has_passed(), "{report:?}");
    let opened =
        report.findings.iter().any(|finding| format!("{finding:?}").contains("1 customers' keys open"));
    assert!(opened, "{report:?}");
    // What is restored says what is to be done with the copy, and that its config leads to the original.
    let lines = house.restore(None, "restored").unwrap();
    let step = lines.iter().find(|line| line.contains("vault/keys.sql into an empty database")).unwrap();
    assert!(step.contains("vault.key_store"), "{step}");
    // It opens nothing there, for its first rotation would take all keys from the original; until an operator says that it takes its place.
    let refused = open_restored(&house.at("restored"), &house, |_, _| ()).unwrap_err().to_string();
    assert!(refused.contains("belongs to another data directory"), "{refused}");
    house.vault(|standing| assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example"));
    let loaded = crate::config::Config::load(&house.at("restored")).unwrap();
    let opened = open::open_as(&house.at("restored"), loaded).unwrap();
    let told = crate::vault::take_key_store(&opened).unwrap();
    opened.db.close();
    assert!(told.starts_with("The key store is this directory's own now"), "{told}");
    open_restored(&house.at("restored"), &house, |_, standing| {
        assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example");
    })
    .unwrap();
    let refused = house.with(|opened| crate::vault::start(opened).map(drop).unwrap_err().to_string());
    assert!(refused.contains("take-key-store"), "{refused}");
    drop(keys);
}

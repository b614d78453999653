//! What an import costs a shop's database that has many accounts.

use storeward_store::foreign::testing::MariaDb;
use storeward_vault::import::Run;

use crate::shops::{HPOS, POSTS, TABLES, import};

/// Accounts from one number to another, each with a customer's rights.
fn accounts(shop: &MariaDb, from: u32, to: u32) {
    shop.run(
        "shop",
        &format!(
            "INSERT INTO wp_users (ID, user_email) SELECT seq, CONCAT('c', seq, '@people.example') FROM seq_{from}_to_{to};
             INSERT INTO wp_usermeta (user_id, meta_key, meta_value) SELECT seq, 'wp_capabilities', 'a:1:{{s:8:\"customer\";b:1;}}' FROM seq_{from}_to_{to};"
        ),
    );
}

// Each page put all accounts behind it into a temporary table: at a hundred thousand accounts the shop's database was busy for minutes.
#[test]
fn twice_as_many_accounts_are_twice_the_work_for_the_shops_database() {
    let shop = MariaDb::start(&[]);
    for orders in [HPOS, POSTS] {
        shop.run("", "DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci");
        [TABLES, orders].iter().for_each(|sql| shop.run("shop", sql));
        let rows_of_a_run = || {
            let before = shop.status("Handler_tmp_write");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(import(&shop, Run::Dry).run(None, &mut |_| {})).unwrap();
            shop.status("Handler_tmp_write") - before
        };
        accounts(&shop, 10_001, 12_000);
        let once = rows_of_a_run();
        accounts(&shop, 12_001, 14_000);
        let twice = rows_of_a_run();
        assert!(once > 2_000 && twice < once * 5 / 2, "{once} rows, then {twice}");
    }
}

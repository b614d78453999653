//! Rows of a shop's file.

use storeward_store::both_engines;
use storeward_vault::import::{Mapping, Plan, Taken};
use storeward_vault::{Class, MIGRATIONS, Vault};

use crate::support::{both, field, own, shown};

fn cells(line: &str) -> Vec<String> {
    line.split('|').map(str::to_owned).collect()
}

fn mapping() -> Mapping {
    serde_json::from_str(
        r#"{"key": "id", "items": {"order": "order"}, "fields": {
            "contact.email": "mail", "contact.phone": "tel", "address.city@billing": "town",
            "order.number": "order", "order.total": "sum", "note.text": "remark"}}"#,
    )
    .unwrap()
}

const HEADER: &str = "id|mail|tel|town|order|sum|remark";

async fn take(vault: &Vault, line: &str) -> (Taken, Vec<String>) {
    let plan = Plan::new(&mapping(), &cells(HEADER)).unwrap();
    let row = plan.read(&cells(line));
    let left_out = row.left_out.iter().map(|(field, why)| format!("{field} {why}")).collect();
    (vault.take(&plan, &cells(line), row).await.unwrap(), left_out)
}

const ADA: &str = "17|ada@shop.example|+44 20 7946 0001|London|A-1001|1250|";

both_engines!(a_row_is_taken_once_and_what_changed_takes_its_place, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    assert_eq!(take(&vault, ADA).await, (Taken::New, vec![]));
    let ada = vault.customer_of_shop("17");
    let names = ["contact.email", "contact.shop_id", "address.city", "order.number", "order.total"];
    let first = vault.item_of_shop(Class::Order, "A-1001");
    let kept = shown(&vault, ada, &names).await;
    assert_eq!(
        kept,
        [
            "billing city London",
            "own email ada@shop.example",
            "own shop_id 17",
            &format!("{first} number A-1001"),
            &format!("{first} total 1250")
        ]
    );
    assert_eq!(vault.find(field("contact.shop_id"), "17").await.unwrap(), [ada]);
    // Again: nothing is written.
    let before = db.read(storeward_store::ledger::head).await.unwrap().size;
    assert_eq!(take(&vault, ADA).await, (Taken::Known, vec![]));
    assert_eq!(db.read(storeward_store::ledger::head).await.unwrap().size, before);
    // Another address and a second order: one item is written for each, the rest stays.
    assert_eq!(
        take(&vault, &ADA.replace("London", "Ockham").replace("A-1001", "A-1002")).await.0,
        Taken::Known
    );
    let mut kept = shown(&vault, ada, &["address.city", "order.number"]).await;
    let second = vault.item_of_shop(Class::Order, "A-1002");
    let mut wanted = [
        "billing city Ockham".to_owned(),
        format!("{first} number A-1001"),
        format!("{second} number A-1002"),
    ];
    kept.sort();
    wanted.sort();
    assert_eq!(kept, wanted);
});

both_engines!(what_does_not_fit_is_left_out_and_told_without_the_value, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let (taken, left_out) =
        take(&vault, "18|no address|030 1234|Paris|B 1|12.50|paid with 4111 1111 1111 1111").await;
    assert_eq!(taken, Taken::New);
    assert_eq!(left_out.len(), 4, "{left_out:?}");
    let told = left_out.join("; ");
    assert!(
        told.contains("note.text holds a card number") && told.contains("contact.email is no e-mail address")
    );
    for value in ["4111", "no address", "030", "12.50"] {
        assert!(!told.contains(value), "{told}");
    }
    let kept =
        shown(&vault, vault.customer_of_shop("18"), &["address.city", "order.number", "note.text"]).await;
    let order = vault.item_of_shop(Class::Order, "B 1");
    assert_eq!(kept, ["billing city Paris".to_owned(), format!("{order} number B 1")]);
    // Without a number, or with nothing that fits, nobody is made.
    assert_eq!(take(&vault, "|ada@shop.example|||||").await.0, Taken::Nothing);
    assert_eq!(take(&vault, "19||||||").await.0, Taken::Nothing);
});

both_engines!(an_erased_customer_is_not_brought_back_by_the_shops_file, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    take(&vault, ADA).await;
    let ada = vault.customer_of_shop("17");
    vault.erase(&own(ada)).await.unwrap();
    assert_eq!(take(&vault, ADA).await.0, Taken::Erased);
    assert_eq!(vault.find(field("contact.email"), "ada@shop.example").await.unwrap(), []);
});

#[test]
fn a_mapping_that_does_not_fit_its_file_is_refused() {
    let check = |change: &dyn Fn(&mut Mapping), says: &str| {
        let mut mapping = mapping();
        change(&mut mapping);
        let told = Plan::new(&mapping, &cells(HEADER)).err().unwrap().to_string();
        assert!(told.contains(says), "{told}");
    };
    check(&|mapping| mapping.key = "nr".to_owned(), "no column `nr`");
    check(&|mapping| drop(mapping.fields.insert("contact.shoe".to_owned(), "tel".into())), "no field");
    check(
        &|mapping| drop(mapping.fields.insert("note.text".to_owned(), "notes".into())),
        "no column `notes`",
    );
    check(&|mapping| drop(mapping.items.insert("order".to_owned(), "nr".to_owned())), "no column `nr`");
}

// What a shop calls an order is as personal as the order, and people type card numbers anywhere.
both_engines!(no_cell_of_a_file_stands_in_the_database, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let card = "20|bob@shop.example||Rome|4111111111111111|1250|";
    let (taken, left_out) = take(&vault, card).await;
    assert_eq!(taken, Taken::New);
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    take(&vault, "21|eve@shop.example||Oslo|SO-774411|5|").await;
    // Two orders whose numbers differ by a sign are two.
    for number in ["A 1", "A#1"] {
        take(&vault, &format!("22|kim@shop.example||Bern|{number}|5|")).await;
    }
    let kim = shown(&vault, vault.customer_of_shop("22"), &["order.number"]).await;
    assert_eq!(kim.len(), 2, "{kim:?}");
    for sql in ["SELECT item FROM vault_field", "SELECT item FROM vault_mark"] {
        let read = db.read(move |reader| -> Result<Vec<String>, storeward_store::Error> {
            reader.query_many(sql, &[], |row| row.get(0))
        });
        let names = read.await.unwrap();
        assert!(!names.is_empty());
        for name in names {
            for cell in ["4111", "774411", "A"] {
                assert!(!name.contains(cell), "{name}");
            }
        }
    }
});

//! The handbook's reference of the interface.

use storeward_api::{document, own_operations};
use storeward_vault::rest;

#[test]
fn the_reference_of_the_handbook_is_what_is_served() {
    let mut operations = own_operations();
    operations.extend(rest::operations(None));
    let made = storeward_api::reference(&document(&operations));
    let written = include_str!("../../../../../docs/api.md");
    let (_, kept) = written.split_once("A test says when it is stale. -->\n").unwrap();
    assert!(
        kept.trim() == made.trim(),
        "docs/api.md is stale: put `storeward api reference` behind its last comment"
    );
}

//! A test that was given the providers' documents fails by itself where a call is not allowed by them.

use std::path::PathBuf;

use storeward_emulators::{Emulators, Options};

use crate::stand::call;

/// A document of our own, in which listing customers takes no parameters.
const DOCUMENT: &str = r#"{
    "info": { "version": "2023-01-01" },
    "paths": { "/v1/payment_intents": {}, "/v1/customers": { "get": { "responses": { "200": {} } } } }
}"#;

async fn ends(query: &str, key: &str) -> Result<(), tokio::task::JoinError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stripe.json"), DOCUMENT).unwrap();
    let contracts: Option<PathBuf> = Some(folder.path().to_owned());
    let emulators = Emulators::start(Options { contracts, ..Options::default() }).await.unwrap();
    let bearer = format!("Bearer {}{key}", emulators.stripe.secret_key);
    let url = format!("{}/v1/customers{query}", emulators.stripe.address);
    call("GET", &url, &[("authorization", bearer.as_str())], "").await.unwrap();
    tokio::spawn(async move { drop(emulators) }).await
}

#[tokio::test]
async fn a_call_that_no_document_allows_fails_the_test() {
    assert!(ends("", "").await.is_ok());
    assert!(ends("?limit=3", "").await.is_err(), "taken, and not in the document");
    assert!(ends("?limit=3", "wrong").await.is_ok(), "refused");
}

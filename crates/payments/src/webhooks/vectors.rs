//! Vectors that `tests/payments/vectors/write.mjs` makes with the official clients. They are made when the tests of the whole house
//! run (`./test`) and not kept, so this test looks at them where `STOREWARD_PAYMENT_VECTORS` names their folder.

use serde_json::Value;
use storeward_base::{Secret, Timestamp};
use storeward_outbound::{AllowList, Client, Options};
use storeward_seal::certificate::Roots;
use storeward_seal::encoding::decode_base64;

use super::paypal::{Certificates, Signed};
use crate::provider::{list, text};

fn read(name: &str) -> Option<Value> {
    let folder = std::env::var("STOREWARD_PAYMENT_VECTORS").ok()?;
    let file = std::path::Path::new(&folder).join(format!("{name}.json"));
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

fn bytes(vector: &Value) -> Vec<u8> {
    decode_base64(text(vector, "/body").unwrap()).unwrap()
}

#[test]
fn stripes_official_client_and_we_agree_but_where_it_is_said() {
    let Some(file) = read("stripe") else { return };
    let vectors = list(&file, "/vectors");
    assert!(vectors.len() >= 18);
    for vector in vectors {
        let secrets: Vec<_> = list(vector, "/secrets")
            .iter()
            .map(|secret| Secret::new(secret.as_str().unwrap().to_owned()))
            .collect();
        let now = Timestamp::from_seconds(vector["now"].as_i64().unwrap());
        let found = super::stripe::verify(&secrets, text(vector, "/header").unwrap(), &bytes(vector), now);
        assert_eq!(found.is_ok(), vector["ours"].as_bool().unwrap(), "{}: {found:?}", vector["name"]);
        // The one deliberate divergence: the official client takes any moment to come.
        let differs = vector["ours"] != vector["official"];
        assert_eq!(differs, text(vector, "/name") == Some("ten minutes ahead of us"), "{}", vector["name"]);
    }
}

#[test]
fn paypals_are_refused_for_the_reason_in_their_name() {
    let Some(file) = read("paypal") else { return };
    let roots = Roots::from_pem(text(&file, "/authority").unwrap().as_bytes());
    let client = Client::new(AllowList::new(), Options::default()).unwrap();
    let certificates = Certificates::new(client, "https://api.paypal.com".to_owned(), roots);
    let now = Timestamp::parse_rfc3339(text(&file, "/now").unwrap()).unwrap();
    let vectors = list(&file, "/vectors");
    assert!(vectors.len() >= 13);
    for vector in vectors {
        let signed = Signed::read(|name| {
            let key = match name {
                "paypal-auth-algo" => "/algo",
                "paypal-transmission-id" => "/transmission",
                "paypal-transmission-time" => "/time",
                "paypal-transmission-sig" => "/signature",
                _ => "/url",
            };
            text(vector, key)
        });
        let chain = text(vector, "/chain").unwrap().as_bytes();
        let webhook = text(vector, "/webhook").unwrap();
        let found =
            signed.and_then(|signed| signed.judged(&certificates, chain, webhook, &bytes(vector), now));
        assert_eq!(found.is_ok(), vector["ours"].as_bool().unwrap(), "{}: {found:?}", vector["name"]);
    }
}

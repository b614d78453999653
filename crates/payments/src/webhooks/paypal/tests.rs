use storeward_outbound::{AllowList, Options};

use super::*;

fn certificates(origin: &str) -> Certificates {
    let client = Client::new(AllowList::new(), Options::default()).unwrap();
    Certificates::new(client, origin.to_owned(), Roots::default())
}

/// Mistake 8: the address of the certificate comes from whoever sends the message.
#[test]
fn where_a_certificate_may_lie() {
    let live = certificates("https://api.paypal.com");
    assert!(live.is_ours("https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"));
    for url in [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://evil.example/https://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://API.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/../../oauth2/redirect",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?to=https://evil.example",
        "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1/more",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e",
        "https://api.paypal.com/v1/payments/CERT-1",
        "https://127.0.0.1/v1/notifications/certs/CERT-1",
        "file:///etc/passwd",
        "",
    ] {
        assert!(!live.is_ours(url), "{url}");
    }
}

#[test]
fn who_may_sign() {
    for name in ["messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com"] {
        assert!(is_signer(name), "{name}");
    }
    for name in [
        "",
        "api.paypal.com",
        "paypal.com",
        "messageverificationcerts.paypal.com.evil.example",
        "messageverificationcerts.evil.example",
        "messageverificationcertsevil.paypal.com",
        "x.messageverificationcerts.paypal.com",
        "messageverificationcerts.*.paypal.com",
    ] {
        assert!(!is_signer(name), "{name}");
    }
}

//! Which settings are refused, and that no secret is ever printed.

use std::path::Path;

use storeward_payments::PaymentsSection;

use crate::support::private;

fn settings(text: &str, folder: &Path) -> Result<String, String> {
    let section: PaymentsSection = toml::from_str(text).map_err(|why| why.to_string())?;
    section.settings(folder).map(|settings| format!("{settings:?}")).map_err(|why| why.to_string())
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("test", "sk_test_51abcdefghijklmnop"),
        ("live", "sk_live_51abcdefghijklmnop"),
        ("restricted", "rk_live_51abcdefghijklmnop"),
        ("public", "pk_test_51abcdefghijklmnop"),
        ("hook", "whsec_0123456789abcdef"),
        ("second", "whsec_fedcba9876543210"),
        ("short", "whsec_1"),
        ("secret", "EHnzLpAypALsEcReT"),
        ("news", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
    ] {
        private(folder.path(), name, text);
    }
    folder
}

const STRIPE: &str = "[stripe]\nsecret_key_file = 'KEY'\nwebhook_secret_files = ['hook']\n";
const PAYPAL: &str =
    "[paypal]\nclient_id = 'AYSq'\nsecret_file = 'secret'\nwebhook_id = '8PT597110X687430L'\n";

/// Test keys in production and live keys in test mode are refused.
#[test]
fn keys_of_the_other_mode_are_refused() {
    let folder = folder();
    for (mode, key, word) in [
        ("live", "live", ""),
        ("live", "restricted", ""),
        ("test", "test", ""),
        ("live", "test", "a test key"),
        ("test", "live", "a live key"),
        ("test", "restricted", "a live key"),
        ("test", "public", "no secret key"),
        ("live", "secret", "no secret key"),
    ] {
        let found = settings(&format!("mode = '{mode}'\n{}", STRIPE.replace("KEY", key)), folder.path());
        match word {
            "" => assert!(found.is_ok(), "{mode} {key}: {found:?}"),
            word => assert!(found.as_ref().is_err_and(|why| why.contains(word)), "{mode} {key}: {found:?}"),
        }
    }
}

#[test]
fn money_goes_to_the_providers_and_nowhere_else() {
    let folder = folder();
    let stripe = |mode: &str, key: &str, address: &str| {
        let text =
            STRIPE.replace("KEY", key).replace("[stripe]", &format!("[stripe]\naddress = '{address}'"));
        settings(&format!("mode = '{mode}'\n{text}"), folder.path())
    };
    let paypal = |mode: &str, address: &str| {
        let text = PAYPAL.replace("[paypal]", &format!("[paypal]\naddress = '{address}'"));
        settings(&format!("mode = '{mode}'\n{text}"), folder.path())
    };
    assert!(stripe("live", "live", "https://api.stripe.com").is_ok());
    assert!(stripe("test", "test", "http://127.0.0.1:12111").is_ok());
    assert!(paypal("test", "https://api-m.sandbox.paypal.com").is_ok());
    for found in [
        stripe("live", "live", "http://127.0.0.1:12111"),
        stripe("live", "live", "https://api.stripe.com.evil.example"),
        stripe("test", "test", "http://192.168.0.7:12111"),
        stripe("test", "test", "http://localhost:12111"),
        paypal("live", "https://api-m.sandbox.paypal.com"),
        paypal("test", "https://api-m.paypal.com"),
        paypal("live", "http://127.0.0.1:1"),
    ] {
        assert!(found.is_err(), "{found:?}");
    }
    let own_roots = PAYPAL.replace("[paypal]", "[paypal]\ncertificate_roots_file = 'secret'");
    let found = settings(&format!("mode = 'live'\n{own_roots}"), folder.path());
    assert!(
        found.is_err_and(|why| why.contains("certificate_roots_file")),
        "only the system's roots vouch for PayPal"
    );
}

#[test]
fn what_does_not_fit_is_told_and_no_secret_with_it() {
    let folder = folder();
    let stripe = STRIPE.replace("KEY", "test");
    let whole = format!(
        "mode = 'test'\n{}{PAYPAL}[[hook]]\nname = 'shop'\nurl = 'https://shop.example/x'\nsecret_file = 'news'\n",
        stripe.replace("['hook']", "['hook', 'second']")
    );
    let shown = settings(&whole, folder.path()).unwrap();
    for (text, word) in [
        ("mode = 'test'".to_owned(), "needs"),
        (format!("mode = 'test'\npay_within_minutes = 34\n{stripe}"), "pay_within_minutes"),
        (format!("mode = 'test'\nrefunds_per_day = -1\n{stripe}"), "refunds_per_day"),
        (format!("mode = 'test'\n{}", stripe.replace("['hook']", "[]")), "webhook_secret_files"),
        (
            format!("mode = 'test'\n{}", stripe.replace("['hook']", "['hook', 'second', 'hook']")),
            "webhook_secret_files",
        ),
        (format!("mode = 'test'\n{}", stripe.replace("'hook'", "'short'")), "shorter"),
        (format!("mode = 'test'\n{}", stripe.replace("'hook'", "'nothing'")), "cannot be read"),
        (format!("mode = 'test'\nunknown = 1\n{stripe}"), "unknown"),
        (
            format!(
                "mode = 'test'\n{stripe}[[hook]]\nname = 'x'\nurl = 'http://a.example/'\nsecret_file = 'news'"
            ),
            "https",
        ),
        (
            format!(
                "mode = 'test'\n{stripe}[[hook]]\nname = 'x'\nurl = 'https://a.example/'\nsecret_file = 'secret'"
            ),
            "whsec_",
        ),
    ] {
        let why = settings(&text, folder.path()).unwrap_err();
        assert!(why.contains(word), "{why}");
        assert!(!leaks(&why), "{why}");
    }
    assert!(!leaks(&shown), "{shown}");
}

fn leaks(text: &str) -> bool {
    ["51abcdef", "0123456789abcdef", "fedcba98", "EHnzLp", "MDEyMzQ1", "[48, 49"]
        .iter()
        .any(|secret| text.contains(secret))
}

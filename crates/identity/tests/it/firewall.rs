//! What a firewall before the shop answers says nothing of whoever asks. On both engines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use storeward_host::{AskShop, Asking, Question};
use storeward_identity::{MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response, StatusCode};

use super::behind::Behind;
use super::bench::Bench;
use super::class::Serves;
use super::json_shop::{Reed, Speech};
use super::token_answers::{FILE, JSON, TOKEN, typed};

// A firewall before the shop refused the question whose token it is, in JSON: it was nobody's, and for five minutes more.
both_engines!(a_firewalls_refusal_makes_no_token_nobodys, MIGRATIONS, async |db| {
    struct Walled(Reed, AtomicBool);
    impl Serves for Walled {
        fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
            match target {
                "/renewed" => {
                    typed(JSON.1, json!({"access": {"token": format!("{TOKEN}-of-paul")}}).to_string())
                }
                "/api/v2/me" if self.1.load(Ordering::SeqCst) => {
                    let mut answer = typed(JSON.1, json!({"error": "blocked", "ray": "8f2a"}).to_string());
                    *answer.status_mut() = StatusCode::FORBIDDEN;
                    answer
                }
                _ => self.0.answer(method, target, headers, body),
            }
        }
    }
    impl AskShop for Walled {
        fn ask(&self, question: Question) -> Asking<'_> {
            Box::pin(async move {
                let (head, body) = question.request.into_parts();
                Ok(self.answer(&head.method, &head.uri.to_string(), &head.headers, &body))
            })
        }
    }
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shop = Arc::new(Walled(Reed::new(Speech::Token), AtomicBool::new(true)));
    let behind = Behind::taught(bench, shop.clone(), FILE);
    for (is_walled, holds) in [(true, "identity.unclear"), (false, "/.storeward/challenge")] {
        shop.1.store(is_walled, Ordering::SeqCst);
        for method in ["POST", "PUT"] {
            let told = behind.browser().send(method, "/renewed", &[JSON], r#"{"by":"x"}"#).await;
            assert!(!told.body.contains(TOKEN), "{method}: {}", told.body);
            assert!(told.body.contains(holds), "{method}: {}", told.body);
        }
    }
});

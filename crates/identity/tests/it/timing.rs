//! Answers that could tell something by their time leave when they are let go, and not before: on both engines.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use storeward_identity::{HoldBack, LetterKind, MIGRATIONS};
use storeward_store::both_engines;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::bench::{Answer, Bench, Browser, EMAIL, PASSWORD};

/// Holds every answer back until it is let go.
struct Door {
    waits: Semaphore,
    open: Semaphore,
}

impl HoldBack for Door {
    fn hold(&self, _: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.waits.add_permits(1);
            self.open.acquire().await.unwrap().forget();
        })
    }
}

/// Posts a form. The answer must not be there before it was held back, and is there once it is let go.
async fn held(browser: &mut Browser<'_>, door: &Door, path: &str, fields: &[(&str, &str)]) -> Answer {
    let csrf = browser.get(path.trim_end_matches("/send")).await.csrf();
    let mut answer = std::pin::pin!(browser.post(path, &csrf, fields));
    tokio::select! {
        biased;
        early = &mut answer => panic!("{path} {fields:?} was not held back: {}", early.status),
        waits = door.waits.acquire() => waits.unwrap().forget(),
    }
    door.open.add_permits(1);
    let answer = answer.await;
    assert_eq!(door.open.available_permits(), 0, "once");
    answer
}

// Without the wait in one of them, whether an account exists, or whether a password or a code fits, can be read off a clock.
both_engines!(every_answer_that_could_tell_is_held_back, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, app) = bench.with_totp().await;
    let door = Arc::new(Door { waits: Semaphore::new(0), open: Semaphore::new(0) });
    bench.identity.hold_back_by(door.clone());
    let (sign_in, sign_up, recover) = ("/.storeward/sign-in", "/.storeward/sign-up", "/.storeward/recover");
    for (email, password) in
        [(EMAIL, PASSWORD), (EMAIL, "another password here"), ("nobody@people.example", PASSWORD), ("x", "y")]
    {
        let fields = [("email", email), ("password", password), ("next", "")];
        held(&mut bench.browser().elsewhere(), &door, sign_in, &fields).await;
    }
    for email in [EMAIL, "new@people.example", "x"] {
        let fields = [("email", email), ("name", ""), ("password", PASSWORD), ("next", "")];
        held(&mut bench.browser().elsewhere(), &door, sign_up, &fields).await;
    }
    let challenge = "/.storeward/challenge";
    for email in [EMAIL, "nobody@people.example"] {
        let mut browser = bench.browser().elsewhere();
        held(&mut browser, &door, recover, &[("email", email)]).await.leads_to(challenge);
        let wrong = [("method", "mail"), ("secret", "00000000")];
        assert_eq!(held(&mut browser, &door, challenge, &wrong).await.status, 403);
        assert_eq!(held(&mut browser, &door, "/.storeward/challenge/send", &[]).await.status, 200);
    }
    // At the second factor: what fits and what does not, of each kind.
    let mut browser = bench.browser().elsewhere();
    held(&mut browser, &door, sign_in, &[("email", EMAIL), ("password", PASSWORD), ("next", "")]).await;
    let code = bench.next_totp(&app);
    for (method, secret) in
        [("totp", "000000"), ("mail", "00000000"), ("recovery", "x"), ("totp", code.as_str())]
    {
        held(&mut browser, &door, challenge, &[("method", method), ("secret", secret)]).await;
    }
    assert!(browser.is_signed_in().await);
    // Another address: one that is nobody's yet, which is written to, and one that has an account, which is not.
    bench.advance(60);
    let path = "/.storeward/account/address";
    for email in ["free@people.example", EMAIL, "x"] {
        held(&mut browser, &door, path, &[("email", email)]).await;
    }
    assert!(bench.kinds().contains(&LetterKind::RecoveryCode));
});

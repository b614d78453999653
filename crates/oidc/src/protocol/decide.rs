//! What a request that fits leads to: to a page of ours, back with a refusal, or back with a code (OpenID Connect Core sections
//! 3.1.2.3 to 3.1.2.6).

use std::time::Duration;

use storeward_base::{CustomerId, Timestamp};
use storeward_identity::Level;

use super::authorize::Request;
use super::refusal::Back;
use super::scope::Scope;
use crate::marks::subject;
use crate::model::{Assured, Consent};

/// Who is signed in, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub customer: CustomerId,
    pub level: Level,
    /// When they last showed who they are.
    pub authenticated_at: Timestamp,
}

/// Everything a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    pub now: Timestamp,
    /// When the request came, if the person has been on our pages since.
    pub asked_at: Option<Timestamp>,
    pub standing: Option<Standing>,
    pub consent: Consent,
    pub assured: Assured,
    /// Whether the customer agreed to all that is asked for, before or just now.
    pub agreed: Agreed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    No,
    Before,
    JustNow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Somebody has to sign in, or somebody else.
    SignIn,
    /// The person shows once more who they are, or more of it.
    StepUp,
    AskConsent,
    Grant,
    Refuse(Back),
}

const LOGIN_REQUIRED: Back = Back::new("login_required", "somebody has to sign in");
const CONSENT_REQUIRED: Back = Back::new("consent_required", "the customer has to agree");

/// A proof that a request asked for counts for so long, or for `max_age` where that is longer: the person reads on what they agree to.
/// A request is carried for an hour, and what was shown at its beginning is none at its end.
const PROVED_FOR: Duration = Duration::from_secs(600);

pub fn decide(request: &Request, at: &Situation) -> Decision {
    let page = |page| if request.prompt.none { Decision::Refuse(LOGIN_REQUIRED) } else { page };
    let Some(standing) = at.standing else { return page(Decision::SignIn) };
    // Strictly later: a proof from before the request is none that it has asked for.
    let proved_since = at.asked_at.is_some_and(|asked_at| standing.authenticated_at > asked_at);
    let is_another = request.subject.as_ref().is_some_and(|wanted| *wanted != subject(standing.customer));
    if is_another {
        return if proved_since { Decision::Refuse(LOGIN_REQUIRED) } else { page(Decision::SignIn) };
    }
    let age = at.now.since(standing.authenticated_at).as_secs();
    if proved_since {
        let most = u64::from(request.max_age.filter(|_| !request.prompt.login).unwrap_or(0));
        let asks_anew = request.prompt.login || request.max_age.is_some();
        if asks_anew && age > PROVED_FOR.as_secs().max(most) {
            return page(Decision::StepUp);
        }
    } else {
        if request.prompt.select_account {
            return Decision::SignIn;
        }
        if request.prompt.login || request.max_age.is_some_and(|most| age > u64::from(most)) {
            return page(Decision::StepUp);
        }
        // Wished for, not demanded (section 3.1.2.1): it is tried once, and what came of it is told in `acr`.
        let wanted = request.acr.iter().filter_map(|acr| Level::of_acr(acr)).min();
        if wanted.is_some_and(|wanted| standing.level < wanted) && !request.prompt.none {
            return Decision::StepUp;
        }
    }
    let asks = match at.agreed {
        Agreed::JustNow => false,
        // What was agreed to was agreed to with somebody else, perhaps (RFC 8252 section 8.6).
        Agreed::Before => request.prompt.consent || at.assured == Assured::Nothing,
        Agreed::No => {
            let outlives = request.scopes.has(Scope::OfflineAccess) && at.assured != Assured::BySecret;
            request.prompt.consent
                || at.consent == Consent::Asked
                || at.assured == Assured::Nothing
                || outlives
        }
    };
    match (asks, request.prompt.none) {
        (true, true) => Decision::Refuse(CONSENT_REQUIRED),
        (true, false) => Decision::AskConsent,
        (false, _) => Decision::Grant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::authorize::{Prompt, ResponseMode};
    use crate::protocol::scope::Scopes;

    const NOW: i64 = 1_000;

    fn request() -> Request {
        Request {
            client: "rp_00000000000000000000000001".parse().unwrap(),
            redirect_uri: "https://rp.example/cb".to_owned(),
            mode: ResponseMode::Query,
            state: None,
            scopes: Scopes::parse("openid"),
            nonce: None,
            challenge: None,
            prompt: Prompt::default(),
            max_age: None,
            acr: Vec::new(),
            login_hint: None,
            subject: None,
            language: None,
        }
    }

    fn at(standing: Option<(Level, i64)>) -> Situation {
        Situation {
            now: Timestamp::from_seconds(NOW),
            asked_at: None,
            standing: standing.map(|(level, seconds)| Standing {
                customer: "cust_00000000000000000000000001".parse().unwrap(),
                level,
                authenticated_at: Timestamp::from_seconds(seconds),
            }),
            consent: Consent::Skipped,
            assured: Assured::BySecret,
            agreed: Agreed::No,
        }
    }

    fn check(request: &Request, at: Situation, expected: Decision) {
        assert_eq!(decide(request, &at), expected, "{request:?} {at:?}");
    }

    #[test]
    fn nobody_signed_in() {
        check(&request(), at(None), Decision::SignIn);
        let mut quiet = request();
        quiet.prompt.none = true;
        check(&quiet, at(None), Decision::Refuse(LOGIN_REQUIRED));
        check(&quiet, at(Some((Level::One, 1))), Decision::Grant);
    }

    #[test]
    fn a_proof_that_was_asked_for_has_to_come_after_the_question() {
        let mut again = request();
        again.prompt.login = true;
        check(&again, at(Some((Level::One, NOW))), Decision::StepUp);
        let asked_at = Some(Timestamp::from_seconds(500));
        check(&again, Situation { asked_at, ..at(Some((Level::One, 499))) }, Decision::StepUp);
        check(&again, Situation { asked_at, ..at(Some((Level::One, 500))) }, Decision::StepUp);
        check(&again, Situation { asked_at, ..at(Some((Level::One, 501))) }, Decision::Grant);
        let mut chosen = request();
        chosen.prompt.select_account = true;
        check(&chosen, at(Some((Level::One, NOW))), Decision::SignIn);
        check(&chosen, Situation { asked_at, ..at(Some((Level::One, 501))) }, Decision::Grant);
    }

    #[test]
    fn an_old_proof_is_renewed() {
        let mut fresh = request();
        fresh.max_age = Some(10);
        check(&fresh, at(Some((Level::One, NOW - 10))), Decision::Grant);
        check(&fresh, at(Some((Level::One, NOW - 11))), Decision::StepUp);
        fresh.prompt.none = true;
        check(&fresh, at(Some((Level::One, NOW - 11))), Decision::Refuse(LOGIN_REQUIRED));
        fresh.prompt.none = false;
        let asked_at = Some(Timestamp::from_seconds(NOW - 100));
        check(&fresh, Situation { asked_at, ..at(Some((Level::One, NOW - 50))) }, Decision::Grant);
    }

    // Somebody signed in after the request came, and half an hour later whoever sat there went on with it.
    #[test]
    fn a_proof_that_was_asked_for_does_not_count_for_ever() {
        let asked_at = Some(Timestamp::from_seconds(1));
        let since = |seconds| Situation { asked_at, ..at(Some((Level::One, NOW - seconds))) };
        let mut anew = request();
        check(&anew, since(601), Decision::Grant);
        anew.prompt.login = true;
        check(&anew, since(600), Decision::Grant);
        check(&anew, since(601), Decision::StepUp);
        anew.max_age = Some(900);
        check(&anew, since(601), Decision::StepUp);
        anew.prompt.login = false;
        check(&anew, since(900), Decision::Grant);
        check(&anew, since(901), Decision::StepUp);
        anew.max_age = Some(0);
        check(&anew, since(1), Decision::Grant);
        check(&anew, since(601), Decision::StepUp);
    }

    #[test]
    fn more_is_wished_for_once() {
        let mut more = request();
        more.acr = vec!["phr".to_owned(), "aal2".to_owned()];
        check(&more, at(Some((Level::One, 1))), Decision::StepUp);
        check(&more, at(Some((Level::Two, 1))), Decision::Grant);
        let asked_at = Some(Timestamp::from_seconds(0));
        check(&more, Situation { asked_at, ..at(Some((Level::One, 1))) }, Decision::Grant);
        more.prompt.none = true;
        check(&more, at(Some((Level::One, 1))), Decision::Grant);
    }

    #[test]
    fn another_person_is_not_taken_for_the_one_who_is_meant() {
        let mut meant = request();
        meant.subject = Some("cust_00000000000000000000000002".to_owned());
        check(&meant, at(Some((Level::One, 1))), Decision::SignIn);
        let asked_at = Some(Timestamp::from_seconds(0));
        check(&meant, Situation { asked_at, ..at(Some((Level::One, 1))) }, Decision::Refuse(LOGIN_REQUIRED));
        meant.prompt.none = true;
        check(&meant, at(Some((Level::One, 1))), Decision::Refuse(LOGIN_REQUIRED));
        meant.subject = Some("cust_00000000000000000000000001".to_owned());
        check(&meant, at(Some((Level::One, 1))), Decision::Grant);
    }

    #[test]
    fn consent() {
        let stranger = Situation { consent: Consent::Asked, ..at(Some((Level::One, 1))) };
        check(&request(), stranger, Decision::AskConsent);
        check(&request(), Situation { agreed: Agreed::Before, ..stranger }, Decision::Grant);
        let mut again = request();
        again.prompt.consent = true;
        check(&again, Situation { agreed: Agreed::Before, ..stranger }, Decision::AskConsent);
        check(&again, at(Some((Level::One, 1))), Decision::AskConsent);
        check(&again, Situation { agreed: Agreed::JustNow, ..stranger }, Decision::Grant);
        let mut quiet = request();
        quiet.prompt.none = true;
        check(&quiet, stranger, Decision::Refuse(CONSENT_REQUIRED));
    }

    // OpenID Connect Core section 11, RFC 8252 section 8.6.
    #[test]
    fn what_outlives_the_session_and_whoever_cannot_be_told_apart_are_asked_about() {
        let own = at(Some((Level::One, 1)));
        let page = Situation { assured: Assured::ByAddress, ..own };
        let app = Situation { assured: Assured::Nothing, ..own };
        let mut long = request();
        long.scopes = Scopes::parse("openid offline_access");
        check(&long, own, Decision::Grant);
        check(&request(), page, Decision::Grant);
        check(&long, page, Decision::AskConsent);
        check(&long, Situation { agreed: Agreed::Before, ..page }, Decision::Grant);
        check(&request(), app, Decision::AskConsent);
        check(&request(), Situation { agreed: Agreed::Before, ..app }, Decision::AskConsent);
        check(&request(), Situation { agreed: Agreed::JustNow, ..app }, Decision::Grant);
        long.prompt.none = true;
        check(&long, page, Decision::Refuse(CONSENT_REQUIRED));
    }
}

use storeward_base::Timestamp;
use storeward_seal::jws::Algorithm;

use super::*;
use crate::model::{Answers, Consent, IdToken, Kind};

const CALLBACK: &str = "https://rp.example/cb?x=1";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client(pkce: Pkce) -> Client {
    Client {
        id: "rp_00000000000000000000000001".parse().unwrap(),
        name: "Shop".to_owned(),
        preset: "own".to_owned(),
        kind: Kind::Confidential,
        pkce,
        consent: Consent::Skipped,
        algorithm: Algorithm::Es256,
        id_token: IdToken::Plain,
        scopes: Scopes::parse("openid profile email offline_access"),
        answers: Answers::Either,
        redirect_uris: vec![CALLBACK.to_owned()],
        logout_uris: Vec::new(),
        backchannel_uri: None,
        origins: Vec::new(),
        created_at: Timestamp::EPOCH,
    }
}

fn query(more: &str) -> String {
    format!(
        "client_id=rp_00000000000000000000000001&redirect_uri=https%3A%2F%2Frp.example%2Fcb%3Fx%3D1&response_type=code&\
         scope=openid+email&state=s&code_challenge={CHALLENGE}&code_challenge_method=S256{more}"
    )
}

fn fit(query: &str, pkce: Pkce) -> Result<Result<Request, Misfit>, Here> {
    let asked = Asked::parse(query.as_bytes())?;
    asked.client()?;
    asked.fit(&client(pkce), Ok(None))
}

fn error(query: &str) -> &'static str {
    fit(query, Pkce::Required).unwrap().unwrap_err().back.error
}

#[test]
fn a_whole_request_is_read() {
    let more = "&nonce=n&prompt=login+consent&max_age=60&acr_values=phr+urn%3Ax+aal2&login_hint=ada%40a.example&\
                ui_locales=xx+de&response_mode=form_post&unknown=1";
    let request = fit(&query(more), Pkce::Required).unwrap().unwrap();
    assert_eq!(request.redirect_uri, CALLBACK);
    assert_eq!((request.mode, request.max_age), (ResponseMode::FormPost, Some(60)));
    assert_eq!(request.acr, ["phr", "aal2"]);
    assert_eq!(request.language, Some(Language::De));
    assert!(request.prompt.login && request.prompt.consent && !request.prompt.none);
    let carried = serde_json::to_vec(&request).unwrap();
    assert_eq!(serde_json::from_slice::<Request>(&carried).unwrap(), request);
}

/// ASVS 5.0 10.4.1: the address is one of those registered, whole; else nobody is sent anywhere.
#[test]
fn nobody_is_sent_to_an_address_that_is_not_registered() {
    for uri in [
        "https%3A%2F%2Frp.example%2Fcb",
        "https%3A%2F%2Frp.example%2Fcb%3Fx%3D1%26y%3D2",
        "https%3A%2F%2Frp.example%2Fcb%3Fx%3D1%23",
        "https%3A%2F%2Frp.example%2Fcb%2F..%2Fcb%3Fx%3D1",
        "https%3A%2F%2FRP.example%2Fcb%3Fx%3D1",
        "https%3A%2F%2Frp.example%3A443%2Fcb%3Fx%3D1",
        "https%3A%2F%2Frp.example.evil.example%2Fcb%3Fx%3D1",
        "https%3A%2F%2Fevil.example",
        "",
    ] {
        let text = format!(
            "client_id=rp_00000000000000000000000001&redirect_uri={uri}&response_type=code&scope=openid"
        );
        assert_eq!(fit(&text, Pkce::Waived), Err(Here::RedirectUri), "{uri}");
    }
    let twice = query("&redirect_uri=https%3A%2F%2Fevil.example");
    assert_eq!(fit(&twice, Pkce::Required), Err(Here::RedirectUri));
    assert_eq!(fit(&query("&client_id=x"), Pkce::Required), Err(Here::Form));
    assert_eq!(fit("response_type=code", Pkce::Required), Err(Here::UnknownClient));
    assert_eq!(fit("client_id=%zz", Pkce::Required), Err(Here::Form));
}

#[test]
fn what_does_not_fit_goes_back_with_the_standards_code() {
    let without = |part: &str| query("").replace(part, "");
    for (text, code) in [
        (query("&request=ey"), "request_not_supported"),
        (query("&request_uri=https%3A%2F%2Fx"), "request_uri_not_supported"),
        (query("&registration=%7B%7D"), "registration_not_supported"),
        (without("&response_type=code"), "invalid_request"),
        (query("").replace("response_type=code", "response_type=token"), "unsupported_response_type"),
        (query("").replace("response_type=code", "response_type=code+id_token"), "unsupported_response_type"),
        (query("&response_mode=fragment"), "invalid_request"),
        (query("").replace("openid+email", "email"), "invalid_scope"),
        (query("&prompt=none+login"), "invalid_request"),
        (query("&prompt=often"), "invalid_request"),
        (query("&max_age=-1"), "invalid_request"),
        (query("&nonce=a&nonce=b"), "invalid_request"),
        (query(&format!("&nonce={}", "n".repeat(1_025))), "invalid_request"),
        (without(&format!("&code_challenge={CHALLENGE}&code_challenge_method=S256")), "invalid_request"),
        (query("").replace("method=S256", "method=plain"), "invalid_request"),
        (without("&code_challenge_method=S256"), "invalid_request"),
        (query("").replace(CHALLENGE, "short"), "invalid_request"),
    ] {
        assert_eq!(error(&text), code, "{text}");
    }
    let misfit = fit(&query("&request=ey"), Pkce::Required).unwrap().unwrap_err();
    assert_eq!((misfit.redirect_uri.as_str(), misfit.state.as_deref()), (CALLBACK, Some("s")));
}

#[test]
fn pkce_is_waived_only_where_it_is_and_counts_where_it_is_used() {
    let plain = query("").replace(&format!("&code_challenge={CHALLENGE}&code_challenge_method=S256"), "");
    assert_eq!(fit(&plain, Pkce::Waived).unwrap().unwrap().challenge, None);
    assert_eq!(fit(&query(""), Pkce::Waived).unwrap().unwrap().challenge.as_deref(), Some(CHALLENGE));
    let weak = query("").replace("method=S256", "method=plain");
    assert!(fit(&weak, Pkce::Waived).unwrap().is_err());
    assert!(fit(&format!("{plain}&code_challenge_method=S256"), Pkce::Waived).unwrap().is_err());
}

#[test]
fn a_client_gets_no_more_than_it_is_registered_for() {
    let given = |allowed: &str, asked: &str| {
        let client = Client { scopes: Scopes::parse(allowed), ..client(Pkce::Required) };
        let asked = Asked::parse(query("").replace("openid+email", asked).as_bytes()).unwrap();
        asked.fit(&client, Ok(None)).unwrap().map(|request| request.scopes.to_string())
    };
    let all = "openid+profile+email+offline_access";
    for (allowed, asked, expected) in [
        ("openid", all, "openid"),
        ("openid email", all, "openid email"),
        ("openid profile offline_access", all, "openid profile offline_access"),
        ("openid profile email offline_access", "openid+email", "openid email"),
        ("openid", "openid+phone+address", "openid"),
    ] {
        assert_eq!(given(allowed, asked).as_deref(), Ok(expected), "{allowed}: {asked}");
    }
    assert_eq!(given("openid email", "email").unwrap_err().back.error, "invalid_scope");
}

#[test]
fn a_client_is_answered_in_its_own_way_only() {
    use ResponseMode::{FormPost, Query};
    let check = |answers, more: &str, expected: Result<ResponseMode, ResponseMode>| {
        let client = Client { answers, ..client(Pkce::Required) };
        let asked = Asked::parse(query(more).as_bytes()).unwrap();
        let fitted = asked.fit(&client, Ok(None)).unwrap();
        let mode = fitted.map(|request| request.mode).map_err(|misfit| {
            assert_eq!(misfit.back.error, "invalid_request");
            misfit.mode
        });
        assert_eq!(mode, expected, "{answers:?} {more}");
    };
    check(Answers::Query, "", Ok(Query));
    check(Answers::Query, "&response_mode=query", Ok(Query));
    check(Answers::Query, "&response_mode=form_post", Err(Query));
    check(Answers::FormPost, "&response_mode=form_post", Ok(FormPost));
    check(Answers::FormPost, "&response_mode=query", Err(FormPost));
    check(Answers::FormPost, "", Err(FormPost));
    check(Answers::Either, "", Ok(Query));
    check(Answers::Either, "&response_mode=form_post", Ok(FormPost));
    check(Answers::Either, "&response_mode=fragment", Err(Query));
    check(Answers::FormPost, "&response_mode=fragment", Err(FormPost));
}

#[test]
fn a_hint_that_is_none_of_ours_is_refused() {
    let asked = Asked::parse(query("&id_token_hint=x").as_bytes()).unwrap();
    assert_eq!(asked.id_token_hint(), Some("x"));
    let fitted = asked.fit(&client(Pkce::Required), Err(())).unwrap();
    assert_eq!(fitted.unwrap_err().back.error, "invalid_request");
    let fitted = asked.fit(&client(Pkce::Required), Ok(Some("cust_1".to_owned()))).unwrap();
    assert_eq!(fitted.unwrap().subject.as_deref(), Some("cust_1"));
}

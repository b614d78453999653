//! The customer's own look at which apps have access, and taking it away.

use storeward_oidc::registry::Consent;
use storeward_outbound::recorder::{Answer as Told, Recorder};
use storeward_store::both_engines;

use super::bench::{Bench, Browser, MIGRATIONS, Party, encode, peek, text};

const APPS: &str = "/.storeward/oidc/apps";
const REMOVE: &str = "/.storeward/oidc/apps/remove";

impl Browser<'_> {
    async fn takes_away(&mut self, party: &Party) {
        let csrf = self.get(APPS).await.csrf();
        let id = party.id.to_string();
        let answer = self.post(REMOVE, &[("csrf", csrf.as_str()), ("id", &id)]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/.storeward/oidc/apps?done=gone"));
    }
}

both_engines!(an_app_is_listed_in_words_and_its_access_ends, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("own");
    draft.name = "Books <b>& more".to_owned();
    draft.consent = Consent::Asked;
    let party = bench.add(draft).await;
    let other = bench.own().await;
    let mut browser = bench.customer().await;
    let empty = browser.get(APPS).await;
    assert!(empty.status == 200 && empty.body.contains("No shop or app has access"), "{}", empty.body);

    // The customer agrees to what the page names, and tokens that outlive the session are given out.
    let request = party.request(&[("scope", "openid email offline_access")]);
    let asked = browser.get(&request).await;
    assert_eq!(asked.status, 200, "{}", asked.location());
    let fields = [
        ("csrf", asked.csrf()),
        ("r", asked.attribute("name=\"r\" value=\"")),
        ("answer", "allow".to_owned()),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let code = browser.post("/.storeward/oidc/consent", &fields).await.given("code").unwrap();
    let tokens = bench.exchange(&party, &code).await.json();
    let kept = browser.tokens(&other, &[]).await;

    let page = browser.get(APPS).await;
    for words in
        ["Books &#60;b&#62;&#38; more", "your e-mail address", "also while you are away", "access since"]
    {
        assert!(page.body.contains(words), "{words} is not in {}", page.body);
    }
    assert!(
        page.body.contains("data-local=\"minute\"") && page.body.contains("href=\"/.storeward/oidc/apps\"")
    );
    browser.language = "de";
    browser.takes_away(&party).await;

    // Nothing that it holds is good any more, and it is asked about anew.
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 401);
    bench.refresh(&party, text(&tokens["refresh_token"])).await.refuses(400, "invalid_grant");
    let again = browser.get(&request).await;
    assert!(again.status == 200 && again.body.contains("name=\"answer\""), "{}", again.location());
    let page = browser.get(APPS).await;
    assert!(!page.body.contains("Books"), "{}", page.body);
    // The other one and the session go on.
    assert_eq!(bench.userinfo(text(&kept["access_token"])).await.status, 200);
    assert!(page.body.contains("Larkmoor") && browser.is_signed_in().await);
    let events = bench.events("oidc.access_withdrawn").await;
    let fact = serde_json::to_value(&events[0].event).unwrap();
    assert_eq!((events.len(), fact["data"]["grants"].as_u64()), (1, Some(1)));
    // Once more changes nothing and tells nothing.
    browser.takes_away(&party).await;
    assert_eq!(bench.events("oidc.access_withdrawn").await.len(), 1);
});

both_engines!(a_code_on_its_way_leads_nowhere_once_access_is_gone, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    browser.tokens(&party, &[]).await;
    let code = browser.code(&party, &[]).await;
    browser.takes_away(&party).await;
    bench.exchange(&party, &code).await.refuses(400, "invalid_grant");
});

both_engines!(nobody_takes_away_what_is_somebody_elses, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut owner = bench.customer().await;
    let tokens = owner.tokens(&party, &[]).await;
    let mut other = bench.browser();
    other.sign_up("abe@people.example").await;
    let page = other.get(APPS).await;
    assert!(!page.body.contains("Larkmoor"), "{}", page.body);
    let id = party.id.to_string();
    other.post(REMOVE, &[("csrf", page.csrf().as_str()), ("id", &id)]).await;
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 200);
    // From another site, without the page's token, or signed out nothing happens either.
    let csrf = owner.get(APPS).await.csrf();
    let form = format!("csrf={csrf}&id={}", encode(&id));
    let foreign =
        [("accept", "text/html"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(owner.send("POST", REMOVE, &foreign, Some(&form)).await.status, 403);
    assert_eq!(owner.post(REMOVE, &[("csrf", "00"), ("id", &id)]).await.status, 403);
    let mut stranger = bench.browser();
    let answer = stranger.get(APPS).await;
    assert_eq!(answer.location(), "/.storeward/sign-in?next=/.storeward/oidc/apps", "and back again");
    assert_eq!(stranger.post(REMOVE, &[("csrf", csrf.as_str()), ("id", &id)]).await.status, 303);
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 200);
    assert!(bench.events("oidc.access_withdrawn").await.is_empty());
});

both_engines!(the_app_is_told_by_a_back_channel, &MIGRATIONS, async |db| {
    let mut bench = Bench::new(db).await;
    let server = Recorder::start().unwrap();
    server.answer_otherwise(Told::new(200, ""));
    let mut draft = bench.draft("own");
    draft.backchannel_uri = Some(format!("{}/logout", server.url()));
    bench.allow(&server.url());
    let party = bench.add(draft).await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[]).await;
    let sid = text(&peek(text(&tokens["id_token"]))["sid"]).to_owned();
    browser.takes_away(&party).await;
    bench.work_until(async || !server.requests().is_empty()).await;
    let body = String::from_utf8(server.requests()[0].body.to_vec()).unwrap();
    let told = peek(body.strip_prefix("logout_token=").unwrap());
    assert_eq!(text(&told["sid"]), sid);
    assert!(browser.is_signed_in().await, "the session here goes on");
});

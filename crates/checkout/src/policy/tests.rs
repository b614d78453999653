use super::*;
use crate::model::{Approval, Source};

fn row(kind: Kind, address: &str, scope: Option<Scope>) -> Script {
    let at = Timestamp::from_seconds(1_000);
    Script {
        id: ScriptId::of(kind, address),
        kind,
        address: address.to_owned(),
        sample: String::new(),
        hash: Some("bmV3".to_owned()),
        status: Status::New,
        first_seen: at,
        last_seen: at,
        seen: 1,
        page: "/checkout".to_owned(),
        initiator: None,
        source: Source::Page,
        approval: scope.map(|scope| Approval {
            scope,
            hash: Some("bmV3".to_owned()),
            owner: "shop".to_owned(),
            justification: "it pays".to_owned(),
            by: "staff_1".to_owned(),
            at,
            until: Timestamp::from_seconds(2_000),
        }),
        fetched_at: None,
        fetch_code: None,
        is_shared: true,
        revoked_at: None,
        version: 1,
        is_changing: false,
        begins: None,
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_500);

fn known(rows: &[Script], on_change: OnChange, providers: &[Provider]) -> Rules {
    Rules::of(rows, Settings { now: NOW, acts_as: Mode::Enforce, on_change, providers, leads_to: &[] })
}

fn policy(rows: &[Script]) -> String {
    known(rows, OnChange::Alert, &[]).policy(
        "bm8=",
        "https://shop.example/.storeward/checkout/guard.js",
        "/r?k=1",
    )
}

#[test]
fn only_what_was_approved_stands_in_the_policy() {
    let rows = [
        row(Kind::Script, "https://shop.example/a.js", Some(Scope::Exact)),
        row(Kind::Script, "https://evil.example/new.js", None),
        row(Kind::Inline, "inline", Some(Scope::Exact)),
        row(Kind::Connect, "https://api.example", Some(Scope::Address)),
        row(Kind::Connect, "https://evil.example", None),
        row(Kind::Form, "https://pay.example", Some(Scope::Address)),
    ];
    let text = policy(&rows);
    assert_eq!(
        text,
        "default-src 'none'; script-src 'report-sha256' 'report-sample' 'nonce-bm8=' https://shop.example/.storeward/checkout/guard.js \
         https://shop.example/a.js 'sha256-bmV3'; script-src-attr 'none'; connect-src 'self' https://api.example; img-src 'self' data:; \
         style-src 'self' 'unsafe-inline'; font-src 'self' data:; media-src 'self'; worker-src 'none'; frame-src 'none'; \
         form-action 'self' https://pay.example; manifest-src 'self'; object-src 'none'; base-uri 'self'; report-uri /r?k=1; \
         report-to storeward"
    );
    assert!(!text.contains("evil"));
}

#[test]
fn the_policy_of_addresses_names_approved_files_whatever_stands_for_them() {
    let mut changed = row(Kind::Script, "https://shop.example/b.js", Some(Scope::Exact));
    changed.status = Status::Changed;
    let rows = [
        row(Kind::Script, "https://shop.example/a.js", Some(Scope::Address)),
        row(Kind::Script, "https://evil.example/new.js", None),
        row(Kind::Inline, "inline", Some(Scope::Exact)),
        changed,
    ];
    assert_eq!(
        known(&rows, OnChange::Block, &[]).policy_of_addresses("https://shop.example/guard.js", "/r?k=1"),
        "script-src-elem 'unsafe-inline' https://shop.example/guard.js https://shop.example/a.js https://shop.example/b.js; \
         report-uri /r?k=1; report-to storeward"
    );
}

#[test]
fn an_approval_ends() {
    let mut late = row(Kind::Script, "https://shop.example/a.js", Some(Scope::Exact));
    late.approval.as_mut().unwrap().until = NOW;
    assert!(!policy(&[late]).contains("a.js"));
    let mut revoked = row(Kind::Script, "https://shop.example/a.js", None);
    revoked.revoked_at = Some(NOW);
    assert!(!policy(&[revoked]).contains("a.js"));
}

#[test]
fn a_changed_file_goes_by_the_policy_of_changes() {
    let mut changed = row(Kind::Script, "https://cdn.example/a.js", Some(Scope::Exact));
    changed.hash = Some("b3RoZXI=".to_owned());
    let runs = |row: &Script, on_change| {
        let known = known(std::slice::from_ref(row), on_change, &[]);
        (known.scripts.contains("a.js"), known.pinned("https://cdn.example/a.js").map(str::to_owned))
    };
    assert_eq!(runs(&changed, OnChange::Alert), (true, None));
    // A browser that can check the hash runs what was approved, and nothing else: by its address a script could put in what changed.
    for on_change in [OnChange::Block, OnChange::LastGood] {
        assert_eq!(runs(&changed, on_change), (false, Some("bmV3".to_owned())));
        let known = known(std::slice::from_ref(&changed), on_change, &[]);
        assert!(known.scripts.contains("'sha256-bmV3'"), "{}", known.scripts);
        assert!(known.speaks_to("cdn.example"), "it is fetched from there all the same");
    }
    changed.hash = Some("bmV3".to_owned());
    assert_eq!(runs(&changed, OnChange::Block), (true, Some("bmV3".to_owned())));
    changed.hash = Some("b3RoZXI=".to_owned());
    changed.is_shared = false;
    assert_eq!(runs(&changed, OnChange::Block), (false, None));
    // Whatever the address serves was approved: it cannot change.
    changed.approval.as_mut().unwrap().scope = Scope::Address;
    assert_eq!(runs(&changed, OnChange::Block), (true, None));
}

#[test]
fn a_shape_is_allowed_by_nonce_and_stands_in_no_policy() {
    let shaped = row(Kind::Inline, "inline", Some(Scope::Shape));
    let known = known(std::slice::from_ref(&shaped), OnChange::Alert, &[]);
    assert!(known.allows_shape(&shaped.id) && !known.scripts.contains("sha256"));
    let exact = row(Kind::Inline, "inline", Some(Scope::Exact));
    assert!(!self::known(std::slice::from_ref(&exact), OnChange::Alert, &[]).allows_shape(&exact.id));
}

#[test]
fn providers_bring_their_hosts() {
    let known = known(&[], OnChange::Alert, &[Provider::Stripe, Provider::PayPal]);
    let text = known.policy("x", "g", "r");
    for part in [
        "https://js.stripe.com",
        "https://api.stripe.com",
        "https://*.paypal.com",
        "https://hooks.stripe.com",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(
        known.leads_to,
        "https://checkout.stripe.com https://hooks.stripe.com https://www.paypal.com https://www.sandbox.paypal.com"
    );
    // The buttons' page has a style sheet of PayPal's own.
    let styles = text.split("style-src ").nth(1).unwrap().split(';').next().unwrap();
    assert!(styles.contains("https://*.paypal.com https://*.paypalobjects.com"), "{styles}");
}

// Whose windows have to be heard from: the provider's, and nobody's where only the shop has frames.
#[test]
fn frames_of_others_are_known() {
    let own = "https://shop.example";
    let frames =
        |rows: &[Script], providers| known(rows, OnChange::Alert, providers).has_frames_of_others(own);
    let of = |address| row(Kind::Frame, address, Some(Scope::Address));
    assert!(!frames(&[], &[]) && !frames(&[of(own)], &[]));
    assert!(frames(&[], &[Provider::PayPal]) && frames(&[], &[Provider::Stripe]));
    assert!(frames(&[of(own), of("https://bank.example")], &[]));
    assert!(frames(&[of("https://shop.example:8443")], &[]));
}

// Looking on stops nothing, not even a file that changed.
#[test]
fn learning_holds_nothing_to_its_hash() {
    let changed = row(Kind::Script, "https://cdn.example/a.js", Some(Scope::Exact));
    let (acts_as, on_change) = (Mode::Learn, OnChange::Block);
    let settings = Settings { now: NOW, acts_as, on_change, providers: &[], leads_to: &[] };
    assert_eq!(Rules::of(&[changed], settings).pinned("https://cdn.example/a.js"), None);
}

// Whoever gets thousands of rows approved gets no head that no server takes.
#[test]
fn the_policy_has_an_end() {
    // Those that changed stand in the first one by a hash that is shorter than the address, which the second one names all the same.
    for (scope, status, on_change) in [
        (Scope::Address, Status::New, OnChange::Alert),
        (Scope::Exact, Status::New, OnChange::Block),
        (Scope::Exact, Status::Changed, OnChange::Block),
    ] {
        let rows: Vec<Script> = (0..2_000)
            .map(|n| {
                let address = format!("https://cdn.example/{n}/{}/script.js", "x".repeat(200));
                Script { status, ..row(Kind::Script, &address, Some(scope)) }
            })
            .collect();
        let known = known(&rows, on_change, &[]);
        let [both, second] = [known.policy("x", "g", "r"), known.policy_of_addresses("g", "r")];
        assert!(both.len() + second.len() < MOST_BYTES + 2_048, "{} and {}", both.len(), second.len());
        assert!(known.left_out > 0 && second.contains("https://cdn.example/0/"));
    }
}

// A browser that knows the header holds every channel to these hosts, those too that no policy names.
#[test]
fn the_list_of_hosts_names_what_the_policy_names() {
    let rows = [
        row(Kind::Script, "https://cdn.example/x/a.js", Some(Scope::Exact)),
        row(Kind::Script, "https://evil.example/new.js", None),
        row(Kind::Connect, "https://api.example:8443", Some(Scope::Address)),
        row(Kind::Inline, "inline", Some(Scope::Exact)),
    ];
    assert_eq!(
        known(&rows, OnChange::Alert, &[]).hosts,
        "(response-origin \"https://api.example:8443/*\" \"https://cdn.example/*\");redirects=allow"
    );
    let with = known(&[], OnChange::Alert, &[Provider::PayPal]).hosts;
    assert!(with.contains("\"https://*.paypal.com/*\""), "{with}");
}

#[test]
fn what_needs_no_approval_is_the_provider_s_or_allowed_to_all() {
    let providers = [Provider::Stripe, Provider::PayPal];
    let hosts = ["shop.example".to_owned()];
    for (kind, address, expected) in [
        (Kind::Script, "https://js.stripe.com/v3/", true),
        (Kind::Script, "https://b.js.stripe.com/x.js", true),
        (Kind::Script, "https://www.paypal.com/sdk/js", true),
        (Kind::Script, "https://evilpaypal.com/sdk/js", false),
        (Kind::Script, "https://.paypal.com/sdk/js", false),
        (Kind::Script, "http://www.paypal.com/sdk/js", false),
        (Kind::Script, "https://shop.example/a.js", false),
        (Kind::Worker, "https://shop.example/sw.js", false),
        (Kind::Frame, "https://shop.example", false),
        (Kind::Connect, "https://shop.example", true),
        (Kind::Connect, "https://api.stripe.com", true),
        (Kind::Font, "https://www.paypal.com", false),
        (Kind::Image, "data:", true),
        (Kind::Script, "data:", false),
        (Kind::Inline, "inline", false),
    ] {
        assert_eq!(
            needs_none(&row(kind, address, None), (&providers, &[]), &hosts),
            expected,
            "{kind:?} {address}"
        );
    }
    assert!(!needs_none(&row(Kind::Script, "https://js.stripe.com/v3/", None), (&[], &[]), &hosts));
}

// A link to another spelling of the page led a buyer to one without a policy.
#[test]
fn a_page_is_guarded_under_whatever_spelling_a_shop_serves_it() {
    let rules = Arc::new(known(&[], OnChange::Alert, &[]));
    let page = |page: &str| Guarded { page: page.into(), rules: Arc::clone(&rules) };
    let known = Known { pages: vec![page("/checkout"), page("/checkout/pay")], ..Known::default() };
    let at = |path, query| known.page_of(path, query).map(|(number, _)| number);
    for path in [
        "/checkout",
        "/CHECKOUT/x",
        "/index.php/checkout/x",
        "/shop/index.php/checkout",
        "/checkout./",
        "/;x/checkout",
    ] {
        assert_eq!(at(path, None), Some(0), "{path}");
    }
    assert_eq!(at("/index.php/checkout/pay", None), Some(1));
    assert_eq!(at("/index.php", Some("route=checkout/checkout")), Some(0));
    for path in ["/", "/cart", "/checkouts", "/index.php/cart", "/blog/checkout-tips"] {
        assert_eq!(at(path, None), None, "{path}");
    }
}

// Browsers hold `form-action` against the redirects behind a form: whoever approves a place to lead to has approved it for forms.
#[test]
fn where_a_page_may_lead_to_its_forms_may_too() {
    let rows = [
        row(Kind::Navigate, "https://pay.example", Some(Scope::Address)),
        row(Kind::Navigate, "https://evil.example", None),
        row(Kind::Form, "https://form.example", Some(Scope::Address)),
    ];
    let named = ["https://config.example".to_owned()];
    let settings = Settings {
        now: NOW,
        acts_as: Mode::Enforce,
        on_change: OnChange::Alert,
        providers: &[Provider::PayPal],
        leads_to: &named,
    };
    let known = Rules::of(&rows, settings);
    let all = "https://config.example https://form.example https://pay.example https://www.paypal.com https://www.sandbox.paypal.com";
    assert_eq!(known.leads_to, all);
    assert!(known.policy("x", "g", "r").contains(&format!("form-action 'self' {all};")));
    for host in ["config.example", "pay.example"] {
        assert!(known.hosts.contains(&format!("\"https://{host}/*\"")), "{host}");
    }
    // And then the other row of the same place stops nothing.
    assert!(known.leads_there(&row(Kind::Form, "https://pay.example", None)));
    assert!(!known.leads_there(&row(Kind::Form, "https://evil.example", None)));
    assert!(!known.leads_there(&row(Kind::Connect, "https://pay.example", None)));
}

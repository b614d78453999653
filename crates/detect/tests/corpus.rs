//! Generated traffic: what must stay silent, and what must not. The figures behind each are in the comments; a change
//! of a scenario that bans a shopper fails here.

use std::time::Duration;

use storeward_base::{ClientIp, Timestamp};
use storeward_detect::{
    Detector, Finding, Initiator, Limits, Observation, Outcome, Response, first_scenarios,
};

const START: Timestamp = Timestamp::from_seconds(1_795_541_880);
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// One request of a corpus.
#[derive(Clone, Debug)]
struct Seen {
    after_ms: u64,
    client: ClientIp,
    method: &'static str,
    path: String,
    status: u16,
    agent: &'static str,
    outcome: Outcome,
    rule_id: u32,
    reason: &'static str,
    initiator: Initiator,
}

fn get(after_ms: u64, client: ClientIp, path: impl Into<String>, status: u16) -> Seen {
    Seen {
        after_ms,
        client,
        method: "GET",
        path: path.into(),
        status,
        agent: FIREFOX,
        outcome: Outcome::Passed,
        rule_id: 0,
        reason: "",
        initiator: Initiator::Own,
    }
}

fn blocked(after_ms: u64, client: ClientIp, path: &str, rule_id: u32) -> Seen {
    Seen { outcome: Outcome::Blocked, rule_id, ..get(after_ms, client, path, 403) }
}

fn ip(last: u8) -> ClientIp {
    ClientIp::new([192, 0, 2, last].into())
}

/// SplitMix64: chance that repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

fn judge(mut corpus: Vec<Seen>) -> Vec<Finding> {
    corpus.sort_by_key(|seen| seen.after_ms);
    let mut detector = Detector::new(first_scenarios(), Limits::default());
    let mut findings = Vec::new();
    for seen in &corpus {
        let at = START.plus(Duration::from_millis(seen.after_ms));
        findings.extend(detector.observe(&Observation {
            host: "shop.example",
            user_agent: seen.agent,
            outcome: seen.outcome,
            rule_id: seen.rule_id,
            reason: seen.reason,
            initiator: seen.initiator,
            ..Observation::passed(at, seen.client, seen.method, &seen.path, seen.status)
        }));
    }
    findings
}

#[track_caller]
fn silent(corpus: Vec<Seen>) {
    let findings = judge(corpus);
    assert!(findings.is_empty(), "{findings:#?}");
}

#[track_caller]
fn banned_for(scenario: &str, corpus: Vec<Seen>) {
    let findings = judge(corpus);
    let hit = findings.iter().any(|f| f.scenario == scenario && f.response == Response::Ban);
    assert!(hit, "{scenario} is not among {findings:#?}");
}

#[track_caller]
fn challenged_for(scenario: &str, corpus: Vec<Seen>) {
    let findings = judge(corpus);
    let hit = findings.iter().any(|f| f.scenario == scenario && f.response == Response::Challenge);
    assert!(hit && findings.iter().all(|f| f.response != Response::Ban), "{findings:#?}");
}

#[track_caller]
fn never_banned(corpus: Vec<Seen>) -> Vec<Finding> {
    let findings = judge(corpus);
    let is_mild =
        |f: &Finding| f.response == Response::Note || (f.held_back && f.response == Response::Challenge);
    assert!(findings.iter().all(is_mild), "{findings:#?}");
    findings
}

/// A person: a page each 4 to 40 seconds, 20 images with each, and each twentieth link is dead.
fn shopper(client: ClientIp, pages: u64, seed: u64, begin_ms: u64) -> Vec<Seen> {
    let (mut dice, mut at, mut all) = (Dice(seed), begin_ms, Vec::new());
    for _ in 0..pages {
        at += 4_000 + dice.below(36_000);
        let product = dice.below(500);
        let status = if dice.below(20) == 0 { 404 } else { 200 };
        all.push(get(at, client, format!("/products/{product}"), status));
        for image in 0..20 {
            // A theme with a broken picture on each page.
            let status = if image == 0 { 404 } else { 200 };
            all.push(get(at + 50 * image, client, format!("/media/{product}-{image}.webp"), status));
        }
        all.push(get(at + 900, client, "/cart/summary.json", 200));
    }
    all
}

#[test]
fn a_shopper_with_two_hundred_pages() {
    for seed in 0..20 {
        silent(shopper(ip(1), 200, seed, 0));
    }
}

#[test]
fn an_impatient_shopper_who_opens_twenty_tabs_at_once() {
    let tabs = (0..20).map(|n| get(n * 100, ip(1), format!("/products/{n}"), 200));
    silent(tabs.chain(shopper(ip(1), 30, 7, 5_000)).collect());
}

#[test]
fn a_search_engine_at_polite_speed() {
    // A page a second, each twelfth gone, as after a summer sale.
    let pages = (0..3_000).map(|n| Seen {
        agent: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        ..get(n * 1_000, ip(2), format!("/products/{n}"), if n % 12 == 0 { 404 } else { 200 })
    });
    let robots = [get(0, ip(2), "/robots.txt", 404), get(10, ip(2), "/sitemap.xml", 200)];
    silent(pages.chain(robots).collect());
}

#[test]
fn an_office_of_thirty_behind_one_address() {
    for seed in 0..5 {
        let people = (0..30).flat_map(|person| shopper(ip(3), 60, seed * 100 + person, person * 700));
        // In the morning a fifth of them mistype the password once.
        let sign_ins = (0..30).map(|person| Seen {
            method: "POST",
            ..get(person * 20_000, ip(3), "/account/login", if person % 5 == 0 { 401 } else { 302 })
        });
        silent(people.chain(sign_ins).collect());
    }
}

#[test]
fn an_office_of_thirty_that_follows_one_newsletter_at_once() {
    // Three different products each within ten seconds; CrowdSec's figures for crawling would tell of them.
    let rush = (0..90).map(|n| get(n * 110, ip(3), format!("/sale/{n}"), 200));
    silent(rush.collect());
}

#[test]
fn a_payment_providers_webhooks() {
    // Bursts of forty after an outage; the shop answers some with 400 and gets them again.
    let hooks = (0..400).map(|n| Seen {
        method: "POST",
        agent: "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        ..get(n / 40 * 600_000 + n % 40 * 50, ip(4), "/webhooks/stripe", if n % 9 == 0 { 400 } else { 200 })
    });
    silent(hooks.collect());
}

#[test]
fn a_program_that_polls_the_shops_interface() {
    let calls = (0..5_000).map(|n| Seen {
        agent: "python-requests/2.32",
        ..get(n * 500, ip(5), format!("/api/orders/{}", n % 30), if n % 30 < 3 { 404 } else { 200 })
    });
    silent(calls.collect());
}

#[test]
fn a_customer_who_forgot_the_password() {
    // Eight tries, each six seconds after the other: faster than most people type.
    let tries = (0..8).map(|n| Seen { method: "POST", ..get(n * 6_000, ip(6), "/login", 401) });
    silent(tries.collect());
}

#[test]
fn a_customer_whose_review_is_wrongly_blocked() {
    // Trips two rules at once, tries again fifteen times, then a little differently.
    let tries =
        (0..15).map(|n| blocked(n * 4_000, ip(7), "/reviews", if n % 2 == 0 { 942_100 } else { 932_100 }));
    silent(shopper(ip(7), 10, 1, 0).into_iter().chain(tries).collect());
}

#[test]
fn a_customer_whose_cookie_is_wrongly_blocked_on_every_page() {
    // Every page they try fails by the same rule: five reloads and a few other pages.
    let tries = (0..15).map(|n| blocked(n * 5_000, ip(8), &format!("/products/{n}"), 942_430));
    silent(tries.collect());
}

#[test]
fn shop_staff_who_work_in_the_shops_own_administration() {
    let work = (0..300).map(|n| get(n * 2_000, ip(9), format!("/admin/orders/{}", n % 40), 200));
    let expired = (0..2).map(|n| get(n * 3_000, ip(9), format!("/admin/page-{n}"), 403));
    silent(work.chain(expired).collect());
}

#[test]
fn a_mobile_network_with_one_attacker_among_two_hundred_customers_is_not_banned() {
    let customers = (0..200).flat_map(|person| shopper(ip(10), 20, person, person * 400));
    let attacks =
        (0..6).map(|n| blocked(60_000 + n * 3_000, ip(10), "/search", 930_000 + u32::try_from(n).unwrap()));
    let findings = never_banned(customers.chain(attacks).collect());
    assert!(findings.iter().any(|f| f.scenario == "attack_variety" && f.held_back), "{findings:#?}");
    // Whoever is behind that address solves a puzzle: the customers once an hour, the attacker's tool not.
    assert!(findings.iter().any(|f| f.response == Response::Challenge), "{findings:#?}");
    // Told once while it goes on, not with each request.
    assert_eq!(findings.iter().filter(|f| f.scenario == "attack_variety").count(), 1);
}

#[test]
fn scanners_are_banned_soon() {
    // w3af, Netsparker and Acunetix as in the recorded scans: mostly dead paths, several a second, a page now and then.
    for (gap_ms, good_each) in [(120, 50), (300, 8), (1_500, 5)] {
        let mut corpus: Vec<_> = (0..60)
            .map(|n| {
                get(n * gap_ms, ip(20), format!("/probe-{n}.php"), if n % good_each == 1 { 200 } else { 404 })
            })
            .collect();
        banned_for("probing", corpus.clone());
        // The goal: within 30 seconds and 60 requests.
        corpus.retain(|seen| seen.after_ms <= 30_000);
        banned_for("probing", corpus);
    }
}

#[test]
fn probing_hidden_among_good_pages_is_banned_too() {
    // Five good pages for each probe stay below the 25 % of `probing`.
    let corpus = (0..1_000).map(|n| match n % 6 {
        0 => get(n * 200, ip(21), format!("/old-{n}"), 404),
        _ => get(n * 200, ip(21), format!("/products/{}", n % 20), 200),
    });
    banned_for("probing_mass", corpus.collect());
}

#[test]
fn burglars_are_banned() {
    let paths = |scenario: &str, paths: &[&str]| {
        let corpus = paths.iter().zip(0..).map(|(path, n)| get(n * 500, ip(22), *path, 404)).collect();
        banned_for(scenario, corpus);
    };
    paths("admin_probing", &["/phpmyadmin/", "/wp-admin/", "/administrator/"]);
    paths("sensitive_files", &["/.env", "/.git/config", "/backup.sql", "/.aws/credentials", "/id_rsa"]);
    paths("backdoor_files", &["/c99.php", "/uploads/shell.php"]);
}

#[test]
fn password_guessing_is_banned() {
    let tries = |gap_ms: u64| {
        (0..60).map(move |n| Seen { method: "POST", ..get(n * gap_ms, ip(23), "/account/login", 401) })
    };
    banned_for("sign_in_failures", tries(1_000).collect());
    // Slow guessing is told, but a mobile network could look the same.
    let findings = never_banned(tries(20_000).collect());
    assert!(findings.iter().any(|f| f.scenario == "sign_in_failures_slow"));
}

#[test]
fn attackers_are_banned() {
    banned_for(
        "attack_variety",
        (0..3).map(|n| blocked(u64::from(n) * 2_000, ip(24), "/", 930_100 + n)).collect(),
    );
    banned_for("attack_hammering", (0..30).map(|n| blocked(n * 400, ip(24), "/search", 942_100)).collect());
    let sqlmap = "sqlmap/1.8#stable (https://sqlmap.org)";
    banned_for(
        "scanner_after_block",
        vec![
            Seen { agent: sqlmap, ..blocked(0, ip(25), "/search", 942_100) },
            Seen { agent: sqlmap, ..get(500, ip(25), "/search", 200) },
        ],
    );
    let findings = never_banned(
        (0..20).map(|n| Seen { agent: sqlmap, ..get(n * 500, ip(26), "/search", 200) }).collect(),
    );
    assert_eq!(findings.len(), 1, "{findings:#?}");
}

#[test]
fn malformed_requests_are_told_apart() {
    let refused =
        |n: u64, reason| Seen { outcome: Outcome::Refused, reason, ..get(n * 1_000, ip(27), "/", 400) };
    let reasons = ["host.duplicate", "framing.both", "header.name", "framing.length", "target.encoding"];
    banned_for("malformed_variety", reasons.iter().zip(0..).map(|(reason, n)| refused(n, reason)).collect());
    let findings = never_banned((0..40).map(|n| refused(n, "header.name")).collect());
    assert_eq!(findings[0].scenario, "malformed_repeated");
}

#[test]
fn floods_are_challenged_and_bursts_are_told() {
    let limited =
        |n: u64, gap_ms: u64| Seen { outcome: Outcome::Limited, ..get(n * gap_ms, ip(28), "/", 429) };
    challenged_for("flooding", (0..500).map(|n| limited(n, 50)).collect());
    let findings = never_banned((0..30).map(|n| limited(n, 50)).collect());
    assert_eq!(findings[0].scenario, "rate_limited");
}

#[test]
fn copying_the_catalogue_is_told() {
    let findings =
        never_banned((0..400).map(|n| get(n * 50, ip(29), format!("/products/{n}"), 200)).collect());
    assert_eq!(findings[0].scenario, "crawling");
}

#[test]
fn a_banned_client_feeds_nothing() {
    let corpus = (0..1_000)
        .map(|n| Seen { outcome: Outcome::Banned, ..get(n * 100, ip(30), format!("/.env-{n}"), 403) });
    silent(corpus.collect());
}

#[test]
fn a_network_of_one_household_is_one_client() {
    // Each probe from another address of the same /64.
    let corpus = (0..40u16).map(|n| {
        let client = ClientIp::new(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 1, n, n, 0, 1).into());
        get(u64::from(n) * 300, client, format!("/probe-{n}"), 404)
    });
    banned_for("probing", corpus.collect());
}

fn foreign(seen: Seen) -> Seen {
    Seen { initiator: Initiator::Foreign, ..seen }
}

/// Whatever a page of another site makes a browser send, three images or a thousand.
fn by_another_page(client: ClientIp, count: u64) -> Vec<Seen> {
    let attacks =
        (0..count).map(|n| blocked(n * 100, client, "/search", 930_100 + u32::try_from(n % 12).unwrap_or(0)));
    let sign_ins =
        (0..count).map(|n| Seen { method: "POST", ..get(n * 110, client, "/account/sign-in", 403) });
    let probes = (0..count).map(|n| get(n * 120, client, format!("/.env-{n}/wp-admin"), 404));
    attacks.chain(sign_ins).chain(probes).map(foreign).collect()
}

#[test]
fn no_page_of_another_site_gets_a_visitor_banned() {
    silent(by_another_page(ip(40), 6));
    for count in [50, 1_000] {
        let findings = judge(by_another_page(ip(40), count));
        assert!(!findings.is_empty());
        assert!(
            findings.iter().all(|f| matches!(f.response, Response::RefuseForeign { .. })),
            "{findings:#?}"
        );
    }
}

#[test]
fn another_sites_page_adds_nothing_to_what_the_client_does_itself() {
    // Two blocks of their own are no offence, and two hundred of somebody else's do not make them one.
    let own = vec![blocked(500, ip(41), "/reviews", 942_100), blocked(9_000, ip(41), "/reviews", 932_100)];
    let findings = judge(own.into_iter().chain(by_another_page(ip(41), 200)).collect());
    assert!(findings.iter().all(|f| f.response != Response::Ban), "{findings:#?}");
}

#[test]
fn a_forged_mark_of_another_site_is_of_no_use() {
    // With the mark: refused as such. Without: banned as ever. In turns: both.
    let marked = (0..60).map(|n| foreign(blocked(n * 400, ip(42), "/search", 942_100)));
    let plain = (0..60).map(|n| blocked(n * 400 + 200, ip(42), "/search", 942_100));
    let findings = judge(marked.chain(plain).collect());
    assert!(findings.iter().any(|f| matches!(f.response, Response::RefuseForeign { .. })), "{findings:#?}");
    assert!(findings.iter().any(|f| f.response == Response::Ban), "{findings:#?}");
    // Good requests with the mark do not thin out the share of bad ones either.
    let padding = (0..2_000).map(|n| foreign(get(n * 10, ip(43), format!("/products/{n}"), 200)));
    let probes = (0..30).map(|n| get(n * 600, ip(43), format!("/probe-{n}"), 404));
    banned_for("probing", padding.chain(probes).collect());
}

#[test]
fn patience_under_the_mark_of_another_site_ends_in_a_long_refusal() {
    // Went wrong: one attack each eleven seconds under the mark never filled a bucket, more than three hundred an hour.
    let findings =
        judge((0..330).map(|n| foreign(blocked(n * 11_000, ip(45), "/search", 942_100))).collect());
    let long: Vec<_> =
        findings.iter().filter(|f| f.response == Response::RefuseForeign { minutes: 60 }).collect();
    let first = long.first().expect("a long refusal");
    assert!(first.observations <= 40, "after {} attacks", first.observations);
    assert!(findings.iter().all(|f| f.response != Response::Ban), "{findings:#?}");
    // Each with another kind of attack: sooner.
    let kinds =
        judge((0..12).map(|n| foreign(blocked(u64::from(n) * 11_000, ip(46), "/", 930_000 + n))).collect());
    let first =
        kinds.iter().find(|f| f.response == Response::RefuseForeign { minutes: 60 }).expect("a refusal");
    assert!(first.observations <= 8, "{first:?}");
    // What a page can send that is no attack leads to the short refusal only: a broken picture on a popular site.
    let broken = (0..1_000).map(|n| foreign(get(n * 3_000, ip(47), format!("/old/{n}.html"), 404)));
    assert!(judge(broken.collect()).iter().all(|f| f.response == Response::RefuseForeign { minutes: 10 }));
}

#[test]
fn what_a_link_led_to_bans_nobody_and_good_visits_by_links_count() {
    let link = |seen: Seen| Seen { initiator: Initiator::Link, ..seen };
    let secrets = (0..40).map(|n| link(get(n * 500, ip(48), format!("/.env-{n}"), 404)));
    let soft = (0..40).map(|n| link(get(n * 500, ip(48), format!("/backup-{n}.sql"), 200)));
    let attacks = (0..40)
        .map(|n| link(blocked(n * 300, ip(48), "/search", 930_100 + u32::try_from(n % 12).unwrap_or(0))));
    let findings = judge(secrets.chain(soft).chain(attacks).collect());
    assert!(!findings.is_empty());
    assert!(findings.iter().all(|f| f.response == Response::Challenge), "{findings:#?}");
    // A crowd that comes by links is a crowd: one of it who probes does not shut the others out.
    let visits = |initiator| {
        let good =
            (0..2_000).map(move |n| Seen { initiator, ..get(n * 10, ip(49), format!("/products/{n}"), 200) });
        let probes = (0..30).map(|n| get(n * 600, ip(49), format!("/probe-{n}"), 404));
        judge(good.chain(probes).collect()).iter().any(|f| f.response == Response::Ban)
    };
    assert!(!visits(Initiator::Link) && !visits(Initiator::Own) && visits(Initiator::Page));
}

/// Each of `bad` with `good` cheap requests behind it, after a hundred and twenty of them.
fn padded(bad: Vec<Seen>, good: u64) -> Vec<Seen> {
    let client = bad[0].client;
    let first = (0..120).map(|n| get(n, client, "/robots.txt", 200));
    let rest = bad.into_iter().zip(0..).flat_map(|(seen, n)| {
        let at = 1_000 + n * 400;
        let cheap = (1..=good).map(move |k| get(at + k, client, "/robots.txt", 200));
        std::iter::once(Seen { after_ms: at, ..seen }).chain(cheap)
    });
    first.chain(rest).collect()
}

#[test]
fn no_padding_keeps_an_attacker_from_a_ban() {
    for good in [10, 100] {
        let kinds =
            |count: u32| (0..40).map(move |n| blocked(0, ip(44), "/search", 930_000 + n % count)).collect();
        banned_for("attack_repertoire", padded(kinds(8), good));
        banned_for("attack_hammering", padded(kinds(1), good));
        let guesses = (0..60).map(|_| Seen { method: "POST", ..get(0, ip(45), "/account/login", 401) });
        banned_for("sign_in_failures_mass", padded(guesses.collect(), good));
    }
    // Patience does not help either: one attack a half minute, a hundred good requests between them.
    let slow = (0..80).flat_map(|n| {
        let cheap = (0..100).map(move |k| get(n * 30_000 + k * 100, ip(46), "/robots.txt", 200));
        std::iter::once(blocked(n * 30_000, ip(46), "/search", 942_100)).chain(cheap)
    });
    banned_for("attack_mass", slow.collect());
}

#[test]
fn a_closed_route_is_no_attack_until_it_is_asked_for_again_and_again() {
    let visits = |count: u64, gap_ms: u64| {
        (0..count)
            .map(|n| Seen { outcome: Outcome::Closed, ..get(n * gap_ms, ip(47), "/admin/export.csv", 403) })
            .collect()
    };
    silent(visits(5, 1_000));
    banned_for("closed_routes", visits(12, 1_000));
}

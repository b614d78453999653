//! What believable shops answer, what only looks like one, and what wants to do harm.

use http::{HeaderName, HeaderValue};

use super::*;

fn probe(path: &'static str, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Probe {
    let headers = headers.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
    Probe { path, status, headers: headers.collect(), body_start: body.to_owned() }
}

fn missing(path: &'static str) -> Probe {
    probe(path, 404, &[("content-type", "text/html")], "<title>404 Not Found</title><h1>Not Found</h1>")
}

fn check(expected: (Platform, Confidence), probes: &[Probe]) {
    let found = recognise(probes);
    assert_eq!((found.platform, found.confidence), expected, "{:?}", found.evidence);
    assert_eq!(found.evidence.is_empty(), expected.0 == Platform::Unknown);
}

fn certain(platform: Platform, probes: &[Probe]) {
    check((platform, Confidence::Certain), probes);
}

fn likely(platform: Platform, probes: &[Probe]) {
    check((platform, Confidence::Likely), probes);
}

fn unknown(probes: &[Probe]) {
    check((Platform::Unknown, Confidence::None), probes);
}

const WORDPRESS_HOME: &str = r#"<!DOCTYPE html><html lang="en-GB"><head><meta charset="UTF-8" />
<title>Kiln &#8211; Handmade ceramics</title>
<link rel='stylesheet' id='theme-css' href='https://kiln.example/wp-content/themes/storefront/style.css?ver=4.6' />
<script src="https://kiln.example/wp-includes/js/jquery/jquery.min.js?ver=3.7.1" id="jquery-core-js"></script>
</head><body class="home page">"#;

#[test]
fn woocommerce() {
    let generators = r#"<meta name="generator" content="WordPress 6.7.1"><meta name="generator" content="WooCommerce 9.4.2" />"#;
    certain(Platform::WooCommerce, &[probe("/", 200, &[], &format!("{WORDPRESS_HOME}{generators}"))]);
    // Generators taken out by a hardening plugin; the REST index still speaks, its slashes escaped as PHP does.
    let index = r#"{"name":"Kiln","description":"","namespaces":["oembed\/1.0","wc\/store","wc\/store\/v1","wp\/v2"],"routes":{"#;
    certain(
        Platform::WooCommerce,
        &[probe("/", 200, &[], WORDPRESS_HOME), probe("/wp-json/", 200, &[], index)],
    );
    // Nothing but a script of the plugin's.
    let script =
        "<script src='/wp-content/plugins/woocommerce/assets/js/frontend/cart-fragments.min.js'></script>";
    likely(Platform::WooCommerce, &[probe("/", 200, &[], script)]);
    let cookie = "wp_woocommerce_session_4f9d=t_1||; path=/; secure; HttpOnly";
    certain(Platform::WooCommerce, &[probe("/", 200, &[("set-cookie", cookie)], "<h1>Shop</h1>")]);
}

#[test]
fn wordpress() {
    likely(Platform::WordPress, &[probe("/", 200, &[], WORDPRESS_HOME)]);
    let link = [("link", "<https://kiln.example/wp-json/>; rel=\"https://api.w.org/\"")];
    certain(Platform::WordPress, &[probe("/", 200, &link, "")]);
    let away = [("location", "https://kiln.example/"), ("x-redirect-by", "WordPress")];
    certain(Platform::WordPress, &[probe("/", 301, &away, "")]);
    let closed = r#"{"code":"rest_not_logged_in","message":"You are not logged in.","data":{"status":401}}"#;
    likely(Platform::WordPress, &[probe("/wp-json/", 401, &[], closed)]);
}

#[test]
fn magento() {
    let home = r#"<script>var BASE_URL = 'https://kiln.example/';</script><title>Home page</title>
<link rel="stylesheet" href="https://kiln.example/static/version1732000000/frontend/Magento/luma/en_US/css/styles-m.css" />
<script type="text/x-magento-init">{"*":{"mage/cookies":{"expires":null}}}</script>"#;
    certain(Platform::Magento, &[probe("/", 200, &[], home)]);
    certain(Platform::Magento, &[probe("/magento_version", 200, &[], "Magento/2.4 (Community)")]);
    certain(Platform::Magento, &[probe("/", 200, &[("x-magento-tags", "cat_p,store")], "")]);
    let hyva = "<script src=/static/version1732000000/frontend/Kiln/default/en_GB/js/app.js></script>";
    likely(Platform::Magento, &[probe("/", 200, &[], hyva), missing("/magento_version")]);
}

#[test]
fn prestashop() {
    let headers = [
        ("powered-by", "PrestaShop"),
        ("set-cookie", "PrestaShop-0123456789abcdef0123456789abcdef=def; path=/"),
    ];
    certain(Platform::PrestaShop, &[probe("/", 200, &headers, "<title>Kiln</title>")]);
    let classic = r#"<script src="/modules/ps_shoppingcart/ps_shoppingcart.js"></script>
<script type="text/javascript">var prestashop = {"cart":{"products":[]}};</script>"#;
    certain(Platform::PrestaShop, &[probe("/", 200, &[], classic)]);
}

#[test]
fn shopware() {
    let refused = r#"{"errors":[{"code":"0","status":"401","title":"Unauthorized","detail":"Header \"sw-access-key\" is required."}]}"#;
    certain(Platform::Shopware, &[missing("/"), probe("/store-api/context", 401, &[], refused)]);
    let headers = [("sw-context-token", "abc"), ("sw-language-id", "2fbb5fe2e29a4d70aa5854ce7ce3e20b")];
    certain(Platform::Shopware, &[probe("/", 200, &headers, "")]);
    likely(
        Platform::Shopware,
        &[probe("/", 200, &[], "<script src='/bundles/storefront/assets/x.js'></script>")],
    );
}

#[test]
fn medusa() {
    let v2 = r#"{"type":"not_allowed","message":"Publishable API key required in the request header: x-publishable-api-key. You can manage your keys in settings in the dashboard."}"#;
    certain(
        Platform::Medusa,
        &[missing("/"), probe("/store/products", 400, &[("x-powered-by", "Express")], v2)],
    );
    let v1 = r#"{"products":[{"id":"prod_01HVZ3","title":"Mug","handle":"mug"}],"count":1,"offset":0,"limit":100}"#;
    likely(Platform::Medusa, &[probe("/store/products", 200, &[], v1)]);
}

#[test]
fn vendure() {
    let channel = r#"{"data":{"activeChannel":{"code":"__default_channel__"}}}"#;
    certain(Platform::Vendure, &[missing("/"), probe("/shop-api", 200, &[], channel)]);
}

#[test]
fn django_oscar() {
    let home = r#"<title>Oscar - </title><link rel="stylesheet" href="/static/oscar/css/styles.css" />
<script src="/static/oscar/js/oscar/ui.js"></script><script>$(function() { oscar.init(); });</script>"#;
    certain(Platform::DjangoOscar, &[probe("/", 200, &[], home)]);
    let cookie = [("set-cookie", "oscar_open_basket=\"1:abc\"; HttpOnly; Path=/")];
    certain(Platform::DjangoOscar, &[probe("/catalogue/", 200, &cookie, "")]);
}

#[test]
fn look_alikes_are_unknown() {
    unknown(&[]);
    unknown(&[missing("/"), missing("/wp-json/"), missing("/magento_version")]);
    // A page about the platforms.
    let article = "<title>WooCommerce or Magento 2?</title><meta name=description content='WordPress, PrestaShop, Shopware'>\
                   <p>Open /wp-json/ and look for wp/v2; x-magento-init, sw-access-key, oscar_open_basket, \
                   &lt;meta name=\"generator\" content=\"WooCommerce 9\"&gt;</p><a href='/wp-content/plugins/woocommerce/'>x</a>";
    unknown(&[probe("/", 200, &[], article)]);
    // One picture from somebody's blog.
    unknown(&[probe("/", 200, &[], "<img src='https://blog.example/wp-content/themes/x/logo.png'>")]);
    // An app that answers every path with its one page.
    let app =
        "<!doctype html><title>Shop</title><div id=root></div><script src=/assets/index-4f9d.js></script>";
    let paths = [
        "/",
        "/wp-json/",
        "/magento_version",
        "/store-api/context",
        "/store/products",
        "/shop-api",
        "/catalogue/",
    ];
    unknown(&paths.map(|path| probe(path, 200, &[], app)));
    // GraphQL, but not Vendure's; and a REST shop that is not Medusa.
    let graphql = r#"{"errors":[{"message":"Cannot query field \"activeChannel\" on type \"Query\"."}]}"#;
    let rest = r#"{"products":[{"id":17,"name":"Mug"}],"limit":20}"#;
    unknown(&[probe("/shop-api", 200, &[], graphql), probe("/store/products", 200, &[], rest)]);
    unknown(&[probe("/magento_version", 200, &[], "Magento/latest is what we do not run")]);
    unknown(&[probe(
        "/",
        200,
        &[("server", "nginx"), ("x-powered-by", "PHP/8.3.0")],
        "<meta name=generator content=Hugo>",
    )]);
    unknown(&[probe("/", 200, &[("x-generator", "wordpress")], "")]);
    unknown(&[probe("/", 200, &[("set-cookie", "a=PrestaShop-1; oscar_history=1")], "")]);
}

#[test]
fn two_proofs_are_none() {
    let generators = "<meta name=generator content='PrestaShop'><meta name=generator content='WordPress 6'>";
    unknown(&[probe("/", 200, &[], generators)]);
    // A WordPress blog beside Magento's shop on the same host says nothing certain either way.
    let both = [
        probe("/magento_version", 200, &[], "Magento/2.4 (Enterprise)"),
        probe("/", 200, &[], WORDPRESS_HOME),
    ];
    certain(Platform::Magento, &both);
}

#[test]
fn hostile_pages_are_read_in_bounded_time() {
    let size = 64 * 1024;
    let repeated = |text: &str| text.repeat(size / text.len());
    for body in [
        repeated("<"),
        repeated("<!--"),
        repeated("<meta "),
        repeated("<meta name=\""),
        repeated("<meta name='generator' content='"),
        repeated("<script"),
        repeated("<script>"),
        repeated("<script></script"),
        repeated("<title>"),
        repeated("</title>"),
        repeated("&"),
        repeated("&#x;"),
        repeated("<a b=c "),
        repeated("<img src=x>"),
        repeated("<meta a a a a"),
        repeated("\u{0}\u{fffd}ß<é "),
        repeated("{\"a\":["),
        format!("<meta {}>", repeated("=/")),
        format!("<title>{}", repeated("- | ")),
        format!("<title>{}</title>", repeated(" - ")),
        format!("<meta name=theme-color content='#{}'>", repeated("a")),
    ] {
        let begun = std::time::Instant::now();
        unknown(&[probe("/", 200, &[], &body), probe("/wp-json/", 200, &[], &body)]);
        let _ = Look::read(&body, &[&body]);
        assert!(begun.elapsed().as_secs() < 5, "{:?} for {:?}", begun.elapsed(), body.get(..20));
    }
}

#[test]
fn the_finding_is_for_people() {
    let found = Found::of(&[probe("/", 200, &[], WORDPRESS_HOME)], None);
    assert_eq!(found.look.name.as_deref(), Some("Kiln"));
    assert!(found.answered && found.evidence.last().unwrap().starts_with("no proof"));
    let silent = Found::of(&[], None);
    assert!(!silent.answered && silent.look == Look::default());
    // A page of an error says nothing of how the shop looks.
    assert_eq!(Found::of(&[probe("/", 503, &[], "<title>Oops</title>")], None).look, Look::default());
}

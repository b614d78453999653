//! The signs of each platform, with where they come from.
//!
//! Points: 3 is a proof (the software itself writes it and nothing else does), 2 is strong, 1 says something only beside
//! another sign. Text that merely mentions a platform counts for nothing: only headers, cookies, generator tags, the
//! addresses of scripts, styles and pictures, inline scripts, and the answers of its interfaces are looked at.

use super::html::Page;
use super::{Platform, Probe};

/// One sign.
pub(super) struct Sign {
    pub platform: Platform,
    pub points: u32,
    pub seek: Seek,
    /// For the person who asks why.
    pub says: &'static str,
}

/// Where to look. All texts are lower case and compared without regard to case.
pub(super) enum Seek {
    /// A generator tag's content begins so.
    Generator(&'static str),
    /// A header with this name holds this text; an empty text asks for the name alone.
    Header(&'static str, &'static str),
    /// A header's name begins so.
    HeaderName(&'static str),
    /// A cookie's name begins so.
    Cookie(&'static str),
    /// The address of a script, style or picture holds this.
    Asset(&'static str),
    /// The same, with a digit behind it.
    AssetVersion(&'static str),
    /// An inline script holds this, or a script's type is this.
    Script(&'static str),
    /// The answer to a path has one of these statuses and holds all of these texts.
    Answer(&'static str, &'static [u16], &'static [&'static str]),
    /// The answer to a path begins so.
    AnswerStart(&'static str, &'static str),
}

use Platform::{DjangoOscar, Magento, Medusa, PrestaShop, Shopware, Vendure, WooCommerce, WordPress};
use Seek::{Answer, AnswerStart, Asset, AssetVersion, Cookie, Generator, Header, HeaderName, Script};

/// The platforms that have signs.
pub(super) const PLATFORMS: [Platform; 8] =
    [WooCommerce, WordPress, Magento, PrestaShop, Shopware, Medusa, Vendure, DjangoOscar];

const fn sign(platform: Platform, points: u32, seek: Seek, says: &'static str) -> Sign {
    Sign { platform, points, seek, says }
}

pub(super) const SIGNS: &[Sign] = &[
    // WooCommerce, includes/wc-template-functions.php: wc_generator_tag() writes `<meta name="generator"
    // content="WooCommerce 9.4.2">`. Its namespaces stand in WordPress's REST index (`wc/store/v1`, `wc/v3`). Its session
    // handler sets `wp_woocommerce_session_<hash>`, `woocommerce_items_in_cart`, `woocommerce_cart_hash`.
    sign(WooCommerce, 3, Generator("woocommerce "), "its generator tag says WooCommerce"),
    sign(
        WooCommerce,
        3,
        Answer("/wp-json/", &[200], &["\"namespaces\":[", "\"wc/store"]),
        "the REST index lists WooCommerce's store API",
    ),
    sign(
        WooCommerce,
        3,
        Answer("/wp-json/", &[200], &["\"namespaces\":[", "\"wc/v3\""]),
        "the REST index lists wc/v3",
    ),
    sign(WooCommerce, 3, Cookie("woocommerce_"), "it sets WooCommerce's cart cookie"),
    sign(WooCommerce, 3, Cookie("wp_woocommerce_session_"), "it sets WooCommerce's session cookie"),
    sign(
        WooCommerce,
        2,
        Asset("/wp-content/plugins/woocommerce/"),
        "pages load WooCommerce's scripts or styles",
    ),
    // WordPress: the_generator(); rest_output_link_header() sends `Link: <…/wp-json/>; rel="https://api.w.org/"`;
    // wp_redirect() sends `X-Redirect-By: WordPress`; the REST index lists `wp/v2`; REST errors have codes `rest_…`.
    sign(WordPress, 3, Generator("wordpress"), "its generator tag says WordPress"),
    sign(
        WordPress,
        3,
        Header("link", "https://api.w.org/"),
        "its Link header points to WordPress's REST API",
    ),
    sign(WordPress, 3, Header("x-redirect-by", "wordpress"), "WordPress redirects"),
    sign(
        WordPress,
        3,
        Answer("/wp-json/", &[200], &["\"namespaces\":[", "\"wp/v2\""]),
        "the REST index lists wp/v2",
    ),
    sign(
        WordPress,
        2,
        Answer("/wp-json/", &[401, 403, 404], &["\"code\":\"rest_"]),
        "WordPress's REST API refuses us",
    ),
    sign(WordPress, 1, Header("x-pingback", "xmlrpc.php"), "it has a pingback address"),
    sign(WordPress, 1, Asset("/wp-content/themes/"), "pages load a WordPress theme"),
    sign(WordPress, 1, Asset("/wp-includes/"), "pages load WordPress's own scripts"),
    // Magento 2: app/code/Magento/Version/Controller/Index/Index.php answers `Magento/2.4 (Community)`; scripts of type
    // text/x-magento-init; static files under /static/version<digits>/frontend/; headers X-Magento-Tags,
    // X-Magento-Cache-Control, X-Magento-Cache-Debug; cookie X-Magento-Vary. Magento 1 and OpenMage: /skin/frontend/ and
    // Mage.Cookies.
    sign(Magento, 3, AnswerStart("/magento_version", "magento/"), "it answers with Magento's version"),
    sign(Magento, 3, HeaderName("x-magento-"), "it sends Magento's cache headers"),
    sign(Magento, 3, Cookie("x-magento-vary"), "it sets Magento's cache cookie"),
    sign(Magento, 3, Script("text/x-magento-init"), "pages start Magento's components"),
    sign(Magento, 2, AssetVersion("/static/version"), "static files are versioned as Magento does"),
    sign(Magento, 1, Asset("/frontend/magento/"), "pages load a theme of Magento's"),
    sign(Magento, 1, Asset("/skin/frontend/"), "pages load a theme of Magento 1"),
    sign(Magento, 2, Script("mage.cookies."), "pages set up cookies as Magento 1 does"),
    // PrestaShop: FrontController sends `Powered-By: PrestaShop`; classes/Cookie.php names its cookie `PrestaShop-<hash>`;
    // the web service sends `X-Powered-By: PrestaShop Webservice`; classic's javascript.tpl writes `var prestashop = {`;
    // 1.6 has `<meta name="generator" content="PrestaShop">` (WhatWeb, plugins/prestashop.rb).
    sign(PrestaShop, 3, Header("powered-by", "prestashop"), "its Powered-By header says PrestaShop"),
    sign(PrestaShop, 3, Header("x-powered-by", "prestashop"), "its X-Powered-By header says PrestaShop"),
    sign(PrestaShop, 3, Cookie("prestashop-"), "it sets PrestaShop's cookie"),
    sign(PrestaShop, 3, Generator("prestashop"), "its generator tag says PrestaShop"),
    sign(PrestaShop, 2, Script("var prestashop = {"), "pages set up PrestaShop's script"),
    sign(PrestaShop, 1, Asset("/modules/ps_"), "pages load PrestaShop's modules"),
    // Shopware 6: SalesChannelAuthenticationListener refuses a call without key: `Header "sw-access-key" is required.`;
    // headers and cookies sw-context-token, sw-language-id, sw-currency-id, sw-version-id, sw-invalidation-states,
    // sw-states, sw-cache-hash (developer.shopware.com, HTTP cache); storefront files under /bundles/storefront/.
    sign(
        Shopware,
        3,
        Answer("/store-api/context", &[401, 403, 412], &["\"errors\":[", "sw-access-key"]),
        "its store API asks for a Shopware access key",
    ),
    sign(Shopware, 3, Header("sw-context-token", ""), "it sends Shopware's context token"),
    sign(Shopware, 3, Header("sw-invalidation-states", ""), "it sends Shopware's cache states"),
    sign(Shopware, 3, Header("sw-language-id", ""), "it sends Shopware's language header"),
    sign(Shopware, 3, Cookie("sw-cache-hash"), "it sets Shopware's cache cookie"),
    sign(Shopware, 3, Cookie("sw-states"), "it sets Shopware's state cookie"),
    sign(Shopware, 2, Asset("/bundles/storefront/"), "pages load Shopware's storefront files"),
    // Medusa: docs.medusajs.com, "Publishable API key required Error" (v2). v1 lists products without a key; its ids begin
    // with `prod_`.
    sign(
        Medusa,
        3,
        Answer("/store/products", &[400, 401], &["publishable api key required", "x-publishable-api-key"]),
        "its store API asks for a Medusa publishable key",
    ),
    sign(
        Medusa,
        3,
        Answer("/store/products", &[400], &["publishable key needs to have a sales channel"]),
        "its store API asks for a Medusa sales channel",
    ),
    sign(
        Medusa,
        2,
        Answer("/store/products", &[200], &["\"products\":[", "\"id\":\"prod_", "\"limit\":"]),
        "its store API lists products as Medusa 1 does",
    ),
    // Vendure: docs.vendure.io, Shop API: `activeChannel { code }`; the first channel is `__default_channel__`; sessions
    // come back in `vendure-auth-token`.
    sign(
        Vendure,
        3,
        Answer("/shop-api", &[200], &["{\"data\":{", "\"activechannel\":{\"code\":\""]),
        "its shop API names its active channel",
    ),
    sign(Vendure, 3, Header("vendure-auth-token", ""), "it sends Vendure's session header"),
    // django-oscar: oscar/defaults.py: OSCAR_BASKET_COOKIE_OPEN, OSCAR_RECENTLY_VIEWED_COOKIE_NAME;
    // templates/oscar/layout.html: oscar/css/styles.css, oscar/js/oscar/ui.js, `oscar.init();`.
    sign(DjangoOscar, 3, Cookie("oscar_open_basket"), "it sets Oscar's basket cookie"),
    sign(DjangoOscar, 3, Cookie("oscar_history"), "it sets Oscar's history cookie"),
    sign(DjangoOscar, 3, Asset("/oscar/js/oscar/"), "pages load Oscar's scripts"),
    sign(DjangoOscar, 2, Asset("/oscar/css/styles"), "pages load Oscar's styles"),
    sign(DjangoOscar, 1, Script("oscar.init("), "pages start Oscar's script"),
    sign(
        DjangoOscar,
        1,
        Answer("/catalogue/", &[200], &["/basket/add/"]),
        "its catalogue lies where Oscar's does",
    ),
];

/// The answers, read once.
pub(super) struct Seen<'a> {
    probes: &'a [Probe],
    pages: Vec<Page>,
    /// Lower case; `\/` in JSON is `/`.
    bodies: Vec<String>,
    cookies: Vec<String>,
}

impl<'a> Seen<'a> {
    pub fn read(probes: &'a [Probe]) -> Self {
        let is_json = |body: &str| body.trim_start().starts_with(['{', '[']);
        let pages = probes.iter().filter(|p| !is_json(&p.body_start)).map(|p| Page::read(&p.body_start));
        let lower = |p: &Probe| p.body_start.to_ascii_lowercase().replace("\\/", "/");
        let cookies = probes.iter().flat_map(|p| p.headers.get_all("set-cookie"));
        let cookies =
            cookies.filter_map(|value| value.to_str().ok()).filter_map(|value| value.split('=').next());
        Seen {
            probes,
            pages: pages.collect(),
            bodies: probes.iter().map(lower).collect(),
            cookies: cookies.map(|name| name.trim().to_ascii_lowercase()).collect(),
        }
    }

    fn answers(&self, path: &str) -> impl Iterator<Item = (u16, &str)> {
        let all = self.probes.iter().zip(&self.bodies);
        all.filter(move |(probe, _)| probe.path == path).map(|(probe, body)| (probe.status, body.as_str()))
    }

    fn headers(&self) -> impl Iterator<Item = (&str, String)> {
        let all = self.probes.iter().flat_map(|probe| &probe.headers);
        all.map(|(name, value)| {
            (name.as_str(), String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        })
    }
}

impl Seek {
    pub fn is_in(&self, seen: &Seen<'_>) -> bool {
        let asset = |wanted: &dyn Fn(&str) -> bool| {
            seen.pages.iter().any(|page| page.assets.iter().any(|a| wanted(a)))
        };
        match self {
            Generator(start) => {
                seen.pages.iter().any(|page| page.generators.iter().any(|g| g.starts_with(start)))
            }
            Header(wanted, text) => {
                seen.headers().any(|(name, value)| name == *wanted && value.contains(text))
            }
            HeaderName(start) => seen.headers().any(|(name, _)| name.starts_with(start)),
            Cookie(start) => seen.cookies.iter().any(|name| name.starts_with(start)),
            Asset(text) => asset(&|address| address.contains(text)),
            AssetVersion(text) => asset(&|address| {
                let rest = address.split_once(text).map(|(_, rest)| rest);
                rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            }),
            Script(text) => seen.pages.iter().any(|page| page.scripts.iter().any(|s| s.contains(text))),
            Answer(path, statuses, texts) => seen.answers(path).any(|(status, body)| {
                statuses.contains(&status) && texts.iter().all(|text| body.contains(text))
            }),
            AnswerStart(path, start) => seen.answers(path).any(|(status, body)| {
                let rest = body.trim_start().strip_prefix(start).filter(|_| status == 200);
                rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            }),
        }
    }
}

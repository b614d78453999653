//! Addresses that nobody would type: a link in a letter signs people in by what stands in it.

use storeward_base::percent_decode;
use storeward_web::http::{HeaderMap, StatusCode, header};

/// Parameters that advertisers put behind the addresses of pages (Google, Meta, Microsoft, TikTok, X, Pinterest, LinkedIn; from their
/// own documents); and `utm_*`.
const OF_CAMPAIGNS: [&str; 15] = [
    "gclid",
    "gclsrc",
    "gbraid",
    "wbraid",
    "dclid",
    "gad_source",
    "gad_campaignid",
    "srsltid",
    "_gl",
    "fbclid",
    "msclkid",
    "ttclid",
    "twclid",
    "epik",
    "li_fat_id",
];
/// A secret is so many signs long or longer. (80 bits as hexadecimal digits are 20; a UUID has 36, nanoid 21, 16 bytes in base64url 22.)
const SECRET_SIGNS: usize = 20;
/// So often small letters, capitals and digits take turns within them, at least. Of 20,000 made by chance 0.6 in a hundred of nanoid's
/// and 0.3 of 16 bytes in base64url do so less often.
const TURNS: usize = 5;
/// Ends of files that pages are made of.
const ENDS: [&str; 24] = [
    "css", "js", "mjs", "wasm", "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "woff", "woff2",
    "ttf", "otf", "mp4", "webm", "mp3", "m4a", "ogg", "m3u8", "ts", "m4s",
];
/// What such files are answered as.
const OF_FILES: [&str; 12] = [
    "image/",
    "font/",
    "video/",
    "audio/",
    "application/wasm",
    "application/vnd.apple.mpegurl",
    "application/x-mpegurl",
    "application/x-javascript",
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/font-",
];

/// Whether a value of the query, or what stands there without a name, is one.
pub(super) fn in_query(query: &str) -> bool {
    // Some frameworks part the pairs by `;`.
    let pairs = query.split(['&', ';']).map(|pair| pair.split_once('=').unwrap_or(("", pair)));
    let is_free = |name: &str| name.starts_with("utm_") || OF_CAMPAIGNS.contains(&name);
    let pairs = pairs.filter(|(name, value)| !is_free(name) && !is_query_hash(name, value));
    pairs.into_iter().any(|(_, value)| is_one(value))
}

/// Whether a parameter names a GraphQL document by its hash, and says nothing else (Apollo's automatic persisted queries).
fn is_query_hash(name: &str, value: &str) -> bool {
    let text = percent_decode(value.as_bytes(), b' ');
    let text: String = String::from_utf8_lossy(&text).split_whitespace().collect();
    let hash = text
        .strip_prefix("{\"persistedQuery\":{\"version\":1,\"sha256Hash\":\"")
        .and_then(|rest| rest.strip_suffix("\"}}"));
    name == "extensions"
        && hash.is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a part of the path is one. Next.js puts the name of its build before the data of its pages.
pub(super) fn in_path(path: &str) -> bool {
    let after_build = path.strip_prefix("/_next/data/").and_then(|rest| rest.split_once('/'));
    after_build.map_or(path, |(_, rest)| rest).split('/').any(is_one)
}

/// Whether a file of the shop's was asked for, by its name, and answered: their names hold a fingerprint of what is in them.
pub(super) fn is_file(path: &str, headers: &HeaderMap) -> bool {
    is_named_as_file(path) && is_typed(headers)
}

pub(super) fn is_named_as_file(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.rsplit_once('.').is_some_and(|(_, end)| ENDS.contains(&end))
}

/// Whether an answer is a file of a page, or says that the one that the browser has is still the same.
pub(super) fn is_answered_as_file(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::NOT_MODIFIED || (status.is_success() && is_typed(headers))
}

/// Whether such an answer is one for good, so that the next one at its address signs nobody in either. Some pages ask again and again by a
/// secret whether somebody has let them in on another device; what answers them is JSON or a script, says never when it was changed, and
/// "not modified" to whoever asks so.
pub(super) fn stays_file(status: StatusCode, headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
    let is_script = kind.is_some_and(|kind| kind.windows(10).any(|part| part == b"javascript"));
    let may_change = status == StatusCode::NOT_MODIFIED || is_script;
    is_answered_as_file(status, headers) && (!may_change || headers.contains_key(header::LAST_MODIFIED))
}

fn is_typed(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
    kind.is_some_and(|kind| OF_FILES.iter().any(|known| kind.starts_with(known.as_bytes())))
}

fn is_one(written: &str) -> bool {
    let text = percent_decode(written.as_bytes(), b' ');
    let is_uuid = text.len() == 36 && text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    is_uuid && text.iter().any(u8::is_ascii_alphanumeric) || has_run(&text) || takes_turns(&text)
}

/// Letters and digits in a row, of both some, longer than any word.
fn has_run(text: &[u8]) -> bool {
    let mut runs = text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|run| run.len() >= SECRET_SIGNS);
    runs.any(|run| run.iter().any(u8::is_ascii_digit) && run.iter().any(u8::is_ascii_alphabetic))
}

/// Whether kinds of signs take turns as in what is made by chance. `-`, `_` and `.` may stand between (base64url, JWT); a word that
/// begins with a capital, alone or behind another one, takes one turn at most.
fn takes_turns(text: &[u8]) -> bool {
    let turns: Vec<bool> = (1..text.len()).map(|at| is_turn(text, at)).collect();
    turns.windows(SECRET_SIGNS - 1).any(|part| part.iter().filter(|is_one| **is_one).count() >= TURNS)
}

fn is_turn(text: &[u8], at: usize) -> bool {
    let kind = |at: Option<usize>| at.and_then(|at| text.get(at)).and_then(|byte| Kind::of(*byte));
    let (before, here) = (kind(at.checked_sub(1)), kind(Some(at)));
    if before == Some(Kind::Capital) && here == Some(Kind::Small) {
        return !matches!(kind(at.checked_sub(2)), None | Some(Kind::Small));
    }
    before.is_some() && here.is_some() && before != here
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Capital,
    Digit,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        match byte {
            b'a'..=b'z' => Some(Kind::Small),
            b'A'..=b'Z' => Some(Kind::Capital),
            b'0'..=b'9' => Some(Kind::Digit),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_secret(target: &str) -> bool {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        in_path(path) || in_query(query)
    }

    #[test]
    fn links_of_letters_bear_a_secret() {
        for target in [
            "/magic?t=3f2a9c0b7d1e4f5a6b8c",
            "/magic?t=3f2a9c0b%37d1e4f5a6b8c",
            "/magic?3f2a9c0b7d1e4f5a6b8c",
            "/magic?utm_source=letter;t=3f2a9c0b7d1e4f5a6b8c",
            "/magic?gclidt=3f2a9c0b7d1e4f5a6b8c",
            "/magic?t=V1StGXR8_Z5jdHi6B-myT",
            "/magic/V1StGXR8_Z5jdHi6B-myT/",
            "/magic/V1StGXR8_Z5jdHi6B-myT/confirm",
            "/magic/V1St%47XR8_Z5jdHi6B-myT.js",
            "/enter/Drmhze6EPcv0fN_81Bj-nA",
            "/enter/f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "/enter/f81d4fae%2d7dec-11d0-a765-00a0c91e6bf6/",
            "/enter/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI0MiJ9.x9_Qk-3vTz",
            "/?login=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI0MiJ9.x9_Qk-3vTz",
            // Django, Laravel, Devise, WordPress plugins.
            "/reset/MQ/c5x8q1-3f2a9c0b7d1e4f5a6b8c3f2a9c0b7d1e/",
            "/login/42?expires=1790000000&signature=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "/users/magic_link?user%5Btoken%5D=xHzB-8sWqQ_v7pZtKc2y",
            "/my-account/?wc_auth=Ab3_dE9-xQ7.kL2mN4pR",
        ] {
            assert!(is_secret(target), "{target}");
        }
    }

    /// As shops write them. Where one looks like a secret all the same, the shop is asked once more who is signed in.
    const ORDINARY: &str = "
        / /cart /account /de/konto /checkout/step/2 /search?q=blue+mug+with+handle+and+lid+2026
        /blue-tin-mug-2026-edition-with-handle /long-product-name-with-many-words-2024 /p/B08N5WRWNW
        /donaudampfschifffahrtsgesellschaft /order/123456789012345678901 /catalog/product/view/id/12345/s/mug/category/7/
        /product/t-shirt-herren-3xl-100-baumwolle-190g-m2-gots /collections/MensRunningShoesNewArrivals
        /products/lego-star-wars-75192-millennium-falcon-ucs /Nike-Air-Max-90-CN8490-002-Mens-Trainers.html
        /samsung-galaxy-s24-ultra-512gb-titanium-black-sm-s928bztheub.html /LEGO_Star_Wars_75192_Millennium_Falcon
        /apple-iphone-15-pro-max-256gb-blue-titanium-mu7a3zd-a /bosch-gsb-18v-55-professional-06019h5302
        /dell-xps-13-9340-13-4-inch-oled-3k-intel-ultra-7-155h-32gb-1tb /ean-4006381333931-stabilo-boss-10er-set
        /m4-x-20-din-912-a2-70-edelstahl-zylinderschraube /usb-c-to-usb-a-3-2-gen-2-10gbps-adapter-2er-pack
        /shop?filter=size:42-color:blue-price:10-50 /shop?min_price=10.00&max_price=150.00&orderby=price-desc&per_page=48
        /events?from=2024-10-15T10:30:00.000+02:00&to=2024-10-16T10:30:00.000+02:00
        /?utm_source=letter&utm_id=9f86d081884c7d659a2feaa0c55ad015 /?gclid=CjwKCAjw9-6oBhBaEiwAHv1QvKZ8xY2mQ3sT7uWx9z
        /?srsltid=AfmBOoqW7xK2mQ3sT7uWx9zB4nR6vYcE5dG8hJ1kL0pF /c/herren/schuhe/laufschuhe?farbe=schwarz&groesse=44%2C5
        /ein-sehr-langer-name-f%C3%BCr-ein-produkt-mit-umlauten /de/k%C3%BCche/t%C3%B6pfe/schmortopf-24-cm
        /accounts/profile/edit/ /index.php?route=product/product&product_id=42&path=20_27 /wp-json/wc/store/v1/products?per_page=12
        /catalogue/the-shellcoders-handbook_209/ /blog/2024/11/27/how-we-pack-your-order-in-48-hours /sitemap_products_1.xml
        /sony-wh-1000xm5-wireless-headphones-black-wh1000xm5b-ce7 /hdmi-2-1-kabel-8k-60hz-4k-120hz-3m-48gbps
        /asus-rog-strix-g16-g614jv-n3074w-i7-13650hx-16gb-512gb-rtx4060-w11
        /ssd-samsung-990-pro-2tb-nvme-m2-2280-pcie-4-0-x4-mz-v9p2t0bw
    ";

    #[test]
    fn ordinary_pages_bear_none() {
        let all: Vec<_> = ORDINARY.split_whitespace().collect();
        let asked: Vec<_> = all.iter().copied().filter(|target| is_secret(target)).collect();
        // Rows of type numbers, of which the list has more than any shop.
        let numbers = ["/sony-wh", "/hdmi-2", "/asus-rog", "/ssd-samsung"];
        assert!(
            asked.iter().all(|target| numbers.iter().any(|known| target.starts_with(known))),
            "{asked:?}"
        );
        assert!(all.len() > 40 && asked.len() <= 4, "{} of {}", asked.len(), all.len());
    }

    #[test]
    fn a_file_is_one_by_its_name_and_by_what_is_answered() {
        let headers =
            |kind: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        let path = "/assets/app-3f2a9c0b7d1e4f5a6b8c.js";
        assert!(in_path(path) && is_file(path, &headers("text/javascript; charset=utf-8")));
        assert!(!is_file(path, &headers("text/html")) && !is_file(path, &HeaderMap::new()));
        assert!(!is_file("/magic/3f2a9c0b7d1e4f5a6b8c", &headers("text/javascript")));
        let (ok, same) = (StatusCode::OK, StatusCode::NOT_MODIFIED);
        let mut script = headers("text/javascript");
        assert!(is_answered_as_file(ok, &script) && !stays_file(ok, &script));
        script.insert(header::LAST_MODIFIED, "Fri, 27 Nov 2026 20:00:00 GMT".parse().unwrap());
        assert!(stays_file(ok, &script) && stays_file(same, &script) && !stays_file(same, &HeaderMap::new()));
        assert!(stays_file(ok, &headers("image/webp")) && !stays_file(ok, &headers("application/json")));
        assert!(!stays_file(StatusCode::FOUND, &headers("image/webp")));
    }

    // A storefront's calls by `GET` were each followed by a question.
    #[test]
    fn what_frameworks_put_into_addresses_is_none() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let by_hash = |more: &str| {
            format!(
                "/graphql?operationName=Cart&extensions=%7B%22persistedQuery%22:%7B%22version%22:1,%22sha256Hash%22:%22{hash}%22{more}%7D%7D"
            )
        };
        assert!(!is_secret(&by_hash("")) && is_secret(&by_hash(",%22t%22:1")));
        assert!(is_secret(&format!("{}&variables=%7B%22t%22:%22{hash}%22%7D", by_hash(""))));
        assert!(!is_secret("/_next/data/V1StGXR8_Z5jdHi6B-myT/de/mugs.json?slug=mugs"));
        assert!(is_secret("/_next/data/V1StGXR8_Z5jdHi6B-myT/magic/Drmhze6EPcv0fN_81Bj-nA.json"));
        assert!(is_secret("/next/data/V1StGXR8_Z5jdHi6B-myT/mugs.json"));
    }
}
